// SPDX-License-Identifier: Apache-2.0
//
// What a domain of an SMMUv3 invalidates, and when. Every unmapping of a recorded Linux is in
// tests/differential/arm_smmu_v3.

#include <catch2/catch.hpp>

#include "iommu/linux/dma_init.h"
#include "iommu/linux/flush_queue.h"
#include "iommu/linux/iommu.h"
#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using smmuv3::Translation;
using Trace = std::vector<std::string>;

constexpr std::uint64_t page = 0x1000, MiB2 = 0x20'0000;
constexpr std::uint64_t ms = 1'000'000;
constexpr IommuProt rw{.read = true, .write = true};

struct Bench : Smmuv3Host {
  explicit Bench(bool range_commands = false, DomainType type = DomainType::Unmanaged)
      : Smmuv3Host(configured(range_commands)) {
    REQUIRE(smmu.probe());
    domain = create(type);
    REQUIRE(domain->attach(device));
    machine.trace.clear();
  }
  static smmuv3::Config configured(bool range_commands) {
    smmuv3::Config config = plain_smmuv3();
    config.range_invalidation = range_commands;
    return config;
  }
  void map(std::uint64_t iova, std::uint64_t base, std::uint64_t size) {
    REQUIRE(domain->map(iova, base, size, rw));
    machine.trace.clear();
  }
  /// The commands since the last look.
  Trace commands() {
    Trace commands;
    for (const std::string& line : machine.take_trace())
      if (line[0] == 'C') commands.push_back(line == "C fc02046 0" ? "sync" : line.substr(2));
    return commands;
  }

  Device device{.name = "video", .streams = {{5, 0}}};
  std::unique_ptr<DmaDomain> domain;
};

}  // namespace

TEST_CASE("SMMUv3: mapping invalidates nothing, unmapping what was mapped, in one batch") {
  Bench bench;
  REQUIRE(bench.domain->map(0x10'0000, 0x8000'1000, 3 * page, rw));
  CHECK(bench.machine.trace.empty());
  CHECK(bench.machine.access(5, 0x10'2000).output == 0x8000'3000);
  CHECK(bench.domain->unmap(0x10'0000, 3 * page) == 3 * page);
  CHECK(bench.commands() ==
        Trace{"1000000000012 100001", "1000000000012 101001", "1000000000012 102001", "sync"});
  CHECK(bench.machine.access(5, 0x10'2000).action == Translation::Action::Abort);
}

TEST_CASE("SMMUv3: with range commands a run of pages is one") {
  Bench bench(true);
  bench.map(0x10'0000, 0x8000'1000, 3 * page);
  CHECK(bench.machine.access(5, 0x10'2000).output == 0x8000'3000);
  bench.domain->unmap(0x10'0000, 3 * page);
  CHECK(bench.commands() == Trace{"1000000002012 100701", "sync"});
  CHECK(bench.machine.access(5, 0x10'2000).action == Translation::Action::Abort);
}

TEST_CASE("SMMUv3: pages of another size, or not adjoining, are a batch of their own") {
  Bench bench(true);
  bench.map(MiB2, 0x8020'0000, MiB2 + page);
  bench.domain->unmap(MiB2, MiB2 + page);
  CHECK(bench.commands() == Trace{"1000000900012 200601", "sync", "1000000000012 400701", "sync"});

  bench.map(0, 0x8000'0000, 8 * page);
  IotlbGather gather;
  CHECK(bench.domain->unmap_fast(4 * page, page, gather) == page);
  CHECK(bench.domain->unmap_fast(3 * page, page, gather) == page);
  CHECK(bench.domain->unmap_fast(5 * page, page, gather) == page);
  CHECK(bench.commands().empty());
  CHECK(bench.domain->unmap_fast(7 * page, page, gather) == page);
  CHECK(bench.commands() == Trace{"1000000002012 3701", "sync"});
  bench.domain->iotlb_sync(gather);
  CHECK(bench.commands() == Trace{"1000000000012 7701", "sync"});
  bench.domain->iotlb_sync(gather);
  CHECK(bench.commands().empty());
}

TEST_CASE("SMMUv3: a table that goes is invalidated with its walks, before it is used again") {
  const bool ranges = GENERATE(true, false);
  Bench bench(ranges);
  bench.map(MiB2, 0x8000'1000, page);
  bench.domain->unmap(MiB2, page);
  bench.machine.trace.clear();
  REQUIRE(bench.domain->map(MiB2, 0x8020'0000, MiB2, rw));  // over an empty table
  const Trace commands = bench.commands();
  if (ranges) {
    CHECK(commands == Trace{"1000000900012 200400", "sync"});
  } else {
    REQUIRE(commands.size() == 512 + 1);
    CHECK(commands[0] == "1000000000012 200000");
    CHECK(commands[511] == "1000000000012 3ff000");
    CHECK(commands[512] == "sync");
  }
  CHECK(bench.machine.access(5, MiB2 + 0x1'2345).output == 0x8021'2345);
}

TEST_CASE("SMMUv3: a lazy domain invalidates nothing until its queue is flushed, and then everything") {
  Smmuv3Host host;
  REQUIRE(host.smmu.probe());
  Iommu iommu(host.smmu, host.pages, host.log, {.default_domain = DomainType::DmaFq});
  Device device{.name = "video", .streams = {{5, 0}}};
  REQUIRE(iommu.probe_device(device));
  DmaApi dma(host.pages);
  const Result<DmaBuffer> buffer = dma.alloc(device, 2 * page);
  REQUIRE(buffer);
  CHECK(host.machine.access(5, buffer->iova).action == Translation::Action::Forward);
  host.machine.trace.clear();
  dma.free(device, *buffer);
  CHECK(host.machine.trace.empty());
  CHECK(host.machine.access(5, buffer->iova).action == Translation::Action::Forward);  // from the TLB
  host.machine.delay_ns(11 * ms);
  CHECK(host.machine.trace == Trace{"C 1000000000011 0", "C fc02046 0", "W 4 98 f", "R 4 9c f"});
  CHECK(host.machine.access(5, buffer->iova).action == Translation::Action::Abort);
}

TEST_CASE("SMMUv3: an access that goes on during an unmapping sees the page no more when it is over") {
  Bench bench;
  bench.map(0, 0x8000'0000, page);
  CHECK(bench.machine.access(5, 0).action == Translation::Action::Forward);
  IotlbGather gather;
  bench.domain->unmap_fast(0, page, gather);
  CHECK(bench.machine.access(5, 0).action == Translation::Action::Forward);  // still in the TLB
  bench.domain->iotlb_sync(gather);
  CHECK(bench.machine.access(5, 0).action == Translation::Action::Abort);
}

TEST_CASE("SMMUv3: an unmapping waits for the SMMU, and yields meanwhile") {
  Bench bench;
  bench.map(0, 0x8000'0000, page);
  bench.machine.commands_run = false;
  bench.machine.schedule(2 * ms, [&] {
    bench.machine.commands_run = true;
    bench.domain->flush_iotlb_all();
  });
  CHECK(bench.domain->unmap(0, page) == page);
  CHECK(bench.machine.now_ns() >= 2 * ms);
  CHECK(bench.commands() == Trace{"1000000000012 1", "sync", "1000000000011 0", "sync"});
  CHECK(bench.lines.size() == 3);  // of probing
}

}  // namespace sidewinder::test
