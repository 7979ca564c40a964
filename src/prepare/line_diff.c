// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/line_diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "record/field.h"

#define LINE_SHOWN_BYTES 4000

struct line {
	const char *at;
	size_t size; /* with its newline, if it has one */
};

struct lines {
	struct line *rows;
	size_t count;
};

/* One line of the result: ' ' both, '-' old, '+' new. */
struct edit {
	char sign;
	struct line line;
};

static int lines_split(const char *text, size_t size, struct lines *ret, struct err *err)
{
	size_t count = 0, at = 0;
	struct line *rows;

	for (size_t i = 0; i < size; i++)
		count += text[i] == '\n' || i + 1 == size;
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at + 1 : size - at;

		rows[i] = (struct line){ text + at, length };
		at += length;
	}
	*ret = (struct lines){ rows, count };
	return 0;
}

static bool line_equal(const struct line *a, const struct line *b)
{
	return a->size == b->size && memcmp(a->at, b->at, a->size) == 0;
}

/* table[i][j]: how many lines of old[i..] and new[j..] can be kept. */
static uint16_t *table_make(const struct line *old, size_t old_count,
			    const struct line *new, size_t new_count)
{
	size_t width = new_count + 1;
	uint16_t *table = calloc((old_count + 1) * width, sizeof(*table));

	for (size_t i = old_count; table && i-- > 0;) {
		for (size_t j = new_count; j-- > 0;)
			table[i * width + j] =
				line_equal(&old[i], &new[j])
					? table[(i + 1) * width + j + 1] + 1
					: MAX(table[(i + 1) * width + j],
					      table[i * width + j + 1]);
	}
	return table;
}

/* The middle, where the two differ: @ret has room for both. */
static int edit_middle(const struct line *old, size_t old_count, const struct line *new,
		       size_t new_count, struct edit *ret, size_t *count, struct err *err)
{
	_cleanup_free uint16_t *table = NULL;
	bool is_short = old_count <= DIFF_LINES_MAX && new_count <= DIFF_LINES_MAX;
	size_t i = 0, j = 0, width = new_count + 1;

	if (is_short && old_count && new_count) {
		table = table_make(old, old_count, new, new_count);
		if (!table)
			return err_nomem(err);
	}
	while (i < old_count || j < new_count) {
		if (table && i < old_count && j < new_count &&
		    line_equal(&old[i], &new[j])) {
			ret[(*count)++] = (struct edit){ ' ', old[i++] };
			j++;
		} else if (i < old_count &&
			   (j == new_count || !table ||
			    table[(i + 1) * width + j] >= table[i * width + j + 1])) {
			ret[(*count)++] = (struct edit){ '-', old[i++] };
		} else {
			ret[(*count)++] = (struct edit){ '+', new[j++] };
		}
	}
	return 0;
}

static int edits_make(const struct lines *old, const struct lines *new, struct edit *ret,
		      size_t *ret_count, struct err *err)
{
	size_t head = 0, tail = 0, shorter = MIN(old->count, new->count), count = 0;
	int r;

	while (head < shorter && line_equal(&old->rows[head], &new->rows[head])) {
		ret[count++] = (struct edit){ ' ', old->rows[head] };
		head++;
	}
	while (tail < shorter - head && line_equal(&old->rows[old->count - 1 - tail],
						   &new->rows[new->count - 1 - tail]))
		tail++;
	r = edit_middle(old->rows + head, old->count - head - tail, new->rows + head,
			new->count - head - tail, ret, &count, err);
	for (size_t i = old->count - tail; i < old->count; i++)
		ret[count++] = (struct edit){ ' ', old->rows[i] };
	*ret_count = count;
	return r;
}

/* Tabs stay; all else that no terminal should get becomes '?'. */
static void line_print(const char *line, size_t size, struct text *ret)
{
	char raw[LINE_SHOWN_BYTES + 1], clean[LINE_SHOWN_BYTES + 1];
	size_t at = 0;

	memcpy(raw, line, MIN(size, sizeof(raw) - 1));
	raw[MIN(size, sizeof(raw) - 1)] = '\0';
	while (at < size && at < sizeof(raw) - 1) {
		size_t length = strcspn(raw + at, "\t");
		char end = raw[at + length];

		raw[at + length] = '\0';
		field_clean(raw + at, clean, sizeof(clean));
		text_add(ret, "%s%s", clean,
			 end == '\t'				    ? "\t"
			 : at + length < MIN(size, sizeof(raw) - 1) ? "?"
								    : "");
		at += length + 1;
	}
	text_add(ret, size > LINE_SHOWN_BYTES ? "..." : "");
}

static void edit_print(const struct edit *edit, struct text *ret)
{
	size_t size = edit->line.size;
	bool has_newline = size && edit->line.at[size - 1] == '\n';

	text_add_bytes(ret, &edit->sign, 1);
	line_print(edit->line.at, size - has_newline, ret);
	text_add(ret, has_newline ? "\n" : "\n\\ No newline at end of file\n");
}

/* From the first change at or after @from to where DIFF_CONTEXT equal lines follow it
 * twice over. */
static size_t hunk_end(const struct edit *edits, size_t count, size_t from)
{
	size_t end = from, equal = 0;

	for (size_t i = from; i < count && equal <= (size_t)2 * DIFF_CONTEXT; i++) {
		equal = edits[i].sign == ' ' ? equal + 1 : 0;
		if (!equal)
			end = i + 1;
	}
	return MIN(end + DIFF_CONTEXT, count);
}

static void hunk_print(const struct edit *edits, size_t start, size_t end,
		       struct text *ret)
{
	size_t old_at = 0, new_at = 0, old_count = 0, new_count = 0;

	for (size_t i = 0; i < end; i++) {
		bool is_old = edits[i].sign != '+', is_new = edits[i].sign != '-';

		old_at += i < start && is_old;
		new_at += i < start && is_new;
		old_count += i >= start && is_old;
		new_count += i >= start && is_new;
	}
	text_add(ret, "@@ -%zu,%zu +%zu,%zu @@\n", old_at + (old_count > 0), old_count,
		 new_at + (new_count > 0), new_count);
	for (size_t i = start; i < end; i++)
		edit_print(&edits[i], ret);
}

int line_diff(const char *old_text, size_t old_size, const char *new_text,
	      size_t new_size, struct text *ret, struct err *err)
{
	_cleanup_free struct edit *edits = NULL;
	struct lines old = { 0 }, new = { 0 };
	size_t count = 0;
	int r = lines_split(old_text, old_size, &old, err);

	if (r == 0)
		r = lines_split(new_text, new_size, &new, err);
	if (r == 0) {
		edits = calloc(old.count + new.count + 1, sizeof(*edits));
		r = edits ? edits_make(&old, &new, edits, &count, err) : err_nomem(err);
	}
	for (size_t i = 0; r == 0 && i < count;) {
		size_t start = i, end;

		while (start < count && edits[start].sign == ' ')
			start++;
		if (start == count)
			break;
		end = hunk_end(edits, count, start);
		hunk_print(edits, MAX(start, i + DIFF_CONTEXT) - DIFF_CONTEXT, end, ret);
		i = end;
	}
	free(old.rows);
	free(new.rows);
	return r < 0 ? r : text_check(ret, err);
}
