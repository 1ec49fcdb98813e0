// SPDX-License-Identifier: Apache-2.0
//
// Each corner of the proposed call, in what it returns and in what is handed out afterwards, beside what the
// hardened form makes of the same call.

#include "iommu/linux/dma_reservation.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_mask.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::PlainMachine;
using sidewinder::test::SmmuHost;

namespace {

constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t MiB = 0x10'0000;
constexpr std::uint64_t aperture = std::uint64_t{1} << 36;
constexpr std::uint64_t highest = ~std::uint64_t{0};
constexpr DmaAddr reserved_end = 0x2580'0000;

using Reserve = Status (*)(Device&, DmaAddr, std::uint64_t);
constexpr Reserve proposed = set_resv_region;
constexpr Reserve hardened = set_resv_region_hardened;

/// One device in a domain of its own, limited to what the reservations below are about.
struct Setup {
  explicit Setup(DomainType type = DomainType::Dma)
      : machine(test::small_machine()), host(machine, machine.config()), dma(host.pages) {
    REQUIRE(host.smmu.probe());
    renew_domain(type);
    if (is_dma_domain(type)) limit(reserved_end - 1);
  }

  void renew_domain(DomainType type = DomainType::Dma) {
    domain.reset();
    Result<std::unique_ptr<DmaDomain>> created = DmaDomain::create(host.smmu, host.pages, type);
    REQUIRE(created);
    domain = std::move(*created);
    REQUIRE(domain->attach(device));
  }

  IovaDomain& iovas() { return domain->iovas(); }
  void limit(std::uint64_t mask) { REQUIRE(set_dma_mask_and_coherent(device, mask, {})); }
  DmaBuffer alloc(std::uint64_t size) {
    Result<DmaBuffer> buffer = dma.alloc(device, size);
    REQUIRE(buffer);
    return *buffer;
  }
  bool fits(std::uint64_t size) { return dma.alloc(device, size).has_value(); }
  Status reserve(Reserve call, DmaAddr start, std::uint64_t length) { return call(device, start, length); }
  Errno error(Reserve call, DmaAddr start, std::uint64_t length) {
    const Status status = call(device, start, length);
    REQUIRE_FALSE(status);
    return status.error();
  }

