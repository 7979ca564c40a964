// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of the crash kernel, as far as it can be had without one: the supervisor against
 * steps that hang, crash, fail or lie, with a real record; the disk by its UUID in a made
 * up /sys and /dev.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "capture/capture.h"
#include "capture/last_resort.h"
#include "capture/movement.h"
#include "capture/room.h"
#include "capture/target_disk.h"

#define GRACE_MS 300

struct fixture {
	char dir[64];
	struct console *console;
	struct capture capture;
};

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	return remove(path);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct record *record;

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-capture.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->console = malloc(sizeof(*f->console));
	assert_non_null(f->console);
	console_init(f->console, -1);
	capture_init(&f->capture, f->console);
	f->capture.grace_ms = GRACE_MS;
	assert_int_equal(record_create(f->dir, 1800000000, &record, NULL), 0);
	snprintf(f->capture.record_path, sizeof(f->capture.record_path), "%s",
		 record->path);
	record_close(record);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	capture_done(&f->capture);
	nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(f->console);
	free(f);
	return 0;
}

static bool console_has(const struct console *console, const char *text)
{
	for (size_t i = 0; i < console->count; i++) {
		if (strstr(console->lines[i].text, text))
			return true;
	}
	return false;
}

static struct record *open_record(const struct fixture *f)
{
	struct record *record = NULL;

	assert_int_equal(record_open(f->capture.record_path, &record, NULL), 0);
	return record;
}

/* ---- steps ---- */

static int step_good(const struct capture *capture, struct record *record,
		     const struct worker_call *call, struct err *err)
{
	return record_part_write(record, RECORD_DMESG, "hello\n", 6, 1, err);
}

static int step_hangs(const struct capture *capture, struct record *record,
		      const struct worker_call *call, struct err *err)
{
	int fd;

	assert_int_equal(record_part_begin(record, RECORD_REPORT_TEXT, &fd, err), 0);
	assert_int_equal(fd_write_full(fd, "half", 4, err), 0);
	while (fd >= 0)
		pause();
	return 0;
}

static int step_crashes(const struct capture *capture, struct record *record,
			const struct worker_call *call, struct err *err)
{
	// Not abort(): the sanitizers would have their say.
	kill(getpid(), SIGKILL);
	pause();
	return 0;
}

static int step_stops(const struct capture *capture, struct record *record,
		      const struct worker_call *call, struct err *err)
{
	int fd, r;

	r = record_part_begin(record, RECORD_DUMP, &fd, err);
	if (r == 0)
		r = fd_write_full(fd, "0123456789", 10, err);
	while (!*call->cancel)
		poll(NULL, 0, 10);
	if (r == 0)
		r = record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL,
					"stopped after 10 bytes", 5, err);
	return r < 0 ? r : err_set(err, ERR_TRUNCATED, "stopped");
}

static int step_fails(const struct capture *capture, struct record *record,
		      const struct worker_call *call, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "the page tables make no sense");
}

static int step_exits(const struct capture *capture, struct record *record,
		      const struct worker_call *call, struct err *err)
{
	_exit(3);
}

static size_t run_steps(struct fixture *f, const struct capture_step *steps, size_t count)
{
	size_t failed;

	capture_run_steps(&f->capture, steps, count, &failed);
	return failed;
}

