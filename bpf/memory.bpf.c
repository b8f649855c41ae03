// Memory: who was killed when there was none left, who had to wait for some, and who for what was on a disk.
#include "kernel/report.h"
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

/// Bits of a page's size.
const volatile __u32 page_shift = 12;
/// Reclaims that took less are not told of; the agent sets it, also while the programs run.
volatile __u64 reclaim_least_ns = 1000000;

// include/linux/mm_types_task.h
#define MM_FILEPAGES 0
#define MM_ANONPAGES 1
#define MM_SHMEMPAGES 3

/// Cgroups above one another that are looked at.
#define CGROUP_DEPTH 16

/// When the reclaim began that a thread is in.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} reclaims SEC(".maps");

static __always_inline __u64 bytes_of(__s64 pages)
{
	return pages > 0 ? (__u64)pages << page_shift : 0;
}

/// Pages of one sort that are in memory: without what CPUs have not added yet, as in the kernel's own message. A macro,
/// since only a constant index is relocated to the kernel's size of a counter.
#define RESIDENT(mm, sort)                                                                \
	({                                                                                \
		__s64 pages = 0;                                                          \
		const struct mm_struct___one_counter *old = (const void *)(mm);           \
		if (bpf_core_field_exists(old->rss_stat.count))                           \
			bpf_core_read(&pages, sizeof pages, &old->rss_stat.count[sort]);  \
		else                                                                      \
			bpf_core_read(&pages, sizeof pages, &(mm)->rss_stat[sort].count); \
		bytes_of(pages);                                                          \
	})

/// Finds the nearest cgroup, from that of the task upwards, that has a limit and no page left below it.
static __always_inline void fill_limit(struct tapio_oom_kill *record, const struct task_struct *task)
{
	record->full_cgroup_id = TAPIO_ABSENT_64;
	record->limit_bytes = TAPIO_ABSENT_64;
	record->usage_bytes = TAPIO_ABSENT_64;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return;
	const struct css_set *set = task->cgroups;
	__u64 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct cgroup_subsys_state *css = NULL;
	bpf_probe_read_kernel(&css, sizeof css, (const char *)&set->subsys + index * sizeof(void *));
	for (int depth = 0; depth < CGROUP_DEPTH && css; depth++) {
		// The state is the first member of what it is the state of.
		struct mem_cgroup *group = (void *)css;
		unsigned long most = BPF_CORE_READ(group, memory.max);
		__s64 usage = BPF_CORE_READ(group, memory.usage.counter);
		// One that is not limited has the greatest number of pages that a byte count can hold. What another CPU
		// has charged ahead and gives back may be missing from a full one.
		if (most < ~0ull >> 1 >> page_shift && usage + 64 >= (__s64)most) {
			record->full_cgroup_id = BPF_CORE_READ(css, cgroup, kn, id);
			record->limit_bytes = (__u64)most << page_shift;
			record->usage_bytes = bytes_of(usage);
			return;
		}
		css = BPF_CORE_READ(css, parent);
	}
}

static __always_inline void fill_trigger(struct tapio_oom_kill *record)
{
	const struct task_struct *current = bpf_get_current_task_btf();
	record->trigger_pid = current->tgid;
	__builtin_memcpy(record->trigger_comm, current->comm, sizeof record->trigger_comm);
}

SEC("tp_btf/mark_victim")
int BPF_PROG(oom_kill, struct task_struct *victim)
{
	struct tapio_oom_kill *record =
	    tapio_reserve(TAPIO_KIND_OOM_KILL, TAPIO_PRIORITY_CRITICAL, tapio_about_task(victim), sizeof *record);
	if (!record)
		return 0;
	record->start_ns = tapio_start_of(victim);
	record->score_adjustment = victim->signal->oom_score_adj;
	const struct mm_struct *mm = victim->mm;
	tapio_fill_task(&record->header, victim);
	record->virtual_bytes = bytes_of(mm->total_vm);
	record->anonymous_bytes = RESIDENT(mm, MM_ANONPAGES);
	record->file_bytes = RESIDENT(mm, MM_FILEPAGES);
	record->shared_bytes = RESIDENT(mm, MM_SHMEMPAGES);
	record->page_table_bytes = mm->pgtables_bytes.counter;
	fill_limit(record, victim);
	fill_trigger(record);
	tapio_submit(record, TAPIO_PRIORITY_CRITICAL);
	return 0;
}