  /// An allocation that follows a null pointer: every call to the IOVA domain fails from then on.
  void oops() {
    iovas().free_iova(highest);
    REQUIRE_FALSE(iovas().alloc_iova(1, 0xf'ffff, true));
    REQUIRE(iovas().fatal() != IovaFatal::None);
  }

  PlainMachine machine;
  SmmuHost host;
  DmaApi dma;
  Device device{.name = "video", .streams = {{0x10, 0}}};
  std::unique_ptr<DmaDomain> domain;
};

using Ranges = std::vector<IovaRange>;

}  // namespace

TEST_CASE("either call keeps a range from being handed out, whatever the size") {
  Setup setup;
  const Reserve call = GENERATE(proposed, hardened);
  constexpr std::uint64_t limit = 16 * MiB;
  constexpr std::uint64_t reserved = 6 * MiB;
  setup.limit(limit - 1);
  REQUIRE(setup.reserve(call, 0, reserved));
  std::uint64_t bytes = 0;
  for (const std::uint64_t size : {MiB, 40 * page, page}) {
    while (const Result<DmaBuffer> buffer = setup.dma.alloc(setup.device, size)) {
      REQUIRE(buffer->iova >= reserved);
      bytes += buffer->size;
    }
  }
  CHECK(bytes == limit - reserved);
}

TEST_CASE("a reservation in the middle splits what is left, and one up to the mask leaves nothing") {
  Setup setup;
  const Reserve call = GENERATE(proposed, hardened);
  setup.limit(8 * page - 1);
  REQUIRE(setup.reserve(call, 3 * page, 2 * page));
  for (const unsigned left : {7U, 6U, 5U, 2U, 1U}) CHECK(setup.alloc(page).iova == left * page);
  CHECK_FALSE(setup.fits(page));

  setup.renew_domain();
  REQUIRE(setup.reserve(call, 0, 8 * page));
  CHECK_FALSE(setup.fits(page));
}

TEST_CASE("either call rounds outward to pages") {
  Setup setup;
  const Reserve call = GENERATE(proposed, hardened);
  setup.limit(4 * page - 1);
  REQUIRE(setup.reserve(call, 2 * page - 1, 2));
  CHECK(setup.iovas().ranges() == Ranges{{1, 2, IovaKind::Reserved}});
  CHECK(setup.alloc(page).iova == 3 * page);
  CHECK_FALSE(setup.fits(page));
}

TEST_CASE("neither call is for a device without a domain of the DMA API, whatever else is wrong") {
  Setup setup(DomainType::Unmanaged);
  const Reserve call = GENERATE(proposed, hardened);
  CHECK(setup.error(call, 0, page) == Errno::ENODEV_);
  CHECK(setup.error(call, 0, 0) == Errno::ENODEV_);
  CHECK(setup.iovas().ranges().empty());
  setup.oops();
  CHECK(setup.error(call, 0, page) == Errno::ENODEV_);
  setup.device.domain = nullptr;
  CHECK(setup.error(call, 0, page) == Errno::ENODEV_);
  CHECK(setup.error(call, 0, 0) == Errno::ENODEV_);
}

TEST_CASE(
    "a domain that takes nothing any more is out of memory, and the hardened call looks at its arguments "
    "first") {
  Setup setup;
  setup.oops();
  CHECK(setup.error(proposed, 0, page) == Errno::ENOMEM_);
  CHECK(setup.error(proposed, 0, 0) == Errno::ENOMEM_);
  CHECK(setup.error(hardened, 0, page) == Errno::ENOMEM_);
  CHECK(setup.error(hardened, 0, 0) == Errno::EINVAL_);
  CHECK(setup.error(hardened, page, highest) == Errno::EINVAL_);
  CHECK(setup.error(hardened, 0, aperture + 1) == Errno::EINVAL_);
}

TEST_CASE("no bytes at 0: reserves everything but what the caches hold, hardened, it is refused") {
  Setup setup;
  setup.dma.free(setup.device, setup.alloc(4 * page));
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, 0, 0));
    CHECK(setup.iovas().ranges() ==
          Ranges{{0, 0x257ff, IovaKind::Merged}, {0x25800, 0xf'ffff'ffff'ffff, IovaKind::Reserved}});
    CHECK_FALSE(setup.iovas().alloc_iova(1, 0xf'ffff, true));
    CHECK_FALSE(setup.iovas().alloc_iova(1, 0xff'ffff, true));
    CHECK(setup.iovas().alloc_iova_fast(4, 0xf'ffff, false) == (reserved_end >> 12) - 4);
    CHECK_FALSE(setup.iovas().alloc_iova_fast(4, 0xf'ffff, false));
  }
  SECTION("hardened") {
    const Ranges before = setup.iovas().ranges();
    CHECK(setup.error(hardened, 0, 0) == Errno::EINVAL_);
    CHECK(setup.iovas().ranges() == before);
    CHECK(setup.alloc(64 * page).iova == reserved_end - 128 * page);
  }
}

TEST_CASE(
    "no bytes at a page: nothing is reserved, yet no block straddles the place, hardened, it is refused") {
  Setup setup;
  constexpr DmaAddr place = 0x10'0000;
  setup.limit(place + 0x1'0000 - 1);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, place, 0));
    CHECK(setup.iovas().ranges() == Ranges{{0x100, 0xff, IovaKind::Reserved}});
    CHECK(setup.iovas().alloc_iova(32, 0x10f, false)->pfn_lo == 0xe0);
    CHECK(setup.iovas().alloc_iova(1, 0x10f, false)->pfn_lo == 0xdf);
  }
  SECTION("proposed, and the place itself is free") {
    CHECK(setup.reserve(proposed, place, 0));
    CHECK(setup.alloc(page).iova == 0x10'f000);
    CHECK(setup.alloc(15 * page).iova == place - 0x1'0000);  // sixteen pages with the alignment
  }
  SECTION("hardened") {
    CHECK(setup.error(hardened, place, 0) == Errno::EINVAL_);
    CHECK(setup.iovas().ranges().empty());
    CHECK(setup.iovas().alloc_iova(32, 0x10f, false)->pfn_lo == 0xf0);
  }
}

TEST_CASE("no bytes within a page: the page is reserved, hardened, it is refused") {
  Setup setup;
  setup.limit(2 * page - 1);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, page + 0x800, 0));
    CHECK(setup.iovas().ranges() == Ranges{{1, 1, IovaKind::Reserved}});
    CHECK_FALSE(setup.fits(page));
  }
  SECTION("hardened") {
    CHECK(setup.error(hardened, page + 0x800, 0) == Errno::EINVAL_);
    CHECK(setup.alloc(page).iova == page);
  }
}

TEST_CASE("an end that overflows: the range is still handed out, hardened, it is refused") {
  Setup setup;
  constexpr DmaAddr start = aperture - MiB;
  constexpr std::uint64_t length = highest - start + 1 + 2 * MiB;  // ends at 2 MiB
  setup.limit(highest);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, start, length));
    CHECK(setup.iovas().ranges() == Ranges{{start >> 12, 0x1ff, IovaKind::Reserved}});
    CHECK(setup.alloc(64 * page).iova == aperture - 64 * page);
    setup.limit(2 * MiB - 1);
    CHECK(setup.alloc(page).iova == 2 * MiB - page);
  }
  SECTION("hardened") {
    CHECK(setup.error(hardened, start, length) == Errno::EINVAL_);
    CHECK(setup.error(hardened, page, highest) == Errno::EINVAL_);
    CHECK(setup.error(hardened, highest, 2) == Errno::EINVAL_);
    CHECK(setup.iovas().ranges().empty());
  }
}

TEST_CASE("beyond the addresses that the domain translates: recorded all the same, hardened, it is refused") {
  Setup setup;
  setup.limit(highest);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, aperture, page));
    CHECK(setup.reserve(proposed, highest, 1));
    CHECK(setup.iovas().ranges() == Ranges{{aperture >> 12, aperture >> 12, IovaKind::Reserved},
                                           {highest >> 12, highest >> 12, IovaKind::Reserved}});
    CHECK(setup.alloc(page).iova == aperture - page);
  }
  SECTION("hardened") {
    CHECK(setup.error(hardened, aperture, page) == Errno::EINVAL_);
    CHECK(setup.error(hardened, aperture - page, page + 1) == Errno::EINVAL_);
    CHECK(setup.error(hardened, highest, 1) == Errno::EINVAL_);
    CHECK(setup.error(hardened, 0, highest) == Errno::EINVAL_);
    CHECK(setup.iovas().ranges().empty());
    CHECK(setup.reserve(hardened, aperture - page, page));  // up to the last address
    CHECK(setup.alloc(page).iova == aperture - 2 * page);
    CHECK(setup.reserve(hardened, 0, aperture - 2 * page));
    CHECK_FALSE(setup.fits(page));
  }
}

TEST_CASE(
    "over a live mapping of more than 32 pages: freeing it ends the reservation, hardened, it is refused") {
  Setup setup;
  const DmaBuffer mapping = setup.alloc(64 * page);
  REQUIRE(mapping.iova == reserved_end - 64 * page);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, 0, reserved_end));
    CHECK(setup.iovas().ranges() == Ranges{{0, 0x257ff, IovaKind::Merged}});
    CHECK_FALSE(setup.fits(page));
    setup.dma.free(setup.device, mapping);
    CHECK(setup.iovas().ranges().empty());
    CHECK(setup.alloc(page).iova == reserved_end - page);
  }
  SECTION("hardened") {
    CHECK(setup.error(hardened, 0, reserved_end) == Errno::EBUSY_);
    CHECK(setup.iovas().ranges() == Ranges{{0x257c0, 0x257ff, IovaKind::Allocated}});
    const DmaBuffer second = setup.alloc(64 * page);
    CHECK(second.iova == mapping.iova - 64 * page);
    setup.dma.free(setup.device, mapping);
    CHECK(setup.error(hardened, 0, reserved_end) == Errno::EBUSY_);
    setup.dma.free(setup.device, second);
    CHECK(setup.reserve(hardened, 0, reserved_end));
    CHECK_FALSE(setup.fits(page));
  }
}

