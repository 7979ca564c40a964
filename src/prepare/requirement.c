// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/requirement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of machine_requirements. */
#define LOADED_ROW "loaded"
#define IMAGE_ROW  "kernel-image" /* can be asked of a file, too */

const char *requirement_state_name(enum requirement_state state)
{
	static const char *const names[] = {
		[REQUIREMENT_OK] = "ok",
		[REQUIREMENT_WARNING] = "warning",
		[REQUIREMENT_FAILS] = "fails",
		[REQUIREMENT_UNKNOWN] = "unknown",
	};

	return names[state];
}

const char *requirement_group_name(enum requirement_group group)
{
	static const char *const names[REQUIREMENT_GROUPS] = {
		[REQUIREMENT_SYSTEM_KERNEL] = "system-kernel",
		[REQUIREMENT_DUMP_KERNEL] = "dump-kernel",
		[REQUIREMENT_RESERVATION] = "reservation",
		[REQUIREMENT_CRASH_KERNEL] = "crash-kernel",
		[REQUIREMENT_TARGET] = "target",
		[REQUIREMENT_PANIC] = "panic",
	};

	return names[group];
}

void finding_set(struct finding *finding, enum requirement_state state, const char *where,
		 const char *todo, const char *fmt, ...)
{
	va_list ap;

	finding->state = state;
	snprintf(finding->where, sizeof(finding->where), "%s", where);
	snprintf(finding->todo, sizeof(finding->todo), "%s", todo ? todo : "");
	va_start(ap, fmt);
	vsnprintf(finding->value, sizeof(finding->value), fmt, ap);
	va_end(ap);
}

static bool requirement_applies(const struct check_subject *subject,
				const struct requirement *row)
{
	enum kernel_arch arch =
		check_subject_arch(subject, row->group == REQUIREMENT_DUMP_KERNEL);

	if (row->group == REQUIREMENT_SYSTEM_KERNEL && subject->without_system)
		return false;
	if (row->group == REQUIREMENT_DUMP_KERNEL && subject->without_dump)
		return false;
	if (row->any_of[0])
		return row->arch == ARCH_ANY || (row->arch & arch);
	if (strcmp(row->name, IMAGE_ROW) == 0)
		return subject->has_image;
	return subject->is_machine;
}

/* What is loaded stays, whatever could not be loaded again; and what another tool loaded
 * has its own kernel and disk. */
static bool failure_can_wait(const struct check_subject *subject,
			     const struct requirement *row)
{
	if (!subject->armed.kexec.is_loaded)
		return false;
	if (row->is_for_loading)
		return true;
	return !subject->armed.is_armed && (row->group == REQUIREMENT_TARGET ||
					    row->group == REQUIREMENT_DUMP_KERNEL);
}

static void requirement_ask(const struct check_subject *subject,
			    const struct requirement *row, struct finding *finding)
{
	finding->requirement = row;
	finding->state = REQUIREMENT_UNKNOWN;
	row->probe(subject, row, finding);
	if (finding->state == REQUIREMENT_FAILS && failure_can_wait(subject, row))
		finding->state = REQUIREMENT_WARNING;
	if (finding->state == REQUIREMENT_OK)
		finding->todo[0] = '\0';
	else if (!finding->todo[0])
		snprintf(finding->todo, sizeof(finding->todo), "%s", row->todo);
}

int requirement_check(const struct check_subject *subject, struct finding **ret,
		      size_t *ret_count, struct err *err)
{
	const struct {
		const struct requirement *rows;
		size_t count;
	} tables[] = {
		{ kernel_requirements, kernel_requirement_count },
		{ machine_requirements, machine_requirement_count },
	};
	struct finding *findings = calloc(
		kernel_requirement_count + machine_requirement_count, sizeof(*findings));
	size_t count = 0;

	if (!findings)
		return err_nomem(err);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (size_t j = 0; j < tables[i].count; j++) {
			if (requirement_applies(subject, &tables[i].rows[j]))
				requirement_ask(subject, &tables[i].rows[j],
						&findings[count++]);
		}
	}
	*ret = findings;
	*ret_count = count;
	return 0;
}

enum requirement_state requirement_verdict(const struct finding *findings, size_t count)
{
	enum requirement_state verdict = REQUIREMENT_OK;

	for (size_t i = 0; i < count; i++) {
		enum requirement_state state = findings[i].state;

		if (state == REQUIREMENT_FAILS)
			return REQUIREMENT_FAILS;
		if (state == REQUIREMENT_UNKNOWN &&
		    strcmp(findings[i].requirement->name, LOADED_ROW) == 0)
			verdict = REQUIREMENT_UNKNOWN;
		else if (state == REQUIREMENT_WARNING && verdict == REQUIREMENT_OK)
			verdict = REQUIREMENT_WARNING;
	}
	return verdict;
}
