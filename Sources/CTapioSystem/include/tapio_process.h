// What a process does to itself that Swift forbids or leaves out.
#pragma once

#include <stdint.h>

/// fork(2): a child that ends at once. Waits for it. 0, or a negative errno.
int tapio_fork_and_exit(void);

/// From now on blocks of 256 KiB and more go back to the kernel when they are freed, and threads share two heaps: the
/// process's size follows its use. For a process with few, large allocations.
void tapio_keep_heap_small(void);

/// getppid(2), so many times: the cheapest call that the kernel answers anew each time.
void tapio_call_getppid(uint64_t count);

/// The kernel's number of getppid(2) on this machine.
uint32_t tapio_getppid_number(void);

/// Makes the calling thread's sleeps as exact as the kernel can, instead of up to 50 us too long.
void tapio_sleep_exactly(void);

/// Gives freed memory back to the kernel.
void tapio_release_freed_memory(void);
