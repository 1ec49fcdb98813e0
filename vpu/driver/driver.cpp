// SPDX-License-Identifier: Apache-2.0
//
// The core: probe, messages, and its end.

#include "vpu/driver/driver.h"

#include <cinttypes>
#include <cstdio>
#include <span>
#include <utility>

#include "vpu/layout/registers.h"

namespace sidewinder::vpu {
namespace {

using kernel::Errno;
using kernel::fail;

std::string hex(std::uint64_t value) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%" PRIx64, value);
  return text.data();
}

constexpr std::uint64_t ring_full_retry_ns = 100'000;
constexpr std::uint64_t autosuspend_delay_ns = 1'500'000'000;  // AUTOSUSPEND_DELAY_VALUE

}  // namespace

VpuDriver::VpuDriver(kernel::HostBus& bus, BufferAllocator& allocator, const kernel::KernelLog& log,
                     VpuPlatform platform, DriverObserver* observer)
    : bus_(bus),
      allocator_(allocator),
      log_(log),
      platform_(std::move(platform)),
      observer_(observer),
      power_(bus, {.suspend = [] {}, .resume = [] {}}) {
  for (kernel::RuntimePm* supplier : platform_.suppliers) power_.add_supplier(*supplier);
}

kernel::Status VpuDriver::probe() {
  power_.use_autosuspend(autosuspend_delay_ns);
  power_.enable();
  const kernel::RuntimePm::Reference active(power_);
  const kernel::Status booted = boot();
  if (booted) return booted;
  release();
  core_ = Core::Absent;
  log(std::string("probe failed with error ") + to_string(booted.error()));
  return booted;
}

kernel::Status VpuDriver::boot() {
  for (const Function function : {Function::Bitstream, Function::NonPixel, Function::Pixel}) {
    if (platform_.devices[static_cast<std::size_t>(function)] == nullptr) return fail(Errno::EINVAL_);
  }
  if (read_reg(reg::ID) != reg::id_value) return fail(Errno::ENODEV_);
  pipes_ = read_reg(reg::CONFIG) & 0xff;
  if (!valid_pipes(pipes_)) return fail(Errno::ENODEV_);
  if (const auto loaded = load_firmware(); !loaded) return loaded;

  BufferUse use;
  use.type = BufferType::HfiQueues;
  auto queues = alloc(use, hfi::queue_region_bytes);
  if (!queues) return fail(queues.error());
  queue_region_ = std::move(*queues);
  use.type = BufferType::Sfr;
  auto sfr = alloc(use, hfi::sfr_bytes);
  if (!sfr) return fail(sfr.error());
  sfr_ = std::move(*sfr);

  const kernel::DmaAddr queue_base = queue_region_->memory.iova;
  const kernel::DmaAddr sfr_base = sfr_->memory.iova;
  write_reg(reg::QUEUE_BASE_LO, static_cast<std::uint32_t>(queue_base));
  write_reg(reg::QUEUE_BASE_HI, static_cast<std::uint32_t>(queue_base >> 32));
  write_reg(reg::SFR_BASE_LO, static_cast<std::uint32_t>(sfr_base));
  write_reg(reg::SFR_BASE_HI, static_cast<std::uint32_t>(sfr_base >> 32));

  irq_requested_ =
      bus_.request_irq(platform_.irq, this, kernel::IrqSharing::Exclusive, [this] { handle_irq(); });
  if (!irq_requested_) return fail(Errno::EBUSY_);
  core_ = Core::Booting;
  sys_init_done_ = {};
  write_reg(reg::CONTROL, reg::control_boot);
  if (const auto sent = send(hfi::SysInit{}); !sent) return sent;
  const bool answered = bus_.wait(sys_init_done_, platform_.response_timeout_ns);
  if (core_ == Core::Lost) return fail(Errno::EIO_);
  if (!answered) {
    log("firmware did not answer SYS_INIT");
    return fail(Errno::ETIMEDOUT_);
  }
  core_ = Core::Running;
  return {};
}

