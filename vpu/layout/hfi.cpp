// SPDX-License-Identifier: Apache-2.0

#include "vpu/layout/hfi.h"

namespace sidewinder::vpu::hfi {
namespace {

constexpr std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
constexpr std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}
constexpr std::uint64_t wide(std::uint32_t lo, std::uint32_t hi) {
  return std::uint64_t{hi} << 32 | lo;
}

enum CommandKind : std::uint32_t {
  sys_init = 0x01,
  session_init = 0x11,
  session_set_buffer = 0x12,
  session_frame = 0x13,
  session_end = 0x14,
};

enum MessageKind : std::uint32_t {
  sys_init_done = 0x81,
  sys_error = 0x82,
  session_init_done = 0x91,
  frame_done = 0x93,
  session_end_done = 0x94,
  session_error = 0x95,
};

struct CommandEncoder {
  Packet operator()(const SysInit&) const { return {sys_init, no_session}; }
  Packet operator()(const SessionInit& c) const {
    return {session_init,    c.session,        static_cast<std::uint32_t>(c.picture.codec),
            c.picture.width, c.picture.height, c.counts.input,
            c.counts.output, c.counts.dpb};
  }
  Packet operator()(const SessionSetBuffer& c) const {
    return {session_set_buffer,
            c.session,
            static_cast<std::uint32_t>(c.type),
            c.index,
            low(c.iova),
            high(c.iova),
            low(c.size),
            high(c.size)};
  }
  Packet operator()(const SessionFrame& c) const {
    return {session_frame, c.session, c.frame, c.input, c.output};
  }
  Packet operator()(const SessionEnd& c) const { return {session_end, c.session}; }
};

struct MessageEncoder {
  Packet operator()(const SysInitDone& m) const { return {sys_init_done, no_session, m.version}; }
  Packet operator()(const SessionInitDone& m) const { return {session_init_done, m.session}; }
  Packet operator()(const FrameDone& m) const {
    return {frame_done, m.session,   m.frame,     static_cast<std::uint32_t>(m.status),
            m.block,    low(m.iova), high(m.iova)};
  }
  Packet operator()(const SessionError& m) const {
    return {session_error, m.session, static_cast<std::uint32_t>(m.code)};
  }
  Packet operator()(const SessionEndDone& m) const { return {session_end_done, m.session}; }
  Packet operator()(const SysError& m) const {
    return {sys_error, no_session, static_cast<std::uint32_t>(m.code)};
  }
};

}  // namespace

const char* to_string(SessionErrorCode code) {
  switch (code) {
    case SessionErrorCode::BadSession:
      return "no such session";
    case SessionErrorCode::BadPicture:
      return "unsupported picture";
    case SessionErrorCode::BadBuffer:
      return "bad buffer";
    case SessionErrorCode::MissingBuffer:
      return "missing buffer";
    case SessionErrorCode::InErrorState:
      return "session is in error state";
  }
  return "unknown error";
}

const char* to_string(SysErrorCode code) {
  switch (code) {
    case SysErrorCode::None:
      return "no error";
    case SysErrorCode::BadFirmware:
      return "firmware image unreadable";
    case SysErrorCode::QueueDma:
      return "bus error on the HFI queues";
    case SysErrorCode::BadQueue:
      return "HFI queues corrupted";
  }
  return "unknown error";
}

Packet encode(const Command& command) {
  return std::visit(CommandEncoder{}, command);
}

Packet encode(const Message& message) {
  return std::visit(MessageEncoder{}, message);
}

std::optional<Command> decode_command(const Packet& packet) {
  const SessionId session = packet[1];
  switch (packet[0]) {
    case sys_init:
      return SysInit{};
    case session_init: {
      const std::optional<Codec> codec = codec_from(packet[2]);
      if (!codec) return std::nullopt;
      return SessionInit{session, {*codec, packet[3], packet[4]}, {packet[5], packet[6], packet[7]}};
    }
    case session_set_buffer: {
      const std::optional<BufferType> type = buffer_type_from(packet[2]);
      if (!type) return std::nullopt;
      return SessionSetBuffer{session, *type, packet[3], wide(packet[4], packet[5]),
                              wide(packet[6], packet[7])};
    }
    case session_frame:
      return SessionFrame{session, packet[2], packet[3], packet[4]};
    case session_end:
      return SessionEnd{session};
    default:
      return std::nullopt;
  }
}

std::optional<Message> decode_message(const Packet& packet) {
  const SessionId session = packet[1];
  switch (packet[0]) {
    case sys_init_done:
      return SysInitDone{packet[2]};
    case session_init_done:
      return SessionInitDone{session};
    case frame_done:
      if (packet[3] > static_cast<std::uint32_t>(FrameStatus::DmaError)) return std::nullopt;
      return FrameDone{session, packet[2], static_cast<FrameStatus>(packet[3]), packet[4],
                       wide(packet[5], packet[6])};
    case session_error:
      if (packet[2] > static_cast<std::uint32_t>(SessionErrorCode::InErrorState)) return std::nullopt;
      return SessionError{session, static_cast<SessionErrorCode>(packet[2])};
    case session_end_done:
      return SessionEndDone{session};
    case sys_error:
      if (packet[2] > static_cast<std::uint32_t>(SysErrorCode::BadQueue)) return std::nullopt;
      return SysError{static_cast<SysErrorCode>(packet[2])};
    default:
      return std::nullopt;
  }
}

}  // namespace sidewinder::vpu::hfi
