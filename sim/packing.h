// SPDX-License-Identifier: Apache-2.0
//
// Plain values as bytes and back, between two processes of one program. A struct's fields are named once, in
// a function found beside it:
//
//   template <typename Archive>
//   void fields(Archive& archive, Point& point) { archive(point.x, point.y); }

#ifndef SIDEWINDER_SIM_PACKING_H
#define SIDEWINDER_SIM_PACKING_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sidewinder::sim {

template <typename T>
concept Scalar = std::is_integral_v<T> || std::is_enum_v<T>;

class Packer {
 public:
  template <typename... Values>
  void operator()(Values&... values) {
    (put(values), ...);
  }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  template <typename T>
  void put(T& value) {
    if constexpr (Scalar<T>) {
      put_number(static_cast<std::uint64_t>(value));
    } else {
      fields(*this, value);
    }
  }
  void put(std::string& text) {
    put_number(text.size());
    bytes_ += text;
  }
  template <typename T>
  void put(std::vector<T>& items) {
    put_number(items.size());
    for (T& item : items) put(item);
  }
  template <typename T>
  void put(std::optional<T>& item) {
    put_number(item ? 1 : 0);
    if (item) put(*item);
  }
  void put_number(std::uint64_t number) {
    std::array<char, sizeof number> raw{};
    std::memcpy(raw.data(), &number, sizeof number);
    bytes_.append(raw.data(), raw.size());
  }

  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

  template <typename... Values>
  void operator()(Values&... values) {
    (get(values), ...);
  }

  /// Throws std::runtime_error when bytes are left over.
  void finish() const {
    if (!bytes_.empty()) throw std::runtime_error("a simulation sent more than its results");
  }

 private:
  template <typename T>
  void get(T& value) {
    if constexpr (Scalar<T>) {
      value = static_cast<T>(get_number());
    } else {
      fields(*this, value);
    }
  }
  void get(std::string& text) { text = std::string(take(get_number())); }
  template <typename T>
  void get(std::vector<T>& items) {
    items.clear();
    for (std::uint64_t left = get_number(); left > 0; --left) get(items.emplace_back());
  }
  template <typename T>
  void get(std::optional<T>& item) {
    item.reset();
    if (get_number() != 0) get(item.emplace());
  }
  std::uint64_t get_number() {
    std::uint64_t number = 0;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  std::string_view take(std::uint64_t length) {
    if (length > bytes_.size()) throw std::runtime_error("a simulation's results are cut short");
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }

  std::string_view bytes_;
};

template <typename T>
[[nodiscard]] std::string pack(T value) {
  Packer packer;
  packer(value);
  return packer.take();
}

/// Of what pack<T>() gave. Throws std::runtime_error for anything shorter or longer.
template <typename T>
[[nodiscard]] T unpack(std::string_view bytes) {
  T value;
  Unpacker unpacker(bytes);
  unpacker(value);
  unpacker.finish();
  return value;
}

}  // namespace sidewinder::sim

#endif
