// SPDX-License-Identifier: Apache-2.0
//
// What the SMMUv3 module costs, against three floors in the same process: an initiator at a memory (raw), a
// module between that only passes on (pass), and one that reads an extension and looks up a direct-mapped TLB
// without checking anything (stub). Each round times a batch of each in turn; ratios are medians of the
// rounds', which a busy machine disturbs least. Every feature is on: permissions, faults, time, statistics.

#include <benchmark/benchmark.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "iommu/tlm/smmuv3_module.h"
#include "models/attributes.h"
#include "models/run_simulation.h"

namespace {

using namespace sidewinder;

constexpr std::uint64_t memory_bytes = std::uint64_t{1} << 26;
constexpr std::uint64_t page = 4096;
constexpr unsigned access_bytes = 64;

/// As fast as a memory can be that checks its bounds.
class FlatMemory : public sc_core::sc_module {
 public:
  sc_core::sc_vector<tlm_utils::simple_target_socket<FlatMemory>> sockets;

  FlatMemory(const sc_core::sc_module_name& name, unsigned ports)
      : sc_module(name), sockets("sockets", ports), bytes_(std::make_unique<unsigned char[]>(memory_bytes)) {
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
    if (address > memory_bytes - length) {
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

class PassThrough : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<PassThrough> in{"in"};
  tlm_utils::simple_initiator_socket<PassThrough> out{"out"};

  explicit PassThrough(const sc_core::sc_module_name& name) : sc_module(name) {
    in.register_b_transport(this, &PassThrough::transport);
  }

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    out->b_transport(payload, delay);
  }
};

class Stub : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Stub> in{"in"};
  tlm_utils::simple_initiator_socket<Stub> out{"out"};

  explicit Stub(const sc_core::sc_module_name& name) : sc_module(name) {
    in.register_b_transport(this, &Stub::transport);
  }
  void map(std::uint32_t stream, std::uint64_t iova, std::uint64_t output) {
    entries_[slot(iova)] = {iova / page, stream, output};
  }

 private:
  struct Entry {
    std::uint64_t number = 0;
    std::uint32_t stream = 0;
    std::uint64_t output = 0;
  };
  static std::size_t slot(std::uint64_t iova) { return iova / page % 65536; }

  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const std::uint64_t iova = payload.get_address();
    models::AttributesExtension* attributes = nullptr;
    payload.get_extension(attributes);
    const Entry& entry = entries_[slot(iova)];
    if (attributes == nullptr || entry.number != iova / page || entry.stream != attributes->value.stream_id) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return;
    }
    payload.set_address(entry.output | iova % page);
    out->b_transport(payload, delay);
    payload.set_address(iova);
  }

  std::vector<Entry> entries_ = std::vector<Entry>(65536);
};

/// Sends reads of 64 bytes, from one payload.
class Client : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<Client> socket{"socket"};

  explicit Client(const sc_core::sc_module_name& name) : sc_module(name) {
    payload_.set_command(tlm::TLM_READ_COMMAND);
    payload_.set_data_ptr(data_.data());
    payload_.set_data_length(access_bytes);
    payload_.set_streaming_width(access_bytes);
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
  std::array<unsigned char, access_bytes> data_{};
  models::AttributesExtension attributes_;
  tlm::tlm_generic_payload payload_;
};

smmuv3::Config without_caches() {
  smmuv3::Config config;
  config.caches.micro_tlb.entries = config.caches.tlb.entries = 0;
  for (auto& level : config.caches.stage1_walk) level.entries = 0;
  for (auto& level : config.caches.stage2_walk) level.entries = 0;
  return config;
}

/// Everything there is, elaborated once a process. Structures, tables and pages lie in one memory.
struct Rig {
  static constexpr std::uint64_t stream_table = 0x10'0000, descriptors = 0x20'0000, tables = 0x100'0000;
  static constexpr std::uint64_t pages_at = 0x200'0000;  ///< all IOVAs lead there, round and round
  static constexpr std::uint64_t page_count = 65536;
  /// Streams 0 to 63 have 3 levels, 64 has 4, 65 both stages with 3 levels each, 66 nothing mapped.
  static constexpr std::uint32_t four_levels = 64, nested = 65, unmapped = 66;

