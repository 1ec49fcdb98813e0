# SPDX-License-Identifier: Apache-2.0
"""Usage: run_boards.py SIDEWINDER SCENARIO TREE...

Runs the scenario on each board, a process each. One line a board, its fields separated by tabs: "ran", with the nodes
that were used and what the profile enabled; "refused", with the program's message; or "failed", where the session did
not complete or the program died. Then how many of each, and why. Exit status 1 where a board failed.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

program, scenario = sys.argv[1], sys.argv[2]
trees = sorted(map(pathlib.Path, sys.argv[3:]))


def run(tree):
    """Outcome, what to say of it, and what is counted."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        command = [program, "run", scenario, "--quiet", "-o", out, "--set", f"platform='{tree.resolve()}'"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        message = done.stderr.strip()
        if done.returncode == 2:
            return "refused", message.replace(f"{tree.resolve()}: ", ""), reason(message, tree)
        if done.returncode != 0:
            return "failed", message, f"exit status {done.returncode}"
        return judge(json.loads((out / "summary.json").read_text()), (out / "faults.log").read_text())


def judge(summary, log):
    used = summary["platform"]
    nodes = [used["smmu"], *used["devices"]]
    said = " ".join(f"{node['node']} ({node['compatible']}{', enabled' if node['enabled'] else ''})" for node in nodes)
    sessions = summary["sessions"]
    bad = [session["outcome"] for session in sessions if session["outcome"] != "completed"]
    if bad or not sessions:
        last = log.strip().splitlines()[-1:] or ["no log"]
        return "failed", f"{said} session {', '.join(bad) or 'missing'}; {last[0]}", "a session that did not complete"
    if any(summary["streams"][0][kind]["total"] for kind in ("misroutes", "untranslated")) or summary["faults"]["raised"]:
        return "failed", said, "accesses that were not as they should be"
    return "ran", said, "with something enabled" if any(node["enabled"] for node in nodes) else "as it is"


def reason(message, tree):
    """Such that equal reasons are equal text: without the board's name and nodes."""
    text = re.sub(r"^\S+?:(\d+:)? ", "", message).replace(str(tree.resolve()), "the tree")
    return re.sub(r"(/[\w@,.-]*\w)+", "NODE", re.sub(r"^/\S+: ", "", text))


outcomes = collections.Counter()
reasons = collections.Counter()
for board in trees:
    outcome, said, why = run(board)
    outcomes[outcome] += 1
    reasons[outcome, why] += 1
    print(outcome, board.stem, said, sep="\t", flush=True)

print(f"\n{len(trees)} boards: {outcomes['ran']} ran, {outcomes['refused']} refused, {outcomes['failed']} failed")
for (outcome, why), count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
    print(f"{count:7} {outcome}: {why}")
sys.exit(1 if outcomes["failed"] else 0)
