#define _GNU_SOURCE
#include "tapio_libbpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// libbpf compares the name of each type that a program's loads are relocated by with those of all types of the kernel,
// for each object anew: about a millisecond a type, and so a good part of an agent's start. Here they are compared
// once.

/// Names of types, by their hash. Never more than half full.
struct names {
	const char **slots;
	size_t mask;
	size_t count;
};

/// Length without what follows "___", which libbpf ignores ("flavours").
static size_t essential_length(const char *name)
{
	const char *flavour = strstr(name, "___");
	return flavour && flavour != name ? (size_t)(flavour - name) : strlen(name);
}

/// FNV-1a.
static uint64_t hash_of(const char *name, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3ull;
	return hash;
}

/// Where the name is, or would have to be.
static const char **slot_of(const struct names *names, const char *name, size_t length)
{
	size_t slot = hash_of(name, length) & names->mask;
	while (names->slots[slot]) {
		const char *there = names->slots[slot];
		if (essential_length(there) == length && strncmp(there, name, length) == 0)
			break;
		slot = (slot + 1) & names->mask;
	}
	return &names->slots[slot];
}

static int names_grow(struct names *names)
{
	struct names larger = {.mask = names->slots ? 2 * names->mask + 1 : 1023};
	larger.slots = calloc(larger.mask + 1, sizeof *larger.slots);
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; names->slots && i <= names->mask; i++) {
		const char *name = names->slots[i];
		if (name)
			*slot_of(&larger, name, essential_length(name)) = name;
	}
	larger.count = names->count;
	free(names->slots);
	*names = larger;
	return 0;
}

/// Whether programs may load by types of this kind.
static bool is_relocatable(const struct btf_type *type)
{
	return btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type);
}

/// The names stay those of `btf`.
static int names_add(struct names *names, const struct btf *btf)
{
	for (__u32 id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, type->name_off);
		if (!is_relocatable(type) || !name || !*name)
			continue;
		if (2 * (names->count + 1) > names->mask && names_grow(names) != 0)
			return -ENOMEM;
		const char **slot = slot_of(names, name, essential_length(name));
		names->count += !*slot;
		*slot = name;
	}
	return 0;
}

/// Copies a type with all that it consists of, but not what it points to: no load goes through a pointer. `copies` has
/// the copies' ids by those of `from`, 0 where there is none yet. Gives the copy's id, or a negative errno.
static int copy_type(struct btf *to, const struct btf *from, int *copies, __u32 id)
{
	if (id == 0 || copies[id])
		return copies[id];
	int copy = btf__add_type(to, from, btf__type_by_id(from, id));
	if (copy < 0)
		return copy;
	copies[id] = copy;
	const struct btf_type *type = btf__type_by_id(from, id);
	// Types move as others are added. All of `to` is our own.
#define COPY ((struct btf_type *)btf__type_by_id(to, (__u32)copy))
	int part;
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
		COPY->type = 0;
		return copy;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		part = copy_type(to, from, copies, type->type);
		if (part < 0)
			return part;
		COPY->type = (__u32)part;
		return copy;
	case BTF_KIND_ARRAY:
		part = copy_type(to, from, copies, btf_array(type)->type);
		if (part < 0)
			return part;
		btf_array(COPY)->type = (__u32)part;
		part = copy_type(to, from, copies, btf_array(type)->index_type);
		if (part < 0)
			return part;
		btf_array(COPY)->index_type = (__u32)part;
		return copy;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (int i = 0; i < btf_vlen(type); i++) {
			part = copy_type(to, from, copies, btf_members(type)[i].type);
			if (part < 0)
				return part;
			btf_members(COPY)[i].type = (__u32)part;
		}
		return copy;
	default: // numbers, enumerations, forward declarations: made of nothing else
		return copy;
	}
#undef COPY
}

static int copy_named(struct btf *to, const struct btf *from, const struct names *names)
{
	__u32 count = btf__type_cnt(from);
	int *copies = calloc(count, sizeof *copies);
	if (!copies)
		return -ENOMEM;
	int result = 0;
	for (__u32 id = 1; id < count && result >= 0; id++) {
		const struct btf_type *type = btf__type_by_id(from, id);
		const char *name = btf__name_by_offset(from, type->name_off);
		if (is_relocatable(type) && name && *name && *slot_of(names, name, essential_length(name)))
			result = copy_type(to, from, copies, id);
	}
	free(copies);
	return result < 0 ? result : 0;
}

/// A file of the type data that has no name, or a negative errno.
static int write_file(const struct btf *btf)
{
	__u32 size;
	const char *bytes = btf__raw_data(btf, &size);
	int fd = bytes ? memfd_create("kernel types", MFD_CLOEXEC) : -1;
	if (fd < 0)
		return -errno;
	for (__u32 done = 0; done < size;) {
		ssize_t written = write(fd, bytes + done, size - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			int code = written < 0 ? errno : EIO;
			close(fd);
			return -code;
		}
		done += (__u32)written;
	}
	return fd;
}

int tapio_btf_excerpt(const struct btf *kernel, struct bpf_object *const *objects, size_t count)
{
	struct names names = {};
	struct btf *excerpt = btf__new_empty();
	int result = excerpt ? names_grow(&names) : -errno;
	for (size_t i = 0; i < count && result == 0; i++) {
		const struct btf *own = bpf_object__btf(objects[i]);
		result = own ? names_add(&names, own) : 0;
	}
	if (result == 0)
		result = copy_named(excerpt, kernel, &names);
	if (result == 0)
		result = write_file(excerpt);
	free(names.slots);
	btf__free(excerpt);
	return result;
}
