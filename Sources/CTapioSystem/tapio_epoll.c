#define _GNU_SOURCE
#include "tapio_epoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

int tapio_epoll_create(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tapio_epoll_add(int epoll, int fd, uint32_t tag, bool edge)
{
	struct epoll_event event = {.events = EPOLLIN | (edge ? EPOLLET : 0), .data.u32 = tag};
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int64_t tapio_epoll_wait(int epoll, int milliseconds)
{
	struct epoll_event events[16];
	int count = epoll_wait(epoll, events, 16, milliseconds);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	int64_t tags = 0;
	for (int i = 0; i < count; i++)
		tags |= (int64_t)1 << events[i].data.u32;
	return tags;
}

int tapio_eventfd_create(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tapio_eventfd_signal(int fd)
{
	return eventfd_write(fd, 1) == 0 ? 0 : -errno;
}
