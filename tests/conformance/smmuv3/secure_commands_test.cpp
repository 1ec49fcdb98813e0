// SPDX-License-Identifier: Apache-2.0
//
// TLBI commands from the Secure command queue to the transactions that they concern, in every StreamWorld
// (IHI 0070 §4.4).

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/conformance/smmuv3/interface_bench.h"

namespace sidewinder::test {
namespace {

constexpr std::uint64_t page = 0x7'0000'0000, moved = 0x5000;
constexpr std::uint64_t page_leaf = 0xf43, stage2_leaf = 0x7ff;
constexpr std::uint64_t vmid = std::uint64_t{9} << 32, other_vmid = std::uint64_t{10} << 32;

constexpr std::uint64_t asid(std::uint64_t value) {
  return value << 48;
}
constexpr std::uint64_t root_of(unsigned n) {
  return 0x3000'0000 + 0x10'0000 * std::uint64_t{n};
}
constexpr std::uint64_t cd_of(unsigned n) {
  return 0x2000'0000 + 0x1000 * std::uint64_t{n};
}

/// One stream in each StreamWorld, whose page 0x1000 is cached. All are of ASID 1 and VMID 9, but Secure
/// entries made without stage 2 are of VMID 0 (§3.17.2.1).
struct Worlds : InterfaceBench {
  explicit Worlds(bool e2h) : Worlds(e2h, e2h) {}
  Worlds(bool e2h, bool secure_e2h) {
    for (const auto& [regs, its_e2h] : {std::pair(0U, e2h), {0x8000U, secure_e2h}}) {
      w32(regs + 0x20, 0xc);
      w32(regs + 0x2c, its_e2h ? 3 : 2);
      w32(regs + 0x20, 0xd);
    }
    stage1(1, false, 0);                    // N: NS-EL1
    stage1(2, false, 2);                    // H: NS-EL2, E2H
    stage1(4, true, 0);                     // S: Secure EL1
    stage1(5, true, 2);                     // T: Secure EL2, E2H
    stage1(6, true, 1);                     // M: EL3
    set_ste(3, stage2_ste(root_of(3), 9));  // I: stage 2
    Tables(memory, 12, 39, root_of(3)).at(0x1000, 3) = page | stage2_leaf;
    Structure both = stage2_ste(root_of(8), 9);  // i and x: Secure stage 2, of Secure and Non-secure IPAs
    both.put(288, 25).put(294, 1).put(302, 0).put(388, root_of(7) >> 4);
    set_secure_ste(7, both);
    Tables secure_ipas(memory, 12, 39, root_of(7), true);
    secure_ipas.at(0x1000, 3) = page | stage2_leaf;
    Tables(memory, 12, 39, root_of(8), true).at(0x1000, 3) = page | stage2_leaf;
    Structure nested = nested_ste(cd_of(9), root_of(8), 9);  // B: Secure EL1 through both stages
    nested.put(288, 25).put(294, 1).put(302, 0).put(388, root_of(7) >> 4);
    set_secure_ste(9, nested);
    for (unsigned word = 0; word < 8; ++word)
      memory.secure_words[cd_of(9) + 8 * word] = cd(root_of(9)).words[word];
    Tables(memory, 12, 39, root_of(9), true).at(0x1000, 3) = 0x1000 | page_leaf;
    for (const std::uint64_t own : {cd_of(9), root_of(9), root_of(9) + 0x1000, root_of(9) + 0x2000})
      secure_ipas.at(own, 3) = own | stage2_leaf;
    REQUIRE(stale() == "NHISTMBix");
    for (unsigned n = 1; n <= 3; ++n) Tables(memory, 12, 39, root_of(n)).at(0x1000, 3) += moved;
    for (unsigned n = 4; n <= 8; ++n) Tables(memory, 12, 39, root_of(n), true).at(0x1000, 3) += moved;
  }

