// TCP over IPv4 and IPv6: connections made, accepted, closed, failed; segments sent again; resets.
//
// Most of what TCP does happens in interrupt context, on top of whatever process happens to run. So the process that
// connected or accepted is remembered with the socket, and every event names that one or nobody.
#include "kernel/connection.h"

char LICENSE[] SEC("license") = "GPL";

// include/uapi/asm-generic/errno.h (the same numbers on every architecture that runs BPF but MIPS)
#define EADDRNOTAVAIL 99
#define ECANCELED 125

static __always_inline __u64 since(__u64 then, __u64 now)
{
	return then ? now - then : TAPIO_ABSENT_64;
}

static __always_inline __u32 error_or_absent(int error)
{
	return error > 0 ? (__u32)error : TAPIO_ABSENT_32;
}

static __always_inline void measure_path(struct tapio_tcp *record, const struct tcp_sock *tcp)
{
	record->retransmits = tcp->total_retrans;
	__u32 srtt = tcp->srtt_us >> 3; // the kernel holds eighths
	record->srtt_us = srtt ? srtt : TAPIO_ABSENT_32;
}

/// CLOSE → SYN_SENT: the only moment at which the connecting process is sure to be the current one. The local port is
/// chosen later.
static __always_inline void connect_begins(struct sock *sk)
{
	struct connection connection;
	make_blank(&connection);
	own_by_current(&connection);
	connection.known.direction = TAPIO_DIRECTION_OUTBOUND;
	connection.syn_ns = bpf_ktime_get_boot_ns();
	remember(&connection, bpf_get_socket_cookie(sk), BPF_ANY);
}

/// SYN_SENT or SYN_RECV → ESTABLISHED. A connection of two that connect to each other at once passes through both.
static __always_inline void established(struct sock *sk, const struct tcp_sock *tcp, int old_state)
{
	const __u8 kind = TAPIO_KIND_TCP_CONNECT, priority = TAPIO_PRIORITY_NORMAL;
	struct connection blank;
	__u64 cookie = bpf_get_socket_cookie(sk);
	// Written in place: it can be removed or replaced only by who destroys or has accepted this very socket.
	struct connection *connection = bpf_map_lookup_elem(&connections, &cookie);
	bool remembered = connection;
	if (!connection) {
		connection = &blank;
		make_blank(connection);
	}
	bool outbound = old_state == TCP_SYN_SENT || connection->known.direction == TAPIO_DIRECTION_OUTBOUND;
	tapio_fill_ends_of_socket(&connection->known, sk, tcp);
	connection->known.direction = outbound ? TAPIO_DIRECTION_OUTBOUND : TAPIO_DIRECTION_INBOUND;
	connection->established_ns = bpf_ktime_get_boot_ns();
	if (!remembered)
		remember(connection, cookie, BPF_ANY);
	if (!outbound)
		return;
	struct tapio_tcp *record = begin(kind, priority, connection);
	if (!record)
		return;
	record->state = old_state;
	record->latency_ns = since(connection->syn_ns, connection->established_ns);
	measure_path(record, tcp);
	tapio_submit(record, priority);
}

/// The states that only close() and shutdown() lead to: the last chance to learn the owner of a connection that was
/// there before the agent.
static __always_inline void finishes(struct sock *sk, const struct tcp_sock *tcp)
{
	__u64 cookie = bpf_get_socket_cookie(sk);
	const struct connection *remembered = bpf_map_lookup_elem(&connections, &cookie);
	if (remembered && remembered->owned)
		return;
	struct connection connection;
	recognise(&connection, sk, tcp);
	if (connection.owned)
		remember(&connection, cookie, BPF_ANY);
}

/// Why a connection was never established: what the network answered or didn't; else the process's own doing.
static __always_inline __u32 failure_of(const struct sock *sk, const struct tcp_sock *tcp)
{
	int error = sk->sk_err ? sk->sk_err : sk->sk_err_soft;
	if (error || !sk->sk_lock.owned)
		return error_or_absent(error);
	// Inside connect() itself, which begins with the choice of a local port.
	if (((const struct sock *)tcp)->sk_socket->state == SS_UNCONNECTED)
		return EADDRNOTAVAIL;
	return ECANCELED;
}

