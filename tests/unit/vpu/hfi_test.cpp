// SPDX-License-Identifier: Apache-2.0

#include "vpu/layout/hfi.h"

#include <catch2/catch.hpp>

namespace sidewinder::vpu::hfi {
namespace {

template <typename T>
T through(const Command& command) {
  const auto decoded = decode_command(encode(command));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<T>(*decoded));
  return std::get<T>(*decoded);
}

template <typename T>
T through_message(const Message& message) {
  const auto decoded = decode_message(encode(message));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<T>(*decoded));
  return std::get<T>(*decoded);
}

}  // namespace

TEST_CASE("Commands arrive as they were sent") {
  static_cast<void>(through<SysInit>(SysInit{}));
  const auto init = through<SessionInit>(SessionInit{7, {Codec::Hevc, 3840, 2160}, {4, 5, 6}});
  CHECK(init.session == 7);
  CHECK(init.picture == Picture{Codec::Hevc, 3840, 2160});
  CHECK(init.counts == BufferCounts{4, 5, 6});
  const auto buffer =
      through<SessionSetBuffer>(SessionSetBuffer{1, BufferType::Comv, 3, 0x1'2345'6000, 0x2'8000'0000});
  CHECK(buffer.session == 1);
  CHECK(buffer.type == BufferType::Comv);
  CHECK(buffer.index == 3);
  CHECK(buffer.iova == 0x1'2345'6000);
  CHECK(buffer.size == 0x2'8000'0000);
  const auto frame = through<SessionFrame>(SessionFrame{2, 99, 1, 8});
  CHECK(frame.session == 2);
  CHECK(frame.frame == 99);
  CHECK(frame.input == 1);
  CHECK(frame.output == 8);
  CHECK(through<SessionEnd>(SessionEnd{15}).session == 15);
}

TEST_CASE("Messages arrive as they were sent") {
  CHECK(through_message<SysInitDone>(SysInitDone{3}).version == 3);
  CHECK(through_message<SessionInitDone>(SessionInitDone{4}).session == 4);
  const auto done = through_message<FrameDone>(FrameDone{5, 77, FrameStatus::DmaError, 2, 0xf'2580'0000});
  CHECK(done.session == 5);
  CHECK(done.frame == 77);
  CHECK(done.status == FrameStatus::DmaError);
  CHECK(done.block == 2);
  CHECK(done.iova == 0xf'2580'0000);
  const auto error = through_message<SessionError>(SessionError{6, SessionErrorCode::InErrorState});
  CHECK(error.session == 6);
  CHECK(error.code == SessionErrorCode::InErrorState);
  CHECK(through_message<SessionEndDone>(SessionEndDone{7}).session == 7);
  CHECK(through_message<SysError>(SysError{SysErrorCode::BadQueue}).code == SysErrorCode::BadQueue);
}

TEST_CASE("A packet with a kind or a value that means nothing is no packet") {
  CHECK_FALSE(decode_command(Packet{}));
  CHECK_FALSE(decode_message(Packet{}));
  CHECK_FALSE(decode_command(encode(Message{SysInitDone{1}})));
  CHECK_FALSE(decode_message(encode(Command{SysInit{}})));
  Packet packet = encode(Command{SessionInit{1, {Codec::Vp9, 96, 96}, {}}});
  packet[2] = 3;
  CHECK_FALSE(decode_command(packet));
  packet = encode(Command{SessionSetBuffer{}});
  packet[2] = buffer_type_count;
  CHECK_FALSE(decode_command(packet));
  packet = encode(Message{FrameDone{}});
  packet[3] = 2;
  CHECK_FALSE(decode_message(packet));
  packet = encode(Message{SessionError{}});
  packet[2] = 5;
  CHECK_FALSE(decode_message(packet));
  packet = encode(Message{SysError{}});
  packet[2] = 4;
  CHECK_FALSE(decode_message(packet));
}

TEST_CASE("A ring wraps at its end and keeps one packet unused") {
  CHECK(next_index(0) == 1);
  CHECK(next_index(ring_packets - 1) == 0);
  CHECK(valid_index(ring_packets - 1));
  CHECK_FALSE(valid_index(ring_packets));
  CHECK_FALSE(full(5, 5));
  CHECK(full(4, 5));
  CHECK(full(ring_packets - 1, 0));
  CHECK_FALSE(full(ring_packets - 2, 0));
}

TEST_CASE("Both rings fit the region and do not overlap") {
  constexpr std::uint64_t ring_bytes = std::uint64_t{ring_packets} * packet_bytes;
  CHECK(command_ring.packets + ring_bytes <= message_ring.packets);
  CHECK(message_ring.packets + ring_bytes <= queue_region_bytes);
  CHECK(queue_region_bytes % 4096 == 0);
}

}  // namespace sidewinder::vpu::hfi
