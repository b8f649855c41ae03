// Who started whom: a process's parents, up to TAPIO_ANCESTORS.
#pragma once

#include "core.h"
#include "../include/tapio_records.h"

/// Appends a process's parents as `struct tapio_ancestor`s, the nearest first, where `end` leaves room for all; gives
/// the new end. By reads that the verifier lets pass: it looks at each plain load of a pointer for a millisecond.
static __always_inline __u32 append_ancestors(void *record, __u32 end, struct tapio_string *into,
                                              struct task_struct *task)
{
	into->offset = end;
	into->length = 0;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	for (__u32 i = 0; i < TAPIO_ANCESTORS; i++) {
		leader = BPF_CORE_READ(leader, real_parent, group_leader);
		// Parents of whoever runs in a container are those that the host sees. The last is the idle task.
		__u32 pid = BPF_CORE_READ(leader, tgid);
		if (!pid)
			break;
		end &= 2047; // for the verifier
		struct tapio_ancestor *ancestor = (void *)((char *)record + end);
		ancestor->start_ns = BPF_CORE_READ(leader, start_boottime);
		ancestor->pid = pid;
		ancestor->reserved = 0;
		BPF_CORE_READ_INTO(&ancestor->comm, leader, comm);
		into->length += sizeof *ancestor;
		end += sizeof *ancestor;
	}
	return end;
}
