// SPDX-License-Identifier: Apache-2.0
#include "sim/host.h"

#include <catch2/catch.hpp>

#include "iommu/linux/runtime_pm.h"
#include "models/memory.h"
#include "models/run_simulation.h"

using namespace sidewinder;
using kernel::IrqSharing;

namespace {

constexpr unsigned irq = 97;
constexpr std::uint64_t latency_ns = 1000;

sc_core::sc_time ns(std::uint64_t count) {
  return {static_cast<double>(count), sc_core::SC_NS};
}

/// A host with something at its socket.
struct Machine {
  models::Memory memory{"memory", 4096, sc_core::SC_ZERO_TIME};
  sim::Host host{"host", ns(latency_ns)};

  Machine() { host.socket.bind(memory.in); }
};

/// Runs `software` as the host's from time 0, for a millisecond.
void run(sim::Host& host, std::function<void()> software) {
  host.spawn("software", std::move(software));
  models::run_simulation(sc_core::sc_time(1, sc_core::SC_MS));
}

/// A source that is high until its handler has been called, and when that was.
struct Part {
  sim::Host* host;
  sim::Host::InterruptSource* source;
  std::vector<std::uint64_t> calls{};  ///< when its source was high, in ns
  unsigned idle = 0;                   ///< calls when it was not

  explicit Part(sim::Host& of) : host(&of), source(&of.interrupt_source(irq)) {}

  [[nodiscard]] bool request(IrqSharing sharing) {
    return host->request_irq(irq, this, sharing, [this] {
      if (!source->read()) {
        ++idle;
        return;
      }
      calls.push_back(host->now_ns());
      source->write(false);
    });
  }
};

using Times = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a power domain is switched for all that is in it, at once, and for nothing else") {
  Machine machine;
  std::vector<bool> first, second, elsewhere;
  const kernel::PowerDomain domain{7, {3}};
  machine.host.power(domain, [&](bool on) { first.push_back(on); });
  machine.host.power(domain, [&](bool on) { second.push_back(on); });
  machine.host.power({7, {4}}, [&](bool on) { elsewhere.push_back(on); });
  CHECK(first == std::vector<bool>{false});  // at first there is none
  run(machine.host, [&] {
    machine.host.set_power(domain, true);
    CHECK(first == std::vector<bool>{false, true});
    machine.host.set_power(domain, false);
    machine.host.set_power({8, {3}}, true);  // nobody's
  });
  CHECK(first == std::vector<bool>{false, true, false});
  CHECK(second == first);
  CHECK(elsewhere == std::vector<bool>{false});
}

TEST_CASE("threads that come while a device is being resumed or suspended wait for it") {
  Machine machine;
  std::vector<std::string> diary;
  const auto slowly = [&](const std::string& what) {
    diary.push_back(what);
    machine.host.delay_ns(1000);
    diary.push_back("done");
  };
  kernel::RuntimePm device(machine.host,
                           {.suspend = [&] { slowly("suspend"); }, .resume = [&] { slowly("resume"); }});
  const auto use = [&](std::uint64_t from) {
    machine.host.delay_ns(from);
    const kernel::RuntimePm::Reference reference(device);
    diary.push_back(device.active() ? "used" : "used without power");
  };
  device.enable();
  for (const std::uint64_t from : {0U, 500U, 1700U})  // it is suspended from a bit after 1000 on
    machine.host.spawn("user" + std::to_string(from), [&use, from] { use(from); });
  models::run_simulation(sc_core::sc_time(1, sc_core::SC_MS));
  CHECK(diary == std::vector<std::string>{"resume", "done", "used", "used", "suspend", "done", "resume",
                                          "done", "used", "suspend", "done"});
}

TEST_CASE("an interrupt is served after the latency, once for each time its line goes high") {
  Machine machine;
  sim::Host& host = machine.host;
  Part part(host);
  run(host, [&] {
    REQUIRE(part.request(IrqSharing::Exclusive));
    sc_core::wait(ns(500));
    part.source->write(true);
    sc_core::wait(ns(5000));
    part.source->write(true);
  });
  CHECK(part.calls == Times{1500, 6500});
}

TEST_CASE("an interrupt whose cause goes away within the latency does not come") {
  Machine machine;
  sim::Host& host = machine.host;
  Part part(host);
  run(host, [&] {
    REQUIRE(part.request(IrqSharing::Exclusive));
    part.source->write(true);
    sc_core::wait(ns(latency_ns - 1));
    part.source->write(false);
    sc_core::wait(ns(1));
    part.source->write(true);
  });
  CHECK(part.calls == Times{2 * latency_ns});
  CHECK(part.idle == 0);
}

