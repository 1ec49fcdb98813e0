// SPDX-License-Identifier: Apache-2.0
//
// What a gap between two ranges can hold, and sizes in 16 bits that keep their order: what a tree of ranges
// remembers of the gaps below each node.

#ifndef SIDEWINDER_IOMMU_LINUX_IOVA_ROOM_H
#define SIDEWINDER_IOMMU_LINUX_IOVA_ROOM_H

#include <algorithm>
#include <bit>
#include <cstdint>

namespace sidewinder::kernel {

/// A size's 11 highest bits: sizes of up to 11 significant bits keep their place among all, others are
/// rounded down to one.
using RoughSize = std::uint16_t;

[[nodiscard]] constexpr RoughSize rough_size(std::uint64_t pages) {
  constexpr int bits = 11;
  const int shift = std::max(static_cast<int>(std::bit_width(pages)) - bits, 0);
  return static_cast<RoughSize>((static_cast<std::uint64_t>(shift) << (bits - 1)) + (pages >> shift));
}

/// log2 of the multiple that `size` pages are aligned to: of the size rounded up to a power of two, as
/// fls_long(size - 1) gives it, modulo 64 as the shift instructions of arm64 and x86-64 take it: C leaves a
/// shift by 64 (size 0, or above 2^63) undefined.
[[nodiscard]] constexpr unsigned iova_align_shift(std::uint64_t size) {
  return static_cast<unsigned>(std::bit_width(size - 1)) % 64;
}

/// The largest size that fits, aligned, into [begin, end). Every smaller one fits, too, if it is at most
/// 2^63.
[[nodiscard]] constexpr std::uint64_t aligned_room(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t gap = end - begin;
  if (gap < 2 || gap > std::uint64_t{1} << 63) return gap;
  const std::uint64_t power = std::bit_floor(gap);
  // Sizes above `power` begin on a multiple of twice that, those above half of it on a multiple of it. Where
  // the next multiple is 2^64 it wraps to 0.
  const std::uint64_t doubled = (begin + 2 * power - 1) & ~(2 * power - 1);
  if (begin <= doubled && doubled < end && end - doubled > power) return end - doubled;
  const std::uint64_t first = (begin + power - 1) & ~(power - 1);
  if (begin <= first && first < end && end - first > power / 2) return std::min(end - first, power);
  return power / 2;
}

}  // namespace sidewinder::kernel

#endif
