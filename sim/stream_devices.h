// SPDX-License-Identifier: Apache-2.0
//
// The devices that Linux and a video driver make of one video node, as the scenario's policy has it: which
// device each stream's buffers are mapped for, and what bounds it has.

#ifndef SIDEWINDER_SIM_STREAM_DEVICES_H
#define SIDEWINDER_SIM_STREAM_DEVICES_H

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/linux/dma.h"
#include "iommu/linux/dma_domain.h"
#include "iommu/linux/iommu.h"
#include "iommu/linux/log.h"
#include "iommu/linux/of_device.h"
#include "iommu/linux/runtime_pm.h"
#include "sim/platform.h"
#include "sim/report.h"
#include "sim/scenario.h"

namespace sidewinder::sim {

class StreamDevices {
 public:
  /// All must outlive it. `device` is the place in the profile.
  StreamDevices(kernel::Iommu& iommu, const kernel::KernelLog& log, const Scenario& scenario,
                const PlatformDescription& description, std::size_t device);

  /// Configures and probes a device for each stream, then does what a driver does before it allocates: sets
  /// masks, attaches the firmware's own domain, reserves where the policy does so at run time. What fails is
  /// in the kernel's log, or shows as a device without translation. EINVAL: a device cannot be probed at all.
  [[nodiscard]] kernel::Status set_up();

  /// Null until set_up() has come to it.
  [[nodiscard]] kernel::Device* of_stream(std::size_t stream) const { return streams_[stream]; }

  /// The IOMMUs of the node's own device. A child's or a function's link to its IOMMU resumes nothing: no
  /// driver is bound to it, which would resume it.
  [[nodiscard]] std::vector<kernel::RuntimePm*> suppliers() const;

  /// Whose DMA the driver's own buffers are; null: the non-pixel stream's device's.
  [[nodiscard]] kernel::Device* of_node() const;

  /// Removes all devices and probes them again: are the bounds that there were still there? Nothing that was
  /// mapped survives it.
  [[nodiscard]] Survival reprobe();
  /// Lets a second device with bounds of its own join each stream's group: do they hold?
  [[nodiscard]] Survival share();

 private:
  /// Where a stream's device comes from. Streams with the same source share it.
  struct Source {
    std::string name;  ///< dev_name()
    std::string path;  ///< of its node, or of the node that it is a function of
    std::optional<std::uint32_t> function;
    std::optional<std::uint32_t> only_sid;  ///< it has no other of the node's streams

    friend bool operator==(const Source&, const Source&) = default;
  };

  [[nodiscard]] const DeviceProfile& profile() const { return scenario_->profile.devices[device_]; }
  [[nodiscard]] Source source_of(std::size_t stream) const;
  /// `described` may change what the device tree says of it. EINVAL: it is not probed. Without an IOMMU it
  /// is.
  [[nodiscard]] kernel::Result<kernel::Device*> probe(
      const Source& source, const std::function<void(kernel::Device&)>& described = {});
  [[nodiscard]] kernel::Status probe_all();
  [[nodiscard]] std::optional<std::uint64_t> mask_for(std::size_t stream) const;
  void set_mask(kernel::Device& device, std::uint64_t mask);
  void attach_firmware(std::size_t stream);
  [[nodiscard]] bool reserves_at_run_time() const;
  [[nodiscard]] kernel::Status reserve(kernel::Device& device, kernel::DmaAddr start,
                                       std::uint64_t length) const;
  [[nodiscard]] std::optional<bool> bounds_a_second_device(std::size_t stream);

  kernel::Iommu* iommu_;
  const kernel::KernelLog* log_;
  const Scenario* scenario_;
  const PlatformDescription* description_;
  std::size_t device_;
  kernel::OfBindings bindings_;
  std::deque<kernel::Device> devices_;  ///< all that ever were: drivers hold on to them
  std::vector<Source> sources_;         ///< of the streams
  std::vector<kernel::Device*> streams_;
  kernel::Device* node_device_ = nullptr;  ///< null: it is not probed, or is none of Linux's business
  std::unique_ptr<kernel::DmaDomain> firmware_domain_;
};

}  // namespace sidewinder::sim

#endif
