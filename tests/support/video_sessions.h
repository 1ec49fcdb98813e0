// SPDX-License-Identifier: Apache-2.0
//
// Decode sessions of one kind, started one after another until no address is left: who gets which I/O virtual
// addresses. Only the allocator and the buffers' sizes are real here; there is no driver, whose limit of
// sessions would end some of these earlier, and no memory.

#ifndef SIDEWINDER_TESTS_SUPPORT_VIDEO_SESSIONS_H
#define SIDEWINDER_TESTS_SUPPORT_VIDEO_SESSIONS_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "iommu/linux/iova.h"
#include "vpu/layout/buffers.h"
#include "vpu/layout/hfi.h"

namespace sidewinder::test {

/// Allocations come from at or below 0xe0000000 - 1, as the DMA mask of most of these parts has it.
inline constexpr kernel::Pfn video_limit = 0xdffff;
/// Non-pixel buffers do not belong below 600 MB, which here as everywhere are MiB.
inline constexpr kernel::Pfn video_floor = 0x25800;

enum class BufferOrder : std::uint8_t {
  InternalFirst,  ///< PERSIST, BIN, COMV, NON_COMV, LINE, then the client's input and output, then the DPB
  Driver,         ///< as decoder_buffers() has it: the client's input before the internal buffers
};

enum class StreamDomains : std::uint8_t { Shared, PerStream };

struct VideoLoad {
  std::uint32_t width = 0, height = 0;  ///< of H.264, on four pipes
  StreamDomains domains = StreamDomains::Shared;
  bool reserve = false;  ///< what is below video_floor, in the domain of the non-pixel stream
  BufferOrder order = BufferOrder::InternalFirst;
  bool core_buffers = false;      ///< the HFI queues and the SFR come before the first session
  bool bitstream_stream = false;  ///< input has a stream, and a domain, of its own; otherwise it is non-pixel
};

struct VideoAllocation {
  std::uint64_t pages = 0;
  kernel::Pfn pfn = 0;  ///< 0: failed
};

struct VideoDomain {
  bool reserved = false;  ///< [0, video_floor)
  std::vector<VideoAllocation> allocations;
};

struct VideoOutcome {
  unsigned first_low = 0;  ///< first session with a non-pixel buffer below video_floor, from 1; 0: none
  unsigned failed = 0;     ///< first session that an allocation fails for
  std::vector<VideoDomain> domains;
};

inline std::vector<vpu::BufferRequirement> session_buffers(const VideoLoad& load) {
  auto buffers = vpu::decoder_buffers({vpu::Codec::H264, load.width, load.height}, {}, 4);
  if (load.order == BufferOrder::InternalFirst)
    std::stable_partition(buffers.begin(), buffers.end(), [](const vpu::BufferRequirement& buffer) {
      return function_of(buffer.type) == vpu::Function::NonPixel;
    });
  return buffers;
}

class VideoSessions {
 public:
  explicit VideoSessions(const VideoLoad& load) : load_(load) {
    outcome_.domains.resize(load.domains == StreamDomains::Shared ? 1 : vpu::function_count);
    for (std::size_t domain = 0; domain < outcome_.domains.size(); ++domain) iovas_.emplace_back(config_);
    if (!load.reserve) return;
    const std::size_t domain = domain_of(vpu::Function::NonPixel);
    outcome_.domains[domain].reserved = iovas_[domain].reserve_iova(0, video_floor - 1);
  }

  VideoOutcome run() {
    if (load_.core_buffers) {
      alloc({vpu::BufferType::HfiQueues, 1, vpu::hfi::queue_region_bytes}, 0);
      alloc({vpu::BufferType::Sfr, 1, vpu::hfi::sfr_bytes}, 0);
    }
    const auto buffers = session_buffers(load_);
    for (unsigned session = 1; outcome_.failed == 0; ++session)
      for (const vpu::BufferRequirement& buffer : buffers)
        for (std::uint32_t index = 0; index < buffer.count; ++index)
          if (!alloc(buffer, session)) return outcome_;
    return outcome_;
  }

