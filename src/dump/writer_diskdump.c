// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kdump-compressed format, as makedumpfile writes and crash reads it (makedumpfile
 * diskdump_mod.h, crash diskdump.h; struct layout of a 64-bit ABI):
 *
 *   block 0         header
 *   block 1..       sub header, and right behind it the notes
 *   bitmap1         a bit a page frame, lowest first: it is RAM
 *   bitmap2         the same: it is in the dump
 *   descriptors     24 bytes for each bit of bitmap2, in order, not padded
 *   data            compressed pages in any order; a descriptor has the offset
 *
 * What a cut file is worth: "incomplete" stands in the header from the first write to the
 * last, which comes after an fsync. A descriptor of zeros means "lost" to crash, and the
 * table is zeros until the data of a page was written. Its blocks are taken before any
 * data: on a full disk data without a descriptor would be worth nothing.
 *
 * Knows bytes and offsets; which pages and why is dump.c's.
 */
#include "dump/writer_diskdump.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"

#define HEADER_VERSION	  6
#define HEADER_SIZE	  464
#define SUB_HEADER_SIZE	  104
#define STATUS_OFFSET	  424
#define LEVEL_OFFSET	  8 /* in the sub header */
#define UTSNAME_FIELD	  65
#define STATUS_INCOMPLETE 8

_Static_assert(sizeof(struct diskdump_desc) == 24, "as it lies in the file");

/* --- headers -------------------------------------------------------------------------
 */

static void put_u32(uint8_t *header, size_t offset, uint32_t value)
{
	value = htole32(value);
	memcpy(header + offset, &value, sizeof(value));
}

static void put_u64(uint8_t *header, size_t offset, uint64_t value)
{
	value = htole64(value);
	memcpy(header + offset, &value, sizeof(value));
}

