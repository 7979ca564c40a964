// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph status: would a panic now be captured? By what, since when; if not, why not. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <time.h>

#include "cli/cli.h"
#include "prepare/armed.h"
#include "record/field.h"

#define STATUS_SCHEMA_VERSION 1

/* ---- text ---- */

static void status_print_state(const struct armed *state)
{
	char size[32], when[64] = "unknown";
	time_t armed_at = (time_t)state->armed_at;
	struct tm tm;

	cli_format_size(state->image_bytes, size, sizeof(size));
	if (localtime_r(&armed_at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
	printf("since          %s\n", when);
	printf("crash kernel   %s, '%s'\n", state->kernel_release, state->kernel_path);
	printf("capture image  '%s', %s, %s\n", state->image_path, size,
	       state->image_checksum);
	printf("archive        '%s' on %s %s (then '%s')\n", state->target.path,
	       state->target.fstype, state->target.uuid, state->target.device);
	printf("after a panic  %s, then %s\n",
	       state->mode == ORDERS_DMESG  ? "dmesg and report"
	       : state->mode == ORDERS_MINI ? "dmesg, report and mini dump"
					    : "dmesg, report and dump",
	       orders_end_name(state->end));
	printf("command line   %s\n", state->cmdline);
	printf("loaded by      %s\n", state->method);
}

static void status_print(const struct armed_status *status)
{
	char reserved[32];

	cli_format_size(status->kexec.reserved_bytes, reserved, sizeof(reserved));
	if (status->is_armed)
		printf("armed\n");
	else
		printf("not armed: %s\n", status->reason);
	printf("reserved       %s\n", reserved);
	if (status->kexec.lockdown[0])
		printf("lockdown       %s\n", status->kexec.lockdown);
	if (status->is_armed)
		status_print_state(&status->state);
	if (status->warning[0])
		printf("warning        %s\n", status->warning);
}

/* ---- JSON ---- */

static int status_print_json(const struct armed_status *status, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	json_t *state = NULL;
	int bad = 0, r;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(STATUS_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "armed", json_boolean(status->is_armed));
	bad |= json_object_set_new(root, "reason", field_new_string(status->reason));
	bad |= json_object_set_new(root, "warning", field_new_string(status->warning));
	bad |= json_object_set_new(root, "loaded", json_boolean(status->kexec.is_loaded));
	bad |= json_object_set_new(
		root, "reserved_bytes",
		json_integer((json_int_t)status->kexec.reserved_bytes));
	bad |= json_object_set_new(root, "lockdown",
				   field_new_string(status->kexec.lockdown));
	bad |= json_object_set_new(root, "this_boot", json_boolean(status->is_this_boot));
	if (status->has_state) {
		r = armed_to_json(&status->state, &state, err);
		if (r < 0)
			return r;
		bad |= json_object_set_new(root, "last_armed", state);
	}
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the status");
	putchar('\n');
	return 0;
}

/* ---- the command ---- */

static int status_run(struct cli *cli, int argc, char **argv)
{
	_cleanup_free struct armed_status *status = calloc(1, sizeof(*status));
	struct err err = { 0 };
	int option;

	while ((option = cli_option(cli, &cmd_status, argc, argv, NULL, NULL)) != -1)
		return cli_exit(option);
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (!status) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	armed_look("", status);
	if (cli->json && status_print_json(status, &err) < 0)
		return cli_failed(cli, &err);
	if (!cli->json)
		status_print(status);
	return status->is_armed ? EXIT_DONE : EXIT_NOT_READY;
}

const struct command cmd_status = {
	.name = "status",
	.arguments = "[OPTION...]",
	.summary = "would a panic now be captured? by what, since when",
	.has_json = true,
	.run = status_run,
};
