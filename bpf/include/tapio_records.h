// The records as the kernel programs write them into the rings, and the maps' values that both sides share.
// Kernel programs include this file and Swift imports it, so that there is no second definition to drift.
// All integers are in host order. Sizes and offsets are asserted below, and again by a Swift test.
#pragma once

#if defined(__bpf__)
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef signed char int8_t;
typedef signed int int32_t;
typedef signed long long int64_t;
#else
#include <stdint.h>
#endif

/// Kinds, one number for ever. Each collector owns a block of 16, but leak and kubernetes, who have 8 each; 0 is the
/// ledger's own rows, written by user space only.
enum {
	TAPIO_KIND_LEDGER = 0,
	TAPIO_KIND_PROCESS_EXEC = 16,
	TAPIO_KIND_PROCESS_FORK = 17,
	TAPIO_KIND_PROCESS_EXIT = 18,
	TAPIO_KIND_PROCESS_EXISTING = 19,
	TAPIO_KIND_TCP_CONNECT = 32,
	TAPIO_KIND_TCP_ACCEPT = 33,
	TAPIO_KIND_TCP_CLOSE = 34,
	TAPIO_KIND_TCP_FAILED = 35,
	TAPIO_KIND_TCP_RETRANSMIT = 36,
	TAPIO_KIND_TCP_RESET = 37,
	TAPIO_KIND_UDP_FLOW = 38,
	TAPIO_KIND_TCP_LISTEN = 39,
	TAPIO_KIND_DNS_QUERY = 48,
	TAPIO_KIND_DNS_FAILED = 49,
	TAPIO_KIND_DNS_TIMEOUT = 50,
	TAPIO_KIND_PACKET_DROP = 64,
	TAPIO_KIND_BLOCK_IO = 80,
	TAPIO_KIND_BLOCK_ERROR = 81,
	TAPIO_KIND_FILE_OPEN = 96,
	TAPIO_KIND_FILE_UNLINK = 97,
	TAPIO_KIND_FILE_RENAME = 98,
	TAPIO_KIND_FILE_CHMOD = 99,
	TAPIO_KIND_RUN_QUEUE_WAIT = 112,
	TAPIO_KIND_CPU_THROTTLED = 113,
	TAPIO_KIND_OOM_KILL = 128,
	TAPIO_KIND_MEMORY_RECLAIM = 129,
	TAPIO_KIND_MAJOR_FAULT = 130,
	TAPIO_KIND_MEMORY_USAGE = 131,
	TAPIO_KIND_MEMORY_PRESSURE = 132,
	TAPIO_KIND_HEAP_OUTSTANDING = 144,
	TAPIO_KIND_K8S_POD = 152,
	TAPIO_KIND_K8S_CONTAINER = 153,
	TAPIO_KIND_K8S_NODE = 154,
	TAPIO_KIND_K8S_EVENT = 155,
	TAPIO_KIND_SIGNAL_SENT = 160,
	TAPIO_KIND_SIGNAL_DEATH = 161,
	TAPIO_KIND_SYSCALL_FAILED = 176,
	TAPIO_KIND_CREDENTIALS_CHANGE = 192,
	TAPIO_KIND_PTRACE = 193,
	TAPIO_KIND_MODULE_LOAD = 194,
	TAPIO_KIND_BPF_LOAD = 195,
	TAPIO_KIND_MOUNT = 196,
	TAPIO_KIND_NAMESPACE_CHANGE = 197,
	TAPIO_KIND_CAPABILITY_USE = 198,
	TAPIO_KIND_FLOW = 208,
	TAPIO_KIND_CGROUP_CREATE = 224,
	TAPIO_KIND_CGROUP_REMOVE = 225,
	TAPIO_KIND_CGROUP_ATTACH = 226,
	// The last block, from 240 on, is the benchmarks' (tapio_bench.h).
	/// One past the greatest number that a kind may have.
	TAPIO_KIND_LIMIT = 256,
};

/// Critical and high travel in the urgent lane, normal and low in the bulk lane.
enum {
	TAPIO_PRIORITY_CRITICAL = 0,
	TAPIO_PRIORITY_HIGH = 1,
	TAPIO_PRIORITY_NORMAL = 2,
	TAPIO_PRIORITY_LOW = 3,
};

/// Every CPU has one ring per lane: ring index = cpu * TAPIO_LANES + lane.
enum {
	TAPIO_LANE_URGENT = 0,
	TAPIO_LANE_BULK = 1,
	TAPIO_LANES = 2,
};

/// What became of an event in the kernel. Never reset: readers take differences.
/// attempted = filtered + sampled_out + ring_full + submitted, but for programs that are running at that instant.
/// counted_only is the part of sampled_out at a probability of 0, for which no kept event stands. merged is the part of
/// attempted that went into windows of a program's own, and told the part of submitted that came out of them.
/// Attempted is written first and lies last: the kernel copies a value upwards, so that a look-up beside running
/// programs never shows more outcomes than attempts, nor more counted only than sampled out.
enum {
	TAPIO_COUNT_COUNTED_ONLY = 0,
	TAPIO_COUNT_MERGED = 1,
	TAPIO_COUNT_TOLD = 2,
	TAPIO_COUNT_FILTERED = 3,
	TAPIO_COUNT_SAMPLED_OUT = 4,
	TAPIO_COUNT_RING_FULL = 5,
	TAPIO_COUNT_SUBMITTED = 6,
	TAPIO_COUNT_ATTEMPTED = 7,
	TAPIO_COUNTS = 8,
};

/// A bulk ring of which one in so many bytes is filled wakes a sleeping reader.
#define TAPIO_WAKE_PART 8

/// A keep probability is a fraction of this: an event is kept if 30 random bits are below it.
#define TAPIO_KEEP_ALL (1u << 30)

