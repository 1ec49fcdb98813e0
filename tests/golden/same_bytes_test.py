# SPDX-License-Identifier: Apache-2.0
"""Two runs of one scenario write the same bytes; another seed does not."""

import sys

from support import results

program, scenario = sys.argv[1:]
# Fewer accesses than the scenario's own: what must agree is there all the same.
fewer = ("--set", "traffic.stride=256KiB")
_, first_summary, first_log = results(program, scenario, *fewer)
_, second_summary, second_log = results(program, scenario, *fewer)
assert first_summary == second_summary
assert first_log == second_log

_, other_summary, _ = results(program, scenario, *fewer, "--set", "seed=2")
assert other_summary != first_summary
