/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report on one crash: typed findings, each known or "unknown, because ...". Made
 * from a dead kernel (in the crash kernel, or later from its dump), kept as JSON beside
 * the dump, and rendered as text from either.
 */
#ifndef EXPLAIN_REPORT_H
#define EXPLAIN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "explain/lock_graph.h"
#include "explain/report_code.h"
#include "explain/report_cpus.h"
#include "explain/report_modules.h"
#include "explain/report_registers.h"
#include "explain/report_stuck.h"
#include "explain/report_task.h"
#include "explain/report_verdict.h"
#include "explain/signature.h"
#include "explain/stack_group.h"
#include "kernel/kernel.h"
#include "kernel/memory_stat.h"
#include "kernel/printk.h"

#define REPORT_SCHEMA_VERSION 1

/* Counting stops here: each takes a hundred bytes, maybe in a crash kernel. */
#define REPORT_TASKS_MAX   (64u << 10)
#define REPORT_BLOCKED_MAX 1024 /* tasks in state D whose stacks are looked at */
#define REPORT_SLEEPERS_MAX                                         \
	512 /* others of which it is asked whether they want a lock \
	     */
#define REPORT_GROUPS_MAX      64
#define REPORT_LOG_TAIL_MAX    10000 /* lines */
#define REPORT_JSON_MAX	       ((size_t)32 << 20)
#define REPORT_LOG_TAIL_LINES  40  /* where the options do not say */
#define REPORT_LOG_TAIL_STORY  300 /* as many where the cause's story takes them */
#define REPORT_LOG_TAIL_BEFORE 3   /* and what stands before the story */

struct report {
	char cause[256];       /* one line: "sysrq triggered crash (by sh, pid 71)" */
	char cause_source[64]; /* "log", "registers", ...: what it stands on */
	struct report_unknown cause_unknown;
	struct report_verdict verdict;

	char title[160]; /* short, without addresses: groups equal crashes */

	char signature[SIGNATURE_STRING_SIZE]; /* "" unknown */
	struct signature signature_of;	       /* the frames in it */

	int64_t crash_time; /* unix seconds; 0 unknown */
	uint64_t uptime_ms; /* by the last line of the log; 0 unknown */

	char release[65], version[65], machine[65], host[65];
	char build_id[41];
	char cmdline[2048]; /* of the dead kernel */
	char hardware[256]; /* DMI line, "" unknown */
	struct report_unknown kernel_unknown;

	uint32_t cpu_count;
	struct report_task panic_task; /* pid -1, comm "": unknown */
	struct report_unknown panic_task_unknown;
	struct report_unknown backtrace_unknown;
	/* Of the panicking CPU where it met the trouble: that frame of panic_task. */
	struct report_registers registers;
	uint32_t registers_frame;
	struct report_code code; /* there; of no size where that says nothing */

	char taints[64]; /* letters as in an oops: "G           OE"; "none"; "" unknown */
	size_t task_count; /* 0 unknown; at most REPORT_TASKS_MAX are counted */

	/* Tasks in state D by their stacks, and who waits for whose lock. */
	bool has_blocked;
	struct stack_groups blocked;
	struct report_unknown blocked_unknown;
	bool has_locks;
	struct lock_graph locks;
	struct report_unknown locks_unknown;

	struct report_cpus other_cpus; /* than that of panic_task */
	struct report_stuck stuck;     /* where that is the cause */
	struct report_modules modules;
	struct memory_stat memory; /* .known == 0: unknown */
	struct report_unknown memory_unknown;

	char **log_tail; /* last lines of dmesg, formatted */
	size_t log_tail_count;
	size_t log_count; /* records in all */
	struct report_unknown log_unknown;
};

struct report_options {
	uint32_t log_tail_lines; /* at least; 0: REPORT_LOG_TAIL_LINES */
};

/*
 * What can be known is; the rest says why not. Fails only for memory. @log is that
 * kernel's log where the caller has read it, or NULL.
 */
int report_build(struct kernel *kernel, const struct printk_log *log,
		 const struct report_options *options, struct report **ret,
		 struct err *err);

/* What a log tells where there is nothing else to ask; the rest is unknown because of
 * @why. */
int report_build_from_log(const struct printk_log *log, const char *why,
			  const struct report_options *options, struct report **ret,
			  struct err *err);

/* A report that knows nothing but @why: the kernel could not be opened. */
int report_build_unknown(const char *why, struct report **ret, struct err *err);

/* One in which everything is unknown, without a reason. */
int report_new(struct report **ret, struct err *err);
void report_free(struct report *report);
static inline void report_freep(struct report **report)
{
	report_free(*report);
}

/*
 * @files: lines "dmesg  complete  34 KiB  /var/crash/...", or NULL. @code: the listing of
 * report_listing.h, or NULL for bytes. @alike: "3rd of 5 crashes with this signature,
 * ...", or NULL. Colour by ANSI codes.
 */
struct report_text_options {
	bool colour;
	const char *alike;
	const char *code;
	const char *files;
};

int report_format_text(const struct report *report,
		       const struct report_text_options *options, struct text *ret,
		       struct err *err);

/* One JSON object with "schema_version"; the same that report_parse_json() takes. */
int report_to_json(const struct report *report, struct json_t **ret, struct err *err);
int report_format_json(const struct report *report, struct text *ret, struct err *err);
int report_parse_json(const char *json, size_t size, struct report **ret,
		      struct err *err);

#define _cleanup_report _cleanup_(report_freep)

#endif
