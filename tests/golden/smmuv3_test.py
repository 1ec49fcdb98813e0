# SPDX-License-Identifier: Apache-2.0
"""The scenarios of the thread on a platform with an SMMUv3: what differs from an SMMUv2, and what must not."""

import json
import pathlib
import subprocess
import sys
import tempfile

program, configs = sys.argv[1], pathlib.Path(sys.argv[2])
PLATFORM = ["--set", "platform='../platforms/thread-vpu-smmuv3.dts'"]


def run(scenario, *settings):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        arguments = [text for setting in settings for text in ("--set", setting)]
        done = subprocess.run([program, "run", configs / "scenarios" / scenario, "-o", out, *PLATFORM, *arguments],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done, None
        return done, json.loads((out / "summary.json").read_text())


done, summary = run("thread-unreserved.toml")
assert done.returncode == 0, done.stderr
assert summary["platform"]["smmu"]["compatible"] == "arm,smmu-v3"
assert summary["smmu"]["context_banks"] is None and summary["smmu"]["stream_match_groups"] is None
assert summary["smmu"]["tlb"]["hits"] + summary["smmu"]["tlb"]["walks"] == summary["smmu"]["tlb"]["lookups"] > 0
faults = summary["faults"]
assert faults["context_banks"] == [] and faults["global"] == 0
# Every fault is recorded, whoever else has one: on an SMMUv2 a pending one hides the next.
assert faults["events"] == {"recorded": faults["raised"], "discarded": 0, "stalled": 0}
assert faults["logged"] == 10 and faults["logged"] + faults["suppressed"] == faults["raised"]
streams = {stream["name"]: stream for stream in summary["streams"]}
assert streams["non-pixel"]["misroutes"]["caught"] == faults["raised"]
assert streams["non-pixel"]["misroutes"]["silent_foreign"] > 0
assert all(stream["collateral_aborts"] == 0 for stream in streams.values())
assert "events recorded, 0 discarded, 0 stalls" in done.stdout
assert "context bank" not in done.stdout

done, summary = run("thread-reserved.toml")
assert summary["faults"]["raised"] == 0 and summary["faults"]["events"]["recorded"] == 0
assert {session["outcome"] for session in summary["sessions"]} == {"completed", "failed-to-start"}

done, summary = run("thread-unreserved.toml", "policy.name='shared'")
assert sum(stream["misroutes"]["silent_same_memory"] for stream in summary["streams"]) > 0
assert summary["faults"]["raised"] == 0

with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "out"
    done = subprocess.run([program, "compare", configs / "scenarios/thread-unreserved.toml", "-o", out, *PLATFORM,
                           "--policies", "none,child-nodes"], capture_output=True, text=True, check=True)
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert [row["figures"]["context_banks"] for row in rows] == [None, None]
    assert [row["figures"]["misroutes"]["total"] > 0 for row in rows] == [True, False]
    # No second device of a StreamID joins a group: the driver refuses it.
    assert [row["figures"]["survival"] for row in rows] == [{"reprobe": None, "sharing": None},
                                                            {"reprobe": "kept", "sharing": None}]
