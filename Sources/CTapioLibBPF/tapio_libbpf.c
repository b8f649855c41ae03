#define _GNU_SOURCE
#include "tapio_libbpf.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// Loading happens on many threads at once; libbpf's callback has no context, but it runs on the caller's thread.
#define LOG_BYTES 16384
static _Thread_local struct {
	bool keeping;
	size_t length;
	char bytes[LOG_BYTES];
} thread_log;

/// Appends `count` bytes; the end tells the reason, so that what does not fit is dropped from the front.
static void append_log(const char *bytes, size_t count)
{
	if (count > LOG_BYTES) {
		bytes += count - LOG_BYTES;
		count = LOG_BYTES;
	}
	if (thread_log.length + count > LOG_BYTES) {
		size_t drop = thread_log.length + count - LOG_BYTES;
		thread_log.length -= drop;
		memmove(thread_log.bytes, thread_log.bytes + drop, thread_log.length);
	}
	memcpy(thread_log.bytes + thread_log.length, bytes, count);
	thread_log.length += count;
}

static int keep_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (!thread_log.keeping || level == LIBBPF_DEBUG)
		return 0;
	// The verifier's log comes as one message of any length, with its reason at the end.
	char *message = NULL;
	int length = vasprintf(&message, format, arguments);
	if (length > 0)
		append_log(message, (size_t)length);
	if (length >= 0)
		free(message);
	return 0;
}

static void install_log(void)
{
	libbpf_set_print(keep_log);
}

void tapio_libbpf_log_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install_log);
	thread_log.keeping = true;
	thread_log.length = 0;
}

size_t tapio_libbpf_log_end(char *into, size_t room)
{
	size_t count = thread_log.length < room ? thread_log.length : room;
	memcpy(into, thread_log.bytes + thread_log.length - count, count);
	thread_log.keeping = false;
	return count;
}

struct bpf_object *tapio_bpf_object_open(const void *image, size_t size, const char *name, const char *kernel_types)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name, .btf_custom_path = kernel_types);
	return bpf_object__open_mem(image, size, &options);
}

/// Offset of a variable of exactly `size` bytes in a section, or a negative errno.
static long offset_of(const struct bpf_object *object, const char *section, const char *name, size_t size)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf ? btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC) : -ENOENT;
	if (id < 0)
		return -ENOENT;
	const struct btf_type *data = btf__type_by_id(btf, (__u32)id);
	const struct btf_var_secinfo *info = btf_var_secinfos(data);
	for (int i = 0; i < btf_vlen(data); i++, info++) {
		const struct btf_type *variable = btf__type_by_id(btf, info->type);
		if (strcmp(btf__name_by_offset(btf, variable->name_off), name) == 0)
			return info->size == size ? (long)info->offset : -EINVAL;
	}
	return -ENOENT;
}

static int set_in_section(struct bpf_object *object, const char *section, const char *name, const void *value,
                          size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, section);
	long offset = offset_of(object, section, name, size);
	if (!map || offset < 0)
		return map ? (int)offset : -ENOENT;
	size_t room = 0;
	char *bytes = (char *)bpf_map__initial_value(map, &room);
	if (!bytes || (size_t)offset + size > room)
		return -EINVAL;
	memcpy(bytes + offset, value, size);
	int fd = bpf_map__fd(map);
	__u32 zero = 0;
	// Once loaded, the kernel has a copy of its own; the first bytes stay the image of it.
	return fd < 0 || bpf_map_update_elem(fd, &zero, bytes, BPF_ANY) == 0 ? 0 : -errno;
}

int tapio_bpf_set_constant(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	return map && bpf_map__fd(map) >= 0 ? -EBUSY : set_in_section(object, ".rodata", name, value, size);
}

int tapio_bpf_set_variable(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	// One that begins as zero lies in .bss.
	int result = set_in_section(object, ".data", name, value, size);
	return result == -ENOENT ? set_in_section(object, ".bss", name, value, size) : result;
}

int tapio_bpf_map_create(enum bpf_map_type type, const char *name, uint32_t key_size, uint32_t value_size,
                         uint32_t entries, uint32_t flags, int inner_fd, int numa_node)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags, .inner_map_fd = (__u32)inner_fd,
	            .numa_node = flags & BPF_F_NUMA_NODE ? (__u32)numa_node : 0);
	int fd = bpf_map_create(type, name, key_size, value_size, entries, &options);
	return fd < 0 ? -errno : fd;
}

