// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/stream_context.h"

#include "iommu/smmuv3/cd.h"
#include "iommu/smmuv3/regimes.h"
#include "iommu/smmuv3/ste.h"

namespace sidewinder::smmuv3 {

using layout::smmuv3::Cd;
using layout::smmuv3::Ste;

namespace {

template <typename F>
std::uint8_t field(const Ste& ste) {
  return static_cast<std::uint8_t>(ste.get<F>());
}

}  // namespace

StreamContext decode(const Ste& ste, SecurityState security, const Control& control,
                     const Control& secure_control, const Config& config) {
  StreamContext context;
  context.ste = ste;
  context.illegal = illegal(ste, config, security, secure_control.non_secure_stall_disabled);
  if (context.illegal) return context;
  context.passes = traffic_passes(ste);
  context.stage1 = stage1_translates(ste);
  context.stage2 = stage2_translates(ste);
  context.eats = effective_eats(ste, config, security, control.ats_check);
  context.world = stream_world(ste, config, security, control.e2h);
  context.vmid = ignores_vmid(ste, config, security) ? std::uint16_t{0}
                                                     : static_cast<std::uint16_t>(ste.get<Ste::S2VMID>());
  if (context.stage2) context.stage2_regime = stage2_regime(ste, security, config);
  context.overrides = overrides_of({.mtcfg = ste.is_set<Ste::MTCFG>(),
                                    .mem_attr = field<Ste::MemAttr>(ste),
                                    .alloccfg = field<Ste::ALLOCCFG>(ste),
                                    .shcfg = field<Ste::SHCFG>(ste),
                                    .nscfg = field<Ste::NSCFG>(ste),
                                    .privcfg = field<Ste::PRIVCFG>(ste),
                                    .instcfg = field<Ste::INSTCFG>(ste)},
                                   config.override_types, config.override_permissions);
  return context;
}

SubstreamContext decode(const Cd& cd, const StreamContext& stream, SecurityState security,
                        const Control& secure_control, const Config& config) {
  SubstreamContext context;
  const StallModel model = stall_model(config, security, secure_control.non_secure_stall_disabled);
  context.illegal = illegal(cd, stream.ste, config, stream.world, model);
  if (context.illegal) return context;
  context.aset = cd.is_set<Cd::ASET>();
  context.abort = cd.is_set<Cd::A>();
  context.record = cd.is_set<Cd::R>();
  context.stall = cd.is_set<Cd::S>();
  context.asid = has_asid(stream.world) ? static_cast<std::uint16_t>(cd.get<Cd::ASID>()) : std::uint16_t{0};
  context.regime = stage1_regime(cd, stream.world, secure_control.secure_instruction_fetch, config);
  return context;
}

}  // namespace sidewinder::smmuv3
