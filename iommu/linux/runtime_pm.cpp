// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/runtime_pm.h"

namespace sidewinder::kernel {

std::uint64_t RuntimePm::active_ns() const {
  const bool counts = enabled_ && status_ != Status::Suspended;
  return active_ns_ + (counts ? bus_->now_ns() - accounted_ns_ : 0);
}

void RuntimePm::enter(Status status) {
  active_ns_ = active_ns();
  accounted_ns_ = bus_->now_ns();
  status_ = status;
}

void RuntimePm::enable() {
  accounted_ns_ = bus_->now_ns();
  enabled_ = true;
}

void RuntimePm::disable() {
  wait_for_transition();
  enter(Status::Suspended);
  enabled_ = false;
  drop_suppliers();
}

void RuntimePm::wait_for_transition() {
  constexpr std::uint64_t poll_ns = 100;
  while (status_ == Status::Resuming || status_ == Status::Suspending) bus_->delay_ns(poll_ns);
}

void RuntimePm::get() {
  ++users_;
  if (enabled_) resume();
}

bool RuntimePm::get_if_active() {
  if (enabled_ && status_ != Status::Active) return false;
  ++users_;
  return true;
}

/// rpm_resume(). What was queued or is timed finds the device in use.
void RuntimePm::resume() {
  wait_for_transition();
  if (status_ == Status::Active) return;
  enter(Status::Resuming);
  for (RuntimePm* supplier : suppliers_) {
    supplier->get();
    held_.push_back(supplier);
  }
  callbacks_.resume();
  enter(Status::Active);
  ++resumes_;
  mark_last_busy();
}

void RuntimePm::put_autosuspend() {
  if (--users_ == 0) request_idle();
}

/// rpm_suspend() with RPM_ASYNC and RPM_AUTO. Whether it may is asked again when it comes to it.
void RuntimePm::request_idle() {
  if (!enabled_) return;
  if (const std::uint64_t expires = expiration(); expires != 0)
    set_timer(expires);
  else
    queue();
}

/// pm_runtime_autosuspend_expiration(); 0: it has passed, or there is none.
std::uint64_t RuntimePm::expiration() const {
  if (autosuspend_delay_ns_ == 0) return 0;
  const std::uint64_t expires = last_busy_ns_ + autosuspend_delay_ns_;
  return expires > bus_->now_ns() ? expires : 0;
}

void RuntimePm::queue() {
  if (queued_) return;
  queued_ = true;
  bus_->schedule(0, [weak = std::weak_ptr<RuntimePm*>(self_)] {
    if (const auto alive = weak.lock()) (*alive)->on_work();
  });
}

/// pm_runtime_work()
void RuntimePm::on_work() {
  queued_ = false;
  if (users_ != 0 || status_ != Status::Active) return;
  if (const std::uint64_t expires = expiration(); expires != 0)
    set_timer(expires);
  else
    suspend();
}

void RuntimePm::suspend() {
  enter(Status::Suspending);
  callbacks_.suspend();
  const std::vector<RuntimePm*> released = held_;
  for (RuntimePm* supplier : released) --supplier->users_;
  held_.clear();
  enter(Status::Suspended);
  ++suspends_;
  for (RuntimePm* supplier : released) supplier->request_idle();
}

void RuntimePm::drop_suppliers() {
  for (RuntimePm* supplier : std::exchange(held_, {})) supplier->put_autosuspend();
}

/// One that is running already comes no later: it looks again then.
void RuntimePm::set_timer(std::uint64_t expires_ns) {
  if (timer_on_) return;
  timer_on_ = true;
  bus_->schedule(expires_ns - bus_->now_ns(), [weak = std::weak_ptr<RuntimePm*>(self_)] {
    if (const auto alive = weak.lock()) (*alive)->on_timer();
  });
}

/// pm_suspend_timer_fn()
void RuntimePm::on_timer() {
  timer_on_ = false;
  if (users_ == 0) request_idle();
}

}  // namespace sidewinder::kernel
