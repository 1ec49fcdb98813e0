// SPDX-License-Identifier: Apache-2.0
//
// A platform with an SMMUv3: a CPU, a device behind the SMMU, and a memory. The CPU programs the SMMU by
// hand; the device's first write is translated, its second faults, and its third stalls until the CPU has
// mapped the page. Numbers are those of IHI 0070 (structures, commands, registers) and of VMSAv8-64 (tables).

#include <tlm_utils/simple_initiator_socket.h>
#include <cstdint>
#include <cstdio>
#include <systemc>
#include <tlm>

#include "iommu/tlm/smmuv3_module.h"
#include "models/bus.h"
#include "models/memory.h"

namespace {

using namespace sidewinder;

constexpr std::uint64_t smmu_base = 0x4000'0000;
constexpr std::uint64_t stream_table = 0x1'0000, context = 0x2'0000, commands = 0x3'0000, events = 0x4'0000;
constexpr std::uint64_t table1 = 0x10'0000, table2 = 0x10'1000, table3 = 0x10'2000;  // 39 bits of 4 KiB pages
constexpr std::uint64_t page = 0x743;                                                // read-write, accessed
constexpr std::uint32_t stream = 5;

struct Initiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiator> socket{"socket"};

  explicit Initiator(const sc_core::sc_module_name& name) : sc_module(name) {}

  template <typename Word>
  tlm::tlm_response_status access(tlm::tlm_command command, std::uint64_t address, Word& word) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(&word));
    payload.set_data_length(sizeof word);
    payload.set_streaming_width(sizeof word);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload, delay);
    wait(delay);
    return payload.get_response_status();
  }
};

struct Cpu : Initiator {
  sc_core::sc_in<bool> event_irq{"event_irq"};
  sc_core::sc_event ready;
  unsigned handled = 0;

  explicit Cpu(const sc_core::sc_module_name& name) : Initiator(name) {
    SC_HAS_PROCESS(Cpu);
    SC_THREAD(run);
  }

  void write64(std::uint64_t address, std::uint64_t value) { access(tlm::TLM_WRITE_COMMAND, address, value); }
  void write32(std::uint64_t address, std::uint32_t value) { access(tlm::TLM_WRITE_COMMAND, address, value); }
  std::uint64_t read64(std::uint64_t address) {
    std::uint64_t value = 0;
    access(tlm::TLM_READ_COMMAND, address, value);
    return value;
  }

