// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "record/field.h"

size_t cell_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void cell_print(const char *text, size_t pad, size_t max)
{
	char clean[512];
	size_t width, end = 0;

	field_clean(text, clean, sizeof(clean));
	width = cell_width(clean);
	if (max > 0 && width > max) {
		for (width = 0; width < max || ((unsigned char)clean[end] & 0xc0) == 0x80;
		     end++)
			width += ((unsigned char)clean[end] & 0xc0) != 0x80;
		clean[end] = '\0';
	}
	printf("%s", clean);
	while (width++ < pad)
		putchar(' ');
}

size_t cell_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };

	if (columns && atoi(columns) > 0)
		return (size_t)atoi(columns);
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return 0;
}

void cell_format_time(int64_t when, char *ret, size_t size)
{
	time_t seconds = (time_t)when;
	struct tm tm;

	if (when <= 0 || !localtime_r(&seconds, &tm) ||
	    strftime(ret, size, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(ret, size, "-");
}
