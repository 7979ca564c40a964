// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph collect: run at boot. Brings what pstore kept into the archive, judges a
 * rehearsal that crashed this machine (rehearse --real), tells of the crashes that were
 * recorded since the last time (in panic_log, the system log, a message of the day, by
 * mail, by a program: see announce.h), and then removes what retention does not keep.
 */
#include <errno.h>
#include <getopt.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "archive/announce.h"
#include "archive/archive.h"
#include "archive/farewell_efi.h"
#include "archive/pstore.h"
#include "archive/raw_import.h"
#include "archive/removal.h"
#include "archive/retention.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/rehearse_store.h"
#include "dump/flat.h"
#include "record/farewell.h"
#include "record/field.h"

#define COLLECT_SCHEMA_VERSION 1

#define SYSTEMD_DEPTH 2 /* /var/lib/systemd/pstore/TIME/001/dmesg-... */

enum {
	OPTION_PSTORE = 1000,
};

struct collected {
	const char *archive_path;
	const char *panic_log;	   /* "": none is kept */
	const char *pstore_source; /* NULL: pstore is not asked */
	struct pstore_result pstore;
	size_t crash_count; /* in the archive, at last */
	size_t new_count;   /* lines that were written */
	struct announce_result told;
	size_t removed_count;
	size_t raw_count; /* taken over from partitions */
	bool is_cut;	  /* the last crash's capture did not end */
};

/* ---- the result ---- */

static json_t *collect_pstore_json(const struct pstore_result *pstore)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "made", (json_int_t)pstore->made,
			 "joined", (json_int_t)pstore->joined, "known",
			 (json_int_t)pstore->known, "left", (json_int_t)pstore->left,
			 "failed", (json_int_t)pstore->failed);
}

static int collect_print_json(const struct collected *c, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	int bad = 0;

	bad |= json_object_set_new(root, "schema_version",
				   json_integer(COLLECT_SCHEMA_VERSION));
	bad |= json_object_set_new(root, "archive", field_new_string(c->archive_path));
	bad |= json_object_set_new(root, "panic_log",
				   c->panic_log[0] ? field_new_string(c->panic_log)
						   : json_null());
	bad |= json_object_set_new(root, "pstore",
				   c->pstore_source ? collect_pstore_json(&c->pstore)
						    : json_null());
	bad |= json_object_set_new(root, "crash_count",
				   json_integer((json_int_t)c->crash_count));
	bad |= json_object_set_new(root, "new_count",
				   json_integer((json_int_t)c->new_count));
	bad |= json_object_set_new(root, "told_count",
				   json_integer((json_int_t)c->told.told));
	bad |= json_object_set_new(root, "failed_count",
				   json_integer((json_int_t)c->told.failed));
	bad |= json_object_set_new(root, "raw_count",
				   json_integer((json_int_t)c->raw_count));
	bad |= json_object_set_new(root, "last_was_cut", json_boolean(c->is_cut));
	bad |= json_object_set_new(root, "removed_count",
				   json_integer((json_int_t)c->removed_count));
	if (bad)
		return err_nomem(err);
	if (json_dumpf(root, stdout, JSON_INDENT(2)) < 0)
		return err_os(err, errno, "unable to write the result");
	putchar('\n');
	return 0;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "es";
}

static void collect_print(const struct collected *c)
{
	const struct pstore_result *pstore = &c->pstore;

	if (pstore->made + pstore->joined > 0)
		printf("%zu crash%s from pstore, %zu of them recorded already\n",
		       pstore->made + pstore->joined,
		       plural(pstore->made + pstore->joined), pstore->joined);
	if (c->raw_count > 0)
		printf("%zu crash%s from partitions\n", c->raw_count,
		       plural(c->raw_count));
	if (c->panic_log[0])
		printf("%zu new crash%s noted in '%s' (%zu in '%s')\n", c->new_count,
		       plural(c->new_count), c->panic_log, c->crash_count,
		       c->archive_path);
	else
		printf("%zu crash%s in '%s'; none noted: no panic_log is configured\n",
		       c->crash_count, plural(c->crash_count), c->archive_path);
	if (c->told.told > 0)
		printf("%zu new crash%s told\n", c->told.told, plural(c->told.told));
	if (c->removed_count > 0)
		printf("%zu crash%s removed: see keep in epitaph.conf(5)\n",
		       c->removed_count, plural(c->removed_count));
}

