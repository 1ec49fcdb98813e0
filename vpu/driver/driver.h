// SPDX-License-Identifier: Apache-2.0
//
// The VPU's driver: boots the core and runs decode sessions on it, as Linux's
// drivers/media/platform/qcom/iris does.

#ifndef SIDEWINDER_VPU_DRIVER_DRIVER_H
#define SIDEWINDER_VPU_DRIVER_DRIVER_H

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "iommu/linux/host_bus.h"
#include "iommu/linux/log.h"
#include "iommu/linux/runtime_pm.h"
#include "vpu/driver/allocator.h"
#include "vpu/driver/hfi_queues.h"
#include "vpu/driver/observer.h"

namespace sidewinder::vpu {

struct VpuPlatform {
  std::string driver = "qcom-iris";  ///< as the kernel's log names them
  std::string device;
  kernel::PhysAddr registers = 0;
  unsigned irq = 0;

  /// Whose DMA each Function's is. Several may be the same device; only Firmware's may be null: no image is
  /// loaded.
  std::array<kernel::Device*, function_count> devices{};
  /// Whose DMA the HFI queues and the SFR are; null: NonPixel's device's.
  kernel::Device* node_device = nullptr;

  /// The IOMMUs of the driver's own device: active while it is.
  std::vector<kernel::RuntimePm*> suppliers{};

  /// Maps `size` bytes of memory for the firmware's device at exactly `iova`, in its unmanaged domain.
  std::function<kernel::Result<kernel::DmaBuffer>(kernel::Device&, kernel::DmaAddr iova, std::uint64_t size)>
      map_firmware;

  std::uint32_t max_sessions = hfi::max_sessions;
  std::uint64_t response_timeout_ns = 1'000'000'000;  // HW_RESPONSE_TIMEOUT_VALUE, also for a frame
};

/// Everything that may yield says so; calls for different sessions may then overlap. The interrupt handler
/// shares all state with them, so no reference into it is kept over a yield except to a session, which never
/// moves, and whether the core is still there is asked again after each.
class VpuDriver {
 public:
  VpuDriver(kernel::HostBus& bus, BufferAllocator& allocator, const kernel::KernelLog& log,
            VpuPlatform platform, DriverObserver* observer = nullptr);
  VpuDriver(const VpuDriver&) = delete;
  VpuDriver& operator=(const VpuDriver&) = delete;

  /// Yields. ENODEV: no VPU at the registers. EINVAL: a function without a device. EBUSY: the interrupt is
  /// taken. ETIMEDOUT: the firmware does not answer. EIO: it could not start. ENOMEM, or what map_firmware
  /// returned. What was allocated is freed again, and one line is logged.
  [[nodiscard]] kernel::Status probe();

  /// Yields. Allocates, then decodes frame after frame without the caller. Every call adds a result, failed
  /// or not; the id is its place in results(). EINVAL: a picture or count beyond the hardware. EBUSY:
  /// max_sessions are open. ENODEV: no core. ENOMEM: no room. EIO: refused by the firmware.
  [[nodiscard]] kernel::Result<hfi::SessionId> start_session(const SessionSpec& spec);

  /// Yields until the session runs no longer; false when that did not come to be within `timeout_ns`. One
  /// waiter.
  [[nodiscard]] bool wait_session(hfi::SessionId id, std::uint64_t timeout_ns);

  /// Yields. Waits for the frame in flight, then frees the session's buffers. ENOENT: no such session, or it
  /// holds none. EBUSY: it is still starting, or already stopping.
  kernel::Status stop_session(hfi::SessionId id);

  /// Yields. No session may be starting. Stops all sessions and the core, and gives back all but the
  /// firmware's memory.
  void remove();

  [[nodiscard]] const SessionResult& result(hfi::SessionId id) const { return sessions_[id].result; }
  [[nodiscard]] std::vector<SessionResult> results() const;
  /// Active from a command to 1.5 s after the last command or interrupt. The VPU itself keeps its power.
  [[nodiscard]] const kernel::RuntimePm& power() const { return power_; }
  [[nodiscard]] bool core_lost() const { return core_ == Core::Lost; }

 private:
  enum class Core : std::uint8_t { Absent, Booting, Running, Lost };

  struct OwnedBuffer {
    BufferUse use;
    kernel::DmaBuffer memory;
  };

  struct Session {
    SessionResult result;
    std::vector<OwnedBuffer> buffers;
    kernel::Completion init_done;
    kernel::Completion end_done;
    kernel::Completion settled;
    std::optional<std::uint64_t> deadline_ns;  ///< of the frame in flight
    std::uint32_t next_frame = 0;
    bool in_firmware = false;
    std::vector<BufferRequirement>
        needed;  ///< here, since what a suspended thread's stack owns is never freed
  };

  [[nodiscard]] kernel::Status boot();
  [[nodiscard]] kernel::Status load_firmware();
  void release();
  void handle_irq();
  void drain_messages();
  void handle(const hfi::Message& message);
  void frame_done(const hfi::FrameDone& done);
  void core_failed(const std::string& reason);
  [[nodiscard]] std::string failure_reason() const;
  [[nodiscard]] std::string sfr_text() const;

  [[nodiscard]] kernel::Status set_up(Session& session);
  [[nodiscard]] kernel::Status allocate(Session& session);
  void free_buffers(Session& session);
  void end_in_firmware(Session& session);
  void queue_frame(Session& session);
  void session_failed(Session& session, const std::string& reason);
  void enter(Session& session, SessionState state);
  void settle(Session& session, SessionState state, SessionOutcome outcome);
  void watch();
  void check_deadlines();
  [[nodiscard]] Session* find(hfi::SessionId id);

  [[nodiscard]] kernel::Status send(const hfi::Command& command);  ///< yields while the ring is full
  [[nodiscard]] kernel::Device* device_of(const BufferUse& use) const;
  [[nodiscard]] kernel::Result<OwnedBuffer> alloc(const BufferUse& wanted, std::uint64_t size);
  void free(const OwnedBuffer& buffer);
  [[nodiscard]] std::uint32_t read_reg(std::uint64_t offset) const;
  void write_reg(std::uint64_t offset, std::uint32_t value);
  void log(const std::string& text) const;

  kernel::HostBus& bus_;
  BufferAllocator& allocator_;
  const kernel::KernelLog& log_;
  VpuPlatform platform_;
  DriverObserver* observer_;

  Core core_ = Core::Absent;
  bool irq_requested_ = false;
  bool watching_ = false;
  std::uint32_t pipes_ = 4;
  std::optional<OwnedBuffer> queue_region_;
  std::optional<OwnedBuffer> sfr_;
  kernel::Completion sys_init_done_;
  std::deque<Session> sessions_;  ///< by id
  kernel::RuntimePm power_;
};

}  // namespace sidewinder::vpu

#endif
