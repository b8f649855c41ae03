// Who started whom: a process's parents, up to TAPIO_ANCESTORS.
#pragma once

#include "scratch.h"

/// Appends the parents of a process as `struct tapio_ancestor`s, the nearest first, where `end` leaves room for all;
/// gives the new end. By reads that the verifier lets pass: it looks at each plain load of a pointer for a millisecond.
/// Not static, so that it looks at this on its own, and at what follows once.
///
/// `task` is the address of the process's first thread.
__noinline __u32 append_ancestors(struct scratch_slot *slot, __u32 end, __u64 task)
{
	if (!slot)
		return end;
	struct task_struct *leader = (void *)task;
	for (__u32 i = 0; i < TAPIO_ANCESTORS; i++) {
		leader = BPF_CORE_READ(leader, real_parent, group_leader);
		// Parents of whoever runs in a container are those that the host sees. The last is the idle task.
		__u32 pid = BPF_CORE_READ(leader, tgid);
		if (!pid)
			break;
		end &= 2047; // for the verifier
		struct tapio_ancestor *ancestor = (void *)(slot->bytes + end);
		ancestor->start_ns = BPF_CORE_READ(leader, start_boottime);
		ancestor->pid = pid;
		ancestor->reserved = 0;
		BPF_CORE_READ_INTO(&ancestor->comm, leader, comm);
		end += sizeof *ancestor;
	}
	return end;
}
