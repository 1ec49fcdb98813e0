// SPDX-License-Identifier: Apache-2.0

#include "sim/software.h"

#include <algorithm>
#include <utility>

#include "iommu/linux/dma_reservation.h"

namespace sidewinder::sim {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

std::vector<unsigned> intids(const std::vector<kernel::Interrupt>& interrupts) {
  std::vector<unsigned> numbers;
  numbers.reserve(interrupts.size());
  for (const kernel::Interrupt& interrupt : interrupts) numbers.push_back(interrupt.intid);
  return numbers;
}

kernel::ArmSmmuPlatform smmuv2_platform(const kernel::SmmuNode& node, const KernelOptions& options) {
  return {.name = node.dev_name,
          .base = node.reg.base,
          .size = node.reg.size,
          .global_irqs = intids(node.global_interrupts),
          .context_irqs = intids(node.context_interrupts),
          .model = node.model,
          .implementation = node.implementation,
          .power_domain = node.power_domain,
          .dma_coherent = node.dma_coherent,
          .disable_bypass = options.disable_bypass,
          .version = options.version};
}

kernel::ArmSmmuV3Platform smmuv3_platform(const kernel::SmmuNode& node, const KernelOptions& options) {
  const auto intid = [](const std::optional<kernel::Interrupt>& interrupt) {
    return interrupt ? std::optional<unsigned>(interrupt->intid) : std::nullopt;
  };
  kernel::ArmSmmuV3Platform platform;
  platform.name = node.dev_name;
  platform.base = node.reg.base;
  platform.size = node.reg.size;
  platform.combined_irq = intid(node.v3.combined);
  platform.irqs[kernel::ArmSmmuV3Msi::Events] = intid(node.v3.eventq);
  platform.irqs[kernel::ArmSmmuV3Msi::Errors] = intid(node.v3.gerror);
  platform.irqs[kernel::ArmSmmuV3Msi::PageRequests] = intid(node.v3.priq);
  platform.power_domain = node.power_domain;
  platform.runtime_pm = options.smmuv3_runtime_pm;
  platform.dma_coherent = node.dma_coherent;
  platform.broken_prefetch = node.v3.broken_prefetch;
  platform.page0_only = node.v3.page0_only;
  platform.disable_bypass = options.disable_bypass;
  platform.version = options.version;
  return platform;
}

vpu::SessionSpec session_spec(const SessionGroup& group) {
  return {.picture = {group.codec, group.width, group.height},
          .frames = group.frames,
          .counts = {group.input_buffers, group.output_buffers, group.dpb_buffers}};
}

std::string failed(const std::string& what, kernel::Errno error) {
  return what + ": " + to_string(error);
}

}  // namespace

Software::Software(Host& host, const Scenario& scenario, const PlatformDescription& description,
                   Accounting& accounting)
    : host_(&host),
      scenario_(&scenario),
      description_(&description),
      accounting_(&accounting),
      log_(host, [this](kernel::LogLevel, std::string_view line) { lines_.emplace_back(line); }),
      pages_(host, description.memory, scenario.fragmentation, scenario.seed),
      dma_(pages_),
      allocator_(dma_),
      iommu_(make_driver(), pages_, log_,
             {.version = scenario.kernel.version,
              .default_domain = scenario.kernel.default_domain,
              .strategy = scenario.kernel.iova}),
      drivers_(description.devices.size()),
      starts_(description.devices.size()) {
  for (std::size_t index = 0; index < description.devices.size(); ++index)
    stream_devices_.push_back(std::make_unique<StreamDevices>(iommu_, log_, scenario, description, index));
}

kernel::IommuOps& Software::make_driver() {
  const kernel::SmmuNode& node = description_->smmu;
  if (node.model == kernel::SmmuModel::Smmuv3) {
    smmuv3_ = std::make_unique<kernel::ArmSmmuV3>(*host_, pages_, log_, smmuv3s_,
                                                  smmuv3_platform(node, scenario_->kernel));
    return *smmuv3_;
  }
  smmuv2_ =
      std::make_unique<kernel::ArmSmmu>(*host_, log_, limits_, smmuv2_platform(node, scenario_->kernel));
  return *smmuv2_;
}

