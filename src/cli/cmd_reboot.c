// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph reboot: into the current or a named kernel by kexec, without firmware. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#include "cli/cli.h"
#include "prepare/next_kernel.h"
#include "record/field.h"

#define REBOOT_SCHEMA_VERSION 1

struct reboot_options {
	const char *initrd, *cmdline;
	char root[PATH_MAX], config_path[PATH_MAX];
	bool is_dry_run;
};

static int reboot_print_json(const struct next_kernel *next, bool is_dry_run,
			     struct err *err)
{
	_cleanup_json json_t *root =
		json_pack("{s:i, s:{s:o, s:o}, s:o, s:o, s:b}", "schema_version",
			  REBOOT_SCHEMA_VERSION, "kernel", "release",
			  field_new_string(next->kernel.release), "path",
			  field_new_string(next->kernel.path), "initrd",
			  next->initrd[0] ? field_new_string(next->initrd) : json_null(),
			  "cmdline", field_new_string(text_get(&next->cmdline)),
			  "dry_run", is_dry_run);

	if (!root)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0)
		return err_os(err, errno, "unable to write the plan");
	putchar('\n');
	return 0;
}

static void reboot_print(const struct next_kernel *next, bool is_dry_run)
{
	printf("kernel         %s, '%s'\n", next->kernel.release, next->kernel.path);
	printf("initramfs      %s\n", next->initrd[0] ? next->initrd : "none");
	printf("command line   %s\n", text_get(&next->cmdline));
	if (is_dry_run)
		printf("nothing was done: this was a dry run\n");
}

static int reboot_do(struct cli *cli, const struct reboot_options *options,
		     const char *kernel, struct err *err)
{
	_cleanup_next_kernel struct next_kernel next = { 0 };
	int r = next_kernel_find(options->root, kernel, options->initrd, options->cmdline,
				 &next, err);

	if (r < 0)
		return r;
	if (cli->json)
		r = reboot_print_json(&next, options->is_dry_run, err);
	else
		reboot_print(&next, options->is_dry_run);
	if (r < 0 || options->is_dry_run)
		return r;
	fflush(stdout);
	r = next_kernel_load(&next, &cli->log, err);
	return r < 0 ? r : next_kernel_start(&cli->log, err);
}

enum {
	OPTION_INITRD = 1000,
	OPTION_CMDLINE,
	OPTION_ROOT,
};

static int reboot_run(struct cli *cli, int argc, char **argv)
{
	static const struct option table[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "initrd", required_argument, NULL, OPTION_INITRD },
		{ "cmdline", required_argument, NULL, OPTION_CMDLINE },
		{ "root", required_argument, NULL, OPTION_ROOT },
		{ 0 },
	};
	struct reboot_options options = { 0 };
	struct err err = { 0 };
	int option, code;

	while ((option = cli_option(cli, &cmd_reboot, argc, argv, "n", table)) != -1) {
		if (option == 'n') {
			options.is_dry_run = true;
		} else if (option == OPTION_INITRD) {
			options.initrd = optarg;
		} else if (option == OPTION_CMDLINE) {
			options.cmdline = optarg;
		} else if (option == OPTION_ROOT) {
			code = cli_take_root(cli, optarg, options.root,
					     options.config_path);
			if (code != EXIT_DONE)
				return code;
		} else {
			return cli_exit(option);
		}
	}
	if (argc - optind > 1)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind + 1]);
	if (options.root[0] && !options.is_dry_run)
		return cli_usage(cli, "--root goes with --dry-run");
	if (reboot_do(cli, &options, argv[optind], &err) < 0)
		return cli_failed(cli, &err);
	return EXIT_DONE;
}

const struct command cmd_reboot = {
	.name = "reboot",
	.arguments = "[OPTION...] [KERNEL]",
	.summary = "restart into this or another kernel by kexec, without firmware",
	.options =
		"  -n, --dry-run        show kernel, initramfs and command line, and stop\n"
		"      --initrd FILE    this initramfs, or none (the one beside the kernel)\n"
		"      --cmdline LINE   this command line (the one of now)\n"
		"      --root DIR       with --dry-run: of a recorded machine\n",
	.has_json = true,
	.run = reboot_run,
};
