// SPDX-License-Identifier: Apache-2.0
//
// Every STE and CD is ILLEGAL or not, once and for all; what is not sets up regimes that walks can rely on.

#include "iommu/smmuv3/cd.h"
#include "iommu/smmuv3/context_table.h"
#include "iommu/smmuv3/ste.h"
#include "iommu/smmuv3/stream_table.h"
#include "tests/fuzz/smmuv3_input.h"

namespace {

using namespace sidewinder;
using namespace sidewinder::fuzz;
using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using layout::vmsa64::Granule;
using smmuv3::Config;
using smmuv3::SecurityState;

bool has_granule(const Config& config, Granule granule) {
  return granule == Granule::Size4K    ? config.granule_4k
         : granule == Granule::Size16K ? config.granule_16k
                                       : config.granule_64k;
}

bool big_endian_allowed(const Config& config, bool big) {
  return config.endianness == smmuv3::TableEndianness::Mixed ||
         big == (config.endianness == smmuv3::TableEndianness::Big);
}

void check_updates(const Config& config, arch::TableFormat format, const arch::HardwareUpdate& update) {
  require(!update.access_flag || (config.httu != smmuv3::Httu::None && format == arch::TableFormat::Vmsa64));
  require(!update.dirty_state || (update.access_flag && config.httu == smmuv3::Httu::AccessFlagAndDirty));
}

unsigned most_output_bits(const Config& config, arch::TableFormat format) {
  return format == arch::TableFormat::Lpae ? 40 : config.output_bits;
}

void check_stage1(const Config& config, const arch::Stage1& regime, smmuv3::StreamWorld world) {
  require(regime.output_bits <= most_output_bits(config, regime.format));
  require(regime.two_halves == smmuv3::has_asid(world) && regime.unprivileged == smmuv3::has_asid(world));
  require(regime.two_halves || !regime.ttb[0].walk_disabled);
  check_updates(config, regime.format, regime.update);
  for (unsigned half = 0; half < (regime.two_halves ? 2U : 1U); ++half) {
    const arch::Ttb& ttb = regime.ttb[half];
    if (ttb.walk_disabled) continue;
    require(big_endian_allowed(config, regime.big_endian));
    if (regime.format == arch::TableFormat::Lpae) {
      require(ttb.tsz <= 7 && ttb.base >> 40 == 0 && ttb.granule == Granule::Size4K);
      continue;
    }
    require(has_granule(config, ttb.granule));
    require(ttb.base >> regime.output_bits == 0);
    const bool large = ttb.granule == Granule::Size64K ? config.vax : regime.lpa2 && config.vax;
    require(ttb.tsz >= (large ? 12 : 16) && ttb.tsz <= 48);
    require(64U - ttb.tsz > layout::vmsa64::page_shift(ttb.granule));
  }
}

void check_stage2_table(const Config& config, const arch::Stage2& regime, const arch::Stage2Table& table) {
  const bool lpae = regime.format == arch::TableFormat::Lpae;
  require(lpae ? table.granule == Granule::Size4K : has_granule(config, table.granule));
  require(table.base >> regime.output_bits == 0);
  require(table.start_level >= (regime.lpa2 ? -1 : 0) && table.start_level <= 3);
  const unsigned input_bits = 64U - table.tsz;
  const unsigned root_shift = layout::vmsa64::level_shift(table.granule, table.start_level);
  require(root_shift < input_bits);
  require(input_bits - root_shift <= layout::vmsa64::bits_per_level(table.granule) + 4);
  require(input_bits <= smmuv3::intermediate_bits(config));
}

void check_stage2(const Config& config, const arch::Stage2& regime, SecurityState state) {
  require(regime.output_bits <= most_output_bits(config, regime.format));
  require(big_endian_allowed(config, regime.big_endian));
  check_updates(config, regime.format, regime.update);
  check_stage2_table(config, regime, regime.non_secure_ipa);
  if (state == SecurityState::NonSecure) {
    require(!regime.non_secure_ipa.walk_secure && !regime.non_secure_ipa.output_secure);
    return;
  }
  require(regime.format == arch::TableFormat::Vmsa64);
  check_stage2_table(config, regime, regime.secure_ipa);
  // §3.10.2.2: what is Non-secure for Secure IPAs is not Secure for the others.
  require(regime.secure_ipa.output_secure || !regime.non_secure_ipa.output_secure);
}

struct Setting {
  const Config& config;
  SecurityState state;
  smmuv3::Control control;
  smmuv3::Control secure_control;
};

void check_cd(const Setting& setting, const Cd& cd, const smmuv3::StreamContext& stream) {
  const auto model =
      smmuv3::stall_model(setting.config, setting.state, setting.secure_control.non_secure_stall_disabled);
  const bool illegal = smmuv3::illegal(cd, stream.ste, setting.config, stream.world, model);
  require(illegal == smmuv3::illegal(Cd(cd), Ste(stream.ste), Config(setting.config), stream.world, model));
  const smmuv3::SubstreamContext substream =
      smmuv3::decode(cd, stream, setting.state, setting.secure_control, setting.config);
  require(substream.illegal == illegal);
  if (illegal) return;
  require(!substream.stall || model != smmuv3::StallModel::NoStall);
  require(substream.abort || !setting.config.always_abort);
  require(setting.config.asid16 || substream.asid <= 0xff);
  check_stage1(setting.config, substream.regime, stream.world);
  // Stage 1's IPAs are of the format that stage 2 is walked with, or of a narrower one.
  require(!stream.stage2 || stream.stage2_regime.format == arch::TableFormat::Vmsa64 ||
          substream.regime.format == arch::TableFormat::Lpae);
}

void check_ste(const Setting& setting, const Ste& ste, const Cd& cd) {
  const bool nsstalld = setting.secure_control.non_secure_stall_disabled;
  const bool illegal = smmuv3::illegal(ste, setting.config, setting.state, nsstalld);
  require(illegal == smmuv3::illegal(Ste(ste), Config(setting.config), setting.state, nsstalld));
  const smmuv3::StreamContext stream =
      smmuv3::decode(ste, setting.state, setting.control, setting.secure_control, setting.config);
  require(stream.illegal == illegal);
  if (illegal) return;
  require(ste.is_set<Ste::V>());
  static_cast<void>(smmuv3::effective_eats(ste, setting.config, setting.state, true));
  if (!stream.passes) return;
  require(!stream.stage1 || setting.config.stage1);
  require(!stream.stage2 || setting.config.stage2);
  require(setting.state == SecurityState::Secure ? stream.world >= smmuv3::StreamWorld::Secure
                                                 : stream.world <= smmuv3::StreamWorld::El2E2h);
  require(setting.config.vmid16 || stream.vmid <= 0xff);
  if (stream.stage2) {
    require(stream.world == smmuv3::StreamWorld::El1 || stream.world == smmuv3::StreamWorld::Secure);
    check_stage2(setting.config, stream.stage2_regime, setting.state);
  }
  if (stream.stage1) check_cd(setting, cd, stream);
}

/// The way to the structures, through tables of the input's own.
void check_lookups(const Setting& setting, const Ste& ste, const Cd& cd, const Input& input) {
  InputMemory memory(input, ste, cd, {.output_bits = setting.config.output_bits});
  memory.allow_secure(setting.state == SecurityState::Secure);
  arch::AccessLog log;
  const Input::Operation operation = input.operations() == 0 ? Input::Operation{} : input.operation(0);
  const smmuv3::StreamTable table{setting.state, setting.control.strtab_base, setting.control.strtab_base_cfg,
                                  setting.control.cr1};
  const auto found = smmuv3::find_ste(table, setting.config, operation.extra, memory, log);
  require(found.ok || found.fault.kind == arch::FaultKind::BadStreamId ||
          found.fault.kind == arch::FaultKind::SteFetch);
  if (smmuv3::illegal(ste, setting.config, setting.state, false) || !smmuv3::traffic_passes(ste)) return;
  const auto choice = smmuv3::choose_cd(
      ste, setting.config, operation.flags % 2 == 0 ? std::nullopt : std::optional(operation.extra >> 12));
  if (choice.action != smmuv3::SubstreamChoice::Action::UseCd || smmuv3::stage2_translates(ste)) return;
  const auto context =
      smmuv3::find_cd(ste, setting.config, setting.state, choice.cd_index, nullptr, memory, log);
  require(context.ok || context.fault.kind == arch::FaultKind::BadSubstreamId ||
          context.fault.kind == arch::FaultKind::CdFetch);
  require(memory.accesses() <= 2 * (1 + 8));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Input input({data, size});
  const Config config = config_of(input.word(0));
  Choices choices(input.word(1));
  Ste ste = input.ste();
  Cd cd = input.cd();
  if (choices.flag()) make_likely_legal(ste, config);
  if (choices.flag()) make_likely_legal(cd, config);
  Setting setting{
      config, config.secure && choices.flag() ? SecurityState::Secure : SecurityState::NonSecure, {}, {}};
  setting.control.e2h = choices.flag();
  setting.secure_control.non_secure_stall_disabled = config.secure && choices.flag();
  setting.secure_control.secure_instruction_fetch = config.secure && choices.flag();
  setting.control.cr1.raw = choices.take(12);
  setting.control.strtab_base.raw = input.operations() == 0 ? stream_table_at : input.operation(0).value;
  setting.control.strtab_base_cfg.raw = choices.take(18);
  check_ste(setting, ste, cd);
  check_lookups(setting, ste, cd, input);
  return 0;
}
