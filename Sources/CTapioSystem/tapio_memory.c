#define _GNU_SOURCE
#include "tapio_memory.h"

#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// The greatest number of nodes that Linux can be built for (CONFIG_NODES_SHIFT).
#define MOST_NODES 1024
#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

struct node_mask {
	unsigned long words[MOST_NODES / WORD_BITS];
};

/// 0, or -EINVAL where there can be no such node.
static int mask_of(int node, struct node_mask *mask)
{
	if (node < 0 || node >= MOST_NODES)
		return -EINVAL;
	*mask = (struct node_mask){};
	mask->words[(size_t)node / WORD_BITS] = 1ul << ((size_t)node % WORD_BITS);
	return 0;
}

void *tapio_memory_reserve(size_t bytes, size_t alignment)
{
	// More than is needed, to find an aligned piece in it; the rest goes back.
	size_t span = bytes + alignment;
	char *raw = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;
	size_t before = (alignment - (uintptr_t)raw % alignment) % alignment;
	if (before > 0)
		munmap(raw, before);
	if (span > before + bytes)
		munmap(raw + before + bytes, span - before - bytes);
	// Whole pages of the usual size only, so that what is resident is what was touched. Kernels without huge pages
	// refuse it, which does no harm.
	madvise(raw + before, bytes, MADV_NOHUGEPAGE);
	return raw + before;
}

void tapio_memory_release(void *base, size_t bytes)
{
	munmap(base, bytes);
}

int tapio_memory_discard(void *base, size_t bytes)
{
	return madvise(base, bytes, MADV_DONTNEED) == 0 ? 0 : -errno;
}

int tapio_memory_prefer_node(void *base, size_t bytes, int node)
{
	struct node_mask mask;
	int result = mask_of(node, &mask);
	if (result < 0)
		return result;
	return syscall(SYS_mbind, base, bytes, MPOL_PREFERRED, mask.words, MOST_NODES + 1, 0) == 0 ? 0 : -errno;
}

int tapio_thread_prefer_node(int node)
{
	if (node == -1)
		return syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0) == 0 ? 0 : -errno;
	struct node_mask mask;
	int result = mask_of(node, &mask);
	if (result < 0)
		return result;
	return syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask.words, MOST_NODES + 1) == 0 ? 0 : -errno;
}

int tapio_memory_node(void *address)
{
	int node = -1;
	long result = syscall(SYS_get_mempolicy, &node, NULL, 0, address, MPOL_F_NODE | MPOL_F_ADDR);
	return result == 0 ? node : -errno;
}
