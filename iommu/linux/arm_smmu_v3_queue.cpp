// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_queue.h"

namespace sidewinder::kernel {

using namespace layout::smmuv3;

bool QueueIndices::has_space(std::uint32_t count) const {
  const std::uint32_t distance = index(prod) - index(cons);
  const std::uint32_t space = wrap(prod) == wrap(cons) ? entries() - distance : ~distance + 1;
  return space >= count;
}

bool QueueIndices::consumed(std::uint32_t at) const {
  return wrap(cons) == wrap(at) ? index(cons) > index(at) : index(cons) <= index(at);
}

Status ArmSmmuV3Queue::init(const ArmSmmuV3Io& io, PageAllocator& pages, unsigned shift, const Place& place) {
  io_ = &io;
  place_ = place;
  indices = {.shift = shift};
  for (;; --indices.shift) {
    const std::uint64_t bytes = std::uint64_t{indices.entries()} * place.entry_bytes;
    if (const auto memory = pages.allocate_coherent(bytes)) {
      base_ = *memory;
      io.say(LogLevel::Info, format("allocated %u entries for %s", indices.entries(), place.name));
      return {};
    }
    if (bytes >= page_size) continue;
    io.say(LogLevel::Err, format("failed to allocate queue (0x%" PRIx64 " bytes) for %s", bytes, place.name));
    return fail(Errno::ENOMEM_);
  }
}

std::uint64_t ArmSmmuV3Queue::base_register() const {
  return QUEUE_BASE::of(base_ & QUEUE_BASE::ADDR::mask)
      .set<QUEUE_BASE::RA>(1)
      .set<QUEUE_BASE::LOG2SIZE>(indices.shift)
      .raw;
}

void ArmSmmuV3Queue::read_entry(std::uint32_t at, std::span<std::uint64_t> words) const {
  for (std::size_t word = 0; word < words.size(); ++word)
    words[word] = read_word<std::uint64_t>(*io_->bus, entry(at) + 8 * word);
}

void ArmSmmuV3Queue::write_entry(std::uint32_t at, std::span<const std::uint64_t> words) const {
  for (std::size_t word = 0; word < words.size(); ++word)
    write_word(*io_->bus, entry(at) + 8 * word, words[word]);
}

bool ArmSmmuV3Queue::remove(std::span<std::uint64_t> words) {
  if (indices.empty()) return false;
  read_entry(indices.cons, words);
  indices.cons = indices.advanced(indices.cons, 1);
  write_cons();
  return true;
}

bool ArmSmmuV3Queue::overflowed() {
  const std::uint32_t prod = read_prod();
  const bool overflow = QueueIndices::overflow(prod) != QueueIndices::overflow(indices.prod);
  indices.prod = prod;
  return overflow;
}

void ArmSmmuV3Queue::acknowledge_overflow() {
  const std::uint32_t flag = QueueIndices::overflow(indices.prod);
  if (flag == QueueIndices::overflow(indices.cons)) return;
  indices.cons = flag | indices.wrap(indices.cons) | indices.index(indices.cons);
  write_cons();
}

}  // namespace sidewinder::kernel
