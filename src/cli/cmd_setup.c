// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph setup: show the plan, ask, do it; --undo: show what was there before, ask, put
 * it back. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "prepare/setup.h"
#include "prepare/setup_apply.h"
#include "prepare/setup_journal.h"
#include "record/field.h"

#define SETUP_SCHEMA_VERSION 1

struct setup_command {
	struct setup_options options;
	char root[PATH_MAX];
	char config_path[PATH_MAX];
	bool is_undo, is_forced, is_dry_run, is_yes;
};

/* ---- the question ---- */

/* EXIT_DONE: yes. */
static int setup_ask(struct cli *cli, const struct setup_command *command)
{
	char answer[16] = "";

	if (command->is_yes)
		return EXIT_DONE;
	if (!isatty(STDIN_FILENO))
		return cli_usage(cli, "there is no terminal to ask on: nothing was "
				      "changed; --yes does it, --dry-run only shows it");
	fflush(stdout);
	fprintf(stderr, "Do this? [y/N] ");
	if (fgets(answer, sizeof(answer), stdin) &&
	    (answer[0] == 'y' || answer[0] == 'Y'))
		return EXIT_DONE;
	fprintf(stderr, "%s: nothing was changed\n", cli->program);
	return EXIT_FAILED;
}

/* ---- set up, and undo ---- */

static void setup_print_end(const struct setup_command *command,
			    const struct setup_plan *plan)
{
	const char *root = command->root;

	if (command->is_undo)
		printf("undone%s\n", root[0] ? ""
					     : "; what the boot loader gives the "
					       "kernel counts from the next boot on");
	else if (root[0])
		printf("done below %s\n", root);
	else if (plan->needs_reboot)
		printf("done; reboot, then 'epitaph status' says armed\n");
	else
		printf("done\n");
}

static int setup_print_json(const struct setup_command *command,
			    const struct setup_plan *plan, bool is_done, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	int r = setup_plan_to_json(plan, &root, err);
	int bad = 0;

	if (r < 0)
		return r;
	bad |= json_object_set_new(root, "schema_version",
				   json_integer(SETUP_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "root", field_new_string(command->root));
	bad |= json_object_set_new(root, "undo", json_boolean(command->is_undo));
	bad |= json_object_set_new(root, "done", json_boolean(is_done));
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the plan");
	putchar('\n');
	return 0;
}

static int setup_show(const struct setup_plan *plan, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	int r = setup_plan_format(plan, &text, err);

	if (r == 0)
		fputs(text_get(&text), stdout);
	return r;
}

static int setup_make_plan(struct cli *cli, const struct setup_command *command,
			   const struct setup_journal *journal, struct setup_plan **ret,
			   struct err *err)
{
	int r;

	if (!command->is_undo) {
		r = setup_make(&command->options, &cli->config, &cli->log, ret, err);
		return r < 0 ? r : setup_journal_owed(journal, *ret, err);
	}
	if (setup_journal_is_empty(journal))
		return err_set(err, ERR_NOTFOUND,
			       "nothing to undo: '%s" SETUP_JOURNAL "' is not there",
			       command->root);
	r = setup_plan_new(command->root, ret, err);
	return r < 0 ? r
		     : setup_journal_undo_plan(journal, command->is_forced, *ret, err);
}

/* The plan is shown, and it is to be done: @ret_is_done. An exit code. */
static int setup_carry_out(struct cli *cli, const struct setup_command *command,
			   struct setup_plan *plan, struct setup_journal *journal,
			   bool *ret_is_done, struct err *err)
{
	int code = setup_ask(cli, command);
	int r;

	if (code != EXIT_DONE)
		return code;
	r = command->is_undo ? setup_apply_undo(plan, journal, &cli->log, err)
			     : setup_apply(plan, journal, &cli->log, err);
	*ret_is_done = r == 0;
	return r < 0 ? cli_failed(cli, err) : EXIT_DONE;
}

static int setup_do(struct cli *cli, const struct setup_command *command,
		    struct setup_journal *journal, struct err *err)
{
	_cleanup_setup_plan struct setup_plan *plan = NULL;
	int r = setup_make_plan(cli, command, journal, &plan, err);
	bool is_empty, is_done = false;
	int code = EXIT_DONE;

	if (r == 0 && !cli->json)
		r = setup_show(plan, err);
	if (r < 0)
		return cli_failed(cli, err);
	is_empty = setup_plan_is_empty(plan) && !command->is_undo;
	if (!is_empty && !cli->json)
		printf("\n");
	if (!is_empty && !command->is_dry_run)
		code = setup_carry_out(cli, command, plan, journal, &is_done, err);
	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		r = setup_print_json(command, plan, is_done, err);
	else if (is_empty)
		printf("nothing to do: all is as it should be\n");
	else if (command->is_dry_run)
		printf("nothing was changed: this was a dry run\n");
	else
		setup_print_end(command, plan);
	return r < 0 ? cli_failed(cli, err) : EXIT_DONE;
}

static int setup_locked(struct cli *cli, const struct setup_command *command)
{
	_cleanup_setup_journal struct setup_journal journal = { 0 };
	struct err err = { 0 };
	_cleanup_fd int lock = -1;
	int r = 0;

	if (!command->is_dry_run && !command->root[0] && geteuid() != 0)
		r = err_set(
			&err, ERR_REFUSED,
			"only root can change this machine; --dry-run shows the plan");
	if (r == 0 && !command->is_dry_run)
		r = setup_lock(command->root, &lock, &err);
	if (r == 0)
		r = setup_journal_load(command->root, &journal, &err);
	return r < 0 ? cli_failed(cli, &err) : setup_do(cli, command, &journal, &err);
}

/* ---- options ---- */

enum {
	OPTION_UNDO = 1000,
	OPTION_FORCE,
	OPTION_ROOT,
	OPTION_CRASHKERNEL,
	OPTION_PRESET,
	OPTION_BOOT_LOADER,
	OPTION_PSTORE,
	OPTION_POST_NOTIFIERS,
	OPTION_CONSOLE,
	OPTION_FROM,
	OPTION_GIVE_BACK,
};

static const struct option options_table[] = {
	{ "undo", no_argument, NULL, OPTION_UNDO },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "yes", no_argument, NULL, 'y' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "crashkernel", required_argument, NULL, OPTION_CRASHKERNEL },
	{ "preset", required_argument, NULL, OPTION_PRESET },
	{ "boot-loader", required_argument, NULL, OPTION_BOOT_LOADER },
	{ "pstore", required_argument, NULL, OPTION_PSTORE },
	{ "post-notifiers", no_argument, NULL, OPTION_POST_NOTIFIERS },
	{ "console", required_argument, NULL, OPTION_CONSOLE },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "give-back", no_argument, NULL, OPTION_GIVE_BACK },
	{ 0 },
};

