// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph COMMAND: the table of commands, and what stands before a command's name. A new
 * command is a file cmd_NAME.c, a line in cli.h and a row here.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/makedumpfile.h"

/* Each ends with NULL. */
static const struct command *const before[] = {
	&cmd_check,    &cmd_setup,  &cmd_status,  &cmd_arm, &cmd_disarm,
	&cmd_rehearse, &cmd_reboot, &cmd_kconfig, NULL,
};

static const struct command *const after[] = {
	&cmd_list,  &cmd_show,	&cmd_dmesg,    &cmd_bt,	  &cmd_ps,
	&cmd_locks, &cmd_mod,	&cmd_mem,      &cmd_info, &cmd_verify,
	&cmd_save,  &cmd_gdb,	&cmd_gdbserve, &cmd_core, &cmd_collect,
	&cmd_rm,    &cmd_prune, &cmd_export,   NULL,
};

static const struct command *const questions[] = {
	&cmd_sys,  &cmd_files, &cmd_mounts, &cmd_disks, &cmd_net,
	&cmd_slab, &cmd_zones, &cmd_irq,    &cmd_work,	&cmd_timers,
	&cmd_sym,  &cmd_dis,   &cmd_struct, &cmd_read,	NULL,
};

static const struct {
	const char *title;
	const struct command *const *commands;
} groups[] = {
	{ "Before a crash", before },
	{ "After a crash", after },
	{ "Questions to its dump", questions },
};

static void print_commands(FILE *stream)
{
	fprintf(stream,
		"Usage: epitaph COMMAND [OPTION...] [ARGUMENT...]\n"
		"Makes sure that a Linux kernel's last words are not lost, and explains "
		"them.\n");
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		fprintf(stream, "\n%s:\n", groups[i].title);
		for (size_t j = 0; groups[i].commands[j]; j++)
			fprintf(stream, "  %-9s %s\n", groups[i].commands[j]->name,
				groups[i].commands[j]->summary);
	}
	fprintf(stream, "\n"
			"  epitaph COMMAND --help   what a command takes\n"
			"  epitaph --version\n"
			"\n"
			"See epitaph(1).\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (size_t j = 0; groups[i].commands[j]; j++) {
			if (!strcmp(groups[i].commands[j]->name, name))
				return groups[i].commands[j];
		}
	}
	return NULL;
}

#define NAME_MAX_BYTES 16 /* of a command; longer words are none of ours */

/* How many letters have to be added, taken away, changed or swapped with the next. */
static size_t name_distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_BYTES + 1]; // before last, last, this
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > NAME_MAX_BYTES || b_len > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= b_len; j++)
		rows[1][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		rows[2][0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = rows[1][j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, rows[1][j] + 1);
			best = MIN(best, rows[2][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				best = MIN(best, rows[0][j - 2] + 1);
			rows[2][j] = best;
		}
		memcpy(rows[0], rows[1], sizeof(rows[0]));
		memcpy(rows[1], rows[2], sizeof(rows[1]));
	}
	return rows[1][b_len];
}

/* The command that was most likely meant; NULL if none is close. */
static const char *nearest_command(const char *name)
{
	size_t best_distance = 3;
	const char *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (size_t j = 0; groups[i].commands[j]; j++) {
			const char *candidate = groups[i].commands[j]->name;
			size_t distance = name_distance(name, candidate);

			if (distance < best_distance && distance < strlen(candidate)) {
				best_distance = distance;
				best = candidate;
			}
		}
	}
	return best;
}

static int unknown_command(const char *name)
{
	const char *nearest = nearest_command(name);

	fprintf(stderr, "epitaph: unknown %s '%s'", *name == '-' ? "option" : "command",
		name);
	if (nearest)
		fprintf(stderr, ", did you mean '%s'?", nearest);
	fprintf(stderr, "\nTry 'epitaph --help'.\n");
	return EXIT_USAGE;
}

static int help(const char *name)
{
	const struct command *command;

	if (!name) {
		print_commands(stdout);
		return EXIT_DONE;
	}
	command = find_command(name);
	if (!command)
		return unknown_command(name);
	cli_print_help(command);
	return EXIT_DONE;
}

/* The name that we were started under, a link's, says who is meant. */
static bool is_makedumpfile(const char *program)
{
	const char *slash = program ? strrchr(program, '/') : NULL;

	return program && strcmp(slash ? slash + 1 : program, MAKEDUMPFILE_NAME) == 0;
}

/* A result that did not reach its reader is no result. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "epitaph: unable to write to the standard output: %m\n");
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	const struct command *command;
	char program[64];
	struct cli cli = { .program = program };

	if (is_makedumpfile(argv[0]))
		return finish(makedumpfile_main(argc, argv));
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return finish(help(NULL));
	if (!strcmp(word, "help"))
		return finish(help(argc > 2 ? argv[2] : NULL));
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("epitaph %s\n", EPITAPH_VERSION);
		return finish(EXIT_DONE);
	}
	command = find_command(word);
	if (!command)
		return unknown_command(word);
	snprintf(program, sizeof(program), "epitaph %s", command->name);
	cli.log = cli_log(&cli);
	return finish(command->run(&cli, argc - 1, argv + 1));
}
