// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/arm_smmu_v3_cmdq.h"

#include <algorithm>

#include "iommu/linux/arm_smmu_v3_commands.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;

/// queue_poll(). HostBus has no WFE, so that an SMMU with wake-up events is polled like any other.
class Poll {
 public:
  explicit Poll(HostBus& bus) : bus_(&bus), deadline_(bus.now_ns() + arm_smmu_v3_timeout_ns) {}

  /// Lets some time pass, more and more of it. False: enough has passed.
  [[nodiscard]] bool again() {
    constexpr unsigned spins = 10;  // ARM_SMMU_POLL_SPIN_COUNT
    if (bus_->now_ns() > deadline_) return false;
    if (++spun_ < spins) return true;
    bus_->delay_ns(delay_us_ * 1000);
    delay_us_ *= 2;
    spun_ = 0;
    return true;
  }

 private:
  HostBus* bus_;
  std::uint64_t deadline_;
  std::uint64_t delay_us_ = 1;
  unsigned spun_ = 0;
};

const char* name_of(std::uint32_t error) {
  switch (static_cast<Cerror>(error)) {
    case Cerror::None:
      return "No error";
    case Cerror::Ill:
      return "Illegal command";
    case Cerror::Abt:
      return "Abort on command fetch";
    case Cerror::AtcInvSync:
      return "ATC invalidate timeout";
  }
  return "Unknown";
}

}  // namespace

Status ArmSmmuV3CommandQueue::init(PageAllocator& pages, unsigned shift, Options options) {
  options_ = options;
  return queue_.init(*io_, pages, shift,
                     {.prod = page0::CMDQ_PROD,
                      .cons = page0::CMDQ_CONS,
                      .entry_bytes = static_cast<unsigned>(Command::size),
                      .name = "cmdq"});
}

void ArmSmmuV3CommandQueue::add(CommandBatch& batch, const Command& command) {
  const auto issue_all = [&](bool sync) {
    issue_list(std::span(batch.commands).first(batch.count), sync);
    batch.count = 0;
  };
  if (batch.count == CommandBatch::size - 1 && options_.force_sync) issue_all(true);
  if (batch.count == CommandBatch::size) issue_all(false);
  batch.commands[batch.count++] = command;
}

void ArmSmmuV3CommandQueue::submit(CommandBatch& batch) {
  issue_list(std::span(batch.commands).first(batch.count), true);
  batch.count = 0;
}

Command ArmSmmuV3CommandQueue::sync_at(std::uint32_t position) const {
  return options_.msi_polling ? smmuv3_command::sync_msi(queue_.entry(position)) : smmuv3_command::sync();
}

/// arm_smmu_cmdq_issue_cmdlist(). Nothing yields between taking room and moving PROD, so that there is never
/// another's range to gather.
void ArmSmmuV3CommandQueue::issue_list(std::span<const Command> commands, bool sync) {
  wait_for_space(static_cast<std::uint32_t>(commands.size()) + (sync ? 1 : 0));
  if (stopped_) return;
  QueueIndices& indices = queue_.indices;
  for (const Command& command : commands) {
    queue_.write_entry(indices.prod, command.words);
    indices.prod = indices.advanced(indices.prod, 1);
  }
  const std::uint32_t position = indices.prod;
  if (sync) {
    queue_.write_entry(position, sync_at(position).words);
    indices.prod = indices.advanced(indices.prod, 1);
  }
  queue_.write_prod();
  if (sync) wait_for_sync(position);
}

void ArmSmmuV3CommandQueue::wait_for_space(std::uint32_t count) {
  constexpr std::uint64_t look_again_ns = 1000;  // Linux looks again at once, and a look takes its time
  while (!queue_.indices.has_space(count)) {
    if (!wait_until_not_full()) {
      if (limits_->queue_timeout.allow(io_->bus->now_ns(), *io_->log))
        io_->say(LogLevel::Err, "CMDQ timeout");
    }
    if (!queue_.indices.has_space(count)) io_->bus->delay_ns(look_again_ns);
  }
}

/// arm_smmu_cmdq_poll_until_not_full(): who waits for a CMD_SYNC is the one to look at CONS. False: time-out.
bool ArmSmmuV3CommandQueue::wait_until_not_full() {
  if (waiting_ == 0) {
    queue_.indices.cons = queue_.read_cons();
    return true;
  }
  Poll poll(*io_->bus);
  while (queue_.indices.full())
    if (!poll.again()) return false;
  return true;
}

void ArmSmmuV3CommandQueue::wait_for_sync(std::uint32_t position) {
  ++waiting_;
  std::uint32_t cons = 0;
  bool complete = false;
  if (options_.msi_polling) {
    complete = poll_msi(position);
    cons = complete ? queue_.indices.advanced(position, 1) : position;
  } else {
    complete = poll_consumed(position, cons);
  }
  if (!complete && limits_->sync_timeout.allow(io_->bus->now_ns(), *io_->log)) {
    const std::uint32_t hardware_prod = queue_.read_prod();
    io_->say(LogLevel::Err, format("CMD_SYNC timeout at 0x%08x [hwprod 0x%08x, hwcons 0x%08x]", position,
                                   hardware_prod, queue_.read_cons()));
  }
  if (--waiting_ == 0) queue_.indices.cons = cons;
}

bool ArmSmmuV3CommandQueue::poll_msi(std::uint32_t position) const {
  Poll poll(*io_->bus);
  while (read_word<std::uint32_t>(*io_->bus, queue_.entry(position)) != 0)
    if (!poll.again()) return false;
  return true;
}

bool ArmSmmuV3CommandQueue::poll_consumed(std::uint32_t position, std::uint32_t& cons) const {
  Poll poll(*io_->bus);
  QueueIndices seen = queue_.indices;
  cons = seen.cons;
  while (!seen.consumed(position)) {
    const bool again = poll.again();
    cons = seen.cons = queue_.read_cons();
    if (!again) return false;
  }
  return true;
}

/// Its end of arm_smmu_runtime_suspend(). The queue begins where it ended: what was consumed is not issued
/// again.
void ArmSmmuV3CommandQueue::stop() {
  stopped_ = true;
  Poll poll(*io_->bus);
  do {
    queue_.indices.cons = queue_.read_cons() & (2 * queue_.indices.entries() - 1);
  } while ((!queue_.indices.empty() || waiting_ != 0) && poll.again());
}

void ArmSmmuV3CommandQueue::skip_error() {
  const auto cons = CMDQ_CONS::of(queue_.read_cons());
  const std::uint32_t error = cons.get<CMDQ_CONS::ERR>();
  io_->say(LogLevel::Err, format("CMDQ error (cons 0x%08x): %s", cons.raw, name_of(error)));
  if (error == static_cast<std::uint32_t>(Cerror::Abt)) {
    io_->say(LogLevel::Err, "retrying command fetch");
    return;
  }
  if (error == static_cast<std::uint32_t>(Cerror::None) ||
      error == static_cast<std::uint32_t>(Cerror::AtcInvSync))
    return;
  Command command;
  queue_.read_entry(cons.raw, command.words);
  io_->say(LogLevel::Err, "skipping command in error state:");
  for (const std::uint64_t word : command.words) io_->say(LogLevel::Err, format("\t0x%016" PRIx64, word));
  queue_.write_entry(cons.raw, smmuv3_command::sync().words);
}

}  // namespace sidewinder::kernel
