/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 (FIPS 180-4), for manifests that `sha256sum -c` of any machine checks. Not for
 * what our own tools check alone: XXH3 is ten times as fast.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* with the NUL */

struct sha256 {
	uint32_t state[8];
	uint64_t size; /* bytes so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t size);

/* Ends it: init() comes before the next update(). */
void sha256_hex(struct sha256 *s, char ret[static SHA256_HEX_SIZE]);

#endif