static void test_steps_go_on(void **state)
{
	static const struct capture_step steps[] = {
		{ .name = "report",
		  .deadline = ORDERS_STEP_REPORT,
		  .parts = { RECORD_REPORT_TEXT, RECORD_REPORT_JSON },
		  .part_count = 2,
		  .run = step_hangs },
		{ .name = "mini",
		  .deadline = ORDERS_STEP_REPORT,
		  .parts = { RECORD_MINI },
		  .part_count = 1,
		  .run = step_crashes },
		{ .name = "dump",
		  .deadline = ORDERS_STEP_DUMP,
		  .parts = { RECORD_DUMP },
		  .part_count = 1,
		  .run = step_stops },
		{ .name = "dmesg",
		  .deadline = ORDERS_STEP_DMESG,
		  .parts = { RECORD_DMESG },
		  .part_count = 1,
		  .run = step_good },
	};
	struct fixture *f = *state;
	struct orders *orders = &f->capture.orders;
	struct record *record;
	uint64_t started = console_now_ms();

	orders->step_timeout_s[ORDERS_STEP_REPORT] = 1;
	orders->step_timeout_s[ORDERS_STEP_DUMP] = 1;
	assert_int_equal(run_steps(f, steps, ARRAY_SIZE(steps)), 3);
	assert_true(console_now_ms() - started < 10000);

	record = open_record(f);
	// What was written before the kill is there, and says what it is.
	assert_int_equal(record->parts[RECORD_REPORT_TEXT].state, RECORD_PARTIAL);
	assert_int_equal(record->parts[RECORD_REPORT_TEXT].size_bytes, 4);
	assert_string_equal(record->parts[RECORD_REPORT_TEXT].reason, "no end after 1 s");
	assert_int_equal(record->parts[RECORD_REPORT_JSON].state, RECORD_ABSENT);
	assert_string_equal(record->parts[RECORD_REPORT_JSON].reason, "no end after 1 s");
	assert_int_equal(record->parts[RECORD_MINI].state, RECORD_ABSENT);
	assert_non_null(strstr(record->parts[RECORD_MINI].reason, "ended by signal 9"));
	// A step that heeds the end of its time has its own words.
	assert_int_equal(record->parts[RECORD_DUMP].state, RECORD_PARTIAL);
	assert_string_equal(record->parts[RECORD_DUMP].reason, "stopped after 10 bytes");
	assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	assert_string_equal(record->parts[RECORD_DMESG].reason, "");
	assert_int_equal(record->parts[RECORD_LOG].state, RECORD_COMPLETE);
	record_close(record);
}

static void test_order_is_kept(void **state)
{
	static const struct capture_step steps[] = {
		{ .name = "report",
		  .deadline = ORDERS_STEP_REPORT,
		  .parts = { RECORD_REPORT_TEXT },
		  .part_count = 1,
		  .run = step_fails },
		{ .name = "dmesg",
		  .deadline = ORDERS_STEP_DMESG,
		  .parts = { RECORD_DMESG },
		  .part_count = 1,
		  .run = step_good },
		{ .name = "dump",
		  .deadline = ORDERS_STEP_DUMP,
		  .parts = { RECORD_DUMP },
		  .part_count = 1,
		  .run = step_exits },
	};
	static const char *const lines[] = {
		"error: report: the page tables make no sense",
		"report absent (0.0 KiB in",
		"dmesg complete (0.0 KiB in",
		"error: dump: ended with status 3 without a word",
		"dump absent (0.0 KiB in",
	};
	struct fixture *f = *state;
	size_t found = 0;

	assert_int_equal(run_steps(f, steps, ARRAY_SIZE(steps)), 2);
	for (size_t i = 0; i < f->console->count && found < ARRAY_SIZE(lines); i++)
		found += strstr(f->console->lines[i].text, lines[found]) != NULL;
	assert_int_equal(found, ARRAY_SIZE(lines));
}

static void test_table_of_steps(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(capture_steps[0].name, "dmesg");
	assert_string_equal(capture_steps[1].name, "report");
	assert_string_equal(capture_steps[2].name, "mini");
	assert_string_equal(capture_steps[3].name, "dump");
	f->capture.orders.mode = ORDERS_FULL;
	assert_int_equal(capture_step_count(&f->capture.orders), 4);
	f->capture.orders.mode = ORDERS_DMESG;
	assert_int_equal(capture_step_count(&f->capture.orders), 2);
	f->capture.orders.mode = ORDERS_MINI;
	assert_int_equal(capture_step_count(&f->capture.orders), 3);
}

