// SPDX-License-Identifier: Apache-2.0

#include "sim/process_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

using namespace sidewinder::sim;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

/// A pipe for telling one job from another that it may go on.
struct Gate {
  Gate() { REQUIRE(pipe(ends.data()) == 0); }
  ~Gate() {
    close(ends[0]);
    close(ends[1]);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void open() const { REQUIRE(write(ends[1], "x", 1) == 1); }
  void pass() const {
    char byte = 0;
    REQUIRE(read(ends[0], &byte, 1) == 1);
  }

  std::array<int, 2> ends{};
};

}  // namespace

TEST_CASE("no jobs, no results") {
  CHECK(run_in_processes({}, 4).empty());
}

TEST_CASE("each job runs in a process of its own, and what it does to memory stays there") {
  int touched = 0;
  const auto job = [&] {
    ++touched;
    return std::to_string(getpid()) + " " + std::to_string(touched);
  };
  const std::vector<JobResult> results = run_in_processes({job, job}, 1);
  REQUIRE(results.size() == 2);
  CHECK(touched == 0);
  CHECK_THAT(results[0].output, Catch::Matchers::EndsWith(" 1"));
  CHECK_THAT(results[1].output, Catch::Matchers::EndsWith(" 1"));
  CHECK(results[0].output != results[1].output);
  CHECK(results[0].output != std::to_string(getpid()) + " 1");
  CHECK(results[0].failure.empty());
}

TEST_CASE("results keep the order of the jobs, whichever ends first") {
  const Gate gate;
  const std::vector<JobResult> results = run_in_processes({[&] {
                                                             gate.pass();
                                                             return std::string("first");
                                                           },
                                                           [&] {
                                                             gate.open();
                                                             return std::string("second");
                                                           }},
                                                          2);
  CHECK(results[0].output == "first");
  CHECK(results[1].output == "second");
}

TEST_CASE("no more jobs run at once than were allowed") {
  char name[] = "/tmp/sidewinder-pool-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  const fs::path folder = name;
  const auto job = [&] {
    const fs::path own = folder / std::to_string(getpid());
    std::ofstream(own) << "running";
    usleep(2000);
    const auto running = std::distance(fs::directory_iterator(folder), fs::directory_iterator());
    fs::remove(own);
    return std::to_string(running);
  };
  for (const unsigned at_once : {0U, 1U})
    for (const JobResult& result : run_in_processes({job, job, job}, at_once)) CHECK(result.output == "1");
  for (const JobResult& result : run_in_processes({job, job, job, job, job}, 2)) {
    CHECK((result.output == "1" || result.output == "2"));
  }
  fs::remove_all(folder);
}

TEST_CASE("output longer than a pipe holds arrives whole, and none at all is no failure") {
  std::string expected;
  for (int i = 0; i < 100'000; ++i) expected += std::to_string(i) + "\n";
  expected += std::string(3, '\0');
  const std::vector<JobResult> results =
      run_in_processes({[&] { return expected; }, [] { return std::string(); }}, 2);
  CHECK(results[0].output == expected);
  CHECK(results[1].output.empty());
  CHECK(results[1].failure.empty());
}

TEST_CASE("what a job throws is its failure, and the others go on") {
  const std::vector<JobResult> results =
      run_in_processes({[]() -> std::string { throw std::runtime_error("walker lost"); },
                        []() -> std::string { throw 7; }, [] { return std::string("fine"); }},
                       1);
  CHECK(results[0].failure == "walker lost");
  CHECK(results[0].output.empty());
  CHECK(results[1].failure == "an exception of an unknown type");
  CHECK(results[2].output == "fine");
}

TEST_CASE("a process that dies is a failure that says how") {
  const std::vector<JobResult> results = run_in_processes({[]() -> std::string {
                                                             static_cast<void>(raise(SIGKILL));
                                                             return "not killed";
                                                           },
                                                           []() -> std::string { _exit(5); }},
                                                          2);
  CHECK(results[0].failure == "its process was killed by signal 9 (Killed)");
  CHECK(results[1].failure == "its process ended with status 5");
}

TEST_CASE("whoever waits is told each time jobs have ended") {
  std::vector<std::size_t> told;
  const auto job = [] { return std::string("x"); };
  static_cast<void>(run_in_processes({job, job, job}, 1, [&](std::size_t done) { told.push_back(done); }));
  CHECK(told == std::vector<std::size_t>{1, 2, 3});
}

TEST_CASE("children left when waiting ends early are gone") {
  const Gate gate;  // never opened
  const auto hang = [&] {
    gate.pass();
    return std::string();
  };
  const auto stop = [](std::size_t) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH(run_in_processes({[] { return std::string(); }, hang}, 2, stop), "enough");
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("there is always a CPU to use") {
  CHECK(usable_cpus() >= 1);
}
