// SPDX-License-Identifier: Apache-2.0
//
// What would become of a transaction, for debuggers and for DMI: without an event, a counter, a cache that
// fills, an access flag or dirty state that is set, or a stall.

#ifndef SIDEWINDER_IOMMU_SMMUV3_PROBE_H
#define SIDEWINDER_IOMMU_SMMUV3_PROBE_H

#include "iommu/arch/memory_port.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/transaction.h"
#include "iommu/smmuv3/translator.h"

namespace sidewinder::smmuv3 {

/// Translates by the registers of a translator and by structures and tables as they are in memory: what
/// caches know otherwise, software has yet to invalidate.
class Probe {
 public:
  /// The memory must outlive the probe. It is read; its compare_exchange64 is called where hardware would
  /// update a descriptor, and should write nothing and answer `expected`, as though it had been written.
  Probe(const Config& config, arch::MemoryPort& memory);

  [[nodiscard]] Translation translate(const Translator& translator, const Transaction& transaction);

 private:
  Translator own_;  ///< without any cache
};

}  // namespace sidewinder::smmuv3

#endif
