// SPDX-License-Identifier: Apache-2.0
#include "iommu/linux/runtime_pm.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/smmu_host.h"

using namespace sidewinder;
using namespace sidewinder::kernel;
using sidewinder::test::PlainMachine;

namespace {

constexpr std::uint64_t ms = 1'000'000;

/// Writes down what its callbacks are called for.
struct Managed {
  Managed(HostBus& bus, std::string& diary, const std::string& name)
      : pm(bus, {.suspend = [&diary, name] { diary += name + " off, "; },
                 .resume = [&diary, name] { diary += name + " on, "; }}) {}
  RuntimePm pm;
};

struct Bench {
  PlainMachine machine{test::small_machine()};
  std::string diary;
  Managed device{machine, diary, "device"};
  RuntimePm& pm = device.pm;

  void run(std::uint64_t ns = 0) { machine.delay_ns(ns); }
};

}  // namespace

TEST_CASE("a device whose run-time PM is disabled stays as it is") {
  Bench bench;
  {
    const RuntimePm::Reference reference(bench.pm);
    bench.pm.get();
  }
  bench.pm.put_autosuspend();
  bench.pm.request_idle();
  bench.run(ms);
  CHECK(bench.diary.empty());
  CHECK_FALSE(bench.pm.active());
  CHECK(bench.pm.active_ns() == 0);
}

TEST_CASE("who only wants a reference to an active device resumes none") {
  Bench bench;
  CHECK(bench.pm.get_if_active());  // disabled: it has power
  bench.pm.put_autosuspend();
  bench.pm.enable();
  CHECK_FALSE(bench.pm.get_if_active());
  CHECK(bench.diary.empty());
  bench.pm.get();
  CHECK(bench.pm.get_if_active());
  bench.pm.put_autosuspend();
  bench.run(ms);
  CHECK(bench.pm.active());
  bench.pm.put_autosuspend();
  bench.run(ms);
  CHECK(bench.diary == "device on, device off, ");
  CHECK_FALSE(bench.pm.get_if_active());
}

TEST_CASE("the first reference resumes, and after the last one the worker suspends") {
  Bench bench;
  bench.pm.enable();
  bench.pm.get();
  bench.pm.get();
  CHECK(bench.diary == "device on, ");
  bench.pm.put_autosuspend();
  bench.run(ms);
  CHECK(bench.pm.active());
  bench.pm.put_autosuspend();
  CHECK(bench.pm.active());  // asynchronously
  bench.run();
  CHECK(bench.diary == "device on, device off, ");
  CHECK_FALSE(bench.pm.active());
  CHECK(bench.pm.resumes() == 1);
  CHECK(bench.pm.suspends() == 1);
}

TEST_CASE("a reference that comes before the worker keeps the device active") {
  Bench bench;
  bench.pm.enable();
  bench.pm.get();
  bench.pm.put_autosuspend();
  bench.pm.get();
  bench.run(ms);
  CHECK(bench.diary == "device on, ");
  bench.pm.put_autosuspend();
  bench.run();
  CHECK(bench.diary == "device on, device off, ");
}

TEST_CASE("a reference that has come and gone before the worker does not suspend twice") {
  Bench bench;
  bench.pm.enable();
  for (int round = 0; round < 3; ++round) const RuntimePm::Reference reference(bench.pm);
  bench.run(ms);
  CHECK(bench.diary == "device on, device off, ");
}

TEST_CASE("autosuspend waits from the resume or the last mark, whatever references come and go") {
  Bench bench;
  bench.pm.enable();
  bench.pm.use_autosuspend(20 * ms);
  { const RuntimePm::Reference reference(bench.pm); }
  bench.run(15 * ms);
  { const RuntimePm::Reference reference(bench.pm); }
  bench.run(5 * ms - 1);
  CHECK(bench.pm.active());
  bench.run(1);
  CHECK_FALSE(bench.pm.active());

  { const RuntimePm::Reference reference(bench.pm); }
  bench.run(15 * ms);
  bench.pm.mark_last_busy();
  bench.run(20 * ms - 1);
  CHECK(bench.pm.active());
  bench.run(1);
  CHECK_FALSE(bench.pm.active());
  CHECK(bench.pm.suspends() == 2);
}

TEST_CASE("after the delay the last reference suspends at once, and a timer that finds one does not") {
  Bench bench;
  bench.pm.enable();
  bench.pm.use_autosuspend(20 * ms);
  { const RuntimePm::Reference reference(bench.pm); }  // starts the timer
  bench.pm.get();
  bench.run(30 * ms);
  CHECK(bench.pm.active());
  bench.pm.put_autosuspend();
  bench.run();
  CHECK_FALSE(bench.pm.active());
}

