// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads pages in runs, leaves out reading what is a hole of a sparse source, compresses,
 * and writes about a MiB at once: first the data, then its descriptors.
 *
 * Memory, all of it allocated in packer_new(): READ_BYTES + OUT_BYTES + 160 KiB and what
 * the codec has (zstd: 0.4 MiB, zlib 0.3, lzo 0.1): below 2 MiB.
 *
 * Pages of zeros share one page of the file, at any level: that loses nothing. So do the
 * same pages among those that were read together: of a machine with a million files 7.7%
 * are (a window of thousands of pages would find 8.0%), and a page that is not compressed
 * costs nothing.
 *
 * A page that the source can't give gets a descriptor of zeros. To crash that is a lost
 * page, a read of it fails; a page of zeros in its place would be a lie, and a bit that
 * is missing in the bitmap would mean "left out on purpose".
 */
#include "dump/packer.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "dump/chunk.h"

#define READ_BYTES   (256 * KIB)
#define OUT_BYTES    MIB
#define DESCS_MAX    4096
#define SEGMENTS_MAX 64
#define SEEN_BITS    8

/* What the buffer holds of a page. */
struct packed {
	enum {
		PACKED_DATA,
		PACKED_ZERO,
		PACKED_LOST
	} kind;
	uint32_t offset; /* in the buffer, of DATA */
	uint32_t size;
	uint32_t flags;
};

/* Descriptors in a row. */
struct segment {
	uint64_t index;
	size_t first, count; /* in packed[] */
};

/* Pages of what was read last that are in the buffer, by a sum over some of their words.
 */
struct seen {
	const uint8_t *page; /* NULL: none */
	struct packed packed;
};

struct packer {
	struct packer_job *job;
	struct codec_context *codec;
	uint8_t *in, *out;
	size_t out_used;
	struct packed packed[DESCS_MAX];
	struct diskdump_desc descs[DESCS_MAX];
	size_t packed_count;
	struct segment segments[SEGMENTS_MAX];
	size_t segment_count;
	struct seen seen[1 << SEEN_BITS];
	struct packer_counts counts;
};

int packer_new(struct packer_job *job, struct packer **ret, struct err *err)
{
	_cleanup_packer struct packer *packer = calloc(1, sizeof(*packer));
	int r;

	if (!packer)
		return err_nomem(err);
	packer->job = job;
	packer->in = malloc(READ_BYTES);
	packer->out = malloc(OUT_BYTES);
	if (!packer->in || !packer->out)
		return err_nomem(err);
	r = codec_open(job->codec, job->codec_level, job->page_size, &packer->codec, err);
	if (r < 0)
		return r;
	*ret = take_ptr(packer);
	return 0;
}

void packer_free(struct packer *packer)
{
	if (!packer)
		return;
	codec_close(packer->codec);
	free(packer->in);
	free(packer->out);
	free(packer);
}

bool packer_job_is_over(const struct packer_job *job)
{
	return (job->cancel && *job->cancel) ||
	       atomic_load_explicit(&job->is_stopped, memory_order_relaxed);
}

struct packer_counts packer_counts(const struct packer *packer)
{
	return packer->counts;
}

/* --- out -----------------------------------------------------------------------------
 */

/* @written bytes of the buffer are in the file at @offset. */
static struct diskdump_desc packer_desc(const struct packer *packer,
					const struct packed *packed, uint64_t offset,
					size_t written)
{
	if (packed->kind == PACKED_ZERO)
		return diskdump_desc_zero(packer->job->dump);
	if (packed->kind == PACKED_DATA && packed->offset + packed->size <= written)
		return diskdump_desc_make(offset + packed->offset, packed->size,
					  packed->flags);
	return (struct diskdump_desc){ 0 };
}

static void packer_forget(struct packer *packer)
{
	memset(packer->seen, 0, sizeof(packer->seen));
}

static void packer_count(struct packer *packer, const struct segment *segment)
{
	for (size_t i = segment->first; i < segment->first + segment->count; i++) {
		packer->counts.written += packer->descs[i].offset != 0;
		packer->counts.zero += packer->packed[i].kind == PACKED_ZERO;
		packer->counts.unreadable += packer->packed[i].kind == PACKED_LOST;
	}
}

int packer_flush(struct packer *packer, struct err *err)
{
	uint64_t offset = 0;
	size_t written = 0;
	int r = 0;

	if (packer->out_used)
		r = diskdump_append(packer->job->dump, packer->out, packer->out_used,
				    &offset, &written, err);
	for (size_t i = 0; i < packer->packed_count; i++)
		packer->descs[i] =
			packer_desc(packer, &packer->packed[i], offset, written);
	for (size_t i = 0; i < packer->segment_count; i++) {
		const struct segment *segment = &packer->segments[i];
		int s = diskdump_set_descs(packer->job->dump, segment->index,
					   packer->descs + segment->first, segment->count,
					   r < 0 ? NULL : err);

		if (s == 0)
			packer_count(packer, segment);
		else if (r == 0)
			r = s;
	}
	packer->out_used = packer->packed_count = packer->segment_count = 0;
	packer_forget(packer);
	return r;
}

/* Room for one more page, with the descriptor number @index. */
static int packer_make_room(struct packer *packer, uint64_t index, struct err *err)
{
	struct segment *last = NULL;
	int r = 0;

	if (packer->segment_count)
		last = &packer->segments[packer->segment_count - 1];
	if (packer->packed_count == DESCS_MAX ||
	    OUT_BYTES - packer->out_used < packer->job->page_size ||
	    (packer->segment_count == SEGMENTS_MAX &&
	     last->index + last->count != index)) {
		r = packer_flush(packer, err);
		last = NULL;
	}
	if (!last || last->index + last->count != index)
		packer->segments[packer->segment_count++] =
			(struct segment){ .index = index, .first = packer->packed_count };
	return r;
}

