// SPDX-License-Identifier: Apache-2.0
//
// The command queue of an SMMUv3 (struct arm_smmu_cmdq), and waiting for what was put into it.

#ifndef SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_CMDQ_H
#define SIDEWINDER_IOMMU_LINUX_ARM_SMMU_V3_CMDQ_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "iommu/layout/smmuv3_queue.h"
#include "iommu/linux/arm_smmu_v3_io.h"
#include "iommu/linux/arm_smmu_v3_queue.h"
#include "iommu/linux/errno.h"
#include "iommu/linux/log.h"

namespace sidewinder::kernel {

/// One a call site, over all SMMUs of a kernel.
struct ArmSmmuV3CommandRateLimits {
  RateLimit queue_timeout{"arm_smmu_cmdq_issue_cmdlist"};
  RateLimit sync_timeout{"arm_smmu_cmdq_issue_cmdlist"};
};

/// Commands that are issued together (struct arm_smmu_cmdq_batch).
struct CommandBatch {
  static constexpr std::size_t size = 64;  // CMDQ_BATCH_ENTRIES: BITS_PER_LONG

  std::array<layout::smmuv3::Command, size> commands{};
  std::size_t count = 0;
};

/// Commands of one call are next to each other in the queue. Who waits, for room or for a CMD_SYNC, yields.
class ArmSmmuV3CommandQueue {
 public:
  struct Options {
    bool msi_polling = false;  ///< the SMMU overwrites a CMD_SYNC that is complete (ARM_SMMU_OPT_MSIPOLL)
    bool force_sync = false;   ///< a full batch ends with a CMD_SYNC (ARM_SMMU_OPT_CMDQ_FORCE_SYNC)
  };

  ArmSmmuV3CommandQueue(const ArmSmmuV3Io& io, ArmSmmuV3CommandRateLimits& limits)
      : io_(&io), limits_(&limits) {}

  /// As ArmSmmuV3Queue::init(). `shift` is more than that of a batch.
  [[nodiscard]] Status init(PageAllocator& pages, unsigned shift, Options options);

  /// arm_smmu_cmdq_issue_cmd(): does not wait.
  void issue(const layout::smmuv3::Command& command) { issue_list(std::span(&command, 1), false); }
  /// arm_smmu_cmdq_issue_cmd_with_sync(): waits until it is complete, or for 1 s, and says so.
  void issue_with_sync(const layout::smmuv3::Command& command) { issue_list(std::span(&command, 1), true); }

  void add(CommandBatch& batch, const layout::smmuv3::Command& command);  ///< issues a batch that is full
  void submit(CommandBatch& batch);                                       ///< and waits

  /// CMDQ_PROD_STOP_FLAG, as proposed: until restart() commands are not issued, and are complete at once.
  /// Waits until the SMMU has consumed all there are, and nobody waits for one; or for 1 s.
  void stop();
  void restart() { stopped_ = false; }

  /// arm_smmu_cmdq_skip_err(): says what stopped the SMMU, and makes a CMD_SYNC of an illegal command.
  void skip_error();

  [[nodiscard]] const ArmSmmuV3Queue& queue() const { return queue_; }

 private:
  void issue_list(std::span<const layout::smmuv3::Command> commands, bool sync);
  void wait_for_space(std::uint32_t count);
  [[nodiscard]] bool wait_until_not_full();
  [[nodiscard]] layout::smmuv3::Command sync_at(std::uint32_t position) const;
  void wait_for_sync(std::uint32_t position);
  [[nodiscard]] bool poll_msi(std::uint32_t position) const;
  [[nodiscard]] bool poll_consumed(std::uint32_t position, std::uint32_t& cons) const;

  const ArmSmmuV3Io* io_;
  ArmSmmuV3CommandRateLimits* limits_;
  ArmSmmuV3Queue queue_;
  Options options_;
  bool stopped_ = false;
  unsigned waiting_ = 0;  ///< for a CMD_SYNC: only the last of them moves CONS on (cmdq->lock)
};

}  // namespace sidewinder::kernel

#endif
