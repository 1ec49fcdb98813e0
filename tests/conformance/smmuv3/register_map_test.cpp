// SPDX-License-Identifier: Apache-2.0
//
// The register frame as a whole: what lies where, for whom, how wide, and that nothing lies anywhere else.

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t frame_size = 0x20000;

/// An SMMU out of reset.
struct Reset {
  WordMemory memory;
  SmmuLog log;
  smmuv3::Smmu smmu;
  explicit Reset(const smmuv3::Config& config = full()) : smmu(config, 1, memory, log) {}

  [[nodiscard]] std::uint32_t r32(std::uint64_t offset, bool secure = true) const {
    return static_cast<std::uint32_t>(smmu.read(offset, 4, secure));
  }
  void w32(std::uint64_t offset, std::uint32_t value, bool secure = true) {
    smmu.write(offset, value, 4, secure);
  }
  [[nodiscard]] std::vector<std::uint32_t> frame(bool secure = true) const {
    std::vector<std::uint32_t> words;
    words.reserve(frame_size / 4);
    for (std::uint64_t offset = 0; offset < frame_size; offset += 4) words.push_back(r32(offset, secure));
    return words;
  }
};

/// The registers that software writes, as words, of the Non-secure interface and without page 1.
constexpr std::uint32_t writable[] = {0x20, 0x28, 0x2c, 0x44, 0x50, 0x64, 0x68, 0x6c, 0x70, 0x74, 0x80, 0x84,
                                      0x88, 0x90, 0x94, 0x98, 0x9c, 0xa0, 0xa4, 0xb0, 0xb4, 0xb8, 0xbc};

bool is_writable(std::uint64_t offset) {
  if (offset == 0x100a8 || offset == 0x100ac || offset == 0x80a8 || offset == 0x80ac || offset == 0x803c)
    return true;
  const std::uint64_t place = offset < 0x10000 ? offset & 0x7fff : offset;
  return std::find(std::begin(writable), std::end(writable), place) != std::end(writable);
}

smmuv3::Config somebodys() {
  smmuv3::Config config = full();
  config.identity = {.product = 0x483, .variant = 2, .revision = 5, .implementer = 0x43b};
  return config;
}

}  // namespace

TEST_CASE("IHI 0070 §6.2: out of reset only ID registers and GBPA are not 0, anywhere in the frame") {
  const Reset bench(somebodys());
  const std::vector<std::uint32_t> held = bench.frame();
  for (std::uint64_t offset = 0; offset < frame_size; offset += 4) {
    const bool is_id = offset < 0x20 || (offset >= 0x8000 && offset < 0x8014) ||
                       (offset >= 0xfd0 && offset < 0x1000) || offset == 0x44 || offset == 0x8044;
    if (!is_id && held[offset / 4] != 0) FAIL("at 0x" << std::hex << offset);
  }
  CHECK(held[0x44 / 4] == 0x1000);
  CHECK(held[0x8044 / 4] == 0x1000);
}

