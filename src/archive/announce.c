// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/announce.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/command.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/trust.h"
#include "explain/report.h"
#include "record/field.h"
#include "record/part.h"

#define STATE_MAX  ((size_t)4096)
#define REPORT_MAX ((size_t)1 << 20) /* of report.txt, in a mail */
#define MAIL_MAX   16		     /* addresses */
#define LINE_SIZE  1024
#define MOTD_MAX   ((size_t)64 << 10)

enum way {
	WAY_LOG,
	WAY_MOTD,
	WAY_MAIL,
	WAY_NOTIFY,
	WAY_COUNT
};

static const char *const way_names[WAY_COUNT] = { "log", "motd", "mail", "notify" };

#define TRIES_DONE UINT8_MAX

struct telling {
	const struct announce_options *options;
	struct announce_result *result;
	uint32_t budget_ms;
};

/* ---- what was told ---- */

static void state_read(const struct record *record, uint8_t tries[static WAY_COUNT])
{
	_cleanup_free char *text = NULL;
	_cleanup_fd int fd = -1;
	char *line, *rest;
	struct stat st;

	memset(tries, 0, WAY_COUNT);
	if (part_open(record->dirfd, ANNOUNCE_NAME, &fd, NULL) < 0 ||
	    fstat(fd, &st) < 0 || (uint64_t)st.st_size > STATE_MAX)
		return;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text || fd_read_full(fd, text, (size_t)st.st_size, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char name[16], value[16];

		if (sscanf(line, "%15s %15s", name, value) != 2)
			continue;
		for (int i = 0; i < WAY_COUNT; i++) {
			if (strcmp(name, way_names[i]) == 0)
				tries[i] =
					strcmp(value, "done") == 0
						? TRIES_DONE
						: (uint8_t)MIN(strtoul(value, NULL, 10),
							       100ul);
		}
	}
}

static int state_write(const struct record *record, const uint8_t tries[static WAY_COUNT],
		       struct err *err)
{
	_cleanup_text struct text text = { 0 };
	int r;

	for (int i = 0; i < WAY_COUNT; i++) {
		if (tries[i] == TRIES_DONE)
			text_add(&text, "%s done\n", way_names[i]);
		else if (tries[i] > 0)
			text_add(&text, "%s %u\n", way_names[i], tries[i]);
	}
	r = text_check(&text, err);
	if (r == 0)
		r = file_replace(record->dirfd, ANNOUNCE_NAME, text_get(&text), text.size,
				 0600, err);
	return r;
}

/* ---- what there is to tell ---- */

static const char *or_else(const char *text, const char *other)
{
	return text[0] ? text : other;
}

/* That the capture was cut off, else the first part that is not what it wanted; "". */
static void format_missing(const struct record *record, char *ret, size_t size)
{
	ret[0] = '\0';
	if (record_was_cut(record)) {
		snprintf(
			ret, size,
			"incomplete: the capture did not end, in its step '%s': the crash "
			"kernel panicked, was reset, or the power was cut",
			record->crash.step);
		return;
	}
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		const struct record_part_meta *part = &record->parts[i];

		if (part->state == RECORD_COMPLETE ||
		    (part->state == RECORD_ABSENT && !part->reason[0]))
			continue;
		snprintf(ret, size, "incomplete: %s is %s: %s",
			 record_part_key((enum record_part)i),
			 record_state_name(part->state),
			 or_else(part->reason, "no reason is known"));
		return;
	}
}

