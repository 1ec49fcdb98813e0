// SPDX-License-Identifier: Apache-2.0
//
// Queues, overflows and global errors against a plain model of them, whatever devices send and software does.

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <deque>
#include <vector>

#include "tests/conformance/smmuv3/ats_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::size_t entries = 16;
constexpr std::uint32_t cmdq_err = 1 << 0, eventq_abt_err = 1 << 2, priq_abt_err = 1 << 3;

/// What an output queue holds, by what tells its records apart.
struct ModelQueue {
  std::deque<std::uint64_t> records;
  std::uint32_t written = 0;  ///< in all
  bool overflow = false;      ///< OVFLG
  bool acknowledged = false;  ///< OVACKFLG

  [[nodiscard]] bool full() const { return records.size() == entries; }
};

struct Model {
  ModelQueue events, pages;
  std::uint32_t gerror = 0, gerrorn = 0;
  bool events_on = true, pages_on = true;
  bool events_abort = false, pages_abort = false;
  std::deque<bool> commands;  ///< legal or not
  std::uint32_t consumed = 0;

  [[nodiscard]] bool active(std::uint32_t error) const { return ((gerror ^ gerrorn) & error) != 0; }
  void raise(std::uint32_t error) {
    if (!active(error)) gerror ^= error;
  }

  /// §7.2, §7.4: an active overflow does not keep events out that there is room for.
  void event(std::uint64_t record) {
    if (!events_on || active(eventq_abt_err)) return;
    if (events.full()) {
      if (events.overflow == events.acknowledged) events.overflow = !events.overflow;
    } else if (events_abort) {
      raise(eventq_abt_err);
    } else {
      events.records.push_back(record);
      ++events.written;
    }
  }
  /// §8.1: of the PRI queue it does.
  void page(std::uint64_t record) {
    if (!pages_on || active(priq_abt_err)) return;
    const bool inhibited = pages.overflow != pages.acknowledged;
    if (inhibited || pages.full()) {
      if (!inhibited) pages.overflow = !pages.overflow;
    } else if (pages_abort) {
      raise(priq_abt_err);
    } else {
      pages.records.push_back(record);
      ++pages.written;
    }
  }
  void run_commands() {
    while (!commands.empty() && !active(cmdq_err)) {
      if (!commands.front()) return raise(cmdq_err);
      commands.pop_front();
      ++consumed;
    }
  }
};

class Machine {
 public:
  Machine() {
    bench_.set_ste(3, stage1_ste(AtsBench::cd_at));
    bench_.set_cd(AtsBench::cd_at, cd(AtsBench::root));
  }

  void step(unsigned kind, unsigned value) {
    if (kind < 12) {  // a transaction that faults
      bench_.read(3, 0x1000 * ++serial_);
      model_.event(0x1000 * serial_);
    } else if (kind < 24) {
      bench_.smmu.page_request(
          {.address = 0x1000 * ++serial_, .stream_id = 3, .last = (value & 1) != 0, .read = true});
      model_.page(0x1000 * serial_);
    } else if (kind == 24) {
      consume(model_.events, AtsBench::events + 16, 32, 0x100ac, value);
    } else if (kind == 25) {
      consume(model_.pages, AtsBench::pages + 8, 16, 0x100cc, value);
    } else if (kind == 26) {
      switch_queues(value);
    } else if (kind == 27) {
      switch_aborts(value);
    } else if (kind == 28) {  // acknowledges some of what is active
      model_.gerrorn ^= (model_.gerror ^ model_.gerrorn) & value;
      bench_.w32(0x64, model_.gerrorn);
      bench_.run();
      model_.run_commands();
    } else {
      command((value & 7) != 0);
    }
  }

  [[nodiscard]] bool overflowed() const { return overflowed_; }
  [[nodiscard]] bool erred() const { return erred_; }

