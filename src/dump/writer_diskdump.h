/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file in makedumpfile's kdump-compressed format, version 6, being written: where each
 * part lies, and in which order they may be written so that a cut file stays readable.
 *
 *   diskdump_begin()		header ("incomplete"), sub header, notes; bitmaps all zero
 *   diskdump_set_bitmaps()	any order
 *   diskdump_begin_pages()	room for all descriptors ("lost"), the page of zeros
 *   diskdump_append(), diskdump_set_descs()	from any number of threads
 *   diskdump_end()		on the disk, then no longer "incomplete"
 *
 * To a stream (output.h) the status and the level come last, and each bit once.
 */
#ifndef DUMP_WRITER_DISKDUMP_H
#define DUMP_WRITER_DISKDUMP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dump/output.h"
#include "kernel/kernel.h"

#define DISKDUMP_PFN_MAX ((uint64_t)1 << 40) /* 4 PiB of 4 KiB pages */

/* What the headers say; see writer_diskdump.c for where. */
struct diskdump_facts {
	uint32_t page_size;
	uint64_t max_pfn; /* exclusive */
	int level;
	uint32_t codec_flag;
	struct kernel_utsname utsname;
	uint64_t crash_time_s;
	uint64_t phys_base;
	uint32_t cpu_count;
	const void *notes; /* as they were in the ELF file */
	size_t notes_size;
	size_t vmcoreinfo_offset; /* of the text, in the notes */
	size_t vmcoreinfo_size;	  /* 0: there is none */
};

/* struct page_desc as it lies in the file, little endian. All zero: the page is lost. */
struct diskdump_desc {
	uint64_t offset;
	uint32_t size;
	uint32_t flags; /* codec_flag(), 0 raw */
	uint64_t page_flags;
};

struct diskdump {
	struct output *output; /* borrowed */
	uint32_t page_size;
	uint32_t status; /* without "incomplete" */
	int level;
	uint64_t bitmap1_offset, bitmap2_offset, bitmap_size;
	uint64_t desc_offset;
	uint64_t desc_count;
	uint64_t data_offset; /* of the page of zeros, then of the others */
	_Atomic uint64_t end; /* where the next data goes */
};

int diskdump_begin(struct diskdump *dump, const struct diskdump_facts *facts,
		   struct output *output, struct err *err);

/* Of another level than diskdump_begin() wrote. */
int diskdump_set_level(struct diskdump *dump, int level, struct err *err);

/*
 * Bits of pages from @pfn on, which is a multiple of 8: RAM, and in the dump. Of a file
 * they can be got again, and set again.
 */
int diskdump_set_bitmaps(struct diskdump *dump, uint64_t pfn, const uint8_t *ram,
			 const uint8_t *kept, size_t size, struct err *err);
int diskdump_get_kept(struct diskdump *dump, uint64_t pfn, uint8_t *ret, size_t size,
		      struct err *err);

/* @count: bits set in all that was given as kept. */
int diskdump_begin_pages(struct diskdump *dump, uint64_t count, struct err *err);

/* The descriptor of any page of zeros. */
struct diskdump_desc diskdump_desc_zero(const struct diskdump *dump);
struct diskdump_desc diskdump_desc_make(uint64_t offset, uint32_t size, uint32_t flags);

/*
 * Puts @size bytes behind all that is there. @ret_written: how many of them, which on
 * failure may be some; they are at @ret_offset.
 */
int diskdump_append(struct diskdump *dump, const void *data, size_t size,
		    uint64_t *ret_offset, size_t *ret_written, struct err *err);

/* Descriptors of the kept pages number @index to @index + @count; their data is there. */
int diskdump_set_descs(struct diskdump *dump, uint64_t index,
		       const struct diskdump_desc *descs, size_t count, struct err *err);

/* What was written is on the disk; then the mark "incomplete" goes, or it stays. */
int diskdump_end(struct diskdump *dump, bool is_complete, struct err *err);

/*
 * Marks a file that someone else wrote. False: it is no dump of this format, of a 64-bit
 * and little-endian machine.
 */
bool diskdump_mark_incomplete(int fd);

#endif
