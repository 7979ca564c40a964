// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "explain/taint.h"

void report_words_when(const struct report *report, char *ret, size_t size)
{
	char when[64] = "unknown time", uptime[64] = "";
	uint64_t ms = report->uptime_ms, minutes = ms / 60000;
	time_t seconds = (time_t)report->crash_time;
	struct tm tm;

	if (report->crash_time && gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (ms && minutes < 10)
		snprintf(uptime, sizeof(uptime), ", %" PRIu64 ".%" PRIu64 " s after boot",
			 ms / 1000, ms % 1000 / 100);
	else if (ms)
		snprintf(uptime, sizeof(uptime),
			 ", %" PRIu64 " days %02" PRIu64 ":%02" PRIu64 " h after boot",
			 minutes / 1440, minutes / 60 % 24, minutes % 60);
	snprintf(ret, size, "%s%s", when, uptime);
}

void report_words_taints(const struct report *report, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	if (!report->taints[0] || !strcmp(report->taints, "none"))
		return;
	for (const char *p = report->taints; *p && used < size; p++) {
		const char *meaning = taint_meaning(*p);

		if (meaning)
			used += (size_t)snprintf(ret + used, size - used, "%s%c (%s)",
						 used ? ", " : "", *p, meaning);
	}
	if (!used)
		snprintf(ret, size, "%s", report->taints);
}

void report_words_cpu(const struct report *report, char *ret, size_t size)
{
	char counted[64] = "";

	if (report->cpu_count)
		snprintf(counted, sizeof(counted), " of %" PRIu32 " online",
			 report->cpu_count);
	if (report->panic_task.cpu != UINT32_MAX)
		snprintf(ret, size, "%" PRIu32 "%s", report->panic_task.cpu, counted);
	else
		snprintf(ret, size, "unknown");
}

void report_words_tasks(const struct report *report, char *ret, size_t size)
{
	char blocked[64] = "";

	ret[0] = '\0';
	if (report->has_blocked)
		snprintf(blocked, sizeof(blocked), ", %zu of them blocked (state D)",
			 stack_groups_tasks(&report->blocked));
	if (report->task_count)
		snprintf(ret, size, "%s%zu%s",
			 report->task_count >= REPORT_TASKS_MAX ? "at least " : "",
			 report->task_count, blocked);
}
