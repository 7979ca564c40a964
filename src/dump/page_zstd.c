// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_zstd.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "dump/fse_table.h"
#include "dump/page_matches.h"

#define LITERALS_CODES	  36
#define LENGTH_CODES	  53
#define OFFSET_CODES	  17 /* of 64 KiB */
#define LENGTH_MIN	  3  /* of the format; ours are at least PAGE_MATCH_MIN */
#define TRAIN_FIRST	  16
#define TRAIN_EVERY	  64
#define SAMPLE_EVERY	  2
#define DESCRIPTION_WORTH 24 /* matches */

/* Literals, and for each match of at least 4 bytes 73 bits at most. */
#define FRAME_MOST(page_size) (4 * (page_size) + 512)

/* What a match is made of. */
enum part {
	PART_LITERALS,
	PART_OFFSET,
	PART_LENGTH,
	PART_COUNT,
};

/* RFC 8878, 3.1.1.3.2.2: the tables that need no description. */
static const int16_t default_literals[LITERALS_CODES] = { 4, 3, 2, 2, 2, 2,  2,	 2,  2,
							  2, 2, 2, 2, 1, 1,  1,	 2,  2,
							  2, 2, 2, 2, 2, 2,  2,	 3,  2,
							  1, 1, 1, 1, 1, -1, -1, -1, -1 };
static const int16_t default_lengths[LENGTH_CODES] = {
	1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1,  1,  1,  1,  1,  1,  1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1
};
static const int16_t default_offsets[29] = { 1, 1, 1, 1, 1,  1,	 2,  2,	 2, 1,
					     1, 1, 1, 1, 1,  1,	 1,  1,	 1, 1,
					     1, 1, 1, 1, -1, -1, -1, -1, -1 };

static const struct part_type {
	const int16_t *shares;
	unsigned int count; /* of the default table */
	unsigned int default_log;
	unsigned int codes; /* that we use */
	unsigned int log;   /* of a table that was made */
} part_types[PART_COUNT] = {
	[PART_LITERALS] = { default_literals, LITERALS_CODES, 6, LITERALS_CODES, 8 },
	[PART_OFFSET] = { default_offsets, 29, 5, OFFSET_CODES, 7 },
	[PART_LENGTH] = { default_lengths, LENGTH_CODES, 6, LENGTH_CODES, 8 },
};

/* A match as it is written. */
struct code {
	uint8_t symbols[PART_COUNT];
	uint8_t bits;	 /* of the values beside them */
	uint64_t values; /* literals' first, then the length's, then the offset's */
};

struct page_zstd {
	size_t page_size;
	struct page_matches matches;
	struct code *codes; /* one for each match */
	struct fse_table defaults[PART_COUNT];
	struct fse_table trained[PART_COUNT];
	bool is_trained[PART_COUNT];
	uint32_t seen[PART_COUNT][FSE_SYMBOLS_MAX];
	unsigned int pages_left; /* until tables are made again */
	uint8_t *frame;
};

int page_zstd_new(size_t page_size, struct page_zstd **ret, struct err *err)
{
	size_t most = page_size / PAGE_MATCH_MIN;
	struct page_zstd *zstd = calloc(1, sizeof(*zstd));

	if (!zstd)
		return err_nomem(err);
	zstd->page_size = zstd->matches.page_size = page_size;
	zstd->pages_left = TRAIN_FIRST;
	zstd->matches.items = calloc(most, sizeof(*zstd->matches.items));
	zstd->matches.literals = malloc(page_size + 16);
	zstd->frame = malloc(FRAME_MOST(page_size));
	zstd->codes = calloc(most, sizeof(*zstd->codes));
	for (int part = 0; part < PART_COUNT; part++)
		fse_table_make(&zstd->defaults[part], part_types[part].shares,
			       part_types[part].count, part_types[part].default_log);
	if (!zstd->matches.items || !zstd->matches.literals || !zstd->frame ||
	    !zstd->codes) {
		page_zstd_free(zstd);
		return err_nomem(err);
	}
	*ret = zstd;
	return 0;
}

void page_zstd_free(struct page_zstd *zstd)
{
	if (!zstd)
		return;
	free(zstd->codes);
	free(zstd->matches.items);
	free(zstd->matches.literals);
	free(zstd->frame);
	free(zstd);
}

/* --- codes (RFC 8878, 3.1.1.3.2.1) ---------------------------------------------------
 */

static unsigned int log2_of(uint32_t value)
{
	return 31 - (unsigned int)__builtin_clz(value);
}

/* Between values that are codes and those whose code is their logarithm. */
static const uint8_t literals_symbols[64] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
					      11, 12, 13, 14, 15, 16, 16, 17, 17, 18, 18,
					      19, 19, 20, 20, 20, 20, 21, 21, 21, 21, 22,
					      22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 23,
					      23, 23, 23, 23, 24, 24, 24, 24, 24, 24, 24,
					      24, 24, 24, 24, 24, 24, 24, 24, 24 };
static const uint8_t literals_bits[25] = { [16] = 1, 1, 1, 1, 2, 2, 3, 3, 4 };

