// SPDX-License-Identifier: Apache-2.0
//
// The translating half of an SMMUv3 (IHI 0070): from a transaction to an output address and attributes, or to
// a fault and what is done about it. Registers, queues and commands are the other half; they write control()
// and call invalidate(). No SystemC and no time. docs/conformance.md says what is implemented.

#ifndef SIDEWINDER_IOMMU_SMMUV3_TRANSLATOR_H
#define SIDEWINDER_IOMMU_SMMUV3_TRANSLATOR_H

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "iommu/arch/access_log.h"
#include "iommu/arch/memory_port.h"
#include "iommu/arch/tlb.h"
#include "iommu/arch/walk.h"
#include "iommu/arch/walk_cache.h"
#include "iommu/smmuv3/atos.h"
#include "iommu/smmuv3/ats.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/config_cache.h"
#include "iommu/smmuv3/control.h"
#include "iommu/smmuv3/statistics.h"
#include "iommu/smmuv3/stream_context.h"
#include "iommu/smmuv3/transaction.h"

namespace sidewinder::smmuv3 {

class Translator {
 public:
  /// `config` must be valid, with `tbus` micro-TLBs; the memory must outlive the translator.
  Translator(const Config& config, unsigned tbus, arch::MemoryPort& memory);

  /// Of the Secure interface only where it is implemented.
  [[nodiscard]] Control& control(SecurityState state) {
    forget_hits();
    return control_[static_cast<std::size_t>(state)];
  }

  [[nodiscard]] const Control& control(SecurityState state) const {
    return control_[static_cast<std::size_t>(state)];
  }

  /// What happens to a transaction that arrives at `tbu`, which is below `tbus`.
  [[nodiscard]] Translation translate(unsigned tbu, const Transaction& transaction);

  /// What translate() would do once more for a transaction that hit: counts it and makes what it hit the most
  /// recently used. False, with nothing done: it has to be translated.
  [[nodiscard]] bool translate_again(unsigned tbu, const Hit& hit) {
    if (hit.epoch != epochs_[tbu]) return false;
    ++statistics_.transactions;
    ++statistics_.micro_tlb_hits;
    configurations_.look_up_again(hit.configuration);
    micro_tlbs_[tbu].look_up_again(hit.mapping);
    return true;
  }

  /// The completion of an ATS Translation Request (§3.9.1.2, §13.6, §13.7), from the main TLB or a walk.
  [[nodiscard]] AtsCompletion translate_for_ats(const AtsRequest& ats);

  /// Of a Non-secure stream; SMMUEN must be 1.
  [[nodiscard]] PparLookup find_ppar(std::uint32_t stream_id);

  /// An address translation operation, which is no transaction of a client's. With `inhibit_update` no cache
  /// is filled. The Secure state's streams only where it is implemented.
  [[nodiscard]] AtosResult look_up(const AtosRequest& asked);

  /// In every TLB and walk cache.
  void invalidate(const arch::TlbInvalidation& scope);
  /// In the configuration cache.
  void invalidate(const ConfigInvalidation& scope);
  void invalidate_all();  ///< S_INIT.INV_ALL, and reset

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }
  [[nodiscard]] const arch::Tlb& tlb() const { return tlb_; }
  [[nodiscard]] const arch::Tlb& micro_tlb(unsigned tbu) const { return micro_tlbs_[tbu]; }
  [[nodiscard]] const arch::WalkCache& stage1_tables() const { return stage1_tables_; }
  [[nodiscard]] const arch::WalkCache& stage2_tables() const { return stage2_tables_; }
  [[nodiscard]] const ConfigCache<Configuration>& configurations() const { return configurations_; }

 private:
  enum class Purpose : std::uint8_t { Untranslated, TranslationRequest, Translated };

