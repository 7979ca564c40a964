/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How large a dump would be, without writing one: for each class of pages how many there
 * are, exactly, and what they come to in the file, by compressing some of them.
 *
 * A level leaves out whole classes, so a size for each class gives one for every level.
 */
#ifndef DUMP_ESTIMATE_H
#define DUMP_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dump/codec.h"
#include "dump/dump.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/memmap.h"

struct estimate_options {
	bool has_sizes; /* compress; without it pages are counted only */
	enum codec codec;
	int codec_level;
};

struct estimate_class {
	uint64_t pages;	     /* of RAM */
	uint64_t pages_in;   /* of them those that the source has */
	double bytes;	     /* of those, packed */
	double error;	     /* standard error of bytes; 0 where all were packed */
	uint64_t pages_seen; /* that were packed for it */
};

struct estimate {
	uint32_t page_size;
	uint64_t pages_total; /* of RAM */
	/* Where it is ZERO all pages are in the class KERNEL. */
	enum dump_selection selection;
	char selection_why[256];
	uint64_t selection_lost; /* pages whose use could not be read: KERNEL too */
	struct estimate_class classes[PAGE_CLASS_COUNT];
	uint64_t kernel_zero; /* pages of the class KERNEL that hold nothing but zeros */
	uint64_t head_bytes;  /* headers, notes and bitmaps */
	bool has_sizes;
};

/*
 * Reads the memmap, the kernel's own pages, and some of the others. @kernel is that
 * image's, or NULL where it could not be opened. A source that lives may change
 * meanwhile: then the counts are of several moments.
 *
 * Memory: as one worker of dump_write().
 */
int estimate_run(struct image *image, struct kernel *kernel,
		 const struct estimate_options *options, struct estimate *ret,
		 struct err *err);

struct estimate_size {
	uint64_t pages;
	uint64_t bytes;
	uint64_t error_bytes; /* it is no more off, in 19 cases of 20 */
};

/* Of a kdump-compressed dump at @level. All are 0 but pages where there are no sizes. */
void estimate_level(const struct estimate *estimate, int level,
		    struct estimate_size *ret);

#endif
