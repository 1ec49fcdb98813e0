// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "iommu/smmuv3/config.h"

namespace sidewinder::test {
namespace {

using smmuv3::Config;

/// Nothing that could be absent is there.
Config least() {
  Config config;
  config.minor = 0;
  config.stream_id_bits = config.secure_stream_id_bits = config.substream_id_bits = 0;
  config.two_level_stream_table = config.two_level_cd_table = false;
  config.stage2 = config.hypervisor = config.aarch32 = config.granule_4k = config.granule_16k = false;
  config.output_bits = 32;
  config.asid16 = config.vmid16 = false;
  config.httu = smmuv3::Httu::None;
  config.small_tables = config.hierarchy_disable = config.xnx = config.e0pd = config.forced_write_back =
      false;
  config.walk_device_as_normal = config.override_types = config.override_permissions = false;
  config.range_invalidation = config.coherent = config.msi = false;
  config.bbml = config.command_queue_bits = config.event_queue_bits = 0;
  config.stall_max = 1;
  return config;
}

/// Everything is there.
Config most() {
  Config config;
  config.stream_id_bits = 32;
  config.secure_stream_id_bits = 31;
  config.output_bits = 52;
  config.secure = config.secure_el2 = config.vax = config.ds = config.ats = config.pri = true;
  config.no_split_stage_ats = config.ats_error_records = config.pasid_in_auto_response = true;
  config.no_secure_ats_commands = config.wake_up_events = true;
  config.always_abort = config.address_translation_operations = true;
  config.endianness = smmuv3::TableEndianness::Big;
  config.command_queue_bits = 19;
  config.event_queue_bits = 18;
  config.pri_queue_bits = 17;
  config.stall_max = 0xabcd;
  return config;
}

}  // namespace

TEST_CASE("IHI 0070 §6.3.1 to §6.3.8: what an SMMU does not have reads as absent") {
  const Config config = least();
  REQUIRE(validate(config) == "");
  CHECK(idr0(config).raw == 0x0000'000a);  // TTF, S1P
  CHECK(idr1(config).raw == 0);
  CHECK(smmuv3::idr2().raw == 0);
  CHECK(idr3(config).raw == 0);
  CHECK(smmuv3::idr4().raw == 0);
  CHECK(idr5(config).raw == 0x0001'0040);
  CHECK(aidr(config).raw == 0);
}

TEST_CASE("IHI 0070 §6.3.1 to §6.3.8: what an SMMU has is advertised, each in its field") {
  const Config config = most();
  REQUIRE(validate(config) == "");
  CHECK(idr0(config).raw == 0x0ced'fe9f);
  CHECK(idr1(config).raw == 0x0e72'8d20);
  CHECK(smmuv3::idr2().raw == 0);
  CHECK(idr3(config).raw == 0x0000'7734);
  CHECK(idr5(config).raw == 0xabcd'04f6);
  CHECK(aidr(config).raw == 0x3);
}

TEST_CASE("IHI 0070 §6.3.52 to §6.3.56: the Secure registers are 0 without a Secure state") {
  Config config = most();
  CHECK(s_idr0(config).raw == 0x0000'2000);
  CHECK(s_idr1(config).raw == 0xa000'001f);
  CHECK(smmuv3::s_idr2().raw == 0);
  CHECK(s_idr3(config).raw == 0x40);
  CHECK(smmuv3::s_idr4().raw == 0);
  config.stall_model = smmuv3::StallModel::NoStall;
  CHECK(s_idr0(config).raw == 0x0100'2000);
  config.secure_el2 = config.msi = config.no_secure_ats_commands = false;
  CHECK(s_idr0(config).raw == 0x0100'0000);
  CHECK(s_idr1(config).raw == 0x8000'001f);
  CHECK(s_idr3(config).raw == 0);

  config.secure = false;
  CHECK(s_idr0(config).raw == 0);
  CHECK(s_idr1(config).raw == 0);
  CHECK(s_idr3(config).raw == 0);
}

TEST_CASE("IHI 0070 §6.3.1, §6.3.6: each value of STALL_MODEL, HTTU, TTENDIAN, TTF and OAS") {
  Config config = least();
  for (const auto& [model, bits] : {std::pair{smmuv3::StallModel::Both, 0U},
                                    {smmuv3::StallModel::NoStall, 1U},
                                    {smmuv3::StallModel::Forced, 2U}}) {
    config.stall_model = model;
    CHECK((idr0(config).raw >> 24 & 3) == bits);
  }
  for (const auto& [httu, bits] : {std::pair{smmuv3::Httu::None, 0U},
                                   {smmuv3::Httu::AccessFlag, 1U},
                                   {smmuv3::Httu::AccessFlagAndDirty, 2U}}) {
    config.httu = httu;
    CHECK((idr0(config).raw >> 6 & 3) == bits);
  }
  using smmuv3::TableEndianness;
  for (const auto& [endianness, bits] :
       {std::pair{TableEndianness::Mixed, 0U}, {TableEndianness::Little, 2U}, {TableEndianness::Big, 3U}}) {
    config.endianness = endianness;
    CHECK((idr0(config).raw >> 21 & 3) == bits);
  }
  config.aarch64 = false;
  config.aarch32 = true;
  CHECK((idr0(config).raw >> 2 & 3) == 1);
  for (const auto& [size, bits] :
       {std::pair{32U, 0U}, {36U, 1U}, {40U, 2U}, {42U, 3U}, {44U, 4U}, {48U, 5U}, {52U, 6U}}) {
    config.output_bits = size;
    CHECK((idr5(config).raw & 7) == bits);
  }
}

TEST_CASE("IHI 0070 §6.3.2: without PRI the size of its queue reads as 0") {
  Config config = most();
  config.pri = config.pasid_in_auto_response = false;
  CHECK(idr1(config).raw == 0x0e72'0520);
}

TEST_CASE("IHI 0070 §3.4: IAS is 40 bits or the OAS, as the table formats have it") {
  Config config;
  for (const auto& [size, lpae, both] :
       {std::tuple{32U, 40U, 40U}, {40U, 40U, 40U}, {44U, 40U, 44U}, {52U, 40U, 52U}}) {
    config.output_bits = size;
    config.aarch32 = config.aarch64 = true;
    CHECK(intermediate_bits(config) == both);
    config.aarch32 = false;
    CHECK(intermediate_bits(config) == size);
    config.aarch32 = true;
    config.aarch64 = false;
    CHECK(intermediate_bits(config) == lpae);
  }
}

TEST_CASE("IHI 0070 §6.3.1, §6.3.57: NSSTALLD takes stalls from Non-secure streams where there is a choice") {
  using smmuv3::SecurityState;
  using smmuv3::StallModel;
  Config config;
  config.secure = true;
  CHECK(stall_model(config, SecurityState::NonSecure, false) == StallModel::Both);
  CHECK(stall_model(config, SecurityState::NonSecure, true) == StallModel::NoStall);
  CHECK(stall_model(config, SecurityState::Secure, true) == StallModel::Both);
  config.stall_model = StallModel::Forced;
  CHECK(stall_model(config, SecurityState::NonSecure, true) == StallModel::Forced);
  config.stall_model = StallModel::Both;
  config.secure = false;
  CHECK(stall_model(config, SecurityState::NonSecure, true) == StallModel::Both);
}

}  // namespace sidewinder::test
