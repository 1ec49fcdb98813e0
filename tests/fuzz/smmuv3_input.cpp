// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/smmuv3_input.h"

#include <algorithm>

namespace sidewinder::fuzz {
namespace {

using layout::low_bits;
using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using smmuv3::SecurityState;

constexpr std::uint64_t cd_pages = 0x3'0000;
constexpr std::uint64_t contiguous = std::uint64_t{1} << 52;

std::uint64_t mixed(std::uint64_t address) {
  std::uint64_t hash = address * 0x9e37'79b9'7f4a'7c15;
  hash ^= hash >> 29;
  return hash * 0xbf58'476d'1ce4'e5b9 >> 20;
}

arch::CacheShape shape_of(unsigned choice) {
  constexpr std::array<arch::CacheShape, 4> shapes{{{0, 1}, {1, 1}, {4, 2}, {8, 8}}};
  return shapes[choice & 3U];
}

}  // namespace

std::uint64_t Input::at(std::size_t offset, std::size_t count) const {
  std::uint64_t value = 0;
  for (std::size_t byte = 0; byte < count && offset + byte < bytes_.size(); ++byte)
    value |= std::uint64_t{bytes_[offset + byte]} << (8 * byte);
  return value;
}

Input::Operation Input::operation(std::size_t index) const {
  const std::size_t offset = first_operation + index * operation_bytes;
  return {.kind = bytes_[offset],
          .stream = bytes_[offset + 1],
          .substream = bytes_[offset + 2],
          .flags = bytes_[offset + 3],
          .extra = static_cast<std::uint32_t>(at(offset + 4, 4)),
          .value = at(offset + 8, 8)};
}

Ste Input::ste() const {
  Ste ste;
  for (std::size_t index = 0; index < ste.words.size(); ++index) ste.words[index] = word(2 + index);
  return ste;
}

Cd Input::cd() const {
  Cd cd;
  for (std::size_t index = 0; index < 4; ++index) cd.words[index] = word(10 + index);
  return cd;
}

smmuv3::Config config_of(std::uint64_t word) {
  Choices choices(word);
  smmuv3::Config config;
  config.minor = 3 - choices.take(2);
  const unsigned stages = choices.take(3);
  config.stage1 = stages != 6;
  config.stage2 = stages != 7;
  const bool both = config.stage1 && config.stage2;
  config.hypervisor = both && (config.minor >= 2 || choices.flag());
  config.secure = config.stage1 && choices.flag();
  config.secure_el2 = config.secure && both && config.minor >= 1 && choices.flag();
  config.small_tables = config.minor >= 1 && (config.secure_el2 || choices.flag());
  const unsigned formats = choices.take(3);
  config.aarch64 = formats != 6;
  config.aarch32 = formats != 7;
  const unsigned granules = choices.take(3);
  config.granule_4k = config.aarch32 || granules == 7 || (granules & 1) == 0;
  config.granule_16k = (granules & 2) == 0;
  config.granule_64k = (granules & 4) == 0;
  constexpr std::array<unsigned, 8> sizes{48, 32, 36, 40, 42, 44, 48, 52};
  config.output_bits = sizes[choices.take(3)];
  const bool wide = config.minor >= 1 && config.granule_64k;
  if (!wide) config.output_bits = std::min(config.output_bits, 48U);
  config.vax = wide && choices.flag();
  config.ds = config.vax && config.minor >= 3 && (config.granule_4k || config.granule_16k) && choices.flag();
  config.asid16 = !choices.flag();
  config.vmid16 = !choices.flag();
  constexpr std::array endianness{smmuv3::TableEndianness::Mixed, smmuv3::TableEndianness::Mixed,
                                  smmuv3::TableEndianness::Little, smmuv3::TableEndianness::Big};
  config.endianness = endianness[choices.take(2)];
  constexpr std::array updates{smmuv3::Httu::AccessFlagAndDirty, smmuv3::Httu::AccessFlagAndDirty,
                               smmuv3::Httu::AccessFlag, smmuv3::Httu::None};
  config.httu = updates[choices.take(2)];
  config.hierarchy_disable = config.stage1 && (config.minor >= 1 || choices.flag());
  config.xnx = config.stage2 && config.minor >= 1;
  config.forced_write_back = config.minor >= 2 || (config.minor == 1 && choices.flag());
  config.e0pd = config.minor >= 3 || (config.minor == 2 && choices.flag());
  config.walk_device_as_normal =
      config.stage2 && (config.minor >= 3 || (config.minor == 2 && choices.flag()));
  config.override_types = !choices.flag();
  config.override_permissions = !choices.flag();
  constexpr std::array stalls{smmuv3::StallModel::Both, smmuv3::StallModel::Both, smmuv3::StallModel::NoStall,
                              smmuv3::StallModel::Forced};
  config.stall_model = stalls[choices.take(2)];
  if (config.stall_model == smmuv3::StallModel::NoStall) config.stall_max = 0;
  config.always_abort = choices.flag();
  config.ats = config.stall_model != smmuv3::StallModel::Forced && choices.flag();
  config.range_invalidation = config.minor >= 2 || (config.minor == 1 && choices.flag());
  config.bbml = config.minor >= 2 ? 2 : 0;
  config.stream_id_bits = config.secure_stream_id_bits = 8;
  config.substream_id_bits = choices.flag() ? 0 : 8;
  config.caches.micro_tlb = shape_of(choices.take(2));
  config.caches.tlb = shape_of(choices.take(2));
  config.caches.configuration = shape_of(choices.take(2));
  config.caches.stage1_walk.fill(shape_of(choices.take(2)));
  config.caches.stage2_walk.fill(shape_of(choices.take(2)));
  require(smmuv3::validate(config).empty());
  return config;
}

void make_likely_legal(Ste& ste, const smmuv3::Config& config) {
  ste.set<Ste::V>(1).set<Ste::Config>(ste.get<Ste::Config>() | layout::smmuv3::ste_config_enabled);
  ste.set_address<Ste::S1ContextPtr>(cd_at).set<Ste::S1CDMax>(0);
  ste.set<Ste::S1STALLD>(0).set<Ste::EATS>(0).set<Ste::S2HD>(0).set<Ste::S2HA>(
      config.httu == smmuv3::Httu::None ? 0 : ste.get<Ste::S2HA>());
  ste.set<Ste::S2S>(config.stall_model == smmuv3::StallModel::Forced ? 1 : 0);
  ste.set<Ste::S2ENDI>(config.endianness == smmuv3::TableEndianness::Big ? 1 : 0);
  if (!config.vmid16) ste.set<Ste::S2VMID>(ste.get<Ste::S2VMID>() & 0xff);
  if (config.aarch64) {
    // Level 1 for 4 KiB, level 2 for the others: 2^34 to 2^36 bytes are as much as any OAS but 32 bits takes.
    ste.set<Ste::S2AA64>(1).set<Ste::S2SL0>(1).set<Ste::S2SL0_2>(0).set<Ste::S2T0SZ>(
        64 - std::min(34U, config.output_bits));
    ste.set<Ste::S_S2SL0>(1).set<Ste::S_S2SL0_2>(0).set<Ste::S_S2T0SZ>(64 -
                                                                       std::min(34U, config.output_bits));
    ste.set<Ste::S2PS>(5);
  }
  ste.set_address<Ste::S2TTB>(ste.address<Ste::S2TTB>() & low_bits(config.output_bits));
  ste.set_address<Ste::S_S2TTB>(ste.address<Ste::S_S2TTB>() & low_bits(config.output_bits));
}

void make_likely_legal(Cd& cd, const smmuv3::Config& config) {
  cd.set<Cd::V>(1).set<Cd::A>(config.always_abort ? 1 : cd.get<Cd::A>());
  cd.set<Cd::S>(config.stall_model == smmuv3::StallModel::Forced ? 1 : 0);
  cd.set<Cd::ENDI>(config.endianness == smmuv3::TableEndianness::Big ? 1 : 0);
  if (!config.asid16) cd.set<Cd::ASID>(cd.get<Cd::ASID>() & 0xff);
  if (config.httu == smmuv3::Httu::None) cd.set<Cd::HA>(0).set<Cd::HD>(0);
  if (config.httu == smmuv3::Httu::AccessFlag) cd.set<Cd::HD>(0);
  if (config.aarch64) {
    cd.set<Cd::AA64>(1).set<Cd::IPS>(5);
    cd.set<Cd::T0SZ>(16 + cd.get<Cd::T0SZ>() % 24).set<Cd::T1SZ>(16 + cd.get<Cd::T1SZ>() % 24);
  }
  cd.set_address<Cd::TTB0>(cd.address<Cd::TTB0>() & low_bits(config.output_bits));
  cd.set_address<Cd::TTB1>(cd.address<Cd::TTB1>() & low_bits(config.output_bits));
}

std::optional<unsigned> ste_word(std::uint64_t address) {
  if (address - stream_table_at >= 64 << 8) return std::nullopt;
  return static_cast<unsigned>(address >> 3 & 7);
}

std::optional<unsigned> cd_word(std::uint64_t address) {
  if (ste_word(address) || (address & cd_pages) != cd_pages) return std::nullopt;
  return static_cast<unsigned>(address >> 3 & 7);
}

std::uint64_t InputMemory::word_at(std::uint64_t address, bool secure) const {
  if (const auto index = ste_word(address)) return ste_.words[*index];
  if (const auto index = cd_word(address)) return cd_.words[*index];
  for (const Written& written : written_)
    if (written.address == address && written.secure == secure) return written.word;
  const std::uint64_t hash = mixed(address + (secure ? 1 : 0));
  std::uint64_t word = 0;
  for (std::size_t byte = 0; byte < 8; ++byte)
    word |= std::uint64_t{input_[(hash + byte) % input_.size()]} << (8 * byte);
  if (options_.likely_descriptors) {
    constexpr std::uint64_t valid = 1, table = 2, access_flag = 0x400;
    if ((hash >> 32) % 8 != 0) word |= valid | access_flag;
    if ((hash >> 35) % 4 != 0) word |= table;
    if ((hash >> 37) % 8 != 0) word &= ~(low_bits(48) & ~low_bits(std::min(options_.output_bits, 34U)));
  }
  return options_.no_runs ? word & ~contiguous : word;
}

arch::PortResponse InputMemory::respond(const arch::PortAccess& access) {
  require(access.address % 8 == 0);
  require(access.address >> options_.output_bits == 0);
  require(secure_allowed_ || !access.secure);
  recent_[accesses_++ % recent_.size()] = access.address;
  const bool ok = (mixed(access.address) >> 16) % 64 != 0;
  return {.data = word_at(access.address, access.secure), .ok = ok, .latency_ps = 1};
}

arch::PortResponse InputMemory::read64(const arch::PortAccess& access) {
  return respond(access);
}

arch::PortResponse InputMemory::compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                                   std::uint64_t desired) {
  // Tables that lie in a structure would change it, and nobody would know to invalidate that.
  if (ste_word(access.address) || cd_word(access.address)) return {};
  const arch::PortResponse response = respond(access);
  if (response.ok && response.data == expected) store(access.address, access.secure, desired);
  return response;
}

