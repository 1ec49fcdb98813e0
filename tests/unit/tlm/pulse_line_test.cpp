// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/pulse_line.h"

#include <catch2/catch.hpp>

#include "tests/unit/tlm/smmuv3_board.h"

namespace sidewinder::test {
namespace {

using Times = std::vector<sc_core::sc_time>;

/// Remembers when a wire rose, as an edge-triggered input sees it.
struct EdgeInput : sc_core::sc_module {
  sc_core::sc_signal<bool> wire{"wire"};
  Times rose;

  explicit EdgeInput(const sc_core::sc_module_name& name) : sc_module(name) {
    SC_HAS_PROCESS(EdgeInput);
    SC_METHOD(see);
    sensitive << wire.posedge_event();
    dont_initialize();
  }
  void see() { rose.push_back(sc_core::sc_time_stamp()); }
};

struct Wires {
  EdgeInput events{"events"}, syncs{"syncs"}, errors{"errors"}, any{"any"}, woken{"woken"};
  EdgeInput secure_events{"secure_events"}, secure_syncs{"secure_syncs"}, secure_errors{"secure_errors"};

  explicit Wires(tlm_shell::Smmuv3Module& smmu) {
    smmu.event_queue_irq(events.wire);
    smmu.command_sync_irq(syncs.wire);
    smmu.global_error_irq(errors.wire);
    smmu.secure_event_queue_irq(secure_events.wire);
    smmu.secure_command_sync_irq(secure_syncs.wire);
    smmu.secure_global_error_irq(secure_errors.wire);
    smmu.combined_irq(any.wire);
    smmu.wake_up_event(woken.wire);
  }
};

constexpr std::uint64_t sync_irq = 0x46 | 1 << 12, sync_sev = 0x46 | 2 << 12;

}  // namespace

TEST_CASE("tlm interrupts: an edge for each source, and for any") {
  smmuv3::Config config = full();
  config.wake_up_events = true;
  Smmuv3Board board({}, config);
  Wires wires(board.smmu);
  board.start();
  Bytes data(4);
  board.read(0x5000, data);
  board.run(10);
  CHECK(wires.events.rose.size() == 1);
  CHECK_FALSE(wires.events.wire.read());
  board.command(sync_irq);
  board.run(50);
  CHECK(wires.syncs.rose.size() == 1);
  board.command(sync_sev);
  board.run(50);
  CHECK(wires.woken.rose.size() == 1);
  CHECK(wires.any.rose.size() == 2);
  board.command(0xff);  // reserved
  board.run(50);
  CHECK(wires.errors.rose.size() == 1);
  CHECK(wires.any.rose.size() == 3);

  board.smmu.default_register_attributes.secure = true;
  board.set_up(Smmuv3Board::secure);
  board.smmu.default_attributes[0].secure = true;
  board.read(0x5000, data);
  board.run(10);
  CHECK(wires.secure_events.rose.size() == 1);
  CHECK(wires.events.rose.size() == 1);
  CHECK(wires.secure_syncs.rose.empty());
  CHECK(wires.secure_errors.rose.empty());
}

TEST_CASE("tlm interrupts: the edge comes when the transaction has come so far") {
  Smmuv3Board board;
  Wires wires(board.smmu);
  board.start();
  Outstanding& late = board.begin(board.device0, tlm::TLM_READ_COMMAND, 0x5000, 4);
  late.delay = ns(500);
  board.run(499);
  CHECK(late.done);
  CHECK(wires.events.rose.empty());
  board.run(2);
  CHECK(wires.events.rose == Times{ns(500)});
  CHECK(wires.events.wire.read());
  board.run(2);
  CHECK_FALSE(wires.events.wire.read());
}

TEST_CASE("tlm interrupts: what is raised while the wire is high makes one more edge") {
  tlm_shell::Smmuv3Timing timing;
  timing.interrupt_pulse = ns(20);
  Smmuv3Board board(timing);
  Wires wires(board.smmu);
  board.start();
  for (unsigned each = 0; each < 3; ++each) board.command(sync_irq);  // 1 ns each
  board.run(10);
  CHECK(wires.syncs.rose == Times{ns(1)});
  CHECK(board.smmu.core().counters().syncs == 3);
  board.run(200);
  CHECK(wires.syncs.rose == Times{ns(1), ns(41)});
  CHECK_FALSE(wires.syncs.wire.read());
  board.command(sync_irq);
  board.run(100);
  CHECK(wires.syncs.rose == Times{ns(1), ns(41), ns(211)});
}

TEST_CASE("tlm interrupts: wires may stay unbound, and MSIs go out beside them") {
  Smmuv3Board board;
  board.start();
  board.w32(0x50, 0);
  board.w64(0xb0, 0x7000'0040);
  board.w32(0xb8, 0x1234);
  board.w32(0x50, 0x5);
  Bytes data(4);
  CHECK(board.read(0x5000, data) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  board.run(10);
  CHECK(board.word(0x7000'0040) == 0x1234);
  CHECK(board.tables.seen.back() == Target::Seen{0x7000'0040, 4, true});
}

}  // namespace sidewinder::test
