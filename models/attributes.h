// SPDX-License-Identifier: Apache-2.0
//
// What a transaction carries beyond address, data and direction, as one ignorable TLM-2.0 extension.

#ifndef SIDEWINDER_MODELS_ATTRIBUTES_H
#define SIDEWINDER_MODELS_ATTRIBUTES_H

#include <cstdint>
#include <tlm>

namespace sidewinder::models {

/// What PCIe's AT field says of the address (IHI 0070 §3.9).
enum class AddressType : std::uint8_t { Untranslated, TranslationRequest, Translated };

/// The sideband signals of AXI and of the SMMU's client port (ARUSER/AxPROT and StreamID).
struct AccessAttributes {
  std::uint32_t stream_id = 0;
  std::uint32_t substream_id = 0;  ///< meaningful when substream_valid
  bool substream_valid = false;    ///< SSV (IHI 0070 §3.2)
  bool secure = false;             ///< AxPROT[1] == 0
  bool privileged = false;         ///< AxPROT[0]
  bool instruction = false;        ///< AxPROT[2]
  AddressType address_type = AddressType::Untranslated;

  friend bool operator==(const AccessAttributes&, const AccessAttributes&) = default;
};

/// Put it on the stack beside its payload, and clear it from the payload before either dies:
/// the payload does not own it.
class AttributesExtension : public tlm::tlm_extension<AttributesExtension> {
 public:
  AttributesExtension() = default;
  explicit AttributesExtension(const AccessAttributes& attributes) : value(attributes) {}

  [[nodiscard]] tlm::tlm_extension_base* clone() const override { return new AttributesExtension(value); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    value = static_cast<const AttributesExtension&>(other).value;
  }

  AccessAttributes value;
};

}  // namespace sidewinder::models

#endif
