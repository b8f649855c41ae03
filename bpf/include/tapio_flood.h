// What tests hand to the program that floods the rings (flood.bpf.c), which includes this file as Swift does.
#pragma once

#include "tapio_records.h"

/// What a run emits: `count` records of one kind and size, on the CPU on which it runs.
struct tapio_flood_run {
	uint32_t kind;
	uint32_t priority;
	/// Bytes of each record, header included; between a header and TAPIO_RECORD_BYTES.
	uint32_t size;
	uint32_t count;
};

_Static_assert(sizeof(struct tapio_flood_run) == 16, "layout");
