// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For each position the bytes there are looked for where a sum over them was seen last
 * (one place only, and 6 bytes must be the same), and, first, as far back as the last
 * match was: objects in a row differ in few words. What measured as not worth it, on
 * kernels' pages: 4 bytes instead of 6 (matches are not longer than what they cost), 8
 * (files a twelfth larger), every other position (a twentieth larger).
 */
#include "dump/page_matches.h"

#include <endian.h>
#include <string.h>

#include "base/size.h"

#define HEADS_LOG    12
#define HASHED_BYTES 6
#define SKIP_AFTER   64 /* literals in a row: each so many make steps one longer */
#define TAIL	     11 /* no match begins here: 8 bytes are read 2 further on */

static uint32_t load32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* The first byte is the lowest. */
static uint64_t load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return le64toh(value);
}

/* Of the first HASHED_BYTES: the others are shifted out. */
static uint16_t *head(struct page_matches *matches, uint64_t bytes)
{
	uint64_t sum = (bytes << (64 - 8 * HASHED_BYTES)) * UINT64_C(0x9e3779b185ebca87);

	return &matches->heads[sum >> (64 - HEADS_LOG)];
}

static bool is_match(uint64_t bytes, const uint8_t *from)
{
	return (load64(from) ^ bytes) << (64 - 8 * HASHED_BYTES) == 0;
}

/* How many bytes are the same from @a and @b on, where @b is the later one. */
static size_t same(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
	const uint8_t *start = b;

	for (; b + 8 <= end; a += 8, b += 8) {
		uint64_t differs = load64(a) ^ load64(b);

		if (differs)
			return (size_t)(b - start) + (size_t)__builtin_ctzll(differs) / 8;
	}
	for (; b < end && *a == *b; a++)
		b++;
	return (size_t)(b - start);
}

/* How many bytes before @at and @from are the same. */
static size_t same_before(const uint8_t *page, size_t anchor, size_t at, size_t from)
{
	size_t count = 0;

	while (at - count > anchor && from > count &&
	       page[at - count - 1] == page[from - count - 1])
		count++;
	return count;
}

/* The literals from @anchor to the match at @at. */
static void add(struct page_matches *matches, const uint8_t *page, size_t anchor,
		size_t at, struct page_match match)
{
	size_t literals = at - anchor;
	uint8_t *to = matches->literals + matches->literal_count;

	if (literals <= 16 && anchor + 16 <= matches->page_size)
		memcpy(to, page + anchor, 16); // room for it: page_matches.h
	else
		memcpy(to, page + anchor, literals);
	matches->literal_count += literals;
	match.literals = (uint16_t)literals;
	matches->items[matches->count++] = match;
}

void page_matches_find(struct page_matches *matches, const uint8_t *page)
{
	const uint8_t *end = page + matches->page_size;
	const size_t limit = matches->page_size - TAIL;
	size_t at = 1, anchor = 0, last = 1, second = 4;

	matches->count = matches->literal_count = 0;
	memset(matches->heads, 0, sizeof(matches->heads));
	while (at < limit) {
		uint64_t bytes = load64(page + at);
		uint16_t *place = head(matches, bytes);
		size_t from = *place, before, length;
		bool repeats = load32(page + at + 1) == load32(page + at + 1 - last);

		*place = (uint16_t)at;
		if (repeats) {
			at++;
			from = at - last;
		} else if (is_match(bytes, page + from)) {
			second = last;
			last = at - from;
		} else {
			at += 1 + (at - anchor) / SKIP_AFTER;
			continue;
		}
		before = same_before(page, anchor, at, from);
		at -= before;
		from -= before;
		length = PAGE_MATCH_MIN + same(page + from + PAGE_MATCH_MIN,
					       page + at + PAGE_MATCH_MIN, end);
		add(matches, page, anchor, at,
		    (struct page_match){ .length = (uint16_t)length,
					 .offset = (uint16_t)last,
					 .repeats = repeats });
		*head(matches, load64(page + at + 2)) = (uint16_t)(at + 2);
		anchor = at += length;
		if (at >= limit)
			break;
		*head(matches, load64(page + at - 2)) = (uint16_t)(at - 2);
		/* Right behind a match the offset before the last is likely. */
		while (at < limit && at >= second &&
		       load32(page + at) == load32(page + at - second)) {
			size_t swap = last;

			last = second;
			second = swap;
			*head(matches, load64(page + at)) = (uint16_t)at;
			length = PAGE_MATCH_MIN + same(page + at - last + PAGE_MATCH_MIN,
						       page + at + PAGE_MATCH_MIN, end);
			add(matches, page, anchor, at,
			    (struct page_match){ .length = (uint16_t)length,
						 .offset = (uint16_t)last,
						 .repeats = true });
			anchor = at += length;
		}
	}
	memcpy(matches->literals + matches->literal_count, page + anchor,
	       matches->page_size - anchor);
	matches->literal_count += matches->page_size - anchor;
}
