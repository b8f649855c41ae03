// The path of a directory, as the process that is in it would say it.
#pragma once

#include "core.h"
#include "path.h"
#include "../include/tapio_records.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

#pragma clang attribute pop

/// Appends the names on the way from the task's working directory up to its root, the innermost first, each ended by
/// NUL; gives the new end. A last empty name says that the root was reached; without it the path's begin was cut.
static __always_inline __u32 append_working_directory(void *record, __u32 end, struct tapio_string *into,
                                                      struct task_struct *of)
{
	into->offset = end;
	into->length = 0;
	struct task_struct___path *task = (void *)of;
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	if (!fs) // an ending task
		return end;
	struct dentry *entry = BPF_CORE_READ(fs, pwd.dentry), *root = BPF_CORE_READ(fs, root.dentry);
	char *mounted = BPF_CORE_READ(fs, pwd.mnt), *root_mount = BPF_CORE_READ(fs, root.mnt);
	__u32 start = end;
	for (__u32 i = 0; i < TAPIO_DIRECTORY_STEPS; i++) {
		if (end - start > TAPIO_DIRECTORY_BYTES)
			break;
		if (entry == root && mounted == root_mount) {
			end &= 2047; // for the verifier
			((char *)record)[end++] = 0;
			break;
		}
		struct mount *mount = (void *)(mounted - bpf_core_field_offset(struct mount, mnt));
		if (entry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);
			if (above == mount) // outside of the root
				break;
			entry = BPF_CORE_READ(mount, mnt_mountpoint);
			mounted = (char *)above + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		end &= 2047; // for the verifier
		long length = bpf_probe_read_kernel_str((char *)record + end, TAPIO_NAME_BYTES,
		                                        BPF_CORE_READ(entry, d_name.name));
		if (length <= 1 || length > TAPIO_NAME_BYTES)
			break;
		end += length;
		entry = BPF_CORE_READ(entry, d_parent);
	}
	into->length = end - start;
	return end;
}