  void set_context(bool stall) {  // V, AA64, ASID 1, T0SZ 25, TTB1 off, 48-bit addresses; R, A; S
    write64(context, 0x0001'6205'c000'3519 | (stall ? std::uint64_t{1} << 44 : 0));
    write64(context + 8, table1);
    write64(context + 24, 0xff);  // MAIR: attribute 0 is Normal Write-Back
  }

  void command(std::uint64_t low, std::uint64_t high) {
    const auto prod = static_cast<std::uint32_t>(read64(smmu_base + 0x98));
    write64(commands + 16 * (prod & 15), low);
    write64(commands + 16 * (prod & 15) + 8, high);
    write32(smmu_base + 0x98, (prod + 1) & 31);
  }

  void run() {
    write64(table1, table2 | 3);
    write64(table2, table3 | 3);
    write64(table3 + 8 * 1, 0x20'5000 | page);
    set_context(false);
    write64(stream_table + 64 * stream, context | 5 << 1 | 1);                // stage 1 alone, V
    write64(stream_table + 64 * stream + 8, std::uint64_t{1} << (108 - 64));  // SHCFG: as it comes in
    write64(smmu_base + 0x80, stream_table);
    write32(smmu_base + 0x88, 8);  // 256 STEs
    write64(smmu_base + 0x90, commands | 4);
    write64(smmu_base + 0xa0, events | 4);
    write32(smmu_base + 0x28, 0x0d75);  // CR1: Write-Back, Inner Shareable
    write32(smmu_base + 0x50, 0x4);     // IRQ_CTRL.EVENTQ_IRQEN
    write32(smmu_base + 0x20, 0xd);     // CR0: SMMUEN, EVENTQEN, CMDQEN
    ready.notify();
    for (;;) {
      wait(event_irq.posedge_event());
      handle(events + 32 * handled);
      write32(smmu_base + 0x1'00ac, ++handled);  // EVENTQ_CONS
    }
  }

  void handle(std::uint64_t record) {
    const std::uint64_t first = read64(record), second = read64(record + 8), address = read64(record + 16);
    std::printf("event 0x%02x of stream %u at 0x%llx\n", static_cast<unsigned>(first & 0xff),
                static_cast<unsigned>(first >> 32), static_cast<unsigned long long>(address));
    if ((second >> 31 & 1) == 0) {  // from now on faults stall
      set_context(true);
      command(0x05 | first >> 32 << 32, 0);  // CMD_CFGI_CD
      command(0x46, 0);                      // CMD_SYNC
      return;
    }
    write64(table3 + 8 * (address >> 12), 0x20'6000 | page);
    command(0x44 | 1 << 12 | first >> 32 << 32, second & 0xffff);  // CMD_RESUME, retry
  }
};

struct Device : Initiator {
  sc_core::sc_event& ready;
  bool good = true;

  Device(const sc_core::sc_module_name& name, sc_core::sc_event& start) : Initiator(name), ready(start) {
    SC_HAS_PROCESS(Device);
    SC_THREAD(run);
  }

  void write(std::uint64_t iova, std::uint32_t value, tlm::tlm_response_status expected) {
    const tlm::tlm_response_status status = access(tlm::TLM_WRITE_COMMAND, iova, value);
    std::printf("write to 0x%llx: %s\n", static_cast<unsigned long long>(iova),
                status == tlm::TLM_OK_RESPONSE ? "done" : "aborted");
    good = good && status == expected;
  }
  void run() {
    wait(ready);
    write(0x1010, 0x1111, tlm::TLM_OK_RESPONSE);
    write(0x2010, 0x2222, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    wait(1, sc_core::SC_US);  // the CPU's handler
    write(0x3010, 0x3333, tlm::TLM_OK_RESPONSE);
  }
};

}  // namespace

int sc_main(int /*argc*/, char** /*argv*/) {
  Cpu cpu("cpu");
  Device device("device", cpu.ready);
  models::Bus bus("bus");
  models::Memory memory("memory", 0x1000'0000, sc_core::sc_time(20, sc_core::SC_NS));
  tlm_shell::Smmuv3Module smmu("smmu", smmuv3::Config{}, 1);
  sc_core::sc_signal<bool> event_irq("event_irq");

  cpu.socket.bind(bus.in);
  smmu.walk.bind(bus.in);
  smmu.out[0].bind(bus.in);
  bus.map(memory.in, 0, 0x1000'0000);
  bus.map(smmu.regs, smmu_base, smmuv3::Smmu::frame_size);
  device.socket.bind(smmu.client[0]);
  smmu.default_attributes[0].stream_id = stream;
  smmu.event_queue_irq(event_irq);
  cpu.event_irq(event_irq);

  sc_core::sc_start(10, sc_core::SC_US);
  std::uint32_t arrived[2] = {};  // where the pages went, as a debugger sees it
  tlm::tlm_generic_payload payload;
  payload.set_read();
  payload.set_data_length(4);
  for (unsigned index = 0; index < 2; ++index) {
    payload.set_address(index == 0 ? 0x1010 : 0x3010);
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(&arrived[index]));
    payload.set_streaming_width(4);
    device.socket->transport_dbg(payload);
  }
  std::printf("in memory: 0x%x 0x%x\n", arrived[0], arrived[1]);
  return device.good && cpu.handled == 2 && arrived[0] == 0x1111 && arrived[1] == 0x3333 ? 0 : 1;
}
