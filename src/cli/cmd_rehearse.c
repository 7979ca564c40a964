// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph rehearse: progress on stderr while the machine runs; then, on stdout, the
 * report on its crash as `epitaph show` prints it, or all as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/rehearse_store.h"
#include "record/field.h"
#include "rehearse/rehearse.h"

#define TAIL_SIZE  4096
#define TAIL_LINES 25

enum {
	OPTION_KERNEL_ROOT = 1000,
	OPTION_MEMORY,
	OPTION_DISK,
	OPTION_CPUS,
	OPTION_CRASHKERNEL,
	OPTION_TRIGGER,
	OPTION_MODULE,
	OPTION_MODULE_ARGS,
	OPTION_MODE,
	OPTION_END,
	OPTION_APPEND,
	OPTION_TREE,
	OPTION_QEMU,
	OPTION_LOAD,
	OPTION_KEEP,
	OPTION_TIMEOUT,
	OPTION_FIND_MINIMUM,
	OPTION_STEP,
	OPTION_STORE,
	OPTION_REAL,
};

static const struct option options_table[] = {
	{ "kernel-root", required_argument, NULL, OPTION_KERNEL_ROOT },
	{ "memory", required_argument, NULL, OPTION_MEMORY },
	{ "disk", required_argument, NULL, OPTION_DISK },
	{ "cpus", required_argument, NULL, OPTION_CPUS },
	{ "crashkernel", required_argument, NULL, OPTION_CRASHKERNEL },
	{ "trigger", required_argument, NULL, OPTION_TRIGGER },
	{ "module", required_argument, NULL, OPTION_MODULE },
	{ "module-args", required_argument, NULL, OPTION_MODULE_ARGS },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "end", required_argument, NULL, OPTION_END },
	{ "append", required_argument, NULL, OPTION_APPEND },
	{ "tree", required_argument, NULL, OPTION_TREE },
	{ "qemu", required_argument, NULL, OPTION_QEMU },
	{ "load", required_argument, NULL, OPTION_LOAD },
	{ "keep", required_argument, NULL, OPTION_KEEP },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "find-minimum", no_argument, NULL, OPTION_FIND_MINIMUM },
	{ "step", required_argument, NULL, OPTION_STEP },
	{ "store", required_argument, NULL, OPTION_STORE },
	{ "real", no_argument, NULL, OPTION_REAL },
	{ 0 },
};

/* Set by SIGINT and SIGTERM; the machine is then switched off, and all is cleaned up. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
	interrupted = signal_number;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	// `epitaph rehearse | head`: what nobody reads is no reason to leave files
	// behind.
	signal(SIGPIPE, SIG_IGN);
}

/* ---- options ---- */

#define STEP_MIB     2
#define STEP_MIB_MAX 1024

/* What the command line says of the configuration, which is read after it, and of what
 * else than one rehearsal is wanted. */
struct overrides {
	const char *mode, *end;
	bool find_minimum;
	uint32_t step_mib;
	const char *store; /* a root, or NULL */
	bool is_real;
	bool is_virtual; /* something that only a virtual machine can be told */
};

static int take_number(struct cli *cli, const char *name, uint32_t min, uint32_t max,
		       uint32_t *ret)
{
	uint64_t value;

	if (number_parse(optarg, 10, min, max, &value)) {
		*ret = (uint32_t)value;
		return 0;
	}
	return cli_usage(cli, "--%s '%s' is no number from %u to %u", name, optarg, min,
			 max);
}

static int take_trigger(struct cli *cli, struct rehearse_options *options)
{
	struct err err = { 0 };

	if (rehearse_trigger_parse(optarg, &options->trigger, &err) < 0)
		return cli_usage(cli, "--trigger %s", err_text(&err));
	return 0;
}

