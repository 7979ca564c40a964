// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph show: the report on one crash, made anew from its dump where that can be read
 * (a newer epitaph knows more), else as the crash kernel left it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/alike.h"
#include "archive/archive.h"
#include "base/fd.h"
#include "cli/crash.h"
#include "cli/line_source.h"
#include "cli/show_page.h"
#include "explain/report_listing.h"
#include "record/field.h"
#include "record/meta.h"

static void add_path(struct text *ret, const char *directory, const char *file)
{
	char clean[PATH_MAX];

	field_clean(directory, clean, sizeof(clean));
	text_add(ret, "  %s/%s", clean, file);
}

static void format_file(const struct record *record, enum record_part which,
			struct text *ret)
{
	const struct record_part_meta *part = &record->parts[which];
	char size[32];

	if (part->state == RECORD_ABSENT && !part->reason[0])
		return;
	cli_format_size(part->size_bytes, size, sizeof(size));
	text_add(ret, "  %-11s %-8s %10s", record_part_key(which),
		 record_state_name(part->state),
		 part->state == RECORD_ABSENT ? "" : size);
	if (part->state != RECORD_ABSENT)
		add_path(ret, record->path, part->file);
	text_add(ret, "\n");
	if (part->reason[0])
		text_add(ret, "              %s\n", part->reason);
}

static void format_files(const struct crash *crash, enum crash_source source,
			 struct text *ret)
{
	const struct record *record = crash->record;
	char size[32], path[PATH_MAX];

	for (int i = 0; record && i < RECORD_PART_COUNT; i++)
		format_file(record, (enum record_part)i, ret);
	if (record && record->meta_reason[0])
		text_add(ret, "  meta.json says nothing: %s\n", record->meta_reason);
	if (!record) {
		cli_format_size(image_info(crash->image)->file_size, size, sizeof(size));
		field_clean(crash->dump_path, path, sizeof(path));
		text_add(ret, "  %-11s %-8s %10s  %s\n", "dump",
			 image_info(crash->image)->is_incomplete ? "partial" : "complete",
			 size, path);
	}
	if (source != CRASH_SOURCE_DUMP)
		text_add(ret, "  This is from %s: %s\n", crash_source_name(source),
			 crash_no_dump_why(crash));
}

/* The dump's; without one what uname said. */
static enum image_machine machine_of(const struct crash *crash,
				     const struct report *report)
{
	if (crash->image)
		return image_info(crash->image)->machine;
	return !strcmp(report->machine, "aarch64") ? IMAGE_MACHINE_ARM64
						   : IMAGE_MACHINE_X86_64;
}

struct show {
	struct cli *cli;
	const char *output; /* a file; NULL: stdout */
	bool html;
	struct line_options lines;

	struct crash crash;
	struct report *report;
	enum crash_source source;
	bool is_incomplete;
	struct alike_place alike; /* among the crashes of its archive */
};

/* The listing; NULL where there is none: then the bytes are shown. */
static const char *format_code(const struct show *show, struct text *ret)
{
	const struct crash *crash = &show->crash;

	if (report_listing_format(show->report, machine_of(crash, show->report),
				  crash->kernel, ret, NULL) == 0 &&
	    ret->size)
		return text_get(ret);
	return NULL;
}

/* ---- equal crashes ---- */

/* Those beside it in its directory, be that the archive or not. */
static void find_alike(struct show *show)
{
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_alike struct alike alike = { 0 };
	_cleanup_free char *path = NULL;

	if (!show->crash.record)
		return;
	path = strdup(show->crash.record->path);
	if (path && archive_open(dirname(path), NULL, &archive, NULL) == 0 &&
	    alike_open(&archive, &alike, NULL) == 0)
		alike_find(&alike, show->crash.record->path, &show->alike);
}

/* "3rd of 5 crashes with this signature, the first on 2026-11-24" */
static const char *format_alike(const struct show *show, char *ret, size_t size)
{
	const struct alike_place *place = &show->alike;
	size_t n = place->number, teens = n % 100;
	const char *end = teens >= 11 && teens <= 13 ? "th"
			  : n % 10 == 1		     ? "st"
			  : n % 10 == 2		     ? "nd"
			  : n % 10 == 3		     ? "rd"
						     : "th";
	char first[32] = "an unknown day";
	time_t when = (time_t)place->first;
	struct tm tm;

	if (!place->count)
		return NULL;
	if (when > 0 && localtime_r(&when, &tm))
		strftime(first, sizeof(first), "%Y-%m-%d %H:%M", &tm);
	if (place->count == 1)
		snprintf(ret, size, "the only crash with this signature");
	else
		snprintf(ret, size,
			 "%zu%s of %zu crashes with this signature, the first on %s", n,
			 end, place->count, first);
	return ret;
}

/* ---- the three forms ---- */

static int format_text(const struct show *show, struct text *ret, struct err *err)
{
	_cleanup_text struct text files = { 0 }, code = { 0 };
	char alike[128];
	struct report_text_options options = {
		.colour = !show->output && cli_has_colour(stdout),
		.alike = format_alike(show, alike, sizeof(alike)),
	};

	format_files(&show->crash, show->source, &files);
	options.files = text_get(&files);
	options.code = format_code(show, &code);
	return report_format_text(show->report, &options, ret, err);
}

