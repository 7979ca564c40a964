// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph dmesg: the log of a dead kernel, from its dump, else as it was written beside
 * it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "cli/crash.h"
#include "cli/dmesg_line.h"
#include "kernel/printk.h"
#include "kernel/vmcoreinfo.h"

#define DMESG_SCHEMA_VERSION 1
#define LEVEL_ALL	     7

struct dmesg {
	struct cli *cli;
	struct dmesg_style style;
	int level; /* this and worse */
};

/* "T247" or "C3", as the kernel prints them. */
static json_t *new_caller(uint32_t id)
{
	return json_sprintf("%c%" PRIu32, id >> 31 ? 'C' : 'T', id & INT32_MAX);
}

static json_t *new_clean(const char *line, size_t size)
{
	_cleanup_text struct text text = { 0 };

	dmesg_line_add_clean(line, size, &text);
	return text.failed ? NULL : json_string(text_get(&text));
}

static json_t *new_record(const struct printk_record *record)
{
	return json_pack("{s:I, s:I, s:i, s:i, s:o, s:o}", "seq",
			 (json_int_t)(record->seq & INT64_MAX), "time_ns",
			 (json_int_t)(record->ts_nsec & INT64_MAX), "level",
			 record->level, "facility", record->facility, "caller",
			 new_caller(record->caller_id), "text",
			 new_clean(record->text, record->text_size));
}

/* Since 1970; of style.wall_clock and of JSON, where it is known. */
static void add_boot_time(const struct dmesg *dmesg, json_t *root)
{
	if (dmesg->style.boot_time_ns)
		json_object_set_new(root, "boot_time_ns",
				    json_integer(dmesg->style.boot_time_ns));
}

static int print_log_json(const struct dmesg *dmesg, const struct printk_log *log)
{
	json_t *root = json_pack("{s:i, s:s, s:I, s:[]}", "schema_version",
				 DMESG_SCHEMA_VERSION, "source", "dump", "lost",
				 (json_int_t)(log->lost & INT64_MAX), "records");
	json_t *records = json_object_get(root, "records");
	int r = 0;

	if (log->lost)
		r |= json_object_set_new(root, "lost_reason",
					 new_clean(log->lost_why, strlen(log->lost_why)));
	add_boot_time(dmesg, root);
	for (size_t i = 0; r == 0 && i < log->count; i++)
		if (log->records[i].level <= dmesg->level)
			r = json_array_append_new(records, new_record(&log->records[i]));
	if (r != 0) {
		json_decref(root);
		root = NULL;
	}
	return crash_print_json(dmesg->cli, root);
}

/* By the whole second in which the kernel's last note was made: the last record's time.
 */
static void find_boot_time(struct dmesg *dmesg, int64_t crash_time_s, uint64_t newest_ns)
{
	if (crash_time_s > 0 && newest_ns < (uint64_t)crash_time_s * 1000000000)
		dmesg->style.boot_time_ns =
			crash_time_s * 1000000000 - (int64_t)newest_ns;
}

static int check_boot_time(const struct dmesg *dmesg)
{
	struct err err = { 0 };

	if (!dmesg->style.wall_clock || dmesg->style.boot_time_ns)
		return EXIT_DONE;
	err_set(&err, ERR_NOTFOUND,
		"the time of the day is not known: the dump does not say when it was "
		"made; leave out --wall-clock");
	return cli_failed(dmesg->cli, &err);
}

static int print_log(const struct dmesg *dmesg, const struct printk_log *log)
{
	const struct cli *cli = dmesg->cli;
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };
	int code;

	if (cli->json) {
		code = print_log_json(dmesg, log);
	} else {
		for (size_t i = 0; i < log->count; i++)
			if (log->records[i].level <= dmesg->level)
				dmesg_line_add(&log->records[i], &dmesg->style, &text);
		if (text_check(&text, &err) < 0)
			return cli_failed(cli, &err);
		fwrite(text_get(&text), 1, text.size, stdout);
		code = EXIT_DONE;
	}
	if (log->lost)
		log_warning(&cli->log,
			    "incomplete: %" PRIu64 " records could not be read: %s",
			    log->lost, log->lost_why);
	return code == EXIT_DONE && log->lost ? EXIT_INCOMPLETE : code;
}

static int print_file_text(const struct cli *cli, const char *data, size_t size)
{
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };

	for (const char *p = data, *end = data + size; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t length = (size_t)((stop ? stop : end) - p);

		dmesg_line_add_clean(p, length, &text);
		text_add(&text, "\n");
		p += length + 1;
	}
	if (text_check(&text, &err) < 0)
		return cli_failed(cli, &err);
	fwrite(text_get(&text), 1, text.size, stdout);
	return EXIT_DONE;
}

