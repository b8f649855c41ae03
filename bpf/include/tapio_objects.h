// The BPF objects that the BPFCompiler plugin embedded in this program.
#pragma once

#include <stddef.h>

/// One compiled BPF object: the ELF image of `bpf/<name>.bpf.c`.
struct tapio_bpf_object {
	const char *name;
	const unsigned char *image;
	size_t size;
};

/// The object compiled from `bpf/<name>.bpf.c`, or NULL where there is none of that name. It lives as long as the
/// program.
const struct tapio_bpf_object *tapio_bpf_object_find(const char *name);

/// How many objects are embedded.
size_t tapio_bpf_object_count(void);

/// The object at `index`, in link order; NULL from `tapio_bpf_object_count()` on.
const struct tapio_bpf_object *tapio_bpf_object_at(size_t index);
