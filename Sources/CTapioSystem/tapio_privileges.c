#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tapio_privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// capset(2) acts on the calling thread alone, and glibc carries only changes of user ids to all threads. So each thread
// is made to do it itself, in a signal's handler. The signal is SIGSYS, since threads of our own and of libdispatch
// block what is no fault; nothing else sends it here.
//
// Release: the caller writes what is wanted before it signals. Acquire: a handler reads it after.
static _Atomic uint64_t wanted;
// The first refusal that a handler met.
static atomic_int refusal;

#define PAUSE_NS 1000000l

struct thread_status {
	uint64_t effective, permitted, inheritable, ambient, bounding;
	int no_new_privileges;
};

/// All that concerns the calling thread; async-signal-safe.
static int drop_of_thread(uint64_t keep)
{
	for (int capability = 0; capability < 64; capability++) {
		if (keep >> capability & 1)
			continue;
		// EINVAL: this kernel has no more of them. EPERM: without CAP_SETPCAP they stay, to no effect under
		// no_new_privs.
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
			break;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];
	if (syscall(SYS_capget, &header, sets) != 0)
		return -errno;
	for (int half = 0; half < 2; half++) {
		sets[half].permitted &= (uint32_t)(keep >> (32 * half));
		sets[half].effective &= sets[half].permitted;
		sets[half].inheritable = 0;
	}
	return syscall(SYS_capset, &header, sets) != 0 ? -errno : 0;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	int before = errno;
	if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
		int result = drop_of_thread(atomic_load_explicit(&wanted, memory_order_acquire));
		int none = 0;
		if (result != 0)
			atomic_compare_exchange_strong(&refusal, &none, result);
	} else {
		// What the default would have done: it comes again as soon as this returns.
		signal(number, SIG_DFL);
		raise(number);
	}
	errno = before;
}

static uint64_t field(const char *text, const char *name, int base)
{
	const char *line = strstr(text, name);
	return line ? strtoull(line + strlen(name), NULL, base) : 0;
}

/// 0, -ESRCH where there is no such thread any more, or another -errno.
static int read_status(const char *tid, struct thread_status *into)
{
	char path[64], text[8192];
	snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ssize_t count = read(fd, text, sizeof text - 1);
	int result = count < 0 ? -errno : 0;
	close(fd);
	if (result != 0)
		return result;
	text[count] = 0;
	*into = (struct thread_status){
	    .effective = field(text, "\nCapEff:", 16),
	    .permitted = field(text, "\nCapPrm:", 16),
	    .inheritable = field(text, "\nCapInh:", 16),
	    .ambient = field(text, "\nCapAmb:", 16),
	    .bounding = field(text, "\nCapBnd:", 16),
	    .no_new_privileges = (int)field(text, "\nNoNewPrivs:", 10),
	};
	return 0;
}

/// Calls `body` for each thread that there is; the first result that is not 0 ends it.
static int each_thread(int (*body)(const char *tid, const struct thread_status *status, void *context), void *context)
{
	DIR *threads = opendir("/proc/self/task");
	if (!threads)
		return -errno;
	int result = 0;
	struct dirent *entry;
	while (result == 0 && (entry = readdir(threads))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		struct thread_status status;
		result = read_status(entry->d_name, &status);
		// One that has just ended has nothing left to drop.
		result = result == -ESRCH ? 0 : result == 0 ? body(entry->d_name, &status, context) : result;
	}
	closedir(threads);
	return result;
}

static int add_up(const char *tid, const struct thread_status *status, void *context)
{
	(void)tid;
	struct tapio_privileges *sum = context;
	sum->effective |= status->effective;
	sum->permitted |= status->permitted;
	sum->bounding |= status->bounding;
	sum->no_new_privileges &= status->no_new_privileges;
	sum->threads++;
	return 0;
}

int tapio_privileges_read(struct tapio_privileges *into)
{
	*into = (struct tapio_privileges){.no_new_privileges = 1};
	return each_thread(add_up, into);
}

struct round {
	uint64_t keep;
	int left;
};

static int ask(const char *tid, const struct thread_status *status, void *context)
{
	struct round *round = context;
	uint64_t held = status->effective | status->permitted;
	if ((held & ~round->keep) == 0 && status->inheritable == 0 && status->ambient == 0 && status->no_new_privileges)
		return 0;
	round->left++;
	int result = (int)syscall(SYS_tgkill, getpid(), atoi(tid), SIGSYS) == 0 ? 0 : -errno;
	return result == -ESRCH ? 0 : result;
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

int tapio_privileges_drop(uint64_t keep, uint64_t limit_ns)
{
	atomic_store(&refusal, 0);
	atomic_store_explicit(&wanted, keep, memory_order_release);
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigfillset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL) != 0)
		return -errno;
	// A thread that was missed in one round because its parent just started it is found in the next: two rounds in
	// a row without any left mean that nobody is there who could start one.
	uint64_t end = now_ns() + limit_ns;
	int result = 0;
	for (int clean = 0; clean < 2 && result == 0;) {
		struct round round = {.keep = keep};
		result = each_thread(ask, &round);
		clean = round.left == 0 ? clean + 1 : 0;
		if (result == 0)
			result = atomic_load(&refusal);
		if (result == 0 && round.left > 0) {
			struct timespec pause = {.tv_nsec = PAUSE_NS};
			nanosleep(&pause, NULL);
			if (now_ns() >= end)
				result = -ETIMEDOUT;
		}
	}
	// The handler stays: a signal that is still on its way to a thread would otherwise end the process.
	return result;
}
