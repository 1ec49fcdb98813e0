// SPDX-License-Identifier: Apache-2.0
//
// What an SMMUv3 and a PCIe Root Complex have to say to each other: Translation Requests, invalidations of
// endpoints' caches, page requests and their answers (IHI 0070 §3.9, §4.5, chapter 8).

#ifndef SIDEWINDER_IOMMU_SMMUV3_ATS_H
#define SIDEWINDER_IOMMU_SMMUV3_ATS_H

#include <cstdint>
#include <optional>
#include <span>

#include "iommu/arch/access_log.h"
#include "iommu/arch/fault.h"
#include "iommu/layout/smmuv3_pri.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// An ATS Translation Request, for the one translation that holds `address`.
struct AtsRequest {
  std::uint64_t address = 0;
  std::uint32_t stream_id = 0;
  std::uint32_t substream_id = 0;  ///< the PASID, when ssv
  bool ssv = false;
  SecurityState security = SecurityState::NonSecure;
  bool no_write = false;    ///< NW: write access is not asked for
  bool execute = false;     ///< Execute_Requested, with a PASID only
  bool privileged = false;  ///< Privileged_Mode_Requested, with a PASID only
};

/// Its Translation Completion. U, N, CXL.io and Global are always 0.
struct AtsCompletion {
  enum class Status : std::uint8_t { Success, UnsupportedRequest, CompleterAbort };

  Status status = Status::UnsupportedRequest;
  bool read = false;  ///< R; with neither R nor W the address means nothing
  bool write = false;
  bool execute = false;
  bool privileged = false;           ///< as requested, whatever STE.PRIVCFG says (§13.7)
  std::uint8_t size_shift = 12;      ///< log2 of the bytes translated; of a denial the smallest granule's
  std::uint64_t address = 0;         ///< of their first byte: physical, or an IPA with Split-stage ATS
  std::optional<arch::Fault> fault;  ///< why it is not a success, or gives no access
  bool recorded = false;             ///< `fault` goes to the event queue
  std::span<const arch::WalkAccess> accesses;  ///< the SMMU's own; good until the next translation
};

/// CMD_ATC_INV as it goes out.
struct AtcInvalidation {
  SecurityState queue = SecurityState::NonSecure;  ///< whose CMD_SYNCs wait for it
  std::uint32_t stream_id = 0;                     ///< Non-secure always
  std::uint32_t substream_id = 0;                  ///< when ssv
  bool ssv = false;                                ///< a PASID prefix
  bool global = false;                             ///< Global Invalidate, with a PASID only
  std::uint64_t address = 0;                       ///< aligned to the span
  std::uint8_t span_shift = 12;                    ///< log2 of its bytes, 12 to 64
};

/// What a CMD_SYNC of one queue waits for.
struct AtcProgress {
  std::uint64_t pending = 0;
  bool timed_out = false;   ///< since the last CMD_SYNC
  bool sync_waits = false;  ///< one is at the head of the queue
};

/// A PRI message: a Page Request, or with a PASID, Last and neither R nor W a Stop Marker.
struct PageRequest {
  std::uint64_t address = 0;  ///< bits 11:0 are ignored
  std::uint32_t stream_id = 0;
  std::uint32_t substream_id = 0;
  bool ssv = false;
  SecurityState security = SecurityState::NonSecure;
  std::uint16_t group = 0;  ///< Page Request Group Index, 9 bits
  bool last = false;
  bool read = false;
  bool write = false;
  bool execute = false;     ///< with a PASID only
  bool privileged = false;  ///< with a PASID only
};

/// STE.PPAR of a stream, for a PRG Response that the SMMU gives of its own accord (§8.1).
struct PparLookup {
  bool pasid_required = false;
  std::optional<arch::Fault> fault;  ///< there is no valid STE
  bool recorded = false;             ///< `fault` goes to the event queue
};

/// A PRG Response Message, by CMD_PRI_RESP or of the SMMU's own accord (§8.1, §8.2).
struct PrgResponse {
  std::uint32_t stream_id = 0;
  std::uint32_t substream_id = 0;  ///< when ssv
  bool ssv = false;
  std::uint16_t group = 0;
  layout::smmuv3::PrgResponseCode code = layout::smmuv3::PrgResponseCode::Success;
};

/// The SMMU's ATS port. Neither call may call back into the SMMU.
class RootComplex {
 public:
  enum class Progress : std::uint8_t {
    Complete,  ///< an Unsupported Request answer completes it too (§3.9.1.5)
    Pending,   ///< until Smmu::end_atc_invalidation()
    TimedOut,
  };

  virtual ~RootComplex() = default;
  virtual Progress invalidate(const AtcInvalidation& what) = 0;
  virtual void respond(const PrgResponse& response) = 0;
};

}  // namespace sidewinder::smmuv3

#endif