/// In the place of a keep probability: a summary of several events, which only user space writes.
#define TAPIO_KEEP_SUMMARY 0xffffffffu
/// The same as programs write it, with a tapio_merged behind the fixed part.
#define TAPIO_KEEP_MERGED 0xfffffffeu
/// Who draws the lot where not all events of a kind are kept.
enum {
	/// Each event on its own.
	TAPIO_SAMPLE_INDEPENDENT = 0,
	/// Each process, once: all its events of such kinds are kept, or none. Those of nobody draw on their own.
	TAPIO_SAMPLE_PER_PROCESS = 1,
};

/// Places of the readers' "I sleep", by CPU: cpu & (TAPIO_WAIT_SLOTS - 1).
#define TAPIO_WAIT_SLOTS 512

/// An unsigned field with all bits set says "not known", and is null in the archive.
#define TAPIO_ABSENT_64 0xffffffffffffffffull
#define TAPIO_ABSENT_32 0xffffffffu

/// Limits of what a program may put into a record, in bytes.
#define TAPIO_COMM_BYTES 16
#define TAPIO_PATH_BYTES 512
#define TAPIO_ARGS_BYTES 4096
#define TAPIO_RECORD_BYTES 8192
/// Of a name in a path, its NUL included (NAME_MAX of include/uapi/linux/limits.h, and one).
#define TAPIO_NAME_BYTES 256
/// Of a directory's path; the last name may go beyond.
#define TAPIO_DIRECTORY_BYTES 400
/// Names and mount points on the way to a directory.
#define TAPIO_DIRECTORY_STEPS 24
/// Parents that are told of a process.
#define TAPIO_ANCESTORS 8

/// Bytes inside the same record: `offset` from the record's start. Not NUL-terminated. Checked by the reader.
struct tapio_string {
	uint16_t offset;
	uint16_t length;
};

/// What every record begins with.
struct tapio_header {
	/// Nanoseconds since boot, suspend included (CLOCK_BOOTTIME).
	uint64_t time_ns;
	/// Counts what was submitted to this CPU's lane, from 0. Nested programs may swap neighbours.
	uint64_t sequence;
	/// Inode of the cgroup's directory (v2; the memory controller's where v2 holds only the root).
	uint64_t cgroup_id;
	/// Process (thread group), thread and parent process, in the initial pid namespace; 0 where nobody is known.
	uint32_t pid;
	uint32_t tid;
	uint32_t ppid;
	/// Real user id in the initial user namespace.
	uint32_t uid;
	/// Keep probability in force, as a fraction of TAPIO_KEEP_ALL: the weight is its inverse.
	uint32_t keep;
	uint16_t cpu;
	uint8_t kind;
	uint8_t priority;
	/// NUL-padded.
	char comm[TAPIO_COMM_BYTES];
};

/// A process that a process descends from.
struct tapio_ancestor {
	/// Its start, ns since boot: with the pid, its identity.
	uint64_t start_ns;
	uint32_t pid;
	uint32_t reserved;
	/// NUL-padded.
	char comm[TAPIO_COMM_BYTES];
};

/// process_exec and process_existing.
struct tapio_process_exec {
	struct tapio_header header;
	/// Start of the process, ns since boot: with the pid, its identity.
	uint64_t start_ns;
	/// Inode of the executable; absent where not known.
	uint64_t exe_inode;
	/// Number of arguments as the kernel counted them; absent where not known.
	uint32_t argc;
	/// Bytes of the whole argument area; more than `args.length` where it was cut.
	uint32_t args_total_bytes;
	/// Path as it was given to exec.
	struct tapio_string exe;
	/// The interpreter, where it is not the executable itself (scripts).
	struct tapio_string interpreter;
	/// The arguments, each ended by NUL, cut at TAPIO_ARGS_BYTES.
	struct tapio_string args;
	/// Names on the way from the working directory up to the process's root, the innermost first, each ended by
	/// NUL. A last empty name says that the root was reached.
	struct tapio_string cwd;
	/// Start of the parent, ns since boot: with the header's ppid, its identity.
	uint64_t parent_start_ns;
	/// tapio_ancestors, at most TAPIO_ANCESTORS, the parent first.
	struct tapio_string ancestors;
	uint32_t reserved;
};

struct tapio_process_fork {
	struct tapio_header header; // the parent's
	uint64_t child_start_ns;
	uint32_t child_pid;
	uint32_t reserved;
};

struct tapio_process_exit {
	struct tapio_header header;
	uint64_t start_ns;
	/// From start to the exit of the last thread.
	uint64_t duration_ns;
	/// 0 to 255.
	uint32_t exit_code;
	/// The signal that ended it; 0 for none.
	uint32_t signal;
	uint32_t core_dumped;
	uint32_t reserved;
	/// The most that was ever in memory.
	uint64_t peak_rss_bytes;
	/// What all of its threads took of the CPUs.
	uint64_t cpu_ns;
};

enum {
	TAPIO_DIRECTION_UNKNOWN = 0,
	TAPIO_DIRECTION_OUTBOUND = 1,
	TAPIO_DIRECTION_INBOUND = 2,
};

/// All tcp kinds. Addresses are IPv6, or IPv4 mapped into it (::ffff:a.b.c.d); ports in host order.
/// The header names the socket's owner (who connected or accepted), never who happened to run; pid 0 where not known.
struct tapio_tcp {
	struct tapio_header header;
	uint8_t src_addr[16]; // this end
	uint8_t dst_addr[16]; // the other end
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t direction;
	/// tcp_reset: 1 where this end sent it, 0 where it received it.
	uint8_t reset_sent;
	/// 4 or 6.
	uint8_t ip_version;
	/// TCP state before the event (TCP_ESTABLISHED = 1 …, include/net/tcp_states.h).
	uint8_t state;
	/// Inode of the network namespace.
	uint32_t netns;
	/// Positive errno; absent where none.
	uint32_t error;
	uint64_t socket_cookie;
	/// SYN to established; tcp_failed: SYN to failure; tcp_accept: established to accepted.
	uint64_t latency_ns;
	/// Established to closed.
	uint64_t duration_ns;
	/// Payload bytes, each counted once however often it was sent.
	uint64_t bytes_sent;
	uint64_t bytes_received;
	/// Segments sent again, over the connection's life.
	uint32_t retransmits;
	/// Smoothed round-trip time, microseconds.
	uint32_t srtt_us;
	/// tcp_close: all segments, those without payload and those sent again too.
	uint32_t segments_sent;
	uint32_t segments_received;
};

