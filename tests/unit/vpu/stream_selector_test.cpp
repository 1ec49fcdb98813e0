// SPDX-License-Identifier: Apache-2.0

#include "vpu/hw/stream_selector.h"

#include <catch2/catch.hpp>

namespace sidewinder::vpu {
namespace {

constexpr std::uint64_t mib = 1 << 20;

// Three blocks with windows of 600-3500, 0-3500 and 16-600 MiB, and firmware below 16 MiB.
VpuConfig three_blocks() {
  VpuConfig config;
  config.streams = {{"block0", 0x1940, {600 * mib, 3500 * mib - 1}},
                    {"block1", 0x1943, {0, 3500 * mib - 1}},
                    {"block2", 0x1944, {16 * mib, 600 * mib - 1}},
                    {"firmware", 0x1947, {0, 16 * mib - 1}}};
  config.owners = {{{0, 16 * mib - 1}, 3}, {{16 * mib, 600 * mib - 1}, 2}, {{600 * mib, 3500 * mib - 1}, 0}};
  return config;
}

constexpr std::size_t block0 = 0;
constexpr std::size_t block1 = 1;
constexpr std::size_t block2 = 2;
constexpr std::size_t firmware = 3;

}  // namespace

TEST_CASE("An access wholly inside its block's window carries the block's StreamID") {
  const VpuConfig config = three_blocks();
  CHECK(emitted_stream(config, block0, 600 * mib, 256) == block0);
  CHECK(emitted_stream(config, block0, 3500 * mib - 256, 256) == block0);
  CHECK(emitted_stream(config, block2, 16 * mib, 256) == block2);
  CHECK(emitted_stream(config, block2, 600 * mib - 256, 256) == block2);
  CHECK(emitted_stream(config, block1, 0, 256) == block1);
}

TEST_CASE("Below and above the window, the address's owner's StreamID leaves instead") {
  const VpuConfig config = three_blocks();
  CHECK(emitted_stream(config, block0, 600 * mib - 1, 1) == block2);
  CHECK(emitted_stream(config, block0, 16 * mib, 256) == block2);
  CHECK(emitted_stream(config, block0, 16 * mib - 1, 1) == firmware);
  CHECK(emitted_stream(config, block0, 0, 256) == firmware);
  CHECK(emitted_stream(config, block2, 600 * mib, 256) == block0);
  CHECK(emitted_stream(config, block2, 3500 * mib - 1, 1) == block0);
}

TEST_CASE("A burst that crosses its window's edge belongs to the owner of its first byte") {
  const VpuConfig config = three_blocks();
  CHECK(emitted_stream(config, block0, 600 * mib - 128, 256) == block2);
  CHECK(emitted_stream(config, block2, 600 * mib - 128, 256) == block2);
  CHECK(emitted_stream(config, block2, 16 * mib - 128, 256) == firmware);
  CHECK(emitted_stream(config, block1, 3500 * mib - 128, 256) == block0);
}

TEST_CASE("An access outside its window that nobody owns never leaves the VPU") {
  const VpuConfig config = three_blocks();
  CHECK_FALSE(emitted_stream(config, block0, 3500 * mib, 256));
  CHECK_FALSE(emitted_stream(config, block1, 3500 * mib, 1));
  CHECK_FALSE(emitted_stream(config, block1, ~std::uint64_t{0} - 127, 256));
  VpuConfig nobody = three_blocks();
  nobody.owners.clear();
  CHECK_FALSE(emitted_stream(nobody, block0, 600 * mib - 1, 1));
  CHECK(emitted_stream(nobody, block0, 600 * mib, 1) == block0);
}

TEST_CASE("A burst that wraps around the address space is not inside a window that ends there") {
  VpuConfig config = three_blocks();
  config.streams[block1].window = {0, ~std::uint64_t{0}};
  CHECK(emitted_stream(config, block1, ~std::uint64_t{0} - 255, 256) == block1);
  CHECK_FALSE(emitted_stream(config, block1, ~std::uint64_t{0} - 254, 256));
}

TEST_CASE("Of two owners of an address the first counts") {
  VpuConfig config = three_blocks();
  config.owners.insert(config.owners.begin(), {{100 * mib, 200 * mib - 1}, 1});
  CHECK(emitted_stream(config, block0, 100 * mib, 1) == block1);
  CHECK(emitted_stream(config, block0, 200 * mib, 1) == block2);
}

TEST_CASE("An empty access is judged by its address") {
  const VpuConfig config = three_blocks();
  CHECK(emitted_stream(config, block0, 600 * mib, 0) == block0);
  CHECK(emitted_stream(config, block0, 600 * mib - 1, 0) == block2);
}

}  // namespace sidewinder::vpu
