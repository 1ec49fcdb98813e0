// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/config.h"

#include <catch2/catch.hpp>

#include "tests/support/smmuv3_config.h"

namespace sidewinder::smmuv3 {
namespace {

using test::plain_config;

template <typename Change>
std::string after(Change change, Config config = {}) {
  change(config);
  return validate(config);
}

/// Whether each of two values of a parameter is right.
template <typename Value>
void check_values(Value Config::*parameter, std::initializer_list<Value> right,
                  std::initializer_list<Value> wrong, Config config = {}) {
  for (const Value value : right) {
    INFO(value);
    config.*parameter = value;
    CHECK(validate(config) == "");
  }
  for (const Value value : wrong) {
    INFO(value);
    config.*parameter = value;
    CHECK(validate(config) != "");
  }
}

}  // namespace

TEST_CASE("the configuration by default is valid, and so is a plain one of each version") {
  CHECK(validate(Config{}) == "");
  for (const unsigned minor : {0U, 1U, 2U, 3U}) CHECK(validate(plain_config(minor)) == "");
}

TEST_CASE("each number of a configuration has its bounds") {
  check_values<unsigned>(&Config::minor, {3}, {4, 5});
  check_values<unsigned>(&Config::stream_id_bits, {0, 7, 32}, {33});
  check_values<unsigned>(&Config::secure_stream_id_bits, {0, 7, 32}, {33});
  check_values<unsigned>(&Config::substream_id_bits, {0, 20}, {21});
  check_values<unsigned>(&Config::command_queue_bits, {0, 19}, {20});
  check_values<unsigned>(&Config::event_queue_bits, {0, 19}, {20});
  check_values<unsigned>(&Config::pri_queue_bits, {0, 19}, {20});
  check_values<unsigned>(&Config::bbml, {1, 2}, {0, 3});
  check_values<unsigned>(&Config::stall_max, {1, 65535}, {0, 65536});
}

TEST_CASE("who made an SMMU has numbers that fit IIDR, and a JEP106 code without parity") {
  const auto with = [](const Identity& identity) {
    return after([&](Config& config) { config.identity = identity; });
  };
  CHECK(with({.product = 0xfff, .variant = 15, .revision = 15, .implementer = 0xf7f}) == "");
  CHECK(with({.product = 0x1000}) != "");
  CHECK(with({.variant = 16}) != "");
  CHECK(with({.revision = 16}) != "");
  CHECK(with({.implementer = 0x1000}) != "");
  CHECK(with({.implementer = 0x4bb}) != "");
}

TEST_CASE("output addresses have one of seven sizes") {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const bool size =
        bits == 32 || bits == 36 || bits == 40 || bits == 42 || bits == 44 || bits == 48 || bits == 52;
    INFO(bits << " bits");
    CHECK((after([&](Config& c) { c.output_bits = bits; }) == "") == size);
  }
}

TEST_CASE("more than 64 StreamIDs of either state need two-level stream tables") {
  Config config;
  config.two_level_stream_table = false;
  check_values<unsigned>(&Config::stream_id_bits, {0, 6}, {7, 16}, config);
  config.stream_id_bits = 6;
  check_values<unsigned>(&Config::secure_stream_id_bits, {6, 7}, {}, config);
  config.secure = true;
  check_values<unsigned>(&Config::secure_stream_id_bits, {6}, {7}, config);
}

TEST_CASE("stages, EL2 streams and the Secure state need one another") {
  Config config = plain_config(1);
  config.stage1 = false;
  config.hierarchy_disable = false;
  CHECK(validate(config) == "");
  check_values<bool>(&Config::hierarchy_disable, {false}, {true}, config);
  check_values<bool>(&Config::hypervisor, {false}, {true}, config);
  check_values<bool>(&Config::secure, {false}, {true}, config);
  config.stage2 = config.xnx = false;
  CHECK(validate(config) != "");
  config.stage1 = config.hierarchy_disable = true;
  CHECK(validate(config) == "");
  check_values<bool>(&Config::hypervisor, {false}, {true}, config);
  check_values<bool>(&Config::xnx, {false}, {true}, config);
  check_values<bool>(&Config::walk_device_as_normal, {false}, {}, config);
  config = Config{};
  config.stage2 = config.xnx = config.hypervisor = config.walk_device_as_normal = false;
  CHECK(validate(config) == "");
  check_values<bool>(&Config::walk_device_as_normal, {false}, {true}, config);
}

