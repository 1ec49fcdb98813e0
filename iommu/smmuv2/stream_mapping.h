// SPDX-License-Identifier: Apache-2.0
//
// The stream mapping table: SMRs searched for a StreamID, and the S2CR of the one that matches (IHI 0062
// §2.3).

#ifndef SIDEWINDER_IOMMU_SMMUV2_STREAM_MAPPING_H
#define SIDEWINDER_IOMMU_SMMUV2_STREAM_MAPPING_H

#include <array>
#include <cstdint>
#include <vector>

#include "iommu/layout/smmuv2.h"

namespace sidewinder::smmuv2 {

class StreamMapping {
 public:
  enum class Match : std::uint8_t { None, One, Several };

  struct Result {
    Match match = Match::None;
    layout::smmuv2::S2CR s2cr;  ///< when One
  };

  explicit StreamMapping(unsigned groups) : groups_(groups) {}

  [[nodiscard]] Result find(std::uint32_t stream_id);

  /// `index` is a group's number; groups that are not implemented are RAZ/WI.
  [[nodiscard]] std::uint32_t read_smr(std::uint32_t index) const;
  [[nodiscard]] std::uint32_t read_s2cr(std::uint32_t index) const;
  void write_smr(std::uint32_t index, std::uint32_t value);
  void write_s2cr(std::uint32_t index, std::uint32_t value);

 private:
  struct Group {
    layout::smmuv2::SMR smr;
    layout::smmuv2::S2CR s2cr;
  };
  struct Remembered {
    std::uint32_t stream_id = 0;
    bool valid = false;
    Result result;
  };

  [[nodiscard]] Result search(std::uint32_t stream_id) const;

  std::vector<Group> groups_;
  std::array<Remembered, 64> recent_{};  ///< what a search found; forgotten at every write
};

}  // namespace sidewinder::smmuv2

#endif