/* ---- its steps: one that fails does not keep the next from being tried ---- */

static void add_result(struct pstore_result *sum, const struct pstore_result *more)
{
	sum->made += more->made;
	sum->joined += more->joined;
	sum->known += more->known;
	sum->left += more->left;
	sum->failed += more->failed;
}

static bool collect_source(struct cli *cli, const char *source, bool keep_source,
			   int depth, struct collected *c)
{
	const struct pstore_options options = {
		.archive = cli->config.archive,
		.layout = cli->config.layout,
		.source = source,
		.keep_source = keep_source,
		.depth = depth,
		.log = &cli->log,
	};
	struct pstore_result result;
	struct err err = { 0 };
	int r = pstore_collect(&options, &result, &err);

	add_result(&c->pstore, &result);
	if (r < 0)
		cli_failed(cli, &err);
	return r == 0 && result.failed == 0;
}

/* What a crash kernel that had no disk has left in the firmware. */
static bool collect_farewell(struct cli *cli, struct collected *c)
{
	const struct pstore_options options = { .archive = cli->config.archive,
						.log = &cli->log };
	struct pstore_result result;
	struct err err = { 0 };
	int r = farewell_efi_collect(&options, FAREWELL_EFI_PATH, &result, &err);

	add_result(&c->pstore, &result);
	if (r < 0)
		cli_failed(cli, &err);
	return r == 0 && result.failed == 0;
}

static bool collect_pstore(struct cli *cli, struct collected *c)
{
	_cleanup_fd int lock = -1;
	struct err err = { 0 };
	bool is_good;

	if (archive_lock(cli->config.archive, &lock, &err) < 0) {
		cli_failed(cli, &err);
		return false;
	}
	removal_sweep(cli->config.archive, &cli->log);
	if (strcmp(c->pstore_source, PSTORE_PATH) != 0)
		return collect_source(cli, c->pstore_source, false, 0, c);
	pstore_mount(PSTORE_PATH, &cli->log);
	is_good = collect_source(cli, PSTORE_PATH, false, 0, c);
	is_good = collect_farewell(cli, c) && is_good;
	// What systemd-pstore(8) moved there before us is its own, to keep and to remove.
	return collect_source(cli, PSTORE_SYSTEMD_PATH, true, SYSTEMD_DEPTH, c) &&
	       is_good;
}

/* Is stderr the journal's own stream? Then a line may carry its priority. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

/*
 * Under systemd the journal, else syslog(3), else, as nobody listens yet, the kernel's
 * log, which the system log takes in when it starts.
 */
static int collect_log_line(void *context, const char *line, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	_cleanup_fd int fd = -1;
	int r;

	if (stderr_is_journal()) {
		fprintf(stderr, "<%d>%s\n", LOG_CRIT, line);
		return 0;
	}
	if (access("/dev/log", W_OK) == 0) {
		openlog("epitaph", 0, LOG_DAEMON);
		syslog(LOG_CRIT, "%s", line);
		closelog();
		return 0;
	}
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno,
			      "no system log, and unable to open '/dev/kmsg'");
	text_add(&text, "<%d>epitaph: %.900s\n", LOG_CRIT, line);
	r = text_check(&text, err);
	return r < 0 ? r : fd_write_full(fd, text.data, text.size, err);
}

static int collect_announce(struct cli *cli, const struct archive *archive,
			    struct collected *c, struct err *err)
{
	const struct announce_options options = {
		.log_line = cli->config.syslog ? collect_log_line : NULL,
		.motd = cli->config.motd,
		.mail_to = cli->config.mail_to,
		.notify = cli->config.notify,
		.log = &cli->log,
	};

	return announce(archive, &options, time(NULL), &c->told, err);
}

static int collect_unflatten(int in, int out, struct err *err)
{
	uint64_t bytes;

	return flat_rearrange(in, out, &bytes, err);
}

