// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/dmi_table.h"

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
constexpr auto none = tlm::tlm_dmi::DMI_ACCESS_NONE;
constexpr auto only_read = tlm::tlm_dmi::DMI_ACCESS_READ;
constexpr auto read_write = tlm::tlm_dmi::DMI_ACCESS_READ_WRITE;
constexpr std::uint64_t sync = 0x46;

/// TBU 0 may have DMI; 256 MiB of memory from 0x80000000 on grant it.
struct DmiBoard : Smmuv3Board {
  tlm::tlm_dmi dmi;

  explicit DmiBoard(const smmuv3::Config& config = full()) : Smmuv3Board({}, config) {
    start();
    smmu.only_default_attributes[0] = true;
    out0.direct_base = 0x8000'0000;
    out0.direct.resize(0x1000'0000 + 0x20'0000);
  }

  /// The access granted to an IOVA.
  tlm::tlm_dmi::dmi_access_e ask(std::uint64_t address, bool write = false) {
    Bytes data(4);
    prepare(payload, write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, address, data);
    dmi.init();
    const bool granted = device0.socket->get_direct_mem_ptr(payload, dmi);
    CHECK(payload.get_address() == address);
    CHECK(payload.get_extension<tlm_shell::OutputExtension>() == nullptr);
    return granted ? dmi.get_granted_access() : none;
  }
  /// What the grant of an IOVA leads to, as an offset in the memory.
  std::uint64_t offset(std::uint64_t address) {
    return static_cast<std::uint64_t>(dmi.get_dmi_ptr() - out0.direct.data()) + address -
           dmi.get_start_address();
  }
  /// What a command withdraws.
  Ranges after(std::uint64_t low, std::uint64_t high = 0) {
    device0.withdrawn.clear();
    command(low, high);
    run(50);
    return device0.withdrawn;
  }
};

const Ranges page0{{0x0000, 0x0fff}};

}  // namespace

