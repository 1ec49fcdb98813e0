// SPDX-License-Identifier: Apache-2.0
//
// The VPU's control processor and its firmware: it boots, serves the command ring and hands frames to the
// blocks. All it knows of memory comes over the DMA port, through the firmware's and the non-pixel function's
// streams.

#ifndef SIDEWINDER_VPU_HW_CONTROL_PROCESSOR_H
#define SIDEWINDER_VPU_HW_CONTROL_PROCESSOR_H

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <systemc>
#include <vector>

#include "vpu/hw/block.h"
#include "vpu/hw/sessions.h"

namespace sidewinder::vpu {

/// What the registers show, and where the control processor finds its memory.
struct CoreRegisters {
  std::uint32_t control = 0;
  std::uint32_t status = 0;
  std::uint32_t irq_status = 0;
  std::uint64_t queue_base = 0;
  std::uint64_t sfr_base = 0;
  hfi::SysErrorCode error = hfi::SysErrorCode::None;
  std::uint64_t error_iova = 0;
  sc_core::sc_event irq_changed;
};

class ControlProcessor : public sc_core::sc_module, private WorkListener {
 public:
  ControlProcessor(const sc_core::sc_module_name& name, const VpuConfig& config,
                   tlm::tlm_initiator_socket<>& socket, CoreRegisters& registers, VpuCounters& counters,
                   VpuObserver* observer);

  void boot();      ///< starts from the firmware's first word; the bases must be set
  void reset();     ///< stops everything and forgets every session
  void doorbell();  ///< commands may have come

 private:
  enum class Post : std::uint8_t { Sent, Lost, Full };

  void run();
  void serve();

  // False: the core has been lost, or was reset meanwhile.
  [[nodiscard]] bool load_firmware();
  [[nodiscard]] bool serve_commands();
  [[nodiscard]] bool execute(const hfi::Packet& packet);
  [[nodiscard]] bool answer_refusal(hfi::SessionId id, hfi::SessionErrorCode code);
  [[nodiscard]] bool finish_frame(std::size_t slot);
  [[nodiscard]] bool finish_session(std::size_t slot);
  [[nodiscard]] bool send(const hfi::Message& message);

  void start_frame(std::size_t slot);
  [[nodiscard]] Post post(const hfi::Message& message);
  void lose(hfi::SysErrorCode code);
  [[nodiscard]] bool dma(std::size_t stream, BufferType type, std::uint64_t iova, std::uint32_t bytes,
                         bool write);
  [[nodiscard]] bool queue_dma(std::uint64_t offset, std::uint32_t bytes, bool write);
  [[nodiscard]] bool stale() const { return epoch_ != serving_; }
  [[nodiscard]] std::uint32_t word() const;
  void set_word(std::uint32_t value);

  void access_failed(std::size_t slot, std::size_t block, std::uint64_t iova) override;
  void item_done(std::size_t slot) override;

  const VpuConfig& config_;
  CoreRegisters& registers_;
  VpuCounters& counters_;
  DmaPort port_;
  std::vector<std::unique_ptr<VpuBlock>> blocks_;  ///< one for each stream
  SessionTable sessions_;
  std::deque<std::size_t> finished_;  ///< sessions whose frame is done, in order
  sc_core::sc_event wake_;
  bool booted_ = false;
  bool rung_ = false;
  std::uint64_t epoch_ = 0;    ///< counts boots and resets
  std::uint64_t serving_ = 0;  ///< the epoch that run() is in
  std::uint32_t command_read_ = 0;
  std::uint32_t message_write_ = 0;
  std::uint64_t last_iova_ = 0;
  std::array<unsigned char, hfi::packet_bytes> bytes_{};  ///< of the access under way
};

}  // namespace sidewinder::vpu

#endif