kernel::Status VpuDriver::load_firmware() {
  kernel::Device* device = platform_.devices[static_cast<std::size_t>(Function::Firmware)];
  if (device == nullptr) return {};
  if (!platform_.map_firmware) return fail(Errno::EINVAL_);
  const auto image = platform_.map_firmware(*device, 0, hfi::firmware_bytes);
  if (!image) {
    log(std::string("firmware could not be mapped at IOVA 0: ") + to_string(image.error()));
    return fail(image.error());
  }
  const std::array<std::uint32_t, 3> header{hfi::firmware_magic, hfi::version,
                                            static_cast<std::uint32_t>(hfi::firmware_bytes)};
  if (!bus_.write(phys_of(*image, 0), std::as_bytes(std::span(header)), kernel::Security::NonSecure)) {
    return fail(Errno::EIO_);
  }
  if (observer_ != nullptr) {
    BufferUse use;
    use.type = BufferType::Firmware;
    use.function = Function::Firmware;
    use.device = device;
    observer_->buffer_mapped(use, *image);
  }
  return {};
}

void VpuDriver::release() {
  if (core_ != Core::Absent) write_reg(reg::CONTROL, 0);
  if (irq_requested_) bus_.free_irq(platform_.irq, this);
  irq_requested_ = false;
  for (std::optional<OwnedBuffer>* buffer : {&sfr_, &queue_region_}) {
    if (*buffer) free(**buffer);
    buffer->reset();
  }
}

void VpuDriver::remove() {
  {
    const kernel::RuntimePm::Reference active(power_);
    for (Session& session : sessions_) static_cast<void>(stop_session(session.result.id));
    release();
    core_ = Core::Absent;
  }
  power_.disable();
}

void VpuDriver::handle_irq() {
  power_.mark_last_busy();
  const std::uint32_t status = read_reg(reg::IRQ_STATUS);
  if (status == 0) return;
  write_reg(reg::IRQ_CLEAR, status);  // before reading messages, so that a later one raises the line again
  if ((status & reg::irq_sys_error) != 0) {
    core_failed(failure_reason());
    return;
  }
  drain_messages();
}

void VpuDriver::drain_messages() {
  while (core_ == Core::Booting || core_ == Core::Running) {
    const auto message = HfiQueues(bus_, queue_region_->memory).receive();
    if (!message) {
      core_failed("message queue corrupted");
      return;
    }
    if (!*message) return;
    handle(**message);
  }
}

void VpuDriver::handle(const hfi::Message& message) {
  if (std::holds_alternative<hfi::SysInitDone>(message)) {
    bus_.complete(sys_init_done_);
  } else if (std::holds_alternative<hfi::SysError>(message)) {
    core_failed(failure_reason());
  } else if (const auto* init = std::get_if<hfi::SessionInitDone>(&message)) {
    if (Session* session = find(init->session)) bus_.complete(session->init_done);
  } else if (const auto* done = std::get_if<hfi::FrameDone>(&message)) {
    frame_done(*done);
  } else if (const auto* end = std::get_if<hfi::SessionEndDone>(&message)) {
    if (Session* session = find(end->session)) bus_.complete(session->end_done);
  } else if (const auto* error = std::get_if<hfi::SessionError>(&message)) {
    if (Session* session = find(error->session)) session_failed(*session, to_string(error->code));
  }
}

void VpuDriver::frame_done(const hfi::FrameDone& done) {
  Session* session = find(done.session);
  if (session == nullptr) return;
  session->deadline_ns.reset();
  if (done.status != hfi::FrameStatus::Ok) {
    if (!session->result.failed_access) session->result.failed_access = {done.frame, done.block, done.iova};
    session_failed(*session, "frame " + std::to_string(done.frame) + ": DMA error at " + hex(done.iova) +
                                 " by stream " + std::to_string(done.block));
    return;
  }
  ++session->result.frames_done;
  if (session->result.state != SessionState::Running) return;
  if (session->result.spec.frames != 0 && session->result.frames_done >= session->result.spec.frames) {
    settle(*session, SessionState::Idle, SessionOutcome::Completed);
  } else {
    queue_frame(*session);
  }
}

std::string VpuDriver::failure_reason() const {
  const std::uint32_t code = read_reg(reg::ERROR_CODE);
  if (code > static_cast<std::uint32_t>(hfi::SysErrorCode::BadQueue)) return "error " + std::to_string(code);
  std::string reason = to_string(static_cast<hfi::SysErrorCode>(code));
  const std::uint64_t iova = std::uint64_t{read_reg(reg::ERROR_IOVA_HI)} << 32 | read_reg(reg::ERROR_IOVA_LO);
  if (static_cast<hfi::SysErrorCode>(code) == hfi::SysErrorCode::QueueDma) reason += " at " + hex(iova);
  return reason;
}

