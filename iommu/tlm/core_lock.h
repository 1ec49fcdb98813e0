// SPDX-License-Identifier: Apache-2.0
//
// One at a time in the architecture: a translation, a register access or a command is done as a whole, also
// when the memory behind the SMMU waits in b_transport and other threads run meanwhile.

#ifndef SIDEWINDER_IOMMU_TLM_CORE_LOCK_H
#define SIDEWINDER_IOMMU_TLM_CORE_LOCK_H

#include <systemc>

namespace sidewinder::tlm_shell {

class CoreLock {
 public:
  /// Waits only while another thread is in, which is only where memory waits.
  class Hold {
   public:
    explicit Hold(CoreLock& lock) : lock_(lock) {
      while (lock_.busy_) {
        ++lock_.waiting_;
        sc_core::wait(lock_.freed_);
        --lock_.waiting_;
      }
      lock_.busy_ = true;
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() {
      lock_.busy_ = false;
      if (lock_.waiting_ != 0) lock_.freed_.notify(sc_core::SC_ZERO_TIME);
    }

   private:
    CoreLock& lock_;
  };

  [[nodiscard]] bool busy() const { return busy_; }

 private:
  bool busy_ = false;
  unsigned waiting_ = 0;
  sc_core::sc_event freed_;
};

}  // namespace sidewinder::tlm_shell

#endif
