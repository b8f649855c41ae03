// A flood of records of one size, for tests of what the rings can hold. Never attached: user space runs the program
// (BPF_PROG_TEST_RUN), and the agent doesn't load it.
#include "kernel/emit.h"
#include "kernel/task.h"
#include "include/tapio_flood.h"

char LICENSE[] SEC("license") = "GPL";

struct flood_record {
	__u8 bytes[TAPIO_RECORD_BYTES];
};

// Zero but for the header: texts are empty, whatever the kind.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flood_record);
} flood_record SEC(".maps");

static long emit(__u64 index, struct tapio_flood_run *run)
{
	__u32 zero = 0;
	struct flood_record *buffer = bpf_map_lookup_elem(&flood_record, &zero);
	__u32 size = run->size;
	if (!buffer || size < sizeof(struct tapio_header) || size > TAPIO_RECORD_BYTES)
		return 1;
	struct tapio_header *record = (struct tapio_header *)buffer->bytes;
	tapio_fill_nobody(record, 0);
	record->pid = (__u32)index;
	tapio_output(record, (__u8)run->kind, (__u8)run->priority, tapio_about_nobody(), size);
	return 0;
}

/// Emits what its context says.
SEC("syscall")
int flood(struct tapio_flood_run *context)
{
	struct tapio_flood_run run = *context;
	bpf_loop(run.count, emit, &run, 0);
	return 0;
}
