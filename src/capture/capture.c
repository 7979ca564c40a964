// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/capture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "capture/last_words.h"
#include "capture/target_disk.h"
#include "capture/target_raw.h"
#include "record/history.h"
#include "record/progress.h"

/* From the deadline to the kill: a dump ends its page, and is fsynced as far as it goes.
 */
#define CAPTURE_GRACE_MS      15000
#define CAPTURE_LAST_WORDS_MS 60000
#define CAPTURE_MODULES_MS    60000
#define CAPTURE_MEMINFO_SIZE  1024

/* Of a raw target: the record until it is on the partition. In RAM. */
#define CAPTURE_RAM_ARCHIVE "/record"

/* Not a worker's: the kernel's own, for I/O and for what it does besides. */
#define CAPTURE_MEMORY_SPARE_KIB (8 << 10)

void capture_init(struct capture *capture, struct console *console)
{
	*capture = (struct capture){
		.root = "",
		.vmcore = "/proc/vmcore",
		.mount_point = "/target",
		.console = console,
		.log = console_log(console),
		.grace_ms = CAPTURE_GRACE_MS,
		.started_ms = console_now_ms(),
		.memory_low_kib = UINT64_MAX,
	};
	orders_init(&capture->orders);
	watchdog_init(&capture->watchdog);
}

void capture_done(struct capture *capture)
{
	orders_done(&capture->orders);
}

int capture_read_orders(struct capture *capture, struct err *err)
{
	_cleanup_free char *json = NULL;
	struct orders orders;
	char path[PATH_MAX];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "%s%s", capture->root, ORDERS_PATH);
	r = file_read(AT_FDCWD, path, ORDERS_LIMIT_BYTES, &json, &size, err);
	if (r == 0)
		r = orders_parse(json, size, &orders, err);
	if (r < 0)
		return err_in(err, r, "reading the orders '%s'", path);
	orders_done(&capture->orders);
	capture->orders = orders;
	return 0;
}

/* ---- watching ---- */

/* Without the heap: this is called when memory is nearly gone. */
static void capture_sample_memory(struct capture *capture)
{
	_cleanup_fd int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[CAPTURE_MEMINFO_SIZE];
	const char *total, *available;
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	total = strstr(text, "MemTotal:");
	available = strstr(text, "MemAvailable:");
	if (!total || !available)
		return;
	capture->memory_kib = strtoull(total + strlen("MemTotal:"), NULL, 10);
	capture->memory_low_kib =
		MIN(capture->memory_low_kib,
		    strtoull(available + strlen("MemAvailable:"), NULL, 10));
}

static void capture_tick(void *context, uint64_t idle_ms)
{
	struct capture *capture = context;

	capture_sample_memory(capture);
	watchdog_feed(&capture->watchdog, idle_ms);
}

static void capture_show(void *context, const char *line)
{
	const struct capture *capture = context;

	console_show(capture->console, PROGRESS_PREFIX, line);
}

uint32_t capture_timeout_ms(const struct capture *capture, uint32_t seconds)
{
	uint64_t elapsed = console_now_ms() - capture->started_ms;
	uint64_t total = (uint64_t)capture->orders.total_timeout_s * 1000;
	uint64_t left = total > elapsed ? total - elapsed : 0;

	return (uint32_t)MIN(left, MIN((uint64_t)seconds * 1000, UINT32_MAX));
}

void capture_work(struct capture *capture, const char *name, uint32_t timeout_ms,
		  worker_function *run, void *context, struct worker_result *ret)
{
	struct worker worker = {
		.name = name,
		.timeout_ms = timeout_ms,
		.grace_ms = capture->grace_ms,
		.stall_ms = capture->orders.stall_timeout_s * 1000,
		.data_limit_bytes = capture->data_limit_bytes,
		.run = run,
		.context = context,
		.log = &capture->log,
		.show = capture_show,
		.tick = capture_tick,
		.caller = capture,
	};

	capture_tick(capture, 0);
	worker_run(&worker, ret);
}

/* ---- before the first target ---- */

static int modules_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct capture *capture = context;

	target_disk_load_modules(capture->root, &capture->orders, &call->log);
	return 0;
}

/*
 * A worker that wants more than there is gets ERR_NOMEM, and can say so; should the
 * kernel run out of memory all the same, workers are killed first, and PID 1 never is.
 */