/// oom_kill. The header names the victim. Absent fields are TAPIO_ABSENT_64.
struct tapio_oom_kill {
	struct tapio_header header;
	uint64_t start_ns;
	/// Of the victim: its address space, and what of it is in memory, as the kernel's own message tells it.
	uint64_t virtual_bytes;
	uint64_t anonymous_bytes;
	uint64_t file_bytes;
	uint64_t shared_bytes;
	uint64_t page_table_bytes;
	/// Of the nearest cgroup above the victim, itself among them, whose limit is used up; absent where none is: the
	/// whole machine was out of memory.
	uint64_t full_cgroup_id;
	uint64_t limit_bytes;
	uint64_t usage_bytes;
	/// Who asked for memory when there was none.
	uint32_t trigger_pid;
	/// -1000 to 1000, signed.
	uint32_t score_adjustment;
	char trigger_comm[TAPIO_COMM_BYTES];
};

enum {
	/// A cgroup reached its limit.
	TAPIO_RECLAIM_CGROUP = 0,
	/// The machine ran short.
	TAPIO_RECLAIM_DIRECT = 1,
};

/// memory_reclaim.
struct tapio_memory_reclaim {
	struct tapio_header header;
	uint64_t duration_ns;
	uint64_t reclaimed_bytes;
	/// TAPIO_RECLAIM_…
	uint8_t cause;
	uint8_t reserved[7];
};

/// major_fault. The header names who needed the page.
struct tapio_major_fault {
	struct tapio_header header;
	/// Where in the process's memory.
	uint64_t address;
};

/// memory_usage: what user space found in a cgroup's files. The header names the cgroup alone.
struct tapio_memory_usage {
	struct tapio_header header;
	uint64_t usage_bytes;
	uint64_t limit_bytes;
	/// Of the cgroup and all below it; absent where the kernel doesn't tell.
	uint64_t anonymous_bytes;
	uint64_t cache_bytes;
	/// From its hierarchy's root.
	struct tapio_string path;
	uint32_t reserved;
};

/// memory_pressure: what user space found in a file of pressure stall information. The header names the cgroup alone;
/// that of the machine names nobody.
struct tapio_memory_pressure {
	struct tapio_header header;
	/// Since it was last looked at.
	uint64_t elapsed_ns;
	/// How long some of its threads, or all that had work, waited for memory in that time.
	uint64_t some_ns;
	uint64_t full_ns;
	/// The same as a share of the last ten seconds, in thousandths.
	uint32_t some_share;
	uint32_t full_share;
	/// From its hierarchy's root; empty for the machine.
	struct tapio_string path;
	uint32_t reserved;
};

/// heap_outstanding: what user space found in the maps of leak.bpf.c. The header names who allocated, with the
/// process's own name.
struct tapio_heap_outstanding {
	struct tapio_header header;
	uint64_t start_ns;
	/// Since it was last told of this process, or since it is followed.
	uint64_t elapsed_ns;
	/// Not freed; estimated where allocations are sampled.
	uint64_t bytes;
	uint64_t allocations;
	/// Allocations that are really held, from which the two above are estimated.
	uint64_t samples;
	/// Of the oldest of them.
	uint64_t age_ns;
	/// Signed: since the last time.
	uint64_t grown_bytes;
	uint64_t grown_allocations;
	/// What the process allocated, freed or not, for which there was no room in a map.
	uint64_t untracked_bytes;
	/// The same as long as the process runs; absent where several stacks are told as one.
	uint64_t stack_id;
	/// Frames, innermost first.
	struct tapio_string stack;
	uint32_t reserved;
};

/// Frames of a stack that leak.bpf.c keeps, innermost first.
#define TAPIO_LEAK_FRAMES 64
/// One allocation, in the estimated number of those that a kept one stands for.
#define TAPIO_LEAK_ONE 65536u

/// A value of `processes` in leak.bpf.c, by pid: who is followed.
struct tapio_leak_process {
	uint64_t start_ns;
	/// Since when: with the pid, what is told apart. A process that becomes another program begins anew.
	uint64_t since_ns;
	uint64_t untracked_bytes;
	uint64_t cgroup_id;
	uint32_t pid;
	uint32_t ppid;
	uint32_t uid;
	uint32_t reserved;
	/// Of the process's first thread.
	char comm[TAPIO_COMM_BYTES];
};

/// A value of `stacks` in leak.bpf.c, by a hash of the addresses.
struct tapio_leak_stack {
	/// The round in which it was last seen.
	uint32_t round;
	uint32_t count;
	uint64_t frames[TAPIO_LEAK_FRAMES];
};

/// A key of `outstanding` in leak.bpf.c.
struct tapio_leak_group {
	uint32_t pid;
	uint32_t reserved;
	uint64_t since_ns;
	/// A key of `stacks`; 0 where the stack could not be kept.
	uint64_t stack;
};

/// A value of `outstanding` in leak.bpf.c.
struct tapio_leak_sum {
	uint64_t bytes;
	/// In parts of TAPIO_LEAK_ONE.
	uint64_t allocations;
	uint64_t samples;
	/// When the oldest was made, ns since boot.
	uint64_t oldest_ns;
};

