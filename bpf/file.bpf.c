// Files that the operator wants to hear of: who opened, removed, renamed or changed them, or tried to.
//
// A file is found by what it is, a directory's device and inode with all that is below, or a name in a directory, so
// that links, relative paths and other mounts of the same files don't hide it; and by the path that the program gave,
// so that what fails, and what a container has of the same name, is found as well.
#include "kernel/call.h"
#include "kernel/emit.h"
#include "kernel/path.h"
#include "kernel/scratch.h"
#include "kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/// What each system call does to files, by its number; the agent knows the numbers of this architecture.
const volatile struct tapio_file_rule rules[CALL_NUMBERS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TAPIO_WATCHED_PATHS);
	__type(key, __u32);
	__type(value, struct tapio_watched_path);
} watched_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tapio_watched_key);
	__type(value, struct tapio_watched_file);
} watched_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tapio_watched_name);
	__type(value, __u32);
} watched_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TAPIO_WATCHED_PATHS);
	__type(key, struct tapio_watched_text);
	__type(value, struct tapio_watched_prefix);
} watched_texts SEC(".maps");

/// Directories above a file that are looked at.
#define LEVELS 16
/// Where a record's strings end at most, with room for one more.
#define STRINGS_END 2048

#define AT_FDCWD ((__u32)-100) // include/uapi/linux/fcntl.h
#define O_ACCMODE 3
#define O_CREAT 0100 // the same on all architectures that Linux of today runs on, as the others that are kept
#define O_TRUNC 01000
#define KEPT_FLAGS 07700

/// What a run needs beside the record that it builds: all of it in a scratch slot, since no stack is that large.
struct file_work {
	char record[4096];
	/// What the program gave as path.
	struct tapio_watched_text text;
	/// The name of a file that is looked for in a directory.
	char name[TAPIO_WATCHED_NAME_BYTES];
	/// Number of the watched path that was found; absent: none.
	__u32 path;
	/// Directories between that and the file, whose entries are in `entries`, the file's first.
	__u32 depth;
	/// Number of the path that is told of: of the old name, or of the new one.
	__u32 watched;
	/// Where the record ends. In memory, so that the verifier doesn't follow each way to what comes after on its
	/// own.
	__u32 end;
	/// What it is an event of, and how urgent: in memory for the same reason.
	__u32 kind;
	__u32 priority;
	/// Whether it was found as a name in a directory, so that the watched path is the file's own.
	__u32 is_whole;
	/// Level of the directory in which a name is looked for: in memory likewise.
	__u32 naming_level;
	struct dentry *entries[LEVELS];
};
_Static_assert(sizeof(struct file_work) <= TAPIO_RECORD_BYTES, "a scratch slot has room for it");

/// Looks for the path that the text lies below, or is.
static __always_inline void find_text(struct file_work *work, __u32 length)
{
	work->path = TAPIO_ABSENT_32;
	work->text.bits = length * 8;
	const struct tapio_watched_prefix *found = bpf_map_lookup_elem(&watched_texts, &work->text);
	if (!found)
		return;
	// "/etc/ssh" begins "/etc/sshd" too.
	char next = work->text.text[found->bytes & 255];
	if (next == 0 || next == '/')
		work->path = found->path;
}

// The functions that are not static, the verifier looks at once, and not on each way that leads there. Their arguments
// are memory of a known size and numbers, which addresses of the kernel are to them.

/// Looks for a watched directory from the entry at `address` upwards, and for a watched name in the first directory:
/// the entry's own where it is a file, else the one that is in `work->name`.
__noinline int find_entry(struct file_work *work, __u64 address, bool is_directory)
{
	struct dentry *entry = (void *)address;
	if (!work)
		return 0;
	work->path = TAPIO_ABSENT_32;
	work->is_whole = 0;
	work->naming_level = is_directory ? 0 : 1;
	struct tapio_watched_key key = {};
	key.device = BPF_CORE_READ(entry, d_sb, s_dev);
	for (__u32 level = 0; level < LEVELS; level++) {
		if (!entry)
			return 0;
		key.inode = BPF_CORE_READ(entry, d_inode, i_ino);
		const struct tapio_watched_file *watched = bpf_map_lookup_elem(&watched_files, &key);
		if (watched && watched->path != TAPIO_ABSENT_32) {
			work->path = watched->path;
			work->depth = level;
			return 0;
		}
		if (watched && watched->has_names && level == work->naming_level) {
			// On the stack: to Linux 6.1, memory that a function was given is no key.
			struct tapio_watched_name name = {.directory = key};
			if (level > 0) {
				struct dentry *file = work->entries[0];
				bpf_probe_read_kernel_str(name.name, sizeof name.name,
				                          BPF_CORE_READ(file, d_name.name));
			} else {
				__builtin_memcpy(name.name, work->name, sizeof name.name);
			}
			const __u32 *found = bpf_map_lookup_elem(&watched_names, &name);
			if (found) {
				work->path = *found;
				work->depth = 0;
				work->is_whole = 1;
				return 0;
			}
		}
		work->entries[level] = entry;
		struct dentry *parent = BPF_CORE_READ(entry, d_parent);
		if (parent == entry)
			return 0;
		entry = parent;
	}
	return 0;
}

