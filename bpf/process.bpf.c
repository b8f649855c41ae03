// Processes: exec, fork, exit, and those that were there before the agent.
#include "kernel/ancestry.h"
#include "kernel/directory.h"
#include "kernel/emit.h"
#include "kernel/exit.h"
#include "kernel/scratch.h"
#include "kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/// Bytes of arguments that a record may carry; the agent sets it, also while the programs run.
volatile __u32 args_limit = TAPIO_ARGS_BYTES;
/// Bits of a page's size.
const volatile __u32 page_shift = 12;

/// How many bytes of an argument area of `total` bytes go into the record.
static __always_inline __u64 args_wanted(__u64 total)
{
	__u64 limit = args_limit;
	__u64 wanted = total < limit ? total : limit;
	// The compiler must not see that the bound is already there in part: the verifier of 6.1 needs it as a
	// constant.
	barrier_var(wanted);
	return wanted > TAPIO_ARGS_BYTES ? TAPIO_ARGS_BYTES : wanted;
}

/// Fills what does not depend on a program; gives where the record ends.
static __always_inline __u32 begin(struct scratch_slot *slot, struct task_struct *task)
{
	struct tapio_process_exec *record = (void *)slot->bytes;
	record->start_ns = tapio_start_of(task);
	tapio_fill_task(&record->header, task);
	record->exe_inode = TAPIO_ABSENT_64;
	record->argc = TAPIO_ABSENT_32;
	record->args_total_bytes = 0;
	record->reserved = 0;
	// First, where they are aligned.
	__u32 start = sizeof *record, end = append_ancestors(slot, start, (__u64)BPF_CORE_READ(task, group_leader));
	record->ancestors = (struct tapio_string){.offset = start, .length = end - start};
	const struct tapio_ancestor *parent = (const void *)(record + 1);
	record->parent_start_ns = end > start ? parent->start_ns : 0;
	start = end;
	struct task_struct___path *placed = (void *)task;
	end = append_working_directory(slot, start, (__u64)BPF_CORE_READ(placed, fs));
	record->cwd = (struct tapio_string){.offset = start, .length = end - start};
	return end;
}

static __always_inline struct tapio_subject about(const struct tapio_process_exec *record)
{
	return tapio_about(&record->header.pid, &record->start_ns);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	const __u8 kind = TAPIO_KIND_PROCESS_EXEC;
	if (tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		return 0;
	}
	struct tapio_process_exec *record = (void *)slot->bytes;
	__u32 end = begin(slot, task);
	record->exe_inode = bprm->file->f_inode->i_ino;
	record->argc = bprm->argc;

	const char *filename = bprm->filename, *interp = bprm->interp;
	end = append_string(record, end, &record->exe, filename);
	// The kernel points both at the same bytes unless it changed the interpreter.
	record->interpreter = (struct tapio_string){.offset = end};
	if (interp != filename)
		end = append_string(record, end, &record->interpreter, interp);

	const struct mm_struct *mm = task->mm;
	__u64 start = mm->arg_start, total = mm->arg_end - start;
	__u64 length = args_wanted(total);
	record->args_total_bytes = total;
	record->args = (struct tapio_string){.offset = end};
	end &= 2047;
	if (bpf_probe_read_user((char *)record + end, length, (const void *)start) == 0) {
		record->args.length = length;
		end += length;
	}
	tapio_output(&record->header, kind, TAPIO_PRIORITY_HIGH, about(record), end);
	scratch_release(slot);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	const __u8 kind = TAPIO_KIND_PROCESS_FORK;
	if (child->pid != child->tgid || tapio_is_agent(parent->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct tapio_process_fork *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_task(parent), sizeof *record);
	if (!record)
		return 0;
	tapio_fill_task(&record->header, parent);
	record->child_start_ns = child->start_boottime;
	record->child_pid = child->pid;
	record->reserved = 0;
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int process_exit(__u64 *ctx)
{
	const __u8 kind = TAPIO_KIND_PROCESS_EXIT;
	const struct task_struct *task = (const struct task_struct *)ctx[0];
	const struct task_struct *leader = task->group_leader;
	__u64 start_ns = leader->start_boottime;
	__u32 pid = task->tgid;
	if (!tapio_is_last(ctx, task, start_ns) || tapio_is_agent(pid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct tapio_process_exit *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_HIGH, tapio_about(&pid, &start_ns), sizeof *record);
	if (!record)
		return 0;
	const struct signal_struct *process = task->signal;
	tapio_fill_ended(&record->header, task, leader);

	__u32 code = tapio_exit_code(process, leader);
	record->start_ns = start_ns;
	record->duration_ns = record->header.time_ns - start_ns;
	record->exit_code = code >> 8 & 0xff;
	record->signal = code & 0x7f;
	record->core_dumped = code >> 7 & 1;
	record->reserved = 0;
	// The kernel has noted the peak, and what threads that ended before took; the last one's share is added after
	// this.
	record->peak_rss_bytes = (__u64)process->maxrss << page_shift;
	record->cpu_ns = process->sum_sched_runtime + task->se.sum_exec_runtime;
	tapio_submit(record, TAPIO_PRIORITY_HIGH);
	return 0;
}

SEC("iter.s/task")
int process_existing(struct bpf_iter__task *ctx)
{
	const __u8 kind = TAPIO_KIND_PROCESS_EXISTING;
	struct task_struct *task = ctx->task;
	if (!task || task->pid != task->tgid)
		return 0;
	if (tapio_is_agent(task->tgid)) {
		tapio_filtered(kind);
		return 0;
	}
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		return 0;
	}
	struct tapio_process_exec *record = (void *)slot->bytes;
	__u32 end = begin(slot, task);
	record->exe = (struct tapio_string){.offset = end};
	record->interpreter = (struct tapio_string){.offset = end};
	record->args = (struct tapio_string){.offset = end};
	struct mm_struct *mm = task->mm;
	if (mm) { // kernel threads have none
		struct file *file = mm->exe_file;
		if (file)
			record->exe_inode = file->f_inode->i_ino;
		__u64 start = mm->arg_start, total = mm->arg_end - start;
		__u64 length = args_wanted(total);
		record->args_total_bytes = total;
		end &= 2047; // for the verifier
		if (length &&
		    bpf_copy_from_user_task((char *)record + end, length, (const void *)start, task, 0) == 0) {
			record->args.length = length;
			end += length;
		}
	}
	tapio_output(&record->header, kind, TAPIO_PRIORITY_NORMAL, about(record), end);
	scratch_release(slot);
	return 0;
}