/// What the program is given that adds up what is outstanding, and what it gives back.
struct tapio_leak_collect {
	/// Only allocations that were made before are added up; 0: none are, and what ended is removed all the same.
	uint64_t before_ns;
	uint32_t round;
	/// Allocations for which there was no room in `outstanding`.
	uint32_t unplaced;
};

/// Indices of `leak_counts` in leak.bpf.c.
enum {
	/// Allocations that were not followed: too many are.
	TAPIO_LEAK_NO_ALLOCATION = 0,
	/// Allocations whose stack was not kept: there are too many, or it could not be walked.
	TAPIO_LEAK_NO_STACK = 1,
	/// Calls of processes that were not followed: too many are.
	TAPIO_LEAK_NO_PROCESS = 2,
	/// Processes that ended, or became another program.
	TAPIO_LEAK_ENDED = 3,
	TAPIO_LEAK_COUNTS = 4,
};

/// Where a signal came from (kernel_siginfo.si_code, include/uapi/asm-generic/siginfo.h).
enum {
	TAPIO_SIGNAL_UNKNOWN = 0,
	/// kill(2), or a write to cgroup.kill.
	TAPIO_SIGNAL_KILL = 1,
	/// tkill(2), tgkill(2), pthread_kill(3), raise(3).
	TAPIO_SIGNAL_THREAD = 2,
	/// sigqueue(3).
	TAPIO_SIGNAL_QUEUE = 3,
	/// A timer of the process's own.
	TAPIO_SIGNAL_TIMER = 4,
	/// A descriptor or message queue of which the process wanted to hear.
	TAPIO_SIGNAL_IO = 5,
	/// The kernel: a terminal's keys, the OOM killer, a broken pipe, a limit.
	TAPIO_SIGNAL_KERNEL = 6,
	/// What the thread itself did: an address that is not there, an illegal instruction.
	TAPIO_SIGNAL_FAULT = 7,
	/// A child that stopped, went on or ended.
	TAPIO_SIGNAL_CHILD = 8,
};

/// signal_sent. The header names the sender; pid 0 where the kernel sent it by itself.
struct tapio_signal {
	struct tapio_header header;
	uint64_t target_start_ns;
	/// Where a fault happened; absent for other signals.
	uint64_t fault_address;
	uint32_t target_pid;
	uint32_t target_tid;
	uint32_t signal;
	/// kernel_siginfo.si_code, signed.
	uint32_t code;
	/// NUL-padded.
	char target_comm[TAPIO_COMM_BYTES];
	/// TAPIO_SIGNAL_…
	uint8_t source;
	/// What became of it: delivered, ignored, already pending, no room, no room for its details
	/// (include/trace/events/signal.h).
	uint8_t result;
	/// 0 for one thread, 1 for the process.
	uint8_t to_process;
	uint8_t reserved[5];
};

/// signal_death. The header names the process that died.
struct tapio_signal_death {
	struct tapio_header header;
	uint64_t start_ns;
	/// From the start to the exit of the last thread.
	uint64_t duration_ns;
	/// From the signal to the exit of the last thread; absent where the signal was not seen.
	uint64_t latency_ns;
	uint64_t fault_address;
	/// Who sent it; 0 where nobody did, or it was not seen.
	uint64_t sender_start_ns;
	uint32_t sender_pid;
	/// Absent where nobody sent it.
	uint32_t sender_uid;
	uint32_t signal;
	/// 0x80000000 where the signal was not seen.
	uint32_t code;
	char sender_comm[TAPIO_COMM_BYTES];
	uint8_t source;
	uint8_t core_dumped;
	uint8_t reserved[6];
};

/// Bytes of a DNS message that a record holds at most.
#define TAPIO_DNS_BYTES 512

/// All dns kinds. The header names who asked.
struct tapio_dns {
	struct tapio_header header;
	uint8_t src_addr[16]; // who asked
	uint8_t dst_addr[16]; // the server
	uint16_t src_port;
	uint16_t dst_port;
	/// 17 UDP, 6 TCP.
	uint8_t protocol;
	/// 1 where the answer took longer than is called slow.
	uint8_t is_slow;
	/// Of the answer; 255 where there was none (RFC 1035, 4.1.1).
	uint8_t code;
	/// 1 where the answer was cut (RFC 1035, 4.1.1: TC).
	uint8_t is_truncated;
	/// From the question to the answer; for dns_timeout, for how long it was waited for.
	uint64_t latency_ns;
	/// How often the question was sent.
	uint32_t attempts;
	/// Bytes of the whole message.
	uint32_t message_bytes;
	/// The answer, or the question where there was none, cut at TAPIO_DNS_BYTES: as on the wire, to be trusted in
	/// nothing.
	struct tapio_string message;
	/// Inode of the network namespace of the socket that asked.
	uint32_t netns;
};

/// What the program is given that looks for questions that nobody answered.
struct tapio_dns_sweep {
	/// Older ones are told of and forgotten.
	uint64_t timeout_ns;
};

/// packet_drop. The header names nobody: packets are dropped wherever they are found to be in the way.
struct tapio_drop {
	struct tapio_header header;
	/// As in the packet; all zero where it is not IP.
	uint8_t src_addr[16];
	uint8_t dst_addr[16];
	/// Of TCP and UDP, else 0.
	uint16_t src_port;
	uint16_t dst_port;
	/// Inode of the network namespace; 0 where not known.
	uint32_t netns;
	/// Length of the packet.
	uint64_t bytes;
	/// Index of the device; 0 where there is none.
	uint32_t interface;
	/// Of the IP header; absent where it is not IP.
	uint32_t protocol;
	/// The kernel's own number (enum skb_drop_reason), which changes from version to version.
	uint32_t reason;
	/// As on the wire (IPv4 is 0x0800); 0 where not known.
	uint32_t ether_type;
	char device[16];
	/// The reason's name, without what all begin with; empty where the kernel gives none.
	char reason_name[40];
};

