#define _GNU_SOURCE
#include "tapio_process.h"

#include <errno.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

int tapio_fork_and_exit(void)
{
	pid_t child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(0);
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void tapio_keep_heap_small(void)
{
	// A fixed threshold: glibc's own grows with what is freed, and then keeps blocks of that size in its heaps.
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	mallopt(M_ARENA_MAX, 2);
}

void tapio_call_getppid(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		syscall(SYS_getppid);
}

uint32_t tapio_getppid_number(void)
{
	return SYS_getppid;
}

void tapio_sleep_exactly(void)
{
	// One nanosecond: 0 would mean the default.
	prctl(PR_SET_TIMERSLACK, 1);
}

void tapio_release_freed_memory(void)
{
	malloc_trim(0);
}
