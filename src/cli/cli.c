// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the commands share: options that all have, messages, sizes, colours, and finding
 * the crash that the user means.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "base/trust.h"
#include "record/field.h"
#include "record/record.h"

#define OPTIONS_MAX 32

/* Above those of commands, which begin at 1000. */
enum {
	OPTION_CONFIG = 9000,
	OPTION_JSON
};

static const struct option common_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "json", no_argument, NULL, OPTION_JSON },
};

#define MESSAGE_MAX 8192

/* A message quotes paths and texts that others made: none of it may steer a terminal. */
static void say(const struct cli *cli, const char *prefix, const char *message)
{
	char clean[MESSAGE_MAX];

	field_clean(message, clean, sizeof(clean));
	fprintf(stderr, "%s: %s%s\n", cli->program, prefix, clean);
}

static void write_log(void *context, enum log_level level, const char *message)
{
	static const char *const prefixes[] = {
		[LOG_LEVEL_ERROR] = "error: ",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	const struct cli *cli = context;

	if (level == LOG_LEVEL_DEBUG && !cli->verbose)
		return;
	say(cli, prefixes[level], message);
}

struct log cli_log(struct cli *cli)
{
	return (struct log){ .write = write_log, .context = cli };
}

void cli_print_help(const struct command *command)
{
	printf("Usage: epitaph %s %s\n", command->name, command->arguments);
	printf("%c%s.\n\n", command->summary[0] - 'a' + 'A', command->summary + 1);
	if (command->options)
		printf("%s", command->options);
	if (command->has_json)
		printf("      --json           print JSON, for programs\n");
	printf("      --config FILE    read FILE instead of %s\n"
	       "  -v, --verbose        say more of what is being done\n"
	       "  -h, --help           print this\n"
	       "\n"
	       "See epitaph-%s(1).\n",
	       CONFIG_PATH, command->name);
}

static int load_config(struct cli *cli)
{
	const char *path = cli->config_path ? cli->config_path : CONFIG_PATH;
	struct err err = { 0 };
	int r;

	// No file at the usual place is fine; one that was named has to be there.
	if (cli->config_path && access(path, R_OK) < 0) {
		err_os(&err, errno, "unable to read '%s'", path);
		cli_failed(cli, &err);
		return CLI_FAILED;
	}
	// What one may write that all may change decides what root runs: notify, hooks,
	// the crash kernel's image. One that was named is the caller's business.
	if (!cli->config_path && geteuid() == 0 && access(path, F_OK) == 0 &&
	    trust_path(path, &err) < 0) {
		log_warning(&cli->log,
			    "'%s' is not used, the defaults are: %s; make it root's "
			    "alone: chown root, chmod go-w",
			    path, err_text(&err));
		config_init(&cli->config);
		return -1;
	}
	r = config_load(&cli->config, path, &cli->log, &err);
	if (r == 0)
		return -1;
	cli_failed(cli, &err);
	return CLI_FAILED;
}

/* getopt_long() with our own words, which name the command. */
static int next_option(const struct cli *cli, int argc, char **argv,
		       const char *short_options, const struct option *long_options)
{
	char letters[64];
	int c;

	snprintf(letters, sizeof(letters), ":hv%s", short_options ? short_options : "");
	opterr = 0;
	c = getopt_long(argc, argv, letters, long_options, NULL);
	if (c == ':')
		cli_usage(cli, "option '%s' needs a value", argv[optind - 1]);
	else if (c == '?' && optopt > 0 && optopt <= UCHAR_MAX)
		cli_usage(cli, "unknown option '-%c'", optopt);
	else if (c == '?' && optopt)
		cli_usage(cli, "option '%s' takes no value", argv[optind - 1]);
	else if (c == '?')
		cli_usage(cli, "unknown option '%s'", argv[optind - 1]);
	return c == ':' || c == '?' ? CLI_USAGE : c;
}

int cli_option(struct cli *cli, const struct command *command, int argc, char **argv,
	       const char *short_options, const struct option *own)
{
	struct option all[OPTIONS_MAX + ARRAY_SIZE(common_options) + 1];
	size_t count = command->has_json ? ARRAY_SIZE(common_options)
					 : ARRAY_SIZE(common_options) - 1;
	int c;

	memset(all, 0, sizeof(all));
	memcpy(all, common_options, count * sizeof(*all));
	for (size_t i = 0; own && own[i].name && i < OPTIONS_MAX; i++)
		all[count++] = own[i];
	for (;;) {
		c = next_option(cli, argc, argv, short_options, all);
		switch (c) {
		case 'h':
			cli_print_help(command);
			return CLI_HELP;
		case 'v':
			cli->verbose = true;
			break;
		case OPTION_CONFIG:
			cli->config_path = optarg;
			break;
		case OPTION_JSON:
			cli->json = true;
			break;
		case -1:
			return load_config(cli);
		default:
			return c;
		}
	}
}

int cli_exit(int option)
{
	switch (option) {
	case CLI_HELP:
		return EXIT_DONE;
	case CLI_FAILED:
		return EXIT_FAILED;
	default:
		return EXIT_USAGE;
	}
}

int cli_take_root(struct cli *cli, const char *path, char ret_root[static PATH_MAX],
		  char ret_config_path[static PATH_MAX])
{
	size_t length = strlen(path);
	struct err err = { 0 };
	struct stat st;
	int r = stat(path, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;

	if (r) {
		err_os(&err, r, "unable to open the directory '%s'", path);
		return cli_failed(cli, &err);
	}
	while (length > 0 && path[length - 1] == '/')
		length--;
	if (snprintf(ret_root, PATH_MAX, "%.*s", (int)length, path) >= PATH_MAX ||
	    snprintf(ret_config_path, PATH_MAX, "%s" CONFIG_PATH, ret_root) >= PATH_MAX)
		return cli_usage(cli, "the path of --root is too long");
	if (access(ret_config_path, F_OK) < 0)
		strcpy(ret_config_path, "/dev/null");
	if (ret_root[0] && !cli->config_path)
		cli->config_path = ret_config_path;
	return EXIT_DONE;
}

int cli_failed(const struct cli *cli, const struct err *err)
{
	say(cli, "", err_text(err));
	return EXIT_FAILED;
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	say(cli, "", message);
	fprintf(stderr, "Try '%s --help'.\n", cli->program);
	return EXIT_USAGE;
}

#define PID_DIGITS 7 /* PID_MAX_LIMIT is 4194304; a record's stamp has 12 */

static bool is_pid(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && !text[digits] && digits <= PID_DIGITS;
}

int cli_crash_and_pids(const struct cli *cli, int argc, char **argv,
		       const char **ret_name, int32_t *ret_pids, size_t max,
		       size_t *ret_count)
{
	size_t count = 0;

	if (optind < argc && !is_pid(argv[optind]))
		*ret_name = argv[optind++];
	for (; optind < argc; optind++) {
		if (!is_pid(argv[optind]))
			return cli_usage(cli, "'%s' is no PID", argv[optind]);
		if (count == max)
			return cli_usage(cli, "more than %zu PIDs", max);
		ret_pids[count++] = (int32_t)strtol(argv[optind], NULL, 10);
	}
	*ret_count = count;
	return 0;
}

void cli_format_size(uint64_t bytes, char *ret, size_t size)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(ret, size, "%" PRIu64 " B", bytes);
		return;
	}
	// 1023.96 KiB would be printed as 1024.0: already a unit too many.
	for (value /= 1024; value >= 1023.95 && units[unit + 1]; unit++)
		value /= 1024;
	snprintf(ret, size, "%.1f %ciB", value, units[unit]);
}

