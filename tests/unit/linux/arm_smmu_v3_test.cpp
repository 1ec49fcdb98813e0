// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3.h"

#include <catch2/catch.hpp>

#include "iommu/linux/iommu.h"
#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using smmuv3::Translation;
using Trace = std::vector<std::string>;

constexpr std::uint64_t page = 0x1000;

struct Bench : Smmuv3Host {
  explicit Bench(const smmuv3::Config& config = plain_smmuv3(),
                 ArmSmmuV3Platform platform = smmuv3_platform())
      : Smmuv3Host(config, std::move(platform)), iommu(smmu, pages, log, {}) {
    REQUIRE(smmu.probe());
    static_cast<void>(said());
    machine.trace.clear();
  }
  static Device device(const char* name, std::initializer_list<std::uint32_t> sids) {
    Device device;
    device.name = name;
    for (const std::uint32_t sid : sids) device.streams.push_back({sid, 0});
    return device;
  }

  Iommu iommu;
};

}  // namespace

TEST_CASE("arm-smmu-v3: a device gets a group, a domain and addresses, and its DMA is translated") {
  Bench bench;
  Device device = Bench::device("video", {0x100, 0x101});
  REQUIRE(bench.iommu.probe_device(device));
  CHECK(bench.said() == Trace{"platform video: Adding to iommu group 0"});
  DmaApi dma(bench.pages);
  const Result<DmaBuffer> buffer = dma.alloc(device, 3 * page);
  REQUIRE(buffer);
  CHECK(buffer->iova == 0xffff'c000);  // aligned to its size, rounded up to a power of two
  for (const std::uint32_t sid : {0x100U, 0x101U}) {
    const Translation result = bench.machine.access(sid, buffer->iova + 0x1234, true);
    CHECK(result.action == Translation::Action::Forward);
    CHECK(result.output == phys_of(*buffer, 0x1234));
  }
  CHECK(bench.machine.access(0x102, buffer->iova).action == Translation::Action::Abort);
  dma.free(device, *buffer);
  CHECK(bench.machine.access(0x100, buffer->iova).action == Translation::Action::Abort);
  bench.iommu.release_device(device);
  CHECK_FALSE(device.in_stream_map);
  CHECK(bench.shared.asids.empty());
}

TEST_CASE("arm-smmu-v3: each device is a group of its own, and takes the lowest ASID") {
  Bench bench;
  Device first = Bench::device("first", {1});
  Device second = Bench::device("second", {2});
  Device third = Bench::device("third", {3});
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  CHECK(bench.iommu.group_of(second)->id == 1);
  CHECK(bench.shared.asids == std::set<std::uint16_t>{1, 2});
  bench.iommu.release_device(first);
  CHECK(bench.shared.asids == std::set<std::uint16_t>{2});
  REQUIRE(bench.iommu.probe_device(third));
  CHECK(bench.shared.asids == std::set<std::uint16_t>{1, 2});
}

TEST_CASE("arm-smmu-v3: a StreamID is of one device, and of the stream table") {
  Bench bench;
  Device first = Bench::device("first", {1, 2});
  Device second = Bench::device("second", {3, 2});
  Device third = Bench::device("third", {4, 0x1'0000});
  Device fourth = Bench::device("fourth", {3, 4});
  REQUIRE(bench.smmu.probe_device(first));
  CHECK(bench.smmu.probe_device(second).error() == Errno::EINVAL_);
  CHECK(bench.levels == std::vector{LogLevel::Warn});
  CHECK(bench.said() == Trace{"platform second: stream 2 already in tree from dev first"});
  CHECK(bench.smmu.probe_device(third).error() == Errno::ERANGE_);
  CHECK_FALSE(third.in_stream_map);
  Device between = Bench::device("between", {7});
  REQUIRE(bench.smmu.probe_device(between));
  REQUIRE(bench.smmu.probe_device(fourth));  // nothing of those two is left behind
  bench.smmu.release_device(fourth);
  REQUIRE(bench.smmu.probe_device(fourth));
}

TEST_CASE("arm-smmu-v3: a bridged device may have a StreamID twice, and its STE is written once") {
  Bench bench;
  Device device = Bench::device("bridged", {5, 5});
  const auto domain = bench.create(DomainType::Identity);
  REQUIRE(domain->attach(device));
  CHECK(bench.machine.trace == Trace{"C 500000003 1", "C fc02046 0", "W 4 98 6", "R 4 9c 6"});
}

TEST_CASE("arm-smmu-v3: what a released device had aborts") {
  Bench bench;
  Device device = Bench::device("video", {5});
  const auto domain = bench.create(DomainType::Identity);
  REQUIRE(domain->attach(device));
  CHECK(bench.machine.access(5, 0x5000).action == Translation::Action::Forward);
  bench.smmu.release_device(device);
  CHECK(bench.machine.access(5, 0x5000).action == Translation::Action::Abort);
  bench.smmu.release_device(device);  // of a device that is not there nothing happens
}

TEST_CASE("arm-smmu-v3: ASIDs are those of all SMMUs, as many as the SMMU has bits") {
  Bench bench;
  for (unsigned number = 1; number < 256; ++number) REQUIRE(bench.smmu.alloc_asid() == number);
  CHECK(bench.smmu.alloc_asid().error() == Errno::EBUSY_);
  bench.smmu.free_asid(77);
  CHECK(bench.smmu.alloc_asid() == std::uint16_t{77});
  for (unsigned number = 1; number < 256; ++number) REQUIRE(bench.smmu.alloc_vmid() == number);
  CHECK(bench.smmu.alloc_vmid().error() == Errno::ENOSPC_);
  bench.smmu.free_vmid(200);
  CHECK(bench.smmu.alloc_vmid() == std::uint16_t{200});

  smmuv3::Config config = plain_smmuv3();
  config.asid16 = true;
  Smmuv3Host wide(config);
  REQUIRE(wide.smmu.probe());
  for (unsigned number = 1; number < 0xffff; ++number)
    wide.shared.asids.insert(static_cast<std::uint16_t>(number));
  CHECK(wide.smmu.alloc_asid() == std::uint16_t{0xffff});
  CHECK(wide.smmu.alloc_asid().error() == Errno::EBUSY_);
}

TEST_CASE("arm-smmu-v3: an unmanaged domain takes a device over, and gives it back") {
  Bench bench;
  Device device = Bench::device("video", {5});
  REQUIRE(bench.iommu.probe_device(device));
  Result<std::unique_ptr<DmaDomain>> own = bench.iommu.attach_unmanaged(device);
  REQUIRE(own);
  REQUIRE((*own)->map(0x10'0000, 0x8000'0000, page, {.read = true}));
  CHECK(bench.machine.access(5, 0x10'0000).output == 0x8000'0000);
  CHECK(bench.machine.access(5, 0x10'0000, true).action == Translation::Action::Abort);
  CHECK((*own)->iova_to_phys(0x10'0123) == 0x8000'0123);
  bench.iommu.detach_unmanaged(device, std::move(*own));
  CHECK(bench.machine.access(5, 0x10'0000).action == Translation::Action::Abort);
  CHECK(bench.shared.asids == std::set<std::uint16_t>{1});
}

}  // namespace sidewinder::test
