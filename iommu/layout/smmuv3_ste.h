// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's Stream Table: L1STD and STE (IHI 0070 §5.1, §5.2).
//
// No field here is one of MPAM, MEC, D128, DPT, permission indirection and overlays (PIE, POE), THE, HAFT or
// PBHA: this project advertises none of them, and their bits are RES0 or IGNORED without.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_STE_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_STE_H

#include <cstdint>

#include "iommu/layout/bits.h"
#include "iommu/layout/structure.h"

namespace sidewinder::layout::smmuv3 {

struct L1std : Bits<L1std, std::uint64_t> {  // §5.1
  using Span = Field<4, 0>;  ///< 1-11: the array has 2^(Span - 1) STEs; others: no StreamID is valid
  using L2Ptr = Field<55, 6>;
};

struct Ste : Structure<Ste, 8> {  // §5.2
  using V = Field<0>;
  using Config = Field<3, 1>;
  using S1Fmt = Field<5, 4>;
  using S1ContextPtr = Field<55, 6>;  ///< an address; an IPA with stage 2
  using S1CDMax = Field<63, 59>;

  using S1DSS = Field<65, 64>;
  using S1CIR = Field<67, 66>;
  using S1COR = Field<69, 68>;
  using S1CSH = Field<71, 70>;
  using DRE = Field<76>;
  using CONT = Field<80, 77>;
  using DCP = Field<81>;
  using PPAR = Field<82>;
  using MEV = Field<83>;
  using S2FWB = Field<89>;
  using S1STALLD = Field<91>;
  using EATS = Field<93, 92>;
  using STRW = Field<95, 94>;
  using MemAttr = Field<99, 96>;
  using MTCFG = Field<100>;
  using ALLOCCFG = Field<104, 101>;
  using SHCFG = Field<109, 108>;
  using NSCFG = Field<111, 110>;
  using PRIVCFG = Field<113, 112>;
  using INSTCFG = Field<115, 114>;

  using S2VMID = Field<143, 128>;
  using S2T0SZ = Field<165, 160>;
  using S2SL0 = Field<167, 166>;
  using S2IR0 = Field<169, 168>;
  using S2OR0 = Field<171, 170>;
  using S2SH0 = Field<173, 172>;
  using S2TG = Field<175, 174>;
  using S2PS = Field<178, 176>;
  using S2AA64 = Field<179>;
  using S2ENDI = Field<180>;
  using S2AFFD = Field<181>;
  using S2PTW = Field<182>;
  using S2HD = Field<183>;
  using S2HA = Field<184>;
  using S2S = Field<185>;
  using S2R = Field<186>;

  using S2NSW = Field<192>;
  using S2NSA = Field<193>;
  using S2SL0_2 = Field<194>;
  using S2DS = Field<195>;
  using S2TTB = Field<243, 196>;  ///< an address; bits 47:4 of it in SMMUv3.0

  using S_S2T0SZ = Field<293, 288>;
  using S_S2SL0 = Field<295, 294>;
  using S_S2TG = Field<303, 302>;

  using S2SW = Field<384>;
  using S2SA = Field<385>;
  using S_S2SL0_2 = Field<386>;
  using S_S2TTB = Field<435, 388>;  ///< as S2TTB
};
static_assert(Ste::size == 64);

/// Ste::Config, each bit by itself: without `ste_config_enabled` the others mean nothing.
inline constexpr std::uint64_t ste_config_stage1 = 0b001, ste_config_stage2 = 0b010,
                               ste_config_enabled = 0b100;

enum class S1Fmt : std::uint8_t { Linear = 0, TwoLevel4K = 1, TwoLevel64K = 2 };  // 3 behaves as 0

/// What becomes of a transaction without a SubstreamID.
enum class S1Dss : std::uint8_t { Terminate = 0, BypassStage1 = 1, Substream0 = 2 };  // 3 behaves as 0

enum class Eats : std::uint8_t { None = 0, Full = 1, SplitStage = 2 };  // 3 behaves as 0 without DPT

enum class Strw : std::uint8_t {
  El1 = 0,
  El3 = 1,
  El2 = 2
};  // El3 is reserved in a Non-secure STE, 3 everywhere

/// Ste::NSCFG and S_GBPA::NSCFG.
enum class NsCfg : std::uint8_t { Incoming = 0, Secure = 2, NonSecure = 3 };  // 1 behaves as 0

/// PRIVCFG and INSTCFG, of STE and GBPA.
enum class PrivCfg : std::uint8_t { Incoming = 0, Unprivileged = 2, Privileged = 3 };  // 1 behaves as 0
enum class InstCfg : std::uint8_t { Incoming = 0, Data = 2, Instruction = 3 };         // 1 behaves as 0

}  // namespace sidewinder::layout::smmuv3

#endif
