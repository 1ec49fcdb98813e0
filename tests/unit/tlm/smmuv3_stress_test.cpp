// SPDX-License-Identifier: Apache-2.0
//
// Sixteen initiators, two threads each, against software that maps, unmaps, protects and invalidates all the
// while; half of the streams stall. What they see is held against a plain map of what should be visible.

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <sstream>

#include "iommu/tlm/smmuv3_module.h"
#include "models/run_simulation.h"
#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {
namespace {

constexpr unsigned initiators = 16, pages_each = 16, pages_of_thread = 8, frames = 8192;
constexpr unsigned first_stalling = 8, with_dmi = 4;
constexpr std::uint64_t page_size = 4096, frame_base = 0x8000'0000;
constexpr std::uint64_t stream_table = 0x1'0000, commands = 0x2'0000, events = 0x3'0000, cds = 0x4'0000,
                        tables = 0x10'0000, tables_size = 0x20'0000;

sc_core::sc_time ns(unsigned value) {
  return {static_cast<double>(value), sc_core::SC_NS};
}

/// What should be visible of one IOVA. An odd version: software is at it, and either may be seen.
struct Page {
  unsigned version = 0;
  bool mapped = false;
  bool writable = false;
  bool known = true;  ///< what is in the frame
  unsigned frame = 0;

  [[nodiscard]] bool settled() const { return version % 2 == 0; }
};

struct World {
  std::array<std::array<Page, pages_each>, initiators> pages;
  std::vector<Page*> owner = std::vector<Page*>(frames);  ///< of a frame that may be accessed
  std::vector<unsigned char> memory = std::vector<unsigned char>(frames * page_size);
  std::vector<unsigned char> expected = memory;
  std::vector<std::string> errors;
  std::mt19937 random{20231};

  unsigned choose(unsigned below) { return static_cast<unsigned>(random() % below); }
  void wrong(const std::string& what, unsigned stream, unsigned page) {
    std::ostringstream text;
    text << sc_core::sc_time_stamp() << ": " << what << ", stream " << stream << " page " << page;
    if (errors.size() < 10) errors.push_back(text.str());
  }
};

/// Takes its time in some accesses; nothing may arrive at a frame that is nobody's, be it late.
struct Frames : sc_core::sc_module {
  tlm_utils::simple_target_socket<Frames> socket{"socket"};
  World& world;

  Frames(const sc_core::sc_module_name& name, World& all) : sc_module(name), world(all) {
    socket.register_b_transport(this, &Frames::transport);
    socket.register_transport_dbg(this, &Frames::debug);
    socket.register_get_direct_mem_ptr(this, &Frames::direct);
  }

  void check(const tlm::tlm_generic_payload& payload) {
    const Page* page = world.owner[(payload.get_address() - frame_base) / page_size];
    if (page == nullptr) return world.wrong("an access to a frame that is nobody's", 99, 99);
    if (payload.is_write() && page->settled() && !page->writable)
      world.wrong("a write to a frame that may be read", 99, 99);
  }
  void copy(tlm::tlm_generic_payload& payload) {
    unsigned char* at = world.memory.data() + (payload.get_address() - frame_base);
    if (payload.is_write()) std::memcpy(at, payload.get_data_ptr(), payload.get_data_length());
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), at, payload.get_data_length());
  }
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    check(payload);
    if (world.choose(4) == 0) {
      wait(ns(world.choose(60)));
      check(payload);
    }
    copy(payload);
    delay += ns(20);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  unsigned debug(tlm::tlm_generic_payload& payload) {
    copy(payload);
    return payload.get_data_length();
  }
  bool direct(tlm::tlm_generic_payload& /*payload*/, tlm::tlm_dmi& dmi) {
    dmi.set_dmi_ptr(world.memory.data());
    dmi.set_start_address(frame_base);
    dmi.set_end_address(frame_base + world.memory.size() - 1);
    dmi.allow_read_write();
    return true;
  }
};

/// TableMemory, structures and queues; it waits in some walks.
struct TableMemory : sc_core::sc_module {
  tlm_utils::simple_target_socket<TableMemory> socket{"socket"};
  World& world;
  std::vector<unsigned char> bytes = std::vector<unsigned char>(tables + tables_size);

  TableMemory(const sc_core::sc_module_name& name, World& all) : sc_module(name), world(all) {
    socket.register_b_transport(this, &TableMemory::transport);
    socket.register_transport_dbg(this, &TableMemory::debug);
  }

  std::uint64_t get(std::uint64_t address) const {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + address, sizeof word);
    return word;
  }
  void put(std::uint64_t address, std::uint64_t word) {
    std::memcpy(bytes.data() + address, &word, sizeof word);
  }
  unsigned debug(tlm::tlm_generic_payload& payload) {
    unsigned char* at = bytes.data() + payload.get_address();
    if (payload.is_write()) std::memcpy(at, payload.get_data_ptr(), payload.get_data_length());
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), at, payload.get_data_length());
    return payload.get_data_length();
  }
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    if (world.choose(20) == 0) wait(ns(world.choose(20)));
    debug(payload);
    delay += ns(15);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