std::string VpuDriver::sfr_text() const {
  std::array<char, hfi::packet_bytes> text{};
  if (!sfr_ || !bus_.read(phys_of(sfr_->memory, 0), std::as_writable_bytes(std::span(text)),
                          kernel::Security::NonSecure)) {
    return {};
  }
  text.back() = '\0';
  return text.data();
}

void VpuDriver::core_failed(const std::string& reason) {
  if (core_ != Core::Booting && core_ != Core::Running) return;
  core_ = Core::Lost;
  log("core lost: " + reason);
  if (const std::string sfr = sfr_text(); !sfr.empty()) log("SFR: " + sfr);
  write_reg(reg::CONTROL, 0);
  bus_.complete(sys_init_done_);
  for (Session& session : sessions_) {
    session.deadline_ns.reset();
    bus_.complete(session.init_done);
    bus_.complete(session.end_done);
    if (session.result.outcome != SessionOutcome::Open) continue;
    session.result.reason = reason;
    if (session.result.state == SessionState::Running) {
      settle(session, SessionState::CoreLost, SessionOutcome::CoreLost);
    } else {
      session.result.outcome = SessionOutcome::CoreLost;  // start_session or stop_session ends the rest
    }
  }
}

kernel::Status VpuDriver::send(const hfi::Command& command) {
  const kernel::RuntimePm::Reference active(power_);
  const std::uint64_t give_up = bus_.now_ns() + platform_.response_timeout_ns;
  while (core_ == Core::Booting || core_ == Core::Running) {
    const kernel::Status sent = HfiQueues(bus_, queue_region_->memory).send(command);
    if (sent) {
      write_reg(reg::DOORBELL, 1);
      power_.mark_last_busy();
      return sent;
    }
    if (sent.error() != Errno::ENOSPC_ || bus_.now_ns() >= give_up) {
      core_failed(sent.error() == Errno::ENOSPC_ ? "command queue stays full" : "command queue corrupted");
      return fail(Errno::EIO_);
    }
    bus_.delay_ns(ring_full_retry_ns);
  }
  return fail(Errno::EIO_);
}

kernel::Device* VpuDriver::device_of(const BufferUse& use) const {
  const bool own = use.type == BufferType::HfiQueues || use.type == BufferType::Sfr;
  if (own && platform_.node_device != nullptr) return platform_.node_device;
  return platform_.devices[static_cast<std::size_t>(use.function)];
}

kernel::Result<VpuDriver::OwnedBuffer> VpuDriver::alloc(const BufferUse& wanted, std::uint64_t size) {
  OwnedBuffer buffer;
  buffer.use = wanted;
  buffer.use.function = function_of(wanted.type);
  kernel::Device* device = device_of(buffer.use);
  buffer.use.device = device;
  auto memory = allocator_.alloc(*device, size);
  if (!memory) {
    if (observer_ != nullptr) observer_->allocation_failed({buffer.use, size, memory.error()});
    log(std::string("no room for ") + to_string(wanted.type) + ' ' + std::to_string(wanted.index) + " (" +
        std::to_string(size) + " bytes, " + to_string(buffer.use.function) +
        "): " + to_string(memory.error()));
    return fail(memory.error());
  }
  buffer.memory = std::move(*memory);
  if (observer_ != nullptr) observer_->buffer_mapped(buffer.use, buffer.memory);
  return buffer;
}

void VpuDriver::free(const OwnedBuffer& buffer) {
  allocator_.free(*device_of(buffer.use), buffer.memory);
  if (observer_ != nullptr) observer_->buffer_unmapped(buffer.use, buffer.memory);
}

std::uint32_t VpuDriver::read_reg(std::uint64_t offset) const {
  return kernel::read_word<std::uint32_t>(bus_, platform_.registers + offset);
}

void VpuDriver::write_reg(std::uint64_t offset, std::uint32_t value) {
  kernel::write_word<std::uint32_t>(bus_, platform_.registers + offset, value);
}

void VpuDriver::log(const std::string& text) const {
  log_.dev(kernel::LogLevel::Err, platform_.driver, platform_.device, text);
}

}  // namespace sidewinder::vpu
