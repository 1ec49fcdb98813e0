// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to Qualcomm's SMMUs, whose registers a hypervisor may guard (arm-smmu-qcom.c, Linux 6.1).

#include <algorithm>

#include "iommu/linux/arm_smmu.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv2;

constexpr std::size_t most_groups = 128;  // IHI 0062 has no more; what is beyond may not be emulated
constexpr std::uint32_t no_bank = 0xff;

std::uint32_t slot_of(std::size_t index) {
  return static_cast<std::uint32_t>(index * 4);
}

S2CR s2cr_of(S2crType type, std::uint32_t bank) {
  return S2CR{}.set<S2CR::TYPE>(static_cast<std::uint32_t>(type)).set<S2CR::CBNDX>(bank);
}

}  // namespace

/// qcom_smmu_cfg_probe()
void ArmSmmu::probe_qualcomm() {
  const std::uint32_t last = gr0::S2CR + slot_of(std::min(entries_.size(), most_groups) - 1);
  const S2CR bypass = s2cr_of(S2crType::Bypass, no_bank);
  gr0_write(last, bypass.raw);
  if (S2CR::of(gr0_read(last)).get<S2CR::TYPE>() != bypass.get<S2CR::TYPE>()) reserve_bypass_bank();
  take_over_boot_entries();
}

/// Such a firmware makes a fault of every bypass, and ignores a fault: a bank that does not translate is the
/// only bypass there is.
void ArmSmmu::reserve_bypass_bank() {
  bypass_bank_ = context_banks_ - 1;
  context_map_.set(*bypass_bank_);
  cb_write(*bypass_bank_, cb::SCTLR, 0);
  gr1_write(gr1::CBAR + slot_of(*bypass_bank_),
            CBAR{}.set<CBAR::TYPE>(static_cast<std::uint32_t>(CbarType::Stage1Stage2Bypass)).raw);
  if (entries_.size() <= most_groups) return;
  say(LogLevel::Notice, "\tLimiting the stream matching groups to 128");
  entries_.resize(most_groups);
}

/// A display that the boot loader has running goes on, bypassing, until its driver attaches it.
void ArmSmmu::take_over_boot_entries() {
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const auto smr = SMR::of(gr0_read(gr0::SMR + slot_of(index)));
    if (!smr.is_set<SMR::VALID>()) continue;
    StreamMapEntry& entry = entries_[index];
    entry.id = static_cast<std::uint16_t>(smr.get<SMR::ID>());
    entry.mask = static_cast<std::uint16_t>(smr.get<SMR::MASK>());
    entry.valid = true;
    entry.s2cr = s2cr_of(S2crType::Bypass, no_bank);
  }
}

/// qcom_smmu_write_s2cr()
void ArmSmmu::write_s2cr(std::size_t index) {
  S2CR s2cr = entries_[index].s2cr;
  if (bypass_bank_) {
    const auto type = static_cast<S2crType>(s2cr.get<S2CR::TYPE>());
    if (type == S2crType::Bypass) s2cr = s2cr_of(S2crType::Translation, *bypass_bank_);
    if (type == S2crType::Fault) s2cr = s2cr_of(S2crType::Bypass, no_bank);
  }
  gr0_write(gr0::S2CR + slot_of(index), s2cr.raw);
}

}  // namespace sidewinder::kernel
