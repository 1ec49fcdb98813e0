// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "iommu/smmuv3/cd.h"
#include "tests/conformance/smmuv3/ste_bench.h"
#include "tests/support/smmuv3_config.h"

namespace sidewinder::test {
namespace {

using namespace cd_bits;
using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using smmuv3::Config;
using smmuv3::Httu;
using smmuv3::StallModel;
using smmuv3::StreamWorld;
using smmuv3::TableEndianness;

constexpr StreamWorld every_world[] = {StreamWorld::El1,    StreamWorld::El2,       StreamWorld::El2E2h,
                                       StreamWorld::Secure, StreamWorld::SecureEl2, StreamWorld::SecureEl2E2h,
                                       StreamWorld::El3};

bool one_table(StreamWorld world) {
  return world == StreamWorld::El2 || world == StreamWorld::SecureEl2 || world == StreamWorld::El3;
}

/// VMSAv8-64, 48 bits in each half, 4 KiB, IPS 48 bits, A and R, ASID 1.
constexpr Words usual{0x0001'6205'8090'0010, 0x8000'0000, 0x9000'0000, 0, 0, 0, 0, 0};

/// VMSAv8-32 LPAE, with what is IGNORED there spoilt.
const Words lpae = with(with(with(usual, aa64, 0), tg0, 3), tg1, 0);

struct Bench {
  Config config;
  Ste ste = Ste::of(usual_ste(stage1_only));
  StreamWorld world = StreamWorld::El1;

  [[nodiscard]] bool illegal(const Words& words) const {
    return smmuv3::illegal(Cd::of(words), ste, config, world, config.stall_model);
  }
};

/// One of the two halves of the address space.
struct Half {
  BitRange tsz, tg, epd, ttb;
  std::uint64_t granule_4k, granule_16k, granule_64k, reserved;
};
constexpr Half halves[] = {{t0sz, tg0, epd0, ttb0, 0, 2, 1, 3}, {t1sz, tg1, epd1, ttb1, 2, 1, 3, 0}};

/// In each half: the bad CD is ILLEGAL, unless the half is disabled or does not exist; the good one is not.
template <typename Good, typename Bad>
void check_halves(const Config& config, const Words& base, Good good, Bad bad) {
  for (const Half& half : halves)
    for (const StreamWorld world : every_world) {
      Bench bench;
      bench.config = config;
      bench.world = world;
      if (world != StreamWorld::El1 && world != StreamWorld::Secure && base == lpae) continue;
      INFO("world " << static_cast<int>(world) << ", half " << (&half - halves));
      CHECK_FALSE(bench.illegal(good(base, half)));
      const bool second = half.tsz.lo == t1sz.lo;
      CHECK(bench.illegal(bad(base, half)) == !(second && one_table(world)));
      const Words disabled = with(bad(base, half), half.epd, 1);
      CHECK(bench.illegal(disabled) == (!second && one_table(world)));  // EPD0 is IGNORED there
    }
}

}  // namespace

TEST_CASE("IHI 0070 §5.4: the CDs that the tests start from are legal") {
  Bench bench;
  for (const StreamWorld world : every_world) {
    bench.world = world;
    CHECK_FALSE(bench.illegal(usual));
  }
  bench.world = StreamWorld::El1;
  CHECK_FALSE(bench.illegal(lpae));
  for (const unsigned minor : {0U, 1U, 2U, 3U}) {
    bench.config = plain_config(minor);
    CHECK_FALSE(bench.illegal(usual));
  }
}

TEST_CASE("IHI 0070 §5.4: a CD with V 0 is ILLEGAL whatever else it has") {
  CHECK(Bench{}.illegal(with(usual, v, 0)));
  CHECK(Bench{}.illegal({}));
}

TEST_CASE("IHI 0070 §5.5: CD.S is as S1STALLD and the stall model have it") {
  for (const auto model : {StallModel::Both, StallModel::NoStall, StallModel::Forced}) {
    Bench bench;
    bench.config.stall_model = model;
    CHECK(bench.illegal(with(usual, s, 0)) == (model == StallModel::Forced));
    CHECK(bench.illegal(with(usual, s, 1)) == (model == StallModel::NoStall));
  }
  Bench bench;
  bench.ste = Ste::of(with(usual_ste(stage1_only), ste_bits::s1stalld, 1));
  CHECK(bench.illegal(with(usual, s, 1)));
  CHECK_FALSE(bench.illegal(with(usual, s, 0)));
}

TEST_CASE("IHI 0070 §5.5, §6.3.57.1: NSSTALLD forbids CD.S of a Non-secure stream") {
  Config config = secure_bench().config;
  const auto bad = [&](smmuv3::SecurityState state) {
    return smmuv3::illegal(Cd::of(with(usual, s, 1)), Ste::of(usual_ste(stage1_only)), config,
                           StreamWorld::El1, stall_model(config, state, true));
  };
  CHECK(bad(smmuv3::SecurityState::NonSecure));
  CHECK_FALSE(bad(smmuv3::SecurityState::Secure));
}

TEST_CASE("IHI 0070 §5.5: with TERM_MODEL 1 CD.A is 1") {
  Bench bench;
  CHECK_FALSE(bench.illegal(with(usual, a, 0)));
  bench.config.always_abort = true;
  CHECK(bench.illegal(with(usual, a, 0)));
  CHECK_FALSE(bench.illegal(with(usual, a, 1)));
}

TEST_CASE("IHI 0070 §5.4: ENDI is an endianness that the SMMU has, unless both halves are disabled") {
  for (const auto endianness : {TableEndianness::Mixed, TableEndianness::Little, TableEndianness::Big})
    for (const StreamWorld world : every_world)
      for (std::uint64_t first = 0; first < 2; ++first)
        for (std::uint64_t second = 0; second < 2; ++second) {
          Bench bench;
          bench.config.endianness = endianness;
          bench.world = world;
          const Words words = with(with(usual, epd0, first), epd1, second);
          const bool ignored = first != 0 && second != 0 && !one_table(world);
          CHECK(bench.illegal(with(words, endi, 0)) == (!ignored && endianness == TableEndianness::Big));
          CHECK(bench.illegal(with(words, endi, 1)) == (!ignored && endianness == TableEndianness::Little));
        }
}

TEST_CASE("IHI 0070 §5.4: VMSAv8-32 is for EL1, Secure and Non-secure EL2, where the SMMU has it") {
  Bench bench;
  for (const StreamWorld world : every_world) {
    bench.world = world;
    bench.config.aarch32 = true;
    const bool allowed =
        world == StreamWorld::El1 || world == StreamWorld::Secure || world == StreamWorld::El2;
    CHECK(bench.illegal(lpae) == !allowed);
    bench.config.aarch32 = false;
    CHECK(bench.illegal(lpae));
    CHECK_FALSE(bench.illegal(usual));
  }
}

TEST_CASE("IHI 0070 §5.4: VMSAv8-64 is where the SMMU has it, and not before a VMSAv8-32 stage 2") {
  Bench bench;
  bench.ste = Ste::of(usual_ste(nested));
  CHECK_FALSE(bench.illegal(usual));
  CHECK_FALSE(bench.illegal(lpae));
  bench.ste = Ste::of(lpae_ste(nested));
  CHECK(bench.illegal(usual));
  CHECK_FALSE(bench.illegal(lpae));
  bench.ste = Ste::of(lpae_ste(stage1_only));  // S2AA64 is IGNORED
  CHECK_FALSE(bench.illegal(usual));
  bench.config.aarch64 = false;
  CHECK(bench.illegal(usual));
  CHECK_FALSE(bench.illegal(lpae));
}

TEST_CASE("IHI 0070 §5.4: HA and HD need HTTU, and are IGNORED with VMSAv8-32") {
  for (const auto httu : {Httu::None, Httu::AccessFlag, Httu::AccessFlagAndDirty})
    for (std::uint64_t flag = 0; flag < 2; ++flag)
      for (std::uint64_t dirty = 0; dirty < 2; ++dirty) {
        Bench bench;
        bench.config.httu = httu;
        const bool bad =
            (flag != 0 && httu == Httu::None) || (dirty != 0 && httu != Httu::AccessFlagAndDirty);
        CHECK(bench.illegal(with(with(usual, ha, flag), hd, dirty)) == bad);
        CHECK_FALSE(bench.illegal(with(with(lpae, ha, flag), hd, dirty)));
      }
}

TEST_CASE("IHI 0070 §5.4: without ASID16 the ASID has 8 bits, and is IGNORED for any-EL2 and EL3") {
  for (const StreamWorld world : every_world) {
    Bench bench;
    bench.world = world;
    CHECK_FALSE(bench.illegal(with(usual, asid, 0xffff)));
    bench.config.asid16 = false;
    CHECK_FALSE(bench.illegal(with(usual, asid, 0xff)));
    CHECK(bench.illegal(with(usual, asid, 0x100)) == !one_table(world));
    CHECK(bench.illegal(with(usual, asid, 0x8000)) == !one_table(world));
  }
}

TEST_CASE("IHI 0070 §5.4: TxSZ has bounds by STT, VAX, granule and DS, in every version") {
  struct Case {
    bool stt, vax, ds_implemented, ds_set;
    std::uint64_t Half::*granule;
    std::uint64_t first, last;
  };
  const auto k4 = &Half::granule_4k;
  const auto k16 = &Half::granule_16k;
  const auto k64 = &Half::granule_64k;
  for (const auto& c :
       {Case{false, false, false, false, k4, 16, 39}, Case{false, false, false, false, k16, 16, 39},
        Case{false, false, false, false, k64, 16, 39}, Case{true, false, false, false, k4, 16, 48},
        Case{true, false, false, false, k16, 16, 48}, Case{true, false, false, false, k64, 16, 47},
        Case{false, true, false, false, k64, 12, 39}, Case{false, true, false, true, k4, 16, 39},
        Case{false, true, true, false, k4, 16, 39}, Case{false, true, true, true, k4, 12, 39},
        Case{true, true, true, true, k16, 12, 48}, Case{true, true, true, false, k64, 12, 47}}) {
    Config config;
    config.small_tables = c.stt;
    config.vax = c.vax;
    config.ds = c.ds_implemented;
    const Words base = with(usual, ds, c.ds_set ? 1 : 0);
    const auto sized = [&](std::uint64_t size) {
      return [&c, size](const Words& words, const Half& half) {
        return with(with(words, half.tg, half.*c.granule), half.tsz, size);
      };
    };
    INFO("TxSZ " << c.first << " to " << c.last);
    check_halves(config, base, sized(c.first), sized(c.first - 1));
    check_halves(config, base, sized(c.last), sized(c.last + 1));
    check_halves(config, base, sized(c.first), sized(0));
    check_halves(config, base, sized(c.last), sized(63));
  }
  for (const unsigned minor : {0U, 1U}) {
    const auto sized = [](std::uint64_t size) {
      return [size](const Words& words, const Half& half) { return with(words, half.tsz, size); };
    };
    check_halves(plain_config(minor), usual, sized(16), sized(15));
    check_halves(plain_config(minor), usual, sized(39), sized(40));
  }
}

TEST_CASE("IHI 0070 §5.4: VMSAv8-32's TxSZ has 3 bits, of which every value is valid") {
  for (std::uint64_t first = 0; first < 64; ++first)
    for (std::uint64_t second = 0; second < 64; second += 7)
      CHECK_FALSE(Bench{}.illegal(with(with(lpae, t0sz, first), t1sz, second)));
}

TEST_CASE("IHI 0070 §5.4: TGx selects a granule that the SMMU has") {
  for (std::uint64_t Half::*granule : {&Half::granule_4k, &Half::granule_16k, &Half::granule_64k}) {
    const auto select = [](std::uint64_t Half::*value) {
      return [value](const Words& words, const Half& half) { return with(words, half.tg, half.*value); };
    };
    check_halves(Config{}, usual, select(granule), select(&Half::reserved));
    Config config;
    config.granule_4k = granule != &Half::granule_4k;
    config.granule_16k = granule != &Half::granule_16k;
    config.granule_64k = granule != &Half::granule_64k;
    const auto other = granule == &Half::granule_4k ? &Half::granule_16k : &Half::granule_4k;
    Words base = usual;
    for (const Half& half : halves) base = with(base, half.tg, half.*other);
    check_halves(config, base, select(other), select(granule));
  }
  CHECK_FALSE(Bench{}.illegal(lpae));  // IGNORED there
}

TEST_CASE("IHI 0070 §5.4: TTBx lies within the effective IPS") {
  struct Size {
    std::uint64_t encoding;
    unsigned bits;
  };
  for (const unsigned oas : {32U, 36U, 40U, 42U, 44U, 48U})
    for (const auto& [encoding, size] :
         {Size{0, 32}, {1, 36}, {2, 40}, {3, 42}, {4, 44}, {5, 48}, {6, 48}, {7, 48}}) {
      Config config;
      config.output_bits = oas;
      const unsigned bits = std::min(oas, size);
      const auto largest = [bits = bits](const Words& words, const Half& half) {
        return with(words, half.ttb, ((std::uint64_t{1} << bits) - 1) >> 4);
      };
      INFO("OAS " << oas << ", IPS " << encoding);
      check_halves(config, with(usual, ips, encoding), largest, [&](const Words& words, const Half& half) {
        return with(largest(words, half), {half.ttb.lo - 4 + bits, half.ttb.lo - 4 + bits}, 1);
      });
      check_halves(config, with(usual, ips, encoding), largest, [&](const Words& words, const Half& half) {
        return with(largest(words, half), {half.ttb.hi, half.ttb.hi}, 1);
      });
    }
}

TEST_CASE("IHI 0070 §5.4: a TTBx above 2^48 needs 64 KiB or DS, and IPS of 52 bits") {
  Config config;
  config.output_bits = 52;
  config.vax = config.ds = true;
  const auto place = [](std::uint64_t Half::*granule, std::uint64_t address = 0x8'0000'0000'0000) {
    return [granule, address](const Words& words, const Half& half) {
      return with(with(words, half.tg, half.*granule), half.ttb, address >> 4);
    };
  };
  for (const std::uint64_t encoding : {6U, 7U}) {
    const Words base = with(usual, ips, encoding);
    for (std::uint64_t Half::*granule : {&Half::granule_4k, &Half::granule_16k}) {
      check_halves(config, base, place(&Half::granule_64k), place(granule));
      check_halves(config, base, place(granule, 0xffff'ffff'ffff), place(granule, 0x1'0000'0000'0000));
      Bench bench;
      bench.config = config;
      for (const Half& half : halves) CHECK_FALSE(bench.illegal(with(place(granule)(base, half), ds, 1)));
      bench.config.ds = false;  // CD.DS is RES0
      for (const Half& half : halves) CHECK(bench.illegal(with(place(granule)(base, half), ds, 1)));
    }
  }
  const auto low = [](const Words& words, const Half&) { return words; };
  check_halves(config, with(with(usual, ips, 5), ds, 1), low, place(&Half::granule_4k));
}

TEST_CASE("IHI 0070 §5.4: a VMSAv8-32 TTBx lies below 2^40, whatever IPS and the OAS") {
  for (const unsigned oas : {32U, 48U}) {
    Config config;
    config.output_bits = oas;
    for (const Half& half : halves)
      for (std::uint64_t encoding = 0; encoding < 8; ++encoding) {
        Bench bench;
        bench.config = config;
        const Words words = with(with(lpae, ips, encoding), half.ttb, 0xff'ffff'ffff >> 4);
        CHECK_FALSE(bench.illegal(words));
        const Words beyond = with(words, {half.ttb.lo + 36, half.ttb.lo + 36}, 1);
        CHECK(bench.illegal(beyond));
        CHECK_FALSE(bench.illegal(with(beyond, half.epd, 1)));
      }
  }
}

TEST_CASE("IHI 0070 §5.4: SMMUv3.0 has 48 bits of TTBx, and IPS of 48 bits for what is reserved") {
  for (const Half& half : halves)
    for (const std::uint64_t encoding : {5U, 6U, 7U}) {
      const Words words = with(with(usual, half.ttb, 0xf'8000'0000'0000 >> 4), ips, encoding);
      Bench bench;
      bench.config = plain_config(0);
      CHECK_FALSE(bench.illegal(words));
      bench.config = plain_config(1);
      CHECK(bench.illegal(words));
    }
}

TEST_CASE("IHI 0070 §5.4.1: any-EL2 and EL3 have TTB0 alone, EPD0 and EPD1 are IGNORED") {
  for (const StreamWorld world : every_world) {
    const auto cd = [](std::uint64_t first, std::uint64_t second) {
      return Cd::of(with(with(usual, epd0, first), epd1, second));
    };
    const bool one = one_table(world);
    CHECK(smmuv3::ttb0_disabled(cd(1, 0), world) == !one);
    CHECK_FALSE(smmuv3::ttb0_disabled(cd(0, 1), world));
    CHECK(smmuv3::ttb1_disabled(cd(0, 1), world));
    CHECK(smmuv3::ttb1_disabled(cd(1, 0), world) == one);
  }
}

}  // namespace sidewinder::test
