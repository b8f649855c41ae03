// What a process does to itself that Swift forbids or leaves out.
#pragma once

/// fork(2): a child that ends at once. Waits for it. 0, or a negative errno.
int tapio_fork_and_exit(void);

/// Gives freed memory back to the kernel.
void tapio_release_freed_memory(void);
