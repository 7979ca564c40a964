// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is made of a dead kernel, the small and sure first. Each step opens the memory
 * image anew, in its own worker: an image that kills the reader kills that step alone.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "capture/capture.h"
#include "capture/room.h"
#include "dump/dump.h"
#include "explain/report.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"
#include "record/raw.h"

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

/* ---- mini and dump ---- */

/* What a dump of any kind is written with, and where to. */
struct dumping {
	const struct capture *capture;
	struct record *record;
	const struct worker_call *call;
	enum record_part part;
	struct dump_options options;
	struct dump_result result;
	uint64_t started_ms, shown_ms;
	uint64_t moved; /* what the last progress said */
};

static void dump_show(void *context, const struct dump_progress *progress)
{
	struct dumping *dumping = context;
	const char *name = record_part_key(dumping->part);
	uint64_t now = console_now_ms();
	uint64_t moved = progress->pages_done + progress->bytes_written;
	char line[128];

	// It is called while nothing moves, too.
	if (moved != dumping->moved)
		worker_beat(dumping->call);
	dumping->moved = moved;
	if (now - dumping->shown_ms < STEP_SHOW_MS)
		return;
	dumping->shown_ms = now;
	if (progress->pages_total == 0)
		snprintf(line, sizeof(line), "%s: looking at the pages", name);
	else
		snprintf(line, sizeof(line), "%s: %" PRIu64 "%%, %.1f MiB written", name,
			 progress->pages_done * 100 / progress->pages_total,
			 (double)progress->bytes_written / (double)MIB);
	worker_show(dumping->call, line);
}

/* Publishes what dump_write() left; @r and @why are what it said. */
static int dump_publish(struct dumping *dumping, int r, const struct err *why,
			struct err *err)
{
	const struct dump_result *result = &dumping->result;
	uint64_t duration_ms = console_now_ms() - dumping->started_ms;
	char reason[sizeof(((struct record_part_meta *)NULL)->reason)];
	int published;

	snprintf(reason, sizeof(reason), "%s%.200s",
		 *dumping->call->cancel ? "its time was up: " : "",
		 result->incomplete_why[0] ? result->incomplete_why : err_text(why));
	if (r == 0 && result->is_complete)
		return record_part_publish(dumping->record, dumping->part,
					   RECORD_COMPLETE, "", duration_ms, err);
	if (r == 0)
		r = ERR_TRUNCATED;
	if (result->pages_written > 0)
		published = record_part_publish(dumping->record, dumping->part,
						RECORD_PARTIAL, reason, duration_ms, err);
	else
		published = record_part_abandon(dumping->record, dumping->part, reason,
						duration_ms, err);
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

static uint64_t dead_memory_bytes(const struct dead *dead)
{
	size_t count;
	const struct image_range *ranges = image_ranges(dead->image, &count);
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += ranges[i].size_bytes;
	return bytes;
}

static int dump_to_file(struct dumping *dumping, const struct dead *dead, struct err *err)
{
	const struct orders *orders = &dumping->capture->orders;
	struct err why = { 0 };
	int reserve, fd, r;

	if (orders->makes_room)
		room_make(dumping->record,
			  room_wanted(dead_memory_bytes(dead), dumping->options.level,
				      orders->size_limit_bytes),
			  &dumping->call->log);
	r = record_part_begin(dumping->record, dumping->part, &fd, err);
	if (r < 0)
		return r;
	reserve = reserve_space(dumping->record);
	r = dump_write(dead->image, dead->kernel, &dumping->options, fd, &dumping->result,
		       &why);
	fd_closep(&reserve);
	return dump_publish(dumping, r, &why, err);
}

/* Past memory, which has no room for it; its state is told to the record by hand. */
static int dump_to_partition(struct dumping *dumping, const struct dead *dead,
			     struct err *err)
{
	struct dump_result *result = &dumping->result;
	_cleanup_raw struct raw raw = { .fd = -1 };
	struct err why = { 0 };
	uint64_t start = 0;
	off_t end;
	int r, published;

