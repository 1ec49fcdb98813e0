// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/irq_actions.h"

#include <catch2/catch.hpp>
#include <string>

using namespace sidewinder::kernel;

namespace {

struct Line {
  IrqActions actions;
  std::string called;
  char owners[3] = {};

  bool add(std::size_t owner, IrqSharing sharing, char name) {
    return actions.add(&owners[owner], sharing, [this, name] { called += name; });
  }
  std::string call() {
    called.clear();
    actions.call();
    return called;
  }
};

}  // namespace

TEST_CASE("a line is shared only where everybody shares it") {
  for (const IrqSharing first : {IrqSharing::Exclusive, IrqSharing::Shared}) {
    for (const IrqSharing second : {IrqSharing::Exclusive, IrqSharing::Shared}) {
      Line line;
      CHECK(line.add(0, first, 'a'));
      const bool both = first == IrqSharing::Shared && second == IrqSharing::Shared;
      CHECK(line.add(1, second, 'b') == both);
      CHECK(line.call() == (both ? "ab" : "a"));
    }
  }
}

TEST_CASE("a line that everybody left is free for whoever comes") {
  Line line;
  CHECK(line.actions.empty());
  REQUIRE(line.add(0, IrqSharing::Shared, 'a'));
  CHECK_FALSE(line.actions.empty());
  line.actions.remove(&line.owners[0]);
  CHECK(line.actions.empty());
  CHECK(line.add(1, IrqSharing::Exclusive, 'b'));
  line.actions.remove(&line.owners[1]);
  CHECK(line.add(0, IrqSharing::Shared, 'c'));
  CHECK(line.add(1, IrqSharing::Shared, 'd'));
  CHECK(line.call() == "cd");
}

TEST_CASE("an owner takes its own handler away, the first of several") {
  Line line;
  REQUIRE(line.add(0, IrqSharing::Shared, 'a'));
  REQUIRE(line.add(1, IrqSharing::Shared, 'b'));
  REQUIRE(line.add(0, IrqSharing::Shared, 'c'));
  line.actions.remove(&line.owners[2]);
  CHECK(line.call() == "abc");
  line.actions.remove(&line.owners[0]);
  CHECK(line.call() == "bc");
  line.actions.remove(&line.owners[0]);
  CHECK(line.call() == "b");
}

TEST_CASE("handlers come and go while others are called") {
  Line line;
  REQUIRE(line.actions.add(&line.owners[0], IrqSharing::Shared, [&line] {
    line.called += '1';
    line.actions.remove(&line.owners[1]);
    CHECK(line.add(2, IrqSharing::Shared, '3'));
  }));
  REQUIRE(line.add(1, IrqSharing::Shared, '2'));
  CHECK(line.call() == "1");
  line.actions.remove(&line.owners[0]);
  CHECK(line.call() == "3");
}
