# SPDX-License-Identifier: Apache-2.0
"""Bad input: where and what on standard error, exit status 2, and nothing written."""

import pathlib
import re
import shutil
import sys
import tempfile

from support import run

program, configs = sys.argv[1], pathlib.Path(sys.argv[2])


class Case:
    """A copy of the configuration in which one file has one thing replaced."""

    def __init__(self, name, file, old, new, expected):
        self.name, self.file, self.old, self.new, self.expected = name, file, old, new, expected

    def check(self, folder):
        copy = folder / "configs"
        shutil.copytree(configs, copy)
        changed = copy / self.file
        text = changed.read_text()
        assert self.old in text, f"{self.name}: {self.file} has no {self.old!r}"
        changed.write_text(text.replace(self.old, self.new, 1))
        out = folder / "out"
        done = run(program, "run", copy / "scenarios/thread-unreserved.toml", "-o", out)
        assert done.returncode == 2, f"{self.name}: exit status {done.returncode}"
        assert done.stdout == "", f"{self.name}: {done.stdout}"
        assert re.search(self.expected, done.stderr), f"{self.name}: {done.stderr!r} lacks {self.expected!r}"
        assert sorted(path.name for path in folder.iterdir()) == ["configs"], f"{self.name}: something was written"


SCENARIO = "scenarios/thread-unreserved.toml"
PROFILE = "profiles/thread-vpu.toml"
PLATFORM = "platforms/thread-vpu.dts"
BOARD = "platforms/include/sm8550-like.dtsi"

CASES = [
    Case("bad TOML", SCENARIO, "seed = 1", "seed = = 1", r"thread-unreserved\.toml:\d+: "),
    Case("an unknown key", SCENARIO, "seed = 1", "sead = 1", r"thread-unreserved\.toml:\d+: .*sead.*seed"),
    Case("a wrong type", SCENARIO, "seed = 1", 'seed = "one"', r"thread-unreserved\.toml:\d+: .*seed"),
    Case("a missing platform", SCENARIO, "thread-vpu.dts", "no-such.dts", r"no-such\.dts"),
    Case("a missing profile", SCENARIO, "thread-vpu.toml", "no-such.toml", r"no-such\.toml"),
    Case("a device tree without an SMMU", BOARD, "arm,mmu-500", "arm,mmu-401", r"thread-vpu\.dts: /.*"),
    Case("a device tree that does not compile", PLATFORM, "/dts-v1/;", "/dts-v1/", r"\.dtsi?:\d+: "),
    Case("a StreamID twice", PROFILE, "sid = 0x1943", "sid = 0x1940", r"thread-vpu\.toml:\d+: .*0x1940"),
    Case("an empty window", PROFILE, '"600MiB", "3500MiB"', '"600MiB", "600MiB"', r"thread-vpu\.toml:\d+: .*window"),
    Case("a StreamID no node lists", PROFILE, "sid = 0x1944", "sid = 0x1999", r"thread-vpu\.toml:\d+: .*0x1999"),
    Case("more banks than interrupts", PROFILE, "context_banks = 61", "context_banks = 97",
         r"thread-vpu\.toml: .*96 context interrupts"),
    Case("a policy without its means", SCENARIO,
         'backport = true  # so that every policy can be tried\n\n[policy]\nname = "none"', '[policy]\nname = "runtime"',
         r"toml:\d+: policy\.name is runtime, but Linux 6\.1 lacks"),
    Case("a disabled device", PLATFORM, "dma-coherent;", 'dma-coherent; status = "disabled";',
         r"thread-vpu\.dts: /soc@0/video-codec@aa00000: .*disabled"),
    Case("a device over the SMMU", PLATFORM, "reg = <0x0 0x0aa00000 0x0 0xf0000>", "reg = <0x0 0x15000000 0x0 0xf0000>",
         r"thread-vpu\.dts: /soc@0/.*overlaps"),
    Case("one entry for two streams", PLATFORM, "<&apps_smmu 0x1940 0x0>,", "<&apps_smmu 0x1940 0x3>,",
         r"thread-vpu\.dts: /soc@0/.*several streams"),
    Case("a key without end", SCENARIO, "seed = 1", ".".join(["a"] * 30000) + " = 1", r"toml:\d+: .*longer than"),
    Case("decimal units", PROFILE, '"600MiB"', '"600MB"', r"thread-vpu\.toml:\d+: .*MiB"),
]

for case in CASES:
    with tempfile.TemporaryDirectory() as folder:
        case.check(pathlib.Path(folder))

scenario = configs / "scenarios/thread-unreserved.toml"
for arguments, expected in [
    (("run", configs / "no-such.toml"), r"no-such\.toml"),
    (("run", scenario, "--set", "no.such=1"), r"no"),
    (("run", scenario, "--set", "seed"), r"seed"),
    (("run",), r"scenario|SCENARIO"),
    (("walk", scenario), r"walk"),
    (("check", scenario), r"--expect"),
    (("check", scenario, "--expect", configs / "no-such.log"), r"no-such\.log"),
]:
    done = run(program, *arguments)
    assert done.returncode == 2, f"{arguments}: exit status {done.returncode}"
    assert done.stdout == "", f"{arguments}: {done.stdout}"
    assert re.search(expected, done.stderr), f"{arguments}: {done.stderr!r}"
