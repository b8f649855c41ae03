// Linux calls that Swift's Glibc module hides or cannot express (variadic, macro, or GNU-only).
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/// The kernel's id of the calling thread.
int tapio_gettid(void);