static int format_html(const struct show *show, struct text *ret, struct err *err)
{
	_cleanup_text struct text files = { 0 }, code = { 0 };
	char alike[128];
	struct report_html_options options = {
		.alike = format_alike(show, alike, sizeof(alike)),
	};

	format_files(&show->crash, show->source, &files);
	options.files = text_get(&files);
	options.code = format_code(show, &code);
	return show_page_format(&show->crash, show->report, show->source, &options, ret,
				err);
}

static int add_record(const struct crash *crash, json_t *root, struct err *err)
{
	json_t *meta = NULL;
	int r;

	if (!crash->record)
		return 0;
	r = meta_to_json(crash->record, &meta, err);
	if (r < 0)
		return r;
	r = json_object_set_new(meta, "path", field_new_string(crash->record->path));
	r |= json_object_set_new(root, "record", meta);
	return r ? err_nomem(err) : 0;
}

static int add_alike(const struct alike_place *alike, json_t *root)
{
	if (!alike->count)
		return 0;
	return json_object_set_new(
		root, "alike",
		json_pack("{s:I, s:I, s:I}", "count", (json_int_t)alike->count, "number",
			  (json_int_t)alike->number, "first", (json_int_t)alike->first));
}

/* *@ret_is_incomplete is set where files and lines are wanted and missing. */
static int add_lines(const struct cli *cli, const struct line_options *options,
		     const struct crash *crash, struct report *report,
		     bool *ret_is_incomplete, struct err *err)
{
	_cleanup_line_source struct line_source lines = { 0 };
	int r = line_source_open(options, cli, crash, &lines, err);

	if (r == 0)
		r = line_source_add_report(&lines, report, err);
	*ret_is_incomplete |= lines.is_incomplete;
	return r;
}

static int format_json(const struct show *show, struct text *ret, struct err *err)
{
	const struct crash *crash = &show->crash;
	_cleanup_json json_t *root = NULL;
	_cleanup_free char *json = NULL;
	int r = report_to_json(show->report, &root, err), bad = 0;

	if (r == 0)
		r = add_record(crash, root, err);
	if (r < 0)
		return r;
	bad |= json_object_set_new(root, "source",
				   json_string(crash_source_name(show->source)));
	if (show->source != CRASH_SOURCE_DUMP)
		bad |= json_object_set_new(root, "no_dump_reason",
					   field_new_string(crash_no_dump_why(crash)));
	if (crash->dump_path)
		bad |= json_object_set_new(root, "dump",
					   field_new_string(crash->dump_path));
	bad |= json_object_set_new(root, "incomplete", json_boolean(show->is_incomplete));
	bad |= add_alike(&show->alike, root);
	json = bad ? NULL : json_dumps(root, JSON_INDENT(1));
	if (!json)
		return err_nomem(err);
	text_add_bytes(ret, json, strlen(json));
	text_add(ret, "\n");
	return text_check(ret, err);
}

/* For its owner alone, as the record is. */
static int write_output(const char *path, const struct text *text, struct err *err)
{
	_cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	r = fd_write_full(fd, text_get(text), text->size, err);
	if (r < 0)
		return err_in(err, r, "writing '%s'", path);
	if (close(take_fd(&fd)) < 0)
		return err_os(err, errno, "writing '%s'", path);
	return 0;
}

static int print(const struct show *show)
{
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };
	int r = show->html	  ? format_html(show, &text, &err)
		: show->cli->json ? format_json(show, &text, &err)
				  : format_text(show, &text, &err);

	if (r == 0 && show->output)
		r = write_output(show->output, &text, &err);
	else if (r == 0)
		fputs(text_get(&text), stdout);
	return r < 0 ? cli_failed(show->cli, &err) : EXIT_DONE;
}

static int show_crash(struct show *show, const char *name)
{
	struct cli *cli = show->cli;
	struct crash *crash = &show->crash;
	struct err err = { 0 };
	int code;

	if (crash_open(cli, name, crash, &err) < 0 ||
	    crash_report(crash, &show->report, &show->source, &err) < 0)
		return cli_failed(cli, &err);
	show->is_incomplete = crash_warn_incomplete(cli, crash);
	if (crash->dump_path && show->source != CRASH_SOURCE_DUMP) {
		log_warning(&cli->log, "not from the dump but from %s: %s",
			    crash_source_name(show->source), crash_no_dump_why(crash));
		show->is_incomplete = true;
	}
	if (add_lines(cli, &show->lines, crash, show->report, &show->is_incomplete,
		      &err) < 0)
		return cli_failed(cli, &err);
	find_alike(show);
	code = print(show);
	return code == EXIT_DONE && show->is_incomplete ? EXIT_INCOMPLETE : code;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		LINE_OPTION_ROWS,
		{ "html", no_argument, NULL, 'H' },
		{ "output", required_argument, NULL, 'o' },
		{ 0 },
	};
	struct show show = { .cli = cli };
	int c, code;

	while ((c = cli_option(cli, &cmd_show, argc, argv, "lo:", options)) >= 0) {
		if (c == 'H')
			show.html = true;
		else if (c == 'o')
			show.output = optarg;
		else
			line_options_take(&show.lines, c);
	}
	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	if (show.html && cli->json)
		return cli_usage(cli, "--html and --json are two different things");
	code = show_crash(&show, argv[optind]);
	report_free(show.report);
	crash_done(&show.crash);
	return code;
}

const struct command cmd_show = {
	.name = "show",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the report on a crash, without an argument on the last",
	.options = LINE_OPTION_HELP
	"      --html           as a page for a browser: one file, with pictures\n"
	"  -o, --output FILE    to FILE instead of the standard output\n",
	.has_json = true,
	.run = run,
};