/* The partitions that the configuration names: one that is not ours is nobody's loss. */
static bool collect_raw(struct cli *cli, struct collected *c)
{
	_cleanup_fd int lock = -1;
	bool is_good = true;

	for (uint32_t i = 0; i < cli->config.target_count; i++) {
		const char *name = cli->config.targets[i];
		struct raw_import import = { .archive = cli->config.archive,
					     .layout = cli->config.layout,
					     .device = name + 4,
					     .log = &cli->log,
					     .unflatten = collect_unflatten };
		struct err err = { 0 };
		bool is_new = false;
		int r = 0;

		if (strncmp(name, "raw:", 4) != 0)
			continue;
		if (lock < 0)
			r = archive_lock(cli->config.archive, &lock, &err);
		if (r == 0)
			r = raw_import_run(&import, &is_new, &err);
		c->raw_count += is_new;
		if (r < 0 && r != ERR_NOTFOUND) {
			cli_failed(cli, &err);
			is_good = false;
		}
	}
	return is_good;
}

/* A record whose capture did not come to its end says what became of the crash kernel,
 * and nobody else does. The last one only: those before were told at their time. */
static void collect_tell_cut(struct cli *cli, const struct archive *archive,
			     struct collected *c)
{
	const struct record *record =
		archive->count ? archive->records[archive->count - 1] : NULL;

	if (!record || !record_was_cut(record))
		return;
	c->is_cut = true;
	log_warning(&cli->log,
		    "the capture of '%s' did not end: in its step '%s' the crash kernel "
		    "panicked, was reset, or the power was cut",
		    record->path, record->crash.step);
}

static int collect_prune(struct cli *cli, struct archive *archive, struct collected *c,
			 struct err *err)
{
	const struct retention retention = {
		.keep = cli->config.keep,
		.keep_days = cli->config.keep_days,
		.keep_size_bytes = cli->config.keep_size_bytes,
		.keep_free_bytes = cli->config.keep_free_bytes,
	};
	_cleanup_retention_plan struct retention_plan plan = { 0 };
	_cleanup_fd int lock = -1;
	int r;

	c->crash_count = archive->count;
	r = retention_choose(archive, &retention, time(NULL), &plan, err);
	if (r < 0 || plan.count == 0)
		return r;
	r = archive_lock(cli->config.archive, &lock, err);
	if (r < 0)
		return r;
	c->removed_count = retention_apply(&plan, &cli->log);
	c->crash_count -= c->removed_count;
	return 0;
}

static int collect_run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "pstore", required_argument, NULL, OPTION_PSTORE },
		{ 0 },
	};
	_cleanup_archive struct archive archive = { 0 };
	struct collected c = { .archive_path = cli->config.archive,
			       .panic_log = cli->config.panic_log };
	struct err err = { 0 };
	bool is_good = true;
	int option, r;

	while ((option = cli_option(cli, &cmd_collect, argc, argv, "", options)) != -1) {
		if (option != OPTION_PSTORE)
			return cli_exit(option);
		c.pstore_source = optarg;
	}
	if (optind < argc)
		return cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	if (!c.pstore_source && cli->config.collect_pstore)
		c.pstore_source = PSTORE_PATH;
	if (c.pstore_source)
		is_good = collect_pstore(cli, &c);
	is_good = collect_raw(cli, &c) && is_good;
	r = archive_open(cli->config.archive, &cli->log, &archive, &err);
	if (r == 0)
		collect_tell_cut(cli, &archive, &c);
	if (r == 0) // not before all that the crash left is here
		is_good = rehearse_judge_real(cli) && is_good;
	if (r == 0 && cli->config.panic_log[0])
		r = archive_note(&archive, cli->config.panic_log, &c.new_count, &err);
	if (r == 0)
		r = collect_announce(cli, &archive, &c, &err);
	if (r == 0) // not before they are told
		r = collect_prune(cli, &archive, &c, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	if (cli->json)
		r = collect_print_json(&c, &err);
	else
		collect_print(&c);
	if (r < 0)
		return cli_failed(cli, &err);
	return is_good && c.told.failed == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct command cmd_collect = {
	.name = "collect",
	.arguments = "[OPTION...]",
	.summary = "at boot: take over what pstore kept, tell of new crashes",
	.options = "      --pstore DIR     take over DIR instead of " PSTORE_PATH "\n",
	.has_json = true,
	.run = collect_run,
};
