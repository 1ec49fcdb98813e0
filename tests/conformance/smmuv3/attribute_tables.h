// SPDX-License-Identifier: Apache-2.0
//
// The specifications' tables of memory attributes, row by row, and what follows from them, in words.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_ATTRIBUTE_TABLES_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_ATTRIBUTE_TABLES_H

#include <array>
#include <map>
#include <string>
#include <utility>

namespace sidewinder::test::tables {

struct Level {
  std::string kind = "NC";
  bool ra = false, wa = false, tr = false;

  [[nodiscard]] bool cacheable() const { return kind != "NC"; }
};

struct Row {
  std::string type = "Normal";
  Level inner{};
  Level outer{};
  std::string sh = "OSH";

  [[nodiscard]] bool device() const { return type != "Normal"; }
};

/// §13.1.7, of any row, in §13.1.1's notation.
inline std::string words(const Row& row) {
  if (row.device()) return row.type + "-OSH";
  const auto level = [](const Level& l) -> std::string {
    if (!l.cacheable()) return "NC";
    const bool tr = l.tr && (l.ra || l.wa);
    return l.kind + (l.ra ? "/RA" : "/nRA") + (l.wa ? "WA" : "nWA") + (tr ? "TR" : "nTR");
  };
  const bool shared = row.inner.cacheable() || row.outer.cacheable();
  return "Normal-i" + level(row.inner) + "-o" + level(row.outer) + "-" + (shared ? row.sh : "OSH");
}

inline const std::array<std::string, 4> shareability{"NSH", "NSH" /* reserved */, "OSH", "ISH"};
inline const std::array<std::string, 4> device{"Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE"};

/// DDI 0487 MAIR_EL1, "oooo" and "iiii"; 0000 is IHI 0070 §5.4's.
inline const std::array<Level, 16> mair_nibble{{{"WT", true, true, true},
                                                {"WT", false, true, true},
                                                {"WT", true, false, true},
                                                {"WT", true, true, true},
                                                {"NC"},
                                                {"WB", false, true, true},
                                                {"WB", true, false, true},
                                                {"WB", true, true, true},
                                                {"WT", false, false, false},
                                                {"WT", false, true, false},
                                                {"WT", true, false, false},
                                                {"WT", true, true, false},
                                                {"WB", false, false, false},
                                                {"WB", false, true, false},
                                                {"WB", true, false, false},
                                                {"WB", true, true, false}}};

inline Row mair(unsigned attr, unsigned sh) {
  if (attr < 16) return {.type = device.at(attr / 4)};
  return {.inner = mair_nibble.at(attr % 16), .outer = mair_nibble.at(attr / 16), .sh = shareability.at(sh)};
}

/// DDI 0487 Table D8-96, outer and inner; the reserved rows are IHI 0070 §5.2's.
inline const std::array<std::pair<std::string, std::string>, 16> mem_attr{{{"Device-nGnRnE", ""},
                                                                           {"Device-nGnRE", ""},
                                                                           {"Device-nGRE", ""},
                                                                           {"Device-GRE", ""},
                                                                           {"Device-nGnRnE", ""},
                                                                           {"NC", "NC"},
                                                                           {"NC", "WT"},
                                                                           {"NC", "WB"},
                                                                           {"Device-nGnRnE", ""},
                                                                           {"WT", "NC"},
                                                                           {"WT", "WT"},
                                                                           {"WT", "WB"},
                                                                           {"Device-nGnRnE", ""},
                                                                           {"WB", "NC"},
                                                                           {"WB", "WT"},
                                                                           {"WB", "WB"}}};

/// The hints are those that change nothing in a combination (§13.4.4).
inline Row stage2(unsigned attr, unsigned sh) {
  const auto& [outer, inner] = mem_attr.at(attr);
  if (inner.empty()) return {.type = outer};
  return {
      .inner = {inner, true, true, false}, .outer = {outer, true, true, false}, .sh = shareability.at(sh)};
}

/// Table D8-97: what comes first has precedence.
inline std::string combine_type(const std::string& a, const std::string& b) {
  for (const std::string& type : device)
    if (a == type || b == type) return type;
  return "Normal";
}

/// Table D8-98.
inline std::string combine_kind(const std::string& first, const std::string& second) {
  static const std::map<std::pair<std::string, std::string>, std::string> rows{
      {{"NC", "NC"}, "NC"}, {{"NC", "WT"}, "NC"}, {{"NC", "WB"}, "NC"},
      {{"WT", "NC"}, "NC"}, {{"WB", "NC"}, "NC"}, {{"WT", "WT"}, "WT"},
      {{"WT", "WB"}, "WT"}, {{"WB", "WT"}, "WT"}, {{"WB", "WB"}, "WB"}};
  return rows.at({first, second});
}

/// Table D8-103.
inline std::string combine_sh(const std::string& first, const std::string& second) {
  static const std::map<std::pair<std::string, std::string>, std::string> rows{
      {{"OSH", "OSH"}, "OSH"}, {{"OSH", "ISH"}, "OSH"}, {{"OSH", "NSH"}, "OSH"},
      {{"ISH", "OSH"}, "OSH"}, {{"ISH", "ISH"}, "ISH"}, {{"ISH", "NSH"}, "ISH"},
      {{"NSH", "OSH"}, "OSH"}, {{"NSH", "ISH"}, "ISH"}, {{"NSH", "NSH"}, "NSH"}};
  return rows.at({first, second});
}

/// D8.6.3 and Figure 13.1.
inline Level combine_level(const Level& first, const Level& second) {
  return {combine_kind(first.kind, second.kind), first.ra && second.ra, first.wa && second.wa,
          first.tr || second.tr};
}

inline Row combine(const Row& first, const Row& second) {
  return {combine_type(first.type, second.type), combine_level(first.inner, second.inner),
          combine_level(first.outer, second.outer), combine_sh(first.sh, second.sh)};
}

/// Tables D8-100 and D8-101 and rules THYXB and TBQKG, with MemAttr[3] RES0. A reserved 0b100 is as 0b101.
inline Row forced(const Row& first, unsigned attr, unsigned sh) {
  const bool non_cacheable = !first.inner.cacheable() && !first.outer.cacheable();
  const std::string first_sh = first.device() || non_cacheable ? "OSH" : first.sh;
  Row result = first;
  result.sh = combine_sh(first_sh, shareability.at(sh));
  switch (attr % 8) {
    case 0:
    case 1:
    case 2:
    case 3:
      result.type = combine_type(first.type, device.at(attr % 4));
      return result;
    case 4:
    case 5:
      if (!first.device()) result.inner = result.outer = Level{};
      return result;
    case 6:
      if (first.device() || !first.inner.cacheable()) result.inner = {"NC", true, true, false};
      if (first.device() || !first.outer.cacheable()) result.outer = {"NC", true, true, false};
      result.type = "Normal";
      result.inner.kind = result.outer.kind = "WB";
      return result;
    default:
      return result;
  }
}

/// §13.4.2, of a transaction that comes as `input`.
inline Row stage1_for(const Row& input, Row stage1) {
  const auto hints = [&](const Level& in, Level& own) {
    if (input.device() || !in.cacheable()) return;
    own = {own.kind, own.ra && in.ra, own.wa && in.wa, own.tr || in.tr};
  };
  hints(input.inner, stage1.inner);
  hints(input.outer, stage1.outer);
  return stage1;
}

}  // namespace sidewinder::test::tables

#endif
