// The rings of TapioRings once more, in C, with both ends in C: what the Swift ones are measured against.
#pragma once

#include <stdint.h>

/// What is sent: a cache line, of which the consumer reads the first and the last word.
struct tapio_bench_item {
	uint64_t words[8];
};

/// A run: so many items through a ring of so many slots (a power of two), in batches of up to `batch` (1 to 256).
struct tapio_bench_order {
	uint64_t items_per_producer;
	uint32_t capacity;
	uint32_t batch;
	/// Producers, and as many consumers; 1 for the ring between two threads.
	uint32_t pairs;
	/// Where thread i of the producers, then of the consumers, runs: `cpus[i % cpu_count]`; not pinned where 0.
	uint32_t cpu_count;
	const int *cpus;
};

struct tapio_bench_outcome {
	/// From the common start to the end of the last consumer.
	uint64_t duration_ns;
	/// The sum of all items' first and last words.
	uint64_t sum;
};

/// One producer and one consumer. 0, or a negative errno.
int tapio_bench_spsc(const struct tapio_bench_order *order, struct tapio_bench_outcome *outcome);

/// Several producers and consumers; every slot has a sequence number. 0, or a negative errno.
int tapio_bench_mpmc(const struct tapio_bench_order *order, struct tapio_bench_outcome *outcome);
