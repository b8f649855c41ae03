#include "bench_threads.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Bit 63 of the tail says closed, as in BoundedMPMCRing.
#define CLOSED (1ull << 63)

struct slot {
	_Atomic uint64_t sequence;
	struct tapio_bench_item item;
};

struct mpmc {
	alignas(LINE) _Atomic uint64_t tail;
	alignas(LINE) _Atomic uint64_t head;
	alignas(LINE) uint64_t mask;
	alignas(LINE) struct slot slots[];
};

static struct slot *slot_at(struct mpmc *ring, uint64_t position)
{
	return &ring->slots[position & ring->mask];
}

/// Claims up to `limit` neighbouring positions from `index` on whose slots say that they are `ahead` of their position.
static uint32_t claim(struct mpmc *ring, _Atomic uint64_t *index, uint64_t ahead, uint32_t limit, uint64_t *first)
{
	uint64_t seen = atomic_load_explicit(index, memory_order_relaxed);
	for (;;) {
		uint32_t count = 0;
		while (count < limit && atomic_load_explicit(&slot_at(ring, seen + count)->sequence,
		                                             memory_order_acquire) == seen + count + ahead)
			count++;
		if (count == 0) {
			uint64_t newest = atomic_load_explicit(index, memory_order_relaxed);
			if (newest == seen)
				return 0;
			seen = newest;
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(index, &seen, seen + count, memory_order_relaxed,
		                                          memory_order_relaxed)) {
			*first = seen;
			return count;
		}
	}
}

static void produce(void *argument, const struct tapio_bench_order *order, uint32_t index)
{
	(void)index;
	struct mpmc *ring = argument;
	struct tapio_bench_item batch[MOST_BATCH];
	uint32_t tries = 0;
	for (uint64_t number = 0; number < order->items_per_producer;) {
		uint64_t left = order->items_per_producer - number;
		uint32_t count = left < order->batch ? (uint32_t)left : order->batch;
		for (uint32_t i = 0; i < count; i++)
			batch[i] = item_of(number + i);
		for (uint32_t sent = 0; sent < count;) {
			uint64_t first = 0;
			uint32_t taken = claim(ring, &ring->tail, 0, count - sent, &first);
			for (uint32_t i = 0; i < taken; i++) {
				struct slot *slot = slot_at(ring, first + i);
				slot->item = batch[sent + i];
				atomic_store_explicit(&slot->sequence, first + i + 1, memory_order_release);
			}
			sent += taken;
			if (taken == 0)
				wait_a_little(&tries);
		}
		number += count;
	}
}

static uint64_t consume(void *argument, const struct tapio_bench_order *order)
{
	struct mpmc *ring = argument;
	uint64_t sum = 0;
	uint32_t tries = 0;
	for (;;) {
		uint64_t first = 0;
		uint32_t count = claim(ring, &ring->head, 1, order->batch, &first);
		if (count == 0) {
			uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
			if (tail == (atomic_load_explicit(&ring->head, memory_order_relaxed) | CLOSED))
				return sum;
			wait_a_little(&tries);
			continue;
		}
		for (uint32_t i = 0; i < count; i++) {
			struct slot *slot = slot_at(ring, first + i);
			sum += slot->item.words[0] + slot->item.words[7];
			atomic_store_explicit(&slot->sequence, first + i + ring->mask + 1, memory_order_release);
		}
	}
}

static void close_ring(void *argument)
{
	struct mpmc *ring = argument;
	atomic_fetch_or_explicit(&ring->tail, CLOSED, memory_order_release);
}

int tapio_bench_mpmc(const struct tapio_bench_order *order, struct tapio_bench_outcome *outcome)
{
	if (order->pairs < 1 || order->batch < 1 || order->batch > MOST_BATCH)
		return -EINVAL;
	size_t bytes = sizeof(struct mpmc) + order->capacity * sizeof(struct slot);
	struct mpmc *ring = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
	if (!ring)
		return -ENOMEM;
	memset(ring, 0, bytes);
	ring->mask = order->capacity - 1;
	for (uint64_t i = 0; i < order->capacity; i++)
		ring->slots[i].sequence = i;
	const struct work work = {produce, consume, close_ring};
	int status = run_threads(&work, ring, order, outcome);
	free(ring);
	return status;
}