  /// Those whose transactions go where they went at first.
  std::string stale() {
    struct Stream {
      char name;
      std::uint32_t id;
      bool secure, secure_ipa;
    };
    std::string names;
    for (const Stream& s :
         {Stream{'N', 1, false, false}, Stream{'H', 2, false, false}, Stream{'I', 3, false, false},
          Stream{'S', 4, true, false}, Stream{'T', 5, true, false}, Stream{'M', 6, true, false},
          Stream{'B', 9, true, false}, Stream{'i', 7, true, true}, Stream{'x', 7, true, false}}) {
      Transaction transaction{.address = 0x1000,
                              .stream_id = s.id,
                              .security = s.secure ? SecurityState::Secure : SecurityState::NonSecure};
      transaction.attributes.secure = s.secure_ipa;
      if (send(transaction).output == page) names += s.name;
    }
    return names;
  }

 private:
  void stage1(unsigned n, bool secure_stream, std::uint64_t strw) {
    const Structure own = stage1_ste(cd_of(n)).put(94, strw).put(128, 9);
    if (secure_stream)
      set_secure_ste(n, own);
    else
      set_ste(n, own);
    auto& words = secure_stream ? memory.secure_words : memory.words;
    for (unsigned word = 0; word < 8; ++word) words[cd_of(n) + 8 * word] = cd(root_of(n)).words[word];
    Tables(memory, 12, 39, root_of(n), secure_stream).at(0x1000, 3) = page | page_leaf;
  }
};

}  // namespace

TEST_CASE(
    "IHI 0070 §4.4: each TLBI command in the Secure queue removes what it names, in its own world alone") {
  struct Case {
    std::uint64_t low, high;
    bool e2h;
    std::string stays;
  };
  for (const Case& c : {Case{0x10 | vmid, 0, false, "NHISTMix"},  // NH_ALL: of the queue's own EL1
                        Case{0x10, 0, false, "NHITMBix"},
                        Case{0x10 | other_vmid, 0, false, "NHISTMBix"},
                        Case{0x11 | vmid | asid(1), 0, false, "NHISTMix"},  // NH_ASID
                        Case{0x11 | asid(1), 0, false, "NHITMBix"},
                        Case{0x11 | vmid | asid(2), 0, false, "NHISTMBix"},
                        Case{0x12 | vmid | asid(1), 0x1001, false, "NHISTMix"},  // NH_VA
                        Case{0x12 | asid(1), 0x1001, false, "NHITMBix"},
                        Case{0x12 | vmid | asid(1), 0x2001, false, "NHISTMBix"},
                        Case{0x12 | vmid | asid(2), 0x1001, false, "NHISTMBix"},
                        Case{0x13 | vmid, 0x1001, false, "NHISTMix"},  // NH_VAA
                        Case{0x13, 0x1001, false, "NHITMBix"},
                        Case{0x13 | vmid, 0x2001, false, "NHISTMBix"},
                        Case{0x18, 0, false, "NHISTBix"},  // EL3_ALL
                        Case{0x1a, 0x1001, false, "NHISTBix"},
                        Case{0x1a, 0x2001, false, "NHISTMBix"},
                        Case{0x20, 0, false, "NISTMBix"},  // EL2_ALL: Non-secure EL2
                        Case{0x20, 0, true, "NISTMBix"},
                        Case{0x21 | asid(1), 0, true, "NISTMBix"},  // EL2_ASID
                        Case{0x21 | asid(2), 0, true, "NHISTMBix"},
                        Case{0x21 | asid(1), 0, false, "NHISTMBix"},
                        Case{0x22 | asid(1), 0x1001, true, "NISTMBix"},  // EL2_VA
                        Case{0x22 | asid(2), 0x1001, true, "NHISTMBix"},
                        Case{0x22 | asid(2), 0x1001, false, "NISTMBix"},
                        Case{0x23, 0x1001, true, "NISTMBix"},  // EL2_VAA
                        Case{0x23, 0x2001, true, "NHISTMBix"},
                        Case{0x28 | vmid, 0, false, "HSTMBix"},        // S12_VMALL
                        Case{0x2a | vmid, 0x1001, false, "NHSTMBix"},  // S2_IPA
                        Case{0x2a | vmid, 0x2001, false, "NHISTMBix"},
                        Case{0x30, 0, false, "HSTMBix"},   // NSNH_ALL
                        Case{0x50, 0, false, "NHISMBix"},  // S_EL2_ALL
                        Case{0x50, 0, true, "NHISMBix"},
                        Case{0x51 | asid(1), 0, true, "NHISMBix"},  // S_EL2_ASID
                        Case{0x51 | asid(2), 0, true, "NHISTMBix"},
                        Case{0x51 | asid(1), 0, false, "NHISTMBix"},
                        Case{0x52 | asid(1), 0x1001, true, "NHISMBix"},  // S_EL2_VA
                        Case{0x52 | asid(2), 0x1001, true, "NHISTMBix"},
                        Case{0x52 | asid(2), 0x1001, false, "NHISMBix"},
                        Case{0x53, 0x1001, true, "NHISMBix"},  // S_EL2_VAA
                        Case{0x53, 0x2001, true, "NHISTMBix"},
                        Case{0x58 | vmid, 0, false, "NHISTM"},  // S_S12_VMALL
                        Case{0x58, 0, false, "NHITMBix"},
                        Case{0x58 | other_vmid, 0, false, "NHISTMBix"},
                        Case{0x5a | vmid, 0x1001, false, "NHISTMBx"},  // S_S2_IPA: NS 0
                        Case{0x5a | vmid, 0x1003, false, "NHISTMBi"},  // NS 1
                        Case{0x5a | vmid, 0x2001, false, "NHISTMBix"},
                        Case{0x60, 0, false, "NHITM"}}) {  // SNH_ALL
    INFO("command " << std::hex << c.low << " " << c.high << (c.e2h ? " E2H" : ""));
    Worlds bench(c.e2h);
    bench.command(c.low, c.high, SecurityState::Secure);
    CHECK(bench.r32(0x809c) == 1);
    CHECK(bench.r32(0x8060) == 0);
    CHECK(bench.stale() == c.stays);
  }
}

TEST_CASE("IHI 0070 §4.4: the same commands in the Non-secure queue, whose EL1 is the Non-secure one") {
  struct Case {
    std::uint64_t low, high;
    bool e2h;
    std::string stays;
  };
  for (const Case& c :
       {Case{0x10 | vmid, 0, false, "HISTMBix"}, Case{0x11 | vmid | asid(1), 0, false, "HISTMBix"},
        Case{0x12 | vmid | asid(1), 0x1001, false, "HISTMBix"}, Case{0x13 | vmid, 0x1001, false, "HISTMBix"},
        Case{0x20, 0, false, "NISTMBix"},                                            // EL2_ALL
        Case{0x20, 0, true, "NISTMBix"}, Case{0x21 | asid(1), 0, true, "NISTMBix"},  // EL2_ASID
        Case{0x21 | asid(2), 0, true, "NHISTMBix"}, Case{0x22 | asid(1), 0x1001, true, "NISTMBix"},  // EL2_VA
        Case{0x22 | asid(2), 0x1001, true, "NHISTMBix"}, Case{0x22 | asid(2), 0x1001, false, "NISTMBix"},
        Case{0x22 | asid(1), 0x2001, true, "NHISTMBix"}, Case{0x23, 0x1001, true, "NISTMBix"},  // EL2_VAA
        Case{0x23, 0x1001, false, "NISTMBix"}, Case{0x23, 0x2001, true, "NHISTMBix"},
        Case{0x28 | vmid, 0, false, "HSTMBix"}, Case{0x2a | vmid, 0x1001, false, "NHSTMBix"},
        Case{0x30, 0, false, "HSTMBix"}}) {
    INFO("command " << std::hex << c.low << " " << c.high << (c.e2h ? " E2H" : ""));
    Worlds bench(c.e2h);
    bench.command(c.low, c.high);
    CHECK(bench.r32(0x9c) == 1);
    CHECK(bench.stale() == c.stays);
  }
}

TEST_CASE(
    "IHI 0070 §4.4.2.8, §4.4.2.12: CR2.E2H is of the Non-secure EL2's commands, S_CR2.E2H of the Secure") {
  for (const bool secure_e2h : {false, true}) {
    Worlds bench(!secure_e2h, secure_e2h);
    bench.command(0x22 | asid(2), 0x1001, SecurityState::Secure);  // E2H 0: the ASID is ignored
    bench.command(0x52 | asid(2), 0x1001, SecurityState::Secure);
    CHECK(bench.stale() == (secure_e2h ? "NISTMBix" : "NHISMBix"));
  }
}

TEST_CASE("IHI 0070 §4.1.1: every opcode that is no command is CERROR_ILL in the Secure queue too") {
  constexpr std::uint64_t known[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13,
                                     0x18, 0x1a, 0x20, 0x21, 0x22, 0x23, 0x28, 0x2a, 0x30, 0x44,
                                     0x45, 0x46, 0x50, 0x51, 0x52, 0x53, 0x58, 0x5a, 0x60};
  for (std::uint64_t opcode = 0; opcode < 0x100; ++opcode) {
    INFO("opcode " << opcode);
    InterfaceBench bench;
    bench.command(opcode, 0x1001, SecurityState::Secure);
    const bool is_known = std::find(std::begin(known), std::end(known), opcode) != std::end(known);
    CHECK(bench.r32(0x809c) == (is_known ? 1 : 0x0100'0000));
  }
}

TEST_CASE("IHI 0070 §4.4: without Secure EL2 its TLBI commands are CERROR_ILL in the Secure queue too") {
  smmuv3::Config config = full();
  config.secure_el2 = false;
  for (const std::uint64_t opcode : {0x50U, 0x51U, 0x52U, 0x53U, 0x58U, 0x5aU, 0x60U}) {
    InterfaceBench bench(config);
    INFO("opcode " << opcode);
    bench.command(opcode, 0x1001, SecurityState::Secure);
    CHECK(bench.r32(0x809c) == 0x0100'0000);
    CHECK(bench.r32(0x8060) == 1);
    CHECK(bench.r32(0x60) == 0);
  }
  for (const std::uint64_t opcode : {0x10U, 0x11U, 0x12U, 0x13U, 0x18U, 0x1aU, 0x20U, 0x28U, 0x2aU, 0x30U}) {
    InterfaceBench bench(config);
    INFO("opcode " << opcode);
    bench.command(opcode, 0x1001, SecurityState::Secure);
    CHECK(bench.r32(0x809c) == 1);
  }
}

TEST_CASE(
    "IHI 0070 §4.4: each opcode is CERROR_ILL where its stage or world is not there, from either queue") {
  struct Lack {
    void (*take)(smmuv3::Config&);
    std::vector<std::uint64_t> illegal, legal;
  };
  const Lack lacks[] = {
      {[](smmuv3::Config& c) { c.hypervisor = false; },
       {0x20, 0x21, 0x22, 0x23},
       {0x10, 0x11, 0x12, 0x13, 0x28, 0x2a, 0x30}},
      {[](smmuv3::Config& c) { c.stage2 = c.secure_el2 = c.hypervisor = false; },
       {0x28, 0x2a, 0x20, 0x21, 0x22, 0x23},
       {0x10, 0x11, 0x12, 0x13, 0x30}},
  };
  for (const Lack& lack : lacks)
    for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure}) {
      smmuv3::Config config = full();
      lack.take(config);
      const std::uint64_t regs = state == SecurityState::Secure ? 0x8000 : 0;
      for (const std::uint64_t opcode : lack.illegal) {
        InterfaceBench bench(config);
        INFO("opcode " << opcode);
        bench.command(opcode, 0x1001, state);
        CHECK(bench.r32(regs + 0x9c) == 0x0100'0000);
      }
      for (const std::uint64_t opcode : lack.legal) {
        InterfaceBench bench(config);
        INFO("opcode " << opcode);
        bench.command(opcode, 0x1001, state);
        CHECK(bench.r32(regs + 0x9c) == 1);
      }
    }
  smmuv3::Config config = full();
  config.stage1 = config.secure = config.secure_el2 = config.hypervisor = false;
  config.substream_id_bits = 0;
  for (const std::uint64_t opcode : {0x10U, 0x11U, 0x12U, 0x13U, 0x20U, 0x21U, 0x22U, 0x23U}) {
    InterfaceBench bench(config);
    bench.command(opcode, 0x1001);
    CHECK(bench.r32(0x9c) == 0x0100'0000);
  }
  for (const std::uint64_t opcode : {0x28U, 0x2aU, 0x30U}) {
    InterfaceBench bench(config);
    bench.command(opcode, 0x1001);
    CHECK(bench.r32(0x9c) == 1);
  }
}

}  // namespace sidewinder::test
