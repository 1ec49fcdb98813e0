// SPDX-License-Identifier: Apache-2.0
//
// A WordMemory whose exchanges can be watched, refused, and interfered with.

#ifndef SIDEWINDER_TESTS_SUPPORT_UPDATABLE_MEMORY_H
#define SIDEWINDER_TESTS_SUPPORT_UPDATABLE_MEMORY_H

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "tests/support/tables.h"

namespace sidewinder::test {

class UpdatableMemory : public WordMemory {
 public:
  std::vector<std::uint64_t> exchanges;          ///< addresses, in order
  std::set<std::uint64_t> aborting_exchanges;    ///< addresses that can be read and not exchanged
  std::function<void(std::uint64_t)> interfere;  ///< another agent's moment, before an exchange

  arch::PortResponse compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                        std::uint64_t desired) override {
    exchanges.push_back(access.address);
    if (interfere) interfere(access.address);
    if (aborting_exchanges.count(access.address) != 0) {
      accesses.push_back(access);
      return {.latency_ps = latency_ps};
    }
    return WordMemory::compare_exchange64(access, expected, desired);
  }
};

}  // namespace sidewinder::test

#endif
