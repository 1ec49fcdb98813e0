// SPDX-License-Identifier: Apache-2.0

#include "sim/diagnostics.h"

#include <catch2/catch.hpp>
#include <sstream>

using namespace sidewinder::sim;

TEST_CASE("messages below the threshold are dropped") {
  std::ostringstream out;
  const DiagnosticsScope scope(out, Severity::Warning);
  diagnose(Severity::Error, "lost {}");
  diagnose(Severity::Warning, "odd");
  diagnose(Severity::Info, "chatter");
  CHECK(out.str() == "sidewinder: lost {}\nsidewinder: warning: odd\n");
}

TEST_CASE("verbatim lines bear no prefix") {
  std::ostringstream out;
  const DiagnosticsScope scope(out, Severity::Debug);
  diagnose_verbatim(Severity::Info, "[    0.000001] a kernel line, 100%");
  CHECK(out.str() == "[    0.000001] a kernel line, 100%\n");
}

TEST_CASE("without a scope nothing is said") {
  std::ostringstream out;
  { const DiagnosticsScope scope(out, Severity::Debug); }
  diagnose(Severity::Error, "late");
  CHECK(out.str().empty());
}

TEST_CASE("severities have four names") {
  CHECK(parse_severity("error") == Severity::Error);
  CHECK(parse_severity("warning") == Severity::Warning);
  CHECK(parse_severity("info") == Severity::Info);
  CHECK(parse_severity("debug") == Severity::Debug);
  CHECK_FALSE(parse_severity("warn"));
}
