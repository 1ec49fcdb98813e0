// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <random>

#include "iommu/smmuv3/cd.h"
#include "iommu/smmuv3/context_table.h"
#include "iommu/smmuv3/ste.h"
#include "iommu/smmuv3/stream_table.h"
#include "iommu/smmuv3/table_fields.h"

namespace sidewinder::smmuv3 {
namespace {

using layout::smmuv3::Cd;
using layout::smmuv3::Ste;

/// One bit in four is set.
std::uint64_t sparse(std::mt19937_64& random) {
  const std::uint64_t first = random();
  return first & random();
}

/// Random words, one read in eight of which aborts; every address must be of a word within the OAS.
class RandomMemory : public arch::MemoryPort {
 public:
  RandomMemory(std::mt19937_64& random, unsigned output_bits) : random_(random), output_bits_(output_bits) {}

  bool all_in_range = true;

  arch::PortResponse read64(const arch::PortAccess& access) override {
    if (access.address % 8 != 0 || access.address >> output_bits_ != 0) all_in_range = false;
    // Small pointers, so that not all of them are out of range.
    return {sparse(random_) & layout::low_bits(output_bits_ + 1), random_() % 8 != 0, 0};
  }

 private:
  std::mt19937_64& random_;
  unsigned output_bits_;
};

Config random_config(std::mt19937_64& random) {
  Config config;
  config.output_bits = layout::smmuv3::address_sizes[random() % layout::smmuv3::address_sizes.size()];
  config.vax = random() % 2 != 0;
  config.ds = config.vax && random() % 2 != 0;
  config.aarch32 = random() % 2 != 0;
  config.granule_16k = random() % 2 != 0;
  config.substream_id_bits = static_cast<unsigned>(random() % 21);
  config.two_level_cd_table = random() % 2 != 0;
  config.stream_id_bits = static_cast<unsigned>(random() % 33);
  config.ats = random() % 2 != 0;
  config.secure = config.secure_el2 = random() % 2 != 0;
  return config;
}

}  // namespace

TEST_CASE(
    "whatever registers and memory hold, a StreamID leads to an STE or to a fault, and no read goes astray") {
  std::mt19937_64 random(1);
  unsigned found = 0;
  for (unsigned i = 0; i < 20'000; ++i) {
    const Config config = random_config(random);
    REQUIRE(validate(config) == "");
    StreamTable table;
    table.state = static_cast<SecurityState>(random() % 2);
    table.base.raw = random() & (random() % 4 != 0 ? layout::low_bits(config.output_bits) : random());
    table.format.raw = static_cast<std::uint32_t>(random());
    table.cr1.raw = static_cast<std::uint32_t>(random());
    RandomMemory memory(random, config.output_bits);
    arch::AccessLog log;
    const auto stream_id = static_cast<std::uint32_t>(random() >> random() % 64);
    const auto lookup = find_ste(table, config, stream_id, memory, log);
    CHECK(memory.all_in_range);
    CHECK((lookup.ok || lookup.fault.kind == arch::FaultKind::BadStreamId ||
           lookup.fault.kind == arch::FaultKind::SteFetch));
    found += lookup.ok ? 1 : 0;
  }
  CHECK(found > 100);
}

TEST_CASE("whatever STEs and CDs hold, those that are legal can be used") {
  std::mt19937_64 random(2);
  unsigned legal_stage2 = 0;
  unsigned found = 0;
  for (unsigned i = 0; i < 200'000; ++i) {
    const Config config = random_config(random);
    Ste ste;
    for (auto& word : ste.words) word = sparse(random);
    ste.set<Ste::V>(1).set<Ste::S1CDMax>(ste.get<Ste::S1CDMax>() & random());
    if (random() % 2 != 0) {
      ste.words[0] &= layout::low_bits(32) | Ste::S1CDMax::mask;
      ste.words[3] &= layout::low_bits(32);
      ste.words[6] &= layout::low_bits(32);
    }
    const auto state = config.secure ? static_cast<SecurityState>(random() % 2) : SecurityState::NonSecure;
    if (illegal(ste, config, state, random() % 2 != 0) || !traffic_passes(ste)) continue;

    if (stage2_translates(ste)) {
      ++legal_stage2;
      const auto fields = stage2_fields(ste, config);
      const auto level = ste.is_set<Ste::S2AA64>() ? stage2_start_level(fields, lpa2(ste, config), config)
                                                   : lpae_stage2_start_level(fields);
      REQUIRE(level);
      CHECK(*level >= -1);
      CHECK(*level <= 3);
      CHECK(fields.ttb >> output_bits(ste, config) == 0);
    }
    const auto world = stream_world(ste, config, state, random() % 2 != 0);
    const auto substream =
        random() % 2 != 0 ? std::optional(static_cast<std::uint32_t>(random() % 64)) : std::nullopt;
    const auto choice = choose_cd(ste, config, substream);
    if (choice.action != SubstreamChoice::Action::UseCd) continue;
    CHECK(stage1_translates(ste));
    if (stage2_translates(ste)) continue;
    RandomMemory memory(random, config.output_bits);
    arch::AccessLog log;
    const auto lookup = find_cd(ste, config, state, choice.cd_index, nullptr, memory, log);
    CHECK(memory.all_in_range);
    if (!lookup.ok) continue;
    ++found;
    for (const auto model : {StallModel::Both, StallModel::NoStall, StallModel::Forced})
      if (!illegal(lookup.cd, ste, config, world, model)) CHECK(lookup.cd.is_set<Cd::V>());
  }
  CHECK(legal_stage2 > 100);
  CHECK(found > 100);
}

}  // namespace sidewinder::smmuv3
