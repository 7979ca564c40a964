// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steps, one after the other: each in its worker, in smaller forms where the first
 * one fails, and what became of it written down. What is published is never touched
 * again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "capture/capture.h"
#include "capture/hooks.h"
#include "capture/target_raw.h"
#include "record/meta.h"
#include "record/progress.h"

#define STEP_MARK_MS 15000
#define STEP_LOG_MS  15000

/* What a worker of a step gets beside its function. */
struct job {
	struct capture *capture;
	const struct capture_step *step;
	const char *why;
	uint64_t duration_ms;
};

static int job_open(const struct job *job, struct record **ret, struct err *err)
{
	return record_open(job->capture->record_path, ret, err);
}

static int step_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct job *job = context;
	_cleanup_record struct record *record = NULL;
	int r = job_open(job, &record, err);

	if (r < 0)
		return r;
	// Should the power be cut now, the next boot knows where.
	snprintf(record->crash.step, sizeof(record->crash.step), "%s", job->step->name);
	record_save_meta(record, NULL);
	return job->step->run(job->capture, record, call, err);
}

/* Notes why the parts of a step are missing or cut, where the step did not say it. */
static int mark_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct job *job = context;
	_cleanup_record struct record *record = NULL;
	struct meta claim = { 0 };
	int r = job_open(job, &record, err);

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

/* One line a step, of what the disk has; a raw one gets it now. */
static int tell_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct job *job = context;
	_cleanup_record struct record *record = NULL;
	const struct record_part_meta *meta;
	int r = job_open(job, &record, err);

	if (r == 0 && job->capture->raw_device[0])
		r = target_raw_store(job->capture->raw_device, record, err);
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
		 (double)job->duration_ms / 1000,
		 meta->reason[0] || meta->note[0] ? ": " : "",
		 meta->reason[0] ? meta->reason : meta->note);
	return 0;
}

/* ---- a step ---- */

/* Once; not at all where the time for all is up. */
static void step_try(struct capture *capture, const struct capture_step *step,
		     uint32_t timeout_ms, struct worker_result *ret)
{
	struct job job = { .capture = capture, .step = step };

	if (timeout_ms > 0) {
		capture_work(capture, step->name, timeout_ms, step_work, &job, ret);
		return;
	}
	*ret = (struct worker_result){ .end = WORKER_TIMED_OUT };
	snprintf(ret->why, sizeof(ret->why), "the time for all, %" PRIu32 " s, was up",
		 capture->orders.total_timeout_s);
}

/* A deadline is no reason for a second try, and a disk that does not move is none. */
static bool step_may_shrink(const struct worker_result *result)
{
	return result->end == WORKER_FAILED || result->end == WORKER_CRASHED;
}

/* As ordered; then smaller, as long as that may help and there is time. */
static void step_run(struct capture *capture, const struct capture_step *step,
		     struct worker_result *ret)
{
	uint32_t left = capture_timeout_ms(
		capture, capture->orders.step_timeout_s[step->deadline]);
	uint64_t spent = 0;

	capture->form = 0;
	capture->form_why[0] = '\0';
	for (;;) {
		step_try(capture, step, left, ret);
		spent += ret->duration_ms;
		left = left > ret->duration_ms ? left - (uint32_t)ret->duration_ms : 0;
		left = MIN(left, capture_timeout_ms(capture, UINT32_MAX));
		if (!step_may_shrink(ret) || left == 0 || !step->smaller_forms ||
		    capture->form >= step->smaller_forms(capture))
			break;
		memcpy(capture->form_why, ret->why, sizeof(capture->form_why));
		capture->form++;
		log_warning(&capture->log, "%s: %s; tried again in a smaller form",
			    step->name, ret->why);
	}
	ret->duration_ms = spent;
}

static void step_mark(struct capture *capture, const struct capture_step *step,
		      const struct worker_result *result)
{
	struct worker_result after;
	struct job job = { .capture = capture,
			   .step = step,
			   .why = result->why,
			   .duration_ms = result->duration_ms };

	if (result->end != WORKER_DONE) {
		log_error(&capture->log, "%s: %s", step->name, result->why);
		capture_work(capture, "mark", STEP_MARK_MS, mark_work, &job, &after);
		if (after.end != WORKER_DONE)
			log_error(&capture->log, "noting that: %s", after.why);
	}
	capture_work(capture, "tell", STEP_MARK_MS, tell_work, &job, &after);
	if (after.end != WORKER_DONE)
		log_error(&capture->log, "%s unknown: %s", step->name, after.why);
}

/* ---- all of them ---- */

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
	snprintf(record->crash.step, sizeof(record->crash.step), RECORD_STEP_END);
	if (r == 0)
		r = record_part_write(record, RECORD_LOG, text_get(&text), text.size, 0,
				      err);
	if (r == 0 && capture->raw_device[0])
		r = target_raw_store(capture->raw_device, record, err);
	return r;
}

static void tell_memory(struct capture *capture)
{
	if (capture->memory_kib > 0)
		log_info(&capture->log, PROGRESS_MEMORY "%.1f MiB of %.1f MiB",
			 (double)capture->memory_low_kib / 1024,
			 (double)capture->memory_kib / 1024);
}

/* Is it the disk's fault, as far as can be told? */
static bool is_disks(const struct worker_result *result)
{
	return result->end == WORKER_STALLED || result->end == WORKER_STUCK ||
	       (result->end == WORKER_FAILED && result->code == ERR_OS);
}

enum capture_outcome capture_run_steps(struct capture *capture,
				       const struct capture_step *steps, size_t count,
				       size_t *ret_failed)
{
	struct worker_result result;
	struct job job = { .capture = capture };
	bool is_disk = false;
	size_t failed = 0;

	capture->has_mini = false;
	hooks_run(capture, "pre.d");
	for (size_t i = 0; i < count; i++) {
		if (capture->is_loop && steps[i].is_large) {
			result = (struct worker_result){ .end = WORKER_FAILED };
			snprintf(result.why, sizeof(result.why),
				 "crash loop: left out after %" PRIu32
				 " crashes in %" PRIu32 " s",
				 capture->orders.loop_crashes, capture->orders.loop_s);
		} else {
			step_run(capture, &steps[i], &result);
			is_disk |= is_disks(&result);
			failed += result.end != WORKER_DONE;
		}
		if (result.end == WORKER_DONE && steps[i].parts[0] == RECORD_MINI)
			capture->has_mini = true;
		if (result.end == WORKER_DONE && steps[i].parts[0] == RECORD_DMESG)
			capture->has_dmesg = true;
		// Whoever touches that disk hangs as well, to note it too.
		if (result.end == WORKER_STUCK) {
			log_error(&capture->log, "%s: %s; the rest is left out",
				  steps[i].name, result.why);
			capture->is_stuck[capture->target] = true;
			break;
		}
		step_mark(capture, &steps[i], &result);
	}
	hooks_run(capture, "post.d");
	tell_memory(capture);
	if (capture->is_stuck[capture->target]) {
		if (ret_failed)
			*ret_failed = failed;
		return CAPTURE_DISK_FAILED;
	}
	capture_work(capture, "log", STEP_LOG_MS, log_work, &job, &result);
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "log: %s", result.why);
	if (ret_failed)
		*ret_failed = failed;
	return is_disk || is_disks(&result) ? CAPTURE_DISK_FAILED
	       : failed			    ? CAPTURE_INCOMPLETE
					    : CAPTURE_DONE;
}
