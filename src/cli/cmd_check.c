// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph check: every requirement of a capture, a row each: is it met, what was seen,
 * where, why it matters, what to do. Of this machine, of a recorded one, or of a kernel.
 *
 * --config names epitaph.conf with every command: a kernel's configuration is
 * --kernel-config here.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/cli.h"
#include "prepare/requirement.h"
#include "record/field.h"

#define CHECK_SCHEMA_VERSION 1
#define LINE_WIDTH	     80
#define VALUE_COLUMN	     28

enum {
	OPTION_KERNEL_CONFIG = 1000,
	OPTION_KERNEL,
	OPTION_ROOT,
	OPTION_FOR,
	OPTION_METRICS,
};

static const struct option options_table[] = {
	{ "kernel-config", required_argument, NULL, OPTION_KERNEL_CONFIG },
	{ "kernel", required_argument, NULL, OPTION_KERNEL },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "for", required_argument, NULL, OPTION_FOR },
	{ "metrics", no_argument, NULL, OPTION_METRICS },
	{ 0 },
};

struct check_options {
	const char *kernel_config, *kernel;
	char root[PATH_MAX];	/* "" for this machine */
	const char *kernel_for; /* "system", "dump", "both" */
	bool metrics;
	char config_path[PATH_MAX]; /* of the recorded machine */
};

struct check {
	const struct check_subject *subject;
	struct finding *findings;
	size_t count;
	enum requirement_state verdict;
	size_t states[4]; /* how many findings are in each */
};

/* ---- text ---- */

/* Breaks at blanks; what is behind the first line begins at @column, which is where the
 * cursor stands. */
