#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""scripts/check-includes over recordings of `ninja -t deps`."""
import unittest

from support import ScriptTest

STANDARD = ["/usr/include/c++/12/vector", "/usr/include/x86_64-linux-gnu/bits/wordsize.h", "/usr/include/stdio.h"]


class CheckIncludes(ScriptTest):
    def check(self, *objects):
        """Each object is a list of paths, its source first; those of the repository are relative to it."""
        text = ""
        for number, paths in enumerate(objects):
            text += f"object{number}.cpp.o: #deps {len(paths)}, deps mtime 1700000000000000000 (VALID)\n"
            for path in paths:
                text += f"    {path if path.startswith('/') else self.root / path}\n"
            text += "\n"
        recording = self.write("deps.txt", "")
        recording.write_text(text, encoding="utf-8")
        return self.run_script("check-includes", "--root", self.root, "--deps", recording)

    def assert_passes(self, *objects):
        status, output = self.check(*objects)
        self.assertEqual(status, 0, output)
        self.assertIn(f"{len(objects)} objects keep to the rooms", output)

    def assert_fails(self, expected, *objects):
        status, output = self.check(*objects)
        self.assertEqual(status, 1, output)
        self.assertIn(expected, output.splitlines())

    def test_every_room_may_see_itself_and_the_standard_library(self):
        rooms = ["models", "iommu/layout", "iommu/arch", "iommu/smmuv2", "iommu/smmuv3", "iommu/tlm", "iommu/linux",
                 "vpu/layout", "vpu/hw", "vpu/driver", "sim"]  # fmt: skip
        self.assert_passes(*([f"{room}/a.cpp", f"{room}/a.h", *STANDARD] for room in rooms))

    def test_what_a_room_may_include(self):
        for source, header in [
            ("models/a.cpp", "/usr/include/systemc"),
            ("models/a.cpp", "/usr/include/sysc/packages/boost/config.hpp"),
            ("iommu/arch/a.cpp", "iommu/layout/a.h"),
            ("iommu/smmuv2/a.cpp", "iommu/arch/a.h"),
            ("iommu/smmuv2/a.cpp", "iommu/layout/a.h"),
            ("iommu/tlm/a.cpp", "iommu/smmuv3/a.h"),
            ("iommu/tlm/a.cpp", "models/a.h"),
            ("iommu/linux/a.cpp", "iommu/layout/a.h"),
            ("iommu/linux/a.cpp", "/usr/include/libfdt.h"),
            ("iommu/linux/a.cpp", "/usr/include/tl/expected.hpp"),
            ("vpu/hw/a.cpp", "/usr/include/tlm_utils/simple_initiator_socket.h"),
            ("vpu/driver/a.cpp", "iommu/linux/a.h"),
            ("sim/a.cpp", "vpu/hw/a.h"),
            ("sim/a.cpp", "/usr/include/boost/program_options.hpp"),
        ]:
            with self.subTest(source=source, header=header):
                self.assert_passes([source, header])

    def test_a_room_it_may_not_see(self):
        for source, header in [
            ("models/a.cpp", "iommu/layout/a.h"),
            ("iommu/layout/a.cpp", "iommu/arch/a.h"),
            ("iommu/arch/a.cpp", "models/a.h"),
            ("iommu/smmuv2/a.cpp", "iommu/smmuv3/a.h"),
            ("iommu/tlm/a.cpp", "iommu/linux/a.h"),
            ("iommu/linux/a.cpp", "iommu/arch/a.h"),
            ("iommu/linux/a.cpp", "iommu/smmuv2/a.h"),
            ("iommu/linux/a.cpp", "models/a.h"),
            ("vpu/layout/a.cpp", "iommu/layout/a.h"),
            ("vpu/hw/a.cpp", "iommu/linux/a.h"),
            ("vpu/hw/a.cpp", "vpu/driver/a.h"),
            ("vpu/driver/a.cpp", "vpu/hw/a.h"),
            ("iommu/arch/a.cpp", "sim/a.h"),
            ("sim/a.cpp", "tests/support/a.h"),
        ]:
            with self.subTest(source=source, header=header):
                room, other = (path.rsplit("/", 1)[0] for path in (source, header))
                other = "tests" if other.startswith("tests/") else other
                reason = f"{source} includes {header}: room {room} may not see room {other}"
                self.assert_fails(reason, [source, *STANDARD, header])

    def test_a_library_it_may_not_see(self):
        for source, header, library in [
            ("iommu/arch/a.cpp", "/usr/include/systemc", "systemc"),
            ("iommu/linux/a.cpp", "/usr/include/tlm_core/tlm_2/tlm_sockets/tlm_sockets.h", "systemc"),
            ("iommu/smmuv2/a.cpp", "/usr/include/tl/expected.hpp", "expected"),
            ("vpu/hw/a.cpp", "/usr/include/libfdt.h", "libfdt"),
            ("iommu/linux/a.cpp", "/usr/include/spdlog/spdlog.h", "spdlog"),
            ("iommu/linux/a.cpp", "/usr/include/fmt/core.h", "spdlog"),
            ("models/a.cpp", "/usr/include/boost/config.hpp", "boost"),
            ("vpu/driver/a.cpp", "/usr/include/nlohmann/json.hpp", "json"),
        ]:
            with self.subTest(source=source, header=header):
                room = source.rsplit("/", 1)[0]
                reason = f"{source} includes {header}: room {room} may not see library {library}"
                self.assert_fails(reason, [source, header])

    def test_an_unknown_library_or_room(self):
        unknown = "of no library that scripts/check-includes knows"
        self.assert_fails(f"sim/a.cpp includes /usr/include/zlib.h: {unknown}", ["sim/a.cpp", "/usr/include/zlib.h"])
        nowhere = "it lies in no room; name its room in scripts/check-includes"
        self.assert_fails(f"sim/a.cpp includes gpu/a.h: {nowhere}", ["sim/a.cpp", "gpu/a.h"])
        self.assert_fails("gpu/a.cpp: lies in no room; name its room in scripts/check-includes", ["gpu/a.cpp", "sim/a.h"])

    def test_tests_may_see_everything(self):
        self.assert_passes(["tests/unit/a_test.cpp", "iommu/linux/a.h", "models/a.h", "/usr/include/zlib.h"])

    def test_a_header_is_judged_by_its_own_room_at_the_line_that_includes(self):
        self.write("models/a.h", '#include <vector>\n\n#include "iommu/linux/log.h"\n')
        reason = "models/a.h:3 includes iommu/linux/log.h: room models may not see room iommu/linux"
        self.assert_fails(reason, ["sim/a.cpp", "models/a.h", "iommu/linux/log.h"])
        self.assert_fails(reason, ["tests/a_test.cpp", "models/a.h", "iommu/linux/log.h"])

    def test_a_system_header_written_in_a_header(self):
        self.write("iommu/arch/a.h", "#include <systemc>\n")
        reason = "iommu/arch/a.h:1 includes /usr/include/systemc: room iommu/arch may not see library systemc"
        self.assert_fails(reason, ["iommu/tlm/a.cpp", "iommu/arch/a.h", "/usr/include/systemc"])

    def test_a_slow_library_stays_behind_one_source(self):
        one = ["sim/a.cpp", "/usr/include/nlohmann/json.hpp"]
        self.assert_passes(one, ["sim/b.cpp", "sim/a.h"])
        reason = "sim/a.cpp, sim/b.cpp include library json: 1 may; put it behind one of them"
        self.assert_fails(reason, one, ["sim/b.cpp", "/usr/include/nlohmann/json.hpp"])

    def test_nothing_to_judge_is_an_error(self):
        status, output = self.check()
        self.assertEqual(status, 1)
        self.assertIn("no object has dependencies", output)


if __name__ == "__main__":
    unittest.main()