struct Counts {
  unsigned done = 0, refused = 0, strict = 0, either = 0, direct = 0, debugged = 0, crossing = 0;
};

struct Client : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Client> socket{"socket"};
  World& world;
  unsigned stream;
  Counts counts;
  struct Pointer {
    unsigned char* data = nullptr;
    bool writable = false;
  };
  std::array<Pointer, pages_each> pointers;
  struct Thread {
    tlm::tlm_generic_payload payload;
    std::array<unsigned char, page_size + 64> data{};
  };
  std::array<Thread, 2> threads;

  Client(const sc_core::sc_module_name& name, World& all, unsigned own)
      : sc_module(name), world(all), stream(own) {
    SC_HAS_PROCESS(Client);
    SC_THREAD(first);
    SC_THREAD(second);
    socket.register_invalidate_direct_mem_ptr(this, &Client::withdraw);
  }
  void first() { run(0); }
  void second() { run(1); }

  void withdraw(sc_dt::uint64 from, sc_dt::uint64 to) {
    for (unsigned page = 0; page < pages_each; ++page)
      if (page * page_size <= to && (page + 1) * page_size - 1 >= from) pointers[page] = {};
  }

  Page& page_of(std::uint64_t address) { return world.pages[stream][address / page_size]; }
  unsigned char* place(std::vector<unsigned char>& where, std::uint64_t address) {
    return where.data() + page_of(address).frame * page_size + address % page_size;
  }

  void run(unsigned own) {
    Thread& thread = threads[own];
    for (unsigned count = 0;; ++count) {
      wait(ns(1 + world.choose(200)));
      const unsigned page = own * pages_of_thread + world.choose(pages_of_thread);
      const bool crossing = world.choose(4) == 0 && page % pages_of_thread != pages_of_thread - 1;
      const unsigned length = crossing ? 64 : 1 + world.choose(32);
      const std::uint64_t address =
          page * page_size + (crossing ? page_size - 1 - world.choose(60) : world.choose(page_size - 32));
      const bool write = world.choose(2) == 0;
      counts.crossing += crossing;
      for (unsigned byte = 0; byte < length; ++byte)
        thread.data[byte] = write ? static_cast<unsigned char>(world.choose(256)) : 0;
      tlm::tlm_generic_payload& payload = thread.payload;
      payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
      payload.set_address(address);
      payload.set_data_ptr(thread.data.data());
      payload.set_data_length(length);
      payload.set_streaming_width(length);
      payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
      if (stream < with_dmi && !crossing && world.choose(3) == 0 && directly(address, write, thread, length))
        continue;
      if (!write && world.choose(8) == 0) {
        debug(address, length, thread);
        continue;
      }
      transact(address, length, write, thread);
    }
  }

  void transact(std::uint64_t address, unsigned length, bool write, Thread& thread) {
    Page &low = page_of(address), &high = page_of(address + length - 1);
    const unsigned low_version = low.version, high_version = high.version;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(thread.payload, delay);
    const bool done = thread.payload.is_response_ok();
    ++(done ? counts.done : counts.refused);
    const bool settled =
        low.settled() && high.settled() && low.version == low_version && high.version == high_version;
    ++(settled ? counts.strict : counts.either);
    const auto number = static_cast<unsigned>(address / page_size);
    if (!done && thread.payload.get_response_status() != tlm::TLM_ADDRESS_ERROR_RESPONSE)
      world.wrong("a response that nothing explains", stream, number);
    if (!settled) {
      if (write) low.known = high.known = false;
    } else {
      const bool allowed = low.mapped && high.mapped && (!write || (low.writable && high.writable));
      if (allowed != done) world.wrong(done ? "an access that was done" : "a refusal", stream, number);
      if (done) compare(address, length, write, thread);
    }
    wait(delay);
  }

  /// Of a write, remembers it.
  void compare(std::uint64_t address, unsigned length, bool write, Thread& thread) {
    for (unsigned byte = 0; byte < length; ++byte) {
      unsigned char& expected = *place(world.expected, address + byte);
      if (write)
        expected = thread.data[byte];
      else if (page_of(address + byte).known && expected != thread.data[byte])
        return world.wrong("other data", stream, static_cast<unsigned>((address + byte) / page_size));
    }
  }

  void debug(std::uint64_t address, unsigned length, Thread& thread) {
    const Page &low = page_of(address), &high = page_of(address + length - 1);
    const unsigned done = socket->transport_dbg(thread.payload);
    ++counts.debugged;
    if (!low.settled() || !high.settled()) return;
    const auto in_low = std::min(length, static_cast<unsigned>(page_size - address % page_size));
    const unsigned reachable = !low.mapped ? 0 : high.mapped ? length : in_low;
    if (done != reachable)
      world.wrong("a debug access that went elsewhere", stream, static_cast<unsigned>(address / page_size));
    else
      compare(address, done, false, thread);
  }

  bool directly(std::uint64_t address, bool write, Thread& thread, unsigned length) {
    const auto number = static_cast<unsigned>(address / page_size);
    Pointer& pointer = pointers[number];
    const Page& page = world.pages[stream][number];
    if (pointer.data == nullptr) {
      tlm::tlm_dmi dmi;
      if (!socket->get_direct_mem_ptr(thread.payload, dmi)) return false;
      pointer = {dmi.get_dmi_ptr() + (number * page_size - dmi.get_start_address()), dmi.is_write_allowed()};
    }
    if (write && !pointer.writable) return false;
    ++counts.direct;
    unsigned char* data = pointer.data + address % page_size;
    if (write)
      std::memcpy(data, thread.data.data(), length);
    else
      std::memcpy(thread.data.data(), data, length);
    if (!page.settled()) {
      if (write) world.pages[stream][number].known = false;
      return true;
    }
    if (!page.mapped || (write && !page.writable))
      world.wrong("a pointer to what is not mapped", stream, number);
    else
      compare(address, length, write, thread);
    return true;
  }
};

