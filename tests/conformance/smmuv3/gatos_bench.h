// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv3 with address translation operations, and a stream each through stage 1, stage 2 and both, whose
// one page is at different addresses in every address space.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_GATOS_BENCH_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_GATOS_BENCH_H

#include <cstdint>

#include "tests/conformance/smmuv3/interface_bench.h"
#include "tests/conformance/smmuv3/scene.h"

namespace sidewinder::test {

/// Of GATOS_ADDR, ORed to an address: TYPE, and the other fields.
inline constexpr std::uint64_t type1 = 1U << 10, type2 = 2U << 10, type3 = 3U << 10;
inline constexpr std::uint64_t pnu = 1U << 9, rnw = 1U << 8, ind = 1U << 7, httui = 1U << 6, ns = 1U << 4;
/// Of GATOS_SID.
inline constexpr std::uint64_t ssid_valid = std::uint64_t{1} << 52, ssec = std::uint64_t{1} << 53;

inline smmuv3::Config with_gatos(smmuv3::Config config = full()) {
  config.address_translation_operations = true;
  return config;
}

/// What PAR is of a fault.
constexpr std::uint64_t fault_par(unsigned code, unsigned reason = 0, std::uint64_t faddr = 0) {
  return std::uint64_t{1} | std::uint64_t{reason} << 1 | std::uint64_t{code} << 4 | faddr;
}

struct GatosBench : InterfaceBench {
  static constexpr std::uint32_t one = 1, two = 2, both = 3;
  static constexpr std::uint64_t va = Scene::va, ipa = Scene::ipa, pa = Scene::pa;
  static constexpr std::uint64_t cd_at = 0x2000'0000, nested_cd_at = 0x2100'0000;
  static constexpr std::uint64_t root = 0x3000'0000, nested_root = 0x3400'0000, root2 = 0x3800'0000;

  Structure ste1 = stage1_ste(cd_at), ste2 = stage2_ste(root2, 2), ste3 = nested_ste(nested_cd_at, root2);
  Structure cd1 = cd(root), cd3 = cd(nested_root, 3);
  Tables stage1{memory, 12, 39, root};
  Tables nested{memory, 12, 39, nested_root};
  Tables stage2{memory, 12, 39, root2};

  explicit GatosBench(const smmuv3::Config& config = with_gatos()) : InterfaceBench(config) {
    leaf() = pa | page_leaf;
    nested_leaf() = ipa | page_leaf;
    leaf2() = pa | stage2_leaf;
    for (const std::uint64_t own : {nested_cd_at, nested_root, nested_root + 0x1000, nested_root + 0x2000})
      stage2.at(own, 3) = own | stage2_leaf;
    apply();
  }

  /// Writes STEs and CDs, and forgets all that is cached.
  void apply() {
    set_ste(one, ste1);
    set_ste(two, ste2);
    set_ste(both, ste3);
    set_cd(cd_at, cd1);
    set_cd(nested_cd_at, cd3);
    forget();
  }
  void forget() { w32(0x803c, 1); }

  std::uint64_t& leaf() { return stage1.at(va, 3); }
  std::uint64_t& nested_leaf() { return nested.at(va, 3); }
  std::uint64_t& leaf2() { return stage2.at(ipa, 3); }

  Translation write_transaction(std::uint64_t stream, std::uint64_t address) {
    Transaction transaction{.address = address, .stream_id = static_cast<std::uint32_t>(stream)};
    transaction.attributes.write = true;
    return send(transaction);
  }

  /// SMMU_GATOS_PAR after an operation; `regs` 0x8000: S_GATOS.
  std::uint64_t gatos(std::uint64_t sid, std::uint64_t addr, std::uint64_t regs = 0) {
    w64(regs + 0x108, sid);
    w64(regs + 0x110, addr);
    w32(regs + 0x100, 1);
    CHECK(r32(regs + 0x100) == 0);
    return r64(regs + 0x118);
  }
  /// The same from memory, whatever is cached.
  std::uint64_t gatos_again(std::uint64_t sid, std::uint64_t addr, std::uint64_t regs = 0) {
    forget();
    return gatos(sid, addr, regs);
  }
};

}  // namespace sidewinder::test

#endif
