// SPDX-License-Identifier: Apache-2.0

#include "tests/support/plain_machine.h"

#include <cstring>

namespace sidewinder::test {
namespace {

constexpr unsigned storm = 1000;         // handler calls at one yield, after which the line is left high
constexpr unsigned global_source = ~0U;  // the others are context banks

}  // namespace

PlainMachine::PlainMachine(const PlainMachineConfig& config)
    : config_(config), store_(config.memory.size), smmu_(config.smmu, *this, *this) {
  if (config_.smmu_power) smmu_.set_power(false);
}

void PlainMachine::set_power(const kernel::PowerDomain& domain, bool on) {
  if (config_.smmu_power == domain) smmu_.set_power(on);
}

bool PlainMachine::in_memory(kernel::PhysAddr address, std::uint64_t size) const {
  const kernel::PhysRange& memory = config_.memory;
  return address >= memory.base && size <= memory.size && address - memory.base <= memory.size - size;
}

bool PlainMachine::in_smmu(kernel::PhysAddr address, std::uint64_t size) const {
  const std::uint64_t frame = smmuv2::frame_size(config_.smmu);
  return address >= config_.smmu_base && address - config_.smmu_base < frame && (size == 4 || size == 8);
}

bool PlainMachine::read(kernel::PhysAddr address, std::span<std::byte> data, kernel::Security) {
  ++accesses_;
  if (in_memory(address, data.size())) {
    store_.read(address - config_.memory.base, data);
    return true;
  }
  if (!in_smmu(address, data.size())) return false;
  const bool powered = smmu_.powered();
  std::uint64_t value = smmu_.read(address - config_.smmu_base, static_cast<unsigned>(data.size()));
  if (const auto forced = forced_reads.find(address); forced != forced_reads.end()) value = forced->second;
  if (!powered) return false;
  std::memcpy(data.data(), &value, data.size());
  return true;
}

bool PlainMachine::write(kernel::PhysAddr address, std::span<const std::byte> data, kernel::Security) {
  ++accesses_;
  if (in_memory(address, data.size())) {
    store_.write(address - config_.memory.base, data);
    return true;
  }
  if (!in_smmu(address, data.size())) return false;
  std::uint64_t value = 0;
  std::memcpy(&value, data.data(), data.size());
  smmu_.write(address - config_.smmu_base, value, static_cast<unsigned>(data.size()));
  return smmu_.powered();
}

std::uint64_t PlainMachine::word(kernel::PhysAddr address) const {
  std::uint64_t value = 0;
  store_.read(address - config_.memory.base, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

arch::PortResponse PlainMachine::read64(const arch::PortAccess& access) {
  if (on_walk_read) on_walk_read(access.address);
  if (!in_memory(access.address, sizeof(std::uint64_t))) return {};
  return {.data = word(access.address), .ok = true, .latency_ps = 0};
}

bool PlainMachine::request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing,
                               Callback handler) {
  return handlers_[irq].add(owner, sharing, std::move(handler));
}

void PlainMachine::free_irq(unsigned irq, kernel::IrqOwner owner) {
  handlers_[irq].remove(owner);
}

bool PlainMachine::line(unsigned irq) const {
  const auto source = high_.lower_bound({irq, 0});
  return source != high_.end() && source->first == irq;
}

void PlainMachine::global_interrupt(bool level) {
  set_source(config_.global_irq, global_source, level);
}

void PlainMachine::context_interrupt(unsigned bank, bool level) {
  set_source(config_.first_context_irq + bank % config_.context_irqs, bank, level);
}

void PlainMachine::set_source(unsigned irq, unsigned source, bool level) {
  if (level)
    high_.insert({irq, source});
  else
    high_.erase({irq, source});
}

/// A handler that yields is not entered again by its own yield.
void PlainMachine::serve_interrupts() {
  for (unsigned calls = 0; calls < storm; ++calls) {
    auto next = handlers_.begin();
    while (next != handlers_.end() &&
           (next->second.empty() || !line(next->first) || in_service_.contains(next->first)))
      ++next;
    if (next == handlers_.end()) return;
    const unsigned irq = next->first;
    in_service_.insert(irq);
    next->second.call();
    in_service_.erase(irq);
  }
}

void PlainMachine::run_until(std::uint64_t time) {
  serve_interrupts();
  while (!work_.empty() && work_.begin()->first <= time) {
    auto due = work_.extract(work_.begin());
    if (due.key() > now_) now_ = due.key();
    due.mapped()();
    serve_interrupts();
  }
  if (time > now_) now_ = time;
}

void PlainMachine::delay_ns(std::uint64_t duration) {
  run_until(now_ + duration);
  serve_interrupts();
}

void PlainMachine::schedule(std::uint64_t delay, Callback work) {
  work_.emplace(now_ + delay, std::move(work));
}

bool PlainMachine::wait(kernel::Completion& completion, std::uint64_t timeout) {
  const std::uint64_t deadline = now_ + timeout;
  serve_interrupts();
  while (completion.done == 0 && !work_.empty() && work_.begin()->first <= deadline)
    run_until(work_.begin()->first);
  if (completion.done == 0) {
    run_until(deadline);
    return false;
  }
  --completion.done;
  return true;
}

}  // namespace sidewinder::test
