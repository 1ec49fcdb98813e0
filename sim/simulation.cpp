// SPDX-License-Identifier: Apache-2.0

#include "sim/simulation.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include "models/run_simulation.h"
#include "sim/accounting.h"
#include "sim/dts.h"
#include "sim/fault_log.h"
#include "sim/input_error.h"
#include "sim/platform.h"

#include "sim/software.h"

namespace sidewinder::sim {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t steps = 200;

Scenario with_profile(Scenario scenario, const SocProfile& profile) {
  scenario.profile = profile;
  return scenario;
}

/// Everything one run consists of, in the order it is put together.
struct Run {
  explicit Run(const Scenario& what)
      : description(describe_platform(what)),
        scenario(with_profile(what, description.profile)),
        accounting(scenario.profile),
        platform(scenario, description, accounting),
        software(platform.host(), scenario, description, accounting) {}

  PlatformDescription description;
  const Scenario scenario;
  Accounting accounting;
  Platform platform;
  Software software;

  std::string problem;  ///< why the software could not start
  std::size_t devices_done = 0;
  bool started = false;
  sc_core::sc_event start_done;
  sc_core::sc_event all_done;
  std::optional<SurvivalReport> survival;

  [[nodiscard]] bool finished() const {
    return !problem.empty() || (started && devices_done == description.devices.size());
  }
};

void spawn_software(Run& run) {
  run.platform.host().spawn("boot", [&run] {
    run.problem = run.software.start();
    run.started = true;
    run.start_done.notify(sc_core::SC_ZERO_TIME);
  });
  for (std::size_t device = 0; device < run.description.devices.size(); ++device)
    run.platform.host().spawn("sessions" + std::to_string(device), [&run, device] {
      if (!run.started) sc_core::wait(run.start_done);
      if (run.problem.empty()) run.software.run_sessions(device);
      ++run.devices_done;
    });
  run.platform.host().spawn("survival", [&run] {
    sc_core::wait(run.all_done);
    run.survival = run.software.try_survival();
  });
}

/// What the domain never hands out at or below the stream's limit, and how much of it the block could use.
void measure_reserved_space(const kernel::IovaDomain& iovas, StreamReport& report) {
  const auto reserved = [&](std::uint64_t begin, std::uint64_t last) {
    last = std::min(last, report.iova_limit);
    if (begin > last) return;
    report.reserved_bytes += last - begin + 1;
    begin = std::max(begin, report.window_lo);
    last = std::min(last, report.window_hi - 1);
    if (begin <= last) report.wasted_bytes += last - begin + 1;
  };
  if (iovas.start_pfn() > 1) reserved(0, iovas.to_iova(iovas.start_pfn()) - 1);
  for (const kernel::IovaRange& range : iovas.ranges())
    if (range.kind != kernel::IovaKind::Allocated && range.pfn_lo <= range.pfn_hi)
      reserved(iovas.to_iova(range.pfn_lo), iovas.to_iova(range.pfn_hi) + iovas.granule() - 1);
}

/// Pages of [lo, hi) that the domain can still hand out, and the largest aligned power of two among them.
void measure_free_space(const kernel::IovaDomain& iovas, std::uint64_t lo, std::uint64_t hi,
                        StreamReport& report) {
  const auto hole = [&](std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    report.free_bytes += end - begin;
    for (std::uint64_t size = std::bit_floor(end - begin); size >= iovas.granule(); size /= 2) {
      if ((begin + size - 1) / size * size + size > end) continue;
      report.largest_free_block_bytes = std::max(report.largest_free_block_bytes, size);
      break;
    }
  };
  std::uint64_t next = std::max(lo, iovas.to_iova(iovas.start_pfn()));
  for (const kernel::IovaRange& range : iovas.ranges()) {
    const std::uint64_t begin = iovas.to_iova(range.pfn_lo);
    if (begin >= hi) break;
    hole(next, begin);
    next = std::max(next, iovas.to_iova(range.pfn_hi + 1));
  }
  hole(next, hi);
}

StreamReport report_stream(const Run& run, std::size_t device, std::size_t index) {
  const StreamProfile& profile = run.scenario.profile.devices[device].streams[index];
  const StreamTally& tally = run.accounting.stream(device, index);
  const kernel::Device* owner = run.software.stream(device, index);
  StreamReport report;
  report.name = profile.name;
  report.device = run.description.devices[device].dev_name;
  report.sid = profile.sid;
  report.window_lo = profile.window.lo;
  report.window_hi = profile.window.hi;
  report.mappings_live = tally.mappings_live;
  report.mappings_made = tally.mappings_made;
  report.mapped_peak_bytes = tally.mapped_peak_bytes;
  report.mapped_total_bytes = tally.mapped_total_bytes;
  report.transactions = tally.transactions;
  report.transferred_bytes = tally.transferred_bytes;
  report.lowest_iova = tally.lowest_iova;
  report.highest_iova = tally.highest_iova;
  report.buffers_outside_window = tally.buffers_outside_window;
  report.outside_example = tally.outside_example;
  report.misroutes = tally.misroutes;
  report.untranslated = tally.untranslated;
  report.own_faults = tally.own_faults;
  report.collateral_aborts = tally.collateral_aborts;
  report.allocation_failures = tally.allocation_failures;
  if (owner == nullptr) return report;

  report.iova_limit = owner->coherent_dma_mask;
  if (owner->bus_dma_limit != 0) report.iova_limit = std::min(report.iova_limit, owner->bus_dma_limit);
  if (owner->domain == nullptr) return report;
  const kernel::DmaDomain& domain = *owner->domain;
  report.context_bank = domain.bank();
  report.iova_limit = std::min(report.iova_limit, domain.aperture_end());
  if (!kernel::is_dma_domain(domain.type())) return report;
  measure_reserved_space(domain.iovas(), report);
  measure_free_space(domain.iovas(), profile.window.lo, std::min(profile.window.hi, report.iova_limit + 1),
                     report);
  return report;
}

SessionOutcome outcome_of(vpu::SessionOutcome outcome) {
  switch (outcome) {
    case vpu::SessionOutcome::Open:
      return SessionOutcome::Running;
    case vpu::SessionOutcome::Completed:
      return SessionOutcome::Completed;
    case vpu::SessionOutcome::FailedToStart:
      return SessionOutcome::FailedToStart;
    case vpu::SessionOutcome::DecodeError:
      return SessionOutcome::Error;
    case vpu::SessionOutcome::CoreLost:
      break;
  }
  return SessionOutcome::CoreLost;
}

void report_sessions(const Run& run, std::size_t device, std::vector<SessionReport>& sessions) {
  const vpu::VpuDriver* driver = run.software.driver(device);
  if (driver == nullptr) return;
  const DeviceProfile& profile = run.scenario.profile.devices[device];
  for (const vpu::SessionResult& result : driver->results()) {
    SessionReport session;
    session.id = static_cast<std::uint32_t>(sessions.size());
    session.device = run.description.devices[device].dev_name;
    session.codec = to_string(result.spec.picture.codec);
    session.width = result.spec.picture.width;
    session.height = result.spec.picture.height;
    session.outcome = outcome_of(result.outcome);
    session.reason = result.reason;
    session.frames = result.frames_done;
    session.allocated_bytes = result.bytes;
    if (result.failed_allocation) {
      const vpu::FailedAllocation& failure = *result.failed_allocation;
      const auto* stream = profile.stream_for(failure.use.function);
      session.allocation_failure = AllocationFailure{to_string(failure.error), to_string(failure.use.type),
                                                     failure.size, stream != nullptr ? stream->name : ""};
    }
    if (result.failed_access)
      session.bad_response =
          BadResponse{result.failed_access->iova, profile.streams[result.failed_access->block].name};
    sessions.push_back(std::move(session));
  }
}

/// The streams whose context bank it is, joined by commas.
std::string owner_of_bank(const Report& report, unsigned bank) {
  std::string names;
  for (const StreamReport& stream : report.streams)
    if (stream.context_bank == bank) names += (names.empty() ? "" : ",") + stream.name;
  return names;
}

void report_bank_faults(const smmuv2::Statistics& statistics, const Report& report, FaultReport& faults) {
  for (unsigned index = 0; index < statistics.banks.size(); ++index) {
    const smmuv2::BankStatistics& bank = statistics.banks[index];
    const std::uint64_t raised = bank.faults_recorded + bank.faults_multiple + bank.terminated_behind;
    const std::string owner = owner_of_bank(report, index);
    if (raised == 0 && owner.empty()) continue;
    faults.context_banks.push_back(
        {index, owner, bank.faults_recorded, bank.terminated_behind, bank.faults_multiple});
    faults.raised += raised;
  }
  faults.global_faults = statistics.global_faults_recorded;
  faults.raised += statistics.global_faults_recorded + statistics.global_faults_multiple;
}

void report_events(const smmuv3::Smmu& smmu, FaultReport& faults) {
  const smmuv3::Statistics& statistics = smmu.translator().statistics();
  const smmuv3::SmmuCounters& counters = smmu.counters();
  faults.raised = statistics.stage1_faults + statistics.stage2_faults + statistics.aborted_walks +
                  statistics.configuration_faults;
  faults.events = EventReport{counters.events, counters.events_discarded, counters.stalls};
}

bool is_fault(KernelLineKind kind) {
  return kind == KernelLineKind::ContextFault || kind == KernelLineKind::UnknownStream ||
         kind == KernelLineKind::GlobalFault || kind == KernelLineKind::EventReceived;
}

FaultReport report_faults(const Run& run, const Report& report) {
  FaultReport faults;
  if (const tlm_shell::Smmuv3Module* smmu = run.platform.smmuv3())
    report_events(smmu->core(), faults);
  else
    report_bank_faults(run.platform.smmuv2()->core().statistics(), report, faults);
  for (const KernelLine& line : parse_kernel_log(report.kernel_log))
    if (is_fault(line.kind)) ++faults.logged;
  faults.suppressed = run.software.suppressed_faults();
  return faults;
}

/// Nothing where the driver does not suspend it.
std::optional<PowerReport> report_power(const kernel::RuntimePm& power, std::uint64_t aborted_accesses,
                                        std::uint64_t refused_registers) {
  if (!power.enabled()) return std::nullopt;
  return PowerReport{power.suspends(), power.resumes(), power.active_ns(), aborted_accesses,
                     refused_registers};
}

SmmuReport report_smmuv2(const Run& run) {
  const smmuv2::Statistics& statistics = run.platform.smmuv2()->core().statistics();
  const kernel::ArmSmmu& driver = *run.software.smmuv2();
  SmmuReport report;
  report.device = run.description.smmu.dev_name;
  report.context_banks = ResourceUse{driver.context_banks_used(), driver.context_banks()};
  report.stream_match_groups = ResourceUse{driver.stream_match_groups_used(), driver.stream_match_groups()};
  report.tlb_lookups = statistics.micro_tlb_lookups;
  report.tlb_hits = statistics.micro_tlb_hits + statistics.tlb_hits;
  report.walks = statistics.walks;
  report.power = report_power(driver.power(), statistics.requests_without_power,
                              statistics.register_accesses_without_power);
  return report;
}

SmmuReport report_smmuv3(const Run& run) {
  const smmuv3::Statistics& statistics = run.platform.smmuv3()->core().translator().statistics();
  SmmuReport report;
  report.device = run.description.smmu.dev_name;
  report.tlb_hits = statistics.micro_tlb_hits + statistics.tlb_hits;
  report.tlb_lookups = report.tlb_hits + statistics.walks;
  report.walks = statistics.walks;
  const smmuv3::SmmuCounters& counters = run.platform.smmuv3()->core().counters();
  report.power = report_power(run.software.smmuv3()->power(), counters.requests_without_power,
                              counters.register_accesses_without_power);
  return report;
}

Report make_report(const Run& run) {
  const Scenario& scenario = run.scenario;
  Report report;
  report.scenario = scenario.description;
  report.platform = scenario.platform.filename().string();
  report.profile = scenario.profile.name;
  report.seed = scenario.seed;
  report.overrides = scenario.overrides;
  report.policy = to_string(scenario.policy);
  report.kernel = to_string(scenario.kernel.version);
  report.backported = is_backported(scenario.policy, scenario.kernel.version, scenario.kernel.backport);
  report.simulated_ns = sc_core::sc_time_stamp().value() / sc_core::sc_time(1, sc_core::SC_NS).value();

  report.used = run.description.used;
  report.smmu = run.platform.smmuv3() != nullptr ? report_smmuv3(run) : report_smmuv2(run);
  for (std::size_t device = 0; device < scenario.profile.devices.size(); ++device) {
    for (std::size_t index = 0; index < scenario.profile.devices[device].streams.size(); ++index)
      report.streams.push_back(report_stream(run, device, index));
    report_sessions(run, device, report.sessions);
  }
  report.silent_hits = run.accounting.silent_hits();
  report.kernel_log = run.software.kernel_log();
  report.faults = report_faults(run, report);
  return report;
}

Report run_to_the_end(const Scenario& scenario, const ProgressFn& progress) {
  // Never destroyed: drivers that give back what they hold wait for their hardware, whose time is over then.
  static Run* the_run = nullptr;  // one a process
  the_run = new Run(scenario);
  Run& run = *the_run;
  spawn_software(run);

  const std::uint64_t end_ns = scenario.duration_ms * ns_per_ms;
  const std::uint64_t step_ns = end_ns / steps;
  const sc_core::sc_time step(static_cast<double>(step_ns), sc_core::SC_NS);
  for (std::uint64_t done = 1; done <= steps && !run.finished(); ++done) {
    models::run_simulation(step);
    if (progress) progress(step_ns * done, end_ns);
  }
  if (!run.problem.empty()) throw InputError({scenario.platform.string(), 0}, run.problem);
  Report report = make_report(run);
  run.all_done.notify(sc_core::SC_ZERO_TIME);
  while (!run.survival) models::run_simulation(step);
  report.survival = *run.survival;
  return report;
}

}  // namespace

Report simulate(const Scenario& scenario, const ProgressFn& progress) {
  try {
    return run_to_the_end(scenario, progress);
  } catch (const kernel::DeviceTreeError& error) {
    throw to_input_error(scenario.platform, error);
  }
}

}  // namespace sidewinder::sim
