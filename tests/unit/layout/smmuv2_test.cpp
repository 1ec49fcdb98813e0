// SPDX-License-Identifier: Apache-2.0
//
// The layout against the numbers that Linux 6.1's drivers/iommu/arm/arm-smmu uses, and, where Linux has none,
// IHI 0062D.c's.

#include "iommu/layout/smmuv2.h"

#include <catch2/catch.hpp>

#include "iommu/layout/vmsa64.h"

namespace sidewinder::layout::smmuv2 {

TEST_CASE("global register offsets") {
  CHECK(gr0::sCR0 == 0x0);
  CHECK(gr0::sACR == 0x10);
  CHECK(gr0::IDR0 == 0x20);
  CHECK(gr0::IDR1 == 0x24);
  CHECK(gr0::IDR2 == 0x28);
  CHECK(gr0::IDR7 == 0x3c);
  CHECK(gr0::sGFAR == 0x40);
  CHECK(gr0::sGFSR == 0x48);
  CHECK(gr0::sGFSRRESTORE == 0x4c);
  CHECK(gr0::sGFSYNR0 == 0x50);
  CHECK(gr0::sGFSYNR1 == 0x54);
  CHECK(gr0::sGFSYNR2 == 0x58);
  CHECK(gr0::TLBIVMID == 0x64);
  CHECK(gr0::TLBIALLNSNH == 0x68);
  CHECK(gr0::TLBIALLH == 0x6c);
  CHECK(gr0::sTLBGSYNC == 0x70);
  CHECK(gr0::sTLBGSTATUS == 0x74);
  CHECK(gr0::TLBIVMIDS1 == 0xb8);
  CHECK(gr0::SMR == 0x800);
  CHECK(gr0::S2CR == 0xc00);
  CHECK(gr1::CBAR == 0x0);
  CHECK(gr1::CBFRSYNRA == 0x400);
  CHECK(gr1::CBA2R == 0x800);
}

TEST_CASE("context bank register offsets") {
  CHECK(cb::SCTLR == 0x0);
  CHECK(cb::ACTLR == 0x4);
  CHECK(cb::RESUME == 0x8);
  CHECK(cb::TCR2 == 0x10);
  CHECK(cb::TTBR0 == 0x20);
  CHECK(cb::TTBR1 == 0x28);
  CHECK(cb::TCR == 0x30);
  CHECK(cb::CONTEXTIDR == 0x34);
  CHECK(cb::MAIR0 == 0x38);
  CHECK(cb::MAIR1 == 0x3c);
  CHECK(cb::FSR == 0x58);
  CHECK(cb::FSRRESTORE == 0x5c);
  CHECK(cb::FAR == 0x60);
  CHECK(cb::FSYNR0 == 0x68);
  CHECK(cb::FSYNR1 == 0x6c);
  CHECK(cb::TLBIVA == 0x600);
  CHECK(cb::TLBIVAA == 0x608);
  CHECK(cb::TLBIASID == 0x610);
  CHECK(cb::TLBIALL == 0x618);
  CHECK(cb::TLBIVAL == 0x620);
  CHECK(cb::TLBIVAAL == 0x628);
  CHECK(cb::TLBSYNC == 0x7f0);
  CHECK(cb::TLBSTATUS == 0x7f4);
}

TEST_CASE("global register fields") {
  CHECK(sCR0::CLIENTPD::mask == 1U << 0);
  CHECK(sCR0::GFRE::mask == 1U << 1);
  CHECK(sCR0::GFIE::mask == 1U << 2);
  CHECK(sCR0::EXIDENABLE::mask == 1U << 3);
  CHECK(sCR0::GCFGFRE::mask == 1U << 4);
  CHECK(sCR0::GCFGFIE::mask == 1U << 5);
  CHECK(sCR0::STALLD::mask == 1U << 8);
  CHECK(sCR0::GSE::mask == 1U << 9);
  CHECK(sCR0::USFCFG::mask == 1U << 10);
  CHECK(sCR0::VMIDPNE::mask == 1U << 11);
  CHECK(sCR0::PTM::mask == 1U << 12);
  CHECK(sCR0::FB::mask == 1U << 13);
  CHECK(sCR0::BSU::mask == 3U << 14);
  CHECK(sCR0::SMCFCFG::mask == 1U << 21);
  CHECK(sCR0::VMID16EN::mask == 1U << 31);
  CHECK(sACR::SMTNMB_TLBEN::mask == 1U << 8);
  CHECK(sACR::S2CRB_TLBEN::mask == 1U << 10);
  CHECK(sACR::CACHE_LOCK::mask == 1U << 26);
  CHECK(sGFSR::ICF::mask == 1U << 0);
  CHECK(sGFSR::USF::mask == 1U << 1);
  CHECK(sGFSR::SMCF::mask == 1U << 2);
  CHECK(sGFSR::UCBF::mask == 1U << 3);
  CHECK(sGFSR::CAF::mask == 1U << 5);
  CHECK(sGFSR::MULTI::mask == 1U << 31);
  CHECK(sGFSYNR0::Nested::mask == 1U << 0);
  CHECK(sGFSYNR0::WNR::mask == 1U << 1);
  CHECK(sGFSYNR0::PNU::mask == 1U << 2);
  CHECK(sGFSYNR0::IND::mask == 1U << 3);
  CHECK(SMR::ID::mask == 0x7fff);
  CHECK(SMR::MASK::mask == 0x7fff'0000);
  CHECK(SMR::VALID::mask == 1U << 31);
  CHECK(S2CR::CBNDX::mask == 0xff);
  CHECK(S2CR::TYPE::mask == 3U << 16);
  CHECK(S2CR::PRIVCFG::mask == 3U << 24);
  CHECK(S2CR::INSTCFG::mask == 3U << 26);
  CHECK(CBAR::VMID::mask == 0xff);
  CHECK(CBAR::BPSHCFG::mask == 3U << 8);
  CHECK(CBAR::MemAttr::mask == 0xfU << 12);
  CHECK(CBAR::TYPE::mask == 3U << 16);
  CHECK(CBA2R::VA64::mask == 1U);
  CHECK(CBA2R::VMID16::mask == 0xffff'0000);
}

TEST_CASE("identification register fields") {
  CHECK(IDR0::NUMSMRG::mask == 0xff);
  CHECK(IDR0::EXIDS::mask == 1U << 8);
  CHECK(IDR0::NUMSIDB::mask == 0xfU << 9);
  CHECK(IDR0::BTM::mask == 1U << 13);
  CHECK(IDR0::CTTW::mask == 1U << 14);
  CHECK(IDR0::NUMIRPT::mask == 0xffU << 16);
  CHECK(IDR0::PTFS::mask == 3U << 24);
  CHECK(IDR0::ATOSNS::mask == 1U << 26);
  CHECK(IDR0::SMS::mask == 1U << 27);
  CHECK(IDR0::NTS::mask == 1U << 28);
  CHECK(IDR0::S2TS::mask == 1U << 29);
  CHECK(IDR0::S1TS::mask == 1U << 30);
  CHECK(IDR1::NUMCB::mask == 0xff);
  CHECK(IDR1::SMCD::mask == 1U << 15);
  CHECK(IDR1::NUMS2CB::mask == 0xffU << 16);
  CHECK(IDR1::NUMPAGENDXB::mask == 7U << 28);
  CHECK(IDR1::PAGESIZE::mask == 1U << 31);
  CHECK(IDR2::IAS::mask == 0xf);
  CHECK(IDR2::OAS::mask == 0xf0);
  CHECK(IDR2::UBS::mask == 0xf00);
  CHECK(IDR2::PTFSv8_4kB::mask == 1U << 12);
  CHECK(IDR2::PTFSv8_16kB::mask == 1U << 13);
  CHECK(IDR2::PTFSv8_64kB::mask == 1U << 14);
  CHECK(IDR2::VMID16S::mask == 1U << 15);
  CHECK(IDR7::MAJOR::mask == 0xf0);
  CHECK(IDR7::MINOR::mask == 0x0f);
}

TEST_CASE("context bank register fields") {
  CHECK(SCTLR::M::mask == 1U << 0);
  CHECK(SCTLR::TRE::mask == 1U << 1);
  CHECK(SCTLR::AFE::mask == 1U << 2);
  CHECK(SCTLR::AFFD::mask == 1U << 3);
  CHECK(SCTLR::E::mask == 1U << 4);
  CHECK(SCTLR::CFRE::mask == 1U << 5);
  CHECK(SCTLR::CFIE::mask == 1U << 6);
  CHECK(SCTLR::CFCFG::mask == 1U << 7);
  CHECK(SCTLR::HUPCF::mask == 1U << 8);
  CHECK(SCTLR::WXN::mask == 1U << 9);
  CHECK(SCTLR::UWXN::mask == 1U << 10);
  CHECK(SCTLR::ASIDPNE::mask == 1U << 12);
  CHECK(ACTLR::CPRE::mask == 1U << 1);
  CHECK(TCR::T0SZ::mask == 0x3f);
  CHECK(TCR::EPD0::mask == 1U << 7);
  CHECK(TCR::IRGN0::mask == 3U << 8);
  CHECK(TCR::ORGN0::mask == 3U << 10);
  CHECK(TCR::SH0::mask == 3U << 12);
  CHECK(TCR::TG0::mask == 3U << 14);
  CHECK(TCR::T1SZ::mask == 0x3fU << 16);
  CHECK(TCR::A1::mask == 1U << 22);
  CHECK(TCR::EPD1::mask == 1U << 23);
  CHECK(TCR::IRGN1::mask == 3U << 24);
  CHECK(TCR::ORGN1::mask == 3U << 26);
  CHECK(TCR::SH1::mask == 3U << 28);
  CHECK(TCR::TG1::mask == 3U << 30);
  CHECK(TCR2::PASize::mask == 7);
  CHECK(TCR2::AS::mask == 1U << 4);
  CHECK(TCR2::TBI0::mask == 1U << 5);
  CHECK(TCR2::TBI1::mask == 1U << 6);
  CHECK(TCR2::SEP::mask == 7U << 15);
  CHECK(TTBR::ASID::mask == 0xffff'0000'0000'0000);
  CHECK(FSR::TF::mask == 1U << 1);
  CHECK(FSR::AFF::mask == 1U << 2);
  CHECK(FSR::PF::mask == 1U << 3);
  CHECK(FSR::EF::mask == 1U << 4);
  CHECK(FSR::TLBMCF::mask == 1U << 5);
  CHECK(FSR::TLBLKF::mask == 1U << 6);
  CHECK(FSR::ASF::mask == 1U << 7);
  CHECK(FSR::UUT::mask == 1U << 8);
  CHECK(FSR::Format::mask == 3U << 9);
  CHECK(FSR::SS::mask == 1U << 30);
  CHECK(FSR::MULTI::mask == 1U << 31);
  CHECK(FSYNR0::PLVL::mask == 3);
  CHECK(FSYNR0::WNR::mask == 1U << 4);
  CHECK(FSYNR0::PNU::mask == 1U << 5);
  CHECK(FSYNR0::IND::mask == 1U << 6);
  CHECK(FSYNR0::NSATTR::mask == 1U << 8);
  CHECK(FSYNR0::PTWF::mask == 1U << 10);
  CHECK(FSYNR0::AFR::mask == 1U << 11);
  CHECK(FSYNR0::S1CBNDX::mask == 0xff'0000U);
  CHECK(TLBIVA::Address::mask == 0x0fff'ffff'ffff);
  CHECK(TLBIVA::ASID::mask == 0xffff'0000'0000'0000);
  CHECK(TLBSTATUS::SACTIVE::mask == 1U);
}

TEST_CASE("the address size encodings, reserved ones as 48 bits") {
  const unsigned bits[] = {32, 36, 40, 42, 44, 48, 48, 48};
  for (std::uint32_t code = 0; code < 8; ++code) CHECK(address_bits(code) == bits[code]);
}

}  // namespace sidewinder::layout::smmuv2
