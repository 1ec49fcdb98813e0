// SPDX-License-Identifier: Apache-2.0
//
// The handlers of one interrupt line (struct irqaction), for whoever implements HostBus.

#ifndef SIDEWINDER_IOMMU_LINUX_IRQ_ACTIONS_H
#define SIDEWINDER_IOMMU_LINUX_IRQ_ACTIONS_H

#include <algorithm>
#include <utility>
#include <vector>

#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

class IrqActions {
 public:
  /// __setup_irq(): false unless the line is free, or all of its handlers and this one share it.
  [[nodiscard]] bool add(IrqOwner owner, IrqSharing sharing, HostBus::Callback handler) {
    const bool shared = sharing == IrqSharing::Shared;
    if (!actions_.empty() && !(shared && shared_)) return false;
    shared_ = shared;
    actions_.push_back({owner, next_++, std::move(handler)});
    return true;
  }

  /// __free_irq(): the first handler of this owner goes; with none, nothing.
  void remove(IrqOwner owner) {
    const auto found = std::find_if(actions_.begin(), actions_.end(),
                                    [owner](const Action& action) { return action.owner == owner; });
    if (found != actions_.end()) actions_.erase(found);
  }

  [[nodiscard]] bool empty() const { return actions_.empty(); }

  /// Calls all that are there now, in the order they came; not those that go meanwhile.
  void call() const {
    const std::vector<Action> now = actions_;
    for (const Action& action : now)
      if (std::any_of(actions_.begin(), actions_.end(),
                      [&action](const Action& left) { return left.number == action.number; }))
        action.handler();
  }

 private:
  struct Action {
    IrqOwner owner = nullptr;
    unsigned number = 0;  ///< no other has it
    HostBus::Callback handler;
  };

  std::vector<Action> actions_;
  bool shared_ = false;
  unsigned next_ = 0;
};

}  // namespace sidewinder::kernel

#endif
