// SPDX-License-Identifier: Apache-2.0
//
// What one SMMUv3 implementation has. Its identification registers are computed from this, so nothing can be
// advertised that is not there: broadcast TLB maintenance (IDR0.BTM), for one, never is. Tables and queues
// are never preset (IDR1.TABLES_PRESET, QUEUES_PRESET), and page-based hardware attributes (IDR3.PBHA) are
// never implemented.

#ifndef SIDEWINDER_IOMMU_SMMUV3_CONFIG_H
#define SIDEWINDER_IOMMU_SMMUV3_CONFIG_H

#include <array>
#include <cstdint>
#include <string>

#include "iommu/arch/set_associative.h"
#include "iommu/layout/smmuv3_id.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

enum class StallModel : std::uint8_t { Both = 0, NoStall = 1, Forced = 2 };  // IDR0.STALL_MODEL

enum class Httu : std::uint8_t { None = 0, AccessFlag = 1, AccessFlagAndDirty = 2 };  // IDR0.HTTU

enum class TableEndianness : std::uint8_t { Mixed = 0, Little = 2, Big = 3 };  // IDR0.TTENDIAN

/// Defaults: those of gem5's SMMUv3, which counts a walk cache's levels by the descriptor that is kept, one
/// above the table it leads to, and has none for level -1.
struct CacheShapes {
  arch::CacheShape micro_tlb{32, 32};  ///< a TBU's
  arch::CacheShape tlb{2048, 4};
  arch::CacheShape configuration{64, 4};                                             ///< STEs and CDs
  std::array<arch::CacheShape, 4> stage1_walk{{{4, 4}, {4, 4}, {28, 4}, {348, 4}}};  ///< tables of levels 0-3
  std::array<arch::CacheShape, 4> stage2_walk{{{4, 4}, {4, 4}, {28, 4}, {92, 4}}};
};

/// Who made it, in IIDR and in the identification registers. The defaults name nobody.
struct Identity {
  unsigned product = 0;      ///< ProductID, and the part number: 12 bits
  unsigned variant = 0;      ///< Variant, and REVISION: 0-15
  unsigned revision = 0;     ///< Revision, and REVAND: 0-15
  unsigned implementer = 0;  ///< JEP106: continuation code in bits 11:8, identity code in bits 6:0; Arm 0x43b
};

struct Config {
  unsigned minor = 3;  ///< of SMMUv3.minor, 0-3 (AIDR)
  Identity identity;

  // Streams.
  unsigned stream_id_bits = 16;         ///< IDR1.SIDSIZE, 0-32
  unsigned secure_stream_id_bits = 16;  ///< S_IDR1.S_SIDSIZE, 0-32
  unsigned substream_id_bits = 20;      ///< IDR1.SSIDSIZE, 0-20; 0: no substreams
  bool two_level_stream_table = true;   ///< IDR0.ST_LEVEL
  bool two_level_cd_table = true;       ///< IDR0.CD2L

  // Translation.
  bool stage1 = true;
  bool stage2 = true;
  bool hypervisor = true;   ///< IDR0.Hyp: Non-secure EL2 and EL2-E2H streams
  bool secure = false;      ///< S_IDR1.SECURE_IMPL
  bool secure_el2 = false;  ///< S_IDR1.SEL2: Secure stage 2 too
  bool aarch64 = true;      ///< IDR0.TTF[1]: VMSAv8-64
  bool aarch32 = true;      ///< IDR0.TTF[0]: VMSAv8-32 LPAE
  bool granule_4k = true;
  bool granule_16k = true;
  bool granule_64k = true;
  unsigned output_bits = 48;  ///< IDR5.OAS: 32, 36, 40, 42, 44, 48 or 52
  bool vax = false;           ///< IDR5.VAX: virtual addresses of 52 bits for each TTB
  bool ds = false;            ///< IDR5.DS: 52-bit addresses with granules of 4 and 16 KiB (LPA2)
  bool asid16 = true;
  bool vmid16 = true;
  TableEndianness endianness = TableEndianness::Mixed;
  Httu httu = Httu::AccessFlagAndDirty;
  bool small_tables = true;           ///< IDR3.STT: TxSZ up to 48
  bool hierarchy_disable = true;      ///< IDR3.HAD
  bool xnx = true;                    ///< IDR3.XNX
  bool e0pd = true;                   ///< IDR3.E0PD
  bool forced_write_back = true;      ///< IDR3.FWB
  bool walk_device_as_normal = true;  ///< IDR3.PTWNNC
  bool override_types = true;         ///< IDR1.ATTR_TYPES_OVR
  bool override_permissions = true;   ///< IDR1.ATTR_PERMS_OVR

