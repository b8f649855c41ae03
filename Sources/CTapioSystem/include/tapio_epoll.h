// epoll and eventfd, which Swift's Glibc module leaves out. All give a negative errno on failure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// A new epoll descriptor, closed on exec.
int tapio_epoll_create(void);

/// Watches `fd` for reading. `tag` is 0 to 31; `edge` reports each readiness once.
int tapio_epoll_add(int epoll, int fd, uint32_t tag, bool edge);

/// Waits for at most `milliseconds` (-1: for ever). Gives the set of tags that are ready, bit by bit; 0 for a timeout
/// or a signal.
int64_t tapio_epoll_wait(int epoll, int milliseconds);

/// A new eventfd, closed on exec.
int tapio_eventfd_create(void);

/// Makes an eventfd ready for reading.
int tapio_eventfd_signal(int fd);