/* The real steps on an image that is none: each fails for itself, and says why. */
static void test_no_dead_kernel(void **state)
{
	struct fixture *f = *state;
	struct record *record;

	f->capture.vmcore = "/dev/null";
	// A report that says that nothing is known is a report.
	assert_int_equal(
		run_steps(f, capture_steps, capture_step_count(&f->capture.orders)), 3);
	record = open_record(f);
	assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_ABSENT);
	assert_non_null(strstr(record->parts[RECORD_DMESG].reason, "/dev/null"));
	assert_int_equal(record->parts[RECORD_REPORT_TEXT].state, RECORD_COMPLETE);
	assert_int_equal(record->parts[RECORD_REPORT_JSON].state, RECORD_COMPLETE);
	assert_int_equal(record->parts[RECORD_DUMP].state, RECORD_ABSENT);
	assert_non_null(strstr(record->parts[RECORD_DUMP].reason, "/dev/null"));
	record_close(record);
}

static void test_time_for_all(void **state)
{
	static const struct capture_step steps[] = {
		{ .name = "dmesg",
		  .deadline = ORDERS_STEP_DMESG,
		  .parts = { RECORD_DMESG },
		  .part_count = 1,
		  .run = step_good },
	};
	struct fixture *f = *state;
	struct record *record;

	f->capture.orders.total_timeout_s = 5;
	f->capture.started_ms -= 5000;
	assert_int_equal(run_steps(f, steps, 1), 1);
	record = open_record(f);
	assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_ABSENT);
	assert_string_equal(record->parts[RECORD_DMESG].reason,
			    "the time for all, 5 s, was up");
	// What came to pass is told all the same.
	assert_int_equal(record->parts[RECORD_LOG].state, RECORD_COMPLETE);
	record_close(record);
}

/* Fails as ordered, and as the first smaller form; then does it. */
static int step_shrinks(const struct capture *capture, struct record *record,
			const struct worker_call *call, struct err *err)
{
	if (capture->form == 0)
		return err_set(err, ERR_OS, "no room");
	if (capture->form == 1)
		return step_crashes(capture, record, call, err);
	assert_non_null(strstr(capture->form_why, "signal 9"));
	record_part_note(record, RECORD_DUMP, "a smaller form");
	return record_part_write(record, RECORD_DUMP, "small", 5, 1, err);
}

static unsigned int two_smaller(const struct capture *capture)
{
	return 2;
}

static void test_smaller_forms(void **state)
{
	static const struct capture_step steps[] = {
		{ .name = "dump",
		  .deadline = ORDERS_STEP_DUMP,
		  .parts = { RECORD_DUMP },
		  .part_count = 1,
		  .run = step_shrinks,
		  .smaller_forms = two_smaller },
	};
	struct fixture *f = *state;
	struct record *record;

	assert_int_equal(run_steps(f, steps, 1), 0);
	record = open_record(f);
	assert_int_equal(record->parts[RECORD_DUMP].state, RECORD_COMPLETE);
	assert_string_equal(record->parts[RECORD_DUMP].note, "a smaller form");
	assert_string_equal(record->crash.step, RECORD_STEP_END);
	assert_false(record_was_cut(record));
	record_close(record);
}

static void test_crash_loop(void **state)
{
	static const struct capture_step steps[] = {
		{ .name = "dmesg",
		  .deadline = ORDERS_STEP_DMESG,
		  .parts = { RECORD_DMESG },
		  .part_count = 1,
		  .run = step_good },
		{ .name = "dump",
		  .deadline = ORDERS_STEP_DUMP,
		  .parts = { RECORD_DUMP },
		  .part_count = 1,
		  .run = step_crashes,
		  .is_large = true },
	};
	struct fixture *f = *state;
	struct record *record;

	f->capture.is_loop = true;
	assert_int_equal(run_steps(f, steps, 2), 0);
	record = open_record(f);
	assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	assert_int_equal(record->parts[RECORD_DUMP].state, RECORD_ABSENT);
	assert_non_null(strstr(record->parts[RECORD_DUMP].reason, "crash loop"));
	record_close(record);
}

