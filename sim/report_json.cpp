// SPDX-License-Identifier: Apache-2.0

#include "sim/report_json.h"

#include <nlohmann/json.hpp>

#include "sim/comparison_verdict.h"
#include "sim/report_table.h"
#include "sim/text.h"

namespace sidewinder::sim {

namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<std::uint32_t>& number) {
  return number ? Json(*number) : Json();
}

Json address(const std::optional<std::uint64_t>& iova) {
  return iova ? Json(hex(*iova)) : Json(nullptr);
}

const char* to_string(SessionOutcome outcome) {
  switch (outcome) {
    case SessionOutcome::Completed:
      return "completed";
    case SessionOutcome::Running:
      return "running";
    case SessionOutcome::FailedToStart:
      return "failed-to-start";
    case SessionOutcome::Error:
      return "error";
    case SessionOutcome::CoreLost:
      return "core-lost";
  }
  return "unknown";
}

Json platform_json(const PlatformReport& used) {
  Json devices = Json::array();
  for (const UsedDevice& device : used.devices) {
    Json ids = Json::array();
    for (const UsedStreamId& id : device.stream_ids)
      ids.push_back({{"sid", hex(id.sid)}, {"mask", hex(id.mask)}});
    devices.push_back({{"node", device.node},
                       {"compatible", device.compatible},
                       {"enabled", device.enabled},
                       {"stream_ids", ids}});
  }
  return {
      {"memory", used.memory_from_scenario ? "scenario" : "device-tree"},
      {"smmu",
       {{"node", used.smmu},
        {"compatible", used.smmu_compatible},
        {"enabled", used.smmu_enabled},
        {"enabled_power_domain",
         used.enabled_power_domain.empty() ? Json(nullptr) : Json(used.enabled_power_domain)}}},
      {"devices", devices},
  };
}

Json power_json(const PowerReport& power) {
  return {
      {"suspends", power.suspends},
      {"resumes", power.resumes},
      {"powered_ns", power.powered_ns},
      {"aborted_accesses", power.aborted_accesses},
      {"refused_registers", power.refused_registers},
  };
}

Json resource_json(const std::optional<ResourceUse>& resource) {
  return resource ? Json{{"used", resource->used}, {"present", resource->present}} : Json(nullptr);
}

Json smmu_json(const SmmuReport& smmu) {
  return {
      {"device", smmu.device},
      {"context_banks", resource_json(smmu.context_banks)},
      {"stream_match_groups", resource_json(smmu.stream_match_groups)},
      {"tlb", {{"lookups", smmu.tlb_lookups}, {"hits", smmu.tlb_hits}, {"walks", smmu.walks}}},
      {"power", smmu.power ? power_json(*smmu.power) : Json(nullptr)},
  };
}

Json misroutes_json(const MisrouteCounts& misroutes) {
  return {
      {"total", misroutes.total()},
      {"caught", misroutes.caught},
      {"silent_foreign", misroutes.silent_foreign},
      {"silent_same_memory", misroutes.silent_same_memory},
      {"unowned", misroutes.unowned},
  };
}

Json untranslated_json(const UntranslatedCounts& untranslated) {
  return {
      {"total", untranslated.total()}, {"passed", untranslated.passed}, {"blocked", untranslated.blocked}};
}

Json survival_json(Survival survival) {
  return survival == Survival::NoBounds ? Json() : Json(to_text(survival));
}

Json survival_json(const SurvivalReport& survival) {
  return {{"reprobe", survival_json(survival.reprobe)}, {"sharing", survival_json(survival.sharing)}};
}

Json outside_json(const StreamReport& stream) {
  Json example = nullptr;
  if (stream.outside_example) {
    example = {{"session", or_null(stream.outside_example->session)},
               {"buffer", stream.outside_example->buffer},
               {"iova", hex(stream.outside_example->iova)}};
  }
  return {{"buffers", stream.buffers_outside_window}, {"example", example}};
}

