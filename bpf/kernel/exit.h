// The end of a process: which of its threads is the last, and what it leaves behind.
#pragma once

#include "task.h"

/// Whether sched_process_exit tells which thread is a process's last (Linux 6.16 and later).
const volatile bool exit_tells_group_dead = false;

#define SIGNAL_GROUP_EXIT 0x00000004 // include/linux/sched/signal.h
#define EEXIST 17                    // include/uapi/asm-generic/errno-base.h

/// Before Linux 6.16 two threads that exit together may both look like the last one: the first to write here is.
struct process_key {
	__u64 start_ns;
	__u64 pid;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct process_key);
	__type(value, __u8);
} exited SEC(".maps");

/// Whether the thread that exits is the last of its process. The count of live threads is taken down before the
/// tracepoint, so that on kernels that don't tell, more than one thread may find it 0.
static __always_inline bool tapio_is_last(const __u64 *ctx, const struct task_struct *task, __u64 start_ns)
{
	if (exit_tells_group_dead)
		return ctx[1] & 1;
	if (task->signal->live.counter != 0)
		return false;
	struct process_key key = {.start_ns = start_ns, .pid = task->tgid};
	__u8 one = 1;
	// Any other failure must not lose the exit.
	return bpf_map_update_elem(&exited, &key, &one, BPF_NOEXIST) != -EEXIST;
}

/// What wait(2) will tell of the process.
static __always_inline __u32 tapio_exit_code(const struct signal_struct *signal, const struct task_struct *leader)
{
	return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
}

/// Fills a header from the last thread of a process, with the process's own name: that of its leader.
static __always_inline void tapio_fill_ended(struct tapio_header *header, const struct task_struct *task,
                                             const struct task_struct *leader)
{
	tapio_fill_task(header, task);
	__builtin_memset(header->comm, 0, sizeof header->comm);
	bpf_probe_read_kernel_str(header->comm, sizeof header->comm, leader->comm);
}
