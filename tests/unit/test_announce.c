// SPDX-License-Identifier: GPL-2.0-or-later
/* New crashes told once on each way, by programs made here; and again where that failed.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "archive/announce.h"
#include "archive/command.h"
#include "base/fd.h"
#include "base/text.h"

#define WHEN ((time_t)1795394520) /* 2026-11-23 00:42 UTC */

struct fixture {
	char top[64];
	char archive[128], motd[128], program[128], said[128];
	int lines, warnings;
	char line[1024];
	bool log_fails;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->top, sizeof(f->top), "/tmp/epitaph-announce-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->archive, sizeof(f->archive), "%s/crash", f->top);
	snprintf(f->motd, sizeof(f->motd), "%s/motd.d/epitaph", f->top);
	snprintf(f->program, sizeof(f->program), "%s/program", f->top);
	snprintf(f->said, sizeof(f->said), "%s/said", f->top);
	setenv("TZ", "UTC", 1);
	tzset();
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void add(struct fixture *f, time_t when, const char *title, bool is_whole)
{
	_cleanup_record struct record *record = NULL;
	int fd;

	assert_int_equal(record_create(f->archive, when, &record, NULL), 0);
	record->crash.crash_time = when;
	snprintf(record->crash.title, sizeof(record->crash.title), "%s", title);
	snprintf(record->crash.host, sizeof(record->crash.host), "box");
	assert_int_equal(
		record_part_write(record, RECORD_REPORT_TEXT, "of it\n", 6, 0, NULL), 0);
	if (!is_whole)
		assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	assert_int_equal(record_save_meta(record, NULL), 0);
}

static void write_program(const struct fixture *f, const char *body)
{
	_cleanup_text struct text text = { 0 };

	text_add(&text, "#!/bin/sh\n%s\n", body);
	assert_int_equal(
		file_replace(AT_FDCWD, f->program, text.data, text.size, 0700, NULL), 0);
}

static char *read_file(const char *path)
{
	char *text = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, NULL, NULL), 0);
	return text;
}

static void assert_contains(const char *path, const char *text)
{
	_cleanup_free char *all = read_file(path);

	if (!strstr(all, text))
		fail_msg("no '%s' in '%s'", text, all);
}

static int take_line(void *context, const char *line, struct err *err)
{
	struct fixture *f = context;

	if (f->log_fails)
		return err_set(err, ERR_OS, "nobody listens");
	f->lines++;
	snprintf(f->line, sizeof(f->line), "%s", line);
	return 0;
}

static void count_log(void *context, enum log_level level, const char *message)
{
	struct fixture *f = context;

	f->warnings += level <= LOG_LEVEL_WARNING;
}

static struct announce_result tell(struct fixture *f, struct announce_options options)
{
	const struct log log = { .write = count_log, .context = f };
	_cleanup_archive struct archive archive = { 0 };
	struct announce_result result;

	options.motd = options.motd ? options.motd : "";
	options.mail_to = options.mail_to ? options.mail_to : "";
	options.notify = options.notify ? options.notify : "";
	options.log = &log;
	options.context = f;
	assert_int_equal(archive_open(f->archive, NULL, &archive, NULL), 0);
	assert_int_equal(announce(&archive, &options, WHEN + 60, &result, NULL), 0);
	return result;
}

static void test_once(void **state)
{
	struct fixture *f = *state;
	struct announce_options options = { .log_line = take_line, .motd = f->motd };

	assert_int_equal(tell(f, options).told, 0); // no archive
	add(f, WHEN - 15 * 86400, "old", true);
	add(f, WHEN, "new", false);
	assert_int_equal(tell(f, options).told, 1);
	assert_int_equal(f->lines, 1);
	assert_non_null(strstr(f->line, "new"));
	assert_non_null(strstr(f->line, "epitaph show 202611230042"));
	assert_non_null(
		strstr(f->line, "dump is partial: its writing was never finished"));
	assert_contains(f->motd, "epitaph show 202611230042");
	add(f, WHEN + 60, "newer", true);
	assert_int_equal(tell(f, options).told, 1);
	assert_null(strstr(f->line, "incomplete"));
	assert_contains(f->motd, "new;");
	assert_contains(f->motd, "newer;");
	assert_int_equal(tell(f, options).told, 0);
	assert_int_equal(f->lines, 2);
	assert_int_equal(f->warnings, 0);
}

