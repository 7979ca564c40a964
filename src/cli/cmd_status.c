// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph status: would a panic now be captured? By what, since when; if not, why not. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <time.h>

#include "cli/cli.h"
#include "prepare/armed.h"
#include "prepare/rehearsed.h"
#include "record/field.h"
#include "rehearse/real.h"

#define STATUS_SCHEMA_VERSION 1

struct status {
	char root[PATH_MAX];	    /* "" for this machine */
	char config_path[PATH_MAX]; /* of --root */
	struct armed_status armed;
	struct rehearsed rehearsed;
	int rehearsed_result; /* 0, or why there is none */
	struct err rehearsed_err;
	char stale[256]; /* the rehearsal was of something else; "" */
};

/* Against what was armed last; where nothing was, nobody knows of what it should be. */
static void status_look(struct status *status)
{
	const struct armed *state = &status->armed.state;
	char path[PATH_MAX];

	armed_look(status->root, &status->armed);
	status->rehearsed_result =
		rehearsed_load(status->root, &status->rehearsed, &status->rehearsed_err);
	if (status->rehearsed_result == 0 && status->armed.has_state &&
	    snprintf(path, sizeof(path), "%s%s", status->root, state->kernel_path) <
		    (int)sizeof(path))
		rehearsed_compare(&status->rehearsed, status->root, state->kernel_release,
				  path, state, status->stale, sizeof(status->stale));
}

/* ---- text ---- */

static void status_print_rehearsal(const struct status *status)
{
	char text[640];

	if (status->rehearsed_result == ERR_NOTFOUND)
		snprintf(text, sizeof(text), "none; run epitaph rehearse");
	else if (status->rehearsed_result < 0)
		snprintf(text, sizeof(text), "unknown: %.500s",
			 err_text(&status->rehearsed_err));
	else
		rehearsed_describe(&status->rehearsed, text, sizeof(text));
	printf("rehearsal      %s%s%s\n", status->stale, status->stale[0] ? "; " : "",
	       text);
	if (real_is_pending(status->root))
		printf("               a crash of this machine was expected, and not judged "
		       "yet: epitaph collect\n");
	if (status->rehearsed_result == 0 && status->rehearsed.minimum_mib > 0)
		printf("smallest       %u MiB reserved are enough, as a rehearsal found\n",
		       status->rehearsed.minimum_mib);
}

static void status_print_state(const struct armed *state)
{
	char size[32], needed[32], when[64] = "unknown";
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
	if (state->needed_bytes) {
		cli_format_size(state->needed_bytes, needed, sizeof(needed));
		printf("memory         at most %s of what is reserved is needed\n",
		       needed);
	}
	printf("command line   %s\n", state->cmdline);
	printf("loaded by      %s\n", state->method);
}

static void status_print(const struct status *all)
{
	const struct armed_status *status = &all->armed;
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
	status_print_rehearsal(all);
	if (status->warning[0])
		printf("warning        %s\n", status->warning);
}

/* ---- JSON ---- */

static int status_rehearsal_json(const struct status *status, json_t **ret,
				 struct err *err)
{
	int r;

	*ret = NULL;
	if (status->rehearsed_result < 0) {
		*ret = json_null();
		return 0;
	}
	r = rehearsed_to_json(&status->rehearsed, ret, err);
	if (r == 0 &&
	    json_object_set_new(*ret, "stale", field_new_string(status->stale)) < 0)
		r = err_nomem(err);
	return r;
}

static int status_print_json(const struct status *all, struct err *err)
{
	const struct armed_status *status = &all->armed;
	_cleanup_json json_t *root = json_object();
	json_t *rehearsal;
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
	r = status_rehearsal_json(all, &rehearsal, err);
	bad |= json_object_set_new(root, "rehearsal", rehearsal);
	if (r < 0)
		return r;
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

enum {
	OPTION_ROOT = 1000,
};

static int status_run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ 0 },
	};
	_cleanup_free struct status *status = calloc(1, sizeof(*status));
	struct err err = { 0 };
	int option, code;

	if (!status) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	while ((option = cli_option(cli, &cmd_status, argc, argv, "", options)) != -1) {
		if (option != OPTION_ROOT)
			return cli_exit(option);
		code = cli_take_root(cli, optarg, status->root, status->config_path);
		if (code != EXIT_DONE)
			return code;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	status_look(status);
	if (cli->json && status_print_json(status, &err) < 0)
		return cli_failed(cli, &err);
	if (!cli->json)
		status_print(status);
	return status->armed.is_armed ? EXIT_DONE : EXIT_NOT_READY;
}

const struct command cmd_status = {
	.name = "status",
	.arguments = "[OPTION...]",
	.summary = "would a panic now be captured? by what, since when",
	.options =
		"      --root DIR       look at a recorded machine: its files below DIR\n",
	.has_json = true,
	.run = status_run,
};
