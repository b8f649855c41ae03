// Counts the allocations of one process, thread by thread: only a benchmark attaches it, to the C library's functions.
#include "kernel/core.h"
#include "include/tapio_bench.h"

char LICENSE[] SEC("license") = "GPL";

/// The process that is watched.
const volatile __u32 watched_pid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TAPIO_HEAP_THREADS);
	__type(key, __u32);
	__type(value, struct tapio_heap_thread);
} heap_threads SEC(".maps");

static __always_inline struct tapio_heap_thread *thread_of(__u32 tid)
{
	struct tapio_heap_thread *thread = bpf_map_lookup_elem(&heap_threads, &tid);
	if (thread)
		return thread;
	struct tapio_heap_thread fresh = {};
	bpf_map_update_elem(&heap_threads, &tid, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&heap_threads, &tid);
}

static __always_inline int count(__u32 call)
{
	__u64 who = bpf_get_current_pid_tgid();
	if (who >> 32 != watched_pid)
		return 0;
	struct tapio_heap_thread *thread = thread_of((__u32)who);
	if (!thread) {
		// The map is full: the sum still is right. User space made this element before it attached.
		__u32 others = TAPIO_HEAP_OTHERS;
		thread = bpf_map_lookup_elem(&heap_threads, &others);
		if (!thread)
			return 0;
	} else {
		bpf_get_current_comm(thread->comm, sizeof thread->comm); // a thread allocates before it has its name
	}
	__sync_fetch_and_add(&thread->calls[call], 1);
	return 0;
}

// Named after what they are attached to.
SEC("uprobe")
int count_malloc(void *registers)
{
	return count(TAPIO_HEAP_MALLOC);
}

SEC("uprobe")
int count_calloc(void *registers)
{
	return count(TAPIO_HEAP_CALLOC);
}

SEC("uprobe")
int count_realloc(void *registers)
{
	return count(TAPIO_HEAP_REALLOC);
}

SEC("uprobe")
int count_aligned_alloc(void *registers)
{
	return count(TAPIO_HEAP_ALIGNED);
}

SEC("uprobe")
int count_posix_memalign(void *registers)
{
	return count(TAPIO_HEAP_ALIGNED);
}
