# SPDX-License-Identifier: Apache-2.0
"""`sidewinder compare`: its rows are its runs' own figures, its runs those of `sidewinder run`, its errors are told apart."""

import json
import pathlib
import shutil
import sys
import tempfile

from support import results, run

program, configs = sys.argv[1], pathlib.Path(sys.argv[2])
scenario = configs / "scenarios/thread-unreserved.toml"
# Fewer sessions and accesses than the scenario's own: what is looked for is there all the same.
SHORT = ("--set", "traffic.stride=256KiB", "--set", "session[0].frames=2")
KINDS = ("total", "caught", "silent_foreign", "silent_same_memory", "unowned")


def compare(folder, *arguments, of=scenario):
    """The finished process and what it wrote, {} if nothing."""
    out = folder / "out"
    done = run(program, "compare", of, "-o", out, *SHORT, *arguments)
    written = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    return done, written


def check_row(row, summary):
    """A row holds what the summary of its run holds."""
    figures, streams, sessions = row["figures"], summary["streams"], summary["sessions"]
    assert (row["policy"], row["kernel"]) == (summary["scenario"]["policy"], summary["scenario"]["kernel"])
    assert row["backported"] == summary["scenario"]["backported"]
    for kind in KINDS:
        assert figures["misroutes"][kind] == sum(stream["misroutes"][kind] for stream in streams)
    for kind in ("total", "passed", "blocked"):
        assert figures["untranslated"][kind] == sum(stream["untranslated"][kind] for stream in streams)
    assert figures["faults"] == {key: summary["faults"][key] for key in ("raised", "logged")}
    assert figures["buffers_outside_window"] == sum(stream["outside_window"]["buffers"] for stream in streams)
    assert figures["wasted_bytes"] == sum(stream["space"]["wasted_bytes"] for stream in streams)
    assert figures["allocation_failures"] == sum(stream["allocation_failures"] for stream in streams)
    assert figures["context_banks"] == summary["smmu"]["context_banks"]
    assert figures["stream_match_groups"] == summary["smmu"]["stream_match_groups"]
    assert figures["survival"] == summary["survival"]
    outcomes = [session["outcome"] for session in sessions]
    assert figures["sessions"]["total"] == len(outcomes)
    assert figures["sessions"]["fit"] == len(outcomes) - outcomes.count("failed-to-start")
    assert figures["sessions"]["completed"] == outcomes.count("completed")
    failed = [session for session in sessions if session["outcome"] not in ("completed", "running")]
    first = figures["sessions"]["first_failure"]
    assert (first and first["session"]) == (failed[0]["id"] if failed else None)
    for mine, stream in zip(figures["streams"], streams, strict=True):
        assert mine["name"] == stream["name"] and mine["misroutes"] == stream["misroutes"]
        assert mine["largest_free_block_bytes"] == stream["space"]["largest_free_block_bytes"]
        assert mine["wasted_bytes"] == stream["space"]["wasted_bytes"]


def check_every_policy(folder):
    done, written = compare(folder)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    comparison = json.loads(written["comparison.json"])
    rows = {row["policy"]: row for row in comparison["rows"]}
    assert list(rows) == ["none", "shared", "unbundled", "runtime", "runtime-hardened", "iommu-map", "child-nodes",
                          "dma-ranges", "uniform", "iommu-ranges"]
    files = {"comparison.json"}
    for row in rows.values():
        assert row["outcome"] == "done" and row["folder"] == row["policy"] + "-6.1", row
        files |= {row["folder"] + "/summary.json", row["folder"] + "/faults.log"}
        check_row(row, json.loads(written[row["folder"] + "/summary.json"]))
    assert set(written) == files

    # What the policies are there to show.
    assert rows["none"]["figures"]["misroutes"]["silent_foreign"] > 0 and not rows["none"]["kept_windows"]
    assert rows["shared"]["figures"]["misroutes"]["silent_same_memory"] > 0
    assert rows["shared"]["figures"]["context_banks"]["used"] < rows["none"]["figures"]["context_banks"]["used"]
    assert rows["child-nodes"]["kept_windows"] and rows["child-nodes"]["backported"]
    assert not rows["none"]["backported"]
    assert "child-nodes" in comparison["verdict"]
    assert comparison["verdict"] in " ".join(done.stdout.split("\n"))
    for row in rows.values():
        assert row["in_short"] in done.stdout
    assert all(len(line) <= 160 for line in done.stdout.split("\nVerdict\n", maxsplit=1)[0].splitlines())