static void test_room_wanted(void **state)
{
	assert_true(room_wanted(8 << 20, 31, 0) == 1 << 20);
	assert_true(room_wanted(8 << 20, -1, 0) == 1 << 20);
	assert_true(room_wanted(8 << 20, 1, 0) == 4 << 20);
	assert_true(room_wanted(8 << 20, 1, 1000) == 1000);
}

/* ---- the worker ---- */

static void test_cpu_time(void **state)
{
	assert_true(movement_parse_stat("7 (a) b) S 1 7 7 0 -1 4 1 2 3 4 50 60 7 8\n") ==
		    110);
	assert_true(movement_parse_stat("7 (a) S 1 7") == 0);
	assert_true(movement_parse_stat("") == 0);
}

static int work_sleeps(void *context, const struct worker_call *call, struct err *err)
{
	while (getpid() > 1) {
		poll(NULL, 0, 100);
		if (context)
			worker_beat(call);
	}
	return 0;
}

/* A time that is only waited through ends a worker before its deadline does. */
static void test_worker_that_does_not_move(void **state)
{
	struct fixture *f = *state;
	struct worker worker = {
		.name = "test",
		.timeout_ms = 60000,
		.grace_ms = GRACE_MS,
		.stall_ms = 2000,
		.proc = f->dir, // nothing is there: only what it says itself counts
		.run = work_sleeps,
		.log = &f->capture.log,
	};
	struct worker_result result;

	worker_run(&worker, &result);
	assert_int_equal(result.end, WORKER_STALLED);
	assert_string_equal(result.why, "nothing moved for 2 s");
	worker.context = f;
	worker.timeout_ms = 4000;
	worker_run(&worker, &result);
	assert_int_equal(result.end, WORKER_TIMED_OUT);
}

static int work_replies(void *context, const struct worker_call *call, struct err *err)
{
	log_warning(&call->log, "number %d", *(const int *)context);
	worker_show(call, "shown");
	worker_reply(call, "answer");
	return 0;
}

static int work_floods(void *context, const struct worker_call *call, struct err *err)
{
	for (int i = 0; i < 1000; i++)
		log_info(&call->log, "line %d", i);
	return 0;
}

static void count_line(void *context, const char *line)
{
	*(int *)context += strcmp(line, "shown") == 0;
}

static void test_worker_speaks(void **state)
{
	struct fixture *f = *state;
	int number = 7, shown = 0;
	struct worker worker = {
		.name = "test",
		.timeout_ms = 5000,
		.grace_ms = GRACE_MS,
		.run = work_replies,
		.context = &number,
		.log = &f->capture.log,
		.show = count_line,
		.caller = &shown,
	};
	struct worker_result result;

	worker_run(&worker, &result);
	assert_int_equal(result.end, WORKER_DONE);
	assert_string_equal(result.why, "");
	assert_string_equal(result.reply, "answer");
	assert_int_equal(shown, 1);
	assert_true(console_has(f->console, "warning: number 7"));
}

static void test_console_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct worker worker = {
		.name = "test",
		.timeout_ms = 5000,
		.grace_ms = GRACE_MS,
		.run = work_floods,
		.log = &f->capture.log,
	};
	struct worker_result result;
	_cleanup_text struct text text = { 0 };

	worker_run(&worker, &result);
	assert_int_equal(result.end, WORKER_DONE);
	assert_int_equal(f->console->count, CONSOLE_LINES_MAX);
	assert_int_equal(f->console->dropped, 1000 - CONSOLE_LINES_MAX);
	console_format(f->console, &text);
	assert_non_null(
		strstr(text_get(&text), "line 511\n488 more lines were not kept"));
}

/* Nobody reads the other end: a line is lost, the machine is not. */
static void test_console_that_stands_still(void **state)
{
	struct fixture *f = *state;
	char line[200];
	int fds[2];

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	f->console->fd = fds[1];
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	while (write(fds[1], line, sizeof(line)) > 0)
		;
	console_say(f->console, LOG_LEVEL_INFO, "after");
	assert_int_equal(f->console->count, 1);
	close(fds[0]);
	close(fds[1]);
	f->console->fd = -1;
}

