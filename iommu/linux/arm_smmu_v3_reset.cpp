// SPDX-License-Identifier: Apache-2.0
//
// Bringing the SMMU up (arm_smmu_device_reset(), Linux 6.1), and its interrupts.

#include <array>

#include "iommu/layout/smmuv3_control.h"
#include "iommu/layout/smmuv3_id.h"
#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/arm_smmu_v3_commands.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;
using Features = ArmSmmuV3Features;

constexpr std::uint64_t poll_ns = 1000;
constexpr std::uint32_t inner_shareable = 3;
constexpr std::uint32_t write_back = 1;      // CR1's own encoding
constexpr std::uint32_t device_ngnre = 0x1;  // MemAttr of a message

struct MsiPlace {
  std::uint32_t cfg0, cfg1, cfg2;
};

/// By ArmSmmuV3Msi::Source.
constexpr std::array<MsiPlace, ArmSmmuV3Msi::sources> msi_places{{
    {page0::EVENTQ_IRQ_CFG0, page0::EVENTQ_IRQ_CFG1, page0::EVENTQ_IRQ_CFG2},
    {page0::GERROR_IRQ_CFG0, page0::GERROR_IRQ_CFG1, page0::GERROR_IRQ_CFG2},
    {page0::PRIQ_IRQ_CFG0, page0::PRIQ_IRQ_CFG1, page0::PRIQ_IRQ_CFG2},
}};

/// read_poll_timeout(): reads until `good` or for 1 s.
template <typename Good>
bool poll_register(const ArmSmmuV3Io& io, std::uint32_t offset, std::uint32_t& value, Good good) {
  const std::uint64_t deadline = io.bus->now_ns() + arm_smmu_v3_timeout_ns;
  for (;;) {
    value = io.read32(offset);
    if (good(value)) return true;
    if (io.bus->now_ns() > deadline) break;
    io.bus->delay_ns(poll_ns);
  }
  value = io.read32(offset);
  return good(value);
}

}  // namespace

/// arm_smmu_write_reg_sync()
Status ArmSmmuV3::write_acknowledged(std::uint32_t offset, std::uint32_t ack, std::uint32_t value) {
  io_.write32(offset, value);
  std::uint32_t seen = 0;
  if (!poll_register(io_, ack, seen, [value](std::uint32_t now) { return now == value; }))
    return fail(Errno::ETIMEDOUT_);
  return {};
}

bool ArmSmmuV3::gbpa_updated(std::uint32_t& value) const {
  return poll_register(io_, page0::GBPA, value,
                       [](std::uint32_t now) { return !GBPA::of(now).is_set<GBPA::Update>(); });
}

/// arm_smmu_update_gbpa(): what it does until it is enabled again.
void ArmSmmuV3::abort_by_gbpa() {
  std::uint32_t value = 0;
  if (!gbpa_updated(value)) return;
  io_.write32(page0::GBPA, GBPA::of(value).set<GBPA::ABORT>(1).set<GBPA::Update>(1).raw);
  if (!gbpa_updated(value)) io_.say(LogLevel::Err, "GBPA not responding to update");
}

Status ArmSmmuV3::disable() {
  Status status = write_acknowledged(page0::CR0, page0::CR0ACK, 0);
  if (!status) io_.say(LogLevel::Err, "failed to clear cr0");
  return status;
}

/// Sets `more` of CR0.
Status ArmSmmuV3::enable(std::uint32_t& enables, std::uint32_t more, const char* what) {
  enables |= more;
  Status status = write_acknowledged(page0::CR0, page0::CR0ACK, enables);
  if (!status) io_.say(LogLevel::Err, format("failed to enable %s", what));
  return status;
}

Status ArmSmmuV3::reset() {
  if (CR0::of(io_.read32(page0::CR0)).is_set<CR0::SMMUEN>()) {
    io_.say(LogLevel::Warn, "SMMU currently enabled! Resetting...");
    abort_by_gbpa();
  }
  if (Status status = disable(); !status) return status;

  io_.write32(page0::CR1, CR1{}
                              .set<CR1::TABLE_SH>(inner_shareable)
                              .set<CR1::TABLE_OC>(write_back)
                              .set<CR1::TABLE_IC>(write_back)
                              .set<CR1::QUEUE_SH>(inner_shareable)
                              .set<CR1::QUEUE_OC>(write_back)
                              .set<CR1::QUEUE_IC>(write_back)
                              .raw);
  const std::uint32_t e2h = features_.is_set<Features::E2h>() ? 1 : 0;
  io_.write32(page0::CR2, CR2{}.set<CR2::PTM>(1).set<CR2::RECINVSID>(1).set<CR2::E2H>(e2h).raw);
  io_.write64(page0::STRTAB_BASE, stream_table_.base_register());
  io_.write32(page0::STRTAB_BASE_CFG, stream_table_.config_register());

  io_.write64(page0::CMDQ_BASE, commands_.queue().base_register());
  commands_.queue().write_prod();
  commands_.queue().write_cons();
  std::uint32_t enables = 0;
  if (Status status = enable(enables, CR0::CMDQEN::mask, "command queue"); !status) return status;

  commands_.issue_with_sync(smmuv3_command::all(Opcode::CFGI_STE_RANGE));
  if (features_.is_set<Features::Hyp>()) commands_.issue_with_sync(smmuv3_command::all(Opcode::TLBI_EL2_ALL));
  commands_.issue_with_sync(smmuv3_command::all(Opcode::TLBI_NSNH_ALL));

  io_.write64(page0::EVENTQ_BASE, events_.base_register());
  events_.write_prod();
  events_.write_cons();
  if (Status status = enable(enables, CR0::EVENTQEN::mask, "event queue"); !status) return status;
  if (features_.is_set<Features::Pri>()) {
    io_.write64(page0::PRIQ_BASE, page_requests_.base_register());
    page_requests_.write_prod();
    page_requests_.write_cons();
    if (Status status = enable(enables, CR0::PRIQEN::mask, "PRI queue"); !status) return status;
  }
  if (features_.is_set<Features::Ats>())
    if (Status status = enable(enables, CR0::ATSCHK::mask, "ATS check"); !status) return status;

  if (Status status = set_up_irqs(); !status) {
    io_.say(LogLevel::Err, "failed to setup irqs");
    return status;
  }
  return enable(enables, CR0::SMMUEN::mask, "SMMU interface");
}

