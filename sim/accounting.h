// SPDX-License-Identifier: Apache-2.0
//
// Watches the VPUs, their drivers and the SMMU at once, and says of every access where it was meant to go and
// where it went. It changes nothing: without it the run is the same.

#ifndef SIDEWINDER_SIM_ACCOUNTING_H
#define SIDEWINDER_SIM_ACCOUNTING_H

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "iommu/tlm/smmuv2_module.h"
#include "iommu/tlm/smmuv3_module.h"
#include "sim/profile.h"
#include "sim/report.h"
#include "vpu/driver/observer.h"
#include "vpu/hw/observer.h"

namespace sidewinder::sim {

/// What was seen of one stream.
struct StreamTally {
  std::uint64_t mappings_live = 0;
  std::uint64_t mappings_made = 0;
  std::uint64_t mapped_bytes = 0;
  std::uint64_t mapped_peak_bytes = 0;
  std::uint64_t mapped_total_bytes = 0;
  std::uint64_t transactions = 0;
  std::uint64_t transferred_bytes = 0;
  std::optional<std::uint64_t> lowest_iova;
  std::optional<std::uint64_t> highest_iova;
  std::uint64_t buffers_outside_window = 0;
  std::optional<PlacedBuffer> outside_example;
  MisrouteCounts misroutes;
  UntranslatedCounts untranslated;
  std::uint64_t own_faults = 0;
  std::uint64_t collateral_aborts = 0;
  std::uint64_t allocation_failures = 0;
};

class Accounting : public tlm_shell::TranslationObserver, public tlm_shell::Smmuv3Observer {
 public:
  /// `profile` must outlive it.
  explicit Accounting(const SocProfile& profile);
  ~Accounting() override;

  /// The taps of a device of the profile, by its place there.
  [[nodiscard]] vpu::VpuObserver& vpu_tap(std::size_t device);
  [[nodiscard]] vpu::DriverObserver& driver_tap(std::size_t device);

  void translated(unsigned tbu, const arch::Access& access, const smmuv2::Translation& translation) override;
  void translated(unsigned tbu, const smmuv3::Transaction& transaction,
                  const smmuv3::Translation& translation) override;

  /// Of a device's stream, both by their place in the profile.
  [[nodiscard]] const StreamTally& stream(std::size_t device, std::size_t stream) const;
  /// Most hits first, then in the order of streams and buffers.
  [[nodiscard]] std::vector<SilentHit> silent_hits() const;

 private:
  class DeviceTap;

  /// Which buffer of which session, as VPU and driver both know it.
  struct Buffer {
    std::size_t device = 0;
    std::size_t stream = 0;
    std::uint32_t session = 0;
    vpu::BufferType type = vpu::BufferType::Input;
    std::uint32_t index = 0;

    auto operator<=>(const Buffer&) const = default;
  };
  struct Owner {
    std::uint64_t end = 0;  ///< first physical address past the range
    Buffer buffer;
  };
  struct HitKey {
    std::size_t device = 0;
    std::size_t stream = 0;
    vpu::BufferType type = vpu::BufferType::Input;
    std::optional<Buffer> victim;

    auto operator<=>(const HitKey&) const = default;
  };
  struct HitCount {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
  };

  [[nodiscard]] std::size_t stream_of(std::size_t device, vpu::Function function) const;
  void mapped(std::size_t device, const vpu::BufferUse& use, const kernel::DmaBuffer& memory);
  void unmapped(std::size_t device, const vpu::BufferUse& use, const kernel::DmaBuffer& memory);
  void allocation_failed(std::size_t device, const vpu::FailedAllocation& failure);
  void accessed(std::size_t device, const vpu::VpuAccess& access);
  /// `output`: where the SMMU let it through to; none: it did not.
  void misrouted(std::size_t device, const vpu::VpuAccess& access, std::optional<std::uint64_t> output,
                 StreamTally& tally);
  [[nodiscard]] bool is_direct(std::size_t device, const vpu::VpuAccess& access) const;
  [[nodiscard]] std::optional<std::uint64_t> meant(const Buffer& buffer, std::uint64_t iova) const;
  [[nodiscard]] std::optional<Buffer> owner_of(std::uint64_t address) const;

  const SocProfile* profile_;
  std::vector<std::unique_ptr<DeviceTap>> taps_;
  std::vector<std::vector<StreamTally>> tallies_;  ///< by device and stream
  std::map<Buffer, kernel::DmaBuffer> buffers_;    ///< live ones
  std::set<Buffer> direct_;                        ///< live ones whose addresses are physical
  std::map<std::uint64_t, Owner> owners_;          ///< live physical ranges by their first address
  std::map<HitKey, HitCount> hits_;

  /// How the SMMU answered the access under way: its first piece, or the first that it did not let through.
  struct Answer {
    bool forwarded = true;
    std::uint64_t output = 0;
    bool in_bank = false;  ///< a context bank of an SMMUv2's
    bool faulted = false;
  };
  void answered(const Answer& answer);
  std::optional<Answer> answer_;
};

}  // namespace sidewinder::sim

#endif