static int take_option(struct cli *cli, int option, struct rehearse_options *options,
		       struct overrides *overrides)
{
	switch (option) {
	case OPTION_KERNEL_ROOT:
		options->kernel_root = optarg;
		return 0;
	case OPTION_MEMORY:
		return take_number(cli, "memory", REHEARSE_MEMORY_MIN_MIB,
				   REHEARSE_MEMORY_MAX_MIB, &options->memory_mib);
	case OPTION_DISK:
		return take_number(cli, "disk", REHEARSE_DISK_MIN_MIB,
				   REHEARSE_DISK_MAX_MIB, &options->disk_mib);
	case OPTION_CPUS:
		return take_number(cli, "cpus", 1, REHEARSE_CPUS_MAX, &options->cpus);
	case OPTION_CRASHKERNEL:
		options->crashkernel = optarg;
		return 0;
	case OPTION_TRIGGER:
		return take_trigger(cli, options);
	case OPTION_MODULE:
		options->module = optarg;
		options->trigger = REHEARSE_MODULE;
		return 0;
	case OPTION_MODULE_ARGS:
		options->module_args = optarg;
		return 0;
	case OPTION_MODE:
		overrides->mode = optarg;
		return 0;
	case OPTION_END:
		overrides->end = optarg;
		return 0;
	case OPTION_APPEND:
		options->append = optarg;
		return 0;
	case OPTION_TREE:
		options->tree = optarg;
		return 0;
	case OPTION_QEMU:
		options->qemu = optarg;
		return 0;
	case OPTION_LOAD:
		options->load = optarg;
		return 0;
	case OPTION_KEEP:
		options->keep = optarg;
		return 0;
	case OPTION_TIMEOUT:
		return take_number(cli, "timeout", 1, 24 * 3600, &options->timeout_s);
	case OPTION_FIND_MINIMUM:
		overrides->find_minimum = true;
		return 0;
	case OPTION_STEP:
		return take_number(cli, "step", 1, STEP_MIB_MAX, &overrides->step_mib);
	case OPTION_STORE:
		overrides->store = optarg;
		return 0;
	case OPTION_REAL:
		overrides->is_real = true;
		return 0;
	default:
		return cli_exit(option);
	}
}

static int apply_overrides(struct cli *cli, const struct overrides *overrides)
{
	if (overrides->mode &&
	    orders_mode_parse(overrides->mode, &cli->config.mode, NULL) < 0)
		return cli_usage(cli, "--mode '%s' is not one of full, mini, dmesg",
				 overrides->mode);
	if (overrides->end &&
	    orders_end_parse(overrides->end, &cli->config.end, NULL) < 0)
		return cli_usage(cli, "--end '%s' is not one of reboot, poweroff, halt",
				 overrides->end);
	return 0;
}

/* ---- telling ---- */

static void show_phase(void *context, enum rehearse_phase phase,
		       const struct rehearse_phase_result *result)
{
	char detail[sizeof(result->detail)];

	field_clean(result->detail, detail, sizeof(detail));
	fprintf(stderr, "%6.1f s  %s%s%s\n", result->seconds, rehearse_phase_text(phase),
		detail[0] ? " " : "", detail);
}

/* The end of the console's log: what there is to go by when no record came of it. */
static void show_tail(const char *path)
{
	char tail[TAIL_SIZE + 1], clean[TAIL_SIZE];
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	char *line, *rest, *start = tail;
	size_t count = 0;
	ssize_t n;

	if (size < 0)
		return;
	n = pread(fd, tail, TAIL_SIZE, MAX(size - TAIL_SIZE, 0));
	if (n <= 0)
		return;
	tail[n] = '\0';
	for (char *c = tail + n; c > tail; c--) {
		if (*c == '\n' && ++count > TAIL_LINES) {
			start = c + 1;
			break;
		}
	}
	fprintf(stderr, "The end of the machine's console:\n");
	for (line = strtok_r(start, "\r\n", &rest); line;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		field_clean(line, clean, sizeof(clean));
		fprintf(stderr, "    %s\n", clean);
	}
}

/* `epitaph show RECORD`: the same program, so that what is printed is what it prints. */
static void show_report(const struct cli *cli, const char *record)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "epitaph", "show", record, (char *)NULL);
		_exit(127);
	}
	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static int print_json(const struct cli *cli, const struct rehearse_result *result)
{
	_cleanup_json json_t *json = NULL;
	struct err err = { 0 };

	if (rehearse_to_json(result, &json, &err) < 0)
		return cli_failed(cli, &err);
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	printf("\n");
	return EXIT_DONE;
}

static int tell_verdict(struct cli *cli, const struct rehearse_result *result)
{
	char left[80] = "";

	if (cli->json && print_json(cli, result) != EXIT_DONE)
		return EXIT_FAILED;
	if (!cli->json && result->record[0])
		show_report(cli, result->record);
	if (result->memory_low_kib >= 0)
		snprintf(left, sizeof(left), "; %.1f of %.1f MiB were left at the least",
			 (double)result->memory_low_kib / 1024,
			 (double)result->memory_total_kib / 1024);
	if (result->verdict == REHEARSED_GOOD) {
		fprintf(stderr,
			"%s: good: the record is complete (kernel %s, %s, %.1f s)%s\n",
			cli->program, result->kernel_release, result->accelerator,
			result->seconds, left);
		return EXIT_DONE;
	}
	if (result->verdict == REHEARSED_FAILED)
		show_tail(result->console);
	fprintf(stderr, "%s: %s: %s\n", cli->program,
		rehearsed_verdict_name(result->verdict), result->why);
	fprintf(stderr, "%s: everything that is left of it is in '%s'\n", cli->program,
		result->directory);
	return result->verdict == REHEARSED_INCOMPLETE ? EXIT_INCOMPLETE : EXIT_FAILED;
}

