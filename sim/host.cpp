// SPDX-License-Identifier: Apache-2.0

#include "sim/host.h"

#include <algorithm>
#include <tlm>
#include <utility>

#include "models/attributes.h"

namespace sidewinder::sim {
namespace {

constexpr int stack_bytes = 1 << 20;

sc_core::sc_time nanoseconds(std::uint64_t count) {
  return {static_cast<double>(count), sc_core::SC_NS};
}

void spawn_thread(const std::string& name, kernel::HostBus::Callback body) {
  sc_core::sc_spawn_options options;
  options.set_stack_size(stack_bytes);
  sc_core::sc_spawn(std::move(body), name.c_str(), &options);
}

}  // namespace

Host::Host(const sc_core::sc_module_name& name, const sc_core::sc_time& interrupt_latency)
    : sc_module(name), socket("socket"), interrupt_latency_(interrupt_latency) {
  spawn_thread("worker", [this] { run_worker(); });
}

bool Host::InterruptLine::high() const {
  return std::any_of(sources.begin(), sources.end(),
                     [](const InterruptSource& source) { return source.read(); });
}

void Host::InterruptLine::listen() {
  changed = std::make_unique<sc_core::sc_event_or_list>();
  changed_or_requested = std::make_unique<sc_core::sc_event_or_list>();
  for (const InterruptSource& source : sources) {
    *changed |= source.value_changed_event();
    *changed_or_requested |= source.value_changed_event();
  }
  *changed_or_requested |= requested;
  if (trigger == Trigger::Level) return;
  sc_core::sc_spawn_options options;
  options.spawn_method();
  options.dont_initialize();
  for (InterruptSource& source : sources) options.set_sensitivity(&source.posedge_event());
  sc_core::sc_spawn([this] { edge = true; }, sc_core::sc_gen_unique_name("irq_latch"), &options);
}

Host::InterruptSource& Host::interrupt_source(unsigned irq, Trigger trigger) {
  std::unique_ptr<InterruptLine>& line = lines_[irq];
  const std::string number = std::to_string(irq);
  if (!line) {
    line = std::make_unique<InterruptLine>();
    line->trigger = trigger;
    spawn_thread("irq_thread" + number, [this, served = line.get()] { serve(*served); });
  }
  return line->sources.emplace_back(
      ("irq" + number + "_source" + std::to_string(line->sources.size())).c_str());
}

void Host::spawn(const std::string& name, Callback body) {
  spawn_thread(name, std::move(body));
}

bool Host::access(tlm::tlm_command command, kernel::PhysAddr address, unsigned char* data, std::size_t length,
                  kernel::Security security) {
  models::AttributesExtension attributes;
  attributes.value.secure = security == kernel::Security::Secure;
  attributes.value.privileged = true;
  tlm::tlm_generic_payload payload;
  payload.set_command(command);
  payload.set_address(address);
  payload.set_data_ptr(data);
  payload.set_data_length(static_cast<unsigned>(length));
  payload.set_streaming_width(static_cast<unsigned>(length));
  payload.set_extension(&attributes);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket->b_transport(payload, delay);
  payload.clear_extension(&attributes);
  return payload.is_response_ok();
}

bool Host::read(kernel::PhysAddr address, std::span<std::byte> data, kernel::Security security) {
  return access(tlm::TLM_READ_COMMAND, address, reinterpret_cast<unsigned char*>(data.data()), data.size(),
                security);
}

bool Host::write(kernel::PhysAddr address, std::span<const std::byte> data, kernel::Security security) {
  // A write's data is not modified by its target (IEEE 1666 §14.10).
  auto* bytes = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(data.data()));
  return access(tlm::TLM_WRITE_COMMAND, address, bytes, data.size(), security);
}

void Host::power(const kernel::PowerDomain& domain, std::function<void(bool on)> device) {
  device(false);
  powered_devices_.emplace_back(domain, std::move(device));
}

void Host::set_power(const kernel::PowerDomain& domain, bool on) {
  for (const auto& [of, device] : powered_devices_)
    if (of == domain) device(on);
}

std::uint64_t Host::now_ns() const {
  return sc_core::sc_time_stamp().value() / sc_core::sc_time(1, sc_core::SC_NS).value();
}

void Host::delay_ns(std::uint64_t duration) {
  sc_core::wait(nanoseconds(duration));
}

bool Host::request_irq(unsigned irq, kernel::IrqOwner owner, kernel::IrqSharing sharing, Callback handler) {
  const auto found = lines_.find(irq);
  if (found == lines_.end() || !found->second->actions.add(owner, sharing, std::move(handler))) return false;
  found->second->requested.notify(sc_core::SC_ZERO_TIME);
  return true;
}

void Host::free_irq(unsigned irq, kernel::IrqOwner owner) {
  const auto found = lines_.find(irq);
  if (found == lines_.end()) return;
  while (found->second->serving) sc_core::wait(found->second->served);
  found->second->actions.remove(owner);
}

/// The handlers are called again as long as the line is high, or another edge came, after the latency each
/// time: an interrupt that is raised while it is being served is not lost. One whose level went away
/// meanwhile does not come; an edge does.
void Host::serve(InterruptLine& line) {
  line.listen();
  for (;;) {
    if (line.actions.empty()) {
      sc_core::wait(line.requested);
      continue;
    }
    if (!line.pending()) {
      sc_core::wait(*line.changed_or_requested);
      if (line.trigger == Trigger::RisingEdge) sc_core::wait(sc_core::SC_ZERO_TIME);  // until it is kept
      continue;
    }
    wait_while_pending(line);
    if (!line.pending() || line.actions.empty()) continue;
    line.edge = false;
    line.serving = true;
    line.actions.call();
    line.serving = false;
    line.served.notify(sc_core::SC_ZERO_TIME);
    sc_core::wait(sc_core::SC_ZERO_TIME);  // until the line has followed what the handler did
  }
}

/// For the latency, unless the level goes low. A source that follows another does not shorten it.
void Host::wait_while_pending(const InterruptLine& line) const {
  const sc_core::sc_time due = sc_core::sc_time_stamp() + interrupt_latency_;
  do {
    sc_core::wait(due - sc_core::sc_time_stamp(), *line.changed);
  } while (line.pending() && sc_core::sc_time_stamp() < due);
}

void Host::schedule(std::uint64_t delay, Callback work) {
  work_.emplace(sc_core::sc_time_stamp() + nanoseconds(delay), std::move(work));
  work_changed_.notify(sc_core::SC_ZERO_TIME);
}

void Host::run_worker() {
  for (;;) {
    if (work_.empty()) {
      sc_core::wait(work_changed_);
      continue;
    }
    const sc_core::sc_time due = work_.begin()->first;
    if (due > sc_core::sc_time_stamp()) {
      sc_core::wait(due - sc_core::sc_time_stamp(), work_changed_);
      continue;
    }
    work_.extract(work_.begin()).mapped()();
  }
}

bool Host::wait(kernel::Completion& completion, std::uint64_t timeout) {
  const sc_core::sc_time deadline = sc_core::sc_time_stamp() + nanoseconds(timeout);
  while (completion.done == 0) {
    if (sc_core::sc_time_stamp() >= deadline) return false;
    sc_core::wait(deadline - sc_core::sc_time_stamp(), completed_);
  }
  --completion.done;
  return true;
}

void Host::complete(kernel::Completion& completion) {
  ++completion.done;
  completed_.notify(sc_core::SC_ZERO_TIME);
}

}  // namespace sidewinder::sim
