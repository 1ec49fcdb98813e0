// SPDX-License-Identifier: Apache-2.0
//
// What a translation regime is set up to do: the registers' and descriptors' controls, decoded once, in the
// terms of the Arm ARM. Stage 1 is a context bank's or CD's, stage 2 an STE's.

#ifndef SIDEWINDER_IOMMU_ARCH_REGIME_H
#define SIDEWINDER_IOMMU_ARCH_REGIME_H

#include <array>
#include <cstdint>

#include "iommu/arch/memory_attributes.h"
#include "iommu/layout/vmsa64.h"

namespace sidewinder::arch {

enum class TableFormat : std::uint8_t {
  Vmsa64,  ///< VMSAv8-64
  Lpae,    ///< VMSAv8-32 Long-descriptor: 32-bit VA, 40-bit IPA and PA, 4 KiB granule
};

/// One half of the input address space: TTBR0's or TTBR1's.
struct Ttb {
  std::uint64_t base = 0;  ///< bits 51:0 of the TTBR; what the table's alignment requires to be 0 is ignored
  std::uint8_t tsz = 0;    ///< TCR.TnSZ: the half covers 2^(64 - tsz) bytes; for Lpae 2^(32 - tsz)
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  bool walk_disabled = false;           ///< TCR.EPDn
  bool top_byte_ignored = false;        ///< TCR2.TBIn
  bool hierarchy_disabled = false;      ///< HADn: APTable, PXNTable and UXNTable are ignored
  bool unprivileged_disabled = false;   ///< E0PDn: unprivileged accesses are Translation faults
  bool non_secure_table = false;        ///< NSCFGn, of a Secure stream: the first table is Non-secure
  std::uint8_t shareability = 0;        ///< SHn as it stands: of what is mapped, with LPA2
  MemoryAttributes table_attributes{};  ///< of the accesses to tables: IRn, ORn, SHn
};

/// HA and HD with HTTU; HD without HA does nothing.
struct HardwareUpdate {
  bool access_flag = false;
  bool dirty_state = false;
};

struct Stage1 {
  std::array<Ttb, 2> ttb{};
  TableFormat format = TableFormat::Vmsa64;
  bool two_halves = true;    ///< false: any-EL2 and EL3, whose one table is ttb[0]
  bool unprivileged = true;  ///< false: any-EL2 and EL3, where all accesses are privileged and AP[1] is 1
  bool secure = false;       ///< tables start in Secure memory, and NS and NSTable mean something
  std::uint64_t mair = 0;
  std::uint8_t output_bits = 48;            ///< an output address with a bit set at or above this is too big
  std::uint8_t truncate_bits = 64;          ///< Lpae alone with OAS < 40: outputs are cut to this (§3.4)
  std::uint8_t min_tsz = 16, max_tsz = 39;  ///< outside these nothing is mapped (SMMUv2; SMMUv3 has checked)
  bool lpa = false;   ///< OAS is 52 or more: 64 KiB descriptors hold address bits 51:48, and 4 TiB blocks
  bool lpa2 = false;  ///< DS: 52-bit addresses with the 4 and 16 KiB granules
  bool contiguous_hint = true;              ///< false: each page of a contiguous run is mapped by itself
  bool big_endian = false;                  ///< SCTLR.E, CD.ENDI: of the tables
  bool access_flag_fault_disabled = false;  ///< AFFD
  bool write_execute_never = false;         ///< WXN
  bool unprivileged_write_execute_never = false;  ///< UWXN, of Lpae
  bool privileged_access_never = false;           ///< PAN
  bool enhanced_pan = false;                      ///< EPAN
  bool secure_instruction_fetch = false;  ///< SIF: an instruction fetch that would go out Non-secure faults
  HardwareUpdate update{};
};

/// One stage 2 table; a Secure stream has two, for its Secure and its Non-secure IPAs.
struct Stage2Table {
  std::uint64_t base = 0;  ///< S2TTB, aligned as Ttb::base
  std::uint8_t tsz = 0;    ///< S2T0SZ: 2^(64 - tsz) bytes of IPA; for Lpae decoded to the same scale
  int start_level = 0;     ///< decoded from SL0 and TG; -1 to 3
  layout::vmsa64::Granule granule = layout::vmsa64::Granule::Size4K;
  bool walk_secure = false;    ///< the tables are in Secure memory
  bool output_secure = false;  ///< what is mapped is in Secure memory
};

struct Stage2 {
  Stage2Table non_secure_ipa{};  ///< the only one of a Non-secure stream
  Stage2Table secure_ipa{};      ///< of a Secure stream
  TableFormat format = TableFormat::Vmsa64;
  std::uint8_t output_bits = 48;    ///< effective S2PS; beyond is an Address Size fault
  std::uint8_t truncate_bits = 64;  ///< Lpae with OAS < 40: output addresses are cut to this, silently (§3.4)
  bool lpa = false;                 ///< as Stage1::lpa
  bool lpa2 = false;                ///< S2DS
  MemoryAttributes table_attributes{};  ///< S2IR0, S2OR0, S2SH0
  std::uint8_t shareability = 0;        ///< S2SH0 as it stands: of what is mapped, with LPA2
  bool contiguous_hint = true;          ///< as Stage1::contiguous_hint
  bool big_endian = false;
  bool access_flag_fault_disabled = false;
  bool protected_walk = false;  ///< S2PTW: a stage 1 table or CD in Device memory is a Permission fault
  bool walk_device_as_normal = false;  ///< IDR3.PTWNNC: such an access is made as Normal Non-cacheable
  bool forced_write_back = false;      ///< S2FWB
  bool xnx = false;  ///< IDR3.XNX: XN[1:0] says EL0 and EL1 apart; else XN[1] alone, for both
  HardwareUpdate update{};
};

}  // namespace sidewinder::arch

#endif
