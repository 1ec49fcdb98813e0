// SPDX-License-Identifier: Apache-2.0
//
// What the platform's flattened device tree says, read as Linux reads it (drivers/of/, with libfdt).

#ifndef SIDEWINDER_IOMMU_LINUX_DEVICE_TREE_H
#define SIDEWINDER_IOMMU_LINUX_DEVICE_TREE_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "iommu/linux/dma.h"

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

/// One entry of `iommus`.
struct IommuSpecifier {
  std::uint32_t phandle = 0;  ///< of the SMMU
  std::uint16_t sid = 0;
  std::uint16_t mask = 0;  ///< SMR.MASK: set bits are ignored in matching

  [[nodiscard]] constexpr bool covers(std::uint16_t stream_id) const {
    return ((sid ^ stream_id) & ~unsigned{mask}) == 0;
  }
};

struct DeviceNode {
  std::string path;
  std::string dev_name;        ///< as of_device_make_bus_id() makes it: "aa00000.video-codec"
  std::vector<PhysRange> reg;  ///< at least one, as the CPU sees them
  std::vector<Interrupt> interrupts;
  std::vector<IommuSpecifier> iommus;  ///< no StreamID twice; empty: DMA goes untranslated
  bool dma_coherent = false;           ///< its own or inherited from its bus
  std::string status;                  ///< "okay" when the property is absent

  [[nodiscard]] bool available() const { return status == "okay" || status == "ok"; }
};

struct SmmuNode {
  std::string path;
  std::string dev_name;  ///< "15000000.iommu"
  std::uint32_t phandle = 0;
  PhysRange reg;
  std::uint32_t iommu_cells = 0;  ///< 1, or 2 with a mask in each specifier
  std::uint16_t stream_match_mask = 0;
  std::vector<Interrupt> global_interrupts;   ///< the first #global-interrupts
  std::vector<Interrupt> context_interrupts;  ///< the others, by context bank
  bool dma_coherent = false;
};

/// Every function throws DeviceTreeError for a tree that does not say what it must.
class DeviceTree {
 public:
  /// Throws unless `blob` is a well-formed flattened tree of at least version 16.
  explicit DeviceTree(std::vector<std::byte> blob);

  /// The available memory of all nodes with device_type "memory", sorted; at least one range, none
  /// overlapping.
  [[nodiscard]] std::vector<PhysRange> memory() const;

  /// Children of /reserved-memory. Nothing else is made of them.
  [[nodiscard]] std::size_t reserved_memory_count() const;

  /// The available arm,mmu-500 whose phandle the nodes at `devices` have in `iommus`; with no such reference,
  /// the only one there is. Throws when there is none or the devices refer to several.
  [[nodiscard]] SmmuNode smmu(std::span<const std::string> devices) const;

  /// The node at a full path.
  [[nodiscard]] DeviceNode device(const std::string& path) const;

 private:
  std::vector<std::byte> blob_;
};

}  // namespace sidewinder::kernel

#endif
