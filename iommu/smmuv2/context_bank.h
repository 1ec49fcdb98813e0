// SPDX-License-Identifier: Apache-2.0
//
// One stage 1 translation context bank with the AArch64 scheme: its registers, the regime they describe, and
// the recording of faults (IHI 0062 §3.7, chapter 16).

#ifndef SIDEWINDER_IOMMU_SMMUV2_CONTEXT_BANK_H
#define SIDEWINDER_IOMMU_SMMUV2_CONTEXT_BANK_H

#include <cstdint>

#include "iommu/arch/fault.h"
#include "iommu/arch/regime.h"
#include "iommu/arch/tlb_tag.h"
#include "iommu/layout/smmuv2.h"
#include "iommu/smmuv2/config.h"

namespace sidewinder::smmuv2 {

class ContextBank {
 public:
  explicit ContextBank(const Config& config);

  /// A word of the bank's page; `offset` is a multiple of 4. TLB operations are not here: they concern the
  /// TLBs.
  [[nodiscard]] std::uint32_t read(std::uint32_t offset) const;
  void write(std::uint32_t offset, std::uint32_t value, bool cache_locked);

  [[nodiscard]] std::uint32_t cbar() const { return cbar_.raw; }
  [[nodiscard]] std::uint32_t cba2r() const { return cba2r_.raw; }
  [[nodiscard]] std::uint32_t cbfrsynra() const { return cbfrsynra_.raw; }
  void write_cbar(std::uint32_t value);
  void write_cbfrsynra(std::uint32_t value);

  [[nodiscard]] layout::smmuv2::CbarType type() const;
  [[nodiscard]] bool enabled() const;          ///< SCTLR.M
  [[nodiscard]] bool reports_aborts() const;   ///< SCTLR.CFRE
  [[nodiscard]] bool hit_under_fault() const;  ///< SCTLR.HUPCF
  [[nodiscard]] bool fault_pending() const;    ///< FSR, but for its Format field
  [[nodiscard]] bool interrupt() const;        ///< the level of the bank's interrupt (§3.6.3)
  [[nodiscard]] arch::TlbTag tag() const;
  [[nodiscard]] const arch::Stage1& regime() const { return regime_; }

  /// The 64-bit input address for the walk, sign-extended as TCR2.SEP says (§1.6.4); false when bits above
  /// the sign make it one that no table can translate.
  [[nodiscard]] bool extend(std::uint64_t& address) const;

  enum class Recorded : std::uint8_t { Fully, AsMultiple, NotAtAll };

  /// What the terminate fault model does with a fault found in this bank (§3.7.3, pseudocode).
  Recorded record(const arch::Fault& fault);

 private:
  void update_regime();

  unsigned upstream_bits_;
  unsigned output_bits_;
  layout::smmuv2::CBAR cbar_;
  layout::smmuv2::CBA2R cba2r_;
  layout::smmuv2::CBFRSYNRA cbfrsynra_;
  layout::smmuv2::SCTLR sctlr_;
  layout::smmuv2::ACTLR actlr_;
  layout::smmuv2::TCR tcr_;
  layout::smmuv2::TCR2 tcr2_;
  layout::smmuv2::TTBR ttbr_[2];
  std::uint32_t mair_[2] = {};
  std::uint32_t contextidr_ = 0;
  layout::smmuv2::FSR fsr_;
  std::uint64_t far_ = 0;
  layout::smmuv2::FSYNR0 fsynr0_;
  arch::Stage1 regime_;
};

}  // namespace sidewinder::smmuv2

#endif
