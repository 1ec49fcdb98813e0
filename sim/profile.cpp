// SPDX-License-Identifier: Apache-2.0
#include "sim/profile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "sim/text.h"

namespace sidewinder::sim {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t page = 4096;
constexpr Bounds iova_bounds{0, std::uint64_t{1} << 48};           // IHI 0062 §1.5: 48 bits of input address
constexpr Bounds sid_bounds{0, 0x7fff};                            // IHI 0062 SMMU_SMRn.ID: 15 bits
constexpr std::uint64_t most_mask = (std::uint64_t{1} << 63) - 1;  // TOML's largest integer

constexpr std::string_view any_video_unit = "any";

// In the order of vpu::Function.
constexpr std::array functions{"bitstream"sv, "non-pixel"sv, "pixel"sv, "firmware"sv};

constexpr std::array root_keys{"name"sv, "smmu"sv, "device"sv};
constexpr std::array smmu_keys{"stream_match_groups"sv, "context_banks"sv, "tlb_entries"sv, "tlb_ways"sv,
                               "micro_tlb_entries"sv};
constexpr std::array device_keys{"node"sv,  "compatible"sv, "enable"sv, "clock_mhz"sv,
                                 "pipes"sv, "dma_mask"sv,   "stream"sv, "owner"sv};
constexpr std::array stream_keys{"name"sv, "sid"sv, "window"sv, "functions"sv};
constexpr std::array owner_keys{"range"sv, "stream"sv};

std::string element(const std::string& list, std::size_t index) {
  return list + "[" + std::to_string(index) + "]";
}

bool is_power_of_two(std::uint64_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

SmmuProfile read_smmu(const TableReader& root) {
  if (!root.has("smmu")) throw root.error("smmu", "is missing: write a table [smmu]");
  const TomlNode table = root.table("smmu");
  const TableReader reader(table, "smmu", smmu_keys);
  const auto count = [&reader](std::string_view key, Bounds bounds, std::optional<std::uint64_t> fallback) {
    return static_cast<unsigned>(reader.integer(key, bounds, fallback));
  };
  SmmuProfile smmu;
  smmu.stream_match_groups = count("stream_match_groups", {1, 128}, std::nullopt);
  if (!reader.is_text("context_banks")) {
    smmu.context_banks = count("context_banks", {1, 128}, std::nullopt);
  } else if (reader.text("context_banks") != "interrupts") {
    throw reader.error("context_banks",
                       "is '" + reader.text("context_banks") +
                           "': it must be 1 to 128, or \"interrupts\", which is one for each "
                           "context interrupt in the device tree");
  }
  smmu.tlb_entries = count("tlb_entries", {1, 65536}, 2048);
  smmu.tlb_ways = count("tlb_ways", {1, 16}, 4);
  smmu.micro_tlb_entries = count("micro_tlb_entries", {1, 1024}, 32);
  if (smmu.tlb_entries % smmu.tlb_ways != 0 || !is_power_of_two(smmu.tlb_entries / smmu.tlb_ways)) {
    throw reader.error(reader.has("tlb_entries") ? "tlb_entries" : "tlb_ways",
                       "makes " + std::to_string(smmu.tlb_entries) + " entries in " +
                           std::to_string(smmu.tlb_ways) +
                           " ways: entries must be ways times a power of two, such as 2048 in 4");
  }
  return smmu;
}

void read_sid(const TableReader& reader, StreamProfile& stream) {
  if (!reader.is_text("sid")) {
    stream.sid = static_cast<std::uint32_t>(reader.integer("sid", sid_bounds));
    return;
  }
  constexpr std::array sources{"iommus"sv, "video-firmware"sv};
  stream.sid_source = reader.choice("sid", sources) == 0 ? SidSource::Iommus : SidSource::VideoFirmware;
}

StreamProfile read_stream(const TomlNode& table, const std::string& name) {
  const TableReader reader(table, name, stream_keys);
  StreamProfile stream;
  stream.where = reader.where();
  stream.name = reader.text("name");
  read_sid(reader, stream);
  stream.window = reader.page_range("window", iova_bounds);
  for (const std::size_t index : reader.choices("functions", functions)) {
    const auto function = static_cast<BufferFunction>(index);
    if (stream.routes(function)) {
      throw reader.error("functions", std::string("names ") + to_string(function) + " twice: once is enough");
    }
    stream.functions.push_back(function);
  }
  if (stream.is_firmware() && stream.functions.size() > 1) {
    throw reader.error("functions", "has firmware beside others: firmware must have a stream of its own");
  }
  if (stream.sid_source == SidSource::VideoFirmware && !stream.is_firmware())
    throw reader.error("sid", "is \"video-firmware\": only the stream of the function firmware can have it");
  return stream;
}

AddressOwner read_owner(const TomlNode& table, const std::string& name,
                        const std::vector<StreamProfile>& streams) {
  const TableReader reader(table, name, owner_keys);
  std::vector<std::string_view> names;
  names.reserve(streams.size());
  for (const StreamProfile& stream : streams) names.emplace_back(stream.name);
  AddressOwner owner;
  owner.where = reader.where();
  owner.range = reader.page_range("range", iova_bounds);
  owner.stream = reader.choice("stream", names);
  return owner;
}

void check_names_and_functions(const DeviceProfile& device, const std::string& name) {
  for (std::size_t i = 0; i < device.streams.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const StreamProfile& stream = device.streams[i];
      const StreamProfile& earlier = device.streams[j];
      if (stream.name == earlier.name) {
        throw InputError(stream.where, "stream name '" + stream.name + "' is used twice, first at line " +
                                           std::to_string(earlier.where.line) + ": each must be different");
      }
      for (const BufferFunction function : stream.functions) {
        if (!earlier.routes(function)) continue;
        throw InputError(stream.where, "streams '" + earlier.name + "' and '" + stream.name +
                                           "' both have the function " + to_string(function) +
                                           ": exactly one must");
      }
    }
  }
  for (const BufferFunction function :
       {BufferFunction::Bitstream, BufferFunction::NonPixel, BufferFunction::Pixel}) {
    if (device.stream_for(function) != nullptr) continue;
    throw InputError(device.where, "no stream of " + name + " has the function " + to_string(function) +
                                       ": exactly one must");
  }
}

void sort_owners(std::vector<AddressOwner>& owners) {
  std::stable_sort(owners.begin(), owners.end(),
                   [](const AddressOwner& a, const AddressOwner& b) { return a.range.lo < b.range.lo; });
  for (std::size_t i = 1; i < owners.size(); ++i) {
    if (!owners[i].range.overlaps(owners[i - 1].range)) continue;
    const AddressOwner& later =
        std::max(owners[i - 1], owners[i],
                 [](const AddressOwner& a, const AddressOwner& b) { return a.where.line < b.where.line; });
    const AddressOwner& earlier = &later == &owners[i] ? owners[i - 1] : owners[i];
    throw InputError(later.where, "owner range [" + hex(later.range.lo) + ", " + hex(later.range.hi) +
                                      ") overlaps [" + hex(earlier.range.lo) + ", " + hex(earlier.range.hi) +
                                      ") at line " + std::to_string(earlier.where.line) +
                                      ": each address must have one owner");
  }
}

/// All of `iommus` belongs to one stream; only the firmware's is elsewhere.
void check_sid_sources(const DeviceProfile& device) {
  const auto all =
      std::find_if(device.streams.begin(), device.streams.end(),
                   [](const StreamProfile& stream) { return stream.sid_source == SidSource::Iommus; });
  if (all == device.streams.end()) return;
  for (const StreamProfile& stream : device.streams) {
    if (&stream == &*all || stream.sid_source == SidSource::VideoFirmware) continue;
    throw InputError(stream.where, "stream '" + stream.name + "' is beside '" + all->name +
                                       "', which has all StreamIDs of `iommus`: that one must be alone, but "
                                       "for a firmware stream with sid = \"video-firmware\"");
  }
}

void read_node(const TableReader& reader, DeviceProfile& device) {
  if (reader.has("node") == reader.has("compatible")) {
    throw reader.error("node", reader.has("node") ? "is set beside compatible: it must be one of the two"
                                                  : "is missing: write node or compatible");
  }
  if (reader.has("node")) {
    device.node = reader.text("node");
    if (device.node.front() == '/') return;
    throw reader.error(
        "node", "is '" + device.node + "': it must be a full path, such as /soc@0/video-codec@aa00000");
  }
  if (!reader.is_text("compatible")) {
    device.compatible = reader.texts("compatible");
  } else if (reader.text("compatible") != any_video_unit) {
    throw reader.error("compatible",
                       "is '" + reader.text("compatible") +
                           "': it must be \"any\" or an array, such as [\"qcom,sm8250-venus\"]");
  }
}

DeviceProfile read_device(const TomlNode& table, const std::string& name) {
  const TableReader reader(table, name, device_keys);
  DeviceProfile device;
  device.where = reader.where();
  read_node(reader, device);
  device.enable = reader.boolean("enable", false);
  device.clock_hz = static_cast<std::uint64_t>(std::llround(reader.number("clock_mhz", 1, 10'000) * 1e6));
  device.pipes = static_cast<unsigned>(reader.integer("pipes", {0, 100}));
  if (!vpu::valid_pipes(device.pipes)) {
    throw reader.error("pipes", "is " + std::to_string(device.pipes) + ": it must be 1, 2 or 4");
  }
  device.dma_mask = reader.integer("dma_mask", {page - 1, most_mask}, 0xffff'ffff);

  const std::vector<TomlNode> streams = reader.tables("stream");
  if (streams.empty())
    throw reader.error("stream", "is missing: write a [[device.stream]] for each DMA stream");
  for (std::size_t i = 0; i < streams.size(); ++i) {
    device.streams.push_back(read_stream(streams[i], element(name + ".stream", i)));
  }
  check_names_and_functions(device, name);
  check_sid_sources(device);
  const std::vector<TomlNode> owners = reader.tables("owner");
  for (std::size_t i = 0; i < owners.size(); ++i) {
    device.owners.push_back(read_owner(owners[i], element(name + ".owner", i), device.streams));
  }
  sort_owners(device.owners);
  return device;
}

void check_unique(const std::vector<DeviceProfile>& devices) {
  std::vector<const StreamProfile*> seen;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (devices[i].label() != devices[j].label()) continue;
      throw InputError(devices[i].where, "device " + std::string(devices[i].label()) +
                                             " is described twice, first at line " +
                                             std::to_string(devices[j].where.line) + ": once is enough");
    }
    for (const StreamProfile& stream : devices[i].streams) {
      if (stream.sid_source != SidSource::Profile) continue;
      for (const StreamProfile* earlier : seen) {
        if (stream.sid != earlier->sid) continue;
        throw InputError(stream.where, "StreamID " + hex(stream.sid) + " is used twice, first by stream '" +
                                           earlier->name + "' at line " +
                                           std::to_string(earlier->where.line) +
                                           ": each stream must have its own");
      }
      seen.push_back(&stream);
    }
  }
}

}  // namespace

bool StreamProfile::routes(BufferFunction function) const {
  return std::find(functions.begin(), functions.end(), function) != functions.end();
}

std::string_view DeviceProfile::label() const {
  if (!node.empty()) return node;
  return compatible.empty() ? any_video_unit : std::string_view(compatible.front());
}

const StreamProfile* DeviceProfile::stream_for(BufferFunction function) const {
  for (const StreamProfile& stream : streams) {
    if (stream.routes(function)) return &stream;
  }
  return nullptr;
}

const StreamProfile* DeviceProfile::owner_of(std::uint64_t address) const {
  for (const AddressOwner& owner : owners) {
    if (owner.range.contains(address)) return &streams[owner.stream];
  }
  return nullptr;
}

void drop_stream(DeviceProfile& device, std::size_t stream) {
  device.streams.erase(device.streams.begin() + static_cast<std::ptrdiff_t>(stream));
  device.owners.erase(std::remove_if(device.owners.begin(), device.owners.end(),
                                     [stream](const AddressOwner& owner) { return owner.stream == stream; }),
                      device.owners.end());
  for (AddressOwner& owner : device.owners)
    if (owner.stream > stream) --owner.stream;
}

SocProfile load_profile(const std::filesystem::path& file) {
  const TomlNode document = load_toml(file);
  const TableReader root(document, "", root_keys);
  SocProfile profile;
  profile.file = file;
  profile.name = root.text("name");
  profile.smmu = read_smmu(root);
  const std::vector<TomlNode> devices = root.tables("device");
  if (devices.empty())
    throw root.error("device", "is missing: write a [[device]] for each device behind the SMMU");
  for (std::size_t i = 0; i < devices.size(); ++i) {
    profile.devices.push_back(read_device(devices[i], element("device", i)));
  }
  check_unique(profile.devices);
  return profile;
}

}  // namespace sidewinder::sim
