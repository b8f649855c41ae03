// The path of a directory, as the process that is in it would say it.
#pragma once

#include "path.h"
#include "scratch.h"

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

/// Appends the names on the way from a task's working directory up to its root, the innermost first, each ended by
/// NUL; gives the new end. A last empty name says that the root was reached; without it the path's begin was cut. Not
/// static, so that the verifier looks at it on its own, and at what follows once.
///
/// `task_fs` is the address of the task's `fs_struct`.
__noinline __u32 append_working_directory(struct scratch_slot *slot, __u32 end, __u64 task_fs)
{
	struct fs_struct *fs = (void *)task_fs;
	if (!slot || !fs) // an ending task has none
		return end;
	struct dentry *entry = BPF_CORE_READ(fs, pwd.dentry), *root = BPF_CORE_READ(fs, root.dentry);
	char *mounted = BPF_CORE_READ(fs, pwd.mnt), *root_mount = BPF_CORE_READ(fs, root.mnt);
	__u32 start = end;
	for (__u32 i = 0; i < TAPIO_DIRECTORY_STEPS; i++) {
		if (end - start > TAPIO_DIRECTORY_BYTES)
			break;
		if (entry == root && mounted == root_mount) {
			end &= 2047; // for the verifier
			slot->bytes[end++] = 0;
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
		long length =
		    bpf_probe_read_kernel_str(slot->bytes + end, TAPIO_NAME_BYTES, BPF_CORE_READ(entry, d_name.name));
		if (length <= 1 || length > TAPIO_NAME_BYTES)
			break;
		end += length;
		entry = BPF_CORE_READ(entry, d_parent);
	}
	return end;
}
