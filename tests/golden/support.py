# SPDX-License-Identifier: Apache-2.0
"""Runs the program and keeps what it wrote."""

import json
import pathlib
import subprocess
import tempfile


def run(program, *arguments):
    """The finished process of `sidewinder ARGUMENTS...`."""
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def results(program, scenario, *arguments):
    """summary.json as a value and faults.log as bytes of a run that must succeed."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        done = run(program, "run", scenario, "--quiet", "-o", out, *arguments)
        assert done.returncode == 0, done.stderr
        summary = (out / "summary.json").read_bytes()
        return json.loads(summary), summary, (out / "faults.log").read_bytes()
