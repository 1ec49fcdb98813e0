# SPDX-License-Identifier: Apache-2.0
"""Boards of every shape there is among Debian's, through the real program: which node was used, and why not."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

program, scenario, boards = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])


def run(board, *arguments, change=("", "")):
    """With one text of the tree replaced. The finished process, its summary and its kernel log; None and "" where it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        # Flattened, as Debian ships them.
        tree = pathlib.Path(folder) / "board.dtb"
        source = (boards / f"{board}.dts").read_text()
        assert change[0] in source, change
        subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", tree],
                       input=source.replace(*change, 1), text=True, check=True)
        command = [program, "run", scenario, "-o", out, "--set", f"platform='{tree}'", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            assert not out.exists()
            return done, None, ""
        return done, json.loads((out / "summary.json").read_text()), (out / "faults.log").read_text()


def used(summary):
    platform = summary["platform"]
    return [(node["node"], node["compatible"], node["enabled"]) for node in [platform["smmu"], *platform["devices"]]]


def check_completed(summary):
    assert [session["outcome"] for session in summary["sessions"]] == ["completed"], summary["sessions"]
    assert summary["sessions"][0]["frames"] == 4
    assert summary["faults"]["raised"] == 0
    assert summary["streams"][0]["transactions"] > 1000
    assert summary["streams"][0]["misroutes"]["total"] == summary["streams"][0]["untranslated"]["total"] == 0


done, summary, log = run("two-cells")
check_completed(summary)
assert used(summary) == [("/soc@0/iommu@15000000", "arm,mmu-500", False),
                         ("/soc@0/video-codec@aa00000", "qcom,sdm845-venus-v2", False)], used(summary)
assert summary["platform"]["memory"] == "scenario"
assert summary["platform"]["devices"][0]["stream_ids"] == [{"sid": "0x10a0", "mask": "0x8"},
                                                           {"sid": "0x10b0", "mask": "0x0"}]
assert [stream["sid"] for stream in summary["streams"]] == ["0x10a0", "0x10b2"]
assert summary["smmu"]["context_banks"]["present"] == 6
assert summary["smmu"]["stream_match_groups"]["used"] == 3
assert "device /soc@0/video-codec@aa00000 (qcom,sdm845-venus-v2)\n  StreamIDs 0x10a0/0x8 0x10b0\n" in done.stdout
assert "failed to request" not in log, log

done, summary, log = run("one-cell")
check_completed(summary)
assert used(summary) == [("/soc@0/iommu@cd00000", "qcom,smmu-v2", True),
                         ("/soc@0/video-codec@cc00000", "qcom,sdm660-venus", True)], used(summary)
assert summary["platform"]["smmu"]["enabled_power_domain"] == "/soc@0/clock-controller@c8c0000"
assert summary["smmu"]["power"] is not None
assert len(summary["platform"]["devices"][0]["stream_ids"]) == 6
assert summary["smmu"]["stream_match_groups"]["used"] == 6
assert [stream["name"] for stream in summary["streams"]] == ["video"]
assert ("SMMU /soc@0/iommu@cd00000 (qcom,smmu-v2, enabled by the profile); memory as the scenario has it\n"
        "  power domain of /soc@0/clock-controller@c8c0000, enabled by the profile\n") in done.stdout

check_completed(run("two-cells", "--set", "policy.name=shared")[1])

# The video driver does not share its interrupt, as the SMMU's does.
done, summary, log = run("two-cells", change=("<0 174 4>", "<0 96 4>"))
assert [session["outcome"] for session in summary["sessions"]] != ["completed"], summary["sessions"]
assert "aa00000.video-codec: probe failed with error -EBUSY" in log, log

for board, arguments, expected in [
    ("another-iommu", (), r"board\.dtb: /soc@0/video-codec@1d00000: iommus refers to /soc@0/iommu@1ef0000, which is not "
                          r"an SMMU \(.*\) but qcom,msm8916-iommu, qcom,msm-iommu-v1\n"),
    ("no-video-unit", (), r"board\.toml:\d+: no node of .*board\.dtb is compatible with a Qualcomm video driver"),
    ("two-cells", ("--set", "policy.name=none"), r"board\.toml:\d+: stream 'video' has all StreamIDs of `iommus`, but the "
                                                 r"policy none tells streams apart"),
    ("two-cells", ("--set", "memory.range=[0, '256GiB']"), r"board\.dtb: /memory: .* beyond the 36 address bits"),
]:
    done, summary, log = run(board, *arguments)
    assert done.returncode == 2, f"{board}: exit status {done.returncode}"
    assert done.stdout == "", done.stdout
    assert re.search(expected, done.stderr), f"{board}: {done.stderr!r} lacks {expected!r}"
