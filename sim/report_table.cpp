// SPDX-License-Identifier: Apache-2.0

#include "sim/report_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sim/paint.h"
#include "sim/text.h"

namespace sidewinder::sim {

namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t most_sessions_listed = 8;  // more than these are shown by outcome
constexpr std::size_t most_hits_listed = 10;
constexpr Align left = Align::Left;

// Whose buffer: a session's, or the driver's own (queues, firmware).
std::string owner_text(const std::optional<std::uint32_t>& session) {
  return session ? " of session " + std::to_string(*session) : " of the driver";
}

// "600-3,500": bounds are whole as a rule, and take a decimal where they are not.
std::string mebibyte_range(std::uint64_t lo, std::uint64_t end) {
  const auto bound = [](std::uint64_t bytes) {
    constexpr std::uint64_t mebi = 1U << 20;
    return bytes % mebi == 0 ? thousands(bytes / mebi) : mebibytes(bytes);
  };
  return bound(lo) + "-" + bound(end);
}

MisrouteCounts all_misroutes(const Report& report) {
  MisrouteCounts sum;
  for (const StreamReport& stream : report.streams) {
    sum.caught += stream.misroutes.caught;
    sum.silent_foreign += stream.misroutes.silent_foreign;
    sum.silent_same_memory += stream.misroutes.silent_same_memory;
    sum.unowned += stream.misroutes.unowned;
  }
  return sum;
}

UntranslatedCounts all_untranslated(const Report& report) {
  UntranslatedCounts sum;
  for (const StreamReport& stream : report.streams) {
    sum.passed += stream.untranslated.passed;
    sum.blocked += stream.untranslated.blocked;
  }
  return sum;
}

std::string session_sentence(const Report& report) {
  if (report.sessions.empty()) return "No sessions.";

  const auto with = [&](SessionOutcome outcome) {
    return static_cast<std::uint64_t>(
        std::count_if(report.sessions.begin(), report.sessions.end(),
                      [&](const SessionReport& session) { return session.outcome == outcome; }));
  };
  std::set<std::string> errors;
  for (const SessionReport& session : report.sessions) {
    if (session.allocation_failure) errors.insert(session.allocation_failure->error);
  }

  std::vector<std::string> parts;
  const auto say = [&](SessionOutcome outcome, const std::string& what) {
    if (const std::uint64_t n = with(outcome); n != 0) parts.push_back(thousands(n) + " " + what);
  };
  say(SessionOutcome::Completed, "completed");
  say(SessionOutcome::Running, "still running");
  const std::string why = join({errors.begin(), errors.end()});
  say(SessionOutcome::FailedToStart, why.empty() ? "could not start" : "could not start (" + why + ")");
  say(SessionOutcome::Error, "in error");
  say(SessionOutcome::CoreLost, "lost with the core");
  return counted(report.sessions.size(), "session", "sessions") + ": " + join(parts) + ".";
}

std::string misroute_sentence(const Report& report) {
  const MisrouteCounts sum = all_misroutes(report);
  if (sum.total() == 0) return "No access was misrouted.";

  std::vector<std::string> parts;
  if (sum.silent_foreign != 0) parts.push_back(thousands(sum.silent_foreign) + " silent");
  if (sum.caught != 0) parts.push_back(thousands(sum.caught) + " caught");
  if (sum.silent_same_memory != 0) {
    parts.push_back(thousands(sum.silent_same_memory) + " same memory");
  }
  if (sum.unowned != 0) parts.push_back(thousands(sum.unowned) + " aborted (unowned address)");
  return counted(sum.total(), "misrouted access", "misrouted accesses") + ": " + join(parts) + ".";
}

std::string untranslated_sentence(const UntranslatedCounts& sum) {
  std::vector<std::string> parts;
  if (sum.passed != 0) parts.push_back(thousands(sum.passed) + " reached the bus unprotected");
  if (sum.blocked != 0) parts.push_back(thousands(sum.blocked) + " blocked");
  return counted(sum.total(), "access", "accesses") +
         " with physical addresses, for want of an IOMMU: " + join(parts) + ".";
}

std::string node_text(const std::string& node, const std::string& compatible, bool enabled) {
  return node + " (" + compatible + (enabled ? ", enabled by the profile)" : ")");
}

/// A board may have a video unit with twenty.
std::string stream_id_lines(const std::vector<UsedStreamId>& ids) {
  constexpr std::size_t width = 100;
  std::string text;
  std::string line = "  StreamIDs";
  for (const UsedStreamId& id : ids) {
    std::string word = hex(id.sid);
    if (id.mask != 0) word.append("/").append(hex(id.mask));
    if (line.size() + word.size() + 1 > width) {
      text += line + "\n";
      line = "   ";
    }
    line.append(" ").append(word);
  }
  return ids.empty() ? text : text + line + "\n";
}

/// Each node that is used, as the device tree has it.
std::string platform_text(const PlatformReport& used) {
  std::string text = "SMMU " + node_text(used.smmu, used.smmu_compatible, used.smmu_enabled) +
                     (used.memory_from_scenario ? "; memory as the scenario has it\n" : "\n");
  if (!used.enabled_power_domain.empty())
    text += "  power domain of " + used.enabled_power_domain + ", enabled by the profile\n";
  for (const UsedDevice& device : used.devices)
    text += "device " + node_text(device.node, device.compatible, device.enabled) + "\n" +
            stream_id_lines(device.stream_ids);
  return text;
}

std::string heading(const Report& report, const Paint& paint) {
  const std::uint64_t milliseconds = report.simulated_ns / 1'000'000;
  std::string fraction = std::to_string(milliseconds % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');

  std::string text;
  if (!report.scenario.empty()) text += paint.bold(report.scenario) + "\n";
  if (!report.overrides.empty()) text += "changed by --set: " + join(report.overrides) + "\n";
  text += "platform " + report.platform + ", profile " + report.profile + ", policy " + report.policy +
          ", Linux " + report.kernel + (report.backported ? ", backported" : "") + ", seed " +
          std::to_string(report.seed) + "\n";
  text += platform_text(report.used);
  text += thousands(milliseconds / 1000) + "." + fraction + " s simulated";
  std::vector<std::string> resources;
  const auto add = [&](const std::optional<ResourceUse>& resource, const char* one, const char* many) {
    if (resource)
      resources.push_back(std::to_string(resource->used) + " of " + counted(resource->present, one, many));
  };
  add(report.smmu.context_banks, "context bank", "context banks");
  add(report.smmu.stream_match_groups, "stream match group", "stream match groups");
  if (!resources.empty()) text += "; " + report.smmu.device + ": " + join(resources);
  return text + "\n";
}

std::string power_text(const SmmuReport& smmu, std::uint64_t simulated_ns) {
  const PowerReport& power = *smmu.power;
  const auto milliseconds = [](std::uint64_t ns) { return thousands(ns / 1'000'000); };
  std::string text = concat({"  ", smmu.device, " was suspended ", counted(power.suspends, "time", "times"),
                             " and resumed ", counted(power.resumes, "time", "times"), "; it had power for ",
                             milliseconds(power.powered_ns), " of ", milliseconds(simulated_ns), " ms\n"});
  if (power.refused_registers != 0)
    text += concat({"  ", counted(power.refused_registers, "register access", "register accesses"),
                    " found it without power\n"});
  return text;
}

std::string stream_table(const Report& report) {
  TextTable table({{"stream", left},
                   {"SID"},
                   {"bank"},
                   {"window MiB"},
                   {"IOVAs MiB"},
                   {"mappings/live"},
                   {"peak MiB"},
                   {"accesses"},
                   {"moved MiB"},
                   {"outside"}});
  for (const StreamReport& stream : report.streams) {
    const std::string bank = stream.context_bank ? std::to_string(*stream.context_bank) : "-";
    const std::string used = stream.lowest_iova && stream.highest_iova
                                 ? mebibyte_range(*stream.lowest_iova, *stream.highest_iova + 1)
                                 : "-";
    table.add_row({stream.name, hex(stream.sid), bank, mebibyte_range(stream.window_lo, stream.window_hi),
                   used, thousands(stream.mappings_made) + "/" + thousands(stream.mappings_live),
                   mebibytes(stream.mapped_peak_bytes), thousands(stream.transactions),
                   mebibytes(stream.transferred_bytes), or_dash(stream.buffers_outside_window)});
  }
  std::string text = table.render(indent);
  for (const StreamReport& stream : report.streams) {
    if (!stream.outside_example) continue;
    text += "  " + stream.name + ": first outside its window: " + stream.outside_example->buffer +
            owner_text(stream.outside_example->session) + " at " + hex(stream.outside_example->iova) + "\n";
  }
  return text;
}

std::string untranslated_table(const Report& report) {
  TextTable table({{"stream", left}, {"untranslated"}, {"passed"}, {"blocked"}});
  for (const StreamReport& stream : report.streams) {
    const UntranslatedCounts& counts = stream.untranslated;
    if (counts.total() == 0) continue;
    table.add_row({stream.name, thousands(counts.total()), or_dash(counts.passed), or_dash(counts.blocked)});
  }
  return table.render(indent);
}

std::string survival_text(const SurvivalReport& survival) {
  TextTable table({{"after", left}, {"bounds", left}});
  table.add_row({"the devices are probed again", to_text(survival.reprobe)});
  table.add_row({"a second device joins each group", to_text(survival.sharing)});
  return table.render(indent);
}

std::string misroute_table(const Report& report) {
  TextTable table({{"stream", left},
                   {"misrouted"},
                   {"caught"},
                   {"silent"},
                   {"same memory"},
                   {"unowned"},
                   {"collateral aborts"}});
  for (const StreamReport& stream : report.streams) {
    table.add_row({stream.name, or_dash(stream.misroutes.total()), or_dash(stream.misroutes.caught),
                   or_dash(stream.misroutes.silent_foreign), or_dash(stream.misroutes.silent_same_memory),
                   or_dash(stream.misroutes.unowned), or_dash(stream.collateral_aborts)});
  }
  return table.render(indent);
}

std::string hit_table(const Report& report) {
  TextTable table({{"access of", left}, {"landed in", left}, {"reads"}, {"writes"}});
  const std::size_t listed = std::min(report.silent_hits.size(), most_hits_listed);
  for (std::size_t i = 0; i < listed; ++i) {
    const SilentHit& hit = report.silent_hits[i];
    table.add_row({hit.stream + " " + hit.buffer,
                   hit.victim_stream + " " + hit.victim_buffer + owner_text(hit.victim_session),
                   or_dash(hit.reads), or_dash(hit.writes)});
  }
  std::string text = table.render(indent);
  if (listed < report.silent_hits.size()) {
    text += "  and " + counted(report.silent_hits.size() - listed, "more pair", "more pairs") +
            ", all in summary.json\n";
  }
  return text;
}

bool any_fault(const FaultReport& faults) {
  const auto has_fault = [](const ContextBankFaults& bank) {
    return bank.recorded != 0 || bank.terminated_while_pending != 0;
  };
  return faults.raised != 0 || faults.global_faults != 0 ||
         std::any_of(faults.context_banks.begin(), faults.context_banks.end(), has_fault);
}

std::string event_text(const EventReport& events) {
  return counted(events.recorded, "event", "events") + " recorded, " + thousands(events.discarded) +
         " discarded, " + counted(events.stalled, "stall", "stalls") + "\n";
}

std::string fault_table(const FaultReport& faults) {
  std::string text =
      "  " + thousands(faults.raised) + " raised, " + thousands(faults.logged) + " logged, " +
      thousands(faults.suppressed) + " suppressed by the rate limit; " +
      (faults.events ? event_text(*faults.events)
                     : counted(faults.global_faults, "global fault", "global faults") + " recorded\n");
  if (faults.context_banks.empty()) return text;

  TextTable table({{"bank"}, {"of", left}, {"recorded"}, {"terminated while pending"}, {"MULTI"}});
  for (const ContextBankFaults& bank : faults.context_banks) {
    table.add_row({std::to_string(bank.bank), bank.owner, or_dash(bank.recorded),
                   or_dash(bank.terminated_while_pending), or_dash(bank.multi)});
  }
  return text + table.render(indent);
}

std::string space_table(const Report& report) {
  TextTable table({{"stream", left},
                   {"reserved MiB"},
                   {"wasted MiB"},
                   {"free MiB"},
                   {"largest block MiB"},
                   {"failed allocations"}});
  for (const StreamReport& stream : report.streams) {
    table.add_row({stream.name, mebibytes(stream.reserved_bytes), mebibytes(stream.wasted_bytes),
                   mebibytes(stream.free_bytes), mebibytes(stream.largest_free_block_bytes),
                   or_dash(stream.allocation_failures)});
  }
  return table.render(indent);
}

// "1-4, 7, 9-10", of ascending ids.
std::string ranges(const std::vector<std::uint32_t>& ids) {
  std::vector<std::string> parts;
  for (std::size_t first = 0; first < ids.size();) {
    std::size_t last = first;
    while (last + 1 < ids.size() && ids[last + 1] == ids[last] + 1) ++last;
    parts.push_back(std::to_string(ids[first]) +
                    (last == first ? "" : concat({"-", std::to_string(ids[last])})));
    first = last + 1;
  }
  return join(parts);
}

std::string spread(const std::string& lowest, const std::string& highest) {
  return lowest == highest ? lowest : lowest + "-" + highest;
}

struct SessionRow {
  const SessionReport* first;
  std::vector<std::uint32_t> ids;
  std::uint64_t frames_min, frames_max;
  std::uint64_t bytes_min, bytes_max;
};

// An error's address is each session's own, so errors are alike when the block is.
bool alike(const SessionReport& a, const SessionReport& b) {
  if (a.device != b.device || a.codec != b.codec || a.width != b.width || a.height != b.height ||
      a.outcome != b.outcome) {
    return false;
  }
  if (a.outcome == SessionOutcome::Error && a.bad_response && b.bad_response) {
    return a.bad_response->block == b.bad_response->block;
  }
  return outcome_text(a) == outcome_text(b);
}

std::vector<SessionRow> grouped(const std::vector<SessionReport>& sessions) {
  const bool collapse = sessions.size() > most_sessions_listed;
  std::vector<SessionRow> rows;
  for (const SessionReport& session : sessions) {
    const auto same = [&](const SessionRow& other) { return collapse && alike(*other.first, session); };
    const auto found = std::find_if(rows.begin(), rows.end(), same);
    if (found == rows.end()) {
      rows.push_back({&session,
                      {session.id},
                      session.frames,
                      session.frames,
                      session.allocated_bytes,
                      session.allocated_bytes});
      continue;
    }
    found->ids.push_back(session.id);
    found->frames_min = std::min(found->frames_min, session.frames);
    found->frames_max = std::max(found->frames_max, session.frames);
    found->bytes_min = std::min(found->bytes_min, session.allocated_bytes);
    found->bytes_max = std::max(found->bytes_max, session.allocated_bytes);
  }
  return rows;
}

bool one_device(const std::vector<SessionReport>& sessions) {
  return std::all_of(sessions.begin(), sessions.end(),
                     [&](const SessionReport& session) { return session.device == sessions[0].device; });
}

std::string session_table(const Report& report) {
  const bool show_device = !one_device(report.sessions);
  std::vector<TextTable::Column> columns{
      {"session", left}, {"video", left}, {"frames"}, {"MiB"}, {"outcome", left}};
  if (show_device) columns.insert(columns.begin() + 1, {"device", left});
  TextTable table(columns);
  for (const SessionRow& row : grouped(report.sessions)) {
    const SessionReport& session = *row.first;
    const bool addresses_differ = row.ids.size() > 1 && session.bad_response;
    std::vector<std::string> cells{
        ranges(row.ids),
        session.codec + " " + std::to_string(session.width) + "x" + std::to_string(session.height),
        spread(thousands(row.frames_min), thousands(row.frames_max)),
        spread(mebibytes(row.bytes_min), mebibytes(row.bytes_max)),
        outcome_text(session) + (addresses_differ ? " (the first)" : "")};
    if (show_device) cells.insert(cells.begin() + 1, session.device);
    table.add_row(std::move(cells));
  }
  return table.render(indent);
}

}  // namespace

std::string outcome_text(const SessionReport& session) {
  switch (session.outcome) {
    case SessionOutcome::Completed:
      return "completed";
    case SessionOutcome::Running:
      return "still running";
    case SessionOutcome::FailedToStart: {
      if (!session.allocation_failure) {
        return session.reason.empty() ? "could not start" : "could not start: " + session.reason;
      }
      const AllocationFailure& failure = *session.allocation_failure;
      return "could not start: " + failure.error + " (" + failure.buffer + ", " +
             std::to_string(failure.bytes) + " bytes, " + failure.stream + ")";
    }
    case SessionOutcome::Error:
      if (!session.bad_response) return "error";
      return "error: bad response to " + session.bad_response->block + " at " +
             hex(session.bad_response->iova);
    case SessionOutcome::CoreLost:
      return "lost with the core";
  }
  return "unknown";
}

std::string to_text(Survival survival) {
  switch (survival) {
    case Survival::NoBounds:
      return "-";
    case Survival::Kept:
      return "kept";
    case Survival::Lost:
      return "lost";
  }
  return "unknown";
}

std::string verdict(const Report& report) {
  std::string text = session_sentence(report) + "\n";
  const UntranslatedCounts untranslated = all_untranslated(report);
  if (untranslated.total() != 0) text += untranslated_sentence(untranslated) + "\n";
  text += misroute_sentence(report);
  if (const auto& power = report.smmu.power; power && power->aborted_accesses != 0)
    text += concat({"\n", counted(power->aborted_accesses, "access", "accesses"),
                    " found the SMMU without power, and ",
                    power->aborted_accesses == 1 ? "was aborted." : "were aborted."});
  std::uint64_t outside = 0;
  for (const StreamReport& stream : report.streams) outside += stream.buffers_outside_window;
  if (outside != 0) {
    text += concat({"\n", counted(outside, "buffer lies", "buffers lie"), " outside their block's window."});
  }
  return text;
}

std::string to_table(const Report& report, bool colour) {
  const Paint paint(colour);
  const MisrouteCounts misroutes = all_misroutes(report);
  const bool untranslated = all_untranslated(report).total() != 0;
  const bool unpowered = report.smmu.power && report.smmu.power->aborted_accesses != 0;
  const bool bad =
      untranslated || unpowered || misroutes.silent_foreign + misroutes.caught + misroutes.unowned != 0;
  const bool collateral = std::any_of(report.streams.begin(), report.streams.end(),
                                      [](const StreamReport& s) { return s.collateral_aborts != 0; });

  std::string text = heading(report, paint) + "\n";
  text += (bad ? paint.alarm(verdict(report)) : paint.bold(verdict(report))) + "\n";

  const auto section = [&](const std::string& title, const std::string& body) {
    text += concat({"\n", paint.bold(title), "\n", body});
  };
  if (untranslated)
    text += concat({"\n", paint.alarm("Untranslated accesses: physical addresses, no IOMMU"), "\n",
                    untranslated_table(report)});
  section("Streams", stream_table(report));
  if (misroutes.total() != 0 || collateral) section("Misrouted accesses", misroute_table(report));
  if (!report.silent_hits.empty()) section("Silent: whose buffer was hit", hit_table(report));
  section("Faults", any_fault(report.faults) ? fault_table(report.faults) : "  none\n");
  if (report.smmu.power) section("Run-time power of the SMMU", power_text(report.smmu, report.simulated_ns));
  section("IOVA space inside each window", space_table(report));
  if (report.survival.reprobe != Survival::NoBounds || report.survival.sharing != Survival::NoBounds)
    section("What keeps streams inside their windows, afterwards", survival_text(report.survival));
  if (!report.sessions.empty()) {
    section(one_device(report.sessions) ? "Sessions of " + report.sessions[0].device : "Sessions",
            session_table(report));
  }
  return text;
}

}  // namespace sidewinder::sim
