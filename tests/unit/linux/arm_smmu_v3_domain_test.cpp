// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_domain.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using smmuv3::Translation;
using Trace = std::vector<std::string>;
using Words = std::array<std::uint64_t, 8>;

constexpr std::uint64_t page = 0x1000;
constexpr std::uint64_t incoming = std::uint64_t{1} << 44;  // SHCFG 1 in word 1
constexpr std::uint64_t address_bits = 0x00ff'ffff'ffff'f000;
constexpr IommuProt rw{.read = true, .write = true};

struct Bench : Smmuv3Host {
  explicit Bench(const smmuv3::Config& config = plain_smmuv3(),
                 ArmSmmuV3Platform platform = smmuv3_platform())
      : Smmuv3Host(config, std::move(platform)) {
    REQUIRE(smmu.probe());
    quiet();
  }
  void quiet() {
    static_cast<void>(said());
    machine.trace.clear();
  }
  [[nodiscard]] Words words(std::uint64_t at) const {
    Words words{};
    for (unsigned word = 0; word < 8; ++word) words[word] = machine.word(at + 8 * word);
    return words;
  }
  /// Of a StreamID below 256, in a two-level table.
  [[nodiscard]] Words ste(std::uint64_t sid) {
    const std::uint64_t table = machine.smmu().read(0x80, 8, false) & address_bits;
    return words((machine.word(table) & address_bits) + 64 * sid);
  }
  /// The commands since the last look, but for CMD_SYNC.
  Trace commands() {
    Trace commands;
    for (const std::string& line : machine.take_trace())
      if (line[0] == 'C' && line != "C fc02046 0") commands.push_back(line.substr(2));
    return commands;
  }

  Device device{.name = "video", .streams = {{5, 0}}};
};

smmuv3::Config with_stage2() {
  smmuv3::Config config = plain_smmuv3();
  config.stage2 = true;
  return config;
}

smmuv3::Config with_stalls() {
  smmuv3::Config config = plain_smmuv3();
  config.stall_model = smmuv3::StallModel::Both;
  config.stall_max = 16;
  return config;
}

