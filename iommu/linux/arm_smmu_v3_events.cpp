// SPDX-License-Identifier: Apache-2.0
//
// What arm-smmu-v3 does about events, page requests and global errors, and how it says so.

#include <array>
#include <string>

#include "iommu/linux/arm_smmu_v3.h"
#include "iommu/linux/arm_smmu_v3_commands.h"

namespace sidewinder::kernel {
namespace {

using namespace layout::smmuv3;

constexpr std::uint8_t f_vms_fetch = 0x25;
constexpr std::uint64_t class_tt = 1;
constexpr std::array<const char*, 4> classes{"CD fetch", "Stage 1 translation table fetch",
                                             "Input address caused fault", "Reserved"};

/// As the kernel knows them: others are "UNKNOWN".
const char* name_of(std::uint64_t type) {
  if (type == f_vms_fetch) return "F_VMS_FETCH";
  switch (static_cast<EventType>(type)) {
    case EventType::C_BAD_STREAMID:
      return "C_BAD_STREAMID";
    case EventType::F_STE_FETCH:
      return "F_STE_FETCH";
    case EventType::C_BAD_STE:
      return "C_BAD_STE";
    case EventType::F_STREAM_DISABLED:
      return "F_STREAM_DISABLED";
    case EventType::C_BAD_SUBSTREAMID:
      return "C_BAD_SUBSTREAMID";
    case EventType::F_CD_FETCH:
      return "F_CD_FETCH";
    case EventType::C_BAD_CD:
      return "C_BAD_CD";
    case EventType::F_TRANSLATION:
      return "F_TRANSLATION";
    case EventType::F_ADDR_SIZE:
      return "F_ADDR_SIZE";
    case EventType::F_ACCESS:
      return "F_ACCESS";
    case EventType::F_PERMISSION:
      return "F_PERMISSION";
    default:
      return "UNKNOWN";
  }
}

bool is_translation_fault(std::uint64_t type) {
  return type >= static_cast<std::uint64_t>(EventType::F_TRANSLATION) &&
         type <= static_cast<std::uint64_t>(EventType::F_PERMISSION);
}

bool is_fetch_fault(std::uint64_t type) {
  return type == static_cast<std::uint64_t>(EventType::F_STE_FETCH) ||
         type == static_cast<std::uint64_t>(EventType::F_CD_FETCH) || type == f_vms_fetch;
}

}  // namespace

/// arm_smmu_evtq_thread(), which may sleep, and so resume the SMMU.
void ArmSmmuV3::handle_events() {
  const RuntimePm::Reference powered(power_);
  do {
    Event event;
    while (events_.remove(event.words))
      if (!handle_event(event) && shared_->events.allow(io_.bus->now_ns(), *io_.log)) log_event(event);
    if (events_.overflowed()) io_.say(LogLevel::Err, "EVTQ overflow detected -- events lost");
  } while (!events_.indices.empty());
  events_.acknowledge_overflow();
}

/// arm_smmu_handle_evt(). Nobody here has registered for a device's faults, so that each is an error, and a
/// stalled transaction is aborted.
Status ArmSmmuV3::handle_event(const Event& event) {
  if (!is_translation_fault(event.get<Event::Type>())) return fail(Errno::ENODEV_);  // -EOPNOTSUPP
  if (event.is_set<Event::S2>()) return fail(Errno::EFAULT_);
  const auto sid = static_cast<std::uint32_t>(event.get<Event::StreamID>());
  const ArmSmmuV3Master* const master = master_of_stream(sid);
  if (master == nullptr) return fail(Errno::EINVAL_);
  if (event.is_set<Event::STALL>() &&
      master->stall_enabled)  // of the device's first stream, whichever stalled
    commands_.issue(smmuv3_command::resume_abort(master->streams.front(),
                                                 static_cast<std::uint16_t>(event.get<Event::STAG>())));
  return fail(Errno::EINVAL_);
}

void ArmSmmuV3::log_event(const Event& event) const {
  const bool decoded = platform_.version >= since::decoded_smmuv3_events;
  const LogLevel level = decoded ? LogLevel::Err : LogLevel::Info;
  io_.say(level, format("event 0x%02x received:", static_cast<unsigned>(event.get<Event::Type>())));
  for (const std::uint64_t word : event.words) io_.say(level, format("\t0x%016" PRIx64, word));
  if (decoded) log_decoded(event);
}

/// arm_smmu_dump_event()
void ArmSmmuV3::log_decoded(const Event& event) const {
  const std::uint64_t type = event.get<Event::Type>();
  const auto sid = static_cast<std::uint32_t>(event.get<Event::StreamID>());
  const auto ssid = static_cast<unsigned>(event.is_set<Event::SSV>() ? event.get<Event::SubstreamID>() : 0);
  const ArmSmmuV3Master* const master = master_of_stream(sid);
  const std::string head =
      format("event: %s client: %s sid: %#x ssid: %#x", name_of(type),
             master != nullptr ? master->device->name.c_str() : "(unassigned sid)", sid, ssid);
  if (is_translation_fault(type)) {
    const bool table =
        type == static_cast<std::uint64_t>(EventType::F_PERMISSION) && event.get<Event::CLASS>() == class_tt;
    io_.say(LogLevel::Err, head + format(" iova: %#" PRIx64 " ipa: %#" PRIx64, event.words[2],
                                         event.address<Event::IPA>() & layout::low_bits(52)));
    io_.say(
        LogLevel::Err,
        format("%s %s %s %s \"%s\"%s%s stag: %#x", event.is_set<Event::PnU>() ? "priv" : "unpriv",
               event.is_set<Event::InD>() ? "inst" : "data", event.is_set<Event::RnW>() ? "read" : "write",
               event.is_set<Event::S2>() ? "s2" : "s1", classes[event.get<Event::CLASS>()],
               !table                         ? ""
               : event.is_set<Event::TTRnW>() ? " ttd_read"
                                              : " ttd_write",
               event.is_set<Event::STALL>() ? " stall" : "",
               static_cast<unsigned>(event.get<Event::STAG>())));
  } else if (is_fetch_fault(type)) {
    io_.say(LogLevel::Err, head + format(" fetch_addr: %#" PRIx64,
                                         event.address<Event::FetchAddr>() & layout::low_bits(52)));
  } else {
    io_.say(LogLevel::Err, head);
  }
}

/// arm_smmu_priq_thread()
void ArmSmmuV3::handle_page_requests() {
  const RuntimePm::Reference powered(power_);
  do {
    PageRequestRecord record;
    while (page_requests_.remove(record.words)) handle_page_request(record);
    if (page_requests_.overflowed()) io_.say(LogLevel::Err, "PRIQ overflow detected -- requests lost");
  } while (!page_requests_.indices.empty());
  page_requests_.acknowledge_overflow();
}

/// arm_smmu_handle_ppr(): nothing here asks for any, so that all are denied.
void ArmSmmuV3::handle_page_request(const PageRequestRecord& record) {
  using R = PageRequestRecord;
  const bool ssv = record.is_set<R::SSV>();
  const bool last = record.is_set<R::Last>();
  io_.say(LogLevel::Info, "unexpected PRI request received:");
  io_.say(LogLevel::Info,
          format("\tsid 0x%08x.0x%05x: [%u%s] %sprivileged %s%s%s access at iova 0x%016" PRIx64,
                 static_cast<unsigned>(record.get<R::StreamID>()),
                 static_cast<unsigned>(ssv ? record.get<R::SubstreamID>() : 0),
                 static_cast<unsigned>(record.get<R::PRGIndex>()), last ? "L" : "",
                 record.is_set<R::Priv>() ? "" : "un", record.is_set<R::R>() ? "R" : "",
                 record.is_set<R::W>() ? "W" : "", record.is_set<R::X>() ? "X" : "",
                 record.address<R::PageAddress>()));
  if (last) commands_.issue(smmuv3_command::pri_resp_deny(record));
}

/// arm_smmu_gerror_handler(), which may not: of a suspended SMMU no error is left, and suspend() sees to
/// those before.
void ArmSmmuV3::on_global_error() {
  if (!power_.get_if_active()) return;
  handle_global_errors();
  power_.put_autosuspend();
}

void ArmSmmuV3::handle_global_errors() {
  const auto gerror = GERROR::of(io_.read32(page0::GERROR));
  constexpr std::uint32_t known =
      layout::mask_of<GERROR::CMDQ_ERR, GERROR::EVENTQ_ABT_ERR, GERROR::PRIQ_ABT_ERR,
                      GERROR::MSI_CMDQ_ABT_ERR, GERROR::MSI_EVENTQ_ABT_ERR, GERROR::MSI_PRIQ_ABT_ERR,
                      GERROR::MSI_GERROR_ABT_ERR, GERROR::SFM_ERR>;
  const auto active = GERROR::of(gerror.raw ^ io_.read32(page0::GERRORN));
  if ((active.raw & known) == 0) return;
  io_.say(LogLevel::Warn,
          format("unexpected global error reported (0x%08x), this could be serious", active.raw));
  if (active.is_set<GERROR::SFM_ERR>()) {
    io_.say(LogLevel::Err, "device has entered Service Failure Mode!");
    static_cast<void>(disable());
  }
  if (active.is_set<GERROR::MSI_GERROR_ABT_ERR>()) io_.say(LogLevel::Warn, "GERROR MSI write aborted");
  if (active.is_set<GERROR::MSI_PRIQ_ABT_ERR>()) io_.say(LogLevel::Warn, "PRIQ MSI write aborted");
  if (active.is_set<GERROR::MSI_EVENTQ_ABT_ERR>()) io_.say(LogLevel::Warn, "EVTQ MSI write aborted");
  if (active.is_set<GERROR::MSI_CMDQ_ABT_ERR>()) io_.say(LogLevel::Warn, "CMDQ MSI write aborted");
  if (active.is_set<GERROR::PRIQ_ABT_ERR>())
    io_.say(LogLevel::Err, "PRIQ write aborted -- events may have been lost");
  if (active.is_set<GERROR::EVENTQ_ABT_ERR>())
    io_.say(LogLevel::Err, "EVTQ write aborted -- events may have been lost");
  if (active.is_set<GERROR::CMDQ_ERR>()) commands_.skip_error();
  io_.write32(page0::GERRORN, gerror.raw);
}

}  // namespace sidewinder::kernel