/// Until Linux 6.8 the tracepoint tells no more than a pid.
SEC("tp_btf/mark_victim")
int oom_kill_by_pid(__u64 *ctx)
{
	struct tapio_oom_kill *record =
	    tapio_reserve(TAPIO_KIND_OOM_KILL, TAPIO_PRIORITY_CRITICAL, tapio_about_nobody(), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_nobody(&record->header, 0);
	record->header.pid = (__u32)ctx[0];
	record->header.tid = (__u32)ctx[0];
	record->start_ns = 0;
	record->score_adjustment = 0;
	record->virtual_bytes = TAPIO_ABSENT_64;
	record->anonymous_bytes = TAPIO_ABSENT_64;
	record->file_bytes = TAPIO_ABSENT_64;
	record->shared_bytes = TAPIO_ABSENT_64;
	record->page_table_bytes = TAPIO_ABSENT_64;
	// Who asked for memory is in the cgroup that has none, or below it.
	fill_limit(record, bpf_get_current_task_btf());
	fill_trigger(record);
	tapio_submit(record, TAPIO_PRIORITY_CRITICAL);
	return 0;
}

static __always_inline int begin_reclaim(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&reclaims, &tid, &now, BPF_ANY);
	return 0;
}

static __always_inline int end_reclaim(__u64 pages, __u8 cause)
{
	const __u8 kind = TAPIO_KIND_MEMORY_RECLAIM;
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	const __u64 *begin = bpf_map_lookup_elem(&reclaims, &tid);
	if (!begin) // it began before the agent did
		return 0;
	__u64 duration_ns = bpf_ktime_get_boot_ns() - *begin;
	bpf_map_delete_elem(&reclaims, &tid);
	const struct task_struct *task = bpf_get_current_task_btf();
	if (duration_ns < reclaim_least_ns || tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct tapio_memory_reclaim *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(task), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_task(&record->header, task);
	record->duration_ns = duration_ns;
	record->reclaimed_bytes = bytes_of(pages);
	record->cause = cause;
	__builtin_memset(record->reserved, 0, sizeof record->reserved);
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int direct_reclaim_begin(__u64 *ctx)
{
	(void)ctx;
	return begin_reclaim();
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int direct_reclaim_end(__u64 *ctx)
{
	return end_reclaim(ctx[0], TAPIO_RECLAIM_DIRECT);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int cgroup_reclaim_begin(__u64 *ctx)
{
	(void)ctx;
	return begin_reclaim();
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int cgroup_reclaim_end(__u64 *ctx)
{
	return end_reclaim(ctx[0], TAPIO_RECLAIM_CGROUP);
}

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/// What programs at perf events are given; what lies before this field differs between machines.
struct bpf_perf_event_data {
	__u64 addr;
};

#pragma clang attribute pop

struct fault_key {
	struct tapio_who who;
};

WINDOW(faults, struct fault_key, struct window_tally, 4096)

/// Runs in the thread itself, once the page is there.
SEC("perf_event")
int major_fault(struct bpf_perf_event_data *event)
{
	const __u8 kind = TAPIO_KIND_MAJOR_FAULT;
	const struct task_struct *task = bpf_get_current_task_btf();
	if (tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct fault_key key;
	tapio_fill_who(&key.who, task);
	bool is_new;
	struct window_tally *tally = faults_find(&key, &is_new);
	if (tally && !is_new) {
		tapio_merge(kind);
		window_count(tally, bpf_ktime_get_boot_ns());
		return 0;
	}
	struct tapio_major_fault *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(task), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_from_who(&record->header, &key.who);
	record->header.tid = task->pid;
	record->address = event->addr;
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

static __always_inline void fill_fault(struct tapio_major_fault *record, const struct fault_key *key)
{
	tapio_fill_from_who(&record->header, &key->who);
}

WINDOW_FLUSH(faults, struct fault_key, struct window_tally, struct tapio_major_fault, TAPIO_KIND_MAJOR_FAULT,
             TAPIO_PRIORITY_NORMAL, fill_fault, window_fill_tally)