TEST_CASE("tlm DMI: granted within the page or block, where it leads, and by its permissions") {
  DmiBoard board;
  CHECK(board.ask(0x0123) == read_write);
  CHECK(board.dmi.get_start_address() == 0x0000);
  CHECK(board.dmi.get_end_address() == 0x0fff);
  CHECK(board.offset(0x0123) == 0x5123);
  CHECK(board.ask(0x1fff) == only_read);  // a read-only page
  CHECK(board.dmi.get_start_address() == 0x1000);
  CHECK(board.ask(0x1fff, true) == none);
  CHECK(board.ask(0x403f'ffff, true) == read_write);
  CHECK(board.dmi.get_start_address() == 0x4020'0000);
  CHECK(board.dmi.get_end_address() == 0x403f'ffff);
  CHECK(board.offset(0x4020'0000) == 0x1000'0000);
  board.out0.direct.resize(0x1000'0000 + 0x3000);  // memory ends within the block
  CHECK(board.ask(0x4020'1000) == read_write);
  CHECK(board.dmi.get_end_address() == 0x4020'2fff);
  board.out0.direct_writable = false;
  CHECK(board.ask(0x0123) == only_read);
  CHECK(board.ask(0x0123, true) == none);
  CHECK(board.recorded() == 0);
}

TEST_CASE("tlm DMI: never for what faults, nor at an address that nothing is mapped to") {
  DmiBoard board;
  board.out0.direct_base = 0;
  CHECK(board.ask(0x5000) == none);
  CHECK(board.ask(0x5000, true) == none);
  CHECK(board.dmi.get_start_address() == 0x5000);  // the page that it is refused for
  CHECK(board.dmi.get_end_address() == 0x5fff);
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(44, 1));  // what stalls
  CHECK(board.ask(0x5000) == none);
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).replace(46, 46, 0));  // what is RAZ/WI
  CHECK(board.ask(0x5000) == none);
  board.put(Smmuv3Board::stream_table + 64 * 0x42, Structure());
  CHECK(board.ask(0x0000) == none);
  CHECK(board.recorded() == 0);
  CHECK(board.smmu.core().stalled() == 0);
}

TEST_CASE("tlm DMI: where one stream is known to be all, for its attributes, and where it is allowed") {
  DmiBoard board;
  Bytes data(4);
  board.smmu.only_default_attributes[0] = false;
  CHECK(board.ask(0x0000) == none);
  board.read(0, data);
  CHECK_FALSE(board.payload.is_dmi_allowed());
  board.smmu.only_default_attributes[0] = true;
  CHECK(board.ask(0x0000) == read_write);
  board.read(0, data);
  CHECK(board.payload.is_dmi_allowed());

  models::AttributesExtension extension(board.smmu.default_attributes[0]);
  board.payload.set_extension(&extension);
  CHECK(board.ask(0x0000) == read_write);
  for (const models::AccessAttributes& other :
       {models::AccessAttributes{.stream_id = 0x43},
        models::AccessAttributes{.stream_id = 0x42, .substream_valid = true},
        models::AccessAttributes{.stream_id = 0x42, .secure = true},
        models::AccessAttributes{.stream_id = 0x42, .privileged = true},
        models::AccessAttributes{.stream_id = 0x42, .address_type = models::AddressType::Translated}}) {
    extension.value = other;
    CHECK(board.ask(0x0000) == none);
  }
  extension.value.stream_id = 0x43;
  extension.value.address_type = models::AddressType::Untranslated;
  CHECK(board.read(0, data) == tlm::TLM_OK_RESPONSE);
  CHECK_FALSE(board.payload.is_dmi_allowed());
  board.payload.clear_extension(&extension);

  board.device0.withdrawn.clear();
  board.smmu.allow_dmi(false);
  CHECK(board.device0.withdrawn == page0);
  CHECK(board.ask(0x0000) == none);
  board.read(0, data);
  CHECK_FALSE(board.payload.is_dmi_allowed());
}

TEST_CASE("tlm DMI: neither a burst of several pages nor what is terminated says that DMI may be had") {
  DmiBoard board;
  Bytes data(4), burst(0x20);
  CHECK(board.read(0x2000, data) == tlm::TLM_OK_RESPONSE);
  REQUIRE(board.payload.is_dmi_allowed());
  CHECK(board.read(0x0ff0, burst) == tlm::TLM_OK_RESPONSE);
  CHECK_FALSE(board.payload.is_dmi_allowed());
  board.read(0x2000, data);
  CHECK(board.read(0x5000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK_FALSE(board.payload.is_dmi_allowed());
  board.read(0x2000, data);
  CHECK(board.read(0x2ff0, burst) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  CHECK_FALSE(board.payload.is_dmi_allowed());
}

TEST_CASE("tlm DMI: what is granted and what is withdrawn are counted") {
  DmiBoard board;
  CHECK(board.ask(0x5000) == none);
  CHECK(board.smmu.statistics().dmi_granted == 0);
  board.ask(0x0000);
  board.ask(0x2000);
  CHECK(board.smmu.statistics().dmi_granted == 2);
  CHECK(board.smmu.statistics().dmi_withdrawn == 0);
  CHECK(board.after(0x13, 0x0000) == page0);  // CMD_TLBI_NH_VAA
  CHECK(board.smmu.statistics().dmi_withdrawn == 1);
  CHECK(board.after(0x10).size() == 1);
  CHECK(board.smmu.statistics().dmi_granted == 2);
  CHECK(board.smmu.statistics().dmi_withdrawn == 2);
}

TEST_CASE(
    "tlm DMI: nothing while the access flag is to be set, no writes while a page is to be marked dirty") {
  DmiBoard board;
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(42, 1).put(43, 1));  // HD and HA
  constexpr std::uint64_t dbm = std::uint64_t{1} << 51, access_flag = 0x400;
  const std::uint64_t clean = 0x8000'5000 | Smmuv3Board::read_only | dbm;
  board.map(0x0000, clean & ~access_flag);
  CHECK(board.ask(0x0000) == none);
  board.map(0x0000, clean);
  CHECK(board.ask(0x0000) == only_read);
  CHECK(board.ask(0x0000, true) == none);
  CHECK(board.word(Smmuv3Board::root + 0x2000) == clean);
  Bytes data(4);
  CHECK(board.write(0x0000, data) == tlm::TLM_OK_RESPONSE);  // marks it
  CHECK(board.word(Smmuv3Board::root + 0x2000) == (clean & ~std::uint64_t{0x80}));
  CHECK(board.ask(0x0000, true) == read_write);
}

TEST_CASE("tlm DMI: withdrawn by every TLB invalidation of the page, by no other") {
  DmiBoard board;
  const auto grant = [&] { REQUIRE(board.ask(0x0000) == read_write); };
  const std::uint64_t asid1 = std::uint64_t{1} << 48, vmid1 = std::uint64_t{1} << 32;
  grant();
  CHECK(board.after(0x12 | asid1, 0x1000).empty());  // CMD_TLBI_NH_VA of the next page
  CHECK(board.after(0x12 | asid1 | vmid1, 0x0000).empty());
  CHECK(board.after(0x20).empty());  // EL2's
  CHECK(board.after(0x12 | asid1, 0x0001) == page0);
  CHECK(board.after(0x12 | asid1, 0x0001).empty());  // once
  for (const auto& [low, high] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {0x13, 0x0000},                         // NH_VAA
           {0x11 | asid1, 0},                      // NH_ASID
           {0x10, 0},                              // NH_ALL
           {0x28, 0},                              // S12_VMALL
           {0x30, 0},                              // NSNH_ALL
           {0x13 | 3 << 12, 0x0000 | 1 << 10}}) {  // NUM 3 with TG 4 KiB: four pages
    INFO("command " << low);
    grant();
    CHECK(board.after(low, high) == page0);
  }
}

TEST_CASE("tlm DMI: withdrawn by configuration invalidations and by what registers change") {
  DmiBoard board;
  const auto grant = [&] { REQUIRE(board.ask(0x0000) == read_write); };
  const auto stream = [](std::uint64_t id) { return id << 32; };
  grant();
  CHECK(board.after(0x03 | stream(0x41)).empty());
  CHECK(board.after(0x03 | stream(0x42)) == page0);  // CFGI_STE
  grant();
  CHECK(board.after(0x05 | stream(0x42)) == page0);  // CFGI_CD
  grant();
  CHECK(board.after(0x06 | stream(0x42)) == page0);  // CFGI_CD_ALL
  grant();
  CHECK(board.after(0x04 | stream(0x80), 5).empty());    // CFGI_STE_RANGE, 64 streams
  CHECK(board.after(0x04 | stream(0x00), 31) == page0);  // CFGI_ALL

  const auto written = [&](std::uint64_t offset, std::uint32_t value) {
    board.device0.withdrawn.clear();
    board.w32(offset, value);
    return board.device0.withdrawn;
  };
  grant();
  CHECK(written(0x9c, 0).empty());
  CHECK(written(0x20, 0xd).empty());  // as it is
  CHECK(written(0x20, 0xc) == page0);
  board.ask(0x8000'0000);  // with SMMUEN 0 all passes
  CHECK(board.dmi.get_granted_access() == read_write);
  CHECK(board.dmi.get_start_address() == 0x8000'0000);
  CHECK(board.dmi.get_end_address() == 0x901f'ffff);
  CHECK(written(0x44, 0x8010'0000) == Ranges{{0x8000'0000, 0x901f'ffff}});  // GBPA.ABORT
  CHECK(board.ask(0x8000'0000) == none);
  CHECK(written(0x20, 0xd).empty());
  grant();
  board.smmu.default_register_attributes.secure = true;
  CHECK(written(0x803c, 1) == page0);  // S_INIT.INV_ALL
}

TEST_CASE("tlm DMI: withdrawn before the CMD_SYNC behind the invalidation is complete") {
  DmiBoard board;
  board.ask(0x0000);
  board.command(0x10);
  board.command(sync);
  CHECK(board.device0.withdrawn.empty());
  for (unsigned step = 0; step < 100 && board.device0.withdrawn.empty(); ++step) board.run(1);
  CHECK(board.device0.withdrawn == page0);
  CHECK((board.reg(0x9c) & 0x1f) == 1);

  board.run(100);
  board.ask(0x0000);
  board.device0.withdrawn.clear();
  board.command(0x03 | std::uint64_t{0x42} << 32);  // CMD_CFGI_STE
  board.command(sync);
  for (unsigned step = 0; step < 100 && board.device0.withdrawn.empty(); ++step) board.run(1);
  CHECK(board.device0.withdrawn == page0);
  CHECK((board.reg(0x9c) & 0x1f) == 3);
}

TEST_CASE("tlm DMI: what is withdrawn downstream is withdrawn at its IOVA") {
  DmiBoard board;
  board.smmu.only_default_attributes[1] = true;
  board.ask(0x0000);
  board.ask(0x2000);
  board.out1.socket->invalidate_direct_mem_ptr(0, ~std::uint64_t{0});
  CHECK(board.device0.withdrawn.empty());
  board.out0.socket->invalidate_direct_mem_ptr(0x8000'6000, 0x8000'8fff);
  CHECK(board.device0.withdrawn.empty());
  board.out0.socket->invalidate_direct_mem_ptr(0x8000'5ff0, 0x8000'8fff);
  CHECK(board.device0.withdrawn == page0);
  board.out0.socket->invalidate_direct_mem_ptr(0, ~std::uint64_t{0});
  CHECK(board.device0.withdrawn == Ranges{{0x0000, 0x0fff}, {0x2000, 0x2fff}});
}

TEST_CASE("tlm DMI: of both stages, a page of the smaller, withdrawn with the block it is part of") {
  DmiBoard board;
  constexpr std::uint64_t root2 = 0x60'0000, stage2_block = 0x7fd, stage2_page = 0x7ff;
  board.put(Smmuv3Board::stream_table + 64 * 0x42, nested_ste(Smmuv3Board::cd_at, root2));
  board.tables.put64(root2, stage2_block);  // the first GiB as it is
  board.tables.put64(root2 + 8 * 2, (root2 + 0x1000) | 3);
  board.tables.put64(root2 + 0x1000 + 8 * 128, (root2 + 0x2000) | 3);
  board.tables.put64(root2 + 0x2000 + 8, 0x8000'3000 | stage2_page);
  REQUIRE(board.ask(0x4020'1004) == read_write);
  CHECK(board.dmi.get_start_address() == 0x4020'1000);
  CHECK(board.dmi.get_end_address() == 0x4020'1fff);
  CHECK(board.offset(0x4020'1004) == 0x3004);
  const std::uint64_t vmid7 = std::uint64_t{7} << 32, asid1 = std::uint64_t{1} << 48;
  CHECK(board.after(0x12 | asid1 | vmid7, 0x4040'0000).empty());
  CHECK(board.after(0x12 | asid1 | vmid7, 0x403f'f000) == Ranges{{0x4020'1000, 0x4020'1fff}});
}

TEST_CASE("tlm DMI: an address whose top byte is ignored is withdrawn by its VA") {
  DmiBoard board;
  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(38, 1));  // TBI0
  constexpr std::uint64_t tagged = 0xa5ULL << 56;
  REQUIRE(board.ask(tagged | 0x10) == read_write);
  CHECK(board.dmi.get_start_address() == tagged);
  CHECK(board.after(0x12 | std::uint64_t{1} << 48, 0x0000) == Ranges{{tagged, tagged | 0xfff}});
}

TEST_CASE("tlm DMI: of more than can be kept the oldest is withdrawn, the same twice is one") {
  tlm_shell::DmiTable table;
  tlm_shell::DmiGrant grant{.last = 0xfff};
  for (std::size_t index = 0; index < tlm_shell::DmiTable::capacity; ++index) {
    grant.first = index << 12;
    grant.last = grant.first | 0xfff;
    CHECK_FALSE(table.add(grant));
    CHECK_FALSE(table.add(grant));
  }
  CHECK(table.size() == tlm_shell::DmiTable::capacity);
  grant.tbu = 1;
  const auto displaced = table.add(grant);
  REQUIRE(displaced.has_value());
  CHECK(displaced->first == 0);
  CHECK(table.size() == tlm_shell::DmiTable::capacity);
}

}  // namespace sidewinder::test
