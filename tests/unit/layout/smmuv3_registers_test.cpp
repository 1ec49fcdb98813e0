// SPDX-License-Identifier: Apache-2.0
//
// Masks and offsets against IHI 0070 §6.2 and §6.3.

#include <catch2/catch.hpp>

#include "iommu/layout/smmuv3_control.h"
#include "iommu/layout/smmuv3_id.h"

namespace sidewinder::layout::smmuv3 {

TEST_CASE("identification and control registers are where IHI 0070 §6.2 has them") {
  CHECK(page0::IDR0 == 0x0);
  CHECK(page0::IDR1 == 0x4);
  CHECK(page0::IDR2 == 0x8);
  CHECK(page0::IDR3 == 0xc);
  CHECK(page0::IDR4 == 0x10);
  CHECK(page0::IDR5 == 0x14);
  CHECK(page0::IIDR == 0x18);
  CHECK(page0::AIDR == 0x1c);
  CHECK(page0::CR0 == 0x20);
  CHECK(page0::CR0ACK == 0x24);
  CHECK(page0::CR1 == 0x28);
  CHECK(page0::CR2 == 0x2c);
  CHECK(page0::GBPA == 0x44);
  CHECK(page0::STRTAB_BASE == 0x80);
  CHECK(page0::STRTAB_BASE_CFG == 0x88);
  CHECK(page0::S_IDR0 == 0x8000);
  CHECK(page0::S_IDR1 == 0x8004);
  CHECK(page0::S_IDR2 == 0x8008);
  CHECK(page0::S_IDR3 == 0x800c);
  CHECK(page0::S_IDR4 == 0x8010);
  CHECK(page0::S_CR0 == 0x8020);
  CHECK(page0::S_CR0ACK == 0x8024);
  CHECK(page0::S_CR1 == 0x8028);
  CHECK(page0::S_CR2 == 0x802c);
  CHECK(page0::S_INIT == 0x803c);
  CHECK(page0::S_GBPA == 0x8044);
  CHECK(page0::S_STRTAB_BASE == 0x8080);
  CHECK(page0::S_STRTAB_BASE_CFG == 0x8088);
}

TEST_CASE("identification register fields are where IHI 0070 §6.3 has them") {
  CHECK(IDR0::S2P::mask == 0x1);
  CHECK(IDR0::S1P::mask == 0x2);
  CHECK(IDR0::TTF::mask == 0xc);
  CHECK(IDR0::COHACC::mask == 0x10);
  CHECK(IDR0::BTM::mask == 0x20);
  CHECK(IDR0::HTTU::mask == 0xc0);
  CHECK(IDR0::DORMHINT::mask == 0x100);
  CHECK(IDR0::Hyp::mask == 0x200);
  CHECK(IDR0::ATS::mask == 0x400);
  CHECK(IDR0::NS1ATS::mask == 0x800);
  CHECK(IDR0::ASID16::mask == 0x1000);
  CHECK(IDR0::MSI::mask == 0x2000);
  CHECK(IDR0::SEV::mask == 0x4000);
  CHECK(IDR0::ATOS::mask == 0x8000);
  CHECK(IDR0::PRI::mask == 0x1'0000);
  CHECK(IDR0::VMW::mask == 0x2'0000);
  CHECK(IDR0::VMID16::mask == 0x4'0000);
  CHECK(IDR0::CD2L::mask == 0x8'0000);
  CHECK(IDR0::VATOS::mask == 0x10'0000);
  CHECK(IDR0::TTENDIAN::mask == 0x60'0000);
  CHECK(IDR0::ATSRECERR::mask == 0x80'0000);
  CHECK(IDR0::STALL_MODEL::mask == 0x300'0000);
  CHECK(IDR0::TERM_MODEL::mask == 0x400'0000);
  CHECK(IDR0::ST_LEVEL::mask == 0x1800'0000);
  CHECK(IDR1::SIDSIZE::mask == 0x3f);
  CHECK(IDR1::SSIDSIZE::mask == 0x7c0);
  CHECK(IDR1::PRIQS::mask == 0xf800);
  CHECK(IDR1::EVENTQS::mask == 0x1f'0000);
  CHECK(IDR1::CMDQS::mask == 0x3e0'0000);
  CHECK(IDR1::ATTR_PERMS_OVR::mask == 0x400'0000);
  CHECK(IDR1::ATTR_TYPES_OVR::mask == 0x800'0000);
  CHECK(IDR1::REL::mask == 0x1000'0000);
  CHECK(IDR1::QUEUES_PRESET::mask == 0x2000'0000);
  CHECK(IDR1::TABLES_PRESET::mask == 0x4000'0000);
  CHECK(IDR2::BA_VATOS::mask == 0x3ff);
  CHECK(IDR3::HAD::mask == 0x4);
  CHECK(IDR3::XNX::mask == 0x10);
  CHECK(IDR3::PPS::mask == 0x20);
  CHECK(IDR3::FWB::mask == 0x100);
  CHECK(IDR3::STT::mask == 0x200);
  CHECK(IDR3::RIL::mask == 0x400);
  CHECK(IDR3::BBML::mask == 0x1800);
  CHECK(IDR3::E0PD::mask == 0x2000);
  CHECK(IDR3::PTWNNC::mask == 0x4000);
  CHECK(IDR5::OAS::mask == 0x7);
  CHECK(IDR5::GRAN4K::mask == 0x10);
  CHECK(IDR5::GRAN16K::mask == 0x20);
  CHECK(IDR5::GRAN64K::mask == 0x40);
  CHECK(IDR5::DS::mask == 0x80);
  CHECK(IDR5::VAX::mask == 0xc00);
  CHECK(IDR5::STALL_MAX::mask == 0xffff'0000);
  CHECK(IIDR::Implementer::mask == 0xfff);
  CHECK(IIDR::Revision::mask == 0xf000);
  CHECK(IIDR::Variant::mask == 0xf'0000);
  CHECK(IIDR::ProductID::mask == 0xfff0'0000);
  CHECK(AIDR::ArchMinorRev::mask == 0xf);
  CHECK(AIDR::ArchMajorRev::mask == 0xf0);
  CHECK(S_IDR0::MSI::mask == 0x2000);
  CHECK(S_IDR0::STALL_MODEL::mask == 0x300'0000);
  CHECK(S_IDR1::S_SIDSIZE::mask == 0x3f);
  CHECK(S_IDR1::SEL2::mask == 0x2000'0000);
  CHECK(S_IDR1::SECURE_IMPL::mask == 0x8000'0000);
  CHECK(S_IDR2::BA_S_VATOS::mask == 0x3ff);
  CHECK(S_IDR3::SAMS::mask == 0x40);
}

TEST_CASE("control register fields are where IHI 0070 §6.3 has them") {
  CHECK(CR0::SMMUEN::mask == 0x1);
  CHECK(CR0::PRIQEN::mask == 0x2);
  CHECK(CR0::EVENTQEN::mask == 0x4);
  CHECK(CR0::CMDQEN::mask == 0x8);
  CHECK(CR0::ATSCHK::mask == 0x10);
  CHECK(S_CR0::SMMUEN::mask == 0x1);
  CHECK(S_CR0::EVENTQEN::mask == 0x4);
  CHECK(S_CR0::CMDQEN::mask == 0x8);
  CHECK(S_CR0::SIF::mask == 0x20);
  CHECK(S_CR0::NSSTALLD::mask == 0x200);
  CHECK(CR1::QUEUE_IC::mask == 0x3);
  CHECK(CR1::QUEUE_OC::mask == 0xc);
  CHECK(CR1::QUEUE_SH::mask == 0x30);
  CHECK(CR1::TABLE_IC::mask == 0xc0);
  CHECK(CR1::TABLE_OC::mask == 0x300);
  CHECK(CR1::TABLE_SH::mask == 0xc00);
  CHECK(CR2::E2H::mask == 0x1);
  CHECK(CR2::RECINVSID::mask == 0x2);
  CHECK(CR2::PTM::mask == 0x4);
  CHECK(CR2::REC_CFG_ATS::mask == 0x8);
  CHECK(S_CR2::E2H::mask == 0x1);
  CHECK(S_CR2::RECINVSID::mask == 0x2);
  CHECK(S_CR2::PTM::mask == 0x4);
  CHECK(S_INIT::INV_ALL::mask == 0x1);
  CHECK(GBPA::MemAttr::mask == 0xf);
  CHECK(GBPA::MTCFG::mask == 0x10);
  CHECK(GBPA::ALLOCCFG::mask == 0xf00);
  CHECK(GBPA::SHCFG::mask == 0x3000);
  CHECK(GBPA::PRIVCFG::mask == 0x3'0000);
  CHECK(GBPA::INSTCFG::mask == 0xc'0000);
  CHECK(GBPA::ABORT::mask == 0x10'0000);
  CHECK(GBPA::Update::mask == 0x8000'0000);
  CHECK(S_GBPA::MemAttr::mask == 0xf);
  CHECK(S_GBPA::MTCFG::mask == 0x10);
  CHECK(S_GBPA::ALLOCCFG::mask == 0xf00);
  CHECK(S_GBPA::SHCFG::mask == 0x3000);
  CHECK(S_GBPA::NSCFG::mask == 0xc000);
  CHECK(S_GBPA::PRIVCFG::mask == 0x3'0000);
  CHECK(S_GBPA::INSTCFG::mask == 0xc'0000);
  CHECK(S_GBPA::ABORT::mask == 0x10'0000);
  CHECK(S_GBPA::Update::mask == 0x8000'0000);
  CHECK(STRTAB_BASE::ADDR::mask == 0xff'ffff'ffff'ffc0);
  CHECK(STRTAB_BASE::RA::mask == 0x4000'0000'0000'0000);
  CHECK(STRTAB_BASE_CFG::LOG2SIZE::mask == 0x3f);
  CHECK(STRTAB_BASE_CFG::SPLIT::mask == 0x7c0);
  CHECK(STRTAB_BASE_CFG::FMT::mask == 0x3'0000);
}

TEST_CASE("SMMUv3's address sizes and their encodings") {
  for (const auto& [bits, encoding] :
       {std::pair{32U, 0U}, {36U, 1U}, {40U, 2U}, {42U, 3U}, {44U, 4U}, {48U, 5U}, {52U, 6U}})
    CHECK(address_encoding(bits) == encoding);
  for (const unsigned bits : {0U, 31U, 33U, 49U, 56U, 64U}) CHECK_FALSE(address_encoding(bits));
}

}  // namespace sidewinder::layout::smmuv3
