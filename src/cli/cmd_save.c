// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph save: a dump filtered and compressed into a new one; makedumpfile's job. To the
 * standard output or a pipe it goes as a flattened stream. An interrupt ends it early,
 * and what was written stays, valid and marked as incomplete.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/fd.h"
#include "base/number.h"
#include "base/size.h"
#include "cli/mem_table.h"
#include "dump/dump.h"
#include "record/field.h"
#include "record/record.h"

#define SAVE_SCHEMA_VERSION 1
#define SAVE_THREADS_MAX    64
#define SAVE_LINE_EVERY_S   5 /* where stderr is no terminal */
#define SAVE_LEVEL_DEFAULT  31

struct save {
	struct cli *cli;
	const char *destination;
	char *source; /* what SOURCE turned out to be: a record has its dump */
	char **words; /* SOURCE, or the parts of a split one; then DEST, if there is */
	size_t source_count;
	bool is_estimate; /* there is no DEST */
	struct dump_options options;
	const char *format; /* as it was named, or NULL */
	bool is_file;	    /* DEST: ours, and to be removed if nothing could be saved */
	bool force;
	struct timespec started;
	double line_after_s; /* the next line of progress, without a terminal */
	bool has_line;	     /* an unfinished one is on the terminal */
};

static volatile sig_atomic_t save_interrupted;

static void save_on_signal(int signal)
{
	save_interrupted = signal;
}

/* A second interrupt ends the program as usual. */
static void save_catch_signals(void)
{
	struct sigaction action = { .sa_handler = save_on_signal,
				    .sa_flags = SA_RESETHAND | SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static double save_seconds(const struct save *save)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - save->started.tv_sec) +
	       (double)(now.tv_nsec - save->started.tv_nsec) / 1e9;
}

/* ---- options ---- */

enum {
	SAVE_FORCE = 1000,
	SAVE_ESTIMATE,
	SAVE_LIMIT,
	SAVE_FORMAT,
	SAVE_THREADS
};

static bool save_set_format(struct save *save, const char *name)
{
	struct dump_options *options = &save->options;

	if (strcmp(name, "elf") == 0)
		options->format = DUMP_FORMAT_ELF;
	else if (strcmp(name, "flattened") == 0)
		options->output = OUTPUT_STREAM;
	else if (strcmp(name, "kdump") != 0)
		return false;
	save->format = name;
	return true;
}

static const struct option save_options[] = {
	{ "level", required_argument, NULL, 'l' },
	{ "codec", required_argument, NULL, 'c' },
	{ "threads", required_argument, NULL, SAVE_THREADS },
	{ "force", no_argument, NULL, SAVE_FORCE },
	{ "estimate", no_argument, NULL, SAVE_ESTIMATE },
	{ "format", required_argument, NULL, SAVE_FORMAT },
	{ "limit", required_argument, NULL, SAVE_LIMIT },
	{ 0 },
};

/* EXIT_DONE, or what to return. */
static int save_set_option(struct save *save, int option)
{
	struct dump_options *options = &save->options;
	struct err err = { 0 };
	uint64_t number;

	switch (option) {
	case 'l':
		if (strcmp(optarg, "mini") == 0) {
			options->level = DUMP_LEVEL_MINI;
			return EXIT_DONE;
		}
		if (!number_parse(optarg, 10, 0, DUMP_LEVEL_MAX, &number))
			return cli_usage(save->cli, "'%s' is no level: 0 to %d, or mini",
					 optarg, DUMP_LEVEL_MAX);
		options->level = (int)number;
		return EXIT_DONE;
	case 'c':
		if (codec_parse(optarg, &options->codec, &options->codec_level, &err) < 0)
			return cli_usage(save->cli, "%s", err_text(&err));
		return EXIT_DONE;
	case SAVE_THREADS:
		if (!number_parse(optarg, 10, 0, SAVE_THREADS_MAX, &number))
			return cli_usage(save->cli,
					 "'%s' is no number of threads: 1 to %d, or 0 "
					 "for one a CPU",
					 optarg, SAVE_THREADS_MAX);
		options->threads = (unsigned int)number;
		return EXIT_DONE;
	case SAVE_FORMAT:
		if (!save_set_format(save, optarg))
			return cli_usage(save->cli,
					 "'%s' is no format: kdump, flattened or elf",
					 optarg);
		return EXIT_DONE;
	case SAVE_LIMIT:
		if (!size_parse(optarg, 10, &options->size_limit) ||
		    options->size_limit == 0)
			return cli_usage(
				save->cli,
				"'%s' is no size: a number of bytes, or of K, M, "
				"G or T",
				optarg);
		return EXIT_DONE;
	case SAVE_FORCE:
		save->force = true;
		return EXIT_DONE;
	case SAVE_ESTIMATE:
		save->is_estimate = true;
		return EXIT_DONE;
	default:
		return cli_exit(option);
	}
}

