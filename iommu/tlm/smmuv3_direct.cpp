// SPDX-License-Identifier: Apache-2.0
//
// What goes past the transactions: debug accesses and direct memory pointers.

#include <algorithm>
#include <cstring>

#include "iommu/layout/bits.h"
#include "iommu/tlm/register_payload.h"
#include "iommu/tlm/smmuv3_module.h"
#include "iommu/tlm/smmuv3_payload.h"

namespace sidewinder::tlm_shell {
namespace {

using layout::low_bits;
using smmuv3::SecurityState;
using smmuv3::Translation;

/// No access to the page around an address.
bool refuse(tlm::tlm_dmi& dmi, std::uint64_t address) {
  dmi.init();
  dmi.set_start_address(address & ~(page_bytes - 1));
  dmi.set_end_address(address | (page_bytes - 1));
  return false;
}

}  // namespace

Smmuv3Module::Prospect Smmuv3Module::probe(const smmuv3::Transaction& transaction) {
  const std::uint64_t updates = debug_memory_.updates();
  Prospect prospect{.translation = probe_.translate(core_.translator(), transaction)};
  prospect.updates = debug_memory_.updates() != updates;
  return prospect;
}

unsigned Smmuv3Module::register_debug(tlm::tlm_generic_payload& payload) {
  if (!core_.powered() || !payload.is_read() || !register_payload_ok(payload)) return 0;
  const unsigned size = payload.get_data_length();
  const bool secure = attributes_of(register_access, payload, default_register_attributes).secure;
  const std::uint64_t value = core_.read(payload.get_address(), size, secure);
  std::memcpy(payload.get_data_ptr(), &value, size);
  return size;
}

unsigned Smmuv3Module::client_debug(int port, tlm::tlm_generic_payload& payload) {
  if (!core_.powered()) return 0;
  const auto tbu = static_cast<unsigned>(port);
  const models::AccessAttributes attributes = attributes_of(tbu, payload, default_attributes[tbu]);
  if (attributes.address_type == models::AddressType::TranslationRequest) return 0;
  smmuv3::Transaction transaction = transaction_of(attributes, payload);
  const BurstPool::Lease burst(bursts_);
  burst->split(payload);
  unsigned done = 0;
  ScopedOutput sent(payload);
  burst->send(payload, [&](const Burst::Piece& piece) {
    transaction.address = piece.input;
    const Prospect prospect = probe(transaction);
    if (!prospect.forwarded()) return false;
    payload.set_address(prospect.translation.output);
    sent.attributes() = sent_with(prospect.translation);
    const unsigned bytes = out[tbu]->transport_dbg(payload);
    done += bytes;
    return bytes == piece.length;
  });
  return done;
}

bool Smmuv3Module::may_have_dmi(unsigned tbu, const models::AccessAttributes& attributes) const {
  return dmi_allowed_ && only_default_attributes[tbu] && attributes == default_attributes[tbu] &&
         attributes.address_type == models::AddressType::Untranslated;
}

bool Smmuv3Module::client_dmi(int port, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  const auto tbu = static_cast<unsigned>(port);
  const std::uint64_t address = payload.get_address();
  const models::AccessAttributes attributes = attributes_of(tbu, payload, default_attributes[tbu]);
  if (!core_.powered() || !may_have_dmi(tbu, attributes)) return refuse(dmi, address);

  smmuv3::Transaction transaction = transaction_of(attributes, payload);
  transaction.attributes.write = false;
  const Prospect read = probe(transaction);
  transaction.attributes.write = true;
  const Prospect write = probe(transaction);
  const bool readable = read.forwarded() && !read.updates, writable = write.forwarded() && !write.updates;
  if (payload.is_write() ? !writable : !readable) return refuse(dmi, address);
  const Translation& translation = readable ? read.translation : write.translation;

  // What is not translated goes out as it came in, wherever it is.
  const unsigned shift = translation.tag ? translation.same_page_shift : core_.config().output_bits;
  const std::uint64_t leaf_first = translation.output & ~low_bits(shift);
  const std::uint64_t leaf_last = translation.output | low_bits(shift);
  {
    const SavedPayload saved(payload);
    ScopedOutput sent(payload);
    sent.attributes() = sent_with(translation);
    payload.set_address(translation.output);
    if (!out[tbu]->get_direct_mem_ptr(payload, dmi)) return refuse(dmi, address);
  }
  const std::uint64_t first = std::max<std::uint64_t>(leaf_first, dmi.get_start_address());
  const std::uint64_t last = std::min<std::uint64_t>(leaf_last, dmi.get_end_address());
  const bool read_too = readable && dmi.is_read_allowed(), write_too = writable && dmi.is_write_allowed();
  if (first > translation.output || last < translation.output ||
      (payload.is_write() ? !write_too : !read_too))
    return refuse(dmi, address);

  const DmiGrant grant{.tbu = tbu,
                       .first = address - (translation.output - first),
                       .last = address + (last - translation.output),
                       .output = first,
                       .stream_id = attributes.stream_id,
                       .secure = attributes.secure,
                       .tag = translation.tag,
                       .span_shift = translation.span_shift};
  dmi.set_dmi_ptr(dmi.get_dmi_ptr() + (first - dmi.get_start_address()));
  dmi.set_start_address(grant.first);
  dmi.set_end_address(grant.last);
  dmi.set_granted_access(read_too && write_too ? tlm::tlm_dmi::DMI_ACCESS_READ_WRITE
                         : write_too           ? tlm::tlm_dmi::DMI_ACCESS_WRITE
                                               : tlm::tlm_dmi::DMI_ACCESS_READ);
  const sc_core::sc_time hit = timing_.client_port + timing_.micro_tlb + timing_.out_port;
  dmi.set_read_latency(dmi.get_read_latency() + hit);
  dmi.set_write_latency(dmi.get_write_latency() + hit);
  ++timer_.statistics().dmi_granted;
  if (const std::optional<DmiGrant> displaced = dmi_.add(grant)) {
    ++timer_.statistics().dmi_withdrawn;
    client[displaced->tbu]->invalidate_direct_mem_ptr(displaced->first, displaced->last);
  }
  return true;
}

template <typename Matches>
void Smmuv3Module::withdraw_if(Matches matches) {
  dmi_.take_if(matches, [this](const DmiGrant& grant) {
    ++timer_.statistics().dmi_withdrawn;
    client[grant.tbu]->invalidate_direct_mem_ptr(grant.first, grant.last);
  });
}

void Smmuv3Module::allow_dmi(bool allow) {
  dmi_allowed_ = allow;
  if (!allow) invalidated_all();
}

void Smmuv3Module::downstream_withdraws(int tbu, sc_dt::uint64 first, sc_dt::uint64 last) {
  withdraw_if([&](const DmiGrant& grant) {
    return grant.tbu == static_cast<unsigned>(tbu) && grant.output <= last && grant.output_last() >= first;
  });
}

void Smmuv3Module::invalidated(const arch::TlbInvalidation& what) {
  withdraw_if([&](const DmiGrant& grant) { return grant.named_by(what); });
}

/// Whatever of the stream's configuration it is.
void Smmuv3Module::invalidated(const smmuv3::ConfigInvalidation& what) {
  withdraw_if([&](const DmiGrant& grant) {
    return grant.secure == (what.security == SecurityState::Secure) && grant.stream_id >= what.first &&
           grant.stream_id <= what.last;
  });
}

void Smmuv3Module::invalidated_all() {
  withdraw_if([](const DmiGrant&) { return true; });
}

}  // namespace sidewinder::tlm_shell