static void test_console_line(void **state)
{
	struct fixture *f = *state;
	char out[64] = "";
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	f->console->fd = fds[1];
	console_say(f->console, LOG_LEVEL_DEBUG, "kept only");
	console_say(f->console, LOG_LEVEL_ERROR, "a\033[2Jb\nc");
	assert_true(read(fds[0], out, sizeof(out) - 1) > 0);
	assert_string_equal(out, "epitaph: error: a?[2Jb?c\n");
	assert_int_equal(f->console->count, 2);
	close(fds[0]);
	close(fds[1]);
	f->console->fd = -1;
}

/* ---- the disk ---- */

#define UUID_A "01020304-0506-0708-090a-0b0c0d0e0f10"
#define UUID_B "a1020304-0506-0708-090a-0b0c0d0e0f10"

/* The least of an ext4 superblock: Linux fs/ext4/ext4.h, at byte 1024. */
static void write_disk(const struct fixture *f, const char *name, uint8_t first)
{
	static uint8_t image[256 * 1024];
	char path[PATH_MAX], uevent[64];
	uint8_t *super = image + 1024;

	memset(image, 0, sizeof(image));
	super[0x00] = 16;   // inodes
	super[0x04] = 255;  // blocks, of 1 KiB
	super[0x14] = 1;    // first data block
	super[0x38] = 0x53; // magic
	super[0x39] = 0xef;
	super[0x4c] = 1;    // revision: dynamic
	super[0x58] = 0x80; // inode size 128
	super[0x60] = 0x40; // incompat: extents, so it is ext4
	super[0x68] = first;
	for (int i = 1; i < 16; i++)
		super[0x68 + i] = (uint8_t)(i + 1);
	snprintf(path, sizeof(path), "%s/dev", f->dir);
	assert_int_equal(dir_make_path(path, 0755, NULL), 0);
	snprintf(path, sizeof(path), "%s/dev/%s", f->dir, name);
	assert_int_equal(file_replace(AT_FDCWD, path, image, sizeof(image), 0600, NULL),
			 0);
	snprintf(path, sizeof(path), "%s/sys/class/block/%s", f->dir, name);
	assert_int_equal(dir_make_path(path, 0755, NULL), 0);
	snprintf(path, sizeof(path), "%s/sys/class/block/%s/uevent", f->dir, name);
	snprintf(uevent, sizeof(uevent), "MAJOR=8\nDEVNAME=%s\nDEVTYPE=disk\n", name);
	assert_int_equal(file_replace(AT_FDCWD, path, uevent, strlen(uevent), 0600, NULL),
			 0);
}

static void expect_disk(const struct fixture *f, const struct orders_target *target,
			const char *name)
{
	char found[PATH_MAX], expected[PATH_MAX];
	struct err err = { 0 };
	int r = target_disk_find(f->dir, target, false, &f->capture.log, found, &err);

	if (r < 0)
		fail_msg("%s", err_text(&err));
	snprintf(expected, sizeof(expected), "%s/dev/%s", f->dir, name);
	assert_string_equal(found, expected);
}

