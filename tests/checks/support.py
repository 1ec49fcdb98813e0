# SPDX-License-Identifier: Apache-2.0
"""What the tests of the scripts share: a directory to fill, and a script to run on it."""
import pathlib
import subprocess
import tempfile
import textwrap
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"


class ScriptTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name).resolve()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def run_script(self, name, *arguments, **options):
        """Returns (exit status, everything printed)."""
        done = subprocess.run(
            [SCRIPTS / name, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options,
        )  # fmt: skip
        return done.returncode, done.stdout
