/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of a report as instructions, with what the one that faulted followed. Needs
 * libcapstone, so epitaph-capture does without.
 */
#ifndef EXPLAIN_REPORT_LISTING_H
#define EXPLAIN_REPORT_LISTING_H

#include "base/err.h"
#include "base/text.h"
#include "explain/report.h"
#include "image/image.h"

/* @kernel names what is called, or is NULL. Nothing where the report has no code. */
int report_listing_format(const struct report *report, enum image_machine machine,
			  struct kernel *kernel, struct text *ret, struct err *err);

/* Of any code: "  0xffffffff81000000 <+16>  48 89 c3  mov rbx, rax", a line each. */
struct disassembly;
void report_listing_add(const struct disassembly *disassembly, uint64_t function_vaddr,
			uint64_t marked_vaddr, struct kernel *kernel, struct text *ret);

#endif