Json stream_json(const StreamReport& stream) {
  return {
      {"name", stream.name},
      {"device", stream.device},
      {"sid", hex(stream.sid)},
      {"context_bank", stream.context_bank ? Json(*stream.context_bank) : Json(nullptr)},
      {"window", {{"lo", hex(stream.window_lo)}, {"hi", hex(stream.window_hi)}}},
      {"iova_limit", hex(stream.iova_limit)},
      {"mappings",
       {{"made", stream.mappings_made},
        {"live", stream.mappings_live},
        {"peak_bytes", stream.mapped_peak_bytes},
        {"total_bytes", stream.mapped_total_bytes}}},
      {"iova", {{"lowest", address(stream.lowest_iova)}, {"highest", address(stream.highest_iova)}}},
      {"outside_window", outside_json(stream)},
      {"transactions", stream.transactions},
      {"transferred_bytes", stream.transferred_bytes},
      {"misroutes", misroutes_json(stream.misroutes)},
      {"untranslated", untranslated_json(stream.untranslated)},
      {"own_faults", stream.own_faults},
      {"collateral_aborts", stream.collateral_aborts},
      {"allocation_failures", stream.allocation_failures},
      {"space",
       {{"reserved_bytes", stream.reserved_bytes},
        {"wasted_bytes", stream.wasted_bytes},
        {"free_bytes", stream.free_bytes},
        {"largest_free_block_bytes", stream.largest_free_block_bytes}}},
  };
}

Json silent_hit_json(const SilentHit& hit) {
  Json victim;  // null: memory that is in no buffer
  if (!hit.victim_stream.empty())
    victim = {{"stream", hit.victim_stream},
              {"buffer", hit.victim_buffer},
              {"session", or_null(hit.victim_session)}};
  return {
      {"stream", hit.stream}, {"buffer", hit.buffer}, {"victim", victim},
      {"reads", hit.reads},   {"writes", hit.writes},
  };
}

Json faults_json(const FaultReport& faults) {
  Json banks = Json::array();
  for (const ContextBankFaults& bank : faults.context_banks) {
    banks.push_back({{"bank", bank.bank},
                     {"owner", bank.owner},
                     {"recorded", bank.recorded},
                     {"terminated_while_pending", bank.terminated_while_pending},
                     {"multi", bank.multi}});
  }
  Json events = nullptr;
  if (faults.events)
    events = {{"recorded", faults.events->recorded},
              {"discarded", faults.events->discarded},
              {"stalled", faults.events->stalled}};
  return {
      {"raised", faults.raised},        {"logged", faults.logged}, {"suppressed", faults.suppressed},
      {"global", faults.global_faults}, {"context_banks", banks},  {"events", events},
  };
}

Json session_json(const SessionReport& session) {
  Json failure = nullptr;
  if (session.allocation_failure) {
    failure = {{"error", session.allocation_failure->error},
               {"buffer", session.allocation_failure->buffer},
               {"bytes", session.allocation_failure->bytes},
               {"stream", session.allocation_failure->stream}};
  }
  Json response = nullptr;
  if (session.bad_response) {
    response = {{"iova", hex(session.bad_response->iova)}, {"block", session.bad_response->block}};
  }
  return {
      {"id", session.id},
      {"device", session.device},
      {"codec", session.codec},
      {"width", session.width},
      {"height", session.height},
      {"outcome", to_string(session.outcome)},
      {"reason", session.reason.empty() ? Json() : Json(session.reason)},
      {"allocation_failure", failure},
      {"bad_response", response},
      {"frames", session.frames},
      {"allocated_bytes", session.allocated_bytes},
  };
}

Json stream_figures_json(const StreamFigures& stream) {
  return {
      {"name", stream.name},
      {"device", stream.device},
      {"transactions", stream.accesses},
      {"misroutes", misroutes_json(stream.misroutes)},
      {"untranslated", untranslated_json(stream.untranslated)},
      {"buffers_outside_window", stream.buffers_outside_window},
      {"allocation_failures", stream.allocation_failures},
      {"wasted_bytes", stream.wasted_bytes},
      {"free_bytes", stream.free_bytes},
      {"largest_free_block_bytes", stream.largest_free_block_bytes},
  };
}

