// The one way by which a program hands an event to user space. Nothing else may call the ring helpers (a test looks).
//
// Every event that a probe decides about is counted once as attempted and once by its outcome, so that
//     attempted = filtered + sampled_out + ring_full + submitted
// holds whatever nests in or runs beside it: counters are per CPU and atomic, since a program may be interrupted by
// another.
#pragma once

#include "core.h"
#include "task.h"
#include "../include/tapio_records.h"

// The shared maps: created once by the agent, reused by every object.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tapio_cpu_state);
} tapio_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tapio_control);
} tapio_control SEC(".maps");

struct tapio_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, TAPIO_LANES);
	__type(key, __u32);
	__array(values, struct tapio_ring);
} tapio_rings SEC(".maps");

#define TAPIO_ADD(state, kind, what, amount) __sync_fetch_and_add(&(state)->counts[(kind)][(what)], (amount))
#define TAPIO_COUNT(state, kind, what) TAPIO_ADD(state, kind, what, 1)

static __always_inline struct tapio_cpu_state *tapio_state(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&tapio_cpu, &zero);
}

static __always_inline struct tapio_control *tapio_settings(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&tapio_control, &zero);
}

static __always_inline __u32 tapio_lane_of(__u8 priority)
{
	return priority <= TAPIO_PRIORITY_HIGH ? TAPIO_LANE_URGENT : TAPIO_LANE_BULK;
}

/// Counts an event that a filter in the program turned away.
static __always_inline void tapio_filtered(__u8 kind)
{
	struct tapio_cpu_state *state = tapio_state();
	if (!state)
		return;
	TAPIO_COUNT(state, kind, TAPIO_COUNT_ATTEMPTED);
	TAPIO_COUNT(state, kind, TAPIO_COUNT_FILTERED);
}

/// Counts an event for which the program itself found no room (its own maps were full or busy), as the ring's fault.
static __always_inline void tapio_refused(__u8 kind)
{
	struct tapio_cpu_state *state = tapio_state();
	if (!state)
		return;
	TAPIO_COUNT(state, kind, TAPIO_COUNT_ATTEMPTED);
	TAPIO_COUNT(state, kind, TAPIO_COUNT_RING_FULL);
}

/// Whether a process is the agent itself, whose events are filtered.
static __always_inline bool tapio_is_agent(__u32 pid)
{
	struct tapio_control *control = tapio_settings();
	return control && control->agent_pid && control->agent_pid == pid;
}

/// The process that an event is about, the one that its record names. Pointers, which are followed only where the kind
/// is sampled by process.
struct tapio_subject {
	/// A task of it; NULL where the other two tell.
	const struct task_struct *task;
	const __u32 *pid;
	const __u64 *start_ns;
};

static __always_inline struct tapio_subject tapio_about_task(const struct task_struct *task)
{
	return (struct tapio_subject){.task = task};
}

/// Pid 0 is nobody; without a start, processes that have one pid in turn share their lot.
static __always_inline struct tapio_subject tapio_about(const __u32 *pid, const __u64 *start_ns)
{
	return (struct tapio_subject){.pid = pid, .start_ns = start_ns};
}

