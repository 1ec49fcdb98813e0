// SPDX-License-Identifier: Apache-2.0
//
// Jobs that need a process each, as a SystemC simulation does.

#ifndef SIDEWINDER_SIM_PROCESS_POOL_H
#define SIDEWINDER_SIM_PROCESS_POOL_H

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace sidewinder::sim {

/// Runs in a child process; what it returns is all that comes back.
using Job = std::function<std::string()>;

struct JobResult {
  std::string output;
  std::string failure;  ///< why there is no output: what it threw, or how its process died; empty: there is
};

/// Told how many jobs have ended, each time one has.
using JobsDone = std::function<void(std::size_t done)>;

/// The results in the order of the jobs, whichever ended first. At most `at_once` run at a time; 0 counts
/// as 1. The children end with this process. From a process of one thread only. Throws std::system_error
/// where the system has no process or pipe left; no child is left running then.
[[nodiscard]] std::vector<JobResult> run_in_processes(const std::vector<Job>& jobs, unsigned at_once,
                                                      const JobsDone& done = {});

/// CPUs this process may use, at least 1.
[[nodiscard]] unsigned usable_cpus();

}  // namespace sidewinder::sim

#endif