  void check() {
    overflowed_ = overflowed_ || (model_.events.overflow && model_.pages.overflow);
    erred_ = erred_ || (model_.gerror & eventq_abt_err) != 0;
    RC_ASSERT(bench_.r32(0x60) == model_.gerror);
    RC_ASSERT(bench_.r32(0x20) == bench_.r32(0x24));
    RC_ASSERT((bench_.r32(0x9c) & 0xfffff) == model_.consumed % (2 * entries));
    RC_ASSERT((bench_.r32(0x9c) >> 24 != 0) == error_seen_);
    check(model_.events, 0x100a8);
    check(model_.pages, 0x100c8);
  }

 private:
  void check(const ModelQueue& queue, std::uint64_t prod) const {
    RC_ASSERT(bench_.r32(prod) == (queue.written % (2 * entries) | (queue.overflow ? 0x8000'0000 : 0)));
  }

  /// Software reads up to `most` records, and acknowledges an overflow with the bit above.
  void consume(ModelQueue& queue, std::uint64_t key_at, unsigned record_bytes, std::uint64_t cons,
               unsigned most) {
    for (unsigned n = 0; n < (most & 0xf) && !queue.records.empty(); ++n) {
      const std::uint64_t read = queue.written - queue.records.size();
      RC_ASSERT(bench_.memory.words[key_at + record_bytes * (read % entries)] == queue.records.front());
      queue.records.pop_front();
    }
    if ((most & 0x10) != 0) queue.acknowledged = queue.overflow;
    const std::uint32_t read = queue.written - static_cast<std::uint32_t>(queue.records.size());
    bench_.w32(cons, read % (2 * entries) | (queue.acknowledged ? 0x8000'0000 : 0));
  }

  void switch_queues(unsigned value) {
    model_.events_on = (value & 3) != 0;
    model_.pages_on = (value & 12) != 0;
    bench_.w32(0x20, 0x19 | (model_.events_on ? 4U : 0) | (model_.pages_on ? 2U : 0));
  }

  void switch_aborts(unsigned value) {
    model_.events_abort = (value & 7) == 0;
    model_.pages_abort = (value & 24) == 24;
    bench_.memory.aborting.clear();
    for (unsigned entry = 0; entry < entries; ++entry) {
      if (model_.events_abort) bench_.memory.aborting.insert(AtsBench::events + 32 * entry);
      if (model_.pages_abort) bench_.memory.aborting.insert(AtsBench::pages + 16 * entry);
    }
  }

  void command(bool legal) {
    if (model_.commands.size() == entries) return;
    bench_.command(legal ? 0x46 : 0x00);
    model_.commands.push_back(legal);
    model_.run_commands();
    error_seen_ = error_seen_ || model_.active(cmdq_err);
    if (!model_.active(cmdq_err)) return;
    // Mended in place: what is fetched again is another command.
    if (serial_ % 2 == 0) {
      bench_.memory.words[AtsBench::commands + 16 * (model_.consumed % entries)] = 0x46;
      model_.commands.front() = true;
    }
  }

  AtsBench bench_;
  Model model_;
  std::uint64_t serial_ = 0;
  bool error_seen_ = false;
  bool overflowed_ = false;
  bool erred_ = false;
};

}  // namespace

TEST_CASE("IHI 0070 chapters 7 and 8: queues, overflows and errors are as a plain model has them") {
  unsigned overflows = 0, errors = 0;
  const auto property = [&] {
    Machine machine;
    const auto steps = *rc::gen::container<std::vector<std::pair<unsigned, unsigned>>>(
        *rc::gen::inRange<std::size_t>(0, 300),
        rc::gen::pair(rc::gen::resize(100, rc::gen::inRange(0U, 32U)),
                      rc::gen::resize(100, rc::gen::inRange(0U, 32U))));
    for (const auto& [kind, value] : steps) {
      machine.step(kind, value);
      machine.check();
    }
    overflows += machine.overflowed();
    errors += machine.erred();
  };
  setenv("RC_PARAMS", "seed=20261123 max_success=1000", 0);  // what is tried is the same every time
  const rc::detail::TestResult result = rc::detail::checkTestable(property);
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  INFO(text.str());
  CHECK(result.is<rc::detail::SuccessResult>());
  CHECK(overflows > 100);
  CHECK(errors > 100);
}

}  // namespace sidewinder::test