static __always_inline void failed(struct sock *sk, const struct tcp_sock *tcp, int old_state)
{
	const __u8 kind = TAPIO_KIND_TCP_FAILED, priority = TAPIO_PRIORITY_HIGH;
	struct connection connection;
	recognise(&connection, sk, tcp);
	if (old_state == TCP_SYN_RECV && connection.known.direction != TAPIO_DIRECTION_OUTBOUND)
		return; // a handshake that somebody else began
	forget(bpf_get_socket_cookie(sk));
	struct tapio_tcp *record = begin(kind, priority, &connection);
	if (!record)
		return;
	record->state = old_state;
	record->direction = TAPIO_DIRECTION_OUTBOUND;
	record->error = failure_of(sk, tcp);
	record->latency_ns = since(connection.syn_ns, record->header.time_ns);
	record->retransmits = tcp->total_retrans;
	tapio_submit(record, priority);
}

/// Payload that was sent at least once, from sequence numbers. The kernel's own sum, bytes_sent − bytes_retrans, is too
/// great where this host's queues dropped segments: those count as sent, and count again.
static __always_inline __u64 payload_sent(const struct tcp_sock *tcp, int state, __u8 direction)
{
	__u64 sequences = tcp->bytes_acked + (__u32)(tcp->snd_nxt - tcp->snd_una);
	// Our FIN takes one, the last; in these states it is sent as soon as all else is.
	bool finished = state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_TIME_WAIT ||
	                state == TCP_LAST_ACK || state == TCP_CLOSING;
	if (finished && tcp->snd_nxt == tcp->write_seq && sequences)
		sequences--;
	// So does our SYN, which the kernel counts only at the end that connected.
	if (direction == TAPIO_DIRECTION_OUTBOUND && sequences)
		sequences--;
	if (direction != TAPIO_DIRECTION_UNKNOWN)
		return sequences;
	__u64 sent = tcp->bytes_sent, again = tcp->bytes_retrans;
	return sent > again && sent - again < sequences ? sent - again : sequences;
}

static __always_inline void closed(struct sock *sk, const struct tcp_sock *tcp, int old_state)
{
	const __u8 kind = TAPIO_KIND_TCP_CLOSE, priority = TAPIO_PRIORITY_NORMAL;
	struct connection connection;
	recognise(&connection, sk, tcp);
	if (connection.owned) // else it may still be accepted
		forget(bpf_get_socket_cookie(sk));
	struct tapio_tcp *record = begin(kind, priority, &connection);
	if (!record)
		return;
	record->state = old_state;
	record->error = error_or_absent(sk->sk_err);
	record->duration_ns = since(connection.established_ns, record->header.time_ns);
	record->bytes_sent = payload_sent(tcp, old_state, record->direction);
	// The kernel counts the other end's FIN as a byte, and sets this flag when it has.
	__u64 received = tcp->bytes_received;
	__u64 fin = sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;
	record->bytes_received = received > fin ? received - fin : 0;
	record->segments_sent = tcp->segs_out;
	record->segments_received = tcp->segs_in;
	measure_path(record, tcp);
	tapio_submit(record, priority);
}

static __always_inline void tell_listener(const struct connection *connection, __u8 state)
{
	const __u8 kind = TAPIO_KIND_TCP_LISTEN, priority = TAPIO_PRIORITY_NORMAL;
	struct tapio_tcp *record = begin(kind, priority, connection);
	if (!record)
		return;
	record->direction = TAPIO_DIRECTION_INBOUND;
	record->state = state;
	tapio_submit(record, priority);
}

/// CLOSE → LISTEN: in listen(), by the process that will accept. Remembered, so that tcp_existing does not tell it
/// again.
static __always_inline void listens(struct sock *sk, const struct tcp_sock *tcp)
{
	struct connection connection;
	make_blank(&connection);
	own_by_current(&connection);
	__u64 cookie = bpf_get_socket_cookie(sk);
	tapio_fill_ends_of_socket(&connection.known, sk, tcp);
	remember(&connection, cookie, BPF_ANY);
	tell_listener(&connection, TCP_CLOSE);
}

