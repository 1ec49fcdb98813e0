// SPDX-License-Identifier: Apache-2.0
//
// Each field alone, against its bits as IHI 0070 §5.1 to §5.4 draw them.

#include <catch2/catch.hpp>

#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"

namespace sidewinder::layout::smmuv3 {
namespace {

/// The structure with all of one field set, and no other bit, is 0 but for one word.
template <typename F>
void check_field(std::size_t word, std::uint64_t mask) {
  using Self = typename F::Owner;
  INFO("word " << word << ", mask " << std::hex << mask);
  Self alone;
  alone.template set<F>(~std::uint64_t{0});
  decltype(alone.words) expected{};
  expected[word] = mask;
  CHECK(alone.words == expected);

  decltype(alone.words) ones{};
  ones.fill(~std::uint64_t{0});
  CHECK(Self::of(ones).template get<F>() == F::max);
  CHECK(Self::of(ones).template address<F>() == mask);
  ones[word] = ~mask;
  CHECK(Self::of(ones).template get<F>() == 0);
}

}  // namespace

TEST_CASE("STE fields are where IHI 0070 §5.2 has them") {
  check_field<Ste::V>(0, 0x0000'0000'0000'0001);
  check_field<Ste::Config>(0, 0x0000'0000'0000'000e);
  check_field<Ste::S1Fmt>(0, 0x0000'0000'0000'0030);
  check_field<Ste::S1ContextPtr>(0, 0x00ff'ffff'ffff'ffc0);
  check_field<Ste::S1CDMax>(0, 0xf800'0000'0000'0000);
  check_field<Ste::S1DSS>(1, 0x0000'0000'0000'0003);
  check_field<Ste::S1CIR>(1, 0x0000'0000'0000'000c);
  check_field<Ste::S1COR>(1, 0x0000'0000'0000'0030);
  check_field<Ste::S1CSH>(1, 0x0000'0000'0000'00c0);
  check_field<Ste::DRE>(1, 0x0000'0000'0000'1000);
  check_field<Ste::CONT>(1, 0x0000'0000'0001'e000);
  check_field<Ste::DCP>(1, 0x0000'0000'0002'0000);
  check_field<Ste::PPAR>(1, 0x0000'0000'0004'0000);
  check_field<Ste::MEV>(1, 0x0000'0000'0008'0000);
  check_field<Ste::S2FWB>(1, 0x0000'0000'0200'0000);
  check_field<Ste::S1STALLD>(1, 0x0000'0000'0800'0000);
  check_field<Ste::EATS>(1, 0x0000'0000'3000'0000);
  check_field<Ste::STRW>(1, 0x0000'0000'c000'0000);
  check_field<Ste::MemAttr>(1, 0x0000'000f'0000'0000);
  check_field<Ste::MTCFG>(1, 0x0000'0010'0000'0000);
  check_field<Ste::ALLOCCFG>(1, 0x0000'01e0'0000'0000);
  check_field<Ste::SHCFG>(1, 0x0000'3000'0000'0000);
  check_field<Ste::NSCFG>(1, 0x0000'c000'0000'0000);
  check_field<Ste::PRIVCFG>(1, 0x0003'0000'0000'0000);
  check_field<Ste::INSTCFG>(1, 0x000c'0000'0000'0000);
  check_field<Ste::S2VMID>(2, 0x0000'0000'0000'ffff);
  check_field<Ste::S2T0SZ>(2, 0x0000'003f'0000'0000);
  check_field<Ste::S2SL0>(2, 0x0000'00c0'0000'0000);
  check_field<Ste::S2IR0>(2, 0x0000'0300'0000'0000);
  check_field<Ste::S2OR0>(2, 0x0000'0c00'0000'0000);
  check_field<Ste::S2SH0>(2, 0x0000'3000'0000'0000);
  check_field<Ste::S2TG>(2, 0x0000'c000'0000'0000);
  check_field<Ste::S2PS>(2, 0x0007'0000'0000'0000);
  check_field<Ste::S2AA64>(2, 0x0008'0000'0000'0000);
  check_field<Ste::S2ENDI>(2, 0x0010'0000'0000'0000);
  check_field<Ste::S2AFFD>(2, 0x0020'0000'0000'0000);
  check_field<Ste::S2PTW>(2, 0x0040'0000'0000'0000);
  check_field<Ste::S2HD>(2, 0x0080'0000'0000'0000);
  check_field<Ste::S2HA>(2, 0x0100'0000'0000'0000);
  check_field<Ste::S2S>(2, 0x0200'0000'0000'0000);
  check_field<Ste::S2R>(2, 0x0400'0000'0000'0000);
  check_field<Ste::S2NSW>(3, 0x0000'0000'0000'0001);
  check_field<Ste::S2NSA>(3, 0x0000'0000'0000'0002);
  check_field<Ste::S2SL0_2>(3, 0x0000'0000'0000'0004);
  check_field<Ste::S2DS>(3, 0x0000'0000'0000'0008);
  check_field<Ste::S2TTB>(3, 0x000f'ffff'ffff'fff0);
  check_field<Ste::S_S2T0SZ>(4, 0x0000'003f'0000'0000);
  check_field<Ste::S_S2SL0>(4, 0x0000'00c0'0000'0000);
  check_field<Ste::S_S2TG>(4, 0x0000'c000'0000'0000);
  check_field<Ste::S2SW>(6, 0x0000'0000'0000'0001);
  check_field<Ste::S2SA>(6, 0x0000'0000'0000'0002);
  check_field<Ste::S_S2SL0_2>(6, 0x0000'0000'0000'0004);
  check_field<Ste::S_S2TTB>(6, 0x000f'ffff'ffff'fff0);
}

TEST_CASE("CD fields are where IHI 0070 §5.4 has them") {
  check_field<Cd::T0SZ>(0, 0x0000'0000'0000'003f);
  check_field<Cd::TG0>(0, 0x0000'0000'0000'00c0);
  check_field<Cd::IR0>(0, 0x0000'0000'0000'0300);
  check_field<Cd::OR0>(0, 0x0000'0000'0000'0c00);
  check_field<Cd::SH0>(0, 0x0000'0000'0000'3000);
  check_field<Cd::EPD0>(0, 0x0000'0000'0000'4000);
  check_field<Cd::ENDI>(0, 0x0000'0000'0000'8000);
  check_field<Cd::T1SZ>(0, 0x0000'0000'003f'0000);
  check_field<Cd::TG1>(0, 0x0000'0000'00c0'0000);
  check_field<Cd::IR1>(0, 0x0000'0000'0300'0000);
  check_field<Cd::OR1>(0, 0x0000'0000'0c00'0000);
  check_field<Cd::SH1>(0, 0x0000'0000'3000'0000);
  check_field<Cd::EPD1>(0, 0x0000'0000'4000'0000);
  check_field<Cd::V>(0, 0x0000'0000'8000'0000);
  check_field<Cd::IPS>(0, 0x0000'0007'0000'0000);
  check_field<Cd::AFFD>(0, 0x0000'0008'0000'0000);
  check_field<Cd::WXN>(0, 0x0000'0010'0000'0000);
  check_field<Cd::UWXN>(0, 0x0000'0020'0000'0000);
  check_field<Cd::TBI0>(0, 0x0000'0040'0000'0000);
  check_field<Cd::TBI1>(0, 0x0000'0080'0000'0000);
  check_field<Cd::PAN>(0, 0x0000'0100'0000'0000);
  check_field<Cd::AA64>(0, 0x0000'0200'0000'0000);
  check_field<Cd::HD>(0, 0x0000'0400'0000'0000);
  check_field<Cd::HA>(0, 0x0000'0800'0000'0000);
  check_field<Cd::S>(0, 0x0000'1000'0000'0000);
  check_field<Cd::R>(0, 0x0000'2000'0000'0000);
  check_field<Cd::A>(0, 0x0000'4000'0000'0000);
  check_field<Cd::ASET>(0, 0x0000'8000'0000'0000);
  check_field<Cd::ASID>(0, 0xffff'0000'0000'0000);
  check_field<Cd::NSCFG0>(1, 0x0000'0000'0000'0001);
  check_field<Cd::HAD0>(1, 0x0000'0000'0000'0002);
  check_field<Cd::E0PD0>(1, 0x0000'0000'0000'0004);
  check_field<Cd::TTB0>(1, 0x000f'ffff'ffff'fff0);
  check_field<Cd::NSCFG1>(2, 0x0000'0000'0000'0001);
  check_field<Cd::HAD1>(2, 0x0000'0000'0000'0002);
  check_field<Cd::E0PD1>(2, 0x0000'0000'0000'0004);
  check_field<Cd::TTB1>(2, 0x000f'ffff'ffff'fff0);
  check_field<Cd::DS>(2, 0x0400'0000'0000'0000);
  check_field<Cd::MAIR0>(3, 0x0000'0000'ffff'ffff);
  check_field<Cd::MAIR1>(3, 0xffff'ffff'0000'0000);
}

TEST_CASE("L1STD and L1CD fields are where IHI 0070 §5.1 and §5.3 have them") {
  CHECK(L1std::Span::mask == 0x1f);
  CHECK(L1std::L2Ptr::mask == 0x00ff'ffff'ffff'ffc0);
  CHECK(L1cd::V::mask == 0x1);
  CHECK(L1cd::L2Ptr::mask == 0x00ff'ffff'ffff'f000);
}

TEST_CASE("an STE made by hand reads as it was meant") {
  // Stage 1 and 2: S1ContextPtr 0x12'3456'7000, two-level of 4 KiB leaves, 2^10 CDs, VMID 0x55, VTCR as KVM's
  // 40 bits.
  const auto ste = Ste::of({0x5000'0012'3456'701f, 0x0000'1000'0800'0056, 0x044d'3558'0000'0055,
                            0x0000'0089'abcd'e000, 0, 0, 0, 0});
  CHECK(ste.is_set<Ste::V>());
  CHECK(ste.get<Ste::Config>() == 7);
  CHECK(ste.get<Ste::S1Fmt>() == 1);
  CHECK(ste.address<Ste::S1ContextPtr>() == 0x12'3456'7000);
  CHECK(ste.get<Ste::S1CDMax>() == 10);
  CHECK(ste.get<Ste::S1DSS>() == 2);
  CHECK(ste.get<Ste::S1CIR>() == 1);
  CHECK(ste.get<Ste::S1COR>() == 1);
  CHECK(ste.get<Ste::S1CSH>() == 1);
  CHECK(ste.is_set<Ste::S1STALLD>());
  CHECK(ste.get<Ste::SHCFG>() == 1);
  CHECK(ste.get<Ste::S2VMID>() == 0x55);
  CHECK(ste.get<Ste::S2T0SZ>() == 24);
  CHECK(ste.get<Ste::S2SL0>() == 1);
  CHECK(ste.get<Ste::S2IR0>() == 1);
  CHECK(ste.get<Ste::S2OR0>() == 1);
  CHECK(ste.get<Ste::S2SH0>() == 3);
  CHECK(ste.get<Ste::S2TG>() == 0);
  CHECK(ste.get<Ste::S2PS>() == 5);
  CHECK(ste.is_set<Ste::S2AA64>());
  CHECK(ste.is_set<Ste::S2PTW>());
  CHECK(ste.is_set<Ste::S2R>());
  CHECK(ste.address<Ste::S2TTB>() == 0x89'abcd'e000);
}

}  // namespace sidewinder::layout::smmuv3
