// SPDX-License-Identifier: Apache-2.0
//
// The least board a VPU and its driver run on: memory at its own address for CPU and VPU alike (no IOMMU), an
// interrupt line for each VPU, and a HostBus.

#ifndef SIDEWINDER_TESTS_UNIT_VPU_FAKE_BOARD_H
#define SIDEWINDER_TESTS_UNIT_VPU_FAKE_BOARD_H

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "iommu/linux/host_bus.h"
#include "iommu/linux/irq_actions.h"
#include "models/run_simulation.h"
#include "vpu/hw/vpu.h"

namespace sidewinder::vpu::test {

class Memory {
 public:
  void read(std::uint64_t address, void* data, std::size_t size) {
    auto* bytes = static_cast<unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = at(address + i);
  }
  void write(std::uint64_t address, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) at(address + i) = bytes[i];
  }

 private:
  unsigned char& at(std::uint64_t address) { return pages_[address / 4096][address % 4096]; }

  std::map<std::uint64_t, std::array<unsigned char, 4096>> pages_;
};

struct Transfer {
  std::uint32_t stream_id = 0;
  std::uint64_t address = 0;
  std::uint32_t bytes = 0;
  bool write = false;

  friend bool operator==(const Transfer&, const Transfer&) = default;
};

class DmaTarget : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<DmaTarget> in;
  std::function<bool(const Transfer&)> refuse;  ///< true: answered with TLM_ADDRESS_ERROR_RESPONSE
  sc_core::sc_time latency{50, sc_core::SC_NS};
  std::vector<Transfer> seen;

  DmaTarget(const sc_core::sc_module_name& name, Memory& memory)
      : sc_core::sc_module(name), in("in"), memory_(memory) {
    in.register_b_transport(this, &DmaTarget::b_transport);
  }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const auto* attributes = payload.get_extension<models::AttributesExtension>();
    const Transfer transfer{attributes == nullptr ? ~0U : attributes->value.stream_id, payload.get_address(),
                            payload.get_data_length(), payload.is_write()};
    seen.push_back(transfer);
    delay += latency;
    if (refuse && refuse(transfer)) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return;
    }
    if (transfer.write) {
      memory_.write(transfer.address, payload.get_data_ptr(), transfer.bytes);
    } else {
      memory_.read(transfer.address, payload.get_data_ptr(), transfer.bytes);
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  Memory& memory_;
};

/// Calls the handlers while the line is high, 1 us after it is seen.
class IrqThread : public sc_core::sc_module {
 public:
  sc_core::sc_signal<bool> line;
  kernel::IrqActions actions;

  explicit IrqThread(const sc_core::sc_module_name& name) : sc_core::sc_module(name), line("line") {
    SC_HAS_PROCESS(IrqThread);
    SC_THREAD(run);
    set_stack_size(1 << 20);
  }

 private:
  void run() {
    while (true) {
      if (!line.read() || actions.empty()) wait(line.value_changed_event());
      wait(1, sc_core::SC_US);
      if (line.read()) actions.call();
    }
  }
};

class RegisterMaster : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<RegisterMaster> out;

  explicit RegisterMaster(const sc_core::sc_module_name& name) : sc_core::sc_module(name), out("out") {}
};

class Board : public sc_core::sc_module, public kernel::HostBus {
 public:
  static constexpr kernel::PhysAddr registers = 0xa'0000'0000;  ///< of the first VPU; 64 KiB apart

  Memory memory;
  std::vector<std::unique_ptr<Vpu>> vpus;
  std::vector<std::unique_ptr<DmaTarget>> targets;
  std::vector<std::unique_ptr<IrqThread>> irqs;
  std::function<void()> software;  ///< the host's main thread

  explicit Board(const sc_core::sc_module_name& name) : sc_core::sc_module(name) {
    SC_HAS_PROCESS(Board);
    SC_THREAD(main_thread);
    set_stack_size(1 << 20);
    SC_THREAD(worker_thread);
    set_stack_size(1 << 20);
  }

  Vpu& add(const VpuConfig& config, VpuObserver* observer = nullptr, bool wire_irq = true) {
    const std::string number = std::to_string(vpus.size());
    vpus.push_back(std::make_unique<Vpu>(("vpu" + number).c_str(), config, observer));
    targets.push_back(std::make_unique<DmaTarget>(("target" + number).c_str(), memory));
    irqs.push_back(std::make_unique<IrqThread>(("irq" + number).c_str()));
    masters_.push_back(std::make_unique<RegisterMaster>(("master" + number).c_str()));
    masters_.back()->out.bind(vpus.back()->regs);
    vpus.back()->dma.bind(targets.back()->in);
    if (wire_irq) vpus.back()->irq.bind(irqs.back()->line);
    return *vpus.back();
  }