void InputMemory::store(std::uint64_t address, bool secure, std::uint64_t word) {
  address &= ~std::uint64_t{7};
  if (const auto index = ste_word(address)) {
    ste_.words[*index] = word;
    return;
  }
  if (const auto index = cd_word(address)) {
    cd_.words[*index] = word;
    return;
  }
  for (Written& written : written_)
    if (written.address == address && written.secure == secure) {
      written.word = word;
      return;
    }
  written_.push_back({address, secure, word});
}

bool InputMemory::same_contents(const InputMemory& other) const {
  const auto covers = [](const InputMemory& a, const InputMemory& b) {
    return std::all_of(a.written_.begin(), a.written_.end(), [&](const Written& written) {
      return b.word_at(written.address, written.secure) == written.word;
    });
  };
  return ste_.words == other.ste_.words && cd_.words == other.cd_.words && covers(*this, other) &&
         covers(other, *this);
}

void set_up(smmuv3::Translator& smmu, std::uint64_t word) {
  Choices choices(word);
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
    smmuv3::Control& control = smmu.control(state);
    control.enabled = choices.take(4) != 15;
    control.e2h = choices.flag();
    control.record_bad_stream_ids = choices.flag();
    control.strtab_base.raw = stream_table_at;
    control.strtab_base_cfg.raw = 8;
    control.cr1.raw = choices.take(12);
    if (!control.enabled) control.gbpa.raw = choices.take(12) * 0x111;
  }
  smmuv3::Control& secure = smmu.control(SecurityState::Secure);
  secure.secure_instruction_fetch = smmu.config().secure && choices.flag();
  secure.non_secure_stall_disabled = smmu.config().secure && choices.flag();
}

smmuv3::Transaction transaction_of(const Input::Operation& operation) {
  const std::uint8_t flags = operation.flags;
  smmuv3::Transaction transaction{
      .address = operation.value,
      .stream_id = operation.stream,
      .substream_id = operation.substream,
      .ssv = (flags & 1) != 0,
      .security = (flags & 2) != 0 ? SecurityState::Secure : SecurityState::NonSecure};
  transaction.attributes.write = (flags & 4) != 0;
  transaction.attributes.instruction = (flags & 8) != 0;
  transaction.attributes.privileged = (flags & 16) != 0;
  transaction.attributes.secure = (flags & 32) != 0;
  return transaction;
}

}  // namespace sidewinder::fuzz
