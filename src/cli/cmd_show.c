// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph show: the report on one crash, made anew from its dump where that can be read
 * (a newer epitaph knows more), else as the crash kernel left it.
 */
#include <string.h>

#include "cli/crash.h"
#include "cli/line_source.h"
#include "explain/report_listing.h"
#include "record/field.h"
#include "record/meta.h"

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
		text_add(ret, "  %s/%s", record->path, part->file);
	text_add(ret, "\n");
	if (part->reason[0])
		text_add(ret, "              %s\n", part->reason);
}

static void format_files(const struct crash *crash, enum crash_source source,
			 struct text *ret)
{
	const struct record *record = crash->record;
	char size[32];

	for (int i = 0; record && i < RECORD_PART_COUNT; i++)
		format_file(record, (enum record_part)i, ret);
	if (record && record->meta_reason[0])
		text_add(ret, "  meta.json says nothing: %s\n", record->meta_reason);
	if (!record) {
		cli_format_size(image_info(crash->image)->file_size, size, sizeof(size));
		text_add(ret, "  %-11s %-8s %10s  %s\n", "dump",
			 image_info(crash->image)->is_incomplete ? "partial" : "complete",
			 size, crash->dump_path);
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

static int print_text(const struct cli *cli, const struct crash *crash,
		      const struct report *report, enum crash_source source)
{
	_cleanup_text struct text files = { 0 }, text = { 0 }, code = { 0 };
	struct report_text_options options = { .colour = cli_has_colour(stdout) };
	struct err err = { 0 };

	format_files(crash, source, &files);
	options.files = text_get(&files);
	// Without a listing the bytes are shown.
	if (report_listing_format(report, machine_of(crash, report), crash->kernel, &code,
				  &err) == 0 &&
	    code.size)
		options.code = text_get(&code);
	if (report_format_text(report, &options, &text, &err) < 0)
		return cli_failed(cli, &err);
	fputs(text_get(&text), stdout);
	return EXIT_DONE;
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

static int print_json(const struct cli *cli, const struct crash *crash,
		      const struct report *report, enum crash_source source,
		      bool is_incomplete)
{
	_cleanup_json json_t *root = NULL;
	struct err err = { 0 };
	int r = report_to_json(report, &root, &err);

	if (r == 0)
		r = json_object_set_new(root, "source",
					json_string(crash_source_name(source)));
	if (r == 0 && source != CRASH_SOURCE_DUMP)
		r = json_object_set_new(root, "no_dump_reason",
					field_new_string(crash_no_dump_why(crash)));
	if (r == 0 && crash->dump_path)
		r = json_object_set_new(root, "dump", field_new_string(crash->dump_path));
	if (r == 0)
		r = json_object_set_new(root, "incomplete", json_boolean(is_incomplete));
	if (r == 0)
		r = add_record(crash, root, &err);
	if (r < 0) {
		if (!err.code)
			err_nomem(&err);
		return cli_failed(cli, &err);
	}
	return crash_print_json(cli, take_ptr(root));
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

static int show(struct cli *cli, const struct line_options *lines, const char *name)
{
	_cleanup_crash struct crash crash = { 0 };
	_cleanup_report struct report *report = NULL;
	struct err err = { 0 };
	enum crash_source source = CRASH_SOURCE_DUMP;
	bool is_incomplete;
	int code;

	if (crash_open(cli, name, &crash, &err) < 0 ||
	    crash_report(&crash, &report, &source, &err) < 0)
		return cli_failed(cli, &err);
	is_incomplete = crash_warn_incomplete(cli, &crash);
	if (crash.dump_path && source != CRASH_SOURCE_DUMP) {
		log_warning(&cli->log, "not from the dump but from %s: %s",
			    crash_source_name(source), crash_no_dump_why(&crash));
		is_incomplete = true;
	}
	if (add_lines(cli, lines, &crash, report, &is_incomplete, &err) < 0)
		return cli_failed(cli, &err);
	if (cli->json)
		code = print_json(cli, &crash, report, source, is_incomplete);
	else
		code = print_text(cli, &crash, report, source);
	return code == EXIT_DONE && is_incomplete ? EXIT_INCOMPLETE : code;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { LINE_OPTION_ROWS, { 0 } };
	struct line_options lines = { 0 };
	int c;

	while ((c = cli_option(cli, &cmd_show, argc, argv, "l", options)) >= 0)
		line_options_take(&lines, c);
	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return show(cli, &lines, argv[optind]);
}

const struct command cmd_show = {
	.name = "show",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the report on a crash, without an argument on the last",
	.options = LINE_OPTION_HELP,
	.has_json = true,
	.run = run,
};
