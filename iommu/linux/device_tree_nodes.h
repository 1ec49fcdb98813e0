// SPDX-License-Identifier: Apache-2.0
//
// What a device tree says of one node, as values.

#ifndef SIDEWINDER_IOMMU_LINUX_DEVICE_TREE_NODES_H
#define SIDEWINDER_IOMMU_LINUX_DEVICE_TREE_NODES_H

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/host_bus.h"

namespace sidewinder::kernel {

/// A device tree that cannot be used: which node, and what is wrong and would be right.
class DeviceTreeError : public std::runtime_error {
 public:
  DeviceTreeError(std::string path, std::string message);  // what() is "path: message"

  [[nodiscard]] const std::string& path() const { return path_; }  ///< "/" for the tree as a whole
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  std::string path_;
  std::string message_;
};

enum class InterruptType : std::uint8_t { Spi = 0, Ppi = 1 };  // dt-bindings/interrupt-controller/arm-gic.h

/// One interrupt specifier of a GIC (three cells, or four with a PPI partition).
struct Interrupt {
  InterruptType type = InterruptType::Spi;
  std::uint32_t number = 0;  ///< within its type
  std::uint32_t flags = 0;   ///< IRQ_TYPE_*
  std::uint32_t intid = 0;   ///< the GIC's number: 32 + n for an SPI, 16 + n for a PPI
};

/// One entry of `iommus`, or what `iommu-map` makes of an ID.
struct IommuSpecifier {
  std::uint32_t phandle = 0;  ///< of the SMMU
  std::uint32_t sid = 0;      ///< 16 bits with an SMMUv2
  std::uint16_t mask = 0;     ///< SMR.MASK: set bits are ignored in matching; 0 with an SMMUv3

  [[nodiscard]] constexpr bool covers(std::uint32_t stream_id) const {
    return ((sid ^ stream_id) & ~std::uint32_t{mask}) == 0;
  }
};

struct DeviceNode {
  std::string path;
  std::string dev_name;  ///< as of_device_make_bus_id() makes it: "aa00000.video-codec"
  std::vector<std::string> compatible;
  std::vector<PhysRange> reg;  ///< as the CPU sees them; of a child node, empty where it has none
  std::vector<Interrupt> interrupts;
  std::vector<IommuSpecifier> iommus;  ///< no StreamID twice; empty: DMA goes untranslated
  bool has_iommu_map = false;
  bool dma_coherent = false;  ///< its own or inherited from its bus
  bool dma_can_stall = false;
  std::uint32_t pasid_bits = 0;  ///< pasid-num-bits
  std::string status;            ///< "okay" when the property is absent

