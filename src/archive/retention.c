// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/retention.h"

#include <string.h>
#include <sys/statvfs.h>

#include "archive/alike.h"
#include "archive/removal.h"
#include "record/history.h"

#define DAY_S 86400

static bool is_counted(const struct record *record)
{
	return !record->meta_reason[0];
}

/* Of each record of the archive what it has in common with those like it; NULL for one
 * that is not counted. */
struct keys {
	struct alike alike;
	const char **all;
};

static void keys_done(struct keys *keys)
{
	alike_close(&keys->alike);
	free(keys->all);
}

static int keys_open(const struct archive *archive, struct keys *ret, struct err *err)
{
	int r = alike_open(archive, &ret->alike, err);

	if (r < 0)
		return r;
	ret->all = calloc(archive->count + 1, sizeof(*ret->all));
	if (!ret->all)
		return err_nomem(err);
	for (size_t i = 0; i < archive->count; i++) {
		if (is_counted(archive->records[i]))
			ret->all[i] = ret->alike.signatures[i][0]
					      ? ret->alike.signatures[i]
					      : archive->records[i]->crash.title;
	}
	return 0;
}

/* Why this one stays whatever the limits say; NULL if it does not. */
static const char *protection(const struct keys *keys, size_t count, size_t i)
{
	const char *key = keys->all[i];
	bool has_signature = key == keys->alike.signatures[i];

	if (!key)
		return "another tool's, or without a meta.json that can be read";
	if (!history_is_needed(keys->all, count, i))
		return NULL;
	for (size_t j = 0; j < i; j++) {
		if (keys->all[j] && strcmp(keys->all[j], key) == 0)
			return has_signature ? "the last of its signature"
					     : "the last of its title";
	}
	return has_signature ? "the first of its signature" : "the first of its title";
}

/* Of what is left while the oldest are looked at. */
struct left {
	size_t count;
	uint64_t bytes;
	uint64_t free_bytes; /* on the disk, with what goes */
};

/* Why this one, the oldest of what is left, has to go; NULL if it may stay. */
static const char *reason(const struct retention *retention, const struct record *record,
			  time_t now, const struct left *left)
{
	int64_t when = archive_record_time(record);

	if (retention->keep_days && when > 0 &&
	    now - when > (int64_t)retention->keep_days * DAY_S)
		return "older than keep_days";
	if (retention->keep && left->count > retention->keep)
		return "more than keep";
	if (retention->keep_size_bytes && left->bytes > retention->keep_size_bytes)
		return "larger than keep_size";
	if (left->free_bytes < retention->keep_free_bytes)
		return "less than keep_free is free";
	return NULL;
}

/* UINT64_MAX where nobody tells: nothing is removed for a guess. */
static uint64_t free_bytes(const struct archive *archive)
{
	struct statvfs fs;

	if (statvfs(archive->path, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static void choose(const struct archive *archive, const struct retention *retention,
		   time_t now, const uint64_t *sizes, const struct keys *keys,
		   struct left left, struct retention_plan *plan)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct retention_choice choice = { .record = archive->records[i],
						   .size_bytes = sizes[i] };
		const char *kept = protection(keys, archive->count, i);

		if (!kept)
			choice.why = reason(retention, choice.record, now, &left);
		if (!choice.why) {
			choice.why = kept ? kept : "within all limits";
			plan->kept[plan->kept_count++] = choice;
			continue;
		}
		plan->choices[plan->count++] = choice;
		plan->freed_bytes += sizes[i];
		left.bytes -= sizes[i];
		left.count--;
		if (left.free_bytes != UINT64_MAX)
			left.free_bytes += sizes[i];
	}
}

int retention_choose(const struct archive *archive, const struct retention *retention,
		     time_t now, struct retention_plan *ret, struct err *err)
{
	_cleanup_free uint64_t *sizes = calloc(archive->count + 1, sizeof(*sizes));
	_cleanup_(keys_done) struct keys keys = { 0 };
	struct retention_plan plan = {
		.choices = calloc(archive->count + 1, sizeof(*plan.choices)),
		.kept = calloc(archive->count + 1, sizeof(*plan.kept)),
	};
	struct left left = { .free_bytes = free_bytes(archive) };
	int r = 0;

	if (!sizes || !plan.choices || !plan.kept)
		r = err_nomem(err);
	if (r == 0)
		r = keys_open(archive, &keys, err);
	if (r < 0) {
		retention_plan_done(&plan);
		return r;
	}
	for (size_t i = 0; i < archive->count; i++) {
		sizes[i] = removal_size(archive->records[i]);
		if (!is_counted(archive->records[i]))
			continue;
		left.bytes += sizes[i];
		left.count++;
	}
	choose(archive, retention, now, sizes, &keys, left, &plan);
	*ret = plan;
	return 0;
}

size_t retention_apply(const struct retention_plan *plan, const struct log *log)
{
	size_t removed = 0;

	for (size_t i = 0; i < plan->count; i++) {
		struct err why = { 0 };

		if (removal_remove(plan->choices[i].record, log, &why) < 0)
			log_warning(log, "%s; it takes up its space", err_text(&why));
		else
			removed++;
	}
	return removed;
}

void retention_plan_done(struct retention_plan *plan)
{
	free(plan->choices);
	free(plan->kept);
	*plan = (struct retention_plan){ 0 };
}
