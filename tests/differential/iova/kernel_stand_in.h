// SPDX-License-Identifier: Apache-2.0
//
// What drivers/iommu/iova.c and lib/rbtree.c need of the rest of the kernel, for one thread and eight CPUs.
// Macros where the kernel's are generic over types or take a statement.

#ifndef SIDEWINDER_TESTS_DIFFERENTIAL_IOVA_KERNEL_STAND_IN_H
#define SIDEWINDER_TESTS_DIFFERENTIAL_IOVA_KERNEL_STAND_IN_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { STAND_IN_CPUS = 8 };

struct stand_in_state {
  unsigned cpu;
  unsigned possible;
  bool online[STAND_IN_CPUS];
  unsigned long warnings;
};
extern struct stand_in_state stand_in;

typedef uint64_t dma_addr_t;
typedef unsigned gfp_t;
typedef struct {
  char unused;
} spinlock_t;

#define __percpu
#define __always_inline inline __attribute__((always_inline))
#define IS_REACHABLE(option) 1
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define MODULE_AUTHOR(text)
#define MODULE_DESCRIPTION(text)
#define MODULE_LICENSE(text)

#define GFP_ATOMIC 0u
#define GFP_KERNEL 0u
#define __GFP_NOWARN 0u
#define PAGE_SIZE 65536ul

#define likely(condition) (condition)
#define unlikely(condition) (condition)
#define READ_ONCE(place) (place)
#define WRITE_ONCE(place, value) ((place) = (value))
#define rcu_assign_pointer(place, value) ((place) = (value))
#define container_of(pointer, type, member) ((type*)((char*)(pointer)-offsetof(type, member)))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define swap(a, b)             \
  do {                         \
    __typeof__(a) was_a = (a); \
    (a) = (b);                 \
    (b) = was_a;               \
  } while (0)
#define ALIGN(value, power) (((value) + (power)-1) & ~((power)-1))
#define ALIGN_DOWN(value, power) ((value) & ~((power)-1))

static inline bool stand_in_warn(bool condition) {
  stand_in.warnings += condition;
  return condition;
}
#define WARN_ON(condition) stand_in_warn(!!(condition))
#define BUG_ON(condition) ((condition) ? abort() : (void)0)
#define pr_err(...) ((void)0)
#define ERR_PTR(error) ((void*)(intptr_t)(error))

static inline bool is_power_of_2(unsigned long value) {
  return __builtin_popcountl(value) == 1;
}
static inline unsigned fls_long(unsigned long value) {
  return value ? 64u - (unsigned)__builtin_clzl(value) : 0u;
}
static inline unsigned __ffs(unsigned long value) {
  return (unsigned)__builtin_ctzl(value);
}
static inline unsigned long roundup_pow_of_two(unsigned long value) {
  return 1ul << fls_long(value - 1);
}
static inline unsigned order_base_2(unsigned long value) {
  return value > 1 ? fls_long(value - 1) : 0u;
}

#define spin_lock_init(lock) ((void)(lock))
#define spin_lock(lock) ((void)(lock))
#define spin_unlock(lock) ((void)(lock))
#define spin_lock_irqsave(lock, flags) ((void)(lock), (void)((flags) = 0))
#define spin_unlock_irqrestore(lock, flags) ((void)(lock), (void)(flags))
#define assert_spin_locked(lock) ((void)(lock))
#define DEFINE_MUTEX(name) char name
#define mutex_lock(mutex) ((void)(mutex))
#define mutex_unlock(mutex) ((void)(mutex))

// Every block is kept on a list, so that a domain that an expected fault left behind can be released.
void* stand_in_zalloc(size_t size);
void kfree(const void* block);
static inline void* kzalloc(size_t size, gfp_t flags) {
  return stand_in_zalloc(size);
}
static inline void* kcalloc(size_t count, size_t size, gfp_t flags) {
  return stand_in_zalloc(count * size);
}

// What is freed is what is given next, as slabs do.
struct block;
struct kmem_cache {
  size_t size;
  struct block* spare;
};
struct kmem_cache* stand_in_cache(size_t size);
#define kmem_cache_create(name, size, align, flags, constructor) stand_in_cache(size)
void* stand_in_cache_zalloc(struct kmem_cache* cache);
static inline void* kmem_cache_alloc(struct kmem_cache* cache, gfp_t flags) {
  return stand_in_cache_zalloc(cache);
}
static inline void* kmem_cache_zalloc(struct kmem_cache* cache, gfp_t flags) {
  return stand_in_cache_zalloc(cache);
}
void kmem_cache_free(struct kmem_cache* cache, const void* block);
static inline void kmem_cache_destroy(struct kmem_cache* cache) {}
#define kmemleak_transient_leak(pointer) ((void)(pointer))

#define cache_line_size() 64
#define __alloc_percpu(size, align) stand_in_zalloc(STAND_IN_CPUS*(size))
#define free_percpu(block) kfree(block)
#define per_cpu_ptr(block, index) ((block) + (index))
#define raw_cpu_ptr(block) ((block) + stand_in.cpu)
#define for_each_possible_cpu(index) for ((index) = 0; (index) < stand_in.possible; ++(index))
#define for_each_online_cpu(index) for_each_possible_cpu(index) if (stand_in.online[index])
unsigned num_online_cpus(void);

struct hlist_node {
  char unused;
};
#define hlist_entry_safe(node, type, member) container_of(node, type, member)
enum { CPUHP_IOMMU_IOVA_DEAD = 1 };
int cpuhp_setup_state_multi(int state, const char* name, int (*startup)(unsigned, struct hlist_node*),
                            int (*teardown)(unsigned, struct hlist_node*));
static inline void cpuhp_remove_multi_state(int state) {}
static inline int cpuhp_state_add_instance_nocalls(int state, struct hlist_node* node) {
  return 0;
}
static inline int cpuhp_state_remove_instance_nocalls(int state, struct hlist_node* node) {
  return 0;
}

struct work_struct {
  void (*function)(struct work_struct*);
};
struct delayed_work {
  struct work_struct work;
  bool pending;
};
#define INIT_DELAYED_WORK(delayed, called) ((delayed)->work.function = (called), (delayed)->pending = false)
#define msecs_to_jiffies(milliseconds) (milliseconds)
bool schedule_delayed_work(struct delayed_work* delayed, unsigned long delay);
static inline bool cancel_delayed_work_sync(struct delayed_work* delayed) {
  return false;
}

#endif
