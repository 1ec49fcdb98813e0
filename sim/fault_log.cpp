// SPDX-License-Identifier: Apache-2.0

#include "sim/fault_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <span>
#include <system_error>
#include <utility>

#include "sim/input_error.h"
#include "sim/text.h"

namespace sidewinder::sim {

namespace {

using Parsed = tl::expected<KernelLine, std::string>;

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::optional<std::uint64_t> number(std::string_view digits, int base) {
  if (base == 16 && digits.substr(0, 2) == "0x") digits.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

bool skip(std::string_view& text, std::string_view literal) {
  if (text.substr(0, literal.size()) != literal) return false;
  text.remove_prefix(literal.size());
  return true;
}

std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::string_view taken = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(taken.size());
  return taken;
}

std::string quoted(std::string_view text) {
  return concat({"`", text, "`"});
}

void add(KernelLine& line, std::string_view name, std::string_view text,
         std::optional<std::uint64_t> value = std::nullopt) {
  line.fields.push_back({std::string(name), std::string(text), value});
}

/// False: what stands there is not the number.
bool add_number(KernelLine& line, std::string_view name, std::string_view text, int base) {
  const auto value = number(text, base);
  if (value) add(line, name, text, value);
  return value.has_value();
}

// `[    1.234567]` (CONFIG_PRINTK_TIME), then perhaps `[  T123]` or `[   C0]` (CONFIG_PRINTK_CALLER).
void take_time(KernelLine& line, std::string_view& rest) {
  std::string_view ahead = rest;
  if (!skip(ahead, "[")) return;
  ahead.remove_prefix(std::min(ahead.find_first_not_of(' '), ahead.size()));
  const std::string_view time = take_until(ahead, "]");
  if (!skip(ahead, "]")) return;
  const std::size_t dot = time.find('.');
  if (dot == std::string_view::npos || time.size() - dot != 7) return;
  const auto seconds = number(time.substr(0, dot), 10);
  const auto microseconds = number(time.substr(dot + 1), 10);
  if (!seconds || !microseconds) return;
  add(line, "time", time, *seconds * 1'000'000 + *microseconds);

  std::string_view caller = ahead;
  if (skip(caller, "[")) {
    const std::string_view who = trimmed(take_until(caller, "]"));
    if (skip(caller, "]") && !who.empty() && (who[0] == 'T' || who[0] == 'C')) ahead = caller;
  }
  skip(ahead, " ");
  rest = ahead;
}

// `arm-smmu 15000000.iommu: `, as dev_printk begins a line; false when something else stands there.
bool take_device(KernelLine& line, std::string_view before) {
  before = trimmed(before);
  const std::size_t space = before.find(' ');
  if (space == std::string_view::npos || before.back() != ':') return false;
  const std::string_view device = before.substr(space + 1, before.size() - space - 2);
  if (device.empty() || device.find_first_of(blanks) != std::string_view::npos) return false;
  add(line, "driver", before.substr(0, space));
  add(line, "device", device);
  return true;
}

struct Syndrome {
  std::string_view key;
  std::string_view name;
  int base;
};

// Today's order. fsynr0 is what vendors' kernels call fsynr.
constexpr std::array<Syndrome, 7> syndromes{{{"fsr", "fsr", 16},
                                             {"iova", "iova", 16},
                                             {"fsynr", "fsynr", 16},
                                             {"fsynr0", "fsynr", 16},
                                             {"fsynr1", "fsynr1", 16},
                                             {"cbfrsynra", "cbfrsynra", 16},
                                             {"cb", "cb", 10}}};

constexpr std::string_view context_form =
    "`Unhandled context fault: fsr=0x402, iova=0x25000000, fsynr=0x3, cbfrsynra=0x1940, cb=2`";

Parsed context_fault(KernelLine line, std::string_view rest) {
  const auto wrong = [](const std::string& what) {
    return tl::unexpected<std::string>("context fault: " + what + "; a line like " +
                                       std::string(context_form) + " would be right");
  };
  if (!skip(rest, ":")) return wrong("no colon after `fault`");

  std::array<std::optional<KernelField>, syndromes.size()> found;
  while (!trimmed(rest).empty()) {
    const std::string_view item = trimmed(take_until(rest, ","));
    skip(rest, ",");
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return wrong(quoted(item) + " is not KEY=VALUE");
    const std::string_view key = item.substr(0, equals);
    const std::string_view text = item.substr(equals + 1);
    const auto syndrome = std::find_if(syndromes.begin(), syndromes.end(),
                                       [&](const Syndrome& candidate) { return candidate.key == key; });
    if (syndrome == syndromes.end()) return wrong("unknown field " + quoted(key));
    const auto value = number(text, syndrome->base);
    if (!value || (syndrome->base == 16 && text.substr(0, 2) != "0x")) {
      return wrong(quoted(item) + " is not a " + (syndrome->base == 16 ? "0x... number" : "decimal number"));
    }
    auto& slot = found[static_cast<std::size_t>(syndrome - syndromes.begin())];
    if (slot) return wrong(quoted(key) + " stands twice");
    slot = KernelField{std::string(syndrome->name), std::string(text), value};
  }
  for (const auto& field : found) {
    if (field) line.fields.push_back(*field);
  }
  for (const std::string_view name : {"iova", "fsynr", "cb"}) {  // in every version's line
    if (line.field(name) == nullptr) return wrong(quoted(name) + " is missing");
  }
  return line;
}

Parsed fsr_decoded(KernelLine line, std::string_view rest) {
  const std::string_view value = take_until(rest, " ");
  if (!add_number(line, "fsr", value, 16) || !skip(rest, " [")) {
    return tl::unexpected<std::string>(
        "decoded FSR: `FSR    = 00000402 [Format=2 TF], SID=0x1940` would be right");
  }
  add(line, "fsr bits", take_until(rest, "]"));
  if (!skip(rest, "], SID=") || !add_number(line, "sid", rest, 16)) {
    return tl::unexpected<std::string>("decoded FSR: no `], SID=0x...` at its end");
  }
  return line;
}

Parsed fsynr0_decoded(KernelLine line, std::string_view rest) {
  const std::string_view value = take_until(rest, " ");
  if (!add_number(line, "fsynr0", value, 16) || !skip(rest, " [") || rest.empty() || rest.back() != ']') {
    return tl::unexpected<std::string>(
        "decoded FSYNR0: `FSYNR0 = 00000013 [S1CBNDX=0 WNR PLVL=3]` would be right");
  }
  add(line, "fsynr0 bits", rest.substr(0, rest.size() - 1));
  return line;
}

Parsed unknown_stream(KernelLine line, std::string_view rest) {
  skip(rest, " ");
  if (!add_number(line, "stream_id", take_until(rest, ";"), 16)) {
    return tl::unexpected<std::string>(
        "blocked stream: `Blocked unknown Stream ID 0x1940; boot with ...` would be right");
  }
  skip(rest, ";");
  add(line, "advice", trimmed(rest));
  return line;
}

Parsed global_fault(KernelLine line, std::string_view rest) {
  add(line, "text", trimmed(rest));
  return line;
}

Parsed global_registers(KernelLine line, std::string_view rest) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> registers{
      {{"", "gfsr"}, {"GFSYNR0 ", "gfsynr0"}, {"GFSYNR1 ", "gfsynr1"}, {"GFSYNR2 ", "gfsynr2"}}};
  for (const auto& [label, name] : registers) {
    if (!skip(rest, label) || !add_number(line, name, take_until(rest, ","), 16)) {
      return tl::unexpected<std::string>(
          "global fault registers: no " + std::string(name) +
          " where `GFSR 0x..., GFSYNR0 0x..., GFSYNR1 0x..., GFSYNR2 0x...` has it");
    }
    skip(rest, ", ");
  }
  return line;
}

Parsed event_received(KernelLine line, std::string_view rest) {
  if (!add_number(line, "event", concat({"0x", take_until(rest, " ")}), 16) || rest != " received:")
    return tl::unexpected<std::string>("event: `event 0x10 received:` would be right");
  return line;
}

Parsed event_word(KernelLine line, std::string_view rest) {
  if (rest.size() != 16 || !add_number(line, "word", concat({"0x", rest}), 16))
    return tl::unexpected<std::string>("word of an event: 16 hexadecimal digits behind `0x` would be right");
  return line;
}

/// `client` may be "(unassigned sid)".
Parsed event_decoded(KernelLine line, std::string_view rest) {
  add(line, "name", take_until(rest, " "));
  const std::size_t client = rest.find(" sid: ");
  if (!skip(rest, " client: ") || client == std::string_view::npos)
    return tl::unexpected<std::string>(
        "decoded event: `event: F_TRANSLATION client: DEVICE sid: 0x1940 ssid: 0 iova: 0x1000 ipa: 0` would "
        "be "
        "right");
  add(line, "client", rest.substr(0, rest.find(" sid: ")));
  rest.remove_prefix(rest.find(" sid: "));
  while (!rest.empty()) {
    skip(rest, " ");
    const std::string_view name = take_until(rest, ":");
    if (!skip(rest, ": ") || !add_number(line, name, take_until(rest, " "), 16))
      return tl::unexpected<std::string>("decoded event: " + quoted(name) + " is not a number");
  }
  return line;
}

struct Form {
  std::string_view marker;
  KernelLineKind kind;
  Parsed (*parse)(KernelLine line, std::string_view rest);
  std::string_view driver = {};  ///< whose lines alone begin so, where other drivers have such words too
};

constexpr std::array<Form, 9> forms{
    {{"Unhandled context fault", KernelLineKind::ContextFault, context_fault},
     {"FSR    = ", KernelLineKind::FsrDecoded, fsr_decoded},
     {"FSYNR0 = ", KernelLineKind::Fsynr0Decoded, fsynr0_decoded},
     {"Blocked unknown Stream ID", KernelLineKind::UnknownStream, unknown_stream},
     {"Unexpected global fault", KernelLineKind::GlobalFault, global_fault},
     {"GFSR ", KernelLineKind::GlobalRegisters, global_registers},
     {"event 0x", KernelLineKind::EventReceived, event_received, "arm-smmu-v3"},
     {"\t0x", KernelLineKind::EventWord, event_word, "arm-smmu-v3"},
     {"event: ", KernelLineKind::EventDecoded, event_decoded, "arm-smmu-v3"}}};

Parsed callbacks_suppressed(KernelLine line, std::string_view rest) {
  const std::size_t colon = rest.find(": ");
  const std::string_view function = rest.substr(0, colon);
  add(line, "function", function);
  std::string_view count = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 2);
  if (function.empty() || !add_number(line, "count", take_until(count, " "), 10)) {
    return tl::unexpected<std::string>(
        "suppressed callbacks: `arm_smmu_context_fault: 12 callbacks suppressed` would be right");
  }
  line.kind = KernelLineKind::CallbacksSuppressed;
  return line;
}

