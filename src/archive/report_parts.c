// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/report_parts.h"

#include <stdio.h>
#include <string.h>

static void take(char *field, size_t size, const char *value)
{
	if (value[0])
		snprintf(field, size, "%.*s", (int)size - 1, value);
}

void report_parts_describe(const struct report *report, struct record_crash *ret)
{
	take(ret->cause, sizeof(ret->cause), report->cause);
	take(ret->title, sizeof(ret->title), report->title);
	take(ret->signature, sizeof(ret->signature), report->signature);
	take(ret->kernel_release, sizeof(ret->kernel_release), report->release);
	take(ret->build_id, sizeof(ret->build_id), report->build_id);
	take(ret->machine, sizeof(ret->machine), report->machine);
	if (strcmp(report->host, "(none)") != 0) // nobody set it
		take(ret->host, sizeof(ret->host), report->host);
	if (report->crash_time)
		ret->crash_time = report->crash_time;
	if (report->uptime_ms)
		ret->uptime_ms = report->uptime_ms;
}

int report_parts_write(struct record *record, const struct report *report,
		       struct err *err)
{
	_cleanup_text struct text text = { 0 }, json = { 0 };
	int r = report_format_text(report, NULL, &text, err);

	if (r == 0)
		r = report_format_json(report, &json, err);
	if (r == 0)
		r = record_part_write(record, RECORD_REPORT_TEXT, text_get(&text),
				      text.size, 0, err);
	if (r == 0)
		r = record_part_write(record, RECORD_REPORT_JSON, text_get(&json),
				      json.size, 0, err);
	return r;
}
