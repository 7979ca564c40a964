// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/retention.h"

#include <string.h>

#include "archive/removal.h"
#include "record/history.h"

#define DAY_S 86400

static bool is_counted(const struct record *record)
{
	return !record->meta_reason[0];
}

/* Why this one, the oldest of what is left, has to go; NULL if it may stay. */
static const char *reason(const struct retention *retention, const struct record *record,
			  time_t now, size_t left, uint64_t left_bytes)
{
	int64_t when = archive_record_time(record);

	if (retention->keep_days && when > 0 &&
	    now - when > (int64_t)retention->keep_days * DAY_S)
		return "older than keep_days";
	if (retention->keep && left > retention->keep)
		return "more than keep";
	if (retention->keep_size_bytes && left_bytes > retention->keep_size_bytes)
		return "larger than keep_size";
	return NULL;
}

int retention_choose(const struct archive *archive, const struct retention *retention,
		     time_t now, struct retention_plan *ret, struct err *err)
{
	_cleanup_free uint64_t *sizes = calloc(archive->count + 1, sizeof(*sizes));
	_cleanup_free const char **titles = calloc(archive->count + 1, sizeof(*titles));
	struct retention_plan plan = {
		.choices = calloc(archive->count + 1, sizeof(*plan.choices)),
	};
	uint64_t left_bytes = 0;
	size_t left = 0;

	if (!sizes || !titles || !plan.choices) {
		retention_plan_done(&plan);
		return err_nomem(err);
	}
	for (size_t i = 0; i < archive->count; i++) {
		if (!is_counted(archive->records[i]))
			continue;
		titles[i] = archive->records[i]->crash.title;
		sizes[i] = removal_size(archive->records[i]);
		left_bytes += sizes[i];
		left++;
	}
	for (size_t i = 0; i < archive->count; i++) {
		const struct record *record = archive->records[i];
		const char *why;

		if (!titles[i] || history_is_needed(titles, archive->count, i))
			continue;
		why = reason(retention, record, now, left, left_bytes);
		if (!why)
			continue;
		plan.choices[plan.count++] = (struct retention_choice){
			.record = record, .size_bytes = sizes[i], .why = why
		};
		plan.freed_bytes += sizes[i];
		left_bytes -= sizes[i];
		left--;
	}
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
	*plan = (struct retention_plan){ 0 };
}
