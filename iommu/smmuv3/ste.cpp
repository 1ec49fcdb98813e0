// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/ste.h"

#include "iommu/smmuv3/table_fields.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;

constexpr std::uint64_t enabled_alone = ste_config_enabled;
constexpr std::uint64_t stage1_alone = ste_config_enabled | ste_config_stage1;
constexpr std::uint64_t both_stages = ste_config_enabled | ste_config_stage1 | ste_config_stage2;

/// What a check looks at.
struct Context {
  const Ste& ste;
  const Config& config;
  bool secure;
  StallModel stall_model;             ///< of the STE's state
  StallModel non_secure_stall_model;  ///< what SMMU_IDR0.STALL_MODEL reads as
};

std::uint64_t config_of(const Ste& ste) {
  return ste.get<Ste::Config>();
}

bool is_lpae(const Ste& ste) {
  return !ste.is_set<Ste::S2AA64>();
}

bool is_strw(const Ste& ste, Strw strw) {
  return ste.get<Ste::STRW>() == static_cast<std::uint64_t>(strw);
}

bool is_eats(const Ste& ste, Eats eats) {
  return ste.get<Ste::EATS>() == static_cast<std::uint64_t>(eats);
}

/// IgnoreSTESTRW() of §5.2.2. Without stage 1 there is neither Hyp nor a Secure state.
bool ignores_strw(const Ste& ste, const Config& config, bool secure) {
  return (!secure && !config.hypervisor) || config_of(ste) != stage1_alone;
}

bool ignores_eats(const Ste& ste, const Config& config, bool secure) {
  return secure || !config.ats || config_of(ste) == enabled_alone;
}

bool bad_stages(const Context& c) {
  if (stage1_translates(c.ste) && !c.config.stage1) return true;
  if (!stage2_translates(c.ste)) return false;
  return !c.config.stage2 || (c.secure && (!c.config.secure_el2 || is_lpae(c.ste)));
}

/// STE.EATS == 0b11 is without DPT no more than a reserved value.
bool bad_eats(const Context& c) {
  if (ignores_eats(c.ste, c.config, c.secure)) return false;
  const bool stalls = c.ste.is_set<Ste::S2S>();
  if (is_eats(c.ste, Eats::SplitStage))
    return config_of(c.ste) != both_stages || stalls || c.config.no_split_stage_ats;
  // Without stage 2 S2S is not looked at: in SMMUv3.0 Arm's recommendation, later the rule.
  return is_eats(c.ste, Eats::Full) && stalls && stage2_translates(c.ste);
}

bool bad_strw(const Context& c) {
  if (ignores_strw(c.ste, c.config, c.secure)) return false;
  const std::uint64_t strw = c.ste.get<Ste::STRW>();
  if (!c.secure) return (strw & 1) != 0;
  return strw == 3 || (is_strw(c.ste, Strw::El2) && !c.config.secure_el2);
}

/// In SMMUv3.0 a pointer that is too big may also be truncated or be an F_CD_FETCH; one that is an IPA may be
/// a stage 2 Translation fault in any version (§3.4.3).
bool bad_context_pointer(const Context& c) {
  const unsigned bits = stage2_translates(c.ste) ? intermediate_bits(c.config) : c.config.output_bits;
  return (c.ste.address<Ste::S1ContextPtr>() & ~layout::low_bits(bits)) != 0;
}

bool bad_stage1(const Context& c) {
  if (c.ste.is_set<Ste::S1STALLD>() && c.stall_model != StallModel::Both) return true;
  if (c.config.substream_id_bits != 0) {
    const std::uint64_t max = c.ste.get<Ste::S1CDMax>();
    if (max > c.config.substream_id_bits) return true;
    const auto format = static_cast<S1Fmt>(c.ste.get<Ste::S1Fmt>());
    const bool two_level = format == S1Fmt::TwoLevel4K || format == S1Fmt::TwoLevel64K;
    if (max != 0 && !c.config.two_level_cd_table && two_level) return true;
  }
  return bad_context_pointer(c);
}

/// What both of a Secure stream's stage 2 tables have for themselves.
bool bad_stage2_table(const Context& c, const Stage2Fields& fields) {
  const unsigned bits = output_bits(c.ste, c.config);
  if (is_lpae(c.ste)) return (fields.ttb & ~layout::low_bits(bits)) != 0 || !lpae_stage2_start_level(fields);

  const auto granule = granule_of_tg0(fields.tg);
  const bool ds = lpa2(c.ste, c.config);
  if (!supported(granule, c.config)) return true;
  if (table_out_of_range(fields.ttb, bits, granule, ds)) return true;
  const auto [min, max] = stage2_txsz(granule, ds, c.config);
  if (fields.t0sz < min || fields.t0sz > max) return true;
  return !stage2_start_level(fields, ds, c.config);
}

