/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's log, from VMCOREINFO and page tables alone: no symbols, no types.
 * Source: Linux kernel/printk/printk_ringbuffer.[ch], since v5.10.
 */
#ifndef KERNEL_PRINTK_H
#define KERNEL_PRINTK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"

struct printk_record {
	uint64_t seq;
	uint64_t ts_nsec;
	uint32_t caller_id; /* bit 31 set: a CPU, else a thread's id */
	uint8_t facility;
	uint8_t level;	  /* 0 emergency ... 7 debug */
	const char *text; /* not NUL-terminated; may hold newlines and any byte */
	size_t text_size;
};

struct printk_log {
	struct printk_record *records; /* oldest first */
	size_t count;
	uint64_t lost; /* records that the ring names and whose text can't be read */
	char lost_why[256];
	char *memory; /* that the texts point into */
};

/* ERR_NOTFOUND where there is no log at all; holes in it are counted in ret->lost. */
int printk_read(struct kernel *kernel, struct printk_log *ret, struct err *err);
void printk_log_done(struct printk_log *log);

/* When the last record was made, without reading the others. */
int printk_newest_ns(struct kernel *kernel, uint64_t *ret, struct err *err);

/*
 * Lines as dmesg(1) and makedumpfile --dump-dmesg print them: "[    1.234567] text", the
 * further lines of a record indented by as much, unprintable bytes as \xNN.
 */
void printk_format(const struct printk_log *log, struct text *ret);

/*
 * With who printed it, a thread or a CPU, as makedumpfile since its commit 48bb1e0 (in
 * 1.7.5): "[    1.234567] [    T247] text".
 */
void printk_format_with_callers(const struct printk_log *log, struct text *ret);

/* One record the same way; appended with its newline. */
void printk_format_record(const struct printk_record *record, struct text *ret);

#define _cleanup_printk_log _cleanup_(printk_log_done)

#endif
