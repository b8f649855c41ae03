#define _GNU_SOURCE
#include "tapio_system.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

/// Turns the result of a system call that reports through errno into ours.
static int result_of(long result)
{
	return result < 0 ? -errno : (int)result;
}

int tapio_gettid(void)
{
	return gettid();
}

int tapio_current_cpu(void)
{
	return result_of(sched_getcpu());
}

int tapio_set_thread_name(const char *name)
{
	return -pthread_setname_np(pthread_self(), name);
}

int tapio_get_thread_name(char *name, size_t size)
{
	return -pthread_getname_np(pthread_self(), name, size);
}

// The raw calls, because glibc's cpu_set_t stops at 1024 CPUs and its wrapper hides how many bytes were written.
int tapio_set_affinity(int tid, const uint64_t *mask, size_t words)
{
	return result_of(syscall(SYS_sched_setaffinity, tid, words * sizeof(*mask), mask));
}

int tapio_get_affinity(int tid, uint64_t *mask, size_t words)
{
	memset(mask, 0, words * sizeof(*mask));
	int bytes = result_of(syscall(SYS_sched_getaffinity, tid, words * sizeof(*mask), mask));
	return bytes < 0 ? bytes : (int)((size_t)bytes / sizeof(*mask));
}

int tapio_set_thread_nice(int nice)
{
	return result_of(setpriority(PRIO_PROCESS, (id_t)gettid(), nice));
}

int tapio_set_thread_fifo(int priority)
{
	struct sched_param parameters = {.sched_priority = priority};
	return -pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);
}

int tapio_block_signals(void)
{
	sigset_t blocked;
	sigfillset(&blocked);
	const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&blocked, faults[i]);
	return -pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

int tapio_futex_wait(const void *word, uint32_t expected, uint64_t deadline_ns)
{
	struct timespec deadline = {
	    .tv_sec = (time_t)(deadline_ns / NS_PER_SECOND),
	    .tv_nsec = (long)(deadline_ns % NS_PER_SECOND),
	};
	// WAIT_BITSET takes an absolute time, so that a caller that was interrupted can simply call again.
	return result_of(syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
	                         deadline_ns == UINT64_MAX ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY));
}

int tapio_futex_wake(const void *word, int count)
{
	return result_of(syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0));
}

int tapio_clock_is_synchronised(void)
{
	struct timex state = {};
	int result = adjtimex(&state);
	if (result < 0)
		return -errno;
	return result != TIME_ERROR;
}

const char *tapio_error_name(int number)
{
	return strerrorname_np(number);
}
