// SPDX-License-Identifier: Apache-2.0
//
// What the fuzz targets of the SMMUv3 make of their input: an implementation, an STE and a CD, the words of
// memory, and operations.

#ifndef SIDEWINDER_TESTS_FUZZ_SMMUV3_INPUT_H
#define SIDEWINDER_TESTS_FUZZ_SMMUV3_INPUT_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "iommu/arch/memory_port.h"
#include "iommu/layout/smmuv3_cd.h"
#include "iommu/layout/smmuv3_ste.h"
#include "iommu/smmuv3/translator.h"

namespace sidewinder::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

/// Takes bits from the low end of a word; zeros when they are used up.
class Choices {
 public:
  explicit Choices(std::uint64_t word) : word_(word) {}

  unsigned take(unsigned bits) {
    const auto taken = static_cast<unsigned>(word_ & layout::low_bits(bits));
    word_ >>= bits;
    return taken;
  }
  bool flag() { return take(1) != 0; }

 private:
  std::uint64_t word_;
};

/// Two words of choices, eight of an STE, four of a CD; then operations. Bytes that are not there are 0.
class Input {
 public:
  static constexpr std::size_t first_operation = 14 * 8;
  static constexpr std::size_t operation_bytes = 16;

  struct Operation {
    std::uint8_t kind = 0;
    std::uint8_t stream = 0;
    std::uint8_t substream = 0;
    std::uint8_t flags = 0;
    std::uint32_t extra = 0;
    std::uint64_t value = 0;
  };

  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t word(std::size_t index) const { return at(8 * index, 8); }
  [[nodiscard]] std::size_t operations() const {
    return bytes_.size() < first_operation ? 0 : (bytes_.size() - first_operation) / operation_bytes;
  }
  [[nodiscard]] Operation operation(std::size_t index) const;
  [[nodiscard]] layout::smmuv3::Ste ste() const;
  [[nodiscard]] layout::smmuv3::Cd cd() const;

 private:
  [[nodiscard]] std::uint64_t at(std::size_t offset, std::size_t count) const;

  std::span<const std::uint8_t> bytes_;
};

/// A valid configuration for every word, with caches of a few entries each.
[[nodiscard]] smmuv3::Config config_of(std::uint64_t word);

/// Fewer of the combinations that are ILLEGAL, so that inputs reach the walks without finding the fields
/// first.
void make_likely_legal(layout::smmuv3::Ste& ste, const smmuv3::Config& config);
void make_likely_legal(layout::smmuv3::Cd& cd, const smmuv3::Config& config);

inline constexpr std::uint64_t stream_table_at = 0x1000'0000;  ///< linear, 2^8 STEs, all the same
inline constexpr std::uint64_t cd_at = 0x2003'0000;            ///< one for all

/// Which of its words lies there, if one does. Of each 256 KiB the last 64 hold CDs, wherever stage 2 leads.
[[nodiscard]] std::optional<unsigned> ste_word(std::uint64_t address);
[[nodiscard]] std::optional<unsigned> cd_word(std::uint64_t address);

/// Every aligned address below 2^OAS holds a word: of the STE or the CD in their places, elsewhere some word
/// of the input, or what was written there. There is one STE and one CD, in both Security states. Some
/// addresses answer with external aborts.
class InputMemory : public arch::MemoryPort {
 public:
  struct Options {
    bool likely_descriptors = false;  ///< most words are valid descriptors with the access flag set
    bool no_runs = false;             ///< no word has the Contiguous bit
    unsigned output_bits = 48;
  };

  InputMemory(const Input& input, const layout::smmuv3::Ste& ste, const layout::smmuv3::Cd& cd,
              Options options)
      : input_(input.bytes()), ste_(ste), cd_(cd), options_(options) {}

  arch::PortResponse read64(const arch::PortAccess& access) override;
  arch::PortResponse compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                        std::uint64_t desired) override;

  /// As another agent would. `address` is aligned down to a word.
  void store(std::uint64_t address, bool secure, std::uint64_t word);

  void allow_secure(bool allowed) { secure_allowed_ = allowed; }  ///< others stop the program
  void begin() { accesses_ = 0; }
  [[nodiscard]] unsigned accesses() const { return accesses_; }  ///< since begin()
  /// Of the last accesses, any; 0 before the first.
  [[nodiscard]] std::uint64_t recent(std::size_t index) const { return recent_[index % recent_.size()]; }
  [[nodiscard]] bool same_contents(const InputMemory& other) const;

 private:
  struct Written {
    std::uint64_t address;
    bool secure;
    std::uint64_t word;
  };

  [[nodiscard]] std::uint64_t word_at(std::uint64_t address, bool secure) const;
  arch::PortResponse respond(const arch::PortAccess& access);

  std::span<const std::uint8_t> input_;
  layout::smmuv3::Ste ste_;
  layout::smmuv3::Cd cd_;
  Options options_;
  std::vector<Written> written_;
  std::array<std::uint64_t, 16> recent_{};
  unsigned accesses_ = 0;
  bool secure_allowed_ = true;
};

/// Both interfaces on, with the stream table in its place; the rest by `word`.
void set_up(smmuv3::Translator& smmu, std::uint64_t word);

[[nodiscard]] smmuv3::Transaction transaction_of(const Input::Operation& operation);

}  // namespace sidewinder::fuzz

#endif
