// SPDX-License-Identifier: Apache-2.0
//
// What the fields of STE and CD that describe translation tables mean, given what the implementation has:
// granules, address sizes, table addresses, input sizes and stage 2's starting level (IHI 0070 §5.2, §5.4;
// DDI 0487's names for the functions of stage 2).

#ifndef SIDEWINDER_IOMMU_SMMUV3_TABLE_FIELDS_H
#define SIDEWINDER_IOMMU_SMMUV3_TABLE_FIELDS_H

#include <cstdint>
#include <optional>

#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/layout/vmsa64.h"
#include "iommu/smmuv3/config.h"

namespace sidewinder::smmuv3 {

inline constexpr unsigned lpae_output_bits = 40;  ///< of either stage, whatever IPS and S2PS say

/// The granule of CD.TG0, STE.S2TG and STE.S_S2TG; none for the reserved value.
[[nodiscard]] std::optional<layout::vmsa64::Granule> granule_of_tg0(std::uint64_t tg);

/// The granule of CD.TG1.
[[nodiscard]] std::optional<layout::vmsa64::Granule> granule_of_tg1(std::uint64_t tg);

/// GranuleSupported() of §5.2.2.
[[nodiscard]] bool supported(std::optional<layout::vmsa64::Granule> granule, const Config& config);

/// Bits that a value of CD.IPS or STE.S2PS means for VMSAv8-64, capped to the OAS. Reserved values are the
/// widest size of the version.
[[nodiscard]] unsigned effective_address_bits(std::uint64_t ps, const Config& config);

/// Effective CD.IPS and STE.S2PS: bits of a stage's output. VMSAv8-32 LPAE has 40, whatever the OAS.
[[nodiscard]] unsigned output_bits(const layout::smmuv3::Cd& cd, const Config& config);
[[nodiscard]] unsigned output_bits(const layout::smmuv3::Ste& ste, const Config& config);

/// Effective CD.DS and STE.S2DS.
[[nodiscard]] bool lpa2(const layout::smmuv3::Cd& cd, const Config& config);
[[nodiscard]] bool lpa2(const layout::smmuv3::Ste& ste, const Config& config);

/// Bits of a TTB that its version has: 51:4, in SMMUv3.0 47:4. The table's alignment is the walk's to apply.
[[nodiscard]] std::uint64_t table_address(std::uint64_t ttb, const Config& config);

/// One stage 2 table's S2T0SZ, S2SL0 with S2SL0_2, S2TG and S2TTB.
struct Stage2Fields {
  std::uint64_t t0sz = 0;
  std::uint64_t sl = 0;  ///< S2SL0, and S2SL0_2 above it
  std::uint64_t tg = 0;
  std::uint64_t ttb = 0;  ///< table_address()
};

/// Of S2TTB, and of S_S2TTB.
[[nodiscard]] Stage2Fields stage2_fields(const layout::smmuv3::Ste& ste, const Config& config);
[[nodiscard]] Stage2Fields secure_stage2_fields(const layout::smmuv3::Ste& ste, const Config& config);

/// Bits of IPA that S2T0SZ gives to VMSAv8-32 LPAE: 32 minus its low 4 bits, which have a sign.
[[nodiscard]] unsigned lpae_stage2_input_bits(std::uint64_t t0sz);

/// AArch64.S2StartLevel where neither AArch64.S2InvalidSL nor AArch64.S2InconsistentSL; none otherwise.
[[nodiscard]] std::optional<int> stage2_start_level(const Stage2Fields& fields, bool lpa2,
                                                    const Config& config);

/// As AArch32.S2StartLevel.
[[nodiscard]] std::optional<int> lpae_stage2_start_level(const Stage2Fields& fields);

/// Bounds of a TxSZ, both valid. `granule`: the default is any other than 4 and 16 KiB.
struct TxszRange {
  unsigned min = 0;
  unsigned max = 0;
};
[[nodiscard]] TxszRange stage1_txsz(std::optional<layout::vmsa64::Granule> granule, bool lpa2,
                                    const Config& config);
[[nodiscard]] TxszRange stage2_txsz(std::optional<layout::vmsa64::Granule> granule, bool lpa2,
                                    const Config& config);

/// CDTTBxOutOfRange() and STES2TTBOutOfRange(): `output_bits` is the effective IPS or S2PS of VMSAv8-64.
/// Without LPA2 tables of 4 and 16 KiB lie below 2^48.
[[nodiscard]] bool table_out_of_range(std::uint64_t ttb, unsigned output_bits,
                                      std::optional<layout::vmsa64::Granule> granule, bool lpa2);

}  // namespace sidewinder::smmuv3

#endif