TEST_CASE(
    "over a live small buffer: freed, its address comes back, hardened, it is refused until the buffer is "
    "freed") {
  Setup setup;
  const DmaBuffer buffer = setup.alloc(page);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, 0, reserved_end));
    setup.dma.free(setup.device, buffer);
    CHECK(setup.alloc(page).iova == buffer.iova);
  }
  SECTION("hardened") {
    CHECK(setup.error(hardened, 0, reserved_end) == Errno::EBUSY_);
    setup.dma.free(setup.device, buffer);
    CHECK(setup.reserve(hardened, 0, reserved_end));
    CHECK_FALSE(setup.fits(page));
  }
}

TEST_CASE("hardened, one shared page is busy, and neighbours are not") {
  Setup setup;
  setup.limit(0x200 * page - 1);
  const DmaBuffer buffer = setup.alloc(64 * page);
  REQUIRE(buffer.iova == 0x1c0 * page);
  CHECK(setup.error(hardened, 0x100 * page, 0xc0 * page + 1) == Errno::EBUSY_);
  CHECK(setup.error(hardened, 0x200 * page - 1, 16 * page) == Errno::EBUSY_);
  CHECK(setup.error(hardened, 0x1d0 * page, page) == Errno::EBUSY_);
  CHECK(setup.reserve(hardened, 0x100 * page, 0xc0 * page));
  CHECK(setup.reserve(hardened, 0x200 * page, 16 * page));
  CHECK(setup.error(hardened, 0x100 * page, 0x100 * page) == Errno::EBUSY_);  // behind a reservation
}

