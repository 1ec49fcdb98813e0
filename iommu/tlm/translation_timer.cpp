// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/translation_timer.h"

#include <algorithm>
#include <bit>

namespace sidewinder::tlm_shell {
namespace {

using arch::AccessPurpose;
using arch::WalkAccess;
using sc_core::sc_time;
using smmuv3::Translation;
using Source = Translation::Source;

bool is_structure(const WalkAccess& access) {
  return access.purpose == AccessPurpose::StreamTable || access.purpose == AccessPurpose::ContextTable;
}

/// Walk cache lookups of a walk that first reads a table of `level`: those of level 3 down to that one, which
/// was found. Tables of level 0 are not looked up.
unsigned lookups(int level) {
  return static_cast<unsigned>(4 - std::max(level, 1));
}

/// How many servers there are: with contention as many as the parameter says.
unsigned of(const Smmuv3Timing& timing, unsigned parameter) {
  return timing.contention ? parameter : 0;
}

/// Exact, where a multiplication of times goes through floating point.
sc_time of_many(const sc_time& one, std::uint64_t times) {
  return sc_time::from_value(one.value() * times);
}

void add(ResourceStatistics& sum, const ResourceStatistics& one, std::uint64_t times) {
  sum.uses += one.uses * times;
  sum.busy += of_many(one.busy, times);
}

/// Without a multiplication, which goes through floating point, where there is one.
sc_time of_beats(const sc_time& beat, unsigned beats) {
  return beats == 1 ? beat : beat * beats;
}

Translation forwarded(Source source) {
  Translation translation;
  translation.action = Translation::Action::Forward;
  translation.source = source;
  return translation;
}

}  // namespace

void LatencyHistogram::add(const sc_time& latency) {
  const std::uint64_t nanoseconds = latency.value() / nanosecond_;
  ++counts_[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(nanoseconds)), bins - 1)];
  total_ += latency;
  longest_ = std::max(longest_, latency);
}

void LatencyHistogram::add(const LatencyHistogram& other, std::uint64_t times) {
  if (times == 0) return;
  for (std::size_t bin = 0; bin < bins; ++bin) counts_[bin] += other.counts_[bin] * times;
  total_ += of_many(other.total_, times);
  longest_ = std::max(longest_, other.longest_);
}

TranslationTimer::Tbu::Tbu(const Smmuv3Timing& timing)
    : slots(of(timing, timing.tbu_slots)),
      write_buffer(of(timing, timing.write_buffer_beats)),
      client_port(of(timing, 1)),
      out_port(of(timing, 1)),
      micro_tlb(of(timing, timing.micro_tlb_lookups)),
      main_tlb(of(timing, timing.main_tlb_lookups)) {}

TranslationTimer::TranslationTimer(const Smmuv3Timing& timing, unsigned tbus)
    : timing_(timing),
      tbus_(tbus, Tbu(timing)),
      link_there_(of(timing, 1)),
      link_back_(of(timing, 1)),
      configuration_lookups_(of(timing, timing.configuration_lookups)),
      walk_cache_lookups_(of(timing, timing.walk_cache_lookups)),
      memory_port_(of(timing, 1)),
      translation_slots_(of(timing, timing.translation_slots)),
      walk_slots_(of(timing, timing.walk_slots)) {
  statistics_.tbus.resize(tbus);
  for (std::size_t source = 0; source < sources; ++source) {
    TranslationTimer alone(*this);
    alike_[source] =
        alone.charge_each(0, forwarded(static_cast<Source>(source)), false, 1, sc_core::SC_ZERO_TIME);
  }
}

sc_time TranslationTimer::charge_each(unsigned tbu, const Translation& translation, bool write,
                                      unsigned bytes, const sc_time& time) {
  Tbu& own = tbus_[tbu];
  TbuStatistics& count = statistics_.tbus[tbu];
  ++(write ? count.writes : count.reads);
  if (translation.fault) ++statistics_.faults[static_cast<std::size_t>(translation.fault->kind)];

  const unsigned width = std::max(timing_.port_bytes, 1U);
  const unsigned beats = write ? std::max(1U, (bytes + width - 1) / width) : 1;
  sc_time at = own.slots.acquire(time);
  if (write) at = own.write_buffer.acquire(at, beats);
  at = own.client_port.use(at, of_beats(timing_.client_port, beats));
  if (translation.source != Source::Disabled) {
    const bool nothing_read = translation.accesses.empty();
    at = own.micro_tlb.use(at, timing_.micro_tlb);
    // What the configuration alone decides counts as a micro-TLB hit, once it is known.
    if (!nothing_read || (translation.source != Source::MicroTlb && translation.source != Source::Bypass))
      at = own.main_tlb.use(at, timing_.main_tlb);
    if (!nothing_read || translation.source == Source::Walk || translation.source == Source::Configuration)
      at = tables(translation, at);
  }
  if (translation.action == Translation::Action::Forward)
    at = own.out_port.use(at, of_beats(timing_.out_port, beats));
  if (write) own.write_buffer.release(at);
  own.slots.release(at);
  count.translation.add(at - time);
  return at;
}

/// A link takes one transaction after another, and each is under way for its latency.
sc_time TranslationTimer::over(Lane& link, const sc_time& latency, const sc_time& time) const {
  const sc_time issue = std::min(timing_.issue, latency);
  return link.use(time, issue) + (latency - issue);
}