/// A file of registers that say ATS, with a PCI device that can.
struct AtsBench : Smmuv3Host {
  AtsBench() {
    machine.register_file = true;
    machine.forced_reads = {{0x0, 0x0d40'041a}, {0x4, 7 << 21 | 7 << 16 | 8}, {0x14, 0x14}};
    REQUIRE(smmu.probe());
    machine.trace.clear();
    device.pci.emplace().ats = true;
  }
  Trace commands() {
    Trace commands;
    for (const std::string& line : machine.take_trace())
      if (line[0] == 'C') commands.push_back(line.substr(2));
    return commands;
  }
  std::uint64_t ste_word1(std::uint64_t sid) {
    return machine.word((smmu.streams().base_register() & address_bits) + 64 * sid + 8);
  }

  Device device{.name = "nvme", .streams = {{5, 0}, {6, 0}}};
};

}  // namespace

TEST_CASE("identity and blocked domains have no context, and map nothing") {
  Bench bench;
  const auto identity = bench.create(DomainType::Identity);
  REQUIRE(identity->attach(bench.device));
  CHECK(bench.ste(5) == Words{9, incoming});
  CHECK(bench.machine.access(5, 0x1234'5000).output == 0x1234'5000);
  const auto blocked = bench.create(DomainType::Blocked);
  REQUIRE(blocked->attach(bench.device));
  CHECK(bench.ste(5) == Words{1, incoming});
  CHECK(bench.machine.access(5, 0x1234'5000).action == Translation::Action::Abort);
  CHECK(bench.shared.asids.empty());
  CHECK(identity->map(0, 0x8000'0000, page, rw).error() == Errno::ENODEV_);
  CHECK(identity->unmap(0, page) == 0);
  CHECK_FALSE(identity->iova_to_phys(0));
  CHECK_FALSE(identity->bank());
  bench.machine.trace.clear();
  identity->flush_iotlb_all();
  CHECK(bench.machine.trace.empty());
}

TEST_CASE("a domain has tables and an ASID from its first device on") {
  Bench bench;
  const auto domain = bench.create(DomainType::Unmanaged);
  CHECK(bench.shared.asids.empty());
  CHECK(domain->map(0, 0x8000'0000, page, rw).error() == Errno::ENODEV_);
  CHECK(domain->aperture_end() == 0xffff'ffff'ffff);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.shared.asids == std::set<std::uint16_t>{1});
  CHECK(domain->map(0, 0x8000'0000, page, rw));
}

TEST_CASE("a device moves from domain to domain: unattached between the two, the tables first") {
  Bench bench;
  const auto first = bench.create(DomainType::Unmanaged);
  const auto second = bench.create(DomainType::Unmanaged);
  REQUIRE(first->attach(bench.device));
  CHECK(bench.commands() == Trace{"500000003 1", "500000003 1", "500000001 0"});
  REQUIRE(second->attach(bench.device));
  CHECK(bench.commands() == Trace{"500000003 1", "500000003 1", "500000003 1", "500000001 0"});
  CHECK(bench.machine.word(bench.ste(5)[0] & address_bits) >> 48 == 2);
  REQUIRE(first->attach(bench.device));
  CHECK(bench.machine.word(bench.ste(5)[0] & address_bits) >> 48 == 1);
}

TEST_CASE("a broken prefetch command is not given") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.broken_prefetch = true;
  Bench bench(plain_smmuv3(), platform);
  const auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.commands() == Trace{"500000003 1", "500000003 1"});
}

TEST_CASE("a domain that goes is flushed, and leaves nothing behind") {
  Bench bench;
  REQUIRE(bench.smmu.probe_device(bench.device));
  const std::uint64_t before = bench.pages.pages_in_use();
  auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  REQUIRE(domain->map(0, 0x8000'0000, page, rw));
  bench.smmu.release_device(bench.device);
  bench.machine.trace.clear();
  domain.reset();
  CHECK(bench.commands() == Trace{"1000000000011 0"});
  CHECK(bench.pages.pages_in_use() == before);
  CHECK(bench.shared.asids.empty());
}

TEST_CASE("a table that does not snoop, and a kernel at EL2") {
  smmuv3::Config config = plain_smmuv3();
  config.hypervisor = true;
  config.coherent = false;
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.dma_coherent = false;
  platform.vhe = true;
  Bench bench(config, platform);
  const auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.ste(5)[1] == 0x8000'00d6);  // STRW EL2
  const std::uint64_t cd = bench.machine.word(bench.ste(5)[0] & address_bits);
  CHECK(cd == 0x0001'e204'c000'2010);  // outer shareable, walks not cached
  REQUIRE(domain->map(0, 0x8000'0000, page, rw));
  bench.machine.trace.clear();
  domain->unmap(0, page);
  domain->flush_iotlb_all();
  CHECK(bench.commands() == Trace{"1000000000022 1", "1000000000021 0"});
}

TEST_CASE("where there is only stage 2 domains are of stage 2") {
  smmuv3::Config config = with_stage2();
  config.stage1 = false;
  Bench bench(config);
  const auto domain = bench.create(DomainType::Unmanaged);
  CHECK(domain->aperture_end() == 0xfff'ffff'ffff);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.shared.asids.empty());
  const Words ste = bench.ste(5);
  CHECK(ste[0] == 0xd);
  CHECK(ste[1] == incoming);
  // R, PTW, AA64, 44 bits, inner shareable write-back walks from level 0 on, T0SZ 20, VMID 1.
  CHECK(ste[2] == 0x044c'3594'0000'0001);
  CHECK((ste[3] & ~address_bits) == 0);
  REQUIRE(domain->map(0x10'0000, 0x8000'0000, page, rw));
  CHECK(bench.machine.access(5, 0x10'0abc, true).output == 0x8000'0abc);
  bench.machine.trace.clear();
  domain->unmap(0x10'0000, page);
  domain->flush_iotlb_all();
  CHECK(bench.commands() == Trace{"10000002a 100001", "100000028 0"});
  CHECK(bench.machine.access(5, 0x10'0abc).action == Translation::Action::Abort);
}

TEST_CASE("nesting: stage 2 in a domain of a driver's own that nothing is attached to") {
  Bench bench(with_stage2());
  const auto plain = bench.create(DomainType::Unmanaged);
  REQUIRE(plain->attach(bench.device));
  CHECK((bench.ste(5)[0] & 0xf) == 0xb);
  CHECK(plain->enable_nesting().error() == Errno::EBUSY_);
  const auto nested = bench.create(DomainType::Unmanaged);
  REQUIRE(nested->enable_nesting());
  REQUIRE(nested->attach(bench.device));
  CHECK((bench.ste(5)[0] & 0xf) == 0xd);
  CHECK(bench.create(DomainType::Dma)->enable_nesting().error() == Errno::EINVAL_);
}

TEST_CASE("a device with SubstreamIDs has a table for them, and suits no domain that has none") {
  smmuv3::Config config = plain_smmuv3();
  config.substream_id_bits = 16;
  config.two_level_cd_table = GENERATE(true, false);
  Bench bench(config);
  bench.device.pasid_bits = 12;
  const auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  CHECK((bench.ste(5)[0] & ~address_bits) ==
        (config.two_level_cd_table ? 0x6000'0000'0000'002b : 0x5000'0000'0000'000b));
  REQUIRE(domain->map(0x10'0000, 0x8000'0000, page, rw));
  CHECK(bench.machine.access(5, 0x10'0000).output == 0x8000'0000);
  bench.quiet();
  Device other{.name = "other", .streams = {{6, 0}}};
  CHECK(domain->attach(other).error() == Errno::EINVAL_);
  CHECK(bench.levels == std::vector{LogLevel::Err});
  CHECK(bench.said() ==
        Trace{config.two_level_cd_table
                  ? "platform other: cannot attach to incompatible domain (12 SSID bits != 0)"
                  : "platform other: cannot attach to incompatible domain (10 SSID bits != 0)"});
  CHECK(other.domain == nullptr);
}

TEST_CASE("a device's SubstreamIDs are no more than the SMMU's") {
  smmuv3::Config config = plain_smmuv3();
  config.substream_id_bits = 4;
  Bench bench(config);
  bench.device.pasid_bits = 12;
  const auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.ste(5)[0] >> 59 == 4);
}

TEST_CASE("stalls: only of a device that can, and all devices of a domain alike") {
  Bench bench(with_stalls());
  bench.device.dma_can_stall = true;
  Device other{.name = "other", .streams = {{6, 0}}};
  const auto stalling = bench.create(DomainType::Unmanaged);
  const auto aborting = bench.create(DomainType::Unmanaged);
  REQUIRE(stalling->attach(bench.device));
  REQUIRE(aborting->attach(other));
  CHECK(bench.ste(5)[1] == 0xd6);
  CHECK(bench.ste(6)[1] == 0x0800'00d6);                                           // S1STALLD
  CHECK((bench.machine.word(bench.ste(5)[0] & address_bits) >> 44 & 0xf) == 0xf);  // ASET, A, R, S
  CHECK((bench.machine.word(bench.ste(6)[0] & address_bits) >> 44 & 0xf) == 0xe);
  bench.quiet();
  CHECK(stalling->attach(other).error() == Errno::EINVAL_);
  CHECK(aborting->attach(bench.device).error() == Errno::EINVAL_);
  CHECK(bench.said() == Trace{"platform other: cannot attach to stall-enabled domain",
                              "platform video: cannot attach to stall-disabled domain"});
  CHECK(bench.ste(5) == Words{1, incoming, 0, 0});  // each was detached for it
}

TEST_CASE("stalls: all of them where the SMMU knows nothing else, none where it knows none") {
  smmuv3::Config forced = with_stalls();
  forced.stall_model = smmuv3::StallModel::Forced;
  Bench always(forced);
  const auto first = always.create(DomainType::Unmanaged);
  REQUIRE(first->attach(always.device));
  CHECK(always.ste(5)[1] == 0xd6);
  CHECK((always.machine.word(always.ste(5)[0] & address_bits) >> 44 & 1) == 1);
  Bench never;
  never.device.dma_can_stall = true;
  const auto second = never.create(DomainType::Unmanaged);
  REQUIRE(second->attach(never.device));
  CHECK(never.ste(5)[1] == 0xd6);
  CHECK((never.machine.word(never.ste(5)[0] & address_bits) >> 44 & 1) == 0);
}

TEST_CASE("no ASID, VMID or memory: the device is left unattached") {
  Bench bench(with_stage2());
  REQUIRE(bench.smmu.probe_device(bench.device));
  const std::uint64_t before = bench.pages.pages_in_use();
  const auto domain = bench.create(DomainType::Unmanaged);
  while (bench.smmu.alloc_asid()) {
  }
  CHECK(domain->attach(bench.device).error() == Errno::EBUSY_);
  CHECK(bench.pages.pages_in_use() == before);
  const auto nested = bench.create(DomainType::Unmanaged);
  REQUIRE(nested->enable_nesting());
  while (bench.smmu.alloc_vmid()) {
  }
  CHECK(nested->attach(bench.device).error() == Errno::ENOSPC_);
  bench.smmu.free_asid(9);
  std::vector<PhysAddr> taken;
  while (const auto each = bench.pages.allocate(0)) taken.push_back(*each);
  CHECK(domain->attach(bench.device).error() == Errno::ENOMEM_);
  bench.pages.free(taken.back(), 1);  // for the root table, and none for the descriptor
  CHECK(domain->attach(bench.device).error() == Errno::ENOMEM_);
  CHECK(bench.shared.asids.count(9) == 0);
  bench.pages.free(taken.front(), 1);
  CHECK(domain->attach(bench.device));
  CHECK(bench.machine.word(bench.ste(5)[0] & address_bits) >> 48 == 9);
}

TEST_CASE("ATS: EATS, and the device told after its cache is emptied") {
  AtsBench bench;
  const auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.ste_word1(5) == 0x1000'00d6);
  CHECK(bench.device.pci->ats_enabled);
  const Trace attached = bench.commands();
  REQUIRE(attached.size() > 3);
  CHECK(Trace(attached.end() - 3, attached.end()) == Trace{"500000040 34", "600000040 34", "fc02046 0"});
  REQUIRE(domain->map(0x10'0000, 0x8000'0000, 2 * page, rw));
  domain->unmap(0x10'0000, 2 * page);
  CHECK(bench.commands() == Trace{"1000000000012 100001", "1000000000012 101001", "fc02046 0",
                                  "500000040 100001", "600000040 100001", "fc02046 0"});
  domain->flush_iotlb_all();
  CHECK(bench.commands() ==
        Trace{"1000000000011 0", "fc02046 0", "500000040 34", "600000040 34", "fc02046 0"});
  const auto identity = bench.create(DomainType::Identity);
  REQUIRE(identity->attach(bench.device));
  CHECK_FALSE(bench.device.pci->ats_enabled);
  CHECK(bench.ste_word1(5) == incoming);
  CHECK(bench.commands() == Trace{"500000040 34", "600000040 34", "fc02046 0", "500000003 1", "fc02046 0",
                                  "600000003 1", "fc02046 0", "500000003 1", "fc02046 0", "600000003 1",
                                  "fc02046 0"});
  domain->flush_iotlb_all();
  CHECK(bench.commands() == Trace{"1000000000011 0", "fc02046 0"});
}

TEST_CASE("ATS: not of a device that cannot, and not where the SMMU does not have it") {
  AtsBench bench;
  bench.device.pci->ats = GENERATE(true, false);
  if (bench.device.pci->ats) bench.device.pci.reset();
  const auto domain = bench.create(DomainType::Unmanaged);
  REQUIRE(domain->attach(bench.device));
  CHECK(bench.ste_word1(5) == 0xd6);
  Bench without;
  without.device.pci.emplace().ats = true;
  const auto other = without.create(DomainType::Unmanaged);
  REQUIRE(other->attach(without.device));
  CHECK(without.ste(5)[1] == 0xd6);
  CHECK_FALSE(without.device.pci->ats_enabled);
}

}  // namespace sidewinder::test
