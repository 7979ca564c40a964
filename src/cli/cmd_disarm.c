// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph disarm: unload the crash kernel, and take back what arming changed. */
#include <getopt.h>

#include "cli/cli.h"
#include "prepare/arm.h"

static int disarm_run(struct cli *cli, int argc, char **argv)
{
	struct err err = { 0 };
	int option;

	while ((option = cli_option(cli, &cmd_disarm, argc, argv, NULL, NULL)) != -1)
		return cli_exit(option);
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (arm_disarm(&cli->log, &err) < 0)
		return cli_failed(cli, &err);
	printf("not armed: the next panic will leave no record\n");
	return EXIT_DONE;
}

const struct command cmd_disarm = {
	.name = "disarm",
	.arguments = "[OPTION...]",
	.summary = "unload the crash kernel",
	.run = disarm_run,
};
