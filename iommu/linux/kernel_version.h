// SPDX-License-Identifier: Apache-2.0
//
// Which Linux is modelled, and where its behaviour changed.

#ifndef SIDEWINDER_IOMMU_LINUX_KERNEL_VERSION_H
#define SIDEWINDER_IOMMU_LINUX_KERNEL_VERSION_H

#include <charconv>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace sidewinder::kernel {

struct KernelVersion {
  unsigned major = 6;
  unsigned minor = 1;

  friend constexpr auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// The first version that behaves so.
namespace since {

/// of_iommu_get_resv_regions() reads memory-region's iommu-addresses.
inline constexpr KernelVersion iommu_addresses{6, 3};
/// A domain stays lazy only on an IOMMU with IOMMU_CAP_DEFERRED_FLUSH; before, the type alone decides.
inline constexpr KernelVersion deferred_flush_capability{6, 5};
/// pci_32bit_workaround: once 32-bit addresses ran out, a PCI device stays above; before, every allocation
/// tries below 4 GiB first. Both only without iommu.forcedac.
inline constexpr KernelVersion pci_32bit_latch{6, 6};
/// One flush queue of 32768 entries and 1 s for IOMMUs whose flushes are costly; before, only a queue a CPU.
inline constexpr KernelVersion single_flush_queue{6, 7};
/// The IOVA caches' depot is a list that a worker trims; before, an array of 32 magazines.
inline constexpr KernelVersion iova_depot_list{6, 7};
/// dma-ranges bounds addresses from above only (bus_dma_limit); before, its lowest address is the lowest that
/// is handed out.
inline constexpr KernelVersion dma_ranges_upper_bound_only{6, 10};
/// A bounced buffer has whole granules for itself, zero around it; before, what the device only writes was
/// zeroed, and with min_align_mask the end of a granule could be another's.
inline constexpr KernelVersion bounced_granules{6, 10};
/// arm_smmu_print_context_fault_info(): context faults are logged with their registers decoded. 6.11 does so,
/// too, but first released with the line before them demoted to debug.
inline constexpr KernelVersion decoded_context_faults{6, 12};
/// arm_smmu_dump_event(): an SMMUv3's events are logged decoded as well, and as errors.
inline constexpr KernelVersion decoded_smmuv3_events{6, 14};
/// dma_iova_try_alloc(), dma_iova_link() and the rest of the two-step API.
inline constexpr KernelVersion two_step_dma{6, 16};
/// iommu-map entries as wide as the IOMMU's #iommu-cells say (five cells for two); before, four.
inline constexpr KernelVersion iommu_map_cells{7, 0};

}  // namespace since

/// "6.1" and so on: two decimal numbers and nothing else.
[[nodiscard]] inline std::optional<KernelVersion> parse_kernel_version(std::string_view text) {
  const auto number = [](std::string_view digits, unsigned& value) {
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc{} && stop == end;
  };
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  KernelVersion version;
  if (!number(text.substr(0, dot), version.major) || !number(text.substr(dot + 1), version.minor))
    return std::nullopt;
  return version;
}

[[nodiscard]] inline std::string to_string(KernelVersion version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

}  // namespace sidewinder::kernel

#endif
