// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_domain.h"

#include <catch2/catch.hpp>

#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::BusAccess;
using sidewinder::test::PlainMachine;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;

namespace {

constexpr PhysAddr smmu_base = 0x1500'0000;
constexpr PhysAddr memory_base = 0x8000'0000;
constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t MiB2 = 0x20'0000;
constexpr std::uint64_t GiB1 = 0x4000'0000;
constexpr IommuProt rw{.read = true, .write = true};

using Access = std::pair<PhysAddr, std::uint64_t>;

test::PlainMachineConfig with_memory(std::uint64_t pages) {
  test::PlainMachineConfig config = test::small_machine();
  config.memory.size = pages * page;
  return config;
}

struct Platform {
  explicit Platform(const test::PlainMachineConfig& config = test::small_machine())
      : machine(config), bus(machine), host(bus, machine.config()) {
    REQUIRE(host.smmu.probe());
    bus.accesses.clear();
  }

  std::unique_ptr<DmaDomain> create(DomainType type = DomainType::Unmanaged) {
    Result<std::unique_ptr<DmaDomain>> domain = DmaDomain::create(host.smmu, host.pages, type);
    REQUIRE(domain);
    return std::move(*domain);
  }

  std::vector<Access> writes() {
    std::vector<Access> taken;
    for (const BusAccess& access : bus.accesses)
      if (access.is_write()) taken.emplace_back(access.address, access.value());
    bus.accesses.clear();
    return taken;
  }

  smmuv2::Translation access(std::uint32_t stream, std::uint64_t address, bool write = false) {
    return machine.smmu().translate(0, {.address = address, .stream_id = stream, .write = write});
  }

  PlainMachine machine;
  RecordingBus bus;
  SmmuHost host;
};

struct Run {
  std::uint64_t size;
  std::uint64_t count;
  friend bool operator==(const Run&, const Run&) = default;
};

/// The leaves that map [iova, iova + length), as runs of one size, seen by a device in the domain.
std::vector<Run> leaves(Platform& platform, DmaDomain& domain, std::uint64_t iova, std::uint64_t length) {
  Device device{.name = "reader", .streams = {{0x77, 0}}};
  REQUIRE(domain.attach(device));
  std::vector<Run> runs;
  for (std::uint64_t done = 0; done < length;) {
    const smmuv2::Translation seen = platform.access(0x77, iova + done);
    REQUIRE_FALSE(seen.fault);
    const std::uint64_t size = std::uint64_t{1} << seen.same_page_shift;
    if (runs.empty() || runs.back().size != size) runs.push_back({size, 0});
    ++runs.back().count;
    done += size;
  }
  return runs;
}

}  // namespace