static void print_wrapped(const char *text, int column)
{
	char clean[sizeof(((struct finding *)NULL)->todo)];
	int at = column;

	field_clean(text, clean, sizeof(clean));
	for (char *save, *word = strtok_r(clean, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		int length = (int)strlen(word);

		if (at > column && at + 1 + length > LINE_WIDTH) {
			printf("\n%*s", column, "");
			at = column;
		} else if (at > column) {
			putchar(' ');
			at++;
		}
		fputs(word, stdout);
		at += length;
	}
	putchar('\n');
}

static void print_state(enum requirement_state state, bool has_colour)
{
	static const char *const colours[] = { "32", "33", "1;31", "36" };
	const char *name = requirement_state_name(state);

	if (has_colour)
		printf("  \033[%sm%-7s\033[0m  ", colours[state], name);
	else
		printf("  %-7s  ", name);
}

static void print_detail(const char *name, const char *text)
{
	if (!text[0])
		return;
	printf("%13s%-6s ", "", name);
	print_wrapped(text, 20);
}

/* Without a configuration a row is as unknown as the one before: that is told once. */
static bool finding_repeats(const struct finding *finding, const struct finding *before)
{
	return before && finding->state == REQUIREMENT_UNKNOWN &&
	       before->state == REQUIREMENT_UNKNOWN && finding->requirement->any_of[0] &&
	       before->requirement->any_of[0] &&
	       strcmp(finding->value, before->value) == 0;
}

static void print_finding(const struct finding *finding, const struct finding *before,
			  bool is_verbose, bool has_colour)
{
	print_state(finding->state, has_colour);
	printf("%-16s ", finding->requirement->name);
	if (!is_verbose && finding_repeats(finding, before)) {
		printf("for the same reason\n");
		return;
	}
	print_wrapped(finding->value, VALUE_COLUMN);
	if (finding->state == REQUIREMENT_OK && !is_verbose)
		return;
	print_detail("where", finding->where);
	print_detail("why", finding->requirement->why);
	print_detail("do", finding->todo);
}

static void print_verdict(const struct check *check)
{
	const bool is_machine = check->subject->is_machine;
	_cleanup_text struct text names = { 0 };

	if (check->verdict == REQUIREMENT_FAILS) {
		printf("%s:\n  ", is_machine ? "Not ready, a panic now would be lost"
					     : "This kernel won't do");
		for (size_t i = 0; i < check->count; i++) {
			if (check->findings[i].state == REQUIREMENT_FAILS)
				text_add(&names, "%s%s", names.size ? ", " : "",
					 check->findings[i].requirement->name);
		}
		print_wrapped(text_get(&names), 2);
		return;
	}
	if (check->verdict == REQUIREMENT_UNKNOWN) {
		printf("It is unknown whether a panic now would be captured\n");
		return;
	}
	printf("%s: %zu ok, %zu warnings, %zu unknown\n",
	       is_machine ? "Ready" : "This kernel will do",
	       check->states[REQUIREMENT_OK], check->states[REQUIREMENT_WARNING],
	       check->states[REQUIREMENT_UNKNOWN]);
}

static void check_print(const struct check *check, bool is_verbose)
{
	static const char *const titles[REQUIREMENT_GROUPS] = {
		[REQUIREMENT_SYSTEM_KERNEL] = "System's kernel",
		[REQUIREMENT_DUMP_KERNEL] = "Crash kernel, as it was built",
		[REQUIREMENT_RESERVATION] = "Memory for the crash kernel",
		[REQUIREMENT_CRASH_KERNEL] = "Loading the crash kernel",
		[REQUIREMENT_TARGET] = "Disk for the record",
		[REQUIREMENT_PANIC] = "Panic",
	};
	bool has_colour = cli_has_colour(stdout);
	enum requirement_group group = REQUIREMENT_GROUPS;

	for (size_t i = 0; i < check->count; i++) {
		const struct finding *finding = &check->findings[i];

		if (finding->requirement->group != group) {
			printf("%s%s\n", i ? "\n" : "",
			       titles[finding->requirement->group]);
			group = finding->requirement->group;
		}
		print_finding(finding, i ? finding - 1 : NULL, is_verbose, has_colour);
	}
	putchar('\n');
	print_verdict(check);
}

/* ---- metrics ---- */

/* The text format of Prometheus, as node_exporter's textfile collector reads it. */
static void check_print_metrics(const struct check *check)
{
	bool is_ready =
		check->verdict == REQUIREMENT_OK || check->verdict == REQUIREMENT_WARNING;

	printf("# HELP epitaph_check_ready 1 if a panic now would be captured, 0 if it "
	       "would be lost or that is unknown.\n"
	       "# TYPE epitaph_check_ready gauge\n"
	       "epitaph_check_ready %d\n"
	       "# HELP epitaph_check_status State of a requirement: 0 ok, 1 warning, 2 "
	       "fails, 3 unknown.\n"
	       "# TYPE epitaph_check_status gauge\n",
	       is_ready);
	for (size_t i = 0; i < check->count; i++) {
		const struct requirement *row = check->findings[i].requirement;

		printf("epitaph_check_status{requirement=\"%s\",group=\"%s\"} %d\n",
		       row->name, requirement_group_name(row->group),
		       check->findings[i].state);
	}
	if (!check->subject->is_machine)
		return;
	printf("# HELP epitaph_check_reserved_bytes Memory that is reserved for a crash "
	       "kernel.\n"
	       "# TYPE epitaph_check_reserved_bytes gauge\n"
	       "epitaph_check_reserved_bytes %llu\n",
	       (unsigned long long)check->subject->armed.kexec.reserved_bytes);
}

/* ---- JSON ---- */

static json_t *finding_to_json(const struct finding *finding)
{
	const struct requirement *row = finding->requirement;

	return json_pack("{s:s, s:s, s:s, s:o*, s:o*, s:s, s:o*}", "name", row->name,
			 "group", requirement_group_name(row->group), "state",
			 requirement_state_name(finding->state), "value",
			 field_new_string(finding->value), "where",
			 field_new_string(finding->where), "why", row->why, "todo",
			 field_new_string(finding->todo));
}

static int check_print_json(const struct check *check, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	json_t *rows = json_array();
	int bad = 0;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(CHECK_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "verdict",
				   json_string(requirement_state_name(check->verdict)));
	bad |= json_object_set_new(
		root, "release",
		field_new_string(check->subject->is_machine
					 ? check->subject->release
					 : check->subject->image.release));
	bad |= json_object_set_new(
		root, "arch",
		json_string(kernel_arch_name(check_subject_arch(check->subject, false))));
	for (size_t i = 0; i < check->count; i++)
		bad |= json_array_append_new(rows, finding_to_json(&check->findings[i]));
	bad |= json_object_set_new(root, "requirements", rows);
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the findings");
	putchar('\n');
	return 0;
}

/* ---- options ---- */

/* EXIT_DONE: go on. */
static int take_options(struct cli *cli, int argc, char **argv,
			struct check_options *options)
{
	int option, code = EXIT_DONE;
	bool has_root = false;

	while ((option = cli_option(cli, &cmd_check, argc, argv, NULL, options_table)) !=
	       -1) {
		if (option == OPTION_KERNEL_CONFIG)
			options->kernel_config = optarg;
		else if (option == OPTION_KERNEL)
			options->kernel = optarg;
		else if (option == OPTION_FOR)
			options->kernel_for = optarg;
		else if (option == OPTION_METRICS)
			options->metrics = true;
		else if (option == OPTION_ROOT)
			code = cli_take_root(cli, optarg, options->root,
					     options->config_path);
		else
			code = -1;
		has_root |= option == OPTION_ROOT;
		if (code == -1)
			return option == CLI_HELP ? -1 : cli_exit(option);
		if (code != EXIT_DONE)
			return code;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (has_root + !!options->kernel + !!options->kernel_config > 1)
		return cli_usage(cli, "--kernel-config, --kernel and --root don't go "
				      "together");
	if (options->kernel_for && !options->kernel && !options->kernel_config)
		return cli_usage(cli, "--for goes with --kernel-config or --kernel");
	if (options->kernel_for && strcmp(options->kernel_for, "system") &&
	    strcmp(options->kernel_for, "dump") && strcmp(options->kernel_for, "both"))
		return cli_usage(cli, "--for '%s' is none of system, dump, both",
				 options->kernel_for);
	if (options->metrics && cli->json)
		return cli_usage(cli, "--json and --metrics don't go together");
	return EXIT_DONE;
}

/* ---- the command ---- */

static int check_look(struct cli *cli, const struct check_options *options,
		      struct check_subject **ret, struct err *err)
{
	if (options->kernel_config)
		return check_subject_kernel_config(options->kernel_config, ret, err);
	if (options->kernel)
		return check_subject_kernel(options->kernel, &cli->log, ret, err);
	return check_subject_machine(options->root, &cli->config, &cli->log, ret, err);
}

static int check_tell(struct cli *cli, const struct check_options *options,
		      const struct check *check)
{
	struct err err = { 0 };

	if (cli->json && check_print_json(check, &err) < 0)
		return cli_failed(cli, &err);
	if (options->metrics)
		check_print_metrics(check);
	else if (!cli->json)
		check_print(check, cli->verbose);
	if (check->verdict == REQUIREMENT_FAILS)
		return EXIT_NOT_READY;
	return check->verdict == REQUIREMENT_UNKNOWN ? EXIT_INCOMPLETE : EXIT_DONE;
}

static int check_run(struct cli *cli, int argc, char **argv)
{
	_cleanup_check_subject struct check_subject *subject = NULL;
	_cleanup_free struct check_options *options = calloc(1, sizeof(*options));
	_cleanup_free struct finding *findings = NULL;
	struct check check = { 0 };
	struct err err = { 0 };
	int code;

	if (!options) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	code = take_options(cli, argc, argv, options);
	if (code != EXIT_DONE)
		return code < 0 ? EXIT_DONE : code;
	if (check_look(cli, options, &subject, &err) < 0)
		return cli_failed(cli, &err);
	if (options->kernel_for) {
		subject->without_system = !strcmp(options->kernel_for, "dump");
		subject->without_dump = !strcmp(options->kernel_for, "system");
	}
	if (requirement_check(subject, &findings, &check.count, &err) < 0)
		return cli_failed(cli, &err);
	check.subject = subject;
	check.findings = findings;
	check.verdict = requirement_verdict(findings, check.count);
	for (size_t i = 0; i < check.count; i++)
		check.states[findings[i].state]++;
	return check_tell(cli, options, &check);
}

const struct command cmd_check = {
	.name = "check",
	.arguments = "[OPTION...]",
	.summary = "what is missing for a capture? why it matters, what to do",
	.options =
		"      --kernel-config FILE  check a kernel's configuration (.config)\n"
		"      --kernel FILE    check a kernel's image, by the configuration in\n"
		"                       or beside it\n"
		"      --for WHICH      of these: as system, dump (the one that captures)\n"
		"                       or both (both)\n"
		"      --root DIR       check a recorded machine: its files below DIR\n"
		"      --metrics        print metrics, for node_exporter\n",
	.has_json = true,
	.run = check_run,
};
