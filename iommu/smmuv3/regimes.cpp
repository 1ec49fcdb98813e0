// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/regimes.h"

#include "iommu/arch/memory_attributes.h"
#include "iommu/smmuv3/cd.h"
#include "iommu/smmuv3/table_fields.h"

namespace sidewinder::smmuv3 {
namespace {

using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using layout::vmsa64::Granule;

constexpr std::uint64_t lpae_t0sz_mask = 7;

/// The widest: what a CD or STE says has been checked.
constexpr std::uint8_t any_min_tsz = 0, any_max_tsz = 63;

arch::HardwareUpdate hardware_update(bool available, bool access_flag, bool dirty_state) {
  return {.access_flag = available && access_flag, .dirty_state = available && access_flag && dirty_state};
}

arch::MemoryAttributes table_attributes(std::uint64_t inner, std::uint64_t outer, std::uint64_t sh) {
  return arch::from_table_region(static_cast<std::uint8_t>(inner), static_cast<std::uint8_t>(outer),
                                 static_cast<std::uint8_t>(sh));
}

/// EL1 and EL2 of Secure, and EL3: where NS and NSTable mean something.
bool is_secure(StreamWorld world) {
  return world >= StreamWorld::Secure;
}

arch::Ttb ttb0(const Cd& cd, StreamWorld world, const Config& config) {
  const bool vmsa64 = cd.is_set<Cd::AA64>();
  return {.base = table_address(cd.address<Cd::TTB0>(), config),
          .tsz = static_cast<std::uint8_t>(cd.get<Cd::T0SZ>() & (vmsa64 ? 63 : lpae_t0sz_mask)),
          .granule = vmsa64 ? granule_of_tg0(cd.get<Cd::TG0>()).value_or(Granule::Size4K) : Granule::Size4K,
          .walk_disabled = ttb0_disabled(cd, world),
          .top_byte_ignored = vmsa64 && cd.is_set<Cd::TBI0>(),
          .hierarchy_disabled = config.hierarchy_disable && cd.is_set<Cd::HAD0>(),
          .unprivileged_disabled = config.e0pd && vmsa64 && has_asid(world) && cd.is_set<Cd::E0PD0>(),
          .non_secure_table = cd.is_set<Cd::NSCFG0>(),
          .shareability = static_cast<std::uint8_t>(cd.get<Cd::SH0>()),
          .table_attributes = table_attributes(cd.get<Cd::IR0>(), cd.get<Cd::OR0>(), cd.get<Cd::SH0>())};
}

arch::Ttb ttb1(const Cd& cd, StreamWorld world, const Config& config) {
  const bool vmsa64 = cd.is_set<Cd::AA64>();
  return {.base = table_address(cd.address<Cd::TTB1>(), config),
          .tsz = static_cast<std::uint8_t>(cd.get<Cd::T1SZ>() & (vmsa64 ? 63 : lpae_t0sz_mask)),
          .granule = vmsa64 ? granule_of_tg1(cd.get<Cd::TG1>()).value_or(Granule::Size4K) : Granule::Size4K,
          .walk_disabled = ttb1_disabled(cd, world),
          .top_byte_ignored = vmsa64 && cd.is_set<Cd::TBI1>(),
          .hierarchy_disabled = config.hierarchy_disable && cd.is_set<Cd::HAD1>(),
          .unprivileged_disabled = config.e0pd && vmsa64 && has_asid(world) && cd.is_set<Cd::E0PD1>(),
          .non_secure_table = cd.is_set<Cd::NSCFG1>(),
          .shareability = static_cast<std::uint8_t>(cd.get<Cd::SH1>()),
          .table_attributes = table_attributes(cd.get<Cd::IR1>(), cd.get<Cd::OR1>(), cd.get<Cd::SH1>())};
}

arch::Stage2Table stage2_table(const Stage2Fields& fields, const Ste& ste, const Config& config) {
  if (!ste.is_set<Ste::S2AA64>())
    return {.base = fields.ttb,
            .tsz = static_cast<std::uint8_t>(64 - lpae_stage2_input_bits(fields.t0sz)),
            .start_level = static_cast<std::int8_t>(lpae_stage2_start_level(fields).value_or(1))};
  return {.base = fields.ttb,
          .tsz = static_cast<std::uint8_t>(fields.t0sz),
          .start_level =
              static_cast<std::int8_t>(stage2_start_level(fields, lpa2(ste, config), config).value_or(0)),
          .granule = granule_of_tg0(fields.tg).value_or(Granule::Size4K)};
}

}  // namespace

arch::Stage1 stage1_regime(const Cd& cd, StreamWorld world, bool secure_instruction_fetch,
                           const Config& config) {
  const bool vmsa64 = cd.is_set<Cd::AA64>();
  return {.ttb = {ttb0(cd, world, config), ttb1(cd, world, config)},
          .format = vmsa64 ? arch::TableFormat::Vmsa64 : arch::TableFormat::Lpae,
          .two_halves = has_asid(world),
          .unprivileged = has_asid(world),
          .secure = is_secure(world),
          .mair = cd.get<Cd::MAIR1>() << 32 | cd.get<Cd::MAIR0>(),
          .output_bits = static_cast<std::uint8_t>(output_bits(cd, config)),
          .truncate_bits = static_cast<std::uint8_t>(config.output_bits),
          .min_tsz = any_min_tsz,
          .max_tsz = any_max_tsz,
          .lpa = config.output_bits > 48,
          .lpa2 = lpa2(cd, config),
          .big_endian = cd.is_set<Cd::ENDI>(),
          .access_flag_fault_disabled = cd.is_set<Cd::AFFD>(),
          .write_execute_never = cd.is_set<Cd::WXN>(),
          .unprivileged_write_execute_never = !vmsa64 && cd.is_set<Cd::UWXN>(),
          .privileged_access_never = has_asid(world) && cd.is_set<Cd::PAN>(),
          .secure_instruction_fetch = is_secure(world) && secure_instruction_fetch,
          .update = hardware_update(vmsa64 && config.httu != Httu::None, cd.is_set<Cd::HA>(),
                                    config.httu == Httu::AccessFlagAndDirty && cd.is_set<Cd::HD>())};
}

arch::Stage2 stage2_regime(const Ste& ste, SecurityState security, const Config& config) {
  const bool vmsa64 = ste.is_set<Ste::S2AA64>();
  arch::Stage2 regime{
      .non_secure_ipa = stage2_table(stage2_fields(ste, config), ste, config),
      .format = vmsa64 ? arch::TableFormat::Vmsa64 : arch::TableFormat::Lpae,
      .output_bits = static_cast<std::uint8_t>(output_bits(ste, config)),
      .truncate_bits = static_cast<std::uint8_t>(config.output_bits),
      .lpa = config.output_bits > 48,
      .lpa2 = lpa2(ste, config),
      .table_attributes =
          table_attributes(ste.get<Ste::S2IR0>(), ste.get<Ste::S2OR0>(), ste.get<Ste::S2SH0>()),
      .shareability = static_cast<std::uint8_t>(ste.get<Ste::S2SH0>()),
      .big_endian = ste.is_set<Ste::S2ENDI>(),
      .access_flag_fault_disabled = ste.is_set<Ste::S2AFFD>(),
      .protected_walk = ste.is_set<Ste::S2PTW>(),
      .walk_device_as_normal = config.walk_device_as_normal,
      .forced_write_back = config.forced_write_back && ste.is_set<Ste::S2FWB>(),
      .xnx = config.xnx,
      .update = hardware_update(vmsa64 && config.httu != Httu::None, ste.is_set<Ste::S2HA>(),
                                config.httu == Httu::AccessFlagAndDirty && ste.is_set<Ste::S2HD>())};
  if (security == SecurityState::NonSecure) return regime;

  // §3.10.2.2: each of the bits that make the walk or the output Non-secure stands for NS == 1, and whatever
  // makes the Secure IPAs' output Non-secure makes that of the Non-secure IPAs so.
  const bool secure_walk = !ste.is_set<Ste::S2SW>();
  const bool secure_output = secure_walk && !ste.is_set<Ste::S2SA>();
  regime.secure_ipa = stage2_table(secure_stage2_fields(ste, config), ste, config);
  regime.secure_ipa.walk_secure = secure_walk;
  regime.secure_ipa.output_secure = secure_output;
  regime.non_secure_ipa.walk_secure = !ste.is_set<Ste::S2NSW>();
  regime.non_secure_ipa.output_secure =
      secure_output && !ste.is_set<Ste::S2NSW>() && !ste.is_set<Ste::S2NSA>();
  return regime;
}

}  // namespace sidewinder::smmuv3