bool cli_has_colour(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color && *no_color)
		return false;
	return isatty(fileno(stream)) && term && *term && strcmp(term, "dumb") != 0;
}

/* A word that archive_find() knows goes before a file of that name in this directory. */
static bool is_path(const char *name)
{
	struct stat st;

	if (strchr(name, '/'))
		return true;
	return strcmp(name, "last") != 0 && name[0] != '-' && stat(name, &st) == 0;
}

static int find_in_archive(struct cli *cli, const char *name, struct record **ret,
			   struct err *err)
{
	_cleanup_archive struct archive archive = { 0 };
	int r;

	r = archive_open(cli->config.archive, &cli->log, &archive, err);
	if (r < 0)
		return r;
	if (!archive.count)
		return err_set(err, ERR_NOTFOUND, "no crash in '%s'",
			       cli->config.archive);
	return archive_find(&archive, name, ret, err);
}

static int find_path(const char *path, struct record **ret_record, char **ret_dump_path,
		     struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	if (S_ISDIR(st.st_mode))
		return record_open(path, ret_record, err);
	*ret_dump_path = strdup(path);
	return *ret_dump_path ? 0 : err_nomem(err);
}

static int dump_of_record(const struct record *record, char **ret, struct err *err)
{
	char name[NAME_MAX + 1];

	if (record->parts[RECORD_DUMP].state == RECORD_ABSENT)
		return 0;
	record_part_name(record, RECORD_DUMP, name);
	return asprintf(ret, "%s/%s", record->path, name) < 0 ? err_nomem(err) : 0;
}

int cli_find_crash(struct cli *cli, const char *name, struct record **ret_record,
		   char **ret_dump_path, struct err *err)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *dump_path = NULL;
	int r;

	if (name && is_path(name))
		r = find_path(name, &record, &dump_path, err);
	else
		r = find_in_archive(cli, name ? name : "last", &record, err);
	if (r == 0 && record)
		r = dump_of_record(record, &dump_path, err);
	if (r < 0)
		return r;
	*ret_record = take_ptr(record);
	*ret_dump_path = take_ptr(dump_path);
	return 0;
}
