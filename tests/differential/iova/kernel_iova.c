// SPDX-License-Identifier: Apache-2.0

#include "kernel_iova.h"

#include <linux/iova.h>
#include <linux/rbtree_augmented.h>
#include <signal.h>
#include <string.h>

enum { MAX_PENDING = 64, MAX_CACHES = 4 };

struct block {
  uintptr_t own_address;
  struct block *next, *prev;
  max_align_t data[];
};

struct stand_in_state stand_in;

static struct block blocks = {.next = &blocks, .prev = &blocks};
static struct kmem_cache caches[MAX_CACHES];
static unsigned cache_count;
static int (*dead_callback)(unsigned, struct hlist_node*);
static struct delayed_work* pending[MAX_PENDING];
static size_t pending_count;
static struct iova_domain domain;
static struct rb_root tree = {NULL};

static void* link_block(struct block* block) {
  block->next = blocks.next;
  block->prev = &blocks;
  blocks.next->prev = block;
  blocks.next = block;
  return block->data;
}

static struct block* unlink_block(const void* data) {
  struct block* block = container_of(data, struct block, data);
  if (block->own_address != (uintptr_t)block) raise(SIGBUS);
  block->prev->next = block->next;
  block->next->prev = block->prev;
  return block;
}

void* stand_in_zalloc(size_t size) {
  struct block* block = calloc(1, sizeof *block + size);
  if (block == NULL) abort();
  block->own_address = (uintptr_t)block;
  return link_block(block);
}

void kfree(const void* data) {
  if (data != NULL) free(unlink_block(data));
}

void* stand_in_cache_zalloc(struct kmem_cache* cache) {
  struct block* block = cache->spare;
  if (block == NULL) return stand_in_zalloc(cache->size);
  cache->spare = block->next;
  memset(block->data, 0, cache->size);
  return link_block(block);
}

void kmem_cache_free(struct kmem_cache* cache, const void* data) {
  struct block* block = unlink_block(data);
  block->next = cache->spare;
  cache->spare = block;
}

struct kmem_cache* stand_in_cache(size_t size) {
  if (cache_count == MAX_CACHES) abort();
  caches[cache_count].size = size;
  return &caches[cache_count++];
}

unsigned num_online_cpus(void) {
  unsigned online = 0;
  for (unsigned cpu = 0; cpu < stand_in.possible; ++cpu) online += stand_in.online[cpu];
  return online;
}

int cpuhp_setup_state_multi(int state, const char* name, int (*startup)(unsigned, struct hlist_node*),
                            int (*teardown)(unsigned, struct hlist_node*)) {
  dead_callback = teardown;
  return 0;
}

bool schedule_delayed_work(struct delayed_work* delayed, unsigned long delay) {
  if (delayed->pending) return false;
  if (pending_count == MAX_PENDING) abort();
  delayed->pending = true;
  pending[pending_count++] = delayed;
  return true;
}

void kernel_create(unsigned long granule, unsigned long start_pfn, unsigned cpus) {
  if (dead_callback == NULL && iova_cache_get() != 0) abort();
  memset(&stand_in, 0, sizeof stand_in);
  memset(&domain, 0, sizeof domain);
  pending_count = 0;
  tree.rb_node = NULL;
  stand_in.possible = cpus;
  for (unsigned cpu = 0; cpu < cpus; ++cpu) stand_in.online[cpu] = true;
  init_iova_domain(&domain, granule, start_pfn);
  if (iova_domain_init_rcaches(&domain) != 0) abort();
}

void kernel_put(void) {
  put_iova_domain(&domain);
}

void kernel_release(void) {
  while (blocks.next != &blocks) kfree(blocks.next->data);
}

size_t kernel_blocks(void) {
  size_t count = 0;
  for (struct block* block = blocks.next; block != &blocks; block = block->next) ++count;
  return count;
}

static bool give(const struct iova* iova, struct kernel_range* range) {
  if (iova == NULL) return false;
  range->lo = iova->pfn_lo;
  range->hi = iova->pfn_hi;
  return true;
}

