// Sockets: the kernel's structures, and how a record comes to know the two ends of a connection.
#pragma once

#include <bpf/bpf_endian.h>

#include "core.h"
#include "../include/tapio_records.h"

// include/linux/socket.h, include/uapi/linux/in.h and include/uapi/linux/if_ether.h
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

// include/net/tcp_states.h
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
	TCP_NEW_SYN_RECV = 12,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	__u8 bytes[16];
};

typedef struct {
	__s64 counter;
} atomic64_t;

// What full, request and time-wait sockets begin with.
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

typedef struct {
	int owned;
} socket_lock_t;

enum sock_flags {
	SOCK_DONE = 1,
};

typedef enum {
	SS_UNCONNECTED = 1,
} socket_state;

struct socket {
	socket_state state;
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u16 sk_protocol;
	int sk_err;
	int sk_err_soft;
	struct socket *sk_socket;
};

struct inet_sock {
	__be16 inet_sport;
};

struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
	__u32 total_retrans;
	__u32 srtt_us;
	__u32 segs_in;
	__u32 segs_out;
};

struct request_sock {
	struct sock_common __req_common;
};

struct net_device {
	possible_net_t nd_net;
	int ifindex;
	char name[16];
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	unsigned long _skb_refdst;
	unsigned int len;
	int skb_iif;
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	unsigned char *head;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

// Flavours of structures of core.h, with the fields that only sockets need: libbpf ignores what follows "___".
struct task_struct___files {
	struct files_struct *files;
};

struct file___socket {
	void *private_data;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

/// An IPv4 address in the form in which records hold it: ::ffff:a.b.c.d.
static __always_inline void tapio_map_ipv4(__u8 *into, __be32 address)
{
	__u32 *words = (__u32 *)into;
	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = address;
}

static __always_inline bool tapio_is_mapped_ipv4(const __u8 *address)
{
	const __u32 *words = (const __u32 *)address;
	return (words[0] | words[1]) == 0 && words[2] == bpf_htonl(0xffff);
}

/// Reads the addresses of an IP header in the kernel's memory, in the form in which records hold them.
static __always_inline void tapio_read_addresses(const unsigned char *ip, bool is_ipv6, __u8 *source, __u8 *destination)
{
	if (is_ipv6) { // source at byte 8, destination at byte 24
		bpf_probe_read_kernel(source, 16, ip + 8);
		bpf_probe_read_kernel(destination, 16, ip + 24);
	} else { // source at byte 12, destination at byte 16
		__be32 addresses[2] = {};
		bpf_probe_read_kernel(addresses, sizeof addresses, ip + 12);
		tapio_map_ipv4(source, addresses[0]);
		tapio_map_ipv4(destination, addresses[1]);
	}
}

static __always_inline __u16 tapio_port_sent(const struct sock *sk)
{
	return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

/// Fills addresses, ports, IP version and cookie from what any kind of TCP socket begins with: the socket itself, by a
/// pointer that the verifier knows, or a copy.
static __always_inline void tapio_fill_ends(struct tapio_tcp *record, const struct sock_common *common)
{
	if (common->skc_family == AF_INET6) {
		bpf_probe_read_kernel(record->src_addr, sizeof record->src_addr, &common->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(record->dst_addr, sizeof record->dst_addr, &common->skc_v6_daddr);
		record->ip_version = tapio_is_mapped_ipv4(record->dst_addr) ? 4 : 6;
	} else {
		tapio_map_ipv4(record->src_addr, common->skc_rcv_saddr);
		tapio_map_ipv4(record->dst_addr, common->skc_daddr);
		record->ip_version = 4;
	}
	record->src_port = common->skc_num;
	record->dst_port = bpf_ntohs(common->skc_dport);
	__u64 cookie = common->skc_cookie.counter;
	record->socket_cookie = cookie ? cookie : TAPIO_ABSENT_64;
}

/// Fills the same and the network namespace from a full socket. `tcp` is the same one, by the pointer that
/// bpf_skc_to_tcp_sock gives: one that the verifier has from a tracepoint, it takes milliseconds to follow.
static __always_inline void tapio_fill_ends_of_socket(struct tapio_tcp *record, const struct sock *sk,
                                                      const struct tcp_sock *tcp)
{
	tapio_fill_ends(record, &sk->__sk_common);
	// A socket gives its port back before it says that it is closed; the copy of it that packets carry stays.
	if (!record->src_port)
		record->src_port = tapio_port_sent(sk);
	record->netns = ((const struct sock *)tcp)->__sk_common.skc_net.net->ns.inum;
}

/// The same from a pointer that the verifier does not know.
static __always_inline void tapio_fill_ends_of_address(struct tapio_tcp *record, struct sock *sk)
{
	__u64 copy[24] = {}; // 136 bytes are usual
	__u32 size = bpf_core_type_size(struct sock_common);
	if (size > sizeof copy || bpf_probe_read_kernel(copy, size, sk) != 0)
		return;
	tapio_fill_ends(record, (const struct sock_common *)copy);
	if (!record->src_port)
		record->src_port = tapio_port_sent(sk);
	record->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/// Fills the same from a segment that this host received: this end is its destination. There is no cookie.
static __always_inline void tapio_fill_ends_of_received(struct tapio_tcp *record, struct sk_buff *skb)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	const unsigned char *ip = head + BPF_CORE_READ(skb, network_header);
	const unsigned char *tcp = head + BPF_CORE_READ(skb, transport_header);
	__u8 version = 0;
	bpf_probe_read_kernel(&version, sizeof version, ip);
	version >>= 4;
	__be16 ports[2] = {};
	bpf_probe_read_kernel(ports, sizeof ports, tcp);
	tapio_read_addresses(ip, version == 6, record->dst_addr, record->src_addr);
	record->ip_version = version;
	record->dst_port = bpf_ntohs(ports[0]);
	record->src_port = bpf_ntohs(ports[1]);
	// The lowest bit tells whether the route is counted.
	struct dst_entry *route = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~1ul);
	record->netns = BPF_CORE_READ(route, dev, nd_net.net, ns.inum);
	record->socket_cookie = TAPIO_ABSENT_64;
}

/// The socket behind a file descriptor of the current process; NULL where it is none.
static __always_inline struct sock *tapio_socket_of(__u32 fd)
{
	const struct task_struct___files *task = (void *)bpf_get_current_task_btf();
	const struct fdtable *table = task->files->fdt;
	if (fd >= table->max_fds)
		return NULL;
	struct file___socket *file = NULL;
	bpf_probe_read_kernel(&file, sizeof file, table->fd + fd);
	struct socket *socket = BPF_CORE_READ(file, private_data);
	// Another thread may have closed it meanwhile and opened something else.
	if (BPF_CORE_READ(socket, file) != (struct file *)file)
		return NULL;
	return BPF_CORE_READ(socket, sk);
}
