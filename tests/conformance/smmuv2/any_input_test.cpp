// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <random>

#include "tests/conformance/smmuv2/bench.h"

namespace sidewinder::test {
namespace {

/// Answers every address with a word that depends on it, so that walks find tables, blocks and nonsense.
class AnyMemory : public arch::MemoryPort {
 public:
  explicit AnyMemory(std::uint64_t seed) : seed_(seed) {}

  arch::PortResponse read64(const arch::PortAccess& access) override {
    REQUIRE(access.address % 8 == 0);
    std::mt19937_64 random(seed_ ^ access.address);
    const std::uint64_t word = random();
    return {.data = word, .ok = (word >> 8) % 50 != 0, .latency_ps = 0};
  }

 private:
  std::uint64_t seed_;
};

}  // namespace

TEST_CASE("whatever is in registers and memory, an access has one of the architected outcomes") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    smmuv2::Config config = wide();
    config.output_bits = seed % 2 == 0 ? 48 : 36;
    config.tlb_entries = config.micro_tlb_entries = 8;
    AnyMemory memory(seed);
    Lines lines;
    smmuv2::Smmu smmu(config, memory, lines);
    unsigned forwarded = 0;
    for (unsigned step = 0; step < 400; ++step) {
      for (unsigned write = 0; write < 4; ++write) {
        // Anywhere in the frame, or in the first banks, where it is more likely to matter.
        const std::uint64_t offset =
            random() % 4 == 0 ? random() % 0x10'0100 : 0x8'0000 + random() % 0x2'0070;
        smmu.write(offset & ~std::uint64_t{3}, random(), random() % 2 == 0 ? 4 : 8);
      }
      const auto stream = static_cast<std::uint32_t>(random() % 0x10000);
      const auto bank = static_cast<std::uint32_t>(random() % 4);
      smmu.write(0x000, random() % 8 == 0 ? random() : 0x406, 4);
      smmu.write(0x800, 0x8000'0000 | stream, 4);
      smmu.write(0xc00, random() % 8 == 0 ? random() : bank, 4);
      smmu.write(0x1000 + 4 * bank, random() % 8 == 0 ? random() : 0x0001'0000, 4);
      smmu.write(Bench::cb(bank, 0x30), random() % 2 == 0 ? random() : 0x8019'0019, 4);
      smmu.write(Bench::cb(bank, 0x00), random() | 1, 4);
      smmu.write(Bench::cb(bank, 0x58), 0xffff'ffff, 4);
      for (unsigned access = 0; access < 8; ++access) {
        const std::uint64_t code = random();
        const auto result = smmu.translate(0, {.address = random() >> (random() % 48),
                                               .stream_id = stream,
                                               .write = (code & 1) != 0,
                                               .privileged = (code & 2) != 0,
                                               .instruction = (code & 4) != 0});
        REQUIRE(result.accesses.size() <= 4);
        if (result.action == Action::Forward) {
          ++forwarded;
          REQUIRE_FALSE(result.fault);
          REQUIRE(result.output >> config.output_bits == 0);
        }
        const std::uint64_t fsr = smmu.read(Bench::cb(bank, 0x58), 4);
        REQUIRE((fsr & 0x600) == 0x400);
        REQUIRE((fsr & ~std::uint64_t{0x8000'059e}) == 0);
      }
    }
    REQUIRE(forwarded > 0);
  }
}

}  // namespace sidewinder::test