struct Software : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Software> socket{"socket"};
  World& world;
  TableMemory& memory;
  std::vector<std::unique_ptr<Client>>& clients;
  unsigned next_frame = 0, handled = 0, prod = 0, changes = 0, resumed = 0, aborted = 0;

  Software(const sc_core::sc_module_name& name, World& all, TableMemory& own,
           std::vector<std::unique_ptr<Client>>& others)
      : sc_module(name), world(all), memory(own), clients(others) {
    SC_HAS_PROCESS(Software);
    SC_THREAD(run);
  }

  std::uint64_t access(tlm::tlm_command command, std::uint64_t offset, std::uint64_t value, unsigned size) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(offset);
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
    payload.set_data_length(size);
    payload.set_streaming_width(size);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload, delay);
    return size == 4 ? value & 0xffff'ffff : value;
  }
  void write(std::uint64_t offset, std::uint64_t value, unsigned size = 4) {
    access(tlm::TLM_WRITE_COMMAND, offset, value, size);
  }
  std::uint64_t read(std::uint64_t offset) { return access(tlm::TLM_READ_COMMAND, offset, 0, 4); }

  void command(std::uint64_t low, std::uint64_t high = 0) {
    memory.put(commands + 16 * (prod & 15), low);
    memory.put(commands + 16 * (prod & 15) + 8, high);
    prod = (prod + 1) & 31;
    write(0x98, prod);
  }
  void sync() {
    command(0x46);
    while ((read(0x9c) & 0xff'ffff) != prod) wait(ns(5));
  }

  static std::uint64_t table(unsigned stream, unsigned level) {
    return tables + (std::uint64_t{stream} * 3 + level) * page_size;
  }
  void set_leaf(unsigned stream, unsigned page) {
    const Page& what = world.pages[stream][page];
    constexpr std::uint64_t read_write = 0xf43, read_only = 0xfc3;
    memory.put(
        table(stream, 2) + 8 * page,
        what.mapped ? (frame_base + what.frame * page_size) | (what.writable ? read_write : read_only) : 0);
  }

  void set_up() {
    for (unsigned stream = 0; stream < initiators; ++stream) {
      const std::uint64_t at = cds + 64 * stream;
      Structure context = cd(table(stream, 0), stream + 1);
      if (stream >= first_stalling) context.put(44, 1);
      for (unsigned word = 0; word < 8; ++word) {
        memory.put(stream_table + 64 * stream + 8 * word, stage1_ste(at).words[word]);
        memory.put(at + 8 * word, context.words[word]);
      }
      memory.put(table(stream, 0), table(stream, 1) | 3);
      memory.put(table(stream, 1), table(stream, 2) | 3);
    }
    write(0x80, stream_table, 8);
    write(0x88, 8);
    write(0x90, commands | 4, 8);
    write(0xa0, events | 7, 8);
    write(0x28, 0x0d75);
    write(0x20, 0xd);
  }

  void run() {
    set_up();
    for (;;) {
      handle_events();
      for (unsigned count = 0; count < 8; ++count) {
        change(world.choose(initiators), world.choose(pages_each));
        wait(ns(world.choose(20)));
      }
    }
  }

  void invalidate(unsigned stream, unsigned page) {
    const std::uint64_t asid = std::uint64_t{stream + 1} << 48;
    switch (world.choose(5)) {
      case 0:
        return command(0x10);  // NH_ALL
      case 1:
        return command(0x11 | asid);  // NH_ASID
      case 2:
        return command(0x13, page * page_size);  // NH_VAA
      default:
        return command(0x12 | asid, page * page_size | 1);  // NH_VA, leaf
    }
  }

  /// Maps what is not mapped, unmaps or protects what is.
  void change(unsigned stream, unsigned page) {
    Page& what = world.pages[stream][page];
    ++changes;
    ++what.version;
    if (!what.mapped) {
      map(what);
      set_leaf(stream, page);  // nothing has to be invalidated
      ++what.version;
      return;
    }
    const unsigned before = what.frame;
    const bool protect = what.writable && world.choose(3) == 0;
    (protect ? what.writable : what.mapped) = false;
    set_leaf(stream, page);
    invalidate(stream, page);
    if (world.choose(8) == 0) command(0x03 | std::uint64_t{stream} << 32);  // CFGI_STE
    sync();
    if (!protect) world.owner[before] = nullptr;
    ++what.version;
    const Client::Pointer& pointer = clients[stream]->pointers[page];
    if (pointer.data != nullptr && (!protect || pointer.writable))
      world.wrong("a pointer that was not withdrawn", stream, page);
  }

  /// To a frame that is nobody's.
  void map(Page& what) {
    do next_frame = (next_frame + 1) % frames;
    while (world.owner[next_frame] != nullptr);
    what.frame = next_frame;
    std::copy_n(world.memory.data() + what.frame * page_size, page_size,
                world.expected.data() + what.frame * page_size);
    what.mapped = what.known = true;
    what.writable = world.choose(4) != 0;
    world.owner[what.frame] = &what;
  }

  void handle_events() {
    const auto written = static_cast<unsigned>(read(0x1'00a8));
    for (; handled != (written & 0xff); handled = (handled + 1) & 0xff) {
      const std::uint64_t record = events + 32 * (handled & 0x7f);
      const std::uint64_t first = memory.get(record), second = memory.get(record + 8);
      const auto stream = static_cast<unsigned>(first >> 32);
      if ((second >> 31 & 1) == 0) continue;
      const auto page = static_cast<unsigned>(memory.get(record + 16) / page_size);
      if (!world.pages[stream][page].mapped && world.choose(2) == 0) change(stream, page);
      const std::uint64_t retry = 1, end = 2;
      const bool abort = world.choose(3) != 0;
      ++(abort ? aborted : resumed);
      command(0x44 | (abort ? end : retry) << 12 | first >> 32 << 32, second & 0xffff);
      sync();
    }
    write(0x1'00ac, written & 0x800000ff);
  }
};

}  // namespace

TEST_CASE("tlm stress: 16 initiators see what a plain map says, while it changes") {
  World world;
  smmuv3::Config config;
  config.caches.tlb = {64, 4};
  tlm_shell::Smmuv3Timing timing = tlm_shell::gem5_timing();
  timing.walk_slots = 4;
  tlm_shell::Smmuv3Module smmu("smmu", config, initiators, timing);
  TableMemory structures("structures", world);
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Frames>> ports;
  Software software("software", world, structures, clients);
  software.socket.bind(smmu.regs);
  smmu.walk.bind(structures.socket);
  for (unsigned index = 0; index < initiators; ++index) {
    clients.push_back(std::make_unique<Client>(sc_core::sc_gen_unique_name("client"), world, index));
    ports.push_back(std::make_unique<Frames>(sc_core::sc_gen_unique_name("port"), world));
    clients.back()->socket.bind(smmu.client[index]);
    smmu.out[index].bind(ports.back()->socket);
    smmu.default_attributes[index].stream_id = index;
    smmu.only_default_attributes[index] = index < with_dmi;
  }
  models::run_simulation(ns(1'000'000));

  CHECK(world.errors == std::vector<std::string>{});
  Counts sum;
  for (const auto& client : clients) {
    sum.done += client->counts.done;
    sum.refused += client->counts.refused;
    sum.strict += client->counts.strict;
    sum.either += client->counts.either;
    sum.direct += client->counts.direct;
    sum.debugged += client->counts.debugged;
    sum.crossing += client->counts.crossing;
  }
  const auto statistics = smmu.statistics();
  CHECK(sum.done > 20'000);
  CHECK(sum.refused > 20'000);
  CHECK(sum.strict > 50'000);
  CHECK(sum.either > 500);
  CHECK(sum.direct > 2'000);
  CHECK(sum.debugged > 2'000);
  CHECK(sum.crossing > 10'000);
  CHECK(software.changes > 2'000);
  CHECK(software.resumed > 500);
  CHECK(software.aborted > 500);
  CHECK(statistics.dmi_withdrawn > 500);
  CHECK(statistics.stalled > ns(1'000'000));
}

}  // namespace sidewinder::test
