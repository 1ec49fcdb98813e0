// SPDX-License-Identifier: Apache-2.0

#include "iommu/smmuv3/probe.h"

namespace sidewinder::smmuv3 {
namespace {

Config without_caches(Config config) {
  CacheShapes& caches = config.caches;
  caches.micro_tlb.entries = caches.tlb.entries = caches.configuration.entries = 0;
  for (arch::CacheShape& level : caches.stage1_walk) level.entries = 0;
  for (arch::CacheShape& level : caches.stage2_walk) level.entries = 0;
  return config;
}

}  // namespace

Probe::Probe(const Config& config, arch::MemoryPort& memory) : own_(without_caches(config), 1, memory) {}

Translation Probe::translate(const Translator& translator, const Transaction& transaction) {
  for (const SecurityState state : {SecurityState::NonSecure, SecurityState::Secure})
    own_.control(state) = translator.control(state);
  return own_.translate(0, transaction);
}

}  // namespace sidewinder::smmuv3
