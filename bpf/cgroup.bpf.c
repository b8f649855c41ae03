// Cgroups: made, removed, and entered. A container's or a unit's life begins and ends with its cgroup's.
#include "kernel/current.h"
#include "kernel/emit.h"
#include "kernel/exit.h"
#include "kernel/scratch.h"

char LICENSE[] SEC("license") = "GPL";

/// Whether hierarchies of version 1 other than the memory controller's are told of as well, in which the same
/// containers appear once more; the agent sets it, also while the programs run.
volatile bool tells_all_hierarchies = false;

/// What is known of a cgroup while it lives.
struct life {
	/// When it was made; 0 where that was not seen.
	__u64 since_ns;
	/// Processes that ended in it, how many of them with an error or by a signal, and how the last did (wait(2)).
	__u32 ended;
	__u32 failed;
	__u32 last_code;
	__u32 reserved;
};

/// By the inode of the cgroup's directory. Those in which nothing ended for longest make room.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct life);
} lives SEC(".maps");

/// What is read of a cgroup: once, since the verifier looks at each plain load of a pointer for a millisecond.
struct facts {
	__u64 id;
	int hierarchy;
	int level;
	bool is_telling;
};

/// Whether the agent tells processes apart by this cgroup's hierarchy: version 2, or the memory controller's.
static __always_inline bool is_telling(const struct cgroup *group, int hierarchy)
{
	if (tells_all_hierarchies || hierarchy == 0)
		return true;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return false;
	__u64 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	const void *memory = NULL;
	bpf_probe_read_kernel(&memory, sizeof memory, (const char *)&group->subsys + index * sizeof(void *));
	return memory != NULL;
}

static __always_inline struct facts facts_of(const struct cgroup *group)
{
	struct facts facts = {
	    .id = group->kn->id,
	    .hierarchy = group->root->hierarchy_id,
	    .level = group->level,
	};
	facts.is_telling = is_telling(group, facts.hierarchy);
	return facts;
}

/// Fills in how a cgroup's life was, where it ends here.
static __always_inline void fill_life(struct tapio_cgroup *record, __u8 kind)
{
	record->lived_ns = TAPIO_ABSENT_64;
	record->ended = TAPIO_ABSENT_32;
	record->failed = TAPIO_ABSENT_32;
	record->exit_code = TAPIO_ABSENT_32;
	record->signal = 0;
	const struct life *life =
	    kind == TAPIO_KIND_CGROUP_REMOVE ? bpf_map_lookup_elem(&lives, &record->group_id) : NULL;
	if (!life)
		return;
	if (life->since_ns)
		record->lived_ns = bpf_ktime_get_boot_ns() - life->since_ns;
	record->ended = life->ended;
	record->failed = life->failed;
	if (life->ended) {
		record->exit_code = life->last_code >> 8 & 0xff;
		record->signal = life->last_code & 0x7f;
	}
}

static __always_inline int tell(__u8 kind, const struct facts *facts, const char *path,
                                const struct task_struct *target, bool is_process)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	if (!facts->is_telling || tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		return 0;
	}
	struct tapio_cgroup *record = (void *)slot->bytes;
	tapio_fill_current(&record->header);
	record->group_id = facts->id;
	record->hierarchy = facts->hierarchy;
	record->level = facts->level;
	record->is_process = is_process;
	__builtin_memset(record->reserved, 0, sizeof record->reserved);
	fill_life(record, kind);
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
	struct facts facts = facts_of(group);
	if (facts.is_telling) {
		struct life life = {.since_ns = bpf_ktime_get_boot_ns()};
		bpf_map_update_elem(&lives, &facts.id, &life, BPF_ANY);
	}
	return tell(TAPIO_KIND_CGROUP_CREATE, &facts, path, NULL, false);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_remove, struct cgroup *group, const char *path)
{
	struct facts facts = facts_of(group);
	tell(TAPIO_KIND_CGROUP_REMOVE, &facts, path, NULL, false);
	bpf_map_delete_elem(&lives, &facts.id);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach, struct cgroup *group, const char *path, struct task_struct *target, bool is_process)
{
	struct facts facts = facts_of(group);
	return tell(TAPIO_KIND_CGROUP_ATTACH, &facts, path, target, is_process);
}

SEC("tp_btf/sched_process_exit")
int cgroup_exit(__u64 *ctx)
{
	const struct task_struct *task = (const struct task_struct *)ctx[0];
	const struct task_struct *leader = task->group_leader;
	if (!tapio_is_last(ctx, task, leader->start_boottime))
		return 0;
	__u32 code = tapio_exit_code(task->signal, leader);
	__u64 id = tapio_cgroup_of(task);
	struct life *life = bpf_map_lookup_elem(&lives, &id);
	if (!life) { // older than the agent
		struct life unknown = {};
		bpf_map_update_elem(&lives, &id, &unknown, BPF_NOEXIST);
		life = bpf_map_lookup_elem(&lives, &id);
		if (!life)
			return 0;
	}
	__sync_fetch_and_add(&life->ended, 1);
	if (code)
		__sync_fetch_and_add(&life->failed, 1);
	life->last_code = code;
	return 0;
}