Json session_figures_json(const Figures& figures) {
  const SessionFigures& sessions = figures.sessions;
  Json failure = nullptr;
  if (figures.first_failure) {
    failure = {{"session", figures.first_failure->session},
               {"outcome", to_string(figures.first_failure->outcome)},
               {"error", figures.first_failure->error.empty() ? Json() : Json(figures.first_failure->error)},
               {"why", figures.first_failure->why}};
  }
  return {
      {"total", sessions.total},
      {"fit", sessions.fit()},
      {"completed", sessions.completed},
      {"running", sessions.running},
      {"failed_to_start", sessions.failed_to_start},
      {"error", sessions.error},
      {"core_lost", sessions.core_lost},
      {"no_room", sessions.no_room},
      {"first_failure", failure},
  };
}

Json figures_json(const Figures& figures) {
  Json streams = Json::array();
  for (const StreamFigures& stream : figures.streams) streams.push_back(stream_figures_json(stream));
  return {
      {"transactions", figures.accesses},
      {"faults", {{"raised", figures.faults_raised}, {"logged", figures.faults_logged}}},
      {"misroutes", misroutes_json(figures.misroutes)},
      {"untranslated", untranslated_json(figures.untranslated)},
      {"own_faults", figures.own_faults},
      {"collateral_aborts", figures.collateral_aborts},
      {"buffers_outside_window", figures.buffers_outside_window},
      {"allocation_failures", figures.allocation_failures},
      {"wasted_bytes", figures.wasted_bytes},
      {"sessions", session_figures_json(figures)},
      {"context_banks", resource_json(figures.context_banks)},
      {"stream_match_groups", resource_json(figures.stream_match_groups)},
      {"survival", survival_json(figures.survival)},
      {"streams", streams},
  };
}

const char* to_string(RowState state) {
  switch (state) {
    case RowState::Done:
      return "done";
    case RowState::Refused:
      return "refused";
    case RowState::Unavailable:
      return "unavailable";
  }
  return "unknown";
}

Json row_json(const ComparisonRow& row) {
  const bool done = row.state == RowState::Done;
  return {
      {"policy", row.policy},
      {"kernel", row.kernel},
      {"backported", row.backported},
      {"outcome", to_string(row.state)},
      {"reason", done ? Json() : Json(row.reason)},
      {"folder", done ? Json(run_folder(row)) : Json()},
      {"kept_windows", done ? Json(kept_windows(row)) : Json()},
      {"in_short", phrase(row)},
      {"figures", done ? figures_json(row.figures) : Json()},
  };
}

std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_json(const Report& report) {
  Json streams = Json::array();
  for (const StreamReport& stream : report.streams) streams.push_back(stream_json(stream));
  Json hits = Json::array();
  for (const SilentHit& hit : report.silent_hits) hits.push_back(silent_hit_json(hit));
  Json sessions = Json::array();
  for (const SessionReport& session : report.sessions) sessions.push_back(session_json(session));

  const Json summary = {
      {"schema", summary_schema},
      {"scenario",
       {{"description", report.scenario},
        {"platform", report.platform},
        {"profile", report.profile},
        {"seed", report.seed},
        {"overrides", report.overrides},
        {"policy", report.policy},
        {"kernel", report.kernel},
        {"backported", report.backported}}},
      {"simulated_ns", report.simulated_ns},
      {"platform", platform_json(report.used)},
      {"smmu", smmu_json(report.smmu)},
      {"streams", streams},
      {"silent_hits", hits},
      {"faults", faults_json(report.faults)},
      {"sessions", sessions},
      {"survival", survival_json(report.survival)},
      {"kernel_log_lines", report.kernel_log.size()},
  };
  return dumped(summary);
}

std::string to_json(const Comparison& comparison) {
  Json rows = Json::array();
  for (const ComparisonRow& row : comparison.rows) rows.push_back(row_json(row));
  return dumped({
      {"schema", comparison_schema},
      {"scenario",
       {{"description", comparison.description},
        {"platform", comparison.platform},
        {"profile", comparison.profile},
        {"seed", comparison.seed},
        {"overrides", comparison.overrides}}},
      {"rows", rows},
      {"verdict", verdict(comparison)},
  });
}

}  // namespace sidewinder::sim