Status ArmSmmuV3::set_up_irqs() {
  if (Status status = write_acknowledged(page0::IRQ_CTRL, page0::IRQ_CTRLACK, 0); !status) {
    io_.say(LogLevel::Err, "failed to disable irqs");
    return status;
  }
  if (irqs_requested_)
    restore_msis();
  else if (platform_.combined_irq)
    request_combined_irq(*platform_.combined_irq);
  else
    request_unique_irqs();
  irqs_requested_ = true;
  const IRQ_CTRL enables =
      IRQ_CTRL{}.set<IRQ_CTRL::EVENTQ_IRQEN>(1).set<IRQ_CTRL::GERROR_IRQEN>(1).set<IRQ_CTRL::PRIQ_IRQEN>(
          features_.is_set<Features::Pri>() ? 1 : 0);
  if (!write_acknowledged(page0::IRQ_CTRL, page0::IRQ_CTRLACK, enables.raw))
    io_.say(LogLevel::Warn, "failed to enable irqs");
  return {};
}

void ArmSmmuV3::request_combined_irq(unsigned irq) {
  const bool requested = io_.bus->request_irq(irq, this, IrqSharing::Exclusive, [this] {
    on_global_error();
    handle_events();
    if (features_.is_set<Features::Pri>()) handle_page_requests();
  });
  if (!requested) io_.say(LogLevel::Warn, "failed to enable combined irq");
}

void ArmSmmuV3::clear_msis() {
  io_.write64(page0::GERROR_IRQ_CFG0, 0);
  io_.write64(page0::EVENTQ_IRQ_CFG0, 0);
  if (features_.is_set<Features::Pri>()) io_.write64(page0::PRIQ_IRQ_CFG0, 0);
}

/// arm_smmu_write_msi_msg()
void ArmSmmuV3::write_msi(ArmSmmuV3Msi::Source source) {
  const ArmSmmuV3Msi& msi = (*platform_.msis)[source];
  const MsiPlace& place = msi_places[source];
  io_.write64(place.cfg0, msi.address & IRQ_CFG0::ADDR::mask);
  io_.write32(place.cfg1, msi.data);
  io_.write32(place.cfg2, IRQ_CFG2{}.set<IRQ_CFG2::MemAttr>(device_ngnre).raw);
}

/// On a resume, as the probe left them: with a combined interrupt it did not touch them. What they reset to
/// is UNKNOWN.
void ArmSmmuV3::restore_msis() {
  if (platform_.combined_irq) return;
  clear_msis();
  if (!msis_) return;
  write_msi(ArmSmmuV3Msi::Events);
  write_msi(ArmSmmuV3Msi::Errors);
  if (features_.is_set<Features::Pri>()) write_msi(ArmSmmuV3Msi::PageRequests);
}

/// arm_smmu_setup_msis()
void ArmSmmuV3::set_up_msis() {
  clear_msis();
  if (!features_.is_set<Features::Msi>()) return;
  msis_ = platform_.msis.has_value();
  if (!msis_) io_.say(LogLevel::Info, "msi_domain absent - falling back to wired irqs");
}

void ArmSmmuV3::request_unique_irqs() {
  set_up_msis();
  request_irq(ArmSmmuV3Msi::Events, "evtq", "no evtq irq - events will not be reported!",
              [this] { handle_events(); });
  request_irq(ArmSmmuV3Msi::Errors, "gerror", "no gerr irq - errors will not be reported!",
              [this] { on_global_error(); });
  if (features_.is_set<Features::Pri>())
    request_irq(ArmSmmuV3Msi::PageRequests, "priq", "no priq irq - PRI will be broken",
                [this] { handle_page_requests(); });
}

void ArmSmmuV3::request_irq(ArmSmmuV3Msi::Source source, const char* name, const char* without,
                            HostBus::Callback handler) {
  std::optional<unsigned> irq = platform_.irqs[source];
  if (msis_) {
    write_msi(source);  // a message is composed when its interrupt is requested
    irq = (*platform_.msis)[source].irq;
  }
  if (!irq) {
    io_.say(LogLevel::Warn, without);
    return;
  }
  if (!io_.bus->request_irq(*irq, this, IrqSharing::Exclusive, std::move(handler)))
    io_.say(LogLevel::Warn, format("failed to enable %s irq", name));
}

}  // namespace sidewinder::kernel