/* struct disk_dump_header; what is not set here (obsolete counts) is 0. */
static void header_make(const struct diskdump *dump, const struct diskdump_facts *facts,
			uint8_t ret[static HEADER_SIZE])
{
	const struct kernel_utsname *names = &facts->utsname;
	const char *const fields[] = {
		names->sysname, names->nodename, names->release,
		names->version, names->machine,	 names->domainname
	};
	uint64_t sub_blocks = dump->bitmap1_offset / facts->page_size - 1;

	memset(ret, 0, HEADER_SIZE);
	memcpy(ret, "KDUMP   ", 8);
	put_u32(ret, 8, HEADER_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy(ret + 12 + i * UTSNAME_FIELD, fields[i],
		       strnlen(fields[i], UTSNAME_FIELD - 1));
	put_u64(ret, 408, facts->crash_time_s);
	put_u32(ret, STATUS_OFFSET, dump->status | STATUS_INCOMPLETE);
	put_u32(ret, 428, facts->page_size);
	put_u32(ret, 432, (uint32_t)sub_blocks);
	put_u32(ret, 436, (uint32_t)(2 * dump->bitmap_size / facts->page_size));
	put_u32(ret, 440, (uint32_t)MIN(facts->max_pfn, (uint64_t)UINT32_MAX));
	put_u32(ret, 460, MAX(facts->cpu_count, 1u));
}

/* struct kdump_sub_header */
static void sub_header_make(const struct diskdump_facts *facts,
			    uint8_t ret[static SUB_HEADER_SIZE])
{
	uint64_t notes_offset = facts->page_size + SUB_HEADER_SIZE;

	memset(ret, 0, SUB_HEADER_SIZE);
	put_u64(ret, 0, facts->phys_base);
	put_u32(ret, LEVEL_OFFSET, (uint32_t)facts->level);
	if (facts->vmcoreinfo_size) {
		put_u64(ret, 32, notes_offset + facts->vmcoreinfo_offset);
		put_u64(ret, 40, facts->vmcoreinfo_size);
	}
	if (facts->notes_size) {
		put_u64(ret, 48, notes_offset);
		put_u64(ret, 56, facts->notes_size);
	}
	put_u64(ret, 96, facts->max_pfn);
}

static void layout_make(struct diskdump *dump, const struct diskdump_facts *facts)
{
	uint64_t page_size = facts->page_size;

	dump->bitmap1_offset =
		page_size + align_up(SUB_HEADER_SIZE + facts->notes_size, page_size);
	dump->bitmap_size = align_up((facts->max_pfn + 7) / 8, page_size);
	dump->bitmap2_offset = dump->bitmap1_offset + dump->bitmap_size;
	dump->desc_offset = dump->bitmap2_offset + dump->bitmap_size;
}

int diskdump_begin(struct diskdump *dump, const struct diskdump_facts *facts, int fd,
		   struct err *err)
{
	uint8_t header[HEADER_SIZE], sub_header[SUB_HEADER_SIZE];
	int r;

	if (facts->max_pfn == 0 || facts->max_pfn > DISKDUMP_PFN_MAX)
		return err_set(err, ERR_LIMIT, "%" PRIu64 " page frames", facts->max_pfn);
	*dump = (struct diskdump){ .fd = fd,
				   .page_size = facts->page_size,
				   .status = facts->codec_flag };
	layout_make(dump, facts);
	header_make(dump, facts, header);
	sub_header_make(facts, sub_header);
	r = fd_pwrite_full(fd, header, sizeof(header), 0, err);
	if (r == 0)
		r = fd_pwrite_full(fd, sub_header, sizeof(sub_header), facts->page_size,
				   err);
	if (r == 0 && facts->notes_size)
		r = fd_pwrite_full(fd, facts->notes, facts->notes_size,
				   facts->page_size + SUB_HEADER_SIZE, err);
	/* Bitmaps of zeros, to their end: readers want the file to reach there. */
	if (r == 0 && ftruncate(fd, (off_t)dump->desc_offset) < 0)
		r = err_os(err, errno, "unable to make room for the bitmaps");
	if (r < 0)
		return err_in(err, r, "writing the headers of the dump");
	return 0;
}

int diskdump_set_level(struct diskdump *dump, int level, struct err *err)
{
	uint8_t value[4];

	put_u32(value, 0, (uint32_t)level);
	return fd_pwrite_full(dump->fd, value, sizeof(value),
			      dump->page_size + LEVEL_OFFSET, err);
}

/* --- bitmaps -------------------------------------------------------------------------
 */

static bool bitmap_fits(const struct diskdump *dump, uint64_t pfn, size_t size)
{
	return pfn % 8 == 0 && pfn / 8 <= dump->bitmap_size &&
	       size <= dump->bitmap_size - pfn / 8;
}

int diskdump_set_bitmaps(struct diskdump *dump, uint64_t pfn, const uint8_t *ram,
			 const uint8_t *kept, size_t size, struct err *err)
{
	int r;

	if (!bitmap_fits(dump, pfn, size))
		return err_set(err, ERR_INVALID, "bits outside of the bitmaps");
	r = fd_pwrite_full(dump->fd, ram, size, dump->bitmap1_offset + pfn / 8, err);
	if (r == 0)
		r = fd_pwrite_full(dump->fd, kept, size, dump->bitmap2_offset + pfn / 8,
				   err);
	return r < 0 ? err_in(err, r, "writing the bitmaps of the dump") : 0;
}

int diskdump_get_kept(struct diskdump *dump, uint64_t pfn, uint8_t *ret, size_t size,
		      struct err *err)
{
	int r;

	if (!bitmap_fits(dump, pfn, size))
		return err_set(err, ERR_INVALID, "bits outside of the bitmaps");
	r = fd_pread_full(dump->fd, ret, size, dump->bitmap2_offset + pfn / 8, err);
	return r < 0 ? err_in(err, r, "reading the dump's bitmap again") : 0;
}

/* --- pages ---------------------------------------------------------------------------
 */

int diskdump_begin_pages(struct diskdump *dump, uint64_t count, struct err *err)
{
	_cleanup_free void *zeros = calloc(1, dump->page_size);
	uint64_t table = count * sizeof(struct diskdump_desc);
	int r = 0;

	if (!zeros)
		return err_nomem(err);
	dump->desc_count = count;
	dump->data_offset = dump->desc_offset + table;
	dump->end = dump->data_offset + dump->page_size;
	/* Where a file system can't take blocks beforehand the table is a hole. */
	if (fallocate(dump->fd, 0, (off_t)dump->desc_offset,
		      (off_t)(table + dump->page_size)) < 0 &&
	    errno != EOPNOTSUPP && errno != ENOSYS)
		r = err_os(err, errno, "unable to make room for %" PRIu64 " bytes",
			   table);
	if (r == 0)
		r = fd_pwrite_full(dump->fd, zeros, dump->page_size, dump->data_offset,
				   err);
	return r < 0 ? err_in(err, r, "writing the table of pages of the dump") : 0;
}

struct diskdump_desc diskdump_desc_make(uint64_t offset, uint32_t size, uint32_t flags)
{
	return (struct diskdump_desc){ .offset = htole64(offset),
				       .size = htole32(size),
				       .flags = htole32(flags) };
}

struct diskdump_desc diskdump_desc_zero(const struct diskdump *dump)
{
	return diskdump_desc_make(dump->data_offset, dump->page_size, 0);
}

int diskdump_append(struct diskdump *dump, const void *data, size_t size,
		    uint64_t *ret_offset, size_t *ret_written, struct err *err)
{
	uint64_t offset =
		atomic_fetch_add_explicit(&dump->end, size, memory_order_relaxed);
	size_t done = 0;
	int r = 0;

	while (done < size && r == 0) {
		ssize_t n = pwrite(dump->fd, (const uint8_t *)data + done, size - done,
				   (off_t)(offset + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = err_os(err, n == 0 ? EIO : errno, "writing pages");
	}
	*ret_offset = offset;
	*ret_written = done;
	return r;
}

int diskdump_set_descs(struct diskdump *dump, uint64_t index,
		       const struct diskdump_desc *descs, size_t count, struct err *err)
{
	int r;

	if (index > dump->desc_count || count > dump->desc_count - index)
		return err_set(err, ERR_INVALID, "more pages than were counted");
	r = fd_pwrite_full(dump->fd, descs, count * sizeof(*descs),
			   dump->desc_offset + index * sizeof(*descs), err);
	return r < 0 ? err_in(err, r, "writing the table of pages") : 0;
}

/* --- the end -------------------------------------------------------------------------
 */

int diskdump_sync(struct diskdump *dump, struct err *err)
{
	if (fsync(dump->fd) < 0)
		return err_os(err, errno, "unable to bring the dump to the disk");
	return 0;
}

int diskdump_end(struct diskdump *dump, struct err *err)
{
	uint8_t status[4];
	int r = diskdump_sync(dump, err);

	put_u32(status, 0, dump->status);
	if (r == 0)
		r = fd_pwrite_full(dump->fd, status, sizeof(status), STATUS_OFFSET, err);
	if (r == 0)
		r = diskdump_sync(dump, err);
	return r;
}