/// Appends bytes as a part of the string that ends where the record does.
static __always_inline void append_part(struct file_work *work, const void *from, bool after_slash)
{
	__u32 end = work->end;
	if (end >= STRINGS_END)
		return;
	if (after_slash) {
		work->record[end] = '/';
		end++;
	}
	long length = bpf_probe_read_kernel_str(work->record + end, 256, from);
	work->end = length > 1 && length <= 256 ? end + (__u32)length - 1 : end;
}

/// Appends a path that was found by what it is: the watched path, what is between that and the file, and, of a file
/// that is named from a directory, that name.
__noinline int append_finding(struct file_work *work, bool with_text)
{
	if (!work)
		return 0;
	__u32 number = work->path;
	const struct tapio_watched_path *path = bpf_map_lookup_elem(&watched_paths, &number);
	if (path)
		append_part(work, path->path, false);
	if (work->is_whole)
		return 0;
	for (__u32 i = 0; i < LEVELS; i++) {
		__u32 level = work->depth - 1 - i;
		if (i >= work->depth || level >= LEVELS)
			break;
		struct dentry *entry = work->entries[level];
		append_part(work, BPF_CORE_READ(entry, d_name.name), true);
	}
	if (with_text)
		append_part(work, work->text.text, true);
	return 0;
}

/// A path argument of a call, or what it opened: finds out whether it is watched, and if so appends it to the record.
/// Gives the string, of no length where it is not watched.
static __always_inline struct tapio_string take_path(struct file_work *work, const void *registers, int directory,
                                                     int path, struct dentry *opened)
{
	__u32 begin = work->end;
	bool is_absolute = false;
	work->path = TAPIO_ABSENT_32;
	if (path >= 0) {
		struct tapio_watched_text *text = &work->text;
		long length = bpf_probe_read_user_str(text->text, sizeof text->text,
		                                      (const void *)call_argument(registers, path));
		if (length <= 1 || length > (long)sizeof text->text) {
			length = 1;
			text->text[0] = 0;
		}
		is_absolute = text->text[0] == '/';
		if (is_absolute)
			find_text(work, (__u32)length - 1);
		if (work->path != TAPIO_ABSENT_32) {
			append_part(work, text->text, false);
			return (struct tapio_string){.offset = begin, .length = work->end - begin};
		}
	}
	if (opened) {
		find_entry(work, (__u64)opened, false);
	} else if (path >= 0 && !is_absolute) {
		__u32 base = directory >= 0 ? (__u32)call_argument(registers, directory) : AT_FDCWD;
		struct dentry *entry = base == AT_FDCWD ? dentry_of_cwd() : dentry_of_descriptor(base);
		__builtin_memset(work->name, 0, sizeof work->name);
		bpf_probe_read_kernel_str(work->name, sizeof work->name, work->text.text);
		find_entry(work, (__u64)entry, true);
	}
	if (work->path != TAPIO_ABSENT_32)
		append_finding(work, !opened);
	return (struct tapio_string){.offset = begin, .length = work->end - begin};
}

static __always_inline __u8 kind_of(__u8 operation)
{
	switch (operation) {
	case TAPIO_FILE_OPEN:
		return TAPIO_KIND_FILE_OPEN;
	case TAPIO_FILE_RENAME:
		return TAPIO_KIND_FILE_RENAME;
	case TAPIO_FILE_CHMOD:
	case TAPIO_FILE_CHOWN:
		return TAPIO_KIND_FILE_CHMOD;
	default:
		return TAPIO_KIND_FILE_UNLINK;
	}
}

