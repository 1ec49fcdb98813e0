// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv2 (IHI 0062D.c) shaped as an MMU-500 (DDI 0517): its register frame and what it does with a
// transaction. No SystemC and no time. docs/conformance.md says what is implemented.

#ifndef SIDEWINDER_IOMMU_SMMUV2_SMMU_H
#define SIDEWINDER_IOMMU_SMMUV2_SMMU_H

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "iommu/arch/access_log.h"
#include "iommu/arch/fault.h"
#include "iommu/arch/mapping.h"
#include "iommu/arch/memory_port.h"
#include "iommu/arch/tlb.h"
#include "iommu/arch/tlb_invalidation.h"
#include "iommu/layout/smmuv2.h"
#include "iommu/smmuv2/config.h"
#include "iommu/smmuv2/context_bank.h"
#include "iommu/smmuv2/statistics.h"
#include "iommu/smmuv2/stream_mapping.h"

namespace sidewinder::smmuv2 {

struct Translation {
  enum class Action : std::uint8_t {
    Forward,  ///< send it on to `output`
    Abort,    ///< answer with a bus error; without a fault and a bank: it found the SMMU without power
    Discard,  ///< answer as RAZ/WI: aborts are not reported (GFRE or CFRE is 0)
  };
  enum class Source : std::uint8_t { Bypass, MicroTlb, MainTlb, Walk, Configuration };

  Action action = Action::Forward;
  Source source = Source::Configuration;
  std::uint64_t output = 0;
  std::uint8_t same_page_shift = 12;  ///< input and output agree in this many low bits
  std::uint8_t attributes = 0;        ///< MAIR byte; 0 when bypassed
  std::uint8_t shareability = 0;
  std::optional<std::uint8_t> bank;  ///< context bank that translated, or faulted
  std::optional<arch::Fault>
      fault;  ///< found by this transaction; none when it was terminated behind another's
  /// The descriptors read, in order; of the SMMU, until its next translation.
  std::span<const arch::WalkAccess> accesses{};
};

/// Told when an interrupt line changes its level.
class InterruptListener {
 public:
  virtual ~InterruptListener() = default;
  virtual void global_interrupt(bool level) = 0;
  virtual void context_interrupt(unsigned bank, bool level) = 0;
};

class Smmu {
 public:
  /// `config` must be valid; memory and listener must outlive the SMMU.
  Smmu(const Config& config, arch::MemoryPort& memory, InterruptListener& interrupts);

  /// A register access: `offset` in the frame, `size` 4 or 8 and aligned to it. Anything else is RAZ/WI.
  [[nodiscard]] std::uint64_t read(std::uint64_t offset, unsigned size);
  void write(std::uint64_t offset, std::uint64_t value, unsigned size);

  /// Cutting the power loses every register and TLB entry: what comes back is as after reset. Without power
  /// no interrupt is raised, registers are RAZ/WI, and clients' transactions are aborted. At first it is on.
  void set_power(bool on);
  [[nodiscard]] bool powered() const { return powered_; }

  /// What happens to a client's transaction that arrives at `tbu`; it must not cross a page (IHI 0062
  /// §2.1.1).
  [[nodiscard]] Translation translate(unsigned tbu, arch::Access access);

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }
  [[nodiscard]] unsigned tlb_occupancy() const { return tlb_.occupancy(); }

 private:
  struct Frame {
    enum class Space : std::uint8_t { Global0, Global1, Bank, None };
    Space space = Space::None;
    std::uint32_t offset = 0;
    unsigned bank = 0;
  };

  [[nodiscard]] Frame locate(std::uint64_t offset) const;
  [[nodiscard]] std::uint32_t read32(const Frame& frame) const;
  void write32(const Frame& frame, std::uint32_t value);
  [[nodiscard]] std::uint32_t read_global0(std::uint32_t offset) const;
  void write_global0(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] std::uint32_t read_global1(std::uint32_t offset) const;
  void write_global1(std::uint32_t offset, std::uint32_t value);
  [[nodiscard]] static bool is_64_bit_operation(const Frame& frame);
  bool invalidate(const Frame& frame, std::uint64_t value);
  void invalidate_tlbs(const arch::TlbInvalidation& what);
  void update_interrupts();
  void reset();

  [[nodiscard]] Translation bypass(const arch::Access& access);
  [[nodiscard]] Translation global_fault(arch::FaultKind kind, const arch::Access& access, bool nested);
  [[nodiscard]] Translation context_fault(unsigned index, const arch::Fault& fault, Translation so_far);
  [[nodiscard]] Translation in_bank(unsigned tbu, unsigned index, const arch::Access& access);
  [[nodiscard]] Translation hit(const arch::Mapping& mapping, unsigned index, const arch::Access& access,
                                std::uint64_t address, const Translation& so_far);
  [[nodiscard]] static Translation use(const arch::Mapping& mapping, std::uint64_t address,
                                       Translation so_far);

  Config config_;
  arch::MemoryPort* memory_;
  InterruptListener* interrupts_;

  layout::smmuv2::sCR0 cr0_;
  layout::smmuv2::sACR acr_;
  layout::smmuv2::sGFSR gfsr_;
  layout::smmuv2::sGFSYNR0 gfsynr0_;
  layout::smmuv2::sGFSYNR1 gfsynr1_;
  std::uint64_t gfar_ = 0;
  StreamMapping streams_;
  std::vector<ContextBank> banks_;
  arch::Tlb tlb_;
  std::vector<arch::Tlb> micro_tlbs_;
  arch::AccessLog walk_log_;

  bool powered_ = true;
  bool global_line_ = false;
  std::vector<bool> bank_lines_;
  Statistics statistics_;
};

}  // namespace sidewinder::smmuv2

#endif
