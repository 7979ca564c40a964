// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 1. token_table: names are made of ASCII, so the tokens of the digits are themselves,
 *    and "0", "1", ... "9" stand there one after the other, NUL-terminated. Where they
 *    do, 256 texts around them are a token_table if their offsets, 256 u16, come next:
 *    token_index. (Tables of characters look like the first, none like both.)
 * 2. markers, before token_table: an ascending run of u32 from 0, one a 256 names.
 * 3. names, before them: as many bytes as the last marker says and less than 256 names
 *    more; num_syms, right before the names, fits the number of markers. Right is where
 *    a walk through all the names meets the markers: kallsyms_table_index().
 */
#include "kernel/kallsyms_search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/kallsyms.h"
#include "kernel/kallsyms_table.h"
#include "kernel/vmcoreinfo.h"

#define PAGE	       ((uint64_t)4096) /* the step; no kernel has smaller ones */
#define IMAGE_ALIGN    ((uint64_t)2 << 20)
#define IMAGE_SPAN_MAX ((uint64_t)1 << 30)  /* x86's KERNEL_IMAGE_SIZE */
#define HOLE_MAX       ((uint64_t)16 << 20) /* unmapped: the image is over */
#define CHUNK	       ((size_t)1 << 20)

#define TOKEN_SIZE_MAX 64  /* of one token's text, with its NUL; 24 seen */
#define FIRST_DIGIT    '0' /* its token's number */
#define INDEX_SIZE     ((size_t)KALLSYMS_TOKENS * 2)
#define INDEX_GAP_MAX  64   /* between token_table and token_index: alignment */
#define HITS_MAX       4096 /* places with the digits; 6 to 8 in a kernel */
#define HIT_BEFORE     ((size_t)FIRST_DIGIT * TOKEN_SIZE_MAX)
#define TEXTS_SIZE_MAX ((size_t)KALLSYMS_TOKENS * TOKEN_SIZE_MAX)
#define HIT_SIZE       (TEXTS_SIZE_MAX + INDEX_GAP_MAX + INDEX_SIZE)

#define NAMES_BEFORE_MAX  ((uint64_t)12 << 20) /* from names to token_table */
#define MARKERS_MIN	  16
#define MARKER_STEP_MIN	  KALLSYMS_MARKER_STEP
#define MARKER_STEP_MAX	  (KALLSYMS_MARKER_STEP * 140u) /* tokens a name, mean */
#define MARKERS_TRIED_MAX 64
#define NAMES_TRIED_MAX	  32

static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";

struct search {
	struct kernel *kernel;
	uint64_t image_start;
	uint64_t looked_at; /* bytes */
	unsigned int hits;
	uint8_t chunk[CHUNK + PAGE];
	uint8_t hit[HIT_SIZE];
	struct kallsyms_table table; /* tokens and their index, once found */
	struct kallsyms_places places;

	/* [names_start, token_table), as far back as names can begin. */
	uint8_t *before;
	uint64_t before_vaddr;
	size_t before_size;
};

/* What can't be read is zeros. Returns how many bytes could. */
static size_t read_or_zero(struct kernel *kernel, uint64_t vaddr, uint8_t *to,
			   size_t size)
{
	size_t part, good = 0;

	for (size_t done = 0; done < size; done += part) {
		part = MIN(size - done, (size_t)(PAGE - (vaddr + done) % PAGE));
		if (kernel_read(kernel, vaddr + done, to + done, part, NULL) == 0)
			good += part;
		else
			memset(to + done, 0, part);
	}
	return good;
}

/* --- tokens --------------------------------------------------------------------------
 */

/* Offset of the first of the @count texts that end before @at; SIZE_MAX: none. */
static size_t texts_back(const uint8_t *bytes, size_t at, size_t count)
{
	for (; count; count--) {
		size_t start = at;

		if (start == 0 || bytes[start - 1])
			return SIZE_MAX;
		for (start--; start > 0 && bytes[start - 1]; start--)
			if (at - start == TOKEN_SIZE_MAX)
				return SIZE_MAX;
		at = start;
	}
	return at;
}

/* The 256 texts from @at on: their offsets, and where they end. */
static bool texts_index(const uint8_t *bytes, size_t at, uint8_t ret_index[INDEX_SIZE],
			size_t *ret_end)
{
	size_t start = at;

	for (size_t i = 0; i < KALLSYMS_TOKENS; i++) {
		const uint8_t *end = memchr(bytes + at, '\0', TOKEN_SIZE_MAX);

		if (HIT_SIZE - at < TOKEN_SIZE_MAX + INDEX_SIZE || !end)
			return false;
		ret_index[2 * i] = (uint8_t)(at - start);
		ret_index[2 * i + 1] = (uint8_t)((at - start) >> 8);
		at = (size_t)(end - bytes) + 1;
	}
	*ret_end = at;
	return true;
}

