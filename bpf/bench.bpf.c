// Events for benchmarks, as many as are wanted, through the emit path of all programs. Never attached: user space runs
// the programs (BPF_PROG_TEST_RUN), and the agent doesn't load them.
#include "kernel/emit.h"
#include "kernel/task.h"
#include "include/tapio_bench.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TAPIO_BENCH_RECORDS);
	__type(key, __u32);
	__type(value, struct tapio_bench_record);
} bench_records SEC(".maps");

static long emit_mixed(__u64 index, struct tapio_bench_run *run)
{
	__u32 key = (run->first + (__u32)index) & (TAPIO_BENCH_RECORDS - 1);
	struct tapio_bench_record *from = bpf_map_lookup_elem(&bench_records, &key);
	if (!from)
		return 1;
	__u32 size = from->size;
	if (size < sizeof(struct tapio_header) || size > TAPIO_BENCH_RECORD_BYTES)
		return 1;
	struct tapio_header *record = (struct tapio_header *)from->bytes;
	// The stamp is written over the record's own; no two runs at a time use the same records.
	tapio_output(record, record->kind, record->priority, tapio_about(&record->pid, NULL), size);
	return 0;
}

/// Emits records of all kinds and sizes.
SEC("syscall")
int bench_mixed(struct tapio_bench_run *context)
{
	struct tapio_bench_run run = *context;
	bpf_loop(run.count, emit_mixed, &run, 0);
	return 0;
}

static long emit_fixed(__u64 index, struct tapio_bench_run *run)
{
	struct tapio_process_fork *record =
	    tapio_reserve(TAPIO_KIND_PROCESS_FORK, TAPIO_PRIORITY_NORMAL, tapio_about_nobody(), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_nobody(&record->header, 0);
	record->child_start_ns = record->header.time_ns;
	record->child_pid = run->first + (__u32)index;
	record->reserved = 0;
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

/// Emits the same small record again and again: what the rings can take.
SEC("syscall")
int bench_fixed(struct tapio_bench_run *context)
{
	struct tapio_bench_run run = *context;
	bpf_loop(run.count, emit_fixed, &run, 0);
	return 0;
}