bool kernel_alloc_iova(unsigned long size, unsigned long limit, bool aligned, struct kernel_range* range) {
  return give(alloc_iova(&domain, size, limit, aligned), range);
}

unsigned long kernel_alloc_iova_fast(unsigned long size, unsigned long limit, bool flush) {
  return alloc_iova_fast(&domain, size, limit, flush);
}

void kernel_free_iova(unsigned long pfn) {
  free_iova(&domain, pfn);
}

void kernel_free_iova_fast(unsigned long pfn, unsigned long size) {
  free_iova_fast(&domain, pfn, size);
}

bool kernel_reserve_iova(unsigned long lo, unsigned long hi) {
  return reserve_iova(&domain, lo, hi) != NULL;
}

bool kernel_find_iova(unsigned long pfn, struct kernel_range* range) {
  return give(find_iova(&domain, pfn), range);
}

void kernel_set_cpu(unsigned cpu) {
  stand_in.cpu = cpu;
}

void kernel_cpu_dead(unsigned cpu) {
  stand_in.online[cpu] = false;
  dead_callback(cpu, &domain.cpuhp_dead);
}

void kernel_cpu_up(unsigned cpu) {
  stand_in.online[cpu] = true;
}

size_t kernel_pending_work(void) {
  return pending_count;
}

void kernel_run_oldest_work(void) {
  struct delayed_work* oldest = pending[0];
  memmove(pending, pending + 1, --pending_count * sizeof pending[0]);
  oldest->pending = false;
  oldest->work.function(&oldest->work);
}

struct kernel_search_state kernel_state(void) {
  struct kernel_search_state state = {.max32_alloc_size = domain.max32_alloc_size};
  state.has_cached32 = domain.cached32_node != NULL;
  state.has_cached = domain.cached_node != NULL;
  if (state.has_cached32) state.cached32 = rb_entry(domain.cached32_node, struct iova, node)->pfn_lo;
  if (state.has_cached) state.cached = rb_entry(domain.cached_node, struct iova, node)->pfn_lo;
  return state;
}

unsigned long kernel_warnings(void) {
  return stand_in.warnings;
}

size_t kernel_ranges(struct kernel_range* ranges, size_t room) {
  size_t count = 0;
  for (struct rb_node* node = rb_first(&domain.rbroot); node != NULL; node = rb_next(node)) {
    if (node == &domain.anchor.node) continue;
    if (count < room) give(rb_entry(node, struct iova, node), &ranges[count]);
    ++count;
  }
  return count;
}

struct key_node {
  struct rb_node node;
  unsigned long key;
};

static struct key_node* key_of(struct rb_node* node) {
  return rb_entry(node, struct key_node, node);
}

void kernel_tree_insert(unsigned long key) {
  struct key_node* added = stand_in_zalloc(sizeof *added);
  struct rb_node **link = &tree.rb_node, *parent = NULL;
  added->key = key;
  while (*link != NULL) {
    parent = *link;
    link = key < key_of(parent)->key ? &parent->rb_left : &parent->rb_right;
  }
  rb_link_node(&added->node, parent, link);
  rb_insert_color(&added->node, &tree);
}

void kernel_tree_erase(unsigned long key) {
  struct rb_node* node = tree.rb_node;
  while (key_of(node)->key != key) node = key < key_of(node)->key ? node->rb_left : node->rb_right;
  rb_erase(node, &tree);
  kfree(key_of(node));
}

static size_t preorder(struct rb_node* node, struct kernel_key* keys, size_t room) {
  if (node == NULL) return 0;
  if (room > 0) keys[0] = (struct kernel_key){key_of(node)->key, rb_is_red(node)};
  size_t count = 1;
  count += preorder(node->rb_left, keys + count, room > count ? room - count : 0);
  count += preorder(node->rb_right, keys + count, room > count ? room - count : 0);
  return count;
}

size_t kernel_tree_preorder(struct kernel_key* keys, size_t room) {
  return preorder(tree.rb_node, keys, room);
}
