#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tapio_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Opens what a descriptor stands for that was opened with O_PATH, and closes that.
static int open_place(int place)
{
	if (place < 0)
		return -errno;
	struct stat status;
	int result = fstat(place, &status) != 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -EINVAL;
	if (result == 0) {
		char link[64];
		snprintf(link, sizeof link, "/proc/self/fd/%d", place);
		result = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		result = result < 0 ? -errno : result;
	}
	close(place);
	return result;
}

int tapio_open_regular(const char *path)
{
	return open_place(open(path, O_PATH | O_CLOEXEC));
}

int tapio_open_in_root(int root_fd, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	return open_place((int)syscall(SYS_openat2, root_fd, path, &how, sizeof how));
}
