// What changes who may do what: credentials, tracing of other processes, modules, BPF programs, mounts, namespaces and
// capabilities. Calls are told when they return, with what became of them.
#include "kernel/call.h"
#include "kernel/current.h"
#include "kernel/path.h"
#include "kernel/scratch.h"
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

/// What a system call is watched for.
enum {
	WATCH_NOTHING,
	WATCH_CREDENTIALS,
	WATCH_PTRACE,
	WATCH_PROCESS_MEMORY,
	WATCH_MODULE,
	WATCH_MODULE_FILE,
	WATCH_MODULE_NAME,
	WATCH_BPF,
	WATCH_MOUNT,
	WATCH_MOVE_MOUNT,
	WATCH_UNMOUNT,
	WATCH_PIVOT_ROOT,
	WATCH_UNSHARE,
	WATCH_SETNS,
};

/// What each system call is watched for, by its number; the agent knows the numbers of this architecture.
const volatile __u8 watched_calls[CALL_NUMBERS] = {};

/// What the machine's first process may do: whoever has all of that is not told of.
const volatile __u64 full_capabilities = (1ull << 40) - 1;

/// Whether capabilities that somebody lacked are told of as well; the agent sets it, also while the programs run.
volatile bool tells_denied = false;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kgid_t;

/// Since Linux 6.3, and so wherever the tracepoint for capabilities is.
typedef struct {
	__u64 val;
} kernel_cap_t;

struct cred___ids {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_effective;
};

#pragma clang attribute pop

/// Ids of a thread that is in a call that may change them.
struct ids {
	__u32 uid;
	__u32 euid;
	__u32 gid;
	__u32 egid;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u32);
	__type(value, struct ids);
} changes SEC(".maps");

static __always_inline struct ids ids_of(const struct task_struct *task)
{
	const struct cred___ids *cred = (const void *)task->cred;
	return (struct ids){cred->uid.val, cred->euid.val, cred->gid.val, cred->egid.val};
}

