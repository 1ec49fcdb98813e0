// SPDX-License-Identifier: Apache-2.0
//
// The keys of a JSON file, held against the tables of docs/results.md.

#ifndef SIDEWINDER_TESTS_UNIT_SIM_JSON_PATHS_H
#define SIDEWINDER_TESTS_UNIT_SIM_JSON_PATHS_H

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace sidewinder::sim {

/// Adds "streams[].window.lo" and so on, of every key there is.
inline void collect_paths(const nlohmann::ordered_json& value, const std::string& prefix,
                          std::set<std::string>& paths) {
  if (value.is_array()) {
    for (const nlohmann::ordered_json& element : value) collect_paths(element, prefix + "[]", paths);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [key, child] : value.items()) {
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    paths.insert(path + (child.is_array() ? "[]" : ""));
    collect_paths(child, path, paths);
  }
}

/// The first column of the tables below the heading, "## summary.json" for example.
inline std::set<std::string> documented_paths(const std::string& heading) {
  std::ifstream in(SIDEWINDER_SOURCE_DIR "/docs/results.md");
  REQUIRE(in);
  std::set<std::string> paths;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("## ", 0) == 0) inside = line == heading;
    if (!inside || line.rfind("| `", 0) != 0) continue;
    paths.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return paths;
}

inline void check_documented(const nlohmann::ordered_json& value, const std::string& heading) {
  std::set<std::string> paths;
  collect_paths(value, "", paths);
  const std::set<std::string> documented = documented_paths(heading);
  for (const std::string& path : paths) {
    INFO("in the JSON: " << path);
    CHECK(documented.count(path) == 1);
  }
  for (const std::string& path : documented) {
    INFO("in docs/results.md: " << path);
    CHECK(paths.count(path) == 1);
  }
}

}  // namespace sidewinder::sim

#endif
