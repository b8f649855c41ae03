// Questions to name servers, and their answers: seen where sockets send and receive packets, for all cgroups. What is
// in the messages is left to user space; here only the answer is put to its question.
#include "kernel/emit.h"
#include "kernel/packet.h"
#include "kernel/scratch.h"
#include "kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/// Answers that took longer are slow; the agent sets it, also while the programs run.
volatile __u64 slow_ns = 100000000;

#define DNS_PORT 53
#define DNS_HEADER 12

// Bits of a message's third and fourth byte (RFC 1035, 4.1.1).
#define DNS_ANSWER 0x80
#define DNS_TRUNCATED 0x02
#define DNS_CODE 0x0f
#define DNS_NXDOMAIN 3

/// A question is known by the socket that it was sent from and the number that it was given; the number of another
/// socket, or of another server, is another question.
struct question_key {
	__u64 cookie;
	__u8 server[16];
	__u16 id;
	__u16 port;
	__u32 protocol;
};

/// What is kept until the answer comes: a record, and the question behind it.
struct question {
	struct tapio_dns record;
	__u64 sent_ns;
	__u64 start_ns;
	__u8 message[TAPIO_DNS_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct question_key);
	__type(value, struct question);
} questions SEC(".maps");

/// Where in a packet what is.
struct packet {
	struct question_key key;
	__u8 client[16];
	/// Offset of the message, and its bytes.
	__u32 message;
	__u32 message_bytes;
	/// Third and fourth byte of the message.
	__u8 flags[2];
};

/// Finds the message in a packet to or from a server's port; false where it is no such packet.
static __always_inline bool find_message(struct __sk_buff *skb, struct packet *packet, bool is_sent)
{
	struct ip_header ip;
	// Extension headers are not used with questions; a packet that has some is none.
	if (!ip_read(&ip, skb) || (ip.protocol != IPPROTO_UDP && ip.protocol != IPPROTO_TCP))
		return false;
	__be16 ports[2];
	if (bpf_skb_load_bytes(skb, ip.transport, ports, sizeof ports) != 0)
		return false;
	__u16 server_port = bpf_ntohs(is_sent ? ports[1] : ports[0]);
	if (server_port != DNS_PORT)
		return false;
	if (is_sent)
		ip_addresses(&ip, packet->client, packet->key.server);
	else
		ip_addresses(&ip, packet->key.server, packet->client);
	packet->key.protocol = ip.protocol;
	packet->key.port = bpf_ntohs(is_sent ? ports[0] : ports[1]);
	packet->message = ip.transport + UDP_HEADER;
	if (ip.protocol == IPPROTO_TCP) {
		__u8 offset;
		if (bpf_skb_load_bytes(skb, ip.transport + 12, &offset, sizeof offset) != 0)
			return false;
		// Each message begins with its length, which is no part of it (RFC 1035, 4.2.2).
		packet->message = ip.transport + (offset >> 4) * 4 + 2;
	}
	__u8 begin[4];
	if (bpf_skb_load_bytes(skb, packet->message, begin, sizeof begin) != 0)
		return false;
	__builtin_memcpy(&packet->key.id, begin, sizeof packet->key.id);
	packet->flags[0] = begin[2];
	packet->flags[1] = begin[3];
	packet->message_bytes = skb->len - packet->message;
	packet->key.cookie = bpf_get_socket_cookie(skb);
	return packet->message_bytes >= DNS_HEADER && packet->message_bytes <= 0xffff;
}

/// Copies a message of a packet into memory; gives the bytes.
static __always_inline __u32 copy_message(struct __sk_buff *skb, const struct packet *packet, void *into)
{
	__u32 bytes = packet->message_bytes;
	if (bytes > TAPIO_DNS_BYTES)
		bytes = TAPIO_DNS_BYTES;
	if (bytes < DNS_HEADER)
		return 0;
	return bpf_skb_load_bytes(skb, packet->message, into, bytes) == 0 ? bytes : 0;
}

