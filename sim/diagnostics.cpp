// SPDX-License-Identifier: Apache-2.0

#include "sim/diagnostics.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <string>

namespace sidewinder::sim {

namespace {

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> current;
  return current;
}

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::Error:
      return spdlog::level::err;
    case Severity::Warning:
      return spdlog::level::warn;
    case Severity::Info:
      return spdlog::level::info;
    case Severity::Debug:
      return spdlog::level::debug;
  }
  return spdlog::level::err;
}

}  // namespace

std::optional<Severity> parse_severity(std::string_view name) {
  if (name == "error") return Severity::Error;
  if (name == "warning") return Severity::Warning;
  if (name == "info") return Severity::Info;
  if (name == "debug") return Severity::Debug;
  return std::nullopt;
}

DiagnosticsScope::DiagnosticsScope(std::ostream& to, Severity threshold) {
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(to, true);
  logger() = std::make_shared<spdlog::logger>("sidewinder", std::move(sink));
  logger()->set_pattern("%v");
  logger()->set_level(level_of(threshold));
}

DiagnosticsScope::~DiagnosticsScope() {
  logger().reset();
}

void diagnose(Severity severity, std::string_view text) {
  std::string line = severity == Severity::Warning ? "sidewinder: warning: " : "sidewinder: ";
  diagnose_verbatim(severity, line.append(text));
}

void diagnose_verbatim(Severity severity, std::string_view text) {
  if (logger()) logger()->log(level_of(severity), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace sidewinder::sim
