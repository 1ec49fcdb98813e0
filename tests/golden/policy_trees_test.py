# SPDX-License-Identifier: Apache-2.0
"""Each policy against the same board described by hand: what the program makes of a device tree is that description."""

import pathlib
import sys

from support import results

SHORT = ["--set", "session[0].count=2", "--set", "session[0].frames=2", "--set", "session[0].width=1280",
         "--set", "session[0].height=720"]  # fmt: skip
TREES = {
    "shared": "shared",
    "none": "none",
    "iommu-map": "iommu-map",
    "child-nodes": "child-nodes",
    "dma-ranges": "dma-ranges",
    "uniform": "uniform",
    "iommu-ranges": "iommu-ranges",
}


def without_names(summary):
    """What must be equal: all but what the run is called, and what is tried out by the policy's name."""
    for key in ("platform", "policy", "backported", "overrides"):
        del summary["scenario"][key]
    del summary["survival"]["sharing"]
    del summary["platform"]  # what the file says before the policy is applied
    return summary


def main():
    program, configs = sys.argv[1], pathlib.Path(sys.argv[2])
    scenario = configs / "scenarios/thread-unreserved.toml"
    for policy, tree in TREES.items():
        made, _, made_log = results(program, scenario, *SHORT, "--set", f"policy.name={policy}")
        by_hand, _, log = results(program, scenario, *SHORT, "--set", "policy.name=device-tree",
                                  "--set", f"platform=../platforms/thread-vpu.{tree}.dts")  # fmt: skip
        made, by_hand = without_names(made), without_names(by_hand)
        for key in made:
            assert made[key] == by_hand[key], f"{policy}: {key}: {made[key]} but by hand {by_hand[key]}"
        assert made_log == log, f"{policy}: the kernel's logs differ"


if __name__ == "__main__":
    main()
