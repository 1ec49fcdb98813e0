// SPDX-License-Identifier: Apache-2.0
//
// The invalidations that page tables ask for, in order.

#ifndef SIDEWINDER_TESTS_SUPPORT_FLUSH_RECORDER_H
#define SIDEWINDER_TESTS_SUPPORT_FLUSH_RECORDER_H

#include <cstdint>
#include <functional>
#include <ostream>
#include <vector>

#include "iommu/linux/io_pgtable.h"

namespace sidewinder::test {

struct FlushCall {
  enum class Kind : std::uint8_t { Walk, Page };

  Kind kind = Kind::Page;
  std::uint64_t iova = 0;
  std::uint64_t size = 0;  ///< Walk: bytes of the table's range. Page: the entry's.
  std::uint64_t granule = 0;

  friend bool operator==(const FlushCall&, const FlushCall&) = default;
};

inline FlushCall flushed_page(std::uint64_t iova, std::uint64_t size) {
  return {FlushCall::Kind::Page, iova, size, size};
}

inline FlushCall flushed_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule = 0x1000) {
  return {FlushCall::Kind::Walk, iova, size, granule};
}

inline std::ostream& operator<<(std::ostream& out, const FlushCall& call) {
  return out << (call.kind == FlushCall::Kind::Walk ? "walk " : "page ") << std::hex << call.iova << " + "
             << call.size << " by " << call.granule;
}

class FlushRecorder : public kernel::TlbFlush {
 public:
  void flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override {
    calls.push_back(flushed_walk(iova, size, granule));
    if (on_call) on_call(calls.back());
  }
  void add_page(kernel::IotlbGather&, std::uint64_t iova, std::uint64_t granule) override {
    calls.push_back(flushed_page(iova, granule));
    if (on_call) on_call(calls.back());
  }

  std::vector<FlushCall> calls;
  std::function<void(const FlushCall&)> on_call;  ///< what else is true at that moment
};

}  // namespace sidewinder::test

#endif