TEST_CASE("a device that was busy before the worker came is not suspended yet") {
  Bench bench;
  bench.pm.enable();
  bench.pm.use_autosuspend(20 * ms);
  bench.pm.get();
  bench.run(30 * ms);
  bench.pm.put_autosuspend();  // to be suspended at once
  bench.pm.mark_last_busy();
  bench.run(20 * ms - 1);
  CHECK(bench.pm.active());
  bench.run(1);
  CHECK_FALSE(bench.pm.active());
}

TEST_CASE("a device in use is not suspended, whoever asks whether it is idle") {
  Bench bench;
  bench.pm.enable();
  bench.pm.get();
  bench.pm.request_idle();
  bench.run(ms);
  CHECK(bench.diary == "device on, ");
}

TEST_CASE("an active device without references suspends when it is asked whether it is idle") {
  Bench bench;
  bench.pm.set_active();
  bench.pm.enable();
  bench.run(ms);
  CHECK(bench.pm.active());
  bench.pm.request_idle();
  bench.run();
  CHECK(bench.diary == "device off, ");
  bench.pm.request_idle();  // there is nothing to do
  bench.run();
  CHECK(bench.diary == "device off, ");
}

TEST_CASE("active time is counted while run-time PM is enabled") {
  Bench bench;
  bench.pm.set_active();
  bench.run(3 * ms);
  bench.pm.enable();
  bench.run(2 * ms);
  CHECK(bench.pm.active_ns() == 2 * ms);
  bench.pm.request_idle();
  bench.run(10 * ms);
  CHECK(bench.pm.active_ns() == 2 * ms);
  bench.pm.get();
  bench.run(ms);
  CHECK(bench.pm.active_ns() == 3 * ms);
}

TEST_CASE("a supplier is resumed first and suspended last, and at once where its delay is over") {
  Bench bench;
  Managed supplier(bench.machine, bench.diary, "supplier");
  supplier.pm.enable();
  supplier.pm.use_autosuspend(20 * ms);
  bench.pm.enable();
  bench.pm.use_autosuspend(50 * ms);
  bench.pm.add_supplier(supplier.pm);
  { const RuntimePm::Reference reference(bench.pm); }
  CHECK(bench.diary == "supplier on, device on, ");
  { const RuntimePm::Reference reference(supplier.pm); }  // its own users do not matter
  bench.run(50 * ms - 1);
  CHECK(supplier.pm.active());
  bench.run(1);
  CHECK(bench.diary == "supplier on, device on, device off, supplier off, ");
}

TEST_CASE("a supplier outlasts its consumer by what is left of its delay, and for its own users") {
  Bench bench;
  Managed supplier(bench.machine, bench.diary, "supplier");
  supplier.pm.enable();
  supplier.pm.use_autosuspend(20 * ms);
  bench.pm.enable();
  bench.pm.add_supplier(supplier.pm);
  { const RuntimePm::Reference reference(bench.pm); }
  bench.run();
  CHECK_FALSE(bench.pm.active());
  CHECK(supplier.pm.active());
  bench.run(20 * ms);
  CHECK_FALSE(supplier.pm.active());

  supplier.pm.get();
  { const RuntimePm::Reference reference(bench.pm); }
  bench.run(100 * ms);
  CHECK_FALSE(bench.pm.active());
  CHECK(supplier.pm.active());
  supplier.pm.put_autosuspend();
  bench.run();
  CHECK_FALSE(supplier.pm.active());
}

TEST_CASE("a device that is disabled lets go of its suppliers, and its timer does nothing") {
  Bench bench;
  Managed supplier(bench.machine, bench.diary, "supplier");
  supplier.pm.enable();
  bench.pm.enable();
  bench.pm.use_autosuspend(20 * ms);
  bench.pm.add_supplier(supplier.pm);
  { const RuntimePm::Reference reference(bench.pm); }
  bench.pm.disable();
  CHECK_FALSE(bench.pm.active());
  bench.run(30 * ms);
  CHECK(bench.diary == "supplier on, device on, supplier off, ");
  { const RuntimePm::Reference reference(bench.pm); }
  CHECK(bench.diary == "supplier on, device on, supplier off, ");
}

TEST_CASE("what is scheduled may outlive the device") {
  PlainMachine machine{test::small_machine()};
  std::string diary;
  {
    Managed device(machine, diary, "device");
    device.pm.enable();
    device.pm.use_autosuspend(20 * ms);
    { const RuntimePm::Reference reference(device.pm); }
  }
  {
    Managed device(machine, diary, "other");
    device.pm.enable();
    { const RuntimePm::Reference reference(device.pm); }
  }
  machine.delay_ns(100 * ms);
  CHECK(diary == "device on, other on, ");
}
