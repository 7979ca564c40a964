/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kallsyms' tables as bytes: how names are compressed and how addresses are written down.
 * It knows no kernel and reads no memory; kallsyms.c brings the bytes.
 * Source: Linux scripts/kallsyms.c, kernel/kallsyms.c.
 *
 * A name is a length and that many tokens; a token is a byte, its text is at
 * token_table + token_index[byte]. The first character of the text is the type letter.
 */
#ifndef KERNEL_KALLSYMS_TABLE_H
#define KERNEL_KALLSYMS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define KALLSYMS_TOKENS	     256
#define KALLSYMS_MARKER_STEP 256 /* the kernel marks the start of each 256th name */

/* Longest text of all tokens, and its start counts up to 16 bits. */
#define KALLSYMS_TOKENS_SIZE_MAX (65536 + 512)

/* How kallsyms_offsets, or kallsyms_addresses, give an address. */
enum kallsyms_encoding {
	/* u64 addresses[] */
	KALLSYMS_ABSOLUTE,
	/* base + u32 */
	KALLSYMS_BASE_RELATIVE,
	/* s32 >= 0: itself, a per-CPU offset; < 0: base - 1 - it. x86 before v6.15 */
	KALLSYMS_ABSOLUTE_PERCPU,
	/* s32, counted from where it stands itself; commit a081b5789255d, in v7.0 */
	KALLSYMS_PLACE_RELATIVE,
	KALLSYMS_ENCODING_COUNT,
};

/* The bytes are owned: all from malloc(), freed by kallsyms_table_done(). */
struct kallsyms_table {
	uint32_t count;

	uint8_t *names;
	size_t names_size; /* may have more behind the names: the markers lie there */
	uint64_t names_vaddr;

	uint8_t *tokens; /* token_table */
	size_t tokens_size;
	uint16_t token_index[KALLSYMS_TOKENS];

	uint8_t *values; /* u32 offsets[], or u64 addresses[] where absolute */
	uint64_t values_vaddr;
	enum kallsyms_encoding encoding;
	uint64_t relative_base;

	/* By kallsyms_table_index(): */
	bool has_long_lengths; /* bit 7 of a length: a second byte follows; v6.1 */
	uint32_t *markers;     /* offset of each KALLSYMS_MARKER_STEP-th name */
};

void kallsyms_table_done(struct kallsyms_table *t);

/*
 * Walks all names, finds out how lengths are written (by the kernel's own markers, which
 * lie behind the names) and makes the index. Before it nothing below may be called.
 * ERR_CORRUPT, ERR_NOMEM
 */
int kallsyms_table_index(struct kallsyms_table *t, struct err *err);

/* Walks the names in order; begins with zeros. */
struct kallsyms_cursor {
	uint32_t i;
	size_t offset;
};

/*
 * The text of the cursor's name, without its type letter, NUL-terminated, into @ret of
 * @size > 0 bytes (cut there), and one step on. ERR_NOTFOUND: that was the last.
 */
int kallsyms_table_next(const struct kallsyms_table *t, struct kallsyms_cursor *cursor,
			char *ret, size_t size, struct err *err);

/* The @i-th name, as above; @i < count. */
int kallsyms_table_name(const struct kallsyms_table *t, uint32_t i, char *ret,
			size_t size, struct err *err);

/*
 * Hashes of all names without making their texts: a token's part of a hash is known
 * beforehand, so a name costs a step a token and not a step a character.
 */
struct kallsyms_hasher {
	const struct kallsyms_table *table;
	struct kallsyms_hash_part {
		uint32_t hash, factor; /* hash' = hash' * factor + hash */
	} parts[KALLSYMS_TOKENS], first_parts[KALLSYMS_TOKENS]; /* less the type letter */
};

void kallsyms_hasher_init(struct kallsyms_hasher *hasher, const struct kallsyms_table *t);

/* kallsyms_hash() of the text that kallsyms_table_next() would give. ERR_NOTFOUND: at end
 */
int kallsyms_hasher_next(const struct kallsyms_hasher *hasher,
			 struct kallsyms_cursor *cursor, uint32_t *ret, struct err *err);

uint32_t kallsyms_hash(const char *name);

/* The @i-th address, @i < count. Addresses do not fall. */
uint64_t kallsyms_table_address(const struct kallsyms_table *t, uint32_t i);

#endif
