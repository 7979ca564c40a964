// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph kconfig: a fragment for the kernel's scripts/kconfig/merge_config.sh, made from
 * the rows that `epitaph check` looks at. What a machine's disk needs is not in it.
 */
#include <getopt.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "cli/cli.h"
#include "prepare/requirement.h"

#define COMMENT_WIDTH 78

enum {
	OPTION_ARCH = 1000,
	OPTION_FOR,
};

static const struct option options_table[] = {
	{ "arch", required_argument, NULL, OPTION_ARCH },
	{ "for", required_argument, NULL, OPTION_FOR },
	{ 0 },
};

struct kconfig_options {
	enum kernel_arch arch;
	bool is_system, is_dump;
};

/* "# why", in as many lines as it takes. */
static void print_comment(const char *text)
{
	while (*text) {
		size_t length = strlen(text);

		if (length > COMMENT_WIDTH) {
			length = COMMENT_WIDTH;
			while (length > 1 && text[length] != ' ')
				length--;
		}
		printf("# %.*s\n", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
}

static void print_row(const struct requirement *row, struct text *done)
{
	const char *state = row->missing == REQUIREMENT_FAILS ? "needed" : "helps";
	_cleanup_text struct text comment = { 0 };
	char line[128];

	text_add(&comment, "%s (%s): %s", row->name,
		 row->is_unwanted ? "unwanted" : state, row->why);
	printf("\n");
	print_comment(text_get(&comment));
	for (size_t i = 0; i < KERNEL_OPTIONS_MAX && row->fragment[i]; i++) {
		snprintf(line, sizeof(line),
			 row->is_unwanted ? "# CONFIG_%s is not set\n" : "CONFIG_%s=y\n",
			 row->fragment[i]);
		// merge_config.sh complains of what is set twice, and would take the
		// name with CONFIG_ in a comment for that
		if (strstr(text_get(done), line))
			printf("# (above) %s\n", row->fragment[i]);
		else
			printf("%s", line);
		text_add(done, "%s", line);
	}
}

static void print_fragment(const struct kconfig_options *options)
{
	_cleanup_text struct text done = { 0 };

	printf("# What epitaph needs of a kernel: %s, %s.\n"
	       "#   scripts/kconfig/merge_config.sh .config THIS_FILE\n"
	       "#   epitaph check --kernel-config .config\n"
	       "# merge_config.sh tells what was not taken; VMCORE_INFO is selected by "
	       "others.\n"
	       "# The drivers of your disk and its file system come on top, built in or "
	       "as\n"
	       "# modules.\n",
	       kernel_arch_name(options->arch),
	       !options->is_dump     ? "for the one that may crash"
	       : !options->is_system ? "for the one that captures"
				     : "for both, system and capture");
	for (size_t i = 0; i < kernel_requirement_count; i++) {
		const struct requirement *row = &kernel_requirements[i];
		bool is_dump = row->group == REQUIREMENT_DUMP_KERNEL;

		if ((is_dump ? options->is_dump : options->is_system) &&
		    row->fragment[0] && (row->arch & options->arch))
			print_row(row, &done);
	}
}

/* EXIT_DONE: go on. */
static int take_for(struct cli *cli, struct kconfig_options *options)
{
	options->is_system = !strcmp(optarg, "system") || !strcmp(optarg, "both");
	options->is_dump = !strcmp(optarg, "dump") || !strcmp(optarg, "both");
	if (options->is_system || options->is_dump)
		return EXIT_DONE;
	return cli_usage(cli, "--for '%s' is none of system, dump, both", optarg);
}

static int take_arch(struct cli *cli, const char *name, struct kconfig_options *options)
{
	options->arch = kernel_arch_parse(name);
	if (options->arch != ARCH_OTHER)
		return EXIT_DONE;
	return cli_usage(cli, "--arch '%s' is none of x86_64, i386, arm64", name);
}

static int kconfig_run(struct cli *cli, int argc, char **argv)
{
	struct kconfig_options options = { .is_system = true, .is_dump = true };
	struct utsname name;
	int option, code = EXIT_DONE;

	while ((option = cli_option(cli, &cmd_kconfig, argc, argv, NULL,
				    options_table)) != -1) {
		if (option == OPTION_ARCH)
			code = take_arch(cli, optarg, &options);
		else if (option == OPTION_FOR)
			code = take_for(cli, &options);
		else
			return cli_exit(option);
		if (code != EXIT_DONE)
			return code;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (!options.arch && uname(&name) == 0)
		code = take_arch(cli, name.machine, &options);
	if (code == EXIT_DONE)
		print_fragment(&options);
	return code;
}

const struct command cmd_kconfig = {
	.name = "kconfig",
	.arguments = "[OPTION...]",
	.summary = "the options that a kernel should be built with, as a fragment",
	.options =
		"      --arch ARCH      x86_64, i386 or arm64 (this machine's)\n"
		"      --for WHICH      system, dump, or both: the kernel that may crash,\n"
		"                       the one that captures (both)\n",
	.run = kconfig_run,
};
