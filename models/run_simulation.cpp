// SPDX-License-Identifier: Apache-2.0

#include "models/run_simulation.h"

#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sidewinder::models {
namespace {

#if defined(__SANITIZE_ADDRESS__)
/// Restores the bounds at the end of its scope, also when an exception leaves sc_start.
struct StackBounds {
  StackBounds() = default;
  StackBounds(const StackBounds&) = delete;
  StackBounds& operator=(const StackBounds&) = delete;
  ~StackBounds() {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    void* lowest = nullptr;
    std::size_t size = 0;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, lowest, size);
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
  }
};
#else
struct StackBounds {};
#endif

}  // namespace

void run_simulation(const sc_core::sc_time& duration) {
  [[maybe_unused]] const StackBounds restored{};
  sc_core::sc_start(duration);
}

}  // namespace sidewinder::models
