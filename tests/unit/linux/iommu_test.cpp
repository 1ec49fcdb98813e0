// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/iommu.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "iommu/layout/smmuv2.h"
#include "tests/support/plain_machine.h"
#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::PlainMachine;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;

namespace {

namespace gr0 = layout::smmuv2::gr0;

constexpr PhysAddr smmu_base = 0x1500'0000;
constexpr std::uint64_t MiB = 0x10'0000;

/// Eight stream match groups, four context banks.
struct Bench {
  explicit Bench(const IommuOptions& options = {})
      : machine(test::small_machine()),
        bus(machine),
        host(bus, machine.config()),
        iommu(host.smmu, host.pages, host.log, options) {
    REQUIRE(host.smmu.probe());
    host.lines.clear();
    bus.accesses.clear();
  }

  /// Whether the SMMU lets the stream through to `address` as it is.
  bool passes(std::uint32_t stream, std::uint64_t address) {
    const smmuv2::Translation seen = machine.smmu().translate(0, {.address = address, .stream_id = stream});
    return !seen.fault && seen.output == address;
  }

  PlainMachine machine;
  RecordingBus bus;
  SmmuHost host;
  Iommu iommu;
};

Device device_with(std::uint16_t sid, std::uint16_t mask = 0) {
  Device device;
  device.name = "video";
  device.streams = {{sid, mask}};
  return device;
}

bool reserved(const Device& device, DmaAddr address) {
  const IovaDomain& iovas = device.domain->iovas();
  return iovas.find_iova(iovas.to_pfn(address)).has_value();
}

}  // namespace

TEST_CASE("a device gets a group, a default domain and dma-iommu's operations") {
  Bench bench;
  Device device = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(device));
  const IommuGroup* group = bench.iommu.group_of(device);
  REQUIRE(group != nullptr);
  CHECK(group->id == 0);
  CHECK(group->devices == std::vector<Device*>{&device});
  CHECK(group->domain == group->default_domain.get());
  CHECK(device.domain == group->domain);
  CHECK(device.domain->type() == DomainType::Dma);
  CHECK(device.domain->bank() == 0U);
  CHECK(device.iommu_dma);
  CHECK(device.in_stream_map);
}