TEST_CASE("Secure EL2 needs the Secure state, both stages, small tables and nearly SMMUv3.2") {
  Config config;
  config.secure = config.secure_el2 = true;
  CHECK(validate(config) == "");
  check_values<bool>(&Config::secure, {true}, {false}, config);
  check_values<bool>(&Config::small_tables, {true}, {false}, config);
  Config one_stage = config;
  one_stage.stage2 = one_stage.xnx = one_stage.hypervisor = one_stage.walk_device_as_normal = false;
  check_values<bool>(&Config::secure_el2, {false}, {true}, one_stage);
  Config old = plain_config(1);
  old.secure = old.small_tables = true;
  check_values<bool>(&Config::secure_el2, {false, true}, {}, old);
  old = plain_config(0);
  old.secure = true;
  CHECK(validate(old) == "");
  old.secure_el2 = true;
  CHECK(validate(old) != "");
}

TEST_CASE("table formats and granules") {
  Config config;
  check_values<bool>(&Config::aarch32, {true, false}, {}, config);
  check_values<bool>(&Config::aarch64, {true, false}, {}, config);
  config.aarch32 = false;
  check_values<bool>(&Config::aarch64, {true}, {false}, config);
  check_values<bool>(&Config::granule_4k, {true, false}, {}, config);
  config.granule_4k = config.granule_16k = false;
  check_values<bool>(&Config::granule_64k, {true}, {false}, config);
  config.granule_64k = false;
  check_values<bool>(&Config::granule_16k, {true}, {false}, config);
  config.granule_4k = true;
  check_values<bool>(&Config::granule_4k, {true}, {false}, config);
  check_values<bool>(&Config::granule_4k, {true}, {false});  // VMSAv8-32
}

TEST_CASE("52-bit addresses need a granule that can have them, and SMMUv3.1") {
  Config config;
  config.output_bits = 52;
  check_values<bool>(&Config::granule_64k, {true}, {false}, config);
  config.vax = config.ds = true;
  check_values<bool>(&Config::granule_64k, {true, false}, {}, config);
  check_values<bool>(&Config::vax, {true}, {false}, config);

  config = Config{};
  config.granule_64k = false;
  check_values<bool>(&Config::vax, {false}, {true}, config);
  config.vax = config.ds = true;
  CHECK(validate(config) == "");
  config.granule_64k = true;
  config.granule_4k = config.aarch32 = false;
  CHECK(validate(config) == "");
  config.granule_16k = false;
  check_values<bool>(&Config::ds, {false}, {true}, config);

  for (const unsigned minor : {0U, 1U}) {
    Config old = plain_config(minor);
    old.vax = true;
    CHECK((validate(old) == "") == (minor == 1));
    old = plain_config(minor);
    old.output_bits = 52;
    CHECK((validate(old) == "") == (minor == 1));
  }
}

TEST_CASE("a version may have the next one's features and none of a later one") {
  struct Feature {
    bool Config::*parameter;
    unsigned introduced_in;
  };
  for (const auto& [parameter, introduced_in] : {Feature{&Config::small_tables, 2},
                                                 {&Config::forced_write_back, 2},
                                                 {&Config::range_invalidation, 2},
                                                 {&Config::e0pd, 3},
                                                 {&Config::walk_device_as_normal, 3},
                                                 {&Config::ats_error_records, 3},
                                                 {&Config::ds, 4}})
    for (unsigned minor = 0; minor <= 3; ++minor) {
      Config config = plain_config(minor);
      config.ats = true;
      config.vax = minor > 0;
      if (minor == 0 && parameter == &Config::ds) continue;  // without VAX it is wrong anyway
      config.*parameter = true;
      INFO("SMMUv3." << minor << ", a feature of SMMUv3." << introduced_in);
      CHECK((validate(config) == "") == (minor + 1 >= introduced_in));
    }
  for (unsigned minor = 0; minor <= 3; ++minor) {
    Config config = plain_config(minor);
    config.bbml = 1;
    CHECK((validate(config) == "") == (minor >= 1));
  }
  CHECK(after([](Config& c) { c.xnx = true; }, plain_config(0)) != "");
}

