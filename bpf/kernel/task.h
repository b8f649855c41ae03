// Who did it: fills the part of a record's header that names a task.
#pragma once

#include "core.h"
#include "../include/tapio_records.h"

// The verifier looks at a plain load of a pointer for a millisecond, on each way that leads there, but for one that is
// loaded by such a pointer itself (kernel/bpf/btf.c: btf_nested_type_is_trusted). So what branches comes last.

/// Inode of the directory of the task's cgroup. On hybrid hosts, where every task sits in the root of the v2
/// hierarchy, the memory controller's v1 cgroup tells containers apart instead.
static __always_inline __u64 tapio_cgroup_of(const struct task_struct *task)
{
	const struct css_set *set = task->cgroups;
	const struct cgroup *group = set->dfl_cgrp;
	const struct kernfs_node *node = group->kn;
	if (group->level == 0 && bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		__u64 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		// The index is known only after relocation, which the compiler cannot use for a field access. To the
		// verifier it is a constant, so that plain loads do, which cost a fraction of what helpers do.
		struct cgroup_subsys_state *css =
		    *(struct cgroup_subsys_state **)((const char *)&set->subsys + index * sizeof(void *));
		__u64 id = css ? css->cgroup->kn->id : 0;
		if (id)
			return id;
	}
	return node->id;
}

/// Start of the task's process, ns since boot.
static __always_inline __u64 tapio_start_of(const struct task_struct *task)
{
	return task->group_leader->start_boottime;
}

/// Fills pid, tid, ppid, uid and comm from `task`: a pointer that the verifier knows (a tp_btf argument, an iterator's
/// task or bpf_get_current_task_btf()).
static __always_inline void tapio_name_task(struct tapio_header *header, const struct task_struct *task)
{
	header->pid = task->tgid;
	header->tid = task->pid;
	header->ppid = task->real_parent->tgid;
	header->uid = task->cred->uid.val;
	// The kernel pads it with NUL, and ends it with one.
	__builtin_memcpy(header->comm, task->comm, sizeof header->comm);
}

/// Fills the same and cgroup_id. The stamp fills the rest.
static __always_inline void tapio_fill_task(struct tapio_header *header, const struct task_struct *task)
{
	tapio_name_task(header, task);
	header->cgroup_id = tapio_cgroup_of(task);
}

/// Who did it, as a part of a key: without gaps.
struct tapio_who {
	__u64 cgroup_id;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 reserved;
	char comm[TAPIO_COMM_BYTES];
};

/// Fills all of it from `task`, which the verifier knows.
static __always_inline void tapio_fill_who(struct tapio_who *who, const struct task_struct *task)
{
	who->pid = task->tgid;
	who->ppid = task->real_parent->tgid;
	who->uid = task->cred->uid.val;
	who->reserved = 0;
	__builtin_memcpy(who->comm, task->comm, sizeof who->comm);
	who->cgroup_id = tapio_cgroup_of(task);
}

/// Fills a header with what a key holds of a task: all but the thread.
static __always_inline void tapio_fill_from_who(struct tapio_header *header, const struct tapio_who *who)
{
	header->cgroup_id = who->cgroup_id;
	header->pid = who->pid;
	header->ppid = who->ppid;
	header->uid = who->uid;
	__builtin_memcpy(header->comm, who->comm, sizeof header->comm);
}

/// Fills a header whose task nobody knows, from the cgroup that is known by other means (or 0).
static __always_inline void tapio_fill_nobody(struct tapio_header *header, __u64 cgroup_id)
{
	header->cgroup_id = cgroup_id;
	header->pid = 0;
	header->tid = 0;
	header->ppid = 0;
	header->uid = TAPIO_ABSENT_32;
	__builtin_memset(header->comm, 0, sizeof header->comm);
}

/// Makes all of a record of `size` bytes zero but for its stamp, and its task nobody.
static __always_inline void tapio_clear(struct tapio_header *header, __u64 size)
{
	__builtin_memset(header + 1, 0, size - sizeof *header);
	tapio_fill_nobody(header, 0);
}
