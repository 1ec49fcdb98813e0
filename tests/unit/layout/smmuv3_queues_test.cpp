// SPDX-License-Identifier: Apache-2.0
//
// Fields of events, commands and queue registers against IHI 0070 chapters 4, 6 and 7: those too that no
// model reads.

#include <catch2/catch.hpp>

#include <utility>

#include "iommu/layout/smmuv3_event.h"
#include "iommu/layout/smmuv3_id_regs.h"
#include "iommu/layout/smmuv3_queue.h"

namespace sidewinder::layout::smmuv3 {
namespace {

/// A structure's field lies in these bits of it.
template <typename F>
constexpr bool is(unsigned high, unsigned low) {
  return 64 * F::word + F::shift == low && F::width == high - low + 1;
}

}  // namespace

TEST_CASE("event record fields are where IHI 0070 §7.3 has them") {
  CHECK(is<Event::Type>(7, 0));
  CHECK(is<Event::SSV>(11, 11));
  CHECK(is<Event::SubstreamID>(31, 12));
  CHECK(is<Event::StreamID>(63, 32));
  CHECK(is<Event::STAG>(79, 64));
  CHECK(is<Event::Reason>(79, 64));
  CHECK(is<Event::STALL>(95, 95));
  CHECK(is<Event::PnU>(97, 97));
  CHECK(is<Event::InD>(98, 98));
  CHECK(is<Event::RnW>(99, 99));
  CHECK(is<Event::NSIPA>(102, 102));
  CHECK(is<Event::S2>(103, 103));
  CHECK(is<Event::CLASS>(105, 104));
  CHECK(is<Event::TTRnW>(108, 108));
  CHECK(is<Event::InputAddr>(191, 128));
  CHECK(is<Event::IPA>(247, 204));
  CHECK(is<Event::FetchAddr>(247, 195));
}

TEST_CASE("command fields are where IHI 0070 chapter 4 has them") {
  CHECK(is<Command::OP>(7, 0));
  CHECK(is<Command::SSec>(10, 10));
  CHECK(is<Command::SSV>(11, 11));
  CHECK(is<Command::SubstreamID>(31, 12));
  CHECK(is<Command::StreamID>(63, 32));
  CHECK(is<Command::NUM>(16, 12));
  CHECK(is<Command::SCALE>(25, 20));
  CHECK(is<Command::VMID>(47, 32));
  CHECK(is<Command::ASID>(63, 48));
  CHECK(is<Command::Leaf>(64, 64));
  CHECK(is<Command::NS>(65, 65));
  CHECK(is<Command::TTL>(73, 72));
  CHECK(is<Command::TG>(75, 74));
  CHECK(is<Command::Address>(127, 76));
  CHECK(is<Command::Range>(68, 64));
  CHECK(is<Command::Ac>(12, 12));
  CHECK(is<Command::Ab>(13, 13));
  CHECK(is<Command::STAG>(79, 64));
  CHECK(is<Command::CS>(13, 12));
  CHECK(is<Command::MSH>(23, 22));
  CHECK(is<Command::MSIAttr>(27, 24));
  CHECK(is<Command::MSIData>(63, 32));
  CHECK(is<Command::MSIAddress>(119, 66));
  CHECK(is<Command::Size>(68, 64));
  CHECK(is<Command::Stride>(73, 69));
}

TEST_CASE("queue, error and interrupt register fields are where IHI 0070 §6.3 has them") {
  CHECK(IRQ_CTRL::GERROR_IRQEN::mask == 0x1);
  CHECK(IRQ_CTRL::PRIQ_IRQEN::mask == 0x2);
  CHECK(IRQ_CTRL::EVENTQ_IRQEN::mask == 0x4);
  CHECK(GERROR::CMDQ_ERR::mask == 0x1);
  CHECK(GERROR::EVENTQ_ABT_ERR::mask == 0x4);
  CHECK(GERROR::PRIQ_ABT_ERR::mask == 0x8);
  CHECK(GERROR::MSI_CMDQ_ABT_ERR::mask == 0x10);
  CHECK(GERROR::MSI_EVENTQ_ABT_ERR::mask == 0x20);
  CHECK(GERROR::MSI_PRIQ_ABT_ERR::mask == 0x40);
  CHECK(GERROR::MSI_GERROR_ABT_ERR::mask == 0x80);
  CHECK(GERROR::SFM_ERR::mask == 0x100);
  CHECK(IRQ_CFG0::ADDR::mask == 0x00ff'ffff'ffff'fffc);
  CHECK(IRQ_CFG2::MemAttr::mask == 0xf);
  CHECK(IRQ_CFG2::SH::mask == 0x30);
  CHECK(QUEUE_BASE::LOG2SIZE::mask == 0x1f);
  CHECK(QUEUE_BASE::ADDR::mask == 0x00ff'ffff'ffff'ffe0);
  CHECK(QUEUE_BASE::RA::mask == 0x4000'0000'0000'0000);
  CHECK(QUEUE_BASE::WA::mask == 0x4000'0000'0000'0000);
  CHECK(CMDQ_CONS::RD::mask == 0xf'ffff);
  CHECK(CMDQ_CONS::ERR::mask == 0x7f00'0000);
  CHECK(EVENTQ_PROD::WR::mask == 0xf'ffff);
  CHECK(EVENTQ_PROD::OVFLG::mask == 0x8000'0000);
  CHECK(EVENTQ_CONS::RD::mask == 0xf'ffff);
  CHECK(EVENTQ_CONS::OVACKFLG::mask == 0x8000'0000);
}

TEST_CASE("opcodes, error codes and event numbers are those of IHI 0070 §4.1.1, §7.1 and §7.3") {
  constexpr std::pair<Opcode, unsigned> opcodes[] = {{Opcode::PREFETCH_CONFIG, 0x01},
                                                     {Opcode::PREFETCH_ADDR, 0x02},
                                                     {Opcode::CFGI_STE, 0x03},
                                                     {Opcode::CFGI_STE_RANGE, 0x04},
                                                     {Opcode::CFGI_CD, 0x05},
                                                     {Opcode::CFGI_CD_ALL, 0x06},
                                                     {Opcode::CFGI_VMS_PIDM, 0x07},
                                                     {Opcode::TLBI_NH_ALL, 0x10},
                                                     {Opcode::TLBI_NH_ASID, 0x11},
                                                     {Opcode::TLBI_NH_VA, 0x12},
                                                     {Opcode::TLBI_NH_VAA, 0x13},
                                                     {Opcode::TLBI_EL3_ALL, 0x18},
                                                     {Opcode::TLBI_EL3_VA, 0x1a},
                                                     {Opcode::TLBI_EL2_ALL, 0x20},
                                                     {Opcode::TLBI_EL2_ASID, 0x21},
                                                     {Opcode::TLBI_EL2_VA, 0x22},
                                                     {Opcode::TLBI_EL2_VAA, 0x23},
                                                     {Opcode::TLBI_S12_VMALL, 0x28},
                                                     {Opcode::TLBI_S2_IPA, 0x2a},
                                                     {Opcode::TLBI_NSNH_ALL, 0x30},
                                                     {Opcode::ATC_INV, 0x40},
                                                     {Opcode::PRI_RESP, 0x41},
                                                     {Opcode::RESUME, 0x44},
                                                     {Opcode::STALL_TERM, 0x45},
                                                     {Opcode::SYNC, 0x46},
                                                     {Opcode::TLBI_S_EL2_ALL, 0x50},
                                                     {Opcode::TLBI_S_EL2_ASID, 0x51},
                                                     {Opcode::TLBI_S_EL2_VA, 0x52},
                                                     {Opcode::TLBI_S_EL2_VAA, 0x53},
                                                     {Opcode::TLBI_S_S12_VMALL, 0x58},
                                                     {Opcode::TLBI_S_S2_IPA, 0x5a},
                                                     {Opcode::TLBI_SNH_ALL, 0x60}};
  for (const auto& [opcode, number] : opcodes) CHECK(static_cast<unsigned>(opcode) == number);
  CHECK(static_cast<unsigned>(Cerror::None) == 0);
  CHECK(static_cast<unsigned>(Cerror::Ill) == 1);
  CHECK(static_cast<unsigned>(Cerror::Abt) == 2);
  CHECK(static_cast<unsigned>(Cerror::AtcInvSync) == 3);
  constexpr EventType events[] = {EventType::F_UUT,
                                  EventType::C_BAD_STREAMID,
                                  EventType::F_STE_FETCH,
                                  EventType::C_BAD_STE,
                                  EventType::F_BAD_ATS_TREQ,
                                  EventType::F_STREAM_DISABLED,
                                  EventType::F_TRANSL_FORBIDDEN,
                                  EventType::C_BAD_SUBSTREAMID,
                                  EventType::F_CD_FETCH,
                                  EventType::C_BAD_CD,
                                  EventType::F_WALK_EABT};
  for (unsigned number = 1; number <= 11; ++number)
    CHECK(static_cast<unsigned>(events[number - 1]) == number);
  CHECK(static_cast<unsigned>(EventType::F_TRANSLATION) == 0x10);
  CHECK(static_cast<unsigned>(EventType::F_ADDR_SIZE) == 0x11);
  CHECK(static_cast<unsigned>(EventType::F_ACCESS) == 0x12);
  CHECK(static_cast<unsigned>(EventType::F_PERMISSION) == 0x13);
}

TEST_CASE("peripheral and component identification is where IHI 0070 §6.3.170 has it") {
  CHECK(page0::PIDR4 == 0xfd0);
  CHECK(page0::PIDR5 == 0xfd4);
  CHECK(page0::PIDR6 == 0xfd8);
  CHECK(page0::PIDR7 == 0xfdc);
  CHECK(page0::PIDR0 == 0xfe0);
  CHECK(page0::PIDR1 == 0xfe4);
  CHECK(page0::PIDR2 == 0xfe8);
  CHECK(page0::PIDR3 == 0xfec);
  CHECK(page0::CIDR0 == 0xff0);
  CHECK(page0::CIDR1 == 0xff4);
  CHECK(page0::CIDR2 == 0xff8);
  CHECK(page0::CIDR3 == 0xffc);
  CHECK(PIDR0::PART_0::mask == 0xff);
  CHECK(PIDR1::PART_1::mask == 0x0f);
  CHECK(PIDR1::DES_0::mask == 0xf0);
  CHECK(PIDR2::DES_1::mask == 0x07);
  CHECK(PIDR2::JEDEC::mask == 0x08);
  CHECK(PIDR2::REVISION::mask == 0xf0);
  CHECK(PIDR3::CMOD::mask == 0x0f);
  CHECK(PIDR3::REVAND::mask == 0xf0);
  CHECK(PIDR4::DES_2::mask == 0x0f);
  CHECK(PIDR4::SIZE::mask == 0xf0);
}

TEST_CASE("queue, error and interrupt registers are where IHI 0070 §6.2 has them") {
  CHECK(page0::STATUSR == 0x40);
  CHECK(page0::AGBPA == 0x48);
  CHECK(page0::IRQ_CTRL == 0x50);
  CHECK(page0::IRQ_CTRLACK == 0x54);
  CHECK(page0::GERROR == 0x60);
  CHECK(page0::GERRORN == 0x64);
  CHECK(page0::GERROR_IRQ_CFG0 == 0x68);
  CHECK(page0::GERROR_IRQ_CFG1 == 0x70);
  CHECK(page0::GERROR_IRQ_CFG2 == 0x74);
  CHECK(page0::CMDQ_BASE == 0x90);
  CHECK(page0::CMDQ_PROD == 0x98);
  CHECK(page0::CMDQ_CONS == 0x9c);
  CHECK(page0::EVENTQ_BASE == 0xa0);
  CHECK(page0::EVENTQ_IRQ_CFG0 == 0xb0);
  CHECK(page0::EVENTQ_IRQ_CFG1 == 0xb8);
  CHECK(page0::EVENTQ_IRQ_CFG2 == 0xbc);
  CHECK(page0::S_EVENTQ_PROD == 0x80a8);
  CHECK(page0::S_EVENTQ_CONS == 0x80ac);
  CHECK(page0::secure == 0x8000);
  CHECK(page1::EVENTQ_PROD == 0x100a8);
  CHECK(page1::EVENTQ_CONS == 0x100ac);
}

}  // namespace sidewinder::layout::smmuv3
