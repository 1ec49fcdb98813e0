// SPDX-License-Identifier: Apache-2.0

#include "sim/process_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <string_view>
#include <system_error>
#include <thread>

namespace sidewinder::sim {
namespace {

// Of a child whose job threw: what it wrote is the reason.
constexpr int job_threw = 113;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Ends the process with neither destructors nor buffers flushed: those are the parent's.
[[noreturn]] void be_child(const Job& job, int descriptor, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE);  // it died before that
  int status = EXIT_SUCCESS;
  std::string output;
  try {
    output = job();
  } catch (const std::exception& error) {
    output = error.what();
    status = job_threw;
  } catch (...) {
    output = "an exception of an unknown type";
    status = job_threw;
  }
  if (!write_all(descriptor, output)) status = EXIT_FAILURE;
  _exit(status);
}

std::string death(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    const char* const name = sigdescr_np(number);
    return "its process was killed by signal " + std::to_string(number) +
           (name == nullptr ? "" : " (" + std::string(name) + ")");
  }
  return "its process ended with status " + std::to_string(WEXITSTATUS(status));
}

struct Child {
  pid_t pid = 0;
  int descriptor = -1;
  std::size_t job = 0;
  std::string received;
};

/// The children under way; those left when it goes are killed.
class Children {
 public:
  Children() = default;
  ~Children() {
    for (const Child& child : running_) {
      kill(child.pid, SIGKILL);
      close(child.descriptor);
      wait_for(child.pid);
    }
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  [[nodiscard]] std::size_t size() const { return running_.size(); }

  void start(const Job& job, std::size_t index) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("a pipe for a simulation");
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      close(ends[0]);
      be_child(job, ends[1], parent);
    }
    close(ends[1]);
    if (pid < 0) {
      const int error = errno;
      close(ends[0]);
      errno = error;
      fail("a process for a simulation");
    }
    running_.push_back({pid, ends[0], index, {}});
  }

  /// Reads what has come until at least one child has ended, and gives the result of each that has.
  void collect(std::vector<JobResult>& results) {
    for (const std::size_t before = running_.size(); running_.size() == before;) {
      std::vector<pollfd> waits;
      for (const Child& child : running_) waits.push_back({child.descriptor, POLLIN, 0});
      if (poll(waits.data(), waits.size(), -1) < 0) {
        if (errno == EINTR) continue;
        fail("waiting for simulations");
      }
      for (std::size_t i = waits.size(); i-- > 0;)
        if (waits[i].revents != 0 && !receive(running_[i])) finish(i, results);
    }
  }

 private:
  static int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  /// False at the end of what the child writes.
  static bool receive(Child& child) {
    std::array<char, 1 << 16> buffer{};
    const ssize_t length = read(child.descriptor, buffer.data(), buffer.size());
    if (length < 0 && errno != EINTR) fail("reading a simulation's results");
    if (length > 0) child.received.append(buffer.data(), static_cast<std::size_t>(length));
    return length != 0;
  }

  void finish(std::size_t index, std::vector<JobResult>& results) {
    Child child = std::move(running_[index]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    close(child.descriptor);
    const int status = wait_for(child.pid);
    JobResult& result = results[child.job];
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
      result.output = std::move(child.received);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == job_threw) {
      result.failure = std::move(child.received);
    } else {
      result.failure = death(status);
    }
  }

  std::vector<Child> running_;
};

}  // namespace

std::vector<JobResult> run_in_processes(const std::vector<Job>& jobs, unsigned at_once,
                                        const JobsDone& done) {
  std::vector<JobResult> results(jobs.size());
  Children children;
  std::size_t next = 0;
  while (next < jobs.size() || children.size() != 0) {
    while (next < jobs.size() && children.size() < std::max(1U, at_once)) {
      children.start(jobs[next], next);
      ++next;
    }
    children.collect(results);
    if (done) done(next - children.size());
  }
  return results;
}

unsigned usable_cpus() {
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace sidewinder::sim
