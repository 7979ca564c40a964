// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph rm: removes records, and asks nothing. All that are named have to be found
 * before the first goes: "-1" means the same from the first to the last.
 */
#include <string.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "archive/removal.h"
#include "cli/cli.h"

struct removals {
	struct record **records;
	size_t count;
};

static void removals_done(struct removals *removals)
{
	for (size_t i = 0; i < removals->count; i++)
		record_close(removals->records[i]);
	free(removals->records);
}

static bool removals_have(const struct removals *removals, const struct record *record)
{
	for (size_t i = 0; i < removals->count; i++) {
		if (strcmp(removals->records[i]->path, record->path) == 0)
			return true;
	}
	return false;
}

static int removals_find(struct cli *cli, int argc, char **argv, struct removals *ret,
			 struct err *err)
{
	_cleanup_archive struct archive archive = { 0 };
	int r = archive_open(cli->config.archive, &cli->log, &archive, err);

	ret->records = calloc((size_t)argc + 1, sizeof(*ret->records));
	if (!ret->records)
		return err_nomem(err);
	for (int i = 0; r == 0 && i < argc; i++) {
		struct record *record = NULL;

		r = archive_find(&archive, argv[i], &record, err);
		if (r == 0 && removals_have(ret, record))
			record_close(record);
		else if (r == 0)
			ret->records[ret->count++] = record;
	}
	return r;
}

static int rm_run(struct cli *cli, int argc, char **argv)
{
	_cleanup_(removals_done) struct removals removals = { 0 };
	_cleanup_fd int lock = -1;
	struct stat st;
	struct err err = { 0 };
	int option, r = 0;
	bool is_good = true;

	option = cli_option(cli, &cmd_rm, argc, argv, "", NULL);
	if (option != -1)
		return cli_exit(option);
	if (optind == argc)
		return cli_usage(cli, "which crash?");
	// What collect or prune is doing comes first. Without an archive: a path is
	// meant.
	if (stat(cli->config.archive, &st) == 0) {
		r = archive_lock(cli->config.archive, &lock, &err);
		if (r == 0)
			removal_sweep(cli->config.archive, &cli->log);
	}
	if (r == 0)
		r = removals_find(cli, argc - optind, argv + optind, &removals, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	for (size_t i = 0; i < removals.count; i++) {
		err = (struct err){ 0 };
		if (removal_remove(removals.records[i], &cli->log, &err) < 0) {
			cli_failed(cli, &err);
			is_good = false;
		}
	}
	return is_good ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_rm = {
	.name = "rm",
	.arguments = "[OPTION...] CRASH...",
	.summary = "remove crashes",
	.run = rm_run,
};
