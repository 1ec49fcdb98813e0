// SPDX-License-Identifier: Apache-2.0
//
// That software meets hardware only as on a board. The driver, the page tables and the DMA API run on a bus
// that records; what it recorded, replayed as writes onto another machine, makes another SMMU translate
// alike. That there is no way around the bus is the include rule: nothing under iommu/linux may see a model.

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "iommu/linux/dma_domain.h"
#include "iommu/linux/dma_reservation.h"
#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::BusAccess;
using sidewinder::test::PlainMachine;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;
using smmuv2::Translation;

namespace {

constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t MiB = 0x10'0000;
constexpr std::uint32_t non_pixel = 0x1940, pixel = 0x1943, pixel_masked = 0x1947, firmware = 0x1a22,
                        unattached = 0x1f00, unknown = 0x1234;
constexpr std::uint32_t streams[] = {non_pixel, pixel, pixel_masked, firmware, unattached, unknown};

test::PlainMachineConfig config() {
  test::PlainMachineConfig config = test::small_machine();
  config.memory.size = 64 * MiB;
  return config;
}

/// Which words of memory were written through the bus.
class WrittenWords {
 public:
  explicit WrittenWords(const RecordingBus& bus) : bus_(&bus), written_(config().memory.size / 8) {}

  [[nodiscard]] bool contains(PhysAddr address) {
    const PhysRange memory = config().memory;
    for (; seen_ < bus_->accesses.size(); ++seen_) {
      const BusAccess& access = bus_->accesses[seen_];
      if (!access.is_write() || access.address < memory.base) continue;
      const std::uint64_t first = (access.address - memory.base) / 8;
      for (std::uint64_t word = 0; word < access.data.size() / 8; ++word) written_[first + word] = true;
    }
    const std::uint64_t word = (address - memory.base) / 8;
    return address % 8 == 0 && address >= memory.base && word < written_.size() && written_[word];
  }

