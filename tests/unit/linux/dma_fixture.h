// SPDX-License-Identifier: Apache-2.0
//
// One device in a domain of its own, on a plain machine.

#ifndef SIDEWINDER_TESTS_UNIT_LINUX_DMA_FIXTURE_H
#define SIDEWINDER_TESTS_UNIT_LINUX_DMA_FIXTURE_H

#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_init.h"
#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

namespace sidewinder::test {

inline constexpr kernel::PhysAddr smmu_base = 0x1500'0000;
inline constexpr kernel::PhysAddr memory_base = 0x8000'0000;
inline constexpr std::uint64_t page = 0x1000;
inline constexpr std::uint64_t MiB = 0x10'0000;

struct DmaFixture {
  explicit DmaFixture(kernel::DomainType type = kernel::DomainType::Dma, std::uint64_t pages = 0x10000)
      : machine(with_memory(pages)), bus(machine), host(bus, machine.config()) {
    REQUIRE(host.smmu.probe());
    domain = create(type);
    REQUIRE(domain->attach(device));
  }

  static PlainMachineConfig with_memory(std::uint64_t pages) {
    PlainMachineConfig config = small_machine();
    config.memory.size = pages * page;
    return config;
  }

  std::unique_ptr<kernel::DmaDomain> create(kernel::DomainType type) {
    kernel::Result<std::unique_ptr<kernel::DmaDomain>> created =
        kernel::DmaDomain::create(host.smmu, host.pages, type);
    REQUIRE(created);
    return std::move(*created);
  }

  smmuv2::Translation access(std::uint64_t address, bool write = false, std::uint32_t stream = 0x10) {
    return machine.smmu().translate(0, {.address = address, .stream_id = stream, .write = write});
  }

  /// Allocated and reserved ranges of the domain, in pages, ascending.
  [[nodiscard]] std::vector<std::pair<kernel::Pfn, kernel::Pfn>> ranges() const {
    std::vector<std::pair<kernel::Pfn, kernel::Pfn>> all;
    for (const kernel::IovaRange& range : domain->iovas().ranges())
      all.emplace_back(range.pfn_lo, range.pfn_hi);
    return all;
  }

  PlainMachine machine;
  RecordingBus bus;
  SmmuHost host;
  kernel::Device device{.name = "video", .streams = {{0x10, 0}}};
  std::unique_ptr<kernel::DmaDomain> domain;
};

}  // namespace sidewinder::test

#endif
