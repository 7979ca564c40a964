// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kallsyms_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"

/* One name in the table: its tokens. */
struct packed_name {
	const uint8_t *tokens;
	uint32_t count;
};

void kallsyms_table_done(struct kallsyms_table *t)
{
	free(t->names);
	free(t->tokens);
	free(t->values);
	free(t->markers);
	*t = (struct kallsyms_table){ 0 };
}

/* The name at *@offset, which moves behind it. False: it does not fit, or is empty. */
static bool packed_name_at(const struct kallsyms_table *t, bool has_long_lengths,
			   size_t *offset, struct packed_name *ret)
{
	size_t o = *offset;
	uint32_t length;

	if (o >= t->names_size)
		return false;
	length = t->names[o++];
	if (has_long_lengths && length & 0x80) {
		if (o >= t->names_size)
			return false;
		length = (length & 0x7f) | (uint32_t)t->names[o++] << 7;
	}
	if (length == 0 || length > t->names_size - o)
		return false;
	*ret = (struct packed_name){ .tokens = t->names + o, .count = length };
	*offset = o + length;
	return true;
}

/* --- the index -------------------------------------------------------------------- */

/* Each token's text ends inside the table. */
static int check_tokens(const struct kallsyms_table *t, struct err *err)
{
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++) {
		size_t start = t->token_index[i];

		if (start >= t->tokens_size ||
		    !memchr(t->tokens + start, '\0', t->tokens_size - start))
			return err_set(err, ERR_CORRUPT,
				       "the text of token %zu is not in the table", i);
	}
	return 0;
}

/* Offsets of each 256th name into @markers, of the first byte behind all in @ret_end. */
static bool walk(const struct kallsyms_table *t, bool has_long_lengths, uint32_t *markers,
		 size_t *ret_end)
{
	struct packed_name name;
	size_t offset = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		if (i % KALLSYMS_MARKER_STEP == 0)
			markers[i / KALLSYMS_MARKER_STEP] = (uint32_t)offset;
		if (!packed_name_at(t, has_long_lengths, &offset, &name))
			return false;
	}
	*ret_end = offset;
	return true;
}

/*
 * How many of the kernel's own markers agree with ours. They are u32, 4-aligned in v6.4
 * and later, else 8-aligned.
 */
static uint32_t count_agreeing(const struct kallsyms_table *t, const uint32_t *markers,
			       uint32_t marker_count, size_t end)
{
	uint32_t best = 0;

	for (uint64_t align = 4; align <= 8; align *= 2) {
		uint64_t start = align_up(t->names_vaddr + end, align) - t->names_vaddr;
		uint32_t agreeing = 0;

		if (start > t->names_size ||
		    (t->names_size - start) / 4 < (uint64_t)marker_count)
			continue;
		for (uint32_t i = 0; i < marker_count; i++)
			agreeing +=
				load_le32(t->names + start + 4 * (size_t)i) == markers[i];
		best = MAX(best, agreeing);
	}
	return best;
}

/*
 * Read with the wrong rule of lengths the names run out of step, and end elsewhere than
 * where the markers begin. Where no length has bit 7 both rules are the same.
 */
int kallsyms_table_index(struct kallsyms_table *t, struct err *err)
{
	uint32_t marker_count =
		(t->count + KALLSYMS_MARKER_STEP - 1) / KALLSYMS_MARKER_STEP;
	_cleanup_free uint32_t *markers = NULL, *best = NULL;
	uint32_t best_agreeing = 0;
	int r = check_tokens(t, err);

	if (r < 0)
		return r;
	if (t->count == 0 || t->names_size > UINT32_MAX)
		return err_set(err, ERR_CORRUPT, "%u names in %zu bytes", t->count,
			       t->names_size);
	for (int long_lengths = 1; long_lengths >= 0; long_lengths--) {
		uint32_t agreeing;
		size_t end;

		free(markers);
		markers = calloc(marker_count, sizeof(*markers));
		if (!markers)
			return err_nomem(err);
		if (!walk(t, long_lengths, markers, &end))
			continue;
		agreeing = count_agreeing(t, markers, marker_count, end);
		if (agreeing <= best_agreeing)
			continue;
		free(best);
		best = take_ptr(markers);
		best_agreeing = agreeing;
		t->has_long_lengths = long_lengths;
	}
	// A page of the markers may be damaged; a wrong rule makes (nearly) all disagree.
	if (best_agreeing * (uint64_t)2 < marker_count || best_agreeing == 0)
		return err_set(err, ERR_CORRUPT,
			       "%u of the %u markers behind the names agree with them",
			       best_agreeing, marker_count);
	free(t->markers);
	t->markers = take_ptr(best);
	return 0;
}

/* --- names and addresses ---------------------------------------------------------- */

