// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/retention.h"

#include <string.h>
#include <sys/statvfs.h>

#include "archive/removal.h"
#include "record/history.h"

#define DAY_S 86400

static bool is_counted(const struct record *record)
{
	return !record->meta_reason[0];
}

/* Why this one stays whatever the limits say; NULL if it does not. */
static const char *protection(const char *const *titles, size_t count, size_t i)
{
	if (!titles[i])
		return "another tool's, or without a meta.json that can be read";
	if (!history_is_needed(titles, count, i))
		return NULL;
	for (size_t j = 0; j < i; j++) {
		if (titles[j] && strcmp(titles[j], titles[i]) == 0)
			return "the last of its title";
	}
	return "the first of its title";
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
		   time_t now, const uint64_t *sizes, const char *const *titles,
		   struct left left, struct retention_plan *plan)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct retention_choice choice = { .record = archive->records[i],
						   .size_bytes = sizes[i] };
		const char *kept = protection(titles, archive->count, i);

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
	_cleanup_free const char **titles = calloc(archive->count + 1, sizeof(*titles));
	struct retention_plan plan = {
		.choices = calloc(archive->count + 1, sizeof(*plan.choices)),
		.kept = calloc(archive->count + 1, sizeof(*plan.kept)),
	};
	struct left left = { .free_bytes = free_bytes(archive) };

	if (!sizes || !titles || !plan.choices || !plan.kept) {
		retention_plan_done(&plan);
		return err_nomem(err);
	}
	for (size_t i = 0; i < archive->count; i++) {
		sizes[i] = removal_size(archive->records[i]);
		if (!is_counted(archive->records[i]))
			continue;
		titles[i] = archive->records[i]->crash.title;
		left.bytes += sizes[i];
		left.count++;
	}
	choose(archive, retention, now, sizes, titles, left, &plan);
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
