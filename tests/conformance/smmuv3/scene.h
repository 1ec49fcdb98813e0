// SPDX-License-Identifier: Apache-2.0
//
// A stream whose one page goes through stage 1, stage 2 or both, and ways to spoil it. VA, IPA and PA are all
// different, and so are the addresses of everything that is read on the way.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_SCENE_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_SCENE_H

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>

#include "tests/conformance/smmuv3/bench.h"

namespace sidewinder::test {

enum class Through : std::uint8_t { Stage1, Stage2, Both };

inline constexpr std::array translation_related{FaultKind::Translation, FaultKind::AddressSize,
                                                FaultKind::AccessFlag, FaultKind::Permission};

/// nG, AF, Inner Shareable, read-write at EL0 and EL1, AttrIndx 0, page.
inline constexpr std::uint64_t page_leaf = 0xf43;
/// AF, Inner Shareable, S2AP read-write, MemAttr 0xf, page; 2 less is a block.
inline constexpr std::uint64_t stage2_leaf = 0x7ff;
inline constexpr std::uint64_t block_bit = 2;  ///< bit 1, which a block does not have

/// Addresses are checked against 44 bits by both stages (CD.IPS, STE.S2PS), which 4 KiB descriptors exceed.
struct Scene {
  static constexpr std::uint32_t stream = 3;
  static constexpr std::uint64_t va = 0x34'5678'9000, ipa = 0x12'3456'7000, pa = 0x7'6543'2000;
  static constexpr std::uint64_t cd_at = 0x2000'0000, root = 0x3000'0000, root2 = 0x3800'0000;

  Through through;
  Bench bench;
  Structure ste;
  Structure cd;
  Tables stage1{bench.memory, 12, 39, root};
  Tables stage2{bench.memory, 12, 39, root2};

  explicit Scene(Through stages, const smmuv3::Config& config = full()) : through(stages), bench(config) {
    ste = stages == Through::Stage1   ? stage1_ste(cd_at)
          : stages == Through::Stage2 ? stage2_ste(root2)
                                      : nested_ste(cd_at, root2);
    if (stages != Through::Stage1) ste.replace(178, 176, 4);
    cd = test::cd(root).replace(34, 32, 4);
    if (stages != Through::Stage2) leaf() = (stages == Through::Both ? ipa : pa) | page_leaf;
    if (stages != Through::Stage1) leaf2() = pa | stage2_leaf;
    if (stages == Through::Both)
      for (const std::uint64_t own : {cd_at, root, root + 0x1000, root + 0x2000})
        stage2.at(own, 3) = own | stage2_leaf;
    apply();
  }

  /// Writes STE and CD, and forgets all that is cached.
  void apply() {
    bench.set_ste(stream, ste);
    bench.set_cd(cd_at, cd);
    bench.smmu.invalidate_all();
  }

  std::uint64_t& leaf() { return stage1.at(va, 3); }
  std::uint64_t& leaf2() { return stage2.at(ipa, 3); }
  [[nodiscard]] std::uint64_t input() const { return through == Through::Stage2 ? ipa : va; }

  Translation read(std::uint64_t offset = 0) { return bench.read(stream, input() + offset); }
  Translation write(std::uint64_t offset = 0) { return bench.write(stream, input() + offset); }

  /// From memory, whatever is cached.
  Translation read_again(std::uint64_t offset = 0) {
    bench.smmu.invalidate_all();
    return read(offset);
  }
  Translation write_again(std::uint64_t offset = 0) {
    bench.smmu.invalidate_all();
    return write(offset);
  }
};

/// Makes a valid leaf of stage 1 one that a write faults at.
inline void spoil(std::uint64_t& leaf, FaultKind kind) {
  if (kind == FaultKind::Translation) leaf &= ~std::uint64_t{1};
  if (kind == FaultKind::AddressSize) leaf |= std::uint64_t{1} << 44;
  if (kind == FaultKind::AccessFlag) leaf &= ~std::uint64_t{1U << 10};
  if (kind == FaultKind::Permission) leaf |= 1U << 7;
}

/// The same for stage 2, and any access.
inline void spoil2(std::uint64_t& leaf, FaultKind kind) {
  if (kind == FaultKind::Permission)
    leaf &= ~std::uint64_t{3U << 6};
  else
    spoil(leaf, kind);
}

inline void check_fault(const Translation& result, FaultKind kind, Action action = Action::Abort) {
  CHECK(result.action == action);
  CHECK(result.recorded);
  REQUIRE(result.fault.has_value());
  CHECK(result.fault->kind == kind);
}

inline void check_fault(const Translation& result, FaultKind kind, unsigned stage, FaultClass cls) {
  check_fault(result, kind);
  CHECK(unsigned{result.fault->stage} == stage);
  CHECK(result.fault->cls == cls);
}

inline void check_forward(const Translation& result, std::uint64_t output) {
  CHECK(result.action == Action::Forward);
  CHECK(result.output == output);
  CHECK_FALSE(result.recorded);
  CHECK_FALSE(result.fault.has_value());
}

}  // namespace sidewinder::test

#endif
