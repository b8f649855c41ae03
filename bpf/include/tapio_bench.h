// What the benchmarks hand to the program that makes events (bench.bpf.c), which includes this file as Swift does.
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

_Static_assert(sizeof(struct tapio_bench_run) == 8, "layout");
_Static_assert(sizeof(struct tapio_bench_record) == 512, "layout");