  FlatMemory memory{"memory", 7};
  Client raw{"raw"}, passed{"passed"}, stubbed{"stubbed"}, cached{"cached"}, uncached{"uncached"};
  PassThrough pass{"pass"};
  Stub stub{"stub"};
  tlm_shell::Smmuv3Module smmu{"smmu", smmuv3::Config{}, 1};
  tlm_shell::Smmuv3Module cold{"cold", without_caches(), 1};
  Client smmu_host{"smmu_host"}, cold_host{"cold_host"};
  std::uint64_t next_table = tables;

  Rig() {
    raw.socket.bind(memory.port());
    passed.socket.bind(pass.in);
    pass.out.bind(memory.port());
    stubbed.socket.bind(stub.in);
    stub.out.bind(memory.port());
    connect(smmu, cached, smmu_host);
    connect(cold, uncached, cold_host);
    models::run_simulation(sc_core::SC_ZERO_TIME);
    const std::uint64_t shared = table_of(3, page_count);
    for (std::uint32_t stream = 0; stream < 64; ++stream) add_stream(stream, shared, 25, 0x5);
    const std::uint64_t deep = new_table();
    memory.put64(deep, shared | 3);
    add_stream(four_levels, deep, 16, 0x5);
    add_stream(nested, table_of(3, 16), 25, 0x7);
    add_stream(unmapped, new_table(), 25, 0x5);
    for (std::uint64_t number = 0; number < page_count; ++number) stub.map(0, number * page, output(number));
    program(smmu_host);
    program(cold_host);
  }

  static std::uint64_t output(std::uint64_t number) { return pages_at + number % 1024 * page; }