static __always_inline struct tapio_subject tapio_about_nobody(void)
{
	return (struct tapio_subject){};
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of `x`.
static __always_inline __u64 tapio_mix(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/// A number below TAPIO_KEEP_ALL, evenly spread. That of a process is always the same, so that it is kept whole, and
/// that what a lower probability keeps a higher one keeps too.
static __always_inline __u32 tapio_lot(const struct tapio_control *control, __u8 kind, struct tapio_subject subject)
{
	if (control->mode[kind] == TAPIO_SAMPLE_PER_PROCESS) {
		__u32 pid = subject.task ? subject.task->tgid : subject.pid ? *subject.pid : 0;
		__u64 start_ns = subject.task ? tapio_start_of(subject.task) : subject.start_ns ? *subject.start_ns : 0;
		if (pid)
			return tapio_mix(tapio_mix(start_ns + ((__u64)control->salt << 32)) + pid) >> 34;
	}
	return bpf_get_prandom_u32() >> 2;
}

/// Counts the attempt and draws the lot: the keep probability in force, or 0 where the event is sampled out.
static __always_inline __u32 tapio_admit(struct tapio_cpu_state *state, __u8 kind, __u8 priority,
                                         struct tapio_subject subject)
{
	TAPIO_COUNT(state, kind, TAPIO_COUNT_ATTEMPTED);
	struct tapio_control *control = tapio_settings();
	__u32 keep = control ? control->keep[kind] : TAPIO_KEEP_ALL;
	if (!control || keep >= TAPIO_KEEP_ALL || priority == TAPIO_PRIORITY_CRITICAL)
		return TAPIO_KEEP_ALL;
	if (tapio_lot(control, kind, subject) < keep)
		return keep;
	TAPIO_COUNT(state, kind, TAPIO_COUNT_SAMPLED_OUT);
	if (!keep)
		TAPIO_COUNT(state, kind, TAPIO_COUNT_COUNTED_ONLY);
	return 0;
}

static __always_inline void *tapio_ring_of(__u8 priority)
{
	__u32 index = bpf_get_smp_processor_id() * TAPIO_LANES + tapio_lane_of(priority);
	return bpf_map_lookup_elem(&tapio_rings, &index);
}

static __always_inline void tapio_stamp(struct tapio_header *header, struct tapio_cpu_state *state, __u8 kind,
                                        __u8 priority, __u32 keep)
{
	header->time_ns = bpf_ktime_get_boot_ns();
	header->sequence = __sync_fetch_and_add(&state->lane_sequence[tapio_lane_of(priority)], 1);
	header->keep = keep;
	header->cpu = (__u16)bpf_get_smp_processor_id();
	header->kind = kind;
	header->priority = priority;
}

/// Whether a burst has filled the bulk ring of this CPU to a part that the reader should not sleep over.
static __always_inline bool tapio_is_filling(__u8 priority)
{
	void *ring = tapio_ring_of(priority);
	return ring && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) * TAPIO_WAKE_PART >=
	                   bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
}

/// An urgent event wakes this CPU's reader once per sleep, and so does a bulk ring that fills up; all else is found by
/// its timer.
static __always_inline __u64 tapio_wakeup(__u8 priority)
{
	struct tapio_control *control = tapio_settings();
	if (!control)
		return BPF_RB_NO_WAKEUP;
	__u32 *waiting = &control->reader_waiting[bpf_get_smp_processor_id() & (TAPIO_WAIT_SLOTS - 1)];
	if (!*waiting)
		return BPF_RB_NO_WAKEUP;
	if (tapio_lane_of(priority) != TAPIO_LANE_URGENT && !tapio_is_filling(priority))
		return BPF_RB_NO_WAKEUP;
	*waiting = 0;
	return BPF_RB_FORCE_WAKEUP;
}

/// Room for a record of constant `size` in this CPU's ring, stamped; NULL where it was sampled out or the ring is full.
/// What this returns must go to tapio_submit. Fields other than the stamp hold old bytes: fill all of them.
static __always_inline void *tapio_reserve(__u8 kind, __u8 priority, struct tapio_subject subject, __u64 size)
{
	struct tapio_cpu_state *state = tapio_state();
	if (!state)
		return NULL;
	__u32 keep = tapio_admit(state, kind, priority, subject);
	if (!keep)
		return NULL;
	void *ring = tapio_ring_of(priority);
	struct tapio_header *record = ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
	if (!record) {
		TAPIO_COUNT(state, kind, TAPIO_COUNT_RING_FULL);
		return NULL;
	}
	tapio_stamp(record, state, kind, priority, keep);
	// Counted before it is visible: the reader never receives more than was submitted.
	TAPIO_COUNT(state, kind, TAPIO_COUNT_SUBMITTED);
	return record;
}

static __always_inline void tapio_submit(void *record, __u8 priority)
{
	bpf_ringbuf_submit(record, tapio_wakeup(priority));
}

/// The same for a record of variable size that was built in memory of the program's own (a per-CPU map's value): stamps
/// it, and copies `size` bytes, at most TAPIO_RECORD_BYTES, into the ring.
static __always_inline void tapio_output(struct tapio_header *record, __u8 kind, __u8 priority,
                                         struct tapio_subject subject, __u32 size)
{
	struct tapio_cpu_state *state = tapio_state();
	if (!state)
		return;
	__u32 keep = tapio_admit(state, kind, priority, subject);
	if (!keep)
		return;
	void *ring = tapio_ring_of(priority);
	if (!ring || size > TAPIO_RECORD_BYTES) {
		TAPIO_COUNT(state, kind, TAPIO_COUNT_RING_FULL);
		return;
	}
	struct bpf_dynptr room;
	// A failed reservation, too, must be given back: the verifier insists.
	if (bpf_ringbuf_reserve_dynptr(ring, size, 0, &room) != 0) {
		TAPIO_COUNT(state, kind, TAPIO_COUNT_RING_FULL);
		bpf_ringbuf_discard_dynptr(&room, BPF_RB_NO_WAKEUP);
		return;
	}
	tapio_stamp(record, state, kind, priority, keep);
	// Looked at again: the verifier of Linux 6.1 forgets the bounds of what was on the stack meanwhile.
	asm volatile("" : "+r"(size));
	if (size <= TAPIO_RECORD_BYTES)
		bpf_dynptr_write(&room, 0, record, size, 0);
	TAPIO_COUNT(state, kind, TAPIO_COUNT_SUBMITTED);
	bpf_ringbuf_submit_dynptr(&room, tapio_wakeup(priority));
}

/// Counts an event that went into a window of the program's own, out of which tapio_reserve_merged will take it.
static __always_inline void tapio_merge(__u8 kind)
{
	struct tapio_cpu_state *state = tapio_state();
	if (!state)
		return;
	TAPIO_COUNT(state, kind, TAPIO_COUNT_ATTEMPTED);
	TAPIO_COUNT(state, kind, TAPIO_COUNT_MERGED);
}

/// Room for what was merged of `count` events, as tapio_reserve gives it; NULL where the ring is full, and nothing is
/// counted then. It is not sampled: it stands for all of them.
static __always_inline void *tapio_reserve_merged(__u8 kind, __u8 priority, __u64 count, __u64 size)
{
	struct tapio_cpu_state *state = tapio_state();
	void *ring = tapio_ring_of(priority);
	struct tapio_header *record = state && ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
	if (!record)
		return NULL;
	tapio_stamp(record, state, kind, priority, TAPIO_KEEP_MERGED);
	TAPIO_ADD(state, kind, TAPIO_COUNT_SUBMITTED, count);
	TAPIO_ADD(state, kind, TAPIO_COUNT_TOLD, count);
	return record;
}

/// Counts events of a window as lost that found no room to the very end.
static __always_inline void tapio_lose_merged(__u8 kind, __u64 count)
{
	struct tapio_cpu_state *state = tapio_state();
	if (state)
		TAPIO_ADD(state, kind, TAPIO_COUNT_RING_FULL, count);
}
