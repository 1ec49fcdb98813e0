// SPDX-License-Identifier: Apache-2.0
//
// Calls of the kernel's code that are expected to end in a signal: an oops, or a search without end.

#ifndef SIDEWINDER_TESTS_DIFFERENTIAL_IOVA_GUARD_H
#define SIDEWINDER_TESTS_DIFFERENTIAL_IOVA_GUARD_H

#include <sys/time.h>
#include <csetjmp>
#include <csignal>

namespace sidewinder::test {

inline sigjmp_buf escape;

inline void on_signal(int signal_number) {
  siglongjmp(escape, signal_number);
}

inline void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);  // a null pointer
  sigaction(SIGBUS, &action, nullptr);   // the stand-in's kfree of what it never gave
  sigaction(SIGVTALRM, &action, nullptr);
}

inline void set_cpu_timer(suseconds_t microseconds) {
  itimerval timer{};
  timer.it_value.tv_usec = microseconds;
  setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

/// Calls `kernel`; the signal that ended it, or 0. It must own nothing that needs a destructor.
template <typename Call>
int guarded(const Call& kernel) {
  const int signal_number = sigsetjmp(escape, 0);
  if (signal_number == 0) kernel();
  return signal_number;
}

}  // namespace sidewinder::test

#endif
