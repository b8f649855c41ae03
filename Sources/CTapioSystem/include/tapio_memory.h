// Memory straight from the kernel, and on which NUMA node it lies. What can fail gives a negative errno.
#pragma once

#include <stddef.h>

/// Reserves `bytes` of zeroed memory (a multiple of the page) that takes none until it is touched, aligned to
/// `alignment` (a power of two). NULL where the kernel refuses; then errno says why.
void *tapio_memory_reserve(size_t bytes, size_t alignment);

/// Gives back what was reserved.
void tapio_memory_release(void *base, size_t bytes);

/// Gives the pages back to the kernel; they read as zero, and are there again, once they are touched.
int tapio_memory_discard(void *base, size_t bytes);

/// Pages of this memory that are touched from now on come from NUMA node `node` while that has some, else from
/// another. -EINVAL where there is no such node, -EPERM or -ENOSYS where the process or the kernel may not.
int tapio_memory_prefer_node(void *base, size_t bytes, int node);

/// What the calling thread touches first from now on comes from NUMA node `node` while that has some; -1 goes back to
/// the node that it runs on. Errors as above.
int tapio_thread_prefer_node(int node);

/// The NUMA node that the page at `address` lies on; touches it.
int tapio_memory_node(void *address);