  /// One transaction on its way, with what was found for it.
  struct Request {
    const Transaction& transaction;
    Purpose purpose = Purpose::Untranslated;
    SecurityState security = SecurityState::NonSecure;
    InputAttributes attributes{};  ///< after the STE's overrides, or the registers'
    const StreamContext* stream = nullptr;
    const SubstreamContext* substream = nullptr;  ///< null: stage 1 does not translate
    const Configuration* cached = nullptr;        ///< where both are, in the configuration cache
    bool inhibit_update = false;                  ///< ATOS_ADDR.HTTUI
  };

  void forget_hits() {
    for (std::uint64_t& epoch : epochs_) ++epoch;
  }
  [[nodiscard]] const Control& control_of(SecurityState state) const { return control(state); }

  [[nodiscard]] Translation disabled(Request& request);
  [[nodiscard]] Translation bypass(const Request& request);
  [[nodiscard]] Translation translated(unsigned tbu, const Transaction& transaction);
  [[nodiscard]] Translation forbidden(const Request& request);
  [[nodiscard]] Translation pass_translated(const Request& request);
  [[nodiscard]] bool fetches_non_secure(const Request& request) const;
  [[nodiscard]] Translation through_stages(unsigned tbu, const Request& request);
  [[nodiscard]] Translation forward(const Request& request, const arch::TlbTag& tag,
                                    const arch::Mapping& mapping, std::uint64_t address,
                                    Translation::Source source) const;
  [[nodiscard]] AtsCompletion ats_failed(AtsCompletion::Status status, const Request& request,
                                         const arch::Fault& fault, bool recorded);
  [[nodiscard]] AtsCompletion ats_denied(const Request& request, const arch::Fault& fault);
  [[nodiscard]] AtsCompletion ats_fault(const Request& request, const arch::Fault& fault);
  [[nodiscard]] AtsCompletion ats_identity(const Request& request);
  [[nodiscard]] AtsCompletion ats_through_stages(const Request& request, const AtsRequest& ats);
  [[nodiscard]] Translation terminated(const Request& request, arch::Fault fault, Translation::Source source);
  [[nodiscard]] Translation translation_fault(const Request& request, arch::Fault fault,
                                              Translation::Source source);
  [[nodiscard]] arch::Fault of_request(const Request& request, arch::Fault fault) const;
  [[nodiscard]] arch::Fault fault_on_hit(const Request& request, const arch::Mapping& mapping,
                                         std::uint64_t address, arch::HitCheck check) const;

  /// Fills in `stream`, `substream` and `attributes`. False: `fault`, or nothing but an abort.
  [[nodiscard]] bool find_configuration(Request& request, std::optional<arch::Fault>& fault);
  [[nodiscard]] bool fetch_configuration(Request& request, const ConfigKey& key,
                                         std::optional<arch::Fault>& fault);
  [[nodiscard]] bool fetch_stream(Request& request, const ConfigKey& key, std::optional<arch::Fault>& fault);
  [[nodiscard]] bool fetch_substream(Request& request, const ConfigKey& key,
                                     std::optional<arch::Fault>& fault);
  [[nodiscard]] arch::Outcome walk_for(const AtosRequest& asked, const Request& request);
  [[nodiscard]] static ConfigKey key_of(const Request& request);
  void use(Request& request, const Configuration& configuration) const;
  [[nodiscard]] static bool needs_cd(const Request& request);
  [[nodiscard]] arch::TlbTag tag_of(const Request& request) const;
  [[nodiscard]] arch::WalkContext walk_context(const Request& request, const arch::TlbTag& tag);
  [[nodiscard]] arch::Access access_of(const Request& request) const;

  Config config_;
  arch::MemoryPort* memory_;
  std::array<Control, 2> control_{};
  ConfigCache<Configuration> configurations_;
  arch::Tlb tlb_;
  std::vector<arch::Tlb> micro_tlbs_;
  std::vector<std::uint64_t>
      epochs_;  ///< by TBU; another as soon as what it hit before may be something else
  arch::WalkCache stage1_tables_;
  arch::WalkCache stage2_tables_;
  arch::AccessLog log_;
  Configuration fetched_;  ///< for the one transaction, whether or not the cache keeps it
  Statistics statistics_;
};

}  // namespace sidewinder::smmuv3

#endif
