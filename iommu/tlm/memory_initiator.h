// SPDX-License-Identifier: Apache-2.0
//
// The SMMU's own way to memory: arch::MemoryPort over a TLM-2.0 initiator socket, for walks, structures,
// queues and MSIs; and the same for debug accesses, which change nothing.

#ifndef SIDEWINDER_IOMMU_TLM_MEMORY_INITIATOR_H
#define SIDEWINDER_IOMMU_TLM_MEMORY_INITIATOR_H

#include <array>
#include <cstdint>
#include <tlm>

#include "iommu/arch/memory_port.h"
#include "iommu/tlm/output_attributes.h"
#include "iommu/tlm/picoseconds.h"

namespace sidewinder::tlm_shell {

/// One access at a time: where a target waits, the caller keeps others out.
class MemoryInitiator final : public arch::MemoryPort {
 public:
  using Socket = tlm::tlm_initiator_socket<>;

  explicit MemoryInitiator(Socket& socket);
  MemoryInitiator(const MemoryInitiator&) = delete;
  MemoryInitiator& operator=(const MemoryInitiator&) = delete;
  ~MemoryInitiator() override;

  arch::PortResponse read64(const arch::PortAccess& access) override;
  /// A read and a write: nothing comes between them as long as the target waits in neither.
  arch::PortResponse compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                        std::uint64_t desired) override;
  arch::PortResponse write_words(const arch::PortAccess& access,
                                 std::span<const std::uint32_t> words) override;

  /// What all accesses took, in picoseconds.
  [[nodiscard]] std::uint64_t spent_ps() const { return spent_ps_; }

 private:
  arch::PortResponse send(const arch::PortAccess& access, tlm::tlm_generic_payload& payload);
  arch::PortResponse write(const arch::PortAccess& access, unsigned char* data, unsigned length);

  Socket& socket_;
  // Making a payload allocates, and reads differ in nothing but their address.
  tlm::tlm_generic_payload read_, write_;
  std::array<unsigned char, sizeof(std::uint64_t)> word_{};
  OutputExtension attributes_;
  Picoseconds picoseconds_;
  std::uint64_t spent_ps_ = 0;
};

/// Reads through the socket's debug transport and writes nothing: an update of a descriptor is answered as
/// though it had been made, and counted. What the target does not read is an external abort.
class DebugMemory final : public arch::MemoryPort {
 public:
  explicit DebugMemory(MemoryInitiator::Socket& socket);
  DebugMemory(const DebugMemory&) = delete;
  DebugMemory& operator=(const DebugMemory&) = delete;
  ~DebugMemory() override;

  arch::PortResponse read64(const arch::PortAccess& access) override;
  arch::PortResponse compare_exchange64(const arch::PortAccess& access, std::uint64_t expected,
                                        std::uint64_t desired) override;

  /// Updates that were due.
  [[nodiscard]] std::uint64_t updates() const { return updates_; }

 private:
  MemoryInitiator::Socket& socket_;
  tlm::tlm_generic_payload payload_;
  OutputExtension attributes_;
  std::uint64_t updates_ = 0;
};

}  // namespace sidewinder::tlm_shell

#endif
