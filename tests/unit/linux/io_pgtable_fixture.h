// SPDX-License-Identifier: Apache-2.0
//
// One set of tables in a PlainMachine's memory. Its pages are handed out from `root` upwards, so that a test
// knows where each table will be.

#ifndef SIDEWINDER_TESTS_UNIT_LINUX_IO_PGTABLE_FIXTURE_H
#define SIDEWINDER_TESTS_UNIT_LINUX_IO_PGTABLE_FIXTURE_H

#include <bit>
#include <optional>

#include "iommu/arch/access_log.h"
#include "iommu/arch/walk.h"
#include "iommu/linux/io_pgtable.h"
#include "tests/support/flush_recorder.h"
#include "tests/support/plain_machine.h"
#include "tests/support/recording_bus.h"

namespace sidewinder::test {

struct Tables {
  static constexpr kernel::PhysAddr root = 0x8000'0000;
  static constexpr std::uint64_t page = 0x1000;
  static constexpr std::uint64_t MiB2 = 0x20'0000;
  static constexpr std::uint64_t GiB1 = 0x4000'0000;

  explicit Tables(kernel::IoPgtableConfig config = {.ias = 36, .oas = 36, .coherent_walk = true},
                  std::uint64_t pages_of_memory = 4096)
      : sizes(config.page_sizes),
        machine(machine_with(pages_of_memory)),
        memory{root, pages_of_memory * page},
        pages(machine, std::span(&memory, 1), 0.0, 1),
        tables(kernel::IoPgtable::create(bus, pages, flush, config)) {}

  /// What map_pages returned, and the bytes it mapped.
  struct Mapped {
    kernel::Status status;
    std::uint64_t bytes = 0;
  };
  Mapped map(std::uint64_t iova, kernel::PhysAddr base, std::uint64_t size, std::uint64_t count = 1,
             kernel::IommuProt prot = {.read = true, .write = true}) {
    Mapped result;
    result.status = tables->map_pages(iova, base, size, count, prot, result.bytes);
    return result;
  }

  [[nodiscard]] std::uint64_t page_bytes() const { return sizes & -sizes; }

  struct Walked : arch::Outcome {
    std::size_t reads = 0;
  };

  /// An independent reader of stage 1: the SMMU's walker over the same memory, for a privileged read.
  [[nodiscard]] Walked walk(std::uint64_t iova) {
    const kernel::IoPgtable::Registers registers = tables->registers();
    arch::Stage1 regime;
    regime.ttb[0] = {.base = registers.ttbr,
                     .tsz = static_cast<std::uint8_t>(registers.tsz),
                     .granule = static_cast<layout::vmsa64::Granule>(std::countr_zero(page_bytes()))};
    regime.ttb[1] = {.walk_disabled = true};
    regime.mair = registers.mair;
    arch::AccessLog log;
    Walked walked;
    static_cast<arch::Outcome&>(walked) = arch::translate(
        &regime, nullptr, {.address = iova, .privileged = true}, false, {.memory = &machine, .log = &log});
    walked.reads = log.kept().size();
    return walked;
  }

  /// Words that are not zero among the first `count` pages of the memory.
  [[nodiscard]] unsigned words_set(unsigned count) const {
    unsigned set = 0;
    for (std::uint64_t word = 0; word < count * page / 8; ++word)
      set += machine.word(root + word * 8) != 0 ? 1 : 0;
    return set;
  }

  static PlainMachineConfig machine_with(std::uint64_t pages) {
    PlainMachineConfig config;
    config.memory = {root, pages * page};
    return config;
  }

  std::uint64_t sizes;
  PlainMachine machine;
  RecordingBus bus{machine, false};  ///< of the tables' own accesses
  kernel::PhysRange memory;
  kernel::PageAllocator pages;
  FlushRecorder flush;
  std::optional<kernel::IoPgtable> tables;
};

}  // namespace sidewinder::test

#endif
