// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/flush_queue.h"

#include <utility>

namespace sidewinder::kernel {
namespace {

struct Size {
  std::size_t entries;
  std::uint64_t timeout_ns;
};

constexpr Size size_of(FlushQueue::Kind kind) {
  // IOVA_DEFAULT_FQ_SIZE and _TIMEOUT, IOVA_SINGLE_FQ_SIZE and _TIMEOUT
  if (kind == FlushQueue::Kind::PerCpu) return {256, 10'000'000};
  return {32768, 1'000'000'000};
}

}  // namespace

std::shared_ptr<FlushQueue> FlushQueue::create(HostBus& bus, IovaDomain& iovas, std::function<void()> flush,
                                               Kind kind) {
  return std::shared_ptr<FlushQueue>(new FlushQueue(bus, iovas, std::move(flush), kind));
}

FlushQueue::FlushQueue(HostBus& bus, IovaDomain& iovas, std::function<void()> flush, Kind kind)
    : bus_(&bus),
      iovas_(&iovas),
      flush_(std::move(flush)),
      kind_(kind),
      rings_(kind == Kind::PerCpu ? iovas.cpus() : 1) {
  for (Ring& ring : rings_) ring.entries.resize(size_of(kind).entries);
}

void FlushQueue::queue(Pfn pfn, std::uint64_t pages) {
  Ring& ring = rings_[kind_ == Kind::PerCpu ? iovas_->current_cpu() : 0];
  {
    const SpinLock::Guard guard(ring.lock, *bus_);
    release_flushed(ring);
    const std::size_t mask = ring.entries.size() - 1;
    if (((ring.tail + 1) & mask) == ring.head) {
      flush();
      release_flushed(ring);
    }
    ring.entries[ring.tail] = {.pfn = pfn, .pages = pages, .flushes_before = started_};
    ring.tail = (ring.tail + 1) & mask;
  }
  if (timer_on_) return;
  timer_on_ = true;
  timer_cpu_ = iovas_->current_cpu();
  bus_->schedule(size_of(kind_).timeout_ns, [weak = weak_from_this()] {
    if (const std::shared_ptr<FlushQueue> alive = weak.lock()) alive->on_timer();
  });
}

void FlushQueue::stop() {
  constexpr std::uint64_t poll_ns = 100;
  stopped_ = true;
  while (running_) bus_->delay_ns(poll_ns);
}

std::size_t FlushQueue::pending() const {
  std::size_t count = 0;
  for (const Ring& ring : rings_) count += (ring.tail - ring.head) & (ring.entries.size() - 1);
  return count;
}

void FlushQueue::flush() {
  ++started_;
  flush_();
  ++finished_;
}

/// An entry can go once a flush has finished that began after it was queued.
void FlushQueue::release_flushed(Ring& ring) {
  while (ring.head != ring.tail) {
    const Entry& entry = ring.entries[ring.head];
    if (entry.flushes_before >= finished_) return;
    iovas_->free_iova_fast(entry.pfn, entry.pages);
    ring.head = (ring.head + 1) & (ring.entries.size() - 1);
  }
}

void FlushQueue::on_timer() {
  if (stopped_) return;
  running_ = true;
  timer_on_ = false;
  const unsigned cpu = timer_cpu_;
  flush();
  for (Ring& ring : rings_) {
    const SpinLock::Guard guard(ring.lock, *bus_);
    const unsigned interrupted = iovas_->current_cpu();
    static_cast<void>(iovas_->set_current_cpu(cpu));  // a CPU that went offline left its timers to another
    release_flushed(ring);
    static_cast<void>(iovas_->set_current_cpu(interrupted));
  }
  running_ = false;
}

}  // namespace sidewinder::kernel
