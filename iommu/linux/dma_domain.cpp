// SPDX-License-Identifier: Apache-2.0

#include "iommu/linux/dma_domain.h"

#include <algorithm>
#include <bit>

#include "iommu/linux/flush_queue.h"
#include "iommu/linux/io_pgtable.h"
#include "iommu/linux/page_allocator.h"

namespace sidewinder::kernel {
namespace {

struct PageRun {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

/// iommu_pgsize(): the largest page for the start of a range, and how many of them before a larger one fits.
PageRun page_run(std::uint64_t iova, std::uint64_t base, std::uint64_t length) {
  const auto at_most = [](unsigned bit) { return ~std::uint64_t{0} >> (63 - bit); };
  const std::uint64_t merged = iova | base;
  std::uint64_t sizes = IoPgtable::page_sizes & at_most(static_cast<unsigned>(std::bit_width(length) - 1));
  if (merged != 0) sizes &= at_most(static_cast<unsigned>(std::countr_zero(merged)));
  const std::uint64_t size = std::bit_floor(sizes);

  const std::uint64_t larger = IoPgtable::page_sizes & ~(size | (size - 1));
  if (larger != 0) {
    const std::uint64_t next = larger & -larger;
    const bool alike = ((iova ^ base) & (next - 1)) == 0;
    const std::uint64_t to_boundary = next - (merged & (next - 1));
    if (alike && to_boundary + next <= length) length = to_boundary;
  }
  return {size, length / size};
}

}  // namespace

DmaDomain::DmaDomain(IommuOps& smmu, std::unique_ptr<IommuDomainOps> ops, DomainType type)
    : smmu_(&smmu), ops_(std::move(ops)), type_(type) {
  if (is_dma_domain(type)) cookie_.type = DmaCookie::Type::Iova;
}

Result<std::unique_ptr<DmaDomain>> DmaDomain::create(IommuOps& smmu, PageAllocator& pages, DomainType type) {
  Result<std::unique_ptr<IommuDomainOps>> ops = smmu.alloc_domain(pages, type);
  if (!ops) return fail(ops.error());
  return std::unique_ptr<DmaDomain>(new DmaDomain(smmu, std::move(*ops), type));
}

DmaDomain::~DmaDomain() {
  if (cookie_.flush_queue) cookie_.flush_queue->stop();
}

Status DmaDomain::attach(Device& device) {
  if (!device.in_stream_map)
    if (Status status = smmu_->probe_device(device); !status) return status;
  if (Status status = ops_->attach(device); !status) return status;
  device.domain = this;
  device.iommu_dma = is_dma_domain(type_);
  return {};
}

Status DmaDomain::enable_nesting() {
  if (type_ != DomainType::Unmanaged) return fail(Errno::EINVAL_);
  return ops_->enable_nesting();
}

Status DmaDomain::map(DmaAddr iova, PhysAddr base, std::uint64_t size, IommuProt prot) {
  if (((iova | base | size) & (page_size - 1)) != 0) return fail(Errno::EINVAL_);
  for (std::uint64_t done = 0; done < size;) {
    const PageRun run = page_run(iova + done, base + done, size - done);
    std::uint64_t mapped = 0;
    Status status = ops_->map_pages(iova + done, base + done, run.size, run.count, prot, mapped);
    done += mapped;
    if (!status) {
      if (done != 0) unmap(iova, done);
      return status;
    }
  }
  return {};
}

std::uint64_t DmaDomain::unmap(DmaAddr iova, std::uint64_t size) {
  if (((iova | size) & (page_size - 1)) != 0) return 0;
  IotlbGather gather;
  const std::uint64_t done = unmap_fast(iova, size, gather);
  iotlb_sync(gather);
  return done;
}

std::uint64_t DmaDomain::unmap_fast(DmaAddr iova, std::uint64_t size, IotlbGather& gather) {
  if (((iova | size) & (page_size - 1)) != 0) return 0;
  std::uint64_t done = 0;
  while (done < size) {
    const PageRun run = page_run(iova + done, iova + done, size - done);
    const std::uint64_t unmapped = ops_->unmap_pages(iova + done, run.size, run.count, gather);
    if (unmapped == 0) break;
    done += unmapped;
  }
  return done;
}

void DmaDomain::iotlb_sync(IotlbGather& gather) {
  ops_->iotlb_sync(gather);
  gather = {};
}

}  // namespace sidewinder::kernel
