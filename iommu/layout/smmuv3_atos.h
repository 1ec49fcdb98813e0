// SPDX-License-Identifier: Apache-2.0
//
// SMMUv3's registers for address translation operations (IHI 0070 chapter 9, §6.3.37 to §6.3.40), and those
// of the Secure interface, which have more fields (§6.3.83 to §6.3.86). There is no VATOS group here.

#ifndef SIDEWINDER_IOMMU_LAYOUT_SMMUV3_ATOS_H
#define SIDEWINDER_IOMMU_LAYOUT_SMMUV3_ATOS_H

#include <cstdint>

#include "iommu/layout/bits.h"

namespace sidewinder::layout::smmuv3 {

/// Offsets from the base of register page 0.
namespace page0 {
inline constexpr std::uint32_t GATOS_CTRL = 0x0100, GATOS_SID = 0x0108, GATOS_ADDR = 0x0110,
                               GATOS_PAR = 0x0118;
inline constexpr std::uint32_t S_GATOS_CTRL = 0x8100, S_GATOS_SID = 0x8108, S_GATOS_ADDR = 0x8110,
                               S_GATOS_PAR = 0x8118;
}  // namespace page0

struct GATOS_CTRL : Bits<GATOS_CTRL, std::uint32_t> {  // §6.3.37, §6.3.83
  using RUN = Field<0>;
};

struct GATOS_SID : Bits<GATOS_SID, std::uint64_t> {  // §6.3.38, §6.3.84
  using STREAMID = Field<31, 0>;
  using SUBSTREAMID = Field<51, 32>;
  using SSID_VALID = Field<52>;
  using SSEC = Field<53>;  ///< S_GATOS_SID's alone
};

struct GATOS_ADDR : Bits<GATOS_ADDR, std::uint64_t> {  // §6.3.39, §6.3.85
  using NS = Field<4>;                                 ///< S_GATOS_ADDR's alone, with Secure stage 2
  using HTTUI = Field<6>;
  using InD = Field<7>;
  using RnW = Field<8>;
  using PnU = Field<9>;
  using TYPE = Field<11, 10>;  ///< AtosType
  using ADDR = Field<63, 12>;
};

enum class AtosType : std::uint8_t { Reserved = 0, Stage1 = 1, Stage2 = 2, Stage1And2 = 3 };

/// With FAULT == 0.
struct GATOS_PAR : Bits<GATOS_PAR, std::uint64_t> {  // §6.3.40, §6.3.86
  using FAULT = Field<0>;
  using SH = Field<9, 8>;
  using NS = Field<10>;    ///< S_GATOS_PAR's alone
  using Size = Field<11>;  ///< 0: 4 KiB; 1: the lowest bit of ADDR that is set, N, means 2^(N+1) bytes
  using ADDR = Field<55, 12>;
  using ATTR = Field<63, 56>;  ///< as a byte of MAIR
};

/// With FAULT == 1.
struct GATOS_PAR_FAULT : Bits<GATOS_PAR_FAULT, std::uint64_t> {
  using FAULT = Field<0>;
  using REASON = Field<2, 1>;  ///< AtosReason
  using NSIPA = Field<3>;      ///< S_GATOS_PAR's alone, with Secure stage 2
  using FAULTCODE = Field<11, 4>;
  using FADDR = Field<55, 12>;
};

enum class AtosReason : std::uint8_t { Stage1 = 0, ContextFetch = 1, TableFetch = 2, Input = 3 };

/// FAULTCODEs besides those that are an EventType's number (§9.1.5).
enum class AtosFault : std::uint8_t { INTERNAL_ERR = 0xfd, INV_STAGE = 0xfe, INV_REQ = 0xff };

}  // namespace sidewinder::layout::smmuv3

#endif
