// Mapped files whose pages may cease to be: a disk that fails, a stick that is pulled out, a copy that somebody cuts
// short. The kernel answers a read of such a page with SIGBUS, which ends the process. Of a mapping that is guarded,
// zeroes are read from there on instead, and it is told that they are not the file's.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// Mappings that can be guarded at a time.
#define TAPIO_MAPPINGS_MOST 1024

/// Guards `bytes` from `start`, which mmap gave. Gives its number, or -1 where TAPIO_MAPPINGS_MOST are guarded already:
/// such a mapping is read as if this were not here.
int tapio_mapping_guard(void *start, size_t bytes);

/// Whether a page of it could not be read since it is guarded. Never of number -1.
bool tapio_mapping_is_lost(int number);

/// Guards it no longer; to be called before munmap, by whoever reads it last. Nothing for -1.
void tapio_mapping_release(int number);
