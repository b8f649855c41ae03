#define _GNU_SOURCE
#include "bench_threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct run {
	const struct work *work;
	void *ring;
	const struct tapio_bench_order *order;
	atomic_uint ready;
	atomic_bool started;
	atomic_bool given_up;
	atomic_uint_fast64_t sum;
};

struct thread {
	struct run *run;
	uint32_t index;
	bool consumes;
	pthread_t handle;
};

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void *run_thread(void *argument)
{
	struct thread *thread = argument;
	struct run *run = thread->run;
	atomic_fetch_add(&run->ready, 1);
	while (!atomic_load_explicit(&run->started, memory_order_acquire))
		sched_yield();
	if (atomic_load(&run->given_up))
		return NULL;
	if (thread->consumes)
		atomic_fetch_add(&run->sum, run->work->consume(run->ring, run->order));
	else
		run->work->produce(run->ring, run->order, thread->index);
	return NULL;
}

/// Starts a thread where it belongs; 0 or a negative errno.
static int start(struct thread *thread, uint32_t place, const struct tapio_bench_order *order)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	if (order->cpu_count > 0) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET((size_t)order->cpus[place % order->cpu_count], &cpus);
		pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
	}
	int status = pthread_create(&thread->handle, &attributes, run_thread, thread);
	pthread_attr_destroy(&attributes);
	return -status;
}

int run_threads(const struct work *work, void *ring, const struct tapio_bench_order *order,
                struct tapio_bench_outcome *outcome)
{
	uint32_t pairs = order->pairs;
	struct run run = {.work = work, .ring = ring, .order = order};
	struct thread *threads = calloc(2 * pairs, sizeof *threads);
	if (!threads)
		return -ENOMEM;
	uint32_t begun = 0;
	int status = 0;
	// Producers first; with two CPUs, producer and consumer of a pair are on different ones.
	for (; begun < 2 * pairs && status == 0; begun++) {
		struct thread *thread = &threads[begun];
		thread->run = &run;
		thread->consumes = begun >= pairs;
		thread->index = begun % pairs;
		status = start(thread, thread->index + (thread->consumes ? 1 : 0), order);
		if (status != 0)
			break;
	}
	while (status == 0 && atomic_load(&run.ready) < 2 * pairs)
		sched_yield();
	uint64_t from = now_ns();
	atomic_store(&run.given_up, status != 0);
	atomic_store_explicit(&run.started, true, memory_order_release);
	for (uint32_t i = 0; i < begun; i++) {
		if (i == pairs && status == 0)
			work->close(ring);
		pthread_join(threads[i].handle, NULL);
	}
	*outcome = (struct tapio_bench_outcome){.duration_ns = now_ns() - from, .sum = atomic_load(&run.sum)};
	free(threads);
	return status;
}
