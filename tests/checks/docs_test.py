#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""scripts/check-docs over small pages."""
import unittest

from support import ScriptTest

FENCE = "```"
CTEST = "Test project /build\n  Test  #1: walker_test: a table\n  Test #12: tlb_test: evicts the oldest\n\nTotal Tests: 2\n"


class CheckDocs(ScriptTest):
    def check(self, text, name="README.md"):
        self.write(name, "").write_text(text, encoding="utf-8")
        recording = self.write("tests.txt", CTEST)
        return self.run_script("check-docs", "--root", self.root, "--tests", recording)

    def assert_passes(self, text, name="README.md"):
        status, output = self.check(text, name)
        self.assertEqual(status, 0, output)
        return output

    def assert_fails(self, expected, text, name="README.md"):
        status, output = self.check(text, name)
        self.assertEqual(status, 1, output)
        self.assertIn(expected, output)

    def test_examples_run(self):
        self.assertIn("1 of their examples ran", self.assert_passes(f"{FENCE}sh run\ntest -f README.md\n{FENCE}\n"))
        self.assert_fails("README.md:2: the block ends with status 3", f"\n{FENCE}sh run\n(exit 3)\ntrue\n{FENCE}\n")
        self.assertIn("0 of their examples ran", self.assert_passes(f"{FENCE}sh\nfalse\n{FENCE}\n"))

    def test_examples_print_what_is_shown(self):
        def page(shown):
            return f"{FENCE}sh run\nprintf 'a\\nb\\nc\\n'\n{FENCE}\nprints\n{FENCE}text output\n{shown}\n{FENCE}\n"

        self.assert_passes(page("a\nb\nc"))
        self.assert_passes(page("a\n...\nc"))
        self.assert_passes(page("...\nc"))
        self.assert_fails("README.md:5: the block before it prints otherwise", page("a\nc"))
        self.assert_fails("README.md:5: the block before it prints otherwise", page("...\nb"))

    def test_links(self):
        self.write("docs/a.md", "# A page, *with* `code`\n\n## Twice\n\n## Twice\n")
        self.assert_passes("[a](docs/a.md) [b](docs/a.md#a-page-with-code) [c](https://example.org/x)\n")
        self.assert_passes("[a](docs/a.md#twice-1) and `[no](link)`\n")
        self.assert_passes("# Here\n[a](#here)\n")
        self.assert_fails("README.md:1: link to docs/b.md: there is no docs/b.md", "[a](docs/b.md)\n")
        self.assert_fails("README.md:1: link to docs/a.md#b: docs/a.md has no heading #b", "[a](docs/a.md#b)\n")
        self.assert_fails("README.md:1: link to #b: README.md has no heading #b", "[a](#b)\n")

    def test_conformance_names_tests_that_exist(self):
        def page(state, test):
            return f"| Feature | State | Test |\n|---|---|---|\n| walk, `a|b` | {state} | {test} |\n"

        name = "docs/conformance.md"
        self.assert_passes(page("implemented", "`walker_test: a table`, `tlb_test`"), name)
        self.assert_passes(page("not implemented", ""), name)
        self.assert_fails(f"{name}:3: ctest lists no test with `gone_test` in its name", page("partial", "`gone_test`"), name)
        self.assert_fails(f"{name}:3: state 'implemented' needs a test", page("implemented", "walker_test"), name)
        self.assert_fails(f"{name}:3: state 'nearly' must be one of", page("nearly", "`tlb_test`"), name)
        self.assert_fails(f"{name}:3: 4 cells, but the table has 3 columns", page("partial", "`tlb_test` | x"), name)
        self.assert_fails(f"{name}: has no table with a `test` column", "Nothing yet.\n", name)


if __name__ == "__main__":
    unittest.main()
