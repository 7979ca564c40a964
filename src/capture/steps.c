// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is made of a dead kernel, the small and sure first. Each step opens the memory
 * image anew, in its own worker: an image that kills the reader kills that step alone.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "capture/capture.h"
#include "dump/dump.h"
#include "explain/report.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

#define STEP_SHOW_MS	   2000
#define STEP_RESERVE_BYTES ((off_t)16 << 20)
#define STEP_BOOT_ID_SIZE  16

struct dead {
	struct image *image;
	struct kernel *kernel;
};

static void dead_done(struct dead *dead)
{
	kernel_close(dead->kernel);
	image_close(dead->image);
}
#define _cleanup_dead _cleanup_(dead_done)

static int dead_open(const struct capture *capture, struct dead *ret, struct err *err)
{
	int r = image_open(capture->vmcore, &ret->image, err);

	if (r == 0)
		r = kernel_open(ret->image, &ret->kernel, err);
	return r;
}

/* ---- dmesg ---- */

static void crash_set(char *field, size_t size, const char *value)
{
	if (value && value[0])
		snprintf(field, size, "%.*s", (int)size - 1, value);
}

/* What the record's readers want to know of any crash; from VMCOREINFO, so it is cheap.
 */
static void dead_describe(const struct dead *dead, const struct printk_log *log,
			  struct record_crash *crash)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(dead->kernel);
	struct kernel_utsname name;
	const char *when = vmcoreinfo_get(info, "CRASHTIME");

	crash_set(crash->kernel_release, sizeof(crash->kernel_release),
		  vmcoreinfo_get(info, "OSRELEASE"));
	crash_set(crash->build_id, sizeof(crash->build_id),
		  vmcoreinfo_get(info, "BUILD-ID"));
	if (when)
		crash->crash_time = strtoll(when, NULL, 10);
	if (kernel_utsname(dead->kernel, &name, NULL) == 0) {
		crash_set(crash->machine, sizeof(crash->machine), name.machine);
		// Nobody sets it on an appliance: then the orders know better.
		if (strcmp(name.nodename, "(none)") != 0)
			crash_set(crash->host, sizeof(crash->host), name.nodename);
	}
	if (log->count > 0)
		crash->uptime_ms = log->records[log->count - 1].ts_nsec / 1000000;
}

static int step_dmesg(const struct capture *capture, struct record *record,
		      const struct worker_call *call, struct err *err)
{
	_cleanup_dead struct dead dead = { 0 };
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text text = { 0 };
	uint64_t started = console_now_ms();
	int r = dead_open(capture, &dead, err);

	if (r == 0)
		r = printk_read(dead.kernel, &log, err);
	if (r < 0)
		return r;
	printk_format(&log, &text);
	r = text_check(&text, err);
	if (r < 0)
		return r;
	if (log.lost > 0)
		log_warning(&call->log,
			    "%" PRIu64 " records of the log are not in it: %s", log.lost,
			    log.lost_why);
	dead_describe(&dead, &log, &record->crash);
	return record_part_write(record, RECORD_DMESG, text_get(&text), text.size,
				 console_now_ms() - started, err);
}

/* ---- report ---- */

