/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a dump: which pages, how compressed, in which format.
 *
 * What a cut dump is worth is decided here: the header says "incomplete" from the first
 * byte until the last write after the fsync, and all that was written before a failure is
 * readable. Pages are written in the order of their worth, what a first answer needs
 * first: a dump that is cut behind that still gives one. And before a dump is called
 * complete, those pages are read again from it (engine_prove.c).
 */
#ifndef DUMP_DUMP_H
#define DUMP_DUMP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "dump/codec.h"
#include "dump/output.h"
#include "image/image.h"
#include "kernel/kernel.h"

/* Bits of the level, as makedumpfile's -d. */
#define DUMP_EXCLUDE_ZERO	   1
#define DUMP_EXCLUDE_CACHE	   2 /* page cache without private data */
#define DUMP_EXCLUDE_CACHE_PRIVATE 4 /* all page cache: implies 2 */
#define DUMP_EXCLUDE_USER	   8
#define DUMP_EXCLUDE_FREE	   16
#define DUMP_LEVEL_MAX		   31

/* As a level: the core (core.h) and nothing else. */
#define DUMP_LEVEL_MINI (-1)

/*
 * How pages could be told apart; the first that works is taken. Between MEMMAP and ZERO
 * there is nothing: page tables tell what is mapped outside of the direct map (the
 * kernel's image, modules, vmalloc), but not what in it is slab and what a process's, and
 * a dump without slab is worth little. So all is kept, and the order of writing sees to
 * it that what is the kernel's for sure comes first.
 */
enum dump_selection {
	DUMP_SELECTION_MEMMAP, /* struct page of each: the level as asked for */
	DUMP_SELECTION_ZERO,   /* unknown kernel: only pages of zeros are left out */
	DUMP_SELECTION_CORE,   /* of DUMP_LEVEL_MINI */
};

enum dump_format {
	DUMP_FORMAT_KDUMP, /* kdump-compressed */
	DUMP_FORMAT_ELF,   /* not compressed; what was left out reads as zeros */
};

/* Was what a first answer needs read again from what was written? */
enum dump_proof {
	DUMP_PROOF_NONE, /* it can't be: a stream, or nobody knows what that is */
	DUMP_PROOF_DONE,
	DUMP_PROOF_FAILED, /* then the dump is incomplete */
};

struct dump_progress {
	uint64_t pages_done;
	uint64_t pages_total; /* pages to write; 0 while they are being counted */
	uint64_t bytes_written;
};

struct dump_options {
	enum dump_format format; /* KDUMP, if not set */
	enum output_kind output; /* FILE, if not set */
	/*
	 * The dump ends before this offset; 0: no limit. What is worth most is in it: the
	 * core, the kernel, the rest (order.h).
	 */
	uint64_t size_limit;
	int level; /* 0 to DUMP_LEVEL_MAX, or DUMP_LEVEL_MINI */
	enum codec codec;
	int codec_level;
	unsigned int threads; /* 0: one for each CPU that we may run on */
	const struct log *log;
	/* In the caller's thread, at most ten times a second, and at the end. */
	void (*progress)(void *context, const struct dump_progress *progress);
	void *progress_context;
	const volatile sig_atomic_t *cancel; /* NULL, or non-zero: stop, keep, mark */
};

struct dump_result {
	bool is_complete;
	char incomplete_why[256]; /* "no space left on device after 123 of 456 pages" */
	enum dump_selection selection;
	char selection_why[256]; /* where it is not MEMMAP */
	uint64_t pages_total;	 /* of RAM in the source */
	uint64_t pages_written;	 /* in the dump, the zero ones too */
	uint64_t pages_zero;
	uint64_t pages_core;	/* what the first questions need; 0: nobody knows */
	char core_missing[256]; /* what of it could not be looked at, and why */
	uint64_t pages_rescued; /* of the core, that classes would have left out */
	enum dump_proof proof;
	char proof_why[256];	 /* where it is not DONE */
	uint64_t pages_proved;	 /* of the core, read again */
	uint64_t pages_repaired; /* of them, that had to be written again */
	uint64_t pages_beyond;	 /* left out because of the level MINI, or of a limit */
	/* Left out: by reason. Other: broken, in a balloon, or not in the source either.
	 */
	uint64_t pages_cache, pages_user, pages_free, pages_other;
	uint64_t pages_cache_private; /* of pages_cache */
	uint64_t pages_unreadable;    /* kept, but the source could not give them */
	uint64_t bytes_written;
};

/*
 * Writes a dump of @image to @fd: a file that is seekable, empty, and open for reading
 * and writing; or as a flattened stream (flat.h) to anything that can be written to.
 * A stream and an ELF file take 4 KiB more of memory for each 128 MiB of the machine.
 *
 * @kernel is that image's, or NULL where it could not be opened: DUMP_SELECTION_ZERO.
 *
 * 0: complete. A negative code with ret->pages_written > 0: an incomplete but valid dump
 * lies in @fd. @ret is filled in both cases. ERR_LIMIT: what was written reaches
 * size_limit.
 */
int dump_write(struct image *image, struct kernel *kernel,
	       const struct dump_options *options, int fd, struct dump_result *ret,
	       struct err *err);

/* "memmap", "zero", "core" */
const char *dump_selection_name(enum dump_selection selection);

/* "none", "done", "failed" */
const char *dump_proof_name(enum dump_proof proof);

#endif
