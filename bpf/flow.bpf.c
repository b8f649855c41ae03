// Packets that arrive at chosen interfaces, before the kernel does anything with them: counted by who talks to whom.
// All of them pass.
#include "kernel/net.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

/// Inode of the agent's network namespace, in which the interfaces are.
const volatile __u32 netns = 0;

#define XDP_PASS 2 // include/uapi/linux/bpf.h

// include/uapi/linux/if_ether.h
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define VLAN_TAGS 2

// include/uapi/linux/in.h and in6.h
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_DSTOPTS 60
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
/// Extension headers of IPv6 that are looked behind.
#define EXTENSIONS 4

/// More fragments, and the offset of one (RFC 791, 3.1).
#define FRAGMENT_BITS 0x3fff

struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
};

struct ethernet {
	__u8 addresses[12];
	__be16 type;
};

struct vlan_tag {
	__be16 control;
	__be16 type;
};

struct ipv4 {
	__u8 version_and_length;
	__u8 service;
	__be16 bytes;
	__be16 id;
	__be16 fragment;
	__u8 lifetime;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6 {
	__be32 version_and_flow;
	__be16 bytes;
	__u8 next;
	__u8 hops;
	__u8 source[16];
	__u8 destination[16];
};

struct extension {
	__u8 next;
	/// In units of 8 bytes, without the first; of a fragment it is always the first alone.
	__u8 length;
	__u8 more[6];
};

struct ports {
	__be16 source;
	__be16 destination;
};

struct flow_key {
	__u8 src_addr[16];
	__u8 dst_addr[16];
	__u16 src_port;
	__u16 dst_port;
	__u32 interface;
	__u32 protocol;
	__u32 ether_type;
};

// All flows of a window find room in a bulk ring of the default size.
WINDOW(flows, struct flow_key, struct window_measure, 8192)

/// Names of the interfaces by index; the agent sets them, and those that are gone make room.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct tapio_interface);
} interfaces SEC(".maps");

/// What is left of a packet.
struct rest {
	const __u8 *at;
	const __u8 *end;
};

/// Takes the next `bytes` of a packet; NULL where there are fewer. A macro, so that the size is a constant.
#define TAKE(rest, type)                                      \
	({                                                    \
		const type *taken = (const void *)(rest)->at; \
		if ((const __u8 *)(taken + 1) > (rest)->end)  \
			taken = NULL;                         \
		else                                          \
			(rest)->at += sizeof(type);           \
		taken;                                        \
	})

static __always_inline bool has_ports(__u32 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP;
}

static __always_inline void find_ports(struct flow_key *key, struct rest *rest)
{
	const struct ports *ports = has_ports(key->protocol) ? TAKE(rest, struct ports) : NULL;
	if (!ports)
		return;
	key->src_port = bpf_ntohs(ports->source);
	key->dst_port = bpf_ntohs(ports->destination);
}

static __always_inline void find_ipv4(struct flow_key *key, struct rest *rest)
{
	const struct ipv4 *ip = TAKE(rest, struct ipv4);
	if (!ip)
		return;
	key->protocol = ip->protocol;
	tapio_map_ipv4(key->src_addr, ip->source);
	tapio_map_ipv4(key->dst_addr, ip->destination);
	__u32 length = (ip->version_and_length & 0x0f) * 4;
	if (ip->fragment & bpf_htons(FRAGMENT_BITS) || length < sizeof *ip)
		return;
	rest->at += length - sizeof *ip;
	find_ports(key, rest);
}

static __always_inline void find_ipv6(struct flow_key *key, struct rest *rest)
{
	const struct ipv6 *ip = TAKE(rest, struct ipv6);
	if (!ip)
		return;
	key->protocol = ip->next;
	__builtin_memcpy(key->src_addr, ip->source, sizeof key->src_addr);
	__builtin_memcpy(key->dst_addr, ip->destination, sizeof key->dst_addr);
#pragma unroll
	for (int i = 0; i < EXTENSIONS; i++) {
		__u32 protocol = key->protocol;
		if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING && protocol != IPPROTO_DSTOPTS &&
		    protocol != IPPROTO_FRAGMENT)
			break;
		const struct extension *extension = TAKE(rest, struct extension);
		if (!extension)
			return;
		key->protocol = extension->next;
		if (protocol == IPPROTO_FRAGMENT)
			return;
		rest->at += extension->length * 8u;
	}
	find_ports(key, rest);
}

static __always_inline void find_flow(struct flow_key *key, struct rest *rest)
{
	const struct ethernet *frame = TAKE(rest, struct ethernet);
	if (!frame)
		return;
	__be16 type = frame->type;
#pragma unroll
	for (int i = 0; i < VLAN_TAGS; i++) {
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		const struct vlan_tag *tag = TAKE(rest, struct vlan_tag);
		if (!tag)
			return;
		type = tag->type;
	}
	key->ether_type = bpf_ntohs(type);
	if (key->ether_type == ETH_P_IP)
		find_ipv4(key, rest);
	else if (key->ether_type == ETH_P_IPV6)
		find_ipv6(key, rest);
}

static __always_inline void fill_flow(struct tapio_flow *record, const struct flow_key *key)
{
	__builtin_memcpy(record->src_addr, key->src_addr, sizeof key->src_addr);
	__builtin_memcpy(record->dst_addr, key->dst_addr, sizeof key->dst_addr);
	record->src_port = key->src_port;
	record->dst_port = key->dst_port;
	record->netns = netns;
	record->interface = key->interface;
	record->protocol = key->protocol;
	record->ether_type = key->ether_type;
	record->direction = TAPIO_FLOW_INGRESS;
	__u32 index = key->interface;
	const struct tapio_interface *interface = bpf_map_lookup_elem(&interfaces, &index);
	if (interface)
		__builtin_memcpy(record->device, interface->name, sizeof record->device);
}

SEC("xdp.frags")
int flow_ingress(struct xdp_md *packet)
{
	const __u8 kind = TAPIO_KIND_FLOW;
	struct flow_key key = {.interface = packet->ingress_ifindex, .protocol = TAPIO_ABSENT_32};
	struct rest rest = {.at = (const void *)(long)packet->data, .end = (const void *)(long)packet->data_end};
	find_flow(&key, &rest);
	__u64 bytes = bpf_xdp_get_buff_len((void *)packet);
	bool is_new;
	struct window_measure *measure = flows_find(&key, &is_new);
	if (measure) {
		tapio_merge(kind);
		window_measure(measure, bytes, bpf_ktime_get_boot_ns());
		return XDP_PASS;
	}
	// More flows than the window has room for are told packet by packet.
	struct tapio_flow *record = tapio_reserve(kind, TAPIO_PRIORITY_LOW, tapio_about_nobody(), sizeof *record);
	if (!record)
		return XDP_PASS;
	tapio_clear(&record->header, sizeof *record);
	record->bytes = bytes;
	fill_flow(record, &key);
	tapio_submit(record, TAPIO_PRIORITY_LOW);
	return XDP_PASS;
}

WINDOW_FLUSH(flows, struct flow_key, struct window_measure, struct tapio_flow, TAPIO_KIND_FLOW, TAPIO_PRIORITY_LOW,
             fill_flow, window_fill_measure)
