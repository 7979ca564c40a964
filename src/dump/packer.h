/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One worker of the dump: reads kept pages, compresses them into a buffer of its own,
 * and puts full buffers behind what other workers have written. Workers share nothing but
 * struct packer_job.
 */
#ifndef DUMP_PACKER_H
#define DUMP_PACKER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dump/codec.h"
#include "dump/writer_diskdump.h"
#include "image/image.h"

struct packer_job {
	struct image *image;
	struct diskdump *dump;
	uint32_t page_size;
	enum codec codec;
	int codec_level;
	const volatile sig_atomic_t *cancel; /* may be NULL */
	atomic_bool is_stopped;		     /* a worker failed: the others end too */
	_Atomic uint64_t pages_done;	     /* looked at: for progress only */
};

struct packer_counts {
	uint64_t written; /* with a descriptor in the file, zero ones too */
	uint64_t zero;
	uint64_t unreadable;
};

struct packer;

int packer_new(struct packer_job *job, struct packer **ret, struct err *err);
void packer_free(struct packer *packer);
static inline void packer_freep(struct packer **packer)
{
	packer_free(*packer);
}

/* Cancelled, or another worker failed. */
bool packer_job_is_over(const struct packer_job *job);

/*
 * The pages [pfn, pfn + count) whose bits are set in @wanted, where bit 0 is @pfn and
 * @count a multiple of 8. Descriptors count all that are set in @kept, the first of which
 * has the number @index; @wanted is @kept or a part of it. Ends early, without an error,
 * when the job is over.
 */
int packer_range(struct packer *packer, uint64_t pfn, const uint8_t *kept,
		 const uint8_t *wanted, size_t count, uint64_t index, struct err *err);

/* What is in the buffer goes to the file. On failure as much of it as fits. */
int packer_flush(struct packer *packer, struct err *err);

/* What is in the file by now. */
struct packer_counts packer_counts(const struct packer *packer);

#define _cleanup_packer _cleanup_(packer_freep)

#endif