/* Are the digits at @vaddr those of a token_table? */
static int tokens_at(struct search *s, uint64_t vaddr, bool *ret, struct err *err)
{
	struct kallsyms_table *t = &s->table;
	uint64_t hit_vaddr = vaddr - HIT_BEFORE;
	uint8_t index[INDEX_SIZE];
	const uint8_t *found;
	size_t start, end;

	*ret = false;
	read_or_zero(s->kernel, hit_vaddr, s->hit, sizeof(s->hit));
	start = texts_back(s->hit, HIT_BEFORE, FIRST_DIGIT);
	if (start == SIZE_MAX || !texts_index(s->hit, start, index, &end))
		return 0;
	found = memmem(s->hit + end, MIN(HIT_SIZE - end, INDEX_GAP_MAX + INDEX_SIZE),
		       index, sizeof(index));
	if (!found)
		return 0;
	t->tokens_size = end - start;
	t->tokens = malloc(t->tokens_size);
	if (!t->tokens)
		return err_nomem(err);
	memcpy(t->tokens, s->hit + start, t->tokens_size);
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++)
		t->token_index[i] = load_le16(index + 2 * i);
	s->places.token_table = hit_vaddr + start;
	s->places.token_index = hit_vaddr + (uint64_t)(found - s->hit);
	*ret = true;
	return 0;
}

static int chunk_search(struct search *s, uint64_t vaddr, bool *ret, struct err *err)
{
	const uint8_t *at = s->chunk, *end = s->chunk + sizeof(s->chunk);
	int r = 0;

	*ret = false;
	while (r == 0 && !*ret) {
		at = memmem(at, (size_t)(end - at), digits, sizeof(digits));
		if (!at)
			break;
		if (s->hits++ == HITS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d likely places",
				       HITS_MAX);
		r = tokens_at(s, vaddr + (uint64_t)(at - s->chunk), ret, err);
		at++;
	}
	return r;
}

/* From _stext up, until the image is over. A chunk is read one page further on. */
static int find_tokens(struct search *s, struct err *err)
{
	uint64_t hole = 0;

	for (uint64_t done = 0; done < IMAGE_SPAN_MAX && hole < HOLE_MAX &&
				s->looked_at < KALLSYMS_SEARCH_MAX;
	     done += CHUNK) {
		uint64_t vaddr = s->image_start + done;
		size_t good = read_or_zero(s->kernel, vaddr, s->chunk, sizeof(s->chunk));
		bool is_found;
		int r;

		s->looked_at += good;
		hole = good ? 0 : hole + CHUNK;
		if (!good)
			continue;
		r = chunk_search(s, vaddr, &is_found, err);
		if (r < 0 || is_found)
			return r;
	}
	return err_set(err, ERR_UNSUPPORTED, "no token_table in %" PRIu64 " KiB of it",
		       s->looked_at >> 10);
}

/* --- names
 * ------------------------------------------------------------------------------
 */

static uint32_t before_u32(const struct search *s, size_t offset)
{
	return load_le32(s->before + offset);
}

/*
 * The run of markers that ends at or before @end, offsets into s->before: [start, end).
 * A run begins with 0; @ret_start is its offset. False: none.
 */
static bool markers_before(const struct search *s, size_t end, size_t *ret_start,
			   size_t *ret_end)
{
	while (end >= MARKERS_MIN * 4) {
		size_t start = end - 4;

		while (start >= 4) {
			uint64_t low = before_u32(s, start - 4);
			uint64_t high = before_u32(s, start);

			if (high < low + MARKER_STEP_MIN || high > low + MARKER_STEP_MAX)
				break;
			start -= 4;
		}
		if (end - start >= MARKERS_MIN * 4 && before_u32(s, start) == 0) {
			*ret_start = start;
			*ret_end = end;
			return true;
		}
		end = start;
	}
	return false;
}

/* @offset: of the names. Do all of them agree with the markers? */
static int names_at(struct search *s, size_t offset, uint32_t count, bool *ret,
		    struct err *err)
{
	struct kallsyms_table *t = &s->table;
	int r;

	t->count = count;
	t->names = s->before + offset;
	t->names_size = s->before_size - offset;
	t->names_vaddr = s->before_vaddr + offset;
	r = kallsyms_table_index(t, NULL);
	t->names = NULL; // only lent
	*ret = r == 0;
	return r == ERR_NOMEM ? err_nomem(err) : 0;
}

