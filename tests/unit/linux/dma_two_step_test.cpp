// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/dma_two_step.h"

#include "iommu/linux/flush_queue.h"
#include "iommu/linux/swiotlb.h"
#include "tests/unit/linux/dma_fixture.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::DmaFixture;
using sidewinder::test::memory_base;
using sidewinder::test::MiB;
using sidewinder::test::page;

namespace {

constexpr PhysAddr here = memory_base + 4 * MiB;
constexpr PhysAddr there = memory_base + 6 * MiB;
constexpr PhysAddr pool = memory_base + 8 * MiB;
constexpr DmaDirection both = DmaDirection::Bidirectional;
constexpr KernelVersion version{6, 16};

struct Setup : DmaFixture {
  explicit Setup(DomainType type = DomainType::Dma) : DmaFixture(type) {
    device.dma_coherent = true;  // no walk over what is unlinked
    REQUIRE(init_domain(*domain, device, {.version = version}));
  }
  [[nodiscard]] std::uint64_t warnings() { return domain->cookie().warnings; }
  [[nodiscard]] std::optional<PhysAddr> phys(DmaAddr iova) { return domain->iova_to_phys(iova); }
  DmaIovaState alloc(std::uint64_t size, PhysAddr like = 0) {
    DmaIovaState state;
    REQUIRE(dma_iova_try_alloc(device, state, like, size));
    return state;
  }
};

/// An untrusted device whose driver asked for page offsets to be kept.
struct Untrusted : Setup {
  Untrusted() : swiotlb(bus, {pool, 0x4'0000}, 1, version) {
    device.pci.emplace().untrusted = true;
    device.swiotlb = &swiotlb;
    device.dma_parameters.min_align_mask = 0xfff;
    fill(here - page, 6 * page, 0x11);
    fill(pool, 0x4'0000, 0x77);
  }
  void fill(PhysAddr begin, std::uint64_t size, unsigned value) {
    const std::vector<std::byte> bytes(size, static_cast<std::byte>(value));
    REQUIRE(machine.write(begin, bytes, Security::NonSecure));
  }
  unsigned byte(PhysAddr address) {
    std::byte value{};
    REQUIRE(machine.read(address, {&value, 1}, Security::NonSecure));
    return std::to_integer<unsigned>(value);
  }
  unsigned seen(DmaAddr iova) { return byte(access(iova).output); }
  Swiotlb swiotlb;
};

bool fails(const Status& status, Errno error) {
  return !status && status.error() == error;
}

}  // namespace

TEST_CASE("addresses first: as many as the memory's offset makes necessary, nothing mapped") {
  Setup setup;
  const DmaIovaState state = setup.alloc(2 * page, here + 0x123);
  CHECK(state.address == 0xffff'c123);  // three pages, on a multiple of four
  CHECK(state.size == 2 * page);
  CHECK_FALSE(state.use_swiotlb);
  CHECK_FALSE(setup.phys(0xffff'c000));
  CHECK(setup.alloc(page).address == 0xffff'b000);
}

TEST_CASE("addresses that cannot be had") {
  Setup setup;
  DmaIovaState state{.address = 1, .size = 2, .use_swiotlb = true};
  CHECK_FALSE(dma_iova_try_alloc(setup.device, state, 0, 0));
  CHECK(state.address == 0);
  CHECK(state.size == 0);
  CHECK_FALSE(state.use_swiotlb);
  CHECK(setup.warnings() == 1);
  CHECK_FALSE(dma_iova_try_alloc(setup.device, state, 0, std::uint64_t{1} << 63));
  CHECK(setup.warnings() == 2);
  setup.device.dma_mask = 0xfff;
  CHECK_FALSE(dma_iova_try_alloc(setup.device, state, 0, page));
  CHECK(setup.warnings() == 2);
  DmaFixture unmanaged(DomainType::Unmanaged);
  CHECK_FALSE(dma_iova_try_alloc(unmanaged.device, state, 0, page));
  unmanaged.device.domain = nullptr;
  CHECK_FALSE(dma_iova_try_alloc(unmanaged.device, state, 0, page));
}

TEST_CASE("pieces are linked one behind the other, and unlinked one by one") {
  Setup setup;
  DmaIovaState state = setup.alloc(3 * page, here + 0x800);
  REQUIRE(dma_iova_link(setup.device, state, here + 0x800, 0, 0x800, DmaDirection::ToDevice));
  REQUIRE(dma_iova_link(setup.device, state, there, 0x800, 2 * page, both));
  REQUIRE(dma_iova_sync(setup.device, state, 0, 0x2800));
  CHECK(setup.access(state.address).output == here + 0x800);
  CHECK(setup.access(state.address, true).fault->kind == arch::FaultKind::Permission);
  setup.machine.delay_ns(0);
  CHECK(setup.access(state.address + 0x800, true).output == there);
  CHECK(setup.access(state.address + 0x27ff).output == there + 0x1fff);
  CHECK(setup.access(state.address).attributes == 0xff);

  dma_iova_unlink(setup.device, state, 0x800, page, both);
  CHECK_FALSE(setup.phys(state.address + 0x800));
  CHECK(setup.phys(state.address + 0x1800) == there + page);
  dma_iova_unlink(setup.device, state, 0x1800, page, both);
  dma_iova_unlink(setup.device, state, 0, 0x800, both);
  CHECK_FALSE(setup.phys(state.address));
  CHECK(setup.warnings() == 0);
  dma_iova_free(setup.device, state);
  CHECK(setup.alloc(4 * page).address == state.address - 0x800);
}

TEST_CASE("what is unlinked keeps its addresses") {
  Setup setup;
  DmaIovaState state = setup.alloc(page);
  REQUIRE(dma_iova_link(setup.device, state, here, 0, page, both));
  dma_iova_unlink(setup.device, state, 0, page, both);
  CHECK(setup.alloc(page).address == state.address - page);
  CHECK(dma_iova_link(setup.device, state, there, 0, page, both));
}

TEST_CASE("only the first piece may begin inside a granule") {
  Setup setup;
  DmaIovaState state = setup.alloc(2 * page);
  CHECK(fails(dma_iova_link(setup.device, state, here + 8, page, 8, both), Errno::EIO_));
  CHECK(setup.warnings() == 1);
  CHECK(dma_iova_link(setup.device, state, here + page, page, 8, both));  // its end may
}

TEST_CASE("a piece whose offset is not the addresses' is refused by the IOMMU") {
  Setup setup;
  DmaIovaState state = setup.alloc(2 * page);
  CHECK(fails(dma_iova_link(setup.device, state, here + 0x800, 0, 0x800, both), Errno::EINVAL_));
  CHECK(fails(dma_iova_link(setup.device, state, here, 0x800, page, both), Errno::EINVAL_));
}

TEST_CASE("linking twice, or out of reach, fails") {
  Setup setup;
  DmaIovaState state = setup.alloc(2 * page);
  REQUIRE(dma_iova_link(setup.device, state, here, 0, page, both));
  CHECK(fails(dma_iova_link(setup.device, state, there, 0, page, both), Errno::EEXIST_));
  CHECK(fails(dma_iova_link(setup.device, state, PhysAddr{1} << 36, page, page, both), Errno::ERANGE_));
  CHECK(setup.phys(state.address) == here);
}

TEST_CASE("destroying unlinks and frees, or only frees where nothing is linked") {
  Setup setup;
  DmaIovaState state = setup.alloc(2 * page, here + 0x10);
  REQUIRE(dma_iova_link(setup.device, state, here + 0x10, 0, 2 * page, both));
  dma_iova_destroy(setup.device, state, 2 * page, both);
  CHECK_FALSE(setup.phys(state.address));
  const DmaIovaState again = setup.alloc(4 * page);
  CHECK(again.address == state.address - 0x10);
  dma_iova_destroy(setup.device, again, 0, both);
  CHECK(setup.alloc(4 * page).address == again.address);
  CHECK(setup.warnings() == 0);
}

TEST_CASE("as in Linux, destroying a part caches the addresses as if they were that few") {
  Setup setup;
  DmaIovaState state = setup.alloc(8 * page);
  REQUIRE(dma_iova_link(setup.device, state, here, 0, page, both));
  dma_iova_destroy(setup.device, state, page, both);
  CHECK(setup.alloc(8 * page).address == state.address - 8 * page);
  CHECK(setup.alloc(page).address == state.address);
}

TEST_CASE("in a lazy domain only destroying is lazy") {
  Setup setup(DomainType::DmaFq);
  const FlushQueue& queue = *setup.domain->cookie().flush_queue;
  DmaIovaState state = setup.alloc(2 * page);
  REQUIRE(dma_iova_link(setup.device, state, here, 0, 2 * page, both));
  REQUIRE(setup.access(state.address).output == here);
  REQUIRE(setup.access(state.address + page).output == here + page);
  dma_iova_unlink(setup.device, state, page, page, both);
  CHECK(setup.access(state.address + page).fault.has_value());
  setup.machine.delay_ns(0);
  CHECK(queue.pending() == 0);
  dma_iova_destroy(setup.device, state, page, both);
  CHECK(queue.pending() == 1);
  CHECK(setup.access(state.address).output == here);  // the TLB's
  setup.machine.delay_ns(10'000'000);
  CHECK(setup.access(state.address).fault.has_value());

  const DmaIovaState unused = setup.alloc(page);
  dma_iova_destroy(setup.device, unused, 0, both);
  CHECK(queue.pending() == 0);
}

TEST_CASE("unlinking what is not linked is warned of, for a device that is not coherent twice") {
  Setup setup;
  const DmaIovaState state = setup.alloc(2 * page);
  dma_iova_unlink(setup.device, state, 0, page, both);
  CHECK(setup.warnings() == 1);
  setup.device.dma_coherent = false;
  dma_iova_unlink(setup.device, state, 0, page, both);
  CHECK(setup.warnings() == 3);
  dma_iova_unlink(setup.device, state, 0, page, both, {.skip_cpu_sync = true});
  CHECK(setup.warnings() == 4);
}

TEST_CASE("for an untrusted device the granules at both ends are bounced, those between are not") {
  Untrusted setup;
  DmaIovaState state = setup.alloc(3 * page, here + 0x800);
  REQUIRE(dma_iova_link(setup.device, state, here + 0x800, 0, 3 * page, both));
  CHECK(state.use_swiotlb);
  CHECK(setup.swiotlb.used() == 4);
  CHECK(setup.seen(state.address - 0x800) == 0);  // not the neighbour's 0x11
  CHECK(setup.seen(state.address) == 0x11);
  CHECK(setup.access(state.address + 0x800).output == here + page);
  CHECK(setup.seen(state.address + 3 * page - 1) == 0x11);
  CHECK(setup.seen(state.address + 3 * page) == 0);

  setup.fill(setup.access(state.address).output, 1, 0x22);
  setup.fill(setup.access(state.address + 3 * page - 1).output, 1, 0x33);
  dma_iova_destroy(setup.device, state, 3 * page, both);
  CHECK(setup.byte(here + 0x800) == 0x22);
  CHECK(setup.byte(here + 0x37ff) == 0x33);
  CHECK(setup.byte(here + 0x3800) == 0x11);
  CHECK(setup.swiotlb.used() == 0);
  CHECK(setup.warnings() == 0);
}

TEST_CASE("a piece within one granule is bounced once") {
  Untrusted setup;
  DmaIovaState state = setup.alloc(0x100, here + 0x800);
  REQUIRE(dma_iova_link(setup.device, state, here + 0x800, 0, 0x100, DmaDirection::FromDevice));
  CHECK(setup.swiotlb.used() == 2);
  dma_iova_unlink(setup.device, state, 0, 0x100, DmaDirection::FromDevice);
  CHECK(setup.swiotlb.used() == 0);
  CHECK_FALSE(setup.phys(state.address));
}

TEST_CASE("an untrusted device's whole granules are linked where they are") {
  Untrusted setup;
  DmaIovaState state = setup.alloc(2 * page);
  REQUIRE(dma_iova_link(setup.device, state, here, 0, 2 * page, both));
  CHECK(setup.phys(state.address + page) == here + page);
  CHECK_FALSE(state.use_swiotlb);
}

TEST_CASE("without min_align_mask the first granule cannot be bounced, as its offset is lost") {
  Untrusted setup;
  setup.device.dma_parameters.min_align_mask = 0;
  DmaIovaState state = setup.alloc(page, here + 0x800);
  CHECK(fails(dma_iova_link(setup.device, state, here + 0x800, 0, page, both), Errno::EINVAL_));
  CHECK(setup.swiotlb.used() == 0);
  CHECK_FALSE(state.use_swiotlb);
}

TEST_CASE("where the end cannot be bounced, nothing stays linked") {
  Untrusted setup;
  const std::optional<PhysAddr> filler = setup.swiotlb.map(setup.device, here, 0x3'f000, page, 0);
  REQUIRE(filler);
  DmaIovaState state = setup.alloc(2 * page, here + 0x800);
  CHECK(fails(dma_iova_link(setup.device, state, here + 0x800, 0, 2 * page, both), Errno::ENOMEM_));
  CHECK(setup.swiotlb.used() == 126);
  for (DmaAddr iova = state.address - 0x800; iova < state.address + 3 * page; iova += page)
    CHECK_FALSE(setup.phys(iova));
  dma_iova_destroy(setup.device, state, 0, both);
  setup.swiotlb.unmap(setup.device, *filler, 0x3'f000, DmaDirection::ToDevice, {});
}

TEST_CASE("as in Linux, a later piece that fails unlinks from the beginning") {
  Untrusted setup;
  DmaIovaState state = setup.alloc(4 * page);
  REQUIRE(dma_iova_link(setup.device, state, here, 0, 2 * page, both));
  const std::optional<PhysAddr> filler = setup.swiotlb.map(setup.device, here, 0x4'0000, page, 0);
  REQUIRE(filler);
  CHECK(fails(dma_iova_link(setup.device, state, here, 2 * page, page + 8, both), Errno::ENOMEM_));
  CHECK_FALSE(setup.phys(state.address));               // another piece's
  CHECK(setup.phys(state.address + 2 * page) == here);  // its own
}
