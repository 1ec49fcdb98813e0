// SPDX-License-Identifier: Apache-2.0

#include "iommu/tlm/translation_time.h"

#include <algorithm>

namespace sidewinder::tlm_shell {
namespace {

using arch::AccessPurpose;
using smmuv3::Translation;
using Source = Translation::Source;

/// Walk cache lookups of one stage's walk that first reads a table of `level`: those of level 3 down to that
/// one, which was found. Tables of level 0 are not looked up.
unsigned lookups(int level) {
  return static_cast<unsigned>(4 - std::max(level, 1));
}

/// A walk of one stage begins here: the level does not go on from that of the access before.
bool begins_walk(const arch::WalkAccess* before, const arch::WalkAccess& access) {
  return before == nullptr || before->purpose != access.purpose || access.level <= before->level;
}

}  // namespace

sc_core::sc_time translation_time(const Smmuv3Timing& timing, const Translation& translation, bool write,
                                  unsigned bytes) {
  const unsigned beats = write ? std::max(1U, (bytes + timing.port_bytes - 1) / timing.port_bytes) : 1;
  sc_core::sc_time time = timing.client_port * beats;
  if (translation.action == Translation::Action::Forward) time += timing.out_port * beats;
  if (translation.source == Source::Disabled) return time;
  time += timing.micro_tlb;
  if (translation.accesses.empty() &&
      (translation.source == Source::MicroTlb || translation.source == Source::Bypass))
    return time;
  time += timing.main_tlb;
  if (translation.accesses.empty() && translation.source == Source::MainTlb) return time;

  time += timing.link_there + timing.configuration_cache + timing.link_back;
  if (translation.source == Source::Walk) time += timing.walk_start;
  std::uint64_t memory_ps = 0;
  const arch::WalkAccess* stage1 = nullptr;
  const arch::WalkAccess* previous = nullptr;
  for (const arch::WalkAccess& access : translation.accesses) {
    memory_ps += access.latency_ps;
    time += timing.memory_access;
    if (access.purpose == AccessPurpose::Stage1Table && !access.write) {
      if (stage1 == nullptr || access.level <= stage1->level)
        time += timing.walk_cache * lookups(access.level);
      stage1 = &access;
    } else if (access.purpose == AccessPurpose::Stage2Table && !access.write &&
               begins_walk(previous, access)) {
      time += timing.walk_cache * lookups(access.level);
    }
    previous = &access;
  }
  return time + sc_core::sc_time(static_cast<double>(memory_ps), sc_core::SC_PS);
}

Smmuv3Timing untimed() {
  Smmuv3Timing timing;
  for (sc_core::sc_time* time :
       {&timing.client_port, &timing.micro_tlb, &timing.main_tlb, &timing.link_there, &timing.link_back,
        &timing.out_port, &timing.configuration_cache, &timing.walk_start, &timing.walk_cache,
        &timing.memory_access, &timing.command, &timing.invalidation})
    *time = sc_core::SC_ZERO_TIME;
  return timing;
}

}  // namespace sidewinder::tlm_shell
