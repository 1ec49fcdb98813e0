// SPDX-License-Identifier: Apache-2.0
//
// Whatever is written to an SMMUv3's registers and lies in its queues: register accesses, commands and
// transactions keep the invariants of indices, errors, interrupts and stalled transactions, and address
// translation operations leave nothing but their answer, without a look at Secure memory from GATOS. See
// smmuv3_input.h for what an input is; its first operation's place comes after structures of which the same
// one stands everywhere.

#include <array>
#include <set>

#include "iommu/layout/bits.h"
#include "iommu/smmuv3/smmu.h"
#include "tests/fuzz/smmuv3_input.h"

namespace {

using namespace sidewinder;
using namespace sidewinder::fuzz;
using smmuv3::Interrupt;
using smmuv3::Resumption;
using smmuv3::SecurityState;

/// What the SMMU writes is there; other words are the input's.
class QueueMemory final : public InputMemory {
 public:
  using InputMemory::InputMemory;

  arch::PortResponse write_words(const arch::PortAccess& access,
                                 std::span<const std::uint32_t> words) override {
    require(access.address % 4 == 0 && (words.size() == 1 || words.size() == 4 || words.size() == 8));
    arch::PortAccess word = access;
    for (std::size_t index = 0; index < words.size(); ++index, word.address += 4) {
      word.address = access.address + 4 * index;
      const std::uint64_t aligned = word.address & ~std::uint64_t{7};
      const arch::PortResponse before = read64({.address = aligned, .secure = access.secure});
      if (!before.ok) return {};
      const unsigned shift = word.address % 8 == 0 ? 0 : 32;
      InputMemory::store(
          aligned, access.secure,
          (before.data & ~(std::uint64_t{0xffff'ffff} << shift)) | std::uint64_t{words[index]} << shift);
    }
    return {.data = 0, .ok = true, .latency_ps = 0};
  }
};

struct Listener final : smmuv3::SmmuListener {
  const smmuv3::Smmu* smmu = nullptr;
  std::set<std::uint64_t> waiting;

  void interrupt(SecurityState state, Interrupt source) override {
    const std::uint64_t distance = state == SecurityState::Secure ? 0x8000 : 0;
    const std::uint64_t enabled = smmu->read(0x50 + distance, 4, true);
    const std::uint64_t own = source == Interrupt::EventQueue         ? 4
                              : source == Interrupt::PageRequestQueue ? 2
                                                                      : 1;
    require(source == Interrupt::CommandSync || (enabled & own) != 0);
    require(source != Interrupt::PageRequestQueue || state == SecurityState::NonSecure);
  }
  void wake_up() override { require(smmu->config().wake_up_events); }
  void resume(std::uint64_t token, Resumption) override { require(waiting.erase(token) == 1); }
};

/// Some invalidations end later, and some never in time.
struct Endpoints final : smmuv3::RootComplex {
  std::array<unsigned, 2> pending{};

  Progress invalidate(const smmuv3::AtcInvalidation& what) override {
    require(what.span_shift >= 12 && what.span_shift <= 64 && (what.address & 0xfff) == 0);
    require(what.ssv || (what.substream_id == 0 && !what.global));
    if ((what.stream_id & 3) == 3) return Progress::TimedOut;
    if ((what.stream_id & 3) != 2) return Progress::Complete;
    ++pending[static_cast<std::size_t>(what.queue)];
    return Progress::Pending;
  }
  void respond(const smmuv3::PrgResponse& response) override {
    require(response.ssv || response.substream_id == 0);
  }
};

/// Acknowledgements equal what they acknowledge, errors are of those that there are, and indices fit.
void check_registers(const smmuv3::Smmu& smmu) {
  for (const std::uint64_t distance : {0U, 0x8000U}) {
    const auto held = [&](std::uint64_t offset) { return smmu.read(offset + distance, 4, true); };
    require(held(0x20) == held(0x24) && held(0x50) == held(0x54));
    const bool pages = smmu.config().pri && distance == 0;
    require((held(0x60) & ~std::uint64_t{pages ? 0xfdU : 0xb5U}) == 0);
    require((held(0x44) >> 31) == 0);
    require((held(0x9c) & 0x80f0'0000) == 0);
    // RUN is done, and what is RES0 of either form of PAR: ATOS_PAR[7:1], or [63:56] and FAULTCODE 0.
    const std::uint64_t par = held(0x118) | held(0x11c) << 32;
    require(held(0x100) == 0);
    require((par & 1) == 0 ? (par & 0xfe) == 0 : par >> 56 == 0 && (par & 0xff0) != 0);
    if (distance == 0) require((par & 1) == 0 ? (par & 0x400) == 0 : (par & 8) == 0);
    require((par & layout::low_bits(56)) >> smmu.config().output_bits == 0);
    const std::uint64_t log2size =
        std::min<std::uint64_t>(held(0x90) & 0x1f, smmu.config().command_queue_bits);
    if ((held(0x20) & 8) != 0) require((held(0x9c) & 0xf'ffff) >> (log2size + 1) == 0 || log2size == 19);
  }
}

/// ATS's and PRI's: a request of either kind, or the end of an invalidation.
void operate_ats(smmuv3::Smmu& smmu, Endpoints& endpoints, const Input::Operation& operation) {
  const smmuv3::Transaction transaction = transaction_of(operation);
  if ((operation.kind & 8) != 0) {
    const auto completion = smmu.translate_for_ats({.address = transaction.address,
                                                    .stream_id = transaction.stream_id,
                                                    .substream_id = transaction.substream_id,
                                                    .ssv = transaction.ssv,
                                                    .security = transaction.security,
                                                    .no_write = !transaction.attributes.write,
                                                    .execute = transaction.attributes.instruction,
                                                    .privileged = transaction.attributes.privileged});
    const bool success = completion.status == smmuv3::AtsCompletion::Status::Success;
    require(success || !(completion.read || completion.write || completion.privileged));
    require(completion.read || !completion.execute);
    require(!success || smmu.config().ats);
    require((completion.address & layout::low_bits(completion.size_shift)) == 0);
  } else if ((operation.kind & 16) != 0) {
    smmu.page_request({.address = transaction.address,
                       .stream_id = transaction.stream_id,
                       .substream_id = transaction.substream_id,
                       .ssv = transaction.ssv,
                       .security = transaction.security,
                       .group = static_cast<std::uint16_t>(operation.value & 0x1ff),
                       .last = (operation.kind & 32) != 0,
                       .read = transaction.attributes.instruction,
                       .write = transaction.attributes.write,
                       .privileged = transaction.attributes.privileged});
  } else {
    const std::size_t queue = operation.flags & 1;
    if (endpoints.pending[queue] != 0) --endpoints.pending[queue];
    smmu.end_atc_invalidation(static_cast<SecurityState>(queue), (operation.kind & 32) != 0);
  }
}

void operate(smmuv3::Smmu& smmu, Listener& listener, Endpoints& endpoints, QueueMemory& memory,
             const Input::Operation& operation, std::uint64_t token) {
  const bool secure = (operation.flags & 1) != 0;
  const unsigned size = (operation.flags & 2) != 0 ? 8 : 4;
  // Of the registers that do something: the first 512 bytes of both interfaces, and page 1's.
  static constexpr std::uint64_t places[] = {0, 0x8000, 0x10000, 0};
  const std::uint64_t offset = places[operation.substream & 3] + (operation.stream & 0x7fU) * 4;
  const SecurityState state = (operation.flags & 4) != 0 ? SecurityState::Secure : SecurityState::NonSecure;
  switch (operation.kind & 3) {
    case 0:
      static_cast<void>(smmu.read(offset, size, secure));
      break;
    case 1: {
      const bool runs = offset == 0x100 || offset == 0x8100;
      const smmuv3::SmmuCounters before = smmu.counters();
      memory.allow_secure(offset != 0x100);
      smmu.write(offset, operation.value, size, secure);
      memory.allow_secure(true);
      if (runs)
        require(smmu.counters().events == before.events && smmu.counters().stalls == before.stalls &&
                smmu.counters().events_discarded == before.events_discarded);
      break;
    }
    case 2:
      for (unsigned n = 0; n < 32 && smmu.process_command(state); ++n) {
      }
      break;
    default: {
      if ((operation.kind & 4) != 0) {
        operate_ats(smmu, endpoints, operation);
        break;
      }
      listener.waiting.insert(token);
      smmuv3::Transaction transaction = transaction_of(operation);
      transaction.translated = (operation.kind & 8) != 0;
      const auto result = smmu.translate(0, transaction, token);
      if (result.action != smmuv3::Translation::Action::Stall) listener.waiting.erase(token);
      break;
    }
  }
  require(smmu.stalled() <= listener.waiting.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < Input::first_operation) return 0;
  const Input input({data, size});
  smmuv3::Config config = config_of(input.word(0));
  config.address_translation_operations = true;
  Choices choices(input.word(1));
  layout::smmuv3::Ste ste = input.ste();
  layout::smmuv3::Cd cd = input.cd();
  if (choices.take(2) != 0) make_likely_legal(ste, config);
  if (choices.take(2) != 0) make_likely_legal(cd, config);
  QueueMemory memory(input, ste, cd,
                     {.likely_descriptors = choices.flag(), .output_bits = config.output_bits});
  Listener listener;
  smmuv3::Smmu smmu(config, 1, memory, listener);
  listener.smmu = &smmu;
  Endpoints endpoints;
  smmu.connect(endpoints);
  // Mostly on, with queues in the words that operations are made of.
  for (const std::uint64_t distance : {0U, 0x8000U}) {
    smmu.write(0x80 + distance, stream_table_at, 8, true);
    smmu.write(0x88 + distance, 8, 4, true);
    smmu.write(0x90 + distance, 0x3000'0000 | choices.take(3), 8, true);
    smmu.write(0xa0 + distance, 0x3100'0000 | choices.take(3), 8, true);
    smmu.write(0xc0 + distance, 0x3200'0000 | choices.take(3), 8, true);
    smmu.write(0x2c + distance, choices.take(4), 4, true);
    smmu.write(0x50 + distance, choices.take(3), 4, true);
    smmu.write(0x20 + distance, choices.take(2) != 0 ? 0x1f : choices.take(5), 4, true);
  }
  for (std::size_t index = 0; index < input.operations(); ++index) {
    memory.begin();
    operate(smmu, listener, endpoints, memory, input.operation(index), index);
    check_registers(smmu);
  }
  return 0;
}
