// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/iova_rcache.h"

#include <algorithm>
#include <utility>

namespace sidewinder::kernel {

namespace {

void drain(IovaMagazine& magazine, const IovaRcache::Release& release) {
  for (std::size_t i = 0; i < magazine.size(); ++i) release(magazine[i]);
  magazine.clear();
}

}  // namespace

IovaRcache::IovaRcache(unsigned cpus, IovaDepot depot) : depot_(depot) {
  for (SizeClass& size_class : classes_) {
    size_class.cpus.resize(cpus);
    for (Cpu& cpu : size_class.cpus) {
      cpu.loaded = std::make_unique<IovaMagazine>();
      cpu.previous = std::make_unique<IovaMagazine>();
    }
  }
}

void IovaRcache::load_another(Cpu& local, unsigned order) {
  if (!local.previous->empty()) {
    std::swap(local.loaded, local.previous);
  } else if (!classes_[order].depot.empty()) {
    local.loaded = take_from_depot(order);
  }
}

IovaRcache::Inserted IovaRcache::insert(unsigned cpu, unsigned order, Pfn pfn) {
  SizeClass& size_class = classes_[order];
  Cpu& local = size_class.cpus[cpu];
  Inserted result;
  if (local.loaded->full()) {
    if (!local.previous->full()) {
      std::swap(local.loaded, local.previous);
    } else {
      auto evicted = std::exchange(local.loaded, std::make_unique<IovaMagazine>());
      if (depot_ == IovaDepot::List || size_class.depot.size() < depot_array_size) {
        size_class.depot.push_back(std::move(evicted));
        result.trim = depot_ == IovaDepot::List;
      } else {
        result.spilled = std::move(evicted);
      }
    }
  }
  local.loaded->push(pfn);
  return result;
}

void IovaRcache::drain_cpu(unsigned cpu, const Release& release) {
  for (SizeClass& size_class : classes_) {
    drain(*size_class.cpus[cpu].loaded, release);
    drain(*size_class.cpus[cpu].previous, release);
  }
}

void IovaRcache::drain_depot(const Release& release) {
  for (SizeClass& size_class : classes_) {
    // The tree's shape afterwards depends on the order: the array is emptied from its start, the list from
    // its head, where the newest magazine is.
    if (depot_ == IovaDepot::Array) {
      for (auto& magazine : size_class.depot) drain(*magazine, release);
    } else {
      std::for_each(size_class.depot.rbegin(), size_class.depot.rend(),
                    [&](auto& magazine) { drain(*magazine, release); });
    }
    size_class.depot.clear();
  }
}

std::unique_ptr<IovaMagazine> IovaRcache::take_from_depot(unsigned order) {
  auto& depot = classes_[order].depot;
  if (depot.empty()) return nullptr;
  auto newest = std::move(depot.back());
  depot.pop_back();
  return newest;
}

std::size_t IovaRcache::size() const {
  std::size_t pfns = 0;
  for (const SizeClass& size_class : classes_) {
    for (const Cpu& cpu : size_class.cpus) pfns += cpu.loaded->size() + cpu.previous->size();
    for (const auto& magazine : size_class.depot) pfns += magazine->size();
  }
  return pfns;
}

}  // namespace sidewinder::kernel
