// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's queues: their registers (IHI 0070 §6.3.16 to §6.3.32) and commands (chapter 4). The Secure
// registers of the same names have the same fields.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_QUEUE_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_QUEUE_H

#include <cstdint>

#include "iommu/layout/bits.h"
#include "iommu/layout/structure.h"

namespace sidewinder::layout::smmuv3 {

namespace page0 {
inline constexpr std::uint32_t STATUSR = 0x0040, AGBPA = 0x0048;
inline constexpr std::uint32_t IRQ_CTRL = 0x0050, IRQ_CTRLACK = 0x0054;
inline constexpr std::uint32_t GERROR = 0x0060, GERRORN = 0x0064;
inline constexpr std::uint32_t GERROR_IRQ_CFG0 = 0x0068, GERROR_IRQ_CFG1 = 0x0070, GERROR_IRQ_CFG2 = 0x0074;
inline constexpr std::uint32_t CMDQ_BASE = 0x0090, CMDQ_PROD = 0x0098, CMDQ_CONS = 0x009c;
inline constexpr std::uint32_t EVENTQ_BASE = 0x00a0;
inline constexpr std::uint32_t EVENTQ_IRQ_CFG0 = 0x00b0, EVENTQ_IRQ_CFG1 = 0x00b8, EVENTQ_IRQ_CFG2 = 0x00bc;
inline constexpr std::uint32_t PRIQ_BASE = 0x00c0;
inline constexpr std::uint32_t PRIQ_IRQ_CFG0 = 0x00d0, PRIQ_IRQ_CFG1 = 0x00d8, PRIQ_IRQ_CFG2 = 0x00dc;
inline constexpr std::uint32_t S_EVENTQ_PROD = 0x80a8, S_EVENTQ_CONS = 0x80ac;
/// A Secure register of the same name as a Non-secure one lies this far above it.
inline constexpr std::uint32_t secure = 0x8000;
}  // namespace page0

/// Offsets from the base of the register frame.
namespace page1 {
inline constexpr std::uint32_t base = 0x10000;
inline constexpr std::uint32_t EVENTQ_PROD = base + 0x00a8, EVENTQ_CONS = base + 0x00ac;
inline constexpr std::uint32_t PRIQ_PROD = base + 0x00c8, PRIQ_CONS = base + 0x00cc;
}  // namespace page1

struct IRQ_CTRL : Bits<IRQ_CTRL, std::uint32_t> {  // §6.3.16
  using GERROR_IRQEN = Field<0>;
  using PRIQ_IRQEN = Field<1>;
  using EVENTQ_IRQEN = Field<2>;
};

/// Also of GERRORN. An error is active while the two differ (§7.5).
struct GERROR : Bits<GERROR, std::uint32_t> {  // §6.3.19, §6.3.20
  using CMDQ_ERR = Field<0>;
  using EVENTQ_ABT_ERR = Field<2>;
  using PRIQ_ABT_ERR = Field<3>;
  using MSI_CMDQ_ABT_ERR = Field<4>;
  using MSI_EVENTQ_ABT_ERR = Field<5>;
  using MSI_PRIQ_ABT_ERR = Field<6>;
  using MSI_GERROR_ABT_ERR = Field<7>;
  using SFM_ERR = Field<8>;
};

struct IRQ_CFG0 : Bits<IRQ_CFG0, std::uint64_t> {  // §6.3.21, §6.3.30, §6.3.34
  using ADDR = Field<55, 2>;                       ///< 0: no MSI
};

struct IRQ_CFG2 : Bits<IRQ_CFG2, std::uint32_t> {  // §6.3.23, §6.3.32, §6.3.36
  using MemAttr = Field<3, 0>;
  using SH = Field<5, 4>;
  using LO = Field<31>;  ///< of PRIQ_IRQ_CFG2
};

/// CMDQ_BASE has RA where EVENTQ_BASE and PRIQ_BASE have WA.
struct QUEUE_BASE : Bits<QUEUE_BASE, std::uint64_t> {  // §6.3.26, §6.3.29, §6.3.33
  using LOG2SIZE = Field<4, 0>;
  using ADDR = Field<55, 5>;
  using RA = Field<62>;
  using WA = Field<62>;
};

struct CMDQ_CONS : Bits<CMDQ_CONS, std::uint32_t> {  // §6.3.28
  using RD = Field<19, 0>;                           ///< with the wrap flag above the index
  using ERR = Field<30, 24>;
};

/// PRIQ_PROD and PRIQ_CONS have the same fields.
struct EVENTQ_PROD : Bits<EVENTQ_PROD, std::uint32_t> {  // §6.3.78, and in page 1
  using WR = Field<19, 0>;
  using OVFLG = Field<31>;
};

struct EVENTQ_CONS : Bits<EVENTQ_CONS, std::uint32_t> {  // §6.3.79, and in page 1
  using RD = Field<19, 0>;
  using OVACKFLG = Field<31>;
};

enum class Cerror : std::uint8_t { None = 0, Ill = 1, Abt = 2, AtcInvSync = 3 };  // §7.1

enum class Opcode : std::uint8_t {  // §4.1.1
  PREFETCH_CONFIG = 0x01,
  PREFETCH_ADDR = 0x02,
  CFGI_STE = 0x03,
  CFGI_STE_RANGE = 0x04,  ///< with Range 31 CFGI_ALL
  CFGI_CD = 0x05,
  CFGI_CD_ALL = 0x06,
  CFGI_VMS_PIDM = 0x07,
  TLBI_NH_ALL = 0x10,
  TLBI_NH_ASID = 0x11,
  TLBI_NH_VA = 0x12,
  TLBI_NH_VAA = 0x13,
  TLBI_EL3_ALL = 0x18,
  TLBI_EL3_VA = 0x1a,
  TLBI_EL2_ALL = 0x20,
  TLBI_EL2_ASID = 0x21,
  TLBI_EL2_VA = 0x22,
  TLBI_EL2_VAA = 0x23,
  TLBI_S12_VMALL = 0x28,
  TLBI_S2_IPA = 0x2a,
  TLBI_NSNH_ALL = 0x30,
  ATC_INV = 0x40,
  PRI_RESP = 0x41,
  RESUME = 0x44,
  STALL_TERM = 0x45,
  SYNC = 0x46,
  TLBI_S_EL2_ALL = 0x50,
  TLBI_S_EL2_ASID = 0x51,
  TLBI_S_EL2_VA = 0x52,
  TLBI_S_EL2_VAA = 0x53,
  TLBI_S_S12_VMALL = 0x58,
  TLBI_S_S2_IPA = 0x5a,
  TLBI_SNH_ALL = 0x60,
};

/// The fields of all commands; which of them one has, chapter 4 says.
struct Command : Structure<Command, 2> {
  using OP = Field<7, 0>;
  using SSec = Field<10>;
  using SSV = Field<11>;
  using SubstreamID = Field<31, 12>;
  using StreamID = Field<63, 32>;