  /// Runs `main` as the host's software until it returns; fails the test when it has not in `limit`.
  void run(std::function<void()> main,
           const sc_core::sc_time& limit = sc_core::sc_time(60, sc_core::SC_SEC)) {
    software = std::move(main);
    models::run_simulation(limit);
    CHECK(finished);
  }
  bool finished = false;

  bool read(kernel::PhysAddr address, std::span<std::byte> data, kernel::Security) override {
    if (address >= registers) return registers_access(address, data.data(), data.size(), false);
    memory.read(address, data.data(), data.size());
    return true;
  }
  bool write(kernel::PhysAddr address, std::span<const std::byte> data, kernel::Security) override {
    if (address >= registers) {
      std::array<std::byte, 64> copy{};
      std::memcpy(copy.data(), data.data(), std::min(data.size(), copy.size()));
      return registers_access(address, copy.data(), data.size(), true);
    }
    memory.write(address, data.data(), data.size());
    return true;
  }

  void set_power(const kernel::PowerDomain&, bool) override {}
  [[nodiscard]] std::uint64_t now_ns() const override {
    return static_cast<std::uint64_t>(sc_core::sc_time_stamp() / sc_core::sc_time(1, sc_core::SC_NS));
  }
  void delay_ns(std::uint64_t duration) override { sc_core::wait(ns(duration)); }

  bool request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                   Callback handler) override {
    return irq < irqs.size() && irqs[irq]->actions.add(owner, sharing, std::move(handler));
  }
  void free_irq(unsigned irq, kernel::IrqOwner owner) override { irqs[irq]->actions.remove(owner); }

  void schedule(std::uint64_t delay, Callback work) override {
    work_.emplace(now_ns() + delay, std::move(work));
    changed_.notify(sc_core::SC_ZERO_TIME);
  }

  bool wait(kernel::Completion& completion, std::uint64_t timeout) override {
    const std::uint64_t end = now_ns() + timeout;
    while (completion.done == 0) {
      if (now_ns() >= end) return false;
      sc_core::wait(ns(end - now_ns()), completed_);
    }
    --completion.done;
    return true;
  }
  void complete(kernel::Completion& completion) override {
    ++completion.done;
    completed_.notify(sc_core::SC_ZERO_TIME);
  }

 private:
  static sc_core::sc_time ns(std::uint64_t duration) {
    return sc_core::sc_time(static_cast<double>(duration), sc_core::SC_NS);
  }

  bool registers_access(kernel::PhysAddr address, void* data, std::size_t size, bool write) {
    const std::uint64_t vpu = (address - registers) / 0x1'0000;
    if (vpu >= masters_.size()) return false;
    tlm::tlm_generic_payload payload;
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address((address - registers) % 0x1'0000);
    payload.set_data_ptr(static_cast<unsigned char*>(data));
    payload.set_data_length(static_cast<unsigned>(size));
    payload.set_streaming_width(static_cast<unsigned>(size));
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    masters_[vpu]->out->b_transport(payload, delay);
    return payload.is_response_ok();
  }

  void main_thread() {
    if (software) software();
    finished = true;
  }

  void worker_thread() {
    while (true) {
      if (work_.empty()) {
        sc_core::wait(changed_);
      } else if (work_.begin()->first > now_ns()) {
        sc_core::wait(ns(work_.begin()->first - now_ns()), changed_);
      } else {
        running_ = std::move(work_.begin()->second);
        work_.erase(work_.begin());
        running_();
      }
    }
  }

  std::vector<std::unique_ptr<RegisterMaster>> masters_;
  std::multimap<std::uint64_t, Callback> work_;
  Callback running_;
  sc_core::sc_event changed_;
  sc_core::sc_event completed_;
};

inline constexpr std::uint32_t stride = 16384;  // coarse, to keep the tests short

/// Non-pixel from 1 GiB, pixel from 2 GiB, bitstream from 512 MiB, firmware below 16 MiB; no address owners.
inline VpuConfig four_streams() {
  VpuConfig config;
  config.streams = {{"non-pixel", 0x1940, {0x4000'0000, 0x7fff'ffff}},
                    {"pixel", 0x1943, {0x8000'0000, 0xbfff'ffff}},
                    {"bitstream", 0x1944, {0x2000'0000, 0x3fff'ffff}},
                    {"firmware", 0x1947, {0, 0xff'ffff}}};
  config.functions = {2, 0, 1, 3};
  config.stride_bytes = stride;
  return config;
}

}  // namespace sidewinder::vpu::test

#endif
