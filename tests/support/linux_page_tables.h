// SPDX-License-Identifier: Apache-2.0
//
// Reads tests/data/linux-page-tables.txt.xz (its format is in tests/data/README.md).

#ifndef SIDEWINDER_TESTS_SUPPORT_LINUX_PAGE_TABLES_H
#define SIDEWINDER_TESTS_SUPPORT_LINUX_PAGE_TABLES_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "iommu/linux/dma.h"
#include "tests/support/flush_recorder.h"

namespace sidewinder::test {

struct LinuxPageTables {
  struct Probe {
    std::uint64_t address = 0;
    std::string result;  ///< ok, fault or range
    std::uint64_t output = 0;
    unsigned level = 0;
  };

  struct Leaves {
    std::uint64_t address = 0, count = 0, size = 0, level = 0, output = 0;
    std::map<std::string, std::uint64_t> attributes;
  };

  /// map_pages or unmap_pages, repeated until all was done, and what each returned.
  struct Operation {
    bool map = false;
    std::uint64_t iova = 0, base = 0, size = 0, count = 0, prot = 0;
    std::int64_t error = 0;
    std::uint64_t bytes = 0;
    std::vector<FlushCall> invalidations;
  };

  [[nodiscard]] std::uint64_t number(const std::string& key) const;  ///< of the cfg line

  std::string name;
  std::map<std::string, std::string> configuration;  ///< cfg
  kernel::PhysRange memory;
  std::map<std::string, std::uint64_t> registers;  ///< fields of struct arm_lpae_s1_cfg or arm_lpae_s2_cfg
  std::map<std::string, std::uint64_t> bank;       ///< the registers of a context bank
  std::map<std::string, std::uint64_t> cd;         ///< words of an SMMUv3's context descriptor
  std::map<std::string, std::uint64_t> ste;        ///< of its STE: ste2_vtcr, bits 50:32 of word 2, and ste3
  std::vector<Operation> operations;
  std::map<std::string, std::uint64_t> totals;  ///< of invalidations, cache cleans and WARN_ON()s
  std::map<std::uint64_t, std::uint64_t> words;
  std::set<std::uint64_t> frames;
  std::vector<Leaves> leaves;
  std::vector<Probe> probes;
};

/// Throws std::runtime_error when the file is not there.
[[nodiscard]] std::vector<LinuxPageTables> read_linux_page_tables();

}  // namespace sidewinder::test

#endif
