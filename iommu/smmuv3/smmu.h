// SPDX-License-Identifier: Apache-2.0
//
// An SMMUv3 (IHI 0070): its register frame, queues, events and interrupts around the Translator. No SystemC
// and no time: commands are processed when process_command() is called, one at a time. docs/conformance.md
// says what is implemented.

#ifndef SIDEWINDER_IOMMU_SMMUV3_SMMU_H
#define SIDEWINDER_IOMMU_SMMUV3_SMMU_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <type_traits>

#include "iommu/arch/memory_port.h"
#include "iommu/layout/smmuv3_event.h"
#include "iommu/layout/smmuv3_queue.h"
#include "iommu/smmuv3/ats.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/gatos.h"
#include "iommu/smmuv3/interface.h"
#include "iommu/smmuv3/stalls.h"
#include "iommu/smmuv3/statistics.h"
#include "iommu/smmuv3/translator.h"

namespace sidewinder::smmuv3 {

/// The interrupt sources of one interface (§3.18.2); each is an edge.
enum class Interrupt : std::uint8_t { EventQueue, CommandSync, GlobalError, PageRequestQueue };

enum class Resumption : std::uint8_t {
  Retry,  ///< translate it again, as though it had just arrived
  Abort,
  RazWi,
};

/// Told of what the SMMU does of its own accord. What each tells of is visible in the registers by then
/// (§3.18), so that they may be read from here; nothing else of the SMMU may be called.
class SmmuListener {
 public:
  virtual ~SmmuListener() = default;
  virtual void interrupt(SecurityState state, Interrupt source) = 0;
  virtual void wake_up() = 0;  ///< SEV: the event that ends a PE's WFE
  virtual void resume(std::uint64_t token, Resumption how) = 0;

  // For those who keep what a translation said: it is to be forgotten now.
  virtual void invalidated(const arch::TlbInvalidation& what) { static_cast<void>(what); }
  virtual void invalidated(const ConfigInvalidation& what) { static_cast<void>(what); }
  virtual void invalidated_all() {}  ///< by S_INIT, or what a register says of translation has changed
};

class Smmu {
 public:
  static constexpr std::uint64_t frame_size = 0x20000;  ///< two pages of 64 KiB (§6.1)

  /// `config` must be valid. Memory and listener must outlive the SMMU.
  Smmu(const Config& config, unsigned tbus, arch::MemoryPort& memory, SmmuListener& listener);
  Smmu(const Smmu&) = delete;
  Smmu& operator=(const Smmu&) = delete;

  /// A register access of 4 or 8 bytes, aligned to its size, with the access's own security; others are
  /// RAZ/WI. Of eight bytes that are two registers both are accessed, the lower first (§6.2).
  [[nodiscard]] std::uint64_t read(std::uint64_t offset, unsigned size, bool secure) const;
  void write(std::uint64_t offset, std::uint64_t value, unsigned size, bool secure);

  /// What happens to a transaction that arrives at `tbu`, which is below `tbus`. With Action::Stall it waits
  /// until the listener is told to resume `token`.
  [[nodiscard]] Translation translate(unsigned tbu, const Transaction& transaction, std::uint64_t token);

  /// For a transaction that hit before, the same without a translation: see Translator.
  [[nodiscard]] bool translate_again(unsigned tbu, const Hit& hit) {
    return translator_.translate_again(tbu, hit);
  }

  /// The ATS port. Without one CMD_ATC_INV and CMD_PRI_RESP are ignored (§4.5), and PRI messages get no
  /// answer. It must outlive the SMMU.
  void connect(RootComplex& root_complex) { root_complex_ = &root_complex; }
  [[nodiscard]] AtsCompletion translate_for_ats(const AtsRequest& request);
  void page_request(const PageRequest& incoming);
  /// The end of one AtcInvalidation of this queue that the Root Complex said was pending.
  void end_atc_invalidation(SecurityState queue, bool timed_out);

  /// The command queue holds something that may be processed (§4.1.2). A CMD_SYNC that waits for ATC
  /// invalidations may not.
  [[nodiscard]] bool commands_pending(SecurityState state) const;
  /// Consumes one command; false when there was none, or it was an error.
  bool process_command(SecurityState state);

  /// Cutting the power loses every register and cache entry: what comes back is as after reset. Stalled
  /// transactions are aborted, pending ATC invalidations forgotten. Without power there are no commands,
  /// events and interrupts; registers are RAZ/WI, transactions are aborted, Translation Requests are UR, and
  /// page requests get no answer. At first it is on.
  void set_power(bool on);
  [[nodiscard]] bool powered() const { return powered_; }

