// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph import: crashes that another tool saved, as records of the archive. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/import.h"
#include "archive/removal.h"
#include "cli/cli.h"
#include "record/field.h"

#define IMPORT_SCHEMA_VERSION 1

enum {
	OPTION_INTO = 1000,
	OPTION_MOVE,
};

static void import_tell(void *context, const char *path, enum import_outcome outcome,
			const struct record *record)
{
	const struct record_crash *crash = &record->crash;
	const char *cause = crash->cause[0] ? crash->cause : "cause unknown";
	json_t *crashes = context;
	char from[PATH_MAX], to[PATH_MAX];

	field_clean(path, from, sizeof(from));
	field_clean(record->path, to, sizeof(to));
	if (crashes)
		json_array_append_new(crashes,
				      json_pack("{s:o,s:s,s:o,s:o}", "from",
						field_new_string(path), "outcome",
						outcome == IMPORT_MADE ? "made" : "known",
						"record", field_new_string(record->path),
						"cause", field_new_string(crash->cause)));
	else if (outcome == IMPORT_MADE)
		printf("%s, from '%s': %s\n", to, from, cause);
	else
		printf("'%s' is in the archive already: %s\n", from, to);
}

static int import_print_json(json_t *crashes, const struct import_result *result,
			     struct err *err)
{
	_cleanup_json json_t *root =
		json_pack("{s:i,s:I,s:I,s:I,s:O}", "schema_version",
			  IMPORT_SCHEMA_VERSION, "made", (json_int_t)result->made,
			  "known", (json_int_t)result->known, "failed",
			  (json_int_t)result->failed, "crashes", crashes);

	if (!root)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the result");
	putchar('\n');
	return 0;
}

static int import_all(struct cli *cli, const struct import_options *options, char **paths,
		      struct import_result *result)
{
	int code = EXIT_DONE;

	for (; *paths; paths++) {
		struct err err = { 0 };

		if (import_path(options, *paths, result, &err) < 0)
			code = cli_failed(cli, &err);
	}
	return result->failed ? EXIT_FAILED : code;
}

static int import_run(struct cli *cli, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "into", required_argument, NULL, OPTION_INTO },
		{ "move", no_argument, NULL, OPTION_MOVE },
		{ 0 },
	};
	_cleanup_json json_t *crashes = NULL;
	struct import_options options = { .tell = import_tell };
	struct import_result result = { 0 };
	_cleanup_fd int lock = -1;
	struct err err = { 0 };
	int option, code;

	while ((option = cli_option(cli, &cmd_import, argc, argv, "", long_options)) !=
	       -1) {
		if (option == OPTION_INTO)
			options.archive = optarg;
		else if (option == OPTION_MOVE)
			options.is_move = true;
		else
			return cli_exit(option);
	}
	if (optind == argc)
		return cli_usage(cli, "nothing to import was named");
	if (!options.archive)
		options.archive = cli->config.archive;
	options.layout = cli->config.layout;
	options.log = &cli->log;
	options.context = crashes = cli->json ? json_array() : NULL;
	if (archive_lock(options.archive, &lock, &err) < 0)
		return cli_failed(cli, &err);
	removal_sweep(options.archive, &cli->log);
	code = import_all(cli, &options, argv + optind, &result);
	if (crashes && import_print_json(crashes, &result, &err) < 0)
		return cli_failed(cli, &err);
	return code;
}

const struct command cmd_import = {
	.name = "import",
	.arguments = "[OPTION...] PATH...",
	.summary = "take crashes that another tool saved into the archive",
	.options =
		"      --into DIR       another archive than that of the configuration\n"
		"      --move           remove the originals once their copies are "
		"proven\n",
	.has_json = true,
	.run = import_run,
};