static void expand(const struct kallsyms_table *t, const struct packed_name *name,
		   char *ret, size_t size)
{
	bool is_type = true;
	size_t used = 0;

	for (uint32_t i = 0; i < name->count; i++) {
		const uint8_t *c = t->tokens + t->token_index[name->tokens[i]];

		for (; *c; c++) {
			if (is_type) {
				is_type = false;
				continue;
			}
			if (used + 1 >= size)
				goto out;
			ret[used++] = (char)*c;
		}
	}
out:
	ret[used] = '\0';
}

static int next_packed(const struct kallsyms_table *t, struct kallsyms_cursor *cursor,
		       struct packed_name *ret, struct err *err)
{
	if (cursor->i >= t->count)
		return err_set(err, ERR_NOTFOUND, "there are only %u symbols", t->count);
	if (!packed_name_at(t, t->has_long_lengths, &cursor->offset, ret))
		return err_set(err, ERR_CORRUPT, "the name of symbol %u breaks off",
			       cursor->i);
	cursor->i++;
	return 0;
}

int kallsyms_table_next(const struct kallsyms_table *t, struct kallsyms_cursor *cursor,
			char *ret, size_t size, struct err *err)
{
	struct packed_name name;
	int r = next_packed(t, cursor, &name, err);

	if (r == 0)
		expand(t, &name, ret, size);
	return r;
}

int kallsyms_table_name(const struct kallsyms_table *t, uint32_t i, char *ret,
			size_t size, struct err *err)
{
	struct kallsyms_cursor cursor = { .i = i,
					  .offset =
						  t->markers[i / KALLSYMS_MARKER_STEP] };
	struct packed_name skipped;

	for (uint32_t k = i % KALLSYMS_MARKER_STEP; k > 0; k--)
		if (!packed_name_at(t, t->has_long_lengths, &cursor.offset, &skipped))
			return err_set(err, ERR_CORRUPT,
				       "the names before symbol %u "
				       "break off",
				       i);
	return kallsyms_table_next(t, &cursor, ret, size, err);
}

/* --- hashes ----------------------------------------------------------------------- */

#define HASH_FACTOR 0x01000193u /* of FNV; any odd number that is not small */

static struct kallsyms_hash_part hash_part(const char *text)
{
	struct kallsyms_hash_part part = { .factor = 1 };

	for (; *text; text++) {
		part.hash = part.hash * HASH_FACTOR + (uint8_t)*text;
		part.factor *= HASH_FACTOR;
	}
	return part;
}

uint32_t kallsyms_hash(const char *name)
{
	return hash_part(name).hash;
}

void kallsyms_hasher_init(struct kallsyms_hasher *hasher, const struct kallsyms_table *t)
{
	hasher->table = t;
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++) {
		const char *text = (const char *)t->tokens + t->token_index[i];

		hasher->parts[i] = hash_part(text);
		hasher->first_parts[i] = hash_part(*text ? text + 1 : text);
	}
}

int kallsyms_hasher_next(const struct kallsyms_hasher *hasher,
			 struct kallsyms_cursor *cursor, uint32_t *ret, struct err *err)
{
	const struct kallsyms_table *t = hasher->table;
	struct packed_name name;
	uint32_t i = 0, hash = 0;
	int r = next_packed(t, cursor, &name, err);

	if (r < 0)
		return r;
	/* The type letter is the first of all characters: of the first token with any. */
	while (i < name.count && !t->tokens[t->token_index[name.tokens[i]]])
		i++;
	if (i < name.count)
		hash = hasher->first_parts[name.tokens[i++]].hash;
	for (; i < name.count; i++) {
		const struct kallsyms_hash_part *part = &hasher->parts[name.tokens[i]];

		hash = hash * part->factor + part->hash;
	}
	*ret = hash;
	return 0;
}

uint64_t kallsyms_table_address(const struct kallsyms_table *t, uint32_t i)
{
	uint32_t offset;
	uint64_t extended;

	if (t->encoding == KALLSYMS_ABSOLUTE)
		return load_le64(t->values + 8 * (size_t)i);
	offset = load_le32(t->values + 4 * (size_t)i);
	extended = (uint64_t)(int64_t)(int32_t)offset;
	switch (t->encoding) {
	case KALLSYMS_BASE_RELATIVE:
		return t->relative_base + offset;
	case KALLSYMS_ABSOLUTE_PERCPU:
		return (int32_t)offset >= 0 ? offset : t->relative_base - 1 - extended;
	case KALLSYMS_PLACE_RELATIVE:
		return t->values_vaddr + 4 * (uint64_t)i + extended;
	case KALLSYMS_ABSOLUTE:
	case KALLSYMS_ENCODING_COUNT:
		break;
	}
	return 0;
}