/// udp_flow. The header names who sent, or, of what was received, who sent from that socket last, or made it.
struct tapio_udp {
	struct tapio_header header;
	uint8_t src_addr[16]; // this end
	uint8_t dst_addr[16]; // the other end
	uint16_t src_port;
	uint16_t dst_port;
	/// Inode of the network namespace; 0 where nobody is known.
	uint32_t netns;
	/// Of the datagram, without headers.
	uint64_t bytes;
	uint64_t socket_cookie;
	/// TAPIO_DIRECTION_…: outbound was sent, inbound received.
	uint8_t direction;
	/// 4 or 6.
	uint8_t ip_version;
	uint8_t reserved[6];
};

/// flow. The header names nobody: packets are seen before anybody has them.
struct tapio_flow {
	struct tapio_header header;
	/// As in the packet; all zero where it is not IP.
	uint8_t src_addr[16];
	uint8_t dst_addr[16];
	/// Of TCP, UDP, UDP-Lite and SCTP, and none of fragments; else 0.
	uint16_t src_port;
	uint16_t dst_port;
	/// Inode of the network namespace.
	uint32_t netns;
	/// Length of the frame, its header included.
	uint64_t bytes;
	/// Index of the device.
	uint32_t interface;
	/// What IP carries; absent where it is not IP.
	uint32_t protocol;
	/// As on the wire, behind VLAN tags (IPv4 is 0x0800); 0 where the frame is cut.
	uint32_t ether_type;
	/// TAPIO_FLOW_…
	uint8_t direction;
	uint8_t reserved[3];
	/// Empty where the agent does not know the device any more.
	char device[16];
};

enum {
	TAPIO_FLOW_INGRESS = 0,
};

/// A value of `interfaces` in flow.bpf.c, by index.
struct tapio_interface {
	char name[16];
};

/// block_io and block_error. The header names who gave the request to the device.
struct tapio_block {
	struct tapio_header header;
	/// From when it was given to the device until it was done.
	uint64_t latency_ns;
	/// From when it was made until it was given to the device; absent where the kernel doesn't keep it.
	uint64_t queue_ns;
	uint64_t bytes;
	/// Of 512 bytes, on the device.
	uint64_t sector;
	uint32_t major;
	uint32_t minor;
	/// Positive errno; absent where it went well.
	uint32_t error;
	/// enum req_op (include/linux/blk_types.h).
	uint8_t operation;
	uint8_t reserved[3];
	char device[32];
};

/// What is done to files (file.bpf.c).
enum {
	TAPIO_FILE_NOTHING = 0,
	TAPIO_FILE_OPEN = 1,
	TAPIO_FILE_UNLINK = 2,
	TAPIO_FILE_RMDIR = 3,
	TAPIO_FILE_RENAME = 4,
	TAPIO_FILE_CHMOD = 5,
	TAPIO_FILE_CHOWN = 6,
};

/// All file kinds.
struct tapio_file {
	struct tapio_header header;
	/// Of the file that was opened; absent for all else.
	uint64_t inode;
	/// Flags of open() that are the same on all architectures (O_CREAT to O_NONBLOCK).
	uint64_t flags;
	/// Positive errno; absent where it went well.
	uint32_t error;
	/// Of chmod(); absent for others.
	uint32_t mode;
	/// Of chown(), absent where left as it is, and for others.
	uint32_t owner;
	uint32_t group;
	/// TAPIO_FILE_…
	uint8_t operation;
	/// Of open(): 0 to read, 1 to write, 2 both; 3 for others.
	uint8_t access;
	uint8_t reserved[2];
	struct tapio_string path;
	/// Of rename().
	struct tapio_string new_path;
	uint32_t reserved2;
};

/// Which arguments of a system call mean what for files: indices, -1 for none. A value of `rules` in file.bpf.c.
struct tapio_file_rule {
	/// TAPIO_FILE_…
	uint8_t operation;
	/// The directory that a relative path begins at.
	int8_t directory;
	int8_t path;
	int8_t new_directory;
	int8_t new_path;
	/// A file instead of a path.
	int8_t descriptor;
	/// Flags of open(), mode of chmod(), owner of chown(), of which the group follows.
	int8_t value;
	/// 1: the value is a pointer to it (struct open_how); 2: it is O_CREAT | O_WRONLY | O_TRUNC.
	uint8_t value_form;
};

/// Paths that are watched at a time.
#define TAPIO_WATCHED_PATHS 2048
#define TAPIO_WATCHED_PATH_BYTES 255
/// A value of the array `watched_paths`: what the operator wants to hear of.
struct tapio_watched_path {
	char path[TAPIO_WATCHED_PATH_BYTES];
	/// 1: only of what changes it.
	uint8_t writes_only;
};

/// A key of `watched_files`: a directory.
struct tapio_watched_key {
	/// As the kernel has it: 12 bits major, 20 bits minor.
	uint64_t device;
	uint64_t inode;
};

#define TAPIO_WATCHED_NAME_BYTES 64
/// A key of `watched_names`: a file in a directory.
struct tapio_watched_name {
	struct tapio_watched_key directory;
	char name[TAPIO_WATCHED_NAME_BYTES];
};

/// A value of `watched_files`: for the directory itself, with all below it, the number of its path, or absent; and
/// whether there are files in it that are watched by name.
struct tapio_watched_file {
	uint32_t path;
	uint32_t has_names;
};

/// A key of `watched_texts`: a path as programs write it.
struct tapio_watched_text {
	/// Bits of the text.
	uint32_t bits;
	char text[256];
};

/// A value of `watched_texts`: the number of the path, and its length.
struct tapio_watched_prefix {
	uint32_t path;
	uint32_t bytes;
};

/// run_queue_wait. The header names who waited.
struct tapio_run_wait {
	struct tapio_header header;
	/// From when it could run until it did.
	uint64_t latency_ns;
};

