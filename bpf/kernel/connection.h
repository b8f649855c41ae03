// What is known of TCP connections while their sockets live: who owns them, their two ends, and when what began.
#pragma once

#include "emit.h"
#include "net.h"
#include "task.h"

#define ECONNABORTED 103      // include/uapi/asm-generic/errno.h
#define PF_KTHREAD 0x00200000 // include/linux/sched.h

/// What is known of a connection, while its socket lives.
struct connection {
	/// Owner, the two ends (src_port 0: not yet known) and direction; measures are absent.
	struct tapio_tcp known;
	/// When connect() began; 0 where not seen.
	__u64 syn_ns;
	/// 0 where not seen.
	__u64 established_ns;
	/// Whether the header names an owner.
	__u64 owned;
	/// Start of the owner's process, which with its pid is its identity.
	__u64 owner_start_ns;
};

/// By socket cookie, which is never used again, unlike the socket's address. The agent may set another bound.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

/// Value 0: connections that could not be remembered because the map was full or busy. Their events name nobody.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} tracking_full SEC(".maps");

/// Nothing is known.
static __always_inline void make_blank(struct connection *connection)
{
	__builtin_memset(connection, 0, sizeof *connection);
	struct tapio_tcp *known = &connection->known;
	known->header.uid = TAPIO_ABSENT_32;
	known->error = TAPIO_ABSENT_32;
	known->socket_cookie = TAPIO_ABSENT_64;
	known->latency_ns = TAPIO_ABSENT_64;
	known->duration_ns = TAPIO_ABSENT_64;
	known->bytes_sent = TAPIO_ABSENT_64;
	known->bytes_received = TAPIO_ABSENT_64;
	known->retransmits = TAPIO_ABSENT_32;
	known->srtt_us = TAPIO_ABSENT_32;
	known->segments_sent = TAPIO_ABSENT_32;
	known->segments_received = TAPIO_ABSENT_32;
}

/// Copies what is remembered of the socket with this cookie, or a blank; says which.
static __always_inline bool recall(struct connection *connection, __u64 cookie)
{
	const struct connection *remembered = bpf_map_lookup_elem(&connections, &cookie);
	if (!remembered) {
		make_blank(connection);
		return false;
	}
	__builtin_memcpy(connection, remembered, sizeof *connection);
	return true;
}

/// Says whether it was done. What was refused though it had to be done is counted.
static __always_inline bool remember(const struct connection *connection, __u64 cookie, __u64 how)
{
	if (bpf_map_update_elem(&connections, &cookie, connection, how) == 0)
		return true;
	__u32 zero = 0;
	__u64 *count = how == BPF_ANY ? bpf_map_lookup_elem(&tracking_full, &zero) : NULL;
	if (count)
		__sync_fetch_and_add(count, 1);
	return false;
}

/// Nothing more is told of this connection but its reset, by who closes it. Its socket's end would come to the same,
/// but the kernel leaves out a program that is interrupted in its course: two that remove make a leak unlikely.
static __always_inline void forget(__u64 cookie)
{
	bpf_map_delete_elem(&connections, &cookie);
}

static __always_inline void own(struct connection *connection, const struct task_struct *task)
{
	connection->owner_start_ns = tapio_start_of(task);
	connection->owned = 1;
	tapio_fill_task(&connection->known.header, task);
}

/// The same by the task that runs. Not static: the verifier looks at it once in each program, and not on each way that
/// leads there.
__noinline int own_by_current(struct connection *connection)
{
	if (connection)
		own(connection, bpf_get_current_task_btf());
	return 0;
}

/// Where nobody owns the connection and a process holds the socket's lock, it runs right now, on behalf of itself:
/// interrupts leave a locked socket alone. Kernel threads close for others, and `ss -K` aborts those of others.
static __always_inline void adopt(struct connection *connection, const struct sock *sk)
{
	if (connection->owned || !sk->sk_lock.owned || sk->sk_err == ECONNABORTED)
		return;
	const struct task_struct *task = bpf_get_current_task_btf();
	if (!(task->flags & PF_KTHREAD))
		own_by_current(connection);
}

/// What is known of a full socket when an event happens to it.
static __always_inline void recognise(struct connection *connection, struct sock *sk, const struct tcp_sock *tcp)
{
	recall(connection, bpf_get_socket_cookie(sk));
	if (!connection->known.src_port)
		tapio_fill_ends_of_socket(&connection->known, sk, tcp);
	adopt(connection, sk);
	connection->known.state = sk->__sk_common.skc_state;
}

/// A record in the ring with all that is known, its measures absent; NULL where there is nothing to fill.
static __always_inline struct tapio_tcp *begin(__u8 kind, __u8 priority, const struct connection *connection)
{
	const struct tapio_tcp *known = &connection->known;
	if (tapio_is_agent(known->header.pid)) {
		tapio_filtered(kind);
		return NULL;
	}
	struct tapio_subject owner = tapio_about(&known->header.pid, &connection->owner_start_ns);
	struct tapio_tcp *record = tapio_reserve(kind, priority, owner, sizeof *record);
	if (!record)
		return NULL;
	record->header.cgroup_id = known->header.cgroup_id;
	record->header.pid = known->header.pid;
	record->header.tid = known->header.tid;
	record->header.ppid = known->header.ppid;
	record->header.uid = known->header.uid;
	__builtin_memcpy(record->header.comm, known->header.comm, sizeof record->header.comm);
	__builtin_memcpy(record->src_addr, known->src_addr, sizeof *record - sizeof record->header);
	return record;
}
