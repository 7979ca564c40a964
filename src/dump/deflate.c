// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deflate (RFC 1951) of one page, in one pass: one block of the fixed codes, matches
 * found by a hash that remembers the last place of each four bytes, the first match
 * taken.
 *
 * Codes made to measure would need a pass over the page to count, and a table of some 60
 * bytes in front of what are often 600. Most of a kernel's page is words of eight bytes
 * that repeat, and runs of zeros: these are matches, whatever the codes of the literals.
 */
#include "dump/deflate.h"

#include <endian.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"

#define MATCH_MIN    4 /* the format has 3: not worth its bits */
#define MATCH_MAX    258
#define DISTANCE_MAX 32768
#define END_OF_BLOCK 256
#define TAIL	     8 /* bytes at the end that begin no match */
#define SKIP_SHIFT   6 /* from 64 bytes without a match on, every second place, ... */
/* The head, an end of block and the sum; and whole words of 8 are stored. */
#define OUT_SLACK    24

struct bits {
	uint8_t *out;
	uint64_t word;
	unsigned int count;
};

static void bits_put(struct bits *bits, uint64_t value, unsigned int count)
{
	bits->word |= value << bits->count;
	bits->count += count;
}

/* At least 56 bits are free afterwards. */
static void bits_store(struct bits *bits)
{
	uint64_t word = htole64(bits->word);

	memcpy(bits->out, &word, sizeof(word));
	bits->out += bits->count / 8;
	bits->word >>= bits->count & ~7u;
	bits->count &= 7;
}

/* --- codes ---------------------------------------------------------------------------
 */

static uint32_t reversed(uint32_t code, unsigned int count)
{
	uint32_t result = 0;

	for (unsigned int i = 0; i < count; i++)
		result |= (code >> i & 1) << (count - 1 - i);
	return result;
}

/* RFC 1951 3.2.6 */
static struct deflate_code fixed_code(unsigned int symbol)
{
	if (symbol < 144)
		return (struct deflate_code){ reversed(0x30 + symbol, 8), 8 };
	if (symbol < 256)
		return (struct deflate_code){ reversed(0x190 + symbol - 144, 9), 9 };
	if (symbol < 280)
		return (struct deflate_code){ reversed(symbol - 256, 7), 7 };
	return (struct deflate_code){ reversed(0xc0 + symbol - 280, 8), 8 };
}

/* RFC 1951 3.2.5: four symbols each for 0, 1, ... 5 extra bits; 258 has its own. */
static void lengths_init(struct deflate *deflate)
{
	unsigned int symbol = 257, length = 3;

	for (; symbol < 285; symbol++) {
		unsigned int extra = symbol < 265 ? 0 : (symbol - 261) / 4;
		struct deflate_code code = fixed_code(symbol);

		for (uint32_t i = 0; i < 1u << extra; i++, length++)
			deflate->lengths[length] =
				(struct deflate_code){ code.bits | i << code.count,
						       code.count + extra };
	}
	deflate->lengths[MATCH_MAX] = fixed_code(285);
}

void deflate_init(struct deflate *deflate)
{
	memset(deflate, 0, sizeof(*deflate));
	for (unsigned int i = 0; i < 256; i++)
		deflate->literals[i] = fixed_code(i);
	lengths_init(deflate);
	for (unsigned int i = 0; i < 32; i++)
		deflate->distances[i] = (uint8_t)reversed(i, 5);
}

/* RFC 1951 3.2.5: two symbols for each power of two, the rest are extra bits. */
static void put_distance(struct bits *bits, const struct deflate *deflate,
			 uint32_t distance)
{
	uint32_t value = distance - 1;
	unsigned int power, extra;

	if (value < 4) {
		bits_put(bits, deflate->distances[value], 5);
		return;
	}
	power = 31 - (unsigned int)__builtin_clz(value);
	extra = power - 1;
	bits_put(bits, deflate->distances[2 * power + (value >> extra & 1)], 5);
	bits_put(bits, value & ((1u << extra) - 1), extra);
}

/* --- matches -------------------------------------------------------------------------
 */