  // Faults.
  StallModel stall_model = StallModel::Both;
  unsigned stall_max = 256;   ///< IDR5.STALL_MAX, 1-65535; 0 if and only if nothing can stall
  bool always_abort = false;  ///< IDR0.TERM_MODEL: what is terminated is never RAZ/WI

  // PCIe.
  bool ats = false;
  bool pri = false;
  bool no_split_stage_ats = false;      ///< IDR0.NS1ATS
  bool ats_error_records = false;       ///< IDR0.ATSRECERR
  bool pasid_in_auto_response = false;  ///< IDR3.PPS
  bool no_secure_ats_commands = false;  ///< S_IDR3.SAMS

  bool address_translation_operations = false;  ///< IDR0.ATOS; there is no VATOS

  // Maintenance, queues and memory.
  bool range_invalidation = true;   ///< IDR3.RIL
  unsigned bbml = 2;                ///< IDR3.BBML, 0-2
  bool coherent = true;             ///< IDR0.COHACC
  bool wake_up_events = false;      ///< IDR0.SEV
  bool msi = true;                  ///< IDR0.MSI, and S_IDR0.MSI where Secure
  unsigned command_queue_bits = 8;  ///< IDR1.CMDQS: log2 of the entries a queue may have, 0-19
  unsigned event_queue_bits = 7;    ///< IDR1.EVENTQS
  unsigned pri_queue_bits = 7;      ///< IDR1.PRIQS

  CacheShapes caches;
};

/// What is wrong with a configuration, as a sentence; empty when nothing is.
[[nodiscard]] std::string validate(const Config& config);

/// IAS (§3.4): bits of the widest IPA.
[[nodiscard]] unsigned intermediate_bits(const Config& config);

/// log2 of the smallest granule's bytes.
[[nodiscard]] unsigned smallest_granule_shift(const Config& config);

/// SMMU_(S_)IDR0.STALL_MODEL, which S_CR0.NSSTALLD restricts for Non-secure streams (§3.12, §5.2.2).
[[nodiscard]] StallModel stall_model(const Config& config, SecurityState state, bool nsstalld);

/// As with S_CR0.NSSTALLD == 0. A field of a feature that is not there is 0, and so are the Secure registers
/// without a Secure state.
[[nodiscard]] layout::smmuv3::IDR0 idr0(const Config& config);
[[nodiscard]] layout::smmuv3::IDR1 idr1(const Config& config);
[[nodiscard]] layout::smmuv3::IDR2 idr2();
[[nodiscard]] layout::smmuv3::IDR3 idr3(const Config& config);
[[nodiscard]] layout::smmuv3::IDR4 idr4();
[[nodiscard]] layout::smmuv3::IDR5 idr5(const Config& config);
[[nodiscard]] layout::smmuv3::IIDR iidr(const Config& config);
[[nodiscard]] layout::smmuv3::AIDR aidr(const Config& config);
[[nodiscard]] layout::smmuv3::S_IDR0 s_idr0(const Config& config);
[[nodiscard]] layout::smmuv3::S_IDR1 s_idr1(const Config& config);
[[nodiscard]] layout::smmuv3::S_IDR2 s_idr2();
[[nodiscard]] layout::smmuv3::S_IDR3 s_idr3(const Config& config);
[[nodiscard]] layout::smmuv3::S_IDR4 s_idr4();
/// PIDR0 to PIDR7 and CIDR0 to CIDR3 (§6.3.170), by their offset in page 0; 0 of any other.
[[nodiscard]] std::uint32_t id_regs(const Config& config, std::uint32_t offset);

}  // namespace sidewinder::smmuv3

#endif