static void test_disk_by_uuid(void **state)
{
	struct orders_target target = { .fstype = "ext4",
					.uuid = UUID_B,
					.device = "/dev/vda",
					.path = "/var/crash" };
	struct fixture *f = *state;
	volatile sig_atomic_t cancel = 1;
	struct assemble assemble = { .root = f->dir, .orders = &f->capture.orders };
	char found[PATH_MAX];
	struct err err = { 0 };

	write_disk(f, "vda", 0x01);
	write_disk(f, "vdb", 0xa1);
	expect_disk(f, &target, "vdb");
	snprintf(target.uuid, sizeof(target.uuid), "%s", UUID_A);
	expect_disk(f, &target, "vda");
	// The same UUID on another type of file system is not it.
	snprintf(target.fstype, sizeof(target.fstype), "xfs");
	assert_int_equal(target_disk_find(f->dir, &target, true, &f->capture.log, found,
					  &err),
			 ERR_NOTFOUND);
	assert_int_equal(target_disk_wait(&assemble, &target, &cancel, &f->capture.log,
					  found, &err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(err_text(&err), "vda"));
	assert_non_null(strstr(err_text(&err), "vdb"));
}

/* A clone: the name that it had decides, and it is told. */
static void test_disk_twice(void **state)
{
	struct orders_target target = { .fstype = "ext4",
					.uuid = UUID_A,
					.device = "/dev/vdb" };
	struct fixture *f = *state;

	write_disk(f, "vda", 0x01);
	write_disk(f, "vdb", 0x01);
	write_disk(f, "vdc", 0x01);
	expect_disk(f, &target, "vdb");
	assert_true(console_has(f->console, "have the same UUID"));
}

/* No file of modules: a warning each, and no reason to stop. */
static void test_modules_missing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		orders_add_module(&f->capture.orders, "/modules/00-none.ko", NULL), 0);
	target_disk_load_modules(f->dir, &f->capture.orders, &f->capture.log);
	assert_true(console_has(f->console, "unable to load"));
	assert_true(console_has(f->console, "0 of 1 modules loaded"));
}

static void test_orders(void **state)
{
	static const char good[] = "{\"schema_version\":2,\"end\":\"poweroff\"}";
	static const char bad[] = "{\"schema_version\":2,\"end\":";
	struct fixture *f = *state;
	struct err err = { 0 };
	char path[PATH_MAX];

	f->capture.root = f->dir;
	assert_true(capture_read_orders(&f->capture, &err) < 0);
	assert_non_null(strstr(err_text(&err), ORDERS_PATH));
	assert_int_equal(f->capture.orders.end, ORDERS_REBOOT);
	snprintf(path, sizeof(path), "%s/etc/epitaph", f->dir);
	assert_int_equal(dir_make_path(path, 0755, NULL), 0);
	snprintf(path, sizeof(path), "%s%s", f->dir, ORDERS_PATH);
	assert_int_equal(file_replace(AT_FDCWD, path, bad, sizeof(bad) - 1, 0600, NULL),
			 0);
	assert_true(capture_read_orders(&f->capture, &err) < 0);
	assert_int_equal(f->capture.orders.end, ORDERS_REBOOT);
	assert_int_equal(file_replace(AT_FDCWD, path, good, sizeof(good) - 1, 0600, NULL),
			 0);
	assert_int_equal(capture_read_orders(&f->capture, &err), 0);
	assert_int_equal(f->capture.orders.end, ORDERS_POWEROFF);
}

/* Half of the store stays free, whatever it claims. */
static void test_room_for_last_words(void **state)
{
	assert_true(last_resort_has_room(256 << 10, 250 << 10, 16 << 10));
	assert_true(last_resort_has_room(256 << 10, 144 << 10, 16 << 10));
	assert_false(last_resort_has_room(256 << 10, (144 << 10) - 1, 16 << 10));
	assert_false(last_resort_has_room(64 << 10, 15 << 10, 16 << 10));
	assert_false(last_resort_has_room(0, 0, 0));
	assert_false(last_resort_has_room(1 << 10, 1 << 20, 16 << 10));
	assert_true(last_resort_has_room(UINT64_MAX, UINT64_MAX, 16 << 10));
	assert_false(last_resort_has_room(UINT64_MAX, 0, UINT64_MAX));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_steps_go_on),
		TEST(test_order_is_kept),
		TEST(test_table_of_steps),
		TEST(test_no_dead_kernel),
		TEST(test_time_for_all),
		TEST(test_smaller_forms),
		TEST(test_crash_loop),
		TEST(test_room_wanted),
		TEST(test_cpu_time),
		TEST(test_worker_that_does_not_move),
		TEST(test_worker_speaks),
		TEST(test_console_is_bounded),
		TEST(test_console_that_stands_still),
		TEST(test_console_line),
		TEST(test_disk_by_uuid),
		TEST(test_disk_twice),
		TEST(test_room_for_last_words),
		TEST(test_modules_missing),
		TEST(test_orders),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
