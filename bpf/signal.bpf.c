// Signals: who sent which to whom, and who died of one.
#include "kernel/current.h"
#include "kernel/emit.h"
#include "kernel/exit.h"

char LICENSE[] SEC("license") = "GPL";

/// Whether signals that by default neither end nor stop a process are told of as well; the agent sets it, also while
/// the programs run.
volatile bool tells_harmless = false;

// include/uapi/asm-generic/signal.h
#define SIGILL 4
#define SIGTRAP 5
#define SIGBUS 7
#define SIGFPE 8
#define SIGSEGV 11
#define SIGCHLD 17
#define SIGCONT 18
#define SIGURG 23
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGIO 29
#define SIGSYS 31
#define SIGRTMIN 32

// In the place of the details (include/linux/sched/signal.h).
#define SEND_SIG_NOINFO 0
#define SEND_SIG_PRIV 1

// include/uapi/asm-generic/siginfo.h
#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_QUEUE (-1)
#define SI_TIMER (-2)
#define SI_MESGQ (-3)
#define SI_ASYNCIO (-4)
#define SI_SIGIO (-5)
#define SI_TKILL (-6)
#define SI_ASYNCNL (-60)
#define CODE_UNKNOWN 0x80000000u

#define BIT(signal) (1ull << (signal))
#define FAULTS (BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGSEGV) | BIT(SIGSYS))
#define HARMLESS \
	(BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGVTALRM) | BIT(SIGPROF) | BIT(SIGWINCH) | BIT(SIGIO))

/// The last signal of each number to a process: should the process die of it, this says who it was.
struct pending_key {
	__u64 start_ns;
	__u32 pid;
	__u32 signal;
};
struct pending {
	__u64 time_ns;
	__u64 fault_address;
	__u64 sender_start_ns;
	__u32 sender_pid;
	__u32 sender_uid;
	__u32 code;
	__u8 source;
	__u8 reserved[3];
	char sender_comm[TAPIO_COMM_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct pending_key);
	__type(value, struct pending);
} last_signals SEC(".maps");

/// Not static, so that the verifier does not follow what comes next with each source on its own.
__noinline int source_of(__u32 signal, int code)
{
	switch (code) {
	case SI_USER:
		return TAPIO_SIGNAL_KILL;
	case SI_TKILL:
		return TAPIO_SIGNAL_THREAD;
	case SI_QUEUE:
		return TAPIO_SIGNAL_QUEUE;
	case SI_TIMER:
		return TAPIO_SIGNAL_TIMER;
	case SI_MESGQ:
	case SI_ASYNCIO:
	case SI_SIGIO:
	case SI_ASYNCNL:
		return TAPIO_SIGNAL_IO;
	case SI_KERNEL:
		// The processor tells the kernel of some faults without saying where.
		return signal < SIGRTMIN && BIT(signal) & FAULTS ? TAPIO_SIGNAL_FAULT : TAPIO_SIGNAL_KERNEL;
	default:
		break;
	}
	if (code < 0) // a code of the sender's own: only sigqueue can have one
		return TAPIO_SIGNAL_QUEUE;
	if (signal < SIGRTMIN && BIT(signal) & FAULTS)
		return TAPIO_SIGNAL_FAULT;
	if (signal == SIGCHLD)
		return TAPIO_SIGNAL_CHILD;
	return signal == SIGIO ? TAPIO_SIGNAL_IO : TAPIO_SIGNAL_UNKNOWN;
}

/// Whether the running process sent it. Timers, devices, terminals and the kernel itself interrupt whoever runs.
static __always_inline bool has_sender(__u8 source)
{
	return source == TAPIO_SIGNAL_KILL || source == TAPIO_SIGNAL_THREAD || source == TAPIO_SIGNAL_QUEUE;
}

static __always_inline bool is_harmless(__u32 signal, __u8 source)
{
	return signal >= SIGRTMIN || BIT(signal) & HARMLESS || source == TAPIO_SIGNAL_TIMER;
}

/// What is known of a signal.
struct facts {
	int code;
	__u8 source;
	__u64 fault_address;
};

