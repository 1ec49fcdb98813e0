// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/log.h"

#include <catch2/catch.hpp>

#include "tests/support/plain_machine.h"

using namespace sidewinder;
using namespace sidewinder::kernel;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

struct Logged {
  test::PlainMachine machine{test::PlainMachineConfig{}};
  std::vector<std::string> lines;
  std::vector<LogLevel> levels;
  KernelLog log{machine, [this](LogLevel level, std::string_view line) {
                  levels.push_back(level);
                  lines.emplace_back(line);
                }};
};

/// How many of `calls` at one time may print.
unsigned allowed(RateLimit& limit, const Logged& logged, std::uint64_t now, unsigned calls) {
  unsigned count = 0;
  for (unsigned call = 0; call < calls; ++call) count += limit.allow(now, logged.log) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a line begins with the time as printk shows it") {
  Logged logged;
  logged.log.print(LogLevel::Info, "boot");
  logged.machine.delay_ns(999);
  logged.log.print(LogLevel::Info, "still the first microsecond");
  logged.machine.delay_ns(1);
  logged.log.print(LogLevel::Info, "the second");
  logged.machine.delay_ns(12345 * second + 678'900'000);
  logged.log.print(LogLevel::Info, "five digits");
  logged.machine.delay_ns(100'000 * second);
  logged.log.print(LogLevel::Info, "six");
  CHECK(logged.lines == std::vector<std::string>{
                            "[    0.000000] boot",
                            "[    0.000000] still the first microsecond",
                            "[    0.000001] the second",
                            "[12345.678901] five digits",
                            "[112345.678901] six",
                        });
}

TEST_CASE("a device's line names its driver and the device, and keeps its level") {
  Logged logged;
  logged.log.dev(LogLevel::Err, "arm-smmu", "15000000.iommu", "\tGFSR");
  logged.log.dev(LogLevel::Notice, "arm-smmu", "3da0000.iommu", "");
  CHECK(logged.lines == std::vector<std::string>{"[    0.000000] arm-smmu 15000000.iommu: \tGFSR",
                                                 "[    0.000000] arm-smmu 3da0000.iommu: "});
  CHECK(logged.levels == std::vector<LogLevel>{LogLevel::Err, LogLevel::Notice});
}

TEST_CASE("ten messages pass in an interval of five seconds") {
  Logged logged;
  RateLimit limit("handler");
  const std::uint64_t begin = 3 * second;  // an interval begins with its first message
  CHECK(allowed(limit, logged, begin, 12) == 10);
  CHECK(limit.suppressed() == 2);

  SECTION("at its very end it is not over") {
    CHECK(allowed(limit, logged, begin + 5 * second, 1) == 0);
    CHECK(logged.lines.empty());
    CHECK(limit.suppressed() == 3);
  }
  SECTION("after it, what was missed is told once, and ten more pass") {
    CHECK(allowed(limit, logged, begin + 5 * second + 1, 11) == 10);
    CHECK(logged.lines == std::vector<std::string>{"[    0.000000] handler: 2 callbacks suppressed"});
    CHECK(logged.levels == std::vector<LogLevel>{LogLevel::Warn});
    CHECK(limit.suppressed() == 3);

    CHECK(allowed(limit, logged, begin + 11 * second, 1) == 1);
    CHECK(logged.lines.back() == "[    0.000000] handler: 1 callbacks suppressed");
  }
}

TEST_CASE("nothing is told where nothing was missed") {
  Logged logged;
  RateLimit limit("handler");
  CHECK(allowed(limit, logged, 0, 10) == 10);
  CHECK(allowed(limit, logged, 6 * second, 10) == 10);
  CHECK(logged.lines.empty());
  CHECK(limit.suppressed() == 0);
}

TEST_CASE("an interval that is over begins anew with the next message, not where the last one ended") {
  Logged logged;
  RateLimit limit("handler");
  CHECK(allowed(limit, logged, 0, 1) == 1);
  CHECK(allowed(limit, logged, 7 * second, 10) == 10);
  CHECK(allowed(limit, logged, 11 * second, 1) == 0);
  CHECK(allowed(limit, logged, 12 * second + 1, 1) == 1);
}
