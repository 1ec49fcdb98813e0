// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/of_power.h"

#include <utility>

namespace sidewinder::kernel::of {
namespace {

constexpr const char* property = "power-domains";

}  // namespace

std::optional<PowerDomain> power_domain_of(const Node& node) {
  const Cells cells = node.cells(property).value_or(Cells{});
  std::vector<PowerDomain> domains;
  for (std::size_t at = 0; at < cells.size();) {
    PowerDomain domain{.provider = cells[at++], .specifier = {}};
    if (domain.provider != 0) {  // an empty entry counts, and has no cells
      const std::optional<Node> provider = node.by_phandle(domain.provider);
      const std::optional<std::uint32_t> count =
          provider ? provider->first_cell("#power-domain-cells") : std::nullopt;
      if (!count || cells.size() - at < *count) return std::nullopt;
      const auto first = cells.begin() + static_cast<std::ptrdiff_t>(at);
      domain.specifier.assign(first, first + static_cast<std::ptrdiff_t>(*count));
      at += *count;
    }
    domains.push_back(std::move(domain));
  }
  if (domains.size() != 1) return std::nullopt;
  PowerDomain& only = domains.front();
  if (only.provider == 0) throw node.error("power-domains has an empty entry: Linux would not probe it");
  if (const Node provider = node.referenced(only.provider, property); !provider.available())
    throw node.error("power-domains refers to " + provider.path() +
                     ", which is disabled: Linux would not probe it");
  return std::move(only);
}

}  // namespace sidewinder::kernel::of