/// By a read that the verifier lets pass: in a union, that of Linux 6.1 sees the first member alone.
static __always_inline __u64 fault_address_of(struct kernel_siginfo *info)
{
	return (__u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
}

static __always_inline struct facts facts_of(__u32 signal, const struct kernel_siginfo *info)
{
	struct facts facts = {.fault_address = TAPIO_ABSENT_64};
	if ((__u64)info == SEND_SIG_NOINFO)
		facts.code = SI_USER;
	else if ((__u64)info == SEND_SIG_PRIV)
		facts.code = SI_KERNEL;
	else
		facts.code = info->si_code;
	facts.source = (__u8)source_of(signal, facts.code);
	if (facts.source == TAPIO_SIGNAL_FAULT && (__u64)info > SEND_SIG_PRIV)
		facts.fault_address = fault_address_of((struct kernel_siginfo *)info);
	return facts;
}

/// Keeps in mind who sent it, for the case that the target dies of it.
static __always_inline void note(const struct task_struct *target, __u64 target_start_ns,
                                 const struct task_struct *sender, __u32 signal, const struct facts *facts)
{
	struct pending_key key = {.start_ns = target_start_ns, .pid = target->tgid, .signal = signal};
	struct pending pending = {
	    .time_ns = bpf_ktime_get_boot_ns(),
	    .fault_address = facts->fault_address,
	    .sender_uid = TAPIO_ABSENT_32,
	    .code = facts->code,
	    .source = facts->source,
	};
	if (sender) {
		pending.sender_start_ns = tapio_start_of(sender);
		pending.sender_pid = sender->tgid;
		pending.sender_uid = sender->cred->uid.val;
		__builtin_memcpy(pending.sender_comm, sender->comm, sizeof pending.sender_comm);
	}
	bpf_map_update_elem(&last_signals, &key, &pending, BPF_ANY);
}

SEC("tp_btf/signal_generate")
int BPF_PROG(signal_sent, int signal, struct kernel_siginfo *info, struct task_struct *target, int to_process,
             int result)
{
	const __u8 kind = TAPIO_KIND_SIGNAL_SENT;
	__u64 target_start_ns = tapio_start_of(target);
	struct facts facts = facts_of(signal, info);
	const struct task_struct *current = bpf_get_current_task_btf();
	const struct task_struct *sender = has_sender(facts.source) ? current : NULL;
	// What is ignored ends nobody, and what is already pending has its sender noted.
	if (result == 0 && (__u32)signal < SIGRTMIN && !(BIT((__u32)signal) & HARMLESS))
		note(target, target_start_ns, sender, signal, &facts);
	if ((!tells_harmless && is_harmless(signal, facts.source)) || (sender && tapio_is_agent(sender->tgid))) {
		tapio_filtered(kind);
		return 0;
	}
	struct tapio_signal *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(sender ? sender : target), sizeof *record);
	if (!record)
		return 0;
	if (sender)
		tapio_fill_current(&record->header);
	else
		tapio_fill_nobody(&record->header, tapio_cgroup_of(target));
	record->target_start_ns = target_start_ns;
	record->fault_address = facts.fault_address;
	record->target_pid = target->tgid;
	record->target_tid = target->pid;
	record->signal = signal;
	record->code = facts.code;
	__builtin_memcpy(record->target_comm, target->comm, sizeof record->target_comm);
	record->source = facts.source;
	record->result = result;
	record->to_process = to_process != 0;
	__builtin_memset(record->reserved, 0, sizeof record->reserved);
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int signal_death(__u64 *ctx)
{
	const __u8 kind = TAPIO_KIND_SIGNAL_DEATH;
	const struct task_struct *task = (const struct task_struct *)ctx[0];
	const struct task_struct *leader = task->group_leader;
	__u64 start_ns = leader->start_boottime;
	__u32 pid = task->tgid;
	__u32 code = tapio_exit_code(task->signal, leader);
	__u32 signal = code & 0x7f;
	// Most processes end by themselves: they are no events of this kind.
	if (!signal || !tapio_is_last(ctx, task, start_ns))
		return 0;
	struct tapio_signal_death *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_HIGH, tapio_about(&pid, &start_ns), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_ended(&record->header, task, leader);
	record->start_ns = start_ns;
	record->duration_ns = record->header.time_ns - start_ns;
	record->signal = signal;
	record->core_dumped = code >> 7 & 1;
	__builtin_memset(record->reserved, 0, sizeof record->reserved);

	struct pending_key key = {.start_ns = start_ns, .pid = pid, .signal = signal};
	const struct pending *pending = bpf_map_lookup_elem(&last_signals, &key);
	if (pending) {
		record->latency_ns = record->header.time_ns - pending->time_ns;
		record->fault_address = pending->fault_address;
		record->sender_start_ns = pending->sender_start_ns;
		record->sender_pid = pending->sender_pid;
		record->sender_uid = pending->sender_uid;
		record->code = pending->code;
		record->source = pending->source;
		__builtin_memcpy(record->sender_comm, pending->sender_comm, sizeof record->sender_comm);
		bpf_map_delete_elem(&last_signals, &key);
	} else {
		record->latency_ns = TAPIO_ABSENT_64;
		record->fault_address = TAPIO_ABSENT_64;
		record->sender_start_ns = 0;
		record->sender_pid = 0;
		record->sender_uid = TAPIO_ABSENT_32;
		record->code = CODE_UNKNOWN;
		record->source = TAPIO_SIGNAL_UNKNOWN;
		__builtin_memset(record->sender_comm, 0, sizeof record->sender_comm);
	}
	tapio_submit(record, TAPIO_PRIORITY_HIGH);
	return 0;
}
