// Events that a program merges itself, because there are too many of them to be told one by one: hash maps from what is
// told apart to what is counted, one window of time after the other.
//
// There are two maps, of which one is open. To empty a window, user space opens the other one, waits until no program
// runs any more that may still write the first, and runs the program that WINDOW_FLUSH defines for it, which alone
// reads it then: so no count is lost, and none is told twice. What finds no room in a ring stays where it is, and is
// told the next time.
#pragma once

#include "emit.h"

/// How many there were.
struct window_tally {
	__u64 count;
	/// Of those counted here.
	__u64 first_ns;
	__u64 last_ns;
};

/// How many there were, and how long (or large) they were. Begins with the tally, as every value of a window does.
struct window_measure {
	struct window_tally tally;
	/// Turned around, so that nothing is zero: ~min.
	__u64 low;
	__u64 high;
	__u64 sum;
	__u32 octaves[TAPIO_OCTAVES];
};
_Static_assert(__builtin_offsetof(struct window_measure, tally) == 0, "the tally comes first");

/// Most tries to raise a value that other CPUs raise as well.
#define WINDOW_TRIES 4

static __always_inline void window_raise(__u64 *place, __u64 value)
{
	for (int i = 0; i < WINDOW_TRIES; i++) {
		__u64 seen = *place;
		if (seen >= value || __sync_val_compare_and_swap(place, seen, value) == seen)
			return;
	}
}

static __always_inline void window_count(struct window_tally *tally, __u64 now)
{
	if (!tally->first_ns)
		__sync_val_compare_and_swap(&tally->first_ns, 0, now);
	tally->last_ns = now;
	__sync_fetch_and_add(&tally->count, 1);
}

/// Binary digits of a value, at most TAPIO_OCTAVES - 1.
static __always_inline __u32 window_octave(__u64 value)
{
	__u32 digits = 0;
#pragma unroll
	for (__u32 step = 32; step; step >>= 1) {
		if (value >> step) {
			value >>= step;
			digits += step;
		}
	}
	digits += value != 0;
	return digits < TAPIO_OCTAVES ? digits : TAPIO_OCTAVES - 1;
}

static __always_inline void window_measure(struct window_measure *measure, __u64 value, __u64 now)
{
	window_raise(&measure->low, ~value);
	window_raise(&measure->high, value);
	__sync_fetch_and_add(&measure->sum, value);
	__u32 octave = window_octave(value);
	if (octave < TAPIO_OCTAVES)
		__sync_fetch_and_add(&measure->octaves[octave], 1);
	window_count(&measure->tally, now);
}

/// Two maps `name`_0 and `name`_1 from `key_type` to `value_type`, the variable `name`_open, which only user space
/// writes, and `name`_find.
#define WINDOW(name, key_type, value_type, entries)                                                       \
	struct name##_map {                                                                               \
		__uint(type, BPF_MAP_TYPE_HASH);                                                          \
		__uint(max_entries, entries);                                                             \
		__type(key, key_type);                                                                    \
		__type(value, value_type);                                                                \
	};                                                                                                \
	struct name##_map name##_0 SEC(".maps");                                                          \
	struct name##_map name##_1 SEC(".maps");                                                          \
	volatile __u32 name##_open = 0;                                                                   \
	static const value_type name##_nothing;                                                           \
                                                                                                          \
	/* The place of what is alike; NULL where the window is full. `is_new`: nothing was there. */     \
	static __always_inline value_type *name##_find(const key_type *key, bool *is_new)                 \
	{                                                                                                 \
		*is_new = false;                                                                          \
		if (name##_open) {                                                                        \
			value_type *found = bpf_map_lookup_elem(&name##_1, key);                          \
			if (found)                                                                        \
				return found;                                                             \
			*is_new = bpf_map_update_elem(&name##_1, key, &name##_nothing, BPF_NOEXIST) == 0; \
			return bpf_map_lookup_elem(&name##_1, key);                                       \
		}                                                                                         \
		value_type *found = bpf_map_lookup_elem(&name##_0, key);                                  \
		if (found)                                                                                \
			return found;                                                                     \
		*is_new = bpf_map_update_elem(&name##_0, key, &name##_nothing, BPF_NOEXIST) == 0;         \
		return bpf_map_lookup_elem(&name##_0, key);                                               \
	}

static __always_inline void window_fill_tally(struct tapio_merged *merged, const struct window_tally *tally)
{
	merged->count = tally->count;
	merged->last_ns = tally->last_ns;
	merged->min = TAPIO_ABSENT_64;
	merged->max = TAPIO_ABSENT_64;
	merged->sum = TAPIO_ABSENT_64;
	__builtin_memset(merged->octaves, 0, sizeof merged->octaves);
}

static __always_inline void window_fill_measure(struct tapio_merged *merged, const struct window_measure *measure)
{
	merged->count = measure->tally.count;
	merged->last_ns = measure->tally.last_ns;
	merged->min = ~measure->low;
	merged->max = measure->high;
	merged->sum = measure->sum;
	__builtin_memcpy(merged->octaves, measure->octaves, sizeof merged->octaves);
}

/// The program that tells all of one of the two windows. Each has one of its own: of a map that is chosen while it runs
/// the verifier of Linux 6.1 knows too little.
#define WINDOW_FLUSH_PROGRAM(name, number)                                       \
	SEC("syscall")                                                           \
	int name##_flush_##number(struct tapio_flush *context)                   \
	{                                                                        \
		struct tapio_flush flush = {.gives_up = context->gives_up};      \
		bpf_for_each_map_elem(&name##_##number, name##_tell, &flush, 0); \
		context->is_left = flush.is_left;                                \
		return 0;                                                        \
	}

/// The programs `name`_flush_0 and `name`_flush_1 (struct tapio_flush), which tell all of a window in records of
/// `record_type`, whose size is a multiple of 8. `fill(record, key)` fills the key's fields of a record that is zero
/// but for its stamp, and `fill_value(merged, value)` is one of the two above.
#define WINDOW_FLUSH(name, key_type, value_type, record_type, kind, priority, fill, fill_value)               \
	struct name##_record {                                                                                \
		record_type event;                                                                            \
		struct tapio_merged merged;                                                                   \
	};                                                                                                    \
	_Static_assert(sizeof(record_type) % 8 == 0, "the merged part follows at once");                      \
                                                                                                              \
	static long name##_tell(void *map, const key_type *key, value_type *value, struct tapio_flush *flush) \
	{                                                                                                     \
		const struct window_tally *tally = (const void *)value;                                       \
		__u64 count = tally->count;                                                                   \
		if (count) {                                                                                  \
			struct name##_record *record =                                                        \
			    tapio_reserve_merged(kind, priority, count, sizeof(struct name##_record));        \
			if (!record && !flush->gives_up) {                                                    \
				flush->is_left = 1;                                                           \
				return 1;                                                                     \
			}                                                                                     \
			if (record) {                                                                         \
				tapio_clear(&record->event.header, sizeof(record_type));                      \
				record->event.header.time_ns = tally->first_ns;                               \
				fill(&record->event, key);                                                    \
				fill_value(&record->merged, value);                                           \
				tapio_submit(record, priority);                                               \
			} else {                                                                              \
				tapio_lose_merged(kind, count);                                               \
			}                                                                                     \
		}                                                                                             \
		bpf_map_delete_elem(map, key);                                                                \
		return 0;                                                                                     \
	}                                                                                                     \
                                                                                                              \
	WINDOW_FLUSH_PROGRAM(name, 0)                                                                         \
	WINDOW_FLUSH_PROGRAM(name, 1)
