// Cgroups by the number that the kernel gives them.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Writes the path of the cgroup with this id, as the mount of its hierarchy has it, into `into` of `size` bytes,
/// zero-terminated. `mount_fd` is any directory of the hierarchy. The length, or -errno: -ESTALE where there is no such
/// cgroup (any more), -EPERM without CAP_DAC_READ_SEARCH, -ENAMETOOLONG.
int tapio_cgroup_path(int mount_fd, uint64_t id, char *into, size_t size);
