// System calls that fail: the first of each sort is told at once, the others are counted.
#include "kernel/call.h"
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

#define IGNORED_WORDS (CALL_ERRORS / 64)
/// Errors that are not told of, a bit each; the agent sets them, also while the programs run.
volatile __u64 ignored_errors[IGNORED_WORDS] = {};

struct failure_key {
	struct tapio_who who;
	__u32 number;
	__u32 error;
};

WINDOW(failures, struct failure_key, struct window_tally, 8192)

static __always_inline bool is_ignored(__u32 error)
{
	return ignored_errors[(error / 64) & (IGNORED_WORDS - 1)] >> (error % 64) & 1;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_failed, const void *registers, long result)
{
	const __u8 kind = TAPIO_KIND_SYSCALL_FAILED;
	if (result >= 0 || result <= -CALL_ERRORS)
		return 0;
	__u32 error = (__u32)-result;
	const struct task_struct *task = bpf_get_current_task_btf();
	if (is_ignored(error) || tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct failure_key key = {.number = call_number(registers, task), .error = error};
	tapio_fill_who(&key.who, task);
	bool is_new;
	struct window_tally *tally = failures_find(&key, &is_new);
	if (tally && !is_new) {
		tapio_merge(kind);
		window_count(tally, bpf_ktime_get_boot_ns());
		return 0;
	}
	struct tapio_syscall *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(task), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_from_who(&record->header, &key.who);
	record->header.tid = task->pid;
	record->number = key.number;
	record->error = error;
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

static __always_inline void fill_failure(struct tapio_syscall *record, const struct failure_key *key)
{
	tapio_fill_from_who(&record->header, &key->who);
	record->number = key->number;
	record->error = key->error;
}

WINDOW_FLUSH(failures, struct failure_key, struct window_tally, struct tapio_syscall, TAPIO_KIND_SYSCALL_FAILED,
             TAPIO_PRIORITY_NORMAL, fill_failure, window_fill_tally)
