// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_commands.h"

#include <bit>

#include "iommu/layout/bits.h"

namespace sidewinder::kernel::smmuv3_command {
namespace {

using layout::smmuv3::CompletionSignal;
using layout::smmuv3::PageRequestRecord;

constexpr std::uint64_t whole_range = 31;    // CFGI_STE_RANGE over every StreamID
constexpr std::uint64_t resp_abort = 0b10;   // Ac, Ab
constexpr std::uint64_t whole_address = 52;  // ATC_INV's Size: everything
constexpr unsigned atc_page_shift = 12;
constexpr std::uint64_t inner_shareable = 3;
constexpr std::uint64_t write_back = 0xf;  // MSIAttr: inner and outer write-back
constexpr std::uint64_t most_num = 31;     // CMDQ_TLBI_RANGE_NUM_MAX
constexpr unsigned ipa_bits = 52;

Command with_opcode(Opcode opcode) {
  return Command{}.set<Command::OP>(static_cast<std::uint64_t>(opcode));
}

Command sync_with(CompletionSignal signal) {
  return with_opcode(Opcode::SYNC)
      .set<Command::CS>(static_cast<std::uint64_t>(signal))
      .set<Command::MSH>(inner_shareable)
      .set<Command::MSIAttr>(write_back);
}

}  // namespace

Command all(Opcode opcode) {
  Command command = with_opcode(opcode);
  if (opcode == Opcode::CFGI_STE_RANGE) command.set<Command::Range>(whole_range);
  return command;
}

Command prefetch_config(std::uint32_t sid) {
  return with_opcode(Opcode::PREFETCH_CONFIG).set<Command::StreamID>(sid);
}

Command cfgi_ste(std::uint32_t sid) {
  return with_opcode(Opcode::CFGI_STE).set<Command::StreamID>(sid).set<Command::Leaf>(1);
}

Command cfgi_cd(std::uint32_t sid, std::uint32_t ssid, bool leaf) {
  return with_opcode(Opcode::CFGI_CD)
      .set<Command::StreamID>(sid)
      .set<Command::SubstreamID>(ssid)
      .set<Command::Leaf>(leaf ? 1 : 0);
}

Command tlbi_asid(Opcode opcode, std::uint16_t asid) {
  return with_opcode(opcode).set<Command::ASID>(asid);
}

Command tlbi_vmall(std::uint16_t vmid) {
  return with_opcode(Opcode::TLBI_S12_VMALL).set<Command::VMID>(vmid);
}

Command resume_abort(std::uint32_t sid, std::uint16_t stag) {
  return with_opcode(Opcode::RESUME)
      .set<Command::StreamID>(sid)
      .set<Command::Ac>(resp_abort & 1)
      .set<Command::Ab>(resp_abort >> 1)
      .set<Command::STAG>(stag);
}

Command pri_resp_deny(const PageRequestRecord& record) {
  const bool ssv = record.is_set<PageRequestRecord::SSV>();
  return with_opcode(Opcode::PRI_RESP)
      .set<Command::SSV>(ssv ? 1 : 0)
      .set<Command::SubstreamID>(ssv ? record.get<PageRequestRecord::SubstreamID>() : 0)
      .set<Command::StreamID>(record.get<PageRequestRecord::StreamID>())
      .set<Command::PRGIndex>(record.get<PageRequestRecord::PRGIndex>());  // Resp 0: denied
}

Command sync() {
  return sync_with(CompletionSignal::Sev);
}

Command sync_msi(PhysAddr doorbell) {
  return sync_with(CompletionSignal::Irq).set_address<Command::MSIAddress>(doorbell);
}

Command atc_inv(std::uint32_t sid, std::uint64_t iova, std::uint64_t size) {
  Command command = with_opcode(Opcode::ATC_INV).set<Command::StreamID>(sid);
  if (size == 0) return command.set<Command::AtcSize>(whole_address);
  const std::uint64_t first = iova >> atc_page_shift;
  const std::uint64_t last = (iova + size - 1) >> atc_page_shift;
  const auto log2_span = static_cast<unsigned>(std::bit_width(first ^ last));
  return command.set<Command::AtcSize>(log2_span).set_address<Command::Address>(
      (first & ~layout::low_bits(log2_span)) << atc_page_shift);
}

RangeInvalidation::RangeInvalidation(const Command& base, const Range& range, unsigned page_shift,
                                     bool range_commands)
    : command_(base),
      iova_(range.iova),
      end_(range.iova + range.size),
      granule_(range.granule),
      pages_left_(range.size >> page_shift),
      page_shift_(page_shift),
      range_commands_(range_commands) {
  command_.set<Command::Leaf>(range.leaf ? 1 : 0);
  if (!range_commands) return;
  command_.set<Command::TG>((page_shift - 10) / 2);
  if (range.leaf) {
    const auto granule_shift = static_cast<unsigned>(std::countr_zero(range.granule));
    command_.set<Command::TTL>(4 - (granule_shift - 3) / (page_shift - 3));
  } else if ((pages_left_ & most_num) == 1) {
    ++pages_left_;  // with TTL, NUM and SCALE all 0 it would be no range command
  }
}

Command RangeInvalidation::next() {
  std::uint64_t covered = granule_;
  if (range_commands_) {
    const auto scale = static_cast<unsigned>(std::countr_zero(pages_left_));
    const std::uint64_t chunks = pages_left_ >> scale & most_num;
    command_.set<Command::SCALE>(scale).set<Command::NUM>(chunks - 1);
    covered = chunks << (scale + page_shift_);
    pages_left_ -= chunks << scale;
  }
  const bool ipa = command_.get<Command::OP>() == static_cast<std::uint64_t>(Opcode::TLBI_S2_IPA);
  command_.set_address<Command::Address>(ipa ? iova_ & layout::low_bits(ipa_bits) : iova_);
  iova_ += covered;
  return command_;
}

}  // namespace sidewinder::kernel::smmuv3_command
