// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv2/context_bank.h"

#include <catch2/catch.hpp>

namespace sidewinder::smmuv2 {
namespace {

using layout::vmsa64::Granule;
namespace cb = layout::smmuv2::cb;

Config wide() {
  Config config;
  config.upstream_bits = 49;
  config.output_bits = 44;
  return config;
}

arch::Fault fault(arch::FaultKind kind) {
  return {.kind = kind,
          .level = 2,
          .access = {.address = 0x1234'5678'9abc, .stream_id = 7, .write = true, .privileged = true}};
}

}  // namespace

TEST_CASE("the regime follows the registers as they are written") {
  ContextBank bank(wide());
  bank.write(cb::TTBR0, 0x8000'1000, true);
  bank.write(cb::TTBR0 + 4, 0x00aa'0001, true);
  bank.write(cb::TTBR1 + 4, 0x00bb'0002, true);
  bank.write(cb::TCR, 25 | 1U << 14 | 1U << 7 | 17U << 16 | 1U << 30, true);
  bank.write(cb::TCR2, 1U << 6 | 2, true);
  bank.write(cb::MAIR0, 0x4433'2211, true);
  bank.write(cb::MAIR1, 0x8877'6655, true);
  bank.write(cb::SCTLR, 1U | 1U << 3 | 1U << 4 | 1U << 9, true);
  const arch::Stage1& regime = bank.regime();
  CHECK(regime.ttb[0].base == 0x1'8000'1000);
  CHECK(regime.ttb[0].tsz == 25);
  CHECK(regime.ttb[0].granule == Granule::Size64K);
  CHECK(regime.ttb[0].walk_disabled);
  CHECK_FALSE(regime.ttb[0].top_byte_ignored);
  CHECK(regime.ttb[1].base == 0x2'0000'0000);
  CHECK(regime.ttb[1].tsz == 17);
  CHECK(regime.ttb[1].granule == Granule::Size16K);
  CHECK_FALSE(regime.ttb[1].walk_disabled);
  CHECK(regime.ttb[1].top_byte_ignored);
  CHECK(regime.mair == 0x8877'6655'4433'2211);
  CHECK(regime.output_bits == 40);
  CHECK(regime.big_endian);
  CHECK(regime.access_flag_fault_disabled);
  CHECK(regime.write_execute_never);
  bank.write(cb::TCR2, 5, true);
  CHECK(bank.regime().output_bits == 44);  // no more than there are
}

TEST_CASE("the tag is the VMID, and the ASID that A1 and AS select") {
  ContextBank bank(wide());
  bank.write_cbar(0x0001'0009);
  bank.write(cb::TTBR0 + 4, 0x1234'0000, true);
  bank.write(cb::TTBR1 + 4, 0x5678'0000, true);
  CHECK(bank.tag().vmid == 9);
  CHECK(bank.tag().asid == 0x34);
  bank.write(cb::TCR2, 1U << 4, true);
  CHECK(bank.tag().asid == 0x1234);
  bank.write(cb::TCR, 1U << 22, true);
  CHECK(bank.tag().asid == 0x5678);
}

TEST_CASE("addresses are extended from SEP's bit, which must be the highest one set") {
  ContextBank bank(wide());
  const auto extended = [&](std::uint64_t address) { return bank.extend(address) ? address : 0xbad; };
  bank.write(cb::TCR2, 7U << 15, true);
  CHECK(extended(0x1'0000'0000'0000) == 0xffff'0000'0000'0000);
  CHECK(extended(0x0'ffff'ffff'ffff) == 0x0'ffff'ffff'ffff);
  bank.write(cb::TCR2, 1U << 15, true);
  CHECK(extended(0x8'0000'0000) == 0xffff'fff8'0000'0000);
  CHECK(extended(0x7'ffff'ffff) == 0x7'ffff'ffff);
  CHECK(extended(0x10'0000'0000) == 0xbad);

  ContextBank narrow(Config{});  // 36 bits
  narrow.write(cb::TCR2, 7U << 15, true);
  std::uint64_t address = 0xf'ffff'ffff;
  CHECK(narrow.extend(address));
  CHECK(address == 0xf'ffff'ffff);
}

TEST_CASE("the first fault is recorded whole, a second as MULTI or not at all") {
  for (const bool hit_under_fault : {false, true}) {
    ContextBank bank(wide());
    bank.write(cb::SCTLR, hit_under_fault ? 0x141 : 0x41, true);
    CHECK_FALSE(bank.interrupt());
    CHECK(bank.record(fault(arch::FaultKind::Permission)) == ContextBank::Recorded::Fully);
    CHECK(bank.fault_pending());
    CHECK(bank.interrupt());
    CHECK(bank.read(cb::FSR) == 0x408);
    CHECK(bank.read(cb::FAR) == 0x5678'9abc);
    CHECK(bank.read(cb::FAR + 4) == 0x1234);
    CHECK(bank.read(cb::FSYNR0) == 0x32);
    CHECK(bank.cbfrsynra() == 7);
    CHECK(bank.record(fault(arch::FaultKind::Translation)) ==
          (hit_under_fault ? ContextBank::Recorded::AsMultiple : ContextBank::Recorded::NotAtAll));
    CHECK(bank.read(cb::FSR) == (hit_under_fault ? 0x8000'0408U : 0x408U));
    bank.write(cb::FSR, 0xffff'ffff, true);
    CHECK_FALSE(bank.fault_pending());
    CHECK(bank.read(cb::FSR) == 0x400);
  }
}

TEST_CASE("each kind of fault has its bit") {
  using arch::FaultKind;
  const std::pair<FaultKind, std::uint32_t> bits[] = {
      {FaultKind::Translation, 0x402}, {FaultKind::AccessFlag, 0x404},
      {FaultKind::Permission, 0x408},  {FaultKind::ExternalWalk, 0x410},
      {FaultKind::AddressSize, 0x480}, {FaultKind::UnsupportedUpstream, 0x500}};
  for (const auto& [kind, fsr] : bits) {
    ContextBank bank(wide());
    bank.record(fault(kind));
    CHECK(bank.read(cb::FSR) == fsr);
    CHECK(((bank.read(cb::FSYNR0) & 0x400) != 0) == (kind == FaultKind::ExternalWalk));
  }
}

TEST_CASE("what SCTLR and CBAR say") {
  ContextBank bank(wide());
  CHECK_FALSE(bank.enabled());
  CHECK(bank.type() == layout::smmuv2::CbarType::Stage2);
  bank.write(cb::SCTLR, 1, true);
  CHECK(bank.enabled());
  CHECK_FALSE(bank.reports_aborts());
  CHECK_FALSE(bank.hit_under_fault());
  bank.write(cb::SCTLR, 0x120, true);
  CHECK_FALSE(bank.enabled());
  CHECK(bank.reports_aborts());
  CHECK(bank.hit_under_fault());
  bank.write_cbar(0x0001'0000);
  CHECK(bank.type() == layout::smmuv2::CbarType::Stage1Stage2Bypass);
}

}  // namespace sidewinder::smmuv2
