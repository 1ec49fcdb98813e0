// SPDX-License-Identifier: Apache-2.0

#include "tests/support/linux_page_tables.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace sidewinder::test {
namespace {

using Words = std::vector<std::string>;

std::uint64_t number_of(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 0);
}

std::pair<std::string, std::string> split(const std::string& text) {
  const std::size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void read_fields(std::map<std::string, std::uint64_t>& fields, const Words& words) {
  for (const std::string& word : words) fields[split(word).first] = number_of(split(word).second);
}

class Reader {
 public:
  void line(const std::string& keyword, const Words& words) {
    if (keyword == "case") {
      cases_.emplace_back();
      cases_.back().name = words.at(0);
    } else if (!cases_.empty() && !(description(keyword, words) || history(keyword, words))) {
      contents(keyword, words);
    }
  }

  std::vector<LinuxPageTables> cases() { return std::move(cases_); }

 private:
  bool description(const std::string& keyword, const Words& words) {
    LinuxPageTables& current = cases_.back();
    if (keyword == "cfg") {
      for (const std::string& word : words) current.configuration.insert(split(word));
    } else if (keyword == "mem") {
      current.memory = {number_of(words.at(0)), number_of(words.at(1))};
    } else if (keyword == "s1" || keyword == "s2") {
      read_fields(current.registers, words);
    } else if (keyword == "v2cb") {
      read_fields(current.bank, words);
    } else if (keyword == "v3cd") {
      read_fields(current.cd, words);
    } else if (keyword == "v3ste") {
      read_fields(current.ste, words);
    } else if (keyword == "flush") {
      read_fields(current.totals, words);
    } else {
      return false;
    }
    return true;
  }

  /// Invalidations come before the operation that caused them.
  bool history(const std::string& keyword, const Words& words) {
    const auto at = [&](std::size_t index) { return number_of(words.at(index)); };
    if (keyword == "T") {
      const bool walk = words.at(0) == "walk";
      pending_.push_back(walk ? flushed_walk(at(1), at(2), at(3)) : flushed_page(at(1), at(2)));
      return true;
    }
    if (keyword != "M" && keyword != "U") return false;
    LinuxPageTables::Operation operation;
    operation.map = keyword == "M";
    operation.iova = at(0);
    if (operation.map) {  // M iova base size count prot -> error bytes
      operation.base = at(1);
      operation.size = at(2);
      operation.count = at(3);
      operation.prot = at(4);
      operation.error = std::strtoll(words.at(6).c_str(), nullptr, 0);
      operation.bytes = at(7);
    } else {  // U iova size count -> bytes
      operation.size = at(1);
      operation.count = at(2);
      operation.bytes = at(4);
    }
    operation.invalidations = std::exchange(pending_, {});
    cases_.back().operations.push_back(std::move(operation));
    return true;
  }

  void contents(const std::string& keyword, const Words& words) {
    LinuxPageTables& current = cases_.back();
    const auto at = [&](std::size_t index) { return number_of(words.at(index)); };
    if (keyword == "G") {
      current.frames.insert(at(0));
    } else if (keyword == "Q") {
      current.words[at(0)] = at(1);
    } else if (keyword == "R") {
      for (std::uint64_t i = 0; i < at(1); ++i) current.words[at(0) + 8 * i] = at(2) + i * at(3);
    } else if (keyword == "L") {
      LinuxPageTables::Leaves leaves{at(0), at(1), at(2), at(3), at(4), {}};
      read_fields(leaves.attributes, {words.begin() + 5, words.end()});
      current.leaves.push_back(std::move(leaves));
    } else if (keyword == "P") {
      LinuxPageTables::Probe probe{at(0), words.at(1), 0, 0};
      if (probe.result == "ok") probe.output = at(2);
      if (probe.result != "range") probe.level = static_cast<unsigned>(number_of(words.back()));
      current.probes.push_back(std::move(probe));
    }
  }

  std::vector<LinuxPageTables> cases_;
  std::vector<FlushCall> pending_;
};

}  // namespace

std::uint64_t LinuxPageTables::number(const std::string& key) const {
  return number_of(configuration.at(key));
}

std::vector<LinuxPageTables> read_linux_page_tables() {
  std::ifstream file(SIDEWINDER_LINUX_PAGE_TABLES);
  if (!file) throw std::runtime_error("cannot read " SIDEWINDER_LINUX_PAGE_TABLES);
  Reader reader;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream stream(line);
    std::string keyword;
    stream >> keyword;
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    reader.line(keyword, words);
  }
  return reader.cases();
}

}  // namespace sidewinder::test
