// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph export: one crash as one file, to be sent with a bug report. */
#include <getopt.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/bundle.h"
#include "cli/cli.h"
#include "record/field.h"

enum {
	OPTION_WITH_DUMP = 1000,
};

static int export_write(struct cli *cli, const char *crash, const char *path,
			bool with_dump, struct err *err)
{
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_record struct record *record = NULL;
	struct bundle_result result = { 0 };
	char size[32], to[PATH_MAX], from[PATH_MAX];
	int r = archive_open(cli->config.archive, &cli->log, &archive, err);

	if (r == 0)
		r = archive_find(&archive, crash, &record, err);
	if (r == 0)
		r = bundle_write(record, path, with_dump, &result, err);
	if (r < 0)
		return r;
	cli_format_size(result.size_bytes, size, sizeof(size));
	field_clean(path, to, sizeof(to));
	field_clean(record->path, from, sizeof(from));
	printf("%s: %zu files of '%s', %s\n", to, result.file_count, from, size);
	if (result.left_dump)
		fprintf(stderr, "the dump is not in it: --with-dump takes it along\n");
	return 0;
}

static int export_run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "with-dump", no_argument, NULL, OPTION_WITH_DUMP },
		{ 0 },
	};
	struct err err = { 0 };
	bool with_dump = false;
	int option;

	while ((option = cli_option(cli, &cmd_export, argc, argv, "", options)) != -1) {
		if (option != OPTION_WITH_DUMP)
			return cli_exit(option);
		with_dump = true;
	}
	if (argc - optind != 2)
		return cli_usage(cli, "a crash and a file are needed");
	if (export_write(cli, argv[optind], argv[optind + 1], with_dump, &err) < 0)
		return cli_failed(cli, &err);
	return EXIT_DONE;
}

const struct command cmd_export = {
	.name = "export",
	.arguments = "[OPTION...] CRASH FILE.tar.zst",
	.summary = "put a crash into one file, for a bug report",
	.options =
		"      --with-dump      the dump too, which holds all that was in memory\n",
	.run = export_run,
};
