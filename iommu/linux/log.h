// SPDX-License-Identifier: Apache-2.0
//
// The kernel's log as dmesg prints it: one line a message, `[secs.usecs] driver device: text`.

#ifndef SIDEWINDER_IOMMU_LINUX_LOG_H
#define SIDEWINDER_IOMMU_LINUX_LOG_H

#include <cinttypes>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

enum class LogLevel : std::uint8_t {
  Err = 3,
  Warn = 4,
  Notice = 5,
  Info = 6
};  // include/linux/kern_levels.h

class KernelLog {
 public:
  /// Receives each finished line, without a newline.
  using Sink = std::function<void(LogLevel, std::string_view line)>;

  KernelLog(const HostBus& bus, Sink sink) : bus_(&bus), sink_(std::move(sink)) {}

  void print(LogLevel level, std::string_view text) const;  ///< printk
  void dev(LogLevel level, std::string_view driver, std::string_view device,
           std::string_view text) const;  ///< dev_*

 private:
  const HostBus* bus_;
  Sink sink_;
};

/// As printf does it; at most 255 characters.
[[gnu::format(printf, 1, 2)]] [[nodiscard]] std::string format(const char* pattern, ...);

/// printk_ratelimited's state, one a call site (lib/ratelimit.c): at most `burst` messages in `interval`.
class RateLimit {
 public:
  static constexpr std::uint64_t default_interval_ns = 5'000'000'000;  // DEFAULT_RATELIMIT_INTERVAL: 5 s
  static constexpr std::uint32_t default_burst = 10;                   // DEFAULT_RATELIMIT_BURST

  explicit RateLimit(std::string function) : function_(std::move(function)) {}

  /// True: print. When an interval ends, first logs how many of its messages were suppressed.
  [[nodiscard]] bool allow(std::uint64_t now_ns, const KernelLog& log);

  [[nodiscard]] std::uint64_t suppressed() const { return suppressed_total_; }

 private:
  std::string function_;
  bool begun_ = false;
  std::uint64_t begin_ns_ = 0;
  std::uint32_t printed_ = 0;
  std::uint32_t missed_ = 0;
  std::uint64_t suppressed_total_ = 0;
};

}  // namespace sidewinder::kernel

#endif
