# SPDX-License-Identifier: Apache-2.0
"""An SMMU in a power domain, under the policies: whose device keeps it awake, and what is lost where none does."""

import pathlib
import sys

from support import results

MS = 1_000_000


def main():
    program, configs = sys.argv[1], pathlib.Path(sys.argv[2])
    scenario = configs / "scenarios/thread-suspend.toml"

    # The same without the power domain: the sessions do not notice that the SMMU sleeps between them.
    sleeping, _, sleeping_log = results(program, scenario)
    awake, _, log = results(program, scenario, "--set", "platform=../platforms/thread-vpu.dts")
    assert awake["smmu"].pop("power") is None
    assert sleeping["smmu"].pop("power") is not None
    for key in ("streams", "sessions", "faults", "survival", "simulated_ns"):
        assert sleeping[key] == awake[key], f"{key}: {sleeping[key]} but without a power domain {awake[key]}"
    for key in ("context_banks", "stream_match_groups"):
        assert sleeping["smmu"][key] == awake["smmu"][key]
    assert sleeping["smmu"]["tlb"]["walks"] > awake["smmu"]["tlb"]["walks"], "its TLBs were lost"
    assert sleeping_log == log

    # Each stream a device of its own: no driver is bound to it, and nothing resumes its SMMU while it works.
    for policy in ("none", "runtime", "iommu-map", "child-nodes"):
        summary, _, log = results(program, scenario, "--set", f"policy.name={policy}")
        power = summary["smmu"]["power"]
        assert power["aborted_accesses"] > 0, policy
        assert power["refused_registers"] == 0, policy
        assert (power["suspends"], power["resumes"], power["powered_ns"]) == (1, 0, 20 * MS), policy
        assert summary["faults"]["raised"] == 0, "an SMMU without power records no fault"
        assert summary["sessions"][0]["outcome"] == "core-lost", policy
        assert b"core lost: bus error on the HFI queues" in log
        assert b"context fault" not in log

    smmuv3(program, scenario)


def smmuv3(program, scenario):
    """An SMMUv3 suspends with the proposed patches alone, and then only devices that are linked to it wake it."""
    series = ("--set", "kernel.smmuv3_runtime_pm=true")
    in_domain = ("--set", "platform=../platforms/thread-vpu-smmuv3.power-domain.dts")
    sleeping, _, sleeping_log = results(program, scenario, *in_domain, *series)
    awake, _, log = results(program, scenario, *in_domain)
    without, _, _ = results(program, scenario, "--set", "platform=../platforms/thread-vpu-smmuv3.dts", *series)
    assert awake["smmu"].pop("power") is None, "no release suspends it"
    assert without["smmu"].pop("power") is None
    power = sleeping["smmu"].pop("power")
    assert (power["suspends"], power["resumes"]) == (2, 2)
    assert power["aborted_accesses"] == 0 and power["refused_registers"] == 0
    assert 3_050 * MS < power["powered_ns"] < 3_150 * MS
    for key in ("streams", "sessions", "faults", "survival", "simulated_ns"):
        assert sleeping[key] == awake[key], f"{key}: {sleeping[key]} but awake {awake[key]}"
        assert without[key] == awake[key]
    assert sleeping["smmu"]["tlb"]["walks"] > awake["smmu"]["tlb"]["walks"], "its TLBs were lost"
    assert sleeping_log == log

    for policy in ("none", "child-nodes"):
        summary, _, log = results(program, scenario, *in_domain, *series, "--set", f"policy.name={policy}")
        power = summary["smmu"]["power"]
        assert power["aborted_accesses"] > 0 and power["refused_registers"] == 0, policy
        assert (power["suspends"], power["resumes"]) == (1, 0), policy
        assert summary["faults"]["raised"] == 0 and summary["faults"]["events"]["recorded"] == 0
        assert summary["sessions"][0]["outcome"] == "core-lost", policy
        assert b"core lost: bus error on the HFI queues" in log and b"event 0x" not in log


if __name__ == "__main__":
    main()
