// What a program at a cgroup's sockets sees of a packet: it begins with its IP header.
#pragma once

#include "net.h"

#define UDP_HEADER 8 // RFC 768

// include/uapi/linux/bpf.h
struct __sk_buff {
	__u32 len;
	__u32 unused[41];
	struct sock *sk;
};
_Static_assert(__builtin_offsetof(struct __sk_buff, sk) == 168, "layout");

/// Inode of the network namespace of the packet's socket, whoever runs here; 0 where there is none.
static __always_inline __u32 netns_of_socket(struct __sk_buff *skb)
{
	// The verifier lets nobody look into a socket of this sort, but copy it.
	__u64 copy[24] = {}; // 136 bytes are usual
	__u32 size = bpf_core_type_size(struct sock_common);
	const struct sock *sk = skb->sk;
	if (!sk || size > sizeof copy || bpf_probe_read_kernel(copy, size, sk) != 0)
		return 0;
	return BPF_CORE_READ(((const struct sock_common *)copy)->skc_net.net, ns.inum);
}

/// A packet's IP header, and what it says.
struct ip_header {
	__u8 bytes[40];
	__u8 version;
	__u8 protocol;
	/// Where the transport header is.
	__u32 transport;
};

/// Reads it; false where there is none. Extension headers of IPv6 are not looked behind: the protocol is that of the
/// first.
static __always_inline bool ip_read(struct ip_header *ip, struct __sk_buff *skb)
{
	if (bpf_skb_load_bytes(skb, 0, ip->bytes, 20) != 0)
		return false;
	ip->version = ip->bytes[0] >> 4;
	if (ip->version == 6) {
		ip->protocol = ip->bytes[6];
		ip->transport = 40;
		return bpf_skb_load_bytes(skb, 0, ip->bytes, 40) == 0;
	}
	ip->protocol = ip->bytes[9];
	ip->transport = (ip->bytes[0] & 0x0f) * 4;
	return true;
}

/// Fills addresses in the form in which records hold them.
static __always_inline void ip_addresses(const struct ip_header *ip, __u8 *source, __u8 *destination)
{
	if (ip->version == 6) {
		__builtin_memcpy(source, ip->bytes + 8, 16);
		__builtin_memcpy(destination, ip->bytes + 24, 16);
		return;
	}
	__be32 address;
	__builtin_memcpy(&address, ip->bytes + 12, 4);
	tapio_map_ipv4(source, address);
	__builtin_memcpy(&address, ip->bytes + 16, 4);
	tapio_map_ipv4(destination, address);
}