static __always_inline void changed(struct sock *sk, int old_state, int new_state)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp) // SCTP, DCCP, MPTCP's own
		return;
	switch (new_state) {
	case TCP_SYN_SENT:
		connect_begins(sk);
		break;
	case TCP_LISTEN:
		listens(sk, tcp);
		break;
	case TCP_ESTABLISHED:
		established(sk, tcp, old_state);
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		finishes(sk, tcp);
		break;
	case TCP_CLOSE:
		if (old_state == TCP_SYN_SENT || old_state == TCP_SYN_RECV)
			failed(sk, tcp, old_state);
		else if (old_state != TCP_LISTEN && old_state != TCP_CLOSE)
			closed(sk, tcp, old_state);
		break;
	}
}

/// A change of state that one program has taken on, so that the other leaves it.
struct claim {
	__u64 socket;
	__u32 old_state;
	__u32 new_state; // 0, which is no state: a free place
};

/// Changes can nest as deep as process, softirq, interrupt and NMI do.
#define MOST_CLAIMS 4

/// Value 0: the changes on this CPU that tcp_state has taken on and tcp_state_nested has not passed yet.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct claim[MOST_CLAIMS]);
} claims SEC(".maps");

static __always_inline struct claim *claims_here(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&claims, &zero);
}

/// The kernel does not run a program again that it has interrupted on that CPU: where a packet arrives while a process
/// is in the middle of tcp_state, tcp_state_nested stands in. Both see every change, this one first.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int old_state, int new_state)
{
	struct claim *claims = claims_here();
	if (!claims)
		return 0;
	// What is interrupted between these two programs is passed before its interrupter's places are needed again;
	// all are taken only where tcp_state_nested could not run, and those claims are void.
	__u32 place = 0;
	while (place < MOST_CLAIMS && claims[place].new_state)
		place++;
	if (place == MOST_CLAIMS) {
		__builtin_memset(claims, 0, MOST_CLAIMS * sizeof *claims);
		place = 0;
	}
	claims[place] = (struct claim){(__u64)sk, old_state, new_state};
	changed(sk, old_state, new_state);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_nested, struct sock *sk, int old_state, int new_state)
{
	struct claim *claims = claims_here();
	if (!claims)
		return 0;
	for (__u32 place = 0; place < MOST_CLAIMS; place++) {
		struct claim *claim = &claims[place];
		if (claim->socket == (__u64)sk && claim->old_state == (__u32)old_state &&
		    claim->new_state == (__u32)new_state) {
			claim->new_state = 0;
			return 0;
		}
	}
	changed(sk, old_state, new_state);
	return 0;
}

/// The socket goes: nothing more will happen to it.
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroyed, struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	if (cookie)
		bpf_map_delete_elem(&connections, &cookie);
	return 0;
}

struct syscall_exit {
	__u64 common;
	__s64 number;
	__s64 result;
};

/// accept() and accept4() return in the accepting process's context, with the new socket's file in its table.
static __always_inline void accepted(__s64 result)
{
	const __u8 kind = TAPIO_KIND_TCP_ACCEPT, priority = TAPIO_PRIORITY_NORMAL;
	if (result < 0)
		return;
	struct sock *sk = tapio_socket_of((__u32)result);
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return;
	struct connection connection;
	__u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	bool remembered = recall(&connection, cookie);
	if (connection.owned)
		return; // another thread has put another socket in its place
	own_by_current(&connection);
	connection.known.direction = TAPIO_DIRECTION_INBOUND;
	if (!connection.known.src_port)
		tapio_fill_ends_of_address(&connection.known, sk);
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	// An entry that is gone must not come back: nobody would remove it.
	if (remembered)
		remember(&connection, cookie, BPF_EXIST);
	else if (cookie && state != TCP_CLOSE)
		remember(&connection, cookie, BPF_ANY);
	struct tapio_tcp *record = begin(kind, priority, &connection);
	if (!record)
		return;
	record->state = state;
	record->latency_ns = since(connection.established_ns, record->header.time_ns);
	tapio_submit(record, priority);
}

