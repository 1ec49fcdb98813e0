// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/config.h"

#include <algorithm>

#include "iommu/layout/smmuv3_id_regs.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;

constexpr unsigned max_minor = 3;
constexpr unsigned max_stream_id_bits = 32;
constexpr unsigned max_substream_id_bits = 20;
constexpr unsigned max_queue_bits = 19;
constexpr unsigned max_stalls = 0xffff;
constexpr unsigned linear_only_stream_id_bits = 6;

std::uint32_t bit(bool set) {
  return set ? 1 : 0;
}

bool small_granule(const Config& config) {
  return config.granule_4k || config.granule_16k;
}

/// A version may have any features of the next one, and none of those after it (§2.9).
bool too_new(const Config& config, unsigned introduced_in) {
  return config.minor + 1 < introduced_in;
}

std::string streams_error(const Config& config) {
  if (config.stream_id_bits > max_stream_id_bits || config.secure_stream_id_bits > max_stream_id_bits)
    return "StreamIDs have 0 to 32 bits";
  if (config.substream_id_bits > max_substream_id_bits) return "SubstreamIDs have 0 to 20 bits";
  const unsigned widest = std::max(config.stream_id_bits, config.secure ? config.secure_stream_id_bits : 0);
  if (widest > linear_only_stream_id_bits && !config.two_level_stream_table)
    return "an SMMU with more than 64 StreamIDs has two-level stream tables";
  return {};
}

std::string stages_error(const Config& config) {
  if (!config.stage1 && !config.stage2) return "an SMMU has at least one stage of translation";
  if (config.hypervisor && !(config.stage1 && config.stage2))
    return "EL2 streams need both stages of translation";
  if (!config.hypervisor && config.minor >= 2 && config.stage1 && config.stage2)
    return "an SMMUv3.2 or later with both stages of translation has EL2 streams";
  if (config.secure && !config.stage1) return "the Secure state needs stage 1";
  if (config.secure_el2 && !config.secure) return "Secure EL2 needs the Secure state";
  if (config.secure_el2 && !config.stage2) return "Secure EL2 needs both stages of translation";
  // Which bars SMMUv3.0 from it: both are features of SMMUv3.2.
  if (config.secure_el2 && !config.small_tables) return "Secure EL2 needs small translation tables";
  return {};
}

std::string formats_error(const Config& config) {
  if (!config.aarch64 && !config.aarch32) return "an SMMU has at least one translation table format";
  if (config.aarch32 && !config.granule_4k) return "VMSAv8-32 LPAE tables need the granule of 4 KiB";
  if (config.aarch64 && !config.granule_64k && !small_granule(config))
    return "VMSAv8-64 tables need a granule";
  if (!address_encoding(config.output_bits)) return "output addresses have 32, 36, 40, 42, 44, 48 or 52 bits";
  if (config.output_bits == 52 && config.minor == 0)
    return "an SMMUv3.0 has output addresses of up to 48 bits";
  if (config.output_bits == 52 && !config.granule_64k && !config.ds)
    return "output addresses of 52 bits need the granule of 64 KiB, or LPA2";
  if (config.vax && config.minor == 0) return "an SMMUv3.0 has virtual addresses of up to 48 bits";
  if (config.vax && !config.granule_64k && !config.ds)
    return "virtual addresses of 52 bits need the granule of 64 KiB, or LPA2";
  if (config.ds && !small_granule(config)) return "LPA2 needs the granule of 4 or 16 KiB";
  if (config.ds && !config.vax) return "LPA2 needs virtual addresses of 52 bits";
  if (config.ds && too_new(config, 4)) return "LPA2 is a feature of SMMUv3.4";
  return {};
}

