// SPDX-License-Identifier: Apache-2.0
//
// An Smmuv2Module between initiators and memories that remember what they saw.

#ifndef SIDEWINDER_TESTS_UNIT_TLM_BOARD_H
#define SIDEWINDER_TESTS_UNIT_TLM_BOARD_H

#include <cstring>
#include <vector>

#include "iommu/tlm/smmuv2_module.h"
#include "models/run_simulation.h"
#include "tests/support/tlm_ends.h"

namespace sidewinder::test {

/// Two TBUs. StreamID 0x42 goes to bank 3, whose pages 0, 1, 2 lie at 0x80005000, 0x80002000 (read-only)
/// and 0x80009000.
struct Board {
  Initiator host{"host"};
  Initiator device0{"device0"};
  Initiator device1{"device1"};
  tlm_shell::Smmuv2Module smmu;
  Target out0{"out0"};
  Target out1{"out1"};
  Target tables{"tables"};
  sc_core::sc_signal<bool> global_line{"global_line"};
  sc_core::sc_signal<bool> bank_line{"bank_line"};
  tlm::tlm_generic_payload payload;
  sc_core::sc_time delay;  ///< of the last transaction

  static smmuv2::Config config() {
    smmuv2::Config made;
    made.tbus = 2;
    return made;
  }

  explicit Board(const tlm_shell::Smmuv2Timing& timing = {}, bool bind_lines = true)
      : smmu("smmu", config(), timing) {
    host.socket.bind(smmu.regs);
    device0.socket.bind(smmu.client[0]);
    device1.socket.bind(smmu.client[1]);
    smmu.out[0].bind(out0.socket);
    smmu.out[1].bind(out1.socket);
    smmu.walk.bind(tables.socket);
    if (bind_lines) {
      smmu.global_interrupt_line(global_line);
      smmu.context_interrupt_line[3](bank_line);
    }
    models::run_simulation(sc_core::SC_ZERO_TIME);
    smmu.default_attributes.stream_id = 0x42;
    tables.put64(0x10000, 0x11003);
    tables.put64(0x11000, 0x12003);
    tables.put64(0x12000, 0x8000'5743);
    tables.put64(0x12008, 0x8000'27c3);
    tables.put64(0x12010, 0x8000'9743);
    w32(0x000, 0x406);
    w32(0x80c, 0x8000'0042);
    w32(0xc0c, 3);
    w32(0x100c, 0x0001'0000);
    w32(0x83030, 0x0080'0019);
    w32(0x83010, 0x0003'8011);
    w32(0x83020, 0x10000);
    w32(0x83000, 0x61);
  }

  void w32(std::uint64_t offset, std::uint32_t value) {
    Bytes data(4);
    std::memcpy(data.data(), &value, 4);
    prepare(payload, tlm::TLM_WRITE_COMMAND, offset, data);
    host.send(payload);
  }
  std::uint64_t reg(std::uint64_t offset, unsigned size = 4) {
    Bytes data(size);
    prepare(payload, tlm::TLM_READ_COMMAND, offset, data);
    host.send(payload);
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), size);
    return value;
  }

  /// Checks that the payload is afterwards as it was, but for its response.
  tlm::tlm_response_status send(Initiator& device, tlm::tlm_command command, std::uint64_t address,
                                Bytes& data);
  tlm::tlm_response_status read(std::uint64_t address, Bytes& data) {
    return send(device0, tlm::TLM_READ_COMMAND, address, data);
  }
  tlm::tlm_response_status write(std::uint64_t address, Bytes& data) {
    return send(device0, tlm::TLM_WRITE_COMMAND, address, data);
  }
};

}  // namespace sidewinder::test

#endif
