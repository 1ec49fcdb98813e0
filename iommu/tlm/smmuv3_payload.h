// SPDX-License-Identifier: Apache-2.0
//
// Between what a payload carries and what the architecture works with.

#ifndef SIDEWINDER_IOMMU_TLM_SMMUV3_PAYLOAD_H
#define SIDEWINDER_IOMMU_TLM_SMMUV3_PAYLOAD_H

#include <tlm>

#include "iommu/smmuv3/transaction.h"
#include "iommu/tlm/output_attributes.h"
#include "models/attributes.h"

namespace sidewinder::tlm_shell {

[[nodiscard]] inline OutputAttributes sent_with(const smmuv3::Translation& translation) {
  return {.memory = translation.attributes.memory,
          .secure = translation.attributes.secure,
          .instruction = translation.attributes.instruction,
          .privileged = translation.attributes.privileged};
}

[[nodiscard]] inline smmuv3::Transaction transaction_of(const models::AccessAttributes& attributes,
                                                        const tlm::tlm_generic_payload& payload) {
  smmuv3::Transaction transaction{
      .address = payload.get_address(),
      .stream_id = attributes.stream_id,
      .substream_id = attributes.substream_id,
      .ssv = attributes.substream_valid,
      .security = attributes.secure ? smmuv3::SecurityState::Secure : smmuv3::SecurityState::NonSecure,
      .translated = attributes.address_type == models::AddressType::Translated};
  transaction.attributes.write = payload.is_write();
  transaction.attributes.privileged = attributes.privileged;
  transaction.attributes.instruction = attributes.instruction;
  transaction.attributes.secure = attributes.secure;
  return transaction;
}

}  // namespace sidewinder::tlm_shell

#endif
