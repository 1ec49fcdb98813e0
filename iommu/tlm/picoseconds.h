// SPDX-License-Identifier: Apache-2.0
//
// Between SystemC's times and the architecture's picoseconds, in whole numbers.

#ifndef SIDEWINDER_IOMMU_TLM_PICOSECONDS_H
#define SIDEWINDER_IOMMU_TLM_PICOSECONDS_H

#include <algorithm>
#include <cstdint>
#include <limits>
#include <systemc>

namespace sidewinder::tlm_shell {

/// Made where the time resolution is final; a power of ten (IEEE 1666 §5.11.2), above or below 1 ps.
class Picoseconds {
 public:
  Picoseconds()
      : units_per_ps_(units(1)),
        ps_per_unit_(units_per_ps_ != 0 ? 1 : largest / std::max<std::uint64_t>(units(largest), 1)) {}

  [[nodiscard]] sc_core::sc_time time(std::uint64_t picoseconds) const {
    return sc_core::sc_time::from_value(units_per_ps_ != 0 ? picoseconds * units_per_ps_
                                                           : picoseconds / ps_per_unit_);
  }
  /// At most what 32 bits hold, which is 4 ms.
  [[nodiscard]] std::uint32_t of(const sc_core::sc_time& time) const {
    const std::uint64_t value =
        units_per_ps_ != 0 ? time.value() / units_per_ps_ : time.value() * ps_per_unit_;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
  }

 private:
  static constexpr std::uint64_t largest = 1'000'000'000'000'000;  ///< 1000 s: more than any resolution

  [[nodiscard]] static std::uint64_t units(std::uint64_t picoseconds) {
    return sc_core::sc_time(static_cast<double>(picoseconds), sc_core::SC_PS).value();
  }

  std::uint64_t units_per_ps_;
  std::uint64_t ps_per_unit_;
};

}  // namespace sidewinder::tlm_shell

#endif