/// cpu_throttled: what user space found in a cgroup's cpu.stat. The header names the cgroup alone.
struct tapio_throttle {
	struct tapio_header header;
	/// Since it was last looked at.
	uint64_t elapsed_ns;
	/// How long its threads were kept from running in that time, all added up.
	uint64_t throttled_ns;
	/// Periods in which it wanted to run, and those in which its quota was used up.
	uint64_t periods;
	uint64_t throttled_periods;
	/// From its hierarchy's root.
	struct tapio_string path;
	uint32_t reserved;
};

/// Value 0 of the array `reports`: what user space itself tells, through the rings and the ledger like all else.
struct tapio_report {
	uint32_t size;
	uint32_t reserved;
	/// A record, complete but for its stamp.
	uint8_t bytes[TAPIO_RECORD_BYTES];
};

/// syscall_failed.
struct tapio_syscall {
	struct tapio_header header;
	/// Of the system call, in the machine's own table; absent for one of a 32-bit program.
	uint32_t number;
	/// Positive errno.
	uint32_t error;
};

/// What all kinds of security begin with.
struct tapio_security_call {
	/// Who called; in a change of credentials, what it was before is beside it.
	struct tapio_header header;
	/// Of the system call.
	uint32_t number;
	/// Positive errno; 0 where it went well.
	uint32_t error;
};

/// credentials_change.
struct tapio_credentials {
	struct tapio_security_call call;
	/// User and group ids, real and effective, in the initial user namespace.
	uint32_t old_uid;
	uint32_t old_euid;
	uint32_t old_gid;
	uint32_t old_egid;
	uint32_t new_uid;
	uint32_t new_euid;
	uint32_t new_gid;
	uint32_t new_egid;
};

enum {
	/// A process lets its parent trace it.
	TAPIO_PTRACE_TRACEME = 0,
	TAPIO_PTRACE_ATTACH = 1,
	TAPIO_PTRACE_SEIZE = 2,
	/// process_vm_readv() or process_vm_writev().
	TAPIO_PTRACE_MEMORY = 3,
};

/// ptrace.
struct tapio_ptrace {
	struct tapio_security_call call;
	/// TAPIO_PTRACE_…
	uint32_t request;
	/// As the caller counts pids.
	uint32_t target_pid;
};

/// module_load.
struct tapio_module {
	struct tapio_security_call call;
	/// Of the module or its file; empty where it came from memory.
	struct tapio_string name;
	struct tapio_string parameters;
};

/// bpf_load.
struct tapio_bpf_load {
	struct tapio_security_call call;
	/// enum bpf_prog_type (include/uapi/linux/bpf.h).
	uint32_t program_type;
	uint32_t instructions;
	char name[16];
};

/// mount.
struct tapio_mount {
	struct tapio_security_call call;
	/// As in the call.
	uint64_t flags;
	struct tapio_string source;
	struct tapio_string target;
	struct tapio_string filesystem;
	uint32_t reserved;
};

/// namespace_change.
struct tapio_namespace {
	struct tapio_security_call call;
	/// CLONE_NEW… (include/uapi/linux/sched.h); 0 where setns() was not told which.
	uint64_t namespaces;
};

/// capability_use.
struct tapio_capability {
	struct tapio_header header;
	/// include/uapi/linux/capability.h
	uint32_t capability;
	/// 1 where it had it.
	uint32_t is_granted;
};

/// All cgroup kinds. The header names who did it.
struct tapio_cgroup {
	struct tapio_header header;
	/// Inode of the cgroup's directory.
	uint64_t group_id;
	/// As in /proc/<pid>/cgroup: 0 for version 2.
	uint32_t hierarchy;
	/// Below its hierarchy's root, which has 0.
	uint32_t level;
	/// cgroup_attach: who was moved; 0 and empty for the others.
	uint32_t target_pid;
	uint32_t target_tid;
	char target_comm[TAPIO_COMM_BYTES];
	/// From its hierarchy's root.
	struct tapio_string path;
	/// cgroup_attach: 1 where the whole process was moved.
	uint8_t is_process;
	uint8_t reserved[3];
	/// cgroup_remove, absent for the others: since it was made, absent where that was not seen.
	uint64_t lived_ns;
	/// Processes that ended in it, and those of them that did with an error or by a signal.
	uint32_t ended;
	uint32_t failed;
	/// How the last one ended; absent and 0 where none did.
	uint32_t exit_code;
	uint32_t signal;
};

/// Bytes that user space keeps of a name, and of a text, from Kubernetes' API: what is longer is cut.
#define TAPIO_K8S_NAME_BYTES 256
#define TAPIO_K8S_TEXT_BYTES 1024

/// What became of something in Kubernetes.
enum {
	/// It was there when the collector began.
	TAPIO_K8S_EXISTING = 0,
	TAPIO_K8S_ADDED = 1,
	TAPIO_K8S_MODIFIED = 2,
	TAPIO_K8S_DELETED = 3,
};

/// Whether something is so, as Kubernetes' conditions say it.
enum {
	TAPIO_K8S_NOT_SAID = 0,
	TAPIO_K8S_TRUE = 1,
	TAPIO_K8S_FALSE = 2,
	TAPIO_K8S_UNKNOWN = 3,
};

/// k8s_pod. All k8s kinds are told by user space, and their headers name nobody. Times that Kubernetes gives are in
/// microseconds since 1970, or absent.
struct tapio_k8s_pod {
	struct tapio_header header;
	uint64_t created_us;
	uint64_t started_us;
	/// When it is to be gone, where somebody has deleted it.
	uint64_t deletion_us;
	struct tapio_string pod;
	struct tapio_string pod_namespace;
	struct tapio_string uid;
	struct tapio_string workload;
	struct tapio_string node;
	struct tapio_string phase;
	struct tapio_string reason;
	struct tapio_string message;
	struct tapio_string conditions;
	struct tapio_string address;
	/// Of the message as it was.
	uint32_t message_bytes;
	/// TAPIO_K8S_EXISTING …
	uint8_t change;
	/// TAPIO_K8S_NOT_SAID …
	uint8_t ready;
	uint8_t reserved[2];
};

