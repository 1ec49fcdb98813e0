// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {
namespace {

/// Answers every address with a word that depends on it, so that structures and tables are all sorts of
/// things; but for the STEs and CDs that it is given.
class AnyMemory : public arch::MemoryPort {
 public:
  AnyMemory(std::uint64_t seed, unsigned output_bits) : seed_(seed), output_bits_(output_bits) {}

  Structure ste{}, cd{};
  bool secure_allowed = false;

  arch::PortResponse read64(const arch::PortAccess& access) override {
    REQUIRE(access.address % 8 == 0);
    REQUIRE(access.address >> output_bits_ == 0);
    REQUIRE((secure_allowed || !access.secure));
    if (access.address - Bench::stream_table < 0x4000)
      return {.data = ste.words[access.address / 8 % 8], .ok = true};
    if ((access.address & 0x3'0000) == 0x3'0000)
      return {.data = cd.words[access.address / 8 % 8], .ok = true};
    std::mt19937_64 random(seed_ ^ access.address);
    const std::uint64_t word = random();
    const std::uint64_t likely = (word >> 56) % 4 == 0 ? 0 : 0x403;  // valid, a table or page, AF
    return {.data = word | likely, .ok = (word >> 8) % 50 != 0, .latency_ps = 0};
  }

  arch::PortResponse compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                        std::uint64_t) override {
    arch::PortResponse response = read64(access);
    if ((access.address >> 12) % 4 == 0) response.data = ~expected;  // another agent was faster
    return response;
  }

 private:
  std::uint64_t seed_;
  unsigned output_bits_;
};

smmuv3::Config some_config(std::uint64_t seed) {
  smmuv3::Config config = seed % 2 == 0 ? full() : smmuv3::Config{};
  constexpr std::array<unsigned, 4> sizes{48, 52, 44, 36};
  config.output_bits = sizes[seed / 2 % 4];
  config.vax = config.output_bits == 52;
  config.ds = config.vax && seed % 3 == 0;
  config.always_abort = seed % 5 == 0;
  config.caches.tlb = {8, 2};
  config.caches.micro_tlb = {2, 2};
  return config;
}

/// Random, but for what makes most of them ILLEGAL.
Structure some_ste(std::mt19937_64& random) {
  Structure made;
  for (std::uint64_t& word : made.words) word = random();
  made.replace(0, 0, 1).replace(3, 3, 1).replace(63, 59, 0).replace(93, 91, 0);
  made.replace(55, 6, 0x2003'0000 >> 6);
  made.replace(165, 160, 30).replace(167, 166, 1).replace(175, 174, random() % 3).replace(178, 176, 5);
  made.replace(185, 185, 0).replace(194, 194, 0).replace(179, 179, 1);
  made.replace(243, 220, 0).replace(435, 412, 0).replace(293, 288, 30).replace(295, 294, 1);
  return made.replace(303, 302, random() % 3).replace(386, 386, 0);
}

Structure some_cd(std::mt19937_64& random) {
  Structure made;
  for (std::uint64_t& word : made.words) word = random();
  made.replace(31, 31, 1).replace(5, 0, 25).replace(21, 16, 25).replace(7, 6, random() % 3);
  made.replace(23, 22, 1 + random() % 3).replace(34, 32, 5).replace(41, 41, 1).replace(115, 92, 0);
  return made.replace(179, 156, 0);
}

void check(const smmuv3::Config& config, const Transaction& transaction, const Translation& result) {
  const bool secure = config.secure && transaction.security == SecurityState::Secure;
  REQUIRE(result.accesses.size() <= arch::AccessLog::capacity);
  REQUIRE((result.fault || !result.recorded));
  if (result.fault) {
    REQUIRE(result.fault->access.address == transaction.address);
    REQUIRE(result.fault->secure_stream == secure);
    REQUIRE(result.fault->level <= 3);
  }
  switch (result.action) {
    case Action::Forward:
      REQUIRE_FALSE(result.fault);
      REQUIRE(result.output >> config.output_bits == 0);
      REQUIRE((result.output & 0xfff) == (transaction.address & 0xfff));
      REQUIRE((secure || !result.attributes.secure));
      break;
    case Action::Abort:
      REQUIRE((!result.fault || result.recorded || arch::is_translation_related(result.fault->kind) ||
               result.fault->kind == FaultKind::BadStreamId));
      break;
    case Action::RazWi:
      REQUIRE_FALSE(config.always_abort);
      REQUIRE(arch::is_translation_related(result.fault->kind));
      REQUIRE(result.fault->stage == 1);
      break;
    case Action::Stall:
      REQUIRE(result.recorded);
      REQUIRE(arch::is_translation_related(result.fault->kind));
      break;
  }
}

}  // namespace

TEST_CASE("whatever is in structures and tables, a transaction has one of the architected outcomes") {
  std::array<unsigned, 4> actions{};
  std::array<unsigned, 32> kinds{};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const smmuv3::Config config = some_config(seed);
    REQUIRE(smmuv3::validate(config).empty());
    AnyMemory memory(seed, config.output_bits);
    smmuv3::Translator smmu(config, 1, memory);
    for (unsigned step = 0; step < 60; ++step) {
      memory.ste = some_ste(random);
      memory.cd = some_cd(random);
      smmu.invalidate_all();
      for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
        smmuv3::Control& control = smmu.control(state);
        control.enabled = random() % 16 != 0;
        control.gbpa.raw = static_cast<std::uint32_t>(random());
        control.strtab_base.raw = random() % 8 == 0 ? random() : Bench::stream_table;
        control.strtab_base_cfg.raw = random() % 8 == 0 ? static_cast<std::uint32_t>(random()) : 8;
        control.record_bad_stream_ids = random() % 2 == 0;
      }
      for (unsigned access = 0; access < 12; ++access) {
        const std::uint64_t code = random();
        Transaction transaction{
            .address = random() >> (random() % 48),
            .stream_id = static_cast<std::uint32_t>(random() % 300),
            .security = (code & 1) != 0 ? SecurityState::Secure : SecurityState::NonSecure};
        transaction.attributes = {.write = (code & 2) != 0,
                                  .instruction = (code & 4) != 0,
                                  .privileged = (code & 8) != 0,
                                  .secure = (code & 16) != 0};
        memory.secure_allowed = config.secure && transaction.security == SecurityState::Secure;
        const Translation result = smmu.translate(0, transaction);
        check(config, transaction, result);
        ++actions[static_cast<std::size_t>(result.action)];
        if (result.fault) ++kinds[static_cast<std::size_t>(result.fault->kind)];
      }
    }
  }
  for (const unsigned count : actions) CHECK(count > 0);
  for (const FaultKind kind :
       {FaultKind::Translation, FaultKind::AddressSize, FaultKind::Permission, FaultKind::ExternalWalk,
        FaultKind::BadStreamId, FaultKind::SteFetch, FaultKind::BadSte, FaultKind::BadCd})
    CHECK(kinds[static_cast<std::size_t>(kind)] > 0);
}

}  // namespace sidewinder::test