static bool save_is_stdout(const struct save *save)
{
	return strcmp(save->destination, "-") == 0;
}

static const char *save_format_name(const struct save *save)
{
	if (save->options.output == OUTPUT_STREAM)
		return "flattened";
	return save->options.format == DUMP_FORMAT_ELF ? "elf" : "kdump";
}

/* What is not an option: the sources, and where to. */
static int save_set_words(struct save *save, int count, char **words)
{
	save->words = words;
	if (save->is_estimate) {
		if (save->options.format == DUMP_FORMAT_ELF)
			return cli_usage(save->cli, "--estimate is of compressed dumps");
		if (count < 1)
			return cli_usage(save->cli, "a SOURCE is needed");
		save->source_count = (size_t)count;
		return -1;
	}
	if (count < 2)
		return cli_usage(save->cli, "a SOURCE and a DEST are needed");
	save->source_count = (size_t)count - 1;
	save->destination = words[count - 1];
	return -1;
}

static int save_parse(struct save *save, int argc, char **argv)
{
	int option, exit;

	codec_parse("zstd", &save->options.codec, &save->options.codec_level, NULL);
	while ((option = cli_option(save->cli, &cmd_save, argc, argv,
				    "l:c:", save_options)) != -1) {
		exit = save_set_option(save, option);
		if (exit != EXIT_DONE || option < 0)
			return exit;
	}
	exit = save_set_words(save, argc - optind, argv + optind);
	if (exit >= 0 || save->is_estimate || !save_is_stdout(save))
		return exit;
	if (save->format && save->options.output != OUTPUT_STREAM)
		return cli_usage(save->cli,
				 "the standard output takes the format 'flattened' only");
	if (isatty(STDOUT_FILENO))
		return cli_usage(save->cli, "a dump is not written to a terminal");
	save->options.output = OUTPUT_STREAM;
	return -1;
}

/* ---- progress ---- */

static void save_end_line(struct save *save)
{
	if (save->has_line)
		fputs("\r\033[K", stderr);
	save->has_line = false;
}

static void save_progress(void *context, const struct dump_progress *progress)
{
	struct save *save = context;
	double seconds = save_seconds(save);
	char size[32], text[128];

	cli_format_size(progress->bytes_written, size, sizeof(size));
	if (!progress->pages_total)
		snprintf(text, sizeof(text), "selecting pages, %.0f s", seconds);
	else
		snprintf(text, sizeof(text), "%3.0f%%, %s written, %.0f s",
			 100.0 * (double)progress->pages_done /
				 (double)progress->pages_total,
			 size, seconds);
	if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\r%s\033[K", text);
		save->has_line = true;
	} else if (seconds >= save->line_after_s) {
		fprintf(stderr, "%s: %s\n", save->cli->program, text);
		save->line_after_s = seconds + SAVE_LINE_EVERY_S;
	}
}

/* Warnings on a line of their own. */
static void save_log(void *context, enum log_level level, const char *message)
{
	struct save *save = context;

	save_end_line(save);
	save->cli->log.write(save->cli->log.context, level, message);
}

/* ---- the result ---- */

static uint64_t save_left_out(const struct dump_result *result)
{
	return result->pages_free + result->pages_cache + result->pages_user +
	       result->pages_beyond + result->pages_other;
}

static void save_print(const struct save *save, const struct dump_result *result,
		       double seconds, FILE *stream)
{
	char size[32];

	cli_format_size(result->bytes_written, size, sizeof(size));
	fprintf(stream, "%s: %s in %.1f s, %s%s\n", save->destination, size, seconds,
		result->is_complete ? "complete" : "incomplete: ",
		result->is_complete ? "" : result->incomplete_why);
	fprintf(stream,
		"  written   %" PRIu64 " of %" PRIu64 " pages (%" PRIu64 " of zeros)\n",
		result->pages_written, result->pages_total, result->pages_zero);
	fprintf(stream,
		"  left out  %" PRIu64 " (free %" PRIu64 ", page cache %" PRIu64
		", user %" PRIu64 ", other %" PRIu64 ")\n",
		save_left_out(result), result->pages_free, result->pages_cache,
		result->pages_user, result->pages_other);
	if (result->pages_beyond)
		fprintf(stream, "            %" PRIu64 " of them %s\n",
			result->pages_beyond,
			save->options.level == DUMP_LEVEL_MINI
				? "because a first answer needs none of them"
				: "because of the limit");
	if (result->proof == DUMP_PROOF_DONE)
		fprintf(stream,
			"  proved    %" PRIu64
			" pages that a first answer needs, read again "
			"from it\n",
			result->pages_proved);
	if (result->pages_unreadable)
		fprintf(stream,
			"  lost      %" PRIu64 " that the source could not give\n",
			result->pages_unreadable);
	if (result->selection_why[0])
		fprintf(stream, "  selection zero pages only: %s\n",
			result->selection_why);
}