  [[nodiscard]] const Config& config() const { return translator_.config(); }
  [[nodiscard]] const Translator& translator() const { return translator_; }
  [[nodiscard]] const SmmuCounters& counters() const { return counters_; }
  /// Stalled, whether or not software knows of them yet.
  [[nodiscard]] std::size_t stalled() const { return stalls_.count() + unrecorded_.size(); }

 private:
  [[nodiscard]] Interface& interface(SecurityState state) {
    return interfaces_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] const Interface& interface(SecurityState state) const {
    return interfaces_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] std::uint32_t read32(std::uint32_t offset, bool secure) const;
  void write32(std::uint32_t offset, std::uint32_t value, bool secure);
  [[nodiscard]] std::uint32_t id_register(std::uint32_t offset) const;
  [[nodiscard]] std::uint32_t secure_id_register(std::uint32_t offset) const;
  [[nodiscard]] std::uint32_t read_plain(SecurityState state, std::uint32_t offset) const;
  void write_gatos(SecurityState state, std::uint32_t offset, std::uint32_t value);
  void after_write(SecurityState state, bool translated);
  void reset();

  [[nodiscard]] layout::smmuv3::Cerror execute(const layout::smmuv3::Command& command, SecurityState queue);
  [[nodiscard]] layout::smmuv3::Cerror invalidate_tlbs(const layout::smmuv3::Command& command,
                                                       SecurityState queue);
  [[nodiscard]] layout::smmuv3::Cerror invalidate_configuration(const layout::smmuv3::Command& command,
                                                                SecurityState stream);
  void resume(const layout::smmuv3::Command& command, SecurityState stream);
  [[nodiscard]] layout::smmuv3::Cerror invalidate_atc(const layout::smmuv3::Command& command,
                                                      SecurityState queue);
  [[nodiscard]] layout::smmuv3::Cerror respond_to_pages(const layout::smmuv3::Command& command,
                                                        SecurityState queue);
  void answer(const PageRequest& request, layout::smmuv3::PrgResponseCode code, bool with_pasid);
  void answer_overflow(const PageRequest& request);
  void complete_sync(const layout::smmuv3::Command& command, SecurityState queue);

  [[nodiscard]] bool event_queue_writable(SecurityState state) const;
  bool record(SecurityState state, const layout::smmuv3::Event& event);
  void stall(const Transaction& transaction, const Translation& translation, std::uint64_t token);
  void retry_unrecorded();
  template <typename Matches>
  void abort_stalled(Matches matches);

  template <typename F>
  void raise(SecurityState state);
  void signal(SecurityState state, Interrupt source, const MsiRegisters& msi);
  [[nodiscard]] bool send_msi(SecurityState state, std::uint64_t address, std::uint32_t data,
                              std::uint8_t mem_attr, std::uint8_t sh);

  [[nodiscard]] AtcProgress& atc(SecurityState queue) { return atc_[static_cast<std::size_t>(queue)]; }
  [[nodiscard]] const AtcProgress& atc(SecurityState queue) const {
    return atc_[static_cast<std::size_t>(queue)];
  }

  Translator translator_;
  arch::MemoryPort* memory_;
  RootComplex* root_complex_ = nullptr;
  std::array<AtcProgress, 2> atc_{};
  SmmuListener* listener_;
  std::array<Interface, 2> interfaces_;
  std::array<Gatos, 2> gatos_;
  Stalls stalls_;
  /// Stalled without a tag, for want of one or of a writable event queue.
  std::deque<StalledTransaction> unrecorded_;
  bool powered_ = true;
  mutable SmmuCounters counters_;  ///< a read that finds no power counts
};

/// Activates an error, with its interrupt (§7.5).
template <typename F>
void Smmu::raise(SecurityState state) {
  Interface& own = interface(state);
  if (!own.raise<F>()) return;
  // Another MSI to where one aborted might abort too (§7.5.1).
  if (std::is_same_v<F, layout::smmuv3::GERROR::MSI_GERROR_ABT_ERR>) return;
  if (own.irq_ctrl.is_set<layout::smmuv3::IRQ_CTRL::GERROR_IRQEN>())
    signal(state, Interrupt::GlobalError, own.gerror_msi);
}

/// Terminates the stalled transactions that match, those without a tag too.
template <typename Matches>
void Smmu::abort_stalled(Matches matches) {
  for (const StalledTransaction& stalled : stalls_.take_if(matches))
    listener_->resume(stalled.token, Resumption::Abort);
  std::deque<StalledTransaction> others;
  for (const StalledTransaction& stalled : unrecorded_) {
    if (matches(stalled))
      listener_->resume(stalled.token, Resumption::Abort);
    else
      others.push_back(stalled);
  }
  unrecorded_.swap(others);
}

}  // namespace sidewinder::smmuv3

#endif
