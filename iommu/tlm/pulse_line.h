// SPDX-License-Identifier: Apache-2.0
//
// An interrupt that is an edge, on a wire.

#ifndef SIDEWINDER_IOMMU_TLM_PULSE_LINE_H
#define SIDEWINDER_IOMMU_TLM_PULSE_LINE_H

#include <systemc>

namespace sidewinder::tlm_shell {

/// Each interrupt is a rising edge: the wire goes high, and low again after `width`. What is raised while it
/// is high makes one more edge afterwards, so that a handler that saw the first one sees whatever came behind
/// it. The wire is written by one process, as sc_signal wants it.
class PulseLine : public sc_core::sc_module {
 public:
  using Port = sc_core::sc_port<sc_core::sc_signal_inout_if<bool>, 1, sc_core::SC_ZERO_OR_MORE_BOUND>;

  PulseLine(const sc_core::sc_module_name& name, Port& wire, const sc_core::sc_time& width)
      : sc_module(name), wire_(wire), width_(width) {
    SC_HAS_PROCESS(PulseLine);
    SC_METHOD(step);
    sensitive << raised_;
    dont_initialize();
  }

  /// The edge comes `after` from now, with an earlier one that is on its way.
  void raise(const sc_core::sc_time& after) {
    if (wire_.size() == 0) return;
    dropped_ = false;
    if (high_)
      again_ = true;
    else
      raised_.notify(after);
  }

  /// What is not an edge yet does not become one.
  void drop() {
    raised_.cancel();
    again_ = false;
    dropped_ = low_until_later_;
  }

 private:
  void step() {
    if (high_ || low_until_later_) return fall();
    high_ = true;
    wire_->write(true);
    next_trigger(width_);
  }

  void fall() {
    if (high_) {
      high_ = false;
      wire_->write(false);
      if (!again_) return;  // until it is raised
      again_ = false;
      low_until_later_ = true;
      next_trigger(width_);
      return;
    }
    low_until_later_ = false;
    if (dropped_) return;
    high_ = true;
    wire_->write(true);
    next_trigger(width_);
  }

  Port& wire_;
  sc_core::sc_time width_;
  sc_core::sc_event raised_;
  bool high_ = false;
  bool again_ = false;            ///< raised while it was high
  bool low_until_later_ = false;  ///< between two edges
  bool dropped_ = false;          ///< the second of them
};

}  // namespace sidewinder::tlm_shell

#endif
