// What libbpf offers only through variadic functions, option structs and inline BTF walks, in a form that Swift can
// call. Functions that can fail return a negative errno; those that give a pointer set errno and return NULL.
#pragma once

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Starts to keep what libbpf says on this thread (warnings, and the verifier's log), instead of printing it. Only the
/// last bytes are kept.
void tapio_libbpf_log_begin(void);

/// Copies what was kept into `into`, at most `room` bytes, and stops keeping; gives the number of bytes.
size_t tapio_libbpf_log_end(char *into, size_t room);

/// Opens an object. `kernel_types` is the path of a file with the kernel's types that its programs load by
/// (tapio_btf_excerpt); NULL: they are looked for in the kernel's own.
struct bpf_object *tapio_bpf_object_open(const void *image, size_t size, const char *name, const char *kernel_types);

/// Looks for the types of the kernel that have the name of one of these objects' own types: the descriptor of a file
/// with them and what they consist of, or a negative errno.
int tapio_btf_excerpt(const struct btf *kernel, struct bpf_object *const *objects, size_t count);

/// Gives a constant (`const volatile` global) its value before the object is loaded. -ENOENT where there is none of
/// that name, -EINVAL where its size differs, -EBUSY after loading.
int tapio_bpf_set_constant(struct bpf_object *object, const char *name, const void *value, size_t size);

/// Gives an initialised global variable (section .data) a value, before or after loading. Errors as above.
int tapio_bpf_set_variable(struct bpf_object *object, const char *name, const void *value, size_t size);

/// A map's descriptor, or a negative errno. `inner_fd` is for maps of maps, else 0. `numa_node` is where its memory
/// comes from (-1: anywhere), and counts only with BPF_F_NUMA_NODE.
int tapio_bpf_map_create(enum bpf_map_type type, const char *name, uint32_t key_size, uint32_t value_size,
                         uint32_t entries, uint32_t flags, int inner_fd, int numa_node);

struct tapio_bpf_program_stats {
	uint64_t run_count;
	uint64_t run_time_ns;
	uint64_t recursion_misses;
	uint32_t verified_instructions;
	uint32_t id;
};
int tapio_bpf_program_read_stats(int fd, struct tapio_bpf_program_stats *stats);

/// How many arguments the tracepoint has according to the kernel's BTF; -ENOENT where the kernel lacks it.
int tapio_btf_tracepoint_arguments(const struct btf *btf, const char *tracepoint);

/// The member at `index` of an enumeration of the kernel: its name, which lives as long as `btf`, and its value.
/// -ENOENT where the kernel has no such enumeration, -ERANGE from its number of members on.
int tapio_btf_enum_member(const struct btf *btf, const char *enumeration, uint32_t index, const char **name,
                          int32_t *value);

/// Tries to load the smallest program: 0, or the negative errno with which the kernel refuses it; -EOPNOTSUPP where it
/// lacks bpf_ringbuf_reserve_dynptr, which every program calls.
int tapio_bpf_probe(void);

/// Waits until every program that was running when it was called has ended. -errno where the kernel cannot tell
/// (nohz_full).
int tapio_bpf_wait_for_running(void);

/// Runs a program of type `syscall` once on this CPU, with `context` as its argument: 0 or a negative errno.
int tapio_bpf_run(int program_fd, void *context, uint32_t size);

/// Attaches a program to the entry of a function of an ELF file, for the threads of process `pid` (-1: of all).
struct bpf_link *tapio_bpf_attach_uprobe(struct bpf_program *program, int pid, const char *path, const char *function);

/// The same for a function by its place in the file, in bytes; at its returns instead of its entry if asked.
struct bpf_link *tapio_bpf_attach_uprobe_at(struct bpf_program *program, int pid, const char *path, uint64_t offset,
                                            bool at_return);

/// Destroys links one after the other on a thread of its own, which takes the kernel up to 0.1 s for each that is
/// attached to a function, and returns at once.
void tapio_bpf_destroy_links_later(struct bpf_link *const *links, size_t count);

/// Attaches a program of type `perf_event` to an event that the kernel itself counts (PERF_COUNT_SW_…), on one CPU, for
/// all processes: it runs each time.
struct bpf_link *tapio_bpf_attach_software_event(struct bpf_program *program, uint64_t event, int cpu);

/// Attaches a program of type `xdp` to an interface of this network namespace, in the way that `flags` say
/// (XDP_FLAGS_…_MODE): a descriptor whose end detaches it, or a negative errno.
int tapio_bpf_attach_interface(int program_fd, int interface, uint32_t flags);
