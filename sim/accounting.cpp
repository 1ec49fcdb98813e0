// SPDX-License-Identifier: Apache-2.0

#include "sim/accounting.h"

#include <algorithm>

namespace sidewinder::sim {
namespace {

std::optional<std::uint32_t> session_of(vpu::hfi::SessionId id) {
  return id == vpu::hfi::no_session ? std::nullopt : std::optional(id);
}

}  // namespace

class Accounting::DeviceTap : public vpu::VpuObserver, public vpu::DriverObserver {
 public:
  DeviceTap(Accounting& accounting, std::size_t device) : accounting_(&accounting), device_(device) {}

  void access(const vpu::VpuAccess& access) override { accounting_->accessed(device_, access); }
  void buffer_mapped(const vpu::BufferUse& use, const kernel::DmaBuffer& memory) override {
    accounting_->mapped(device_, use, memory);
  }
  void buffer_unmapped(const vpu::BufferUse& use, const kernel::DmaBuffer& memory) override {
    accounting_->unmapped(device_, use, memory);
  }
  void allocation_failed(const vpu::FailedAllocation& failure) override {
    accounting_->allocation_failed(device_, failure);
  }

 private:
  Accounting* accounting_;
  std::size_t device_;
};

Accounting::Accounting(const SocProfile& profile) : profile_(&profile) {
  for (std::size_t device = 0; device < profile.devices.size(); ++device) {
    taps_.push_back(std::make_unique<DeviceTap>(*this, device));
    tallies_.emplace_back(profile.devices[device].streams.size());
  }
}

Accounting::~Accounting() = default;

vpu::VpuObserver& Accounting::vpu_tap(std::size_t device) {
  return *taps_[device];
}
vpu::DriverObserver& Accounting::driver_tap(std::size_t device) {
  return *taps_[device];
}

const StreamTally& Accounting::stream(std::size_t device, std::size_t stream) const {
  return tallies_[device][stream];
}

std::size_t Accounting::stream_of(std::size_t device, vpu::Function function) const {
  const DeviceProfile& profile = profile_->devices[device];
  return static_cast<std::size_t>(profile.stream_for(function) - profile.streams.data());
}

void Accounting::mapped(std::size_t device, const vpu::BufferUse& use, const kernel::DmaBuffer& memory) {
  const Buffer buffer{device, stream_of(device, use.function), use.session, use.type, use.index};
  buffers_[buffer] = memory;
  if (memory.direct) direct_.insert(buffer);
  for (const kernel::PhysRange& range : memory.pages) owners_[range.base] = {range.base + range.size, buffer};

  StreamTally& tally = tallies_[device][buffer.stream];
  ++tally.mappings_made;
  ++tally.mappings_live;
  tally.mapped_total_bytes += memory.size;
  tally.mapped_bytes += memory.size;
  tally.mapped_peak_bytes = std::max(tally.mapped_peak_bytes, tally.mapped_bytes);
  const std::uint64_t last = memory.iova + memory.size - 1;
  tally.lowest_iova = std::min(tally.lowest_iova.value_or(memory.iova), memory.iova);
  tally.highest_iova = std::max(tally.highest_iova.value_or(last), last);

  const AddressRange& window = profile_->devices[device].streams[buffer.stream].window;
  if (window.contains(memory.iova) && window.contains(last)) return;
  ++tally.buffers_outside_window;
  if (!tally.outside_example)
    tally.outside_example = PlacedBuffer{session_of(use.session), to_string(use.type), memory.iova};
}

void Accounting::unmapped(std::size_t device, const vpu::BufferUse& use, const kernel::DmaBuffer& memory) {
  const Buffer buffer{device, stream_of(device, use.function), use.session, use.type, use.index};
  buffers_.erase(buffer);
  direct_.erase(buffer);
  for (const kernel::PhysRange& range : memory.pages) owners_.erase(range.base);
  StreamTally& tally = tallies_[device][buffer.stream];
  --tally.mappings_live;
  tally.mapped_bytes -= memory.size;
}

void Accounting::allocation_failed(std::size_t device, const vpu::FailedAllocation& failure) {
  ++tallies_[device][stream_of(device, failure.use.function)].allocation_failures;
}

void Accounting::translated(unsigned /*tbu*/, const arch::Access& /*access*/,
                            const smmuv2::Translation& translation) {
  answered({translation.action == smmuv2::Translation::Action::Forward, translation.output,
            translation.bank.has_value(), translation.fault.has_value()});
}

void Accounting::translated(unsigned /*tbu*/, const smmuv3::Transaction& /*transaction*/,
                            const smmuv3::Translation& translation) {
  answered({translation.action == smmuv3::Translation::Action::Forward, translation.output, false,
            translation.fault.has_value()});
}

void Accounting::answered(const Answer& answer) {
  if (answer_ && (!answer_->forwarded || answer.forwarded)) return;
  answer_ = answer;
}

void Accounting::accessed(std::size_t device, const vpu::VpuAccess& access) {
  StreamTally& tally = tallies_[device][access.block];
  ++tally.transactions;
  tally.transferred_bytes += access.bytes;
  const Answer answer = answer_.value_or(Answer{});
  answer_.reset();
  const bool terminated = !answer.forwarded;
  if (access.stream_id && is_direct(device, access)) {
    ++(terminated ? tally.untranslated.blocked : tally.untranslated.passed);
  } else if (!access.stream_id) {
    ++tally.misroutes.unowned;
  } else if (*access.stream_id != access.own_stream_id) {
    misrouted(device, access, terminated ? std::nullopt : std::optional(answer.output), tally);
  } else if (terminated && answer.faulted) {
    ++tally.own_faults;
  } else if (terminated && answer.in_bank) {
    ++tally.collateral_aborts;
  }
}

void Accounting::misrouted(std::size_t device, const vpu::VpuAccess& access,
                           std::optional<std::uint64_t> output, StreamTally& tally) {
  if (!output || !access.ok) {
    ++tally.misroutes.caught;
    return;
  }
  const Buffer buffer{device, access.block, access.session, access.type, access.index};
  if (output == meant(buffer, access.iova)) {
    ++tally.misroutes.silent_same_memory;
    return;
  }
  ++tally.misroutes.silent_foreign;
  std::optional<Buffer> victim = owner_of(*output);
  if (victim) victim->index = 0;  // buffers of one type and session are counted together
  HitCount& count = hits_[{device, access.block, access.type, victim}];
  ++(access.write ? count.writes : count.reads);
}

bool Accounting::is_direct(std::size_t device, const vpu::VpuAccess& access) const {
  return !direct_.empty() &&
         direct_.count({device, access.block, access.session, access.type, access.index}) != 0;
}

std::optional<std::uint64_t> Accounting::meant(const Buffer& buffer, std::uint64_t iova) const {
  const auto found = buffers_.find(buffer);
  if (found == buffers_.end()) return std::nullopt;
  const kernel::DmaBuffer& memory = found->second;
  if (iova < memory.iova || iova - memory.iova >= memory.size) return std::nullopt;
  return phys_of(memory, iova - memory.iova);
}

std::optional<Accounting::Buffer> Accounting::owner_of(std::uint64_t address) const {
  auto after = owners_.upper_bound(address);
  if (after == owners_.begin()) return std::nullopt;
  const Owner& owner = (--after)->second;
  return address < owner.end ? std::optional(owner.buffer) : std::nullopt;
}

std::vector<SilentHit> Accounting::silent_hits() const {
  std::vector<SilentHit> hits;
  for (const auto& [key, count] : hits_) {
    SilentHit hit;
    hit.stream = profile_->devices[key.device].streams[key.stream].name;
    hit.buffer = to_string(key.type);
    if (key.victim) {
      hit.victim_stream = profile_->devices[key.victim->device].streams[key.victim->stream].name;
      hit.victim_buffer = to_string(key.victim->type);
      hit.victim_session = session_of(key.victim->session);
    }
    hit.reads = count.reads;
    hit.writes = count.writes;
    hits.push_back(std::move(hit));
  }
  std::stable_sort(hits.begin(), hits.end(), [](const SilentHit& left, const SilentHit& right) {
    return left.reads + left.writes > right.reads + right.writes;
  });
  return hits;
}

}  // namespace sidewinder::sim
