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
 * last, which comes after an fsync. (What a cut stream is worth is told by its end mark.)
 * A descriptor of zeros means "lost" to crash, and the table is zeros until the data of a
 * page was written. Its blocks are taken before any data: on a full disk data without a
 * descriptor would be worth nothing.
 *
 * Knows bytes and offsets; which pages and why is dump.c's.
 */
#include "dump/writer_diskdump.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/size.h"

#define SIGNATURE	   "KDUMP   "
#define HEADER_VERSION	   6
#define VERSION_LIKELY_MAX 100
#define HEADER_SIZE	   464
#define SUB_HEADER_SIZE	   104
#define STATUS_OFFSET	   424
#define LEVEL_OFFSET	   8 /* in the sub header */
#define UTSNAME_FIELD	   65
#define STATUS_INCOMPLETE  8

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
	memcpy(ret, SIGNATURE, 8);
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

/*
 * All but @size bytes at @late, of a stream: its readers look up a byte once, whichever
 * piece has it, so what is known last is given last.
 */
static int header_put(struct diskdump *dump, const uint8_t *header, size_t header_size,
		      uint64_t offset, size_t late, size_t size, struct err *err)
{
	int r;

	if (dump->output->kind != OUTPUT_STREAM)
		return output_put(dump->output, header, header_size, offset, NULL, err);
	r = output_put(dump->output, header, late, offset, NULL, err);
	if (r == 0)
		r = output_put(dump->output, header + late + size,
			       header_size - late - size, offset + late + size, NULL,
			       err);
	return r;
}

int diskdump_begin(struct diskdump *dump, const struct diskdump_facts *facts,
		   struct output *output, struct err *err)
{
	uint8_t header[HEADER_SIZE], sub_header[SUB_HEADER_SIZE];
	int r;

	if (facts->max_pfn == 0 || facts->max_pfn > DISKDUMP_PFN_MAX)
		return err_set(err, ERR_LIMIT, "%" PRIu64 " page frames", facts->max_pfn);
	*dump = (struct diskdump){ .output = output,
				   .page_size = facts->page_size,
				   .status = facts->codec_flag,
				   .level = facts->level };
	layout_make(dump, facts);
	header_make(dump, facts, header);
	sub_header_make(facts, sub_header);
	r = header_put(dump, header, sizeof(header), 0, STATUS_OFFSET, 4, err);
	if (r == 0)
		r = header_put(dump, sub_header, sizeof(sub_header), facts->page_size,
			       LEVEL_OFFSET, 4, err);
	if (r == 0)
		r = output_put(output, facts->notes, facts->notes_size,
			       facts->page_size + SUB_HEADER_SIZE, NULL, err);
	/* Bitmaps of zeros, to their end: readers want the file to reach there. */
	if (r == 0)
		r = output_extend(output, dump->desc_offset, err);
	if (r < 0)
		return err_in(err, r, "writing the headers of the dump");
	return 0;
}

static int level_put(struct diskdump *dump, struct err *err)
{
	uint8_t value[4];

	put_u32(value, 0, (uint32_t)dump->level);
	return output_put(dump->output, value, sizeof(value),
			  dump->page_size + LEVEL_OFFSET, NULL, err);
}

int diskdump_set_level(struct diskdump *dump, int level, struct err *err)
{
	dump->level = level;
	return dump->output->kind == OUTPUT_STREAM ? 0 : level_put(dump, err);
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
	r = output_put(dump->output, ram, size, dump->bitmap1_offset + pfn / 8, NULL,
		       err);
	if (r == 0)
		r = output_put(dump->output, kept, size, dump->bitmap2_offset + pfn / 8,
			       NULL, err);
	return r < 0 ? err_in(err, r, "writing the bitmaps of the dump") : 0;
}

int diskdump_get_kept(struct diskdump *dump, uint64_t pfn, uint8_t *ret, size_t size,
		      struct err *err)
{
	int r;

	if (!bitmap_fits(dump, pfn, size))
		return err_set(err, ERR_INVALID, "bits outside of the bitmaps");
	r = output_get(dump->output, ret, size, dump->bitmap2_offset + pfn / 8, err);
	return r < 0 ? err_in(err, r, "reading the dump's bitmap again") : 0;
}

/* --- pages ---------------------------------------------------------------------------
 */

int diskdump_begin_pages(struct diskdump *dump, uint64_t count, struct err *err)
{
	_cleanup_free void *zeros = calloc(1, dump->page_size);
	uint64_t table = count * sizeof(struct diskdump_desc);
	int r;

	if (!zeros)
		return err_nomem(err);
	dump->desc_count = count;
	dump->data_offset = dump->desc_offset + table;
	dump->end = dump->data_offset + dump->page_size;
	/* Where a file system can't take blocks beforehand the table is a hole. */
	r = output_reserve(dump->output, dump->desc_offset, table + dump->page_size, err);
	if (r == 0)
		r = output_put(dump->output, zeros, dump->page_size, dump->data_offset,
			       NULL, err);
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
	int r = output_put(dump->output, data, size, offset, ret_written, err);

	*ret_offset = offset;
	return r < 0 ? err_in(err, r, "writing pages") : 0;
}

int diskdump_set_descs(struct diskdump *dump, uint64_t index,
		       const struct diskdump_desc *descs, size_t count, struct err *err)
{
	int r;

	if (index > dump->desc_count || count > dump->desc_count - index)
		return err_set(err, ERR_INVALID, "more pages than were counted");
	r = output_put(dump->output, descs, count * sizeof(*descs),
		       dump->desc_offset + index * sizeof(*descs), NULL, err);
	return r < 0 ? err_in(err, r, "writing the table of pages") : 0;
}

/* --- the end -------------------------------------------------------------------------
 */

static int status_put(struct diskdump *dump, uint32_t status, struct err *err)
{
	uint8_t value[4];

	put_u32(value, 0, status);
	return output_put(dump->output, value, sizeof(value), STATUS_OFFSET, NULL, err);
}

static int stream_end(struct diskdump *dump, bool is_complete, struct err *err)
{
	int r = level_put(dump, err);

	if (r == 0)
		r = status_put(dump, dump->status | (is_complete ? 0 : STATUS_INCOMPLETE),
			       err);
	return r == 0 ? output_end(dump->output, err) : r;
}

int diskdump_end(struct diskdump *dump, bool is_complete, struct err *err)
{
	int r;

	if (dump->output->kind == OUTPUT_STREAM)
		return stream_end(dump, is_complete, err);
	r = output_sync(dump->output, err);
	if (r == 0 && is_complete)
		r = status_put(dump, dump->status, err);
	if (r == 0 && is_complete)
		r = output_end(dump->output, err);
	return r;
}

bool diskdump_mark_incomplete(int fd)
{
	uint8_t header[HEADER_SIZE];
	uint32_t version, block_size, status;

	if (fd_pread_full(fd, header, sizeof(header), 0, NULL) < 0 ||
	    memcmp(header, SIGNATURE, sizeof(SIGNATURE) - 1) != 0)
		return false;
	version = load_le32(header + 8);
	block_size = load_le32(header + STATUS_OFFSET + 4);
	if (version > VERSION_LIKELY_MAX || block_size < 4096 ||
	    block_size & (block_size - 1))
		return false;
	status = load_le32(header + STATUS_OFFSET) | STATUS_INCOMPLETE;
	put_u32(header, STATUS_OFFSET, status);
	return fd_pwrite_full(fd, header, sizeof(header), 0, NULL) == 0;
}
