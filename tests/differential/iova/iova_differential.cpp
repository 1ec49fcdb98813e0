// SPDX-License-Identifier: Apache-2.0
//
// The same random calls to our allocator and to the kernel's: every answer, search state, warning and tree
// must be equal, and where ours says that the kernel oopses or spins, the kernel's must. Any difference
// prints the calls that led to it. Arguments: the first seed and how many seeds; without them, the whole
// test.

#include <algorithm>
#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "guard.h"
#include "iommu/linux/iova.h"
#include "kernel_iova.h"

namespace {

using sidewinder::kernel::IovaConfig;
using sidewinder::kernel::IovaDepot;
using sidewinder::kernel::IovaDomain;
using sidewinder::kernel::IovaFatal;
using sidewinder::kernel::IovaRange;
using sidewinder::kernel::Pfn;
using sidewinder::test::catch_signals;
using sidewinder::test::guarded;
using sidewinder::test::set_cpu_timer;

constexpr IovaDepot depot = IovaDepot::SIDEWINDER_IOVA_DEPOT;
constexpr Pfn highest_pfn = ~Pfn{0};

int signal_of(IovaFatal fatal) {
  switch (fatal) {
    case IovaFatal::None:
      return 0;
    case IovaFatal::NullDereference:
      return SIGSEGV;
    case IovaFatal::InvalidFree:
      return SIGBUS;
    case IovaFatal::EndlessSearch:
      return SIGVTALRM;
  }
  return 0;
}

struct Answer {
  bool given = true;
  Pfn lo = 0;
  Pfn hi = 0;

  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer answer(const std::optional<IovaRange>& range) {
  return range ? Answer{true, range->pfn_lo, range->pfn_hi} : Answer{false, 0, 0};
}

std::string text(const Answer& given) {
  if (!given.given) return "none";
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%#" PRIx64 "..%#" PRIx64, given.lo, given.hi);
  return buffer.data();
}

enum class Profile : std::uint8_t { Small, High, Cached, Video, Crowded, Window, Misuse };
constexpr std::array profile_names = {"small", "high", "cached", "video", "crowded", "window", "misuse"};

struct Tally {
  std::uint64_t calls = 0, failures = 0, warnings = 0, oopses = 0, spins = 0, spills = 0, trims = 0;
};

class Trial {
 public:
  Trial(std::uint64_t seed, Profile profile, Tally& tally)
      : random_(seed * 16 + static_cast<std::uint64_t>(profile)),
        seed_(seed),
        profile_(profile),
        config_(choose_config()),
        ours_(config_),
        tally_(&tally) {
    kernel_create(config_.granule, config_.start_pfn, config_.cpus);
    ours_.set_trim_scheduler([this](unsigned order) { trims_.push_back(order); });
    choose_limits();
  }

  bool run(unsigned calls) {
    if (profile_ == Profile::Window) close_window();
    for (unsigned i = 0; i < calls && good_ && ours_.fatal() == IovaFatal::None; ++i) {
      one_call();
      if (i % (profile_ == Profile::Cached ? 2048 : 64) == 0) compare_ranges();
    }
    if (ours_.fatal() == IovaFatal::None) finish();
    kernel_release();
    tally_->warnings += ours_.warnings();
    return good_;
  }

 private:
  Pfn below(Pfn bound) { return random_() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }

  IovaConfig choose_config() {
    IovaConfig config;
    config.granule = chance(70) ? 4096 : std::uint64_t{4096} << (2 * below(3));
    config.start_pfn = chance(60) ? 1 : 1 + below(300);
    if (profile_ == Profile::Misuse) {
      if (chance(10)) config.start_pfn = 0;
      if (chance(10)) config.granule = 1;
    }
    config.cpus = static_cast<unsigned>(1 + below(4));
    config.depot = depot;
    return config;
  }