TEST_CASE("IHI 0070 §6.2: read-only registers, and places without one, ignore writes from either state") {
  for (const bool secure : {false, true}) {
    Reset bench(somebodys());
    const std::vector<std::uint32_t> before = bench.frame();
    for (std::uint64_t offset = 0; offset < frame_size; offset += 4)
      if (!is_writable(offset)) bench.w32(offset, 0xffff'ffff, secure);
    CHECK(bench.frame() == before);
  }
}

TEST_CASE(
    "IHI 0070 §6.2: a Non-secure access finds nothing in any SMMU_S_* place, and changes nothing there") {
  Reset bench(somebodys());
  const std::vector<std::uint32_t> before = bench.frame();
  for (std::uint64_t offset = 0x8000; offset < 0x10000; offset += 4) {
    bench.w32(offset, 0xffff'ffff, false);
    if (bench.r32(offset, false) != 0) FAIL("at 0x" << std::hex << offset);
  }
  CHECK(bench.frame() == before);
  const std::vector<std::uint32_t> open = bench.frame(false);  // and all of the rest
  for (std::uint64_t offset = 0; offset < frame_size; offset += 4)
    if ((offset < 0x8000 || offset >= 0x10000) && open[offset / 4] != before[offset / 4])
      FAIL("at 0x" << std::hex << offset);
}

TEST_CASE("IHI 0070 §6.3.13: without the dormant hint STATUSR is 0, whatever the caches hold") {
  InterfaceBench bench;
  CHECK((bench.r32(0) >> 8 & 1) == 0);  // IDR0.DORMHINT
  CHECK(bench.r32(0x40) == 0);
  bench.set_ste(3, ste(4));
  CHECK(bench.read(3, 0x1000).action == Action::Forward);
  CHECK(bench.r32(0x40) == 0);
  bench.w32(0x40, 1);
  CHECK(bench.r32(0x40) == 0);
}

TEST_CASE("IHI 0070 §6.3.15, §6.3.64: AGBPA and S_AGBPA are RES0, before, with and after an Update of GBPA") {
  for (const std::uint32_t distance : {0U, 0x8000U}) {
    Reset bench;
    bench.w32(distance + 0x48, 0xffff'ffff);
    CHECK(bench.r32(distance + 0x48) == 0);
    bench.smmu.write(distance + 0x48, ~std::uint64_t{0}, 8, true);
    bench.w32(distance + 0x44, 0x8010'0000);
    CHECK(bench.r32(distance + 0x44) == 0x0010'0000);
    CHECK(bench.r32(distance + 0x48) == 0);
  }
}

TEST_CASE("IHI 0070 §6.3.7: IIDR names the implementer, the product, its variant and its revision") {
  const Reset nobodys;
  CHECK(nobodys.r32(0x18) == 0);
  const Reset bench(somebodys());
  CHECK(bench.r32(0x18) == 0x4832'543b);
  CHECK(bench.r32(0x18, false) == 0x4832'543b);
  CHECK(bench.r32(0x8018) == 0);  // there is no S_IIDR
}

TEST_CASE("IHI 0070 §6.3.170: PIDR0 to PIDR4 have IIDR's part and designer, CIDR0 to CIDR3 are fixed") {
  const Reset bench(somebodys());
  const std::uint32_t expected[] = {0x04, 0, 0, 0, 0x83, 0xb4, 0x2b, 0x50, 0x0d, 0xf0, 0x05, 0xb1};
  for (unsigned index = 0; index < 12; ++index) {
    INFO("register 0x" << std::hex << 0xfd0 + 4 * index);
    CHECK(bench.r32(0xfd0 + 4 * index) == expected[index]);
    CHECK(bench.r32(0xfd0 + 4 * index, false) == expected[index]);
    CHECK(bench.r32(0x8fd0 + 4 * index) == 0);  // they are of page 0 alone
    CHECK(bench.r32(0x10fd0 + 4 * index) == 0);
  }
  CHECK(bench.r32(0xfcc) == 0);
  CHECK(bench.r32(0x1000) == 0);

  const Reset nobodys;
  CHECK(nobodys.r32(0xfe8) == 0x08);  // JEDEC
  CHECK(nobodys.r32(0xff4) == 0xf0);

  smmuv3::Config config = full();
  config.identity = {.product = 0xabc, .variant = 9, .revision = 6, .implementer = 0x975};
  const Reset other(config);
  CHECK(other.r32(0x18) == 0xabc9'6975);
  const std::uint32_t others[] = {0x09, 0, 0, 0, 0xbc, 0x5a, 0x9f, 0x60};
  for (unsigned index = 0; index < 8; ++index) CHECK(other.r32(0xfd0 + 4 * index) == others[index]);
}

TEST_CASE("IHI 0070 §6.2: a 64-bit read is that of both its words, everywhere in the frame") {
  InterfaceBench bench(somebodys());
  bench.w32(0x98, 3);
  bench.w32(0x100ac, 0x8000'0005);
  for (std::uint64_t offset = 0; offset < frame_size; offset += 8)
    if (bench.r64(offset) != (bench.r32(offset) | std::uint64_t{bench.r32(offset + 4)} << 32))
      FAIL("at 0x" << std::hex << offset);
  CHECK(bench.r64(0x20) == 0x0000'000d'0000'000d);
  CHECK(bench.r64(0x100a8) == 0x8000'0005'0000'0000);
  CHECK(bench.r64(0x8000, false) == 0);
}

TEST_CASE("IHI 0070 §6.2: a 64-bit write to two registers is one to each") {
  struct Pair {
    std::uint64_t offset;
    std::uint32_t low, high;  ///< what then is held, of all ones written
  };
  for (const std::uint64_t distance : {0U, 0x8000U})
    for (const Pair& pair : {Pair{0x28, 0x0fff, 0x0003}, Pair{0x50, 5, 5}, Pair{0x60, 0, 0x01b5},
                             Pair{0x70, 0xffff'ffff, 0x003f}, Pair{0x88, 0x0003'07ff, 0},
                             Pair{0x98, 0x000f'ffff, 1}, Pair{0xb8, 0xffff'ffff, 0x003f}}) {
      Reset bench;
      INFO("at 0x" << std::hex << pair.offset + distance);
      bench.smmu.write(distance + pair.offset, ~std::uint64_t{0}, 8, true);
      CHECK(bench.r32(distance + pair.offset) == pair.low);
      CHECK(bench.r32(distance + pair.offset + 4) == pair.high);
      bench.smmu.write(distance + pair.offset, ~std::uint64_t{0} << 32, 8, true);
      CHECK(bench.r32(distance + pair.offset) == 0);
    }
  Reset bench;
  bench.smmu.write(0x20, 0x0000'0000'0000'0004, 8, true);  // CR0, and CR0ACK, which is read-only
  CHECK(bench.smmu.read(0x20, 8, true) == 0x0000'0004'0000'0004);
  bench.smmu.write(0x20, 0, 8, true);
  bench.w32(0xa0, 7);
  bench.smmu.write(0x100a8, 0x8000'0003'0000'0002, 8, false);  // EVENTQ_PROD and EVENTQ_CONS
  CHECK(bench.smmu.read(0x100a8, 8, false) == 0x8000'0003'0000'0002);
}

TEST_CASE("IHI 0070 §6.2: each half of a 64-bit register is written by itself") {
  for (const std::uint64_t distance : {0U, 0x8000U})
    for (const std::uint64_t offset : {0x68U, 0x80U, 0x90U, 0xa0U, 0xb0U}) {
      Reset bench;
      INFO("at 0x" << std::hex << offset + distance);
      bench.smmu.write(distance + offset, 0x0000'1234'5678'9ac0, 8, true);
      bench.w32(distance + offset, 0x1111'1100);
      CHECK(bench.smmu.read(distance + offset, 8, true) == 0x0000'1234'1111'1100);
      bench.w32(distance + offset + 4, 0x4321);
      CHECK(bench.smmu.read(distance + offset, 8, true) == 0x0000'4321'1111'1100);
    }
}

TEST_CASE("IHI 0070 §6.3: bits of an address above the OAS are RES0, in every register that has one") {
  for (const unsigned bits : {32U, 36U, 40U, 42U, 44U, 48U, 52U}) {
    smmuv3::Config config = full();
    config.output_bits = bits;
    for (const std::uint64_t distance : {0U, 0x8000U})
      for (const auto& [offset, hint] :
           {std::pair(0x68U, 0U), {0x80U, 1U}, {0x90U, 1U}, {0xa0U, 1U}, {0xb0U, 0U}}) {
        Reset bench(config);
        INFO("at 0x" << std::hex << offset + distance << ", OAS " << std::dec << bits);
        bench.smmu.write(distance + offset, ~std::uint64_t{0}, 8, true);
        const auto high = static_cast<std::uint32_t>((std::uint64_t{1} << (bits - 32)) - 1);
        CHECK(bench.r32(distance + offset + 4) == (high | hint << 30));
      }
  }
}

}  // namespace sidewinder::test
