// Linux calls that Swift's Glibc module hides or cannot express (variadic, macro, or GNU-only).
// Those that can fail return 0 (or a count) on success and -errno on failure; errno itself is left alone.
// Others are in tapio_memory.h, tapio_epoll.h, tapio_process.h, tapio_canary.h, tapio_privileges.h, tapio_files.h and
// tapio_digest.h.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/// The kernel's id of the calling thread.
int tapio_gettid(void);

/// The CPU that the calling thread runs on at this moment, or -errno.
int tapio_current_cpu(void);

/// The name of an error number, such as "ENOSPC"; NULL where there is none.
const char *tapio_error_name(int number);

/// Names the calling thread; the kernel keeps 15 bytes and refuses more with ERANGE.
int tapio_set_thread_name(const char *name);

/// Writes the calling thread's name, zero-terminated, into `name` of `size` (at least 16) bytes.
int tapio_get_thread_name(char *name, size_t size);

/// Restricts thread `tid` (0: the caller) to the CPUs whose bits are set in `mask` of `words` 64-bit words.
int tapio_set_affinity(int tid, const uint64_t *mask, size_t words);

/// Writes the CPUs that thread `tid` (0: the caller) may use into `mask`; returns the words written, the rest is
/// zeroed.
int tapio_get_affinity(int tid, uint64_t *mask, size_t words);

/// Sets the nice value (-20…19) of the calling thread alone.
int tapio_set_thread_nice(int nice);

/// Gives the calling thread SCHED_FIFO at `priority` (1…99).
int tapio_set_thread_fifo(int priority);

/// Blocks all signals but those that report a fault of the thread itself, so that others are handled elsewhere.
int tapio_block_signals(void);

/// Sleeps while `*word == expected`, at most until `deadline_ns` of CLOCK_MONOTONIC (UINT64_MAX: no deadline).
/// Returns 0 when woken, -EAGAIN when the word differs, -ETIMEDOUT, or -EINTR. Private to the process.
int tapio_futex_wait(const void *word, uint32_t expected, uint64_t deadline_ns);

/// Wakes at most `count` threads that sleep on `word`; returns how many were woken.
int tapio_futex_wake(const void *word, int count);

/// 1 where the kernel says that its clock is kept synchronised (NTP or the like), 0 where it is not, a negative errno
/// where it does not say.
int tapio_clock_is_synchronised(void);
