// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph collect: run at boot, tells of the crashes that were recorded since the last
 * one. With panic_log in the configuration each becomes a line of that log, once.
 */
#include <errno.h>
#include <string.h>

#include "archive/archive.h"
#include "cli/cli.h"
#include "record/field.h"

#define COLLECT_SCHEMA_VERSION 1

struct collected {
	const char *archive_path;
	const char *panic_log; /* "": none is kept */
	size_t crash_count;    /* in the archive */
	size_t new_count;      /* lines that were written */
};

static int collect_print_json(const struct collected *c, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	int bad = 0;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(COLLECT_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "archive", field_new_string(c->archive_path));
	bad |= json_object_set_new(root, "panic_log",
				   c->panic_log[0] ? field_new_string(c->panic_log)
						   : json_null());
	bad |= json_object_set_new(root, "crash_count",
				   json_integer((json_int_t)c->crash_count));
	bad |= json_object_set_new(root, "new_count",
				   json_integer((json_int_t)c->new_count));
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the result");
	putchar('\n');
	return 0;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "es";
}

static void collect_print(const struct collected *c)
{
	if (c->panic_log[0])
		printf("%zu new crash%s noted in '%s' (%zu in '%s')\n", c->new_count,
		       plural(c->new_count), c->panic_log, c->crash_count,
		       c->archive_path);
	else
		printf("%zu crash%s in '%s'; none noted: no panic_log is configured\n",
		       c->crash_count, plural(c->crash_count), c->archive_path);
}

static int collect_run(struct cli *cli, int argc, char **argv)
{
	_cleanup_archive struct archive archive = { 0 };
	struct collected collected = { .archive_path = cli->config.archive,
				       .panic_log = cli->config.panic_log };
	struct err err = { 0 };
	int option, r;

	option = cli_option(cli, &cmd_collect, argc, argv, "", NULL);
	if (option != -1)
		return cli_exit(option);
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	r = archive_open(cli->config.archive, &cli->log, &archive, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	collected.crash_count = archive.count;
	if (cli->config.panic_log[0])
		r = archive_note(&archive, cli->config.panic_log, &collected.new_count,
				 &err);
	if (r < 0)
		return cli_failed(cli, &err);
	if (cli->json)
		r = collect_print_json(&collected, &err);
	else
		collect_print(&collected);
	return r < 0 ? cli_failed(cli, &err) : EXIT_DONE;
}

const struct command cmd_collect = {
	.name = "collect",
	.arguments = "[OPTION...]",
	.summary = "note the crashes that were recorded since the last time",
	.has_json = true,
	.run = collect_run,
};
