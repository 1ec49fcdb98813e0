#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""scripts/setup against a package manager of our own, which records what it is asked."""
import os
import unittest

from support import ScriptTest


class Setup(ScriptTest):
    def setUp(self):
        super().setUp()
        # Everything asked about is installed, but what is named in `missing`, and `purged`, which dpkg still knows.
        self.tool("dpkg-query", """
            for argument in "$@"; do
              case $argument in
                -*) ;;
                *)
                  if grep -qxF -- "$argument" missing; then status=1
                  elif grep -qxF -- "$argument" purged; then printf '%s=config-files ' "$argument"
                  else printf '%s=installed ' "$argument"
                  fi ;;
              esac
            done
            exit ${status:-0}
            """)
        self.tool("apt-get", 'echo "$@" >>asked\n')
        self.tool("id", "echo 0\n")
        for name in ("missing", "purged", "asked"):
            self.write(name, "")

    def tool(self, name, text):
        self.write(f"bin/{name}", "#!/bin/bash\n" + text).chmod(0o755)

    def setup_asks(self, *arguments):
        path = f"{self.root}/bin:{os.environ['PATH']}"
        status, output = self.run_script("setup", *arguments, cwd=self.root, env={**os.environ, "PATH": path})
        return status, output, (self.root / "asked").read_text(encoding="utf-8").splitlines()

    def test_nothing_missing_nothing_done(self):
        self.assertEqual(self.setup_asks(), (0, "", []))

    def test_installs_only_what_is_missing_and_says_so(self):
        self.write("missing", "cmake\ncatch2\n")
        self.write("purged", "g++\n")
        status, output, asked = self.setup_asks()
        self.assertEqual((status, output), (0, "setup: installing g++ cmake catch2\n"))
        self.assertEqual(len(asked), 2)
        self.assertTrue(asked[0].endswith(" update"), asked)
        self.assertTrue(asked[1].endswith(" install --yes --no-install-recommends g++ cmake catch2"), asked)

    def test_running_needs_no_test_packages(self):
        self.write("missing", "catch2\nclang-tidy-14\ngcovr\n")
        self.assertEqual(self.setup_asks("--run-only"), (0, "", []))

    def test_coverage_fuzzing_and_benchmarks_ask_for_their_own(self):
        self.write("missing", "gcovr\nclang-14\nlibbenchmark-dev\n")
        self.assertEqual(self.setup_asks(), (0, "", []))
        self.assertEqual(self.setup_asks("--coverage")[1], "setup: installing gcovr\n")
        self.assertEqual(self.setup_asks("--fuzz")[1], "setup: installing clang-14\n")
        self.assertEqual(self.setup_asks("--bench")[1], "setup: installing libbenchmark-dev\n")

    def test_a_failed_install_fails(self):
        self.write("missing", "cmake\n")
        self.tool("apt-get", "exit 100\n")
        self.assertEqual(self.setup_asks()[0], 100)

    def test_another_user_goes_through_sudo(self):
        self.write("missing", "cmake\n")
        self.tool("id", "echo 1000\n")
        self.tool("sudo", 'echo sudo >>asked\nexec "$@"\n')
        self.assertEqual(self.setup_asks()[2][0], "sudo")

    def test_an_unknown_argument(self):
        status, output, _ = self.setup_asks("--everything")
        self.assertEqual(status, 2)
        self.assertIn("unknown argument '--everything'", output)


if __name__ == "__main__":
    unittest.main()
