/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine needs so that a panic of it is captured: one row each, with the function
 * that looks. The rows are in requirement_kernel.c (options that a kernel is built with:
 * `epitaph kconfig` prints the same rows) and requirement_machine.c (all the rest).
 *
 * A requirement "fails" only where a panic would leave no record; what makes a record
 * poorer, or less sure, is a warning. What can't be seen is unknown, never ok.
 */
#ifndef PREPARE_REQUIREMENT_H
#define PREPARE_REQUIREMENT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "prepare/check_subject.h"

/* The numbers are in the metrics: they stay. */
enum requirement_state {
	REQUIREMENT_OK = 0,
	REQUIREMENT_WARNING = 1,
	REQUIREMENT_FAILS = 2,
	REQUIREMENT_UNKNOWN = 3,
};

enum requirement_group {
	REQUIREMENT_SYSTEM_KERNEL, /* the one that may crash */
	REQUIREMENT_DUMP_KERNEL,   /* the one that captures */
	REQUIREMENT_RESERVATION,
	REQUIREMENT_CRASH_KERNEL,
	REQUIREMENT_TARGET,
	REQUIREMENT_PANIC,
	REQUIREMENT_GROUPS,
};

struct requirement;

struct finding {
	const struct requirement *requirement;
	enum requirement_state state;
	char value[512];      /* what was seen */
	char where[PATH_MAX]; /* a file, as that machine names it; "" if in none */
	char todo[512];	      /* "" if nothing is to be done */
};

#define KERNEL_OPTIONS_MAX 8

struct requirement {
	const char *name; /* stable: JSON and metrics have it */
	enum requirement_group group;
	enum requirement_state missing; /* what it is if it is not met */
	/* It matters for loading: once a crash kernel is loaded a failure is a warning.
	 */
	bool is_for_loading;
	void (*probe)(const struct check_subject *subject, const struct requirement *row,
		      struct finding *finding);
	const char *why;
	const char *todo; /* if not ok, and the probe knows no better */

	/* Of a kernel's option. Names are without CONFIG_, lists end with NULL. */
	enum kernel_arch arch; /* where it exists */
	const char *any_of[KERNEL_OPTIONS_MAX];
	const char *fragment[KERNEL_OPTIONS_MAX]; /* to be set for it */
	bool is_unwanted;			  /* better not set */
	bool module_is_fine;

	const char *file; /* of a sysctl */
};

extern const struct requirement kernel_requirements[];
extern const size_t kernel_requirement_count;
extern const struct requirement machine_requirements[];
extern const size_t machine_requirement_count;

/* Asks all that can be asked of @subject, in the order of the groups. Free @ret. */
int requirement_check(const struct check_subject *subject, struct finding **ret,
		      size_t *ret_count, struct err *err);

/*
 * REQUIREMENT_FAILS if one fails; UNKNOWN if it can't be said whether a crash kernel is
 * loaded; WARNING or OK.
 */
enum requirement_state requirement_verdict(const struct finding *findings, size_t count);

/* "ok", "warning", "fails", "unknown"; "system-kernel", ... */
const char *requirement_state_name(enum requirement_state state);
const char *requirement_group_name(enum requirement_group group);

/* For probes: @todo may be NULL. */
void finding_set(struct finding *finding, enum requirement_state state, const char *where,
		 const char *todo, const char *fmt, ...) PRINTF(5, 6);

/* Probes of requirement_machine.c that have a file of their own. */
#define REQUIREMENT_PROBE(name)                        \
	void name(const struct check_subject *subject, \
		  const struct requirement *requirement, struct finding *finding)
REQUIREMENT_PROBE(probe_target);
REQUIREMENT_PROBE(probe_encryption);
REQUIREMENT_PROBE(probe_modules);
REQUIREMENT_PROBE(probe_room);
REQUIREMENT_PROBE(probe_sysctl);
REQUIREMENT_PROBE(probe_watchdog);
REQUIREMENT_PROBE(probe_pstore);
REQUIREMENT_PROBE(probe_console);
REQUIREMENT_PROBE(probe_iommu);

#endif