 private:
  [[nodiscard]] vpu::Function stream_of(vpu::BufferType type) const {
    const vpu::Function function = function_of(type);
    const bool apart = function != vpu::Function::Bitstream || load_.bitstream_stream;
    return apart ? function : vpu::Function::NonPixel;
  }
  [[nodiscard]] std::size_t domain_of(vpu::Function stream) const {
    return load_.domains == StreamDomains::Shared ? 0 : static_cast<std::size_t>(stream);
  }

  bool alloc(const vpu::BufferRequirement& buffer, unsigned session) {
    const vpu::Function stream = stream_of(buffer.type);
    const std::size_t domain = domain_of(stream);
    const std::uint64_t pages = iovas_[domain].pages(buffer.size);
    const kernel::Pfn pfn = iovas_[domain].alloc_iova_fast(pages, video_limit, true).value_or(0);
    outcome_.domains[domain].allocations.push_back({pages, pfn});
    if (pfn == 0) outcome_.failed = session;
    const bool low = pfn != 0 && pfn < video_floor && stream == vpu::Function::NonPixel;
    if (low && outcome_.first_low == 0) outcome_.first_low = session;
    return pfn != 0;
  }

  VideoLoad load_;
  kernel::IovaConfig config_;
  std::deque<kernel::IovaDomain> iovas_;
  VideoOutcome outcome_;
};

struct VideoFigure {
  VideoLoad load;
  unsigned first_low = 0;
  unsigned failed = 0;
};

/// At 720p, 1080p and 4K, internal buffers first and nothing before the sessions: the session that first has
/// a non-pixel buffer below video_floor, and the one that fails. In one domain, in one that reserves what is
/// below video_floor, and in a domain per stream of which the non-pixel one does.
inline constexpr std::array<VideoFigure, 9> internal_first_figures{{
    {{1280, 720, StreamDomains::Shared, false}, 28, 33},
    {{1920, 1080, StreamDomains::Shared, false}, 17, 20},
    {{3840, 2160, StreamDomains::Shared, false}, 5, 6},
    {{1280, 720, StreamDomains::Shared, true}, 0, 28},
    {{1920, 1080, StreamDomains::Shared, true}, 0, 17},
    {{3840, 2160, StreamDomains::Shared, true}, 0, 5},
    {{1280, 720, StreamDomains::PerStream, true}, 0, 47},
    {{1920, 1080, StreamDomains::PerStream, true}, 0, 24},
    {{3840, 2160, StreamDomains::PerStream, true}, 0, 7},
}};

/// The same in the driver's order, behind its own buffers.
inline constexpr std::array<VideoFigure, 9> driver_order_figures{{
    {{1280, 720, StreamDomains::Shared, false, BufferOrder::Driver, true}, 28, 33},
    {{1920, 1080, StreamDomains::Shared, false, BufferOrder::Driver, true}, 16, 19},
    {{3840, 2160, StreamDomains::Shared, false, BufferOrder::Driver, true}, 5, 5},
    {{1280, 720, StreamDomains::Shared, true, BufferOrder::Driver, true}, 0, 28},
    {{1920, 1080, StreamDomains::Shared, true, BufferOrder::Driver, true}, 0, 16},
    {{3840, 2160, StreamDomains::Shared, true, BufferOrder::Driver, true}, 0, 5},
    {{1280, 720, StreamDomains::PerStream, true, BufferOrder::Driver, true}, 0, 47},
    {{1920, 1080, StreamDomains::PerStream, true, BufferOrder::Driver, true}, 0, 24},
    {{3840, 2160, StreamDomains::PerStream, true, BufferOrder::Driver, true}, 0, 6},
}};

/// How many buffers of one size a window [lo, hi) takes, and how many there would be end to end. In MiB.
struct WindowFigure {
  std::uint64_t lo = 0, hi = 0, buffer = 0;
  std::uint64_t fits = 0, end_to_end = 0;
};
inline constexpr std::array<WindowFigure, 4> window_figures{{
    {600, 3584, 33, 46, 90},
    {600, 3584, 65, 23, 45},
    {600, 3584, 130, 11, 22},
    {16, 600, 256, 1, 2},
}};

}  // namespace sidewinder::test

#endif
