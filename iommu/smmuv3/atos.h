// SPDX-License-Identifier: Apache-2.0
//
// What an address translation operation asks, and what comes of it (IHI 0070 chapter 9).

#ifndef SIDEWINDER_IOMMU_SMMUV3_ATOS_H
#define SIDEWINDER_IOMMU_SMMUV3_ATOS_H

#include <cstdint>

#include "iommu/arch/fault.h"
#include "iommu/arch/memory_attributes.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// One that is not malformed (INV_REQ).
struct AtosRequest {
  std::uint64_t address = 0;  ///< a VA, or an IPA without `stage1`
  std::uint32_t stream_id = 0;
  std::uint32_t substream_id = 0;  ///< when ssv
  bool ssv = false;
  SecurityState stream = SecurityState::NonSecure;  ///< whose StreamID it is
  bool stage1 = false;                              ///< ask of stage 1
  bool stage2 = false;                              ///< ask of stage 2
  bool write = false;
  bool instruction = false;  ///< means nothing of a write
  bool privileged = false;
  bool non_secure_ipa = false;  ///< of a Secure stream: the IPA space, where no stage 1 translates
  bool inhibit_update = false;  ///< HTTUI
};

struct AtosResult {
  enum class Status : std::uint8_t {
    Translated,
    Faulted,     ///< `fault` says how
    NoStage,     ///< INV_STAGE: the stream is not configured for a stage that was asked of
    Terminated,  ///< INTERNAL_ERR: the stream's Security state has SMMUEN == 0
  };

  Status status = Status::Terminated;
  arch::Fault fault{};
  std::uint64_t output = 0;         ///< of the first byte of what is mapped: an IPA or physical address
  std::uint8_t size_shift = 12;     ///< log2 of the bytes mapped
  arch::MemoryAttributes memory{};  ///< as the translation tables have it, without the STE's overrides
  bool secure = false;              ///< the address space of `output`
};

}  // namespace sidewinder::smmuv3

#endif
