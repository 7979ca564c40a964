// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph timers: what was to happen, on which CPU, and when. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/answer.h"
#include "explain/member.h"
#include "explain/survey.h"
#include "kernel/timer.h"

/* CLOCK_* of clock_gettime(2) that hrtimers have */
static const char *clock_name(uint32_t clock)
{
	switch (clock) {
	case 0:
		return "realtime";
	case 1:
		return "monotonic";
	case 7:
		return "boottime";
	case 11:
		return "tai";
	default:
		return "other";
	}
}

static json_t *new_timer(const struct timer_list *list, const struct timer *timer)
{
	json_t *object =
		json_pack("{s:I, s:s, s:I}", "cpu", (json_int_t)timer->cpu, "clock",
			  timer->is_hrtimer ? clock_name(timer->base) : "jiffies",
			  "expires", (json_int_t)timer->expires);
	int r = object ? member_put_string(object, "function", timer->function) |
				 member_put_string(object, "detail", timer->detail) |
				 member_put_hex(object, "address", timer->vaddr)
		       : -1;

	if (r == 0 && (!timer->is_hrtimer || list->has_now))
		r = json_object_set_new(object,
					timer->is_hrtimer ? "left_ns" : "left_jiffies",
					json_integer(timer->left));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void add_timer(const struct timer_list *list, const struct timer *timer,
		      struct text *ret)
{
	struct answer_name function, detail;
	char left[64] = "?";

	if (!timer->is_hrtimer)
		snprintf(left, sizeof(left), "%" PRId64 " jiffies", timer->left);
	else if (list->has_now)
		snprintf(left, sizeof(left), "%.3f ms", (double)timer->left / 1e6);
	text_add(ret, "%4" PRIu32 " %-9s %20s  %s%s%s%s\n", timer->cpu,
		 timer->is_hrtimer ? clock_name(timer->base) : "jiffies", left,
		 answer_clean(timer->function, &function), timer->detail[0] ? "  (" : "",
		 answer_clean(timer->detail, &detail), timer->detail[0] ? ")" : "");
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	_cleanup_timer_list struct timer_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	int r = cpu_list_read(answer->kernel, &cpus, err);

	(void)about;
	if (r == 0)
		r = timer_list_read(answer->kernel, &cpus, &list, err);
	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the timers broke off: %s", list.cut_why);
	text_add(&answer->text, "%4s %-9s %20s  %s\n", "CPU", "CLOCK", "LEFT",
		 "FUNCTION");
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (array &&
		    json_array_append_new(array, new_timer(&list, &list.timers[i])) < 0)
			r = err_nomem(err);
		add_timer(&list, &list.timers[i], &answer->text);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "timers", array, err);
	json_decref(array);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "timers", 1, true, ask };

	return answer_run(cli, &cmd_timers, &question, argc, argv);
}

const struct command cmd_timers = {
	.name = "timers",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the timers that were set, by CPU",
	.has_json = true,
	.run = run,
};