static void format_time(const struct record *record, char ret[static 64])
{
	time_t when = (time_t)archive_record_time(record);
	struct tm tm;

	if (when <= 0 || !localtime_r(&when, &tm) ||
	    strftime(ret, 64, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		snprintf(ret, 64, "unknown time");
}

static void format_line(const struct record *record, char ret[static LINE_SIZE])
{
	const struct record_crash *crash = &record->crash;
	char when[64], missing[512], line[LINE_SIZE];

	format_time(record, when);
	format_missing(record, missing, sizeof(missing));
	snprintf(line, sizeof(line),
		 "the kernel %s crashed (%s): %s; see 'epitaph show %s'%s%s",
		 or_else(crash->kernel_release, "of this machine"), when,
		 or_else(crash->cause, or_else(crash->title, "cause unknown")),
		 archive_record_name(record), missing[0] ? "; " : "", missing);
	field_clean(line, ret, LINE_SIZE);
}

/* The text of a part, as far as @limit; "" where there is none. */
static char *read_part(const struct record *record, enum record_part part, size_t limit,
		       size_t *ret_size)
{
	_cleanup_fd int fd = -1;
	char *text = NULL;
	struct stat st;

	*ret_size = 0;
	if (record_part_open(record, part, &fd, NULL) == 0 && fstat(fd, &st) == 0) {
		size_t size = (size_t)MIN((uint64_t)st.st_size, (uint64_t)limit);

		text = calloc(1, size + 1);
		if (text && fd_pread_full(fd, text, size, 0, NULL) == 0)
			*ret_size = size;
	}
	return text ? text : calloc(1, 1);
}

/* By its report; "" unknown. */
static void read_signature(const struct record *record,
			   char ret[static SIGNATURE_STRING_SIZE])
{
	_cleanup_report struct report *report = NULL;
	_cleanup_free char *json = NULL;
	size_t size;

	ret[0] = '\0';
	json = read_part(record, RECORD_REPORT_JSON, REPORT_JSON_MAX, &size);
	if (json && size > 0 && report_parse_json(json, size, &report, NULL) == 0)
		memcpy(ret, report->signature, SIGNATURE_STRING_SIZE);
}

/* ---- the ways ---- */

static int tell_log(struct telling *t, const struct record *record, struct err *err)
{
	char line[LINE_SIZE];

	format_line(record, line);
	return t->options->log_line(t->options->context, line, err);
}

/* What is there already; nothing where it is a link, or others may write it: it would be
 * shown to all. */
static void motd_read(const char *path, struct text *ret)
{
	_cleanup_fd int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_free char *old = NULL;
	struct stat st;
	size_t size;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && trust_stat(&st) &&
	    fd_read_to_end(fd, MOTD_MAX, &old, &size, NULL) == 0)
		text_add_bytes(ret, old, size);
}

/*
 * A line more of a file that all may read, as each login shows it; of a boot, as /run is.
 */
static int tell_motd(struct telling *t, const struct record *record, struct err *err)
{
	const char *path = t->options->motd;
	_cleanup_free char *above = strndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_text struct text text = { 0 };
	char line[LINE_SIZE];
	int r;

	if (!above)
		return err_nomem(err);
	motd_read(path, &text);
	format_line(record, line);
	text_add(&text, "epitaph: %s\n", line);
	r = text_check(&text, err);
	if (r == 0 && above[0])
		r = dir_make_path(above, 0755, err);
	if (r == 0)
		r = file_replace(AT_FDCWD, path, text.data, text.size, 0644, err);
	return r;
}

bool announce_is_address_list(const char *text)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789._+-@ ";
	size_t words = 0;

	if (text[strspn(text, allowed)])
		return false;
	for (const char *p = text; *p; p++) {
		bool is_start = *p != ' ' && (p == text || p[-1] == ' ');

		words += is_start;
		if (is_start && *p == '-')
			return false;
	}
	return words > 0 && words <= MAIL_MAX;
}

static const char *find_sendmail(const struct announce_options *options)
{
	static const char *const paths[] = { "/usr/sbin/sendmail", "/usr/lib/sendmail" };

	if (options->sendmail)
		return options->sendmail;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	}
	return NULL;
}

static int mail_format(const struct record *record, const char *to, struct text *ret,
		       struct err *err)
{
	const struct record_crash *crash = &record->crash;
	_cleanup_free char *report = NULL;
	char line[LINE_SIZE], path[PATH_MAX];
	size_t size;

	format_line(record, line);
	report = read_part(record, RECORD_REPORT_TEXT, REPORT_MAX, &size);
	if (!report)
		return err_nomem(err);
	text_add(ret, "To: ");
	for (const char *p = to; *p; p++) // blanks stand between addresses
		text_add(ret, "%s",
			 *p == ' ' ? (p[1] && p[1] != ' ' ? ", " : "")
				   : (char[2]){ *p, 0 });
	text_add(ret, "\nSubject: kernel crash on %s: %.120s\n",
		 or_else(crash->host, "this machine"),
		 or_else(crash->title, or_else(crash->cause, "cause unknown")));
	text_add(ret, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
		      "Content-Type: text/plain; charset=utf-8\n"
		      "Content-Transfer-Encoding: 8bit\n\n");
	field_clean(record->path, path, sizeof(path));
	text_add(ret, "%s\n\n%s\n\n", line, path);
	text_add_bytes(ret, report, size);
	return text_check(ret, err);
}

static int tell_mail(struct telling *t, const struct record *record, struct err *err)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
						   "LC_ALL=C.UTF-8", NULL };
	const char *argv[MAIL_MAX + 5] = { find_sendmail(t->options), "-i", "--" };
	_cleanup_text struct text mail = { 0 };
	_cleanup_free char *words = strdup(t->options->mail_to);
	struct command_run command = { .argv = argv, .environment = environment };
	size_t argc = 3;
	char *rest;
	int r;

	if (!words)
		return err_nomem(err);
	if (!argv[0])
		return err_set(err, ERR_NOTFOUND, "there is no sendmail");
	if (!announce_is_address_list(words))
		return err_set(err, ERR_INVALID, "'%s' are no addresses",
			       t->options->mail_to);
	for (char *word = strtok_r(words, " ", &rest); word && argc < MAIL_MAX + 4;
	     word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	r = mail_format(record, t->options->mail_to, &mail, err);
	if (r < 0)
		return r;
	command.input = text_get(&mail);
	command.input_size = mail.size;
	return command_run(&command, &t->budget_ms, err);
}