/* Of a good one nothing stays that was not asked for; of any other one all that helps. */
static int finish(struct cli *cli, const struct rehearse_result *result)
{
	int code = tell_verdict(cli, result);

	if (code == EXIT_DONE) {
		rehearse_clean(result);
		if (result->is_temporary)
			fprintf(stderr,
				"%s: its files are removed; --keep DIR keeps them\n",
				cli->program);
	}
	return code;
}

/* A verdict on another machine's kernel is not kept as this one's, unless asked for. */
static struct rehearse_store choose_store(const struct rehearse_options *options,
					  const struct overrides *overrides)
{
	bool is_own = !options->kernel_root[0] || strcmp(options->kernel_root, "/") == 0;
	const char *root = overrides->store ? overrides->store : "";

	return (struct rehearse_store){
		.is_wanted = is_own || overrides->store,
		.root = strcmp(root, "/") == 0 ? "" : root,
	};
}

static int rehearse(struct cli *cli, const struct rehearse_options *options,
		    const struct overrides *overrides)
{
	struct rehearse_store store = choose_store(options, overrides);
	struct rehearse_result result;
	struct rehearsed verdict;
	struct err err = { 0 };

	if (overrides->find_minimum)
		return rehearse_show_minimum(cli, options, overrides->step_mib, &store);
	if (rehearse_run(options, &result, &err) < 0) {
		rehearse_clean(&result);
		return cli_failed(cli, &err);
	}
	rehearse_to_verdict(options, &result, &verdict);
	rehearse_keep_verdict(cli, &store, &verdict);
	return finish(cli, &result);
}

static int rehearse_command(struct cli *cli, int argc, char **argv)
{
	struct overrides overrides = { .step_mib = STEP_MIB };
	struct rehearse_options options;
	int option, r;

	rehearse_options_init(&options);
	while ((option = cli_option(cli, &cmd_rehearse, argc, argv, NULL,
				    options_table)) != -1) {
		overrides.is_virtual |= option >= OPTION_KERNEL_ROOT &&
					option != OPTION_TRIGGER && option != OPTION_REAL;
		r = take_option(cli, option, &options, &overrides);
		if (r != 0 || option == CLI_HELP)
			return r;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (overrides.is_real && (overrides.is_virtual || cli->json))
		return cli_usage(cli, "--real goes with --trigger only");
	if (overrides.is_real)
		return rehearse_for_real(cli, options.trigger);
	r = apply_overrides(cli, &overrides);
	if (r != 0)
		return r;
	if (options.trigger == REHEARSE_MODULE && !options.module)
		return cli_usage(cli, "--trigger module needs --module FILE");
	if (cli->config_path)
		options.config_path = cli->config_path;
	options.config = &cli->config;
	options.log = &cli->log;
	options.cancel = &interrupted;
	options.phase = show_phase;
	catch_signals();
	return rehearse(cli, &options, &overrides);
}

const struct command cmd_rehearse = {
	.name = "rehearse",
	.arguments = "[OPTION...]",
	.summary = "try the whole way in a virtual machine: arm, panic, capture, report",
	.options =
		"      --kernel-root DIR   the kernel of DIR/boot and DIR/lib/modules;\n"
		"                       default: this machine's own\n"
		"      --memory MIB     of the machine; default 1024\n"
		"      --disk MIB       default: 256 more than the memory\n"
		"      --cpus N         default 2\n"
		"      --crashkernel SIZE  what it reserves; default 128M\n"
		"      --trigger sysrq|module|nmi|oom|hung-task|init\n"
		"                       what brings it down; default sysrq\n"
		"      --module FILE    the module to load for that\n"
		"      --module-args ARGUMENTS\n"
		"      --mode full|dmesg  what to write, instead of what is configured\n"
		"      --end reboot|poweroff|halt\n"
		"                       what to do then, instead of what is configured\n"
		"      --append CMDLINE more for the first kernel's command line\n"
		"      --tree DIR       files that are on the machine's disk, too\n"
		"      --load MODULES   more modules for the first system, between blanks\n"
		"      --qemu ARGUMENTS more for QEMU, between blanks\n"
		"      --keep DIR       keep record and console log there: new, or empty\n"
		"      --timeout S      give up after that; default 300\n"
		"      --find-minimum   search the smallest reservation that works\n"
		"      --step MIB       as exact as that; default 2\n"
		"      --store DIR      keep the verdict below DIR\n"
		"      --real           crash this very machine, after a question\n",
	.has_json = true,
	.run = rehearse_command,
};
