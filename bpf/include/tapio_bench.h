// What the benchmarks share with their programs (bench.bpf.c, calls.bpf.c, heap.bpf.c), which include this file as
// Swift does.
#pragma once

#include "tapio_records.h"

/// Records that `bench_mixed` repeats; a power of two.
#define TAPIO_BENCH_RECORDS 65536
/// Bytes of one of them at most.
#define TAPIO_BENCH_RECORD_BYTES 504

/// What a run of a program emits: `count` events, from the record number `first` on.
struct tapio_bench_run {
	uint32_t first;
	uint32_t count;
};

/// A value of the array `bench_records`: a record that is complete but for its stamp.
struct tapio_bench_record {
	uint32_t size;
	uint32_t reserved;
	uint8_t bytes[TAPIO_BENCH_RECORD_BYTES];
};

/// Kinds of the benchmarks' own block: no collector emits them.
enum {
	TAPIO_KIND_BENCH_CALL = 240,
};

/// bench_call: a system call of a generator.
struct tapio_bench_call {
	struct tapio_header header;
	/// Calls of generators on this CPU before it, from 0: those without a record of their own are counted too.
	uint64_t ordinal;
	/// Since the call before it on this CPU; absent for the first.
	uint64_t duration_ns;
	/// Number of the system call.
	uint32_t call;
	uint32_t reserved;
};

/// Threads whose allocations are told apart; those of all others are added up.
#define TAPIO_HEAP_THREADS 512
/// The key under which those are added up: no thread has it.
#define TAPIO_HEAP_OTHERS 0

/// The ways to allocate that are counted.
enum {
	TAPIO_HEAP_MALLOC = 0,
	TAPIO_HEAP_CALLOC = 1,
	TAPIO_HEAP_REALLOC = 2,
	TAPIO_HEAP_ALIGNED = 3,
	TAPIO_HEAP_CALLS = 4,
};

/// A value of the hash `heap_threads`, whose keys are thread ids: what a thread allocated since the programs were
/// attached.
struct tapio_heap_thread {
	uint64_t calls[TAPIO_HEAP_CALLS];
	/// When it first allocated.
	char comm[TAPIO_COMM_BYTES];
};

_Static_assert(sizeof(struct tapio_bench_call) == 88, "layout");
_Static_assert(sizeof(struct tapio_heap_thread) == 48, "layout");
_Static_assert(sizeof(struct tapio_bench_run) == 8, "layout");
_Static_assert(sizeof(struct tapio_bench_record) == 512, "layout");
