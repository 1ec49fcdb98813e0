// SPDX-License-Identifier: Apache-2.0
//
// Run-time power management of one device (drivers/base/power/runtime.c), with the links to the devices that
// it needs (struct device_link with DL_FLAG_PM_RUNTIME).

#ifndef SIDEWINDER_IOMMU_LINUX_RUNTIME_PM_H
#define SIDEWINDER_IOMMU_LINUX_RUNTIME_PM_H

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

/// Disabled and suspended at first. Work of its own runs in the bus's worker. The timer is exact: Linux lets
/// it be late by a quarter of the delay.
class RuntimePm {
 public:
  /// Both may yield, and cannot fail.
  struct Callbacks {
    std::function<void()> suspend;  ///< runtime_suspend, and what its power domain does after it
    std::function<void()> resume;   ///< what its power domain does, and runtime_resume after it
  };

  RuntimePm(HostBus& bus, Callbacks callbacks) : bus_(&bus), callbacks_(std::move(callbacks)) {}
  RuntimePm(const RuntimePm&) = delete;
  RuntimePm& operator=(const RuntimePm&) = delete;

  void set_active() { status_ = Status::Active; }  ///< pm_runtime_set_active(); while it is disabled
  void enable();                                   ///< pm_runtime_enable()
  /// pm_runtime_disable(), and what the driver core does when the driver has gone: suppliers are released.
  /// Yields until nothing is under way. Calls no callback.
  void disable();

  /// pm_runtime_use_autosuspend(), with its delay. By a caller that has a reference, or while it is disabled.
  /// It is not to become shorter.
  void use_autosuspend(std::uint64_t delay_ns) { autosuspend_delay_ns_ = delay_ns; }
  /// pm_runtime_mark_last_busy(). A resume does this too; taking and dropping references does not.
  void mark_last_busy() { last_busy_ns_ = bus_->now_ns(); }

  /// pm_runtime_get_sync(): the device is active when it returns, unless it is disabled. Yields, if a
  /// callback does or another resume or suspend is under way.
  void get();
  /// pm_runtime_get_if_active(): a reference, where nothing has to be done for it. True too while it is
  /// disabled: it has power then.
  [[nodiscard]] bool get_if_active();
  void put_autosuspend();  ///< pm_runtime_put_autosuspend(): the last one lets it suspend, later
  void request_idle();     ///< pm_request_idle(): the same without a reference

  /// device_link_add(): `supplier` is active while this device is, from the next resume on.
  void add_supplier(RuntimePm& supplier) { suppliers_.push_back(&supplier); }

  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] bool active() const { return status_ == Status::Active; }
  [[nodiscard]] std::uint64_t suspends() const { return suspends_; }
  [[nodiscard]] std::uint64_t resumes() const { return resumes_; }
  [[nodiscard]] std::uint64_t active_ns() const;  ///< runtime_active_time: while enabled, and not suspended

  /// For as long as it lives.
  class Reference {
   public:
    explicit Reference(RuntimePm& pm) : pm_(&pm) { pm.get(); }
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;
    ~Reference() { pm_->put_autosuspend(); }

   private:
    RuntimePm* pm_;
  };

 private:
  enum class Status : std::uint8_t { Active, Resuming, Suspending, Suspended };

  void enter(Status status);
  void resume();
  void queue();
  void on_work();
  void suspend();
  void set_timer(std::uint64_t expires_ns);
  void on_timer();
  void wait_for_transition();
  void drop_suppliers();
  [[nodiscard]] std::uint64_t expiration() const;

  HostBus* bus_;
  Callbacks callbacks_;
  Status status_ = Status::Suspended;
  bool enabled_ = false;
  unsigned users_ = 0;                      ///< power.usage_count
  std::uint64_t autosuspend_delay_ns_ = 0;  ///< 0: not used
  std::uint64_t last_busy_ns_ = 0;
  bool timer_on_ = false;
  bool queued_ = false;  ///< to be suspended by the worker, if it still may be
  std::vector<RuntimePm*> suppliers_;
  std::vector<RuntimePm*> held_;  ///< those it has a reference to

  std::uint64_t accounted_ns_ = 0;
  std::uint64_t active_ns_ = 0;
  std::uint64_t suspends_ = 0;
  std::uint64_t resumes_ = 0;

  std::shared_ptr<RuntimePm*> self_ =
      std::make_shared<RuntimePm*>(this);  ///< what is scheduled may outlive it
};

}  // namespace sidewinder::kernel

#endif
