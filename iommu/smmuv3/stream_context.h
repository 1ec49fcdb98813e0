// SPDX-License-Identifier: Apache-2.0
//
// STEs and CDs as configuration caches keep them: decoded once, for every transaction that uses them.

#ifndef SIDEWINDER_IOMMU_SMMUV3_STREAM_CONTEXT_H
#define SIDEWINDER_IOMMU_SMMUV3_STREAM_CONTEXT_H

#include <cstdint>

#include "iommu/arch/regime.h"
#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/attributes.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/control.h"
#include "iommu/smmuv3/stream_world.h"

namespace sidewinder::smmuv3 {

/// An STE. Those that are ILLEGAL are kept too: §5.2.1 lets any state be cached.
struct StreamContext {
  layout::smmuv3::Ste ste{};
  bool illegal = true;
  bool passes = false;  ///< STE.Config lets traffic pass
  bool stage1 = false;
  bool stage2 = false;
  layout::smmuv3::Eats eats = layout::smmuv3::Eats::None;  ///< effective
  StreamWorld world = StreamWorld::El1;
  std::uint16_t vmid = 0;  ///< of the TLB tag: 0 where translations have none (§3.17)
  arch::Stage2 stage2_regime{};
  AttributeOverrides overrides{};
};

/// A CD.
struct SubstreamContext {
  bool illegal = true;
  bool aset = false;
  bool abort = false;      ///< CD.A
  bool record = false;     ///< CD.R
  bool stall = false;      ///< CD.S
  std::uint16_t asid = 0;  ///< of the TLB tag: 0 where the world has none
  arch::Stage1 regime{};
};

/// All that a transaction of some StreamID and SubstreamID needs, as the configuration cache keeps it.
struct Configuration {
  StreamContext stream{};
  bool complete = true;  ///< false: what needs the STE alone asked for it, and there may be a CD
  bool stage1 = false;   ///< stage 1 translates for it, by `substream`
  SubstreamContext substream{};
};

/// `control` is of the stream's Security state, `secure_control` of the Secure one.
[[nodiscard]] StreamContext decode(const layout::smmuv3::Ste& ste, SecurityState security,
                                   const Control& control, const Control& secure_control,
                                   const Config& config);

[[nodiscard]] SubstreamContext decode(const layout::smmuv3::Cd& cd, const StreamContext& stream,
                                      SecurityState security, const Control& secure_control,
                                      const Config& config);

}  // namespace sidewinder::smmuv3

#endif