static __always_inline void ask(struct __sk_buff *skb, const struct packet *packet)
{
	struct question *known = bpf_map_lookup_elem(&questions, &packet->key);
	if (known) { // the same once more
		__sync_fetch_and_add(&known->record.attempts, 1);
		return;
	}
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(TAPIO_KIND_DNS_QUERY);
		return;
	}
	struct question *question = (void *)slot->bytes;
	__builtin_memset(&question->record, 0, sizeof question->record);
	// Whoever sends runs here, unless the packet had to wait: then it is some other, as often nobody.
	const struct task_struct *task = bpf_get_current_task_btf();
	tapio_fill_task(&question->record.header, task);
	question->start_ns = tapio_start_of(task);
	__builtin_memcpy(question->record.src_addr, packet->client, 16);
	__builtin_memcpy(question->record.dst_addr, packet->key.server, 16);
	question->record.src_port = packet->key.port;
	question->record.dst_port = DNS_PORT;
	question->record.protocol = (__u8)packet->key.protocol;
	question->record.netns = netns_of_socket(skb);
	question->record.attempts = 1;
	question->record.code = 255;
	question->record.message_bytes = packet->message_bytes;
	question->record.message.offset = sizeof(struct tapio_dns);
	question->record.message.length = copy_message(skb, packet, question->message);
	question->sent_ns = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&questions, &packet->key, question, BPF_NOEXIST) != 0)
		tapio_refused(TAPIO_KIND_DNS_QUERY);
	scratch_release(slot);
}

static __always_inline void answer(struct __sk_buff *skb, const struct packet *packet)
{
	const struct question *question = bpf_map_lookup_elem(&questions, &packet->key);
	if (!question) // asked before the agent ran, answered twice, or never asked
		return;
	__u8 code = packet->flags[1] & DNS_CODE;
	bool has_failed = code != 0 && code != DNS_NXDOMAIN;
	__u8 kind = has_failed ? TAPIO_KIND_DNS_FAILED : TAPIO_KIND_DNS_QUERY;
	__u8 priority = has_failed ? TAPIO_PRIORITY_HIGH : TAPIO_PRIORITY_NORMAL;
	struct scratch_slot *slot = scratch_claim();
	if (!slot) {
		tapio_refused(kind);
		bpf_map_delete_elem(&questions, &packet->key);
		return;
	}
	struct tapio_dns *record = (void *)slot->bytes;
	__builtin_memcpy(record, &question->record, sizeof *record);
	record->latency_ns = bpf_ktime_get_boot_ns() - question->sent_ns;
	record->is_slow = record->latency_ns >= slow_ns;
	record->code = code;
	record->is_truncated = (packet->flags[0] & DNS_TRUNCATED) != 0;
	record->message_bytes = packet->message_bytes;
	__u32 bytes = copy_message(skb, packet, record + 1);
	record->message.length = bytes;
	struct tapio_subject subject = tapio_about(&record->header.pid, &question->start_ns);
	tapio_output(&record->header, kind, priority, subject, sizeof *record + (bytes & 1023));
	scratch_release(slot);
	bpf_map_delete_elem(&questions, &packet->key);
}

SEC("cgroup_skb/egress")
int dns_sent(struct __sk_buff *skb)
{
	struct packet packet = {};
	if (find_message(skb, &packet, true) && !(packet.flags[0] & DNS_ANSWER))
		ask(skb, &packet);
	return 1; // let it pass
}

SEC("cgroup_skb/ingress")
int dns_received(struct __sk_buff *skb)
{
	struct packet packet = {};
	if (find_message(skb, &packet, false) && packet.flags[0] & DNS_ANSWER)
		answer(skb, &packet);
	return 1;
}

/// What a sweep knows beside what it was given.
struct sweep {
	__u64 now;
	__u64 timeout_ns;
};

static long look_at(void *map, const struct question_key *key, struct question *question, struct sweep *sweep)
{
	__u64 waited_ns = sweep->now - question->sent_ns;
	if ((__s64)waited_ns < (__s64)sweep->timeout_ns)
		return 0;
	struct scratch_slot *slot = scratch_claim();
	if (!slot) // others run here: the next sweep finds it
		return 1;
	struct tapio_dns *record = (void *)slot->bytes;
	__builtin_memcpy(record, &question->record, sizeof *record);
	__u32 bytes = record->message.length;
	if (bytes > TAPIO_DNS_BYTES)
		bytes = TAPIO_DNS_BYTES;
	__builtin_memcpy(record + 1, question->message, TAPIO_DNS_BYTES);
	record->latency_ns = waited_ns;
	tapio_output(&record->header, TAPIO_KIND_DNS_TIMEOUT, TAPIO_PRIORITY_HIGH,
	             tapio_about(&record->header.pid, &question->start_ns), sizeof *record + bytes);
	scratch_release(slot);
	bpf_map_delete_elem(map, key);
	return 0;
}

/// Tells of questions that have waited for too long, and forgets them.
SEC("syscall")
int dns_sweep(struct tapio_dns_sweep *context)
{
	struct sweep sweep = {.now = bpf_ktime_get_boot_ns(), .timeout_ns = context->timeout_ns};
	bpf_for_each_map_elem(&questions, look_at, &sweep, 0);
	return 0;
}
