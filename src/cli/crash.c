// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/crash.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "explain/log_text.h"

#define PART_MAX ((size_t)256 << 20) /* a dmesg or a report */

static int open_kernel(struct crash *crash, struct err *err)
{
	int r = image_open(crash->dump_path, &crash->image, err);

	if (r == 0)
		r = kernel_open(crash->image, &crash->kernel, err);
	return r; // both name the file
}

int crash_open(struct cli *cli, const char *name, struct crash *ret, struct err *err)
{
	_cleanup_crash struct crash crash = { 0 };
	struct err why = { 0 };
	int r;

	r = cli_find_crash(cli, name, &crash.record, &crash.dump_path, err);
	if (r < 0)
		return r;
	if (crash.dump_path)
		r = open_kernel(&crash, crash.record ? &why : err);
	if (r < 0 && !crash.record)
		return r;
	if (!crash.dump_path)
		snprintf(crash.no_kernel, sizeof(crash.no_kernel),
			 "no dump in this record%s%s",
			 crash.record->parts[RECORD_DUMP].reason[0] ? ": " : "",
			 crash.record->parts[RECORD_DUMP].reason);
	else if (r < 0)
		snprintf(crash.no_kernel, sizeof(crash.no_kernel), "%s", err_text(&why));
	*ret = crash;
	crash = (struct crash){ 0 };
	return 0;
}

void crash_done(struct crash *crash)
{
	kernel_close(crash->kernel);
	image_close(crash->image);
	record_close(crash->record);
	free(crash->dump_path);
	*crash = (struct crash){ 0 };
}

const char *crash_path(const struct crash *crash)
{
	return crash->record ? crash->record->path : crash->dump_path;
}

int crash_read_part(const struct crash *crash, enum record_part part, char **ret,
		    size_t *ret_size, struct err *err)
{
	_cleanup_fd int fd = -1;
	_cleanup_free char *data = NULL;
	struct stat st;
	int r;

	r = record_part_open(crash->record, part, &fd, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_os(err, errno, "looking at the %s", record_part_key(part));
	if ((uint64_t)st.st_size > PART_MAX)
		return err_set(err, ERR_LIMIT, "the %s is larger than %zu MiB",
			       record_part_key(part), PART_MAX >> 20);
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return err_nomem(err);
	r = fd_pread_full(fd, data, (size_t)st.st_size, 0, err);
	if (r < 0)
		return err_in(err, r, "reading the %s", record_part_key(part));
	data[st.st_size] = '\0';
	*ret_size = (size_t)st.st_size;
	*ret = take_ptr(data);
	return 0;
}

static int report_from_json(const struct crash *crash, struct report **ret,
			    struct err *err)
{
	_cleanup_free char *json = NULL;
	size_t size;
	int r = crash_read_part(crash, RECORD_REPORT_JSON, &json, &size, err);

	return r < 0 ? r : report_parse_json(json, size, ret, err);
}

static int report_from_dmesg(const struct crash *crash, struct report **ret,
			     struct err *err)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_free char *text = NULL;
	size_t size;
	int r = crash_read_part(crash, RECORD_DMESG, &text, &size, err);

	if (r == 0)
		r = log_text_parse(text, size, &log, err);
	return r < 0 ? r : report_build_from_log(&log, crash->no_kernel, NULL, ret, err);
}

static unsigned int count_unknown(const struct report *report)
{
	return !!report->cause_unknown.why[0] + !!report->panic_task_unknown.why[0] +
	       !!report->backtrace_unknown.why[0] + !!report->log_unknown.why[0];
}

/*
 * The crash kernel saw all of the memory; of a dump that was cut off, its report may know
 * more than we can find in what was saved.
 */
static int report_from_dump(const struct crash *crash, struct report **ret,
			    enum crash_source *ret_source, struct err *err)
{
	_cleanup_report struct report *report = NULL, *kept = NULL;
	int r = report_build(crash->kernel, NULL, NULL, &report, err);

	if (r < 0)
		return r;
	*ret_source = CRASH_SOURCE_DUMP;
	if (crash->record && count_unknown(report) &&
	    report_from_json(crash, &kept, NULL) == 0 &&
	    count_unknown(kept) < count_unknown(report)) {
		*ret_source = CRASH_SOURCE_REPORT;
		*ret = take_ptr(kept);
		return 0;
	}
	*ret = take_ptr(report);
	return 0;
}

int crash_report(const struct crash *crash, struct report **ret,
		 enum crash_source *ret_source, struct err *err)
{
	struct err why = { 0 };

	if (crash->kernel)
		return report_from_dump(crash, ret, ret_source, err);
	*ret_source = CRASH_SOURCE_REPORT;
	if (report_from_json(crash, ret, &why) == 0)
		return 0;
	*ret_source = CRASH_SOURCE_DMESG;
	if (report_from_dmesg(crash, ret, NULL) == 0)
		return 0;
	return err_set(err, ERR_NOTFOUND, "nothing to make a report from: %.200s; %.200s",
		       crash->no_kernel, err_text(&why));
}

const char *crash_no_dump_why(const struct crash *crash)
{
	return crash->kernel ? "it knows more than the dump, which is not whole"
			     : crash->no_kernel;
}

const char *crash_source_name(enum crash_source source)
{
	static const char *const names[] = { "dump", "report.json", "dmesg" };

	return names[source];
}

bool crash_warn_incomplete(const struct cli *cli, const struct crash *crash)
{
	bool is_incomplete = false;

	for (int i = 0; crash->record && i < RECORD_PART_COUNT; i++) {
		const struct record_part_meta *part = &crash->record->parts[i];

		// Absent without a reason: nobody asked for it.
		if (part->state == RECORD_COMPLETE ||
		    (part->state == RECORD_ABSENT && !part->reason[0]))
			continue;
		is_incomplete = true;
		log_warning(&cli->log, "incomplete: %s is %s: %s",
			    record_part_key((enum record_part)i),
			    record_state_name(part->state),
			    part->reason[0] ? part->reason : "no reason is known");
	}
	if (crash->image && image_info(crash->image)->is_incomplete) {
		is_incomplete = true;
		log_warning(&cli->log, "incomplete: '%s': %s", crash->dump_path,
			    image_info(crash->image)->incomplete_why);
	}
	return is_incomplete;
}

int crash_print_json(const struct cli *cli, json_t *root)
{
	char *json = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	struct err err = { 0 };

	json_decref(root);
	if (!json) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	puts(json);
	free(json);
	return EXIT_DONE;
}
