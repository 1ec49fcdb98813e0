// SPDX-License-Identifier: Apache-2.0
//
// Keeping a range of I/O virtual addresses from being handed out, asked for at run time:
// dma_iova_set_resv_region() as proposed for Linux, and a form of it that keeps what it promises.

#ifndef SIDEWINDER_IOMMU_LINUX_DMA_RESERVATION_H
#define SIDEWINDER_IOMMU_LINUX_DMA_RESERVATION_H

#include <cstdint>

#include "iommu/linux/dma.h"
#include "iommu/linux/errno.h"

namespace sidewinder::kernel {

/// Reserves [start, start + length) bytes, rounded outward to pages, in the domain that `device` is attached
/// to: for all its devices, and for as long as the domain lives. ENODEV: no domain (where the proposed code
/// follows a null pointer), or one of another type than DMA, lazy ones among them. ENOMEM: the IOVA domain
/// takes nothing any more. Its EINVAL, a DMA domain without IOVA space, cannot be here.
///
/// As proposed, `length` is not looked at, nor what the range holds already:
/// - 0 bytes at 0 reserve everything; at another page nothing, yet no block may straddle that page's start;
///   within a page, that page.
/// - Where start + length overflows, nothing is reserved.
/// - Ranges that wait in the caches are handed out again, and freeing what was allocated in the range before,
///   or a flush of the caches, ends the reservation.
/// All of these return success.
[[nodiscard]] Status set_resv_region(Device& device, DmaAddr start, std::uint64_t length);

/// The same promise, kept: after success no address of a page that [start, start + length) touches is handed
/// out in this domain. Ranges in the caches return to the tree first, those outside the range too. What is
/// reserved already, whole or in part, is no error. Errors, in this order:
/// - ENODEV: no domain, or one without IOVA space of its own. A lazy domain has one.
/// - EINVAL: 0 bytes, start + length overflows (vfio_dma_do_map() refuses both so), or the end is beyond the
///   domain's addresses.
/// - EBUSY: something in the range is allocated. Nothing is reserved then.
/// - ENOMEM: the IOVA domain takes nothing any more.
/// - EEXIST: an empty range that set_resv_region() left is in the way. Parts of the range may be reserved.
[[nodiscard]] Status set_resv_region_hardened(Device& device, DmaAddr start, std::uint64_t length);

}  // namespace sidewinder::kernel

#endif
