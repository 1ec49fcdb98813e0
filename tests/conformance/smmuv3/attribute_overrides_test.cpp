// SPDX-License-Identifier: Apache-2.0
//
// What STE, GBPA and S_GBPA replace of a transaction's attributes, and what of INST, PRIV and NS goes out.

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "iommu/smmuv3/attributes.h"
#include "tests/support/attribute_text.h"

namespace sidewinder::test {
namespace {

using smmuv3::InputAttributes;
using smmuv3::OverrideFields;
using smmuv3::SecurityState;

constexpr SecurityState both_streams[]{SecurityState::NonSecure, SecurityState::Secure};

/// Every field says "use incoming".
constexpr OverrideFields incoming{.shcfg = 1};

InputAttributes with(const OverrideFields& fields, const InputAttributes& input,
                     SecurityState stream = SecurityState::Secure) {
  return smmuv3::replace(input, smmuv3::overrides_of(fields, true, true), stream);
}

/// The memory attributes alone.
std::string replaced(const OverrideFields& fields, const char* memory) {
  InputAttributes input;
  input.memory = attributes(memory);
  return text(with(fields, input).memory);
}

InputAttributes access(bool write, bool instruction, bool privileged, bool secure) {
  InputAttributes made;
  made.write = write, made.instruction = instruction, made.privileged = privileged, made.secure = secure;
  return made;
}

/// Every INST, PRIV and NS of a read and of a write.
template <typename Check>
void for_all_accesses(Check check) {
  for (unsigned code = 0; code < 16; ++code)
    check(access((code & 8) != 0, (code & 4) != 0, (code & 2) != 0, (code & 1) != 0));
}

std::uint8_t byte(unsigned value) {
  return static_cast<std::uint8_t>(value);
}

/// Replaces everything: Normal-iWB/nRAnWAnTR-oWB/nRAnWAnTR-OSH, Non-secure, Privileged, Instruction.
constexpr OverrideFields everything{
    .mtcfg = true, .mem_attr = 15, .alloccfg = 8, .shcfg = 2, .nscfg = 3, .privcfg = 3, .instcfg = 3};

}  // namespace

TEST_CASE("IHI 0070 §13.1.3: attributes that are not supplied have the default values") {
  const InputAttributes input;
  CHECK(text(input.memory) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-NSH");
  CHECK_FALSE(input.instruction);
  CHECK_FALSE(input.privileged);
  CHECK_FALSE(input.secure);
}

TEST_CASE("IHI 0070 §13.1.4: without an override every attribute is the incoming one") {
  for (const char* memory : {"Device-nGRE-OSH", "Normal-iNC-oNC-OSH", "Normal-iWB/RAnWATR-oNC-ISH",
                             "Normal-iWT/nRAWAnTR-oWB/RAnWATR-NSH"})
    CHECK(replaced(incoming, memory) == memory);
  for_all_accesses([](const InputAttributes& input) {
    const InputAttributes got = with(incoming, input);
    CHECK(got.write == input.write);
    CHECK(got.privileged == input.privileged);
    CHECK(got.secure == input.secure);
    CHECK(got.instruction == (input.instruction && !input.write));
  });
}

TEST_CASE("IHI 0070 §5.2 MTCFG: 1 replaces type and cacheability by MemAttr's, 0 keeps them") {
  constexpr const char* names[16]{
      "Device-nGnRnE-OSH",
      "Device-nGnRE-OSH",
      "Device-nGRE-OSH",
      "Device-GRE-OSH",
      "Device-nGnRnE-OSH",
      "Normal-iNC-oNC-OSH",
      "Normal-iWT/RAnWAnTR-oNC-ISH",
      "Normal-iWB/RAnWAnTR-oNC-ISH",
      "Device-nGnRnE-OSH",
      "Normal-iNC-oWT/RAnWAnTR-ISH",
      "Normal-iWT/RAnWAnTR-oWT/RAnWAnTR-ISH",
      "Normal-iWB/RAnWAnTR-oWT/RAnWAnTR-ISH",
      "Device-nGnRnE-OSH",
      "Normal-iNC-oWB/RAnWAnTR-ISH",
      "Normal-iWT/RAnWAnTR-oWB/RAnWAnTR-ISH",
      "Normal-iWB/RAnWAnTR-oWB/RAnWAnTR-ISH",
  };
  const char* input = "Normal-iWT/RAnWAnTR-oWB/RAnWAnTR-ISH";
  for (unsigned mem_attr = 0; mem_attr < 16; ++mem_attr) {
    OverrideFields fields = incoming;
    fields.mem_attr = byte(mem_attr);
    CHECK(replaced(fields, input) == input);
    fields.mtcfg = true;
    CHECK(replaced(fields, input) == names[mem_attr]);
  }
}

TEST_CASE("IHI 0070 §13.1.3, §13.1.4: a level that an override makes cacheable has the default hints") {
  OverrideFields fields = incoming;
  fields.mtcfg = true;
  fields.mem_attr = 15;
  CHECK(replaced(fields, "Normal-iNC-oNC-OSH") == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
  CHECK(replaced(fields, "Device-GRE-OSH") == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
  CHECK(replaced(fields, "Normal-iNC-oWT/nRAWATR-ISH") == "Normal-iWB/RAWAnTR-oWB/nRAWATR-ISH");
  CHECK(replaced(fields, "Normal-iWT/nRAWATR-oNC-ISH") == "Normal-iWB/nRAWATR-oWB/RAWAnTR-ISH");
  fields.alloccfg = 0b1011;
  CHECK(replaced(fields, "Device-GRE-OSH") == "Normal-iWB/nRAWATR-oWB/nRAWATR-OSH");
}

TEST_CASE("IHI 0070 §5.2 ALLOCCFG: 1RWT replaces the hints of cacheable levels, 0xxx keeps them") {
  constexpr const char* hints[8]{
      "nRAnWAnTR", "nRAnWAnTR" /* T means nothing */, "nRAWAnTR", "nRAWATR", "RAnWAnTR", "RAnWATR", "RAWAnTR",
      "RAWATR"};
  for (unsigned config = 0; config < 8; ++config) {
    OverrideFields fields = incoming;
    const std::string word = hints[config];
    fields.alloccfg = byte(config);
    for (const char* kept : {"Normal-iWB/RAnWATR-oWT/nRAWAnTR-ISH", "Device-nGRE-OSH", "Normal-iNC-oNC-OSH"})
      CHECK(replaced(fields, kept) == kept);
    fields.alloccfg = byte(8 + config);
    CHECK(replaced(fields, "Normal-iWB/RAnWATR-oWT/nRAWAnTR-ISH") ==
          "Normal-iWB/" + word + "-oWT/" + word + "-ISH");
    CHECK(replaced(fields, "Normal-iNC-oWT/nRAWAnTR-ISH") == "Normal-iNC-oWT/" + word + "-ISH");
    CHECK(replaced(fields, "Normal-iWT/nRAWAnTR-oNC-ISH") == "Normal-iWT/" + word + "-oNC-ISH");
    CHECK(replaced(fields, "Normal-iNC-oNC-OSH") == "Normal-iNC-oNC-OSH");
    CHECK(replaced(fields, "Device-nGRE-OSH") == "Device-nGRE-OSH");
    fields.mtcfg = true;
    fields.mem_attr = 5;
    CHECK(replaced(fields, "Normal-iWB/RAnWATR-oWT/nRAWAnTR-ISH") == "Normal-iNC-oNC-OSH");
  }
}

TEST_CASE("IHI 0070 §5.2 SHCFG: 0, 2 and 3 replace the shareability of what is cacheable, 1 keeps it") {
  const auto shareability = [](unsigned shcfg, const char* memory) {
    OverrideFields fields = incoming;
    fields.shcfg = byte(shcfg);
    const std::string got = replaced(fields, memory);
    return got.substr(got.size() - 3);
  };
  for (const char* sh : {"NSH", "ISH", "OSH"})
    for (const char* memory :
         {"Normal-iWB/RAWAnTR-oWB/RAWAnTR-", "Normal-iNC-oWT/RAWAnTR-", "Normal-iWT/RAWAnTR-oNC-"}) {
      const std::string input = std::string{memory} + sh;
      CHECK(shareability(0, input.c_str()) == "NSH");
      CHECK(shareability(1, input.c_str()) == sh);
      CHECK(shareability(2, input.c_str()) == "OSH");
      CHECK(shareability(3, input.c_str()) == "ISH");
    }
  for (unsigned shcfg = 0; shcfg < 4; ++shcfg) {
    CHECK(shareability(shcfg, "Device-GRE-OSH") == "OSH");
    CHECK(shareability(shcfg, "Normal-iNC-oNC-OSH") == "OSH");
  }
}

TEST_CASE("IHI 0070 §13.1.4: what MTCFG makes Device or Non-cacheable goes into stage 2 Outer Shareable") {
  for (const unsigned mem_attr : {1U, 5U})
    for (unsigned shcfg = 0; shcfg < 4; ++shcfg) {
      OverrideFields fields{.mtcfg = true, .mem_attr = byte(mem_attr), .shcfg = byte(shcfg)};
      const InputAttributes device = with(fields, {});
      CHECK(device.memory.shareability == arch::Shareability::OuterShareable);
      arch::Mapping second;  // S2FWB makes it Write-Back again, non-shareable by itself
      second.stage2 = true;
      second.second.attributes = 6;
      CHECK(text(smmuv3::output_attributes(device, &second, true, SecurityState::NonSecure, 4).memory) ==
            "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
    }
}

TEST_CASE("IHI 0070 §16.7.5.2: a Device input made Write-Back with its own shareability is Outer Shareable") {
  OverrideFields fields{.mtcfg = true, .mem_attr = 15, .shcfg = 1};
  InputAttributes input;
  input.memory = {};
  input.memory.shareability =
      arch::Shareability::NonShareable;  // what a client says of Device has no meaning
  CHECK(text(with(fields, input).memory) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-OSH");
  fields.shcfg = 3;
  CHECK(text(with(fields, input).memory) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
}

TEST_CASE("IHI 0070 §5.2 PRIVCFG: 2 is Unprivileged, 3 Privileged, 0 and the reserved 1 incoming") {
  for_all_accesses([](const InputAttributes& input) {
    for (unsigned config = 0; config < 4; ++config) {
      OverrideFields fields = incoming;
      fields.privcfg = byte(config);
      const InputAttributes got = with(fields, input);
      CHECK(got.privileged == (config == 3 || (config < 2 && input.privileged)));
      CHECK(got.instruction == (input.instruction && !input.write));
      CHECK(got.secure == input.secure);
    }
  });
}

TEST_CASE("IHI 0070 §5.2 INSTCFG, §13.1.2: 2 is Data, 3 Instruction, others incoming, but writes are Data") {
  for_all_accesses([](const InputAttributes& input) {
    for (unsigned config = 0; config < 4; ++config) {
      OverrideFields fields = incoming;
      fields.instcfg = byte(config);
      const InputAttributes got = with(fields, input);
      CHECK(got.instruction == (!input.write && (config == 3 || (config < 2 && input.instruction))));
      CHECK(got.privileged == input.privileged);
      CHECK(got.secure == input.secure);
    }
  });
}

TEST_CASE("IHI 0070 §5.2 NSCFG: 2 is Secure, 3 Non-secure, others incoming, on Secure streams alone") {
  for_all_accesses([](const InputAttributes& input) {
    for (unsigned config = 0; config < 4; ++config) {
      OverrideFields fields = incoming;
      fields.nscfg = byte(config);
      const InputAttributes got = with(fields, input, SecurityState::Secure);
      CHECK(got.secure == (config == 2 || (config < 2 && input.secure)));
      CHECK(got.privileged == input.privileged);
      CHECK_FALSE(with(fields, input, SecurityState::NonSecure).secure);
    }
  });
}

TEST_CASE("IHI 0070 §6.3.2 ATTR_TYPES_OVR: 0 keeps type, hints and shareability whatever the fields hold") {
  InputAttributes input;
  for (const char* memory : {"Normal-iWT/RAnWATR-oWB/nRAWAnTR-ISH", "Device-nGRE-OSH"})
    for (unsigned shcfg = 0; shcfg < 4; ++shcfg) {
      OverrideFields fields = everything;
      fields.shcfg = byte(shcfg);  // RES0 is not "incoming" in this field
      input.memory = attributes(memory);
      const auto overrides = smmuv3::overrides_of(fields, false, true);
      const InputAttributes got = smmuv3::replace(input, overrides, SecurityState::Secure);
      CHECK(text(got.memory) == memory);
      CHECK(got.privileged);
      CHECK(got.instruction);
      const OverrideFields nothing{.shcfg = 0};
      CHECK(text(smmuv3::replace(input, smmuv3::overrides_of(nothing, false, true), SecurityState::Secure)
                     .memory) == memory);
    }
}

TEST_CASE("IHI 0070 §6.3.2 ATTR_PERMS_OVR: 0 keeps NS, PRIV and INST whatever the fields hold") {
  for_all_accesses([](const InputAttributes& input) {
    for (unsigned config = 0; config < 4; ++config) {
      OverrideFields fields = everything;
      fields.nscfg = fields.privcfg = fields.instcfg = byte(config);
      const InputAttributes got =
          smmuv3::replace(input, smmuv3::overrides_of(fields, true, false), SecurityState::Secure);
      CHECK(got.secure == input.secure);
      CHECK(got.privileged == input.privileged);
      CHECK(got.instruction == (input.instruction && !input.write));
      CHECK(text(got.memory) == "Normal-iWB/nRAnWAnTR-oWB/nRAnWAnTR-OSH");
    }
  });
}

TEST_CASE("IHI 0070 §13.2, §13.3: a transaction that bypasses goes out as the overrides make it") {
  for (const SecurityState stream : both_streams)
    for_all_accesses([&](const InputAttributes& input) {
      for (const OverrideFields& fields : {incoming, everything}) {
        const InputAttributes effective = with(fields, input, stream);
        const auto out = smmuv3::output_attributes(effective, nullptr, false, stream, 3);
        CHECK(out.memory == effective.memory);
        CHECK(out.secure == effective.secure);
        CHECK(out.privileged == effective.privileged);
        CHECK(out.instruction == effective.instruction);
      }
    });
}

TEST_CASE("IHI 0070 §13.1.2: INST and PRIV go out as overridden, from SMMUv3.4 on as Data and Privileged") {
  arch::Mapping mapping;
  mapping.stage1 = true;
  mapping.first.attributes = 0xff;
  for_all_accesses([&](const InputAttributes& input) {
    const InputAttributes effective = with(incoming, input);
    for (const arch::Mapping* how : {static_cast<const arch::Mapping*>(nullptr), &std::as_const(mapping)})
      for (unsigned minor = 0; minor <= 5; ++minor) {
        const auto out = smmuv3::output_attributes(effective, how, false, SecurityState::Secure, minor);
        CHECK(out.instruction == (minor < 4 && input.instruction && !input.write));
        CHECK(out.privileged == (minor >= 4 || input.privileged));
      }
  });
}

TEST_CASE("IHI 0070 §13.4.4, §13.5: NS goes out as translated, and is 1 for Non-secure streams") {
  for (const bool incoming_secure : {false, true})
    for (const bool mapped_secure : {false, true})
      for (unsigned stages = 1; stages < 4; ++stages) {
        arch::Mapping mapping;
        mapping.stage1 = (stages & 1) != 0;
        mapping.stage2 = (stages & 2) != 0;
        mapping.output_secure = mapped_secure;
        const InputAttributes input = access(false, false, false, incoming_secure);
        CHECK(smmuv3::output_attributes(input, &mapping, false, SecurityState::Secure, 4).secure ==
              mapped_secure);
        CHECK(smmuv3::output_attributes(input, nullptr, false, SecurityState::Secure, 4).secure ==
              incoming_secure);
        CHECK_FALSE(smmuv3::output_attributes(input, &mapping, false, SecurityState::NonSecure, 4).secure);
        CHECK_FALSE(smmuv3::output_attributes(input, nullptr, false, SecurityState::NonSecure, 4).secure);
      }
}

TEST_CASE("IHI 0070 §13.5: overrides of type and shareability do not get past stage 1, those of hints do") {
  arch::Mapping first;
  first.stage1 = true;
  first.first.attributes = 0xff;
  first.first.shareability = 3;
  const auto out = [&](const OverrideFields& fields) {
    return text(smmuv3::output_attributes(with(fields, {}), &first, false, SecurityState::Secure, 4).memory);
  };
  OverrideFields fields{.mtcfg = true, .mem_attr = 1, .alloccfg = 0b1010, .shcfg = 2};
  CHECK(out(fields) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");  // Device has no hints
  fields.mem_attr = 10;
  CHECK(out(fields) == "Normal-iWB/nRAWAnTR-oWB/nRAWAnTR-ISH");
  fields.mtcfg = false;
  CHECK(out(fields) == "Normal-iWB/nRAWAnTR-oWB/nRAWAnTR-ISH");
  fields.alloccfg = 0;
  CHECK(out(fields) == "Normal-iWB/RAWAnTR-oWB/RAWAnTR-ISH");
}

}  // namespace sidewinder::test
