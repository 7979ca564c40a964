// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "prepare/capture_image.h"
#include "prepare/parameter_edit.h"
#include "record/field.h"
#include "record/progress.h"
#include "record/record.h"
#include "rehearse/phases.h"
#include "rehearse/verdict.h"

#define REAL_LIMIT_BYTES   ((size_t)64 << 10)
#define REAL_LOG_LIMIT	   ((size_t)16 << 20)
#define REAL_CMDLINE_LIMIT ((size_t)64 << 10)
#define REAL_TRIGGER_S	   180

/* ---- what is expected ---- */

static int real_to_text(const struct real_expectation *e, char **ret, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	json_t *rehearsed = NULL;
	int r = rehearsed_to_json(&e->rehearsed, &rehearsed, err);

	if (r < 0)
		return r;
	root = json_pack("{s:i, s:s, s:s, s:s, s:o}", "schema_version",
			 REAL_SCHEMA_VERSION, "marker", e->marker, "boot_id", e->boot_id,
			 "mode", orders_mode_name(e->mode), "rehearsal", rehearsed);
	*ret = root ? json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
	return *ret ? 0 : err_nomem(err);
}

static int real_parse_rehearsed(const json_t *root, struct rehearsed *ret,
				struct err *err)
{
	const json_t *object = NULL;
	_cleanup_free char *text = NULL;
	int r = field_object(root, "rehearsal", &object, err);

	if (r < 0)
		return r;
	if (!object)
		return err_set(err, ERR_INVALID, "'rehearsal' is missing");
	text = json_dumps(object, 0);
	return text ? rehearsed_parse(text, strlen(text), ret, err) : err_nomem(err);
}

int real_parse(const char *json, size_t size, struct real_expectation *ret,
	       struct err *err)
{
	_cleanup_json json_t *root = NULL;
	struct real_expectation e = { .mode = ORDERS_FULL };
	int64_t version = 0;
	char mode[16] = "";
	int r = field_load(json, size, REAL_LIMIT_BYTES, &root, err);

	if (r == 0)
		r = field_int(root, "schema_version", 0, INT32_MAX, &version, err);
	if (r == 0 && version != REAL_SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "schema %lld; this version reads %d",
			       (long long)version, REAL_SCHEMA_VERSION);
	if (r == 0)
		r = field_string(root, "marker", true, e.marker, sizeof(e.marker), err);
	if (r == 0)
		r = field_string(root, "boot_id", true, e.boot_id, sizeof(e.boot_id),
				 err);
	if (r == 0)
		r = field_string(root, "mode", true, mode, sizeof(mode), err);
	if (r == 0)
		r = orders_mode_parse(mode, &e.mode, err);
	if (r == 0 && !e.marker[0])
		r = err_set(err, ERR_INVALID, "'marker' is empty");
	if (r == 0)
		r = real_parse_rehearsed(root, &e.rehearsed, err);
	if (r == 0)
		*ret = e;
	return r;
}

/* As it was asked for, of this boot; "" where nobody knows. */
static void take_crashkernel(char *ret, size_t size)
{
	_cleanup_free char *cmdline = NULL;
	const char *value;
	size_t length;

	if (file_read(AT_FDCWD, "/proc/cmdline", REAL_CMDLINE_LIMIT, &cmdline, NULL,
		      NULL) < 0)
		return;
	value = parameter_find(cmdline, "crashkernel=", &length);
	if (value)
		snprintf(ret, size, "%.*s", (int)length, value);
}

int real_expect(const struct armed *armed, enum rehearse_trigger trigger,
		struct real_expectation *ret, struct err *err)
{
	struct rehearsed *rehearsed = &ret->rehearsed;
	char capture[PATH_MAX];
	int r;

	*ret = (struct real_expectation){ .mode = armed->mode };
	r = trigger_make_marker(ret->marker, err);
	if (r < 0)
		return r;
	armed_boot_id("", ret->boot_id);
	if (!ret->boot_id[0])
		return err_set(err, ERR_NOTFOUND,
			       "this boot has no id: '/proc/sys/kernel/random/boot_id' "
			       "can't be read");
	rehearsed_init(rehearsed);
	rehearsed->verdict = REHEARSED_FAILED;
	rehearsed->is_real = true;
	rehearsed->when = time(NULL);
	snprintf(rehearsed->trigger, sizeof(rehearsed->trigger), "%s",
		 rehearse_trigger_name(trigger));
	snprintf(rehearsed->kernel_release, sizeof(rehearsed->kernel_release), "%s",
		 armed->kernel_release);
	snprintf(rehearsed->kernel_checksum, sizeof(rehearsed->kernel_checksum), "%s",
		 armed->kernel_checksum);
	snprintf(rehearsed->image_checksum, sizeof(rehearsed->image_checksum), "%s",
		 armed->image_checksum);
	if (capture_image_find_program("epitaph-capture", capture, NULL) == 0)
		armed_checksum(capture, rehearsed->capture_checksum, NULL);
	rehearsed->image_bytes = armed->image_bytes;
	rehearsed->unpacked_bytes = armed->unpacked_bytes;
	take_crashkernel(rehearsed->crashkernel, sizeof(rehearsed->crashkernel));
	return 0;
}

