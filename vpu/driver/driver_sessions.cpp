// SPDX-License-Identifier: Apache-2.0
//
// The sessions: their buffers, their frames, and their end.

#include <algorithm>
#include <utility>

#include "vpu/driver/driver.h"

namespace sidewinder::vpu {
namespace {

using kernel::Errno;
using kernel::fail;

bool valid_count(std::uint32_t count) {
  return count >= 1 && count <= max_buffers_of_a_type;
}

bool acceptable(const SessionSpec& spec) {
  return supported(spec.picture) && valid_count(spec.counts.input) && valid_count(spec.counts.output) &&
         valid_count(spec.counts.dpb);
}

bool holds_buffers(SessionState state) {
  return state != SessionState::Stopped && state != SessionState::FailedToStart;
}

}  // namespace

const char* to_string(SessionState state) {
  switch (state) {
    case SessionState::Starting:
      return "starting";
    case SessionState::Running:
      return "running";
    case SessionState::Idle:
      return "idle";
    case SessionState::Error:
      return "error";
    case SessionState::CoreLost:
      return "core lost";
    case SessionState::Stopping:
      return "stopping";
    case SessionState::Stopped:
      return "stopped";
    case SessionState::FailedToStart:
      return "failed to start";
  }
  return "unknown";
}

const char* to_string(SessionOutcome outcome) {
  switch (outcome) {
    case SessionOutcome::Open:
      return "open";
    case SessionOutcome::Completed:
      return "completed";
    case SessionOutcome::FailedToStart:
      return "failed to start";
    case SessionOutcome::DecodeError:
      return "decode error";
    case SessionOutcome::CoreLost:
      return "core lost";
  }
  return "unknown";
}

kernel::Result<hfi::SessionId> VpuDriver::start_session(const SessionSpec& spec) {
  const auto id = static_cast<hfi::SessionId>(sessions_.size());
  sessions_.emplace_back();
  Session& session = sessions_.back();
  session.result.id = id;
  session.result.spec = spec;
  enter(session, SessionState::Starting);
  const kernel::Status started = set_up(session);
  if (started) return id;

  end_in_firmware(session);
  free_buffers(session);
  if (session.result.reason.empty()) session.result.reason = to_string(started.error());
  const bool lost = session.result.outcome == SessionOutcome::CoreLost;
  settle(session, SessionState::FailedToStart,
         lost ? SessionOutcome::CoreLost : SessionOutcome::FailedToStart);
  return fail(started.error());
}

kernel::Status VpuDriver::set_up(Session& session) {
  SessionResult& result = session.result;
  if (!acceptable(result.spec)) return fail(Errno::EINVAL_);
  if (core_ != Core::Running) return fail(Errno::ENODEV_);
  const auto open = std::count_if(sessions_.begin(), sessions_.end(),
                                  [](const Session& other) { return holds_buffers(other.result.state); });
  if (static_cast<std::uint64_t>(open) > platform_.max_sessions) return fail(Errno::EBUSY_);
  if (const auto allocated = allocate(session); !allocated) return allocated;

  if (const auto sent = send(hfi::SessionInit{result.id, result.spec.picture, result.spec.counts}); !sent)
    return sent;
  if (!bus_.wait(session.init_done, platform_.response_timeout_ns)) core_failed("no answer to SESSION_INIT");
  if (core_ != Core::Running || result.outcome != SessionOutcome::Open) return fail(Errno::EIO_);
  session.in_firmware = true;
  for (const OwnedBuffer& buffer : session.buffers) {
    const hfi::SessionSetBuffer command{result.id, buffer.use.type, buffer.use.index, buffer.memory.iova,
                                        buffer.memory.size};
    if (const auto sent = send(command); !sent) return sent;
  }
  if (result.outcome != SessionOutcome::Open) return fail(Errno::EIO_);
  enter(session, SessionState::Running);
  queue_frame(session);
  return {};
}

kernel::Status VpuDriver::allocate(Session& session) {
  SessionResult& result = session.result;
  session.needed = decoder_buffers(result.spec.picture, result.spec.counts, pipes_);
  for (const BufferRequirement& needed : session.needed) {
    for (std::uint32_t index = 0; index < needed.count; ++index) {
      BufferUse use;
      use.session = result.id;
      use.type = needed.type;
      use.index = index;
      auto buffer = alloc(use, needed.size);
      if (!buffer) {
        use.function = function_of(use.type);
        use.device = platform_.devices[static_cast<std::size_t>(use.function)];
        result.failed_allocation = {use, needed.size, buffer.error()};
        result.reason = std::string("no room for ") + to_string(use.type) + ' ' + std::to_string(index);
        return fail(buffer.error());
      }
      result.bytes += buffer->memory.size;
      session.buffers.push_back(std::move(*buffer));
      if (core_ != Core::Running) return fail(Errno::EIO_);
    }
  }
  return {};
}

void VpuDriver::free_buffers(Session& session) {
  for (; !session.buffers.empty(); session.buffers.pop_back()) free(session.buffers.back());
}

void VpuDriver::queue_frame(Session& session) {
  hfi::SessionFrame frame;
  frame.session = session.result.id;
  frame.frame = session.next_frame++;
  frame.input = frame.frame % session.result.spec.counts.input;
  frame.output = frame.frame % session.result.spec.counts.output;
  session.deadline_ns = bus_.now_ns() + platform_.response_timeout_ns;
  watch();
  static_cast<void>(send(frame));  // when this fails the core is lost, and the session has been told
}

bool VpuDriver::wait_session(hfi::SessionId id, std::uint64_t timeout_ns) {
  Session* session = find(id);
  if (session == nullptr) return false;
  const SessionState state = session->result.state;
  if (state != SessionState::Starting && state != SessionState::Running) return true;
  return bus_.wait(session->settled, timeout_ns);
}

kernel::Status VpuDriver::stop_session(hfi::SessionId id) {
  Session* session = find(id);
  if (session == nullptr || !holds_buffers(session->result.state)) return fail(Errno::ENOENT_);
  const SessionState state = session->result.state;
  if (state == SessionState::Starting || state == SessionState::Stopping) return fail(Errno::EBUSY_);
  enter(*session, SessionState::Stopping);
  end_in_firmware(*session);
  free_buffers(*session);
  const SessionOutcome outcome = session->result.outcome;
  settle(*session, SessionState::Stopped,
         outcome == SessionOutcome::Open ? SessionOutcome::Completed : outcome);
  return {};
}

void VpuDriver::end_in_firmware(Session& session) {
  if (!session.in_firmware || core_ != Core::Running) return;
  if (!send(hfi::SessionEnd{session.result.id})) return;
  if (!bus_.wait(session.end_done, platform_.response_timeout_ns)) core_failed("no answer to SESSION_END");
}

void VpuDriver::session_failed(Session& session, const std::string& reason) {
  if (session.result.outcome != SessionOutcome::Open) return;
  log("session " + std::to_string(session.result.id) + ": " + reason);
  session.result.reason = reason;
  if (session.result.state == SessionState::Running) {
    settle(session, SessionState::Error, SessionOutcome::DecodeError);
  } else if (session.result.state == SessionState::Starting) {
    session.result.outcome = SessionOutcome::FailedToStart;
    bus_.complete(session.init_done);
  } else {
    session.result.outcome = SessionOutcome::DecodeError;
  }
}

void VpuDriver::enter(Session& session, SessionState state) {
  session.result.state = state;
  if (observer_ != nullptr) observer_->session_state(session.result);
}

void VpuDriver::settle(Session& session, SessionState state, SessionOutcome outcome) {
  session.result.outcome = outcome;
  session.deadline_ns.reset();
  enter(session, state);
  bus_.complete(session.settled);
}

void VpuDriver::watch() {
  if (watching_) return;
  std::optional<std::uint64_t> earliest;
  for (const Session& session : sessions_) {
    if (session.deadline_ns && (!earliest || *session.deadline_ns < *earliest))
      earliest = session.deadline_ns;
  }
  if (!earliest) return;
  watching_ = true;
  const std::uint64_t now = bus_.now_ns();
  bus_.schedule(*earliest > now ? *earliest - now : 0, [this] { check_deadlines(); });
}

void VpuDriver::check_deadlines() {
  watching_ = false;
  const std::uint64_t now = bus_.now_ns();
  for (const Session& session : sessions_) {
    if (!session.deadline_ns || *session.deadline_ns > now) continue;
    core_failed("no answer to frame " + std::to_string(session.next_frame - 1) + " of session " +
                std::to_string(session.result.id));
    return;
  }
  watch();
}

VpuDriver::Session* VpuDriver::find(hfi::SessionId id) {
  return id < sessions_.size() ? &sessions_[id] : nullptr;
}

std::vector<SessionResult> VpuDriver::results() const {
  std::vector<SessionResult> all;
  for (const Session& session : sessions_) all.push_back(session.result);
  return all;
}

}  // namespace sidewinder::vpu
