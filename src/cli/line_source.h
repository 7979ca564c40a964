/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files, lines and inlined functions for the commands that print code: their options, and
 * what goes wrong told once.
 *
 * Without symbols that were only looked for, or with a module's missing, the rest is
 * printed and the result is incomplete; a file that the user named must be right.
 */
#ifndef CLI_LINE_SOURCE_H
#define CLI_LINE_SOURCE_H

#include <getopt.h>
#include <stdbool.h>

#include "cli/cli.h"
#include "cli/crash.h"
#include "debuginfo/debuginfo.h"
#include "explain/report.h"

struct line_options {
	bool is_wanted;
	struct debug_files files; /* borrows from the command line */
};

enum {
	LINE_OPTION_LINES = 'l',
	LINE_OPTION_VMLINUX = 2000,
	LINE_OPTION_DEBUG_DIR,
	LINE_OPTION_DEBUGINFOD,
};

/* Rows of a command's options, with "l" in its short ones. */
#define LINE_OPTION_ROWS                                                         \
	{ "lines", no_argument, NULL, LINE_OPTION_LINES },                       \
		{ "vmlinux", required_argument, NULL, LINE_OPTION_VMLINUX },     \
		{ "debug-dir", required_argument, NULL, LINE_OPTION_DEBUG_DIR }, \
	{                                                                        \
		"debuginfod", no_argument, NULL, LINE_OPTION_DEBUGINFOD          \
	}

#define LINE_OPTION_HELP                                                                  \
	"  -l, --lines          files, lines and inlined functions, from debug symbols\n" \
	"      --vmlinux FILE   those of FILE, else those below /usr/lib/debug\n"         \
	"      --debug-dir DIR  below DIR instead\n"                                      \
	"      --debuginfod     ask the servers of DEBUGINFOD_URLS, too\n"

/* What cli_option() gave: each of them wants lines. */
void line_options_take(struct line_options *options, int option);

struct line_source {
	const struct cli *cli;
	struct debuginfo *debuginfo; /* NULL: none are wanted, or none can be had */
	bool is_incomplete;
	const char *told[64]; /* modules whose symbols are missing, as was told */
	size_t told_count;
	bool is_old_told; /* that stacks are not from the dump */
};

/* Nothing where @options want nothing. Fails only where a file was named. */
int line_source_open(const struct line_options *options, const struct cli *cli,
		     const struct crash *crash, struct line_source *ret, struct err *err);
void line_source_close(struct line_source *source);

/*
 * false: nothing is known of @vaddr, which has been told where it is for want of symbols.
 * Strings are borrowed until line_source_close().
 */
bool line_source_find(struct line_source *source, uint64_t vaddr,
		      struct source_lines *ret);

/* The frames of @task get files and lines, and inlined ones between them. */
int line_source_add(struct line_source *source, struct report_task *task,
		    struct err *err);

/* All stacks of a report. */
int line_source_add_report(struct line_source *source, struct report *report,
			   struct err *err);

#define _cleanup_line_source _cleanup_(line_source_close)

#endif
