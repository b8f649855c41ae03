#define _GNU_SOURCE
#include "tapio_system.h"

#include <unistd.h>

int tapio_gettid(void)
{
	return gettid();
}
