// The names of the system calls, of which programs record the numbers.
#pragma once

#include <stdint.h>

/// The name of a system call of the architecture that this was built for; NULL where the C library's header had none.
const char *tapio_system_call_name(uint32_t number);

/// One past the greatest number that has a name.
uint32_t tapio_system_call_count(void);
