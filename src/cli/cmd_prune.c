// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph prune: removes what the configuration's keep, keep_days, keep_size do not keep.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "archive/removal.h"
#include "archive/retention.h"
#include "cli/cli.h"
#include "record/field.h"

#define PRUNE_SCHEMA_VERSION 1

static json_t *prune_choices_json(const struct retention_choice *choices, size_t count)
{
	json_t *array = json_array();
	int bad = 0;

	for (size_t i = 0; i < count; i++)
		bad |= json_array_append_new(
			array, json_pack("{s:o,s:I,s:s}", "name",
					 field_new_string(
						 archive_record_name(choices[i].record)),
					 "size_bytes", (json_int_t)choices[i].size_bytes,
					 "why", choices[i].why));
	if (!bad)
		return array;
	json_decref(array);
	return NULL;
}

static int prune_print_json(const struct retention_plan *plan, const char *archive,
			    bool is_dry_run, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	int bad = 0;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(PRUNE_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "archive", field_new_string(archive));
	bad |= json_object_set_new(root, "dry_run", json_boolean(is_dry_run));
	bad |= json_object_set_new(root, "freed_bytes",
				   json_integer((json_int_t)plan->freed_bytes));
	bad |= json_object_set_new(root, "removed",
				   prune_choices_json(plan->choices, plan->count));
	bad |= json_object_set_new(root, "kept",
				   prune_choices_json(plan->kept, plan->kept_count));
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the result");
	putchar('\n');
	return 0;
}

static void prune_print_choices(const struct retention_choice *choices, size_t count,
				const char *what)
{
	char size[32], path[PATH_MAX];

	for (size_t i = 0; i < count; i++) {
		cli_format_size(choices[i].size_bytes, size, sizeof(size));
		field_clean(choices[i].record->path, path, sizeof(path));
		printf("%s %s (%s): %s\n", what, path, size, choices[i].why);
	}
}

static void prune_print(const struct retention_plan *plan, bool is_dry_run)
{
	prune_print_choices(plan->choices, plan->count,
			    is_dry_run ? "would remove" : "removed");
	if (is_dry_run)
		prune_print_choices(plan->kept, plan->kept_count, "would keep");
	if (plan->count == 0)
		fprintf(stderr, "nothing to remove\n");
}

static int prune_run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ 0 },
	};
	_cleanup_retention_plan struct retention_plan plan = { 0 };
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_fd int lock = -1;
	struct retention retention;
	struct err err = { 0 };
	bool is_dry_run = false;
	size_t removed = 0;
	struct stat st;
	int option, r = 0;

	while ((option = cli_option(cli, &cmd_prune, argc, argv, "n", options)) != -1) {
		if (option != 'n')
			return cli_exit(option);
		is_dry_run = true;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	retention = (struct retention){ .keep = cli->config.keep,
					.keep_days = cli->config.keep_days,
					.keep_size_bytes = cli->config.keep_size_bytes,
					.keep_free_bytes = cli->config.keep_free_bytes };
	if (!is_dry_run && stat(cli->config.archive, &st) == 0) {
		r = archive_lock(cli->config.archive, &lock, &err);
		if (r == 0)
			removal_sweep(cli->config.archive, &cli->log);
	}
	if (r == 0)
		r = archive_open(cli->config.archive, &cli->log, &archive, &err);
	if (r == 0)
		r = retention_choose(&archive, &retention, time(NULL), &plan, &err);
	if (r == 0 && !is_dry_run)
		removed = retention_apply(&plan, &cli->log);
	if (r == 0 && cli->json)
		r = prune_print_json(&plan, archive.path, is_dry_run, &err);
	else if (r == 0 && (is_dry_run || removed == plan.count))
		prune_print(&plan, is_dry_run);
	if (r < 0)
		return cli_failed(cli, &err);
	return is_dry_run || removed == plan.count ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_prune = {
	.name = "prune",
	.arguments = "[OPTION...]",
	.summary = "remove old crashes, as keep in the configuration says",
	.options =
		"  -n, --dry-run        only say what would go and what stays, and why\n",
	.has_json = true,
	.run = prune_run,
};
