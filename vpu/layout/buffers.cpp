// SPDX-License-Identifier: Apache-2.0

#include "vpu/layout/buffers.h"

namespace sidewinder::vpu {

const char* to_string(Function function) {
  switch (function) {
    case Function::Bitstream:
      return "bitstream";
    case Function::NonPixel:
      return "non-pixel";
    case Function::Pixel:
      return "pixel";
    case Function::Firmware:
      return "firmware";
  }
  return "unknown";
}

const char* to_string(BufferType type) {
  switch (type) {
    case BufferType::Input:
      return "INPUT";
    case BufferType::Output:
      return "OUTPUT";
    case BufferType::Dpb:
      return "DPB";
    case BufferType::Bin:
      return "BIN";
    case BufferType::Arp:
      return "ARP";
    case BufferType::Comv:
      return "COMV";
    case BufferType::NonComv:
      return "NON_COMV";
    case BufferType::Line:
      return "LINE";
    case BufferType::Persist:
      return "PERSIST";
    case BufferType::Partial:
      return "PARTIAL";
    case BufferType::Scratch1:
      return "SCRATCH_1";
    case BufferType::Scratch2:
      return "SCRATCH_2";
    case BufferType::Vpss:
      return "VPSS";
    case BufferType::HfiQueues:
      return "HFI_QUEUES";
    case BufferType::Sfr:
      return "SFR";
    case BufferType::Firmware:
      return "FIRMWARE";
  }
  return "UNKNOWN";
}

Function function_of(BufferType type) {
  switch (type) {
    case BufferType::Input:
      return Function::Bitstream;
    case BufferType::Output:
    case BufferType::Dpb:
    case BufferType::Partial:
    case BufferType::Scratch1:
    case BufferType::Scratch2:
    case BufferType::Vpss:
      return Function::Pixel;
    case BufferType::Bin:
    case BufferType::Arp:
    case BufferType::Comv:
    case BufferType::NonComv:
    case BufferType::Line:
    case BufferType::Persist:
    case BufferType::HfiQueues:
    case BufferType::Sfr:
      return Function::NonPixel;
    case BufferType::Firmware:
      return Function::Firmware;
  }
  return Function::NonPixel;
}

std::optional<BufferType> buffer_type_from(std::uint32_t value) {
  if (value >= buffer_type_count) return std::nullopt;
  return static_cast<BufferType>(value);
}

std::vector<BufferRequirement> decoder_buffers(const Picture& picture, const BufferCounts& counts,
                                               std::uint32_t pipes) {
  std::vector<BufferRequirement> buffers;
  const auto add = [&](BufferType type, std::uint32_t count, std::uint64_t size) {
    if (count == 0 || size == 0) return;
    buffers.push_back({type, count, size});
  };
  add(BufferType::Input, counts.input, bitstream_size(picture));
  add(BufferType::Persist, 1, persist_size(picture));
  add(BufferType::Bin, 1, bin_size(picture, pipes));
  add(BufferType::Comv, 1, comv_size(picture));
  add(BufferType::NonComv, 1, non_comv_size(picture));
  add(BufferType::Line, 1, line_size(picture, pipes));
  add(BufferType::Output, counts.output, nv12_size(picture));
  add(BufferType::Dpb, counts.dpb, qc08c_size(picture));
  return buffers;
}

std::uint64_t decoder_bytes(const Picture& picture, const BufferCounts& counts, std::uint32_t pipes) {
  std::uint64_t sum = 0;
  for (const BufferRequirement& buffer : decoder_buffers(picture, counts, pipes)) {
    sum += buffer.count * buffer.size;
  }
  return sum;
}

}  // namespace sidewinder::vpu
