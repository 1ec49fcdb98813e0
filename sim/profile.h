// SPDX-License-Identifier: Apache-2.0
//
// A SoC profile: what no device-tree binding says about a board's SMMU and the devices behind it.
// docs/scenario.md describes the file.

#ifndef SIDEWINDER_SIM_PROFILE_H
#define SIDEWINDER_SIM_PROFILE_H

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sim/input_error.h"
#include "sim/table_reader.h"
#include "vpu/layout/buffers.h"

namespace sidewinder::sim {

/// What a buffer is for decides the stream it is reached through.
using BufferFunction = vpu::Function;

/// The SMMU's implementation-defined sizes.
struct SmmuProfile {
  unsigned stream_match_groups = 0;  ///< SMMU_IDR0.NUMSMRG
  unsigned context_banks = 0;        ///< SMMU_IDR1.NUMCB; 0: one for each context interrupt in the tree
  unsigned tlb_entries = 0;
  unsigned tlb_ways = 0;           ///< tlb_entries / tlb_ways is a power of two
  unsigned micro_tlb_entries = 0;  ///< of each TBU, 4-way
};

/// Where a stream's StreamIDs are written down.
enum class SidSource : std::uint8_t {
  Profile,
  Iommus,         ///< all of the device's `iommus` are the stream's
  VideoFirmware,  ///< `iommus` of the device's child video-firmware; without that child there is no stream
};

/// One DMA stream of a device.
struct StreamProfile {
  std::string name;
  SidSource sid_source = SidSource::Profile;
  std::uint32_t sid = 0;  ///< from the device tree: the first there, once fit_to_board() has read it
  AddressRange window;    ///< the IOVAs the block can use
  std::vector<BufferFunction> functions;
  SourceLine where;

  [[nodiscard]] bool routes(BufferFunction function) const;
  [[nodiscard]] bool is_firmware() const { return routes(BufferFunction::Firmware); }
};

/// An access outside its block's own window leaves with this stream's StreamID when its address is in
/// `range`.
struct AddressOwner {
  AddressRange range;
  std::size_t stream = 0;  ///< index into the device's streams
  SourceLine where;
};

struct DeviceProfile {
  std::string node;                     ///< path in the device tree; empty: chosen by `compatible`
  std::vector<std::string> compatible;  ///< one of these, where `node` is empty; none: any video unit
  bool enable = false;                  ///< used even where the device tree has it disabled
  std::uint64_t clock_hz = 0;
  unsigned pipes = 0;
  std::uint64_t dma_mask = 0;  ///< of a driver that treats the device as one
  std::vector<StreamProfile> streams;
  std::vector<AddressOwner> owners;  ///< by address, never overlapping
  SourceLine where;

  /// What a session calls it: its path, or how it is chosen.
  [[nodiscard]] std::string_view label() const;
  /// Every function but Firmware has exactly one stream; Firmware may have none. Null when there is none.
  [[nodiscard]] const StreamProfile* stream_for(BufferFunction function) const;
  /// The stream that owns `address`, or null: such an access is aborted.
  [[nodiscard]] const StreamProfile* owner_of(std::uint64_t address) const;
};

struct SocProfile {
  std::filesystem::path file;
  std::string name;
  SmmuProfile smmu;
  std::vector<DeviceProfile> devices;  ///< at least one
};

/// Takes a stream away, and what it owns.
void drop_stream(DeviceProfile& device, std::size_t stream);

/// Throws InputError.
[[nodiscard]] SocProfile load_profile(const std::filesystem::path& file);

}  // namespace sidewinder::sim

#endif