KernelLine as_text(std::string_view line) {
  KernelLine result;
  result.text = line;
  std::string_view rest = line;
  take_time(result, rest);
  add(result, "text", trimmed(rest));
  return result;
}

}  // namespace

const KernelField* KernelLine::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const KernelField& candidate) { return candidate.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

Parsed parse_kernel_line(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(blanks) + 1);
  KernelLine line;
  line.text = text;
  std::string_view rest = text;
  take_time(line, rest);

  for (const Form& form : forms) {
    const std::size_t at = rest.find(form.marker);
    if (at == std::string_view::npos) continue;
    const bool of_device = take_device(line, rest.substr(0, at));
    if (!form.driver.empty() && (!of_device || line.field("driver")->text != form.driver))
      return as_text(text);
    if (!of_device) {
      return tl::unexpected<std::string>(quoted(trimmed(rest.substr(0, at))) + " before " +
                                         quoted(trimmed(form.marker)) +
                                         "; `[secs.usecs] arm-smmu 15000000.iommu: ` would be right");
    }
    line.kind = form.kind;
    return form.parse(std::move(line), rest.substr(at + form.marker.size()));
  }
  constexpr std::string_view suppressed = " callbacks suppressed";
  if (rest.size() >= suppressed.size() && rest.substr(rest.size() - suppressed.size()) == suppressed) {
    return callbacks_suppressed(std::move(line), rest);
  }
  return as_text(text);
}