static void capture_bound_memory(struct capture *capture)
{
	uint64_t kib;

	file_write_existing(AT_FDCWD, "/proc/self/oom_score_adj", "-1000", NULL);
	capture_sample_memory(capture);
	if (capture->memory_kib == 0)
		return;
	kib = capture->memory_low_kib > 2 * CAPTURE_MEMORY_SPARE_KIB
		      ? capture->memory_low_kib - CAPTURE_MEMORY_SPARE_KIB
		      : CAPTURE_MEMORY_SPARE_KIB;
	capture->data_limit_bytes = kib << 10;
	log_info(&capture->log,
		 "memory %.1f MiB, %.1f MiB of it free; a step may take %.1f MiB",
		 (double)capture->memory_kib / 1024,
		 (double)capture->memory_low_kib / 1024, (double)kib / 1024);
}

void capture_start(struct capture *capture)
{
	struct worker_result result;

	watchdog_start(&capture->watchdog, capture->root, &capture->orders,
		       &capture->log);
	capture_bound_memory(capture);
	capture_work(capture, "modules", CAPTURE_MODULES_MS, modules_work, capture,
		     &result);
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "drivers: %s", result.why);
}

/* ---- the target ---- */

void capture_mount_path(const struct capture *capture, size_t i,
			char ret[static PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%zu", capture->mount_point, i);
}

/* Has the machine crashed so often of late that another dump would tell nothing new? */
static bool target_is_loop(const struct orders *orders, const struct record *record,
			   const char *archive, const struct log *log)
{
	_cleanup_history struct history history = { 0 };
	const char *name = strrchr(record->path, '/') + 1;
	int64_t now = record->crash.capture_time;
	struct err why = { 0 };
	size_t count;

	if (orders->loop_crashes == 0)
		return false;
	if (history_read(archive, name, &history, &why) < 0) {
		log_warning(log, "looking for earlier crashes: %s", err_text(&why));
		return false;
	}
	count = history_count(&history, now - orders->loop_s, now);
	if (count < orders->loop_crashes)
		return false;
	log_warning(log,
		    "crash loop: %zu crashes in the last %u s before this one; dmesg and "
		    "report only",
		    count, orders->loop_s);
	return true;
}

static int target_record(const struct capture *capture, const char *archive,
			 struct record **ret, struct err *err)
{
	const struct orders *orders = &capture->orders;
	struct record *record;
	int r;

	// The record is named in the local time of the system that died.
	if (orders->time_zone[0])
		setenv("TZ", orders->time_zone, 1);
	r = record_create_as(archive, orders->layout, time(NULL), &record, err);
	if (r < 0)
		return r;
	snprintf(record->crash.source, sizeof(record->crash.source), "kdump");
	snprintf(record->crash.step, sizeof(record->crash.step), "target");
	snprintf(record->crash.host, sizeof(record->crash.host), "%s", orders->host);
	*ret = record;
	return 0;
}

/* A disk that stands still: whoever looks at it hangs as well. */
static bool capture_has_stuck(const struct capture *capture)
{
	for (size_t i = 0; i < ARRAY_SIZE(capture->is_stuck); i++) {
		if (capture->is_stuck[i])
			return true;
	}
	return false;
}

/* What the worker of a target says: 'L' or '-' for a loop or none, the path of the
 * record, and behind a newline the device of a raw one. */
static int target_file_system(const struct capture *capture,
			      const struct worker_call *call, struct err *err)
{
	const struct orders_target *target = &capture->orders.targets[capture->target];
	_cleanup_record struct record *record = NULL;
	struct assemble assemble = { .root = capture->root,
				     .orders = &capture->orders,
				     .log = &call->log,
				     .is_careful = capture_has_stuck(capture) };
	char device[PATH_MAX], mount_point[PATH_MAX], archive[PATH_MAX + 300];
	char reply[WORKER_REPLY_SIZE];
	bool is_loop;
	int r;

	capture_mount_path(capture, capture->target, mount_point);
	r = target_disk_wait(&assemble, target, call->cancel, &call->log, device, err);
	if (r == 0)
		r = target_disk_mount(device, target, mount_point, &call->log, err);
	if (r < 0)
		return r;
	snprintf(archive, sizeof(archive), "%s/%s", mount_point, target->path);
	r = target_record(capture, archive, &record, err);
	if (r < 0)
		return r;
	is_loop = target_is_loop(&capture->orders, record, archive, &call->log);
	snprintf(reply, sizeof(reply), "%c%.1000s", is_loop ? 'L' : '-', record->path);
	worker_reply(call, reply);
	// It is there without that, too.
	record_save_meta(record, NULL);
	return 0;
}

static int target_partition(const struct capture *capture, const struct worker_call *call,
			    struct err *err)
{
	const struct orders_target *target = &capture->orders.targets[capture->target];
	_cleanup_record struct record *record = NULL;
	struct assemble assemble = { .root = capture->root,
				     .orders = &capture->orders,
				     .log = &call->log,
				     .is_careful = capture_has_stuck(capture) };
	char device[PATH_MAX], reply[WORKER_REPLY_SIZE];
	int r;

	r = target_raw_wait(&assemble, target, call->cancel, device, err);
	if (r == 0)
		r = target_record(capture, CAPTURE_RAM_ARCHIVE, &record, err);
	if (r == 0)
		r = target_raw_begin(device, record, err);
	if (r < 0)
		return r;
	snprintf(reply, sizeof(reply), "-%.500s\n%.500s", record->path, device);
	worker_reply(call, reply);
	record_save_meta(record, NULL);
	return 0;
}

static int target_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct capture *capture = context;

	return capture->orders.targets[capture->target].kind == ORDERS_RAW
		       ? target_partition(capture, call, err)
		       : target_file_system(capture, call, err);
}

