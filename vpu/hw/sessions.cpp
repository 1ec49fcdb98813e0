// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/sessions.h"

namespace sidewinder::vpu {
namespace {

using hfi::SessionErrorCode;

bool valid_count(std::uint32_t count) {
  return count >= 1 && count <= max_buffers_of_a_type;
}

SessionErrorCode refuse(FirmwareSession& session, SessionErrorCode code) {
  session.error = true;
  return code;
}

bool all_set(const FirmwareSession& session) {
  for (const BufferRequirement& needed : session.required) {
    for (std::uint32_t index = 0; index < needed.count; ++index) {
      if (session.buffer(needed.type, index).size == 0) return false;
    }
  }
  return true;
}

}  // namespace

void SessionTable::clear() {
  for (FirmwareSession& session : sessions_) session = FirmwareSession{};
}

std::optional<std::size_t> SessionTable::find(hfi::SessionId id) const {
  for (std::size_t slot = 0; slot < sessions_.size(); ++slot) {
    if (sessions_[slot].open && sessions_[slot].id == id) return slot;
  }
  return std::nullopt;
}

std::optional<SessionErrorCode> SessionTable::init(const hfi::SessionInit& command) {
  if (command.session == hfi::no_session || find(command.session)) return SessionErrorCode::BadSession;
  const BufferCounts& counts = command.counts;
  if (!supported(command.picture)) return SessionErrorCode::BadPicture;
  if (!valid_count(counts.input) || !valid_count(counts.output) || !valid_count(counts.dpb)) {
    return SessionErrorCode::BadBuffer;
  }
  for (FirmwareSession& session : sessions_) {
    if (session.open) continue;
    session = FirmwareSession{};
    session.id = command.session;
    session.open = true;
    session.picture = command.picture;
    session.counts = counts;
    for (const BufferRequirement& needed : decoder_buffers(command.picture, counts, pipes_)) {
      session.required[static_cast<std::size_t>(needed.type)] = needed;
    }
    return std::nullopt;
  }
  return SessionErrorCode::BadSession;
}

std::optional<SessionErrorCode> SessionTable::set_buffer(const hfi::SessionSetBuffer& command) {
  const std::optional<std::size_t> slot = find(command.session);
  if (!slot) return SessionErrorCode::BadSession;
  FirmwareSession& session = sessions_[*slot];
  const auto type = static_cast<std::size_t>(command.type);
  const BufferRequirement& needed = session.required[type];
  const bool wraps = command.iova + command.size < command.iova;
  if (command.index >= needed.count || command.size < needed.size || wraps || session.decoding) {
    return refuse(session, SessionErrorCode::BadBuffer);
  }
  session.buffers[type][command.index] = {command.iova, command.size};
  return std::nullopt;
}

std::optional<SessionErrorCode> SessionTable::queue_frame(const hfi::SessionFrame& command) {
  const std::optional<std::size_t> slot = find(command.session);
  if (!slot) return SessionErrorCode::BadSession;
  FirmwareSession& session = sessions_[*slot];
  if (session.error || session.ending) return SessionErrorCode::InErrorState;
  if (command.input >= session.counts.input || command.output >= session.counts.output) {
    return refuse(session, SessionErrorCode::BadBuffer);
  }
  if (!all_set(session)) return refuse(session, SessionErrorCode::MissingBuffer);
  session.pending.push_back(command);
  return std::nullopt;
}

std::optional<SessionErrorCode> SessionTable::end(const hfi::SessionEnd& command) {
  const std::optional<std::size_t> slot = find(command.session);
  if (!slot) return SessionErrorCode::BadSession;
  sessions_[*slot].ending = true;
  sessions_[*slot].pending.clear();
  return std::nullopt;
}

std::vector<FramePass> SessionTable::begin_frame(std::size_t slot) {
  FirmwareSession& session = sessions_[slot];
  if (session.decoding || session.error || session.pending.empty()) return {};
  session.current = session.pending.front();
  session.pending.pop_front();
  session.decoding = true;
  session.failed = false;
  FrameShape shape;
  shape.picture = session.picture;
  shape.pipes = pipes_;
  shape.dpb_count = session.counts.dpb;
  shape.sequence = session.sequence;
  shape.input = session.current.input;
  shape.output = session.current.output;
  return plan_frame(shape);
}

hfi::FrameDone SessionTable::end_frame(std::size_t slot) {
  FirmwareSession& session = sessions_[slot];
  session.decoding = false;
  ++session.sequence;
  hfi::FrameDone done;
  done.session = session.id;
  done.frame = session.current.frame;
  if (session.failed) {
    done.status = hfi::FrameStatus::DmaError;
    done.block = session.error_block;
    done.iova = session.error_iova;
    session.error = true;
  }
  return done;
}

}  // namespace sidewinder::vpu
