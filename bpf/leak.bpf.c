// Heap memory: what chosen processes allocated and have not freed, by the stack that asked for it.
//
// User space attaches the programs to the functions of allocators: one at each entry, and `leave` at each return. An
// allocation is drawn by its size, and lies in `live` from the return of its call until it is freed. From time to time
// user space runs `collect`, which adds up what is there, and tells that.
#include "kernel/exit.h"
#include "kernel/report.h"
#include "kernel/scratch.h"

char LICENSE[] SEC("license") = "GPL";

/// Mean number of allocated bytes between two allocations that are kept; up to 1 all are. The agent sets it, also while
/// the programs run.
volatile __u64 sample_bytes = 0;
/// Counts the times that `collect` told: stacks that no allocation had in the last one are removed.
volatile __u32 stack_round = 1;

/// Allocators give no less, so that a smaller allocation is drawn as one of that size.
#define SMALLEST_BLOCK 16
#define CLOCK_TICK_NS 10000000ull // 1 / USER_HZ
#define BPF_F_USER_STACK (1ull << 8)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/// Tells the architectures apart: only that of ARM has the field.
struct pt_regs___arm64 {
	__u64 regs[31];
};

#pragma clang attribute pop

// Registers of a thread, as they lie on all kernels (arch/*/include/uapi/asm/ptrace.h). Their places have to be
// constants to the verifier, which relocated ones of this context are not.
struct x86_registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	__u64 ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp;
};
struct arm64_registers {
	__u64 regs[31];
	__u64 sp;
};

#define IS_ARM64 bpf_core_field_exists(struct pt_regs___arm64, regs)
// In the machine's words, or else the compiler would make one load of the two.
#define LOAD(base, type, member)                                                  \
	({                                                                        \
		__u64 value;                                                      \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                             \
		             : "=r"(value)                                        \
		             : "r"(base), "i"(__builtin_offsetof(type, member))); \
		value;                                                            \
	})
#define REGISTER(registers, x86, arm64) \
	(IS_ARM64 ? LOAD(registers, struct arm64_registers, arm64) : LOAD(registers, struct x86_registers, x86))
#define ARGUMENT_1(registers) REGISTER(registers, di, regs[0])
#define ARGUMENT_2(registers) REGISTER(registers, si, regs[1])
#define ARGUMENT_3(registers) REGISTER(registers, dx, regs[2])
#define RESULT(registers) REGISTER(registers, ax, regs[0])
#define STACK_POINTER(registers) REGISTER(registers, sp, sp)

/// Names of processes that are to be followed.
struct process_name {
	char comm[TAPIO_COMM_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct process_name);
	__type(value, __u8);
} names SEC(".maps");

/// Processes that are to be followed: pid to start, in clock ticks since boot.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} pids SEC(".maps");

/// Those that are followed. Whoever is among them stays, whatever its name becomes: else its calls of free() would not
/// be seen any more.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct tapio_leak_process);
} processes SEC(".maps");

struct block {
	__u32 pid;
	__u32 reserved;
	__u64 since_ns;
	__u64 address;
};

/// How much a kept allocation stands for.
struct share {
	__u64 bytes;
	/// In parts of TAPIO_LEAK_ONE.
	__u64 allocations;
};

struct allocation {
	struct share share;
	__u64 made_ns;
	__u64 stack;
};

/// Kept allocations that were not freed. The agent sets its capacity.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct block);
	__type(value, struct allocation);
} live SEC(".maps");

/// The same of `stacks`.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct tapio_leak_stack);
} stacks SEC(".maps");

/// What `collect` found. User space empties it.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct tapio_leak_group);
	__type(value, struct tapio_leak_sum);
} outstanding SEC(".maps");

