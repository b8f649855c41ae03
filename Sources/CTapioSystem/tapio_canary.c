#define _GNU_SOURCE
#include "tapio_canary.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child shares the caller's memory: it only makes system calls, on a stack of its own.
#define STACK_BYTES (64 * 1024)

static struct sockaddr_in loopback(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

// Packets of the loopback arrive at once, or a little later where the kernel is busy.
static int is_ready(int end, short events)
{
	struct pollfd one = {.fd = end, .events = events};
	int ready = poll(&one, 1, 200);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0;
}

static int32_t connect_to(uint16_t port)
{
	int end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (end < 0)
		return errno;
	struct sockaddr_in place = loopback(INADDR_LOOPBACK, port);
	int error = connect(end, (struct sockaddr *)&place, sizeof place) ? errno : 0;
	if (error == EINPROGRESS) {
		socklen_t size = sizeof error;
		if (!is_ready(end, POLLOUT) || getsockopt(end, SOL_SOCKET, SO_ERROR, &error, &size))
			error = errno;
	}
	close(end);
	return error;
}

// A network where port 53 is free, and whose owner may take it. Where that is not allowed, the caller's has to do.
static void enter_network(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return;
	struct ifreq loopback = {.ifr_name = "lo"};
	int end = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (end < 0)
		return;
	if (ioctl(end, SIOCGIFFLAGS, &loopback) == 0) {
		loopback.ifr_flags |= IFF_UP;
		ioctl(end, SIOCSIFFLAGS, &loopback);
	}
	close(end);
}

// Both sides of the conversation: the question, and NXDOMAIN for an answer.
static int32_t ask_name(void)
{
	unsigned char message[64] = {0x7a, 0x10, 0x01, 0x00, 0, 1};
	unsigned length = 12;
	for (const char *label = TAPIO_CANARY_NAME; label;) {
		const char *end = strchr(label, '.');
		unsigned count = end ? (unsigned)(end - label) : (unsigned)strlen(label);
		message[length++] = (unsigned char)count;
		memcpy(message + length, label, count);
		length += count;
		label = end ? end + 1 : NULL;
	}
	const unsigned char tail[] = {0, 0, 1, 0, 1};
	memcpy(message + length, tail, sizeof tail);
	length += sizeof tail;

	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server < 0)
		return errno;
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in place = loopback(0x7f533535, 53);
	struct sockaddr_in peer;
	socklen_t size = sizeof peer;
	unsigned char buffer[64];
	int error = 0;
	if (client < 0 || bind(server, (struct sockaddr *)&place, sizeof place) ||
	    connect(client, (struct sockaddr *)&place, sizeof place) || send(client, message, length, 0) < 0 ||
	    !is_ready(server, POLLIN) ||
	    recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &size) < 0)
		error = errno;
	if (!error) {
		message[2] = 0x81;
		message[3] = 0x83;
		if (sendto(server, message, length, 0, (struct sockaddr *)&peer, size) < 0 ||
		    !is_ready(client, POLLIN) || recv(client, buffer, sizeof buffer, 0) < 0)
			error = errno;
	}
	close(server);
	if (client >= 0)
		close(client);
	return error;
}

static int sing(void *argument)
{
	struct tapio_canary *canary = argument;
	prctl(PR_SET_NAME, "tapio-canary");
	syscall(SYS_close, -1);
	if (canary->file) {
		int file = open(canary->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
		if (file >= 0)
			close(file);
	}
	if (canary->tcp_port)
		canary->tcp_error = connect_to(canary->tcp_port);
	if (canary->reads_memory)
		canary->memory_error =
		    syscall(SYS_process_vm_readv, syscall(SYS_getpid), NULL, 0, NULL, 0, 0) ? errno : 0;
	if (canary->asks_name) {
		enter_network();
		canary->dns_error = ask_name();
	}
	syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	syscall(SYS_exit, 0);
	return 0;
}

int tapio_run_canary(struct tapio_canary *canary)
{
	int saved = errno;
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	// No handler of the caller's may run in the child, in the same memory.
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int child = clone(sing, (char *)stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, canary);
	int result = child < 0 ? -errno : child;
	if (child > 0)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_BYTES);
	errno = saved;
	return result;
}
