// SPDX-License-Identifier: Apache-2.0
//
// Smmuv3Modules at work, with as little around them as can be: a flat memory that holds all structures and
// tables, and clients that read. What the benchmark times and the test of allocations counts.

#ifndef SIDEWINDER_TESTS_SUPPORT_SMMUV3_RIG_H
#define SIDEWINDER_TESTS_SUPPORT_SMMUV3_RIG_H

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <systemc>
#include <tlm>

#include "iommu/tlm/smmuv3_module.h"
#include "models/attributes.h"
#include "models/run_simulation.h"

namespace sidewinder::test {

constexpr std::uint64_t rig_memory_bytes = std::uint64_t{1} << 26;
constexpr std::uint64_t rig_page = 4096;

/// As fast as a memory can be that checks its bounds.
class FlatMemory : public sc_core::sc_module {
 public:
  sc_core::sc_vector<tlm_utils::simple_target_socket<FlatMemory>> sockets;

  FlatMemory(const sc_core::sc_module_name& name, unsigned ports)
      : sc_module(name),
        sockets("sockets", ports),
        bytes_(std::make_unique<unsigned char[]>(rig_memory_bytes)) {
    for (std::size_t port = 0; port < sockets.size(); ++port)
      sockets[port].register_b_transport(this, &FlatMemory::transport);
  }
  /// One that is not bound yet.
  tlm_utils::simple_target_socket<FlatMemory>& port() { return sockets[next_++]; }
  void put64(std::uint64_t address, std::uint64_t word) { std::memcpy(&bytes_[address], &word, sizeof word); }

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const std::uint64_t address = payload.get_address();
    const unsigned length = payload.get_data_length();
    if (address > rig_memory_bytes - length) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return;
    }
    if (payload.is_read())
      std::memcpy(payload.get_data_ptr(), &bytes_[address], length);
    else
      std::memcpy(&bytes_[address], payload.get_data_ptr(), length);
    delay += latency_;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  std::size_t next_ = 0;
  std::unique_ptr<unsigned char[]> bytes_;
  sc_core::sc_time latency_{10, sc_core::SC_NS};
};

/// Sends reads of 64 bytes, from one payload.
class Client : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<Client> socket{"socket"};

  explicit Client(const sc_core::sc_module_name& name) : sc_module(name) {
    payload_.set_command(tlm::TLM_READ_COMMAND);
    payload_.set_data_ptr(data_.data());
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_extension(&attributes_);
  }
  ~Client() override { payload_.clear_extension(&attributes_); }

  bool read(std::uint32_t stream, std::uint64_t address) {
    attributes_.value.stream_id = stream;
    payload_.set_address(address);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload_, delay);
    return payload_.is_response_ok();
  }

 private:
  static constexpr unsigned bytes = 64;

  std::array<unsigned char, bytes> data_{};
  models::AttributesExtension attributes_;
  tlm::tlm_generic_payload payload_;
};

/// An SMMU with a host that programs it and a client of its first TBU. All IOVAs lead to 4 MiB of the
/// memory, round and round.
class SmmuRig : public sc_core::sc_module {
 public:
  static constexpr std::uint64_t page_count = 65536;
  /// Streams 0 to 63 have the same tables of 3 levels, 64 has 4 levels, 65 both stages with 3 levels each, 66
  /// nothing mapped.
  static constexpr std::uint32_t four_levels = 64, nested = 65, unmapped = 66;

  tlm_shell::Smmuv3Module smmu;
  Client client{"client"}, host{"host"};

  SmmuRig(const sc_core::sc_module_name& name, const smmuv3::Config& config, FlatMemory& memory)
      : sc_module(name), smmu("smmu", config, 1) {
    host.socket.bind(smmu.regs);
    client.socket.bind(smmu.client[0]);
    smmu.out[0].bind(memory.port());
    smmu.walk.bind(memory.port());
  }

  /// With an event queue for as many faults as there may be.
  static smmuv3::Config with_caches() {
    smmuv3::Config config;
    config.event_queue_bits = event_bits;
    return config;
  }
  static smmuv3::Config without_caches() {
    smmuv3::Config config = with_caches();
    config.caches.micro_tlb.entries = config.caches.tlb.entries = 0;
    for (auto& level : config.caches.stage1_walk) level.entries = 0;
    for (auto& level : config.caches.stage2_walk) level.entries = 0;
    return config;
  }
  static std::uint64_t output(std::uint64_t number) { return pages_at + number % 1024 * rig_page; }

  /// Structures and tables, for all rigs of the memory.
  static void write_tables(FlatMemory& memory) {
    Tables made{memory, tables};
    const std::uint64_t shared = made.map(page_count);
    for (std::uint32_t stream = 0; stream < 64; ++stream) made.add_stream(stream, shared, 25, stage1);
    const std::uint64_t deep = made.add_table();
    memory.put64(deep, shared | 3);
    made.add_stream(four_levels, deep, 16, stage1);
    made.add_stream(nested, made.map(16), 25, both_stages);
    made.add_stream(unmapped, made.add_table(), 25, stage1);
  }