static int packer_add(struct packer *packer, uint64_t index, struct packed packed,
		      struct err *err)
{
	int r = packer_make_room(packer, index, err);

	if (r < 0)
		return r;
	packer->packed[packer->packed_count++] = packed;
	packer->segments[packer->segment_count - 1].count++;
	return 0;
}

/* Where a page that is the same as this one would be. */
static struct seen *packer_seen(struct packer *packer, const uint8_t *page)
{
	size_t step = packer->job->page_size / 8;
	uint64_t sum = 0;

	for (size_t i = 0; i < 8; i++) {
		uint64_t word;

		memcpy(&word, page + i * (step + sizeof(word)), sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
	}
	return &packer->seen[sum >> (64 - SEEN_BITS)];
}

static struct packed packer_compress(struct packer *packer, const uint8_t *page)
{
	size_t page_size = packer->job->page_size;
	uint8_t *out = packer->out + packer->out_used;
	struct packed packed = { .kind = PACKED_DATA,
				 .offset = (uint32_t)packer->out_used,
				 .flags = codec_flag(packer->job->codec) };
	size_t size = codec_compress(packer->codec, page, out);

	if (!size) {
		packed.flags = 0;
		size = page_size;
		memcpy(out, page, size);
	}
	packed.size = (uint32_t)size;
	packer->out_used += size;
	return packed;
}

/* @page is in packer->in, and stays as it is until packer_forget(). */
static int packer_page(struct packer *packer, const uint8_t *page, uint64_t index,
		       struct err *err)
{
	size_t page_size = packer->job->page_size;
	struct seen *seen;
	int r;

	if (page_is_zero(page, page_size))
		return packer_add(packer, index, (struct packed){ .kind = PACKED_ZERO },
				  err);
	r = packer_add(packer, index, (struct packed){ .kind = PACKED_DATA }, err);
	if (r < 0)
		return r;
	seen = packer_seen(packer, page);
	if (!seen->page || memcmp(seen->page, page, page_size) != 0)
		*seen = (struct seen){ page, packer_compress(packer, page) };
	packer->packed[packer->packed_count - 1] = seen->packed;
	return 0;
}

/* --- in ------------------------------------------------------------------------------
 */

/* Page by page, because one of them can't be read. */
static int packer_read_single(struct packer *packer, uint64_t pfn, size_t count,
			      uint64_t index, struct err *err)
{
	uint32_t page_size = packer->job->page_size;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		packer_forget(packer);
		if (image_read(packer->job->image, (pfn + i) * page_size, packer->in,
			       page_size, NULL) < 0)
			r = packer_add(packer, index + i,
				       (struct packed){ .kind = PACKED_LOST }, err);
		else
			r = packer_page(packer, packer->in, index + i, err);
	}
	return r;
}

static int packer_read(struct packer *packer, uint64_t pfn, size_t count, uint64_t index,
		       struct err *err)
{
	uint32_t page_size = packer->job->page_size;
	int r = 0;

	packer_forget(packer);
	if (image_read(packer->job->image, pfn * page_size, packer->in, count * page_size,
		       NULL) < 0)
		return packer_read_single(packer, pfn, count, index, err);
	for (size_t i = 0; i < count && r == 0; i++)
		r = packer_page(packer, packer->in + i * page_size, index + i, err);
	return r;
}

/* Pages from @pfn on, of @count, that are in a hole of the source. */
static size_t packer_hole(const struct packer *packer, uint64_t pfn, size_t count)
{
	uint32_t page_size = packer->job->page_size;
	uint64_t paddr = pfn * page_size;
	uint64_t next = image_next_data(packer->job->image, paddr);

	return next <= paddr ? 0
			     : (size_t)MIN((uint64_t)count, (next - paddr) / page_size);
}

/* A run of kept pages. */
static int packer_run(struct packer *packer, uint64_t pfn, size_t count, uint64_t index,
		      struct err *err)
{
	const size_t batch = READ_BYTES / packer->job->page_size;
	int r = 0;

	while (count && r == 0 && !packer_job_is_over(packer->job)) {
		size_t part = packer_hole(packer, pfn, count);

		for (size_t i = 0; i < part && r == 0; i++)
			r = packer_add(packer, index + i,
				       (struct packed){ .kind = PACKED_ZERO }, err);
		if (!part) {
			part = MIN(count, batch);
			r = packer_read(packer, pfn, part, index, err);
		}
		atomic_fetch_add_explicit(&packer->job->pages_done, part,
					  memory_order_relaxed);
		pfn += part;
		index += part;
		count -= part;
	}
	return r;
}

int packer_range(struct packer *packer, uint64_t pfn, const uint8_t *kept,
		 const uint8_t *wanted, size_t count, uint64_t index, struct err *err)
{
	size_t i = 0;
	int r = 0;

	while (i < count && r == 0 && !packer_job_is_over(packer->job)) {
		size_t start = i;

		if (i % 8 == 0 && !wanted[i / 8]) {
			index += (uint64_t)__builtin_popcount(kept[i / 8]);
			i += 8;
			continue;
		}
		while (i < count && bit_is_set(wanted, i))
			i++;
		if (i == start) {
			index += bit_is_set(kept, i++);
			continue;
		}
		r = packer_run(packer, pfn + start, i - start, index, err);
		index += i - start;
	}
	return r;
}
