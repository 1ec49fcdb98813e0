// SPDX-License-Identifier: Apache-2.0

#include "sim/fault_log_diff.h"

#include <catch2/catch.hpp>

using namespace sidewinder::sim;
using Catch::Matchers::Contains;

namespace {

std::string fault(const std::string& time, const std::string& fsr, const std::string& iova) {
  return "[    " + time + "] arm-smmu 15000000.iommu: Unhandled context fault: fsr=" + fsr +
         ", iova=" + iova + ", fsynr=0x13, cbfrsynra=0x1943, cb=1";
}

std::vector<LineDifference> compare(const std::vector<std::string>& expected,
                                    const std::vector<std::string>& got) {
  return compare_fault_logs(parse_kernel_log(expected), parse_kernel_log(got));
}

}  // namespace

TEST_CASE("equal logs do not differ") {
  const std::vector<std::string> log{"[    0.000001] one", fault("1.000000", "0x402", "0x1000")};
  CHECK(compare(log, log).empty());
  CHECK(compare({}, {}).empty());
  CHECK(describe({}, "expected.log").empty());
}

TEST_CASE("numbers are compared by value, text by letter") {
  CHECK(compare({fault("1.000000", "0x402", "0x00001000")}, {fault("1.000000", "0x402", "0x1000")}).empty());
  CHECK(compare({"[    0.000001] one"}, {"[    0.000001] One"}).size() == 1);
}

TEST_CASE("what the expected line leaves out is not compared, what the run leaves out is") {
  const std::string full = fault("1.000000", "0x402", "0x1000");
  const std::string old = "arm-smmu 15000000.iommu: Unhandled context fault: iova=0x1000, fsynr=0x13, cb=1";
  CHECK(compare({old}, {full}).empty());
  const auto differences = compare({full}, {old});
  REQUIRE(differences.size() == 1);
  REQUIRE(differences[0].fields.size() == 3);
  CHECK(differences[0].fields[0].expected.name == "time");
  CHECK(differences[0].fields[1].expected.name == "fsr");
  CHECK(differences[0].fields[2].expected.name == "cbfrsynra");
  CHECK_FALSE(differences[0].fields[2].got);
}

TEST_CASE("each differing field is named with both values, syndromes in words") {
  const auto differences = compare({"# not counted here", fault("1.000000", "0x402", "0x1000")},
                                   {"# not counted here", "extra", fault("1.000000", "0x408", "0x2000")});
  REQUIRE(differences.size() == 2);
  CHECK(describe(differences, "expected.log") ==
        "the fault log is not expected.log: 1 line differs, 0 missing, 1 not expected\n"
        "\n"
        "faults.log:2: not expected\n"
        "    extra\n"
        "\n"
        "expected.log:2 differs from faults.log:3\n"
        "          expected             got\n"
        "    fsr   0x402 (TF Format=2)  0x408 (PF Format=2)\n"
        "    iova  0x1000               0x2000\n");
}

TEST_CASE("a missing line shifts none of those after it") {
  const auto a = fault("1.000000", "0x402", "0x1000");
  const auto b = fault("1.100000", "0x402", "0x2000");
  const auto c = fault("1.200000", "0x402", "0x3000");
  const auto differences = compare({a, b, c}, {a, c});
  REQUIRE(differences.size() == 1);
  REQUIRE(differences[0].expected);
  CHECK_FALSE(differences[0].got);
  CHECK(differences[0].expected->text == b);
  CHECK_THAT(describe(differences, "e.log"), Contains("e.log:2: missing from the run\n    " + b));

  const auto reverse = compare({b, c}, {a, b, c});
  REQUIRE(reverse.size() == 1);
  CHECK_FALSE(reverse[0].expected);
  CHECK(reverse[0].got->text == a);
}

TEST_CASE("a line is paired with the one it differs least from") {
  const auto differences =
      compare({fault("1.000000", "0x402", "0x1000"), fault("2.000000", "0x408", "0x2000")},
              {fault("2.000000", "0x408", "0x2004"), "tail"});
  REQUIRE(differences.size() == 3);
  CHECK_FALSE(differences[0].got);
  REQUIRE(differences[1].fields.size() == 1);
  CHECK(differences[1].fields[0].expected.name == "iova");
  CHECK_FALSE(differences[2].expected);
}

TEST_CASE("lines of two kinds are never paired") {
  const auto differences = compare({fault("1.000000", "0x402", "0x1000")}, {"[    1.000000] something else"});
  REQUIRE(differences.size() == 2);
  CHECK(differences[0].fields.empty());
  CHECK(differences[1].fields.empty());
}

TEST_CASE("when only times moved, that is said") {
  const auto moved = compare({fault("1.000000", "0x402", "0x1000"), "[    2.000000] one"},
                             {fault("1.000001", "0x402", "0x1000"), "[    2.000001] one"});
  REQUIRE(moved.size() == 2);
  CHECK_THAT(describe(moved, "e.log"),
             Contains("2 lines differ, 0 missing, 0 not expected\n(only in their times)\n"));
  const auto more = compare({fault("1.000000", "0x402", "0x1000"), "[    2.000000] one"},
                            {fault("1.000001", "0x402", "0x1000"), "[    2.000001] two"});
  CHECK_THAT(describe(more, "e.log"), !Contains("only in their times"));
}

TEST_CASE("at most twenty differences are described") {
  const auto many = compare({}, std::vector<std::string>(23, "line"));
  CHECK(many.size() == 23);
  const std::string text = describe(many, "e.log");
  CHECK_THAT(text, Contains("0 lines differ, 0 missing, 23 not expected"));
  CHECK_THAT(text, Contains("faults.log:20:") && !Contains("faults.log:21:"));
  CHECK_THAT(text, Contains("\nand 3 more differences\n"));
  CHECK_THAT(describe(compare({}, std::vector<std::string>(20, "line")), "e.log"),
             !Contains("more difference"));
}

TEST_CASE("logs too long to align are compared in order") {
  std::vector<std::string> expected(5000, "expected");
  std::vector<std::string> got(5001, "got");
  const auto differences = compare(expected, got);
  CHECK(differences.size() == 5001);
  CHECK_FALSE(differences.back().expected);
}