enum {
	TAPIO_K8S_STATE_UNKNOWN = 0,
	TAPIO_K8S_WAITING = 1,
	TAPIO_K8S_RUNNING = 2,
	TAPIO_K8S_TERMINATED = 3,
};

/// k8s_container. What begins with last is of the same container before it was started again.
struct tapio_k8s_container {
	struct tapio_header header;
	uint64_t started_us;
	uint64_t finished_us;
	uint64_t last_started_us;
	uint64_t last_finished_us;
	struct tapio_string pod;
	struct tapio_string pod_namespace;
	struct tapio_string uid;
	struct tapio_string workload;
	struct tapio_string node;
	struct tapio_string container;
	struct tapio_string container_id;
	struct tapio_string image;
	struct tapio_string reason;
	struct tapio_string message;
	struct tapio_string last_reason;
	struct tapio_string last_container_id;
	uint32_t restarts;
	/// Absent where it has not ended.
	uint32_t exit_code;
	uint32_t last_exit_code;
	/// 0 for none.
	uint32_t signal;
	uint32_t last_signal;
	uint32_t message_bytes;
	uint8_t change;
	/// TAPIO_K8S_STATE_UNKNOWN …
	uint8_t state;
	uint8_t ready;
	/// 0 main, 1 init, 2 ephemeral.
	uint8_t role;
	uint32_t reserved;
};

/// k8s_node.
struct tapio_k8s_node {
	struct tapio_header header;
	uint64_t created_us;
	struct tapio_string node;
	/// Why it is ready, or not.
	struct tapio_string reason;
	struct tapio_string message;
	struct tapio_string conditions;
	struct tapio_string kubelet_version;
	uint32_t message_bytes;
	uint8_t change;
	/// Each TAPIO_K8S_NOT_SAID …
	uint8_t ready;
	uint8_t memory_pressure;
	uint8_t disk_pressure;
	uint8_t pid_pressure;
	uint8_t network_unavailable;
	/// 1 where it is cordoned.
	uint8_t unschedulable;
	uint8_t reserved;
};

/// k8s_event.
struct tapio_k8s_event {
	struct tapio_header header;
	uint64_t first_seen_us;
	uint64_t last_seen_us;
	struct tapio_string node;
	struct tapio_string type;
	struct tapio_string reason;
	struct tapio_string message;
	struct tapio_string source;
	/// Whom it happened to.
	struct tapio_string object_kind;
	struct tapio_string object;
	struct tapio_string object_namespace;
	struct tapio_string object_uid;
	/// The same where that is a pod, or a container of one; else empty.
	struct tapio_string pod;
	struct tapio_string pod_namespace;
	struct tapio_string uid;
	struct tapio_string container;
	/// How often it happened.
	uint32_t count;
	uint32_t message_bytes;
	uint32_t reserved;
};

/// Classes of a measure that programs tell apart: by the number of its binary digits; the last has all longer ones too.
#define TAPIO_OCTAVES 48

/// Behind the fixed part of a kind's record (rounded up to 8 bytes), where `header.keep` is TAPIO_KEEP_MERGED: what a
/// program merged in a window of its own. The fixed part is that of a tapio_summary, which user space makes of it.
struct tapio_merged {
	uint64_t count;
	uint64_t last_ns;
	/// Absent for kinds without a measure.
	uint64_t min;
	uint64_t max;
	uint64_t sum;
	uint32_t octaves[TAPIO_OCTAVES];
};

/// What the programs are given that empty a window, and what they give back.
struct tapio_flush {
	/// 1: what finds no room in a ring is counted as lost, instead of staying for the next time.
	uint32_t gives_up;
	/// Whether some are left.
	uint32_t is_left;
};

/// Behind the fixed part of a kind's record, where `header.keep` is TAPIO_KEEP_SUMMARY: what was merged of events that
/// are alike in the kind's grouping key. The fixed part then holds the key and the first one's time, CPU and sequence;
/// all else in it is zero. Absent fields are TAPIO_ABSENT_64.
struct tapio_summary {
	/// Events merged.
	uint64_t count;
	/// Of the last one; `header.time_ns` is that of the first.
	uint64_t last_ns;
	/// Of the kind's measure, over those that have one. The sum stays at INT64_MAX where it would pass it.
	uint64_t min;
	uint64_t max;
	uint64_t sum;
	/// Keep probability of each of them.
	uint32_t keep;
	/// How many fell into each class of the measure: "class:count class:count".
	struct tapio_string histogram;
};

/// What a ledger row tells.
enum {
	TAPIO_LEDGER_INTERVAL = 0,
	TAPIO_LEDGER_GAP = 1,
	TAPIO_LEDGER_START = 2,
	TAPIO_LEDGER_STOP = 3,
	TAPIO_LEDGER_RELOAD = 4,
	TAPIO_LEDGER_CLOCK = 5,
	TAPIO_LEDGER_UNCLEAN_SHUTDOWN = 6,
	TAPIO_LEDGER_RETENTION = 7,
	TAPIO_LEDGER_COLLECTOR = 8,
	TAPIO_LEDGER_SAMPLING = 9,
};

