// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_strtab.h"

#include <algorithm>
#include <optional>

#include "iommu/layout/smmuv3_control.h"
#include "iommu/linux/arm_smmu_v3_commands.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;

constexpr unsigned level1_bits = 17;                // STRTAB_L1_SZ_SHIFT: 1 MiB of descriptors
constexpr std::uint64_t shareability_incoming = 1;  // SHCFG
constexpr std::uint64_t level2_span = ArmSmmuV3StreamTable::split + 1;

std::uint64_t not_translating_word1() {
  return Ste{}.set<Ste::SHCFG>(shareability_incoming).words[1];
}

}  // namespace

Status ArmSmmuV3StreamTable::init(unsigned sid_bits, bool two_level) {
  two_level_ = two_level;
  return two_level ? init_two_level(sid_bits) : init_linear(sid_bits);
}

Status ArmSmmuV3StreamTable::init_linear(unsigned sid_bits) {
  limit_ = std::uint64_t{1} << sid_bits;
  const std::uint64_t bytes = limit_ * Ste::size;
  const std::optional<PhysAddr> table = pages_->allocate_coherent(bytes);
  if (!table) {
    io_->say(LogLevel::Err,
             format("failed to allocate linear stream table (%u bytes)", static_cast<unsigned>(bytes)));
    return fail(Errno::ENOMEM_);
  }
  base_ = *table;
  config_ = STRTAB_BASE_CFG{}.set<STRTAB_BASE_CFG::LOG2SIZE>(sid_bits).raw;
  fill_unattached(base_, limit_);
  return {};
}

Status ArmSmmuV3StreamTable::init_two_level(unsigned sid_bits) {
  const unsigned bits = std::min(level1_bits, sid_bits - split);
  if (bits + split < sid_bits)
    io_->say(LogLevel::Warn, format("2-level strtab only covers %u/%u bits of SID", bits + split, sid_bits));
  limit_ = std::uint64_t{1} << (bits + split);
  const std::uint64_t bytes = sizeof(std::uint64_t) << bits;
  const std::optional<PhysAddr> table = pages_->allocate_coherent(bytes);
  if (!table) {
    io_->say(LogLevel::Err,
             format("failed to allocate l1 stream table (%u bytes)", static_cast<unsigned>(bytes)));
    return fail(Errno::ENOMEM_);
  }
  base_ = *table;
  level2_.assign(std::size_t{1} << bits, 0);
  config_ = STRTAB_BASE_CFG{}
                .set<STRTAB_BASE_CFG::FMT>(1)
                .set<STRTAB_BASE_CFG::LOG2SIZE>(bits + split)
                .set<STRTAB_BASE_CFG::SPLIT>(split)
                .raw;
  return {};  // zeroed: no descriptor is valid
}

std::uint64_t ArmSmmuV3StreamTable::base_register() const {
  return STRTAB_BASE::of(base_ & STRTAB_BASE::ADDR::mask).set<STRTAB_BASE::RA>(1).raw;
}

Status ArmSmmuV3StreamTable::reach(std::uint32_t sid) {
  if (sid >= limit_) return fail(Errno::ERANGE_);
  if (!two_level_) return {};
  PhysAddr& level2 = level2_[sid >> split];
  if (level2 != 0) return {};
  constexpr std::uint64_t count = std::uint64_t{1} << split;
  const std::optional<PhysAddr> stes = pages_->allocate_coherent(count * Ste::size);
  if (!stes) {
    io_->say(LogLevel::Err, format("failed to allocate l2 stream table for SID %u", sid));
    return fail(Errno::ENOMEM_);
  }
  level2 = *stes;
  fill_unattached(level2, count);
  write_word(*io_->bus, base_ + sizeof(std::uint64_t) * (sid >> split),
             L1std::of(level2 & L1std::L2Ptr::mask).set<L1std::Span>(level2_span).raw);
  return {};
}

PhysAddr ArmSmmuV3StreamTable::ste_of(std::uint32_t sid) const {
  if (!two_level_) return base_ + std::uint64_t{sid} * Ste::size;
  return level2_[sid >> split] + std::uint64_t{sid & ((1U << split) - 1)} * Ste::size;
}

std::uint64_t ArmSmmuV3StreamTable::unattached_config() const {
  return disable_bypass_ ? 0 : ste_config_enabled;
}

/// arm_smmu_init_bypass_stes(), of memory that is all zeros.
void ArmSmmuV3StreamTable::fill_unattached(PhysAddr stes, std::uint64_t count) const {
  const std::uint64_t word0 = Ste{}.set<Ste::V>(1).set<Ste::Config>(unattached_config()).words[0];
  for (std::uint64_t index = 0; index < count; ++index) {
    write_word(*io_->bus, stes + index * Ste::size, word0);
    write_word(*io_->bus, stes + index * Ste::size + 8, not_translating_word1());
  }
}

void ArmSmmuV3StreamTable::write_not_translating(std::uint32_t sid, std::uint64_t config) {
  const PhysAddr ste = ste_of(sid);
  write_word(*io_->bus, ste, Ste{}.set<Ste::V>(1).set<Ste::Config>(config).words[0]);
  write_word(*io_->bus, ste + 8, not_translating_word1());
  write_word(*io_->bus, ste + 16, std::uint64_t{0});
  commands_->issue_with_sync(smmuv3_command::cfgi_ste(sid));
}

void ArmSmmuV3StreamTable::write_unattached(std::uint32_t sid) {
  write_not_translating(sid, unattached_config());
}

void ArmSmmuV3StreamTable::write_abort(std::uint32_t sid) {
  write_not_translating(sid, 0);
}

void ArmSmmuV3StreamTable::write_bypass(std::uint32_t sid) {
  write_not_translating(sid, ste_config_enabled);
}

/// Word 0, which makes it translate, comes when the SMMU cannot have the others as they were.
void ArmSmmuV3StreamTable::write_translating(std::uint32_t sid, const Ste& ste, bool prefetch) {
  const PhysAddr at = ste_of(sid);
  if ((ste.get<Ste::Config>() & ste_config_stage1) != 0) {
    write_word(*io_->bus, at + 8, ste.words[1]);
  } else {
    write_word(*io_->bus, at + 16, ste.words[2]);
    write_word(*io_->bus, at + 24, ste.words[3]);
    if (ste.get<Ste::EATS>() != 0)
      write_word(*io_->bus, at + 8, read_word<std::uint64_t>(*io_->bus, at + 8) | ste.words[1]);
  }
  commands_->issue_with_sync(smmuv3_command::cfgi_ste(sid));
  write_word(*io_->bus, at, ste.words[0]);
  commands_->issue_with_sync(smmuv3_command::cfgi_ste(sid));
  if (prefetch) commands_->issue(smmuv3_command::prefetch_config(sid));
}

}  // namespace sidewinder::kernel
