// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_cd.h"

#include <utility>

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;

constexpr std::uint64_t level2_bytes = Cd::size << ArmSmmuV3CdTable::split;

std::uint64_t bytes_of(unsigned ssid_bits, bool two_level) {
  if (two_level) return sizeof(L1cd) << (ssid_bits - ArmSmmuV3CdTable::split);
  return Cd::size << ssid_bits;
}

}  // namespace

std::optional<ArmSmmuV3CdTable> ArmSmmuV3CdTable::create(const ArmSmmuV3Io& io, PageAllocator& pages,
                                                         unsigned ssid_bits, bool two_level) {
  const bool both = two_level && ssid_bits > split;
  const std::optional<PhysAddr> base = pages.allocate_coherent(bytes_of(ssid_bits, both));
  if (!base) {
    io.say(LogLevel::Warn, "failed to allocate context descriptor");
    return std::nullopt;
  }
  return ArmSmmuV3CdTable(io, pages, ssid_bits, both, *base);
}

ArmSmmuV3CdTable::ArmSmmuV3CdTable(ArmSmmuV3CdTable&& other) noexcept
    : io_(other.io_),
      pages_(other.pages_),
      ssid_bits_(other.ssid_bits_),
      two_level_(other.two_level_),
      base_(std::exchange(other.base_, 0)),
      level2_(std::exchange(other.level2_, 0)) {}

ArmSmmuV3CdTable::~ArmSmmuV3CdTable() {
  if (level2_ != 0) pages_->free_coherent(level2_, level2_bytes);
  if (base_ != 0) pages_->free_coherent(base_, bytes_of(ssid_bits_, two_level_));
}

Status ArmSmmuV3CdTable::install(const Cd& cd, const Sync& sync) {
  PhysAddr at = base_;
  if (two_level_) {
    const std::optional<PhysAddr> level2 = pages_->allocate_coherent(level2_bytes);
    if (!level2) {
      io_->say(LogLevel::Warn, "failed to allocate context descriptor table");
      return fail(Errno::ENOMEM_);
    }
    at = level2_ = *level2;
    write_word(*io_->bus, base_, L1cd::of(level2_ & L1cd::L2Ptr::mask).set<L1cd::V>(1).raw);
    sync(false);  // that it was invalid may be cached
  }
  for (const std::size_t word : {1U, 2U, 3U}) write_word(*io_->bus, at + 8 * word, cd.words[word]);
  sync(true);
  write_word(*io_->bus, at, cd.words[0]);
  sync(true);
  return {};
}

void ArmSmmuV3CdTable::describe(Ste& ste) const {
  ste.set_address<Ste::S1ContextPtr>(base_)
      .set<Ste::S1Fmt>(static_cast<std::uint64_t>(two_level_ ? S1Fmt::TwoLevel64K : S1Fmt::Linear))
      .set<Ste::S1CDMax>(ssid_bits_);
}

}  // namespace sidewinder::kernel
