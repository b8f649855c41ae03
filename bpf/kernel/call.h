// System calls as their exit finds them: number, arguments, and where user memory was pointed to.
#pragma once

#include "core.h"
#include "../include/tapio_records.h"

/// Errors that user space is told of; greater ones, which restart a call, never reach it (include/linux/errno.h).
#define CALL_ERRORS 512

/// Numbers of calls that tables by number have room for; that of a 32-bit program is none of them.
#define CALL_NUMBERS 512

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

/// The number of the call; absent where it is one of a 32-bit program. `registers` is the tracepoint's own argument.
static __always_inline __u32 call_number(const void *registers, const struct task_struct *task)
{
	const struct pt_regs___x86 *x86 = registers;
	if (bpf_core_field_exists(x86->orig_ax)) {
		const struct task_struct___x86 *thread = (const void *)task;
		if (bpf_core_field_exists(thread->thread_info.status) && thread->thread_info.status & TS_COMPAT)
			return TAPIO_ABSENT_32;
		return (__u32)x86->orig_ax;
	}
	const struct pt_regs___arm *arm = registers;
	return (__u32)arm->syscallno;
}

/// An argument of the call, from 0, as it still is when the call returns.
static __always_inline __u64 call_argument(const void *registers, int index)
{
	const struct pt_regs___x86 *x86 = registers;
	if (bpf_core_field_exists(x86->orig_ax)) {
		switch (index) {
		case 0:
			return x86->di;
		case 1:
			return x86->si;
		case 2:
			return x86->dx;
		case 3:
			return x86->r10;
		case 4:
			return x86->r8;
		default:
			return x86->r9;
		}
	}
	const struct pt_regs___arm *arm = registers;
	switch (index) {
	case 0: // its register has the result
		return arm->orig_x0;
	case 1:
		return arm->regs[1];
	case 2:
		return arm->regs[2];
	case 3:
		return arm->regs[3];
	case 4:
		return arm->regs[4];
	default:
		return arm->regs[5];
	}
}

/// What a call returned, as an error: 0 where it went well.
static __always_inline __u32 call_error(long result)
{
	return result < 0 && result > -CALL_ERRORS ? (__u32)-result : 0;
}