/// What the current call is watched for.
static __always_inline __u8 watch_of(__u32 number)
{
	return number < CALL_NUMBERS ? watched_calls[number] : WATCH_NOTHING;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(call_begins, const void *registers, long number)
{
	if (watch_of((__u32)number) != WATCH_CREDENTIALS)
		return 0;
	const struct task_struct *task = bpf_get_current_task_btf();
	struct ids ids = ids_of(task);
	__u32 tid = task->pid;
	bpf_map_update_elem(&changes, &tid, &ids, BPF_ANY);
	return 0;
}

static __always_inline void fill_call(struct tapio_security_call *call, __u32 number, long result)
{
	tapio_fill_current(&call->header);
	call->number = number;
	call->error = call_error(result);
}

/// Fixed-size records: reserved, and its part that is common filled.
#define BEGIN(type, kind)                                                                                            \
	struct type *record = tapio_reserve(kind, TAPIO_PRIORITY_HIGH, tapio_about_task(task), sizeof(struct type)); \
	if (!record)                                                                                                 \
		return;                                                                                              \
	fill_call(&record->call, number, result);

static __always_inline void tell_credentials(const struct task_struct *task, __u32 number, long result)
{
	const __u8 kind = TAPIO_KIND_CREDENTIALS_CHANGE;
	__u32 tid = task->pid;
	const struct ids *found = bpf_map_lookup_elem(&changes, &tid);
	if (!found) // it began before the agent did
		return;
	struct ids before = *found;
	bpf_map_delete_elem(&changes, &tid);
	struct ids after = ids_of(task);
	if (!call_error(result) && before.uid == after.uid && before.euid == after.euid && before.gid == after.gid &&
	    before.egid == after.egid) {
		tapio_filtered(kind);
		return;
	}
	BEGIN(tapio_credentials, kind)
	record->old_uid = before.uid;
	record->old_euid = before.euid;
	record->old_gid = before.gid;
	record->old_egid = before.egid;
	record->new_uid = after.uid;
	record->new_euid = after.euid;
	record->new_gid = after.gid;
	record->new_egid = after.egid;
	tapio_submit(record, TAPIO_PRIORITY_HIGH);
}

// include/uapi/linux/ptrace.h
#define PTRACE_TRACEME 0
#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206

static __always_inline void tell_ptrace(const struct task_struct *task, __u32 number, long result, __u8 watch,
                                        __u32 first, __u32 second)
{
	const __u8 kind = TAPIO_KIND_PTRACE;
	__u32 request;
	if (watch == WATCH_PROCESS_MEMORY) {
		request = TAPIO_PTRACE_MEMORY;
	} else if (first == PTRACE_TRACEME) {
		request = TAPIO_PTRACE_TRACEME;
	} else if (first == PTRACE_ATTACH) {
		request = TAPIO_PTRACE_ATTACH;
	} else if (first == PTRACE_SEIZE) {
		request = TAPIO_PTRACE_SEIZE;
	} else {
		// What a tracer does with a process that it has is of no more interest.
		tapio_filtered(kind);
		return;
	}
	BEGIN(tapio_ptrace, kind)
	record->request = request;
	record->target_pid = request == TAPIO_PTRACE_MEMORY    ? first
	                     : request == TAPIO_PTRACE_TRACEME ? task->tgid
	                                                       : second;
	tapio_submit(record, TAPIO_PRIORITY_HIGH);
}

/// Appends the name of the file behind a descriptor of the current process.
static __always_inline __u32 append_file_name(void *record, __u32 end, struct tapio_string *into, __u32 fd)
{
	struct dentry *entry = dentry_of_descriptor(fd);
	return append_string(record, end, into, (const char *)BPF_CORE_READ(entry, d_name.name));
}

static __always_inline void tell_module(const struct task_struct *task, __u32 number, long result, __u8 watch,
                                        const void *registers)
{
	const __u8 kind = TAPIO_KIND_MODULE_LOAD;
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		return;
	}
	struct tapio_module *record = (void *)slot->bytes;
	fill_call(&record->call, number, result);
	__u32 end = sizeof *record;
	record->name = (struct tapio_string){};
	record->parameters = (struct tapio_string){};
	if (watch == WATCH_MODULE_NAME) {
		end = append_user_string(record, end, &record->name, call_argument(registers, 0));
	} else if (watch == WATCH_MODULE_FILE) {
		end = append_file_name(record, end, &record->name, (__u32)call_argument(registers, 0));
		end = append_user_string(record, end, &record->parameters, call_argument(registers, 1));
	} else {
		end = append_user_string(record, end, &record->parameters, call_argument(registers, 2));
	}
	tapio_output(&record->call.header, kind, TAPIO_PRIORITY_HIGH, tapio_about_task(task), end);
	scratch_release(slot);
}

#define BPF_PROG_LOAD 5 // include/uapi/linux/bpf.h

/// The beginning of union bpf_attr for BPF_PROG_LOAD (include/uapi/linux/bpf.h).
struct load_attributes {
	__u32 program_type;
	__u32 instructions;
	__u64 pointers[4];
	__u32 version;
	__u32 flags;
	char name[16];
};

static __always_inline void tell_bpf(const struct task_struct *task, __u32 number, long result, const void *registers)
{
	const __u8 kind = TAPIO_KIND_BPF_LOAD;
	if ((__u32)call_argument(registers, 0) != BPF_PROG_LOAD)
		return;
	if (tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return;
	}
	struct load_attributes attributes = {};
	__u64 size = call_argument(registers, 2);
	bpf_probe_read_user(&attributes, size < sizeof attributes ? size & 63 : sizeof attributes,
	                    (const void *)call_argument(registers, 1));
	BEGIN(tapio_bpf_load, kind)
	record->program_type = attributes.program_type;
	record->instructions = attributes.instructions;
	__builtin_memcpy(record->name, attributes.name, sizeof record->name);
	tapio_submit(record, TAPIO_PRIORITY_HIGH);
}