/* random.c's, as /proc/sys/kernel/random/boot_id showed it; made when first read. */
static void dead_read_boot_id(struct kernel *kernel, char ret[static 37])
{
	uint8_t id[STEP_BOOT_ID_SIZE];
	uint64_t vaddr;
	char *at = ret;

	if (kernel_symbol(kernel, "sysctl_bootid", &vaddr, NULL) < 0 ||
	    kernel_read(kernel, vaddr, id, sizeof(id), NULL) < 0 || !id[8])
		return;
	for (int i = 0; i < STEP_BOOT_ID_SIZE; i++)
		at += sprintf(at, "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
}

static int report_make(const struct capture *capture, struct record *record,
		       const struct worker_call *call, struct report **ret,
		       struct err *err)
{
	_cleanup_dead struct dead dead = { 0 };
	_cleanup_printk_log struct printk_log log = { 0 };
	struct report_options options = {
		.log_tail_lines = capture->orders.log_tail_lines,
	};
	struct err why = { 0 };
	bool has_log;
	int r = dead_open(capture, &dead, &why);

	if (r < 0) {
		log_error(&call->log, "the dead kernel: %s", err_text(&why));
		return report_build_unknown(err_text(&why), ret, err);
	}
	has_log = printk_read(dead.kernel, &log, &why) == 0;
	if (!has_log)
		log_warning(&call->log, "a report without the log: %s", err_text(&why));
	r = report_build(dead.kernel, has_log ? &log : NULL, &options, ret, err);
	if (r == 0)
		dead_read_boot_id(dead.kernel, record->crash.boot_id);
	return r;
}

static int step_report(const struct capture *capture, struct record *record,
		       const struct worker_call *call, struct err *err)
{
	_cleanup_report struct report *report = NULL;
	_cleanup_text struct text text = { 0 }, json = { 0 };
	uint64_t started = console_now_ms();
	int r = report_make(capture, record, call, &report, err);

	if (r < 0)
		return r;
	crash_set(record->crash.cause, sizeof(record->crash.cause), report->cause);
	crash_set(record->crash.title, sizeof(record->crash.title), report->title);
	crash_set(record->crash.signature, sizeof(record->crash.signature),
		  report->signature);
	if (report->cause[0])
		log_info(&call->log, "cause: %s", report->cause);
	r = report_format_text(report, NULL, &text, err);
	if (r == 0)
		r = report_format_json(report, &json, err);
	if (r == 0)
		r = record_part_write(record, RECORD_REPORT_TEXT, text_get(&text),
				      text.size, console_now_ms() - started, err);
	if (r == 0)
		r = record_part_write(record, RECORD_REPORT_JSON, text_get(&json),
				      json.size, console_now_ms() - started, err);
	return r;
}

/* ---- dump ---- */

struct dump_watch {
	const struct worker_call *call;
	uint64_t shown_ms;
};

static void dump_show(void *context, const struct dump_progress *progress)
{
	struct dump_watch *watch = context;
	uint64_t now = console_now_ms();
	char line[128];

	if (now - watch->shown_ms < STEP_SHOW_MS)
		return;
	watch->shown_ms = now;
	if (progress->pages_total == 0)
		snprintf(line, sizeof(line), "dump: looking at the pages");
	else
		snprintf(line, sizeof(line), "dump: %" PRIu64 "%%, %.1f MiB written",
			 progress->pages_done * 100 / progress->pages_total,
			 (double)progress->bytes_written / (double)MIB);
	worker_show(watch->call, line);
}

/* Publishes what dump_write() left; @r and @why are what it said. */
static int dump_publish(struct record *record, int r, const struct err *why,
			const struct dump_result *result, bool is_late,
			uint64_t duration_ms, struct err *err)
{
	char reason[sizeof(((struct record_part_meta *)NULL)->reason)];
	int published;

	snprintf(reason, sizeof(reason), "%s%.200s", is_late ? "its time was up: " : "",
		 result->incomplete_why[0] ? result->incomplete_why : err_text(why));

	if (r == 0 && result->is_complete)
		return record_part_publish(record, RECORD_DUMP, RECORD_COMPLETE, "",
					   duration_ms, err);
	if (r == 0)
		r = ERR_TRUNCATED;
	if (result->pages_written > 0)
		published = record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL,
						reason, duration_ms, err);
	else
		published = record_part_abandon(record, RECORD_DUMP, reason, duration_ms,
						err);
	return published < 0 ? published : err_set(err, r, "%s", reason);
}

/*
 * Blocks that a dump which fills the disk leaves over: for meta.json, for the record's
 * log, and for the next boot to come up. In a file without a name: it goes with its
 * descriptor, whatever becomes of us. -1 where the file system can't, or has not as much.
 */
static int reserve_space(const struct record *record)
{
	int fd = openat(record->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		fallocate(fd, 0, 0, STEP_RESERVE_BYTES);
	return fd;
}

static int step_dump(const struct capture *capture, struct record *record,
		     const struct worker_call *call, struct err *err)
{
	const struct orders *orders = &capture->orders;
	_cleanup_dead struct dead dead = { 0 };
	struct dump_watch watch = { .call = call, .shown_ms = console_now_ms() };
	struct dump_options options = {
		.level = orders->dump_level,
		.codec_level = orders->codec_level,
		.log = &call->log,
		.progress = dump_show,
		.progress_context = &watch,
		.cancel = call->cancel,
	};
	struct dump_result result = { 0 };
	uint64_t started = console_now_ms();
	struct err why = { 0 };
	int level, reserve, fd, r;

	r = codec_parse(orders->codec, &options.codec, &level, err);
	if (r == 0)
		r = dead_open(capture, &dead, &why);
	if (r < 0 && dead.image) {
		log_warning(&call->log, "only pages of zeros are left out: %s",
			    err_text(&why));
		r = 0;
	} else if (r < 0 && why.code) {
		*err = why;
	}
	if (r == 0)
		r = record_part_begin(record, RECORD_DUMP, &fd, err);
	if (r < 0)
		return r;
	why = (struct err){ 0 };
	reserve = reserve_space(record);
	r = dump_write(dead.image, dead.kernel, &options, fd, &result, &why);
	fd_closep(&reserve);
	if (result.selection_why[0])
		log_warning(&call->log, "pages told apart by %s only: %s",
			    dump_selection_name(result.selection), result.selection_why);
	log_info(&call->log, "dump: %" PRIu64 " of %" PRIu64 " pages, %.1f MiB",
		 result.pages_written, result.pages_total,
		 (double)result.bytes_written / (double)MIB);
	return dump_publish(record, r, &why, &result, *call->cancel,
			    console_now_ms() - started, err);
}

/* ---- */

const struct capture_step capture_steps[] = {
	{ "dmesg", ORDERS_STEP_DMESG, { RECORD_DMESG }, 1, step_dmesg },
	{ "report",
	  ORDERS_STEP_REPORT,
	  { RECORD_REPORT_TEXT, RECORD_REPORT_JSON },
	  2,
	  step_report },
	{ "dump", ORDERS_STEP_DUMP, { RECORD_DUMP }, 1, step_dump },
};

size_t capture_step_count(const struct orders *orders)
{
	return orders->mode == ORDERS_DMESG ? 2 : ARRAY_SIZE(capture_steps);
}
