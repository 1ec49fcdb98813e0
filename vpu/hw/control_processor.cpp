// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/control_processor.h"

#include <cstring>
#include <string>

#include "vpu/layout/registers.h"

namespace sidewinder::vpu {
namespace {

std::uint64_t accesses(std::uint64_t bytes, std::uint64_t stride) {
  return (bytes + stride - 1) / stride;
}

}  // namespace

ControlProcessor::ControlProcessor(const sc_core::sc_module_name& name, const VpuConfig& config,
                                   tlm::tlm_initiator_socket<>& socket, CoreRegisters& registers,
                                   VpuCounters& counters, VpuObserver* observer)
    : sc_core::sc_module(name),
      config_(config),
      registers_(registers),
      counters_(counters),
      port_(config, socket, counters, observer),
      sessions_(config.pipes) {
  SC_HAS_PROCESS(ControlProcessor);
  SC_THREAD(run);
  set_stack_size(1 << 20);
  WorkListener& listener = *this;
  for (std::size_t i = 0; i < config.streams.size(); ++i) {
    const std::string block = "block" + std::to_string(i);
    blocks_.push_back(
        std::make_unique<VpuBlock>(block.c_str(), i, config, socket, counters, observer, listener));
  }
}

void ControlProcessor::boot() {
  booted_ = true;
  ++epoch_;
  wake_.notify(sc_core::SC_ZERO_TIME);
}

void ControlProcessor::reset() {
  booted_ = false;
  rung_ = false;
  ++epoch_;
  for (const auto& block : blocks_) block->flush();
  finished_.clear();
  sessions_.clear();
  wake_.notify(sc_core::SC_ZERO_TIME);
}

void ControlProcessor::doorbell() {
  rung_ = true;
  wake_.notify(sc_core::SC_ZERO_TIME);
}

void ControlProcessor::run() {
  while (true) {
    while (!booted_ || !stale()) wait(wake_);
    serving_ = epoch_;
    command_read_ = 0;
    message_write_ = 0;
    serve();
  }
}

void ControlProcessor::serve() {
  if (!load_firmware()) return;
  registers_.status |= reg::status_running;
  while (!stale()) {
    if (rung_) {
      rung_ = false;
      if (!serve_commands()) return;
    } else if (!finished_.empty()) {
      const std::size_t slot = finished_.front();
      finished_.pop_front();
      if (!finish_frame(slot)) return;
    } else {
      wait(wake_);
    }
  }
}

bool ControlProcessor::load_firmware() {
  const std::optional<std::size_t>& stream = config_.functions[static_cast<std::size_t>(Function::Firmware)];
  if (!stream) return !stale();
  const bool read = dma(*stream, BufferType::Firmware, 0, hfi::firmware_header_bytes, false);
  if (stale()) return false;
  if (read && word() == hfi::firmware_magic) return true;
  lose(hfi::SysErrorCode::BadFirmware);
  return false;
}

bool ControlProcessor::serve_commands() {
  while (true) {
    if (!queue_dma(hfi::command_ring.write_index, 4, false)) return false;
    const std::uint32_t write_index = word();
    if (!hfi::valid_index(write_index)) {
      lose(hfi::SysErrorCode::BadQueue);
      return false;
    }
    if (write_index == command_read_) return true;
    const std::uint64_t packet_offset =
        hfi::command_ring.packets + std::uint64_t{command_read_} * hfi::packet_bytes;
    if (!queue_dma(packet_offset, hfi::packet_bytes, false)) return false;
    hfi::Packet packet{};
    std::memcpy(packet.data(), bytes_.data(), hfi::packet_bytes);
    command_read_ = hfi::next_index(command_read_);
    set_word(command_read_);
    if (!queue_dma(hfi::command_ring.read_index, 4, true)) return false;
    if (!execute(packet)) return false;
  }
}

bool ControlProcessor::execute(const hfi::Packet& packet) {
  const std::optional<hfi::Command> command = hfi::decode_command(packet);
  if (!command) {
    lose(hfi::SysErrorCode::BadQueue);
    return false;
  }
  if (std::holds_alternative<hfi::SysInit>(*command)) return send(hfi::SysInitDone{hfi::version});
  if (const auto* init = std::get_if<hfi::SessionInit>(&*command)) {
    if (const auto refused = sessions_.init(*init)) return answer_refusal(init->session, *refused);
    return send(hfi::SessionInitDone{init->session});
  }
  if (const auto* buffer = std::get_if<hfi::SessionSetBuffer>(&*command)) {
    if (const auto refused = sessions_.set_buffer(*buffer)) return answer_refusal(buffer->session, *refused);
    return true;
  }
  if (const auto* frame = std::get_if<hfi::SessionFrame>(&*command)) {
    if (const auto refused = sessions_.queue_frame(*frame)) return answer_refusal(frame->session, *refused);
    start_frame(*sessions_.find(frame->session));
    return true;
  }
  const auto& end = std::get<hfi::SessionEnd>(*command);
  if (const auto refused = sessions_.end(end)) return answer_refusal(end.session, *refused);
  return finish_session(*sessions_.find(end.session));
}

bool ControlProcessor::answer_refusal(hfi::SessionId id, hfi::SessionErrorCode code) {
  return send(hfi::SessionError{id, code});
}

void ControlProcessor::start_frame(std::size_t slot) {
  const std::vector<FramePass> passes = sessions_.begin_frame(slot);
  if (passes.empty()) return;
  const auto stream_of = [this](const FramePass& pass) {
    return *config_.functions[static_cast<std::size_t>(function_of(pass.type))];
  };
  // Each block spreads its accesses evenly over the time the VPP needs for the picture.
  std::vector<std::uint64_t> total(config_.streams.size());
  for (const FramePass& pass : passes) total[stream_of(pass)] += accesses(pass.bytes, config_.stride_bytes);

  FirmwareSession& session = sessions_.at(slot);
  const std::uint64_t frame_time = frame_time_ps(config_, session.picture);
  session.items_open = static_cast<std::uint32_t>(passes.size());
  for (const FramePass& pass : passes) {
    const std::size_t stream = stream_of(pass);
    WorkItem item;
    item.slot = slot;
    item.session = session.id;
    item.type = pass.type;
    item.index = pass.index;
    item.iova = session.buffer(pass.type, pass.index).iova + pass.offset;
    item.bytes = pass.bytes;
    item.write = pass.write;
    item.interval_ps = frame_time / total[stream];
    blocks_[stream]->push(item);
  }
}

void ControlProcessor::access_failed(std::size_t slot, std::size_t block, std::uint64_t iova) {
  FirmwareSession& session = sessions_.at(slot);
  if (session.failed) return;
  session.failed = true;
  session.error_block = static_cast<std::uint32_t>(block);
  session.error_iova = iova;
}

void ControlProcessor::item_done(std::size_t slot) {
  if (--sessions_.at(slot).items_open != 0) return;
  finished_.push_back(slot);
  wake_.notify(sc_core::SC_ZERO_TIME);
}

bool ControlProcessor::finish_frame(std::size_t slot) {
  const hfi::FrameDone done = sessions_.end_frame(slot);
  ++counters_.frames;
  if (done.status != hfi::FrameStatus::Ok) ++counters_.failed_frames;
  if (!send(done)) return false;
  FirmwareSession& session = sessions_.at(slot);
  if (session.error) {
    for (; !session.pending.empty(); session.pending.pop_front()) {
      if (!answer_refusal(session.id, hfi::SessionErrorCode::InErrorState)) return false;
    }
  }
  if (session.ending) return finish_session(slot);
  start_frame(slot);
  return true;
}

bool ControlProcessor::finish_session(std::size_t slot) {
  FirmwareSession& session = sessions_.at(slot);
  if (session.decoding) return true;
  const hfi::SessionId id = session.id;
  sessions_.close(slot);
  return send(hfi::SessionEndDone{id});
}

bool ControlProcessor::send(const hfi::Message& message) {
  switch (post(message)) {
    case Post::Sent:
      return true;
    case Post::Lost:
      return false;
    case Post::Full:
      lose(hfi::SysErrorCode::BadQueue);
      return false;
  }
  return false;
}

ControlProcessor::Post ControlProcessor::post(const hfi::Message& message) {
  const hfi::Packet packet = hfi::encode(message);
  if (!queue_dma(hfi::message_ring.read_index, 4, false)) return Post::Lost;
  const std::uint32_t read_index = word();
  if (!hfi::valid_index(read_index) || hfi::full(message_write_, read_index)) return Post::Full;
  std::memcpy(bytes_.data(), packet.data(), hfi::packet_bytes);
  const std::uint64_t offset = hfi::message_ring.packets + std::uint64_t{message_write_} * hfi::packet_bytes;
  if (!queue_dma(offset, hfi::packet_bytes, true)) return Post::Lost;
  message_write_ = hfi::next_index(message_write_);
  set_word(message_write_);
  if (!queue_dma(hfi::message_ring.write_index, 4, true)) return Post::Lost;
  registers_.irq_status |= reg::irq_message;
  registers_.irq_changed.notify(sc_core::SC_ZERO_TIME);
  return Post::Sent;
}

void ControlProcessor::lose(hfi::SysErrorCode code) {
  if (stale() || registers_.error != hfi::SysErrorCode::None) return;
  registers_.error = code;
  registers_.error_iova = code == hfi::SysErrorCode::BadQueue ? 0 : last_iova_;
  registers_.status &= ~reg::status_running;
  for (const auto& block : blocks_) block->flush();
  finished_.clear();
  if (registers_.sfr_base != 0) {
    const std::size_t stream = *config_.functions[static_cast<std::size_t>(Function::NonPixel)];
    bytes_.fill(0);
    std::strncpy(reinterpret_cast<char*>(bytes_.data()), hfi::to_string(code), bytes_.size() - 1);
    static_cast<void>(dma(stream, BufferType::Sfr, registers_.sfr_base, hfi::packet_bytes, true));
    if (stale()) return;
  }
  if (code != hfi::SysErrorCode::QueueDma) static_cast<void>(post(hfi::SysError{code}));
  if (stale()) return;
  registers_.status |= reg::status_sys_error;
  registers_.irq_status |= reg::irq_sys_error;
  registers_.irq_changed.notify(sc_core::SC_ZERO_TIME);
}

bool ControlProcessor::dma(std::size_t stream, BufferType type, std::uint64_t iova, std::uint32_t bytes,
                           bool write) {
  DmaRequest request;
  request.block = stream;
  request.iova = iova;
  request.bytes = bytes;
  request.write = write;
  request.type = type;
  last_iova_ = iova;
  return port_.access(request, bytes_.data());
}

bool ControlProcessor::queue_dma(std::uint64_t offset, std::uint32_t bytes, bool write) {
  const std::size_t stream = *config_.functions[static_cast<std::size_t>(Function::NonPixel)];
  const bool ok = dma(stream, BufferType::HfiQueues, registers_.queue_base + offset, bytes, write);
  if (stale()) return false;
  if (!ok) lose(hfi::SysErrorCode::QueueDma);
  return ok;
}

std::uint32_t ControlProcessor::word() const {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes_.data(), sizeof value);
  return value;
}

void ControlProcessor::set_word(std::uint32_t value) {
  std::memcpy(bytes_.data(), &value, sizeof value);
}

}  // namespace sidewinder::vpu
