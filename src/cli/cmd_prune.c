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

static int prune_print_json(const struct retention_plan *plan, const char *archive,
			    bool is_dry_run, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	json_t *removed = json_array();
	int bad = 0;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(PRUNE_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "archive", field_new_string(archive));
	bad |= json_object_set_new(root, "dry_run", json_boolean(is_dry_run));
	bad |= json_object_set_new(root, "freed_bytes",
				   json_integer((json_int_t)plan->freed_bytes));
	bad |= json_object_set_new(root, "removed", removed);
	for (size_t i = 0; !bad && i < plan->count; i++) {
		const struct retention_choice *choice = &plan->choices[i];
		json_t *object = json_object();

		bad |= json_object_set_new(
			object, "name",
			field_new_string(archive_record_name(choice->record)));
		bad |= json_object_set_new(object, "size_bytes",
					   json_integer((json_int_t)choice->size_bytes));
		bad |= json_object_set_new(object, "why", json_string(choice->why));
		bad |= json_array_append_new(removed, object);
	}
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the result");
	putchar('\n');
	return 0;
}

static void prune_print(const struct retention_plan *plan, bool is_dry_run)
{
	char size[32];

	for (size_t i = 0; i < plan->count; i++) {
		const struct retention_choice *choice = &plan->choices[i];

		cli_format_size(choice->size_bytes, size, sizeof(size));
		printf("%s %s (%s): %s\n", is_dry_run ? "would remove" : "removed",
		       choice->record->path, size, choice->why);
	}
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
					.keep_size_bytes = cli->config.keep_size_bytes };
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
	.options = "  -n, --dry-run        only say what would be removed\n",
	.has_json = true,
	.run = prune_run,
};
