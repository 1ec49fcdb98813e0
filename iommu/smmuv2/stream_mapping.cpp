// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv2/stream_mapping.h"

namespace sidewinder::smmuv2 {
namespace {

using layout::mask_of;
using layout::smmuv2::S2CR;
using layout::smmuv2::SMR;

constexpr std::uint32_t smr_implemented = mask_of<SMR::ID, SMR::MASK, SMR::VALID>;
constexpr std::uint32_t s2cr_implemented = mask_of<S2CR::CBNDX, S2CR::TYPE, S2CR::PRIVCFG, S2CR::INSTCFG>;

bool matches(SMR smr, std::uint32_t stream_id) {
  const std::uint32_t differing = (smr.get<SMR::ID>() ^ stream_id) & ~smr.get<SMR::MASK>();
  return smr.is_set<SMR::VALID>() && differing == 0;
}

}  // namespace

StreamMapping::Result StreamMapping::find(std::uint32_t stream_id) {
  Remembered& slot = recent_[stream_id % recent_.size()];
  if (!slot.valid || slot.stream_id != stream_id) slot = {stream_id, true, search(stream_id)};
  return slot.result;
}

StreamMapping::Result StreamMapping::search(std::uint32_t stream_id) const {
  Result result;
  for (const Group& group : groups_) {
    if (!matches(group.smr, stream_id)) continue;
    if (result.match == Match::One) return {.match = Match::Several, .s2cr = {}};
    result = {.match = Match::One, .s2cr = group.s2cr};
  }
  return result;
}

std::uint32_t StreamMapping::read_smr(std::uint32_t index) const {
  return index < groups_.size() ? groups_[index].smr.raw : 0;
}

std::uint32_t StreamMapping::read_s2cr(std::uint32_t index) const {
  return index < groups_.size() ? groups_[index].s2cr.raw : 0;
}

void StreamMapping::write_smr(std::uint32_t index, std::uint32_t value) {
  if (index >= groups_.size()) return;
  groups_[index].smr.raw = value & smr_implemented;
  recent_ = {};
}

void StreamMapping::write_s2cr(std::uint32_t index, std::uint32_t value) {
  if (index >= groups_.size()) return;
  groups_[index].s2cr.raw = value & s2cr_implemented;
  recent_ = {};
}

}  // namespace sidewinder::smmuv2
