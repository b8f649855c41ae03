// Files as the kernel knows them: directory entries, and what is open.
#pragma once

#include "core.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct super_block {
	__u32 s_dev;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

// Flavours: other headers declare these structures with other fields.
struct fdtable___path {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct___path {
	struct fdtable___path *fdt;
};

struct task_struct___path {
	struct files_struct___path *files;
	struct fs_struct *fs;
};

#pragma clang attribute pop

/// The entry of the file behind a descriptor of the current process; NULL where there is none.
static __always_inline struct dentry *dentry_of_descriptor(__u32 fd)
{
	// By reads that the verifier lets pass: it looks at each plain load of a pointer for so long that programs take
	// half a second to load.
	struct task_struct___path *task = (void *)bpf_get_current_task();
	struct fdtable___path *table = BPF_CORE_READ(task, files, fdt);
	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	struct file *file = NULL;
	bpf_probe_read_kernel(&file, sizeof file, BPF_CORE_READ(table, fd) + fd);
	return BPF_CORE_READ(file, f_path.dentry);
}

/// The current process's working directory.
static __always_inline struct dentry *dentry_of_cwd(void)
{
	struct task_struct___path *task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, fs, pwd.dentry);
}
