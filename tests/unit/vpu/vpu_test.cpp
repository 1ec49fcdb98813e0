// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/vpu.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "tests/unit/vpu/fake_board.h"
#include "vpu/layout/registers.h"

namespace sidewinder::vpu {
namespace {

using kernel::read_word;
using kernel::write_word;
using test::Board;

constexpr std::uint64_t queues = 0x4000'0000;
constexpr std::uint64_t sfr = 0x4100'0000;
constexpr kernel::PhysAddr base = Board::registers;

std::uint32_t reg_read(Board& board, std::uint64_t offset) {
  return read_word<std::uint32_t>(board, base + offset);
}
void reg_write(Board& board, std::uint64_t offset, std::uint32_t value) {
  write_word<std::uint32_t>(board, base + offset, value);
}

void load_firmware(Board& board) {
  write_word<std::uint32_t>(board, 0, hfi::firmware_magic);
}

void boot(Board& board) {
  reg_write(board, reg::QUEUE_BASE_LO, static_cast<std::uint32_t>(queues));
  reg_write(board, reg::SFR_BASE_LO, static_cast<std::uint32_t>(sfr));
  reg_write(board, reg::CONTROL, reg::control_boot);
  board.delay_ns(10'000);
}

void send_packet(Board& board, const hfi::Packet& packet) {
  const auto index = read_word<std::uint32_t>(board, queues + hfi::command_ring.write_index);
  board.memory.write(queues + hfi::command_ring.packets + index * hfi::packet_bytes, packet.data(),
                     hfi::packet_bytes);
  write_word<std::uint32_t>(board, queues + hfi::command_ring.write_index, hfi::next_index(index));
  reg_write(board, reg::DOORBELL, 1);
  board.delay_ns(10'000);
}

void send(Board& board, const hfi::Command& command) {
  send_packet(board, hfi::encode(command));
}

std::optional<hfi::Message> receive(Board& board) {
  const auto write_index = read_word<std::uint32_t>(board, queues + hfi::message_ring.write_index);
  const auto index = read_word<std::uint32_t>(board, queues + hfi::message_ring.read_index);
  if (write_index == index) return std::nullopt;
  hfi::Packet packet{};
  board.memory.read(queues + hfi::message_ring.packets + index * hfi::packet_bytes, packet.data(),
                    hfi::packet_bytes);
  write_word<std::uint32_t>(board, queues + hfi::message_ring.read_index, hfi::next_index(index));
  return hfi::decode_message(packet);
}

bool is_sys_init_done(const std::optional<hfi::Message>& message) {
  return message && std::holds_alternative<hfi::SysInitDone>(*message);
}

std::string text_at(Board& board, std::uint64_t address) {
  std::array<char, 64> text{};
  board.memory.read(address, text.data(), text.size() - 1);
  return text.data();
}

}  // namespace

TEST_CASE("A VPU is not built from a bad configuration") {
  VpuConfig config = test::four_streams();
  config.pipes = 0;
  CHECK_THROWS_AS(Vpu("vpu", config), std::invalid_argument);
}

TEST_CASE("Registers answer whole words only, and read as documented") {
  Board board("board");
  board.add(test::four_streams());
  board.run([&] {
    CHECK(reg_read(board, reg::ID) == reg::id_value);
    CHECK(reg_read(board, reg::CONFIG) == (4U << 8 | 4U));
    CHECK(reg_read(board, reg::STATUS) == 0);
    reg_write(board, reg::ID, 5);
    CHECK(reg_read(board, reg::ID) == reg::id_value);
    reg_write(board, reg::QUEUE_BASE_LO, 0x1234'5000);
    reg_write(board, reg::QUEUE_BASE_HI, 0x7);
    CHECK(reg_read(board, reg::QUEUE_BASE_LO) == 0x1234'5000);
    CHECK(reg_read(board, reg::QUEUE_BASE_HI) == 0x7);
    CHECK(reg_read(board, 0x800) == 0);
    std::array<std::byte, 8> data{};
    const std::span<std::byte> eight(data);
    CHECK(board.read(base, eight.first(4), kernel::Security::NonSecure));
    CHECK_FALSE(board.read(base, eight, kernel::Security::NonSecure));
    CHECK_FALSE(board.read(base + 2, eight.first(4), kernel::Security::NonSecure));
    CHECK(board.read(base + reg::size - 4, eight.first(4), kernel::Security::NonSecure));
    CHECK_FALSE(board.read(base + reg::size, eight.first(4), kernel::Security::NonSecure));
  });
}

TEST_CASE("The core boots its firmware, and answers through the message ring and the interrupt") {
  Board board("board");
  board.add(test::four_streams());
  board.run([&] {
    load_firmware(board);
    boot(board);
    CHECK(reg_read(board, reg::STATUS) == reg::status_running);
    CHECK_FALSE(board.irqs[0]->line.read());
    send(board, hfi::SysInit{});
    CHECK(board.irqs[0]->line.read());
    CHECK(reg_read(board, reg::IRQ_STATUS) == reg::irq_message);
    CHECK(is_sys_init_done(receive(board)));
    CHECK_FALSE(receive(board));
    reg_write(board, reg::IRQ_CLEAR, reg::irq_sys_error);
    board.delay_ns(10);
    CHECK(board.irqs[0]->line.read());
    reg_write(board, reg::IRQ_CLEAR, reg::irq_message);
    board.delay_ns(10);
    CHECK_FALSE(board.irqs[0]->line.read());
  });
  REQUIRE_FALSE(board.targets[0]->seen.empty());
  CHECK(board.targets[0]->seen.front() == test::Transfer{0x1947, 0, hfi::firmware_header_bytes, false});
  for (std::size_t i = 1; i < board.targets[0]->seen.size(); ++i) {
    CHECK(board.targets[0]->seen[i].stream_id == 0x1940);
  }
}

TEST_CASE("Commands queued before the core has booted are served when it has") {
  Board board("board");
  board.add(test::four_streams());
  board.run([&] {
    load_firmware(board);
    send(board, hfi::SysInit{});
    CHECK_FALSE(receive(board));
    boot(board);
    CHECK(is_sys_init_done(receive(board)));
  });
}

TEMPLATE_TEST_CASE_SIG("Memory without an image, or none to be had, stops the boot", "",
                       ((bool refused), refused), false, true) {
  Board board("board");
  board.add(test::four_streams());
  if (refused)
    board.targets[0]->refuse = [](const test::Transfer& transfer) { return transfer.address == 0; };
  board.run([&] {
    if (refused) load_firmware(board);
    boot(board);
    CHECK(reg_read(board, reg::STATUS) == reg::status_sys_error);
    CHECK(reg_read(board, reg::ERROR_CODE) == static_cast<std::uint32_t>(hfi::SysErrorCode::BadFirmware));
    CHECK(text_at(board, sfr) == "firmware image unreadable");
  });
}

TEST_CASE("Without a firmware stream the core boots without an image") {
  VpuConfig config = test::four_streams();
  config.functions[static_cast<std::size_t>(Function::Firmware)].reset();
  Board board("board");
  board.add(config);
  board.run([&] {
    boot(board);
    send(board, hfi::SysInit{});
    CHECK(is_sys_init_done(receive(board)));
  });
}

TEST_CASE("A DMA error on the queues loses the core") {
  Board board("board");
  board.add(test::four_streams());
  board.run([&] {
    load_firmware(board);
    boot(board);
    board.targets[0]->refuse = [](const test::Transfer& transfer) {
      return transfer.address == queues + hfi::message_ring.packets;
    };
    send(board, hfi::SysInit{});
    CHECK(reg_read(board, reg::STATUS) == reg::status_sys_error);
    CHECK(reg_read(board, reg::IRQ_STATUS) == reg::irq_sys_error);
    CHECK(reg_read(board, reg::ERROR_CODE) == static_cast<std::uint32_t>(hfi::SysErrorCode::QueueDma));
    CHECK(reg_read(board, reg::ERROR_IOVA_LO) == queues + hfi::message_ring.packets);
    CHECK(text_at(board, sfr) == "bus error on the HFI queues");
    const std::size_t before = board.targets[0]->seen.size();
    reg_write(board, reg::DOORBELL, 1);
    board.delay_ns(10'000);
    CHECK(board.targets[0]->seen.size() == before);
  });
}

TEMPLATE_TEST_CASE_SIG("A corrupted ring stops the core, which says so, and a reset brings it back", "",
                       ((int fault), fault), 0, 1, 2, 3) {
  Board board("board");
  board.add(test::four_streams());
  board.run([&] {
    load_firmware(board);
    boot(board);
    const auto ring_write = [&](std::uint64_t offset, std::uint32_t value) {
      write_word<std::uint32_t>(board, queues + offset, value);
    };
    if (fault == 0) {  // with a good command behind it, which must not be served
      const hfi::Packet packet = hfi::encode(hfi::Command{hfi::SysInit{}});
      board.memory.write(queues + hfi::command_ring.packets, packet.data(), hfi::packet_bytes);
      ring_write(hfi::command_ring.write_index, hfi::ring_packets);
    }
    if (fault == 1) ring_write(hfi::message_ring.read_index, 0xffff'ffff);
    if (fault == 2) ring_write(hfi::message_ring.read_index, 1);  // as if the host never took a message
    if (fault == 0) {
      reg_write(board, reg::DOORBELL, 1);
      board.delay_ns(10'000);
    } else if (fault == 3) {
      send_packet(board, hfi::Packet{0x7777});
    } else {
      send(board, hfi::SysInit{});
    }
    CHECK(reg_read(board, reg::STATUS) == reg::status_sys_error);
    CHECK(reg_read(board, reg::ERROR_CODE) == static_cast<std::uint32_t>(hfi::SysErrorCode::BadQueue));
    if (fault == 0 || fault == 3) {
      const auto message = receive(board);
      REQUIRE(message);
      REQUIRE(std::holds_alternative<hfi::SysError>(*message));
      CHECK(std::get<hfi::SysError>(*message).code == hfi::SysErrorCode::BadQueue);
    }

    reg_write(board, reg::CONTROL, 0);
    CHECK(reg_read(board, reg::STATUS) == 0);
    CHECK(reg_read(board, reg::ERROR_CODE) == 0);
    for (const hfi::Ring& ring : {hfi::command_ring, hfi::message_ring}) {
      ring_write(ring.write_index, 0);
      ring_write(ring.read_index, 0);
    }
    boot(board);
    send(board, hfi::SysInit{});
    CHECK(is_sys_init_done(receive(board)));
  });
}

TEST_CASE("A command ring that wraps is served across its end") {
  Board board("board");
  board.add(test::four_streams());
  board.run([&] {
    load_firmware(board);
    boot(board);
    for (std::uint32_t i = 0; i < hfi::ring_packets + 2; ++i) {
      const auto index = read_word<std::uint32_t>(board, queues + hfi::command_ring.write_index);
      const hfi::Packet packet = hfi::encode(hfi::Command{hfi::SessionEnd{i}});
      board.memory.write(queues + hfi::command_ring.packets + index * hfi::packet_bytes, packet.data(),
                         hfi::packet_bytes);
      write_word<std::uint32_t>(board, queues + hfi::command_ring.write_index, hfi::next_index(index));
      reg_write(board, reg::DOORBELL, 1);
      board.delay_ns(1'000);
      const auto message = receive(board);
      if (!message || !std::holds_alternative<hfi::SessionError>(*message) ||
          std::get<hfi::SessionError>(*message).session != i) {
        FAIL_CHECK("command " << i << " was not answered");
        break;
      }
    }
    CHECK(read_word<std::uint32_t>(board, queues + hfi::command_ring.read_index) == 2);
  });
}

TEST_CASE("A frame takes the time its macroblocks need, and reset stops it") {
  VpuConfig config = test::four_streams();
  config.clock_khz = 1000;
  config.pipes = 1;
  const Picture picture{Codec::H264, 96, 96};  // 36 macroblocks of 200 us
  const BufferCounts counts{1, 1, 1};
  Board board("board");
  board.add(config);
  board.run([&] {
    load_firmware(board);
    boot(board);
    send(board, hfi::SessionInit{1, picture, counts});
    std::uint64_t next[3] = {0x4200'0000, 0x8000'0000, 0x2000'0000};
    for (const BufferRequirement& needed : decoder_buffers(picture, counts, 1)) {
      std::uint64_t& iova = next[*config.functions[static_cast<std::size_t>(function_of(needed.type))]];
      send(board, hfi::SessionSetBuffer{1, needed.type, 0, iova, needed.size});
      iova += 0x100'0000;
    }
    const auto init = receive(board);
    REQUIRE(init);
    CHECK(std::holds_alternative<hfi::SessionInitDone>(*init));
    send(board, hfi::SessionFrame{1, 42, 0, 0});
    const std::uint64_t start = board.now_ns();
    std::optional<hfi::Message> message;
    for (; !message && board.now_ns() < start + 100'000'000; message = receive(board)) board.delay_ns(10'000);
    REQUIRE(message);
    REQUIRE(std::holds_alternative<hfi::FrameDone>(*message));
    CHECK(std::get<hfi::FrameDone>(*message).frame == 42);
    const std::uint64_t took = board.now_ns() - start;
    CHECK(took > 36 * 200'000 * 95 / 100);
    CHECK(took < 36 * 200'000 * 105 / 100);
    CHECK(board.vpus[0]->counters().frames == 1);

    send(board, hfi::SessionFrame{1, 43, 0, 0});
    board.delay_ns(1'000'000);
    reg_write(board, reg::CONTROL, 0);
    board.delay_ns(100'000);
    const std::size_t before = board.targets[0]->seen.size();
    board.delay_ns(20'000'000);
    CHECK(board.targets[0]->seen.size() == before);
    CHECK(board.vpus[0]->counters().frames == 1);
  });
}

}  // namespace sidewinder::vpu
