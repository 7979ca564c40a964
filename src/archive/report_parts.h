/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report as parts of a record that is made after the fact, and what meta.json takes
 * from it. */
#ifndef ARCHIVE_REPORT_PARTS_H
#define ARCHIVE_REPORT_PARTS_H

#include "base/err.h"
#include "explain/report.h"
#include "record/record.h"

/* What the report does not know leaves the field as it was. */
void report_parts_describe(const struct report *report, struct record_crash *ret);

/* report.txt and report.json. */
int report_parts_write(struct record *record, const struct report *report,
		       struct err *err);

#endif
