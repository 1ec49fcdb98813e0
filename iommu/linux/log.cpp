// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/log.h"

#include <cstdarg>
#include <cstdio>

namespace sidewinder::kernel {

void KernelLog::print(LogLevel level, std::string_view text) const {
  const std::uint64_t microseconds = bus_->now_ns() / 1000;
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "[%5" PRIu64 ".%06" PRIu64 "] ", microseconds / 1'000'000,
                microseconds % 1'000'000);
  sink_(level, stamp + std::string(text));
}

void KernelLog::dev(LogLevel level, std::string_view driver, std::string_view device,
                    std::string_view text) const {
  std::string line(driver);
  line.append(" ").append(device).append(": ").append(text);
  print(level, line);
}

std::string format(const char* pattern, ...) {
  char text[256];
  std::va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

bool RateLimit::allow(std::uint64_t now_ns, const KernelLog& log) {
  if (!begun_) {
    begun_ = true;
    begin_ns_ = now_ns;
  }
  if (now_ns > begin_ns_ + default_interval_ns) {
    if (missed_ != 0) {
      log.print(LogLevel::Warn, function_ + ": " + std::to_string(missed_) + " callbacks suppressed");
      missed_ = 0;
    }
    begin_ns_ = now_ns;
    printed_ = 0;
  }
  if (printed_ < default_burst) {
    ++printed_;
    return true;
  }
  ++missed_;
  ++suppressed_total_;
  return false;
}

}  // namespace sidewinder::kernel
