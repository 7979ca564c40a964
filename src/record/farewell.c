// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/farewell.h"

#include <string.h>

#include "base/size.h"

#define MARK_SIZE (sizeof(FAREWELL_SAID) - 1)

_Static_assert(sizeof(FAREWELL_SAID) == sizeof(FAREWELL_LOGGED), "both have one length");

/* Of the line at @data, without its newline; at most what one record takes. */
static size_t line_length(const char *data, size_t size)
{
	const char *end = memchr(data, '\n', MIN(size, FAREWELL_LINE_BYTES));

	return end ? (size_t)(end - data) : MIN(size, FAREWELL_LINE_BYTES);
}

/* Behind the line at @at, whose length is @length, and its newline. */
static size_t line_next(const char *data, size_t size, size_t at, size_t length)
{
	at += length;
	return at < size && data[at] == '\n' ? at + 1 : at;
}

static void line_add(struct text *ret, const char *mark, const char *line, size_t length)
{
	text_add_bytes(ret, mark, MARK_SIZE);
	text_add_bytes(ret, line, length);
	text_add_bytes(ret, "\n", 1);
}

/* Lines of @from as long as they fit. */
static void add_first(struct text *ret, const struct text *from, const char *mark,
		      size_t limit)
{
	const char *data = text_get(from);

	for (size_t at = 0; at < from->size;) {
		size_t length = line_length(data + at, from->size - at);

		if (length + MARK_SIZE + 1 > limit)
			return;
		limit -= length + MARK_SIZE + 1;
		line_add(ret, mark, data + at, length);
		at = line_next(data, from->size, at, length);
	}
}

/* What all lines from @start on would take. */
static size_t marked_size(const struct text *from, size_t start)
{
	const char *data = text_get(from);
	size_t total = 0;

	for (size_t at = start; at < from->size;) {
		size_t length = line_length(data + at, from->size - at);

		total += length + MARK_SIZE + 1;
		at = line_next(data, from->size, at, length);
	}
	return total;
}

static size_t find_last(const struct text *from, size_t limit)
{
	const char *data = text_get(from);
	size_t excess = marked_size(from, 0), at = 0;

	excess = excess > limit ? excess - limit : 0;
	for (size_t left = 0; at < from->size && left < excess;) {
		size_t length = line_length(data + at, from->size - at);

		left += length + MARK_SIZE + 1;
		at = line_next(data, from->size, at, length);
	}
	return at;
}

int farewell_format(const struct text *report, const struct text *log, size_t limit,
		    struct text *ret, struct err *err)
{
	size_t had = ret->size, start;

	add_first(ret, report, FAREWELL_SAID, limit / 3);
	limit -= MIN(ret->size - had, limit);
	start = find_last(log, limit);
	for (size_t at = start; at < log->size;) {
		size_t length = line_length(text_get(log) + at, log->size - at);

		line_add(ret, FAREWELL_LOGGED, text_get(log) + at, length);
		at = line_next(text_get(log), log->size, at, length);
	}
	return text_check(ret, err);
}

bool farewell_find_log(const char *data, size_t size, struct text *ret)
{
	size_t had = ret->size;

	for (size_t at = 0; at < size;) {
		const char *line = data + at;
		const char *end = memchr(line, '\n', size - at);
		size_t length = end ? (size_t)(end - line) : size - at;
		const char *mark = memmem(line, length, FAREWELL_LOGGED, MARK_SIZE);

		if (mark) {
			text_add_bytes(ret, mark + MARK_SIZE,
				       (size_t)(line + length - mark) - MARK_SIZE);
			text_add_bytes(ret, "\n", 1);
		}
		at += length + 1;
	}
	return ret->size > had;
}

bool farewell_is_in(const char *data, size_t size)
{
	return memmem(data, size, FAREWELL_SAID, MARK_SIZE) ||
	       memmem(data, size, FAREWELL_LOGGED, MARK_SIZE);
}

int64_t farewell_find_time(const char *data, size_t size)
{
	static const char mark[] = FAREWELL_SAID FAREWELL_TIME;
	const char *at = memmem(data, size, mark, sizeof(mark) - 1);
	const char *end = data + size;
	int64_t time = 0;

	if (!at)
		return 0;
	// No more digits than fit.
	at += sizeof(mark) - 1;
	for (int i = 0; i < 18 && at < end && *at >= '0' && *at <= '9'; i++)
		time = time * 10 + (*at++ - '0');
	return time;
}