def check_same_run(folder):
    """Each run is the one its overrides give by themselves, and a second comparison has the same bytes."""
    arguments = ("--policies", "shared,none", "--kernel", "6.4,6.1")
    _, written = compare(folder, *arguments)
    _, again = compare(folder, *arguments)
    assert written == again
    rows = json.loads(written["comparison.json"])["rows"]
    assert [row["folder"] for row in rows] == ["shared-6.4", "shared-6.1", "none-6.4", "none-6.1"]
    _, summary, log = results(program, scenario, *SHORT, "--set", "policy.name=shared", "--set",
                              'kernel.version="6.4"')
    assert written["shared-6.4/summary.json"] == summary and written["shared-6.4/faults.log"] == log


def check_unavailable(folder):
    done, written = compare(folder, "--policies", "none,child-nodes", "--kernel", "6.1,6.3", "--set",
                            "kernel.backport=false")
    assert done.returncode == 0, done.stderr
    rows = json.loads(written["comparison.json"])["rows"]
    assert [row["outcome"] for row in rows] == ["done", "done", "unavailable", "done"]
    assert "iommu-addresses" in rows[2]["reason"] and rows[2]["figures"] is None
    assert not any(row["backported"] for row in rows)
    assert not any(name.startswith("child-nodes-6.1/") for name in written)


def check_refused(folder):
    """One `iommus` entry for two streams: they share a group, which all but one node for all of them contradict."""
    copy = folder / "configs"
    shutil.copytree(configs, copy)
    tree = copy / "platforms/thread-vpu.dts"
    text = tree.read_text()
    assert "<&apps_smmu 0x1940 0x0>," in text
    tree.write_text(text.replace("<&apps_smmu 0x1940 0x0>,", "<&apps_smmu 0x1940 0x3>,", 1))
    of = copy / "scenarios/thread-unreserved.toml"
    done, written = compare(folder, "--policies", "none,shared", of=of)
    assert done.returncode == 0, done.stderr
    rows = json.loads(written["comparison.json"])["rows"]
    assert [row["outcome"] for row in rows] == ["refused", "done"], rows
    assert "several streams" in rows[0]["reason"] and rows[0]["reason"] in done.stdout
    assert set(written) == {"comparison.json", "shared-6.1/summary.json", "shared-6.1/faults.log"}
    shutil.rmtree(folder / "out")

    done, written = compare(folder, "--policies", "none", of=of)
    assert done.returncode == 2 and written == {} and done.stdout == ""
    assert "several streams" in done.stderr and len(done.stderr.splitlines()) == 1


def check_bad_input(folder):
    for arguments, expected in [
        (("--set", "no.such=1"), "no"),
        (("--policies", "childnodes"), "did you mean 'child-nodes'"),
        (("--kernel", "5.15"), "6.1 to"),
        (("--set", "policy.name=none"), "--policies"),
        (("--set", "kernel.version=\"6.4\"", "--kernel", "6.1"), "--kernel"),
        (("--expect", "x"), "--expect"),
    ]:
        done, written = compare(folder, *arguments)
        assert done.returncode == 2 and written == {} and done.stdout == "", (arguments, done)
        assert expected in done.stderr, (arguments, done.stderr)


for check in (check_every_policy, check_same_run, check_unavailable, check_refused, check_bad_input):
    with tempfile.TemporaryDirectory() as name:
        check(pathlib.Path(name))