int capture_open_target(struct capture *capture, struct err *err)
{
	struct worker_result result;
	uint32_t timeout = capture_timeout_ms(
		capture, capture->orders.step_timeout_s[ORDERS_STEP_TARGET]);
	char *newline;

	capture->record_path[0] = capture->raw_device[0] = '\0';
	capture_work(capture, "target", timeout, target_work, capture, &result);
	capture->is_stuck[capture->target] = result.end == WORKER_STUCK;
	if (result.end != WORKER_DONE)
		return err_set(err, result.code ? result.code : ERR_OS, "%s", result.why);
	newline = strchr(result.reply, '\n');
	if (newline) {
		*newline = '\0';
		snprintf(capture->raw_device, sizeof(capture->raw_device), "%s",
			 newline + 1);
	}
	capture->is_loop = result.reply[0] == 'L';
	snprintf(capture->record_path, sizeof(capture->record_path), "%s",
		 result.reply + 1);
	log_info(&capture->log, "record '%s'%s%s", capture->record_path,
		 newline ? " on " : "", newline ? capture->raw_device : "");
	return 0;
}

bool capture_save(struct capture *capture)
{
	const struct orders *orders = &capture->orders;
	if (orders->target_count == 0)
		log_error(&capture->log, "no record: the orders name no target");
	for (size_t i = 0; i < orders->target_count; i++) {
		struct err err = { 0 };
		enum capture_outcome outcome;

		capture->target = i;
		if (capture_open_target(capture, &err) < 0) {
			log_error(&capture->log, "no record on target %zu of %zu: %s",
				  i + 1, orders->target_count, err_text(&err));
			continue;
		}
		outcome = capture_run_steps(capture, capture_steps,
					    capture_step_count(orders), NULL);
		if (outcome != CAPTURE_DISK_FAILED)
			break;
		if (i + 1 < orders->target_count)
			log_warning(&capture->log,
				    "the disk has failed: going on with the next target");
	}
	return capture->has_dmesg;
}

/* ---- for eyes and cameras ---- */

struct last_words_job {
	const struct capture *capture;
	uint32_t page_s;
};

static int last_words_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct last_words_job *job = context;

	return last_words_show(job->capture->vmcore, job->capture->console, job->page_s,
			       call, err);
}

void capture_show_last_words(struct capture *capture, uint32_t page_s)
{
	struct last_words_job job = { .capture = capture, .page_s = page_s };
	struct worker_result result;

	capture_work(capture, "last words",
		     CAPTURE_LAST_WORDS_MS + page_s * 1000 * LAST_WORDS_PAGES_MAX,
		     last_words_work, &job, &result);
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "the dead kernel's log: %s", result.why);
}
