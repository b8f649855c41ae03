// Cgroups: made, removed, and entered. A container's or a unit's life begins and ends with its cgroup's.
#include "kernel/emit.h"
#include "kernel/scratch.h"
#include "kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/// Whether hierarchies of version 1 other than the memory controller's are told of as well, in which the same
/// containers appear once more; the agent sets it, also while the programs run.
volatile bool tells_all_hierarchies = false;

/// Whether the agent tells processes apart by this cgroup's hierarchy: version 2, or the memory controller's.
static __always_inline bool is_telling(const struct cgroup *group)
{
	if (tells_all_hierarchies || group->root->hierarchy_id == 0)
		return true;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return false;
	__u64 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	const void *memory = NULL;
	bpf_probe_read_kernel(&memory, sizeof memory, (const char *)&group->subsys + index * sizeof(void *));
	return memory != NULL;
}

static __always_inline int tell(__u8 kind, const struct cgroup *group, const char *path,
                                const struct task_struct *target, bool is_process)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	if (!is_telling(group) || tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		return 0;
	}
	struct tapio_cgroup *record = (void *)slot->bytes;
	tapio_fill_task(&record->header, task);
	record->group_id = group->kn->id;
	record->hierarchy = group->root->hierarchy_id;
	record->level = group->level;
	record->is_process = is_process;
	__builtin_memset(record->reserved, 0, sizeof record->reserved);
	if (target) {
		record->target_pid = target->tgid;
		record->target_tid = target->pid;
		__builtin_memcpy(record->target_comm, target->comm, sizeof record->target_comm);
	} else {
		record->target_pid = 0;
		record->target_tid = 0;
		__builtin_memset(record->target_comm, 0, sizeof record->target_comm);
	}
	__u32 end = append_string(record, sizeof *record, &record->path, path);
	tapio_output(&record->header, kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(task), end);
	scratch_release(slot);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_create, struct cgroup *group, const char *path)
{
	return tell(TAPIO_KIND_CGROUP_CREATE, group, path, NULL, false);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_remove, struct cgroup *group, const char *path)
{
	return tell(TAPIO_KIND_CGROUP_REMOVE, group, path, NULL, false);
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach, struct cgroup *group, const char *path, struct task_struct *target, bool is_process)
{
	return tell(TAPIO_KIND_CGROUP_ATTACH, group, path, target, is_process);
}
