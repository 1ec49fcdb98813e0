// SPDX-License-Identifier: Apache-2.0
//
// A request of all stages that a stream has ends where its transaction does, whatever its descriptors say.

#include <random>

#include "tests/conformance/smmuv3/gatos_bench.h"

namespace sidewinder::test {
namespace {

/// Bits of a descriptor that random ones differ in: valid, type, attributes, an output bit beyond 44, DBM,
/// Contiguous, PXN and XN; each flips from what is good, now and then.
constexpr std::array<unsigned, 16> loose{0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 44, 51, 52, 53, 54, 30};

struct Draw {
  std::mt19937_64 engine;
  unsigned below(unsigned count) { return static_cast<unsigned>(engine() % count); }
  std::uint64_t spoiled(std::uint64_t word, unsigned in) {
    for (const unsigned bit : loose)
      if (below(in) == 0) word ^= std::uint64_t{1} << bit;
    return word;
  }
};

/// Two benches of the same seed are the same.
struct RandomGatos : GatosBench {
  std::uint64_t stream = 0;
  Transaction transaction;
  std::uint64_t request = 0;

  explicit RandomGatos(std::uint64_t seed) : GatosBench(with_gatos(uncached())) {
    Draw draw{std::mt19937_64(seed)};
    stream = 1 + draw.below(3);
    for (Structure* made : {&cd1, &cd3}) {
      // IPS, TBI0, PAN; then HD, HA and WXN, each half the time.
      made->replace(34, 32, draw.below(2) == 0 ? 4 : 5)
          .put(38, draw.below(2))
          .put(40, draw.below(4) == 0 ? 1 : 0);
      made->put(42, draw.below(2)).put(43, draw.below(2)).put(35, draw.below(4) == 0 ? 1 : 0);
      made->replace(199, 192, draw.engine() & 0xff);
    }
    // S2FWB; S2PTW, S2HD and S2HA.
    for (Structure* made : {&ste2, &ste3}) {
      made->replace(178, 176, draw.below(2) == 0 ? 4 : 5)
          .put(89, draw.below(2))
          .put(182, draw.below(4) == 0 ? 1 : 0);
      made->put(183, draw.below(2)).put(184, draw.below(2));
    }
    leaf() = draw.spoiled(leaf(), 8);
    nested_leaf() = draw.spoiled(nested_leaf(), 16);
    leaf2() = draw.spoiled(leaf2(), 16);
    for (const std::uint64_t own : {nested_cd_at, nested_root, nested_root + 0x1000, nested_root + 0x2000})
      stage2.at(own, 3) = draw.spoiled(stage2.at(own, 3), 64);
    if (draw.below(8) == 0) nested.at(va, 2) = draw.spoiled(nested.at(va, 2), 8);
    if (draw.below(8) == 0) stage2.at(ipa, 2) = draw.spoiled(stage2.at(ipa, 2), 8);
    apply();

    transaction.address = stream == 2 ? ipa : va;
    if (draw.below(16) == 0) transaction.address ^= std::uint64_t{1} << (30 + draw.below(34));
    transaction.stream_id = static_cast<std::uint32_t>(stream);
    transaction.attributes.write = draw.below(2) == 0;
    transaction.attributes.instruction = draw.below(4) == 0;
    transaction.attributes.privileged = draw.below(2) == 0;
    request = transaction.address | stream << 10 | (transaction.attributes.write ? 0 : rnw) |
              (transaction.attributes.instruction ? ind : 0) | (transaction.attributes.privileged ? pnu : 0);
  }
};

/// What PAR has to be, by the event record.
std::uint64_t par_of(const std::array<std::uint64_t, 4>& event, std::uint64_t type) {
  const std::uint64_t code = event[0] & 0xff;
  const bool of_stage = code >= 0x0b, stage2 = of_stage && (event[1] >> 39 & 1) != 0;
  const unsigned cls = stage2 ? static_cast<unsigned>(event[1] >> 40 & 3) : 0;
  const unsigned reason = !stage2 ? 0 : cls + 1;  // CD, TT, IN
  const bool has_address = stage2 && code != 0x0b && type == 3;
  const unsigned alone = type == 2 && !(code == 0x11 && !stage2) ? 3 : 0;
  return fault_par(static_cast<unsigned>(code), type == 3 ? reason : alone,
                   has_address ? event[3] & 0x000f'ffff'ffff'f000 : 0);
}

}  // namespace

TEST_CASE(
    "IHI 0070 chapter 9: a request of all stages ends as a transaction does, and leaves the same memory") {
  unsigned translated = 0, faulted = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    RandomGatos asked(seed), sent(seed), inhibited(seed);
    INFO("seed " << seed << " request " << std::hex << asked.request);
    const Translation result = sent.send(sent.transaction);
    const std::uint64_t par = asked.gatos(asked.stream, asked.request);
    REQUIRE(asked.eventq_prod() == 0);
    const auto before = inhibited.memory.words;
    const std::uint64_t passive = inhibited.gatos(inhibited.stream, inhibited.request | httui);
    REQUIRE(inhibited.memory.words == before);

    if (result.action == Action::Forward) {
      ++translated;
      REQUIRE((par & 1) == 0);
      std::uint64_t output = par & 0x0000'ffff'ffff'f000;
      const std::uint64_t size = (par & 0x800) == 0 ? 0x1000 : (output & -output) << 1;
      output = (output & ~(size - 1)) | (sent.transaction.address & (size - 1));
      REQUIRE(output == result.output);
      REQUIRE(size == std::uint64_t{1} << result.same_page_shift);
      const auto attributes =
          arch::from_mair(static_cast<std::uint8_t>(par >> 56), static_cast<std::uint8_t>(par >> 8 & 3));
      REQUIRE(attributes == result.attributes.memory);
      REQUIRE(static_cast<unsigned>(attributes.shareability) == (par >> 8 & 3));
      REQUIRE(passive == par);
    } else {
      ++faulted;
      REQUIRE(sent.eventq_prod() == 1);
      REQUIRE(par == par_of(sent.event(0), asked.stream));
    }
    // The event is the only thing that the transaction leaves besides.
    for (std::uint64_t at = 0; at < 32; at += 8) sent.memory.words.erase(InterfaceBench::events + at);
    REQUIRE(asked.memory.words == sent.memory.words);
  }
  CHECK(translated > 500);
  CHECK(faulted > 500);
}

}  // namespace sidewinder::test
