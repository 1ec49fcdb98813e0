// SPDX-License-Identifier: Apache-2.0
//
// Whatever a guest writes to registers and tables, the SMMUv2 core neither stops nor forgets its own rules.
// An input is a sequence of operations of 16 bytes; the tables that walks read are made of the input as well.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "iommu/smmuv2/smmu.h"

namespace {

using namespace sidewinder;
using namespace layout::smmuv2;

constexpr std::size_t operation_bytes = 16;
constexpr std::uint64_t context_bank_base = 0x8'0000;

void require(bool condition) {
  if (!condition) std::abort();
}

std::uint64_t word(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t byte = 0; byte < 8; ++byte)
    value |= std::uint64_t{bytes[(at + byte) % bytes.size()]} << (8 * byte);
  return value;
}

/// Every address holds some word of the input; one in sixteen answers with an external abort.
class InputMemory : public arch::MemoryPort {
 public:
  explicit InputMemory(std::span<const std::uint8_t> input) : input_(input) {}

  arch::PortResponse read64(const arch::PortAccess& access) override {
    require(access.address % 8 == 0);
    const std::uint64_t mixed = access.address * 0x9e37'79b9'7f4a'7c15 >> 24;
    return {.data = word(input_, mixed % input_.size()), .ok = mixed % 16 != 0, .latency_ps = 1};
  }

 private:
  std::span<const std::uint8_t> input_;
};

struct Lines : smmuv2::InterruptListener {
  void global_interrupt(bool level) override { global = level; }
  void context_interrupt(unsigned bank, bool level) override { context[bank] = level; }

  bool global = false;
  bool context[128] = {};
};

/// A bank that translates, so that inputs reach the walker without finding the registers first.
void set_up(smmuv2::Smmu& smmu, std::uint64_t choice) {
  smmu.write(gr0::SMR, SMR{}.set<SMR::VALID>(1).set<SMR::MASK>(0x7fff).raw, 4);
  smmu.write(gr0::S2CR, 0, 4);
  smmu.write(0x1000 + gr1::CBAR, CBAR{}.set<CBAR::TYPE>(1).raw, 4);
  smmu.write(context_bank_base + cb::TCR, choice, 4);
  smmu.write(context_bank_base + cb::TCR2, choice >> 32, 4);
  smmu.write(context_bank_base + cb::TTBR0, choice << 12, 8);
  smmu.write(context_bank_base + cb::SCTLR, SCTLR{}.set<SCTLR::M>(1).set<SCTLR::CFIE>(1).raw, 4);
  smmu.write(gr0::sCR0, sCR0{}.set<sCR0::USFCFG>(1).set<sCR0::GFIE>(1).raw, 4);
}

void check_lines(smmuv2::Smmu& smmu, const Lines& lines) {
  const bool enabled = sCR0::of(static_cast<std::uint32_t>(smmu.read(gr0::sCR0, 4))).is_set<sCR0::GFIE>();
  require(lines.global == (enabled && smmu.read(gr0::sGFSR, 4) != 0));
  for (unsigned bank = 0; bank < smmu.config().context_banks; ++bank) {
    const std::uint64_t base = context_bank_base + bank * std::uint64_t{smmuv2::register_page};
    const auto sctlr = SCTLR::of(static_cast<std::uint32_t>(smmu.read(base + cb::SCTLR, 4)));
    const auto fsr = static_cast<std::uint32_t>(smmu.read(base + cb::FSR, 4));
    require(lines.context[bank] == (sctlr.is_set<SCTLR::CFIE>() && (fsr & ~FSR::Format::mask) != 0));
  }
}

void check_translation(const smmuv2::Smmu& smmu, const arch::Access& access,
                       const smmuv2::Translation& result) {
  require(result.accesses.size() <= 4);
  if (result.action != smmuv2::Translation::Action::Forward) return;
  require(!result.fault);
  require(result.output >> smmu.config().output_bits == 0);
  require((result.output & 0xfff) == (access.address & 0xfff));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < operation_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  InputMemory memory(input);
  Lines lines;
  smmuv2::Config config;
  config.context_banks = 4;
  config.stream_match_groups = 4;
  config.tlb_entries = 16;
  config.micro_tlb_entries = 4;
  config.upstream_bits = input[1] % 2 == 0 ? 49 : 36;
  smmuv2::Smmu smmu(config, memory, lines);
  if (input[0] % 2 == 0) set_up(smmu, word(input, 2));

  for (std::size_t at = 0; at + operation_bytes <= size; at += operation_bytes) {
    const std::uint8_t kind = input[at];
    const unsigned width = (kind & 8) != 0 ? 8 : 4;
    const std::uint64_t offset = word(input, at + 1) % smmuv2::frame_size(config);
    const std::uint64_t value = word(input, at + 8);
    switch (kind % 4) {
      case 0:
        smmu.write(offset, value, width);
        break;
      case 1:
        static_cast<void>(smmu.read(offset, width));
        break;
      default: {
        const arch::Access access{.address = value,
                                  .stream_id = static_cast<std::uint32_t>(offset),
                                  .write = (kind & 16) != 0,
                                  .privileged = (kind & 32) != 0,
                                  .instruction = (kind & 64) != 0};
        check_translation(smmu, access, smmu.translate(0, access));
      }
    }
    check_lines(smmu, lines);
  }
  return 0;
}
