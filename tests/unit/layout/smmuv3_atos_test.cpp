// SPDX-License-Identifier: Apache-2.0
//
// Masks and offsets against IHI 0070 §6.3.37 to §6.3.40 and §6.3.83 to §6.3.86.

#include "iommu/layout/smmuv3_atos.h"

#include <catch2/catch.hpp>

namespace sidewinder::layout::smmuv3 {

TEST_CASE("address translation operations' registers are where IHI 0070 §6.2 has them") {
  CHECK(page0::GATOS_CTRL == 0x100);
  CHECK(page0::GATOS_SID == 0x108);
  CHECK(page0::GATOS_ADDR == 0x110);
  CHECK(page0::GATOS_PAR == 0x118);
  CHECK(page0::S_GATOS_CTRL == 0x8100);
  CHECK(page0::S_GATOS_SID == 0x8108);
  CHECK(page0::S_GATOS_ADDR == 0x8110);
  CHECK(page0::S_GATOS_PAR == 0x8118);
}

TEST_CASE("address translation operations' fields are where IHI 0070 §6.3 has them") {
  CHECK(GATOS_CTRL::RUN::mask == 0x1);
  CHECK(GATOS_SID::STREAMID::mask == 0xffff'ffff);
  CHECK(GATOS_SID::SUBSTREAMID::mask == 0x000f'ffff'0000'0000);
  CHECK(GATOS_SID::SSID_VALID::mask == 0x0010'0000'0000'0000);
  CHECK(GATOS_SID::SSEC::mask == 0x0020'0000'0000'0000);
  CHECK(GATOS_ADDR::NS::mask == 0x10);
  CHECK(GATOS_ADDR::HTTUI::mask == 0x40);
  CHECK(GATOS_ADDR::InD::mask == 0x80);
  CHECK(GATOS_ADDR::RnW::mask == 0x100);
  CHECK(GATOS_ADDR::PnU::mask == 0x200);
  CHECK(GATOS_ADDR::TYPE::mask == 0xc00);
  CHECK(GATOS_ADDR::ADDR::mask == 0xffff'ffff'ffff'f000);
  CHECK(GATOS_PAR::FAULT::mask == 0x1);
  CHECK(GATOS_PAR::SH::mask == 0x300);
  CHECK(GATOS_PAR::NS::mask == 0x400);
  CHECK(GATOS_PAR::Size::mask == 0x800);
  CHECK(GATOS_PAR::ADDR::mask == 0x00ff'ffff'ffff'f000);
  CHECK(GATOS_PAR::ATTR::mask == 0xff00'0000'0000'0000);
  CHECK(GATOS_PAR_FAULT::FAULT::mask == 0x1);
  CHECK(GATOS_PAR_FAULT::REASON::mask == 0x6);
  CHECK(GATOS_PAR_FAULT::NSIPA::mask == 0x8);
  CHECK(GATOS_PAR_FAULT::FAULTCODE::mask == 0xff0);
  CHECK(GATOS_PAR_FAULT::FADDR::mask == 0x00ff'ffff'ffff'f000);
}

}  // namespace sidewinder::layout::smmuv3