static __always_inline void tell_mount(const struct task_struct *task, __u32 number, long result, __u8 watch,
                                       const void *registers)
{
	const __u8 kind = TAPIO_KIND_MOUNT;
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		return;
	}
	struct tapio_mount *record = (void *)slot->bytes;
	fill_call(&record->call, number, result);
	record->flags = 0;
	record->source = (struct tapio_string){};
	record->target = (struct tapio_string){};
	record->filesystem = (struct tapio_string){};
	record->reserved = 0;
	__u64 source = 0;
	__u64 target = 0;
	__u64 filesystem = 0;
	switch (watch) {
	case WATCH_MOUNT:
		source = call_argument(registers, 0);
		target = call_argument(registers, 1);
		filesystem = call_argument(registers, 2);
		record->flags = call_argument(registers, 3);
		break;
	case WATCH_MOVE_MOUNT:
		source = call_argument(registers, 1);
		target = call_argument(registers, 3);
		break;
	case WATCH_PIVOT_ROOT:
		source = call_argument(registers, 0);
		target = call_argument(registers, 1);
		break;
	default:
		target = call_argument(registers, 0);
	}
	__u32 end = append_user_string(record, sizeof *record, &record->source, source);
	end = append_user_string(record, end, &record->target, target);
	end = append_user_string(record, end, &record->filesystem, filesystem);
	tapio_output(&record->call.header, kind, TAPIO_PRIORITY_HIGH, tapio_about_task(task), end);
	scratch_release(slot);
}

// CLONE_NEW… (include/uapi/linux/sched.h)
#define NAMESPACES 0x7e020080

static __always_inline void tell_namespace(const struct task_struct *task, __u32 number, long result, __u64 flags,
                                           bool is_setns)
{
	const __u8 kind = TAPIO_KIND_NAMESPACE_CHANGE;
	if (!is_setns && !(flags & NAMESPACES)) {
		tapio_filtered(kind);
		return;
	}
	BEGIN(tapio_namespace, kind)
	record->namespaces = flags & NAMESPACES;
	tapio_submit(record, TAPIO_PRIORITY_HIGH);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_ends, const void *registers, long result)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = call_number(registers, task);
	__u8 watch = watch_of(number);
	switch (watch) {
	case WATCH_NOTHING:
		break;
	case WATCH_CREDENTIALS:
		tell_credentials(task, number, result);
		break;
	case WATCH_PTRACE:
	case WATCH_PROCESS_MEMORY:
		tell_ptrace(task, number, result, watch, (__u32)call_argument(registers, 0),
		            (__u32)call_argument(registers, 1));
		break;
	case WATCH_MODULE:
	case WATCH_MODULE_FILE:
	case WATCH_MODULE_NAME:
		tell_module(task, number, result, watch, registers);
		break;
	case WATCH_BPF:
		tell_bpf(task, number, result, registers);
		break;
	case WATCH_UNSHARE:
		tell_namespace(task, number, result, call_argument(registers, 0), false);
		break;
	case WATCH_SETNS:
		tell_namespace(task, number, result, call_argument(registers, 1), true);
		break;
	default:
		tell_mount(task, number, result, watch, registers);
	}
	return 0;
}

// Capabilities: the checks come in great numbers, so that they are merged.

struct capability_key {
	struct tapio_who who;
	__u32 capability;
	__u32 is_granted;
};

WINDOW(uses, struct capability_key, struct window_tally, 4096)

static __always_inline void fill_use(struct tapio_capability *record, const struct capability_key *key)
{
	tapio_fill_from_who(&record->header, &key->who);
	record->capability = key->capability;
	record->is_granted = key->is_granted;
}

SEC("tp_btf/cap_capable")
int BPF_PROG(capability_asked, const struct cred___ids *cred, const void *target, const void *found, int capability,
             int result)
{
	const __u8 kind = TAPIO_KIND_CAPABILITY_USE;
	if ((cred->cap_effective.val & full_capabilities) == full_capabilities || (result != 0 && !tells_denied)) {
		tapio_filtered(kind);
		return 0;
	}
	const struct task_struct *task = bpf_get_current_task_btf();
	struct capability_key key = {.capability = (__u32)capability, .is_granted = result == 0};
	tapio_fill_who(&key.who, task);
	bool is_new;
	struct window_tally *tally = uses_find(&key, &is_new);
	if (tally && !is_new) {
		tapio_merge(kind);
		window_count(tally, bpf_ktime_get_boot_ns());
		return 0;
	}
	struct tapio_capability *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(task), sizeof *record);
	if (!record)
		return 0;
	fill_use(record, &key);
	record->header.tid = task->pid;
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

WINDOW_FLUSH(uses, struct capability_key, struct window_tally, struct tapio_capability, TAPIO_KIND_CAPABILITY_USE,
             TAPIO_PRIORITY_NORMAL, fill_use, window_fill_tally)
