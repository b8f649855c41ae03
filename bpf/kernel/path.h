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
	const struct task_struct___path *task = (void *)bpf_get_current_task_btf();
	const struct fdtable___path *table = task->files->fdt;
	if (fd >= table->max_fds)
		return NULL;
	struct file *file = NULL;
	bpf_probe_read_kernel(&file, sizeof file, table->fd + fd);
	return BPF_CORE_READ(file, f_path.dentry);
}

/// The current process's working directory.
static __always_inline struct dentry *dentry_of_cwd(void)
{
	const struct task_struct___path *task = (void *)bpf_get_current_task_btf();
	return BPF_CORE_READ((struct fs_struct *)task->fs, pwd.dentry);
}
