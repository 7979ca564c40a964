// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/log_text.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_SIZE 24 /* of what may stand in brackets before a line */

/* What is between the brackets at @p, without the spaces before it; moves behind them. */
static bool take_label(const char **p, const char *end, char ret[static LABEL_SIZE])
{
	const char *start = *p, *close;

	if (start >= end || *start != '[')
		return false;
	close = memchr(start, ']', (size_t)(end - start));
	for (start++; close && start < close && *start == ' ';)
		start++;
	if (!close || close == start || close - start >= LABEL_SIZE)
		return false;
	memcpy(ret, start, (size_t)(close - start));
	ret[close - start] = '\0';
	*p = close + 1;
	return true;
}

/* "12.345678" */
static bool parse_time(const char *label, uint64_t *ret_nsec)
{
	size_t seconds = strspn(label, "0123456789");
	size_t micros;

	if (!seconds || seconds > 10 || label[seconds] != '.')
		return false;
	micros = strspn(label + seconds + 1, "0123456789");
	if (micros != 6 || label[seconds + 1 + micros])
		return false;
	*ret_nsec = strtoull(label, NULL, 10) * 1000000000 +
		    strtoull(label + seconds + 1, NULL, 10) * 1000;
	return true;
}

/* "T247", "C1" */
static bool parse_caller(const char *label, uint32_t *ret)
{
	size_t digits = strspn(label + 1, "0123456789");

	if ((*label != 'T' && *label != 'C') || !digits || digits > 9 ||
	    label[1 + digits])
		return false;
	*ret = (uint32_t)strtoul(label + 1, NULL, 10) |
	       (*label == 'C' ? UINT32_C(1) << 31 : 0);
	return true;
}

static void parse_line(const char *line, const char *end, struct printk_record *ret)
{
	const char *p = line, *q;
	char label[LABEL_SIZE];

	if (end > line && end[-1] == '\r')
		end--;
	*ret = (struct printk_record){ .text = line, .text_size = (size_t)(end - line) };
	if (take_label(&p, end, label) && !parse_time(label, &ret->ts_nsec))
		p = line;
	for (q = p; q < end && *q == ' ';)
		q++;
	if (take_label(&q, end, label) && parse_caller(label, &ret->caller_id))
		p = q;
	if (p != line && p < end && *p == ' ')
		p++;
	ret->text = p;
	ret->text_size = (size_t)(end - p);
}

int log_text_parse(const char *text, size_t size, struct printk_log *ret, struct err *err)
{
	const char *end = text + size;
	struct printk_record *records;
	size_t count = 0, used = 0;

	for (const char *p = text; p < end; p++)
		count += *p == '\n';
	if (count >= LOG_TEXT_LINES_MAX)
		return err_set(err, ERR_LIMIT, "a log of more than %u lines",
			       LOG_TEXT_LINES_MAX);
	records = calloc(count + 1, sizeof(*records));
	if (!records)
		return err_nomem(err);
	for (const char *p = text; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		if (!stop)
			stop = end;
		parse_line(p, stop, &records[used]);
		records[used].seq = used;
		used++;
		p = stop + 1;
	}
	*ret = (struct printk_log){ .records = records, .count = used };
	return 0;
}
