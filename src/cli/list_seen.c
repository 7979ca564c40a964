// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/list_seen.h"

#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/cell.h"
#include "cli/crash.h"
#include "record/field.h"

#define SEEN_NAME_MAX	40
#define SEEN_KERNEL_MAX 32
#define SEEN_CAUSE_MIN	24

void list_cause(const struct record *record, char *ret, size_t size)
{
	const struct record_crash *crash = &record->crash;

	if (crash->cause[0] || crash->title[0])
		snprintf(ret, size, "%s", crash->cause[0] ? crash->cause : crash->title);
	else
		snprintf(ret, size, "unknown%s%s", record->meta_reason[0] ? ": " : "",
			 record->meta_reason);
}

/* ---- the table ---- */

struct seen {
	const struct alike *alike;
	struct alike_group *groups;
	size_t first, count;
};

struct widths {
	size_t name, kernel, cause;
	bool has_first;
};

static const struct record *latest_of(const struct seen *seen, size_t i)
{
	return seen->alike->archive->records[seen->groups[i].latest];
}

static struct widths seen_widths(const struct seen *seen)
{
	struct widths widths = { strlen("LATEST"), strlen("KERNEL"), 0, true };
	size_t terminal = cell_terminal_width(), used;

	for (size_t i = seen->first; i < seen->count; i++) {
		const struct record *record = latest_of(seen, i);

		widths.name = MAX(widths.name, cell_width(archive_record_name(record)));
		widths.kernel =
			MAX(widths.kernel, cell_width(record->crash.kernel_release));
	}
	widths.name = MIN(widths.name, (size_t)SEEN_NAME_MAX);
	widths.kernel = MIN(widths.kernel, (size_t)SEEN_KERNEL_MAX);
	if (terminal == 0)
		return widths;
	used = strlen("TIMES  ") + 2 * (CELL_TIME_WIDTH + 2) + widths.name + 2 +
	       widths.kernel + 2;
	widths.has_first = used + SEEN_CAUSE_MIN <= terminal;
	if (!widths.has_first)
		used -= CELL_TIME_WIDTH + 2;
	widths.cause =
		used + SEEN_CAUSE_MIN <= terminal ? terminal - used : SEEN_CAUSE_MIN;
	return widths;
}

static void seen_print_row(const struct widths *widths, const char *times,
			   const char *first, const char *last, const char *name,
			   const char *kernel, const char *cause)
{
	printf("%5s  ", times);
	if (widths->has_first)
		cell_print(first, CELL_TIME_WIDTH + 2, 0);
	cell_print(last, CELL_TIME_WIDTH + 2, 0);
	cell_print(name, widths->name + 2, widths->name);
	cell_print(kernel, widths->kernel + 2, widths->kernel);
	cell_print(cause, 0, widths->cause);
	putchar('\n');
}

static void seen_print(const struct seen *seen)
{
	struct widths widths = seen_widths(seen);

	seen_print_row(&widths, "TIMES", "FIRST", "LAST", "LATEST", "KERNEL", "CAUSE");
	for (size_t i = seen->first; i < seen->count; i++) {
		const struct alike_group *group = &seen->groups[i];
		const struct record *record = latest_of(seen, i);
		const struct record *oldest = seen->alike->archive->records[group->first];
		const char *kernel = record->crash.kernel_release;
		char times[24], first[32], last[32], cause[512];

		snprintf(times, sizeof(times), "%zu", group->count);
		cell_format_time(archive_record_time(oldest), first, sizeof(first));
		cell_format_time(archive_record_time(record), last, sizeof(last));
		list_cause(record, cause, sizeof(cause));
		seen_print_row(&widths, times, first, last, archive_record_name(record),
			       kernel[0] ? kernel : "-", cause);
	}
}

/* ---- JSON ---- */

static bool has_string(const json_t *array, const char *text)
{
	const json_t *value;
	size_t i;

	json_array_foreach(array, i, value)
	{
		if (strcmp(json_string_value(value), text) == 0)
			return true;
	}
	return false;
}

/* The kernels and the names of all records of the group, the oldest first. */
static int seen_members_json(const struct seen *seen, size_t which, json_t *kernels,
			     json_t *names)
{
	const struct archive *archive = seen->alike->archive;
	const struct alike_group *group = &seen->groups[which];
	int bad = 0;

	for (size_t i = group->first; i <= group->latest; i++) {
		const struct record *record = archive->records[i];
		const char *kernel = record->crash.kernel_release;

		if (!alike_is_same(seen->alike, i, group->latest))
			continue;
		bad |= json_array_append_new(
			names, field_new_string(archive_record_name(record)));
		if (kernel[0] && !has_string(kernels, kernel))
			bad |= json_array_append_new(kernels, field_new_string(kernel));
	}
	return bad;
}

static json_t *seen_group_json(const struct seen *seen, size_t which)
{
	const struct archive *archive = seen->alike->archive;
	const struct alike_group *group = &seen->groups[which];
	const struct record *record = latest_of(seen, which);
	json_t *kernels = json_array(), *names = json_array();
	int bad = seen_members_json(seen, which, kernels, names);
	json_t *object =
		json_pack("{s:o,s:o,s:o,s:I,s:I,s:I,s:o,s:o}", "signature",
			  field_new_string(seen->alike->signatures[group->latest]),
			  "title", field_new_string(record->crash.title), "cause",
			  field_new_string(record->crash.cause), "times",
			  (json_int_t)group->count, "first",
			  (json_int_t)archive_record_time(archive->records[group->first]),
			  "last", (json_int_t)archive_record_time(record), "kernels",
			  kernels, "records", names);

	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

static int seen_print_json(struct cli *cli, const struct seen *seen)
{
	json_t *groups = json_array();
	int bad = 0;

	for (size_t i = seen->first; i < seen->count; i++)
		bad |= json_array_append_new(groups, seen_group_json(seen, i));
	return crash_print_json(
		cli,
		bad ? NULL
		    : json_pack("{s:i,s:o,s:o}", "schema_version", LIST_SCHEMA_VERSION,
				"archive", field_new_string(seen->alike->archive->path),
				"seen", groups));
}

int list_seen(struct cli *cli, const struct alike *alike, size_t count)
{
	_cleanup_free struct alike_group *groups = NULL;
	struct seen seen = { .alike = alike };
	struct err err = { 0 };

	if (alike_find_groups(alike, &groups, &seen.count, &err) < 0)
		return cli_failed(cli, &err);
	seen.groups = groups;
	seen.first = seen.count - MIN(count, seen.count);
	if (cli->json)
		return seen_print_json(cli, &seen);
	seen_print(&seen);
	return EXIT_DONE;
}
