/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a page has been there before, in the same page: the first half of any codec of
 * the Lempel-Ziv family. Made for pages of a kernel's memory: words of 8 bytes, objects
 * one after the other, most of a word the same as in the one before.
 */
#ifndef DUMP_PAGE_MATCHES_H
#define DUMP_PAGE_MATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MATCH_MIN 4

/*
 * Literals, then @length bytes as @offset bytes before. @repeats: with literals, the same
 * offset as the match before; without, as the one before that (a page begins as if there
 * had been 4, then 1). Offsets are not always marked where they could be.
 */
struct page_match {
	uint16_t literals;
	uint16_t length;
	uint16_t offset;
	bool repeats;
};

struct page_matches {
	size_t page_size;
	struct page_match *items; /* room for page_size / PAGE_MATCH_MIN */
	size_t count;
	uint8_t *literals; /* all of them, one after the other; room for a page and 16 */
	size_t literal_count;
	uint16_t heads[1 << 12]; /* by the sum of the bytes there: the last position */
};

/* @page is page_size bytes, at least 64 and at most 65536. */
void page_matches_find(struct page_matches *matches, const uint8_t *page);

#endif