 private:
  void connect(tlm_shell::Smmuv3Module& module, Client& client, Client& host) {
    host.socket.bind(module.regs);
    client.socket.bind(module.client[0]);
    module.out[0].bind(memory.port());
    module.walk.bind(memory.port());
  }
  std::uint64_t new_table() {
    const std::uint64_t at = next_table;
    next_table += page;
    return at;
  }
  /// Tables of levels 4 - `levels` to 3 with IOVAs from 0 on, of pages.
  std::uint64_t table_of(unsigned levels, std::uint64_t pages) {
    const std::uint64_t top = new_table();
    if (levels == 1) {
      return top;
    }
    for (std::uint64_t middle = 0; middle * 512 * 512 < pages; ++middle) {
      const std::uint64_t second = new_table();
      memory.put64(top + 8 * middle, second | 3);
      for (std::uint64_t index = 0; index < 512 && (middle * 512 + index) * 512 < pages; ++index) {
        const std::uint64_t third = new_table();
        memory.put64(second + 8 * index, third | 3);
        for (std::uint64_t leaf = 0; leaf < 512; ++leaf)
          memory.put64(third + 8 * leaf, output((middle * 512 + index) * 512 + leaf) | 0xf43);
      }
    }
    return top;
  }
  /// An STE of Config `config` and its CD; stage 2 maps the memory as it is, by blocks of 1 GiB.
  void add_stream(std::uint32_t stream, std::uint64_t ttb, std::uint64_t t0sz, std::uint64_t config) {
    const std::uint64_t cd = descriptors + 64 * std::uint64_t{stream};
    const std::uint64_t ste = stream_table + 64 * std::uint64_t{stream};
    memory.put64(ste, 1 | config << 1 | cd);
    memory.put64(ste + 8, std::uint64_t{1} << 44);
    if (config == 0x7) {
      const std::uint64_t stage2 = new_table(), second = new_table();
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
  void program(Client& host) {
    write(host, 0x80, stream_table, 8);
    write(host, 0x88, 8, 4);
    write(host, 0x28, 0xd75, 4);
    write(host, 0x20, 0x1, 4);
  }
  static void write(Client& host, std::uint64_t offset, std::uint64_t value, unsigned size) {
    tlm::tlm_generic_payload payload;
    payload.set_command(tlm::TLM_WRITE_COMMAND);
    payload.set_address(offset);
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
    payload.set_data_length(size);
    payload.set_streaming_width(size);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    host.socket->b_transport(payload, delay);
  }
};

Rig& rig() {
  static Rig* the_rig = new Rig;  // SystemC elaborates once
  return *the_rig;
}

/// Which page of which stream comes next: streams in turn, pages of each by a step that comes round to all.
class Walkabout {
 public:
  Walkabout(std::uint64_t pages, std::uint32_t streams) : pages_(pages), streams_(streams) {}

  std::uint32_t stream() const { return static_cast<std::uint32_t>(step_ % streams_); }
  std::uint64_t number() const { return step_ / streams_ * 40503 % pages_; }
  void next() { ++step_; }

 private:
  std::uint64_t pages_;
  std::uint32_t streams_;
  std::uint64_t step_ = 0;
};

struct Load {
  std::uint64_t pages = 1;
  std::uint32_t streams = 1;
  bool cold = false;
  std::uint32_t stream = 0;  ///< the only one, of a cold load
  bool ok = true;
};

template <typename Read>
double nanoseconds(std::size_t count, Read read) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t n = 0; n < count; ++n) read();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  return taken.count() / static_cast<double>(count);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void measure(benchmark::State& state, const Load& load, std::size_t batch) {
  Rig& all = rig();
  Walkabout ours_at(load.pages, load.streams), raw_at(load.pages, 1), pass_at(load.pages, 1),
      stub_at(load.pages, 1);
  std::size_t wrong = 0;
  const auto ours = [&] {
    Client& client = load.cold ? all.uncached : all.cached;
    const std::uint32_t stream = load.stream + ours_at.stream();
    if (client.read(stream, ours_at.number() * page) != load.ok) ++wrong;
    ours_at.next();
  };
  const auto raw = [&] {
    if (!all.raw.read(0, Rig::output(raw_at.number()))) ++wrong;
    raw_at.next();
  };
  const auto pass = [&] {
    if (!all.passed.read(0, Rig::output(pass_at.number()))) ++wrong;
    pass_at.next();
  };
  const auto stub = [&] {
    if (!all.stubbed.read(0, stub_at.number() * page)) ++wrong;
    stub_at.next();
  };
  for (std::uint64_t n = 0; n < 2 * load.pages * load.streams; ++n) ours();  // warms what is to be warm

  std::vector<double> times, of_raw, of_pass, of_stub;
  for ([[maybe_unused]] const auto round : state) {
    const double raw_ns = nanoseconds(batch, raw), pass_ns = nanoseconds(batch, pass);
    const double stub_ns = nanoseconds(batch, stub), ours_ns = nanoseconds(batch, ours);
    times.push_back(ours_ns);
    of_raw.push_back(ours_ns / raw_ns);
    of_pass.push_back(ours_ns / pass_ns);
    of_stub.push_back(ours_ns / stub_ns);
    state.SetIterationTime((raw_ns + pass_ns + stub_ns + ours_ns) * 1e-9);
  }
  if (wrong != 0) state.SkipWithError("an access did not end as it should");
  state.counters["ours_ns"] = median(times);
  state.counters["/raw"] = median(of_raw);
  state.counters["/pass"] = median(of_pass);
  state.counters["/stub"] = median(of_stub);
}

void add(const std::string& name, const Load& load, bool smoke) {
  const std::size_t batch = smoke ? 10 : 5000;
  benchmark::RegisterBenchmark(name.c_str(),
                               [load, batch](benchmark::State& state) { measure(state, load, batch); })
      ->Iterations(smoke ? 3 : 101)
      ->UseManualTime();
}

void add_all(bool smoke) {
  add("micro-TLB hit, one page", {}, smoke);
  add("micro-TLB hit, 16 pages", {.pages = 16}, smoke);
  add("main TLB hit, 256 pages", {.pages = 256}, smoke);
  add("main TLB hit, 1,024 pages", {.pages = 1024}, smoke);
  add("main TLB hit, 64 streams of 16 pages", {.pages = 16, .streams = 64}, smoke);
  add("walk of the last level, 65,536 pages", {.pages = smoke ? 64U : 65536U}, smoke);
  add("cold walk of three levels", {.pages = 16, .cold = true}, smoke);
  add("cold walk of four levels", {.pages = 16, .cold = true, .stream = Rig::four_levels}, smoke);
  add("cold nested walk", {.pages = 16, .cold = true, .stream = Rig::nested}, smoke);
  add("fault, after a cold walk", {.pages = 16, .cold = true, .stream = Rig::unmapped, .ok = false}, smoke);
}

}  // namespace

int main(int argc, char** argv) {
  const auto is_smoke = [](const char* argument) { return std::strcmp(argument, "--smoke") == 0; };
  char** const kept = std::remove_if(argv + 1, argv + argc, is_smoke);
  add_all(kept != argv + argc);
  argc = static_cast<int>(kept - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
