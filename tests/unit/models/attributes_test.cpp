// SPDX-License-Identifier: Apache-2.0

#include "models/attributes.h"

#include <catch2/catch.hpp>

namespace sidewinder::models {
namespace {

void check_same(const AccessAttributes& a, const AccessAttributes& b) {
  CHECK(a.stream_id == b.stream_id);
  CHECK(a.substream_id == b.substream_id);
  CHECK(a.substream_valid == b.substream_valid);
  CHECK(a.secure == b.secure);
  CHECK(a.privileged == b.privileged);
  CHECK(a.instruction == b.instruction);
}

constexpr AccessAttributes some{.stream_id = 0x1940,
                                .substream_id = 7,
                                .substream_valid = true,
                                .secure = true,
                                .privileged = true,
                                .instruction = true};

}  // namespace

TEST_CASE("attributes go with a copy of the payload") {
  const AttributesExtension original(some);
  tlm::tlm_extension_base* const clone = original.clone();
  check_same(static_cast<const AttributesExtension&>(*clone).value, some);
  clone->free();
  AttributesExtension copy;
  check_same(copy.value, {});
  copy.copy_from(original);
  check_same(copy.value, some);
}

TEST_CASE("a payload finds the extension that was set, until it is cleared") {
  tlm::tlm_generic_payload payload;
  AttributesExtension extension(some);
  CHECK(payload.get_extension<AttributesExtension>() == nullptr);
  payload.set_extension(&extension);
  CHECK(payload.get_extension<AttributesExtension>() == &extension);
  payload.clear_extension(&extension);
  CHECK(payload.get_extension<AttributesExtension>() == nullptr);
}

}  // namespace sidewinder::models
