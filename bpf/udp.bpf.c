// UDP: what sockets send and receive, counted by socket and peer, for all cgroups.
//
// What arrives does so on top of whatever process happens to run. So who made a socket, or sent from it last, is
// remembered with it, and what it receives names that one or nobody.
#include "kernel/net.h"
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

#define IPPROTO_UDP 17
#define UDP_HEADER 8

/// For how long it is taken as given that a process has the name and the cgroup that it had.
#define KNOWN_NS 1000000000ull

struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
};

struct __sk_buff {
	__u32 len;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct nsproxy {
	struct net *net_ns;
};

struct task_struct___namespaces {
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop

struct owner {
	__u64 cgroup_id;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 netns;
	char comm[TAPIO_COMM_BYTES];
};

struct known_owner {
	struct owner owner;
	__u64 known_ns;
};

/// By the socket's cookie; which of them are gone nobody says.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct known_owner);
} owners SEC(".maps");

struct datagram_key {
	struct owner owner;
	__u64 cookie;
	__u8 src_addr[16];
	__u8 dst_addr[16];
	__u16 src_port;
	__u16 dst_port;
	__u16 direction;
	__u16 ip_version;
};

WINDOW(datagrams, struct datagram_key, struct window_measure, 4096)

static __always_inline void remember_current(__u64 cookie, struct owner *owner, __u64 now)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct task_struct___namespaces *spaces = (const void *)task;
	owner->cgroup_id = tapio_cgroup_of(task);
	owner->pid = task->tgid;
	owner->ppid = task->real_parent->tgid;
	owner->uid = task->cred->uid.val;
	owner->netns = spaces->nsproxy->net_ns->ns.inum;
	__builtin_memcpy(owner->comm, task->comm, sizeof owner->comm);
	struct known_owner known = {.owner = *owner, .known_ns = now};
	bpf_map_update_elem(&owners, &cookie, &known, BPF_ANY);
}

/// Who sends runs here: a packet does not wait before it comes by.
static __always_inline void find_sender(__u64 cookie, struct owner *owner, __u64 now)
{
	const struct known_owner *known = bpf_map_lookup_elem(&owners, &cookie);
	// On Linux 6.1, programs like this one may not ask for the pid by itself.
	__u32 pid = bpf_get_current_task_btf()->tgid;
	if (known && known->owner.pid == pid && now - known->known_ns < KNOWN_NS)
		*owner = known->owner;
	else
		remember_current(cookie, owner, now);
}

static __always_inline void find_receiver(struct __sk_buff *skb, __u64 cookie, struct owner *owner)
{
	const struct known_owner *known = bpf_map_lookup_elem(&owners, &cookie);
	if (known) {
		*owner = known->owner;
		return;
	}
	owner->cgroup_id = bpf_skb_cgroup_id(skb);
	owner->uid = TAPIO_ABSENT_32;
}

/// Fills the ends; gives where the payload begins, or 0 where it is no such packet.
static __always_inline __u32 find_ends(struct __sk_buff *skb, struct datagram_key *key, bool is_sent)
{
	__u8 ip[40];
	if (bpf_skb_load_bytes(skb, 0, ip, 20) != 0)
		return 0;
	__u8 *source = is_sent ? key->src_addr : key->dst_addr;
	__u8 *destination = is_sent ? key->dst_addr : key->src_addr;
	__u32 transport;
	key->ip_version = ip[0] >> 4;
	if (key->ip_version == 6) {
		// Extension headers are hardly used with datagrams; a packet that has some is left out.
		if (bpf_skb_load_bytes(skb, 0, ip, 40) != 0 || ip[6] != IPPROTO_UDP)
			return 0;
		__builtin_memcpy(source, ip + 8, 16);
		__builtin_memcpy(destination, ip + 24, 16);
		transport = 40;
	} else {
		if (ip[9] != IPPROTO_UDP)
			return 0;
		__be32 address;
		__builtin_memcpy(&address, ip + 12, 4);
		tapio_map_ipv4(source, address);
		__builtin_memcpy(&address, ip + 16, 4);
		tapio_map_ipv4(destination, address);
		transport = (ip[0] & 0x0f) * 4;
	}
	__be16 ports[2];
	if (bpf_skb_load_bytes(skb, transport, ports, sizeof ports) != 0)
		return 0;
	key->src_port = bpf_ntohs(is_sent ? ports[0] : ports[1]);
	key->dst_port = bpf_ntohs(is_sent ? ports[1] : ports[0]);
	return transport + UDP_HEADER;
}

