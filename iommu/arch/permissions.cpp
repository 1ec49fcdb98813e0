// SPDX-License-Identifier: Apache-2.0

#include "iommu/arch/permissions.h"

namespace sidewinder::arch {
namespace {

using layout::vmsa64::Descriptor;

/// Writes are data whatever they say (IHI 0070 §13.1.2).
bool is_fetch(const Access& access) {
  return access.instruction && !access.write;
}

/// Regimes of one Exception level: AP[1] counts as 1 and privilege for nothing (IHI 0070 §13.4.1, DDI 0487
/// table D8-62). APTable[0] and PXN are not looked at; XN stands where UXN does.
bool single_level_permits(const Stage1& regime, const Permissions& permissions, bool writable,
                          const Access& access) {
  if (access.write) return writable;
  if (!is_fetch(access)) return true;
  return !permissions.uxn && !(writable && regime.write_execute_never);
}

/// AArch32.S1HasPermissionsFault: what cannot be read cannot be executed, XN is of both levels, and only UWXN
/// takes execution from what EL0 can write.
bool lpae_executable(const Stage1& regime, const Permissions& permissions, bool writable, bool privileged) {
  if (permissions.uxn || (!privileged && !permissions.unprivileged)) return false;
  const bool unprivileged_write = permissions.unprivileged && writable;
  if (regime.write_execute_never && (privileged ? writable : unprivileged_write)) return false;
  if (!privileged) return true;
  return !permissions.pxn && !(unprivileged_write && regime.unprivileged_write_execute_never);
}

/// D8.4.1.2.3: R_VWLLR, R_FYMXJ, R_SYMMB.
bool executable(const Stage1& regime, const Permissions& permissions, bool writable, bool privileged) {
  const bool unprivileged_write = permissions.unprivileged && writable;
  if (regime.write_execute_never && (privileged ? writable : unprivileged_write)) return false;
  return privileged ? !permissions.pxn && !unprivileged_write : !permissions.uxn;
}

/// CD.PAN and CD.EPAN (IHI 0070 §5.4): of data accesses of the privileged.
bool privileged_access_never(const Stage1& regime, const Permissions& permissions) {
  if (!regime.privileged_access_never) return false;
  const bool enhanced = regime.enhanced_pan && regime.format == TableFormat::Vmsa64;
  return permissions.unprivileged || (enhanced && !permissions.uxn);
}

}  // namespace

void restrict_by_table(Permissions& permissions, Descriptor table) {
  permissions.read_only |= table.is_set<Descriptor::APTable1>();
  permissions.unprivileged &= !table.is_set<Descriptor::APTable0>();
  permissions.pxn |= table.is_set<Descriptor::PXNTable>();
  permissions.uxn |= table.is_set<Descriptor::UXNTable>();
}

void restrict_by_leaf(Permissions& permissions, const Stage1& regime, Descriptor leaf) {
  const bool clean = leaf.is_set<Descriptor::AP2>() && leaf.is_set<Descriptor::DBM>();
  // A write that a table above forbids does not become possible by marking the page (§3.13.3.1).
  permissions.dirty_pending =
      clean && !permissions.read_only && effective_update(regime.update, regime.format).dirty_state;
  permissions.read_only |= leaf.is_set<Descriptor::AP2>();
  permissions.unprivileged &= leaf.is_set<Descriptor::AP1>();
  permissions.pxn |= leaf.is_set<Descriptor::PXN>();
  permissions.uxn |= leaf.is_set<Descriptor::UXN>();
}

bool stage1_permits(const Stage1& regime, const Permissions& permissions, const Access& access) {
  const bool writable = !permissions.read_only || permissions.dirty_pending;
  if (!regime.unprivileged) return single_level_permits(regime, permissions, writable, access);
  if (is_fetch(access))
    return regime.format == TableFormat::Lpae
               ? lpae_executable(regime, permissions, writable, access.privileged)
               : executable(regime, permissions, writable, access.privileged);
  if (access.privileged ? privileged_access_never(regime, permissions) : !permissions.unprivileged)
    return false;
  return !access.write || writable;
}

bool stopped_by_sif(const Stage1& regime, bool output_secure, const Access& access) {
  return regime.secure_instruction_fetch && is_fetch(access) && !output_secure;
}

Stage2Permissions stage2_permissions(const Stage2& regime, Descriptor leaf) {
  constexpr std::uint64_t readable = 1, writable = 2;
  const std::uint64_t access = leaf.get<Descriptor::S2AP>();
  const std::uint64_t never = leaf.get<Descriptor::XN>();
  Stage2Permissions permissions{.read = (access & readable) != 0, .write = (access & writable) != 0};
  permissions.dirty_pending = !permissions.write && leaf.is_set<Descriptor::DBM>() &&
                              effective_update(regime.update, regime.format).dirty_state;
  // Table D8-71: XN[1:0] is 0 for both, 1 for EL0 alone, 2 for neither, 3 for EL1 alone. Without FEAT_XNX
  // XN[0] is RES0 and ignored.
  const bool el1_only = regime.xnx && never == 3, el0_only = regime.xnx && never == 1;
  const bool neither = regime.xnx ? never == 2 : (never & 2) != 0;
  // VMSAv8-32 has no execute-only (AArch32.S2HasPermissionsFault).
  const bool possible = !neither && (regime.format == TableFormat::Vmsa64 || permissions.read);
  permissions.privileged_execute = possible && !el0_only;
  permissions.unprivileged_execute = possible && !el1_only;
  return permissions;
}

bool stage2_permits(const Stage2Permissions& permissions, const Access& access) {
  if (access.write) return permissions.write || permissions.dirty_pending;
  if (!is_fetch(access)) return permissions.read;
  return access.privileged ? permissions.privileged_execute : permissions.unprivileged_execute;
}

HardwareUpdate effective_update(HardwareUpdate update, TableFormat format) {
  const bool on = update.access_flag && format == TableFormat::Vmsa64;
  return {.access_flag = on, .dirty_state = on && update.dirty_state};
}

}  // namespace sidewinder::arch