bool bad_stage2_updates(const Context& c) {
  const bool flag = c.ste.is_set<Ste::S2HA>();
  const bool dirty = c.ste.is_set<Ste::S2HD>();
  if (is_lpae(c.ste) || c.config.httu == Httu::None) return flag || dirty;
  return dirty && c.config.httu == Httu::AccessFlag;
}

bool bad_endianness(const Context& c) {
  const bool big = c.ste.is_set<Ste::S2ENDI>();
  return c.config.endianness == (big ? TableEndianness::Little : TableEndianness::Big);
}

bool bad_stage2(const Context& c) {
  if (is_lpae(c.ste) && c.config.forced_write_back && c.ste.is_set<Ste::S2FWB>()) return true;
  // Of a Secure STE too this is SMMU_IDR0's model, which NSSTALLD changes (§5.2.2, §5.5).
  if (c.non_secure_stall_model == (c.ste.is_set<Ste::S2S>() ? StallModel::NoStall : StallModel::Forced))
    return true;
  if (is_lpae(c.ste) ? !c.config.aarch32 : !c.config.aarch64) return true;
  if (bad_stage2_updates(c)) return true;
  if (bad_stage2_table(c, stage2_fields(c.ste, c.config))) return true;
  if (c.secure && bad_stage2_table(c, secure_stage2_fields(c.ste, c.config))) return true;
  return bad_endianness(c);
}

bool bad_vmid(const Context& c, SecurityState state) {
  return !c.config.vmid16 && c.ste.get<Ste::S2VMID>() > 0xff && !ignores_vmid(c.ste, c.config, state);
}

}  // namespace

bool traffic_passes(const Ste& ste) {
  return (config_of(ste) & ste_config_enabled) != 0;
}

bool stage1_translates(const Ste& ste) {
  return traffic_passes(ste) && (config_of(ste) & ste_config_stage1) != 0;
}

bool stage2_translates(const Ste& ste) {
  return traffic_passes(ste) && (config_of(ste) & ste_config_stage2) != 0;
}

bool illegal(const Ste& ste, const Config& config, SecurityState state, bool nsstalld) {
  if (!ste.is_set<Ste::V>()) return true;
  if (!traffic_passes(ste)) return false;
  const Context context{ste, config, state == SecurityState::Secure, stall_model(config, state, nsstalld),
                        stall_model(config, SecurityState::NonSecure, nsstalld)};
  return bad_stages(context) || bad_eats(context) || bad_strw(context) ||
         (stage1_translates(ste) && bad_stage1(context)) || (stage2_translates(ste) && bad_stage2(context)) ||
         bad_vmid(context, state);
}

StreamWorld stream_world(const Ste& ste, const Config& config, SecurityState state, bool e2h) {
  const bool secure = state == SecurityState::Secure;
  if (!ignores_strw(ste, config, secure)) {
    if (is_strw(ste, Strw::El2) && secure) return e2h ? StreamWorld::SecureEl2E2h : StreamWorld::SecureEl2;
    if (is_strw(ste, Strw::El2)) return e2h ? StreamWorld::El2E2h : StreamWorld::El2;
    if (is_strw(ste, Strw::El3) && secure) return StreamWorld::El3;
  }
  return secure ? StreamWorld::Secure : StreamWorld::El1;
}

bool ignores_vmid(const Ste& ste, const Config& config, SecurityState state) {
  const bool secure = state == SecurityState::Secure;
  if (!traffic_passes(ste) || config_of(ste) == enabled_alone) return true;
  if (secure) return !config.secure_el2 || !stage2_translates(ste);
  return !config.stage2 || (!ignores_strw(ste, config, false) && !is_strw(ste, Strw::El1));
}

Eats effective_eats(const Ste& ste, const Config& config, SecurityState state, bool atschk) {
  if (!traffic_passes(ste) || ignores_eats(ste, config, state == SecurityState::Secure)) return Eats::None;
  if (is_eats(ste, Eats::Full)) return Eats::Full;
  return is_eats(ste, Eats::SplitStage) && atschk ? Eats::SplitStage : Eats::None;
}

}  // namespace sidewinder::smmuv3