std::string attributes_error(const Config& config) {
  if (config.hierarchy_disable && !config.stage1) return "hierarchical attribute disables need stage 1";
  if (!config.hierarchy_disable && config.stage1 && config.minor >= 1)
    return "an SMMUv3.1 or later with stage 1 has hierarchical attribute disables";
  if (config.xnx && config.minor == 0)
    return "an SMMUv3.0 has no execute-never by Exception level at stage 2";
  if (config.xnx && !config.stage2) return "execute-never by Exception level is of stage 2";
  if (!config.xnx && config.stage2 && config.minor >= 1)
    return "an SMMUv3.1 or later with stage 2 has execute-never by Exception level there";
  if (config.small_tables && too_new(config, 2)) return "small translation tables are a feature of SMMUv3.2";
  if (config.forced_write_back && too_new(config, 2)) return "FWB is a feature of SMMUv3.2";
  if (!config.forced_write_back && config.minor >= 2) return "an SMMUv3.2 or later has FWB";
  if (config.e0pd && too_new(config, 3)) return "E0PD is a feature of SMMUv3.3";
  if (!config.e0pd && config.minor >= 3) return "an SMMUv3.3 or later has E0PD";
  if (config.walk_device_as_normal && !config.stage2) return "PTWNNC is of stage 2";
  if (config.walk_device_as_normal && too_new(config, 3)) return "PTWNNC is a feature of SMMUv3.3";
  if (!config.walk_device_as_normal && config.stage2 && config.minor >= 3)
    return "an SMMUv3.3 or later with stage 2 has PTWNNC";
  return {};
}

std::string pcie_error(const Config& config) {
  if (config.pri && !config.ats) return "PRI needs ATS";
  if (config.ats_error_records && !config.ats) return "records of ATS errors need ATS";
  if (config.ats_error_records && too_new(config, 3))
    return "records of ATS errors are a feature of SMMUv3.3";
  if (config.no_secure_ats_commands && !(config.ats && config.secure))
    return "S_IDR3.SAMS means something with ATS and the Secure state alone";
  if (config.no_split_stage_ats && !(config.ats && config.stage1 && config.stage2))
    return "IDR0.NS1ATS means something with ATS and both stages of translation alone";
  if (config.pasid_in_auto_response && !(config.pri && config.substream_id_bits != 0))
    return "PASIDs in automatic responses need PRI and substreams";
  if (config.ats && config.stall_model == StallModel::Forced)
    return "an SMMU of a PCIe system must not force stalls";
  return {};
}

std::string maintenance_error(const Config& config) {
  if (config.stall_max > max_stalls) return "IDR5.STALL_MAX is 0 to 65535";
  if ((config.stall_max == 0) != (config.stall_model == StallModel::NoStall))
    return "some transactions can be stalled at a time if and only if there is a stall model";
  if (config.range_invalidation && too_new(config, 2)) return "range invalidation is a feature of SMMUv3.2";
  if (!config.range_invalidation && config.minor >= 2) return "an SMMUv3.2 or later has range invalidation";
  if (config.bbml > 2) return "IDR3.BBML is 0 to 2";
  if (config.bbml != 0 && too_new(config, 2)) return "BBML is a feature of SMMUv3.2";
  if (config.bbml == 0 && config.minor >= 2) return "an SMMUv3.2 or later has a BBML of 1 or 2";
  if (config.command_queue_bits > max_queue_bits || config.event_queue_bits > max_queue_bits ||
      config.pri_queue_bits > max_queue_bits)
    return "queues have at most 2^19 entries";
  return {};
}

std::string identity_error(const Identity& identity) {
  if (identity.product > IIDR::ProductID::max) return "IIDR.ProductID is 0 to 0xfff";
  if (identity.variant > IIDR::Variant::max || identity.revision > IIDR::Revision::max)
    return "IIDR.Variant and IIDR.Revision are 0 to 15";
  if (identity.implementer > IIDR::Implementer::max || (identity.implementer & 0x80) != 0)
    return "IIDR.Implementer is a JEP106 code, whose bit 7 is 0";
  return {};
}

