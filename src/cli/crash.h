/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crash that a command was asked about, opened as far as it goes: its record, its
 * dump, the kernel in the dump.
 */
#ifndef CLI_CRASH_H
#define CLI_CRASH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"
#include "cli/cli.h"
#include "explain/report.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "record/record.h"

struct crash {
	struct record *record; /* NULL: a dump that belongs to no record */
	char *dump_path;       /* NULL: a record without a dump */
	struct image *image;
	struct kernel *kernel;	      /* NULL: see no_kernel */
	char no_kernel[ERR_TEXT_MAX]; /* why: no dump, or one that can't be read */
};

/*
 * Finds what @name means (NULL: the last) and opens its dump. That a record's dump is
 * missing or unreadable is no failure, a dump's that was named is.
 */
int crash_open(struct cli *cli, const char *name, struct crash *ret, struct err *err);
void crash_done(struct crash *crash);

/* Each knows less than the one before. */
enum crash_source {
	CRASH_SOURCE_DUMP,
	CRASH_SOURCE_REPORT, /* report.json, as the crash kernel left it */
	CRASH_SOURCE_DMESG,  /* the text of the log */
};

/* From the first source that can be read; from report.json too if it knows more. */
int crash_report(const struct crash *crash, struct report **ret,
		 enum crash_source *ret_source, struct err *err);

/* Why a report is not from the dump. */
const char *crash_no_dump_why(const struct crash *crash);

/* "dump", "report.json", "dmesg" */
const char *crash_source_name(enum crash_source source);

/* A whole part of the record in memory. */
int crash_read_part(const struct crash *crash, enum record_part part, char **ret,
		    size_t *ret_size, struct err *err);

/* The path of the record or dump, for messages. */
const char *crash_path(const struct crash *crash);

/* Says on stderr what of the crash is not whole, and returns whether anything is not. */
bool crash_warn_incomplete(const struct cli *cli, const struct crash *crash);

/* Prints @root, whose reference it takes, NULL being "out of memory". */
int crash_print_json(const struct cli *cli, json_t *root);

#define _cleanup_crash _cleanup_(crash_done)

#endif
