// What a process does to itself that Swift forbids or leaves out.
#pragma once

/// fork(2): a child that ends at once. Waits for it. 0, or a negative errno.
int tapio_fork_and_exit(void);

/// From now on blocks of 256 KiB and more go back to the kernel when they are freed, and threads share two heaps: the
/// process's size follows its use. For a process with few, large allocations.
void tapio_keep_heap_small(void);

/// Gives freed memory back to the kernel.
void tapio_release_freed_memory(void);
