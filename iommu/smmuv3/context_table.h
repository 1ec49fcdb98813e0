// SPDX-License-Identifier: Apache-2.0
//
// From SubstreamID to Context Descriptor (IHI 0070 §3.3.2, §5.2, §5.3).

#ifndef SIDEWINDER_IOMMU_SMMUV3_CONTEXT_TABLE_H
#define SIDEWINDER_IOMMU_SMMUV3_CONTEXT_TABLE_H

#include <cstdint>
#include <optional>

#include "iommu/arch/access_log.h"
#include "iommu/arch/fault.h"
#include "iommu/arch/memory_port.h"
#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// What a stream's stage 1 does for a transaction.
struct SubstreamChoice {
  enum class Action : std::uint8_t {
    UseCd,
    BypassStage1,
    Terminate,  ///< with the fault; an ATS Translation Request gets its answer without an event
  };
  Action action = Action::BypassStage1;
  std::uint32_t cd_index = 0;                               ///< of UseCd
  arch::FaultKind fault = arch::FaultKind::BadSubstreamId;  ///< of Terminate: or StreamDisabled
};

/// STE.Config, S1CDMax and S1DSS for a transaction with a SubstreamID, or with none (SSV == 0). The STE lets
/// traffic pass and is not ILLEGAL.
[[nodiscard]] SubstreamChoice choose_cd(const layout::smmuv3::Ste& ste, const Config& config,
                                        std::optional<std::uint32_t> substream_id);

/// S1CIR, S1COR and S1CSH: of the accesses to CDs and L1CDs, before any stage 2.
[[nodiscard]] arch::MemoryAttributes context_table_attributes(const layout::smmuv3::Ste& ste);

/// Stage 2 for the addresses of CDs and L1CDs, which are IPAs where it translates.
class ContextFetchTranslator {
 public:
  virtual ~ContextFetchTranslator() = default;

  struct Result {
    bool ok = false;
    arch::PortAccess access;  ///< when ok: where to read, and how, stage 2's attributes combined
    arch::Fault fault;        ///< when not ok
  };

  /// `fetch` has the address of a structure in the IPA space of the stream's state, and stage 1's attributes.
  virtual Result translate(const arch::PortAccess& fetch) = 0;
};

/// A CD that is not yet known to be legal, or a fault.
struct CdLookup {
  bool ok = false;
  layout::smmuv3::Cd cd;
  arch::Fault fault;  ///< kind CdFetch with `fetch_address`, BadSubstreamId, or stage 2's
};

/// Reads the CD at `cd_index` of choose_cd(). `stage2` is null where stage 2 does not translate. An L1CD
/// whose L2Ptr does not fit the OAS, or the IAS, is a C_BAD_SUBSTREAMID in every version (§3.4.3). In the log
/// a CD is one access, the slowest of its words.
[[nodiscard]] CdLookup find_cd(const layout::smmuv3::Ste& ste, const Config& config, SecurityState state,
                               std::uint32_t cd_index, ContextFetchTranslator* stage2,
                               arch::MemoryPort& memory, arch::AccessLog& log);

}  // namespace sidewinder::smmuv3

#endif
