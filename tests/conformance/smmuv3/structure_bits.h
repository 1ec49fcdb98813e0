// SPDX-License-Identifier: Apache-2.0
//
// Fields of STE and CD by their bits in IHI 0070 §5.2 and §5.4, apart from the layout that is under test.

#ifndef SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_STRUCTURE_BITS_H
#define SIDEWINDER_TESTS_CONFORMANCE_SMMUV3_STRUCTURE_BITS_H

#include <array>
#include <cstdint>

namespace sidewinder::test {

using Words = std::array<std::uint64_t, 8>;

struct BitRange {
  unsigned hi;
  unsigned lo;
};

inline Words with(Words words, BitRange range, std::uint64_t value) {
  for (unsigned bit = range.lo; bit <= range.hi; ++bit) {
    const std::uint64_t mask = std::uint64_t{1} << bit % 64;
    words[bit / 64] = (value >> (bit - range.lo) & 1) != 0 ? words[bit / 64] | mask : words[bit / 64] & ~mask;
  }
  return words;
}

namespace ste_bits {
inline constexpr BitRange v{0, 0}, stream_config{3, 1}, s1fmt{5, 4}, s1_context_ptr{55, 6}, s1cdmax{63, 59};
inline constexpr BitRange s2fwb{89, 89}, s1stalld{91, 91}, eats{93, 92}, strw{95, 94};
inline constexpr BitRange s2vmid{143, 128}, s2t0sz{165, 160}, s2sl0{167, 166}, s2tg{175, 174}, s2ps{178, 176};
inline constexpr BitRange s2aa64{179, 179}, s2endi{180, 180}, s2hd{183, 183}, s2ha{184, 184}, s2s{185, 185};
inline constexpr BitRange s2sl0_2{194, 194}, s2ds{195, 195}, s2ttb{243, 196};
inline constexpr BitRange s_s2t0sz{293, 288}, s_s2sl0{295, 294}, s_s2tg{303, 302}, s_s2sl0_2{386, 386},
    s_s2ttb{435, 388};
}  // namespace ste_bits

namespace cd_bits {
inline constexpr BitRange t0sz{5, 0}, tg0{7, 6}, epd0{14, 14}, endi{15, 15}, t1sz{21, 16}, tg1{23, 22},
    epd1{30, 30};
inline constexpr BitRange v{31, 31}, ips{34, 32}, aa64{41, 41}, hd{42, 42}, ha{43, 43}, s{44, 44}, a{46, 46};
inline constexpr BitRange asid{63, 48}, ttb0{115, 68}, ttb1{179, 132}, ds{186, 186};
}  // namespace cd_bits

}  // namespace sidewinder::test

#endif
