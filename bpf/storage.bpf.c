// Block devices: how long requests take. Slow ones and failures are told one by one, the others are counted.
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

/// Requests that took at least as long are told one by one; the agent sets it, also while the programs run.
volatile __u64 slow_ns = 100000000;

#define REQ_OP_MASK 0xff // include/linux/blk_types.h

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major;
	int first_minor;
	char disk_name[32];
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	__u64 __sector;
	__u64 start_time_ns;
};

#pragma clang attribute pop

/// A request that a device has.
struct request_begin {
	/// Who gave it to the device, and by which thread.
	struct tapio_who who;
	__u64 tid;
	__u64 issued_ns;
	__u64 queue_ns;
	__u64 bytes;
	__u64 sector;
};

/// By the request's address: while a device has it, no other has that. The agent may set another bound.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct request_begin);
} requests SEC(".maps");

struct block_key {
	struct tapio_who who;
	__u32 major;
	__u32 minor;
	__u64 operation;
	char device[32];
};

WINDOW(blocks, struct block_key, struct window_measure, 4096)

SEC("tp_btf/block_rq_issue")
int BPF_PROG(request_issued, struct request *request)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	struct request_begin begin = {.tid = task->pid};
	tapio_fill_who(&begin.who, task);
	begin.issued_ns = bpf_ktime_get_boot_ns();
	__u64 made_ns = request->start_time_ns;
	__u64 now = bpf_ktime_get_ns();
	begin.queue_ns = made_ns && made_ns <= now ? now - made_ns : TAPIO_ABSENT_64;
	begin.bytes = request->__data_len;
	begin.sector = request->__sector;
	__u64 key = (__u64)request;
	// One that found no room is not known when it is done.
	if (bpf_map_update_elem(&requests, &key, &begin, BPF_ANY) != 0)
		tapio_refused(TAPIO_KIND_BLOCK_IO);
	return 0;
}

/// What user space would be told of a block_status_t (block/blk-core.c); those that differ between versions, and all
/// that has no meaning of its own, are EIO.
static __always_inline __u32 error_of(__u8 status)
{
	switch (status) {
	case 1: // BLK_STS_NOTSUPP
		return 95;
	case 2: // BLK_STS_TIMEOUT
		return 110;
	case 3: // BLK_STS_NOSPC
		return 28;
	case 4: // BLK_STS_TRANSPORT
		return 67;
	case 5: // BLK_STS_TARGET
		return 121;
	case 7: // BLK_STS_MEDIUM
		return 61;
	case 8: // BLK_STS_PROTECTION
		return 84;
	case 9: // BLK_STS_RESOURCE
		return 12;
	default:
		return 5;
	}
}

static __always_inline void fill_request(struct tapio_block *record, const struct block_key *key)
{
	tapio_fill_from_who(&record->header, &key->who);
	record->major = key->major;
	record->minor = key->minor;
	record->operation = (__u8)key->operation;
	__builtin_memcpy(record->device, key->device, sizeof key->device);
}

static __always_inline void tell(__u8 kind, __u8 priority, const struct request_begin *begin,
                                 const struct block_key *key, __u64 latency_ns, __u32 error)
{
	struct tapio_subject subject = tapio_about(&begin->who.pid, NULL);
	struct tapio_block *record = tapio_reserve(kind, priority, subject, sizeof *record);
	if (!record)
		return;
	__builtin_memset(record->reserved, 0, sizeof record->reserved);
	fill_request(record, key);
	record->header.tid = (__u32)begin->tid;
	record->latency_ns = latency_ns;
	record->queue_ns = begin->queue_ns;
	record->bytes = begin->bytes;
	record->sector = begin->sector;
	record->error = error;
	tapio_submit(record, priority);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(request_completed, struct request *request, __u8 status)
{
	__u64 address = (__u64)request;
	const struct request_begin *begin = bpf_map_lookup_elem(&requests, &address);
	if (!begin) // it was given to the device before the agent ran, or told of already
		return 0;
	__u64 now = bpf_ktime_get_boot_ns();
	__u64 latency_ns = now - begin->issued_ns;
	const struct gendisk *disk = request->q->disk;
	struct block_key key = {
	    .who = begin->who,
	    .major = disk->major,
	    .minor = disk->first_minor,
	    .operation = request->cmd_flags & REQ_OP_MASK,
	};
	bpf_probe_read_kernel_str(key.device, sizeof key.device, disk->disk_name);
	bool is_new = false;
	if (status) {
		tell(TAPIO_KIND_BLOCK_ERROR, TAPIO_PRIORITY_HIGH, begin, &key, latency_ns, error_of(status));
	} else {
		struct window_measure *measure = latency_ns < slow_ns ? blocks_find(&key, &is_new) : NULL;
		if (measure) {
			tapio_merge(TAPIO_KIND_BLOCK_IO);
			window_measure(measure, latency_ns, now);
		} else {
			tell(TAPIO_KIND_BLOCK_IO, TAPIO_PRIORITY_NORMAL, begin, &key, latency_ns, TAPIO_ABSENT_32);
		}
	}
	bpf_map_delete_elem(&requests, &address);
	return 0;
}

WINDOW_FLUSH(blocks, struct block_key, struct window_measure, struct tapio_block, TAPIO_KIND_BLOCK_IO,
             TAPIO_PRIORITY_NORMAL, fill_request, window_fill_measure)
