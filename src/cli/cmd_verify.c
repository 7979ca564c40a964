// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph verify: is a dump whole? Every page that it says to have is read and unpacked.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/crash.h"
#include "dump/facts.h"
#include "dump/verify.h"
#include "record/field.h"

#define VERIFY_SCHEMA_VERSION 1

static volatile sig_atomic_t verify_interrupted;

static void verify_on_signal(int signal)
{
	verify_interrupted = signal;
}

static void verify_on_progress(void *context, const struct verify_progress *progress)
{
	fprintf(stderr, "\r%3.0f%%\033[K",
		progress->pages_total ? 100.0 * (double)progress->pages_done /
						(double)progress->pages_total
				      : 100.0);
}

/* What is known of the whole, beside its pages. */
struct verdict {
	const char *state; /* "complete", "incomplete", "corrupt" */
	char reason[256];  /* "" */
	enum exit_code code;
	size_t cpu_count, note_count, vmcoreinfo_size;
	const char *release; /* "" */
};

static void judge(const struct image *image, struct kernel *kernel,
		  const struct verify_result *result, struct verdict *ret)
{
	const struct image_info *info = image_info(image);
	const struct image_note *notes = image_notes(image, &ret->note_count);

	image_vmcoreinfo(image, &ret->vmcoreinfo_size);
	for (size_t i = 0; i < ret->note_count; i++)
		ret->cpu_count += notes[i].type == IMAGE_NT_PRSTATUS &&
				  strcmp(notes[i].name, "CORE") == 0;
	ret->release =
		kernel ? vmcoreinfo_get(kernel_vmcoreinfo(kernel), "OSRELEASE") : NULL;
	if (!ret->release)
		ret->release = "";
	ret->state = "complete";
	ret->code = EXIT_DONE;
	if (result->pages_corrupt) {
		ret->state = "corrupt";
		ret->code = EXIT_FAILED;
		snprintf(ret->reason, sizeof(ret->reason),
			 "%" PRIu64 " pages can't be unpacked", result->pages_corrupt);
	} else if (info->is_incomplete || result->pages_lost) {
		ret->state = "incomplete";
		ret->code = EXIT_INCOMPLETE;
		if (info->is_incomplete)
			snprintf(ret->reason, sizeof(ret->reason), "%s",
				 info->incomplete_why);
		else
			snprintf(ret->reason, sizeof(ret->reason),
				 "%" PRIu64 " pages are lost", result->pages_lost);
	}
}

static void print(const struct image *image, const struct verify_result *result,
		  const struct verdict *verdict)
{
	printf("%s: %s%s%s\n", image_path(image), verdict->state,
	       verdict->reason[0] ? ": " : "", verdict->reason);
	printf("  format    %s\n", image_format_name(image_info(image)->format));
	printf("  kernel    %s\n", verdict->release[0] ? verdict->release : "unknown");
	printf("  pages     %" PRIu64 " good, %" PRIu64 " lost, %" PRIu64
	       " corrupt, %" PRIu64 " left out\n",
	       result->pages_good, result->pages_lost, result->pages_corrupt,
	       result->pages_left_out);
	printf("  notes     %zu, of %zu CPUs; VMCOREINFO has %zu bytes\n",
	       verdict->note_count, verdict->cpu_count, verdict->vmcoreinfo_size);
	for (size_t i = 0; i < result->finding_count; i++)
		printf("%s%s\n", i ? "            " : "  found     ",
		       result->findings[i]);
	if (result->pages_lost + result->pages_corrupt > result->finding_count)
		printf("            ...\n");
}

static int print_json(const struct cli *cli, const struct image *image,
		      const struct verify_result *result, const struct verdict *verdict)
{
	json_t *findings = json_array();
	json_t *root;

	for (size_t i = 0; i < result->finding_count; i++)
		json_array_append_new(findings, field_new_string(result->findings[i]));
	root = json_pack("{s:i, s:o, s:s, s:o, s:s, s:o, s:{s:I, s:I, s:I, s:I, s:I},"
			 " s:{s:I, s:I, s:I}, s:o}",
			 "schema_version", VERIFY_SCHEMA_VERSION, "path",
			 field_new_string(image_path(image)), "state", verdict->state,
			 "reason", field_new_string(verdict->reason), "format",
			 image_format_name(image_info(image)->format), "release",
			 field_new_string(verdict->release), "pages", "total",
			 (json_int_t)result->pages_total, "good",
			 (json_int_t)result->pages_good, "lost",
			 (json_int_t)result->pages_lost, "corrupt",
			 (json_int_t)result->pages_corrupt, "left_out",
			 (json_int_t)result->pages_left_out, "notes", "count",
			 (json_int_t)verdict->note_count, "cpus",
			 (json_int_t)verdict->cpu_count, "vmcoreinfo_bytes",
			 (json_int_t)verdict->vmcoreinfo_size, "findings", findings);
	return crash_print_json(cli, root);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = verify_on_signal,
				    .sa_flags = SA_RESETHAND | SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int verify(struct cli *cli, const char *path, unsigned int threads)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct verify_options options = { .threads = threads,
					  .cancel = &verify_interrupted };
	struct verify_result result;
	struct verdict verdict = { 0 };
	struct err err = { 0 }, why = { 0 };
	int code;

	if (image_open(path, &image, &err) < 0)
		return cli_failed(cli, &err);
	if (kernel_open(image, &kernel, &why) < 0)
		log_warning(&cli->log, "%s", err_text(&why));
	options.page_size = facts_page_size(image, kernel);
	options.progress = isatty(STDERR_FILENO) ? verify_on_progress : NULL;
	catch_signals();
	if (verify_image(image, &options, &result, &err) < 0)
		return cli_failed(cli, &err);
	if (options.progress)
		fputs("\r\033[K", stderr);
	if (result.is_stopped) {
		err_set(&err, ERR_REFUSED, "stopped after %" PRIu64 " pages",
			result.pages_total);
		return cli_failed(cli, &err);
	}
	judge(image, kernel, &result, &verdict);
	if (!cli->json) {
		print(image, &result, &verdict);
		return verdict.code;
	}
	code = print_json(cli, image, &result, &verdict);
	return code == EXIT_DONE ? (int)verdict.code : code;
}

enum {
	OPTION_THREADS = 1000
};

static const struct option verify_options[] = {
	{ "threads", required_argument, NULL, OPTION_THREADS },
	{ 0 },
};

static int run(struct cli *cli, int argc, char **argv)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *path = NULL;
	struct err err = { 0 };
	uint64_t threads = 0;
	int c;

	while ((c = cli_option(cli, &cmd_verify, argc, argv, NULL, verify_options)) !=
	       -1) {
		if (c != OPTION_THREADS)
			return cli_exit(c);
		if (!number_parse(optarg, 10, 0, 64, &threads))
			return cli_usage(cli, "'%s' is no number of threads: 0 to 64",
					 optarg);
	}
	if (argc - optind > 1)
		return cli_usage(cli, "only one dump at a time, not '%s' too",
				 argv[optind + 1]);
	if (cli_find_crash(cli, argv[optind], &record, &path, &err) < 0)
		return cli_failed(cli, &err);
	if (!path) {
		err_set(&err, ERR_NOTFOUND, "'%s' has no dump", record->path);
		return cli_failed(cli, &err);
	}
	return verify(cli, path, (unsigned int)threads);
}

const struct command cmd_verify = {
	.name = "verify",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "read all of a dump and say whether it is whole",
	.options = "      --threads N      default one for each CPU\n",
	.has_json = true,
	.run = run,
};