	dumping->options.output = OUTPUT_STREAM;
	r = raw_open(dumping->capture->raw_device, true, &raw, err);
	if (r == 0)
		r = raw_seek_end(&raw, &start, err);
	if (r < 0)
		return r;
	r = dump_write(dead->image, dead->kernel, &dumping->options, raw.fd, result,
		       &why);
	if (r == 0 && !result->is_complete)
		r = err_set(&why, ERR_TRUNCATED, "%s", result->incomplete_why);
	end = lseek(raw.fd, 0, SEEK_CUR);
	if (result->pages_written == 0 || end <= (off_t)start)
		return err_set(err, r < 0 ? r : ERR_OS, "%s", err_text(&why));
	published = raw_publish(&raw, dumping->part,
				r == 0 ? RECORD_COMPLETE : RECORD_PARTIAL, start,
				(uint64_t)end - start, err);
	if (published < 0)
		return published;
	return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}

static int dump_open(struct dumping *dumping, struct dead *dead, struct err *err)
{
	const struct orders *orders = &dumping->capture->orders;
	struct err why = { 0 };
	int level, r;

	r = codec_parse(orders->codec, &dumping->options.codec, &level, err);
	if (r < 0)
		return r;
	r = dead_open(dumping->capture, dead, &why);
	if (r < 0 && dead->image) {
		log_warning(&dumping->call->log, "only pages of zeros are left out: %s",
			    err_text(&why));
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static int dump_make(const struct capture *capture, struct record *record,
		     const struct worker_call *call, enum record_part part, int level,
		     struct err *err)
{
	struct dumping dumping = {
		.capture = capture,
		.record = record,
		.call = call,
		.part = part,
		.options = { .level = level,
			     .codec_level = capture->orders.codec_level,
			     .size_limit = capture->orders.size_limit_bytes,
			     .log = &call->log,
			     .progress = dump_show,
			     .progress_context = &dumping,
			     .cancel = call->cancel },
		.started_ms = console_now_ms(),
		.shown_ms = console_now_ms(),
	};
	const struct dump_result *result = &dumping.result;
	_cleanup_dead struct dead dead = { 0 };
	int r = dump_open(&dumping, &dead, err);

	if (r < 0)
		return r;
	r = capture->raw_device[0] ? dump_to_partition(&dumping, &dead, err)
				   : dump_to_file(&dumping, &dead, err);
	if (result->selection_why[0])
		log_warning(&call->log, "pages told apart by %s only: %s",
			    dump_selection_name(result->selection),
			    result->selection_why);
	log_info(&call->log, "%s: %" PRIu64 " of %" PRIu64 " pages, %.1f MiB",
		 record_part_key(part), result->pages_written, result->pages_total,
		 (double)result->bytes_written / (double)MIB);
	return r;
}

static int step_mini(const struct capture *capture, struct record *record,
		     const struct worker_call *call, struct err *err)
{
	return dump_make(capture, record, call, RECORD_MINI, DUMP_LEVEL_MINI, err);
}

/* The levels that a dump is tried with, each smaller than the one before. The mini dump
 * is there as a part of its own, as a rule. */
static unsigned int dump_levels(const struct capture *capture,
				int ret[static CAPTURE_FORMS_MAX])
{
	unsigned int count = 0;

	ret[count++] = capture->orders.dump_level;
	if (capture->orders.dump_level != DUMP_LEVEL_MAX)
		ret[count++] = DUMP_LEVEL_MAX;
	if (!capture->has_mini)
		ret[count++] = DUMP_LEVEL_MINI;
	return count;
}

static unsigned int dump_smaller_forms(const struct capture *capture)
{
	int levels[CAPTURE_FORMS_MAX];

	return dump_levels(capture, levels) - 1;
}

static int step_dump(const struct capture *capture, struct record *record,
		     const struct worker_call *call, struct err *err)
{
	int levels[CAPTURE_FORMS_MAX];
	unsigned int count = dump_levels(capture, levels);
	int level = levels[MIN(capture->form, count - 1)];
	char note[sizeof(((struct record_part_meta *)NULL)->note)];

	if (capture->form > 0) {
		snprintf(note, sizeof(note), "level %d in place of %d: %.120s", level,
			 levels[0], capture->form_why);
		record_part_note(record, RECORD_DUMP, note);
	}
	return dump_make(capture, record, call, RECORD_DUMP, level, err);
}

/* ---- */

/* Not in dmesg mode; in mini mode all but the dump. */
const struct capture_step capture_steps[] = {
	{ .name = "dmesg",
	  .deadline = ORDERS_STEP_DMESG,
	  .parts = { RECORD_DMESG },
	  .part_count = 1,
	  .run = step_dmesg },
	{ .name = "report",
	  .deadline = ORDERS_STEP_REPORT,
	  .parts = { RECORD_REPORT_TEXT, RECORD_REPORT_JSON },
	  .part_count = 2,
	  .run = step_report },
	{ .name = "mini",
	  .deadline = ORDERS_STEP_MINI,
	  .parts = { RECORD_MINI },
	  .part_count = 1,
	  .run = step_mini,
	  .is_large = true },
	{ .name = "dump",
	  .deadline = ORDERS_STEP_DUMP,
	  .parts = { RECORD_DUMP },
	  .part_count = 1,
	  .run = step_dump,
	  .smaller_forms = dump_smaller_forms,
	  .is_large = true },
};

size_t capture_step_count(const struct orders *orders)
{
	return orders->mode == ORDERS_DMESG  ? 2
	       : orders->mode == ORDERS_MINI ? ARRAY_SIZE(capture_steps) - 1
					     : ARRAY_SIZE(capture_steps);
}