TEST_CASE("small buffers before the call: come from within it until a flush ends it, hardened, they do not") {
  Setup setup;
  const DmaBuffer first = setup.alloc(page);
  const DmaBuffer second = setup.alloc(page);
  REQUIRE((first.iova == reserved_end - page && second.iova == reserved_end - 2 * page));
  setup.dma.free(setup.device, first);
  setup.dma.free(setup.device, second);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, 0, reserved_end));
    const DmaBuffer inside = setup.alloc(page);
    CHECK(inside.iova == second.iova);
    setup.dma.free(setup.device, inside);
    // Nothing fits below the mask, which empties the caches, and with them goes the reservation.
    CHECK(setup.alloc(64 * page).iova == reserved_end - 64 * page);
    CHECK(setup.iovas().ranges() == Ranges{{0x257c0, 0x257ff, IovaKind::Allocated}});
  }
  SECTION("hardened") {
    CHECK(setup.reserve(hardened, 0, reserved_end));
    CHECK(setup.iovas().rcache().size() == 0);
    for (const std::uint64_t size : {page, 64 * page, page, 2 * page}) CHECK_FALSE(setup.fits(size));
    CHECK(setup.iovas().ranges() == Ranges{{0, 0x257ff, IovaKind::Reserved}});
  }
}

TEST_CASE("hardened, a full depot of small buffers does not come back either") {
  Setup setup;
  std::vector<DmaBuffer> buffers;
  for (int count = 0; count < 600; ++count) buffers.push_back(setup.alloc(2 * page));
  for (const DmaBuffer& buffer : buffers) setup.dma.free(setup.device, buffer);
  REQUIRE(setup.iovas().rcache().depot_size(1) == 3);
  SECTION("proposed") {
    CHECK(setup.reserve(proposed, 0, reserved_end));
    for (int count = 0; count < 600; ++count) REQUIRE(setup.alloc(2 * page).iova < reserved_end);
  }
  SECTION("hardened") {
    CHECK(setup.reserve(hardened, 0, reserved_end));
    CHECK_FALSE(setup.fits(2 * page));
    CHECK(setup.iovas().warnings() == 0);
  }
}

TEST_CASE("hardened, what is reserved already is no error and stays as it is") {
  Setup setup;
  REQUIRE(setup.reserve(hardened, 0x100 * page, 0x100 * page));
  const Ranges before{{0x100, 0x1ff, IovaKind::Reserved}};
  CHECK(setup.reserve(hardened, 0x100 * page, 0x100 * page));
  CHECK(setup.reserve(hardened, 0x180 * page, page));
  CHECK(setup.reserve(hardened, 0x100 * page, 1));
  CHECK(setup.iovas().ranges() == before);

  CHECK(setup.reserve(hardened, 0x200 * page, 0x10 * page));  // adjacent
  CHECK(setup.reserve(hardened, 0x1f0 * page, 0x18 * page));  // within the two
  CHECK(setup.iovas().ranges() ==
        Ranges{{0x100, 0x1ff, IovaKind::Reserved}, {0x200, 0x20f, IovaKind::Reserved}});
  CHECK(setup.reserve(hardened, 0xff * page, 0x200 * page));  // around them
  for (Pfn pfn = 0xff; pfn <= 0x2fe; ++pfn) REQUIRE(setup.iovas().find_iova(pfn));
  setup.limit(0x2ff * page - 1);
  CHECK(setup.alloc(page).iova == 0xfe * page);
  CHECK(setup.iovas().warnings() == 0);
}

