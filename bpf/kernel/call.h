// System calls as their exit finds them: number, arguments, and where user memory was pointed to.
#pragma once

#include "core.h"
#include "../include/tapio_records.h"

/// Errors that user space is told of; greater ones, which restart a call, never reach it (include/linux/errno.h).
#define CALL_ERRORS 512

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/// x86-64.
struct pt_regs___x86 {
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};

/// 64-bit ARM.
struct pt_regs___arm {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};

struct thread_info___x86 {
	__u32 status;
};
struct task_struct___x86 {
	struct thread_info___x86 thread_info;
};

#pragma clang attribute pop

/// A call of a 32-bit program (arch/x86/include/asm/thread_info.h), whose numbers are others.
#define TS_COMPAT 0x0002

/// The number of the call; absent where it is one of a 32-bit program.
static __always_inline __u32 call_number(void *registers, const struct task_struct *task)
{
	struct pt_regs___x86 *x86 = registers;
	if (bpf_core_field_exists(x86->orig_ax)) {
		struct task_struct___x86 *thread = (void *)task;
		if (bpf_core_field_exists(thread->thread_info.status) &&
		    BPF_CORE_READ(thread, thread_info.status) & TS_COMPAT)
			return TAPIO_ABSENT_32;
		return (__u32)BPF_CORE_READ(x86, orig_ax);
	}
	struct pt_regs___arm *arm = registers;
	return (__u32)BPF_CORE_READ(arm, syscallno);
}
