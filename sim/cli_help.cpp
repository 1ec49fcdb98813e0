// SPDX-License-Identifier: Apache-2.0

#include "sim/cli_help.h"

namespace sidewinder::sim {
namespace {

constexpr std::string_view general_text =
    R"(usage: sidewinder run SCENARIO.toml [--set KEY=VALUE]... [-o DIR]
       sidewinder check SCENARIO.toml --expect FILE [--set KEY=VALUE]...
       sidewinder compare SCENARIO.toml [--policies A,B...] [--kernel V,W...] [-o DIR]

Sidewinder simulates a video codec behind an Arm SMMU, with Linux's IOVA allocator
and SMMU driver above it, and shows where the codec's DMA goes: which accesses leave
with another block's StreamID, which of them fault, and which land in somebody
else's buffer in silence.

commands:
  run      run a scenario and show what happened
  check    run a scenario and compare its kernel log with an expected one
  compare  run a scenario under several policies and kernels, and show them side by side

`sidewinder COMMAND --help` explains a command, `sidewinder --version` tells the version.

exit status: 0 the simulation completed, whatever it found (check: the logs agree);
1 check: the logs differ; 2 bad input or usage; 3 an error of Sidewinder's own.
)";

constexpr std::string_view run_text =
    R"(usage: sidewinder run SCENARIO.toml [--set KEY=VALUE]... [-o DIR]

Runs a scenario and prints what became of its sessions, accesses and IOVA space.

options:
  --set KEY=VALUE    override one key of the scenario; may be repeated
  -o, --output DIR   write faults.log and summary.json there
  -q, --quiet        print no table
  --log-level LEVEL  what to say on standard error: error, warning (the default),
                     info (also the kernel's log, after the run) or debug
  -h, --help         print this help

DIR receives faults.log (the kernel's log, as dmesg prints it) and summary.json, as a
whole or not at all. It may be new, empty, or an earlier run's. The same scenario gives
the same bytes.

examples:
  sidewinder run configs/scenarios/thread-unreserved.toml -o out
  sidewinder run configs/scenarios/thread-unreserved.toml --set seed=7 --quiet -o out
)";

constexpr std::string_view check_text =
    R"(usage: sidewinder check SCENARIO.toml --expect FILE [--set KEY=VALUE]...

Runs a scenario and compares the kernel log it gives with an expected one, field by
field. Exit status 0 when they agree, 1 when they differ; each difference is shown.

options:
  --expect FILE      the expected kernel log
  --set KEY=VALUE    override one key of the scenario; may be repeated
  -q, --quiet        print nothing when the logs agree
  --log-level LEVEL  what to say on standard error: error, warning (the default),
                     info (also the kernel's log, after the run) or debug
  -h, --help         print this help

FILE holds lines as dmesg prints them, for example the faults.log of an earlier run.
Blank lines and lines that begin with # are left out. What an expected line does not
say (its time, in `dmesg -t`) is not compared.

example:
  sidewinder check configs/scenarios/thread-reserved.toml --expect expected.log
)";

constexpr std::string_view compare_text =
    R"(usage: sidewinder compare SCENARIO.toml [--policies A,B...] [--kernel V,W...]
                          [--set KEY=VALUE]... [-o DIR]

Runs a scenario under each policy and each kernel, and prints a row for each: where the
accesses went, which sessions fit, what it cost, and whether the bounds stay.

options:
  --policies A,B...  the policies, in this order: none, shared, unbundled, runtime,
                     runtime-hardened, iommu-map, child-nodes, dma-ranges, uniform,
                     iommu-ranges (all of these when not given) and device-tree
  --kernel V,W...    the kernel's releases, such as 6.1,6.19 (the scenario's own when
                     not given)
  --set KEY=VALUE    override one key of the scenario, in every run; may be repeated
  -o, --output DIR   write comparison.json there, and each run's faults.log and
                     summary.json in a folder POLICY-VERSION
  -q, --quiet        print no table
  --log-level LEVEL  what to say on standard error: error, warning (the default),
                     info (also the kernels' logs, after the runs) or debug
  -h, --help         print this help

A policy that needs what a release lacks is unavailable on it, unless kernel.backport
is true. policy.uniform_size is for the policy uniform alone. Each run is the one that
`sidewinder run` gives with policy.name and kernel.version set so.

examples:
  sidewinder compare configs/scenarios/thread-unreserved.toml -o out
  sidewinder compare configs/scenarios/thread-abc.toml --policies none,child-nodes \
      --kernel 6.1,6.19
)";

}  // namespace

std::string_view general_help() {
  return general_text;
}

std::string_view help_of(Verb verb) {
  switch (verb) {
    case Verb::Run:
      return run_text;
    case Verb::Check:
      return check_text;
    case Verb::Compare:
      return compare_text;
  }
  return general_text;
}

}  // namespace sidewinder::sim