static int print_file_json(const struct cli *cli, const char *data, size_t size,
			   const char *why)
{
	json_t *root = json_pack("{s:i, s:s, s:o, s:[]}", "schema_version",
				 DMESG_SCHEMA_VERSION, "source", "dmesg",
				 "no_dump_reason", new_clean(why, strlen(why)), "lines");
	json_t *lines = json_object_get(root, "lines");
	int r = 0;

	for (const char *p = data, *end = data + size; r == 0 && p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t length = (size_t)((stop ? stop : end) - p);

		r = json_array_append_new(lines, new_clean(p, length));
		p += length + 1;
	}
	if (r != 0) {
		json_decref(root);
		root = NULL;
	}
	return crash_print_json(cli, root);
}

/* A file has neither levels nor the time of the day, and callers where it has them. */
static bool needs_dump(const struct dmesg *dmesg)
{
	return dmesg->level != LEVEL_ALL || dmesg->style.callers ||
	       dmesg->style.wall_clock;
}

static int print_file(const struct dmesg *dmesg, const struct crash *crash)
{
	const struct cli *cli = dmesg->cli;
	const struct record_part_meta *part = &crash->record->parts[RECORD_DMESG];
	_cleanup_free char *data = NULL;
	struct err err = { 0 };
	size_t size = 0;
	int code;

	if (needs_dump(dmesg)) {
		err_set(&err, ERR_NOTFOUND,
			"levels, callers and the time of the day are in the dump alone: %s",
			crash->no_kernel);
		return cli_failed(cli, &err);
	}
	if (crash_read_part(crash, RECORD_DMESG, &data, &size, &err) < 0) {
		err_in(&err, err.code, "%s", crash->no_kernel);
		return cli_failed(cli, &err);
	}
	code = cli->json ? print_file_json(cli, data, size, crash->no_kernel)
			 : print_file_text(cli, data, size);
	if (part->state == RECORD_COMPLETE || code != EXIT_DONE)
		return code;
	log_warning(&cli->log, "incomplete: dmesg is %s: %s",
		    record_state_name(part->state), part->reason);
	return EXIT_INCOMPLETE;
}

static int print_kernel_log(struct dmesg *dmesg, struct kernel *kernel,
			    const struct printk_log *log)
{
	const char *text = vmcoreinfo_get(kernel_vmcoreinfo(kernel), "CRASHTIME");
	uint64_t crash_time_s;
	int code;

	if (text && log->count &&
	    number_parse(text, 10, 1, INT32_MAX * 4ULL, &crash_time_s))
		find_boot_time(dmesg, (int64_t)crash_time_s,
			       log->records[log->count - 1].ts_nsec);
	code = check_boot_time(dmesg);
	return code == EXIT_DONE ? print_log(dmesg, log) : code;
}

static int print_dmesg(struct dmesg *dmesg, const char *name)
{
	struct cli *cli = dmesg->cli;
	_cleanup_crash struct crash crash = { 0 };
	_cleanup_printk_log struct printk_log log = { 0 };
	struct err err = { 0 };

	if (crash_open(cli, name, &crash, &err) < 0)
		return cli_failed(cli, &err);
	if (crash.kernel && printk_read(crash.kernel, &log, &err) == 0) {
		if (!log.lost || !crash.record || needs_dump(dmesg) ||
		    crash.record->parts[RECORD_DMESG].state != RECORD_COMPLETE)
			return print_kernel_log(dmesg, crash.kernel, &log);
		err_set(&err, ERR_TRUNCATED, "%" PRIu64 " records are lost: %s", log.lost,
			log.lost_why);
	}
	if (!crash.record)
		return cli_failed(cli, &err);
	if (crash.kernel)
		snprintf(crash.no_kernel, sizeof(crash.no_kernel), "%s", err_text(&err));
	if (crash.dump_path)
		log_warning(&cli->log, "from the file, not the dump: %s",
			    crash.no_kernel);
	return print_file(dmesg, &crash);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "level", required_argument, NULL, 'l' },
		{ "callers", no_argument, NULL, 'x' },
		{ "wall-clock", no_argument, NULL, 'T' },
		{ 0 },
	};
	struct dmesg dmesg = { .cli = cli, .level = LEVEL_ALL };
	int c;

	while ((c = cli_option(cli, &cmd_dmesg, argc, argv, "l:xT", options)) >= 0) {
		dmesg.style.callers |= c == 'x';
		dmesg.style.wall_clock |= c == 'T';
		if (c != 'l')
			continue;
		dmesg.level = dmesg_level_parse(optarg);
		if (dmesg.level < 0)
			return cli_usage(cli,
					 "'%s' is no level: emerg, alert, crit, err, "
					 "warn, notice, info, debug, or 0 to 7",
					 optarg);
	}
	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	dmesg.style.colour = cli_has_colour(stdout);
	return print_dmesg(&dmesg, argv[optind]);
}

const struct command cmd_dmesg = {
	.name = "dmesg",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the log of a kernel that crashed",
	.options =
		"  -l, --level LEVEL    of this level and worse: emerg, alert, crit, err,\n"
		"                       warn, notice, info, debug, or 0 to 7\n"
		"  -x, --callers        who printed it: a thread, T247, or a CPU, C1\n"
		"  -T, --wall-clock     the time of the day (UTC), not that since boot\n",
	.has_json = true,
	.run = run,
};