static json_t *save_pages_json(const struct dump_result *result)
{
	const struct {
		const char *key;
		uint64_t pages;
	} rows[] = {
		{ "total", result->pages_total },
		{ "written", result->pages_written },
		{ "zero", result->pages_zero },
		{ "free", result->pages_free },
		{ "cache", result->pages_cache },
		{ "user", result->pages_user },
		{ "other", result->pages_other },
		{ "beyond", result->pages_beyond },
		{ "core", result->pages_core },
		{ "rescued", result->pages_rescued },
		{ "proved", result->pages_proved },
		{ "repaired", result->pages_repaired },
		{ "unreadable", result->pages_unreadable },
	};
	json_t *pages = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		json_object_set_new(pages, rows[i].key,
				    json_integer((json_int_t)rows[i].pages));
	return pages;
}

static json_t *save_level_json(const struct save *save)
{
	return save->options.level == DUMP_LEVEL_MINI ? json_string("mini")
						      : json_integer(save->options.level);
}

static int save_print_json(const struct save *save, const struct dump_result *result,
			   double seconds, FILE *stream, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	const struct {
		const char *key;
		json_t *value;
	} rows[] = {
		{ "schema_version", json_integer(SAVE_SCHEMA_VERSION) },
		{ "source", field_new_string(save->source) },
		{ "path", field_new_string(save->destination) },
		{ "state", json_string(result->is_complete ? "complete" : "incomplete") },
		{ "reason", field_new_string(result->incomplete_why) },
		{ "size_bytes", json_integer((json_int_t)result->bytes_written) },
		{ "seconds", json_real(seconds) },
		{ "format", json_string(save_format_name(save)) },
		{ "level", save_level_json(save) },
		{ "codec", json_string(codec_name(save->options.codec)) },
		{ "selection", json_string(dump_selection_name(result->selection)) },
		{ "selection_reason", field_new_string(result->selection_why) },
		{ "core_missing", field_new_string(result->core_missing) },
		{ "proof", json_string(dump_proof_name(result->proof)) },
		{ "proof_reason", field_new_string(result->proof_why) },
		{ "pages", save_pages_json(result) },
	};
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		bad |= json_object_set_new(root, rows[i].key, rows[i].value);
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stream, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the result");
	fputc('\n', stream);
	return 0;
}

/* ---- the command ---- */

/* SOURCE: a dump, or a record that has one; or files that a dump was split into. */
static int save_find_source(struct save *save, struct err *err)
{
	_cleanup_record struct record *record = NULL;
	int r;

	if (save->source_count > 1) {
		save->source = strdup(save->words[0]);
		return save->source ? 0 : err_nomem(err);
	}
	r = cli_find_crash(save->cli, save->words[0], &record, &save->source, err);
	if (r == 0 && !save->source)
		r = err_set(err, ERR_NOTFOUND, "'%s' has no dump", save->words[0]);
	if (r == 0)
		save->words[0] = save->source;
	return r;
}

static const char *const *save_sources(const struct save *save)
{
	return (const char *const *)save->words;
}

static bool save_is_source(const struct save *save, int fd)
{
	struct stat source, destination;

	if (fstat(fd, &destination) < 0)
		return false;
	for (size_t i = 0; i < save->source_count; i++)
		if (stat(save->words[i], &source) == 0 &&
		    source.st_dev == destination.st_dev &&
		    source.st_ino == destination.st_ino)
			return true;
	return false;
}

/* What can't be sought takes a stream. */
static int save_choose_output(struct save *save, struct err *err)
{
	if (save->options.output == OUTPUT_STREAM)
		return 0;
	if (save->format)
		return err_set(err, ERR_INVALID,
			       "'%s' is no file: it takes the format 'flattened' only",
			       save->destination);
	save->options.output = OUTPUT_STREAM;
	return 0;
}

/* The new file's; ERR_REFUSED for one that exists, unless forced. */
static int save_create(struct save *save, int *ret, struct err *err)
{
	int flags = O_RDWR | O_CREAT | O_CLOEXEC | (save->force ? 0 : O_EXCL);
	int fd = open(save->destination, flags, 0600);

	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_REFUSED,
			       "'%s' exists already; --force overwrites it",
			       save->destination);
	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", save->destination);
	if (save_is_source(save, fd)) {
		close(fd);
		return err_set(err, ERR_INVALID, "'%s' is the source itself",
			       save->destination);
	}
	if (ftruncate(fd, 0) < 0) {
		err_os(err, errno, "unable to empty '%s'", save->destination);
		close(fd);
		return ERR_OS;
	}
	save->is_file = true;
	*ret = fd;
	return 0;
}

