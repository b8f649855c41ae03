// One event for each system call of the benchmarks' generators, at the speed at which a process can call: only
// benchmarks attach it.
#include "kernel/emit.h"
#include "kernel/task.h"
#include "include/tapio_bench.h"

char LICENSE[] SEC("license") = "GPL";

/// The system call, as this machine numbers it.
const volatile __u32 call_number = 0;
/// The process that started the generators: calls of its children are events, all others are none and not counted.
const volatile __u32 parent_pid = 0;

struct call_state {
	__u64 calls;
	__u64 last_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call_state);
} call_states SEC(".maps");

// The raw tracepoint: the one of each call (syscalls:sys_enter_…) goes through perf's handler, which costs the caller
// about twice as much (265 ns instead of 125).
SEC("tp_btf/sys_enter")
int BPF_PROG(bench_call, struct pt_regs *registers, long number)
{
	if (number != call_number)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	if ((__u32)task->real_parent->tgid != parent_pid)
		return 0;
	__u32 zero = 0;
	struct call_state *state = bpf_map_lookup_elem(&call_states, &zero);
	if (!state)
		return 0;
	// Another generator may take this CPU in between: each gets a number of its own.
	__u64 ordinal = __sync_fetch_and_add(&state->calls, 1);
	struct tapio_bench_call *record =
	    tapio_reserve(TAPIO_KIND_BENCH_CALL, TAPIO_PRIORITY_LOW, tapio_about_task(task), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_task(&record->header, task);
	record->ordinal = ordinal;
	record->duration_ns = state->last_ns ? record->header.time_ns - state->last_ns : TAPIO_ABSENT_64;
	record->call = call_number;
	record->reserved = 0;
	state->last_ns = record->header.time_ns;
	tapio_submit(record, TAPIO_PRIORITY_LOW);
	return 0;
}
