// SPDX-License-Identifier: Apache-2.0

#include "tests/support/smmuv3_machine.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace sidewinder::test {
namespace {

std::string line(const char* pattern, std::uint64_t first, std::uint64_t second, std::uint64_t third = 0) {
  char text[80];
  std::snprintf(text, sizeof text, pattern, first, second, third);
  return text;
}

}  // namespace

bool Smmuv3Machine::in_memory(kernel::PhysAddr address, std::uint64_t size) {
  return address >= memory_base && size <= memory_size && address - memory_base <= memory_size - size;
}

void Smmuv3Machine::put_into(const kernel::PowerDomain& domain) {
  domain_ = domain;
  smmu_.set_power(false);
}

void Smmuv3Machine::set_power(const kernel::PowerDomain& domain, bool on) {
  if (domain_ != domain) return;
  smmu_.set_power(on);
  trace.push_back(on ? "P 1" : "P 0");
}

bool Smmuv3Machine::read(kernel::PhysAddr address, std::span<std::byte> data, kernel::Security) {
  if (in_memory(address, data.size())) {
    store_.read(address - memory_base, data);
    return true;
  }
  const std::uint64_t offset = address - smmu_base;
  if (offset >= smmuv3::Smmu::frame_size) return false;
  std::uint64_t value = read_smmu(offset, static_cast<unsigned>(data.size()));
  if (!smmu_.powered()) return false;
  if (const auto forced = forced_reads.find(offset); forced != forced_reads.end()) value = forced->second;
  std::memcpy(data.data(), &value, data.size());
  trace.push_back(line("R %" PRIx64 " %" PRIx64 " %" PRIx64, data.size(), offset, value));
  return true;
}

bool Smmuv3Machine::write(kernel::PhysAddr address, std::span<const std::byte> data, kernel::Security) {
  std::uint64_t value = 0;
  std::memcpy(&value, data.data(), std::min(data.size(), sizeof value));
  if (in_memory(address, data.size())) {
    store_.write(address - memory_base, data);
    if (memory_too && data.size() == sizeof value)
      trace.push_back(line("M %" PRIx64 " %" PRIx64, address, value));
    return true;
  }
  const std::uint64_t offset = address - smmu_base;
  if (offset >= smmuv3::Smmu::frame_size) return false;
  write_smmu(offset, value, static_cast<unsigned>(data.size()));
  if (!smmu_.powered()) return false;
  trace.push_back(line("W %" PRIx64 " %" PRIx64 " %" PRIx64, data.size(), offset, value));
  return true;
}

std::uint64_t Smmuv3Machine::read_smmu(std::uint64_t offset, unsigned size) const {
  if (!register_file) return smmu_.read(offset, size, false);
  const auto at = [this](std::uint64_t place) {
    const auto found = file_.find(place);
    return found == file_.end() ? std::uint64_t{0} : found->second;
  };
  if (offset == 0x24 || offset == 0x54) offset -= 4;  // CR0ACK, IRQ_CTRLACK
  return size == 8 ? at(offset) | at(offset + 4) << 32 : at(offset);
}

void Smmuv3Machine::write_smmu(std::uint64_t offset, std::uint64_t value, unsigned size) {
  if (!register_file) {
    smmu_.write(offset, value, size, false);
    run_commands();
    return;
  }
  file_[offset] = static_cast<std::uint32_t>(value);
  if (size == 8) file_[offset + 4] = static_cast<std::uint32_t>(value >> 32);
  if (offset != 0x98) return;
  const std::uint64_t base = read_smmu(0x90, 8);
  const std::uint32_t both = (std::uint32_t{2} << (base & 0x1f)) - 1;  // an index and its wrap flag
  for (std::uint32_t& cons = file_[0x9c]; cons != file_[0x98]; cons = (cons + 1) & both)
    log_command(base, cons & both >> 1);
}

void Smmuv3Machine::log_command(std::uint64_t base, std::uint64_t index) {
  const std::uint64_t at = (base & 0x00ff'ffff'ffff'ffe0) + 16 * index;
  trace.push_back(line("C %" PRIx64 " %" PRIx64, word(at), word(at + 8)));
}

void Smmuv3Machine::run_commands() {
  while (commands_run && smmu_.commands_pending(smmuv3::SecurityState::NonSecure)) {
    const std::uint64_t base = smmu_.read(0x90, 8, false);
    const std::uint64_t index = smmu_.read(0x9c, 4, false) & ((std::uint64_t{1} << (base & 0x1f)) - 1);
    log_command(base, index);
    if (!smmu_.process_command(smmuv3::SecurityState::NonSecure)) trace.pop_back();
  }
}

std::uint64_t Smmuv3Machine::word(kernel::PhysAddr address) const {
  std::uint64_t value = 0;
  if (in_memory(address, sizeof value))
    store_.read(address - memory_base, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

void Smmuv3Machine::set_word(kernel::PhysAddr address, std::uint64_t value) {
  store_.write(address - memory_base, std::as_bytes(std::span(&value, 1)));
}

smmuv3::Translation Smmuv3Machine::access(std::uint32_t sid, std::uint64_t address, bool is_write) {
  smmuv3::Transaction transaction{.address = address, .stream_id = sid};
  transaction.attributes.write = is_write;
  return smmu_.translate(0, transaction, sid);
}

arch::PortResponse Smmuv3Machine::read64(const arch::PortAccess& access) {
  return {.data = word(access.address), .ok = in_memory(access.address, 8), .latency_ps = 0};
}

arch::PortResponse Smmuv3Machine::write_words(const arch::PortAccess& access,
                                              std::span<const std::uint32_t> words) {
  if (access.address == doorbell) {
    pending_.insert(words.front());
    return {.data = 0, .ok = true, .latency_ps = 0};
  }
  if (!in_memory(access.address, words.size_bytes())) return {};
  store_.write(access.address - memory_base, std::as_bytes(words));
  return {.data = 0, .ok = true, .latency_ps = 0};
}

void Smmuv3Machine::interrupt(smmuv3::SecurityState, smmuv3::Interrupt source) {
  if (source == smmuv3::Interrupt::EventQueue) pending_.insert(event_irq);
  if (source == smmuv3::Interrupt::GlobalError) pending_.insert(error_irq);
}

bool Smmuv3Machine::request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                                Callback handler) {
  return handlers_[irq].add(owner, sharing, std::move(handler));
}

/// A handler that yields is not entered again by its own yield.
void Smmuv3Machine::serve_interrupts() {
  if (in_service_) return;
  in_service_ = true;
  while (!pending_.empty()) {
    const unsigned irq = *pending_.begin();
    pending_.erase(pending_.begin());
    handlers_[irq].call();
  }
  in_service_ = false;
}

void Smmuv3Machine::delay_ns(std::uint64_t duration) {
  const std::uint64_t end = now_ + duration;
  serve_interrupts();
  while (!work_.empty() && work_.begin()->first <= end) {
    auto due = work_.extract(work_.begin());
    now_ = std::max(now_, due.key());
    due.mapped()();
    serve_interrupts();
  }
  now_ = std::max(now_, end);
  serve_interrupts();
}

bool Smmuv3Machine::wait(kernel::Completion& completion, std::uint64_t timeout) {
  const std::uint64_t deadline = now_ + timeout;
  while (completion.done == 0 && now_ < deadline)
    delay_ns(work_.empty() ? deadline - now_
                           : std::min(deadline, std::max(now_ + 1, work_.begin()->first)) - now_);
  if (completion.done == 0) return false;
  --completion.done;
  return true;
}

}  // namespace sidewinder::test
