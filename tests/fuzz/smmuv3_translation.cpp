// SPDX-License-Identifier: Apache-2.0
//
// Whatever is in registers, structures, tables and commands, a transaction through an SMMUv3 has one of the
// architected outcomes, within bounds: see smmuv3_input.h for what an input is.

#include "iommu/smmuv3/invalidation.h"
#include "tests/fuzz/smmuv3_input.h"

namespace {

using namespace sidewinder;
using namespace sidewinder::fuzz;
using arch::FaultKind;
using smmuv3::SecurityState;
using smmuv3::Translation;
using Action = Translation::Action;

/// Two levels of stream table and context table, five levels of stage 1, and five of stage 2 behind each of
/// the last seven and for the output; four walks where updates go wrong, each access up to eight words.
constexpr unsigned most_accesses = 4 * 5 * (8 + 8 + 2 * (2 + 8 + 5) + 16);

void check_fault(const smmuv3::Translator& smmu, const smmuv3::Control& control,
                 const smmuv3::Transaction& transaction, const Translation& result) {
  const arch::Fault& fault = *result.fault;
  require(fault.stage == 1 || fault.stage == 2);
  require(fault.level <= 3);
  require(fault.access.address == transaction.address && fault.access.stream_id == transaction.stream_id);
  require(fault.ssv == transaction.ssv);
  require(fault.substream_id == (transaction.ssv ? transaction.substream_id : 0));
  const bool secure = smmu.config().secure && transaction.security == SecurityState::Secure;
  require(fault.secure_stream == secure);
  require(secure || !fault.ipa_non_secure);
  // A descriptor is written for an access of class Table, or to update its own flags.
  require(!fault.table_write || fault.cls == arch::FaultClass::Table ||
          fault.kind == FaultKind::ExternalWalk);
  // IHI 0070 §7.3: what is no translation fault is an abort, and recorded, but for C_BAD_STREAMID.
  if (!arch::is_translation_related(fault.kind)) {
    require(result.action == Action::Abort);
    require(result.recorded == (fault.kind != FaultKind::BadStreamId || control.record_bad_stream_ids));
  }
  require(fault.kind != FaultKind::UnidentifiedStream && fault.kind != FaultKind::StreamMatchConflict &&
          fault.kind != FaultKind::InvalidContext && fault.kind != FaultKind::UnimplementedContextBank);
}

void check(smmuv3::Translator& smmu, const smmuv3::Transaction& transaction, const Translation& result) {
  const smmuv3::Config& config = smmu.config();
  const bool secure = config.secure && transaction.security == SecurityState::Secure;
  const smmuv3::Control& control = smmu.control(secure ? SecurityState::Secure : SecurityState::NonSecure);
  require(result.same_page_shift >= 12);
  for (const arch::WalkAccess& access : result.accesses) require(access.level >= -1 && access.level <= 3);
  if (result.fault) check_fault(smmu, control, transaction, result);
  if (!result.fault) require(!result.recorded);
  switch (result.action) {
    case Action::Forward:
      require(!result.fault);
      require(result.output >> config.output_bits == 0);
      require((result.output & 0xfff) == (transaction.address & 0xfff));
      require(secure || !result.attributes.secure);
      require(arch::consistent(result.attributes.memory) == result.attributes.memory);
      require(!transaction.attributes.write || !result.attributes.instruction);
      break;
    case Action::RazWi:  // §3.12: CD.A == 0
      require(result.fault && arch::is_translation_related(result.fault->kind) && result.fault->stage == 1);
      require(!config.always_abort);
      break;
    case Action::Stall:
      require(result.fault && arch::is_translation_related(result.fault->kind) && result.recorded);
      require(config.stall_model != smmuv3::StallModel::NoStall);
      break;
    case Action::Abort:
      break;
  }
}

void invalidate(smmuv3::Translator& smmu, const Input::Operation& operation) {
  const smmuv3::TlbiCommand command{.opcode = static_cast<smmuv3::Tlbi>(0x10 + operation.stream % 0x60),
                                    .vmid = static_cast<std::uint16_t>(operation.extra),
                                    .asid = static_cast<std::uint16_t>(operation.extra >> 16),
                                    .address = operation.value,
                                    .leaf = (operation.flags & 1) != 0,
                                    .num = static_cast<std::uint8_t>(operation.substream & 31),
                                    .scale = static_cast<std::uint8_t>(operation.value & 63),
                                    .tg = static_cast<std::uint8_t>(operation.flags >> 1 & 3),
                                    .ttl = static_cast<std::uint8_t>(operation.flags >> 3 & 3)};
  const smmuv3::Config& config = smmu.config();
  const auto what = smmuv3::tlbi(
      command, {.queue = (operation.flags & 32) != 0 ? SecurityState::Secure : SecurityState::NonSecure,
                .stage1 = config.stage1,
                .stage2 = config.stage2,
                .hyp = config.hypervisor,
                .secure_stage2 = config.secure_el2,
                .range_invalidation = config.range_invalidation,
                .lpa2 = config.ds,
                .e2h = (operation.flags & 64) != 0,
                .vmid_wildcard = static_cast<std::uint8_t>(operation.substream >> 5)});
  if (what) {
    require(!what->by_address || what->first <= what->last);
    smmu.invalidate(*what);
  }
}

void invalidate_configuration(smmuv3::Translator& smmu, const Input::Operation& operation) {
  const SecurityState state = (operation.flags & 1) != 0 ? SecurityState::Secure : SecurityState::NonSecure;
  switch (operation.flags >> 1 & 3) {
    case 0:
      return smmu.invalidate(smmuv3::cfgi_ste(state, operation.stream));
    case 1:
      return smmu.invalidate(smmuv3::cfgi_ste_range(state, operation.stream, operation.substream & 31U));
    case 2:
      return smmu.invalidate(smmuv3::cfgi_cd(state, operation.stream, operation.substream));
    default:
      return smmu.invalidate(smmuv3::cfgi_cd_all(state, operation.stream));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < Input::first_operation) return 0;
  const Input input({data, size});
  const smmuv3::Config config = config_of(input.word(0));
  Choices choices(input.word(1) >> 48);
  layout::smmuv3::Ste ste = input.ste();
  layout::smmuv3::Cd cd = input.cd();
  if (choices.take(2) != 0) make_likely_legal(ste, config);
  if (choices.take(2) != 0) make_likely_legal(cd, config);
  InputMemory memory(input, ste, cd,
                     {.likely_descriptors = choices.take(2) != 0, .output_bits = config.output_bits});
  smmuv3::Translator smmu(config, 2, memory);
  set_up(smmu, input.word(1));

  for (std::size_t index = 0; index < input.operations(); ++index) {
    const Input::Operation operation = input.operation(index);
    switch (operation.kind % 16) {
      case 0:
        invalidate(smmu, operation);
        break;
      case 1:
        invalidate_configuration(smmu, operation);
        break;
      case 2:
        if (operation.flags == 0) smmu.invalidate_all();
        memory.store(memory.recent(operation.extra), (operation.flags & 1) != 0, operation.value);
        break;
      case 3: {
        smmuv3::Control& control = smmu.control(SecurityState::NonSecure);
        if ((operation.flags & 1) != 0) control.strtab_base.raw = operation.value;
        if ((operation.flags & 2) != 0) control.strtab_base_cfg.raw = operation.extra;
        if ((operation.flags & 4) != 0) control.gbpa.raw = operation.extra;
        if ((operation.flags & 8) != 0) control.enabled = !control.enabled;
        break;
      }
      default: {
        const smmuv3::Transaction transaction = transaction_of(operation);
        memory.allow_secure(config.secure && transaction.security == SecurityState::Secure);
        memory.begin();
        const Translation result = smmu.translate(operation.kind >> 7, transaction);
        check(smmu, transaction, result);
        require(memory.accesses() <= most_accesses);
      }
    }
  }
  return 0;
}