  // TLBI.
  using NUM = Field<16, 12>;
  using SCALE = Field<25, 20>;
  using VMID = Field<47, 32>;
  using ASID = Field<63, 48>;
  using Leaf = Field<64>;  ///< of CFGI too
  using TTL = Field<73, 72>;
  using TG = Field<75, 74>;
  using NS = Field<65>;  ///< of TLBI_S_S2_IPA

  using Range = Field<68, 64>;     ///< CFGI_STE_RANGE
  using Address = Field<127, 76>;  ///< bits 63:12

  // RESUME.
  using Ac = Field<12>;
  using Ab = Field<13>;
  using STAG = Field<79, 64>;

  // SYNC.
  using CS = Field<13, 12>;
  using MSH = Field<23, 22>;
  using MSIAttr = Field<27, 24>;
  using MSIData = Field<63, 32>;
  using MSIAddress = Field<119, 66>;  ///< bits 55:2

  // ATC_INV, PRI_RESP. Their figures were not to be had: the positions are those of Linux's arm-smmu-v3.
  using Global = Field<9>;
  using AtcSize = Field<69, 64>;
  using PRGIndex = Field<72, 64>;
  using Resp = Field<77, 76>;

  // PREFETCH_ADDR.
  using Size = Field<68, 64>;
  using Stride = Field<73, 69>;
};

enum class CompletionSignal : std::uint8_t { None = 0, Irq = 1, Sev = 2 };  // CMD_SYNC's CS; 3 is reserved

}  // namespace sidewinder::layout::smmuv3

#endif
