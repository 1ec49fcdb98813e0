// SPDX-License-Identifier: Apache-2.0

#include "models/sparse_store.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace sidewinder::models {
namespace {

std::vector<std::byte> bytes(const std::string& text) {
  std::vector<std::byte> result;
  for (const char c : text) result.push_back(static_cast<std::byte>(c));
  return result;
}

std::vector<std::byte> read(const SparseStore& store, std::uint64_t offset, std::size_t size) {
  std::vector<std::byte> data(size, std::byte{0xee});
  store.read(offset, data);
  return data;
}

}  // namespace

TEST_CASE("a store is zero until written, and takes room only for what is not zero") {
  SparseStore store(std::uint64_t{1} << 40);
  CHECK(store.size() == std::uint64_t{1} << 40);
  CHECK(read(store, 0x12'3456'7000, 8) == std::vector<std::byte>(8));
  store.write(0x1000, std::vector<std::byte>(10'000));
  CHECK(store.resident_pages() == 0);
  store.write(0x12'3456'7000, bytes("x"));
  CHECK(store.resident_pages() == 1);
  CHECK(read(store, 0x12'3456'7000, 2) == bytes(std::string("x\0", 2)));
}

TEST_CASE("zeros overwrite what was there") {
  SparseStore store(0x10000);
  store.write(0x10, bytes("abc"));
  store.write(0x11, std::vector<std::byte>(1));
  CHECK(read(store, 0x10, 3) == bytes(std::string("a\0c", 3)));
}

TEST_CASE("reads and writes go across pages and regions, and up to the last byte") {
  SparseStore store(0x40'1000);
  for (const std::uint64_t border : {0x1000U, 0x20'0000U, 0x40'0000U}) {
    store.write(border - 3, bytes("abcdef"));
    CHECK(read(store, border - 4, 8) == bytes(std::string("\0abcdef\0", 8)));
  }
  store.write(0x40'1000 - 2, bytes("yz"));
  CHECK(read(store, 0x40'1000 - 2, 2) == bytes("yz"));
  CHECK(read(store, 0x40'1000, 0).empty());
  CHECK(store.resident_pages() == 6);

  // A long write with zeros in the middle makes only the pages it needs.
  SparseStore sparse(0x10000);
  std::vector<std::byte> data(0x3000);
  data.front() = data.back() = std::byte{1};
  sparse.write(0x1000, data);
  CHECK(sparse.resident_pages() == 2);
  CHECK(read(sparse, 0x1000, 0x3000) == data);
}

}  // namespace sidewinder::models
