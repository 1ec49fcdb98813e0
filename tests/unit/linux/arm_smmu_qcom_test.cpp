// SPDX-License-Identifier: Apache-2.0
//
// Offsets and values are numbers here, as a bus analyser would show them: IHI 0062 chapters 8 to 10 and 16.

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/recording_bus.h"
#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using layout::smmuv2::S2crType;
using sidewinder::test::PlainMachine;
using sidewinder::test::RecordingBus;
using sidewinder::test::SmmuHost;

namespace {

constexpr PhysAddr smmu_base = 0x1500'0000;
constexpr PhysAddr IDR0 = smmu_base + 0x20;
constexpr PhysAddr last_s2cr = smmu_base + 0xc00 + 7 * 4;
constexpr std::uint32_t fault = 0x2'0000, bypass = 0x1'00ff;  // S2CR

using Write = std::pair<std::uint64_t, std::uint64_t>;  // offset in the frame, value

struct Smmu {
  explicit Smmu(SmmuModel model = SmmuModel::Mmu500,
                SmmuImplementation implementation = SmmuImplementation::Qualcomm,
                std::map<PhysAddr, std::uint32_t> registers = {},
                const std::function<void(PlainMachine&)>& boot_loader = {})
      : machine(test::small_machine()),
        bus(machine),
        host(bus, machine.config().memory, platform(machine.config(), model, implementation)) {
    if (boot_loader) boot_loader(machine);
    machine.forced_reads = std::move(registers);
    REQUIRE(host.smmu.probe());
  }

  static ArmSmmuPlatform platform(const test::PlainMachineConfig& config, SmmuModel model,
                                  SmmuImplementation implementation) {
    ArmSmmuPlatform platform = test::platform_of(config);
    platform.model = model;
    platform.implementation = implementation;
    return platform;
  }

  std::vector<Write> writes() {
    std::vector<Write> taken;
    for (const test::BusAccess& access : bus.accesses)
      if (access.is_write()) taken.emplace_back(access.address - smmu_base, access.value());
    bus.accesses.clear();
    return taken;
  }
  bool says(const std::string& text) const {
    return std::any_of(host.lines.begin(), host.lines.end(),
                       [&text](const std::string& line) { return line.find(text) != std::string::npos; });
  }

  PlainMachine machine;
  RecordingBus bus;
  SmmuHost host;
};

bool contains(const std::vector<Write>& writes, const Write& write) {
  return std::find(writes.begin(), writes.end(), write) != writes.end();
}

Smmu with_firmware(std::map<PhysAddr, std::uint32_t> registers) {
  return Smmu(SmmuModel::Mmu500, SmmuImplementation::Qualcomm, std::move(registers));
}

}  // namespace

TEST_CASE("only an MMU-500 is reset as one") {
  Smmu mmu500(SmmuModel::Mmu500, SmmuImplementation::Arm);
  CHECK(contains(mmu500.writes(), {0x010, 0x500}));
  Smmu smmuv2(SmmuModel::Smmuv2, SmmuImplementation::Arm);
  for (const Write& write : smmuv2.writes()) {
    CHECK(write.first != 0x010);   // sACR
    CHECK(write.first != 0x8004);  // ACTLR of bank 0
  }
}

TEST_CASE("Qualcomm's SMMU is tried for a bypass before all else, and nothing changes where it has one") {
  Smmu qualcomm;
  Smmu arm(SmmuModel::Mmu500, SmmuImplementation::Arm);
  std::vector<Write> expected = arm.writes();
  expected.insert(expected.begin(), {0xc00 + 7 * 4, bypass});
  CHECK(qualcomm.writes() == expected);
  CHECK(qualcomm.host.smmu.context_banks_used() == 0);
  CHECK(qualcomm.host.lines == arm.host.lines);
}