TEST_CASE("a reservation is the domain's: for all its devices, and gone with it") {
  Setup setup;
  const Reserve call = GENERATE(proposed, hardened);
  REQUIRE(setup.reserve(call, 0, reserved_end));
  Device other{.name = "other", .streams = {{0x11, 0}}};
  REQUIRE(setup.domain->attach(other));
  REQUIRE(set_dma_mask_and_coherent(other, reserved_end - 1, {}));
  CHECK_FALSE(setup.dma.alloc(other, page));

  setup.renew_domain();
  CHECK(setup.alloc(page).iova == reserved_end - page);
}

TEST_CASE(
    "hardened after proposed: what that merged with is busy while it lives, and reserved for good after") {
  Setup setup;
  SECTION("a live mapping") {
    const DmaBuffer mapping = setup.alloc(64 * page);
    REQUIRE(setup.reserve(proposed, 0, reserved_end));
    CHECK(setup.error(hardened, 0, page) == Errno::EBUSY_);
    setup.dma.free(setup.device, mapping);
    CHECK(setup.reserve(hardened, 0, reserved_end));
  }
  SECTION("a buffer in the caches") {
    setup.dma.free(setup.device, setup.alloc(page));
    REQUIRE(setup.reserve(proposed, 0, reserved_end));
    CHECK(setup.reserve(hardened, 0, reserved_end));
  }
  CHECK(setup.iovas().ranges() == Ranges{{0, 0x257ff, IovaKind::Reserved}});
  CHECK_FALSE(setup.fits(page));
}

TEST_CASE("hardened after no bytes were reserved: straddling the place it holds, at the place it says so") {
  Setup setup;
  REQUIRE(setup.reserve(proposed, 0x100 * page, 0));
  SECTION("straddling") {
    CHECK(setup.reserve(hardened, 0xf0 * page, 0x20 * page));
    CHECK(setup.iovas().ranges() ==
          Ranges{{0xf0, 0xff, IovaKind::Reserved}, {0x100, 0x10f, IovaKind::Reserved}});
    CHECK(setup.iovas().warnings() == 0);
  }
  SECTION("at the place") {
    CHECK(setup.error(hardened, 0x100 * page, 0x10 * page) == Errno::EEXIST_);
    CHECK_FALSE(setup.iovas().find_iova(0x108));
  }
  SECTION("at the place, as proposed: success, and nothing is reserved") {
    CHECK(setup.reserve(proposed, 0x100 * page, 0x10 * page));
    CHECK_FALSE(setup.iovas().find_iova(0x108));
  }
}

TEST_CASE(
    "hardened, random calls among allocations succeed exactly where nothing lives, and hold from then on") {
  struct Block {
    Pfn lo, hi;
    [[nodiscard]] bool overlaps(const Block& other) const { return lo <= other.hi && other.lo <= hi; }
  };
  Setup setup;
  std::mt19937_64 random(7);
  std::size_t refused = 0;
  std::size_t held = 0;
  for (int life = 0; life < 20; ++life) {
    setup.renew_domain();
    std::vector<Block> live;
    std::vector<Block> reserved;
    const auto hits = [](const std::vector<Block>& blocks, const Block& block) {
      return std::any_of(blocks.begin(), blocks.end(),
                         [&block](const Block& other) { return block.overlaps(other); });
    };
    for (int step = 0; step < 600; ++step) {
      if (random() % 40 == 0) {
        const DmaAddr start = random() % (0x1000 * page);
        const std::uint64_t length = 1 + random() % (40 * page);
        const Block wanted{start >> 12, (start + length - 1) >> 12};
        const Status status = setup.reserve(hardened, start, length);
        REQUIRE(status.has_value() != hits(live, wanted));
        if (status)
          reserved.push_back(wanted);
        else
          REQUIRE(status.error() == Errno::EBUSY_);
        ++(status ? held : refused);
      } else if (live.empty() || random() % 2 == 0) {
        const std::uint64_t pages = 1 + random() % 50;
        const std::optional<Pfn> pfn = setup.iovas().alloc_iova_fast(pages, 0xfff, true);
        if (!pfn) continue;
        const Block block{*pfn, *pfn + (pages < 32 ? std::bit_ceil(pages) : pages) - 1};
        REQUIRE_FALSE(hits(reserved, block));
        REQUIRE_FALSE(hits(live, block));
        live.push_back(block);
      } else {
        std::swap(live[random() % live.size()], live.back());
        setup.iovas().free_iova_fast(live.back().lo, live.back().hi - live.back().lo + 1);
        live.pop_back();
      }
    }
    CHECK(setup.iovas().warnings() == 0);
  }
  CHECK(refused > 20);
  CHECK(held > 100);
}
