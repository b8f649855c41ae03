// A process that lives for a moment and does one harmless thing for each collector that has one.
#pragma once

#include <stdint.h>

/// What it is to do, and what became of it.
struct tapio_canary {
	/// Opened to be read, unless it is a link; NULL: nothing is. Need not exist.
	const char *file;
	/// A port of 127.0.0.1 to which it connects; 0: none.
	uint16_t tcp_port;
	/// Whether it asks itself for a name, over UDP at port 53 of 127.83.53.53: in a network namespace of its own
	/// where it may make one, with no more rights than anybody has there, else in the caller's.
	uint8_t asks_name;
	/// Whether it looks into its own memory as a debugger would.
	uint8_t reads_memory;
	/// The errno of each; 0: done.
	int32_t tcp_error;
	int32_t dns_error;
	int32_t memory_error;
};

/// The name that it asks for.
#define TAPIO_CANARY_NAME "tapio-canary.invalid"

/// Runs the canary and waits for its end: a child without a copy of the caller's memory, named tapio-canary, which
/// closes a descriptor that does not exist and ends itself with SIGKILL. Its pid, or a negative errno. Waits for nobody
/// else, but as long as opening the file takes, and for 200 ms each for the loopback.
int tapio_run_canary(struct tapio_canary *canary);
