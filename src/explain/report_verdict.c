// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A suspect is named by facts alone: a module that is not the kernel's own work and is on
 * the stack that died, a register that holds what only freed memory holds, errors of a
 * disk in the log.
 */
#include "explain/report_verdict.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/cause.h"
#include "explain/member.h"
#include "explain/report.h"
#include "explain/taint.h"

/* Taints of a module for which its maker answers, not the kernel's developers. */
#define FOREIGN_TAINTS "POEF"

/* Adds a sentence; what does not fit is left out as a whole. */
static void add_sentence(char *text, size_t size, const char *fmt, ...) PRINTF(3, 4);
static void add_sentence(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	int needed;
	va_list ap;

	if (used + 2 >= size)
		return;
	if (used)
		strcpy(text + used, " ");
	va_start(ap, fmt);
	needed = vsnprintf(text + used + !!used, size - used - !!used, fmt, ap);
	va_end(ap);
	if (needed < 0 || (size_t)needed >= size - used - !!used)
		text[used] = '\0';
}

/* ---- a module ---- */

static bool is_frame_of(const struct report *report, const char *module)
{
	const struct signature *signature = &report->signature_of;
	char end[80];

	for (size_t i = 0; i < report->panic_task.frame_count; i++) {
		const struct report_frame *frame = &report->panic_task.frames[i];

		if (frame->is_reliable && !strcmp(frame->module, module))
			return true;
	}
	snprintf(end, sizeof(end), " [%s]", module);
	for (size_t i = 0; i < signature->count; i++) {
		const char *at = strstr(signature->frames[i], end);

		if (at && !at[strlen(end)])
			return true;
	}
	return false;
}

static void suspect_modules(struct report *report)
{
	struct report_verdict *verdict = &report->verdict;

	for (size_t i = 0; i < report->modules.count; i++) {
		const struct report_module *module = &report->modules.modules[i];
		char words[160] = "";
		size_t used = 0;

		if (!strpbrk(module->taints, FOREIGN_TAINTS) ||
		    !is_frame_of(report, module->name))
			continue;
		for (const char *p = module->taints; *p && used < sizeof(words); p++) {
			const char *meaning = taint_meaning(*p);

			if (meaning)
				used += (size_t)snprintf(words + used,
							 sizeof(words) - used, "%s%s",
							 used ? ", " : "", meaning);
		}
		add_sentence(verdict->suspect, sizeof(verdict->suspect),
			     "Module %s (%s) is on the stack that died.", module->name,
			     words);
		add_sentence(verdict->next, sizeof(verdict->next),
			     "Ask the maker of module %s, and see whether it happens "
			     "without it.",
			     module->name);
		return; // the last loaded of them is enough
	}
}

/* ---- freed memory, disks ---- */

static bool is_pointer_fault(const struct cause *cause)
{
	return cause->next >= NEXT_NULL && cause->next <= NEXT_EXECUTION;
}

static void suspect_poison(const struct cause *cause, struct report *report)
{
	for (size_t i = 0; i < report->registers.count && is_pointer_fault(cause); i++) {
		const struct report_register *reg = &report->registers.registers[i];

		if (!reg->is_bad || (!strstr(reg->points_to, "freed") &&
				     !strstr(reg->points_to, "taken off a list")))
			continue;
		add_sentence(report->verdict.suspect, sizeof(report->verdict.suspect),
			     "A use after free: %s holds 0x%" PRIx64 ", %.100s.",
			     reg->name, reg->value, reg->points_to);
		return;
	}
}

static void suspect_disk(const struct cause *cause, struct report *report)
{
	char line[320];

	if (!cause->disk_errors)
		return;
	ascii_escape(cause->disk_error, strlen(cause->disk_error), line, sizeof(line));
	add_sentence(report->verdict.suspect, sizeof(report->verdict.suspect),
		     "A disk or file system: the log has %zu error%s of them, the last "
		     "\"%.200s\".",
		     cause->disk_errors, cause->disk_errors == 1 ? "" : "s", line);
	if (cause->next != NEXT_FILE_SYSTEM)
		add_sentence(report->verdict.next, sizeof(report->verdict.next),
			     "Check the disk that the log names.");
}

void report_verdict_make(const struct cause *cause, struct report *report)
{
	static const char *const certainties[] = { "unknown", "likely", "sure" };
	struct report_verdict *verdict = &report->verdict;

	*verdict = (struct report_verdict){ 0 };
	snprintf(verdict->certainty, sizeof(verdict->certainty), "%s",
		 certainties[cause->certainty]);
	if (cause->certainty != CAUSE_UNKNOWN) {
		snprintf(verdict->certainty_why, sizeof(verdict->certainty_why), "%s",
			 cause->certainty_why);
		add_sentence(verdict->next, sizeof(verdict->next), "%s",
			     cause_next_text(cause->next));
	} else if (report->panic_task.frame_count || report->log_tail_count) {
		add_sentence(verdict->next, sizeof(verdict->next),
			     "Read the last lines of the log, and see in the backtrace "
			     "and under Other CPUs what the machine was doing: it may "
			     "have been reset, or its dump taken, while it ran.");
	}
	suspect_modules(report);
	suspect_poison(cause, report);
	suspect_disk(cause, report);
}

/* ---- JSON ---- */

static const struct verdict_string {
	const char *key;
	size_t offset, size;
} strings[] = {
#define VERDICT_STRING(member)                                       \
	{                                                            \
#member, offsetof(struct report_verdict, member),    \
			sizeof(((struct report_verdict *)0)->member) \
	}
	VERDICT_STRING(certainty),
	VERDICT_STRING(certainty_why),
	VERDICT_STRING(suspect),
	VERDICT_STRING(next),
#undef VERDICT_STRING
};

json_t *report_verdict_new_json(const struct report_verdict *verdict)
{
	json_t *object = json_object();
	int r = object ? 0 : -1;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(strings); i++)
		r = member_put_string(object, strings[i].key,
				      (const char *)verdict + strings[i].offset);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

int report_verdict_parse_json(const json_t *object, struct report_verdict *ret,
			      struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(strings); i++)
		r = member_get_string(object, strings[i].key,
				      (char *)ret + strings[i].offset, strings[i].size,
				      err);
	return r;
}