sc_time TranslationTimer::tables(const Translation& translation, const sc_time& time) {
  sc_time at = translation_slots_.acquire(time);
  at = over(link_there_, timing_.link_there, at);
  at = configuration_lookups_.use(at, timing_.configuration_cache);
  // The tables of stage 2 on the way to a CD belong to the configuration too.
  std::size_t of_configuration = translation.accesses.size();
  while (of_configuration != 0 && !is_structure(translation.accesses[of_configuration - 1]))
    --of_configuration;
  at = accesses(translation.accesses.first(of_configuration), at);
  if (translation.source == Source::Walk) {
    const sc_time begin = walk_slots_.acquire(at);
    at = accesses(translation.accesses.subspan(of_configuration), begin + timing_.walk_start);
    walk_slots_.release(at);
    statistics_.walks.add(at - begin);
  } else {
    at = accesses(translation.accesses.subspan(of_configuration), at);
  }
  at = over(link_back_, timing_.link_back, at);
  translation_slots_.release(at);
  return at;
}

sc_time TranslationTimer::accesses(Accesses all, sc_time time) {
  const WalkAccess* stage1 = nullptr;
  const WalkAccess* previous = nullptr;
  for (const WalkAccess& access : all) {
    if (is_structure(access)) {
      ++statistics_.structures_read;
    } else if (access.write) {
      ++statistics_.descriptors_updated;
    } else {
      ++statistics_.descriptors_read;
      const bool of_stage1 = access.purpose == AccessPurpose::Stage1Table;
      // A walk of stage 1 is interrupted by those of stage 2, a walk of stage 2 by nothing.
      const WalkAccess* before = of_stage1 ? stage1 : previous;
      const bool begins =
          before == nullptr || before->purpose != access.purpose || access.level <= before->level;
      if (begins) {
        const auto level = static_cast<std::size_t>(std::max<int>(access.level, 0));
        ++(of_stage1 ? statistics_.stage1_walks_from : statistics_.stage2_walks_from)[level];
        for (unsigned lookup = lookups(access.level); lookup != 0; --lookup)
          time = walk_cache_lookups_.use(time, timing_.walk_cache);
      }
      if (of_stage1) stage1 = &access;
    }
    time = over(memory_port_, timing_.memory_access, time) + picoseconds_.time(access.latency_ps);
    previous = &access;
  }
  return time;
}

/// What charge_each() would have counted of so many.
void TranslationTimer::add_alike(TbuStatistics& sum, Source source, bool write, std::uint64_t times) const {
  if (times == 0) return;
  TranslationTimer alone(timing_, 1);
  static_cast<void>(alone.charge_each(0, forwarded(source), write, 1, sc_core::SC_ZERO_TIME));
  const TbuStatistics one = alone.snapshot().tbus[0];
  sum.reads += one.reads * times;
  sum.writes += one.writes * times;
  sum.translation.add(one.translation, times);
  add(sum.slots, one.slots, times);
  add(sum.client_port, one.client_port, times);
  add(sum.out_port, one.out_port, times);
  add(sum.write_buffer, one.write_buffer, times);
  add(sum.micro_tlb_lookups, one.micro_tlb_lookups, times);
  add(sum.main_tlb_lookups, one.main_tlb_lookups, times);
}

Smmuv3Statistics TranslationTimer::snapshot() const {
  Smmuv3Statistics all = statistics_;
  for (std::size_t index = 0; index < tbus_.size(); ++index) {
    const Tbu& tbu = tbus_[index];
    TbuStatistics& count = all.tbus[index];
    count.slots = tbu.slots.statistics();
    count.client_port = tbu.client_port.statistics();
    count.out_port = tbu.out_port.statistics();
    count.write_buffer = tbu.write_buffer.statistics();
    count.micro_tlb_lookups = tbu.micro_tlb.statistics();
    count.main_tlb_lookups = tbu.main_tlb.statistics();
    for (std::size_t source = 0; source < sources; ++source)
      for (const bool write : {false, true})
        add_alike(count, static_cast<Source>(source), write, tbu.alike[source][write ? 1 : 0]);
  }
  all.link_there = link_there_.statistics();
  all.link_back = link_back_.statistics();
  all.configuration_lookups = configuration_lookups_.statistics();
  all.walk_cache_lookups = walk_cache_lookups_.statistics();
  all.memory_port = memory_port_.statistics();
  all.translation_slots = translation_slots_.statistics();
  all.walk_slots = walk_slots_.statistics();
  return all;
}

Smmuv3Timing gem5_timing() {
  Smmuv3Timing timing;
  timing.contention = true;
  return timing;
}

Smmuv3Timing untimed() {
  Smmuv3Timing timing;
  for (sc_time* time : {&timing.client_port, &timing.micro_tlb, &timing.main_tlb, &timing.link_there,
                        &timing.link_back, &timing.out_port, &timing.configuration_cache, &timing.walk_start,
                        &timing.walk_cache, &timing.memory_access, &timing.command, &timing.invalidation})
    *time = sc_core::SC_ZERO_TIME;
  return timing;
}

}  // namespace sidewinder::tlm_shell
