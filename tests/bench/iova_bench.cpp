// SPDX-License-Identifier: Apache-2.0
//
// Our IOVA allocator and the kernel's own, compiled natively, under the same load in one process. Each round
// times a batch of both, in turns first; `ratio` is the median of the rounds' ours / kernel's, which a busy
// machine disturbs least. The answers must be equal. Prints nanoseconds a step of the load.

#include <benchmark/benchmark.h>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iommu/linux/iova.h"
#include "kernel_iova.h"

namespace {

using sidewinder::kernel::IovaDomain;
using sidewinder::kernel::Pfn;

constexpr Pfn limit_32bit = 0xfffff;
constexpr Pfn limit_48bit = 0xfffffffff;

class Ours {
 public:
  std::optional<Pfn> alloc(std::uint64_t pages, Pfn limit, bool aligned = true) {
    const auto range = domain_.alloc_iova(pages, limit, aligned);
    if (!range) return std::nullopt;
    return range->pfn_lo;
  }
  void free(Pfn pfn) { domain_.free_iova(pfn); }
  Pfn alloc_fast(std::uint64_t pages, Pfn limit) {
    return domain_.alloc_iova_fast(pages, limit, true).value_or(0);
  }
  void free_fast(Pfn pfn, std::uint64_t pages) { domain_.free_iova_fast(pfn, pages); }
  void reserve(Pfn lo, Pfn hi) { domain_.reserve_iova(lo, hi); }

 private:
  IovaDomain domain_{{}};
};

class Kernels {
 public:
  Kernels() { kernel_create(4096, 1, 1); }
  ~Kernels() { kernel_release(); }
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

  static std::optional<Pfn> alloc(std::uint64_t pages, Pfn limit, bool aligned = true) {
    kernel_range range{};
    if (!kernel_alloc_iova(pages, limit, aligned, &range)) return std::nullopt;
    return range.lo;
  }
  static void free(Pfn pfn) { kernel_free_iova(pfn); }
  static Pfn alloc_fast(std::uint64_t pages, Pfn limit) { return kernel_alloc_iova_fast(pages, limit, true); }
  static void free_fast(Pfn pfn, std::uint64_t pages) { kernel_free_iova_fast(pfn, pages); }
  static void reserve(Pfn lo, Pfn hi) { kernel_reserve_iova(lo, hi); }
};

/// Cheap, so that drawing does not hide what is measured (SplitMix64).
class Random {
 public:
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % bound;
  }

 private:
  std::uint64_t state_ = 1;
};

/// One buffer more, and back, through the caches, as most mappings come and go.
template <typename Side>
class Cached {
 public:
  static constexpr std::size_t steps = 20'000;

  explicit Cached(std::size_t live) {
    for (std::size_t i = 0; i < live; ++i) side_.alloc_fast(1 + random_.below(32), limit_48bit);
  }
  std::uint64_t step() {
    const std::uint64_t pages = 1 + random_.below(32);
    const Pfn pfn = side_.alloc_fast(pages, limit_48bit);
    side_.free_fast(pfn, pages);
    return pfn;
  }

 private:
  Side side_;
  Random random_;
};

/// One buffer more, and back, in the tree.
template <typename Side>
class Alternating {
 public:
  static constexpr std::size_t steps = 20'000;

  explicit Alternating(std::size_t live) {
    for (std::size_t i = 0; i < live; ++i) side_.alloc(1 + random_.below(64), limit_48bit);
  }
  std::uint64_t step() {
    const Pfn pfn = side_.alloc(33 + random_.below(64), limit_48bit).value_or(0);
    side_.free(pfn);
    return pfn;
  }

 private:
  Side side_;
  Random random_;
};

/// Any one of the live buffers goes, another comes.
template <typename Side>
class Churn {
 public:
  static constexpr std::size_t steps = 200;

  explicit Churn(std::size_t live) {
    for (std::size_t i = 0; i < live; ++i) live_.push_back(side_.alloc(pages(), limit_48bit).value_or(0));
  }
  std::uint64_t step() {
    Pfn& one = live_[random_.below(live_.size())];
    side_.free(one);
    one = side_.alloc(pages(), limit_48bit).value_or(0);
    return one;
  }

 private:
  std::uint64_t pages() { return 1 + random_.below(64); }

  Side side_;
  Random random_;
  std::vector<Pfn> live_;
};

/// Single pages with a free page between them. One from the top goes, so that the next search begins there;
/// then a request that no hole can hold comes, and goes.
template <typename Side>
class Fragmented {
 public:
  static constexpr std::size_t steps = 4;

  explicit Fragmented(std::size_t live) : live_(live) {
    for (std::size_t i = 0; i < 2 * live; ++i) side_.alloc(1, limit_48bit);
    for (std::size_t i = 0; i < live; ++i) side_.free(limit_48bit - 2 * i);
  }
  std::uint64_t step() {
    freed_ = (freed_ + 2) % (live_ / 2);  // not two neighbours: three pages in a row stay the most
    side_.free(limit_48bit - 2 * freed_ - 1);
    const Pfn pfn = side_.alloc(8, limit_48bit).value_or(0);
    side_.free(pfn);
    return pfn;
  }

 private:
  Side side_;
  std::size_t live_;
  std::size_t freed_ = 0;
};

/// A 32-bit window below 600 MiB of reserved space is filled to the last page, is asked for more, and
/// emptied: in the order it was filled, or in any order.
template <typename Side, bool in_order>
class FilledWindow {
 public:
  static constexpr std::size_t steps = 1;