SEC("tp/syscalls/sys_exit_accept")
int tcp_accepted(struct syscall_exit *ctx)
{
	accepted(ctx->result);
	return 0;
}

SEC("tp/syscalls/sys_exit_accept4")
int tcp_accepted4(struct syscall_exit *ctx)
{
	accepted(ctx->result);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmitted, struct sock *sk)
{
	const __u8 kind = TAPIO_KIND_TCP_RETRANSMIT, priority = TAPIO_PRIORITY_LOW;
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	struct connection connection;
	recognise(&connection, sk, tcp);
	struct tapio_tcp *record = begin(kind, priority, &connection);
	if (!record)
		return 0;
	measure_path(record, tcp);
	tapio_submit(record, priority);
	return 0;
}

/// A SYN-ACK sent again: there is no socket yet but a request, and no owner.
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcp_retransmitted_synack, struct sock *listener, struct request_sock *request)
{
	const __u8 kind = TAPIO_KIND_TCP_RETRANSMIT, priority = TAPIO_PRIORITY_LOW;
	struct connection connection;
	make_blank(&connection);
	tapio_fill_ends(&connection.known, &request->__req_common);
	connection.known.netns = request->__req_common.skc_net.net->ns.inum;
	struct tapio_tcp *record = begin(kind, priority, &connection);
	if (!record)
		return 0;
	record->direction = TAPIO_DIRECTION_INBOUND;
	record->state = TCP_SYN_RECV; // as user space calls what the kernel has split into two
	tapio_submit(record, priority);
	return 0;
}

static __always_inline void emit_reset(const struct connection *connection, __u8 sent)
{
	const __u8 kind = TAPIO_KIND_TCP_RESET, priority = TAPIO_PRIORITY_NORMAL;
	struct tapio_tcp *record = begin(kind, priority, connection);
	if (!record)
		return;
	record->reset_sent = sent;
	tapio_submit(record, priority);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_reset_received, struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	struct connection connection;
	recognise(&connection, sk, tcp);
	emit_reset(&connection, 0);
	return 0;
}

/// `sk` may be missing, a listener, a request or what is left of a socket in TIME_WAIT.
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_reset_sent, struct sock *sk, struct sk_buff *skb)
{
	struct connection connection;
	// Old verifiers take both pointers for valid and drop a comparison with NULL; reading through NULL gives 0.
	__u8 state = sk ? sk->__sk_common.skc_state : 0;
	const struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (tcp && state != TCP_LISTEN) {
		recognise(&connection, sk, tcp);
	} else {
		make_blank(&connection);
		if (sk && state && state != TCP_LISTEN) {
			tapio_fill_ends(&connection.known, &sk->__sk_common);
			connection.known.netns = sk->__sk_common.skc_net.net->ns.inum;
		} else if (skb) {
			tapio_fill_ends_of_received(&connection.known, skb);
		}
		connection.known.state = state == TCP_NEW_SYN_RECV ? TCP_SYN_RECV : state ? state : TCP_CLOSE;
	}
	emit_reset(&connection, 1);
	return 0;
}

/// Run once after the start: tells who listens already, and gives the connections that were there before the agent
/// their owners. A socket that several processes share belongs to the first that is met.
SEC("iter/task_file")
int tcp_existing(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	if (!task || !file)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	struct sock *sk = socket->sk;
	const struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tcp)
		return 0;
	__u8 state = sk->__sk_common.skc_state;
	if (state == TCP_CLOSE)
		return 0;
	struct connection connection;
	make_blank(&connection);
	own(&connection, task);
	if (state == TCP_SYN_SENT)
		connection.known.direction = TAPIO_DIRECTION_OUTBOUND;
	__u64 cookie = bpf_get_socket_cookie(sk);
	tapio_fill_ends_of_socket(&connection.known, sk, tcp);
	if (remember(&connection, cookie, BPF_NOEXIST) && state == TCP_LISTEN)
		tell_listener(&connection, TCP_LISTEN);
	return 0;
}