  [[nodiscard]] bool available() const { return status == "okay" || status == "ok"; }
};

/// arm_smmu_of_match: what the driver takes a controller for.
enum class SmmuModel : std::uint8_t {
  Smmuv2,  ///< arm,smmu-v2 and qcom,smmu-v2
  Mmu500,  ///< arm,mmu-500
  Smmuv3,  ///< arm,smmu-v3, another driver's (arm-smmu-v3)
};

/// Whose quirks the driver adds (arm-smmu-impl.c, arm-smmu-qcom.c).
enum class SmmuImplementation : std::uint8_t {
  Arm,
  Qualcomm,  ///< qcom_smmu_impl_of_match, as of 6.12; 6.1 knows fewer of them
};

/// What only an SMMUv3's node has.
struct Smmuv3Node {
  std::optional<Interrupt> combined;  ///< these by interrupt-names
  std::optional<Interrupt> eventq;
  std::optional<Interrupt> priq;
  std::optional<Interrupt> gerror;
  std::optional<Interrupt> cmdq_sync;  ///< Linux polls instead
  bool broken_prefetch = false;        ///< hisilicon,broken-prefetch-cmd
  bool page0_only = false;             ///< cavium,cn9900-broken-page1-regspace
};

struct SmmuNode {
  std::string path;
  std::string dev_name;  ///< "15000000.iommu"
  std::uint32_t phandle = 0;
  SmmuModel model = SmmuModel::Mmu500;
  SmmuImplementation implementation = SmmuImplementation::Arm;
  std::string compatible;  ///< the string that `model` is of
  PhysRange reg;
  std::uint32_t iommu_cells = 0;  ///< 1, or with an SMMUv2 2 with a mask in each specifier
  std::uint16_t stream_match_mask = 0;
  std::vector<Interrupt> global_interrupts;   ///< the first #global-interrupts; of an SMMUv2
  std::vector<Interrupt> context_interrupts;  ///< the others, by context bank; of an SMMUv2
  std::optional<PowerDomain> power_domain;    ///< its only one: with several, as with none, it has none
  bool dma_coherent = false;
  Smmuv3Node v3;
};

/// How the kernel reads `iommu-map` (of_map_id()).
enum class IommuMapRule : std::uint8_t {
  FourCells,    ///< one output cell, whatever the controller's #iommu-cells: kernels before 2026
  TargetCells,  ///< as many as #iommu-cells says ("of: Respect #{iommu,msi}-cells in maps")
  EveryMatch,   ///< the same, and every entry for the ID counts, not the first alone: proposed
};

/// What the kernel answers for one ID of a node.
struct IommuMapAnswer {
  /// Empty: no IOMMU, DMA goes untranslated. More than one only under EveryMatch. ENODEV: no map, no node of
  /// that phandle, or under EveryMatch no entry for the ID; the kernel goes on without an IOMMU. EINVAL: a
  /// malformed map. EFAULT: iommu-map-mask ignores bits of an id-base. With both the device silently gets no
  /// IOMMU.
  Result<std::vector<IommuSpecifier>> specifiers;
  std::vector<std::string> log;  ///< the kernel's lines, whole
};

/// One range of `dma-ranges`, with those that continue it.
struct DmaRange {
  std::uint64_t bus = 0;  ///< where it is for the device
  PhysAddr cpu = 0;
  std::uint64_t size = 0;
};

/// Whose DMA is configured, which says where the search for dma-ranges begins (of_dma_configure_id()).
enum class DmaOwner : std::uint8_t {
  Node,            ///< the node's own device: at its DMA parent
  SyntheticChild,  ///< a device without a node, configured with this one: at the node itself
};

/// How the bounds follow from dma-ranges.
enum class DmaBounds : std::uint8_t {
  StartAndSize,  ///< before 6.10: from the lowest start and a size that is rounded up to even
  HighestEnd,    ///< from 6.10
};

/// What of_dma_configure_id() makes of dma-ranges, for a device that must be configured (force_dma).
struct DmaLimits {
  std::vector<DmaRange> map;        ///< in the tree's order; empty: no dma-ranges, addresses are 1:1
  std::uint64_t start = 0;          ///< lowest address; the allocator's lower bound before 6.10
  std::uint64_t mask = 0;           ///< both of the device's DMA masks are ANDed with it
  std::uint64_t bus_dma_limit = 0;  ///< highest address that the bus lets through; 0: no limit
  Status status;                    ///< EINVAL: the device is not probed
  std::vector<std::string> log;     ///< the kernel's lines; those of dev_*() without driver and device
};

/// An entry of iommu-addresses, as of_iommu_get_resv_regions() returns it.
struct IovaReservation {
  std::string region;  ///< path of the memory-region
  DmaAddr start = 0;
  std::uint64_t size = 0;  ///< bytes, never 0
  bool direct = false;     ///< mapped 1:1 (IOMMU_RESV_DIRECT); else never mapped
};

struct IovaReservations {
  std::vector<IovaReservation> regions;
  std::vector<std::string> log;  ///< what dev_warn() and dev_err() print, without driver and device
};

/// An entry of the proposed `iommu-ranges`: addresses that the device may use.
struct IovaWindow {
  DmaAddr start = 0;
  std::uint64_t size = 0;
};

/// A child of /reserved-memory.
struct ReservedMemoryNode {
  std::string path;
  std::vector<PhysRange> reg;  ///< empty: the kernel places it
  std::uint64_t size = 0;      ///< of one without `reg`
  bool no_map = false;
};

struct ReservedMemory {
  std::vector<ReservedMemoryNode> nodes;  ///< the available ones
  std::vector<std::string> log;           ///< why the kernel ignores all of them, if it does
};

/// A node that one of Linux's Qualcomm video drivers takes.
struct VideoNode {
  std::string path;
  std::string compatible;  ///< the string by which
  bool available = false;
};

}  // namespace sidewinder::kernel

#endif
