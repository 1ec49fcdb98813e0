# SPDX-License-Identifier: Apache-2.0
"""What each shipped scenario is there to show, as facts about its summary.json."""

import pathlib
import sys

from support import results

MIB = 1 << 20
program, scenario = sys.argv[1:]
summary, _, log = results(program, scenario)
streams = {stream["name"]: stream for stream in summary["streams"]}
sessions = summary["sessions"]
faults = summary["faults"]


def total(kind):
    return sum(stream["misroutes"][kind] for stream in streams.values())


def outcomes():
    return {session["outcome"] for session in sessions}


def failures():
    return [session["allocation_failure"] for session in sessions if session["allocation_failure"]]


def check_books():
    """What holds in every run, whatever it found."""
    for stream in streams.values():
        counts = stream["misroutes"]
        parts = ("caught", "silent_foreign", "silent_same_memory", "unowned")
        assert counts["total"] == sum(counts[part] for part in parts)
        assert stream["mappings"]["live"] <= stream["mappings"]["made"]
        if stream["iova"]["highest"] is not None:
            assert int(stream["iova"]["highest"], 16) <= int(stream["iova_limit"], 16)
    hits = sum(hit["reads"] + hit["writes"] for hit in summary["silent_hits"])
    assert hits == total("silent_foreign")
    banks = faults["context_banks"]
    raised = sum(bank["recorded"] + bank["terminated_while_pending"] + bank["multi"] for bank in banks)
    assert faults["raised"] >= raised
    assert faults["logged"] + faults["suppressed"] <= faults["raised"]
    assert (summary["smmu"]["power"] is not None) == (pathlib.Path(scenario).stem == "thread-suspend")


def thread_unreserved():
    block = streams["non-pixel"]
    assert block["outside_window"]["buffers"] > 0
    assert block["misroutes"]["silent_foreign"] > 0, "at least one silent misroute"
    assert block["misroutes"]["caught"] > 0, "at least one caught misroute"
    assert {hit["stream"] for hit in summary["silent_hits"]} == {"non-pixel"}
    assert "bitstream" in {hit["victim"]["stream"] for hit in summary["silent_hits"]}
    owners = {bank["owner"]: bank for bank in faults["context_banks"]}
    assert owners["bitstream"]["recorded"] > 0
    assert owners["non-pixel"]["recorded"] == 0
    assert faults["logged"] > 0 and faults["raised"] > faults["logged"]
    assert b"Unhandled context fault: fsr=0x402" in log


def thread_reserved():
    assert total("total") == 0
    assert faults["raised"] == 0
    assert all(stream["outside_window"]["buffers"] == 0 for stream in streams.values())
    assert int(streams["non-pixel"]["iova"]["lowest"], 16) >= 600 * MIB
    assert int(streams["bitstream"]["iova"]["lowest"], 16) >= 16 * MIB
    assert outcomes() == {"completed", "failed-to-start"}
    assert {failure["error"] for failure in failures()} == {"-ENOMEM"}
    assert {failure["stream"] for failure in failures()} == {"non-pixel"}
    assert all(stream["space"]["wasted_bytes"] == 0 for stream in streams.values())


def thread_shared_domain():
    banks = {stream["context_bank"] for name, stream in streams.items() if name != "firmware"}
    assert len(banks) == 1, "the three blocks share a bank"
    assert streams["firmware"]["context_bank"] not in banks
    assert total("silent_same_memory") > 0, "swapped among the blocks, a StreamID still translates"
    assert total("caught") > 0, "the firmware's does not"
    owners = {bank["owner"]: bank for bank in faults["context_banks"]}
    assert owners["firmware"]["recorded"] > 0
    assert all(bank["recorded"] == 0 for owner, bank in owners.items() if owner != "firmware")


def thread_uniform_reservation():
    block = streams["bitstream"]
    assert block["mappings"]["made"] == 0
    assert block["allocation_failures"] == len(sessions)
    assert block["space"]["free_bytes"] == 0
    assert block["space"]["wasted_bytes"] == 584 * MIB
    assert outcomes() == {"failed-to-start"}
    assert total("total") == 0


def thread_abc():
    assert total("total") == 0 and faults["raised"] == 0
    assert [streams[name]["space"]["reserved_bytes"] // MIB for name in "ABC"] == [256, 512, 600]
    assert [streams[name]["space"]["wasted_bytes"] for name in "ABC"] == [0, 0, 0]


def thread_abc_uniform():
    assert total("total") == 0 and faults["raised"] == 0
    assert [streams[name]["space"]["wasted_bytes"] // MIB for name in "ABC"] == [344, 88, 0]


def thread_suspend():
    power = summary["smmu"]["power"]
    assert (power["suspends"], power["resumes"]) == (2, 2)
    assert power["aborted_accesses"] == 0 and power["refused_registers"] == 0
    # Two sessions and the 1.5 s after each, and the third session.
    assert 3_050_000_000 < power["powered_ns"] < 3_150_000_000
    assert [session["frames"] for session in sessions] == [30, 30, 30]
    assert outcomes() == {"completed"}
    assert faults["raised"] == 0


check_books()
globals()[pathlib.Path(scenario).stem.replace("-", "_")]()