TEST_CASE("an edge is served after the latency, whether or not the line is low again") {
  Machine machine;
  sim::Host& host = machine.host;
  sim::Host::InterruptSource& source = host.interrupt_source(irq, sim::Host::Trigger::RisingEdge);
  Times calls;
  const auto pulse = [&] {
    source.write(true);
    host.delay_ns(1);
    source.write(false);
  };
  run(host, [&] {
    REQUIRE(host.request_irq(irq, &source, IrqSharing::Exclusive, [&] {
      calls.push_back(host.now_ns());
      if (calls.size() == 2) host.delay_ns(500);  // another comes meanwhile
    }));
    host.delay_ns(100);
    pulse();
    host.delay_ns(9899);  // at 10,000
    pulse();
    host.delay_ns(1199);  // at 11,200, while the second is being served
    pulse();
    host.delay_ns(8799);  // at 20,000: two within the latency are one
    pulse();
    host.delay_ns(100);
    pulse();
  });
  CHECK(calls == Times{1100, 11'000, 12'500, 21'000});
}

TEST_CASE("an edge that came before anybody asked for the interrupt is served when somebody does") {
  Machine machine;
  sim::Host& host = machine.host;
  sim::Host::InterruptSource& source = host.interrupt_source(irq, sim::Host::Trigger::RisingEdge);
  Times calls;
  run(host, [&] {
    source.write(true);
    host.delay_ns(1);
    source.write(false);
    host.delay_ns(999);
    REQUIRE(host.request_irq(irq, &source, IrqSharing::Exclusive, [&] { calls.push_back(host.now_ns()); }));
  });
  CHECK(calls == Times{2000});
}

TEST_CASE("a line is high while any of its sources is, and all its handlers are called") {
  Machine machine;
  sim::Host& host = machine.host;
  Part first(host);
  Part second(host);
  run(host, [&] {
    REQUIRE(first.request(IrqSharing::Shared));
    REQUIRE(second.request(IrqSharing::Shared));
    second.source->write(true);
    sc_core::wait(ns(10'000));
    CHECK(first.idle == 1);
    first.source->write(true);
    second.source->write(true);
  });
  CHECK(second.calls == Times{1000, 11'000});
  CHECK(first.calls == Times{11'000});
  CHECK(first.idle == 1);
}

TEST_CASE("one source that goes low does not take the line from another, and none restarts the latency") {
  Machine machine;
  sim::Host& host = machine.host;
  Part first(host);
  Part second(host);
  run(host, [&] {
    REQUIRE(first.request(IrqSharing::Shared));
    REQUIRE(second.request(IrqSharing::Shared));
    first.source->write(true);
    sc_core::wait(ns(400));
    second.source->write(true);
    sc_core::wait(ns(400));
    first.source->write(false);
  });
  CHECK(second.calls == Times{1000});
  CHECK(first.calls.empty());
  CHECK(first.idle == 1);
}

TEST_CASE("a source that stays high after its neighbour was served is served again") {
  Machine machine;
  sim::Host& host = machine.host;
  Part served(host);
  sim::Host::InterruptSource& stuck = host.interrupt_source(irq);
  run(host, [&] {
    REQUIRE(served.request(IrqSharing::Shared));
    served.source->write(true);
    stuck.write(true);
    sc_core::wait(ns(3500));
    stuck.write(false);
  });
  CHECK(served.calls == Times{1000});
  CHECK(served.idle == 2);
}

TEST_CASE("who may request a line, and what is left when an owner frees it") {
  Machine machine;
  sim::Host& host = machine.host;
  Part first(host);
  Part second(host);
  run(host, [&] {
    CHECK_FALSE(host.request_irq(irq + 1, &first, IrqSharing::Shared, [] {}));
    REQUIRE(first.request(IrqSharing::Shared));
    CHECK_FALSE(second.request(IrqSharing::Exclusive));
    CHECK(second.request(IrqSharing::Shared));
    host.free_irq(irq, &first);
    second.source->write(true);
    sc_core::wait(ns(2000));
    CHECK(first.idle == 0);
    host.free_irq(irq, &second);
    CHECK(first.request(IrqSharing::Exclusive));
    CHECK_FALSE(second.request(IrqSharing::Shared));
  });
  CHECK(second.calls == Times{1000});
}

TEST_CASE("a line is not freed while a handler of it runs") {
  Machine machine;
  sim::Host& host = machine.host;
  Part other(host);
  sim::Host::InterruptSource& slow = host.interrupt_source(irq);
  run(host, [&] {
    REQUIRE(other.request(IrqSharing::Shared));
    REQUIRE(host.request_irq(irq, &slow, IrqSharing::Shared, [&] {
      host.delay_ns(700);
      slow.write(false);
    }));
    slow.write(true);
    sc_core::wait(ns(1200));
    host.free_irq(irq, &other);
    CHECK(host.now_ns() == 1700);
  });
}
