// SPDX-License-Identifier: Apache-2.0
//
// Linux's error codes (include/uapi/asm-generic/errno-base.h), as values and as the names a log shows.

#ifndef SIDEWINDER_IOMMU_LINUX_ERRNO_H
#define SIDEWINDER_IOMMU_LINUX_ERRNO_H

#include <tl/expected.hpp>

namespace sidewinder::kernel {

enum class Errno : int {
  ENOENT_ = 2,
  EIO_ = 5,
  ENXIO_ = 6,
  ENOMEM_ = 12,
  EFAULT_ = 14,
  EBUSY_ = 16,
  EEXIST_ = 17,
  ENODEV_ = 19,
  EINVAL_ = 22,
  ENOSPC_ = 28,
  ERANGE_ = 34,
  ETIMEDOUT_ = 110,
};

/// "-ENOMEM" and so on.
[[nodiscard]] constexpr const char* to_string(Errno error) {
  switch (error) {
    case Errno::ENOENT_:
      return "-ENOENT";
    case Errno::EIO_:
      return "-EIO";
    case Errno::ENXIO_:
      return "-ENXIO";
    case Errno::ENOMEM_:
      return "-ENOMEM";
    case Errno::EFAULT_:
      return "-EFAULT";
    case Errno::EBUSY_:
      return "-EBUSY";
    case Errno::EEXIST_:
      return "-EEXIST";
    case Errno::ENODEV_:
      return "-ENODEV";
    case Errno::EINVAL_:
      return "-EINVAL";
    case Errno::ENOSPC_:
      return "-ENOSPC";
    case Errno::ERANGE_:
      return "-ERANGE";
    case Errno::ETIMEDOUT_:
      return "-ETIMEDOUT";
  }
  return "-EUNKNOWN";
}

template <typename T>
using Result = tl::expected<T, Errno>;
using Status = tl::expected<void, Errno>;

[[nodiscard]] inline tl::unexpected<Errno> fail(Errno error) {
  return tl::unexpected<Errno>(error);
}

}  // namespace sidewinder::kernel

#endif
