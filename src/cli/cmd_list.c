// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph list: one line a crash, the newest last, where the eye is. On a narrow terminal
 * the time goes (the record's name tells it as well), then the number of crashes alike,
 * then the cause is cut. --seen: list_seen.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "archive/alike.h"
#include "archive/archive.h"
#include "base/number.h"
#include "cli/cell.h"
#include "cli/cli.h"
#include "cli/list_seen.h"
#include "record/field.h"
#include "record/meta.h"

#define LIST_NAME_MAX	 40
#define LIST_KERNEL_MAX	 32
#define LIST_PARTS_WIDTH 5
#define LIST_SIZE_WIDTH	 10
#define LIST_ALIKE_WIDTH 5
#define LIST_CAUSE_MIN	 24 /* less than this tells nothing */

/* ---- one crash ---- */

/* A letter a part: upper case is complete, lower case partial, "-" absent. */
static char list_letter(char letter, enum record_state state)
{
	if (state == RECORD_ABSENT)
		return '-';
	return state == RECORD_PARTIAL ? (char)(letter | 0x20) : letter;
}

static void list_format_parts(const struct record *record, char ret[static 5])
{
	const struct record_part_meta *parts = record->parts;

	ret[0] = list_letter('D', parts[RECORD_DMESG].state);
	ret[1] = list_letter('R', MAX(parts[RECORD_REPORT_TEXT].state,
				      parts[RECORD_REPORT_JSON].state));
	ret[2] = list_letter('M', parts[RECORD_MINI].state);
	ret[3] = list_letter('C', parts[RECORD_DUMP].state);
	ret[4] = '\0';
}

static uint64_t list_size(const struct record *record)
{
	uint64_t total = 0;

	for (int i = 0; i < RECORD_PART_COUNT; i++)
		total += record->parts[i].size_bytes;
	return total;
}

/* ---- the table ---- */

struct layout {
	size_t name, kernel, cause; /* columns; 0: as many as it takes */
	bool has_time, has_alike;
};

static struct layout list_make_layout(const struct archive *archive, size_t first)
{
	struct layout layout = { .name = strlen("RECORD"),
				 .kernel = strlen("KERNEL"),
				 .has_time = true,
				 .has_alike = true };
	size_t terminal = cell_terminal_width();
	size_t used;

	for (size_t i = first; i < archive->count; i++) {
		const struct record *record = archive->records[i];

		layout.name = MAX(layout.name, cell_width(archive_record_name(record)));
		layout.kernel =
			MAX(layout.kernel, cell_width(record->crash.kernel_release));
	}
	layout.name = MIN(layout.name, LIST_NAME_MAX);
	layout.kernel = MIN(layout.kernel, LIST_KERNEL_MAX);
	if (terminal == 0)
		return layout;
	used = layout.name + 2 + CELL_TIME_WIDTH + 2 + LIST_PARTS_WIDTH + 2 +
	       LIST_SIZE_WIDTH + 2 + layout.kernel + 2 + LIST_ALIKE_WIDTH + 2;
	layout.has_time = used + LIST_CAUSE_MIN <= terminal;
	if (!layout.has_time)
		used -= CELL_TIME_WIDTH + 2;
	layout.has_alike = used + LIST_CAUSE_MIN <= terminal;
	if (!layout.has_alike)
		used -= LIST_ALIKE_WIDTH + 2;
	layout.cause =
		used + LIST_CAUSE_MIN <= terminal ? terminal - used : LIST_CAUSE_MIN;
	return layout;
}

static void list_print_row(const struct layout *layout, const char *name,
			   const char *when, const char *parts, const char *size,
			   const char *kernel, const char *same, const char *cause)
{
	cell_print(name, layout->name + 2, layout->name);
	if (layout->has_time)
		cell_print(when, CELL_TIME_WIDTH + 2, 0);
	cell_print(parts, LIST_PARTS_WIDTH + 2, 0);
	printf("%*s  ", LIST_SIZE_WIDTH, size);
	cell_print(kernel, layout->kernel + 2, layout->kernel);
	if (layout->has_alike)
		printf("%*s  ", LIST_ALIKE_WIDTH, same);
	cell_print(cause, 0, layout->cause);
	putchar('\n');
}

static void list_print(const struct archive *archive, const struct alike *alike,
		       size_t first)
{
	struct layout layout = list_make_layout(archive, first);

	list_print_row(&layout, "RECORD", "TIME", "PARTS", "SIZE", "KERNEL", "ALIKE",
		       "CAUSE");
	for (size_t i = first; i < archive->count; i++) {
		const struct record *record = archive->records[i];
		const char *kernel = record->crash.kernel_release;
		char when[32], parts[5], size[32], cause[512], same[24] = "-";
		size_t count = alike_count(alike, i);

		cell_format_time(archive_record_time(record), when, sizeof(when));
		list_format_parts(record, parts);
		cli_format_size(list_size(record), size, sizeof(size));
		list_cause(record, cause, sizeof(cause));
		if (count)
			snprintf(same, sizeof(same), "%zu", count);
		list_print_row(&layout, archive_record_name(record), when, parts, size,
			       kernel[0] ? kernel : "-", same, cause);
	}
}

/* ---- JSON ---- */

static int list_record_json(const struct alike *alike, size_t i, json_t *array,
			    struct err *err)
{
	const struct record *record = alike->archive->records[i];
	_cleanup_json json_t *meta = NULL;
	json_t *object = json_object();
	int r = meta_to_json(record, &meta, err);
	int bad = 0;

	if (r < 0) {
		json_decref(object);
		return r;
	}
	bad |= json_object_set_new(object, "name",
				   field_new_string(archive_record_name(record)));
	bad |= json_object_set_new(object, "path", field_new_string(record->path));
	bad |= json_object_set_new(object, "time",
				   json_integer(archive_record_time(record)));
	bad |= json_object_set_new(object, "size_bytes",
				   json_integer((json_int_t)list_size(record)));
	bad |= json_object_set_new(object, "signature",
				   field_new_string(alike->signatures[i]));
	bad |= json_object_set_new(object, "alike",
				   json_integer((json_int_t)alike_count(alike, i)));
	bad |= json_object_set_new(object, "meta_reason",
				   field_new_string(record->meta_reason));
	bad |= json_object_set(object, "crash", json_object_get(meta, "crash"));
	bad |= json_object_set(object, "parts", json_object_get(meta, "parts"));
	bad |= json_array_append_new(array, object); // takes it, even when it fails
	return bad ? err_nomem(err) : 0;
}

static int list_print_json(const struct archive *archive, const struct alike *alike,
			   size_t first, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	json_t *crashes = json_array();
	int bad = 0, r;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(LIST_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "archive", field_new_string(archive->path));
	bad |= json_object_set_new(root, "crashes", crashes);
	for (size_t i = first; !bad && i < archive->count; i++) {
		r = list_record_json(alike, i, crashes, err);
		if (r < 0)
			return r;
	}
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the list");
	putchar('\n');
	return 0;
}

/* ---- the command ---- */

enum {
	OPTION_SEEN = 1000,
};

static int list_all(struct cli *cli, const struct archive *archive,
		    const struct alike *alike, size_t first)
{
	struct err err = { 0 };

	if (!cli->json) {
		list_print(archive, alike, first);
		return EXIT_DONE;
	}
	return list_print_json(archive, alike, first, &err) < 0 ? cli_failed(cli, &err)
								: EXIT_DONE;
}

static int list_run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "last", required_argument, NULL, 'n' },
		{ "seen", no_argument, NULL, OPTION_SEEN },
		{ 0 },
	};
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_alike struct alike alike = { 0 };
	struct err err = { 0 };
	uint64_t count = SIZE_MAX;
	bool is_seen = false;
	int option, r;

	while ((option = cli_option(cli, &cmd_list, argc, argv, "n:", options)) != -1) {
		if (option != 'n' && option != OPTION_SEEN)
			return cli_exit(option);
		is_seen = is_seen || option == OPTION_SEEN;
		if (option == 'n' && !number_parse(optarg, 10, 1, SIZE_MAX, &count))
			return cli_usage(cli, "'%s' is no number of crashes", optarg);
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	r = archive_open(cli->config.archive, &cli->log, &archive, &err);
	if (r == 0)
		r = alike_open(&archive, &alike, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	if (archive.count == 0 && !cli->json) {
		fprintf(stderr, "no crashes in '%s'\n", archive.path);
		return EXIT_DONE;
	}
	return is_seen ? list_seen(cli, &alike, count)
		       : list_all(cli, &archive, &alike,
				  archive.count - MIN(count, archive.count));
}

const struct command cmd_list = {
	.name = "list",
	.arguments = "[OPTION...]",
	.summary = "one line for each crash that is kept, the newest last",
	.options =
		"  -n, --last N         only the last N\n"
		"      --seen           one line for all that are alike: how often, since when\n",
	.has_json = true,
	.run = list_run,
};
