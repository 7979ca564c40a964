// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph arm: make the plan, do it, say what was done; --dry-run stops after the plan.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#include "cli/cli.h"
#include "prepare/arm.h"
#include "record/field.h"

#define ARM_SCHEMA_VERSION 1

/* ---- text ---- */

static void arm_print_target(const struct orders_target *target, size_t i)
{
	const char *label = i == 0 ? "archive" : "or else";

	if (target->kind == ORDERS_RAW)
		printf("%-14s the partition %s (now '%s')\n", label,
		       target->uuid[0] ? target->uuid : "that is to be made",
		       target->device);
	else
		printf("%-14s '%s' on %s %s (now '%s')\n", label, target->path,
		       target->fstype, target->uuid, target->device);
}

static const char *arm_parts(enum orders_mode mode)
{
	return mode == ORDERS_DMESG  ? "dmesg and report"
	       : mode == ORDERS_MINI ? "dmesg, report and mini dump"
				     : "dmesg, report and dump";
}

static void arm_print(const struct arm_plan *plan)
{
	const struct orders *orders = &plan->orders;
	char size[32], unpacked[32], reserved[32], needed[32];

	cli_format_size(plan->image.file_bytes, size, sizeof(size));
	cli_format_size(plan->image.unpacked_bytes, unpacked, sizeof(unpacked));
	cli_format_size(plan->kexec.reserved_bytes, reserved, sizeof(reserved));
	cli_format_size(plan->needed_bytes, needed, sizeof(needed));
	printf("crash kernel   %s, '%s'\n", plan->kernel.release, plan->kernel.path);
	printf("capture image  '%s', %s, unpacked %s\n", plan->image_path, size,
	       unpacked);
	printf("modules       ");
	for (size_t i = 0; i < module_set_count(plan->modules); i++)
		printf(" %s", module_set_name(plan->modules, i));
	printf("%s\n", module_set_count(plan->modules) ? "" : " none: all is built in");
	for (size_t i = 0; i < orders->target_count; i++)
		arm_print_target(&orders->targets[i], i);
	if (plan->hooks.hook_count)
		printf("hooks          %zu, with %zu files that they need\n",
		       plan->hooks.hook_count,
		       plan->hooks.count - plan->hooks.hook_count);
	if (orders->watchdog_timeout_s)
		printf("watchdog       '%s', %u s\n", plan->watchdog.identity,
		       orders->watchdog_timeout_s);
	if (orders->ramoops[0] || orders->efi_variable)
		printf("last resort    %s%s%s\n", orders->ramoops[0] ? "ramoops" : "",
		       orders->ramoops[0] && orders->efi_variable ? ", " : "",
		       orders->efi_variable ? "an EFI variable" : "");
	printf("memory         %s reserved, at most %s needed\n", reserved, needed);
	printf("command line   %s\n", text_get(&plan->cmdline));
	printf("after a panic  %s, then %s\n", arm_parts(orders->mode),
	       orders_end_name(orders->end));
}

/* ---- JSON ---- */

static json_t *arm_modules_json(const struct module_set *modules)
{
	_cleanup_json json_t *array = json_array();
	int bad = 0;

	for (size_t i = 0; i < module_set_count(modules); i++)
		bad |= json_array_append_new(
			array, field_new_string(module_set_name(modules, i)));
	return bad ? NULL : take_ptr(array);
}

/* What is remembered, and what only the plan knows. */
static int arm_print_json(const struct arm_plan *plan, const struct armed *armed,
			  bool is_done, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	int r = armed_to_json(armed, &root, err);
	int bad = 0;

	if (r < 0)
		return r;
	bad |= json_object_set_new(root, "schema_version",
				   json_integer(ARM_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "armed", json_boolean(is_done));
	bad |= json_object_set_new(root, "modules", arm_modules_json(plan->modules));
	bad |= json_object_set_new(root, "reserved_bytes",
				   json_integer((json_int_t)plan->kexec.reserved_bytes));
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the plan");
	putchar('\n');
	return 0;
}

/* ---- the command ---- */

/* For hooks: is there anything that could have become stale? In a container, in a chroot
 * where packages are installed, and on a machine that was not armed, there is not. */
static bool arm_is_ours(void)
{
	_cleanup_free struct armed_status *status = calloc(1, sizeof(*status));

	if (!status)
		return true;
	armed_look("", status);
	return status->has_state && status->is_this_boot;
}

static int arm_do(struct cli *cli, bool is_dry_run, struct err *err)
{
	_cleanup_arm_plan struct arm_plan *plan = NULL;
	_cleanup_free struct armed *armed = calloc(1, sizeof(*armed));
	int r;

	if (!armed)
		return err_nomem(err);
	r = arm_plan_make(&cli->config, is_dry_run, &cli->log, &plan, err);
	if (r == 0)
		r = is_dry_run
			    ? arm_plan_describe(plan, armed, err)
			    : arm_plan_apply(plan, &cli->config, &cli->log, armed, err);
	if (r < 0)
		return r;
	if (cli->json)
		return arm_print_json(plan, armed, !is_dry_run, err);
	arm_print(plan);
	if (is_dry_run)
		printf("not armed: this was a dry run\n");
	else
		printf("armed with %s\n", armed->method);
	return 0;
}

enum {
	OPTION_AGAIN = 1000
};

static int arm_run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "again", no_argument, NULL, OPTION_AGAIN },
		{ 0 },
	};
	bool is_dry_run = false, is_again = false;
	struct err err = { 0 };
	int option;

	while ((option = cli_option(cli, &cmd_arm, argc, argv, "n", options)) != -1) {
		if (option == 'n')
			is_dry_run = true;
		else if (option == OPTION_AGAIN)
			is_again = true;
		else
			return cli_exit(option);
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (is_again && !arm_is_ours()) {
		log_debug(&cli->log,
			  "not armed by epitaph in this boot: nothing to do again");
		return EXIT_DONE;
	}
	if (arm_do(cli, is_dry_run, &err) < 0)
		return cli_failed(cli, &err);
	return EXIT_DONE;
}

const struct command cmd_arm = {
	.name = "arm",
	.arguments = "[OPTION...]",
	.summary = "build the capture image and load the crash kernel",
	.options =
		"  -n, --dry-run        show what would be done, and change nothing\n"
		"      --again          only if it was armed in this boot; for hooks\n",
	.has_json = true,
	.run = arm_run,
};