/// A call that has not returned yet.
struct call {
	__u64 since_ns;
	/// At the entry.
	__u64 stack_pointer;
	/// Where posix_memalign() writes the address; 0 for all others, which return it.
	__u64 into;
	__u64 size;
	/// Nothing where the allocation was not drawn.
	struct share share;
	/// What realloc() takes back, and comes to be again where it fails.
	__u64 old_address;
	struct allocation old;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TAPIO_LEAK_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} leak_counts SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *value = bpf_map_lookup_elem(&leak_counts, &what);
	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline bool is_chosen(const struct process_name *name, __u32 pid, __u64 start_ns)
{
	if (bpf_map_lookup_elem(&names, name))
		return true;
	const __u64 *start_ticks = bpf_map_lookup_elem(&pids, &pid);
	return start_ticks && *start_ticks == start_ns / CLOCK_TICK_NS;
}

/// Follows the process that calls from now on; 0 where it was not chosen. Not static, so that the verifier looks at it
/// on its own.
__noinline int follow(__u64 how)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct task_struct *leader = task->group_leader;
	__u32 pid = task->tgid;
	__u64 start_ns = leader->start_boottime;
	struct process_name name;
	__builtin_memcpy(name.comm, leader->comm, sizeof name.comm);
	if (!is_chosen(&name, pid, start_ns))
		return 0;
	struct tapio_leak_process fresh = {
	    .start_ns = start_ns,
	    .since_ns = bpf_ktime_get_boot_ns(),
	    .pid = pid,
	    .ppid = task->real_parent->tgid,
	    .uid = task->cred->uid.val,
	};
	__builtin_memcpy(fresh.comm, name.comm, sizeof fresh.comm);
	fresh.cgroup_id = tapio_cgroup_of(task);
	bpf_map_update_elem(&processes, &pid, &fresh, how);
	return 1;
}

/// The process that calls, if it is one that is followed.
static __always_inline struct tapio_leak_process *caller(void)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u32 pid = task->tgid;
	__u64 start_ns = tapio_start_of(task);
	struct tapio_leak_process *process = bpf_map_lookup_elem(&processes, &pid);
	if (process && process->start_ns == start_ns)
		return process;
	// Another thread may be quicker, but for a process of that pid that is gone.
	if (!follow(process ? BPF_ANY : BPF_NOEXIST))
		return NULL;
	process = bpf_map_lookup_elem(&processes, &pid);
	if (!process)
		count(TAPIO_LEAK_NO_PROCESS);
	return process;
}

static __always_inline struct block block_of(__u32 pid, __u64 since_ns, __u64 address)
{
	return (struct block){.pid = pid, .since_ns = since_ns, .address = address};
}

/// Draws an allocation with a probability of its size by `sample_bytes`, and gives it the inverse as its share: so sums
/// of shares are right in the mean, of bytes as well as of allocations. False: it is not kept.
static __always_inline bool draw(__u64 size, struct share *share)
{
	__u64 mean = sample_bytes;
	__u64 extent = size > SMALLEST_BLOCK ? size : SMALLEST_BLOCK;
	*share = (struct share){.bytes = size, .allocations = TAPIO_LEAK_ONE};
	if (mean <= 1 || mean <= extent)
		return true;
	// Neither product passes 64 bits: the mean is at most 1 GiB, and the extent is below it.
	if (bpf_get_prandom_u32() >= (extent << 32) / mean) {
		*share = (struct share){};
		return false;
	}
	share->bytes = size == extent ? mean : size * mean / extent;
	share->allocations = mean * TAPIO_LEAK_ONE / extent;
	return true;
}

/// A call begins that may allocate, and that may take back what is at `old`.
static __always_inline int enter(const void *registers, __u64 size, __u64 old, __u64 into)
{
	struct tapio_leak_process *process = caller();
	if (!process)
		return 0;
	struct call call = {
	    .since_ns = process->since_ns,
	    .stack_pointer = STACK_POINTER(registers),
	    .into = into,
	    .size = size,
	};
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	// Allocators call themselves: the outermost call counts. One from which no return was seen lies further down
	// than its thread is now.
	const struct call *outer = bpf_map_lookup_elem(&calls, &tid);
	if (outer && outer->since_ns == call.since_ns && outer->stack_pointer >= call.stack_pointer)
		return 0;
	draw(size, &call.share);
	// Taken now: once it is freed, another thread may be given its address before this call returns.
	struct block block = block_of(process->pid, process->since_ns, old);
	const struct allocation *taken = old ? bpf_map_lookup_elem(&live, &block) : NULL;
	if (taken) {
		call.old = *taken;
		call.old_address = old;
		bpf_map_delete_elem(&live, &block);
	}
	if (bpf_map_update_elem(&calls, &tid, &call, BPF_ANY) != 0) {
		__sync_fetch_and_add(&process->untracked_bytes, call.share.bytes);
		count(TAPIO_LEAK_NO_ALLOCATION);
	}
	return 0;
}

