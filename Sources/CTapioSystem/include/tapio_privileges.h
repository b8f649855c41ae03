// What a process may do: capabilities(7), which the kernel keeps for each thread.
#pragma once

#include <stdint.h>

/// What every thread of the process has at least, and whether each has no_new_privs.
struct tapio_privileges {
	uint64_t effective;
	uint64_t permitted;
	uint64_t bounding;
	int threads;
	int no_new_privileges;
};

/// Reads them of all threads: a set holds what any thread has, `no_new_privileges` is 1 where all have it. 0, or -errno
/// where /proc/self/task cannot be read.
int tapio_privileges_read(struct tapio_privileges *into);

/// Leaves every thread of the process, those that are being started as well, at most the capabilities `keep` as
/// permitted and effective, and none that is inheritable or ambient; takes all others out of the bounding set where
/// CAP_SETPCAP allows that; and sets no_new_privs. Threads that are asleep are woken once (EINTR) by SIGSYS, whose
/// handler stays.
///
/// Not while another thread calls it. 0 once every thread is seen to be so; -ETIMEDOUT where a thread did not get to it
/// within `limit_ns`; else what the kernel refused, as -errno. It may be called again.
int tapio_privileges_drop(uint64_t keep, uint64_t limit_ns);
