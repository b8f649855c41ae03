// Packets that the kernel dropped, and why: the first of each sort is told at once, the others are counted.
#include "kernel/net.h"
#include "kernel/window.h"

char LICENSE[] SEC("license") = "GPL";

#define REASONS 256
/// Names of the kernel's reasons by number; the agent finds them in the kernel's BTF.
const volatile char reason_names[REASONS][40] = {};

struct drop_key {
	__u32 reason;
	__u32 interface;
	__u32 netns;
	__u32 protocol;
	__u32 ether_type;
	char device[16];
};

WINDOW(drops, struct drop_key, struct window_measure, 2048)

/// Where the packet was: its device, and the network namespace of that.
static __always_inline void fill_place(struct drop_key *key, struct sk_buff *skb)
{
	// Sockets keep numbers where packets have their device: no address that can be read, then.
	struct net_device *device = BPF_CORE_READ(skb, dev);
	if (!device || bpf_probe_read_kernel(&key->interface, sizeof key->interface, &device->ifindex) != 0) {
		key->interface = BPF_CORE_READ(skb, skb_iif);
		return;
	}
	bpf_probe_read_kernel_str(key->device, sizeof key->device, device->name);
	key->netns = BPF_CORE_READ(device, nd_net.net, ns.inum);
}

static __always_inline void fill_protocol(struct drop_key *key, const __u8 *ip)
{
	__u8 byte = 0;
	key->protocol = TAPIO_ABSENT_32;
	if (key->ether_type != ETH_P_IP && key->ether_type != ETH_P_IPV6)
		return;
	bpf_probe_read_kernel(&byte, sizeof byte, ip);
	__u32 at = byte >> 4 == 4 ? 9 : byte >> 4 == 6 ? 6 : 0;
	if (!at)
		return;
	bpf_probe_read_kernel(&byte, sizeof byte, ip + at);
	key->protocol = byte;
}

static __always_inline void fill_ends(struct tapio_drop *record, const __u8 *ip, const __u8 *transport)
{
	if (record->protocol == TAPIO_ABSENT_32)
		return;
	tapio_read_addresses(ip, record->ether_type == ETH_P_IPV6, record->src_addr, record->dst_addr);
	if (!transport || (record->protocol != IPPROTO_TCP && record->protocol != IPPROTO_UDP))
		return;
	__be16 ports[2] = {};
	bpf_probe_read_kernel(ports, sizeof ports, transport);
	record->src_port = bpf_ntohs(ports[0]);
	record->dst_port = bpf_ntohs(ports[1]);
}

static __always_inline void fill_drop(struct tapio_drop *record, const struct drop_key *key)
{
	record->netns = key->netns;
	record->interface = key->interface;
	record->protocol = key->protocol;
	record->reason = key->reason;
	record->ether_type = key->ether_type;
	__builtin_memcpy(record->device, key->device, sizeof key->device);
	__u32 reason = key->reason;
	if (reason < REASONS)
		bpf_probe_read_kernel(record->reason_name, sizeof record->reason_name,
		                      (const void *)reason_names[reason]);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(packet_dropped, struct sk_buff *skb, void *location, __u32 reason)
{
	const __u8 kind = TAPIO_KIND_PACKET_DROP;
	struct drop_key key = {.reason = reason, .ether_type = bpf_ntohs(skb->protocol)};
	fill_place(&key, skb);
	const __u8 *head = skb->head;
	const __u8 *ip = head + skb->network_header;
	fill_protocol(&key, ip);
	bool is_new;
	struct window_measure *measure = drops_find(&key, &is_new);
	if (measure && !is_new) {
		tapio_merge(kind);
		window_measure(measure, skb->len, bpf_ktime_get_boot_ns());
		return 0;
	}
	struct tapio_drop *record = tapio_reserve(kind, TAPIO_PRIORITY_NORMAL, tapio_about_nobody(), sizeof *record);
	if (!record)
		return 0;
	tapio_clear(&record->header, sizeof *record);
	record->bytes = skb->len;
	fill_drop(record, &key);
	// The place of a header that was not found yet is all ones.
	fill_ends(record, ip, skb->transport_header != 0xffff ? head + skb->transport_header : NULL);
	tapio_submit(record, TAPIO_PRIORITY_NORMAL);
	return 0;
}

WINDOW_FLUSH(drops, struct drop_key, struct window_measure, struct tapio_drop, TAPIO_KIND_PACKET_DROP,
             TAPIO_PRIORITY_NORMAL, fill_drop, window_fill_measure)