static __always_inline void fill_value(struct tapio_file *record, const struct tapio_file_rule *rule,
                                       const void *registers)
{
	__u64 value = rule->value >= 0 ? call_argument(registers, rule->value) : 0;
	if (rule->value_form == 1)
		bpf_probe_read_user(&value, sizeof value, (const void *)value);
	else if (rule->value_form == 2)
		value = O_CREAT | O_TRUNC | 1;
	switch (rule->operation) {
	case TAPIO_FILE_OPEN:
		record->flags = value & KEPT_FLAGS;
		record->access = value & O_ACCMODE;
		break;
	case TAPIO_FILE_CHMOD:
		record->mode = (__u32)value & 07777;
		break;
	case TAPIO_FILE_CHOWN:
		record->owner = (__u32)value;
		record->group = (__u32)call_argument(registers, rule->value + 1);
		break;
	default:
		break;
	}
}

/// Names who did it, and hands the record over.
__noinline int finish(struct file_work *work)
{
	if (!work)
		return 0;
	struct tapio_header *record = (void *)work->record;
	const struct task_struct *task = bpf_get_current_task_btf();
	tapio_fill_task(record, task);
	tapio_output(record, (__u8)work->kind, (__u8)work->priority, tapio_about_task(task), work->end & 4095);
	return 0;
}

static __always_inline void tell(struct file_work *work, const struct tapio_file_rule *rule, const void *registers,
                                 long result, const struct task_struct *task)
{
	struct tapio_file *record = (void *)work->record;
	__builtin_memset(record, 0, sizeof *record);
	record->inode = TAPIO_ABSENT_64;
	record->mode = TAPIO_ABSENT_32;
	record->owner = TAPIO_ABSENT_32;
	record->group = TAPIO_ABSENT_32;
	record->access = 3;
	record->operation = rule->operation;
	__u32 error = call_error(result);
	record->error = error ? error : TAPIO_ABSENT_32;
	struct dentry *opened = NULL;
	if (rule->operation == TAPIO_FILE_OPEN && !error)
		opened = dentry_of_descriptor((__u32)result);
	else if (rule->descriptor >= 0)
		opened = dentry_of_descriptor((__u32)call_argument(registers, rule->descriptor));
	work->end = sizeof *record;
	record->path = take_path(work, registers, rule->directory, rule->path, opened);
	work->watched = work->path;
	if (rule->new_path >= 0 && work->end < STRINGS_END) {
		record->new_path = take_path(work, registers, rule->new_directory, rule->new_path, NULL);
		if (work->watched == TAPIO_ABSENT_32)
			work->watched = work->path;
	}
	const struct tapio_watched_path *watched = bpf_map_lookup_elem(&watched_paths, &work->watched);
	if (!watched)
		return;
	// Of a name that is watched and one that is not, both are told.
	if (!record->path.length && rule->path >= 0 && work->end < STRINGS_END)
		work->end = append_user_string(record, work->end, &record->path, call_argument(registers, rule->path));
	if (!record->new_path.length && rule->new_path >= 0 && work->end < STRINGS_END)
		work->end =
		    append_user_string(record, work->end, &record->new_path, call_argument(registers, rule->new_path));
	work->kind = kind_of(rule->operation);
	work->priority = work->kind == TAPIO_KIND_FILE_OPEN ? TAPIO_PRIORITY_NORMAL : TAPIO_PRIORITY_HIGH;
	fill_value(record, rule, registers);
	if ((watched->writes_only && record->access == 0 && !(record->flags & O_TRUNC)) || tapio_is_agent(task->tgid)) {
		tapio_filtered((__u8)work->kind);
		return;
	}
	if (opened)
		record->inode = BPF_CORE_READ(opened, d_inode, i_ino);
	finish(work);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file_call_ends, const void *registers, long result)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = call_number(registers, task);
	if (number >= CALL_NUMBERS)
		return 0;
	// A copy through a volatile pointer: the compiler would take the table for empty.
	union {
		__u64 word;
		struct tapio_file_rule rule;
	} copy = {.word = *(const volatile __u64 *)&rules[number]};
	struct tapio_file_rule rule = copy.rule;
	if (rule.operation == TAPIO_FILE_NOTHING)
		return 0;
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind_of(rule.operation));
		return 0;
	}
	tell((struct file_work *)slot->bytes, &rule, registers, result, task);
	scratch_release(slot);
	return 0;
}
