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
#include "record/meta.h"
#include "record/progress.h"

/* From the deadline to the kill: a dump ends its page, and is fsynced as far as it goes.
 */
#define CAPTURE_GRACE_MS      15000
#define CAPTURE_MARK_MS	      15000
#define CAPTURE_LOG_MS	      15000
#define CAPTURE_LAST_WORDS_MS 60000
#define CAPTURE_MEMINFO_SIZE  1024

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
static void capture_sample_memory(void *context)
{
	struct capture *capture = context;
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

static void capture_show(void *context, const char *line)
{
	const struct capture *capture = context;

	console_show(capture->console, PROGRESS_PREFIX, line);
}

/* What is left of the time for all, at most @seconds. */
static uint32_t capture_timeout_ms(const struct capture *capture, uint32_t seconds)
{
	uint64_t elapsed = console_now_ms() - capture->started_ms;
	uint64_t total = (uint64_t)capture->orders.total_timeout_s * 1000;
	uint64_t left = total > elapsed ? total - elapsed : 0;

	return (uint32_t)MIN(left, MIN((uint64_t)seconds * 1000, UINT32_MAX));
}

/* What a worker of ours gets: its function, and a context of its own beside us. */
struct job {
	struct capture *capture;
	const struct capture_step *step;
	const char *why;
	uint64_t duration_ms;
};

static void capture_work(struct capture *capture, const char *name, uint32_t timeout_ms,
			 worker_function *run, struct job *job, struct worker_result *ret)
{
	struct worker worker = {
		.name = name,
		.timeout_ms = timeout_ms,
		.grace_ms = capture->grace_ms,
		.run = run,
		.context = job,
		.log = &capture->log,
		.show = capture_show,
		.tick = capture_sample_memory,
		.caller = capture,
	};

	job->capture = capture;
	capture_sample_memory(capture);
	worker_run(&worker, ret);
}

/* ---- the target ---- */

static int target_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct capture *capture = ((const struct job *)context)->capture;
	const struct orders *orders = &capture->orders;
	_cleanup_record struct record *record = NULL;
	char device[PATH_MAX], archive[PATH_MAX];
	int r;

	// The record is named in the local time of the system that died.
	if (orders->time_zone[0])
		setenv("TZ", orders->time_zone, 1);
	target_disk_load_modules(capture->root, orders, &call->log);
	r = target_disk_wait(capture->root, &orders->target, call->cancel, &call->log,
			     device, err);
	if (r == 0)
		r = target_disk_mount(device, &orders->target, capture->mount_point,
				      &call->log, err);
	if (r < 0)
		return r;
	snprintf(archive, sizeof(archive), "%s/%s", capture->mount_point,
		 orders->target.path);
	r = record_create(archive, time(NULL), &record, err);
	if (r < 0)
		return r;
	snprintf(record->crash.source, sizeof(record->crash.source), "kdump");
	snprintf(record->crash.host, sizeof(record->crash.host), "%s", orders->host);
	worker_reply(call, record->path);
	// It is there without that, too.
	record_save_meta(record, NULL);
	return 0;
}

int capture_open_target(struct capture *capture, struct err *err)
{
	struct worker_result result;
	struct job job = { 0 };

	capture_work(capture, "target",
		     capture_timeout_ms(
			     capture, capture->orders.step_timeout_s[ORDERS_STEP_TARGET]),
		     target_work, &job, &result);
	if (result.end != WORKER_DONE)
		return err_set(err, result.code ? result.code : ERR_OS, "%s", result.why);
	snprintf(capture->record_path, sizeof(capture->record_path), "%s", result.reply);
	log_info(&capture->log, "record '%s'", capture->record_path);
	return 0;
}

/* ---- the steps ---- */

static int step_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct job *job = context;
	_cleanup_record struct record *record = NULL;
	int r = record_open(job->capture->record_path, &record, err);

	return r < 0 ? r : job->step->run(job->capture, record, call, err);
}

