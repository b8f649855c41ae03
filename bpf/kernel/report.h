// What user space finds out by itself (a file that it reads, an answer that it gets) and tells as an event: it takes
// the way of all events, so that sampling, priorities and the ledger hold for it too.
#pragma once

#include "emit.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tapio_report);
} reports SEC(".maps");

/// Tells the record in the map.
SEC("syscall")
int report(void *context)
{
	(void)context;
	__u32 zero = 0;
	struct tapio_report *report = bpf_map_lookup_elem(&reports, &zero);
	if (!report)
		return 0;
	__u32 size = report->size;
	if (size < sizeof(struct tapio_header) || size > TAPIO_RECORD_BYTES)
		return 0;
	struct tapio_header *record = (struct tapio_header *)report->bytes;
	tapio_output(record, record->kind, record->priority, tapio_about(&record->pid, NULL), size);
	return 0;
}
