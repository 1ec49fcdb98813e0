// SPDX-License-Identifier: Apache-2.0
//
// Kernel log lines read back into fields, in the forms docs/results.md lists.

#ifndef SIDEWINDER_SIM_FAULT_LOG_H
#define SIDEWINDER_SIM_FAULT_LOG_H

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace sidewinder::sim {

enum class KernelLineKind : std::uint8_t {
  ContextFault,         ///< Unhandled context fault: ...
  FsrDecoded,           ///< FSR    = ..., from 6.12
  Fsynr0Decoded,        ///< FSYNR0 = ..., from 6.12
  UnknownStream,        ///< Blocked unknown Stream ID ...
  GlobalFault,          ///< Unexpected global fault, ...
  GlobalRegisters,      ///< GFSR ..., GFSYNR0 ..., ...
  EventReceived,        ///< arm-smmu-v3: event 0x.. received:
  EventWord,            ///< one of the record's words behind it
  EventDecoded,         ///< event: F_TRANSLATION client: ..., from 6.14
  CallbacksSuppressed,  ///< <function>: N callbacks suppressed
  Text,                 ///< anything else, compared as text
};

struct KernelField {
  std::string name;
  std::string text;                    ///< as printed
  std::optional<std::uint64_t> value;  ///< where the field is a number
};

struct KernelLine {
  std::size_t number = 0;  ///< in its file, from 1
  std::string text;        ///< the whole line
  KernelLineKind kind = KernelLineKind::Text;
  std::vector<KernelField> fields;  ///< in a fixed order of each kind

  /// Null when the line has no such field.
  [[nodiscard]] const KernelField* field(std::string_view name) const;
};

/// A line that begins as a fault report and does not go on as one is an error: what is wrong and what would
/// be right. Any other line is Text.
[[nodiscard]] tl::expected<KernelLine, std::string> parse_kernel_line(std::string_view text);

/// Lines for comparison; blank ones and those that begin with '#' are left out but counted.
/// Throws InputError: the file cannot be read, or a line is in error.
[[nodiscard]] std::vector<KernelLine> read_fault_log(const std::filesystem::path& file);

/// A run's own lines; those that do not parse are Text.
[[nodiscard]] std::vector<KernelLine> parse_kernel_log(const std::vector<std::string>& lines);

/// A field's value with its bits in words where it is a syndrome: "0x402 (TF)".
[[nodiscard]] std::string explain(const KernelField& field);

}  // namespace sidewinder::sim

#endif
