/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a report says of all tasks: their number, those that are blocked, their locks. */
#ifndef EXPLAIN_REPORT_TASKS_H
#define EXPLAIN_REPORT_TASKS_H

#include "base/err.h"
#include "explain/report.h"
#include "kernel/kernel.h"

/* Fails only for memory. */
int report_add_tasks(struct kernel *kernel, struct report *report, struct err *err);

#endif
