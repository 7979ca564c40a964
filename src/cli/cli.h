/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands share. One cmd_NAME.c each, a row in the table of main.c; stdout is
 * the result, stderr is progress, warnings and errors.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/exit.h"
#include "prepare/config.h"

struct cli {
	const char *program;	 /* "epitaph arm", for messages */
	const char *config_path; /* --config FILE, else NULL: CONFIG_PATH */
	struct config config; /* read once the options are: when cli_option() gives -1 */
	struct log log;	      /* to stderr */
	bool verbose;	      /* -v: debug messages too */
	bool json;	      /* --json */
};

struct command {
	const char *name;
	const char *arguments; /* "[OPTION...] [RECORD|DUMP]" */
	const char *summary;   /* one line, lower case, no stop */
	const char *options;   /* help lines of its own options, or NULL */
	bool has_json;
	/* @argv[0] is the command's name. Returns an enum exit_code. */
	int (*run)(struct cli *cli, int argc, char **argv);
};

extern const struct command cmd_arm, cmd_disarm, cmd_status, cmd_rehearse, cmd_save,
	cmd_dmesg, cmd_bt, cmd_show, cmd_list, cmd_collect, cmd_check, cmd_kconfig,
	cmd_rm, cmd_prune, cmd_export, cmd_verify, cmd_info, cmd_ps, cmd_locks, cmd_mod,
	cmd_mem, cmd_gdb, cmd_gdbserve, cmd_core, cmd_setup, cmd_reboot;

/* Questions to a dump. */
extern const struct command cmd_dis, cmd_files, cmd_mounts, cmd_net, cmd_slab, cmd_zones,
	cmd_irq, cmd_work, cmd_timers, cmd_sym, cmd_struct, cmd_read, cmd_disks, cmd_sys;

/*
 * getopt_long() for a command: its own options (@own ends with a zero row and uses values
 * from 1000 up or letters; may be NULL) and the ones that all have: -h --help, -v
 * --verbose, --json, --config FILE, which are dealt with here. Returns as getopt_long():
 * a value of @own, or -1 at the end. '?' becomes CLI_USAGE, --help CLI_HELP, and a
 * configuration that can't be had CLI_FAILED: return cli_exit() of it.
 */
struct option;
enum {
	CLI_USAGE = -2,
	CLI_HELP = -3,
	CLI_FAILED = -4,
};
int cli_option(struct cli *cli, const struct command *command, int argc, char **argv,
	       const char *short_options, const struct option *own);
int cli_exit(int option);

/*
 * The value of --root DIR: without slashes at its end ("" for "/"), and the machine's own
 * configuration, or the defaults: not that of the machine on which it is looked at.
 * EXIT_DONE: go on.
 */
int cli_take_root(struct cli *cli, const char *path, char ret_root[static PATH_MAX],
		  char ret_config_path[static PATH_MAX]);

/* What --help prints, to stdout. */
void cli_print_help(const struct command *command);

/* A log to stderr, debug messages only with --verbose. Borrows @cli. */
struct log cli_log(struct cli *cli);

/* Prints "epitaph arm: TEXT" to stderr; returns EXIT_FAILED. */
int cli_failed(const struct cli *cli, const struct err *err);
/* The same for a wrong argument, with a hint to --help; returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) PRINTF(2, 3);

/* "12.3 MiB" into @ret. */
void cli_format_size(uint64_t bytes, char *ret, size_t size);

/* stdout or stderr is a terminal that takes colours, and NO_COLOR is not set. */
bool cli_has_colour(FILE *stream);

/*
 * The words "[RECORD|DUMP] [PID...]" that are left of the command line; *ret_name stays
 * as it was without the first. Returns 0 or EXIT_USAGE, which has been told.
 */
int cli_crash_and_pids(const struct cli *cli, int argc, char **argv,
		       const char **ret_name, int32_t *ret_pids, size_t max,
		       size_t *ret_count);

/*
 * Opens what the user named: a record ("last", a stamp, a directory), or a dump file.
 * With @name NULL: the archive's last. One of @ret_record and @ret_dump_path may be NULL
 * afterwards: a dump that belongs to no record, a record without a dump. Free both.
 */
struct record;
int cli_find_crash(struct cli *cli, const char *name, struct record **ret_record,
		   char **ret_dump_path, struct err *err);

#endif