/* Notes why the parts of a step are missing or cut, where the step did not say it. */
static int mark_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct job *job = context;
	_cleanup_record struct record *record = NULL;
	struct meta claim = { 0 };
	int r = record_open(job->capture->record_path, &record, err);

	if (r < 0)
		return r;
	// Before record_open() weighed it: what was said, and not what lies there.
	meta_read(record->dirfd, &claim, NULL);
	for (size_t i = 0; i < job->step->part_count; i++) {
		enum record_part part = job->step->parts[i];
		struct record_part_meta *meta = &record->parts[part];

		if (meta->state == RECORD_COMPLETE || claim.parts[part].reason[0])
			continue;
		snprintf(meta->reason, sizeof(meta->reason), "%s", job->why);
		meta->duration_ms = job->duration_ms;
	}
	return record_save_meta(record, err);
}

/* One line a step, of what the disk has. */
static int tell_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct job *job = context;
	_cleanup_record struct record *record = NULL;
	int r = record_open(job->capture->record_path, &record, err);
	const struct record_part_meta *meta;

	if (r < 0)
		return r;
	// The least of its parts is what the step has come to.
	meta = &record->parts[job->step->parts[0]];
	for (size_t i = 1; i < job->step->part_count; i++) {
		if (record->parts[job->step->parts[i]].state < meta->state)
			meta = &record->parts[job->step->parts[i]];
	}
	log_info(&call->log, "%s %s (%.1f KiB in %.1f s)%s%s", job->step->name,
		 record_state_name(meta->state), (double)meta->size_bytes / 1024,
		 (double)job->duration_ms / 1000, meta->reason[0] ? ": " : "",
		 meta->reason);
	return 0;
}

/* True if it did all that it is for. */
static bool capture_run_step(struct capture *capture, const struct capture_step *step)
{
	struct worker_result result, after;
	struct job job = { .step = step };
	uint32_t timeout = capture_timeout_ms(
		capture, capture->orders.step_timeout_s[step->deadline]);

	if (timeout == 0) {
		result = (struct worker_result){ .end = WORKER_TIMED_OUT };
		snprintf(result.why, sizeof(result.why),
			 "the time for all, %" PRIu32 " s, was up",
			 capture->orders.total_timeout_s);
	} else {
		capture_work(capture, step->name, timeout, step_work, &job, &result);
	}
	job.why = result.why;
	job.duration_ms = result.duration_ms;
	if (result.end != WORKER_DONE) {
		log_error(&capture->log, "%s: %s", step->name, result.why);
		capture_work(capture, "mark", CAPTURE_MARK_MS, mark_work, &job, &after);
		if (after.end != WORKER_DONE)
			log_error(&capture->log, "noting that: %s", after.why);
	}
	capture_work(capture, "tell", CAPTURE_MARK_MS, tell_work, &job, &after);
	if (after.end != WORKER_DONE)
		log_error(&capture->log, "%s unknown: %s", step->name, after.why);
	return result.end == WORKER_DONE;
}

static int log_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct capture *capture = ((const struct job *)context)->capture;
	_cleanup_record struct record *record = NULL;
	_cleanup_text struct text text = { 0 };
	int r = record_open(capture->record_path, &record, err);

	if (r < 0)
		return r;
	console_format(capture->console, &text);
	r = text_check(&text, err);
	if (r == 0)
		r = record_part_write(record, RECORD_LOG, text_get(&text), text.size, 0,
				      err);
	return r;
}

static void capture_tell_memory(struct capture *capture)
{
	if (capture->memory_kib > 0)
		log_info(&capture->log, PROGRESS_MEMORY "%.1f MiB of %.1f MiB",
			 (double)capture->memory_low_kib / 1024,
			 (double)capture->memory_kib / 1024);
}

size_t capture_run_steps(struct capture *capture, const struct capture_step *steps,
			 size_t count)
{
	struct worker_result result;
	struct job job = { 0 };
	size_t failed = 0;

	for (size_t i = 0; i < count; i++)
		failed += !capture_run_step(capture, &steps[i]);
	capture_tell_memory(capture);
	capture_work(capture, "log", CAPTURE_LOG_MS, log_work, &job, &result);
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "log: %s", result.why);
	return failed;
}

/* ---- nowhere to write ---- */

static int last_words_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct capture *capture = ((const struct job *)context)->capture;

	return last_words_show(capture->vmcore, capture->console, err);
}

void capture_show_last_words(struct capture *capture)
{
	struct worker_result result;
	struct job job = { 0 };

	capture_work(capture, "last words", CAPTURE_LAST_WORDS_MS, last_words_work, &job,
		     &result);
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "the dead kernel's log: %s", result.why);
}