  explicit FilledWindow(std::size_t live) : pages_(std::max<std::uint64_t>(0xda800 / live, 1)) {
    side_.reserve(0, 0x257ff);
  }
  std::uint64_t step() {
    while (const auto pfn = side_.alloc(pages_, limit_32bit, false)) live_.push_back(*pfn);
    const std::size_t count = live_.size();
    if (order_.size() != count) draw_order(count);
    for (const std::size_t index : order_) side_.free(live_[index]);
    live_.clear();
    return count;
  }

 private:
  void draw_order(std::size_t count) {
    order_.resize(count);
    for (std::size_t i = 0; i < count; ++i) order_[i] = i;
    if (in_order) return;
    for (std::size_t i = count; i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
  }

  Side side_;
  Random random_;
  std::uint64_t pages_;
  std::vector<Pfn> live_;
  std::vector<std::size_t> order_;
};

template <typename Side>
using Exhaustion = FilledWindow<Side, true>;
template <typename Side>
using ExhaustionAnyOrder = FilledWindow<Side, false>;

/// No room above 32 bits either, and no memory of a failure that would spare the search: the request fails
/// each time.
template <typename Side>
class Full {
 public:
  static constexpr std::size_t steps = 4;

  explicit Full(std::size_t live) : limit_(0x100000 + 2 * live) {
    side_.reserve(0, 0x100000);
    for (std::size_t i = 0; i < 2 * live; ++i) side_.alloc(1, limit_);
    for (std::size_t i = 0; i < live; ++i) side_.free(limit_ - 2 * i);
  }
  std::uint64_t step() { return side_.alloc(4, limit_).value_or(0); }

 private:
  Side side_;
  Pfn limit_;
};

/// Picture buffers and small ones in a 32-bit window that is nearly full: a request that fails makes one go.
template <typename Side>
class Pressure {
 public:
  static constexpr std::size_t steps = 500;

  explicit Pressure(std::size_t small) : small_(small) {
    side_.reserve(0, 0x257ff);
    for (std::size_t i = 0; i < 4 * small; ++i) step();
  }
  std::uint64_t step() {
    const std::uint64_t pages = random_.below(small_) == 0 ? 8448 : 1 + random_.below(0x80000 / small_);
    const Pfn pfn = side_.alloc_fast(pages, limit_32bit);
    if (pfn != 0) live_.emplace_back(pfn, pages);
    if (pfn == 0 || random_.below(3) == 0) free_one();
    return pfn;
  }

 private:
  void free_one() {
    std::swap(live_[random_.below(live_.size())], live_.back());
    side_.free_fast(live_.back().first, live_.back().second);
    live_.pop_back();
  }

  Side side_;
  std::size_t small_;
  Random random_;
  std::vector<std::pair<Pfn, std::uint64_t>> live_;
};

template <typename Load>
double nanoseconds_a_step(Load& load, std::uint64_t& answers) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < Load::steps; ++i) answers = answers * 31 + load.step();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  return taken.count() / static_cast<double>(Load::steps);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <template <typename> class Load>
void compare(benchmark::State& state, std::size_t live) {
  Load<Ours> ours(live);
  Load<Kernels> kernels(live);
  std::uint64_t our_answers = 0;
  std::uint64_t kernel_answers = 0;
  std::vector<double> our_times;
  std::vector<double> kernel_times;
  std::vector<double> ratios;
  for ([[maybe_unused]] const auto round : state) {
    double our_time = 0;
    double kernel_time = 0;
    if (ratios.size() % 2 == 0) {
      our_time = nanoseconds_a_step(ours, our_answers);
      kernel_time = nanoseconds_a_step(kernels, kernel_answers);
    } else {
      kernel_time = nanoseconds_a_step(kernels, kernel_answers);
      our_time = nanoseconds_a_step(ours, our_answers);
    }
    our_times.push_back(our_time);
    kernel_times.push_back(kernel_time);
    ratios.push_back(our_time / kernel_time);
    state.SetIterationTime((our_time + kernel_time) * 1e-9);
  }
  if (our_answers != kernel_answers) state.SkipWithError("the answers differ");
  state.counters["ours_ns"] = median(our_times);
  state.counters["kernel_ns"] = median(kernel_times);
  state.counters["ratio"] = median(ratios);
}

/// `rounds` is odd, so that a median is a round's.
template <template <typename> class Load>
void add(const std::string& name, std::size_t live, benchmark::IterationCount rounds) {
  benchmark::RegisterBenchmark((name + "/" + std::to_string(live)).c_str(),
                               [live](benchmark::State& state) { compare<Load>(state, live); })
      ->Iterations(rounds)
      ->UseManualTime();
}

void add_all(bool smoke) {
  const auto live = [smoke](std::size_t count) { return smoke ? std::min<std::size_t>(count, 200) : count; };
  const auto rounds = [smoke](benchmark::IterationCount count) { return smoke ? 3 : count; };
  add<Cached>("cached", live(1'000), rounds(301));
  add<Alternating>("alternating", live(10), rounds(301));
  add<Alternating>("alternating", live(100'000), rounds(301));
  add<Churn>("churn", live(1'000), rounds(301));
  add<Churn>("churn", live(100'000), rounds(31));
  add<Fragmented>("fragmented", live(100'000), rounds(51));
  add<Fragmented>("fragmented", live(1'000'000), rounds(11));
  add<Exhaustion>("exhaustion", live(1'000), rounds(301));
  add<Exhaustion>("exhaustion", live(50'000), rounds(51));
  add<ExhaustionAnyOrder>("exhaustion_any_order", live(1'000), rounds(301));
  add<ExhaustionAnyOrder>("exhaustion_any_order", live(50'000), rounds(51));
  add<Full>("full", live(100'000), rounds(51));
  add<Pressure>("pressure", live(500), rounds(101));
  add<Pressure>("pressure", live(5'000), rounds(31));
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