  void choose_limits() {
    const Pfn pfn32 = ours_.dma_32bit_pfn();
    switch (profile_) {
      case Profile::Small:
        space_ = 200 + below(4000);
        limits_ = {space_, space_ / 2, space_ * 3 / 4, space_ + 1};
        break;
      case Profile::High:
        space_ = pfn32 * 16;
        limits_ = {space_ - 1,     pfn32 - 1, pfn32, pfn32 + 1 + below(5000), pfn32 - 1 - below(5000),
                   highest_pfn - 1};
        break;
      case Profile::Cached:
        space_ = chance(50) ? pfn32 - 1 : 16'000;
        limits_ = {space_, space_, space_ - space_ / 8};
        break;
      case Profile::Video:
        space_ = Pfn{0xdac00000} >> ours_.shift();
        limits_ = {space_ - 1, space_ - 1, (Pfn{0x25800000} >> ours_.shift()) - 1, pfn32 - 1};
        break;
      case Profile::Crowded:
        space_ = 5'000 + below(40'000);
        limits_ = {space_, space_, space_ - space_ / 7, pfn32 + space_, pfn32 + space_ / 3, pfn32 * 16 - 1};
        break;
      case Profile::Window:
        space_ = 300 + below(1500);
        limits_ = {space_ - 1, pfn32 - 1, pfn32 - 1, space_ / 2, pfn32 * 16 - 1};
        break;
      case Profile::Misuse:
        space_ = 100 + below(2000);
        limits_ = {space_, space_ / 2, highest_pfn, 0, highest_pfn - 1, pfn32 - 1, pfn32, below(40)};
        break;
    }
  }

  Pfn limit() { return limits_[below(limits_.size())]; }

  std::uint64_t size() {
    switch (profile_) {
      case Profile::Cached:
        return chance(95) ? 1 + below(2) : 1 + below(40);
      case Profile::Video:
        return chance(40) ? 1 + below(32)
                          : ((chance(70) ? 33 : 130) * (std::uint64_t{1} << 20) >> ours_.shift());
      case Profile::High:
        return chance(80) ? 1 + below(64) : std::uint64_t{1} << below(22);
      case Profile::Crowded:
        if (chance(5)) return 65 + below(chance(50) ? 300 : 6000);
        return chance(70) ? 1 + below(8) : std::uint64_t{1} << below(7);
      case Profile::Misuse:
        if (chance(1)) return highest_pfn / 2 - below(3);
        return 1 + below(chance(80) ? 40 : 400);
      case Profile::Small:
      case Profile::Window:
        return 1 + below(chance(80) ? 40 : 400);
    }
    return 1;
  }

  struct Shares {
    unsigned fast_alloc = 25, fast_free = 20, alloc = 25, free = 15;
  };

