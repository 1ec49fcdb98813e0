// SPDX-License-Identifier: Apache-2.0
//
// The host-firmware interface: two rings of fixed-size packets in one region of memory that both sides share.
// It has the shape of Qualcomm's HFI (commands one way, messages the other, read and write indices in memory,
// a doorbell and an interrupt) and none of its encodings.
//
//   QueueRegion + 0x0000  command ring's write index (host writes)     + 0x0040 its read index (firmware
//   writes)
//               + 0x0080  message ring's write index (firmware writes) + 0x00c0 its read index (host writes)
//               + 0x1000  command ring                                 + 0x101000 message ring
//
// An index counts packets, from 0 to ring_packets - 1. Equal indices: empty; one packet is never used.

#ifndef SIDEWINDER_VPU_LAYOUT_HFI_H
#define SIDEWINDER_VPU_LAYOUT_HFI_H

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "vpu/layout/buffers.h"

namespace sidewinder::vpu::hfi {

using Packet = std::array<std::uint32_t, 16>;
inline constexpr std::uint32_t packet_bytes = 64;

struct Ring {
  std::uint64_t write_index = 0;  ///< offsets in the queue region
  std::uint64_t read_index = 0;
  std::uint64_t packets = 0;
};
inline constexpr Ring command_ring{0x0000, 0x0040, 0x1000};
inline constexpr Ring message_ring{0x0080, 0x00c0, 0x10'1000};
inline constexpr std::uint32_t ring_packets = 0x10'0000 / packet_bytes;

/// As much as Linux's Iris driver allocates: a header page and three queues of 1 MiB (iris_hfi_queue.h), of
/// which the third, for debug messages, is not used here.
inline constexpr std::uint64_t queue_region_bytes = 0x30'1000;
inline constexpr std::uint64_t sfr_bytes = 0x1000;

[[nodiscard]] constexpr bool valid_index(std::uint32_t index) {
  return index < ring_packets;
}
[[nodiscard]] constexpr std::uint32_t next_index(std::uint32_t index) {
  return (index + 1) % ring_packets;
}
[[nodiscard]] constexpr bool full(std::uint32_t write, std::uint32_t read) {
  return next_index(write) == read;
}

/// The first words of the firmware image, at IOVA 0 of the firmware stream.
inline constexpr std::uint64_t firmware_bytes = 5ULL << 20;
inline constexpr std::uint32_t firmware_magic = 0x5750'5546;
inline constexpr std::uint32_t firmware_header_bytes = 64;
inline constexpr std::uint32_t version = 1;

using SessionId = std::uint32_t;
inline constexpr SessionId no_session = 0xffff'ffff;
inline constexpr std::uint32_t max_sessions = 16;

// Commands, host to firmware.

struct SysInit {};

struct SessionInit {
  SessionId session = 0;
  Picture picture;
  BufferCounts counts;
};

/// `index` counts the buffers of one type from 0. Replaces what was set before under the same type and index.
struct SessionSetBuffer {
  SessionId session = 0;
  BufferType type = BufferType::Input;
  std::uint32_t index = 0;
  std::uint64_t iova = 0;
  std::uint64_t size = 0;
};

struct SessionFrame {
  SessionId session = 0;
  std::uint32_t frame = 0;  ///< the host's number, given back in FrameDone
  std::uint32_t input = 0;  ///< buffer index
  std::uint32_t output = 0;
};

/// Drops the session's queued frames; SessionEndDone follows when its last access has been answered.
struct SessionEnd {
  SessionId session = 0;
};

using Command = std::variant<SysInit, SessionInit, SessionSetBuffer, SessionFrame, SessionEnd>;

// Messages, firmware to host.

struct SysInitDone {
  std::uint32_t version = 0;
};

struct SessionInitDone {
  SessionId session = 0;
};

enum class FrameStatus : std::uint32_t { Ok, DmaError };

struct FrameDone {
  SessionId session = 0;
  std::uint32_t frame = 0;
  FrameStatus status = FrameStatus::Ok;
  std::uint32_t block = 0;  ///< with DmaError: the stream whose access failed first, and where
  std::uint64_t iova = 0;
};

enum class SessionErrorCode : std::uint32_t {
  BadSession,
  BadPicture,
  BadBuffer,
  MissingBuffer,
  InErrorState
};

struct SessionError {
  SessionId session = 0;
  SessionErrorCode code = SessionErrorCode::BadSession;
};

struct SessionEndDone {
  SessionId session = 0;
};

/// BadFirmware: no image, or not one. QueueDma: the rings cannot be reached. BadQueue: an index out of range,
/// a packet that is no command, or a message ring the host does not empty.
enum class SysErrorCode : std::uint32_t { None, BadFirmware, QueueDma, BadQueue };

/// Sent when the rings can still be reached; STATUS says the same in any case.
struct SysError {
  SysErrorCode code = SysErrorCode::None;
};

using Message = std::variant<SysInitDone, SessionInitDone, FrameDone, SessionError, SessionEndDone, SysError>;

[[nodiscard]] const char* to_string(SessionErrorCode code);
[[nodiscard]] const char* to_string(SysErrorCode code);

[[nodiscard]] Packet encode(const Command& command);
[[nodiscard]] Packet encode(const Message& message);

/// Nothing when the packet is not one: an unknown kind, or a field with a value that has no meaning.
[[nodiscard]] std::optional<Command> decode_command(const Packet& packet);
[[nodiscard]] std::optional<Message> decode_message(const Packet& packet);

}  // namespace sidewinder::vpu::hfi

#endif
