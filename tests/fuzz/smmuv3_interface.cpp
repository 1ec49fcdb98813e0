// SPDX-License-Identifier: Apache-2.0
//
// Whatever is written to an SMMUv3's registers and lies in its queues: register accesses, commands and
// transactions keep the invariants of indices, errors, interrupts and stalled transactions. See
// smmuv3_input.h for what an input is; its first operation's place comes after structures of which the same
// one stands everywhere.

#include <set>

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
    require(access.address % 4 == 0 && (words.size() == 1 || words.size() == 8));
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
    require(source == Interrupt::CommandSync || (enabled & (source == Interrupt::EventQueue ? 4 : 1)) != 0);
  }
  void wake_up() override { require(smmu->config().wake_up_events); }
  void resume(std::uint64_t token, Resumption) override { require(waiting.erase(token) == 1); }
};

/// Acknowledgements equal what they acknowledge, errors are of those that there are, and indices fit.
void check_registers(const smmuv3::Smmu& smmu) {
  for (const std::uint64_t distance : {0U, 0x8000U}) {
    const auto held = [&](std::uint64_t offset) { return smmu.read(offset + distance, 4, true); };
    require(held(0x20) == held(0x24) && held(0x50) == held(0x54));
    require((held(0x60) & ~std::uint64_t{0xb5}) == 0);
    require((held(0x44) >> 31) == 0);
    require((held(0x9c) & 0x80f0'0000) == 0);
    const std::uint64_t log2size =
        std::min<std::uint64_t>(held(0x90) & 0x1f, smmu.config().command_queue_bits);
    if ((held(0x20) & 8) != 0) require((held(0x9c) & 0xf'ffff) >> (log2size + 1) == 0 || log2size == 19);
  }
}

void operate(smmuv3::Smmu& smmu, Listener& listener, const Input::Operation& operation, std::uint64_t token) {
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
    case 1:
      smmu.write(offset, operation.value, size, secure);
      break;
    case 2:
      for (unsigned n = 0; n < 32 && smmu.process_command(state); ++n) {
      }
      break;
    default: {
      listener.waiting.insert(token);
      const auto result = smmu.translate(0, transaction_of(operation), token);
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
  const smmuv3::Config config = config_of(input.word(0));
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
  // Mostly on, with queues in the words that operations are made of.
  for (const std::uint64_t distance : {0U, 0x8000U}) {
    smmu.write(0x80 + distance, stream_table_at, 8, true);
    smmu.write(0x88 + distance, 8, 4, true);
    smmu.write(0x90 + distance, 0x3000'0000 | choices.take(3), 8, true);
    smmu.write(0xa0 + distance, 0x3100'0000 | choices.take(3), 8, true);
    smmu.write(0x2c + distance, choices.take(2), 4, true);
    smmu.write(0x50 + distance, choices.take(3), 4, true);
    smmu.write(0x20 + distance, choices.take(2) != 0 ? 0xd : choices.take(4), 4, true);
  }
  for (std::size_t index = 0; index < input.operations(); ++index) {
    memory.begin();
    operate(smmu, listener, input.operation(index), index);
    check_registers(smmu);
  }
  return 0;
}
