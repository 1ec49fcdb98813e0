// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "vpu/layout/buffers.h"

namespace sidewinder::sim {
namespace {

using namespace std::string_view_literals;

// In the order of MaskRule.
constexpr std::array masks{"stream"sv, "device"sv, "none"sv};
// In the order of kernel::IovaStrategy.
constexpr std::array iova_strategies{"linux"sv, "best-fit"sv, "first-fit-unaligned"sv};
// In the order of QueueOwner.
constexpr std::array queue_owners{"stream"sv, "node"sv};
// What iommu.strict=1, iommu.strict=0 and iommu.passthrough=1 give.
constexpr std::array default_domains{"dma"sv, "dma-fq"sv, "identity"sv};
constexpr std::array default_domain_types{kernel::DomainType::Dma, kernel::DomainType::DmaFq,
                                          kernel::DomainType::Identity};
// In the order of vpu::Codec.
constexpr std::array codecs{"h264"sv, "hevc"sv, "vp9"sv};

constexpr std::array root_keys{"platform"sv,    "profile"sv, "description"sv, "seed"sv,
                               "duration_ms"sv, "kernel"sv,  "policy"sv,      "memory"sv,
                               "host"sv,        "traffic"sv, "session"sv};
constexpr std::array kernel_keys{"version"sv,        "backport"sv,       "smmuv3_runtime_pm"sv,
                                 "default_domain"sv, "disable_bypass"sv, "iova"sv};
constexpr std::array policy_keys{"name"sv, "uniform_size"sv, "mask"sv, "queues"sv};
constexpr std::array memory_keys{"fragmentation"sv, "range"sv};
constexpr std::array host_keys{"interrupt_latency_us"sv};
constexpr std::array traffic_keys{"stride"sv, "burst"sv};
constexpr std::array session_keys{"device"sv,        "codec"sv,          "width"sv,       "height"sv,
                                  "count"sv,         "start_ms"sv,       "interval_ms"sv, "frames"sv,
                                  "input_buffers"sv, "output_buffers"sv, "dpb_buffers"sv};

constexpr std::uint64_t most_seed = (std::uint64_t{1} << 63) - 1;  // TOML's largest integer
constexpr std::uint64_t ten_minutes_ms = 600'000;
constexpr Bounds dimensions{vpu::min_dimension, vpu::max_dimension};

bool is_power_of_two(std::uint64_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

/// The file that `key` names, relative to the scenario's folder.
std::filesystem::path named_file(const TableReader& root, std::string_view key,
                                 const std::filesystem::path& scenario) {
  const std::string name = root.text(key);
  std::filesystem::path path = (scenario.parent_path() / name).lexically_normal();
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw root.error(
        key, "names " + path.string() + ", which is not a file: write a path relative to the scenario");
  }
  return path;
}

KernelOptions read_kernel(const TableReader& root) {
  const TomlNode table = root.table("kernel");
  const TableReader reader(table, "kernel", kernel_keys);
  KernelOptions options;
  const std::string text = reader.text("version", to_string(options.version));
  const std::optional<kernel::KernelVersion> version = parse_release(text);
  if (!version) {
    throw reader.error("version", "is '" + text + "': it must be a release from " + to_string(oldest_kernel) +
                                      " to " + to_string(newest_kernel));
  }
  options.version = *version;
  options.backport = reader.boolean("backport", false);
  options.smmuv3_runtime_pm = reader.boolean("smmuv3_runtime_pm", false);
  options.default_domain = default_domain_types[reader.choice("default_domain", default_domains, 0)];
  options.disable_bypass = reader.boolean("disable_bypass", true);
  options.iova = static_cast<kernel::IovaStrategy>(reader.choice("iova", iova_strategies, 0));
  return options;
}

/// The highest of the lower bounds that block streams have.
std::uint64_t highest_lower_bound(const SocProfile& profile) {
  std::uint64_t bound = 0;
  for (const DeviceProfile& device : profile.devices)
    for (const StreamProfile& stream : device.streams)
      if (!stream.is_firmware()) bound = std::max(bound, stream.window.lo);
  return bound;
}

/// After the profile and the kernel.
void read_policy(const TableReader& root, Scenario& scenario) {
  const TomlNode table = root.table("policy");
  const TableReader reader(table, "policy", policy_keys);
  scenario.policy = static_cast<Policy>(reader.choice("name", policy_names(), 0));
  scenario.mask = static_cast<MaskRule>(reader.choice("mask", masks, 0));
  scenario.queues = static_cast<QueueOwner>(reader.choice("queues", queue_owners, 0));
  const std::string_view missing = missing_means(scenario.policy, scenario.kernel.version);
  if (!missing.empty() && !scenario.kernel.backport) {
    throw reader.error("name", "is " + std::string(to_string(scenario.policy)) + ", but Linux " +
                                   to_string(scenario.kernel.version) + " lacks " + std::string(missing) +
                                   "; kernel.backport = true runs it all the same");
  }
  // A policy set on the command line silences the size that belonged to the file's policy.
  const bool left_over = reader.overridden("name") && !reader.overridden("uniform_size");
  if (scenario.policy != Policy::Uniform) {
    if (!reader.has("uniform_size") || left_over) return;
    throw reader.error("uniform_size", "is set, but the policy is " +
                                           std::string(to_string(scenario.policy)) +
                                           ": remove it, or set name = \"uniform\"");
  }
  const std::uint64_t needed = highest_lower_bound(scenario.profile);
  if (needed == 0 && !reader.has("uniform_size")) {
    throw reader.error("name",
                       "is uniform, but uniform_size is missing, and no stream of the profile has a "
                       "lower bound to take it from: write how much, such as \"600MiB\"");
  }
  scenario.uniform_size = reader.size("uniform_size", {4096, std::uint64_t{1} << 48}, needed);
  if (scenario.uniform_size % 4096 != 0) {
    throw reader.error("uniform_size", "is not whole pages: it must be a multiple of 4KiB");
  }
}

void read_memory(const TableReader& root, Scenario& scenario) {
  const TomlNode table = root.table("memory");
  const TableReader reader(table, "memory", memory_keys);
  scenario.fragmentation = reader.number("fragmentation", 0, 1, 0);
  if (reader.has("range")) scenario.memory = reader.page_range("range", {0, std::uint64_t{1} << 48});
}

Traffic read_traffic(const TableReader& root) {
  const TomlNode table = root.table("traffic");
  const TableReader reader(table, "traffic", traffic_keys);
  Traffic traffic;
  traffic.burst = static_cast<std::uint32_t>(reader.integer("burst", {8, 4096}, 64));
  if (!is_power_of_two(traffic.burst)) {
    throw reader.error("burst", "is " + std::to_string(traffic.burst) + ": it must be a power of two");
  }
  traffic.stride = reader.size("stride", {8, 1 << 20}, 16 << 10);
  if (!is_power_of_two(traffic.stride)) {
    throw reader.error("stride", "is " + std::to_string(traffic.stride) + ": it must be a power of two");
  }
  if (traffic.stride < traffic.burst) {
    throw reader.error(reader.has("stride") ? "stride" : "burst",
                       "makes a stride of " + std::to_string(traffic.stride) + " for bursts of " +
                           std::to_string(traffic.burst) + ": the stride must be at least the burst");
  }
  return traffic;
}

SessionGroup read_session(const TomlNode& table, const std::string& name, const SocProfile& profile) {
  const TableReader reader(table, name, session_keys);
  std::vector<std::string_view> nodes;
  nodes.reserve(profile.devices.size());
  for (const DeviceProfile& device : profile.devices) nodes.push_back(device.label());
  const auto count = [&reader](std::string_view key, Bounds bounds, std::optional<std::uint64_t> fallback) {
    return static_cast<std::uint32_t>(reader.integer(key, bounds, fallback));
  };

  SessionGroup session;
  session.where = reader.where();
  session.device = reader.choice("device", nodes, 0);
  session.codec = static_cast<vpu::Codec>(reader.choice("codec", codecs));
  session.width = count("width", dimensions, std::nullopt);
  session.height = count("height", dimensions, std::nullopt);
  const std::uint32_t macroblocks = vpu::macroblocks({session.codec, session.width, session.height});
  if (macroblocks > vpu::max_macroblocks) {
    throw reader.error("height", "makes " + std::to_string(macroblocks) +
                                     " macroblocks a frame: it must be at most " +
                                     std::to_string(vpu::max_macroblocks) + ", as in 8192 x 4352");
  }
  session.count = count("count", {1, 1000}, 1);
  session.start_ms = count("start_ms", {0, ten_minutes_ms}, 0);
  session.interval_ms = count("interval_ms", {0, ten_minutes_ms}, 0);
  session.frames = count("frames", {0, 1'000'000}, 0);
  session.input_buffers = count("input_buffers", {1, vpu::max_buffers_of_a_type}, 4);
  session.output_buffers = count("output_buffers", {1, vpu::max_buffers_of_a_type}, 9);
  session.dpb_buffers = count("dpb_buffers", {1, vpu::max_buffers_of_a_type}, 9);
  return session;
}

}  // namespace

std::optional<kernel::KernelVersion> parse_release(std::string_view text) {
  // As a tag it needs no quotes after --set, where 6.19 would be a number.
  if (text.rfind('v', 0) == 0) text.remove_prefix(1);
  const std::optional<kernel::KernelVersion> version = kernel::parse_kernel_version(text);
  constexpr unsigned last_of_6 = 19;
  const bool known = version && *version >= oldest_kernel && *version <= newest_kernel &&
                     (version->major != 6 || version->minor <= last_of_6);
  if (!known || to_string(*version) != text) return std::nullopt;
  return version;
}

Scenario load_scenario(const std::filesystem::path& file, std::span<const std::string> overrides) {
  TomlNode document = load_toml(file);
  for (const std::string& setting : overrides) apply_override(document, setting);
  const TableReader root(document, "", root_keys);

  Scenario scenario;
  scenario.file = file;
  scenario.overrides.assign(overrides.begin(), overrides.end());
  scenario.description = root.text("description", "");
  if (scenario.description.find('\n') != std::string::npos) {
    throw root.error("description", "has several lines: it must be one");
  }
  scenario.seed = root.integer("seed", {0, most_seed}, 1);
  scenario.duration_ms = root.integer("duration_ms", {1, ten_minutes_ms}, 400);

  scenario.kernel = read_kernel(root);
  read_memory(root, scenario);
  const TomlNode host = root.table("host");
  scenario.interrupt_latency_us = static_cast<std::uint32_t>(
      TableReader(host, "host", host_keys).integer("interrupt_latency_us", {0, 1'000'000}, 5));
  scenario.traffic = read_traffic(root);

  scenario.platform = named_file(root, "platform", file);
  scenario.profile = load_profile(named_file(root, "profile", file));
  read_policy(root, scenario);
  const std::vector<TomlNode> sessions = root.tables("session");
  if (sessions.empty()) throw root.error("session", "is missing: write at least one [[session]]");
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    scenario.sessions.push_back(
        read_session(sessions[i], "session[" + std::to_string(i) + "]", scenario.profile));
  }
  return scenario;
}

}  // namespace sidewinder::sim
