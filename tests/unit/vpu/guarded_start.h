// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_TESTS_UNIT_VPU_GUARDED_START_H
#define SIDEWINDER_TESTS_UNIT_VPU_GUARDED_START_H

#include <systemc>

#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sidewinder::vpu::test {

/// sc_start(). SystemC's thread switches leave AddressSanitizer with wrong bounds of the main stack, which
/// then misleads it in a later exception and in its search for leaks: they are set right again.
inline void guarded_start(const sc_core::sc_time& duration) {
  struct Guard {
    Guard() = default;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() {
#if defined(__SANITIZE_ADDRESS__)
      pthread_attr_t attributes;
      if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
      void* lowest = nullptr;
      std::size_t size = 0;
      pthread_attr_getstack(&attributes, &lowest, &size);
      pthread_attr_destroy(&attributes);
      void* fake_stack = nullptr;
      __sanitizer_start_switch_fiber(&fake_stack, lowest, size);
      __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
    }
  } const guard;
  sc_core::sc_start(duration);
}

}  // namespace sidewinder::vpu::test

#endif
