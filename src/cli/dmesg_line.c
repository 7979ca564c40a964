// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of levels: those of dmesg(1) and syslog(3). Colours: much as dmesg(1) has them.
 */
#include "cli/dmesg_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/size.h"

#define PREFIX_SIZE 96
#define LEVEL_ERR   3
#define LEVEL_WARN  4

int dmesg_level_parse(const char *text)
{
	static const char *const names[] = { "emerg", "alert",	"crit", "err",
					     "warn",  "notice", "info", "debug" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i]) ||
		    (text[0] == (char)('0' + i) && text[1] == '\0'))
			return (int)i;
	return -1;
}

void dmesg_line_add_clean(const char *line, size_t size, struct text *ret)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n')
			text_add_bytes(ret, &c, 1);
		else
			text_add(ret, "\\x%02x", c);
	}
}

/* Its width. */
static int add_prefix(const struct printk_record *record, const struct dmesg_style *style,
		      char ret[static PREFIX_SIZE])
{
	uint64_t ns = record->ts_nsec;
	char caller[16], day[32] = "";
	time_t seconds;
	struct tm tm;
	int width;

	if (style->wall_clock) {
		ns += (uint64_t)style->boot_time_ns;
		seconds = (time_t)(ns / 1000000000);
		if (gmtime_r(&seconds, &tm))
			strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
		width = snprintf(ret, PREFIX_SIZE, "[%s.%03" PRIu64 "] ", day,
				 ns % 1000000000 / 1000000);
	} else {
		width = snprintf(ret, PREFIX_SIZE, "[%5" PRIu64 ".%06" PRIu64 "] ",
				 ns / 1000000000, ns % 1000000000 / 1000);
	}
	if (style->callers) {
		snprintf(caller, sizeof(caller), "%c%" PRIu32,
			 record->caller_id >> 31 ? 'C' : 'T',
			 record->caller_id & INT32_MAX);
		width += snprintf(ret + width, PREFIX_SIZE - (size_t)width, "[%8s] ",
				  caller);
	}
	return width;
}

static const char *colour_of(uint8_t level)
{
	if (level < LEVEL_ERR)
		return "\033[1;31m";
	if (level == LEVEL_ERR)
		return "\033[31m";
	return level == LEVEL_WARN ? "\033[1m" : "";
}

void dmesg_line_add(const struct printk_record *record, const struct dmesg_style *style,
		    struct text *ret)
{
	const char *text = record->text, *end = text + record->text_size;
	const char *colour = style->colour ? colour_of(record->level) : "";
	const char *off = *colour ? "\033[0m" : "";
	char prefix[PREFIX_SIZE];
	int width = add_prefix(record, style, prefix);

	text_add(ret, style->colour ? "\033[32m%s\033[0m" : "%s", prefix);
	for (bool is_first = true; is_first || text < end; is_first = false) {
		const char *stop =
			text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
		size_t size = (size_t)((stop ? stop : end) - text);

		text_add(ret, "%*s%s", is_first ? 0 : width, "", colour);
		dmesg_line_add_clean(text, size, ret);
		text_add(ret, "%s\n", off);
		text += size + 1;
		/* A newline at the end begins a line of its own, as the kernel has it. */
		if (stop && text == end)
			text_add(ret, "%*s\n", width, "");
	}
}
