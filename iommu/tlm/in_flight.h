// SPDX-License-Identifier: Apache-2.0
//
// Transactions that were translated and have not been answered: an invalidation is complete when those that
// went before it are (IHI 0070 §4.4, §4.7.3).

#ifndef SIDEWINDER_IOMMU_TLM_IN_FLIGHT_H
#define SIDEWINDER_IOMMU_TLM_IN_FLIGHT_H

#include <array>
#include <cstdint>
#include <systemc>

namespace sidewinder::tlm_shell {

class InFlight {
 public:
  /// One transaction, for the time of its scope.
  class Flight {
   public:
    explicit Flight(InFlight& all) : all_(all), era_(all.era_) { ++all_.count_[era_]; }
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;
    ~Flight() {
      if (--all_.count_[era_] == 0 && era_ != all_.era_) all_.notify();
    }

   private:
    InFlight& all_;
    unsigned era_;
  };

  /// Waits for those that are under way now, and not for those that begin meanwhile. Of one process.
  void drain() {
    const unsigned before = era_;
    era_ = 1 - era_;
    while (count_[before] != 0) sc_core::wait(landed_);
  }

 private:
  void notify() { landed_.notify(sc_core::SC_ZERO_TIME); }

  std::array<std::uint64_t, 2> count_{};
  unsigned era_ = 0;
  sc_core::sc_event landed_;
};

}  // namespace sidewinder::tlm_shell

#endif
