// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph dmesg: the log of a dead kernel, from its dump, else as it was written beside
 * it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "cli/crash.h"
#include "kernel/printk.h"

#define DMESG_SCHEMA_VERSION 1

/* "T247" or "C3", as the kernel prints them. */
static json_t *new_caller(uint32_t id)
{
	return json_sprintf("%c%" PRIu32, id >> 31 ? 'C' : 'T', id & INT32_MAX);
}

/*
 * Printable bytes, tabs and newlines as they are, others as \xNN: no byte of a log may
 * reach a terminal as a command.
 */
static void add_clean(const char *line, size_t size, struct text *ret)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n')
			text_add_bytes(ret, &c, 1);
		else
			text_add(ret, "\\x%02x", c);
	}
}

static json_t *new_clean(const char *line, size_t size)
{
	_cleanup_text struct text text = { 0 };

	add_clean(line, size, &text);
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

static int print_log_json(const struct cli *cli, const struct printk_log *log)
{
	json_t *root = json_pack("{s:i, s:s, s:I, s:[]}", "schema_version",
				 DMESG_SCHEMA_VERSION, "source", "dump", "lost",
				 (json_int_t)(log->lost & INT64_MAX), "records");
	json_t *records = json_object_get(root, "records");
	int r = 0;

	if (log->lost)
		r |= json_object_set_new(root, "lost_reason",
					 new_clean(log->lost_why, strlen(log->lost_why)));
	for (size_t i = 0; r == 0 && i < log->count; i++)
		r = json_array_append_new(records, new_record(&log->records[i]));
	if (r != 0) {
		json_decref(root);
		root = NULL;
	}
	return crash_print_json(cli, root);
}

static int print_log(const struct cli *cli, const struct printk_log *log)
{
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };
	int code;

	if (cli->json) {
		code = print_log_json(cli, log);
	} else {
		printk_format(log, &text);
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

		add_clean(p, length, &text);
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

static int print_file(const struct cli *cli, const struct crash *crash)
{
	const struct record_part_meta *part = &crash->record->parts[RECORD_DMESG];
	_cleanup_free char *data = NULL;
	struct err err = { 0 };
	size_t size = 0;
	int code;

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

static int dmesg(struct cli *cli, const char *name)
{
	_cleanup_crash struct crash crash = { 0 };
	_cleanup_printk_log struct printk_log log = { 0 };
	struct err err = { 0 };

	if (crash_open(cli, name, &crash, &err) < 0)
		return cli_failed(cli, &err);
	if (crash.kernel && printk_read(crash.kernel, &log, &err) == 0) {
		if (!log.lost || !crash.record ||
		    crash.record->parts[RECORD_DMESG].state != RECORD_COMPLETE)
			return print_log(cli, &log);
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
	return print_file(cli, &crash);
}

static int run(struct cli *cli, int argc, char **argv)
{
	int c = cli_option(cli, &cmd_dmesg, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return dmesg(cli, argv[optind]);
}

const struct command cmd_dmesg = {
	.name = "dmesg",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the log of a kernel that crashed",
	.has_json = true,
	.run = run,
};