 private:
  const RecordingBus* bus_;
  std::size_t seen_ = 0;
  std::vector<bool> written_;
};

/// A machine under the recorded driver, which has mapped, freed, split and been interrupted.
struct Driven {
  Driven() : machine(config()), bus(machine), written(bus), host(bus, machine.config()), dma(host.pages) {
    machine.on_walk_read = [this](std::uint64_t address) {
      ++walk_reads;
      if (!written.contains(address)) ++unwritten_reads;
    };
    REQUIRE(host.smmu.probe());
    for (const DomainType type : {DomainType::Dma, DomainType::Dma, DomainType::Unmanaged})
      domains.push_back(create(type));
    attach(devices[0], 0);
    attach(devices[1], 1);
    attach(devices[2], 1);
    attach(devices[3], 2);
    const StreamSpecifier left_faulting{unattached, 0};
    REQUIRE(host.smmu.alloc_smes(std::span(&left_faulting, 1)));
    REQUIRE(set_resv_region(devices[0], 0, 600 * MiB));
    REQUIRE(dma.map_at(devices[3], 0, 3 * MiB));
    REQUIRE(dma.map_at(devices[3], 0xf0'0000, 5 * page));
    run();
  }

  std::unique_ptr<DmaDomain> create(DomainType type) {
    Result<std::unique_ptr<DmaDomain>> domain = DmaDomain::create(host.smmu, host.pages, type);
    REQUIRE(domain);
    return std::move(*domain);
  }

  void attach(Device& device, std::size_t domain) { REQUIRE(domains[domain]->attach(device)); }

  void run() {
    std::mt19937_64 random(2024);
    std::vector<std::pair<std::size_t, DmaBuffer>> live;
    for (int step = 0; step < 300; ++step) {
      const std::size_t who = random() % 3;
      const std::uint64_t size = random() % 4 == 0 ? 2 * MiB + random() % MiB : 1 + random() % (40 * page);
      if (live.size() < 12 || random() % 2 == 0) {
        if (const Result<DmaBuffer> buffer = dma.alloc(devices[who], size)) {
          live.emplace_back(who, *buffer);
          ranges.push_back({buffer->iova, buffer->size});
        }
      } else {
        const std::size_t victim = random() % live.size();
        dma.free(devices[live[victim].first], live[victim].second);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(victim));
      }
      // A client that uses what is mapped, so that the TLBs hold it when it goes, and strays now and then.
      for (int access = 0; access < 20; ++access) {
        const PhysRange& range = ranges[random() % ranges.size()];
        static_cast<void>(machine.smmu().translate(
            0, {.address = range.base + random() % (range.size + page), .stream_id = streams[random() % 6]}));
      }
      machine.delay_ns(1'000'000);
    }
    // Pages out of blocks, which splits them.
    for (const std::pair<std::size_t, DmaBuffer>& held : live)
      if (held.second.size > 2 * MiB)
        REQUIRE(domains[held.first == 0 ? 0 : 1]->unmap(held.second.iova + 5 * page, 3 * page) == 3 * page);
    ranges.push_back({0, 3 * MiB});
    ranges.push_back({0xf0'0000, 5 * page});
    ranges.push_back({0xf'ffff'f000, page});
    ranges.push_back({0x10'0000'0000, page});
  }

  PlainMachine machine;
  RecordingBus bus;
  WrittenWords written;
  SmmuHost host;
  DmaApi dma;
  Device devices[4] = {{.name = "non-pixel", .streams = {{non_pixel, 0}}, .dma_mask = 0xdabf'ffff},
                       {.name = "pixel", .streams = {{pixel, 0x4}}, .dma_coherent = true},
                       {.name = "pixel again", .streams = {{pixel_masked, 0}}},
                       {.name = "firmware", .streams = {{firmware, 0}}}};
  std::vector<std::unique_ptr<DmaDomain>> domains;
  std::vector<PhysRange> ranges;  ///< of I/O virtual addresses that were mapped once
  std::uint64_t walk_reads = 0;
  std::uint64_t unwritten_reads = 0;
};

/// Makes faults forgotten, past the driver.
void clear_faults(smmuv2::Smmu& smmu) {
  constexpr std::uint32_t all = 0xffff'ffff;
  smmu.write(0x048, all, 4);  // sGFSR
  for (std::uint64_t bank = 0; bank < smmu.config().context_banks; ++bank)
    smmu.write(smmuv2::frame_size(smmu.config()) / 2 + bank * page + 0x58, all, 4);  // FSR
}

bool alike(const Translation& left, const Translation& right) {
  if (left.action != right.action || left.bank != right.bank) return false;
  if (left.fault.has_value() != right.fault.has_value()) return false;
  if (left.fault) return left.fault->kind == right.fault->kind && left.fault->level == right.fault->level;
  return left.output == right.output && left.same_page_shift == right.same_page_shift &&
         left.attributes == right.attributes && left.shareability == right.shareability;
}

struct Comparison {
  std::uint64_t alike = 0;
  std::uint64_t different = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t context_faults = 0;
  std::uint64_t global_faults = 0;
};

/// Every page that was ever mapped and the pages beside it, as each stream, read and written.
Comparison compare(smmuv2::Smmu& left, smmuv2::Smmu& right, const std::vector<PhysRange>& ranges) {
  Comparison result;
  clear_faults(left);
  clear_faults(right);
  for (const PhysRange& range : ranges) {
    const std::uint64_t first = range.base < page ? 0 : range.base - page;
    for (std::uint64_t address = first; address < range.base + range.size + page; address += page) {
      for (const std::uint32_t stream : streams) {
        const arch::Access access{
            .address = address + stream % page, .stream_id = stream, .write = address / page % 2 == 0};
        const Translation one = left.translate(0, access);
        const Translation other = right.translate(0, access);
        ++(alike(one, other) ? result.alike : result.different);
        if (!one.fault)
          ++result.forwarded;
        else
          ++(arch::is_context_fault(one.fault->kind) ? result.context_faults : result.global_faults);
        if (one.fault) clear_faults(left);
        if (other.fault) clear_faults(right);
      }
    }
  }
  return result;
}

/// A machine that nobody drove, after the recorded writes but those that `dropped` picks.
template <typename Dropped>
void replay(const RecordingBus& recording, PlainMachine& machine, Dropped dropped) {
  for (const BusAccess& access : recording.accesses)
    if (access.is_write() && !dropped(access))
      REQUIRE(machine.write(access.address, access.data, access.security) == access.ok);
}

}  // namespace

TEST_CASE("the recorded writes alone make another SMMU translate alike") {
  Driven driven;
  PlainMachine fresh(config());
  replay(driven.bus, fresh, [](const BusAccess&) { return false; });

  // The driven SMMU's TLBs hold what its clients used; the other's are empty. Then both are warm.
  for (int pass = 0; pass < 2; ++pass) {
    const Comparison result = compare(driven.machine.smmu(), fresh.smmu(), driven.ranges);
    CHECK(result.different == 0);
    CHECK(result.alike > 50'000);
    CHECK(result.forwarded > 10'000);
    CHECK(result.context_faults > 10'000);
    CHECK(result.global_faults > 10'000);
  }
  CHECK(driven.machine.smmu().statistics().micro_tlb_hits > 1000);
}

TEST_CASE("every descriptor that was walked had been written through the bus") {
  Driven driven;
  const std::uint64_t while_driving = driven.walk_reads;
  CHECK(while_driving > 1000);

  PlainMachine fresh(config());
  replay(driven.bus, fresh, [](const BusAccess&) { return false; });
  std::uint64_t unwritten = 0;
  fresh.on_walk_read = [&](std::uint64_t address) { unwritten += driven.written.contains(address) ? 0 : 1; };
  static_cast<void>(compare(driven.machine.smmu(), fresh.smmu(), driven.ranges));
  CHECK(driven.walk_reads > while_driving);
  CHECK(driven.unwritten_reads == 0);
  CHECK(unwritten == 0);
  CHECK_FALSE(driven.written.contains(config().memory.base + config().memory.size - 8));  // not just any
}

TEST_CASE("the machine saw no access that was not recorded, and none failed") {
  Driven driven;
  CHECK(driven.machine.accesses() == driven.bus.accesses.size());
  CHECK(driven.host.limits.context_fault.suppressed() + driven.host.lines.size() > 20);  // handlers ran
  const auto& accesses = driven.bus.accesses;
  CHECK(std::all_of(accesses.begin(), accesses.end(), [](const BusAccess& access) { return access.ok; }));
}

TEST_CASE("a replay that lacks a write translates otherwise") {
  Driven driven;
  const auto differs = [&](auto dropped) {
    PlainMachine fresh(config());
    replay(driven.bus, fresh, dropped);
    return compare(driven.machine.smmu(), fresh.smmu(), driven.ranges).different != 0;
  };
  const auto writes_to = [](PhysAddr address) {
    return [address](const BusAccess& access) { return access.address == address; };
  };
  const PhysAddr smmu = config().smmu_base;
  CHECK(differs(writes_to(smmu)));           // sCR0
  CHECK(differs(writes_to(smmu + 0x800)));   // SMR0
  CHECK(differs(writes_to(smmu + 0xc04)));   // S2CR1
  CHECK(differs(writes_to(smmu + 0x9020)));  // context bank 1: TTBR0
  CHECK(differs(writes_to(smmu + 0xa000)));  // context bank 2: SCTLR
  CHECK(differs(writes_to(smmu + 0x8030)));  // context bank 0: TCR

  clear_faults(driven.machine.smmu());
  driven.machine.smmu().write(0x068, 0, 4);  // TLBIALLNSNH, so that the next translation walks
  const Translation walked = driven.machine.smmu().translate(0, {.address = 0, .stream_id = firmware});
  REQUIRE(walked.accesses.size() == 2);
  for (const arch::WalkAccess& read : walked.accesses) CHECK(differs(writes_to(read.address)));
}