std::uint64_t Software::suppressed_faults() const {
  return smmuv3_ ? smmuv3s_.events.suppressed()
                 : limits_.context_fault.suppressed() + limits_.global_fault.suppressed();
}

std::string Software::start() {
  try {
    return start_all();
  } catch (const kernel::DeviceTreeError& error) {
    return error.what();  // an exception must not leave a SystemC thread
  }
}

std::string Software::start_all() {
  if (kernel::Status status = smmuv3_ ? smmuv3_->probe() : smmuv2_->probe(); !status)
    return failed("the SMMU's driver does not probe", status.error());
  for (std::size_t index = 0; index < description_->devices.size(); ++index) {
    if (kernel::Status status = stream_devices_[index]->set_up(); !status)
      return failed(description_->devices[index].path + ": Linux does not probe it", status.error());
    if (std::string problem = start_driver(index); !problem.empty()) return problem;
  }
  return {};
}

std::string Software::start_driver(std::size_t index) {
  const DeviceProfile& profile = scenario_->profile.devices[index];
  const kernel::DeviceNode& node = description_->devices[index];
  vpu::VpuPlatform platform;
  platform.device = node.dev_name;
  platform.registers = node.reg.front().base;
  platform.irq = node.interrupts.front().intid;
  for (std::size_t number = 0; number < profile.streams.size(); ++number)
    for (const BufferFunction function : profile.streams[number].functions)
      platform.devices[static_cast<std::size_t>(function)] = stream_devices_[index]->of_stream(number);
  platform.node_device = stream_devices_[index]->of_node();
  platform.suppliers = stream_devices_[index]->suppliers();
  platform.map_firmware = [this](kernel::Device& device, kernel::DmaAddr iova, std::uint64_t size) {
    return dma_.map_at(device, iova, size);
  };
  drivers_[index] = std::make_unique<vpu::VpuDriver>(*host_, allocator_, log_, std::move(platform),
                                                     &accounting_->driver_tap(index));
  // A VPU that does not come up has said so in the kernel's log: that is a result, not a bad scenario.
  static_cast<void>(drivers_[index]->probe());
  return {};
}

SurvivalReport Software::try_survival() {
  // One device that loses its bounds is enough.
  const auto worse = [](Survival left, Survival right) { return std::max(left, right); };
  SurvivalReport report;
  for (const auto& devices : stream_devices_) report.reprobe = worse(report.reprobe, devices->reprobe());
  for (const auto& devices : stream_devices_) report.sharing = worse(report.sharing, devices->share());
  return report;
}

void Software::run_sessions(std::size_t device) {
  std::vector<Start>& starts = starts_[device];
  for (const SessionGroup& group : scenario_->sessions)
    for (std::uint64_t number = 0; number < group.count && group.device == device; ++number)
      starts.push_back({(group.start_ms + number * group.interval_ms) * ns_per_ms, &group});
  std::stable_sort(starts.begin(), starts.end(),
                   [](const Start& left, const Start& right) { return left.at_ns < right.at_ns; });

  vpu::VpuDriver& driver = *drivers_[device];
  for (const Start& start : starts) {
    if (start.at_ns > host_->now_ns()) host_->delay_ns(start.at_ns - host_->now_ns());
    static_cast<void>(driver.start_session(session_spec(*start.group)));  // its outcome is kept in results()
  }
  const std::uint64_t end = scenario_->duration_ms * ns_per_ms;
  for (std::size_t id = 0; id < starts.size(); ++id)
    static_cast<void>(
        driver.wait_session(static_cast<vpu::hfi::SessionId>(id), end - std::min(end, host_->now_ns())));
}

}  // namespace sidewinder::sim
