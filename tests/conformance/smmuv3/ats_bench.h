// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv3 with a PCIe Root Complex: a stream with one page, its ATS and PRI as raw words.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_ATS_BENCH_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_ATS_BENCH_H

#include <cstdint>
#include <vector>

#include "iommu/smmuv3/ats.h"
#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {

using smmuv3::AtsCompletion;
using smmuv3::AtsRequest;
using Status = AtsCompletion::Status;
using Progress = smmuv3::RootComplex::Progress;
using Code = layout::smmuv3::PrgResponseCode;

struct RootComplexLog final : smmuv3::RootComplex {
  std::vector<smmuv3::AtcInvalidation> invalidations;
  std::vector<smmuv3::PrgResponse> responses;
  Progress progress = Progress::Complete;

  Progress invalidate(const smmuv3::AtcInvalidation& what) override {
    invalidations.push_back(what);
    return progress;
  }
  void respond(const smmuv3::PrgResponse& response) override { responses.push_back(response); }
};

inline smmuv3::Config with_ats(smmuv3::Config config = full()) {
  config.ats = config.pri = config.ats_error_records = true;
  return config;
}

/// Stream 3 with EATS 1, all queues of 2^4 entries enabled, their interrupts too, and CR0.ATSCHK set. Stage 2
/// has an identity map of what stage 1 and the CD are in.
struct AtsBench : InterfaceBench {
  static constexpr std::uint64_t pages = 0x1a00'0000;  ///< the PRI queue
  static constexpr std::uint64_t cd_at = 0x2000'0000, root = 0x3000'0000, root2 = 0x3800'0000;
  static constexpr std::uint64_t va = 0x34'5678'9000, ipa = 0x12'3456'7000, pa = 0x7'6543'2000;
  static constexpr std::uint64_t leaf = 0xf43;  ///< nG, AF, Inner Shareable, EL0 and EL1 read and write, page
  static constexpr std::uint64_t leaf2 = 0x7ff;  ///< AF, Inner Shareable, read and write, page

  RootComplexLog root_complex;
  Tables stage1{memory, 12, 39, root};
  Tables stage2{memory, 12, 39, root2};

  explicit AtsBench(const smmuv3::Config& config = with_ats()) : InterfaceBench(config) {
    smmu.connect(root_complex);
    w32(0x20, 0);
    w32(0x2c, 0x2);
    w64(0xc0, pages | 4);
    w32(0x50, 0x7);
    w32(0x20, 0x1f);
    set_cd(cd_at, cd(root));
  }

  void stage1_only() {
    set_ste(3, stage1_ste(cd_at).put(92, 1));
    stage1.at(va, 3) = pa | leaf;
  }
  void stage2_only() {
    set_ste(3, stage2_ste(root2).put(92, 1));
    stage2.at(ipa, 3) = pa | leaf2;
  }
  void nested(std::uint64_t eats = 1) {
    set_ste(3, nested_ste(cd_at, root2).put(92, eats));
    stage1.at(va, 3) = ipa | leaf;
    stage2.at(ipa, 3) = pa | leaf2;
    for (const std::uint64_t own : {cd_at, root, root + 0x1000, root + 0x2000})
      stage2.at(own, 3) = own | leaf2;
  }
  void record_errors(std::uint32_t cr2 = 0xa) {
    w32(0x20, 0);
    w32(0x2c, cr2);
    w32(0x20, 0x1f);
  }
  void forget() {
    command(0x04, 0x1f);  // CFGI_ALL
    command(0x30);        // TLBI_NSNH_ALL
  }

  AtsCompletion ask(const AtsRequest& request) { return smmu.translate_for_ats(request); }
  AtsCompletion ask(std::uint64_t address = va) { return ask({.address = address, .stream_id = 3}); }
  Translation translated(std::uint64_t address, std::uint32_t stream_id = 3, bool write = false) {
    Transaction transaction{.address = address, .stream_id = stream_id, .translated = true};
    transaction.attributes.write = write;
    return send(transaction);
  }
  unsigned events_recorded() const { return eventq_prod() & 0x1f; }
};

}  // namespace sidewinder::test

#endif
