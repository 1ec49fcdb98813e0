// SPDX-License-Identifier: Apache-2.0
//
// The VPU's registers: 32 bits each, little-endian, accessed four bytes at a time. Offsets from the register
// base.

#ifndef SIDEWINDER_VPU_LAYOUT_REGISTERS_H
#define SIDEWINDER_VPU_LAYOUT_REGISTERS_H

#include <cstdint>

namespace sidewinder::vpu::reg {

inline constexpr std::uint64_t ID = 0x000;             ///< RO: id_value
inline constexpr std::uint64_t CONFIG = 0x004;         ///< RO: pipes [7:0], streams [15:8]
inline constexpr std::uint64_t CONTROL = 0x008;        ///< RW: control_boot; clearing it resets the core
inline constexpr std::uint64_t STATUS = 0x00c;         ///< RO: status_* bits
inline constexpr std::uint64_t IRQ_STATUS = 0x010;     ///< RO: irq_* bits; the line is high while any is set
inline constexpr std::uint64_t IRQ_CLEAR = 0x014;      ///< W1C of IRQ_STATUS; reads as zero
inline constexpr std::uint64_t DOORBELL = 0x018;       ///< WO: any value: commands have been queued
inline constexpr std::uint64_t QUEUE_BASE_LO = 0x020;  ///< RW: IOVA of the queue region, read at boot
inline constexpr std::uint64_t QUEUE_BASE_HI = 0x024;
inline constexpr std::uint64_t SFR_BASE_LO = 0x028;  ///< RW: IOVA of the SFR, read at boot; 0: none
inline constexpr std::uint64_t SFR_BASE_HI = 0x02c;
inline constexpr std::uint64_t ERROR_CODE = 0x030;     ///< RO: SysErrorCode, valid with status_sys_error
inline constexpr std::uint64_t ERROR_IOVA_LO = 0x034;  ///< RO: the DMA access that failed, when one did
inline constexpr std::uint64_t ERROR_IOVA_HI = 0x038;

inline constexpr std::uint64_t size = 0x1000;  ///< bytes of the register block; the rest is RES0

inline constexpr std::uint32_t id_value = 0x5650'0001;  ///< "VP", version 1

inline constexpr std::uint32_t control_boot = 1U << 0;

inline constexpr std::uint32_t status_running = 1U << 0;    ///< booted, and serving commands
inline constexpr std::uint32_t status_sys_error = 1U << 1;  ///< the core has stopped until it is reset

inline constexpr std::uint32_t irq_message = 1U << 0;    ///< the message ring has something new
inline constexpr std::uint32_t irq_sys_error = 1U << 1;  ///< status_sys_error was set

}  // namespace sidewinder::vpu::reg

#endif
