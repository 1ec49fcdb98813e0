// SPDX-License-Identifier: Apache-2.0

#include "sim/platform.h"

#include <algorithm>
#include <bit>
#include <sstream>
#include <string>

#include "sim/dts.h"
#include "sim/input_error.h"

namespace sidewinder::sim {
namespace {

/// What an access to memory takes beyond the SMMU: a round trip to LPDDR5, about 100 ns on a loaded SoC.
const sc_core::sc_time memory_latency(100, sc_core::SC_NS);

std::string hex(std::uint64_t value) {
  std::ostringstream text;
  text << "0x" << std::hex << value;
  return text.str();
}

InputError tree_error(const Scenario& scenario, const std::string& path, const std::string& message) {
  return to_input_error(scenario.platform, kernel::DeviceTreeError(path, message));
}

bool covers(const kernel::IommuSpecifier& specifier, std::uint16_t sid) {
  return ((specifier.sid ^ sid) & ~unsigned{specifier.mask}) == 0;
}

void check_streams(const Scenario& scenario, const DeviceProfile& profile, const kernel::DeviceNode& node) {
  for (const StreamProfile& stream : profile.streams)
    if (std::none_of(node.iommus.begin(), node.iommus.end(),
                     [&](const kernel::IommuSpecifier& specifier) { return covers(specifier, stream.sid); }))
      throw InputError(stream.where, "stream '" + stream.name + "' has StreamID " + hex(stream.sid) +
                                         ", which `iommus` of " + node.path + " in " +
                                         scenario.platform.string() + " does not list");
  for (const kernel::IommuSpecifier& specifier : node.iommus)
    if (std::none_of(profile.streams.begin(), profile.streams.end(),
                     [&](const StreamProfile& stream) { return covers(specifier, stream.sid); }))
      throw tree_error(scenario, node.path,
                       "`iommus` lists StreamID " + hex(specifier.sid) +
                           ", which no stream of this device has in " + scenario.profile.file.string());
}

smmuv2::Config smmu_config(const Scenario& scenario, const kernel::SmmuNode& node) {
  const SmmuProfile& profile = scenario.profile.smmu;
  const SourceLine where{scenario.profile.file.string(), 0};
  constexpr std::uint64_t smallest = std::uint64_t{4} * smmuv2::register_page;
  if (!std::has_single_bit(node.reg.size) || node.reg.size < smallest || node.reg.size > smallest << 7)
    throw tree_error(scenario, node.path,
                     "`reg` has " + hex(node.reg.size) + " bytes; an SMMUv2's frame is a power of two from " +
                         hex(smallest) + " to " + hex(smallest << 7));

  smmuv2::Config config;
  config.stream_match_groups = profile.stream_match_groups;
  config.context_banks = profile.context_banks;
  config.page_index_bits = static_cast<unsigned>(std::countr_zero(node.reg.size / smallest));
  config.coherent_walk = node.dma_coherent;
  config.tbus = static_cast<unsigned>(scenario.profile.devices.size());
  config.micro_tlb_entries = profile.micro_tlb_entries;
  config.micro_tlb_ways = std::min(config.micro_tlb_ways, profile.micro_tlb_entries);
  config.tlb_entries = profile.tlb_entries;
  config.tlb_ways = profile.tlb_ways;
  if (const std::string problem = smmuv2::validate(config); !problem.empty())
    throw InputError(where, "[smmu]: " + problem);
  if (config.context_banks > node.context_interrupts.size())
    throw InputError(where, "[smmu]: " + std::to_string(config.context_banks) + " context banks, but " +
                                node.path + " in " + scenario.platform.string() + " has " +
                                std::to_string(node.context_interrupts.size()) +
                                " context interrupts; Linux needs one for each");
  return config;
}

vpu::VpuConfig vpu_config(const DeviceProfile& profile, const Traffic& traffic) {
  vpu::VpuConfig config;
  for (const StreamProfile& stream : profile.streams) {
    const std::size_t index = config.streams.size();
    config.streams.push_back({stream.name, stream.sid, {stream.window.lo, stream.window.hi - 1}});
    for (const BufferFunction function : stream.functions)
      config.functions[static_cast<std::size_t>(function)] = index;
  }
  for (const AddressOwner& owner : profile.owners)
    config.owners.push_back({{owner.range.lo, owner.range.hi - 1}, owner.stream});
  config.clock_khz = static_cast<std::uint32_t>(profile.clock_hz / 1000);
  config.pipes = profile.pipes;
  config.burst_bytes = traffic.burst;
  config.stride_bytes = static_cast<std::uint32_t>(traffic.stride);
  return config;
}

std::string numbered(const char* name, std::size_t index) {
  return name + std::to_string(index);
}

}  // namespace

PlatformDescription describe_platform(const Scenario& scenario) {
  PlatformDescription description;
  try {
    const kernel::DeviceTree tree(load_device_tree(scenario.platform));
    description.memory = tree.memory();
    std::vector<std::string> paths;
    for (const DeviceProfile& device : scenario.profile.devices) paths.push_back(device.node);
    description.smmu = tree.smmu(paths);
    for (const DeviceProfile& device : scenario.profile.devices) {
      description.devices.push_back(tree.device(device.node));
      const kernel::DeviceNode& node = description.devices.back();
      if (node.interrupts.empty())
        throw tree_error(scenario, node.path, "has no `interrupts`; a VPU needs one");
      check_streams(scenario, device, node);
    }
  } catch (const kernel::DeviceTreeError& error) {
    throw to_input_error(scenario.platform, error);
  }
  description.smmu_config = smmu_config(scenario, description.smmu);
  return description;
}

Platform::Platform(const Scenario& scenario, const PlatformDescription& description, Accounting& accounting)
    : bus_("bus"),
      smmu_("smmu", description.smmu_config),
      host_("host", sc_core::sc_time(static_cast<double>(scenario.interrupt_latency_us), sc_core::SC_US)) {
  for (const kernel::PhysRange& range : description.memory) {
    models::Memory& memory =
        memories_.emplace_back(numbered("memory", memories_.size()).c_str(), range.size, memory_latency);
    bus_.map(memory.in, range.base, range.size);
  }
  host_.socket.bind(bus_.in);
  smmu_.walk.bind(bus_.in);
  smmu_.observe(&accounting);
  bus_.map(smmu_.regs, description.smmu.reg.base, description.smmu.reg.size);
  if (!description.smmu.global_interrupts.empty())
    smmu_.global_interrupt_line(host_.interrupt_line(description.smmu.global_interrupts.front().intid));
  for (unsigned bank = 0; bank < description.smmu_config.context_banks; ++bank)
    smmu_.context_interrupt_line[bank](host_.interrupt_line(description.smmu.context_interrupts[bank].intid));

  for (std::size_t index = 0; index < description.devices.size(); ++index) {
    const kernel::DeviceNode& node = description.devices[index];
    vpu::Vpu& vpu = vpus_.emplace_back(numbered("vpu", index).c_str(),
                                       vpu_config(scenario.profile.devices[index], scenario.traffic),
                                       &accounting.vpu_tap(index));
    bus_.map(vpu.regs, node.reg.front().base, node.reg.front().size);
    vpu.dma.bind(smmu_.client[index]);
    smmu_.out[index].bind(bus_.in);
    vpu.irq(host_.interrupt_line(node.interrupts.front().intid));
  }
}

}  // namespace sidewinder::sim
