// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/cd.h"

#include "iommu/smmuv3/ste.h"
#include "iommu/smmuv3/table_fields.h"

namespace sidewinder::smmuv3 {
namespace {

using namespace layout::smmuv3;

bool is_lpae(const Cd& cd) {
  return !cd.is_set<Cd::AA64>();
}

bool bad_fault_model(const Cd& cd, const Ste& ste, const Config& config, StallModel model) {
  const bool stalls = cd.is_set<Cd::S>();
  if (ste.is_set<Ste::S1STALLD>() && stalls) return true;
  if (config.always_abort && !cd.is_set<Cd::A>()) return true;
  return model == (stalls ? StallModel::NoStall : StallModel::Forced);
}

bool bad_endianness(const Cd& cd, const Config& config, StreamWorld world) {
  if (ttb0_disabled(cd, world) && ttb1_disabled(cd, world)) return false;
  const bool big = cd.is_set<Cd::ENDI>();
  return config.endianness == (big ? TableEndianness::Little : TableEndianness::Big);
}

bool bad_format(const Cd& cd, const Ste& ste, const Config& config, StreamWorld world) {
  if (!is_lpae(cd)) return !config.aarch64 || (stage2_translates(ste) && !ste.is_set<Ste::S2AA64>());
  const bool allowed = world == StreamWorld::El1 || world == StreamWorld::El2 || world == StreamWorld::Secure;
  return !allowed || !config.aarch32;
}

bool bad_updates(const Cd& cd, const Config& config) {
  if (is_lpae(cd)) return false;
  if (config.httu == Httu::None) return cd.is_set<Cd::HA>() || cd.is_set<Cd::HD>();
  return config.httu == Httu::AccessFlag && cd.is_set<Cd::HD>();
}

bool bad_half(const Cd& cd, const Config& config, std::uint64_t tsz, std::uint64_t ttb,
              std::optional<layout::vmsa64::Granule> granule) {
  const unsigned bits = output_bits(cd, config);
  const std::uint64_t base = table_address(ttb, config);
  if (is_lpae(cd)) return (base & ~layout::low_bits(bits)) != 0;
  const bool ds = lpa2(cd, config);
  const auto [min, max] = stage1_txsz(granule, ds, config);
  return tsz < min || tsz > max || !supported(granule, config) || table_out_of_range(base, bits, granule, ds);
}

}  // namespace

bool ttb0_disabled(const Cd& cd, StreamWorld world) {
  return has_asid(world) && cd.is_set<Cd::EPD0>();
}

bool ttb1_disabled(const Cd& cd, StreamWorld world) {
  return !has_asid(world) || cd.is_set<Cd::EPD1>();
}

bool illegal(const Cd& cd, const Ste& ste, const Config& config, StreamWorld world, StallModel model) {
  if (!cd.is_set<Cd::V>()) return true;
  if (bad_fault_model(cd, ste, config, model) || bad_endianness(cd, config, world)) return true;
  if (bad_format(cd, ste, config, world) || bad_updates(cd, config)) return true;
  if (has_asid(world) && !config.asid16 && cd.get<Cd::ASID>() > 0xff) return true;
  if (!ttb0_disabled(cd, world) &&
      bad_half(cd, config, cd.get<Cd::T0SZ>(), cd.address<Cd::TTB0>(), granule_of_tg0(cd.get<Cd::TG0>())))
    return true;
  return !ttb1_disabled(cd, world) &&
         bad_half(cd, config, cd.get<Cd::T1SZ>(), cd.address<Cd::TTB1>(), granule_of_tg1(cd.get<Cd::TG1>()));
}

}  // namespace sidewinder::smmuv3