TEST_CASE(
    "stream mapping entries are written faulting when the device is probed, before its domain is made") {
  Bench bench;
  Device device = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(device));
  std::vector<std::pair<PhysAddr, std::uint64_t>> written;
  for (const test::BusAccess& access : bench.bus.accesses)
    if (access.is_write() && access.address >= smmu_base)
      written.emplace_back(access.address - smmu_base, access.value());
  REQUIRE(written.size() > 3);
  using layout::smmuv2::S2CR;
  using layout::smmuv2::S2crType;
  const auto fault = S2CR{}.set<S2CR::TYPE>(static_cast<std::uint32_t>(S2crType::Fault)).raw;
  CHECK(written[0] == std::pair<PhysAddr, std::uint64_t>(gr0::S2CR, fault));
  CHECK(written[1] == std::pair<PhysAddr, std::uint64_t>(gr0::SMR, 0x8000'0010));
  const auto attached = std::find(written.begin() + 2, written.end(),
                                  std::pair<PhysAddr, std::uint64_t>(gr0::S2CR, 0));  // to context bank 0
  REQUIRE(attached != written.end());
  const PhysAddr sctlr = 0x8000;  // of context bank 0: its first register
  CHECK(std::any_of(written.begin() + 2, attached, [&](const auto& write) { return write.first == sctlr; }));
}

TEST_CASE("a device without streams has no IOMMU") {
  Bench bench;
  Device device;
  const Status status = bench.iommu.probe_device(device);
  REQUIRE_FALSE(status);
  CHECK(status.error() == Errno::ENODEV_);
  CHECK(device.domain == nullptr);
  CHECK(bench.iommu.group_of(device) == nullptr);
  CHECK(bench.host.smmu.context_banks_used() == 0);
}

TEST_CASE("devices that the SMMU cannot tell apart are one group with one domain") {
  Bench bench;
  Device first = device_with(0x10);
  Device second = device_with(0x10);
  Device other = device_with(0x20);
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  REQUIRE(bench.iommu.probe_device(other));
  CHECK(bench.iommu.group_of(first) == bench.iommu.group_of(second));
  CHECK(first.domain == second.domain);
  CHECK(bench.iommu.group_of(first)->devices.size() == 2);
  CHECK(bench.iommu.group_of(other)->id == 1);
  CHECK(other.domain != first.domain);
  CHECK(bench.host.smmu.stream_match_groups_used() == 2);
  CHECK(bench.host.smmu.context_banks_used() == 2);
}

TEST_CASE("a device whose streams are of two groups cannot be probed") {
  Bench bench;
  Device first = device_with(0x10);
  Device second = device_with(0x20);
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  Device both = device_with(0x10);
  both.streams.push_back({0x20, 0});
  const Status status = bench.iommu.probe_device(both);
  REQUIRE_FALSE(status);
  CHECK(status.error() == Errno::EINVAL_);
  CHECK_FALSE(both.in_stream_map);
  bench.iommu.release_device(first);
  CHECK(bench.host.smmu.stream_match_groups_used() == 1);  // nothing of `both` is left behind
}

TEST_CASE("with the context banks or the stream match groups used up, a device is left as it was") {
  Bench bench;
  std::vector<Device> devices;
  for (std::uint16_t sid = 1; sid <= 5; ++sid) devices.push_back(device_with(sid));
  for (std::size_t index = 0; index < 4; ++index) REQUIRE(bench.iommu.probe_device(devices[index]));
  const Status no_bank = bench.iommu.probe_device(devices[4]);
  REQUIRE_FALSE(no_bank);
  CHECK(no_bank.error() == Errno::ENOSPC_);
  CHECK(devices[4].domain == nullptr);
  CHECK_FALSE(devices[4].iommu_dma);
  CHECK(bench.iommu.group_of(devices[4]) == nullptr);
  CHECK(bench.host.smmu.stream_match_groups_used() == 4);

  Device many;
  for (std::uint16_t sid = 0x100; sid < 0x105; ++sid) many.streams.push_back({sid, 0});
  const Status no_entry = bench.iommu.probe_device(many);
  REQUIRE_FALSE(no_entry);
  CHECK(no_entry.error() == Errno::ENOSPC_);
  CHECK(bench.host.smmu.stream_match_groups_used() == 4);

  bench.iommu.release_device(devices[0]);
  CHECK(bench.iommu.probe_device(devices[4]));
}

TEST_CASE("a group goes with its last device, and gives everything back") {
  Bench bench;
  const std::uint64_t pages = bench.host.pages.pages_in_use();
  Device first = device_with(0x10);
  Device second = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  bench.iommu.release_device(first);
  CHECK(first.domain == nullptr);
  CHECK(bench.iommu.group_of(second) != nullptr);
  CHECK(second.domain->bank() == 0U);
  bench.iommu.release_device(first);  // already gone
  bench.iommu.release_device(second);
  CHECK(bench.host.smmu.context_banks_used() == 0);
  CHECK(bench.host.smmu.stream_match_groups_used() == 0);
  CHECK(bench.host.pages.pages_in_use() == pages);

  REQUIRE(bench.iommu.probe_device(first));
  CHECK(bench.iommu.group_of(first)->id == 0);  // the lowest that is free
  CHECK_THAT(bench.host.lines.back(), Catch::EndsWith("platform video: Adding to iommu group 0"));
  CHECK_THAT(*(bench.host.lines.end() - 2), Catch::EndsWith("platform video: Removing from iommu group 0"));
}

TEST_CASE("of a device's entries the last one says its group") {
  Bench bench;
  Device known = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(known));
  Device joins = device_with(0x20);
  joins.streams.push_back({0x10, 0});
  REQUIRE(bench.iommu.probe_device(joins));
  CHECK(bench.iommu.group_of(joins) == bench.iommu.group_of(known));
  bench.iommu.release_device(joins);

  Device leads = device_with(0x10);
  leads.streams.push_back({0x30, 0});
  REQUIRE(bench.iommu.probe_device(leads));
  CHECK(bench.iommu.group_of(leads) != bench.iommu.group_of(known));
  CHECK(leads.domain != known.domain);
  bench.iommu.release_device(leads);
  bench.iommu.release_device(known);
  CHECK(bench.host.smmu.context_banks_used() == 0);
  CHECK(bench.host.smmu.stream_match_groups_used() == 0);
}

