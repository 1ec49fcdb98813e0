// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <utility>

namespace sidewinder::kernel {

namespace {

constexpr Pfn anchor_pfn = std::numeric_limits<Pfn>::max();

}  // namespace

IovaDomain::IovaDomain(const IovaConfig& config)
    : granule_(config.granule),
      shift_(static_cast<unsigned>(std::countr_zero(config.granule))),
      start_pfn_(config.start_pfn),
      strategy_(config.strategy),
      dma_32bit_pfn_((Pfn{1} << 32) >> shift_),
      max32_alloc_size_(dma_32bit_pfn_),
      rcache_(config.cpus, config.depot),
      online_(config.cpus, true),
      free32_(dma_32bit_pfn_) {
  assert(std::has_single_bit(granule_) && shift_ <= 32 && config.cpus > 0);
  anchor_.range = {anchor_pfn, anchor_pfn, IovaKind::Anchor};
  static_cast<void>(tree_.insert(anchor_, nullptr));
}

std::optional<IovaRange> IovaDomain::alloc_iova(std::uint64_t size, Pfn limit_pfn, bool size_aligned) {
  if (fatal_ != IovaFatal::None) return std::nullopt;
  if (strategy_ != IovaStrategy::Linux) return alloc_otherwise(size, limit_pfn, size_aligned);

  const Pfn ceiling = limit_pfn + 1;  // wraps to 0 for the highest limit, which then fails
  const bool low = ceiling <= dma_32bit_pfn_;
  if (low && size >= max32_alloc_size_) return std::nullopt;

  IovaNode* const cached = low ? cached32_ : cached_;
  if (cached == nullptr) {
    fatal_ = IovaFatal::NullDereference;
    return std::nullopt;
  }

  const IovaRequest request(size, size_aligned);
  const bool full = low && size > free32_ && tree_.ordered();
  IovaPlace place = full ? IovaPlace{} : search_down(tree_, *cached, ceiling, start_pfn_, request);
  const Pfn cached_hi = cached->range.pfn_hi;
  if (!place && cached_hi < ceiling) {
    IovaNode* const from = low ? tree_.find_limit(ceiling) : &anchor_;
    if (from == nullptr) {
      fatal_ = IovaFatal::NullDereference;
      return std::nullopt;
    }
    if (!full) place = search_down(tree_, *from, ceiling, cached_hi + 1, request);
    // The kernel knows its second search by its floor; where both floors are the same it begins again and
    // again.
    if (!place && cached_hi + 1 == start_pfn_) {
      fatal_ = IovaFatal::EndlessSearch;
      return std::nullopt;
    }
  }
  if (!place) {
    max32_alloc_size_ = size;  // whatever the limit was
    return std::nullopt;
  }

  IovaNode& node = take_node(place.pfn_lo, place.pfn_lo + size - 1, IovaKind::Allocated);
  if (size > 0 && tree_.ordered()) {
    tree_.insert_below(node, *place.above);
  } else if (insert(node, place.above) == IovaTree::Inserted::Detached) {
    fatal_ = IovaFatal::NullDereference;
    return std::nullopt;
  }
  free32_ -= pages32(node.range.pfn_lo, node.range.pfn_hi);
  (node.range.pfn_hi < dma_32bit_pfn_ ? cached32_ : cached_) = &node;
  return node.range;
}

std::optional<IovaRange> IovaDomain::alloc_otherwise(std::uint64_t size, Pfn limit_pfn, bool size_aligned) {
  if (size == 0) return std::nullopt;
  const Pfn ceiling = std::min(limit_pfn, anchor_pfn - 1) + 1;
  const bool best = strategy_ == IovaStrategy::BestFit;
  const IovaRequest request(size, size_aligned && best);
  const IovaPlace place = best ? search_smallest(tree_, anchor_, ceiling, start_pfn_, request)
                               : search_down(tree_, anchor_, ceiling, start_pfn_, request);
  if (!place) return std::nullopt;
  IovaNode& node = take_node(place.pfn_lo, place.pfn_lo + size - 1, IovaKind::Allocated);
  tree_.insert_below(node, *place.above);
  return node.range;
}

Pfn IovaDomain::alloc_fast(std::uint64_t size, Pfn limit_pfn, bool flush_rcache) {
  if (fatal_ == IovaFatal::None && strategy_ == IovaStrategy::Linux) {
    const unsigned order = IovaRcache::order_of(size);
    if (size < std::uint64_t{1} << (IovaRcache::order_count - 1)) size = std::uint64_t{1} << order;
    if (order < IovaRcache::order_count) {
      // The difference wraps for a limit below the size, and then any cached pfn will do.
      if (const Pfn pfn = rcache_.get(current_cpu_, order, limit_pfn + 1 - size); pfn != 0) return pfn;
    }
  }
  return alloc_uncached(size, limit_pfn, flush_rcache);
}

Pfn IovaDomain::alloc_uncached(std::uint64_t size, Pfn limit_pfn, bool flush_rcache) {
  std::optional<IovaRange> range = alloc_iova(size, limit_pfn, true);
  if (!range && flush_rcache && strategy_ == IovaStrategy::Linux) {
    flush_rcaches();
    range = alloc_iova(size, limit_pfn, true);
  }
  return range ? range->pfn_lo : 0;
}

void IovaDomain::free_iova(Pfn pfn) {
  if (fatal_ != IovaFatal::None) return;
  if (const IovaTree::Found found = find_to_free(pfn); found.node != nullptr) remove(found);
}

IovaTree::Found IovaDomain::find_to_free(Pfn pfn) {
  IovaNode* const start = pfn < dma_32bit_pfn_ ? cached32_ : cached_;
  if (start == nullptr || !tree_.ordered()) return tree_.find_with_next(pfn);

  // In an ordered tree one range at most holds the pfn. Most often it is the last allocation, or, where
  // buffers go in the order they came, the next below the one that went last.
  const auto holds = [pfn](const IovaNode& node) {
    return node.range.pfn_lo <= pfn && pfn <= node.range.pfn_hi;
  };
  if (holds(*start)) return {start, IovaTree::next(*start)};
  if (freed_in_order_) {
    IovaNode* const below = IovaTree::prev(*start);
    if (below != nullptr && holds(*below)) return {below, start};
  }
  const IovaTree::Found found = tree_.find_with_next(pfn);
  freed_in_order_ = found.node != nullptr && found.above == start;
  return found;
}

void IovaDomain::free_iova_fast(Pfn pfn, std::uint64_t size) {
  if (fatal_ != IovaFatal::None) return;
  const unsigned order = IovaRcache::order_of(size);
  if (order >= IovaRcache::order_count || strategy_ != IovaStrategy::Linux) {
    free_iova(pfn);
  } else if (!rcache_.insert_loaded(current_cpu_, order, pfn)) {
    free_past_loaded(pfn, order);
  }
}

void IovaDomain::free_past_loaded(Pfn pfn, unsigned order) {
  const IovaRcache::Inserted inserted = rcache_.insert(current_cpu_, order, pfn);
  if (inserted.spilled) {
    for (std::size_t i = 0; i < inserted.spilled->size(); ++i) release_cached((*inserted.spilled)[i]);
  }
  if (inserted.trim) schedule_trim(order);
}

bool IovaDomain::reserve_iova(Pfn pfn_lo, Pfn pfn_hi) {
  if (fatal_ != IovaFatal::None) return false;
  if ((pfn_lo | pfn_hi) > std::numeric_limits<std::uint64_t>::max() >> shift_) {
    ++warnings_;
    return false;
  }
  if (pfn_hi < pfn_lo && strategy_ != IovaStrategy::Linux) return true;

  bool met_overlap = false;
  for (IovaNode* node = tree_.first(); node != nullptr; node = IovaTree::next(*node)) {
    IovaRange& range = node->range;
    if (pfn_lo <= range.pfn_hi && pfn_hi >= range.pfn_lo) {
      if (pfn_lo < range.pfn_lo) {
        free32_ -= pages32(pfn_lo, range.pfn_lo - 1);
        tree_.extend_down(*node, pfn_lo);
        if (range.kind == IovaKind::Allocated) range.kind = IovaKind::Merged;
      }
      if (pfn_hi <= range.pfn_hi) return true;
      pfn_lo = range.pfn_hi + 1;
      met_overlap = true;
    } else if (met_overlap) {
      break;
    }
  }

  IovaNode& node = take_node(pfn_lo, pfn_hi, IovaKind::Reserved);
  free32_ -= pages32(pfn_lo, pfn_hi);
  if (insert(node, nullptr) != IovaTree::Inserted::Linked) give_node(node);
  return true;
}

std::optional<IovaRange> IovaDomain::find_iova(Pfn pfn) const {
  if (fatal_ != IovaFatal::None) return std::nullopt;
  const IovaNode* node = tree_.find(pfn);
  if (node == nullptr) return std::nullopt;
  return node->range;
}

std::vector<IovaRange> IovaDomain::ranges() const {
  std::vector<IovaRange> all;
  for (const IovaNode* node = tree_.first(); node != nullptr; node = IovaTree::next(*node)) {
    if (node->range.kind != IovaKind::Anchor) all.push_back(node->range);
  }
  return all;
}

bool IovaDomain::set_current_cpu(unsigned cpu) {
  if (cpu >= online_.size() || !online_[cpu]) return false;
  current_cpu_ = cpu;
  return true;
}

bool IovaDomain::cpu_dead(unsigned cpu) {
  if (cpu >= online_.size() || !online_[cpu] || cpu == current_cpu_) return false;
  online_[cpu] = false;
  if (fatal_ == IovaFatal::None) rcache_.drain_cpu(cpu, [this](Pfn pfn) { release_cached(pfn); });
  return true;
}

bool IovaDomain::cpu_up(unsigned cpu) {
  if (cpu >= online_.size() || online_[cpu]) return false;
  online_[cpu] = true;
  return true;
}

void IovaDomain::trim_depot(unsigned order) {
  if (order >= IovaRcache::order_count || fatal_ != IovaFatal::None) return;
  trim_pending_[order] = false;
  const auto online = static_cast<std::size_t>(std::count(online_.begin(), online_.end(), true));
  if (rcache_.depot_size(order) <= online) return;
  const auto magazine = rcache_.take_from_depot(order);
  for (std::size_t i = 0; i < magazine->size(); ++i) release_cached((*magazine)[i]);
  schedule_trim(order);
}

IovaSearchState IovaDomain::search_state() const {
  IovaSearchState state;
  if (cached32_ != nullptr) state.cached32 = cached32_->range.pfn_lo;
  if (cached_ != nullptr) state.cached = cached_->range.pfn_lo;
  state.max32_alloc_size = max32_alloc_size_;
  return state;
}

std::uint64_t IovaDomain::pages32(Pfn pfn_lo, Pfn pfn_hi) const {
  return std::min(pfn_hi, dma_32bit_pfn_ - 1) + 1 - std::min(pfn_lo, dma_32bit_pfn_);
}

IovaNode& IovaDomain::take_node(Pfn pfn_lo, Pfn pfn_hi, IovaKind kind) {
  IovaNode* node = spare_;
  if (node != nullptr) {
    spare_ = node->parent;
  } else {
    node = &pool_.emplace_back();
  }
  node->range.pfn_lo = pfn_lo;
  node->range.pfn_hi = pfn_hi;
  node->range.kind = kind;
  return *node;
}

void IovaDomain::give_node(IovaNode& node) {
  node.parent = spare_;
  spare_ = &node;
}

IovaTree::Inserted IovaDomain::insert(IovaNode& node, IovaNode* start) {
  const IovaTree::Inserted result = tree_.insert(node, start);
  if (result == IovaTree::Inserted::Duplicate) ++warnings_;
  return result;
}

void IovaDomain::remove(const IovaTree::Found& found) {
  IovaNode& node = *found.node;
  IovaNode* const above = found.above;
  if (strategy_ != IovaStrategy::Linux) {
    if (&node == &anchor_) return;
    tree_.erase(node, above);
    give_node(node);
    return;
  }
  if (cached32_ == nullptr || cached_ == nullptr) {
    fatal_ = IovaFatal::NullDereference;
    return;
  }
  const IovaRange& range = node.range;
  if (&node == cached32_ || (range.pfn_hi < dma_32bit_pfn_ && range.pfn_lo >= cached32_->range.pfn_lo)) {
    cached32_ = above;
  }
  if (range.pfn_lo < dma_32bit_pfn_) {
    max32_alloc_size_ = dma_32bit_pfn_;
    free32_ += pages32(range.pfn_lo, range.pfn_hi);
  }
  if (range.pfn_lo >= cached_->range.pfn_lo) cached_ = above;

  tree_.erase(node, above);
  if (&node != &anchor_) {
    give_node(node);
  } else if (range.pfn_lo != anchor_pfn) {
    fatal_ = IovaFatal::InvalidFree;
  }
}

void IovaDomain::release_cached(Pfn pfn) {
  if (fatal_ != IovaFatal::None) return;
  const IovaTree::Found found = tree_.find_with_next(pfn);
  if (found.node == nullptr) {
    ++warnings_;
    return;
  }
  remove(found);
}

void IovaDomain::flush_rcaches() {
  if (fatal_ != IovaFatal::None) return;
  const IovaRcache::Release release = [this](Pfn pfn) { release_cached(pfn); };
  for (unsigned cpu = 0; cpu < online_.size(); ++cpu) {
    if (online_[cpu]) rcache_.drain_cpu(cpu, release);
  }
  rcache_.drain_depot(release);
}

void IovaDomain::schedule_trim(unsigned order) {
  if (!schedule_trim_ || trim_pending_[order]) return;
  trim_pending_[order] = true;
  schedule_trim_(order);
}

}  // namespace sidewinder::kernel