/// Bytes of an array; more than there is memory for where their product passes 64 bits, so that the call fails.
static __always_inline __u64 product(__u64 count, __u64 size)
{
	__u64 most = size ? ~0ull / size : ~0ull;
	// Else the compiler makes a product of 128 bits of it, which there is none of here.
	asm volatile("" : "+r"(most));
	return count > most ? ~0ull : count * size;
}

SEC("uprobe")
int enter_malloc(void *registers)
{
	return enter(registers, ARGUMENT_1(registers), 0, 0);
}

SEC("uprobe")
int enter_calloc(void *registers)
{
	return enter(registers, product(ARGUMENT_1(registers), ARGUMENT_2(registers)), 0, 0);
}

/// aligned_alloc() and memalign().
SEC("uprobe")
int enter_aligned(void *registers)
{
	return enter(registers, ARGUMENT_2(registers), 0, 0);
}

SEC("uprobe")
int enter_posix_memalign(void *registers)
{
	return enter(registers, ARGUMENT_3(registers), 0, ARGUMENT_1(registers));
}

SEC("uprobe")
int enter_realloc(void *registers)
{
	return enter(registers, ARGUMENT_2(registers), ARGUMENT_1(registers), 0);
}

SEC("uprobe")
int enter_reallocarray(void *registers)
{
	return enter(registers, product(ARGUMENT_2(registers), ARGUMENT_3(registers)), ARGUMENT_1(registers), 0);
}

SEC("uprobe")
int enter_free(void *registers)
{
	__u64 address = ARGUMENT_1(registers);
	const struct tapio_leak_process *process = address ? caller() : NULL;
	if (!process)
		return 0;
	struct block block = block_of(process->pid, process->since_ns, address);
	bpf_map_delete_elem(&live, &block);
	return 0;
}

/// Keeps the stack of the calling thread, by its frame pointers: the key of it in `stacks`, or 0.
static __always_inline __u64 keep_stack(void *registers)
{
	struct scratch_slot *slot = scratch_claim();
	if (!slot)
		return 0;
	struct tapio_leak_stack *stack = (void *)slot->bytes;
	__u64 key = 0;
	long bytes = bpf_get_stack(registers, stack->frames, sizeof stack->frames, BPF_F_USER_STACK);
	if (bytes > 0) {
		stack->count = (__u32)bytes / sizeof(__u64);
		stack->round = stack_round;
		for (__u32 i = 0; i < TAPIO_LEAK_FRAMES && i < stack->count; i++)
			key = tapio_mix(key + stack->frames[i]);
		key = key ? key : 1;
		struct tapio_leak_stack *known = bpf_map_lookup_elem(&stacks, &key);
		if (known)
			known->round = stack->round;
		else if (bpf_map_update_elem(&stacks, &key, stack, BPF_ANY) != 0)
			key = 0;
	}
	scratch_release(slot);
	return key;
}