/* A pipe or a tape is there already, and nothing in it can be overwritten. */
static bool save_is_special(const struct save *save)
{
	struct stat st;

	return stat(save->destination, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

static int save_open(struct save *save, int *ret, struct err *err)
{
	int fd, r;

	if (!save_is_stdout(save) && !save_is_special(save))
		return save_create(save, ret, err);
	fd = save_is_stdout(save) ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
				  : open(save->destination, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", save->destination);
	r = save_choose_output(save, err);
	if (r < 0)
		close(fd);
	else
		*ret = fd;
	return r;
}

/* Exit code of a dump that is in the file now, whole or not. */
static int save_finish(struct save *save, const struct dump_result *result, int *fd,
		       int code, struct err *err)
{
	double seconds = save_seconds(save);
	struct err close_err = { 0 };
	FILE *stream = save_is_stdout(save) ? stderr : stdout;
	int r = fd_close(fd, &close_err);

	save_end_line(save);
	if (code < 0 && !result->pages_written) {
		if (save->is_file)
			unlink(save->destination);
		return cli_failed(save->cli, err);
	}
	if (r < 0)
		return cli_failed(save->cli, &close_err);
	if (save->cli->json) {
		if (save_print_json(save, result, seconds, stream, err) < 0)
			return cli_failed(save->cli, err);
	} else {
		save_print(save, result, seconds, stream);
	}
	return result->is_complete ? EXIT_DONE : EXIT_INCOMPLETE;
}

/* Returns the exit code. */
static int save_dump(struct save *save, struct err *err)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct dump_result result;
	struct err why = { 0 };
	int fd, r;

	clock_gettime(CLOCK_MONOTONIC, &save->started);
	r = image_open_set(save_sources(save), save->source_count, &image, err);
	if (r < 0)
		return cli_failed(save->cli, err);
	if (kernel_open(image, &kernel, &why) < 0)
		log_warning(save->options.log, "%s", err_text(&why));
	r = save_open(save, &fd, err);
	if (r < 0)
		return cli_failed(save->cli, err);
	save_catch_signals();
	r = dump_write(image, kernel, &save->options, fd, &result, err);
	return save_finish(save, &result, &fd, r, err);
}

static int save_estimate(const struct save *save)
{
	const struct mem_table_options options = {
		.estimate = { .has_sizes = true,
			      .codec = save->options.codec,
			      .codec_level = save->options.codec_level },
	};

	return mem_table_run(save->cli, save_sources(save), save->source_count, &options);
}

static int save_run(struct cli *cli, int argc, char **argv)
{
	struct save save = { .cli = cli, .line_after_s = SAVE_LINE_EVERY_S };
	const struct log log = { .write = save_log, .context = &save };
	struct err err = { 0 };
	int exit;

	save.options = (struct dump_options){ .level = SAVE_LEVEL_DEFAULT,
					      .log = &log,
					      .progress = save_progress,
					      .progress_context = &save,
					      .cancel = &save_interrupted };
	exit = save_parse(&save, argc, argv);
	if (exit >= 0)
		return exit;
	if (save_find_source(&save, &err) < 0)
		return cli_failed(cli, &err);
	exit = save.is_estimate ? save_estimate(&save) : save_dump(&save, &err);
	free(save.source);
	return exit;
}

const struct command cmd_save = {
	.name = "save",
	.arguments = "[OPTION...] SOURCE... DEST",
	.summary = "filter and compress a dump into a new file",
	.options =
		"  -l, --level LEVEL    leave out 1 zero pages, 2 page cache, 4 also that "
		"with\n"
		"                       private data, 8 user memory, 16 free pages: the "
		"sum of\n"
		"                       them, as makedumpfile's -d (default 31: all); or "
		"mini:\n"
		"                       the log, tasks, stacks, symbols and nothing else\n"
		"  -c, --codec C[:N]    zstd, zlib, lzo, snappy or none, at level N "
		"(default\n"
		"                       zstd, each page in the way that suits it)\n"
		"      --format F       kdump, flattened (for pipes) or elf (for gdb; not\n"
		"                       compressed)\n"
		"      --limit SIZE     write no more, and what is worth most first: bytes, "
		"or\n"
		"                       so many K, M, G\n"
		"      --threads N      default one for each CPU\n"
		"      --force          overwrite DEST\n"
		"      --estimate       write nothing, say how large it would be at each "
		"level\n"
		"Several SOURCEs are the files of one dump that was split.\n",
	.has_json = true,
	.run = save_run,
};
