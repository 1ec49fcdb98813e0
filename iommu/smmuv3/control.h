// SPDX-License-Identifier: Apache-2.0
//
// What the registers of one programming interface say about translation. The register file writes it; the
// translating half reads it.

#ifndef SIDEWINDER_IOMMU_SMMUV3_CONTROL_H
#define SIDEWINDER_IOMMU_SMMUV3_CONTROL_H

#include "iommu/layout/smmuv3_control.h"

namespace sidewinder::smmuv3 {

/// All zero is the state after reset, but for what GBPA resets to.
struct Control {
  bool enabled = false;                    ///< CR0.SMMUEN
  bool e2h = false;                        ///< CR2.E2H
  bool record_bad_stream_ids = false;      ///< CR2.RECINVSID
  bool record_ats_errors = false;          ///< CR2.REC_CFG_ATS
  bool ats_check = false;                  ///< CR0.ATSCHK
  bool secure_instruction_fetch = false;   ///< S_CR0.SIF, of the Secure interface only
  bool non_secure_stall_disabled = false;  ///< S_CR0.NSSTALLD, of the Secure interface only
  layout::smmuv3::CR1 cr1;
  layout::smmuv3::S_GBPA gbpa;  ///< GBPA is the same without NSCFG
  layout::smmuv3::STRTAB_BASE strtab_base;
  layout::smmuv3::STRTAB_BASE_CFG strtab_base_cfg;

  friend bool operator==(const Control&, const Control&) = default;
};

}  // namespace sidewinder::smmuv3

#endif
