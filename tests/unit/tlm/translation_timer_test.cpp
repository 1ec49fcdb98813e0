// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/translation_timer.h"

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

using Time = sc_core::sc_time;

/// Streams 0x44 of both TBUs walk four levels, of 10 ns each, to the pages of the board.
struct TimedBoard : Smmuv3Board {
  static constexpr std::uint64_t root0 = 0x70'0000;
  Bytes word = Bytes(4);

  explicit TimedBoard(const tlm_shell::Smmuv3Timing& timing) : Smmuv3Board(timing) {
    start();
    put(stream_table + 64 * 0x44, stage1_ste(cd_at + 0x1000));
    put(cd_at + 0x1000, cd(root0, 2).replace(5, 0, 16));
    tables.put64(root0, root | 3);
    for (std::uint64_t page_at = 3; page_at < 16; ++page_at)
      map(page_at << 12, (0x8001'0000 + (page_at << 12)) | page);
    for (auto& attributes : smmu.default_attributes) attributes.stream_id = 0x44;
    read(0, word);  // the configuration is cached
    command(0x10);  // CMD_TLBI_NH_ALL
    run(1000);
    tables.latency = ns(10);
  }

  Time time(Initiator& device, std::uint64_t address) {
    send(device, tlm::TLM_READ_COMMAND, address, word);
    return delay;
  }
  /// Alone: everything has come to rest.
  Time alone(Initiator& device, std::uint64_t address) {
    run(1000);
    return time(device, address);
  }
  /// With walk caches filled.
  void warm() { alone(device0, 0x0000), run(1000); }
};

tlm_shell::Smmuv3Timing one_walk_slot() {
  tlm_shell::Smmuv3Timing timing = tlm_shell::gem5_timing();
  timing.walk_slots = 1;
  return timing;
}

}  // namespace

TEST_CASE("tlm time: gem5's four uncontended numbers") {
  TimedBoard board(tlm_shell::gem5_timing());
  CHECK(board.alone(board.device0, 0x0000) == ns(46 + 4 * 10));
  CHECK(board.alone(board.device0, 0x0010) == ns(3));
  CHECK(board.alone(board.device1, 0x0000) == ns(6));
  CHECK(board.alone(board.device0, 0x3000) == ns(32 + 10));
}

TEST_CASE("tlm time: the same without contention, whatever comes at once") {
  TimedBoard board({});
  board.run(1000);
  CHECK(board.time(board.device0, 0x0000) == ns(46 + 4 * 10));
  CHECK(board.time(board.device0, 0x0010) == ns(3));
  CHECK(board.time(board.device1, 0x0000) == ns(6));
  CHECK(board.time(board.device0, 0x3000) == ns(32 + 10));
  CHECK(board.smmu.statistics().walk_slots.waited == 0);
}

TEST_CASE("tlm time: two streams contend for one walk slot") {
  TimedBoard board(one_walk_slot());
  board.smmu.default_attributes[1].stream_id = 0x43;
  board.warm();
  board.alone(board.device1, 0x5000);
  board.run(1000);
  const auto before = board.smmu.statistics().walk_slots;
  CHECK(board.time(board.device0, 0x3000) == ns(32 + 10));
  // One behind the other on the link, and then as long as the first one walks: 1 + 4 + 2 and the memory.
  CHECK(board.time(board.device1, 0x4000) == ns(32 + 10 + 17));
  const auto after = board.smmu.statistics().walk_slots;
  CHECK(after.uses - before.uses == 2);
  CHECK(after.waited - before.waited == 1);
  CHECK(after.queueing - before.queueing == ns(16));
}

TEST_CASE("tlm time: with slots enough they wait for the link alone") {
  TimedBoard board(tlm_shell::gem5_timing());
  board.warm();
  CHECK(board.time(board.device0, 0x3000) == ns(32 + 10));
  CHECK(board.time(board.device1, 0x4000) == ns(32 + 10 + 1));
  const auto statistics = board.smmu.statistics();
  CHECK(statistics.link_there.waited == 1);
  CHECK(statistics.link_there.queueing == ns(1));
  CHECK(statistics.walk_slots.waited == 0);
}

TEST_CASE("tlm time: a hit passes a walk that came before it") {
  TimedBoard board(one_walk_slot());
  board.warm();
  CHECK(board.time(board.device0, 0x3000) == ns(32 + 10));
  CHECK(board.time(board.device0, 0x0000) == ns(4));  // the port alone
  CHECK(board.smmu.statistics().tbus[0].client_port.waited == 1);
}

TEST_CASE("tlm time: what comes to a TBU waits for one of its slots") {
  tlm_shell::Smmuv3Timing timing = tlm_shell::gem5_timing();
  timing.tbu_slots = 1;
  TimedBoard board(timing);
  board.warm();
  CHECK(board.time(board.device0, 0x3000) == ns(42));
  CHECK(board.time(board.device0, 0x0000) == ns(42 + 3));
  CHECK(board.time(board.device1, 0x0000) == ns(6));
  CHECK(board.smmu.statistics().tbus[0].slots.queueing == ns(42));
  CHECK(board.smmu.statistics().tbus[1].slots.waited == 0);
}

TEST_CASE("tlm time: a write waits for room in the write buffer, a read does not") {
  tlm_shell::Smmuv3Timing timing = tlm_shell::gem5_timing();
  timing.write_buffer_beats = 4;
  TimedBoard board(timing);
  board.warm();
  Bytes beats(48);
  board.write(0x3000, beats);  // 3 beats in, 3 out
  CHECK(board.delay == ns(32 + 10 + 4));
  board.write(0x0000, beats);
  CHECK(board.delay == ns(46 + 3 + 1 + 3));
  CHECK(board.smmu.statistics().tbus[0].write_buffer.waited == 1);
  CHECK(board.time(board.device0, 0x0000) <= ns(10));
}

TEST_CASE("tlm time: TLB misses wait for a translation slot") {
  tlm_shell::Smmuv3Timing timing = tlm_shell::gem5_timing();
  timing.translation_slots = 1;
  TimedBoard board(timing);
  board.warm();
  CHECK(board.time(board.device0, 0x3000) == ns(42));
  CHECK(board.time(board.device1, 0x4000) == ns(42 + 36));  // from the link there to the link back
  CHECK(board.smmu.statistics().translation_slots.queueing == ns(36));
}

TEST_CASE("tlm time: untimed, only memory takes time") {
  tlm_shell::Smmuv3Timing timing = tlm_shell::untimed();
  TimedBoard board(timing);
  CHECK(board.alone(board.device0, 0x0000) == ns(4 * 10));
  CHECK(board.alone(board.device0, 0x0010) == ns(0));
}

TEST_CASE("tlm time: each latency is a parameter, and in each access as often as it should be") {
  using tlm_shell::Smmuv3Timing;
  struct Expected {
    Time Smmuv3Timing::*parameter;
    unsigned cold, next, micro, main;  ///< how often it is in the four
  };
  Smmuv3Timing timing = tlm_shell::untimed();
  constexpr std::array<unsigned, 10> weights{1, 10, 100, 1000, 10000, 2, 20, 200, 2000, 20000};
  const std::array<Expected, 10> all{{{&Smmuv3Timing::client_port, 1, 1, 1, 1},
                                      {&Smmuv3Timing::micro_tlb, 1, 1, 1, 1},
                                      {&Smmuv3Timing::main_tlb, 1, 1, 0, 1},
                                      {&Smmuv3Timing::link_there, 1, 1, 0, 0},
                                      {&Smmuv3Timing::configuration_cache, 1, 1, 0, 0},
                                      {&Smmuv3Timing::walk_start, 1, 1, 0, 0},
                                      {&Smmuv3Timing::walk_cache, 3, 1, 0, 0},
                                      {&Smmuv3Timing::memory_access, 4, 1, 0, 0},
                                      {&Smmuv3Timing::link_back, 1, 1, 0, 0},
                                      {&Smmuv3Timing::out_port, 1, 1, 1, 1}}};
  std::array<unsigned, 4> sum{};
  for (std::size_t index = 0; index < all.size(); ++index) {
    timing.*all[index].parameter = ns(weights[index]);
    sum[0] += weights[index] * all[index].cold;
    sum[1] += weights[index] * all[index].next;
    sum[2] += weights[index] * all[index].micro;
    sum[3] += weights[index] * all[index].main;
  }
  TimedBoard board(timing);
  CHECK(board.alone(board.device0, 0x0000) == ns(sum[0] + 40));
  CHECK(board.alone(board.device0, 0x3000) == ns(sum[1] + 10));
  CHECK(board.alone(board.device0, 0x0000) == ns(sum[2]));
  CHECK(board.alone(board.device1, 0x0000) == ns(sum[3]));
}

TEST_CASE(
    "tlm statistics: lookups, hits, occupancy, walks by level, latencies, faults, invalidations, stalls") {
  TimedBoard board({});
  const auto before = board.smmu.statistics();
  board.alone(board.device0, 0x0000);     // 86 ns, from level 0
  board.alone(board.device0, 0x3000);     // 42 ns, from level 3
  board.alone(board.device0, 0x0000);     // 3 ns
  board.alone(board.device1, 0x0000);     // 6 ns
  board.alone(board.device0, 0x1f'0000);  // nothing is mapped there
  Bytes data(4);
  board.write(0x3000, data);
  auto after = board.smmu.statistics();
  CHECK(after.tbus[0].reads - before.tbus[0].reads == 4);
  CHECK(after.tbus[0].writes - before.tbus[0].writes == 1);
  CHECK(after.tbus[1].reads == 1);
  CHECK(after.tbus[0].micro_tlb.counts.lookups - before.tbus[0].micro_tlb.counts.lookups == 5);
  CHECK(after.tbus[0].micro_tlb.counts.hits - before.tbus[0].micro_tlb.counts.hits == 2);
  CHECK(after.tbus[0].micro_tlb.occupancy == 2);
  CHECK(after.tbus[1].micro_tlb.occupancy == 1);
  CHECK(after.main_tlb.counts.hits - before.main_tlb.counts.hits == 1);
  CHECK(after.main_tlb.occupancy == 2);
  CHECK(after.configuration_cache.occupancy == 1);
  CHECK(after.stage1_walk_cache[3].occupancy == 1);
  CHECK(after.stage1_walks_from[0] - before.stage1_walks_from[0] == 1);
  CHECK(after.stage1_walks_from[3] - before.stage1_walks_from[3] == 2);
  CHECK(after.descriptors_read - before.descriptors_read == 6);
  CHECK(after.structures_read == 2);
  CHECK(after.tbus[0].translation.counts()[2] == 2);  // 2 to 4 ns: the hit, and the write
  CHECK(after.tbus[0].translation.counts()[6] - before.tbus[0].translation.counts()[6] == 2);
  CHECK(after.tbus[0].translation.counts()[7] - before.tbus[0].translation.counts()[7] == 1);
  CHECK(after.tbus[0].translation.longest() == ns(86));
  CHECK(after.tbus[1].translation.total() == ns(6));
  CHECK(after.walks.longest() == ns(1 + 3 * 4 + 4 * 12));
  CHECK(after.faults[static_cast<std::size_t>(arch::FaultKind::Translation)] == 1);
  CHECK(after.counters.invalidations == 1);
  CHECK(after.counters.events == 1);
  CHECK(after.translations.walks - before.translations.walks == 3);
  CHECK(after.invalidating == ns(1));
  CHECK(after.tbus[0].client_port.busy - before.tbus[0].client_port.busy == ns(5));

  board.put(Smmuv3Board::cd_at + 0x1000, cd(TimedBoard::root0, 2).replace(5, 0, 16).put(44, 1));
  board.command(0x03 | std::uint64_t{0x44} << 32);
  board.run(100);
  board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x1f'0000, 4);
  board.run(500);
  board.resume(1, 2);
  board.run(100);
  after = board.smmu.statistics();
  CHECK(after.tbus[0].stalled == 0);
  CHECK(after.tbus[0].most_stalled == 1);
  CHECK(after.stalled > ns(500));
  CHECK(after.stalled < ns(600));
  CHECK(after.counters.stalls == 1);
}

TEST_CASE("tlm statistics: tables of stage 2 that are cached, walks from them, and descriptors updated") {
  Smmuv3Board board;
  board.start();
  constexpr std::uint64_t root2 = 0x60'0000, stage2_page = 0x7ff, dbm = std::uint64_t{1} << 51;
  board.put(Smmuv3Board::stream_table + 64 * 0x42, stage2_ste(root2));
  board.tables.put64(root2, (root2 + 0x1000) | 3);
  board.tables.put64(root2 + 0x1000, (root2 + 0x2000) | 3);
  board.tables.put64(root2 + 0x2000, 0x8000'3000 | stage2_page);
  board.tables.put64(root2 + 0x2008, 0x8000'4000 | stage2_page);
  Bytes data(4);
  board.read(0x0000, data);
  board.read(0x1000, data);
  auto after = board.smmu.statistics();
  CHECK(after.stage2_walk_cache[2].occupancy == 1);
  CHECK(after.stage2_walk_cache[3].occupancy == 1);
  CHECK(after.stage2_walk_cache[3].counts.hits == 1);
  CHECK(after.stage1_walk_cache[3].occupancy == 0);
  CHECK(after.stage2_walks_from[1] == 1);
  CHECK(after.stage2_walks_from[3] == 1);
  CHECK(after.descriptors_updated == 0);

  board.put(Smmuv3Board::cd_at, cd(Smmuv3Board::root).put(42, 1).put(43, 1));  // HD and HA
  board.map(0x0000, 0x8000'5000 | Smmuv3Board::read_only | dbm);
  board.send(board.device1, tlm::TLM_READ_COMMAND, 0x0000, data);
  CHECK(board.smmu.statistics().descriptors_updated == 0);
  board.send(board.device1, tlm::TLM_WRITE_COMMAND, 0x0000, data);
  CHECK(board.smmu.statistics().descriptors_updated == 1);
}

}  // namespace sidewinder::test
