// SPDX-License-Identifier: Apache-2.0

#include "sim/platform.h"

#include <algorithm>
#include <bit>
#include <string>

#include "sim/board.h"
#include "sim/dts.h"
#include "sim/input_error.h"
#include "sim/policy_tree.h"
#include "sim/text.h"
#include "vpu/layout/registers.h"

namespace sidewinder::sim {
namespace {

/// What an access to memory takes beyond the SMMU: a round trip to LPDDR5, about 100 ns on a loaded SoC.
const sc_core::sc_time memory_latency(100, sc_core::SC_NS);

InputError tree_error(const Scenario& scenario, const std::string& path, const std::string& message) {
  return to_input_error(scenario.platform, kernel::DeviceTreeError(path, message));
}

void check_streams(const Scenario& scenario, const DeviceProfile& profile, const kernel::DeviceNode& node) {
  if (std::any_of(profile.streams.begin(), profile.streams.end(),
                  [](const StreamProfile& stream) { return stream.sid_source == SidSource::Iommus; }))
    return;
  for (const StreamProfile& stream : profile.streams)
    if (stream.sid_source == SidSource::Profile &&
        std::none_of(node.iommus.begin(), node.iommus.end(),
                     [&](const kernel::IommuSpecifier& specifier) { return specifier.covers(stream.sid); }))
      throw InputError(stream.where, "stream '" + stream.name + "' has StreamID " + hex(stream.sid) +
                                         ", which `iommus` of " + node.path + " in " +
                                         scenario.platform.string() + " does not list");
  for (const kernel::IommuSpecifier& specifier : node.iommus)
    if (std::none_of(profile.streams.begin(), profile.streams.end(),
                     [&](const StreamProfile& stream) { return specifier.covers(stream.sid); }))
      throw tree_error(scenario, node.path,
                       "`iommus` lists StreamID " + hex(specifier.sid) +
                           ", which no stream of this device has in " + scenario.profile.file.string());
}

/// Streams with a domain each need an entry each: those that one SMR matches are one group to Linux.
void check_entries(const Scenario& scenario, const DeviceProfile& profile, const kernel::DeviceNode& node) {
  if (scenario.policy == Policy::Shared || scenario.policy == Policy::DeviceTree) return;
  for (const kernel::IommuSpecifier& specifier : node.iommus) {
    const auto matches = [&](const StreamProfile& stream) { return specifier.covers(stream.sid); };
    if (std::count_if(profile.streams.begin(), profile.streams.end(), matches) > 1)
      throw tree_error(scenario, node.path,
                       "the `iommus` entry " + hex(specifier.sid) + " with mask " + hex(specifier.mask) +
                           " matches several streams of " + scenario.profile.file.string() +
                           "; with a domain per stream each needs an entry of its own");
  }
}

struct Region {
  std::string path;
  kernel::PhysRange range;
};

/// What lies where, without overlaps and within reach of the SMMU.
void check_regions(const Scenario& scenario, const PlatformDescription& description) {
  std::vector<Region> regions;
  for (const kernel::PhysRange& range : description.memory) regions.push_back({"/memory", range});
  regions.push_back({description.smmu.path, description.smmu.reg});
  for (const kernel::DeviceNode& node : description.devices) regions.push_back({node.path, node.reg.front()});
  std::stable_sort(regions.begin(), regions.end(), [](const Region& left, const Region& right) {
    return left.range.base < right.range.base;
  });
  const std::uint64_t reach = std::uint64_t{1} << description.output_bits();
  for (std::size_t index = 0; index < regions.size(); ++index) {
    const Region& region = regions[index];
    const std::string what = hex(region.range.base) + " + " + hex(region.range.size);
    if (region.range.base >= reach || region.range.size > reach - region.range.base)
      throw tree_error(scenario, region.path,
                       what + " reaches beyond the " + std::to_string(description.output_bits()) +
                           " address bits of this platform's SMMU");
    if (index != 0 && regions[index - 1].range.base + regions[index - 1].range.size > region.range.base)
      throw tree_error(scenario, region.path, what + " overlaps " + regions[index - 1].path);
  }
}

constexpr unsigned most_banks = 128;  // IHI 0062 SMMU_IDR1.NUMCB

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
  const std::size_t interrupts = std::min<std::size_t>(node.context_interrupts.size(), most_banks);
  config.context_banks =
      profile.context_banks != 0 ? profile.context_banks : static_cast<unsigned>(interrupts);
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

/// What is not in the profile is as smmuv3::Config has it. Translation table walks and queues are coherent
/// where the device tree says so.
smmuv3::Config smmuv3_config(const Scenario& scenario, const kernel::SmmuNode& node) {
  const SmmuProfile& profile = scenario.profile.smmu;
  if (node.reg.size < smmuv3::Smmu::frame_size)
    throw tree_error(scenario, node.path,
                     "`reg` has " + hex(node.reg.size) + " bytes; an SMMUv3's two pages need " +
                         hex(smmuv3::Smmu::frame_size));
  smmuv3::Config config;
  config.coherent = node.dma_coherent;
  config.caches.micro_tlb = {profile.micro_tlb_entries, std::min(profile.micro_tlb_entries, 4U)};
  config.caches.tlb = {profile.tlb_entries, profile.tlb_ways};
  if (const std::string problem = smmuv3::validate(config); !problem.empty())
    throw InputError({scenario.profile.file.string(), 0}, "[smmu]: " + problem);
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

void add_nodes_below(const kernel::DeviceTree& tree, std::vector<std::string>& paths,
                     const std::string& path) {
  paths.push_back(path);
  for (const kernel::DeviceNode& child : tree.children(path)) add_nodes_below(tree, paths, child.path);
}

/// The SMMU that the devices, or what is below them, are behind.
kernel::SmmuNode smmu_of(const kernel::DeviceTree& tree, const Scenario& scenario) {
  std::vector<std::string> paths;
  for (const DeviceProfile& device : scenario.profile.devices) {
    for (std::uint32_t function = 0; function < device.streams.size(); ++function) {
      const kernel::IommuMapAnswer answer =
          tree.map_iommu_id(device.node, function, kernel::IommuMapRule::TargetCells);
      if (answer.specifiers && !answer.specifiers->empty())
        return tree.smmu_at(answer.specifiers->front().phandle);
    }
    add_nodes_below(tree, paths, device.node);
  }
  return tree.smmu(paths);
}

std::vector<kernel::PhysRange> memory_of(const Scenario& scenario, const kernel::DeviceTree& tree) {
  std::vector<kernel::PhysRange> memory = tree.memory();
  if (!memory.empty()) return memory;
  if (!scenario.memory)
    throw tree_error(scenario, "/",
                     "has no memory, which the boot loader fills in: write memory.range in the scenario");
  return {{scenario.memory->lo, scenario.memory->hi - scenario.memory->lo}};
}

std::string numbered(const char* name, std::size_t index) {
  return name + std::to_string(index);
}

}  // namespace

PlatformDescription describe_platform(const Scenario& given) {
  Scenario scenario = given;
  const std::vector<std::byte> loaded = load_device_tree(scenario.platform);
  try {
    BoardFit board = fit_to_board(scenario, loaded);
    const std::vector<std::byte>& blob = board.tree;
    scenario.profile = board.profile;
    const kernel::DeviceTree tree(blob);
    for (const DeviceProfile& device : scenario.profile.devices) {
      const kernel::DeviceNode node = tree.device(device.node);
      if (!node.available())
        throw tree_error(
            scenario, node.path,
            "has status \"" + node.status +
                "\": Linux would not probe it; enable = true in the profile uses it all the same");
      if (node.reg.front().size < vpu::reg::size)
        throw tree_error(scenario, node.path,
                         "`reg` has " + hex(node.reg.front().size) + " bytes; the VPU's registers need " +
                             hex(vpu::reg::size));
      if (node.interrupts.empty())
        throw tree_error(scenario, node.path, "has no `interrupts`; a VPU needs one");
      if (scenario.policy == Policy::DeviceTree) continue;
      check_streams(scenario, device, node);
      check_entries(scenario, device, node);
    }
    PlatformDescription description{.profile = scenario.profile,
                                    .used = std::move(board.used),
                                    .tree = kernel::DeviceTree(apply_policy(
                                        blob, scenario.policy, scenario.profile, scenario.uniform_size)),
                                    .memory = memory_of(scenario, tree),
                                    .smmu = smmu_of(tree, scenario),
                                    .devices = {},
                                    .smmu_config = {},
                                    .smmuv3_config = {}};
    for (const DeviceProfile& device : scenario.profile.devices)
      description.devices.push_back(description.tree.device(device.node));
    description.used.smmu = description.smmu.path;
    description.used.smmu_compatible = description.smmu.compatible;
    description.used.memory_from_scenario = tree.memory().empty();
    if (description.smmu.model == kernel::SmmuModel::Smmuv3)
      description.smmuv3_config = smmuv3_config(scenario, description.smmu);
    else
      description.smmu_config = smmu_config(scenario, description.smmu);
    check_regions(scenario, description);
    return description;
  } catch (const kernel::DeviceTreeError& error) {
    throw to_input_error(scenario.platform, error);
  }
}

Platform::Platform(const Scenario& scenario, const PlatformDescription& description, Accounting& accounting)
    : bus_("bus"),
      host_("host", sc_core::sc_time(static_cast<double>(scenario.interrupt_latency_us), sc_core::SC_US)) {
  for (const kernel::PhysRange& range : description.memory) {
    models::Memory& memory =
        memories_.emplace_back(numbered("memory", memories_.size()).c_str(), range.size, memory_latency);
    bus_.map(memory.in, range.base, range.size);
  }
  host_.socket.bind(bus_.in);
  if (description.smmuv3_config)
    add_smmuv3(description, accounting);
  else
    add_smmuv2(description, accounting);

  for (std::size_t index = 0; index < description.devices.size(); ++index) {
    const kernel::DeviceNode& node = description.devices[index];
    vpu::Vpu& vpu = vpus_.emplace_back(numbered("vpu", index).c_str(),
                                       vpu_config(scenario.profile.devices[index], scenario.traffic),
                                       &accounting.vpu_tap(index));
    bus_.map(vpu.regs, node.reg.front().base, node.reg.front().size);
    if (smmuv3_) {
      vpu.dma.bind(smmuv3_->client[index]);
      smmuv3_->out[index].bind(bus_.in);
    } else {
      vpu.dma.bind(smmuv2_->client[index]);
      smmuv2_->out[index].bind(bus_.in);
    }
    vpu.irq(host_.interrupt_source(node.interrupts.front().intid));
  }
}

void Platform::add_smmuv2(const PlatformDescription& description, Accounting& accounting) {
  const kernel::SmmuNode& node = description.smmu;
  smmuv2_ = std::make_unique<tlm_shell::Smmuv2Module>("smmu", description.smmu_config);
  smmuv2_->walk.bind(bus_.in);
  smmuv2_->observe(&accounting);
  bus_.map(smmuv2_->regs, node.reg.base, node.reg.size);
  if (node.power_domain) host_.power(*node.power_domain, [this](bool on) { smmuv2_->set_power(on); });
  // The first is SMMU_NSgIrpt. Others (the configuration access fault's, the Secure ones) are never raised
  // here.
  for (std::size_t index = 0; index < node.global_interrupts.size(); ++index) {
    Host::InterruptSource& source = host_.interrupt_source(node.global_interrupts[index].intid);
    if (index == 0) smmuv2_->global_interrupt_line(source);
  }
  for (unsigned bank = 0; bank < description.smmu_config.context_banks; ++bank)
    smmuv2_->context_interrupt_line[bank](host_.interrupt_source(node.context_interrupts[bank].intid));
}

/// Its interrupts are edges (IHI 0070 §3.18.2).
void Platform::add_smmuv3(const PlatformDescription& description, Accounting& accounting) {
  const kernel::SmmuNode& node = description.smmu;
  smmuv3_ = std::make_unique<tlm_shell::Smmuv3Module>("smmu", *description.smmuv3_config,
                                                      static_cast<unsigned>(description.devices.size()));
  smmuv3_->walk.bind(bus_.in);
  smmuv3_->observe(&accounting);
  bus_.map(smmuv3_->regs, node.reg.base, node.reg.size);
  if (node.power_domain) host_.power(*node.power_domain, [this](bool on) { smmuv3_->set_power(on); });
  const auto wire = [&](const std::optional<kernel::Interrupt>& interrupt, tlm_shell::PulseLine::Port& port) {
    if (interrupt) port(host_.interrupt_source(interrupt->intid, Host::Trigger::RisingEdge));
  };
  wire(node.v3.combined, smmuv3_->combined_irq);
  wire(node.v3.eventq, smmuv3_->event_queue_irq);
  wire(node.v3.priq, smmuv3_->page_request_queue_irq);
  wire(node.v3.gerror, smmuv3_->global_error_irq);
  wire(node.v3.cmdq_sync, smmuv3_->command_sync_irq);
}

}  // namespace sidewinder::sim
