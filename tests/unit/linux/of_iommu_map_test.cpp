// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/support/dts_text.h"

using namespace sidewinder::kernel;
using sidewinder::test::device_tree;
using sidewinder::test::device_tree_error;

namespace {

constexpr const char* video = "/soc/video@1000";
constexpr std::uint32_t smmu_phandle = 0x10;

/// One video node with the properties given, a controller of two cells (0x10), one of one cell (0x11), a
/// disabled one of two (0x12), a node that is no controller (0x13), and controllers of 17 and no cells (0x14,
/// 0x15).
DeviceTree board(const std::string& properties) {
  return device_tree(R"(/ {
    #address-cells = <1>; #size-cells = <1>;
    soc {
      #address-cells = <1>; #size-cells = <1>; ranges;
      iommu@0 { compatible = "arm,mmu-500"; phandle = <0x10>; #iommu-cells = <2>; stream-match-mask = <0x80>; };
      iommu@1 { compatible = "arm,mmu-500"; phandle = <0x11>; #iommu-cells = <1>; stream-match-mask = <0x7c>; };
      iommu@2 { compatible = "arm,mmu-500"; phandle = <0x12>; #iommu-cells = <2>; status = "disabled"; };
      timer@3 { phandle = <0x13>; };
      iommu@4 { compatible = "arm,mmu-500"; phandle = <0x14>; #iommu-cells = <17>; };
      iommu@5 { compatible = "arm,mmu-500"; phandle = <0x15>; };
      video@1000 { reg = <0x1000 0x100>; )" +
                     properties + R"( };
    };
  };)");
}

struct Asked {
  std::vector<IommuSpecifier> found;
  std::optional<Errno> error;
  std::vector<std::string> log;
};

Asked ask(const std::string& properties, std::uint32_t id, IommuMapRule rule) {
  const IommuMapAnswer answer = board(properties).map_iommu_id(video, id, rule);
  if (!answer.specifiers) return {{}, answer.specifiers.error(), answer.log};
  return {*answer.specifiers, std::nullopt, answer.log};
}

void check_one(const Asked& asked, std::uint32_t phandle, unsigned sid, unsigned mask) {
  CHECK_FALSE(asked.error);
  CHECK(asked.log.empty());
  REQUIRE(asked.found.size() == 1);
  CHECK(asked.found[0].phandle == phandle);
  CHECK(asked.found[0].sid == sid);
  CHECK(asked.found[0].mask == mask);
}

void check_error(const Asked& asked, Errno error, const std::vector<std::string>& log) {
  REQUIRE(asked.error);
  CHECK(*asked.error == error);
  CHECK(asked.log == log);
}

void check_none(const Asked& asked, const std::vector<std::string>& log) {
  CHECK_FALSE(asked.error);
  CHECK(asked.found.empty());
  CHECK(asked.log == log);
}

constexpr auto four = IommuMapRule::FourCells;
constexpr auto target = IommuMapRule::TargetCells;
constexpr auto every = IommuMapRule::EveryMatch;

}  // namespace

TEST_CASE("A four-cell map adds the ID's offset to out-base and takes the controller's mask") {
  const std::string map = "iommu-map = <0x100 0x11 0x1940 0x10>, <0x200 0x10 0x800 0x1>;";
  check_one(ask(map, 0x100, four), 0x11, 0x1940, 0x7c);
  check_one(ask(map, 0x10f, four), 0x11, 0x194f, 0x7c);
  check_one(ask(map, 0x200, four), 0x10, 0x800, 0x80);
  check_none(ask(map, 0xff, four), {"OF: /soc/video@1000: no iommu-map translation for id 0xff on (null)"});
  check_none(ask(map, 0x110, four), {"OF: /soc/video@1000: no iommu-map translation for id 0x110 on (null)"});
  check_none(ask(map, 0x201, four), {"OF: /soc/video@1000: no iommu-map translation for id 0x201 on (null)"});
}

TEST_CASE("The first match wins") {
  const std::string map = "iommu-map = <0x0 0x11 0x10 0x4>, <0x2 0x11 0x90 0x4>;";
  check_one(ask(map, 2, four), 0x11, 0x12, 0x7c);
  check_one(ask(map, 4, four), 0x11, 0x92, 0x7c);
  check_one(ask(map, 2, target), 0x11, 0x12, 0x7c);
}

TEST_CASE("Without a map, kernels before 2026 say ENODEV and later ones pass the ID through") {
  check_error(ask("", 0, four), Errno::ENODEV_, {});
  check_none(ask("", 0, target), {});
  check_error(ask("", 0, every), Errno::ENODEV_, {});
}

TEST_CASE("A mask selects which bits of the ID count") {
  const std::string map = "iommu-map-mask = <0xff0f>; iommu-map = <0x100 0x11 0x40 0x10>;";
  for (const IommuMapRule rule : {four, target}) {
    check_one(ask(map, 0x1f3, rule), 0x11, 0x43, 0x7c);
    check_one(ask(map, 0x103, rule), 0x11, 0x43, 0x7c);
    check_none(ask(map, 0x203, rule),
               {"OF: /soc/video@1000: no iommu-map translation for id 0x203 on (null)"});
  }
}

TEST_CASE("A mask that ignores bits of an id-base is an error once the walk comes there") {
  const std::string map = "iommu-map-mask = <0xf0f>; iommu-map = <0x1 0x11 0x40 0x1>, <0x10 0x11 0x50 0x1>;";
  const std::vector<std::string> line{
      "OF: /soc/video@1000: Invalid iommu-map translation - iommu-map-mask (0xf0f) ignores id-base (0x10)"};
  for (const IommuMapRule rule : {four, target}) {
    check_one(ask(map, 1, rule), 0x11, 0x40, 0x7c);
    check_error(ask(map, 2, rule), Errno::EFAULT_, line);
  }
  check_error(ask(map, 1, every), Errno::EFAULT_, line);
}

TEST_CASE("A map of five cells an entry is malformed to kernels before 2026") {
  const std::string map = "iommu-map = <0x0 0x10 0x1940 0x3 0x1>;";
  check_error(ask(map, 0, four), Errno::EINVAL_, {"OF: /soc/video@1000: Error: Bad iommu-map length: 20"});
  check_one(ask(map, 0, target), 0x10, 0x1940, 3);
}

TEST_CASE("Four entries of five cells pass for five entries of four") {
  // 80 bytes either way: what the old reading makes of it is whatever the cells happen to hold.
  const std::string map =
      "iommu-map = <0x0 0x10 0x1940 0x0 0x1>, <0x1 0x10 0x1a20 0x0 0x1>, <0x2 0x10 0x1943 0x0 0x1>,"
      "<0x3 0x10 0x1946 0x0 0x1>;";
  check_one(ask(map, 2, target), 0x10, 0x1943, 0);
  check_error(ask(map, 1, four), Errno::ENODEV_, {});  // entry <0x1 0x1 0x10 0x1a20>: phandle 1 is nobody's
}

TEST_CASE("An empty map is malformed at first and has no entry later") {
  check_error(ask("iommu-map;", 0, four), Errno::EINVAL_,
              {"OF: /soc/video@1000: Error: Bad iommu-map length: 0"});
  check_none(ask("iommu-map;", 0, target),
             {"OF: /soc/video@1000: no iommu-map translation for id 0x0 on (null)"});
}

TEST_CASE("Bytes that are no whole cell are malformed to all") {
  const std::string map = "iommu-map = [00 00 00 00 00 00 00 11 00 00 00 01 00 00 00 01 00];";
  const std::vector<std::string> line{"OF: /soc/video@1000: Error: Bad iommu-map length: 17"};
  check_error(ask(map, 0, four), Errno::EINVAL_, line);
  check_error(ask(map, 0, target), Errno::EINVAL_, line);
}

TEST_CASE("Entries may be of different widths where the targets' cells count") {
  const std::string map = "iommu-map = <0x0 0x11 0x20 0x2>, <0x2 0x10 0x1940 0x7 0x1>, <0x3 0x11 0x30 0x1>;";
  check_one(ask(map, 1, target), 0x11, 0x21, 0x7c);
  check_one(ask(map, 2, target), 0x10, 0x1940, 7);
  check_one(ask(map, 3, target), 0x11, 0x30, 0x7c);
}

TEST_CASE("Several IDs cannot be mapped to several cells") {
  const std::string map = "iommu-map = <0x0 0x10 0x1940 0x0 0x2>;";
  check_error(ask(map, 1, target), Errno::EINVAL_,
              {"OF: /soc/video@1000: Unsupported iommu-map - cannot handle 2-ID range with 2-cell output "
               "specifier"});
  check_none(ask(map, 2, target), {"OF: /soc/video@1000: no iommu-map translation for id 0x2 on (null)"});
}

TEST_CASE("One cell for a two-cell controller still counts where every length is 1") {
  const std::string map = "iommu-map = <0x0 0x10 0x1940 0x1>, <0x100 0x10 0x1941 0x1>;";
  check_one(ask(map, 0x100, four), 0x10, 0x1941, 0x80);
  const std::string warning =
      "OF: /soc/video@1000: iommu-map has 1-cell entries targeting 2-cell #iommu-cells, treating as 1-cell "
      "output";
  for (const std::uint32_t id : {0x0U, 0x100U}) {
    const Asked asked = ask(map, id, target);
    CHECK(asked.log == std::vector{warning});
    REQUIRE(asked.found.size() == 1);
    CHECK(asked.found[0].sid == (id == 0 ? 0x1940 : 0x1941));
    CHECK(asked.found[0].mask == 0x80);
  }
}

TEST_CASE("One cell for a two-cell controller is malformed where a length or a target differs") {
  const std::string longer = "iommu-map = <0x0 0x10 0x1940 0x1>, <0x100 0x10 0x1941 0x2>;";
  check_one(ask(longer, 0x101, four), 0x10, 0x1942, 0x80);
  // As five cells: <0x0 &smmu 0x1940 0x1 0x100>, then one whose phandle is 0x1941.
  check_error(ask(longer, 0x101, target), Errno::ENODEV_, {});
  const std::string other = "iommu-map = <0x0 0x10 0x1940 0x1>, <0x100 0x11 0x1941 0x1>;";
  check_one(ask(other, 0x100, four), 0x11, 0x1941, 0x7c);
  CHECK(ask(other, 0x100, target).error);
}

TEST_CASE("A map that ends inside an entry") {
  check_error(ask("iommu-map = <0x0 0x11 0x20 0x1 0x1>;", 5, target), Errno::EINVAL_,
              {"OF: /soc/video@1000: Error: Bad iommu-map length: 20"});
  check_error(ask("iommu-map = <0x0 0x11 0x20>;", 0, target), Errno::EINVAL_,
              {"OF: /soc/video@1000: Error: Bad iommu-map length: 12"});
}

TEST_CASE("A phandle that nobody has is ENODEV, where the walk meets it") {
  const std::string map = "iommu-map = <0x0 0x77 0x20 0x1>, <0x1 0x11 0x30 0x1>;";
  check_error(ask(map, 0, four), Errno::ENODEV_, {});
  check_one(ask(map, 1, four), 0x11, 0x30, 0x7c);
  check_error(ask(map, 0, target), Errno::ENODEV_, {});
  check_error(ask(map, 1, target), Errno::ENODEV_, {});  // the target's cells say how long the entry is
}

TEST_CASE("A controller's count of cells is bounded, and 1 where it says none") {
  check_error(ask("iommu-map = <0x0 0x14 0x20 0x1>;", 0, target), Errno::EINVAL_,
              {"OF: /soc/iommu@4: #iommu-cells cell count 17 exceeds maximum"});
  check_one(ask("iommu-map = <0x0 0x15 0x20 0x1>;", 0, target), 0x15, 0x20, 0);
  check_one(ask("iommu-map = <0x0 0x14 0x20 0x1>;", 0, four), 0x14, 0x20, 0);
}

TEST_CASE("A controller that is disabled, or that no driver here takes, is as none") {
  check_none(ask("iommu-map = <0x0 0x12 0x20 0x1>;", 0, four), {});
  check_none(ask("iommu-map = <0x0 0x12 0x20 0x0 0x1>;", 0, target), {});
  check_none(ask("iommu-map = <0x0 0x13 0x20 0x1>;", 0, four), {});
  CHECK(device_tree_error([] { return ask("iommu-map = <0x0 0x11 0x10000 0x1>;", 0, four); }) ==
        "/soc/video@1000: StreamID 0x10000 is too large: it has 16 bits");
}

TEST_CASE("The IDs of an entry wrap at 2^32 before 2026 and not since") {
  const std::string map = "iommu-map = <0xfffffff0 0x11 0x20 0x20>;";
  check_none(ask(map, 0xfffffff4, four),
             {"OF: /soc/video@1000: no iommu-map translation for id 0xfffffff4 on (null)"});
  check_one(ask(map, 0xfffffff4, target), 0x11, 0x24, 0x7c);
}

TEST_CASE("As proposed, every entry for an ID counts") {
  const std::string map =
      "iommu-map = <0x1 0x10 0x1940 0x0 0x1>, <0x2 0x10 0x1943 0x0 0x1>, <0x1 0x10 0x1a20 0x5 0x1>;";
  const Asked both = ask(map, 1, every);
  CHECK_FALSE(both.error);
  REQUIRE(both.found.size() == 2);
  CHECK(both.found[0].sid == 0x1940);
  CHECK(both.found[0].mask == 0);
  CHECK(both.found[1].sid == 0x1a20);
  CHECK(both.found[1].mask == 5);
  CHECK(both.found[1].phandle == smmu_phandle);
  check_one(ask(map, 1, target), 0x10, 0x1940, 0);
  check_one(ask(map, 2, every), 0x10, 0x1943, 0);
  check_error(ask(map, 3, every), Errno::ENODEV_, {});
}

TEST_CASE("Who is behind a controller, by iommus or by a map of either width") {
  const DeviceTree tree = device_tree(R"(/ {
    #address-cells = <1>; #size-cells = <1>;
    smmu { compatible = "arm,mmu-500"; phandle = <1>; #iommu-cells = <2>; };
    other { compatible = "arm,mmu-500"; phandle = <2>; #iommu-cells = <1>; };
    a { iommus = <2 0x5>, <1 0x10 0>; };
    b { iommus = <2 0x1>; };
    c { iommu-map = <0 2 0x20 1>, <1 1 0x30 0 1>; };
    d { iommu-map = <0 1 0x20 4>; };
    e { iommus = <1 0x11 0>; status = "disabled"; };
    f { iommus = <2 1 7 1>; };
    g { iommus = [00 00 00 01 00]; };
  };)");
  CHECK(tree.clients(1) == std::vector<std::string>{"/a", "/c", "/d"});
  CHECK(tree.clients(2) == std::vector<std::string>{"/a", "/b", "/c", "/f"});
  CHECK(tree.clients(7) == std::vector<std::string>{"/f"});
  CHECK(tree.clients(9).empty());
}
