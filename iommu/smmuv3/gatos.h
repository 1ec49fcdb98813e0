// SPDX-License-Identifier: Apache-2.0
//
// GATOS and S_GATOS: the registers by which software has an address translated (IHI 0070 chapter 9). An
// operation is complete before the next register access, so that RUN always reads 0.

#ifndef SIDEWINDER_IOMMU_SMMUV3_GATOS_H
#define SIDEWINDER_IOMMU_SMMUV3_GATOS_H

#include <cstdint>
#include <optional>

#include "iommu/layout/smmuv3_atos.h"
#include "iommu/smmuv3/atos.h"
#include "iommu/smmuv3/config.h"

namespace sidewinder::smmuv3 {

/// One group. Registers that reset to an UNKNOWN value reset to 0. Without IDR0.ATOS all of them are RES0.
class Gatos {
 public:
  Gatos(const Config& config, SecurityState state) : config_(&config), state_(state) {}

  /// Of `offset` in page 0, without the distance of the Secure registers.
  [[nodiscard]] static constexpr bool holds(std::uint32_t offset) {
    return offset >= layout::smmuv3::page0::GATOS_CTRL && offset < layout::smmuv3::page0::GATOS_PAR + 8;
  }

  /// 32 bits at a multiple of 4 that is held here.
  [[nodiscard]] std::uint32_t read(std::uint32_t offset) const;
  /// True: RUN was written as 1. The answer to request() is due, unless SMMUEN is 0: then it is ignored.
  [[nodiscard]] bool write(std::uint32_t offset, std::uint32_t value);

  /// None: the request is malformed.
  [[nodiscard]] std::optional<AtosRequest> request() const;
  /// Makes PAR of the answer; without one it is INV_REQ.
  void complete(const std::optional<AtosResult>& result);

 private:
  [[nodiscard]] std::uint64_t sid_fields() const;
  [[nodiscard]] std::uint64_t address_fields() const;
  [[nodiscard]] layout::smmuv3::AtosType type() const;
  [[nodiscard]] layout::smmuv3::GATOS_PAR translated(const AtosResult& result) const;
  [[nodiscard]] layout::smmuv3::GATOS_PAR_FAULT faulted(const arch::Fault& fault) const;
  [[nodiscard]] layout::smmuv3::GATOS_PAR_FAULT failed(std::uint8_t code,
                                                       layout::smmuv3::AtosReason reason) const;

  const Config* config_;
  SecurityState state_;
  layout::smmuv3::GATOS_SID sid_;
  layout::smmuv3::GATOS_ADDR addr_;
  std::uint64_t par_ = 0;
};

}  // namespace sidewinder::smmuv3

#endif
