// SPDX-License-Identifier: Apache-2.0
//
// What an SMMU says of an access that it sends on or makes itself, as an ignorable TLM-2.0 extension.

#ifndef SIDEWINDER_IOMMU_TLM_OUTPUT_ATTRIBUTES_H
#define SIDEWINDER_IOMMU_TLM_OUTPUT_ATTRIBUTES_H

#include <tlm>

#include "iommu/arch/memory_attributes.h"

namespace sidewinder::tlm_shell {

struct OutputAttributes {
  arch::MemoryAttributes memory{};
  bool secure = false;  ///< in the Secure physical address space (NS == 0)
  bool instruction = false;
  bool privileged = true;
  bool own = false;  ///< of the SMMU's own: a walk, a structure, a queue or an MSI

  friend bool operator==(const OutputAttributes&, const OutputAttributes&) = default;
};

/// On payloads from an SMMU's `out` and `walk` sockets. It is the SMMU's own: a target that keeps it copies
/// `value`, or the payload as a whole.
class OutputExtension : public tlm::tlm_extension<OutputExtension> {
 public:
  OutputExtension() = default;
  explicit OutputExtension(const OutputAttributes& attributes) : value(attributes) {}

  [[nodiscard]] tlm::tlm_extension_base* clone() const override { return new OutputExtension(value); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    value = static_cast<const OutputExtension&>(other).value;
  }

  OutputAttributes value;
};

/// Puts attributes on a payload for the time of its scope, in place of some that are there already.
class ScopedOutput {
 public:
  explicit ScopedOutput(tlm::tlm_generic_payload& payload, const OutputAttributes& attributes = {})
      : payload_(payload),
        own_(attributes),
        previous_(payload.set_extension(static_cast<OutputExtension*>(&own_))) {}
  ScopedOutput(const ScopedOutput&) = delete;
  ScopedOutput& operator=(const ScopedOutput&) = delete;
  ~ScopedOutput() { payload_.set_extension(previous_); }

  [[nodiscard]] OutputAttributes& attributes() { return own_.value; }

 private:
  /// A payload that dies while its thread waits for ever frees its extensions, and not this one.
  struct Own final : OutputExtension {
    using OutputExtension::OutputExtension;
    void free() override {}
  };

  tlm::tlm_generic_payload& payload_;
  Own own_;
  OutputExtension* previous_;
};

}  // namespace sidewinder::tlm_shell

#endif
