// SPDX-License-Identifier: Apache-2.0
//
// Memory attributes in the notation of IHI 0070 §13.1.1, such as Normal-iWB/RAnWATR-oNC-ISH and
// Device-nGnRE-OSH. The shareability always stands there.

#ifndef SIDEWINDER_TESTS_SUPPORT_ATTRIBUTE_TEXT_H
#define SIDEWINDER_TESTS_SUPPORT_ATTRIBUTE_TEXT_H

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "iommu/arch/memory_attributes.h"

namespace sidewinder::test {

inline constexpr std::array<std::string_view, 5> type_names{"Device-nGnRnE", "Device-nGnRE", "Device-nGRE",
                                                            "Device-GRE", "Normal"};
inline constexpr std::array<std::string_view, 3> cacheability_names{"NC", "WT", "WB"};
inline constexpr std::array<std::string_view, 4> shareability_names{"NSH", "?", "OSH", "ISH"};

inline std::string text(const arch::CachePolicy& policy) {
  std::string out{cacheability_names.at(static_cast<std::size_t>(policy.cacheability))};
  if (policy == arch::CachePolicy{}) return out;  // hints of what is not cacheable are shown as well
  return out + (policy.read_allocate ? "/RA" : "/nRA") + (policy.write_allocate ? "WA" : "nWA") +
         (policy.transient ? "TR" : "nTR");
}

inline std::string text(const arch::MemoryAttributes& attributes) {
  std::string out{type_names.at(static_cast<std::size_t>(attributes.type))};
  const bool policies = attributes.inner != arch::CachePolicy{} || attributes.outer != arch::CachePolicy{};
  if (attributes.type == arch::MemoryType::Normal || policies)
    out += "-i" + text(attributes.inner) + "-o" + text(attributes.outer);
  out += "-";
  return out.append(shareability_names.at(static_cast<std::size_t>(attributes.shareability)));
}

inline arch::CachePolicy policy(std::string_view words) {
  for (const auto cacheability :
       {arch::Cacheability::NonCacheable, arch::Cacheability::WriteThrough, arch::Cacheability::WriteBack})
    for (unsigned hints = 0; hints < 8; ++hints) {
      const arch::CachePolicy made{cacheability, (hints & 4) != 0, (hints & 2) != 0, (hints & 1) != 0};
      if (text(made) == words) return made;
    }
  throw std::invalid_argument("no cache policy: " + std::string{words});
}

/// What `text()` makes these words of.
inline arch::MemoryAttributes attributes(std::string_view words) {
  arch::MemoryAttributes made;
  const std::string_view sh = words.substr(words.size() - 3);
  for (std::size_t code = 0; code < shareability_names.size(); ++code)
    if (shareability_names[code] == sh) made.shareability = static_cast<arch::Shareability>(code);
  if (words.substr(0, 8) == "Normal-i") {
    const std::size_t outer = words.find("-o");
    made.type = arch::MemoryType::Normal;
    made.inner = policy(words.substr(8, outer - 8));
    made.outer = policy(words.substr(outer + 2, words.size() - 4 - outer - 2));
  } else {
    for (std::size_t code = 0; code < type_names.size(); ++code)
      if (type_names[code] == words.substr(0, words.size() - 4))
        made.type = static_cast<arch::MemoryType>(code);
  }
  if (text(made) != words) throw std::invalid_argument("no memory attributes: " + std::string{words});
  return made;
}

}  // namespace sidewinder::test

#endif
