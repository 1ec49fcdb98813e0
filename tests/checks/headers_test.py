#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""scripts/check-headers over single files."""
import unittest

from support import ScriptTest

SPDX = "SPDX-License-Identifier: Apache-2.0\n"
HEADER = f"// {SPDX}#ifndef SIDEWINDER_SIM_A_B_H\n#define SIDEWINDER_SIM_A_B_H\n\nint f();\n\n#endif\n"


class CheckHeaders(ScriptTest):
    def check(self, name, text):
        self.write(name, "").write_text(text, encoding="utf-8")
        return self.run_script("check-headers", "--root", self.root, name)

    def assert_passes(self, name, text):
        status, output = self.check(name, text)
        self.assertEqual(status, 0, output)

    def assert_fails(self, expected, name, text):
        status, output = self.check(name, text)
        self.assertEqual(status, 1, output)
        self.assertIn(expected, output.splitlines())

    def test_licence_line(self):
        self.assert_passes("sim/a.cpp", f"// {SPDX}")
        self.assert_passes("CMakeLists.txt", f"# {SPDX}")
        self.assert_passes("configs/a.dts", f"// {SPDX}/dts-v1/;\n")
        self.assert_passes("configs/a.toml", f"# {SPDX}")
        self.assert_passes("scripts/a", f"#!/bin/sh\n# {SPDX}")
        self.assert_passes("README.md", "# A page needs none\n")
        self.assert_fails(f"sim/a.cpp:1: the line must be `// {SPDX.strip()}`", "sim/a.cpp", "int a;\n")
        self.assert_fails(f"a.toml:1: the line must be `# {SPDX.strip()}`", "a.toml", f"\n# {SPDX}")
        self.assert_fails(f"scripts/a:2: the line must be `# {SPDX.strip()}`", "scripts/a", "#!/bin/sh\nls\n")
        self.assert_fails(f"sim/a.cpp:1: the line must be `// {SPDX.strip()}`", "sim/a.cpp", "")

    def test_guard(self):
        self.assert_passes("sim/a_b.h", HEADER)
        self.assert_fails("sim/c.h:2: the include guard must be SIDEWINDER_SIM_C_H", "sim/c.h", HEADER)
        twisted = HEADER.replace("#define SIDEWINDER_SIM_A_B_H", "#define SIDEWINDER_SIM_AB_H")
        self.assert_fails("sim/a_b.h:2: the include guard must be SIDEWINDER_SIM_A_B_H", "sim/a_b.h", twisted)
        self.assert_fails("sim/a_b.h:8: the last line must close the include guard", "sim/a_b.h", HEADER + "int g();\n")

    def test_headers_have_no_macros_and_no_using_namespace(self):
        macro = HEADER.replace("int f();", "#define F 1")
        self.assert_fails("sim/a_b.h:5: macro F: a header defines none but its guard", "sim/a_b.h", macro)
        stand_in = macro.replace("SIM_A_B", "TESTS_A")
        self.assert_passes("tests/a.h", stand_in)
        self.assert_passes("configs/a.h", macro.replace("SIM_A_B", "CONFIGS_A"))
        using = HEADER.replace("int f();", "using namespace std;")
        self.assert_fails("sim/a_b.h:5: a header must not have `using namespace`", "sim/a_b.h", using)

    def test_length(self):
        for name, limit in [("sim/a.cpp", 500), ("tests/a_test.cpp", 700), ("sim/a.c", 500)]:
            text = f"// {SPDX}" + "int a;\n" * (limit - 1)
            self.assert_passes(name, text)
            reason = f"{name}: {limit + 1} lines, more than {limit}: split it by concept"
            self.assert_fails(reason, name, text + "int b;\n")
        text = HEADER.replace("int f();\n", "int f();\n" * 194)
        self.assert_passes("sim/a_b.h", text)
        self.assert_passes("tests/a.h", text.replace("SIM_A_B", "TESTS_A").replace("int f();", "int f();\nint g();"))
        reason = "sim/a_b.h: 201 lines, more than 200: split it by concept"
        self.assert_fails(reason, "sim/a_b.h", text.replace("int f();", "int f();\nint g();", 1))


if __name__ == "__main__":
    unittest.main()
