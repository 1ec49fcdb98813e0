// SPDX-License-Identifier: Apache-2.0

#include "vpu/driver/hfi_queues.h"

#include <span>

namespace sidewinder::vpu {
namespace {

using kernel::Errno;
using kernel::fail;
using kernel::read_word;
using kernel::write_word;

std::uint64_t packet_offset(const hfi::Ring& ring, std::uint32_t index) {
  return ring.packets + std::uint64_t{index} * hfi::packet_bytes;
}

}  // namespace

kernel::Status HfiQueues::send(const hfi::Command& command) {
  const hfi::Ring& ring = hfi::command_ring;
  const auto write_index = read_word<std::uint32_t>(*bus_, at(ring.write_index));
  const auto read_index = read_word<std::uint32_t>(*bus_, at(ring.read_index));
  if (!hfi::valid_index(write_index) || !hfi::valid_index(read_index)) return fail(Errno::EIO_);
  if (hfi::full(write_index, read_index)) return fail(Errno::ENOSPC_);
  const hfi::Packet packet = hfi::encode(command);
  if (!bus_->write(at(packet_offset(ring, write_index)), std::as_bytes(std::span(packet)),
                   kernel::Security::NonSecure)) {
    return fail(Errno::EIO_);
  }
  write_word<std::uint32_t>(*bus_, at(ring.write_index), hfi::next_index(write_index));
  return {};
}

kernel::Result<std::optional<hfi::Message>> HfiQueues::receive() {
  const hfi::Ring& ring = hfi::message_ring;
  const auto write_index = read_word<std::uint32_t>(*bus_, at(ring.write_index));
  const auto read_index = read_word<std::uint32_t>(*bus_, at(ring.read_index));
  if (!hfi::valid_index(write_index) || !hfi::valid_index(read_index)) return fail(Errno::EIO_);
  if (write_index == read_index) return std::optional<hfi::Message>{};
  hfi::Packet packet{};
  if (!bus_->read(at(packet_offset(ring, read_index)), std::as_writable_bytes(std::span(packet)),
                  kernel::Security::NonSecure)) {
    return fail(Errno::EIO_);
  }
  write_word<std::uint32_t>(*bus_, at(ring.read_index), hfi::next_index(read_index));
  const std::optional<hfi::Message> message = hfi::decode_message(packet);
  if (!message) return fail(Errno::EIO_);
  return message;
}

}  // namespace sidewinder::vpu