  /// The cached profile swings between filling and emptying, so that magazines pile up beyond what a depot
  /// holds; the crowded one, so that holes of all sizes lie between thousands of ranges.
  Shares choose_shares() {
    if (profile_ == Profile::Cached) {
      if (live_.size() > 13'000 || below(20'000) == 0) filling_ = false;
      if (live_.size() < 500) filling_ = true;
      return filling_ ? Shares{80, 10, 25, 15} : Shares{10, 80, 25, 15};
    }
    if (profile_ == Profile::Crowded) {
      if (live_.size() > 2'000) filling_ = false;
      if (live_.size() < 1'200) filling_ = true;
      return filling_ ? Shares{10, 2, 78, 2} : Shares{3, 5, 32, 52};
    }
    if (profile_ == Profile::Window) {
      if (chance(2)) filling_ = !filling_;
      return filling_ ? Shares{5, 2, 85, 3} : Shares{2, 8, 10, 75};
    }
    return {};
  }

  /// Nothing is left between space_ and 4 GiB, and sometimes below start_pfn, so that the window can be full;
  /// the reservations may overlap and reach beyond.
  void close_window() {
    const Pfn pfn32 = ours_.dma_32bit_pfn();
    const Pfn middle = space_ + 1 + below(pfn32 - space_ - 1);
    reserve(space_, middle);
    reserve(middle + 1 - below(50), pfn32 - 1 + (chance(50) ? 0 : below(100)));
    if (chance(50)) reserve(0, below(300));
  }

  void one_call() {
    ++tally_->calls;
    const Shares shares = choose_shares();
    unsigned pick = static_cast<unsigned>(below(100));
    const auto is = [&pick](unsigned share) {
      const bool hit = pick < share;
      pick -= share;
      return hit;
    };
    if (is(shares.fast_alloc)) return alloc_fast();
    if (is(shares.fast_free)) return free_fast();
    if (profile_ == Profile::Cached && is(8)) return change_cpu();
    if (is(shares.alloc)) return alloc();
    if (is(shares.free)) return free_one();
    if (is(5)) return reserve();
    if (is(4)) return find();
    change_cpu();
  }

  void alloc() {
    const std::uint64_t pages = profile_ == Profile::Misuse && chance(2) ? 0 : size();
    const Pfn below_limit = limit();
    const bool aligned = pages != 0 && chance(60);  // a shift by 64 is undefined in C
    Answer given;
    step(
        "alloc_iova(" + hex(pages) + ", " + hex(below_limit) + (aligned ? ", aligned)" : ")"),
        [&] { return given = answer(ours_.alloc_iova(pages, below_limit, aligned)); },
        [&] {
          kernel_range range{};
          const bool ok = kernel_alloc_iova(pages, below_limit, aligned, &range);
          return Answer{ok, range.lo, range.hi};
        });
    if (given.given) live_.push_back({given.lo, pages});
    if (!given.given) ++tally_->failures;
  }

  void alloc_fast() {
    const std::uint64_t pages = size();
    const Pfn below_limit = limit();
    const bool flush = chance(profile_ == Profile::Cached ? 1 : 50);
    Answer given;
    step(
        "alloc_iova_fast(" + hex(pages) + ", " + hex(below_limit) + (flush ? ", flush)" : ")"),
        [&] {
          const auto pfn = ours_.alloc_iova_fast(pages, below_limit, flush);
          return given = Answer{pfn.has_value(), pfn.value_or(0), 0};
        },
        [&] {
          const Pfn pfn = kernel_alloc_iova_fast(pages, below_limit, flush);
          return Answer{pfn != 0, pfn, 0};
        });
    if (given.given) live_.push_back({given.lo, pages});
    if (!given.given) ++tally_->failures;
  }

  std::optional<std::pair<Pfn, std::uint64_t>> take_live() {
    if (live_.empty()) return std::nullopt;
    if (profile_ == Profile::Window && chance(70)) {  // the oldest
      const auto oldest = live_.front();
      live_.erase(live_.begin());
      return oldest;
    }
    std::swap(live_[below(live_.size())], live_.back());
    const auto taken = live_.back();
    live_.pop_back();
    return taken;
  }

  void free_one() {
    Pfn pfn = 0;
    if (profile_ == Profile::Misuse && chance(20)) {
      pfn = chance(3) ? highest_pfn : below(space_ + 100);
    } else if (const auto taken = take_live()) {
      pfn = taken->first + (chance(20) && taken->second > 0 ? below(taken->second) : 0);
    } else {
      return;
    }
    step(
        "free_iova(" + hex(pfn) + ")",
        [&] {
          ours_.free_iova(pfn);
          return Answer{};
        },
        [&] {
          kernel_free_iova(pfn);
          return Answer{};
        });
  }

  void free_fast() {
    std::pair<Pfn, std::uint64_t> range;
    if (profile_ == Profile::Misuse && chance(5)) {
      range = {below(space_ + 100), below(70)};
    } else if (const auto taken = take_live()) {
      range = *taken;
    } else {
      return;
    }
    const std::size_t cached = ours_.rcache().size();
    step(
        "free_iova_fast(" + hex(range.first) + ", " + hex(range.second) + ")",
        [&] {
          ours_.free_iova_fast(range.first, range.second);
          return Answer{};
        },
        [&] {
          kernel_free_iova_fast(range.first, range.second);
          return Answer{};
        });
    if (ours_.rcache().size() < cached) ++tally_->spills;
  }

  void reserve() {
    Pfn lo = below(space_);
    Pfn hi = lo + below(space_ / 20 + 1);
    if (profile_ == Profile::Misuse) {
      if (chance(40)) hi = lo - 1;  // length 0
      if (chance(10)) hi = below(space_);
      if (chance(2)) hi = highest_pfn >> ours_.shift();
      if (chance(2)) lo = highest_pfn - below(3);
    } else if (chance(80)) {
      return find();  // reservations are rare, or there is soon no space
    }
    reserve(lo, hi);
  }

  void reserve(Pfn lo, Pfn hi) {
    step(
        "reserve_iova(" + hex(lo) + ", " + hex(hi) + ")",
        [&] {
          return Answer{ours_.reserve_iova(lo, hi), 0, 0};
        },
        [&] {
          return Answer{kernel_reserve_iova(lo, hi), 0, 0};
        });
  }

  void find() {
    const Pfn pfn = chance(2) ? highest_pfn : below(space_ + 10);
    step(
        "find_iova(" + hex(pfn) + ")", [&] { return answer(ours_.find_iova(pfn)); },
        [&] {
          kernel_range range{};
          const bool ok = kernel_find_iova(pfn, &range);
          return Answer{ok, range.lo, range.hi};
        });
  }

  void change_cpu() {
    const auto cpu = static_cast<unsigned>(below(config_.cpus));
    if (!trims_.empty() && chance(60)) return trim();
    if (chance(10)) {
      step(
          "cpu_dead(" + hex(cpu) + ")",
          [&] {
            if (ours_.cpu_dead(cpu)) return Answer{};
            return Answer{false, 0, 0};
          },
          [&] {
            if (cpu == cpu_ || offline_[cpu]) return Answer{false, 0, 0};
            kernel_cpu_dead(cpu);
            offline_[cpu] = true;
            return Answer{};
          });
      return;
    }
    if (offline_[cpu]) {
      step(
          "cpu_up(" + hex(cpu) + ")",
          [&] {
            return Answer{ours_.cpu_up(cpu), 0, 0};
          },
          [&] {
            kernel_cpu_up(cpu);
            return Answer{};
          });
      offline_[cpu] = false;
    }
    cpu_ = cpu;
    step(
        "set_current_cpu(" + hex(cpu) + ")",
        [&] {
          return Answer{ours_.set_current_cpu(cpu), 0, 0};
        },
        [&] {
          kernel_set_cpu(cpu);
          return Answer{};
        });
  }

  void trim() {
    ++tally_->trims;
    step(
        "trim_depot(" + hex(trims_.front()) + ")",
        [&] {
          const unsigned order = trims_.front();
          trims_.pop_front();
          ours_.trim_depot(order);
          return Answer{};
        },
        [&] {
          kernel_run_oldest_work();
          return Answer{};
        });
  }

  /// Everything is freed; then only reservations and what misuse lost may remain.
  void finish() {
    while (good_ && !live_.empty() && ours_.fatal() == IovaFatal::None) chance(50) ? free_one() : free_fast();
    for (unsigned cpu = 0; good_ && ours_.fatal() == IovaFatal::None && cpu < config_.cpus; ++cpu) {
      if (cpu == cpu_ || offline_[cpu]) continue;
      step(
          "cpu_dead(" + hex(cpu) + ")",
          [&] {
            return Answer{ours_.cpu_dead(cpu), 0, 0};
          },
          [&] {
            kernel_cpu_dead(cpu);
            return Answer{};
          });
    }
    while (good_ && ours_.fatal() == IovaFatal::None && !trims_.empty()) trim();
    if (!good_ || ours_.fatal() != IovaFatal::None) return;
    compare_ranges();
    if (profile_ == Profile::Misuse) return;
    kernel_put();
    if (kernel_blocks() != 0) fail("the kernel's side leaks");
  }

  template <typename Ours, typename Kernel>
  void step(std::string call, const Ours& ours, const Kernel& kernel) {
    recent_.push_back(std::move(call));
    if (recent_.size() > 25) recent_.pop_front();

    const Answer mine = ours();
    const IovaFatal fatal = ours_.fatal();
    if (fatal == IovaFatal::EndlessSearch) set_cpu_timer(5000);
    Answer theirs;
    const int signal_number = guarded([&] { theirs = kernel(); });
    if (fatal == IovaFatal::EndlessSearch) set_cpu_timer(0);

    const int expected = signal_of(fatal);
    if (signal_number != expected) {
      return fail("signal " + std::to_string(signal_number) + ", expected " + std::to_string(expected));
    }
    if (fatal != IovaFatal::None) {
      ++(fatal == IovaFatal::EndlessSearch ? tally_->spins : tally_->oopses);
      return;
    }
    if (mine != theirs) return fail("ours " + text(mine) + ", the kernel's " + text(theirs));
    compare_state();
  }

  void compare_state() {
    const kernel_search_state theirs = kernel_state();
    const auto mine = ours_.search_state();
    if (mine.cached32.has_value() != theirs.has_cached32 || mine.cached32.value_or(0) != theirs.cached32 ||
        mine.cached.has_value() != theirs.has_cached || mine.cached.value_or(0) != theirs.cached) {
      return fail("cached nodes " + hex(mine.cached32.value_or(0)) + " " + hex(mine.cached.value_or(0)) +
                  ", the kernel's " + hex(theirs.cached32) + " " + hex(theirs.cached));
    }
    if (mine.max32_alloc_size != theirs.max32_alloc_size) {
      return fail("max32_alloc_size " + hex(mine.max32_alloc_size) + ", the kernel's " +
                  hex(theirs.max32_alloc_size));
    }
    if (ours_.warnings() != kernel_warnings()) {
      return fail("warnings " + hex(ours_.warnings()) + ", the kernel's " + hex(kernel_warnings()));
    }
    if (trims_.size() != kernel_pending_work()) {
      return fail("pending work " + hex(trims_.size()) + ", the kernel's " + hex(kernel_pending_work()));
    }
  }

  void compare_ranges() {
    if (!good_ || ours_.fatal() != IovaFatal::None) return;
    std::vector<kernel_range> theirs(kernel_ranges(nullptr, 0));
    kernel_ranges(theirs.data(), theirs.size());
    const std::vector<IovaRange> mine = ours_.ranges();
    const bool equal = std::equal(
        mine.begin(), mine.end(), theirs.begin(), theirs.end(),
        [](const IovaRange& a, const kernel_range& b) { return a.pfn_lo == b.lo && a.pfn_hi == b.hi; });
    if (!equal) return fail("the trees differ");
    if (profile_ == Profile::Misuse) return;
    for (std::size_t i = 1; i < mine.size(); ++i) {
      if (mine[i - 1].pfn_hi >= mine[i].pfn_lo) return fail("two ranges overlap at " + hex(mine[i].pfn_lo));
    }
  }

  void fail(const std::string& what) {
    if (!good_) return;
    good_ = false;
    std::printf("seed %" PRIu64 ", profile %s, granule %#" PRIx64 ", start_pfn %#" PRIx64 ", %u CPUs\n",
                seed_, profile_names[static_cast<std::size_t>(profile_)], config_.granule, config_.start_pfn,
                config_.cpus);
    for (const std::string& call : recent_) std::printf("  %s\n", call.c_str());
    std::printf("%s\n", what.c_str());
  }

  static std::string hex(Pfn value) {
    std::array<char, 24> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%#" PRIx64, value);
    return buffer.data();
  }

  std::mt19937_64 random_;
  std::uint64_t seed_;
  Profile profile_;
  IovaConfig config_;
  IovaDomain ours_;
  Tally* tally_;
  Pfn space_ = 0;
  std::vector<Pfn> limits_;
  std::vector<std::pair<Pfn, std::uint64_t>> live_;
  std::deque<unsigned> trims_;
  std::deque<std::string> recent_;
  std::array<bool, 4> offline_{};
  unsigned cpu_ = 0;
  bool filling_ = true;
  bool good_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 1;
  const std::uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : argc > 1 ? 1 : 100;
  catch_signals();

  std::array<Tally, profile_names.size()> tallies{};
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    for (std::size_t profile = 0; profile < profile_names.size(); ++profile) {
      const unsigned calls = static_cast<Profile>(profile) == Profile::Cached    ? 60'000
                             : static_cast<Profile>(profile) == Profile::Crowded ? 8'000
                             : static_cast<Profile>(profile) == Profile::Misuse  ? 300
                                                                                 : 1500;
      // A misused domain soon ends in an oops: many short lives.
      const unsigned lives = static_cast<Profile>(profile) == Profile::Misuse                    ? 20
                             : static_cast<Profile>(profile) == Profile::Cached && seed % 5 != 0 ? 0
                                                                                                 : 1;
      for (unsigned life = 0; life < lives; ++life) {
        Trial trial(seed * 100 + life, static_cast<Profile>(profile), tallies[profile]);
        if (!trial.run(calls)) return EXIT_FAILURE;
      }
    }
  }

  std::printf("profile      calls  failures  warnings  oopses  spins  spills  trims\n");
  for (std::size_t profile = 0; profile < tallies.size(); ++profile) {
    const Tally& tally = tallies[profile];
    std::printf("%-8s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %6" PRIu64 " %7" PRIu64 " %6" PRIu64
                "\n",
                profile_names[profile], tally.calls, tally.failures, tally.warnings, tally.oopses,
                tally.spins, tally.spills, tally.trims);
  }
  return EXIT_SUCCESS;
}