std::vector<KernelLine> read_fault_log(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in || std::filesystem::is_directory(file)) {
    throw InputError({file.string(), 0}, "cannot be read; a kernel log to compare with would be right");
  }
  std::vector<KernelLine> lines;
  std::string text;
  for (std::uint32_t number_of_line = 1; std::getline(in, text); ++number_of_line) {
    if (trimmed(text).empty() || text.front() == '#') continue;
    Parsed line = parse_kernel_line(text);
    if (!line) throw InputError({file.string(), number_of_line}, line.error());
    line->number = number_of_line;
    lines.push_back(std::move(*line));
  }
  return lines;
}

std::vector<KernelLine> parse_kernel_log(const std::vector<std::string>& lines) {
  std::vector<KernelLine> parsed;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Parsed line = parse_kernel_line(lines[i]);
    parsed.push_back(line ? std::move(*line) : as_text(lines[i]));
    parsed.back().number = i + 1;
  }
  return parsed;
}

namespace {

struct Bit {
  unsigned position;
  std::string_view name;
};

// IHI 0062, SMMU_CBn_FSR, SMMU_CBn_FSYNR0, SMMU_sGFSR, SMMU_sGFSYNR0.
constexpr std::array<Bit, 10> fsr_bits{{{31, "MULTI"},
                                        {30, "SS"},
                                        {8, "UUT"},
                                        {7, "ASF"},
                                        {6, "TLBLKF"},
                                        {5, "TLBMCF"},
                                        {4, "EF"},
                                        {3, "PF"},
                                        {2, "AFF"},
                                        {1, "TF"}}};
constexpr std::array<Bit, 6> fsynr0_bits{
    {{11, "AFR"}, {10, "PTWF"}, {8, "NSATTR"}, {6, "IND"}, {5, "PNU"}, {4, "WNR"}}};
constexpr std::array<Bit, 10> gfsr_bits{{{31, "MULTI"},
                                         {8, "UUT"},
                                         {7, "PF"},
                                         {6, "EF"},
                                         {5, "CAF"},
                                         {4, "UCIF"},
                                         {3, "UCBF"},
                                         {2, "SMCF"},
                                         {1, "USF"},
                                         {0, "ICF"}}};
constexpr std::array<Bit, 4> gfsynr0_bits{{{3, "IND"}, {2, "PNU"}, {1, "WNR"}, {0, "Nested"}}};

std::string words(std::uint64_t value, std::span<const Bit> bits) {
  std::string text;
  for (const Bit& bit : bits) {
    if ((value >> bit.position & 1) != 0) text += concat({text.empty() ? "" : " ", bit.name});
  }
  return text;
}

}  // namespace

std::string explain(const KernelField& field) {
  if (!field.value) return "\"" + field.text + "\"";
  const std::uint64_t value = *field.value;
  std::string meaning;
  if (field.name == "fsr") {
    meaning = concat({words(value, fsr_bits), " Format=", std::to_string(value >> 9 & 3)});
  } else if (field.name == "fsynr" || field.name == "fsynr0") {
    meaning = concat({words(value, fsynr0_bits), " PLVL=", std::to_string(value & 3)});
  } else if (field.name == "gfsr") {
    meaning = words(value, gfsr_bits);
  } else if (field.name == "gfsynr0") {
    meaning = words(value, gfsynr0_bits);
  }
  meaning = trimmed(meaning);
  return meaning.empty() ? field.text : field.text + " (" + meaning + ")";
}

}  // namespace sidewinder::sim
