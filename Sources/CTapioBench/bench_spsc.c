#include "bench_threads.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct spsc {
	alignas(LINE) _Atomic uint64_t tail;
	atomic_bool closed;
	uint64_t known_head;
	alignas(LINE) _Atomic uint64_t head;
	uint64_t known_tail;
	alignas(LINE) uint64_t mask;
	alignas(LINE) struct tapio_bench_item slots[];
};

/// Takes as many of the items as have free slots.
static uint32_t push(struct spsc *ring, const struct tapio_bench_item *items, uint32_t count)
{
	uint64_t capacity = ring->mask + 1;
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t room = capacity - (tail - ring->known_head);
	if (room < count) {
		ring->known_head = atomic_load_explicit(&ring->head, memory_order_acquire);
		room = capacity - (tail - ring->known_head);
		if (room == 0)
			return 0;
		if (room < count)
			count = (uint32_t)room;
	}
	uint64_t at = tail & ring->mask;
	uint64_t first = capacity - at < count ? capacity - at : count;
	memcpy(&ring->slots[at], items, first * sizeof *items);
	memcpy(&ring->slots[0], items + first, (count - first) * sizeof *items);
	atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
	return count;
}

static void produce(void *argument, const struct tapio_bench_order *order, uint32_t index)
{
	(void)index;
	struct spsc *ring = argument;
	struct tapio_bench_item batch[MOST_BATCH];
	uint32_t tries = 0;
	for (uint64_t number = 0; number < order->items_per_producer;) {
		uint64_t left = order->items_per_producer - number;
		uint32_t count = left < order->batch ? (uint32_t)left : order->batch;
		for (uint32_t i = 0; i < count; i++)
			batch[i] = item_of(number + i);
		for (uint32_t sent = 0; sent < count;) {
			uint32_t taken = push(ring, batch + sent, count - sent);
			sent += taken;
			if (taken == 0)
				wait_a_little(&tries);
		}
		number += count;
	}
}

static uint64_t consume(void *argument, const struct tapio_bench_order *order)
{
	struct spsc *ring = argument;
	uint64_t sum = 0;
	uint64_t head = 0;
	uint32_t tries = 0;
	for (;;) {
		uint64_t filled = ring->known_tail - head;
		if (filled < order->batch) {
			bool closed = atomic_load_explicit(&ring->closed, memory_order_acquire);
			ring->known_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
			filled = ring->known_tail - head;
			if (filled == 0) {
				if (closed)
					return sum;
				wait_a_little(&tries);
				continue;
			}
		}
		uint64_t count = filled < order->batch ? filled : order->batch;
		for (uint64_t i = 0; i < count; i++) {
			const struct tapio_bench_item *item = &ring->slots[(head + i) & ring->mask];
			sum += item->words[0] + item->words[7];
		}
		head += count;
		atomic_store_explicit(&ring->head, head, memory_order_release);
	}
}

static void close_ring(void *argument)
{
	struct spsc *ring = argument;
	atomic_store_explicit(&ring->closed, true, memory_order_release);
}

int tapio_bench_spsc(const struct tapio_bench_order *order, struct tapio_bench_outcome *outcome)
{
	if (order->pairs != 1 || order->batch < 1 || order->batch > MOST_BATCH)
		return -EINVAL;
	size_t bytes = sizeof(struct spsc) + order->capacity * sizeof(struct tapio_bench_item);
	struct spsc *ring = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
	if (!ring)
		return -ENOMEM;
	// The slots too: their pages are to be there before the start.
	memset(ring, 0, bytes);
	ring->mask = order->capacity - 1;
	const struct work work = {produce, consume, close_ring};
	int status = run_threads(&work, ring, order, outcome);
	free(ring);
	return status;
}
