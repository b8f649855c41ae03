#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tapio_mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

// `start` is FREE, or TAKEN while the rest is being written, or where the mapping begins. That of a mapping that
// somebody reads stays as it is, and so while the handler looks for what was read; others come and go meanwhile.
struct mapping {
	// Counts who had this place: what was read of it is of one mapping where that stayed the same.
	_Atomic uint64_t turn;
	_Atomic uintptr_t start;
	_Atomic uintptr_t end;
	atomic_bool lost;
};

enum { FREE = 0, TAKEN = 1 };

static struct mapping mappings[TAPIO_MAPPINGS_MOST];
static struct sigaction before;
static uintptr_t page_bytes;

/// Puts zeroes where the rest of the mapping was that `address` lies in. Only calls what a handler may.
static bool replace_rest(uintptr_t address)
{
	for (size_t i = 0; i < TAPIO_MAPPINGS_MOST; i++) {
		uint64_t turn = atomic_load(&mappings[i].turn);
		uintptr_t start = atomic_load(&mappings[i].start);
		if (start <= TAKEN || address < start)
			continue;
		uintptr_t end = atomic_load(&mappings[i].end);
		// Given back and taken anew between the two: they are of two mappings.
		if (address >= end || atomic_load(&mappings[i].turn) != turn)
			continue;
		uintptr_t page = address & ~(page_bytes - 1);
		atomic_store(&mappings[i].lost, true);
		return mmap((void *)page, end - page, PROT_READ,
		            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
	}
	return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	(void)context;
	int saved = errno;
	// By the kernel, for a page; a signal that somebody sent has no address.
	bool is_fault = info->si_code > 0;
	if (!is_fault || !replace_rest((uintptr_t)info->si_addr)) {
		// Not ours: as if this handler were not here. What faulted faults again; what was sent is sent again.
		sigaction(number, &before, NULL);
		if (!is_fault)
			raise(number);
	}
	errno = saved;
}

static void install(void)
{
	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigfillset(&action.sa_mask);
	sigaction(SIGBUS, &action, &before);
}

int tapio_mapping_guard(void *start, size_t bytes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install);
	for (int i = 0; i < TAPIO_MAPPINGS_MOST; i++) {
		uintptr_t expected = FREE;
		if (!atomic_compare_exchange_strong(&mappings[i].start, &expected, (uintptr_t)TAKEN))
			continue;
		atomic_fetch_add(&mappings[i].turn, 1);
		atomic_store(&mappings[i].end, (uintptr_t)start + bytes);
		atomic_store(&mappings[i].lost, false);
		atomic_store(&mappings[i].start, (uintptr_t)start);
		return i;
	}
	return -1;
}

bool tapio_mapping_is_lost(int number)
{
	return number >= 0 && atomic_load(&mappings[number].lost);
}

void tapio_mapping_release(int number)
{
	if (number >= 0)
		atomic_store(&mappings[number].start, (uintptr_t)FREE);
}