struct symbol {
	unsigned int symbol;
	unsigned int bits;
};

static struct symbol symbol_of_literals(uint32_t literals)
{
	unsigned int bits;

	if (literals < ARRAY_SIZE(literals_symbols)) {
		unsigned int symbol = literals_symbols[literals];

		return (struct symbol){ symbol, literals_bits[symbol] };
	}
	bits = log2_of(literals);
	return (struct symbol){ bits + 19, bits };
}

static const uint8_t length_symbols[128] = {
	0,  1,	2,  3,	4,  5,	6,  7,	8,  9,	10, 11, 12, 13, 14, 15, 16, 17, 18,
	19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 32, 33, 33, 34, 34,
	35, 35, 36, 36, 36, 36, 37, 37, 37, 37, 38, 38, 38, 38, 38, 38, 38, 38, 39,
	39, 39, 39, 39, 39, 39, 39, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40,
	40, 40, 40, 40, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41,
	41, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42,
	42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42, 42
};
static const uint8_t length_bits[43] = { [32] = 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5 };

static struct symbol symbol_of_length(uint32_t value)
{
	unsigned int bits;

	if (value < ARRAY_SIZE(length_symbols)) {
		unsigned int symbol = length_symbols[value];

		return (struct symbol){ symbol, length_bits[symbol] };
	}
	bits = log2_of(value);
	return (struct symbol){ bits + 36, bits };
}

static uint64_t low_bits(uint32_t value, unsigned int bits)
{
	return value & ((1u << bits) - 1);
}

/* All matches' codes; which symbols there are, one bit each. */
static void encode(struct page_zstd *zstd, uint64_t ret_symbols[static PART_COUNT])
{
	uint64_t all_literals = 0, all_offsets = 0, all_lengths = 0;

	for (size_t i = 0; i < zstd->matches.count; i++) {
		const struct page_match *match = &zstd->matches.items[i];
		struct code *code = &zstd->codes[i];
		uint32_t length = (uint32_t)match->length - LENGTH_MIN;
		/* 1 is the one that repeats (3.1.1.5); the first that does not is 4. */
		uint32_t offset = match->repeats ? 1 : (uint32_t)match->offset + 3;
		struct symbol l = symbol_of_literals(match->literals);
		struct symbol m = symbol_of_length(length);
		unsigned int o = log2_of(offset);

		all_literals |= (uint64_t)1 << l.symbol;
		all_offsets |= (uint64_t)1 << o;
		all_lengths |= (uint64_t)1 << m.symbol;
		code->symbols[PART_LITERALS] = (uint8_t)l.symbol;
		code->symbols[PART_OFFSET] = (uint8_t)o;
		code->symbols[PART_LENGTH] = (uint8_t)m.symbol;
		code->bits = (uint8_t)(l.bits + m.bits + o);
		code->values = low_bits(match->literals, l.bits) |
			       low_bits(length, m.bits) << l.bits |
			       low_bits(offset, o) << (l.bits + m.bits);
	}
	ret_symbols[PART_LITERALS] = all_literals;
	ret_symbols[PART_OFFSET] = all_offsets;
	ret_symbols[PART_LENGTH] = all_lengths;
}

/* --- tables --------------------------------------------------------------------------
 */

/* Of the pages between two makings of tables one in SAMPLE_EVERY is looked at. */
static void learn(struct page_zstd *zstd)
{
	if (zstd->pages_left % SAMPLE_EVERY == 0)
		for (int part = 0; part < PART_COUNT; part++)
			for (size_t i = 0; i < zstd->matches.count; i++)
				zstd->seen[part][zstd->codes[i].symbols[part]]++;
	if (--zstd->pages_left)
		return;
	zstd->pages_left = TRAIN_EVERY;
	for (int part = 0; part < PART_COUNT; part++) {
		const struct part_type *type = &part_types[part];

		zstd->is_trained[part] = fse_table_train(
			&zstd->trained[part], zstd->seen[part], type->codes, type->log);
		/* What was seen longer ago counts less. */
		for (unsigned int s = 0; s < type->codes; s++)
			zstd->seen[part][s] -= zstd->seen[part][s] / 2;
	}
}

static const struct fse_table *choose(const struct page_zstd *zstd, enum part part,
				      uint64_t symbols)
{
	if (zstd->is_trained[part] && !(symbols & ~zstd->trained[part].symbols) &&
	    zstd->matches.count >= DESCRIPTION_WORTH)
		return &zstd->trained[part];
	return &zstd->defaults[part];
}

/* --- the frame -----------------------------------------------------------------------
 */

struct stream {
	uint8_t *at;
	uint64_t bits;
	unsigned int count;
};

static void stream_add(struct stream *s, uint64_t value, unsigned int count)
{
	s->bits |= value << s->count;
	s->count += count;
}

static void stream_flush(struct stream *s)
{
	uint64_t bits = htole64(s->bits);

	memcpy(s->at, &bits, sizeof(bits));
	s->at += s->count / 8;
	s->bits >>= s->count & ~7u;
	s->count &= 7;
}

