// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_direct.h"

#include <catch2/catch.hpp>

#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using test::DmaFixture;
using test::memory_base;
using test::MiB;
using test::page;

namespace {

Errno error_of(DmaFixture& setup, const Device& device, std::uint64_t size) {
  const Result<DmaBuffer> buffer = direct_alloc(setup.host.pages, device, size);
  REQUIRE_FALSE(buffer);
  return buffer.error();
}

}  // namespace

TEST_CASE("direct DMA is for devices without a domain, bypassed, or that dma-iommu could not set up") {
  DmaFixture setup;
  CHECK_FALSE(uses_direct_dma(setup.device));
  setup.device.iommu_dma = false;
  CHECK(uses_direct_dma(setup.device));
  CHECK(uses_direct_dma(Device{}));
  const auto attached_to = [&](DomainType type) {
    const auto domain = setup.create(type);
    Device device;
    device.streams = {{0x20, 0}};
    REQUIRE(domain->attach(device));
    return uses_direct_dma(device);
  };
  CHECK(attached_to(DomainType::Identity));
  CHECK_FALSE(attached_to(DomainType::Unmanaged));
  CHECK_FALSE(attached_to(DomainType::Blocked));
  CHECK_FALSE(attached_to(DomainType::DmaFq));
}

TEST_CASE("a direct buffer's address is the physical one, in one piece of 2^n zeroed pages") {
  DmaFixture setup;
  DmaApi dma(setup.host.pages);
  Device device;
  const std::uint64_t before = setup.host.pages.pages_in_use();
  const Result<DmaBuffer> buffer = dma.alloc(device, 5 * page);
  REQUIRE(buffer);
  CHECK(buffer->direct);
  CHECK(buffer->size == 5 * page);
  CHECK(buffer->iova % (8 * page) == 0);
  for (std::uint64_t offset = 0; offset < buffer->size; offset += 8) {
    REQUIRE(phys_of(*buffer, offset) == buffer->iova + offset);
    REQUIRE(setup.machine.word(buffer->iova + offset) == 0);
  }
  CHECK(setup.host.pages.pages_in_use() == before + 8);
  dma.free(device, *buffer);
  CHECK(setup.host.pages.pages_in_use() == before);
}

TEST_CASE("there is no direct buffer above the buddy allocator's largest order") {
  DmaFixture setup;
  const Device device;
  CHECK(direct_alloc(setup.host.pages, device, 4 * MiB));
  CHECK(error_of(setup, device, 4 * MiB + 1) == Errno::ENOMEM_);
  CHECK(error_of(setup, device, ~std::uint64_t{0} - 0xfff) == Errno::ENOMEM_);
}

TEST_CASE("a direct buffer must lie within the coherent mask and what the bus lets through") {
  DmaFixture setup;
  const std::uint64_t before = setup.host.pages.pages_in_use();
  Device device;
  device.coherent_dma_mask = memory_base - 1;
  CHECK(error_of(setup, device, page) == Errno::ENOMEM_);
  device.coherent_dma_mask = 0xffff'ffff;
  device.bus_dma_limit = memory_base - 1;
  CHECK(error_of(setup, device, page) == Errno::ENOMEM_);
  CHECK(setup.host.pages.pages_in_use() == before);
  device.bus_dma_limit = memory_base + 256 * MiB;
  CHECK(direct_alloc(setup.host.pages, device, page));
}

TEST_CASE("dma-ranges say what address a direct buffer has, and whether it has one") {
  DmaFixture setup;
  Device device;
  device.dma_range_map = {{.cpu_start = memory_base + 64 * MiB, .dma_start = 0, .size = MiB},
                          {.cpu_start = memory_base, .dma_start = 0x1000'0000, .size = MiB}};
  const Result<DmaBuffer> buffer = direct_alloc(setup.host.pages, device, page);
  REQUIRE(buffer);
  CHECK(buffer->iova == phys_of(*buffer, 0) - memory_base + 0x1000'0000);
  device.dma_range_map.pop_back();  // what is left does not reach the lowest pages
  CHECK(error_of(setup, device, page) == Errno::ENOMEM_);
}
