// SHA-256 (FIPS 180-4), for the checksums and signatures of requests.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// A digest that is being made.
struct tapio_sha256 {
	uint32_t state[8];
	uint64_t count;
	uint8_t block[64];
};

void tapio_sha256_begin(struct tapio_sha256 *digest);
void tapio_sha256_add(struct tapio_sha256 *digest, const uint8_t *bytes, size_t count);
/// Gives the 32 bytes; the digest must begin again before it takes more.
void tapio_sha256_end(struct tapio_sha256 *digest, uint8_t result[32]);