/* What of the state after a symbol is kept; @state is the one before it then. */
static void stream_step(struct stream *s, const struct fse_table *table,
			unsigned int symbol, uint32_t *state)
{
	uint32_t bits, next = fse_step(table, symbol, *state, &bits);

	stream_add(s, *state & ((1u << bits) - 1), bits);
	*state = next;
}

/*
 * Of the last match first: readers begin at the end. At most 7 bits are left over; three
 * states are 23, and values of the largest pages 46.
 */
static uint8_t *put_matches(const struct page_zstd *zstd,
			    const struct fse_table *const tables[static PART_COUNT],
			    uint8_t *out)
{
	const struct fse_table *literals = tables[PART_LITERALS],
			       *offsets = tables[PART_OFFSET],
			       *lengths = tables[PART_LENGTH];
	size_t i = zstd->matches.count - 1;
	const struct code *code = &zstd->codes[i];
	uint32_t literals_state = fse_begin(literals, code->symbols[PART_LITERALS]),
		 offset_state = fse_begin(offsets, code->symbols[PART_OFFSET]),
		 length_state = fse_begin(lengths, code->symbols[PART_LENGTH]);
	struct stream s = { .at = out };

	stream_add(&s, code->values, code->bits);
	stream_flush(&s);
	while (i-- > 0) {
		code--;
		stream_step(&s, offsets, code->symbols[PART_OFFSET], &offset_state);
		stream_step(&s, lengths, code->symbols[PART_LENGTH], &length_state);
		stream_step(&s, literals, code->symbols[PART_LITERALS], &literals_state);
		if (code->bits > 64 - 7 - 23)
			stream_flush(&s);
		stream_add(&s, code->values, code->bits);
		stream_flush(&s);
	}
	stream_add(&s, length_state & ((1u << lengths->log) - 1), lengths->log);
	stream_add(&s, offset_state & ((1u << offsets->log) - 1), offsets->log);
	stream_add(&s, literals_state & ((1u << literals->log) - 1), literals->log);
	stream_add(&s, 1, 1);
	stream_flush(&s);
	return s.at + (s.count != 0);
}

/* How many matches, and what tables they need (3.1.1.3.2.1). */
static uint8_t *put_tables(const struct page_zstd *zstd,
			   const struct fse_table *const tables[static PART_COUNT],
			   uint8_t *out)
{
	size_t count = zstd->matches.count;
	uint8_t *modes;

	if (count >= 128)
		*out++ = (uint8_t)((count >> 8) + 128);
	*out++ = (uint8_t)count;
	modes = out++;
	*modes = 0;
	for (int part = 0; part < PART_COUNT; part++) {
		if (!tables[part]->description_size ||
		    tables[part] == &zstd->defaults[part])
			continue;
		*modes |= (uint8_t)(2 << (6 - 2 * part));
		memcpy(out, tables[part]->description, tables[part]->description_size);
		out += tables[part]->description_size;
	}
	return out;
}

/* 3.1.1.3.1: raw, of a size in 12 or 20 bits. */
static uint8_t *put_literals(const struct page_matches *matches, uint8_t *out)
{
	bool is_long = matches->page_size > 4096;
	size_t count = matches->literal_count;
	uint32_t header = (uint32_t)count << 4 | (is_long ? 3 : 1) << 2;

	*out++ = (uint8_t)header;
	*out++ = (uint8_t)(header >> 8);
	if (is_long)
		*out++ = (uint8_t)(header >> 16);
	memcpy(out, matches->literals, count);
	return out + count;
}

size_t page_zstd_compress(struct page_zstd *zstd, const void *page, size_t most,
			  void *out)
{
	/* One segment, whose size, less 256, is in two bytes (3.1.1.1). */
	const uint32_t content = (uint32_t)zstd->page_size - 256;
	uint8_t *frame = zstd->frame, *at;
	uint8_t head[] = {
		0x28, 0xb5, 0x2f, 0xfd, 0x60, (uint8_t)content, (uint8_t)(content >> 8)
	};
	const struct fse_table *tables[PART_COUNT];
	uint64_t symbols[PART_COUNT];
	uint32_t block;

	page_matches_find(&zstd->matches, page);
	if (!zstd->matches.count || zstd->matches.literal_count >= most)
		return 0;
	encode(zstd, symbols);
	for (int part = 0; part < PART_COUNT; part++)
		tables[part] = choose(zstd, (enum part)part, symbols[part]);
	memcpy(frame, head, sizeof(head));
	at = put_literals(&zstd->matches, frame + sizeof(head) + 3);
	at = put_matches(zstd, tables, put_tables(zstd, tables, at));
	learn(zstd);
	/* The last block, compressed. */
	block = (uint32_t)(at - frame - sizeof(head) - 3) << 3 | 2 << 1 | 1;
	for (int i = 0; i < 3; i++)
		frame[sizeof(head) + i] = (uint8_t)(block >> (8 * i));
	if ((size_t)(at - frame) >= most)
		return 0;
	memcpy(out, frame, (size_t)(at - frame));
	return (size_t)(at - frame);
}
