// SPDX-License-Identifier: Apache-2.0
//
// What a client sends to an SMMUv3, and what becomes of it.

#ifndef SIDEWINDER_IOMMU_SMMUV3_TRANSACTION_H
#define SIDEWINDER_IOMMU_SMMUV3_TRANSACTION_H

#include <cstdint>
#include <optional>
#include <span>

#include "iommu/arch/access_log.h"
#include "iommu/arch/fault.h"
#include "iommu/arch/tlb_tag.h"
#include "iommu/smmuv3/attributes.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// It must not cross a page of 4 KiB.
struct Transaction {
  std::uint64_t address = 0;       ///< as it comes in: 64 bits, sign extension included (§3.4.1)
  std::uint32_t stream_id = 0;     ///< within its Security state's name space
  std::uint32_t substream_id = 0;  ///< when ssv
  bool ssv = false;
  SecurityState security = SecurityState::NonSecure;  ///< SEC_SID; taken as NonSecure without a Secure state
  bool translated = false;  ///< an ATS Translated transaction, whose SubstreamID, INST and PRIV are ignored
  InputAttributes attributes{};  ///< read or write, privilege, what memory it thinks it goes to
};

/// What a transaction hit: an entry of its TBU's micro-TLB and one of the configuration cache. Good for the
/// same transaction, or another that differs in the low 12 bits of the address, until either cache changes.
struct Hit {
  std::uint64_t epoch = 0;  ///< of what those caches hold; 0: it hit nothing
  std::uint32_t mapping = 0;
  std::uint32_t configuration = 0;
};

struct Translation {
  enum class Action : std::uint8_t {
    Forward,  ///< send it on to `output`
    Abort,    ///< answer with a bus error
    RazWi,    ///< answer as done: reads are zeros, writes are ignored (§3.12.1)
    Stall,    ///< hold it until software resumes or terminates it (§3.12.2)
  };
  enum class Source : std::uint8_t { Disabled, Bypass, MicroTlb, MainTlb, Walk, Configuration };

  Action action = Action::Abort;
  Source source = Source::Configuration;
  std::uint8_t same_page_shift = 12;  ///< input and output agree in this many low bits
  std::uint8_t span_shift = 12;  ///< invalidations by address name it by this many bytes, as a power of 2
  bool recorded = false;         ///< `fault` goes to the event queue
  Hit hit{};                     ///< when forwarded, Source::MicroTlb
  std::uint64_t output = 0;
  OutputAttributes attributes{};               ///< when forwarded
  std::optional<arch::TlbTag> tag{};           ///< what TLBs know it by, when forwarded through a stage
  std::optional<arch::Fault> fault;            ///< none when it is forwarded, or terminated without any
  std::span<const arch::WalkAccess> accesses;  ///< the SMMU's own, in order; good until the next translation
};

}  // namespace sidewinder::smmuv3

#endif
