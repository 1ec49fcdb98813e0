// SPDX-License-Identifier: Apache-2.0
//
// One value for every fault: registers, event records, logs, counters and explanations are all made from it.

#ifndef SIDEWINDER_IOMMU_ARCH_FAULT_H
#define SIDEWINDER_IOMMU_ARCH_FAULT_H

#include <cstdint>

namespace sidewinder::arch {

enum class FaultKind : std::uint8_t {
  // Found by translating (IHI 0062 §3.7; IHI 0070 §7.3.12 to §7.3.16).
  Translation,
  AddressSize,
  AccessFlag,
  Permission,
  ExternalWalk,         ///< external abort on a translation table walk, or on the update of a descriptor
  UnsupportedUpstream,  ///< SMMUv2: the input address does not fit the upstream bus. SMMUv3: F_UUT
  // SMMUv2: found before a context is (IHI 0062 §3.8).
  UnidentifiedStream,
  StreamMatchConflict,
  InvalidContext,
  UnimplementedContextBank,
  // SMMUv3: found in or on the way to a configuration structure (IHI 0070 §7.3).
  BadStreamId,      ///< C_BAD_STREAMID
  SteFetch,         ///< F_STE_FETCH
  BadSte,           ///< C_BAD_STE
  BadAtsRequest,    ///< F_BAD_ATS_TREQ
  StreamDisabled,   ///< F_STREAM_DISABLED
  TranslForbidden,  ///< F_TRANSL_FORBIDDEN
  BadSubstreamId,   ///< C_BAD_SUBSTREAMID
  CdFetch,          ///< F_CD_FETCH
  BadCd,            ///< C_BAD_CD
};

/// SMMUv2. True: recorded in a context bank. False: recorded globally.
[[nodiscard]] constexpr bool is_context_fault(FaultKind kind) {
  return kind <= FaultKind::UnsupportedUpstream;
}

/// One of the four faults whose outcome CD.{A,R,S} and STE.{S2R,S2S} choose (IHI 0070 §3.12).
[[nodiscard]] constexpr bool is_translation_related(FaultKind kind) {
  return kind <= FaultKind::Permission;
}

/// What a client asks, after any override of its attributes.
struct Access {
  std::uint64_t address = 0;  ///< input address (IOVA), bytes
  std::uint32_t stream_id = 0;
  bool write = false;
  bool privileged = false;
  bool instruction = false;

  friend bool operator==(const Access&, const Access&) = default;
};

/// What was being accessed when the fault came, CLASS of an event record (IHI 0070 §7.3).
enum class FaultClass : std::uint8_t {
  Cd = 0,     ///< stage 2, for the fetch of a context descriptor
  Table = 1,  ///< TT: stage 2, for a stage 1 descriptor; or, of an external abort, a stage 1 descriptor
  Input = 2,  ///< IN: the address that came into the stage
};

struct Fault {
  FaultKind kind = FaultKind::Translation;
  std::uint8_t stage = 1;
  std::uint8_t level = 0;  ///< of the table walk, 0-3; level -1 counts as 0
  bool nested = false;     ///< found in configuration beyond the initial context (IHI 0062 §3.8.1)
  Access access{};

  // SMMUv3's.
  FaultClass cls = FaultClass::Input;
  bool secure_stream = false;       ///< recorded in the Secure event queue
  bool ssv = false;                 ///< the transaction had a SubstreamID
  std::uint32_t substream_id = 0;   ///< of the transaction, when ssv
  bool table_write = false;         ///< !TTRnW: the descriptor was being written
  bool ipa_non_secure = false;      ///< NSIPA
  std::uint64_t ipa = 0;            ///< of stage 2 faults: the address that went into stage 2
  std::uint64_t fetch_address = 0;  ///< of aborted fetches: the physical address that was read

  friend bool operator==(const Fault&, const Fault&) = default;
};

}  // namespace sidewinder::arch

#endif
