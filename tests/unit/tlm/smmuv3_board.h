// SPDX-License-Identifier: Apache-2.0
//
// An Smmuv3Module between initiators and memories, its structures and tables as the specification's numbers.

#ifndef SIDEWINDER_TESTS_UNIT_TLM_SMMUV3_BOARD_H
#define SIDEWINDER_TESTS_UNIT_TLM_SMMUV3_BOARD_H

#include <cstring>
#include <deque>
#include <optional>
#include <vector>

#include "iommu/tlm/smmuv3_module.h"
#include "models/run_simulation.h"
#include "tests/conformance/smmuv3/bench.h"
#include "tests/support/tlm_ends.h"

namespace sidewinder::test {

inline sc_core::sc_time ns(double value) {
  return {value, sc_core::SC_NS};
}

/// A transaction of a thread of its own.
struct Outstanding {
  Bytes data;
  tlm::tlm_generic_payload payload;
  std::optional<models::AttributesExtension> extension;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  sc_core::sc_time ended = sc_core::SC_ZERO_TIME;
  bool done = false;

  ~Outstanding() {
    if (extension) payload.clear_extension(&*extension);
  }
};

/// Stream 0x42 of TBU 0 and 0x43 of TBU 1 have pages at IOVA 0x0000 (to 0x80005000), 0x1000 (0x80002000,
/// read-only) and 0x2000 (0x80009000), and a block of 2 MiB at 0x40200000 (0x90000000). What else they
/// access faults with a record and an abort.
struct Smmuv3Board {
  static constexpr std::uint64_t stream_table = 0x10'0000, commands = 0x20'0000, events = 0x30'0000;
  static constexpr std::uint64_t cd_at = 0x40'0000, root = 0x50'0000;
  static constexpr std::uint64_t page = 0x743;       ///< AF, Inner Shareable, read-write at EL0, AttrIndx 0
  static constexpr std::uint64_t read_only = 0x7c3;  ///< the same without writes
  static constexpr std::uint32_t secure = 0x8000;    ///< distance of the Secure registers

  Initiator host{"host"};
  Initiator device0{"device0"};
  Initiator device1{"device1"};
  tlm_shell::Smmuv3Module smmu;
  Target out0{"out0"};
  Target out1{"out1"};
  Target tables{"tables"};
  tlm::tlm_generic_payload payload;
  sc_core::sc_time delay;  ///< of the last transaction
  std::deque<Outstanding> outstanding;

  explicit Smmuv3Board(const tlm_shell::Smmuv3Timing& timing = {}, const smmuv3::Config& config = full())
      : smmu("smmu", config, 2, timing) {
    host.socket.bind(smmu.regs);
    device0.socket.bind(smmu.client[0]);
    device1.socket.bind(smmu.client[1]);
    smmu.out[0].bind(out0.socket);
    smmu.out[1].bind(out1.socket);
    smmu.walk.bind(tables.socket);
    smmu.default_attributes[0].stream_id = 0x42;
    smmu.default_attributes[1].stream_id = 0x43;
  }

  /// After elaboration: writes structures and tables, and programs the SMMU.
  void start() {
    models::run_simulation(sc_core::SC_ZERO_TIME);
    put(stream_table + 64 * 0x42, stage1_ste(cd_at));
    put(stream_table + 64 * 0x43, stage1_ste(cd_at));
    put(cd_at, cd(root));
    tables.put64(root, (root + 0x1000) | 3);
    tables.put64(root + 0x1000, (root + 0x2000) | 3);
    map(0x0000, 0x8000'5000 | page);
    map(0x1000, 0x8000'2000 | read_only);
    map(0x2000, 0x8000'9000 | page);
    tables.put64(root + 8, (root + 0x3000) | 3);
    tables.put64(root + 0x3000 + 8, 0x9000'0000 | (page & ~std::uint64_t{2}));
    set_up(0);
  }
  void set_up(std::uint64_t regs) {
    w64(regs + 0x80, stream_table);
    w32(regs + 0x88, 8);
    w64(regs + 0x90, commands | 4);
    w64(regs + 0xa0, events | 4);
    w32(regs + 0x28, 0x0d75);
    w32(regs + 0x2c, 0x2);
    w32(regs + 0x50, 0x5);
    w32(regs + 0x20, 0xd);
  }

  void put(std::uint64_t address, const Structure& structure) {
    for (unsigned word = 0; word < 8; ++word) tables.put64(address + 8 * word, structure.words[word]);
  }
  /// The level 3 descriptor of an IOVA below 2 MiB.
  void map(std::uint64_t iova, std::uint64_t descriptor) {
    tables.put64(root + 0x2000 + 8 * (iova >> 12), descriptor);
  }
  std::uint64_t word(std::uint64_t address) {
    std::uint64_t value = 0;
    for (unsigned i = 8; i-- != 0;) value = value << 8 | tables.bytes[address + i];
    return value;
  }

  tlm::tlm_response_status access(tlm::tlm_command command, std::uint64_t offset, Bytes& data) {
    prepare(payload, command, offset, data);
    host.send(payload);
    return payload.get_response_status();
  }
  void w32(std::uint64_t offset, std::uint32_t value) {
    Bytes data(4);
    std::memcpy(data.data(), &value, 4);
    access(tlm::TLM_WRITE_COMMAND, offset, data);
  }
  void w64(std::uint64_t offset, std::uint64_t value) {
    Bytes data(8);
    std::memcpy(data.data(), &value, 8);
    access(tlm::TLM_WRITE_COMMAND, offset, data);
  }
  std::uint64_t reg(std::uint64_t offset, unsigned size = 4) {
    Bytes data(size);
    access(tlm::TLM_READ_COMMAND, offset, data);
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), size);
    return value;
  }

  /// Puts a command at PROD and rings the doorbell.
  void command(std::uint64_t low, std::uint64_t high = 0) {
    const std::uint64_t prod = reg(0x98);
    tables.put64(commands + 16 * (prod & 0xf), low);
    tables.put64(commands + 16 * (prod & 0xf) + 8, high);
    w32(0x98, static_cast<std::uint32_t>((prod + 1) & 0x1f));
  }
  /// CMD_RESUME of the stalled transaction of event `index`: `action` is Ac in bit 0 and Ab in bit 1.
  void resume(unsigned index, std::uint64_t action) {
    command(0x44 | action << 12 | (event(index, 0) & 0xffff'ffff'0000'0000), event(index, 1) & 0xffff);
  }
  std::uint64_t event(unsigned index, unsigned which) { return word(events + 32 * index + 8 * which); }
  /// Records written, below 16.
  std::uint64_t recorded() { return reg(0x100a8) & 0x1f; }

  /// Checks that the payload is afterwards as it was, but for its response.
  tlm::tlm_response_status send(Initiator& device, tlm::tlm_command command, std::uint64_t address,
                                Bytes& data);
  tlm::tlm_response_status read(std::uint64_t address, Bytes& data) {
    return send(device0, tlm::TLM_READ_COMMAND, address, data);
  }
  tlm::tlm_response_status write(std::uint64_t address, Bytes& data) {
    return send(device0, tlm::TLM_WRITE_COMMAND, address, data);
  }

  /// Sends from a thread of its own, as soon as the simulation goes on.
  Outstanding& begin(Initiator& device, tlm::tlm_command command, std::uint64_t address, std::size_t length,
                     std::optional<models::AccessAttributes> attributes = {});
  static void run(double nanoseconds) { models::run_simulation(ns(nanoseconds)); }
};

}  // namespace sidewinder::test

#endif