/// A row of the ledger. Written by user space through the same encoders as events. Absent fields are TAPIO_ABSENT_64.
struct tapio_ledger {
	struct tapio_header header;
	/// Nanoseconds since this boot; negative for what happened before it.
	int64_t from_ns;
	int64_t to_ns;
	uint64_t attempted;
	uint64_t filtered;
	uint64_t sampled_out;
	uint64_t ring_full;
	uint64_t malformed;
	uint64_t aggregated;
	uint64_t shed;
	uint64_t failed;
	uint64_t archived;
	uint64_t in_flight;
	/// Gaps: exactly how many were lost. Retention: rows deleted. Unclean shutdown: bytes that could not be read.
	uint64_t count;
	/// xxh64 of the effective configuration, now and before.
	uint64_t config_hash;
	uint64_t config_hash_before;
	/// The kind that the row is about; TAPIO_KIND_LEDGER for none.
	uint8_t subject_kind;
	uint8_t subject_priority;
	uint8_t entry;
	uint8_t reserved[5];
	uint32_t subject_cpu;
	struct tapio_string stage;
	struct tapio_string reason;
	struct tapio_string collector;
	struct tapio_string note;
	uint32_t reserved2;
};

/// Value 0 of the per-CPU array `tapio_cpu`.
struct tapio_cpu_state {
	uint64_t lane_sequence[TAPIO_LANES];
	uint64_t counts[TAPIO_KIND_LIMIT][TAPIO_COUNTS];
};

/// Value 0 of the array `tapio_control`, mapped into user space, words of 32 bits only. User space writes, programs
/// read, but for reader_waiting.
struct tapio_control {
	/// Keep probability by kind, as a fraction of TAPIO_KEEP_ALL. 0 keeps none: they are counted only.
	uint32_t keep[TAPIO_KIND_LIMIT];
	/// TAPIO_SAMPLE_… by kind.
	uint32_t mode[TAPIO_KIND_LIMIT];
	/// A CPU's reader sets its word before it sleeps; the first urgent event there clears it and wakes the reader.
	uint32_t reader_waiting[TAPIO_WAIT_SLOTS];
	/// Events of this process are filtered; 0 filters none.
	uint32_t agent_pid;
	/// Makes the processes' lots those of this run only.
	uint32_t salt;
};

_Static_assert(sizeof(struct tapio_header) == 64, "a header is one cache line");
_Static_assert(sizeof(struct tapio_ancestor) == 32, "layout");
_Static_assert(sizeof(struct tapio_process_exec) == 120, "layout");
_Static_assert(sizeof(struct tapio_process_fork) == 80, "layout");
_Static_assert(sizeof(struct tapio_process_exit) == 112, "layout");
_Static_assert(sizeof(struct tapio_tcp) == 168, "layout");
_Static_assert(sizeof(struct tapio_oom_kill) == 160, "layout");
_Static_assert(sizeof(struct tapio_memory_reclaim) == 88, "layout");
_Static_assert(sizeof(struct tapio_major_fault) == 72, "layout");
_Static_assert(sizeof(struct tapio_memory_usage) == 104, "layout");
_Static_assert(sizeof(struct tapio_memory_pressure) == 104, "layout");
_Static_assert(sizeof(struct tapio_heap_outstanding) == 152, "layout");
_Static_assert(sizeof(struct tapio_leak_process) == 64, "layout");
_Static_assert(sizeof(struct tapio_leak_stack) == 8 + 8 * TAPIO_LEAK_FRAMES, "layout");
_Static_assert(sizeof(struct tapio_leak_group) == 24, "layout");
_Static_assert(sizeof(struct tapio_leak_sum) == 32, "layout");
_Static_assert(sizeof(struct tapio_leak_collect) == 16, "layout");
_Static_assert(sizeof(struct tapio_signal) == 120, "layout");
_Static_assert(sizeof(struct tapio_signal_death) == 144, "layout");
_Static_assert(sizeof(struct tapio_dns) == 128, "layout");
_Static_assert(sizeof(struct tapio_drop) == 184, "layout");
_Static_assert(sizeof(struct tapio_udp) == 128, "layout");
_Static_assert(sizeof(struct tapio_flow) == 144, "layout");
_Static_assert(sizeof(struct tapio_block) == 144, "layout");
_Static_assert(sizeof(struct tapio_file) == 112, "layout");
_Static_assert(sizeof(struct tapio_file_rule) == 8, "layout");
_Static_assert(sizeof(struct tapio_watched_path) == 256, "layout");
_Static_assert(sizeof(struct tapio_watched_name) == 80, "layout");
_Static_assert(sizeof(struct tapio_report) == 8 + TAPIO_RECORD_BYTES, "layout");
_Static_assert(sizeof(struct tapio_run_wait) == 72, "layout");
_Static_assert(sizeof(struct tapio_throttle) == 104, "layout");
_Static_assert(sizeof(struct tapio_syscall) == 72, "layout");
_Static_assert(sizeof(struct tapio_security_call) == 72, "layout");
_Static_assert(sizeof(struct tapio_credentials) == 104, "layout");
_Static_assert(sizeof(struct tapio_ptrace) == 80, "layout");
_Static_assert(sizeof(struct tapio_module) == 80, "layout");
_Static_assert(sizeof(struct tapio_bpf_load) == 96, "layout");
_Static_assert(sizeof(struct tapio_mount) == 96, "layout");
_Static_assert(sizeof(struct tapio_namespace) == 80, "layout");
_Static_assert(sizeof(struct tapio_capability) == 72, "layout");
_Static_assert(sizeof(struct tapio_cgroup) == 136, "layout");
_Static_assert(sizeof(struct tapio_k8s_pod) == 136, "layout");
_Static_assert(sizeof(struct tapio_k8s_container) == 176, "layout");
_Static_assert(sizeof(struct tapio_k8s_node) == 104, "layout");
_Static_assert(sizeof(struct tapio_k8s_event) == 144, "layout");
_Static_assert(sizeof(struct tapio_summary) == 48, "layout");
_Static_assert(sizeof(struct tapio_merged) == 232, "layout");
_Static_assert(sizeof(struct tapio_flush) == 8, "layout");
_Static_assert(sizeof(struct tapio_ledger) == 216, "layout");
_Static_assert(sizeof(struct tapio_control) == 4104, "words without gaps");
_Static_assert(sizeof(struct tapio_cpu_state) <= 32768, "a per-CPU value may not exceed 32 KiB");
