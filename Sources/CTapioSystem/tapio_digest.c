#include "tapio_digest.h"

#include <string.h>

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t word, unsigned int by)
{
	return word >> by | word << (32 - by);
}

static void take_block(struct tapio_sha256 *digest, const uint8_t *bytes)
{
	uint32_t words[64];
	for (int i = 0; i < 16; i++)
		words[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
		           (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		const uint32_t low = rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ words[i - 15] >> 3;
		const uint32_t high = rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ words[i - 2] >> 10;
		words[i] = words[i - 16] + low + words[i - 7] + high;
	}
	uint32_t a = digest->state[0], b = digest->state[1], c = digest->state[2], d = digest->state[3];
	uint32_t e = digest->state[4], f = digest->state[5], g = digest->state[6], h = digest->state[7];
	for (int i = 0; i < 64; i++) {
		const uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
		const uint32_t choice = (e & f) ^ (~e & g);
		const uint32_t first = h + sum1 + choice + constants[i] + words[i];
		const uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
		const uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
		h = g;
		g = f;
		f = e;
		e = d + first;
		d = c;
		c = b;
		b = a;
		a = first + sum0 + majority;
	}
	digest->state[0] += a;
	digest->state[1] += b;
	digest->state[2] += c;
	digest->state[3] += d;
	digest->state[4] += e;
	digest->state[5] += f;
	digest->state[6] += g;
	digest->state[7] += h;
}

void tapio_sha256_begin(struct tapio_sha256 *digest)
{
	// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
	*digest = (struct tapio_sha256){
	    .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
	};
}

void tapio_sha256_add(struct tapio_sha256 *digest, const uint8_t *bytes, size_t count)
{
	size_t filled = digest->count % 64;
	digest->count += count;
	while (count > 0) {
		if (filled == 0 && count >= 64) {
			take_block(digest, bytes);
			bytes += 64;
			count -= 64;
			continue;
		}
		const size_t part = count < 64 - filled ? count : 64 - filled;
		memcpy(digest->block + filled, bytes, part);
		filled += part;
		bytes += part;
		count -= part;
		if (filled == 64) {
			take_block(digest, digest->block);
			filled = 0;
		}
	}
}

void tapio_sha256_end(struct tapio_sha256 *digest, uint8_t result[32])
{
	const uint64_t bits = digest->count * 8;
	static const uint8_t padding[64] = {0x80};
	const size_t filled = digest->count % 64;
	tapio_sha256_add(digest, padding, filled < 56 ? 56 - filled : 120 - filled);
	uint8_t length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	tapio_sha256_add(digest, length, sizeof length);
	for (int i = 0; i < 32; i++)
		result[i] = (uint8_t)(digest->state[i / 4] >> (24 - 8 * (i % 4)));
}