static int tell_notify(struct telling *t, const struct record *record, struct err *err)
{
	const struct record_crash *crash = &record->crash;
	const char *argv[] = { t->options->notify, NULL };
	char signature[SIGNATURE_STRING_SIZE], line[LINE_SIZE], missing[512], when[32];
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "PATH", "/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "LC_ALL", "C.UTF-8" },
		{ "EPITAPH_RECORD", record->path },
		{ "EPITAPH_TITLE", crash->title },
		{ "EPITAPH_CAUSE", crash->cause },
		{ "EPITAPH_SIGNATURE", signature },
		{ "EPITAPH_TIME", when },
		{ "EPITAPH_HOST", crash->host },
		{ "EPITAPH_KERNEL", crash->kernel_release },
		{ "EPITAPH_INCOMPLETE", missing },
	};
	char *environment[ARRAY_SIZE(variables) + 1] = { NULL };
	struct command_run command = { .argv = argv,
				       .environment = (const char *const *)environment,
				       .input = line };
	int r = 0;

	read_signature(record, signature);
	format_line(record, line);
	format_missing(record, missing, sizeof(missing));
	snprintf(when, sizeof(when), "%" PRId64, archive_record_time(record));
	command.input_size = strlen(line);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(variables); i++) {
		if (asprintf(&environment[i], "%s=%s", variables[i].name,
			     variables[i].value) < 0) {
			environment[i] = NULL;
			r = err_nomem(err);
		}
	}
	if (r == 0)
		r = command_run(&command, &t->budget_ms, err);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		free(environment[i]);
	return r;
}

static bool way_is_on(const struct announce_options *options, enum way way)
{
	switch (way) {
	case WAY_LOG:
		return options->log_line;
	case WAY_MOTD:
		return options->motd[0];
	case WAY_MAIL:
		return options->mail_to[0];
	case WAY_NOTIFY:
		return options->notify[0];
	case WAY_COUNT:
		break;
	}
	return false;
}

/* ---- all ---- */

static int announce_record(struct telling *t, const struct record *record,
			   struct err *err)
{
	static int (*const tell[WAY_COUNT])(struct telling *, const struct record *,
					    struct err *) = { tell_log, tell_motd,
							      tell_mail, tell_notify };
	uint8_t tries[WAY_COUNT];
	bool is_told = false;
	int r = 0;

	state_read(record, tries);
	for (int i = 0; r == 0 && i < WAY_COUNT; i++) {
		struct err why = { 0 };

		if (!way_is_on(t->options, (enum way)i) || tries[i] >= ANNOUNCE_TRIES_MAX)
			continue;
		if (tell[i](t, record, &why) == 0) {
			tries[i] = TRIES_DONE;
			is_told = true;
		} else {
			tries[i]++;
			t->result->failed++;
			log_warning(t->options->log, "'%s' was not told by %s: %s; %s",
				    record->path, way_names[i], err_text(&why),
				    tries[i] < ANNOUNCE_TRIES_MAX
					    ? "it is tried again the next time"
					    : "it is not tried again");
		}
		r = state_write(record, tries, err);
	}
	t->result->told += is_told;
	return r < 0 ? err_in(err, r, "remembering that '%s' was told", record->path) : 0;
}

int announce(const struct archive *archive, const struct announce_options *options,
	     time_t now, struct announce_result *ret, struct err *err)
{
	struct telling t = { .options = options,
			     .result = ret,
			     .budget_ms = ANNOUNCE_BUDGET_MS };
	_cleanup_fd int lock = -1;
	size_t first = archive->count > ANNOUNCE_CRASHES_MAX
			       ? archive->count - ANNOUNCE_CRASHES_MAX
			       : 0;
	int r = 0;

	*ret = (struct announce_result){ 0 };
	if (archive->count > 0)
		r = archive_lock(archive->path, &lock, err);
	for (size_t i = first; r == 0 && i < archive->count; i++) {
		int64_t when = archive_record_time(archive->records[i]);

		if (when > 0 && now - when > ANNOUNCE_AGE_MAX_S)
			continue;
		r = announce_record(&t, archive->records[i], err);
	}
	return r < 0 ? err_in(err, r, "telling of crashes") : 0;
}