TEST_CASE("a domain takes a bank, its number as ASID, and a root table") {
  Platform platform;
  const auto first = platform.create(DomainType::Dma);
  CHECK(first->bank() == 0);
  CHECK(first->type() == DomainType::Dma);
  CHECK(first->aperture_end() == 0xf'ffff'ffff);
  platform.bus.accesses.clear();

  const auto other = platform.create();
  CHECK(other->bank() == 1);
  CHECK(other->type() == DomainType::Unmanaged);
  CHECK(platform.writes() == std::vector<Access>{{memory_base + page, 0},  // the root, zeroed
                                                 {smmu_base + 0x1804, 0x1},
                                                 {smmu_base + 0x1004, 0x1'f300},
                                                 {smmu_base + 0x9010, 0x3'8011},
                                                 {smmu_base + 0x9030, 0x80'351c},
                                                 {smmu_base + 0x9020, 0x1'0000'8000'1000},
                                                 {smmu_base + 0x9028, 0x1'0000'0000'0000},
                                                 {smmu_base + 0x9038, 0xf404'ff44},
                                                 {smmu_base + 0x903c, 0xffff'ffff},
                                                 {smmu_base + 0x9000, 0x1067}});
  CHECK(platform.host.pages.pages_in_use() == 2);
}

TEST_CASE("the walk attributes of an SMMU that does not snoop") {
  test::PlainMachineConfig config = test::small_machine();
  config.smmu.coherent_walk = false;
  Platform platform(config);
  const auto domain = platform.create();
  CHECK(platform.writes()[4] == Access{smmu_base + 0x8030, 0x80'201c});
}

TEST_CASE("banks and pages that run out, and come back") {
  SECTION("banks") {
    Platform platform;
    std::vector<std::unique_ptr<DmaDomain>> domains;
    for (int count = 0; count < 4; ++count) domains.push_back(platform.create());
    const auto fifth = DmaDomain::create(platform.host.smmu, platform.host.pages, DomainType::Dma);
    REQUIRE_FALSE(fifth);
    CHECK(fifth.error() == Errno::ENOSPC_);
    domains.erase(domains.begin() + 1);
    CHECK(platform.host.pages.pages_in_use() == 3);
    CHECK(platform.create()->bank() == 1);
  }
  SECTION("pages") {
    Platform platform(with_memory(1));
    auto only = platform.create();
    const auto second = DmaDomain::create(platform.host.smmu, platform.host.pages, DomainType::Dma);
    REQUIRE_FALSE(second);
    CHECK(second.error() == Errno::ENOMEM_);
    CHECK(platform.host.smmu.context_banks_used() == 1);
    only.reset();
    CHECK(platform.host.smmu.context_banks_used() == 0);
    CHECK(platform.host.pages.pages_in_use() == 0);
  }
}

TEST_CASE("the next domain in a bank does not see the last one's TLB entries") {
  Platform platform;
  Device device{.name = "video", .streams = {{0x10, 0}}};
  auto domain = platform.create();
  REQUIRE(domain->attach(device));
  REQUIRE(domain->map(MiB2, 4 * MiB2, MiB2, rw));
  REQUIRE(platform.access(0x10, MiB2).output == 4 * MiB2);
  domain.reset();
  domain = platform.create();
  REQUIRE(domain->bank() == 0);
  CHECK(platform.access(0x10, MiB2).fault.has_value());
}

TEST_CASE("attached devices share the domain, others fault") {
  Platform platform;
  const auto domain = platform.create();
  REQUIRE(domain->map(0x1000, 0x5000, page, rw));
  Device first{.name = "first", .streams = {{0x10, 0}, {0x20, 0x3}}};
  Device second{.name = "second", .streams = {{0x11, 0}}};
  REQUIRE(domain->attach(first));
  REQUIRE(domain->attach(second));
  CHECK(first.domain == domain.get());
  CHECK(second.domain == domain.get());
  for (const std::uint32_t stream : {0x10U, 0x20U, 0x23U, 0x11U})
    CHECK(platform.access(stream, 0x1234).output == 0x5234);
  CHECK(platform.access(0x24, 0x1234).fault->kind == arch::FaultKind::UnidentifiedStream);

  Device overlapping{.name = "overlapping", .streams = {{0x20, 0x7}}};
  const Status status = domain->attach(overlapping);
  REQUIRE_FALSE(status);
  CHECK(status.error() == Errno::EINVAL_);
  CHECK(overlapping.domain == nullptr);
}

TEST_CASE("a range is mapped by the largest pages that fit") {
  Platform platform;
  const auto domain = platform.create();
  const auto mapped = [&](std::uint64_t iova, PhysAddr base, std::uint64_t length) {
    REQUIRE(domain->map(iova, base, length, rw));
    CHECK(domain->iova_to_phys(iova) == base);
    CHECK(domain->iova_to_phys(iova + length - 1) == base + length - 1);
    CHECK_FALSE(domain->iova_to_phys(iova + length));
    return leaves(platform, *domain, iova, length);
  };
  using Runs = std::vector<Run>;
  SECTION("both aligned") {
    CHECK(mapped(MiB2, 6 * MiB2, 2 * MiB2) == Runs{{MiB2, 2}});
  }
  SECTION("one address is not aligned") {
    CHECK(mapped(MiB2, 6 * MiB2 + page, MiB2) == Runs{{page, 512}});
    CHECK(mapped(8 * MiB2 + page, 6 * MiB2, MiB2) == Runs{{page, 512}});
  }
  SECTION("alike offsets meet at the boundary") {
    CHECK(mapped(MiB2 - page, 5 * MiB2 - page, 2 * MiB2 + 3 * page) == Runs{{page, 1}, {MiB2, 2}, {page, 2}});
  }
  SECTION("alike offsets, but no whole block after the boundary") {
    CHECK(mapped(MiB2 - page, 5 * MiB2 - page, MiB2) == Runs{{page, 512}});
  }
  SECTION("a size just below, at and above a block") {
    CHECK(mapped(0, 2 * MiB2, MiB2 - page) == Runs{{page, 511}});
    CHECK(mapped(2 * MiB2, 2 * MiB2, MiB2) == Runs{{MiB2, 1}});
    CHECK(mapped(4 * MiB2, 2 * MiB2, MiB2 + page) == Runs{{MiB2, 1}, {page, 1}});
  }
  SECTION("1 GiB blocks") {
    CHECK(mapped(GiB1 - MiB2, 3 * GiB1 - MiB2, 2 * GiB1 + MiB2 + page) ==
          Runs{{MiB2, 1}, {GiB1, 2}, {page, 1}});
    CHECK(mapped(8 * GiB1, 4 * GiB1 + MiB2, GiB1) == Runs{{MiB2, 512}});
  }
  SECTION("address 0 to address 0") {
    CHECK(mapped(0, 0, GiB1) == Runs{{GiB1, 1}});
  }
}

TEST_CASE("only whole pages can be mapped and unmapped") {
  Platform platform;
  const auto domain = platform.create();
  for (const Status& status : {domain->map(0x1800, 0x1000, page, rw), domain->map(0x1000, 0x1001, page, rw),
                               domain->map(0x1000, 0x1000, 0x800, rw)}) {
    REQUIRE_FALSE(status);
    CHECK(status.error() == Errno::EINVAL_);
  }
  CHECK(domain->map(0x1000, 0x1000, 0, rw));  // nothing to do
  REQUIRE(domain->map(0x1000, 0x1000, page, rw));
  platform.bus.accesses.clear();
  CHECK(domain->unmap(0x1000, 0x800) == 0);
  CHECK(domain->unmap(0x1800, page) == 0);
  CHECK(platform.bus.accesses.empty());
  CHECK(domain->iova_to_phys(0x1000) == 0x1000);
}

TEST_CASE("what cannot be mapped whole is not mapped at all") {
  SECTION("something is in the way") {
    Platform platform;
    const auto domain = platform.create();
    REQUIRE(domain->map(3 * MiB2 + 5 * page, 0x9000, page, rw));
    const Status status = domain->map(MiB2 - page, 9 * MiB2 - page, 3 * MiB2, rw);
    REQUIRE_FALSE(status);
    CHECK(status.error() == Errno::EEXIST_);
    for (std::uint64_t iova = MiB2 - page; iova < 4 * MiB2; iova += page)
      REQUIRE(domain->iova_to_phys(iova).has_value() == (iova == 3 * MiB2 + 5 * page));
  }
  SECTION("beyond the output addresses") {
    Platform platform;
    const auto domain = platform.create();
    const std::uint64_t top = std::uint64_t{1} << 36;
    const Status status = domain->map(0, top - page, 2 * page, rw);
    CHECK(status);  // as in Linux, only where a call of the page tables begins is checked
    CHECK(domain->map(GiB1, top, page, rw).error() == Errno::ERANGE_);
    CHECK(domain->map(top, 0, page, rw).error() == Errno::ERANGE_);
  }
  SECTION("no page for a table") {
    Platform platform(with_memory(3));  // the root and the tables for one 2 MiB range
    const auto domain = platform.create();
    const Status status = domain->map(MiB2 - 2 * page, 0, 4 * page, rw);
    REQUIRE_FALSE(status);
    CHECK(status.error() == Errno::ENOMEM_);
    CHECK_FALSE(domain->iova_to_phys(MiB2 - 2 * page));
    CHECK_FALSE(domain->iova_to_phys(MiB2 - page));
    CHECK(platform.host.pages.pages_in_use() == 3);  // as in Linux, tables stay until the domain goes
  }
}

TEST_CASE("unmapping clears the descriptor, then the TLB, then waits") {
  Platform platform;
  platform.create();  // so that the ASID is not 0
  const auto other = platform.create();
  const auto domain = platform.create();
  REQUIRE(domain->bank() == 1);
  REQUIRE(domain->map(0x1'2345'6000, 0x5000, 2 * page, rw));
  REQUIRE(domain->map(MiB2, 2 * MiB2, MiB2, rw));
  platform.bus.accesses.clear();

  CHECK(domain->unmap(0x1'2345'6000, 2 * page) == 2 * page);
  std::vector<Access> writes = platform.writes();
  REQUIRE(writes.size() == 5);
  CHECK((writes[0].first & 0xfff) == 0x056 * 8);
  CHECK(writes[0].second == 0);
  CHECK(writes[1] == Access{smmu_base + 0x9620, 0x1'0000'0012'3456});
  CHECK(writes[2] == Access{writes[0].first + 8, 0});
  CHECK(writes[3] == Access{smmu_base + 0x9620, 0x1'0000'0012'3457});
  CHECK(writes[4] == Access{smmu_base + 0x97f0, 0xffff'ffff});

  CHECK(domain->unmap(MiB2, MiB2) == MiB2);
  writes = platform.writes();
  REQUIRE(writes.size() == 3);
  CHECK(writes[1] == Access{smmu_base + 0x9620, 0x1'0000'0000'0200});
}

TEST_CASE("unmapping a table flushes all walks through it before its page is free") {
  Platform platform;
  const auto domain = platform.create();
  REQUIRE(domain->map(MiB2, page, MiB2, rw));
  platform.bus.accesses.clear();
  CHECK(domain->unmap(MiB2, MiB2) == MiB2);
  const std::vector<Access> writes = platform.writes();
  REQUIRE(writes.size() == 1 + 512 + 2);
  CHECK(writes[0].second == 0);
  for (std::uint64_t index = 0; index < 512; ++index)
    REQUIRE(writes[1 + index] == Access{smmu_base + 0x8600, 0x200 + index});
  CHECK(writes[513] == Access{smmu_base + 0x87f0, 0xffff'ffff});
  CHECK(writes[514] == Access{smmu_base + 0x87f0, 0xffff'ffff});
}

TEST_CASE("unmapping goes on to the first hole") {
  Platform platform;
  const auto domain = platform.create();
  REQUIRE(domain->map(MiB2, 0, MiB2 + 3 * page, rw));
  REQUIRE(domain->map(3 * MiB2, 0, page, rw));
  CHECK(domain->unmap(MiB2, MiB2 + 5 * page) == MiB2 + 3 * page);
  CHECK(domain->iova_to_phys(3 * MiB2) == 0);
  CHECK(domain->unmap(MiB2, page) == 0);
}

TEST_CASE("as in Linux, a 2 MiB step takes a table with holes whole") {
  Platform platform;
  const auto domain = platform.create();
  REQUIRE(domain->map(MiB2, 0, page, rw));
  REQUIRE(domain->map(MiB2 + 9 * page, 0, page, rw));
  CHECK(domain->unmap(MiB2, MiB2) == MiB2);
  CHECK_FALSE(domain->iova_to_phys(MiB2 + 9 * page));
}

TEST_CASE("a device never sees what was unmapped, however much the TLBs held") {
  Platform platform;
  const auto domain = platform.create();
  Device device{.name = "video", .streams = {{0x10, 0}}};
  REQUIRE(domain->attach(device));
  REQUIRE(domain->map(0, GiB1, 2 * MiB2, rw));
  for (std::uint64_t iova = 0; iova < 2 * MiB2; iova += page)
    REQUIRE(platform.access(0x10, iova).output == GiB1 + iova);
  REQUIRE(domain->unmap(7 * page, page) == page);  // of a 2 MiB block
  for (std::uint64_t iova = 0; iova < 2 * MiB2; iova += page) {
    if (iova == 7 * page) continue;
    REQUIRE(platform.access(0x10, iova).output == GiB1 + iova);
  }
  CHECK(platform.access(0x10, 7 * page).fault->kind == arch::FaultKind::Translation);
}
