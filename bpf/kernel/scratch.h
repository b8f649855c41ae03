// Memory in which records of variable size are built, before tapio_output copies them into a ring.
#pragma once

#include "core.h"
#include "../include/tapio_records.h"

/// A program that may sleep or be preempted holds its slot while others run on its CPU, so that each program claims a
/// slot of its own.
#define SCRATCH_SLOTS 4
struct scratch_slot {
	__u64 busy;
	__u8 bytes[TAPIO_RECORD_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch_slot);
} scratch SEC(".maps");

static __always_inline struct scratch_slot *scratch_claim(void)
{
#pragma unroll
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 key = i;
		struct scratch_slot *slot = bpf_map_lookup_elem(&scratch, &key);
		if (slot && __sync_val_compare_and_swap(&slot->busy, 0, 1) == 0)
			return slot;
	}
	return NULL;
}

static __always_inline void scratch_release(struct scratch_slot *slot)
{
	__sync_lock_test_and_set(&slot->busy, 0);
}

/// Appends a kernel string at `end`, without its NUL; gives the new end.
static __always_inline __u32 append_string(void *record, __u32 end, struct tapio_string *into, const char *from)
{
	into->offset = end;
	into->length = 0;
	end &= 2047; // for the verifier: no string starts beyond
	long length = bpf_probe_read_kernel_str((char *)record + end, TAPIO_PATH_BYTES, from);
	if (length <= 1 || length > TAPIO_PATH_BYTES)
		return end;
	into->length = length - 1;
	return end + (__u32)length - 1;
}

/// The same for a string in the current process's memory, which may lie wherever it wants.
static __always_inline __u32 append_user_string(void *record, __u32 end, struct tapio_string *into, __u64 from)
{
	into->offset = end;
	into->length = 0;
	end &= 2047; // for the verifier: no string starts beyond
	long length = bpf_probe_read_user_str((char *)record + end, TAPIO_PATH_BYTES, (const void *)from);
	if (length <= 1 || length > TAPIO_PATH_BYTES)
		return end;
	into->length = length - 1;
	return end + (__u32)length - 1;
}
