/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report on one crash: typed findings, each known or "unknown, because ...". Made from
 * a dead kernel (in the crash kernel, or later from its dump), kept as JSON beside the
 * dump, and rendered as text from either.
 */
#ifndef EXPLAIN_REPORT_H
#define EXPLAIN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

#define REPORT_SCHEMA_VERSION 1

/* Why a finding is not known; "" where it is. */
struct report_unknown {
	char why[256];
};

struct report_frame {
	char *text;	/* "epitaph_crash_now+0x4d/0x70 [epitaph_crash]" */
	char *function; /* "" without a name */
	char *module;	/* "" for the kernel itself */
	uint64_t vaddr;
	bool is_reliable;
	char stack[8];	/* see struct frame */
};

struct report_task {
	int32_t pid;
	char comm[17];
	uint32_t cpu; /* UINT32_MAX unknown */
	char state;
	struct report_frame *frames;
	size_t frame_count;
	char end[8];	   /* "clean", "user", "broken" */
	char end_why[256]; /* for "broken" */
};

struct report_register {
	char name[8];
	uint64_t value;
};

struct report {
	char cause[256];      /* one line: "sysrq triggered crash (by sh, pid 71)" */
	char cause_source[64]; /* "log", "registers", ...: what it stands on */
	struct report_unknown cause_unknown;

	char title[160];      /* short, without addresses: groups equal crashes */

	int64_t crash_time;   /* unix seconds; 0 unknown */
	uint64_t uptime_ms;   /* by the last line of the log; 0 unknown */

	char release[65], version[65], machine[65], host[65];
	char build_id[41];
	char cmdline[2048];	   /* of the dead kernel */
	char hardware[256];	   /* DMI line, "" unknown */
	struct report_unknown kernel_unknown;

	uint32_t cpu_count;
	struct report_task panic_task;
	struct report_unknown panic_task_unknown;
	struct report_unknown backtrace_unknown;
	struct report_register *registers; /* of the panicking CPU */
	size_t register_count;

	char taints[32]; /* letters as in an oops: "G           OE"; "" unknown */
	size_t task_count;

	char **log_tail; /* last lines of dmesg, formatted */
	size_t log_tail_count;
	size_t log_count; /* records in all */
	struct report_unknown log_unknown;
};

struct report_options {
	uint32_t log_tail_lines; /* 0: 40 */
};

/*
 * What can be known is; the rest says why not. Fails only for memory. @log is that kernel's
 * log where the caller has read it, or NULL.
 */
int report_build(struct kernel *kernel, const struct printk_log *log,
		 const struct report_options *options, struct report **ret,
		 struct err *err);

/* A report that knows nothing but @why: the kernel could not be opened. */
int report_build_unknown(const char *why, struct report **ret, struct err *err);

void report_free(struct report *report);
static inline void report_freep(struct report **report)
{
	report_free(*report);
}

/* @files: lines "dmesg  complete  34 KiB  /var/crash/...", or NULL. Colour by ANSI codes. */
struct report_text_options {
	bool colour;
	const char *files;
};

int report_format_text(const struct report *report,
		       const struct report_text_options *options, struct text *ret,
		       struct err *err);

/* One JSON object with "schema_version"; the same that report_parse_json() takes. */
int report_format_json(const struct report *report, struct text *ret, struct err *err);
int report_parse_json(const char *json, size_t size, struct report **ret,
		      struct err *err);

#define _cleanup_report _cleanup_(report_freep)

#endif
