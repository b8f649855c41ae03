// UDP: what sockets send and receive, counted by socket and peer, for all cgroups.
//
// What arrives does so on top of whatever process happens to run. So who made a socket, or sent from it last, is
// remembered with it, and what it receives names that one or nobody.
#include "kernel/packet.h"
#include "kernel/task.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

/// For how long it is taken as given that a process has the name and the cgroup that it had.
#define KNOWN_NS 1000000000ull

struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
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
	struct tapio_who who;
	__u64 netns;
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
	tapio_fill_who(&owner->who, task);
	owner->netns = spaces->nsproxy->net_ns->ns.inum;
	struct known_owner known = {.owner = *owner, .known_ns = now};
	bpf_map_update_elem(&owners, &cookie, &known, BPF_ANY);
}

/// Who sends runs here: a packet does not wait before it comes by.
static __always_inline void find_sender(__u64 cookie, struct owner *owner, __u64 now)
{
	const struct known_owner *known = bpf_map_lookup_elem(&owners, &cookie);
	// On Linux 6.1, programs like this one may not ask for the pid by itself.
	__u32 pid = bpf_get_current_task_btf()->tgid;
	if (known && known->owner.who.pid == pid && now - known->known_ns < KNOWN_NS)
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
	owner->who.cgroup_id = bpf_skb_cgroup_id(skb);
	owner->who.uid = TAPIO_ABSENT_32;
}

/// Fills the ends; gives where the payload begins, or 0 where it is no such packet.
static __always_inline __u32 find_ends(struct __sk_buff *skb, struct datagram_key *key, bool is_sent)
{
	struct ip_header ip;
	// Extension headers are hardly used with datagrams; a packet that has some is left out.
	if (!ip_read(&ip, skb) || ip.protocol != IPPROTO_UDP)
		return 0;
	key->ip_version = ip.version;
	if (is_sent)
		ip_addresses(&ip, key->src_addr, key->dst_addr);
	else
		ip_addresses(&ip, key->dst_addr, key->src_addr);
	__be16 ports[2];
	if (bpf_skb_load_bytes(skb, ip.transport, ports, sizeof ports) != 0)
		return 0;
	key->src_port = bpf_ntohs(is_sent ? ports[0] : ports[1]);
	key->dst_port = bpf_ntohs(is_sent ? ports[1] : ports[0]);
	return ip.transport + UDP_HEADER;
}

static __always_inline void fill_datagram(struct tapio_udp *record, const struct datagram_key *key)
{
	tapio_fill_from_who(&record->header, &key->owner.who);
	__builtin_memcpy(record->src_addr, key->src_addr, sizeof key->src_addr);
	__builtin_memcpy(record->dst_addr, key->dst_addr, sizeof key->dst_addr);
	record->src_port = key->src_port;
	record->dst_port = key->dst_port;
	record->netns = (__u32)key->owner.netns;
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
	if (tapio_is_agent(key.owner.who.pid)) {
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
	    tapio_reserve(kind, TAPIO_PRIORITY_LOW, tapio_about(&key.owner.who.pid, NULL), sizeof *record);
	if (!record)
		return;
	tapio_clear(&record->header, sizeof *record);
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

WINDOW_FLUSH(datagrams, struct datagram_key, struct window_measure, struct tapio_udp, TAPIO_KIND_UDP_FLOW,
             TAPIO_PRIORITY_LOW, fill_datagram, window_fill_measure)