TEST_CASE("where a bypass becomes a fault, a bank stands for the bypass") {
  Smmu smmu = with_firmware({{last_s2cr, fault}});
  const std::vector<Write> probed = smmu.writes();
  CHECK(probed[1] == Write{0x8000 + 3 * 0x1000, 0});    // SCTLR of the last bank
  CHECK(probed[2] == Write{0x1000 + 3 * 4, 0x1'0000});  // CBAR: stage 1, stage 2 bypassed
  CHECK(contains(probed, {0xc00, bypass}));             // what such a firmware makes a fault of
  CHECK_FALSE(contains(probed, {0xc00, fault}));
  CHECK(smmu.host.smmu.context_banks_used() == 1);
  for (unsigned bank = 0; bank < 3; ++bank) CHECK(smmu.host.smmu.alloc_context_bank() == bank);
  CHECK(smmu.host.smmu.alloc_context_bank().error() == Errno::ENOSPC_);

  const std::vector<StreamSpecifier> streams{{0x800, 0}};
  REQUIRE(smmu.host.smmu.alloc_smes(streams));
  CHECK(smmu.writes() == std::vector<Write>{{0xc00, bypass}, {0x800, 0x8000'0800}});
  smmu.host.smmu.attach_smes(streams, S2crType::Bypass);
  CHECK(smmu.writes() == std::vector<Write>{{0xc00, 0x3}});
  smmu.host.smmu.attach_smes(streams, S2crType::Translation, 1);
  CHECK(smmu.writes() == std::vector<Write>{{0xc00, 0x1}});
}

TEST_CASE("more groups than the architecture has are used but where the firmware is such") {
  const std::uint32_t groups_200 = (smmuv2::idr0(test::small_machine().smmu).raw & ~0xffU) | 200;
  Smmu whole = with_firmware({{IDR0, groups_200}, {smmu_base + 0xc00 + 127 * 4, bypass}});
  CHECK(whole.writes()[0] == Write{0xc00 + 127 * 4, bypass});
  CHECK(whole.host.smmu.stream_match_groups() == 200);
  CHECK_FALSE(whole.says("Limiting"));
  Smmu limited = with_firmware({{IDR0, groups_200}, {smmu_base + 0xc00 + 127 * 4, fault}});
  CHECK(limited.host.smmu.stream_match_groups() == 128);
  CHECK(limited.says("15000000.iommu: \tLimiting the stream matching groups to 128"));
}

TEST_CASE("a stream that the boot loader left running bypasses the SMMU until it is attached") {
  const auto boot_loader = [](PlainMachine& machine) {
    write_word<std::uint32_t>(machine, smmu_base + 0x800 + 2 * 4, 0x8402'0880);
  };
  Smmu smmu(SmmuModel::Mmu500, SmmuImplementation::Qualcomm, {}, boot_loader);
  const std::vector<Write> probed = smmu.writes();
  CHECK(contains(probed, {0xc08, bypass}));
  CHECK(contains(probed, {0x808, 0x8402'0880}));
  CHECK(smmu.host.smmu.stream_match_groups_used() == 1);

  REQUIRE(smmu.host.smmu.alloc_smes(std::vector<StreamSpecifier>{{0x882, 0x400}}));
  CHECK(smmu.writes() == std::vector<Write>{{0xc08, bypass}, {0x808, 0x8400'0882}});
  REQUIRE(smmu.host.smmu.alloc_smes(std::vector<StreamSpecifier>{{0x1000, 0}}));
  CHECK(smmu.writes() == std::vector<Write>{{0xc00, fault}, {0x800, 0x8000'1000}});
  smmu.host.smmu.free_smes(std::vector<StreamSpecifier>{{0x882, 0x400}});
  CHECK(smmu.writes() == std::vector<Write>{{0xc08, fault}, {0x808, 0x0400'0882}});

  Smmu arm(SmmuModel::Mmu500, SmmuImplementation::Arm, {}, boot_loader);
  CHECK(contains(arm.writes(), {0x808, 0}));
}

TEST_CASE("a table that goes away takes the whole ASID out of Qualcomm's TLB") {
  Smmu qualcomm;
  qualcomm.writes();
  qualcomm.host.smmu.tlb_invalidate_walk(1, 0x11, 0x20'0000, 0x2000, 0x1000);
  CHECK(qualcomm.writes() == std::vector<Write>{{0x9610, 0x11}, {0x97f0, 0xffff'ffff}});
  Smmu arm(SmmuModel::Mmu500, SmmuImplementation::Arm);
  arm.writes();
  arm.host.smmu.tlb_invalidate_walk(1, 0x11, 0x20'0000, 0x2000, 0x1000);
  CHECK(arm.writes() == std::vector<Write>{{0x9600, 0x0011'0000'0000'0200},
                                           {0x9600, 0x0011'0000'0000'0201},
                                           {0x97f0, 0xffff'ffff}});
}