std::string caches_error(const CacheShapes& caches) {
  constexpr const char* wrong = " must have ways that divide its entries";
  if (!caches.micro_tlb.valid()) return std::string("the micro-TLB") + wrong;
  if (!caches.tlb.valid()) return std::string("the TLB") + wrong;
  if (!caches.configuration.valid()) return std::string("the configuration cache") + wrong;
  for (const auto& shape : caches.stage1_walk)
    if (!shape.valid()) return std::string("each walk cache of stage 1") + wrong;
  for (const auto& shape : caches.stage2_walk)
    if (!shape.valid()) return std::string("each walk cache of stage 2") + wrong;
  return {};
}

}  // namespace

std::string validate(const Config& config) {
  if (config.minor > max_minor) return "SMMUv3.0 to SMMUv3.3 are known";
  for (const auto error :
       {streams_error, stages_error, formats_error, attributes_error, pcie_error, maintenance_error})
    if (std::string text = error(config); !text.empty()) return text;
  if (std::string text = identity_error(config.identity); !text.empty()) return text;
  return caches_error(config.caches);
}

unsigned intermediate_bits(const Config& config) {
  constexpr unsigned lpae_bits = 40;
  return std::max(config.aarch32 ? lpae_bits : 0, config.aarch64 ? config.output_bits : 0);
}

unsigned smallest_granule_shift(const Config& config) {
  if (config.granule_4k || !config.aarch64) return 12;
  return config.granule_16k ? 14 : 16;
}

StallModel stall_model(const Config& config, SecurityState state, bool nsstalld) {
  const bool restricted = config.secure && nsstalld && state == SecurityState::NonSecure;
  return restricted && config.stall_model == StallModel::Both ? StallModel::NoStall : config.stall_model;
}

IDR0 idr0(const Config& config) {
  return IDR0{}
      .set<IDR0::S2P>(bit(config.stage2))
      .set<IDR0::S1P>(bit(config.stage1))
      .set<IDR0::TTF>(bit(config.aarch64) << 1 | bit(config.aarch32))
      .set<IDR0::COHACC>(bit(config.coherent))
      .set<IDR0::HTTU>(static_cast<std::uint32_t>(config.httu))
      .set<IDR0::Hyp>(bit(config.hypervisor))
      .set<IDR0::ATS>(bit(config.ats))
      .set<IDR0::NS1ATS>(bit(config.no_split_stage_ats))
      .set<IDR0::ASID16>(bit(config.asid16))
      .set<IDR0::MSI>(bit(config.msi))
      .set<IDR0::SEV>(bit(config.wake_up_events))
      .set<IDR0::ATOS>(bit(config.address_translation_operations))
      .set<IDR0::PRI>(bit(config.pri))
      .set<IDR0::VMID16>(bit(config.vmid16))
      .set<IDR0::CD2L>(bit(config.two_level_cd_table))
      .set<IDR0::TTENDIAN>(static_cast<std::uint32_t>(config.endianness))
      .set<IDR0::ATSRECERR>(bit(config.ats_error_records))
      .set<IDR0::STALL_MODEL>(static_cast<std::uint32_t>(config.stall_model))
      .set<IDR0::TERM_MODEL>(bit(config.always_abort))
      .set<IDR0::ST_LEVEL>(bit(config.two_level_stream_table));
}

IDR1 idr1(const Config& config) {
  return IDR1{}
      .set<IDR1::SIDSIZE>(config.stream_id_bits)
      .set<IDR1::SSIDSIZE>(config.substream_id_bits)
      .set<IDR1::PRIQS>(config.pri ? config.pri_queue_bits : 0)
      .set<IDR1::EVENTQS>(config.event_queue_bits)
      .set<IDR1::CMDQS>(config.command_queue_bits)
      .set<IDR1::ATTR_PERMS_OVR>(bit(config.override_permissions))
      .set<IDR1::ATTR_TYPES_OVR>(bit(config.override_types));
}

