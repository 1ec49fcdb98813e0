// SPDX-License-Identifier: Apache-2.0
//
// The kernel's allocator and red-black tree, as the differential test calls them. One domain at a time.

#ifndef SIDEWINDER_TESTS_DIFFERENTIAL_IOVA_KERNEL_IOVA_H
#define SIDEWINDER_TESTS_DIFFERENTIAL_IOVA_KERNEL_IOVA_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kernel_range {
  unsigned long lo;
  unsigned long hi;
};

struct kernel_search_state {
  bool has_cached32, has_cached;
  unsigned long cached32, cached;
  unsigned long max32_alloc_size;
};

void kernel_create(unsigned long granule, unsigned long start_pfn, unsigned cpus);
void kernel_put(void);       ///< put_iova_domain
void kernel_release(void);   ///< frees whatever memory is left; returns nothing to the domain
size_t kernel_blocks(void);  ///< how many allocated blocks there are

bool kernel_alloc_iova(unsigned long size, unsigned long limit, bool aligned, struct kernel_range* range);
unsigned long kernel_alloc_iova_fast(unsigned long size, unsigned long limit, bool flush);
void kernel_free_iova(unsigned long pfn);
void kernel_free_iova_fast(unsigned long pfn, unsigned long size);
bool kernel_reserve_iova(unsigned long lo, unsigned long hi);
bool kernel_find_iova(unsigned long pfn, struct kernel_range* range);

void kernel_set_cpu(unsigned cpu);
void kernel_cpu_dead(unsigned cpu);
void kernel_cpu_up(unsigned cpu);

size_t kernel_pending_work(void);
void kernel_run_oldest_work(void);

struct kernel_search_state kernel_state(void);
unsigned long kernel_warnings(void);
/// Writes up to `room` ranges in the tree's order, without the anchor; returns how many there are.
size_t kernel_ranges(struct kernel_range* ranges, size_t room);

/// A bare tree of keys.
struct kernel_key {
  unsigned long key;
  bool red;
};
void kernel_tree_insert(unsigned long key);
void kernel_tree_erase(unsigned long key);
size_t kernel_tree_preorder(struct kernel_key* keys, size_t room);

#ifdef __cplusplus
}
#endif

#endif
