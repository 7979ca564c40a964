// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph mem: what the memory of a dump, or of the running system, was used for, and how
 * large a dump of it would be.
 */
#include <getopt.h>
#include <stdlib.h>

#include "cli/mem_table.h"
#include "record/record.h"

#define MEM_RUNNING "/proc/kcore"

enum {
	MEM_ESTIMATE = 1000,
};

static const struct option mem_options[] = {
	{ "estimate", no_argument, NULL, MEM_ESTIMATE },
	{ "codec", required_argument, NULL, 'c' },
	{ 0 },
};

/* EXIT_DONE, or what to return. */
static int parse(struct cli *cli, int argc, char **argv,
		 struct mem_table_options *options)
{
	struct estimate_options *estimate = &options->estimate;
	struct err err = { 0 };
	int option;

	codec_parse("zstd", &estimate->codec, &estimate->codec_level, NULL);
	while ((option = cli_option(cli, &cmd_mem, argc, argv, "c:", mem_options)) !=
	       -1) {
		if (option == MEM_ESTIMATE)
			estimate->has_sizes = true;
		else if (option != 'c')
			return cli_exit(option);
		else if (codec_parse(optarg, &estimate->codec, &estimate->codec_level,
				     &err) < 0)
			return cli_usage(cli, "%s", err_text(&err));
	}
	if (argc - optind > 1)
		return cli_usage(cli, "only one dump at a time, not '%s' too",
				 argv[optind + 1]);
	return -1;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct mem_table_options options = { .has_classes = true };
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *path = NULL;
	struct err err = { 0 };
	int code = parse(cli, argc, argv, &options);

	if (code != -1)
		return code;
	if (cli_find_crash(cli, argc > optind ? argv[optind] : MEM_RUNNING, &record,
			   &path, &err) < 0)
		return cli_failed(cli, &err);
	if (!path) {
		err_set(&err, ERR_NOTFOUND, "'%s' has no dump", record->path);
		return cli_failed(cli, &err);
	}
	return mem_table_run(cli, (const char *const[]){ path }, 1, &options);
}

const struct command cmd_mem = {
	.name = "mem",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print what memory was used for, and how large a dump is",
	.options = "      --estimate       how large a dump at each level would be\n"
		   "  -c, --codec C[:N]    compressed so, as for 'epitaph save'\n"
		   "Without RECORD or DUMP it is about the running system, for root.\n",
	.has_json = true,
	.run = run,
};