TEST_CASE("what a version requires cannot be left out") {
  struct Feature {
    bool Config::*parameter;
    unsigned mandatory_in;
  };
  for (const auto& [parameter, mandatory_in] : {Feature{&Config::hierarchy_disable, 1},
                                                {&Config::xnx, 1},
                                                {&Config::hypervisor, 2},
                                                {&Config::forced_write_back, 2},
                                                {&Config::range_invalidation, 2},
                                                {&Config::e0pd, 3},
                                                {&Config::walk_device_as_normal, 3}})
    for (unsigned minor = 0; minor <= 3; ++minor) {
      Config config = plain_config(minor);
      config.*parameter = false;
      INFO("SMMUv3." << minor << ", mandatory in SMMUv3." << mandatory_in);
      CHECK((validate(config) == "") == (minor < mandatory_in));
    }
  Config config = plain_config(2);
  config.bbml = 0;
  CHECK(validate(config) != "");
}

TEST_CASE("PCIe's features need ATS, and no forced stalls") {
  for (bool Config::*parameter : {&Config::pri, &Config::ats_error_records, &Config::no_secure_ats_commands,
                                  &Config::no_split_stage_ats, &Config::pasid_in_auto_response}) {
    Config config;
    config.secure = true;
    config.*parameter = true;
    CHECK(validate(config) != "");
    config.ats = config.pri = true;
    CHECK(validate(config) == "");
  }
  CHECK(after([](Config& c) { c.ats = c.no_secure_ats_commands = true; }) != "");
  CHECK(after([](Config& c) { c.ats = c.pasid_in_auto_response = true; }) != "");
  CHECK(after([](Config& c) {
          c.ats = c.pri = c.pasid_in_auto_response = true;
          c.substream_id_bits = 0;
        }) != "");
  for (bool Config::*stage : {&Config::stage1, &Config::stage2}) {
    Config config = plain_config(1);
    config.ats = true;
    config.*stage = config.hypervisor = false;
    config.hierarchy_disable = config.stage1;
    config.xnx = config.stage2;
    check_values<bool>(&Config::no_split_stage_ats, {false}, {true}, config);
  }
  CHECK(after([](Config& c) { c.stall_model = StallModel::Forced; }) == "");
  CHECK(after([](Config& c) {
          c.ats = true;
          c.stall_model = StallModel::Forced;
        }) != "");
}

TEST_CASE("stalls at a time are counted where there are any") {
  Config config;
  config.stall_model = StallModel::NoStall;
  check_values<unsigned>(&Config::stall_max, {0}, {1, 256}, config);
  config.stall_model = StallModel::Forced;
  check_values<unsigned>(&Config::stall_max, {1}, {0}, config);
}

TEST_CASE("a cache is absent, or its ways divide its entries") {
  struct Shape {
    arch::CacheShape shape;
    bool valid;
  };
  for (const auto& [shape, valid] : {Shape{{0, 0}, true},
                                     {{0, 4}, true},
                                     {{1, 1}, true},
                                     {{28, 4}, true},
                                     {{64, 64}, true},
                                     {{4, 0}, false},
                                     {{4, 8}, false},
                                     {{30, 4}, false}}) {
    INFO(shape.entries << " entries, " << shape.ways << " ways");
    CHECK((after([&, cache = shape](Config& c) { c.caches.micro_tlb = cache; }) == "") == valid);
    CHECK((after([&, cache = shape](Config& c) { c.caches.tlb = cache; }) == "") == valid);
    CHECK((after([&, cache = shape](Config& c) { c.caches.configuration = cache; }) == "") == valid);
    for (std::size_t level = 0; level < 4; ++level) {
      CHECK((after([&, cache = shape](Config& c) { c.caches.stage1_walk[level] = cache; }) == "") == valid);
      CHECK((after([&, cache = shape](Config& c) { c.caches.stage2_walk[level] = cache; }) == "") == valid);
    }
  }
}

}  // namespace sidewinder::smmuv3
