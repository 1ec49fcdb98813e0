// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/sessions.h"

#include <catch2/catch.hpp>
#include <memory>

namespace sidewinder::vpu {
namespace {

using hfi::SessionErrorCode;

const Picture picture{Codec::H264, 96, 96};
const BufferCounts counts{2, 2, 3};

std::unique_ptr<SessionTable> open_session(hfi::SessionId id) {
  auto table = std::make_unique<SessionTable>(4U);
  REQUIRE_FALSE(table->init({id, picture, counts}));
  return table;
}

void set_all(SessionTable& table, hfi::SessionId id) {
  std::uint64_t iova = 0x1000'0000;
  for (const BufferRequirement& needed : decoder_buffers(picture, counts, 4)) {
    for (std::uint32_t index = 0; index < needed.count; ++index) {
      REQUIRE_FALSE(table.set_buffer({id, needed.type, index, iova, needed.size}));
      iova += 0x100'0000;
    }
  }
}

}  // namespace

TEST_CASE("Sessions are opened up to sixteen, each id once") {
  auto table = std::make_unique<SessionTable>(4U);
  for (hfi::SessionId id = 0; id < hfi::max_sessions; ++id) CHECK_FALSE(table->init({id, picture, counts}));
  CHECK(table->init({99, picture, counts}) == SessionErrorCode::BadSession);
  table->close(*table->find(3));
  CHECK_FALSE(table->find(3));
  CHECK(table->init({2, picture, counts}) == SessionErrorCode::BadSession);
  CHECK_FALSE(table->init({99, picture, counts}));
  CHECK(table->init({hfi::no_session, picture, counts}) == SessionErrorCode::BadSession);
}

TEST_CASE("A picture or a count beyond the hardware is refused") {
  auto table = std::make_unique<SessionTable>(4U);
  CHECK(table->init({0, {Codec::H264, 95, 96}, counts}) == SessionErrorCode::BadPicture);
  CHECK(table->init({0, picture, {0, 2, 3}}) == SessionErrorCode::BadBuffer);
  CHECK(table->init({0, picture, {2, 33, 3}}) == SessionErrorCode::BadBuffer);
  CHECK(table->init({0, picture, {2, 2, 0}}) == SessionErrorCode::BadBuffer);
  CHECK_FALSE(table->find(0));
  CHECK_FALSE(table->init({0, picture, {32, 32, 32}}));
}

TEST_CASE("A buffer must be of a type the session has, in its count, and large enough") {
  const std::uint64_t size = qc08c_size(picture);
  auto table = open_session(1);
  CHECK_FALSE(table->set_buffer({1, BufferType::Dpb, 2, 0x1000, size}));
  CHECK(table->at(0).buffer(BufferType::Dpb, 2).iova == 0x1000);
  CHECK_FALSE(table->at(0).error);
  CHECK(table->set_buffer({2, BufferType::Dpb, 0, 0x1000, size}) == SessionErrorCode::BadSession);
  CHECK_FALSE(table->at(0).error);

  hfi::SessionSetBuffer bad{1, BufferType::Dpb, 0, 0x1000, size};
  SECTION("index") {
    bad.index = 3;
  }
  SECTION("size") {
    bad.size = size - 1;
  }
  SECTION("type") {
    bad.type = BufferType::Vpss;
  }
  SECTION("end of the address space") {
    bad.iova = ~std::uint64_t{0} - 5;
  }
  CHECK(table->set_buffer(bad) == SessionErrorCode::BadBuffer);
  CHECK(table->at(0).error);
}

TEST_CASE("A frame needs every buffer, and indices that exist") {
  auto table = open_session(1);
  SECTION("nothing set") {
    CHECK(table->queue_frame({1, 0, 0, 0}) == SessionErrorCode::MissingBuffer);
  }
  SECTION("input index") {
    set_all(*table, 1);
    CHECK(table->queue_frame({1, 0, 2, 0}) == SessionErrorCode::BadBuffer);
  }
  SECTION("output index") {
    set_all(*table, 1);
    CHECK(table->queue_frame({1, 0, 0, 2}) == SessionErrorCode::BadBuffer);
  }
  CHECK(table->at(0).error);
  CHECK(table->queue_frame({1, 1, 0, 0}) == SessionErrorCode::InErrorState);
  CHECK(table->queue_frame({9, 0, 0, 0}) == SessionErrorCode::BadSession);
}

TEST_CASE("Frames of a session are decoded one after the other") {
  auto table = open_session(1);
  set_all(*table, 1);
  CHECK_FALSE(table->queue_frame({1, 10, 0, 0}));
  CHECK_FALSE(table->queue_frame({1, 11, 1, 1}));
  CHECK_FALSE(table->begin_frame(0).empty());
  CHECK(table->begin_frame(0).empty());
  CHECK(table->set_buffer({1, BufferType::Dpb, 0, 0x1000, qc08c_size(picture)}) ==
        SessionErrorCode::BadBuffer);
  table->at(0).error = false;
  CHECK(table->end_frame(0).frame == 10);
  CHECK_FALSE(table->begin_frame(0).empty());
  const hfi::FrameDone done = table->end_frame(0);
  CHECK(done.frame == 11);
  CHECK(done.status == hfi::FrameStatus::Ok);
  CHECK(table->begin_frame(0).empty());
}

TEST_CASE("A frame with a failed access puts its session into error state") {
  auto table = open_session(1);
  set_all(*table, 1);
  REQUIRE_FALSE(table->queue_frame({1, 10, 0, 0}));
  REQUIRE_FALSE(table->begin_frame(0).empty());
  table->at(0).failed = true;
  table->at(0).error_block = 2;
  table->at(0).error_iova = 0xdead'b000;
  const hfi::FrameDone done = table->end_frame(0);
  CHECK(done.status == hfi::FrameStatus::DmaError);
  CHECK(done.block == 2);
  CHECK(done.iova == 0xdead'b000);
  CHECK(table->queue_frame({1, 11, 0, 0}) == SessionErrorCode::InErrorState);
}

TEST_CASE("An ending session drops its queued frames and takes no more") {
  auto table = open_session(1);
  set_all(*table, 1);
  REQUIRE_FALSE(table->queue_frame({1, 0, 0, 0}));
  CHECK(table->end({2}) == SessionErrorCode::BadSession);
  CHECK_FALSE(table->end({1}));
  CHECK(table->begin_frame(0).empty());
  CHECK(table->queue_frame({1, 1, 0, 0}) == SessionErrorCode::InErrorState);
}

}  // namespace sidewinder::vpu