/*
 * The names end where the markers at @markers begin, the last of which, less than 256
 * names before their end, has the value @last.
 */
static int names_before(struct search *s, size_t markers, size_t marker_count,
			unsigned int *tries, bool *ret, struct err *err)
{
	uint32_t last = before_u32(s, markers + (marker_count - 1) * 4);
	size_t high = (markers - MIN(markers, (size_t)last)) & ~(size_t)3;
	size_t low = high - MIN(high, (size_t)MARKER_STEP_MAX);

	*ret = false;
	for (size_t at = high; at >= MAX(low, (size_t)8) && !*ret; at -= 4) {
		for (size_t back = 4; back <= 8 && !*ret; back += 4) {
			uint32_t count = before_u32(s, at - back);
			uint64_t needed = ((uint64_t)count + KALLSYMS_MARKER_STEP - 1) /
					  KALLSYMS_MARKER_STEP;
			int r;

			if (needed != marker_count || !*tries)
				continue;
			--*tries;
			r = names_at(s, at, count, ret, err);
			if (r < 0)
				return r;
			if (*ret) {
				s->places.names = s->before_vaddr + at;
				s->places.num_syms = s->places.names - back;
			}
		}
	}
	return 0;
}

/* A word behind the markers may look like one more of them. */
static int names_of_markers(struct search *s, size_t markers, size_t marker_count,
			    unsigned int *tries, bool *ret, struct err *err)
{
	int r = names_before(s, markers, marker_count, tries, ret, err);

	if (r == 0 && !*ret)
		r = names_before(s, markers, marker_count - 1, tries, ret, err);
	return r;
}

static int find_names(struct search *s, struct err *err)
{
	unsigned int tries = NAMES_TRIED_MAX;
	size_t start, end;

	s->before_vaddr = s->places.token_table & ~(uint64_t)3;
	s->before_size = (size_t)MIN(NAMES_BEFORE_MAX, s->before_vaddr - s->image_start);
	s->before_vaddr -= s->before_size;
	s->before = malloc(s->before_size + 1);
	if (!s->before)
		return err_nomem(err);
	read_or_zero(s->kernel, s->before_vaddr, s->before, s->before_size);
	end = s->before_size;
	for (int i = 0; i < MARKERS_TRIED_MAX && markers_before(s, end, &start, &end);
	     i++) {
		bool is_found;
		int r = names_of_markers(s, start, (end - start) / 4, &tries, &is_found,
					 err);

		if (r < 0 || is_found)
			return r;
		end = start;
	}
	return err_set(err, ERR_UNSUPPORTED,
		       "no names that agree with their markers before the token_table at "
		       "0x%" PRIx64,
		       s->places.token_table);
}

/* --- the search
 * -------------------------------------------------------------------------
 */

static void add_values(struct kallsyms_places *places, uint64_t vaddr,
		       uint64_t base_vaddr, bool is_absolute)
{
	places->values[places->values_count++] = (struct kallsyms_values){
		.vaddr = vaddr, .base_vaddr = base_vaddr, .is_absolute = is_absolute
	};
}

/* Before num_syms or behind token_index; either way offsets, or whole addresses. */
static void list_values(struct kallsyms_places *places, uint64_t count)
{
	uint64_t behind = places->token_index + INDEX_SIZE;
	uint64_t base = places->num_syms - 8;

	add_values(places, base - align_up(4 * count, 8), base, false);
	add_values(places, behind, align_up(behind + 4 * count, 8), false);
	add_values(places, places->num_syms - 8 * count, 0, true);
	add_values(places, behind, 0, true);
}

static void search_freep(struct search **s)
{
	if (!*s)
		return;
	free((*s)->before);
	kallsyms_table_done(&(*s)->table);
	free(*s);
}

int kallsyms_search(struct kernel *kernel, struct kallsyms_places *ret, struct err *err)
{
	_cleanup_(search_freep) struct search *s = calloc(1, sizeof(*s));
	uint64_t stext;
	int r;

	if (!s)
		return err_nomem(err);
	s->kernel = kernel;
	if (vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "_stext", &stext, NULL) < 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "VMCOREINFO does not say where the kernel lies");
	s->image_start = align_down(stext, IMAGE_ALIGN);
	r = find_tokens(s, err);
	if (r == 0)
		r = find_names(s, err);
	if (r == 0 && s->table.count > KALLSYMS_COUNT_MAX)
		r = err_set(err, ERR_LIMIT, "%u symbols", s->table.count);
	if (r < 0)
		return err_in(err, r, "searching the kernel's image for its symbols");
	list_values(&s->places, s->table.count);
	*ret = s->places;
	return 0;
}
