// SPDX-License-Identifier: Apache-2.0
//
// A scenario: one run, from its platform to its sessions. docs/scenario.md describes the file.

#ifndef SIDEWINDER_SIM_SCENARIO_H
#define SIDEWINDER_SIM_SCENARIO_H

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/kernel_version.h"
#include "sim/policy.h"
#include "sim/profile.h"
#include "vpu/layout/sizes.h"

namespace sidewinder::sim {

/// Which DMA mask a driver sets for the device of a single stream.
enum class MaskRule : std::uint8_t {
  Stream,  ///< up to the end of the stream's window
  Device,  ///< the profile's dma_mask, for all alike
  None,    ///< none: Linux's default of 32 bits stays
};

/// Whose DMA a driver's own buffers are (HFI queues, SFR).
enum class QueueOwner : std::uint8_t {
  Stream,  ///< the non-pixel stream's device
  Node,    ///< the video node's own device, whether it has streams or not
};

/// The releases whose behaviour is known here.
inline constexpr kernel::KernelVersion oldest_kernel{6, 1};
inline constexpr kernel::KernelVersion newest_kernel{7, 0};

/// "6.1", or as its tag, "v6.1"; nothing when it is no release that is known here.
[[nodiscard]] std::optional<kernel::KernelVersion> parse_release(std::string_view text);

/// The kernel's release and command line.
struct KernelOptions {
  kernel::KernelVersion version;
  bool backport = false;           ///< it also has what the policy needs and the release lacks
  bool smmuv3_runtime_pm = false;  ///< it also has the proposed run-time PM of arm-smmu-v3
  kernel::DomainType default_domain = kernel::DomainType::Dma;  ///< iommu.passthrough=, iommu.strict=
  bool disable_bypass = true;                                   ///< arm-smmu.disable_bypass=
  kernel::IovaStrategy iova = kernel::IovaStrategy::Linux;      ///< how addresses are chosen
};

struct Traffic {
  std::uint64_t stride = 0;  ///< bytes from one access to the next; a power of two, at least `burst`
  std::uint32_t burst = 0;   ///< bytes an access transfers; a power of two
};

/// `count` decoding sessions that differ only in when they start.
struct SessionGroup {
  std::size_t device = 0;  ///< index into the profile's devices
  vpu::Codec codec = vpu::Codec::H264;
  std::uint32_t width = 0;   ///< pixels
  std::uint32_t height = 0;  ///< pixels
  std::uint32_t count = 0;
  std::uint32_t start_ms = 0;
  std::uint32_t interval_ms = 0;
  std::uint32_t frames =
      0;  ///< to decode before going idle with the buffers held; 0: as many as the run has time for
  std::uint32_t input_buffers = 0;
  std::uint32_t output_buffers = 0;
  std::uint32_t dpb_buffers = 0;
  SourceLine where;
};

struct Scenario {
  std::filesystem::path file;
  std::filesystem::path platform;  ///< the device tree, .dts or .dtb
  SocProfile profile;
  std::vector<std::string> overrides;  ///< KEY=VALUE, as given
  std::string description;             ///< one line, perhaps empty
  std::uint64_t seed = 0;
  std::uint64_t duration_ms = 0;  ///< simulated
  KernelOptions kernel;
  Policy policy = Policy::None;
  std::uint64_t uniform_size = 0;  ///< bytes from IOVA 0 reserved for every block by Policy::Uniform
  MaskRule mask = MaskRule::Stream;
  QueueOwner queues = QueueOwner::Stream;
  std::optional<AddressRange> memory;  ///< of a board whose device tree leaves it to the boot loader
  double fragmentation = 0;            ///< 0 to 1: share of 2 MiB blocks of memory broken up at the start
  std::uint32_t interrupt_latency_us = 0;
  Traffic traffic;
  std::vector<SessionGroup> sessions;  ///< at least one, in the file's order
};

/// Reads the scenario, with each `KEY=VALUE` of `overrides` applied in turn, and its profile. Throws
/// InputError.
[[nodiscard]] Scenario load_scenario(const std::filesystem::path& file,
                                     std::span<const std::string> overrides = {});

}  // namespace sidewinder::sim

#endif
