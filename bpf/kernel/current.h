// The task that runs, where it is named on several ways through a program.
#pragma once

#include "task.h"

/// tapio_fill_task for the task that runs. Not static: the verifier looks at it once in each program, and not on each
/// way that leads there, of which it takes milliseconds.
__noinline int tapio_fill_current(struct tapio_header *header)
{
	if (header)
		tapio_fill_task(header, bpf_get_current_task_btf());
	return 0;
}
