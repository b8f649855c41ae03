// What a program at a cgroup's sockets sees of a packet: it begins with its IP header.
#pragma once

#include "net.h"

#define UDP_HEADER 8 // RFC 768

struct __sk_buff {
	__u32 len;
};

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
