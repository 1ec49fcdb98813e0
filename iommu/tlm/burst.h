// SPDX-License-Identifier: Apache-2.0
//
// Payloads that cross pages: cut into pieces of one page each, sent one by one, and put together again.

#ifndef SIDEWINDER_IOMMU_TLM_BURST_H
#define SIDEWINDER_IOMMU_TLM_BURST_H

#include <algorithm>
#include <cstdint>
#include <deque>
#include <tlm>
#include <vector>

#include "iommu/tlm/output_attributes.h"

namespace sidewinder::tlm_shell {

inline constexpr std::uint64_t page_bytes = 4096;

/// The addresses that the payload accesses do not all lie in one page.
[[nodiscard]] inline bool crosses_page(const tlm::tlm_generic_payload& payload) {
  const unsigned span = std::min(payload.get_data_length(), payload.get_streaming_width());
  return payload.get_address() % page_bytes + span > page_bytes;
}

/// What a read is given as zeros: its enabled bytes, the others stay as they are (IEEE 1666 §14.13).
void clear_data(tlm::tlm_generic_payload& payload);

/// Puts back, at the end of its scope, the one thing that an interconnect changes of a payload that it leaves
/// whole.
class SavedAddress {
 public:
  explicit SavedAddress(tlm::tlm_generic_payload& payload)
      : payload_(payload), address_(payload.get_address()) {}
  SavedAddress(const SavedAddress&) = delete;
  SavedAddress& operator=(const SavedAddress&) = delete;
  ~SavedAddress() { payload_.set_address(address_); }

 private:
  tlm::tlm_generic_payload& payload_;
  std::uint64_t address_;
};

/// Puts back, at the end of its scope, what cutting a payload changes.
class SavedPayload {
 public:
  explicit SavedPayload(tlm::tlm_generic_payload& payload)
      : payload_(payload),
        address_(payload.get_address()),
        data_(payload.get_data_ptr()),
        length_(payload.get_data_length()),
        streaming_width_(payload.get_streaming_width()),
        enables_(payload.get_byte_enable_ptr()),
        enables_length_(payload.get_byte_enable_length()) {}
  SavedPayload(const SavedPayload&) = delete;
  SavedPayload& operator=(const SavedPayload&) = delete;
  ~SavedPayload() {
    payload_.set_address(address_);
    payload_.set_data_ptr(data_);
    payload_.set_data_length(length_);
    payload_.set_streaming_width(streaming_width_);
    payload_.set_byte_enable_ptr(enables_);
    payload_.set_byte_enable_length(enables_length_);
  }

  [[nodiscard]] std::uint64_t address() const { return address_; }
  [[nodiscard]] unsigned char* data() const { return data_; }
  [[nodiscard]] unsigned length() const { return length_; }
  [[nodiscard]] unsigned streaming_width() const { return streaming_width_; }
  [[nodiscard]] unsigned char* enables() const { return enables_; }
  [[nodiscard]] unsigned enables_length() const { return enables_length_; }

 private:
  tlm::tlm_generic_payload& payload_;
  std::uint64_t address_;
  unsigned char* data_;
  unsigned length_;
  unsigned streaming_width_;
  unsigned char* enables_;
  unsigned enables_length_;
};

/// One payload's pieces. Kept in a BurstPool, since a thread that waits in the middle of one may never be
/// resumed, and then frees nothing.
class Burst {
 public:
  struct Piece {
    std::uint64_t input = 0;
    std::uint64_t output = 0;  ///< the caller's to fill in
    unsigned begin = 0;        ///< from the payload's first byte
    unsigned length = 0;
    OutputAttributes attributes{};  ///< likewise
  };

  /// Finds the pieces of a payload; where it streams, of its first pass over its addresses.
  void split(const tlm::tlm_generic_payload& payload);
  [[nodiscard]] std::vector<Piece>& pieces() { return pieces_; }

  /// Calls `send_piece(piece)` with the payload made into each piece in turn, at its output address, until it
  /// is false. The payload is afterwards as it was, but for its response.
  template <typename Send>
  void send(tlm::tlm_generic_payload& payload, Send send_piece) {
    const SavedPayload whole(payload);
    const unsigned pass = std::min(whole.length(), whole.streaming_width());
    for (unsigned start = 0; start < whole.length(); start += pass) {
      for (const Piece& piece : pieces_) {
        const unsigned at = start + piece.begin;
        if (at >= whole.length()) return;
        cut(payload, whole, piece, at);
        if (!send_piece(piece)) return;
      }
      if (whole.length() - start <= pass) return;
    }
  }

 private:
  void cut(tlm::tlm_generic_payload& payload, const SavedPayload& whole, const Piece& piece, unsigned at);

  std::vector<Piece> pieces_;
  std::vector<unsigned char> enables_;  ///< a pattern of byte enables, from where a piece begins in it
};

class BurstPool {
 public:
  class Lease {
   public:
    explicit Lease(BurstPool& pool) : pool_(pool), burst_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.free_.push_back(burst_); }

    [[nodiscard]] Burst* operator->() const { return burst_; }

   private:
    BurstPool& pool_;
    Burst* burst_;
  };

 private:
  Burst* take();

  std::deque<Burst> all_;
  std::vector<Burst*> free_;
};

}  // namespace sidewinder::tlm_shell

#endif
