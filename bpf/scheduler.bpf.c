// CPUs: how long threads that could run waited for one. Long waits are told one by one, the others are counted.
#include "kernel/report.h"
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

/// Waits of at least that long are told one by one; the agent sets it, also while the program runs.
volatile __u64 long_wait_ns = 50000000;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq {
	__u64 clock;
};

struct sched_info {
	unsigned long long last_queued;
};

/// There in kernels that share CPUs between cgroups, which all of distributions do.
struct cfs_rq {
	struct rq *rq;
};

struct sched_entity___queued {
	struct cfs_rq *cfs_rq;
};

struct task_struct___waiting {
	struct sched_entity___queued se;
	struct sched_info sched_info;
};

#pragma clang attribute pop

struct wait_key {
	__u64 cgroup_id;
	__u64 uid;
};

WINDOW(waits, struct wait_key, struct window_measure, 4096)

/// The scheduler takes down when it queues a thread, and begins anew once that runs, which is after this tracepoint: so
/// nothing need be remembered here.
SEC("tp_btf/sched_switch")
int BPF_PROG(thread_runs, bool is_preempted, struct task_struct *previous, struct task_struct *next)
{
	const __u8 kind = TAPIO_KIND_RUN_QUEUE_WAIT;
	const struct task_struct___waiting *waiting = (const void *)next;
	__u64 queued_ns = waiting->sched_info.last_queued;
	if (!queued_ns || !next->pid) // what is idle does not wait
		return 0;
	// The clock by which the scheduler itself goes.
	__u64 now = waiting->se.cfs_rq->rq->clock;
	__u64 wait_ns = now > queued_ns ? now - queued_ns : 0;
	struct wait_key key = {.uid = next->cred->uid.val};
	key.cgroup_id = tapio_cgroup_of(next);
	if (wait_ns < long_wait_ns) {
		bool is_new;
		struct window_measure *measure = waits_find(&key, &is_new);
		if (measure) {
			tapio_merge(kind);
			window_measure(measure, wait_ns, bpf_ktime_get_boot_ns());
			return 0;
		}
	}
	struct tapio_run_wait *record = tapio_reserve(kind, TAPIO_PRIORITY_LOW, tapio_about_task(next), sizeof *record);
	if (!record)
		return 0;
	record->header.cgroup_id = key.cgroup_id;
	tapio_name_task(&record->header, next);
	record->latency_ns = wait_ns;
	tapio_submit(record, TAPIO_PRIORITY_LOW);
	return 0;
}

static __always_inline void fill_wait(struct tapio_run_wait *record, const struct wait_key *key)
{
	record->header.cgroup_id = key->cgroup_id;
	record->header.uid = (__u32)key->uid;
}

WINDOW_FLUSH(waits, struct wait_key, struct window_measure, struct tapio_run_wait, TAPIO_KIND_RUN_QUEUE_WAIT,
             TAPIO_PRIORITY_LOW, fill_wait, window_fill_measure)