/// A call returns that may have allocated. The stack is that of who called it: the function's own frame is gone.
SEC("uretprobe")
int leave(void *registers)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	const struct call *found = bpf_map_lookup_elem(&calls, &tid);
	if (!found)
		return 0;
	// On x86-64 the return takes its address off the stack.
	__u64 entered = STACK_POINTER(registers) - (IS_ARM64 ? 0 : 8);
	if (found->stack_pointer != entered)
		return 0;
	struct call call = *found;
	bpf_map_delete_elem(&calls, &tid);
	if (!call.share.allocations && !call.old_address)
		return 0;
	struct tapio_leak_process *process = caller();
	if (!process || process->since_ns != call.since_ns)
		return 0;
	__u64 address = RESULT(registers);
	if (call.into && (address || bpf_probe_read_user(&address, sizeof address, (const void *)call.into) != 0))
		address = 0;
	struct allocation made = {.share = call.share, .made_ns = bpf_ktime_get_boot_ns()};
	if (!address) {
		// realloc() to nothing frees, and returns nothing.
		if (!call.old_address || !call.size)
			return 0;
		address = call.old_address;
		made = call.old;
	} else if (!call.share.allocations) {
		return 0;
	} else {
		made.stack = keep_stack(registers);
		if (!made.stack)
			count(TAPIO_LEAK_NO_STACK);
	}
	struct block block = block_of(process->pid, process->since_ns, address);
	if (bpf_map_update_elem(&live, &block, &made, BPF_ANY) != 0) {
		__sync_fetch_and_add(&process->untracked_bytes, made.share.bytes);
		count(TAPIO_LEAK_NO_ALLOCATION);
	}
	return 0;
}

static __always_inline void forget(__u32 pid)
{
	if (bpf_map_delete_elem(&processes, &pid) == 0)
		count(TAPIO_LEAK_ENDED);
}

SEC("tp_btf/sched_process_exit")
int forget_exited(__u64 *ctx)
{
	const struct task_struct *task = (const struct task_struct *)ctx[0];
	__u32 pid = task->tgid, tid = task->pid;
	bpf_map_delete_elem(&calls, &tid);
	if (!bpf_map_lookup_elem(&processes, &pid))
		return 0;
	if (tapio_is_last(ctx, task, tapio_start_of(task)))
		forget(pid);
	return 0;
}

/// All that it had allocated is gone with the program that it was.
SEC("tp_btf/sched_process_exec")
int BPF_PROG(forget_replaced, struct task_struct *task)
{
	forget(task->tgid);
	return 0;
}

static long add_up(void *map, const struct block *block, const struct allocation *allocation,
                   struct tapio_leak_collect *collect)
{
	__u32 pid = block->pid;
	const struct tapio_leak_process *process = bpf_map_lookup_elem(&processes, &pid);
	if (!process || process->since_ns != block->since_ns) {
		bpf_map_delete_elem(map, block);
		return 0;
	}
	struct tapio_leak_group group = {.pid = pid, .since_ns = block->since_ns, .stack = allocation->stack};
	struct tapio_leak_stack *stack = bpf_map_lookup_elem(&stacks, &group.stack);
	if (stack)
		stack->round = collect->round;
	if (allocation->made_ns >= collect->before_ns)
		return 0;
	struct tapio_leak_sum *sum = bpf_map_lookup_elem(&outstanding, &group);
	if (!sum) {
		const struct tapio_leak_sum nothing = {.oldest_ns = ~0ull};
		bpf_map_update_elem(&outstanding, &group, &nothing, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&outstanding, &group);
	}
	if (!sum) {
		collect->unplaced++;
		return 0;
	}
	sum->bytes += allocation->share.bytes;
	sum->allocations += allocation->share.allocations;
	sum->samples++;
	if (allocation->made_ns < sum->oldest_ns)
		sum->oldest_ns = allocation->made_ns;
	return 0;
}

static long remove_unused(void *map, const __u64 *key, const struct tapio_leak_stack *stack,
                          const struct tapio_leak_collect *collect)
{
	// One that was just kept may be that of an allocation that is not in its map yet.
	if (stack->round + 1 < collect->round)
		bpf_map_delete_elem(map, key);
	return 0;
}

/// Adds up what is outstanding, into an empty map, and removes what belongs to nobody any more.
SEC("syscall")
int collect(struct tapio_leak_collect *context)
{
	struct tapio_leak_collect collect = {.before_ns = context->before_ns, .round = context->round};
	bpf_for_each_map_elem(&live, add_up, &collect, 0);
	bpf_for_each_map_elem(&stacks, remove_unused, &collect, 0);
	context->unplaced = collect.unplaced;
	return 0;
}