int tapio_bpf_program_read_stats(int fd, struct tapio_bpf_program_stats *stats)
{
	struct bpf_prog_info info = {};
	__u32 length = sizeof info;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0)
		return -errno;
	*stats = (struct tapio_bpf_program_stats){
	    .run_count = info.run_cnt,
	    .run_time_ns = info.run_time_ns,
	    .recursion_misses = info.recursion_misses,
	    .verified_instructions = info.verified_insns,
	    .id = info.id,
	};
	return 0;
}

int tapio_btf_tracepoint_arguments(const struct btf *btf, const char *tracepoint)
{
	char name[128];
	if (snprintf(name, sizeof name, "btf_trace_%s", tracepoint) >= (int)sizeof name)
		return -ENAMETOOLONG;
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);
	// typedef -> pointer -> function, whose first argument is the kernel's own `void *__data`.
	for (int i = 0; type && i < 2; i++)
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_func_proto(type))
		return -ENOENT;
	return btf_vlen(type) - 1;
}

int tapio_btf_enum_member(const struct btf *btf, const char *enumeration, uint32_t index, const char **name,
                          int32_t *value)
{
	int id = btf__find_by_name_kind(btf, enumeration, BTF_KIND_ENUM);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);
	if (!type)
		return -ENOENT;
	if (index >= btf_vlen(type))
		return -ERANGE;
	*name = btf__name_by_offset(btf, btf_enum(type)[index].name_off);
	*value = btf_enum(type)[index].val;
	return 0;
}

int tapio_bpf_probe(void)
{
	// r0 = 0; exit
	const struct bpf_insn instructions[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "tapio_probe", "GPL", instructions, 2, NULL);
	if (fd < 0)
		return -errno;
	close(fd);
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_ringbuf_reserve_dynptr, NULL) == 0
	           ? -EOPNOTSUPP
	           : 0;
}

int tapio_bpf_wait_for_running(void)
{
	// Tracing programs run in an RCU read-side section, and the global barrier waits for a grace period.
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 ? 0 : -errno;
}

int tapio_bpf_run(int program_fd, void *context, uint32_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = context, .ctx_size_in = size);
	return bpf_prog_test_run_opts(program_fd, &options) == 0 ? 0 : -errno;
}

struct bpf_link *tapio_bpf_attach_uprobe(struct bpf_program *program, int pid, const char *path, const char *function)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .func_name = function);
	return bpf_program__attach_uprobe_opts(program, pid, path, 0, &options);
}

struct bpf_link *tapio_bpf_attach_uprobe_at(struct bpf_program *program, int pid, const char *path, uint64_t offset,
                                            bool at_return)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = at_return);
	return bpf_program__attach_uprobe_opts(program, pid, path, offset, &options);
}

struct link_batch {
	size_t count;
	struct bpf_link *links[];
};

static void *destroy_batch(void *argument)
{
	struct link_batch *batch = argument;
	for (size_t i = 0; i < batch->count; i++)
		bpf_link__destroy(batch->links[i]);
	free(batch);
	return NULL;
}

void tapio_bpf_destroy_links_later(struct bpf_link *const *links, size_t count)
{
	struct link_batch *batch = malloc(sizeof *batch + count * sizeof *links);
	if (!batch) {
		for (size_t i = 0; i < count; i++)
			bpf_link__destroy(links[i]);
		return;
	}
	batch->count = count;
	memcpy(batch->links, links, count * sizeof *links);
	// Signals are for the threads that wait for them.
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_t thread;
	if (pthread_create(&thread, NULL, destroy_batch, batch) == 0)
		pthread_detach(thread);
	else
		destroy_batch(batch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct bpf_link *tapio_bpf_attach_software_event(struct bpf_program *program, uint64_t event, int cpu)
{
	struct perf_event_attr attributes = {
	    .type = PERF_TYPE_SOFTWARE,
	    .size = sizeof attributes,
	    .config = event,
	    .sample_period = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	// The link closes the event.
	struct bpf_link *link = bpf_program__attach_perf_event(program, fd);
	if (!link) {
		int reason = errno;
		close(fd);
		errno = reason;
	}
	return link;
}

int tapio_bpf_attach_interface(int program_fd, int interface, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	int fd = bpf_link_create(program_fd, interface, BPF_XDP, &options);
	return fd < 0 ? -errno : fd;
}