IDR2 idr2() {
  return {};
}

IDR3 idr3(const Config& config) {
  return IDR3{}
      .set<IDR3::HAD>(bit(config.hierarchy_disable))
      .set<IDR3::XNX>(bit(config.xnx))
      .set<IDR3::PPS>(bit(config.pasid_in_auto_response))
      .set<IDR3::FWB>(bit(config.forced_write_back))
      .set<IDR3::STT>(bit(config.small_tables))
      .set<IDR3::RIL>(bit(config.range_invalidation))
      .set<IDR3::BBML>(config.bbml)
      .set<IDR3::E0PD>(bit(config.e0pd))
      .set<IDR3::PTWNNC>(bit(config.walk_device_as_normal));
}

IDR4 idr4() {
  return {};
}

IDR5 idr5(const Config& config) {
  return IDR5{}
      .set<IDR5::OAS>(address_encoding(config.output_bits).value_or(0))
      .set<IDR5::GRAN4K>(bit(config.granule_4k))
      .set<IDR5::GRAN16K>(bit(config.granule_16k))
      .set<IDR5::GRAN64K>(bit(config.granule_64k))
      .set<IDR5::DS>(bit(config.ds))
      .set<IDR5::VAX>(bit(config.vax))
      .set<IDR5::STALL_MAX>(config.stall_max);
}

IIDR iidr(const Config& config) {
  return IIDR{}
      .set<IIDR::Implementer>(config.identity.implementer)
      .set<IIDR::Revision>(config.identity.revision)
      .set<IIDR::Variant>(config.identity.variant)
      .set<IIDR::ProductID>(config.identity.product);
}

AIDR aidr(const Config& config) {
  return AIDR{}.set<AIDR::ArchMinorRev>(config.minor);
}

S_IDR0 s_idr0(const Config& config) {
  if (!config.secure) return {};
  return S_IDR0{}
      .set<S_IDR0::MSI>(bit(config.msi))
      .set<S_IDR0::STALL_MODEL>(static_cast<std::uint32_t>(config.stall_model));
}

S_IDR1 s_idr1(const Config& config) {
  if (!config.secure) return {};
  return S_IDR1{}
      .set<S_IDR1::S_SIDSIZE>(config.secure_stream_id_bits)
      .set<S_IDR1::SEL2>(bit(config.secure_el2))
      .set<S_IDR1::SECURE_IMPL>(1);
}

S_IDR2 s_idr2() {
  return {};
}

S_IDR3 s_idr3(const Config& config) {
  return S_IDR3{}.set<S_IDR3::SAMS>(bit(config.no_secure_ats_commands));
}

S_IDR4 s_idr4() {
  return {};
}

std::uint32_t id_regs(const Config& config, std::uint32_t offset) {
  const Identity& identity = config.identity;
  switch (offset) {
    case page0::PIDR0:
      return PIDR0{}.set<PIDR0::PART_0>(identity.product).raw;
    case page0::PIDR1:
      return PIDR1{}.set<PIDR1::PART_1>(identity.product >> 8).set<PIDR1::DES_0>(identity.implementer).raw;
    case page0::PIDR2:
      return PIDR2{}
          .set<PIDR2::DES_1>(identity.implementer >> 4)
          .set<PIDR2::JEDEC>(1)
          .set<PIDR2::REVISION>(identity.variant)
          .raw;
    case page0::PIDR3:
      return PIDR3{}.set<PIDR3::REVAND>(identity.revision).raw;
    case page0::PIDR4:
      return PIDR4{}.set<PIDR4::DES_2>(identity.implementer >> 8).raw;
    case page0::CIDR0:
      return cidr0;
    case page0::CIDR1:
      return cidr1;
    case page0::CIDR2:
      return cidr2;
    case page0::CIDR3:
      return cidr3;
    default:
      return 0;
  }
}

}  // namespace sidewinder::smmuv3
