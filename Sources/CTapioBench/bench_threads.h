// Threads that start together, are pinned, and are timed.
#pragma once

#include "tapio_bench_rings.h"

#include <sched.h>
#include <stdatomic.h>

/// Bytes that are kept apart, as CacheLine.bytes in Swift.
#define LINE 128
/// The greatest batch.
#define MOST_BATCH 256

/// What the threads of a run do: producer `index` sends its items, a consumer receives until the end and gives the sum.
struct work {
	void (*produce)(void *ring, const struct tapio_bench_order *order, uint32_t index);
	uint64_t (*consume)(void *ring, const struct tapio_bench_order *order);
	/// Called after the last producer.
	void (*close)(void *ring);
};

/// Runs them; 0 or a negative errno.
int run_threads(const struct work *work, void *ring, const struct tapio_bench_order *order,
                struct tapio_bench_outcome *outcome);

/// Tries again for some time before it gives way, as the Swift side does.
static inline void wait_a_little(uint32_t *tries)
{
	if (++*tries % 1024 == 0)
		sched_yield();
}

/// The item `number` of a producer.
static inline struct tapio_bench_item item_of(uint64_t number)
{
	return (struct tapio_bench_item){.words = {number, 1, 2, 3, 4, 5, 6, number}};
}
