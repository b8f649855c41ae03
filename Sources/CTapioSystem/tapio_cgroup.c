#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tapio_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef FILEID_KERNFS
#define FILEID_KERNFS 0xfe // include/linux/exportfs.h: the handle is the number of the node
#endif

int tapio_cgroup_path(int mount_fd, uint64_t id, char *into, size_t size)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof id];
	} file = {.handle = {.handle_bytes = sizeof id, .handle_type = FILEID_KERNFS}};
	memcpy(file.bytes + offsetof(struct file_handle, f_handle), &id, sizeof id);
	int fd = open_by_handle_at(mount_fd, &file.handle, O_RDONLY | O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, into, size - 1);
	int result = length < 0 ? -errno : (size_t)length >= size - 1 ? -ENAMETOOLONG : (int)length;
	close(fd);
	if (result >= 0)
		into[result] = 0;
	return result;
}