static uint32_t load_u32(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static uint16_t *last_place(struct deflate *deflate, uint32_t word)
{
	return &deflate->last[(word * 0x9e3779b1u) >> (32 - DEFLATE_HASH_BITS)];
}

/* How many bytes are the same at @a and @b, of @max. */
static size_t match_length(const uint8_t *a, const uint8_t *b, size_t max)
{
	size_t length = 0;

	for (; length + 8 <= max; length += 8) {
		uint64_t difference = load_le64(a + length) ^ load_le64(b + length);

		if (difference)
			return length + (size_t)__builtin_ctzll(difference) / 8;
	}
	while (length < max && a[length] == b[length])
		length++;
	return length;
}

static void put_literals(struct bits *bits, const struct deflate *deflate,
			 const uint8_t *from, const uint8_t *to)
{
	for (; to - from >= 4; from += 4) {
		for (int i = 0; i < 4; i++)
			bits_put(bits, deflate->literals[from[i]].bits,
				 deflate->literals[from[i]].count);
		bits_store(bits);
	}
	for (; from < to; from++)
		bits_put(bits, deflate->literals[*from].bits,
			 deflate->literals[*from].count);
	bits_store(bits);
}

/* Longer than MATCH_MAX: as several, none of them below 3. */
static void put_match(struct bits *bits, const struct deflate *deflate, size_t length,
		      uint32_t distance)
{
	while (length) {
		size_t part = MIN(length, (size_t)MATCH_MAX);

		if (length - part > 0 && length - part < 3)
			part -= 3;
		bits_put(bits, deflate->lengths[part].bits, deflate->lengths[part].count);
		put_distance(bits, deflate, distance);
		bits_store(bits);
		length -= part;
	}
}

/* Do so many literals, a match of any length, and the end fit? */
static bool has_room(const struct bits *bits, const uint8_t *room, size_t literals,
		     size_t match)
{
	size_t need = literals * 9 / 8 + (match / MATCH_MAX + 2) * 4 + OUT_SLACK;

	return need <= (size_t)(room - bits->out);
}

size_t deflate_page(struct deflate *deflate, const uint8_t *page, size_t page_size,
		    uint8_t *out)
{
	const uint8_t *end = page + page_size, *room = out + page_size;
	const uint8_t *at = page, *literals = page;
	/* zlib: a window of 32 KiB, fastest; then the last block, of the fixed codes. */
	struct bits bits = { .out = out, .word = 0x30178, .count = 19 };
	struct deflate_code stop = fixed_code(END_OF_BLOCK);
	uint32_t sum = htobe32(libdeflate_adler32(1, page, page_size));

	memset(deflate->last, 0, sizeof(deflate->last));
	bits_store(&bits);
	while (end - at > TAIL) {
		uint32_t word = load_u32(at);
		uint16_t *last = last_place(deflate, word);
		size_t before = *last, distance, length;

		*last = (uint16_t)(at - page + 1);
		distance = (size_t)(at - page) + 1 - before;
		if (!before || distance > DISTANCE_MAX ||
		    load_u32(at - distance) != word) {
			at += 1 + ((at - literals) >> SKIP_SHIFT);
			continue;
		}
		length = MATCH_MIN + match_length(at - distance + MATCH_MIN,
						  at + MATCH_MIN,
						  (size_t)(end - at) - MATCH_MIN);
		if (!has_room(&bits, room, (size_t)(at - literals), length))
			return 0;
		put_literals(&bits, deflate, literals, at);
		put_match(&bits, deflate, length, (uint32_t)distance);
		/* What repeats is rarely the same again; its second byte may begin more.
		 */
		*last_place(deflate, load_u32(at + 1)) = (uint16_t)(at - page + 2);
		at += length;
		literals = at;
	}
	if (!has_room(&bits, room, (size_t)(end - literals), 0))
		return 0;
	put_literals(&bits, deflate, literals, end);
	bits_put(&bits, stop.bits, stop.count);
	bits_store(&bits);
	bits.out += bits.count > 0;
	memcpy(bits.out, &sum, sizeof(sum));
	return (size_t)(bits.out + sizeof(sum) - out);
}
