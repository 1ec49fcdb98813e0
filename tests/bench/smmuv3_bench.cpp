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
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/attributes.h"
#include "models/run_simulation.h"
#include "tests/support/smmuv3_rig.h"

namespace {

using namespace sidewinder;
using test::Client;
using test::FlatMemory;
using test::SmmuRig;
using test::Walkabout;

constexpr std::uint64_t page = test::rig_page;

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

/// Everything there is, elaborated once a process.
struct Rig {
  FlatMemory memory{"memory", 7};
  Client raw{"raw"}, passed{"passed"}, stubbed{"stubbed"};
  PassThrough pass{"pass"};
  Stub stub{"stub"};
  SmmuRig cached{"cached", SmmuRig::with_caches(), memory};
  SmmuRig uncached{"uncached", SmmuRig::without_caches(), memory};

  Rig() {
    raw.socket.bind(memory.port());
    passed.socket.bind(pass.in);
    pass.out.bind(memory.port());
    stubbed.socket.bind(stub.in);
    stub.out.bind(memory.port());
    models::run_simulation(sc_core::SC_ZERO_TIME);
    SmmuRig::write_tables(memory);
    for (std::uint64_t number = 0; number < SmmuRig::page_count; ++number)
      stub.map(0, number * page, SmmuRig::output(number));
    cached.program(0x30'0000);
    uncached.program(0x30'1000);
  }
};

Rig& rig() {
  static Rig* the_rig = new Rig;  // SystemC elaborates once
  return *the_rig;
}

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
    Client& client = (load.cold ? all.uncached : all.cached).client;
    const std::uint32_t stream = load.stream + ours_at.stream();
    if (client.read(stream, ours_at.number() * page) != load.ok) ++wrong;
    ours_at.next();
  };
  const auto raw = [&] {
    if (!all.raw.read(0, SmmuRig::output(raw_at.number()))) ++wrong;
    raw_at.next();
  };
  const auto pass = [&] {
    if (!all.passed.read(0, SmmuRig::output(pass_at.number()))) ++wrong;
    pass_at.next();
  };
  const auto stub = [&] {
    if (!all.stubbed.read(0, stub_at.number() * page)) ++wrong;
    stub_at.next();
  };
  // Warms what is to be warm; of more pages than any cache holds the last are enough.
  const std::uint64_t enough =
      std::min<std::uint64_t>(2 * load.pages * load.streams, 4 * SmmuRig::page_count);
  for (std::uint64_t n = 0; n < enough; ++n) ours();

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

/// One command in an SMMU whose main TLB holds 1,024 pages; the time from the write of PROD to its end.
void measure_invalidation(benchmark::State& state, std::uint64_t low, std::uint64_t high) {
  Rig& all = rig();
  std::size_t wrong = 0;
  std::vector<double> times, of_raw;
  for ([[maybe_unused]] const auto round : state) {
    for (std::uint64_t number = 0; number < 1024; ++number)
      if (!all.cached.client.read(0, number * page)) ++wrong;
    const double raw_ns = nanoseconds(100, [&] {
      if (!all.raw.read(0, SmmuRig::output(0))) ++wrong;
    });
    const double ours_ns = nanoseconds(1, [&] { all.cached.command(all.memory, low, high); });
    if (!all.cached.idle()) ++wrong;
    times.push_back(ours_ns);
    of_raw.push_back(ours_ns / raw_ns);
    state.SetIterationTime((raw_ns + ours_ns) * 1e-9);
  }
  if (wrong != 0) state.SkipWithError("an access or a command did not end as it should");
  state.counters["ours_ns"] = median(times);
  state.counters["/raw"] = median(of_raw);
}

void add_invalidation(const std::string& name, std::uint64_t low, std::uint64_t high, bool smoke) {
  benchmark::RegisterBenchmark(
      name.c_str(), [low, high](benchmark::State& state) { measure_invalidation(state, low, high); })
      ->Iterations(smoke ? 3 : 101)
      ->UseManualTime();
}

void add_all(bool smoke) {
  add("micro-TLB hit, one page", {}, smoke);
  add("micro-TLB hit, 16 pages", {.pages = 16}, smoke);
  add("main TLB hit, 256 pages", {.pages = 256}, smoke);
  add("main TLB hit, 1,024 pages", {.pages = 1024}, smoke);
  add("walk of the last level, 65,536 pages", {.pages = smoke ? 64U : 65536U}, smoke);
  add("cold walk of three levels", {.pages = 16, .cold = true}, smoke);
  add("cold walk of four levels", {.pages = 16, .cold = true, .stream = SmmuRig::four_levels}, smoke);
  add("cold nested walk", {.pages = 16, .cold = true, .stream = SmmuRig::nested}, smoke);
  add("fault, after a cold walk", {.pages = 16, .cold = true, .stream = SmmuRig::unmapped, .ok = false},
      smoke);
  for (const std::uint32_t streams : {8U, 64U})
    for (const std::uint64_t pages : {std::uint64_t{1}, std::uint64_t{16}, std::uint64_t{256},
                                      std::uint64_t{4096}, smoke ? std::uint64_t{64} : SmmuRig::page_count})
      add(std::to_string(streams) + " streams of " + std::to_string(pages) + " pages",
          {.pages = pages, .streams = streams}, smoke);
  // CMD_TLBI_NH_VA and CMD_TLBI_NSNH_ALL (IHI 0070 §4.4), of ASID 1 and the pages from 0x10000 on.
  constexpr std::uint64_t of_asid = 0x12 | std::uint64_t{1} << 48, from = 0x1'0000;
  add_invalidation("invalidation of a page", of_asid, from, smoke);
  add_invalidation("invalidation of a range of 16 pages", of_asid | std::uint64_t{15} << 12, from | 1 << 10,
                   smoke);
  add_invalidation("invalidation of all", 0x30, 0, smoke);
}

bool read_all(Client& client, Walkabout at, std::size_t count) {
  bool ok = true;
  for (std::size_t n = 0; n < count; ++n, at.next()) ok &= client.read(at.stream(), at.number() * page);
  return ok;
}

/// What scripts/bench --instructions counts, by its name.
[[gnu::noinline]] bool counted_reads(Client& client, const Walkabout& at, std::size_t count) {
  return read_all(client, at, count);
}

int read_counted(std::uint64_t pages) {
  constexpr std::size_t count = 20'000;
  const Walkabout begin(pages, 1);
  if (!read_all(rig().cached.client, begin, count) || !counted_reads(rig().cached.client, begin, count))
    return 1;
  std::cout << count << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--read") == 0)
    return read_counted(std::strtoull(argv[2], nullptr, 10));
  const auto is_smoke = [](const char* argument) { return std::strcmp(argument, "--smoke") == 0; };
  char** const kept = std::remove_if(argv + 1, argv + argc, is_smoke);
  add_all(kept != argv + argc);
  argc = static_cast<int>(kept - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