  /// After elaboration.
  void program(std::uint64_t command_queue) {
    commands_ = command_queue;
    write(0x80, stream_table, 8);
    write(0x88, 8, 4);
    write(0x90, command_queue | queue_bits, 8);
    write(0xa0, events | event_bits, 8);
    write(0x28, 0xd75, 4);
    write(0x20, 0xd, 4);  // SMMUEN, EVENTQEN and CMDQEN
  }
  /// A command's two words; it is consumed when this returns.
  void command(FlatMemory& memory, std::uint64_t low, std::uint64_t high) {
    memory.put64(commands_ + 16 * (produced_ % 16), low);
    memory.put64(commands_ + 16 * (produced_ % 16) + 8, high);
    produced_ = (produced_ + 1) % 32;
    write(0x98, produced_, 4);
    models::run_simulation(sc_core::sc_time(100, sc_core::SC_NS));
  }
  [[nodiscard]] bool idle() const {
    return !smmu.core().commands_pending(smmuv3::SecurityState::NonSecure) &&
           static_cast<std::uint32_t>(smmu.core().read(0x9c, 4, false)) == produced_;
  }

 private:
  static constexpr std::uint64_t stream_table = 0x10'0000, descriptors = 0x20'0000, tables = 0x100'0000;
  static constexpr std::uint64_t pages_at = 0x200'0000, events = 0x280'0000;
  static constexpr std::uint64_t stage1 = 0x5, both_stages = 0x7;  // STE.Config
  static constexpr unsigned queue_bits = 4, event_bits = 19;

  struct Tables {
    FlatMemory& memory;
    std::uint64_t next;

    std::uint64_t add_table() {
      const std::uint64_t at = next;
      next += rig_page;
      return at;
    }
    /// Tables of levels 1 to 3 with IOVAs from 0 on, of pages.
    std::uint64_t map(std::uint64_t pages) {
      const std::uint64_t top = add_table();
      for (std::uint64_t middle = 0; middle * 512 * 512 < pages; ++middle) {
        const std::uint64_t second = add_table();
        memory.put64(top + 8 * middle, second | 3);
        for (std::uint64_t index = 0; index < 512 && (middle * 512 + index) * 512 < pages; ++index) {
          const std::uint64_t third = add_table();
          memory.put64(second + 8 * index, third | 3);
          for (std::uint64_t leaf = 0; leaf < 512; ++leaf)
            memory.put64(third + 8 * leaf, output((middle * 512 + index) * 512 + leaf) | 0xf43);
        }
      }
      return top;
    }
    /// An STE and its CD; stage 2 maps the memory as it is, by blocks of 2 MiB.
    void add_stream(std::uint32_t stream, std::uint64_t ttb, std::uint64_t t0sz, std::uint64_t config) {
      const std::uint64_t cd = descriptors + 64 * std::uint64_t{stream};
      const std::uint64_t ste = stream_table + 64 * std::uint64_t{stream};
      memory.put64(ste, 1 | config << 1 | cd);
      memory.put64(ste + 8, std::uint64_t{1} << 44);
      if (config == both_stages) {
        const std::uint64_t stage2 = add_table(), second = add_table();
        memory.put64(stage2, second | 3);
        for (std::uint64_t block = 0; block < 512; ++block)
          memory.put64(second + 8 * block, block << 21 | 0x7fd);
        memory.put64(ste + 16, 7 | std::uint64_t{25} << 32 | std::uint64_t{1} << 38 | std::uint64_t{1} << 40 |
                                   std::uint64_t{1} << 42 | std::uint64_t{3} << 44 | std::uint64_t{5} << 48 |
                                   std::uint64_t{1} << 51 | std::uint64_t{1} << 58);
        memory.put64(ste + 24, stage2);
      }
      memory.put64(cd, t0sz | 1 << 8 | 1 << 10 | 3 << 12 | std::uint64_t{1} << 30 | std::uint64_t{1} << 31 |
                           std::uint64_t{5} << 32 | std::uint64_t{1} << 41 | std::uint64_t{1} << 46 |
                           (std::uint64_t{stream} + 1) << 48);
      memory.put64(cd + 8, ttb);
      memory.put64(cd + 24, 0xff);
    }
  };

  void write(std::uint64_t offset, std::uint64_t value, unsigned size) {
    std::memcpy(word_.data(), &value, sizeof value);
    register_write_.set_command(tlm::TLM_WRITE_COMMAND);
    register_write_.set_address(offset);
    register_write_.set_data_ptr(word_.data());
    register_write_.set_data_length(size);
    register_write_.set_streaming_width(size);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    host.socket->b_transport(register_write_, delay);
  }

  std::uint64_t commands_ = 0;
  std::uint32_t produced_ = 0;
  std::array<unsigned char, 8> word_{};
  tlm::tlm_generic_payload register_write_;
};

/// Which page of which stream comes next: streams in turn, pages of each by a step that comes round to all.
class Walkabout {
 public:
  Walkabout(std::uint64_t pages, std::uint32_t streams) : pages_(pages), streams_(streams) {}

  [[nodiscard]] std::uint32_t stream() const { return static_cast<std::uint32_t>(step_ % streams_); }
  [[nodiscard]] std::uint64_t number() const { return step_ / streams_ * 40503 % pages_; }
  void next() { ++step_; }

 private:
  std::uint64_t pages_;
  std::uint32_t streams_;
  std::uint64_t step_ = 0;
};

}  // namespace sidewinder::test

#endif
