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

kernel::ArmSmmuPlatform smmu_platform(const kernel::SmmuNode& node) {
  return {.name = node.dev_name,
          .base = node.reg.base,
          .size = node.reg.size,
          .global_irqs = intids(node.global_interrupts),
          .context_irqs = intids(node.context_interrupts),
          .dma_coherent = node.dma_coherent};
}

/// The specifier of `iommus` that a stream's StreamID comes under.
kernel::StreamSpecifier specifier_for(const kernel::DeviceNode& node, std::uint16_t sid) {
  for (const kernel::IommuSpecifier& specifier : node.iommus)
    if (specifier.covers(sid)) return {specifier.sid, specifier.mask};
  return {sid, 0};
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
      smmu_(std::make_unique<kernel::ArmSmmu>(host, log_, limits_, smmu_platform(description.smmu))),
      drivers_(description.devices.size()),
      starts_(description.devices.size()) {
  for (const DeviceProfile& device : scenario.profile.devices) streams_.emplace_back(device.streams.size());
}

std::string Software::start() {
  if (kernel::Status status = smmu_->probe(); !status)
    return failed("the SMMU's driver does not probe", status.error());
  for (std::size_t index = 0; index < description_->devices.size(); ++index) {
    if (std::string problem = set_up_streams(index); !problem.empty()) return problem;
    if (std::string problem = start_driver(index); !problem.empty()) return problem;
  }
  return {};
}

kernel::Device& Software::add_device(std::size_t index, const std::string& suffix, std::uint64_t mask) {
  const kernel::DeviceNode& node = description_->devices[index];
  kernel::Device& device = devices_.emplace_back();
  device.name = node.dev_name + suffix;
  device.dma_coherent = node.dma_coherent;
  static_cast<void>(dma_.set_mask_and_coherent(device, mask));
  return device;
}

std::string Software::new_domain(kernel::Device& device, kernel::DomainType type) {
  kernel::Result<std::unique_ptr<kernel::DmaDomain>> domain = kernel::DmaDomain::create(*smmu_, pages_, type);
  if (!domain) return failed("no domain for " + device.name, domain.error());
  domains_.push_back(std::move(*domain));
  if (kernel::Status status = domains_.back()->attach(device); !status)
    return failed("cannot attach " + device.name + " to its domain", status.error());
  return {};
}

std::string Software::reserve(Stream& stream, std::uint64_t bytes) {
  if (bytes == 0) return {};
  if (kernel::Status status = kernel::set_resv_region(*stream.device, 0, bytes); !status)
    return failed("cannot reserve for " + stream.device->name, status.error());
  stream.reserved_bytes = bytes;
  return {};
}

/// A device and a domain for each stream, or one for all of them but the firmware's, which is loaded before
/// and keeps its own.
std::string Software::set_up_streams(std::size_t index) {
  const DeviceProfile& profile = scenario_->profile.devices[index];
  const kernel::DeviceNode& node = description_->devices[index];
  kernel::Device* shared = nullptr;
  if (scenario_->layout == DomainLayout::Shared) shared = &add_device(index, "", profile.dma_mask);

  for (std::size_t number = 0; number < profile.streams.size(); ++number) {
    const StreamProfile& stream = profile.streams[number];
    const bool firmware = stream.routes(BufferFunction::Firmware) && stream.functions.size() == 1;
    const bool own = shared == nullptr || firmware;
    kernel::Device& device = own ? add_device(index, ":" + stream.name, stream.window.hi - 1) : *shared;
    device.streams.push_back(specifier_for(node, stream.sid));
    streams_[index][number].device = &device;
    if (!own) continue;
    const auto type = firmware ? kernel::DomainType::Unmanaged : kernel::DomainType::Dma;
    if (std::string problem = new_domain(device, type); !problem.empty()) return problem;
  }
  if (shared != nullptr)
    if (std::string problem = new_domain(*shared, kernel::DomainType::Dma); !problem.empty()) return problem;

  for (std::size_t number = 0; number < profile.streams.size(); ++number) {
    Stream& stream = streams_[index][number];
    if (stream.device->domain->type() != kernel::DomainType::Dma) continue;
    std::uint64_t bytes = 0;
    if (scenario_->policy == ReservationPolicy::PerStream) bytes = profile.streams[number].window.lo;
    if (scenario_->policy == ReservationPolicy::Uniform) bytes = scenario_->uniform_size;
    if (std::string problem = reserve(stream, bytes); !problem.empty()) return problem;
  }
  // What is reserved for one stream of a domain is reserved for all.
  for (Stream& stream : streams_[index])
    for (const Stream& other : streams_[index])
      if (other.device == stream.device)
        stream.reserved_bytes = std::max(stream.reserved_bytes, other.reserved_bytes);
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
      platform.devices[static_cast<std::size_t>(function)] = streams_[index][number].device;
  platform.map_firmware = [this](kernel::Device& device, kernel::DmaAddr iova, std::uint64_t size) {
    return dma_.map_at(device, iova, size);
  };
  drivers_[index] = std::make_unique<vpu::VpuDriver>(*host_, allocator_, log_, std::move(platform),
                                                     &accounting_->driver_tap(index));
  // A VPU that does not come up has said so in the kernel's log: that is a result, not a bad scenario.
  static_cast<void>(drivers_[index]->probe());
  return {};
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