TEST_CASE("an entry that comes free is of no group any more") {
  Bench bench;
  Device keeps = device_with(0x10);
  Device both = device_with(0x10);
  both.streams.push_back({0x20, 0});
  std::swap(both.streams[0], both.streams[1]);
  REQUIRE(bench.iommu.probe_device(keeps));
  REQUIRE(bench.iommu.probe_device(both));
  bench.iommu.release_device(both);
  Device stranger = device_with(0x77);  // takes the entry that 0x20 had
  REQUIRE(bench.iommu.probe_device(stranger));
  CHECK(bench.iommu.group_of(stranger) != bench.iommu.group_of(keeps));
}

TEST_CASE("the first device's reserved regions are kept, a second one's are not") {
  Bench bench;
  Device first = device_with(0x10);
  first.reserved_regions = {{.start = 16 * MiB, .length = MiB},
                            {.start = 0x800'0000, .length = MiB, .type = ReservedRegion::Type::SwMsi}};
  Device second = device_with(0x10);
  second.reserved_regions = {{.start = 64 * MiB, .length = MiB}};
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  CHECK(reserved(first, 16 * MiB));
  CHECK(reserved(first, 17 * MiB - 1));
  CHECK_FALSE(reserved(first, 17 * MiB));
  CHECK_FALSE(reserved(first, 0x800'0000));
  CHECK_FALSE(reserved(second, 64 * MiB));
  CHECK(second.iommu_dma);

  bench.iommu.release_device(first);
  bench.iommu.release_device(second);
  REQUIRE(bench.iommu.probe_device(second));
  CHECK(reserved(second, 64 * MiB));
  CHECK_FALSE(reserved(second, 16 * MiB));
}

TEST_CASE("direct regions are mapped to themselves, and reserved") {
  Bench bench;
  Device device = device_with(0x10);
  device.reserved_regions = {{.start = 0x8800'0000,
                              .length = MiB,
                              .type = ReservedRegion::Type::Direct,
                              .prot = {.read = true, .write = true}}};
  REQUIRE(bench.iommu.probe_device(device));
  CHECK(bench.passes(0x10, 0x8800'0000));
  CHECK(bench.passes(0x10, 0x880f'ff00));
  CHECK_FALSE(bench.passes(0x10, 0x8810'0000));
  CHECK(reserved(device, 0x8800'0000));
}

TEST_CASE("dma-ranges bounds the domain from below up to Linux 6.9") {
  for (const KernelVersion version : {KernelVersion{6, 9}, KernelVersion{6, 10}}) {
    CAPTURE(version.minor);
    Bench bench({.version = version});
    Device device = device_with(0x10);
    device.dma_base = 600 * MiB;
    REQUIRE(bench.iommu.probe_device(device));
    CHECK(device.domain->iovas().start_pfn() == (version.minor == 9 ? 600 * MiB >> 12 : 1));
  }
}

TEST_CASE("addresses that do not suit the group's domain leave a device with direct DMA behind it") {
  Bench bench;
  Device first = device_with(0x10);
  Device second = device_with(0x10);
  second.dma_base = 600 * MiB;
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  CHECK(first.iommu_dma);
  CHECK_FALSE(second.iommu_dma);
  CHECK(second.domain == first.domain);
  REQUIRE(bench.host.lines.size() == 4);
  CHECK_THAT(bench.host.lines[1], Catch::EndsWith("platform video: Adding to iommu group 0"));
  CHECK_THAT(bench.host.lines[2], Catch::EndsWith("Incompatible range for DMA domain"));
  CHECK_THAT(bench.host.lines[3],
             Catch::EndsWith("Failed to set up IOMMU for device video; retaining platform DMA ops"));
}

TEST_CASE("an identity domain lets transactions through, without a context bank") {
  Bench bench({.default_domain = DomainType::Identity});
  Device device = device_with(0x10);
  CHECK_FALSE(bench.passes(0x10, 0x8000'0000));
  REQUIRE(bench.iommu.probe_device(device));
  CHECK(device.domain->type() == DomainType::Identity);
  CHECK_FALSE(device.domain->bank());
  CHECK_FALSE(device.iommu_dma);
  CHECK(bench.host.smmu.context_banks_used() == 0);
  CHECK(bench.passes(0x10, 0x8000'0000));
  bench.iommu.release_device(device);
  CHECK_FALSE(bench.passes(0x10, 0x8000'0000));
}

TEST_CASE("a blocked domain lets nothing through") {
  Bench bench({.default_domain = DomainType::Blocked});
  Device device = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(device));
  CHECK_FALSE(device.domain->bank());
  CHECK_FALSE(bench.passes(0x10, 0x8000'0000));
}

TEST_CASE("a lazy default domain has a flush queue") {
  Bench bench({.default_domain = DomainType::DmaFq});
  Device device = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(device));
  CHECK(device.domain->type() == DomainType::DmaFq);
  CHECK(device.iommu_dma);
  CHECK(device.domain->cookie().flush_queue != nullptr);
}

TEST_CASE("a driver's own domain takes the default one's place, which keeps its bank") {
  Bench bench;
  Device device = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(device));
  DmaDomain* const usual = device.domain;
  Result<std::unique_ptr<DmaDomain>> own = bench.iommu.attach_unmanaged(device);
  REQUIRE(own);
  CHECK((*own)->type() == DomainType::Unmanaged);
  CHECK(device.domain == own->get());
  CHECK(bench.host.smmu.context_banks_used() == 2);
  REQUIRE((*own)->map(0x8000'0000, 0x8000'0000, 0x1000, {.read = true}));
  CHECK(bench.passes(0x10, 0x8000'0000));

  const Result<std::unique_ptr<DmaDomain>> again = bench.iommu.attach_unmanaged(device);
  REQUIRE_FALSE(again);
  CHECK(again.error() == Errno::EBUSY_);

  bench.iommu.detach_unmanaged(device, std::move(*own));
  CHECK(device.domain == usual);
  CHECK(bench.host.smmu.context_banks_used() == 1);
  CHECK_FALSE(bench.passes(0x10, 0x8000'0000));
}

TEST_CASE("a driver's own domain needs a group of one device") {
  Bench bench;
  Device first = device_with(0x10);
  const Result<std::unique_ptr<DmaDomain>> unprobed = bench.iommu.attach_unmanaged(first);
  REQUIRE_FALSE(unprobed);
  CHECK(unprobed.error() == Errno::ENODEV_);
  Device second = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(first));
  REQUIRE(bench.iommu.probe_device(second));
  const Result<std::unique_ptr<DmaDomain>> shared = bench.iommu.attach_unmanaged(first);
  REQUIRE_FALSE(shared);
  CHECK(shared.error() == Errno::EINVAL_);
  CHECK(bench.host.smmu.context_banks_used() == 1);
}

TEST_CASE("addresses are chosen by the strategy asked for") {
  Bench bench({.strategy = IovaStrategy::FirstFitUnaligned});
  Device device = device_with(0x10);
  REQUIRE(bench.iommu.probe_device(device));
  IovaDomain& iovas = device.domain->iovas();
  CHECK(iovas.alloc_iova_fast(3, 0xff, true) == 0xfd);
  CHECK(iovas.alloc_iova_fast(4, 0xff, true) == 0xf9);  // aligned to a page, not to its size
}
