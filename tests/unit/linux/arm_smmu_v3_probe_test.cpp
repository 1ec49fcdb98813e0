// SPDX-License-Identifier: Apache-2.0
//
// What arm-smmu-v3 says and takes when it probes.

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/smmuv3_host.h"

namespace sidewinder::test {
namespace {

using namespace kernel;
using Trace = std::vector<std::string>;

// IDR0 of an SMMU that suits: two-level stream table, little-endian, no stalls, COHACC, AArch64, stage 1.
constexpr std::uint32_t idr0 = 0x0d40'001a;
constexpr std::uint32_t idr1 = 7 << 21 | 7 << 16 | 16;
constexpr std::uint32_t idr5 = 0x14;  // 4 KiB, 44 bits

/// An SMMU whose ID registers are these; all else is a file of registers.
struct Parts : Smmuv3Host {
  explicit Parts(const ArmSmmuV3Platform& what = smmuv3_platform()) : Smmuv3Host(plain_smmuv3(), what) {
    machine.register_file = true;
    machine.forced_reads = {{0x0, idr0}, {0x4, idr1}, {0x14, idr5}};
  }
  Parts& with(std::uint64_t offset, std::uint32_t value) {
    machine.forced_reads[offset] = value;
    return *this;
  }
  Errno error() {
    const Status status = smmu.probe();
    REQUIRE_FALSE(status);
    return status.error();
  }
  /// The line with address sizes and features.
  std::string summary() {
    REQUIRE(smmu.probe());
    const Trace texts = said();
    const auto found = std::find_if(texts.begin(), texts.end(), [](const std::string& text) {
      return text.find("features") != std::string::npos;
    });
    REQUIRE(found != texts.end());
    return *found;
  }
};

}  // namespace

TEST_CASE("the lines of an SMMUv3 that is probed") {
  Smmuv3Host host;
  REQUIRE(host.smmu.probe());
  CHECK(host.lines ==
        Trace{"[    0.000000] arm-smmu-v3 9050000.iommu: ias 44-bit, oas 44-bit (features 0x00000305)",
              "[    0.000000] arm-smmu-v3 9050000.iommu: allocated 128 entries for cmdq",
              "[    0.000000] arm-smmu-v3 9050000.iommu: allocated 128 entries for evtq"});
  CHECK(host.levels == std::vector{LogLevel::Info, LogLevel::Info, LogLevel::Info});
}

TEST_CASE("each ID field is a feature of its own") {
  CHECK(Parts().summary() == "ias 44-bit, oas 44-bit (features 0x00000305)");
  CHECK(Parts().with(0, idr0 | 1 << 19).summary() == "ias 44-bit, oas 44-bit (features 0x00000307)");
  CHECK(Parts().with(0, 0x0d00'001a).summary() == "ias 44-bit, oas 44-bit (features 0x0000030d)");
  CHECK(Parts().with(0, idr0 | 1 << 16).summary() == "ias 44-bit, oas 44-bit (features 0x00000315)");
  CHECK(Parts().with(0, idr0 | 1 << 10).summary() == "ias 44-bit, oas 44-bit (features 0x00000325)");
  CHECK(Parts().with(0, idr0 | 1 << 14).summary() == "ias 44-bit, oas 44-bit (features 0x00000345)");
  CHECK(Parts().with(0, idr0 | 1 << 13).summary() == "ias 44-bit, oas 44-bit (features 0x00000385)");
  CHECK(Parts().with(0, idr0 | 1).summary() == "ias 44-bit, oas 44-bit (features 0x00080705)");
  CHECK(Parts().with(0, 0x0d40'0019).summary() == "ias 44-bit, oas 44-bit (features 0x00000505)");
  CHECK(Parts().with(0, 0x0c40'001a).summary() == "ias 44-bit, oas 44-bit (features 0x00000b05)");
  CHECK(Parts().with(0, 0x0e40'001a).summary() == "ias 44-bit, oas 44-bit (features 0x00002b05)");
  CHECK(Parts().with(0, idr0 | 1 << 9).summary() == "ias 44-bit, oas 44-bit (features 0x00001305)");
  CHECK(Parts().with(0, 0x0540'001a).with(4, 7 << 21 | 7 << 16 | 8).summary() ==
        "ias 44-bit, oas 44-bit (features 0x00000304)");
  CHECK(Parts().with(4, 7 << 21 | 7 << 16 | 8).summary() == "ias 44-bit, oas 44-bit (features 0x00000304)");
  CHECK(Parts().with(0xc, 1 << 10).summary() == "ias 44-bit, oas 44-bit (features 0x00008305)");
  CHECK(Parts().with(0x14, idr5 | 1 << 10).summary() == "ias 44-bit, oas 44-bit (features 0x00004305)");
  ArmSmmuV3Platform vhe = smmuv3_platform();
  vhe.vhe = true;
  CHECK(Parts(vhe).with(0, idr0 | 1 << 9).summary() == "ias 44-bit, oas 44-bit (features 0x00041305)");
  CHECK(Parts(vhe).summary() == "ias 44-bit, oas 44-bit (features 0x00000305)");
}

TEST_CASE("address sizes: IDR5.OAS, and 40 bits of IPA at least with AArch32") {
  const auto sizes = [](std::uint32_t oas, std::uint32_t id0 = idr0) {
    return Parts().with(0, id0).with(0x14, 0x10 | oas).summary().substr(0, 23);
  };
  CHECK(sizes(0) == "ias 32-bit, oas 32-bit ");
  CHECK(sizes(1) == "ias 36-bit, oas 36-bit ");
  CHECK(sizes(5) == "ias 48-bit, oas 48-bit ");
  CHECK(sizes(6) == "ias 52-bit, oas 52-bit ");
  CHECK(sizes(1, idr0 | 1 << 2) == "ias 40-bit, oas 36-bit ");
  CHECK(sizes(4, idr0 | 1 << 2) == "ias 44-bit, oas 44-bit ");
  Parts unknown;
  REQUIRE(unknown.with(0x14, 0x17).smmu.probe());
  const Trace texts = unknown.said();
  CHECK(texts[0] == "unknown output address size. Truncating to 48-bit");
  CHECK(texts[1].substr(0, 23) == "ias 48-bit, oas 48-bit ");
}

TEST_CASE("Arm's errata take features back") {
  constexpr std::uint32_t both = idr0 | 1 | 1 << 14;
  const auto features = [](std::uint32_t iidr) {
    const std::string text = Parts().with(0, both).with(0x18, iidr).summary();
    return text.substr(text.find("0x"));
  };
  CHECK(features(0x4830'043b) == "0x00000705)");  // MMU-600 r0p0: no SEV, no nesting
  CHECK(features(0x4830'243b) == "0x00000705)");  // r0p2
  CHECK(features(0x4830'343b) == "0x00000745)");  // r0p3
  CHECK(features(0x4831'043b) == "0x00000745)");  // r1p0
  CHECK(features(0x4832'043b) == "0x00080745)");  // r2p0
  CHECK(features(0x4870'043b) == "0x00000745)");  // MMU-700: no nesting
  CHECK(features(0x4870'043c) == "0x00080745)");  // another's
}

TEST_CASE("what this driver cannot use") {
  CHECK(Parts().with(0, 0x0d60'001a).error() == Errno::ENXIO_);
  CHECK(Parts().with(0, 0x0d40'0018).error() == Errno::ENXIO_);
  CHECK(Parts().with(0, 0x0d40'0016).error() == Errno::ENXIO_);
  const auto said_with = [](std::uint64_t offset, std::uint32_t value) {
    Parts parts;
    CHECK_FALSE(parts.with(offset, value).smmu.probe());
    CHECK(parts.levels.back() == LogLevel::Err);
    return parts.said().back();
  };
  CHECK(said_with(0, 0x0d60'001a) == "unknown/unsupported TT endianness!");
  CHECK(said_with(0, 0x0d20'001a) == "unknown/unsupported TT endianness!");
  CHECK(said_with(0, 0x0d40'0018) == "no translation support!");
  CHECK(said_with(0, 0x0d40'0016) == "AArch64 table format not supported!");
  for (const unsigned bit : {28U, 29U, 30U})
    CHECK(said_with(4, idr1 | 1U << bit) == "embedded implementation not supported");
  CHECK(said_with(4, 6 << 21 | 7 << 16 | 16) == "command queue size <= 64 entries not supported");
  CHECK(said_with(0x14, 0x64) == "no 4 KiB translation granule");
  Parts no_4k;
  CHECK(no_4k.with(0x14, 0x64).error() == Errno::ENODEV_);
}

TEST_CASE("the firmware's word on coherency is taken over IDR0.COHACC") {
  ArmSmmuV3Platform incoherent = smmuv3_platform();
  incoherent.dma_coherent = false;
  Parts first(incoherent);
  REQUIRE(first.smmu.probe());
  CHECK(first.said()[0] == "IDR0.COHACC overridden by FW configuration (false)");
  Parts second;
  REQUIRE(second.with(0, 0x0d40'000a).smmu.probe());
  CHECK(second.said()[0] == "IDR0.COHACC overridden by FW configuration (true)");
  Parts third(incoherent);
  CHECK(third.with(0, 0x0d40'000a).summary() == "ias 44-bit, oas 44-bit (features 0x00000205)");
}

TEST_CASE("queues are as large as the SMMU's, and a MiB at most") {
  Parts parts;
  REQUIRE(parts.with(0, idr0 | 1 << 16).with(4, 19 << 21 | 19 << 16 | 19 << 11 | 8).smmu.probe());
  const Trace texts = parts.said();
  CHECK(texts[1] == "allocated 65536 entries for cmdq");
  CHECK(texts[2] == "allocated 32768 entries for evtq");
  CHECK(texts[3] == "allocated 65536 entries for priq");
}

TEST_CASE("both pages of registers, or the first alone where the tree says so") {
  ArmSmmuV3Platform platform = smmuv3_platform();
  platform.size = 0x1'0000;
  Parts small(platform);
  CHECK(small.error() == Errno::EINVAL_);
  CHECK(small.said() == Trace{"MMIO region too small ([mem 0x09050000-0x0905ffff])"});
  platform.page0_only = true;
  platform.broken_prefetch = true;
  Parts cavium(platform);
  REQUIRE(cavium.smmu.probe());
  CHECK(cavium.levels[0] == LogLevel::Notice);
  const Trace texts = cavium.said();
  CHECK(texts[0] == "option hisilicon,broken-prefetch-cmd");
  CHECK(texts[1] == "option cavium,cn9900-broken-page1-regspace");
  const Trace& trace = cavium.machine.trace;
  CHECK(std::count(trace.begin(), trace.end(), "W 4 a8 0") == 1);
  CHECK(std::count(trace.begin(), trace.end(), "W 4 100a8 0") == 0);
}

}  // namespace sidewinder::test