/* EXIT_DONE: go on. */
static int setup_take(struct cli *cli, struct setup_command *command, int option)
{
	struct err err = { 0 };
	int r = 0;

	switch (option) {
	case OPTION_UNDO:
		command->is_undo = true;
		break;
	case OPTION_FORCE:
		command->is_forced = true;
		break;
	case 'y':
		command->is_yes = true;
		break;
	case 'n':
		command->is_dry_run = true;
		break;
	case OPTION_ROOT:
		return cli_take_root(cli, optarg, command->root, command->config_path);
	case OPTION_CRASHKERNEL:
		command->options.crashkernel = optarg;
		break;
	case OPTION_PRESET:
		r = panic_preset_parse(optarg, &command->options.preset, &err);
		break;
	case OPTION_BOOT_LOADER:
		command->options.has_boot_loader = true;
		r = boot_loader_parse(optarg, &command->options.boot_loader, &err);
		break;
	case OPTION_PSTORE:
		r = pstore_choice_parse(optarg, &command->options.pstore, &err);
		break;
	case OPTION_POST_NOTIFIERS:
		command->options.post_notifiers = true;
		break;
	case OPTION_CONSOLE:
		command->options.console = optarg;
		break;
	case OPTION_FROM:
		command->options.from = optarg;
		break;
	case OPTION_GIVE_BACK:
		command->options.give_back = true;
		break;
	default:
		return option == CLI_HELP ? -1 : cli_exit(option);
	}
	return r < 0 ? cli_usage(cli, "%s", err_text(&err)) : EXIT_DONE;
}

static int setup_run(struct cli *cli, int argc, char **argv)
{
	_cleanup_free struct setup_command *command = calloc(1, sizeof(*command));
	struct err err = { 0 };
	int option, code;

	if (!command) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	command->options.root = command->root;
	while ((option = cli_option(cli, &cmd_setup, argc, argv, "yn", options_table)) !=
	       -1) {
		code = setup_take(cli, command, option);
		if (code != EXIT_DONE)
			return code < 0 ? EXIT_DONE : code;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (command->is_forced && !command->is_undo)
		return cli_usage(cli, "--force goes with --undo");
	if (cli->json && !command->is_yes && !command->is_dry_run)
		return cli_usage(cli, "--json asks nothing: it goes with --yes or "
				      "--dry-run");
	return setup_locked(cli, command);
}

const struct command cmd_setup = {
	.name = "setup",
	.arguments = "[OPTION...]",
	.summary = "make this machine ready: memory, panic, service; or undo that",
	.options =
		"  -n, --dry-run        show the plan, and change nothing\n"
		"  -y, --yes            do it without asking\n"
		"      --undo           put everything back as it was, byte for byte\n"
		"      --force          with --undo: also what was changed since\n"
		"      --crashkernel SIZE  reserve SIZE (as 128M) instead of what is\n"
		"                       measured; keep: as it is; none: no crash kernel\n"
		"      --preset NAME    when to panic: server, desktop or debugging (server)\n"
		"      --from FILE      take over another tool's settings, and disable it:\n"
		"                       /etc/default/kdump-tools, /etc/kdump.conf,\n"
		"                       /etc/sysconfig/kdump\n"
		"      --pstore WHICH   last words without a crash kernel: auto (what the\n"
		"                       firmware has), ramoops, none (auto)\n"
		"      --post-notifiers  write pstore before the crash kernel starts\n"
		"      --console WHAT   serial[:PORT], or netconsole:ADDRESS[:PORT]\n"
		"      --give-back      free what is reserved beyond what is needed, now\n"
		"      --boot-loader NAME  it is this one: grub, grub-bls, systemd-boot,\n"
		"                       extlinux, cmdline.txt\n"
		"      --root DIR       a recorded or mounted machine: its files below DIR\n",
	.has_json = true,
	.run = setup_run,
};
