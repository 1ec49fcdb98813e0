// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv3 with caches and one without do the same with the same transactions, records and memory included,
// as long as changes to structures and tables are followed by the invalidations that the architecture asks
// for. Invalidations without a change do no harm.

#include "iommu/smmuv3/invalidation.h"
#include "tests/fuzz/smmuv3_input.h"
#include "tests/support/smmuv3_outcome.h"

namespace {

using namespace sidewinder;
using namespace sidewinder::fuzz;
using layout::smmuv3::Cd;
using layout::smmuv3::Ste;
using smmuv3::SecurityState;

smmuv3::Config uncached(smmuv3::Config config) {
  config.caches.micro_tlb = config.caches.tlb = config.caches.configuration = {0, 1};
  config.caches.stage1_walk.fill({0, 1});
  config.caches.stage2_walk.fill({0, 1});
  return config;
}

arch::TlbInvalidation everything() {
  return {.worlds = 0x7f, .stage1 = true, .stage2 = true};
}

/// What makes software responsible for a difference: a word of memory that is a descriptor of both stages,
/// and that one of them updates in a way that means something else to the other.
void keep_stages_apart(Ste& ste, Cd& cd) {
  ste.set<Ste::S2HD>(0).set<Ste::S2ENDI>(cd.get<Cd::ENDI>());
  if (ste.get<Ste::Config>() == 7) cd.set<Cd::HD>(0);
}

/// What may be written, for the same reason: of structures what leaves whose tables they name, and how these
/// are updated; nothing with the Contiguous bit, that no run contradicts itself.
std::optional<std::uint64_t> writable(std::uint64_t address, std::uint64_t word, const Cd& cd) {
  if (const auto index = ste_word(address)) return *index < 3 ? std::nullopt : std::optional(word);
  if (const auto index = cd_word(address)) {
    if (*index != 0) return word;
    const Cd kept = Cd::of({word});
    return Cd(kept)
        .set<Cd::ENDI>(cd.get<Cd::ENDI>())
        .set<Cd::HA>(cd.get<Cd::HA>())
        .set<Cd::HD>(cd.get<Cd::HD>())
        .words[0];
  }
  return word & ~(std::uint64_t{1} << 52);
}

void invalidate(smmuv3::Translator& smmu, const Input::Operation& operation) {
  const SecurityState state = (operation.flags & 1) != 0 ? SecurityState::Secure : SecurityState::NonSecure;
  const std::uint64_t first = operation.value & ~std::uint64_t{0xfff};
  switch (operation.flags >> 1 & 3) {
    case 0:
      return smmu.invalidate(smmuv3::cfgi_ste_range(state, operation.stream, operation.substream & 31U));
    case 1:
      return smmu.invalidate(smmuv3::cfgi_cd(state, operation.stream, operation.substream));
    case 2:
      return smmu.invalidate(smmuv3::cfgi_cd_all(state, operation.stream));
    default: {
      arch::TlbInvalidation what = everything();
      what.worlds = static_cast<std::uint8_t>(operation.extra);
      what.stage1 = (operation.flags & 8) != 0;
      what.stage2 = (operation.flags & 16) != 0;
      what.by_address = (operation.flags & 32) != 0;
      what.first = first;
      what.last = first + operation.substream * std::uint64_t{0x1000} < first
                      ? first
                      : first + operation.substream * std::uint64_t{0x1000};
      what.last_level_only = (operation.flags & 64) != 0;
      return smmu.invalidate(what);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < Input::first_operation) return 0;
  const Input input({data, size});
  smmuv3::Config config = config_of(input.word(0));
  Choices choices(input.word(1) >> 48);
  Ste ste = input.ste();
  Cd cd = input.cd();
  make_likely_legal(ste, config);
  make_likely_legal(cd, config);
  keep_stages_apart(ste, cd);
  const InputMemory::Options options{
      .likely_descriptors = choices.take(2) != 0, .no_runs = true, .output_bits = config.output_bits};
  InputMemory memory(input, ste, cd, options), plain_memory(input, ste, cd, options);
  smmuv3::Translator smmu(config, 2, memory), plain(uncached(config), 2, plain_memory);
  set_up(smmu, input.word(1));
  set_up(plain, input.word(1));

  for (std::size_t index = 0; index < input.operations(); ++index) {
    const Input::Operation operation = input.operation(index);
    switch (operation.kind % 8) {
      case 0:
        invalidate(smmu, operation);
        break;
      case 1: {
        // Of what was accessed lately: tables, and now and then structures.
        const std::uint64_t address = plain_memory.recent(operation.extra) & ~std::uint64_t{7};
        if (const auto word = writable(address, operation.value, cd)) {
          memory.store(address, (operation.flags & 1) != 0, *word);
          plain_memory.store(address, (operation.flags & 1) != 0, *word);
        }
        if ((operation.flags & 2) != 0) {
          smmu.invalidate_all();
        } else {
          smmu.invalidate(smmuv3::cfgi_all(SecurityState::NonSecure));
          smmu.invalidate(smmuv3::cfgi_all(SecurityState::Secure));
          smmu.invalidate(everything());
        }
        break;
      }
      default: {
        smmuv3::Transaction transaction = transaction_of(operation);
        const smmuv3::Translation a = smmu.translate(operation.kind >> 7, transaction);
        const smmuv3::Translation b = plain.translate(0, transaction);
        require(test::same_outcome(a, b));
        require(memory.same_contents(plain_memory));
      }
    }
  }
  return 0;
}
