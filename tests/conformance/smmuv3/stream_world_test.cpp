// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/conformance/smmuv3/ste_bench.h"
#include "tests/support/smmuv3_config.h"

namespace sidewinder::test {
namespace {

using layout::smmuv3::Eats;
using layout::smmuv3::Ste;
using smmuv3::Config;
using smmuv3::SecurityState;
using smmuv3::StreamWorld;
using namespace ste_bits;

Ste strw_ste(std::uint64_t kind, std::uint64_t value) {
  return Ste::of(with(usual_ste(kind), strw, value));
}

Ste eats_ste(std::uint64_t kind, std::uint64_t value) {
  return Ste::of(with(usual_ste(kind), eats, value));
}

}  // namespace

TEST_CASE("IHI 0070 §5.2: the StreamWorld of a Non-secure STE") {
  const auto world = [](const Config& config, std::uint64_t kind, std::uint64_t value, bool e2h) {
    return stream_world(strw_ste(kind, value), config, SecurityState::NonSecure, e2h);
  };
  const Config hyp;
  const Config no_hyp = plain_config(1);
  for (const bool e2h : {false, true}) {
    CHECK(world(hyp, stage1_only, 0, e2h) == StreamWorld::El1);
    CHECK(world(hyp, stage1_only, 2, e2h) == (e2h ? StreamWorld::El2E2h : StreamWorld::El2));
    CHECK(world(no_hyp, stage1_only, 2, e2h) == StreamWorld::El1);
    for (std::uint64_t value = 0; value < 4; ++value)
      for (const std::uint64_t kind : {all_bypass, stage2_only, nested})
        CHECK(world(hyp, kind, value, e2h) == StreamWorld::El1);
  }
}

TEST_CASE("IHI 0070 §5.2: the StreamWorld of a Secure STE") {
  Config config = secure_bench().config;
  const auto world = [&](std::uint64_t kind, std::uint64_t value, bool e2h) {
    return stream_world(strw_ste(kind, value), config, SecurityState::Secure, e2h);
  };
  for (const bool e2h : {false, true}) {
    CHECK(world(stage1_only, 0, e2h) == StreamWorld::Secure);
    CHECK(world(stage1_only, 1, e2h) == StreamWorld::El3);
    CHECK(world(stage1_only, 2, e2h) == (e2h ? StreamWorld::SecureEl2E2h : StreamWorld::SecureEl2));
    for (std::uint64_t value = 0; value < 4; ++value)
      for (const std::uint64_t kind : {all_bypass, stage2_only, nested})
        CHECK(world(kind, value, e2h) == StreamWorld::Secure);
  }
  config = plain_config(1);
  config.secure = true;
  CHECK(world(stage1_only, 1, false) == StreamWorld::El3);  // whatever Hyp
}

TEST_CASE("IHI 0070 §5.2: which translations S2VMID tags") {
  const auto ignored = [](const Config& config, SecurityState state, const Ste& ste) {
    return ignores_vmid(ste, config, state);
  };
  Config config = secure_bench().config;
  for (const std::uint64_t value : {0U, 2U}) {
    CHECK(ignored(config, SecurityState::NonSecure, strw_ste(stream_disabled, value)));
    CHECK(ignored(config, SecurityState::NonSecure, strw_ste(0b011, value)));
    CHECK(ignored(config, SecurityState::NonSecure, strw_ste(all_bypass, value)));
    CHECK(ignored(config, SecurityState::NonSecure, strw_ste(stage1_only, value)) == (value == 2));
    CHECK_FALSE(ignored(config, SecurityState::NonSecure, strw_ste(stage2_only, value)));
    CHECK_FALSE(ignored(config, SecurityState::NonSecure, strw_ste(nested, value)));

    CHECK(ignored(config, SecurityState::Secure, strw_ste(0b011, value)));
    CHECK(ignored(config, SecurityState::Secure, strw_ste(all_bypass, value)));
    CHECK(ignored(config, SecurityState::Secure, strw_ste(stage1_only, value)));
    CHECK_FALSE(ignored(config, SecurityState::Secure, strw_ste(stage2_only, value)));
    CHECK_FALSE(ignored(config, SecurityState::Secure, strw_ste(nested, value)));
  }
  config.secure_el2 = false;
  CHECK(ignored(config, SecurityState::Secure, strw_ste(stage1_only, 0)));
  config.stage2 = false;
  CHECK(ignored(config, SecurityState::NonSecure, strw_ste(stage1_only, 0)));
}

TEST_CASE("IHI 0070 §5.2: the effective EATS") {
  Config config;
  config.ats = true;
  for (const bool atschk : {false, true}) {
    const auto effective = [&](const Ste& ste, SecurityState state = SecurityState::NonSecure) {
      return effective_eats(ste, config, state, atschk);
    };
    CHECK(effective(eats_ste(nested, 0)) == Eats::None);
    CHECK(effective(eats_ste(nested, 1)) == Eats::Full);
    CHECK(effective(eats_ste(nested, 2)) == (atschk ? Eats::SplitStage : Eats::None));
    CHECK(effective(eats_ste(nested, 3)) == Eats::None);
    CHECK(effective(eats_ste(stage1_only, 1)) == Eats::Full);
    CHECK(effective(eats_ste(stage2_only, 1)) == Eats::Full);
    for (const std::uint64_t kind : {stream_disabled, std::uint64_t{0b011}, all_bypass})
      CHECK(effective(eats_ste(kind, 1)) == Eats::None);
    CHECK(effective(eats_ste(nested, 1), SecurityState::Secure) == Eats::None);
  }
  config.ats = false;
  CHECK(effective_eats(eats_ste(nested, 1), config, SecurityState::NonSecure, true) == Eats::None);
}

}  // namespace sidewinder::test