/* ---- the crash ---- */

int real_crash(const struct real_expectation *expectation, enum rehearse_trigger trigger,
	       struct err *err)
{
	_cleanup_free char *text = NULL;
	int r = real_to_text(expectation, &text, err);

	if (r == 0)
		r = file_replace(AT_FDCWD, REAL_FILE, text, strlen(text), 0600, err);
	if (r < 0)
		return r;
	// What this system has not written yet is not the price of a rehearsal.
	sync();
	r = trigger_log_marker(expectation->marker, err);
	if (r == 0)
		r = trigger_pull(trigger, REAL_TRIGGER_S, NULL, err);
	unlink(REAL_FILE);
	return r;
}

/* ---- the verdict ---- */

static int real_load(const char *path, struct real_expectation *ret, struct err *err)
{
	_cleanup_free char *text = NULL;
	struct err why = { 0 };
	size_t size;
	int r = file_read(AT_FDCWD, path, REAL_LIMIT_BYTES, &text, &size, &why);

	if (r < 0)
		return err_set(err, why.os_errno == ENOENT ? ERR_NOTFOUND : r, "%s",
			       err_text(&why));
	r = real_parse(text, size, ret, err);
	return r < 0 ? err_in(err, r, "'%s'", path) : 0;
}

static bool real_path(const char *root, char ret[static PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s" REAL_FILE, root) < PATH_MAX;
}

bool real_is_pending(const char *root)
{
	char path[PATH_MAX];

	return real_path(root, path) && access(path, F_OK) == 0;
}

/*
 * How much memory the crash kernel had left, and how long it took, as its own log says:
 * "[   7.521] lowest free memory 50.4 MiB of 75.7 MiB", its last line.
 */
static void real_measure(const char *path, struct rehearsed *ret)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *text = NULL;
	_cleanup_fd int fd = -1;
	const char *at;
	char name[64];
	double seconds;

	if (record_open(path, &record, NULL) < 0 ||
	    record_part_open(record, RECORD_LOG, &fd, NULL) < 0)
		return;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (file_read(AT_FDCWD, name, REAL_LOG_LIMIT, &text, NULL, NULL) < 0)
		return;
	at = strstr(text, "] " PROGRESS_MEMORY);
	if (!at)
		return;
	phases_parse_memory(at + 2, &ret->memory_low_kib, &ret->memory_total_kib);
	while (at > text && at[-1] != '\n')
		at--;
	if (sscanf(at, "[%lf]", &seconds) == 1 && seconds >= 0 &&
	    seconds < ORDERS_TIMEOUT_MAX_S)
		ret->capture_ms = (int64_t)(seconds * 1000);
}

static int real_weigh(const struct real_expectation *expectation, const char *archive,
		      struct rehearsed *ret, struct err *err)
{
	struct err why = { 0 };
	char path[PATH_MAX];
	int r;

	*ret = expectation->rehearsed;
	ret->when = time(NULL);
	if (ret->when >= expectation->rehearsed.when)
		ret->duration_ms = (ret->when - expectation->rehearsed.when) * 1000;
	if (verdict_find_marked(archive, expectation->marker, path, &why) < 0) {
		ret->verdict = REHEARSED_FAILED;
		snprintf(ret->why, sizeof(ret->why), "%.511s", err_text(&why));
		return 0;
	}
	r = verdict_judge(path, expectation->mode, expectation->marker, &ret->verdict,
			  ret->why, sizeof(ret->why), err);
	if (r == 0)
		real_measure(path, ret);
	return r;
}

int real_judge(const char *root, const char *archive, const struct log *log,
	       bool *ret_is_judged, struct rehearsed *ret, struct err *err)
{
	_cleanup_free struct real_expectation *e = calloc(1, sizeof(*e));
	char path[PATH_MAX], boot_id[37];
	struct err why = { 0 };
	int r;

	*ret_is_judged = false;
	if (!e)
		return err_nomem(err);
	if (!real_path(root, path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	r = real_load(path, e, &why);
	if (r == ERR_NOTFOUND)
		return 0;
	if (r < 0) {
		// It would be in the way of each boot to come.
		log_warning(log, "%s; the crash that was expected is not judged",
			    err_text(&why));
		unlink(path);
		return 0;
	}
	armed_boot_id(root, boot_id);
	if (strcmp(boot_id, e->boot_id) == 0)
		return 0;
	r = real_weigh(e, archive, ret, err);
	if (r == 0)
		r = rehearsed_save(root, ret, err);
	if (r < 0)
		return r;
	*ret_is_judged = true;
	if (unlink(path) < 0)
		return err_os(err, errno, "unable to remove '%s'", path);
	return 0;
}
