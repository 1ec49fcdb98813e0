// SPDX-License-Identifier: Apache-2.0

#include "sim/fault_log_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sim/text.h"

namespace sidewinder::sim {

namespace {

constexpr std::size_t most_described = 20;
constexpr std::size_t most_cells = std::size_t{1} << 24;  // of the alignment: 64 MiB

bool equal(const KernelField& a, const KernelField& b) {
  return a.value && b.value ? *a.value == *b.value : a.text == b.text;
}

std::vector<FieldDifference> differing_fields(const KernelLine& expected, const KernelLine& got) {
  std::vector<FieldDifference> differences;
  for (const KernelField& field : expected.fields) {
    const KernelField* other = got.field(field.name);
    if (other == nullptr) {
      differences.push_back({field, std::nullopt});
    } else if (!equal(field, *other)) {
      differences.push_back({field, *other});
    }
  }
  return differences;
}

bool same(const KernelLine& expected, const KernelLine& got) {
  return expected.kind == got.kind && differing_fields(expected, got).empty();
}

using Lines = const std::vector<KernelLine>&;

class Alignment {
 public:
  Alignment(Lines expected, Lines got) : expected_(&expected), got_(&got) {}

  std::vector<LineDifference> run() {
    std::size_t begin = 0;
    std::size_t expected_end = expected_->size();
    std::size_t got_end = got_->size();
    while (begin < expected_end && begin < got_end && same((*expected_)[begin], (*got_)[begin])) ++begin;
    while (expected_end > begin && got_end > begin &&
           same((*expected_)[expected_end - 1], (*got_)[got_end - 1])) {
      --expected_end;
      --got_end;
    }
    const std::size_t rows = expected_end - begin;
    const std::size_t columns = got_end - begin;
    if ((rows + 1) > most_cells / (columns + 1)) {
      pair_in_order(begin, expected_end, got_end);
    } else {
      align(begin, rows, columns);
    }
    return std::move(differences_);
  }

 private:
  // Two lines as a pair cost less than as one missing and one extra, however many of their fields differ; so
  // times that all moved are shown as such.
  static constexpr std::uint32_t unpaired = 8;
  static constexpr std::uint32_t never = 2 * unpaired + 1;

  [[nodiscard]] std::uint32_t cost(std::size_t e, std::size_t g) const {
    const KernelLine& expected = (*expected_)[e];
    const KernelLine& got = (*got_)[g];
    if (expected.kind != got.kind) return never;
    const auto fields = static_cast<std::uint32_t>(differing_fields(expected, got).size());
    return fields == 0 ? 0 : std::min(fields, 2 * unpaired - 2) + 1;
  }

  // Least total cost, from the end backwards, so that the way forward can be read off from the start.
  void align(std::size_t begin, std::size_t rows, std::size_t columns) {
    const std::size_t stride = columns + 1;
    std::vector<std::uint32_t> least((rows + 1) * stride, 0);
    for (std::size_t e = rows + 1; e-- > 0;) {
      for (std::size_t g = columns + 1; g-- > 0;) {
        std::uint32_t& here = least[e * stride + g];
        if (e == rows || g == columns) {
          here = unpaired * static_cast<std::uint32_t>(rows - e + columns - g);
          continue;
        }
        here = std::min({least[(e + 1) * stride + g] + unpaired, least[e * stride + g + 1] + unpaired,
                         least[(e + 1) * stride + g + 1] + cost(begin + e, begin + g)});
      }
    }
    std::size_t e = 0;
    std::size_t g = 0;
    while (e < rows || g < columns) {
      const std::uint32_t here = least[e * stride + g];
      if (e < rows && g < columns && here == least[(e + 1) * stride + g + 1] + cost(begin + e, begin + g)) {
        pair(begin + e++, begin + g++);
      } else if (e < rows && here == least[(e + 1) * stride + g] + unpaired) {
        missing(begin + e++);
      } else {
        extra(begin + g++);
      }
    }
  }

  void pair_in_order(std::size_t begin, std::size_t expected_end, std::size_t got_end) {
    for (std::size_t i = begin; i < std::max(expected_end, got_end); ++i) {
      if (i < expected_end && i < got_end && (*expected_)[i].kind == (*got_)[i].kind) {
        pair(i, i);
        continue;
      }
      if (i < expected_end) missing(i);
      if (i < got_end) extra(i);
    }
  }

  void pair(std::size_t e, std::size_t g) {
    auto fields = differing_fields((*expected_)[e], (*got_)[g]);
    if (!fields.empty()) differences_.push_back({(*expected_)[e], (*got_)[g], std::move(fields)});
  }
  void missing(std::size_t e) { differences_.push_back({(*expected_)[e], std::nullopt, {}}); }
  void extra(std::size_t g) { differences_.push_back({std::nullopt, (*got_)[g], {}}); }

  const std::vector<KernelLine>* expected_;
  const std::vector<KernelLine>* got_;
  std::vector<LineDifference> differences_;
};

bool only_times_differ(const std::vector<LineDifference>& differences) {
  return std::all_of(differences.begin(), differences.end(), [](const LineDifference& line) {
    return line.expected && line.got && line.fields.size() == 1 && line.fields[0].expected.name == "time";
  });
}

std::string describe_line(const LineDifference& line, const std::string& name) {
  if (!line.got) {
    return name + ":" + std::to_string(line.expected->number) + ": missing from the run\n    " +
           line.expected->text + "\n";
  }
  if (!line.expected) {
    return "faults.log:" + std::to_string(line.got->number) + ": not expected\n    " + line.got->text + "\n";
  }
  std::string text = name + ":" + std::to_string(line.expected->number) +
                     " differs from faults.log:" + std::to_string(line.got->number) + "\n";
  TextTable table({{"", Align::Left}, {"expected", Align::Left}, {"got", Align::Left}});
  for (const FieldDifference& field : line.fields) {
    table.add_row({field.expected.name, explain(field.expected), field.got ? explain(*field.got) : "absent"});
  }
  return text + table.render(4);
}

}  // namespace

std::vector<LineDifference> compare_fault_logs(Lines expected, Lines got) {
  return Alignment(expected, got).run();
}

std::string describe(const std::vector<LineDifference>& differences, std::string_view expected_name) {
  if (differences.empty()) return {};
  const auto count = [&](const auto& predicate) {
    return static_cast<std::uint64_t>(std::count_if(differences.begin(), differences.end(), predicate));
  };
  const std::uint64_t missing = count([](const LineDifference& line) { return !line.got; });
  const std::uint64_t extra = count([](const LineDifference& line) { return !line.expected; });
  const std::uint64_t differ = differences.size() - missing - extra;

  const std::string name(expected_name);
  std::string text = "the fault log is not " + name + ": " + counted(differ, "line differs", "lines differ") +
                     ", " + thousands(missing) + " missing, " + thousands(extra) + " not expected\n";
  if (only_times_differ(differences)) text += "(only in their times)\n";
  const std::size_t described = std::min(differences.size(), most_described);
  for (std::size_t i = 0; i < described; ++i) text += concat({"\n", describe_line(differences[i], name)});
  if (described < differences.size()) {
    text += "\nand " + counted(differences.size() - described, "more difference", "more differences") + "\n";
  }
  return text;
}

}  // namespace sidewinder::sim