static __always_inline void fill_datagram(struct tapio_udp *record, const struct datagram_key *key)
{
	record->header.cgroup_id = key->owner.cgroup_id;
	record->header.pid = key->owner.pid;
	record->header.ppid = key->owner.ppid;
	record->header.uid = key->owner.uid;
	__builtin_memcpy(record->header.comm, key->owner.comm, sizeof key->owner.comm);
	__builtin_memcpy(record->src_addr, key->src_addr, sizeof key->src_addr);
	__builtin_memcpy(record->dst_addr, key->dst_addr, sizeof key->dst_addr);
	record->src_port = key->src_port;
	record->dst_port = key->dst_port;
	record->netns = key->owner.netns;
	record->socket_cookie = key->cookie;
	record->direction = (__u8)key->direction;
	record->ip_version = (__u8)key->ip_version;
}

static __always_inline void count(struct __sk_buff *skb, bool is_sent)
{
	const __u8 kind = TAPIO_KIND_UDP_FLOW;
	struct datagram_key key = {.direction = is_sent ? TAPIO_DIRECTION_OUTBOUND : TAPIO_DIRECTION_INBOUND};
	__u32 payload = find_ends(skb, &key, is_sent);
	if (!payload)
		return;
	__u64 now = bpf_ktime_get_boot_ns();
	key.cookie = bpf_get_socket_cookie(skb);
	if (is_sent)
		find_sender(key.cookie, &key.owner, now);
	else
		find_receiver(skb, key.cookie, &key.owner);
	if (tapio_is_agent(key.owner.pid)) {
		tapio_filtered(kind);
		return;
	}
	__u64 bytes = skb->len > payload ? skb->len - payload : 0;
	bool is_new;
	struct window_measure *measure = datagrams_find(&key, &is_new);
	if (measure) {
		tapio_merge(kind);
		window_measure(measure, bytes, now);
		return;
	}
	// More peers than the window has room for are told datagram by datagram.
	struct tapio_udp *record =
	    tapio_reserve(kind, TAPIO_PRIORITY_LOW, tapio_about(&key.owner.pid, NULL), sizeof *record);
	if (!record)
		return;
	const int stamp = sizeof(struct tapio_header);
	__builtin_memset((char *)record + stamp, 0, sizeof *record - stamp);
	tapio_fill_nobody(&record->header, 0);
	fill_datagram(record, &key);
	record->bytes = bytes;
	tapio_submit(record, TAPIO_PRIORITY_LOW);
}

SEC("cgroup/sock_create")
int udp_made(struct bpf_sock *socket)
{
	struct owner owner = {};
	if (socket->protocol == IPPROTO_UDP)
		remember_current(bpf_get_socket_cookie(socket), &owner, bpf_ktime_get_boot_ns());
	return 1; // let it be
}

SEC("cgroup_skb/egress")
int udp_sent(struct __sk_buff *skb)
{
	count(skb, true);
	return 1; // let it pass
}

SEC("cgroup_skb/ingress")
int udp_received(struct __sk_buff *skb)
{
	count(skb, false);
	return 1;
}

static __always_inline struct window_tally tally_of(const struct window_measure *measure)
{
	return measure->tally;
}

WINDOW_FLUSH(datagrams, struct datagram_key, struct window_measure, struct tapio_udp, TAPIO_KIND_UDP_FLOW,
             TAPIO_PRIORITY_LOW, fill_datagram, window_fill_measure, tally_of)