static void test_notify(void **state)
{
	struct fixture *f = *state;
	struct announce_options options = { .notify = f->program };
	char body[512];

	add(f, WHEN, "a 'title'; $(touch x)", true);
	snprintf(body, sizeof(body), "{ env; cat; } >>%s", f->said);
	write_program(f, body);
	assert_int_equal(tell(f, options).told, 1);
	assert_int_equal(tell(f, options).told, 0);
	assert_contains(f->said, "EPITAPH_TITLE=a 'title'; $(touch x)\n");
	assert_contains(f->said, "/crash/202611230042\n");
	assert_contains(f->said, "EPITAPH_HOST=box\n");
	assert_contains(f->said, "EPITAPH_TIME=1795394520\n");
	assert_contains(f->said, "the kernel");
}

static void test_mail(void **state)
{
	struct fixture *f = *state;
	struct announce_options options = { .mail_to = "root a@b.c",
					    .sendmail = f->program };
	char body[512];

	add(f, WHEN, "title", true);
	snprintf(body, sizeof(body), "{ echo \"$@\"; cat; } >>%s", f->said);
	write_program(f, body);
	assert_int_equal(tell(f, options).told, 1);
	assert_contains(f->said, "-i -- root a@b.c\n");
	assert_contains(f->said, "To: root, a@b.c\n");
	assert_contains(f->said, "Subject: kernel crash on box: title\n");
	assert_contains(f->said, "\nof it\n");
	assert_true(announce_is_address_list("a@b"));
	assert_false(announce_is_address_list("-t"));
	assert_false(announce_is_address_list("a -t"));
	assert_false(announce_is_address_list("a\nBcc: b"));
	assert_false(announce_is_address_list("a;b"));
	assert_false(announce_is_address_list(" "));
}

/* Each way for itself; not for ever. */
static void test_failures(void **state)
{
	struct fixture *f = *state;
	struct announce_options options = { .log_line = take_line, .notify = f->program };

	add(f, WHEN, "title", true);
	write_program(f, "exit 1");
	f->log_fails = true;
	assert_int_equal(tell(f, options).failed, 2);
	f->log_fails = false;
	for (int i = 1; i < ANNOUNCE_TRIES_MAX; i++)
		assert_int_equal(tell(f, options).failed, 1);
	assert_int_equal(f->lines, 1);
	assert_int_equal(tell(f, options).failed, 0);
	assert_int_equal(f->warnings, 1 + ANNOUNCE_TRIES_MAX);
}

static int run_program(const struct fixture *f, uint32_t budget_ms)
{
	const char *const argv[] = { f->program, NULL }, *const environment[] = { NULL };
	const struct command_run command = { argv, environment, "", 0 };

	return command_run(&command, &budget_ms, NULL);
}

static void test_command(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_program(f, 60000), ERR_OS); // there is none
	write_program(f, "exit 0");
	assert_int_equal(run_program(f, 60000), 0);
	assert_int_equal(run_program(f, 0), ERR_LIMIT);
	write_program(f, "kill -9 $$");
	assert_int_equal(run_program(f, 60000), ERR_OS);
	write_program(f,
		      "while :; do read x </dev/zero; done & while :; do read x; done");
	assert_int_equal(run_program(f, 50), ERR_LIMIT);
	write_program(f, "exit 0");
	assert_int_equal(chmod(f->program, 0722), 0);
	assert_int_equal(run_program(f, 60000), ERR_REFUSED);
	assert_int_equal(chmod(f->program, 0600), 0);
	assert_int_equal(run_program(f, 60000), ERR_REFUSED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_once),     TEST(test_notify),	 TEST(test_mail),
		TEST(test_failures), TEST(test_command),
	};

	return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}
