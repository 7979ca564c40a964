// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdump-compressed files, as makedumpfile and QEMU (kdump-raw-*) write them.
 * Source: makedumpfile's IMPLEMENTATION, diskdump_mod.h, makedumpfile.c; crash's
 * diskdump.c. Checked on makedumpfile 1.7.2's and 1.7.8's output.
 *
 * In blocks of block_size, which is the page size of the dead kernel:
 *
 *	0                      header
 *	1                      sub header, notes behind it
 *	1 + sub_hdr_size       bitmap 1: this page is RAM. Bit n & 7 of byte n >> 3
 *	                       bitmap 2: this page is in the dump
 *	.. + bitmap_blocks     a descriptor for each bit of bitmap 2, in order
 *	                       the pages' bytes, anywhere
 *
 * Integers and alignment are those of the dead kernel's machine. Here: 64 bits, little
 * endian. It refuses others.
 *
 * A dump that was split (makedumpfile --split) is several such files, each with all of
 *the header, notes and bitmaps, and with the descriptors and bytes of its own pages only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "image/image_format.h"
#include "image/image_pages.h"

#define SIGNATURE	   "KDUMP   "
#define HEADER_SIZE	   464
#define HEADER_MACHINE	   (12 + 4 * 65) /* utsname.machine */
#define HEADER_STATUS	   424
#define SUB_HEADER_SIZE	   104
#define DESC_SIZE	   24
#define STATUS_INCOMPLETE  0x8
#define VERSION_WITH_64BIT 6
#define VERSION_LIKELY_MAX 100

/* 52 bits of physical address in pages of 4 KiB. */
#define PFN_MAX ((uint64_t)1 << 40)

/* An index entry counts the pages before this many bits of bitmap 2: 512 KiB per TiB. */
#define INDEX_BITS  4096
#define INDEX_BYTES (INDEX_BITS / 8)

/* Descriptors looked at when it opens, for an end that was cut off. */
#define TAIL_DESCS 4096

struct diskdump {
	uint32_t block_size;
	uint64_t pfn_end;		  /* bits of a bitmap that count */
	uint64_t bitmap1, bitmap2, descs; /* file offsets */

	/* The pages that this file has: [start, end), all but in a split dump. */
	uint64_t part_start, part_end;
	uint64_t desc_first; /* bits in bitmap 2 before part_start */
	uint64_t desc_count; /* and of the part */
	uint8_t header[HEADER_SIZE];

	/*
	 * index[i]: bits set in bitmap 2 before bit i * INDEX_BITS. Ends early where the
	 * file does.
	 */
	uint64_t *index;
	uint64_t index_count;
	struct image_pages *pages;
};

/* What the two headers say, before it is believed. */
struct diskdump_header {
	uint32_t version, block_size, sub_header_blocks, bitmap_blocks;
	uint64_t max_mapnr;
	char machine[65];
	uint32_t status;
	int32_t dump_level, split;
	uint64_t start_pfn, end_pfn;
	uint64_t offset_note, size_note, offset_vmcoreinfo, size_vmcoreinfo;
};

/* --- headers ---------------------------------------------------------------------- */

static bool diskdump_probe(const uint8_t *head, size_t size)
{
	return size >= 8 && memcmp(head, SIGNATURE, 8) == 0;
}

static bool is_likely_block_size(uint32_t size)
{
	return size >= 4096 && size <= IMAGE_PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

/* Which machine's header is it, if not one of 64 bits and little endian? */
static int check_layout(const uint8_t *raw, struct err *err)
{
	uint32_t version = load_le32(raw + 8);

	if (version > VERSION_LIKELY_MAX &&
	    __builtin_bswap32(version) < VERSION_LIKELY_MAX)
		return err_set(
			err, ERR_UNSUPPORTED,
			"it comes from a big-endian machine, which is not supported "
			"yet");
	if (version > VERSION_LIKELY_MAX)
		return err_set(err, ERR_CORRUPT, "%u is no likely version of its header",
			       version);
	if (is_likely_block_size(load_le32(raw + HEADER_STATUS + 4)))
		return 0;
	if (is_likely_block_size(load_le32(raw + HEADER_STATUS - 12 + 4)))
		return err_set(
			err, ERR_UNSUPPORTED,
			"it comes from a 32-bit machine, which is not supported yet");
	return err_set(err, ERR_CORRUPT, "%u is no likely size of a page",
		       load_le32(raw + HEADER_STATUS + 4));
}

static int read_header(struct image *image, struct diskdump_header *h, struct err *err)
{
	struct diskdump *d = image->context;
	uint8_t *raw = d->header;
	int r = image_file_read(&image->file, 0, raw, HEADER_SIZE, err);

	if (r == 0)
		r = check_layout(raw, err);
	if (r < 0)
		return err_in(err, r, "reading its header");
	h->version = load_le32(raw + 8);
	memcpy(h->machine, raw + HEADER_MACHINE, sizeof(h->machine) - 1);
	h->status = load_le32(raw + HEADER_STATUS);
	h->block_size = load_le32(raw + HEADER_STATUS + 4);
	h->sub_header_blocks = load_le32(raw + HEADER_STATUS + 8);
	h->bitmap_blocks = load_le32(raw + HEADER_STATUS + 12);
	h->max_mapnr = load_le32(raw + HEADER_STATUS + 16);
	return 0;
}

/*
 * Each version's sub header goes on where the one before it ends. Behind it notes may
 * begin, so that zeros stand for what a version does not have.
 */
static int read_sub_header(struct image *image, struct diskdump_header *h,
			   struct err *err)
{
	static const uint8_t sizes[] = { 8, 12, 32, 48, 64, 80, SUB_HEADER_SIZE };
	uint8_t raw[SUB_HEADER_SIZE] = { 0 };
	size_t size = sizes[MIN(h->version, ARRAY_SIZE(sizes) - 1)];
	int r = image_file_read(&image->file, h->block_size, raw, size, err);

	if (r < 0)
		return err_in(err, r, "reading its sub header");
	h->dump_level = (int32_t)load_le32(raw + 8);
	h->split = (int32_t)load_le32(raw + 12);
	h->start_pfn = load_le64(raw + 16);
	h->end_pfn = load_le64(raw + 24);
	h->offset_vmcoreinfo = load_le64(raw + 32);
	h->size_vmcoreinfo = load_le64(raw + 40);
	h->offset_note = load_le64(raw + 48);
	h->size_note = load_le64(raw + 56);
	if (h->version >= VERSION_WITH_64BIT) {
		h->start_pfn = load_le64(raw + 80);
		h->end_pfn = load_le64(raw + 88);
		h->max_mapnr = load_le64(raw + 96);
	}
	if (h->split && h->start_pfn > h->end_pfn)
		return err_set(err, ERR_CORRUPT,
			       "it is a part of a split dump, but from page 0x%llx to "
			       "0x%llx",
			       (unsigned long long)h->start_pfn,
			       (unsigned long long)h->end_pfn);
	return 0;
}

/* Where the parts lie, by the headers; whether the file reaches there is seen later. */
static int place_parts(struct diskdump *d, const struct diskdump_header *h,
		       struct err *err)
{
	uint64_t bs = h->block_size, half = h->bitmap_blocks / 2 * bs;
	uint64_t needed = (h->max_mapnr / 8 + (h->max_mapnr % 8 != 0) + bs - 1) / bs;

	if (h->max_mapnr > PFN_MAX)
		return err_set(err, ERR_CORRUPT,
			       "%llu pages are more than any machine has",
			       (unsigned long long)h->max_mapnr);
	if (h->sub_header_blocks == 0 || h->sub_header_blocks > INT32_MAX ||
	    h->bitmap_blocks == 0)
		return err_set(err, ERR_CORRUPT,
			       "a sub header of %u blocks and bitmaps of %u",
			       h->sub_header_blocks, h->bitmap_blocks);
	d->block_size = h->block_size;
	d->bitmap1 = bs * (1 + (uint64_t)h->sub_header_blocks);
	d->descs = d->bitmap1 + bs * h->bitmap_blocks;
	// One bitmap only: no page was left out. So crash and libkdumpfile take it, too.
	if (h->bitmap_blocks >= 2 * needed) {
		d->bitmap2 = d->bitmap1 + half;
		d->pfn_end = MIN(h->max_mapnr, half * 8);
	} else {
		d->bitmap2 = d->bitmap1;
		d->pfn_end = MIN(h->max_mapnr, bs * h->bitmap_blocks * 8);
	}
	d->part_start = h->split ? MIN(h->start_pfn, d->pfn_end) : 0;
	d->part_end = h->split ? MIN(h->end_pfn, d->pfn_end) : d->pfn_end;
	return 0;
}

static enum image_machine machine_by_name(const char *name)
{
	if (strcmp(name, "x86_64") == 0)
		return IMAGE_MACHINE_X86_64;
	if (strcmp(name, "aarch64") == 0)
		return IMAGE_MACHINE_ARM64;
	return IMAGE_MACHINE_UNKNOWN;
}

/* --- notes ------------------------------------------------------------------------ */

/* Version 3 has no notes, but VMCOREINFO's text: a note is made of it. */
static int make_vmcoreinfo_note(struct image *image, uint64_t offset, size_t size,
				struct err *err)
{
	size_t at, total;
	uint8_t *raw = image_new_vmcoreinfo_note(0, size, &at, &total);
	int r;

	if (!raw)
		return err_nomem(err);
	r = image_file_read(&image->file, offset, raw + at, size, err);
	if (r < 0) {
		free(raw);
		return err_in(err, r, "reading its VMCOREINFO");
	}
	return image_take_notes(image, raw, total, err);
}

static int read_notes(struct image *image, const struct diskdump_header *h,
		      struct err *err)
{
	uint64_t offset = h->offset_note, size = h->size_note;
	uint8_t *raw;
	int r;

	if (size == 0) {
		offset = h->offset_vmcoreinfo;
		size = h->size_vmcoreinfo;
	}
	if (size == 0)
		return 0;
	if (size > IMAGE_NOTES_MAX)
		return err_set(err, ERR_LIMIT, "%llu bytes of notes are more than %zu",
			       (unsigned long long)size, IMAGE_NOTES_MAX);
	if (h->size_note == 0)
		return make_vmcoreinfo_note(image, offset, (size_t)size, err);
	raw = malloc((size_t)size);
	if (!raw)
		return err_nomem(err);
	r = image_file_read(&image->file, offset, raw, (size_t)size, err);
	if (r < 0) {
		free(raw);
		return err_in(err, r, "reading its notes");
	}
	return image_take_notes(image, raw, (size_t)size, err);
}

/* --- bitmaps ---------------------------------------------------------------------- */

/*
 * INDEX_BITS bits from bit @first on, zeros behind the last one that counts. False: the
 * file ends before them.
 */
static bool read_bits(struct image *image, uint64_t bitmap, uint64_t first,
		      uint64_t ret[INDEX_BITS / 64])
{
	const struct diskdump *d = image->context;
	uint64_t bits = MIN(d->pfn_end - first, (uint64_t)INDEX_BITS);
	uint8_t raw[INDEX_BYTES] = { 0 };

	if (image_file_read(&image->file, bitmap + first / 8, raw,
			    (size_t)((bits + 7) / 8), NULL) < 0)
		return false;
	for (size_t i = 0; i < INDEX_BITS / 64; i++)
		ret[i] = load_le64(raw + 8 * i);
	if (bits % 64)
		ret[bits / 64] &= ((uint64_t)1 << bits % 64) - 1;
	return true;
}

static uint64_t count_bits(const uint64_t *words, uint64_t bits)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < bits / 64; i++)
		count += (uint64_t)__builtin_popcountll(words[i]);
	if (bits % 64)
		count += (uint64_t)__builtin_popcountll(words[bits / 64] &
							(((uint64_t)1 << bits % 64) - 1));
	return count;
}

/* Bits set in bitmap 2 before that of page @pfn; @all where the index does not reach. */
static uint64_t bits_before(struct image *image, uint64_t pfn, uint64_t all)
{
	const struct diskdump *d = image->context;
	uint64_t words[INDEX_BITS / 64];

	if (pfn / INDEX_BITS >= d->index_count ||
	    !read_bits(image, d->bitmap2, pfn - pfn % INDEX_BITS, words))
		return all;
	return d->index[pfn / INDEX_BITS] + count_bits(words, pfn % INDEX_BITS);
}

static int make_index(struct image *image, struct err *err)
{
	struct diskdump *d = image->context;
	uint64_t count = (d->pfn_end + INDEX_BITS - 1) / INDEX_BITS;
	uint64_t words[INDEX_BITS / 64], bits = 0;

	// No more than the file has: its size bounds what is allocated.
	count = MIN(count, image->file.size / INDEX_BYTES + 1);
	d->index = calloc((size_t)count + 1, sizeof(*d->index));
	if (!d->index)
		return err_nomem(err);
	for (uint64_t i = 0; i < count; i++) {
		if (!read_bits(image, d->bitmap2, i * INDEX_BITS, words))
			break;
		d->index[i] = bits;
		bits += count_bits(words, INDEX_BITS);
		d->index_count = i + 1;
	}
	d->desc_first = bits_before(image, d->part_start, bits);
	d->desc_count = bits_before(image, d->part_end, bits) - d->desc_first;
	return 0;
}

struct range_list {
	struct image_range *items;
	size_t count, capacity;
};

static int range_list_add(struct range_list *list, uint64_t paddr, uint64_t size,
			  struct err *err)
{
	struct image_range *last = list->count ? &list->items[list->count - 1] : NULL;

	if (last && last->paddr + last->size_bytes == paddr) {
		last->size_bytes += size;
		return 0;
	}
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 16;
		struct image_range *grown;

		if (capacity > IMAGE_RANGES_MAX)
			return err_set(err, ERR_LIMIT, "its RAM has more than %zu pieces",
				       IMAGE_RANGES_MAX);
		grown = realloc(list->items, capacity * sizeof(*list->items));
		if (!grown)
			return err_nomem(err);
		list->items = grown;
		list->capacity = capacity;
	}
	list->items[list->count++] =
		(struct image_range){ .paddr = paddr, .size_bytes = size };
	return 0;
}

/* The runs of ones in a word, whose bit 0 is page @first. */
static int add_runs(struct range_list *list, uint64_t word, uint64_t first,
		    uint64_t block_size, struct err *err)
{
	unsigned int bit = 0;

	while (bit < 64 && word >> bit) {
		unsigned int ones;
		int r;

		bit += (unsigned int)__builtin_ctzll(word >> bit);
		ones = ~(word >> bit) ? (unsigned int)__builtin_ctzll(~(word >> bit))
				      : 64;
		r = range_list_add(list, (first + bit) * block_size, ones * block_size,
				   err);
		if (r < 0)
			return r;
		bit += ones;
	}
	return 0;
}

static int make_ranges(struct image *image, struct err *err)
{
	const struct diskdump *d = image->context;
	uint64_t words[INDEX_BITS / 64];
	struct range_list list = { 0 };

	for (uint64_t pfn = 0; pfn < d->pfn_end; pfn += INDEX_BITS) {
		if (!read_bits(image, d->bitmap1, pfn, words))
			break;
		for (size_t i = 0; i < INDEX_BITS / 64; i++) {
			int r = add_runs(&list, words[i], pfn + 64 * i, d->block_size,
					 err);

			if (r < 0) {
				free(list.items);
				return r;
			}
		}
	}
	image_take_ranges(image, list.items, list.count);
	return 0;
}

/* --- descriptors ------------------------------------------------------------------ */

static int unknown(uint64_t pfn, struct err *err)
{
	return err_set(err, ERR_TRUNCATED,
		       "page 0x%llx: the dump ends before its bitmap says anything of it",
		       (unsigned long long)pfn);
}

/* Why is this page not in bitmap 2? */
static int absent(struct image *image, uint64_t pfn, struct err *err)
{
	const struct diskdump *d = image->context;
	uint64_t words[INDEX_BITS / 64], first = pfn - pfn % INDEX_BITS;

	if (!read_bits(image, d->bitmap1, first, words))
		return unknown(pfn, err);
	if (words[pfn % INDEX_BITS / 64] >> pfn % 64 & 1)
		// A writer that did not finish may have written bitmap 2 in part only.
		return err_set(err, ERR_FILTERED,
			       "page 0x%llx was left out of the dump%s",
			       (unsigned long long)pfn,
			       image->info.is_incomplete ? ", or never written" : "");
	return err_set(err, ERR_FAULT, "there is no RAM at page 0x%llx",
		       (unsigned long long)pfn);
}

/* The descriptor of a page that the dump has, checked against the file's end. */
static int find_page(struct image *image, uint64_t pfn, struct image_packed_page *ret,
		     struct err *err)
{
	const struct diskdump *d = image->context;
	uint64_t words[INDEX_BITS / 64], first = pfn - pfn % INDEX_BITS, number;
	uint8_t raw[DESC_SIZE];

	if (pfn >= d->pfn_end)
		return err_set(err, ERR_FAULT, "there is no RAM at page 0x%llx",
			       (unsigned long long)pfn);
	if (pfn / INDEX_BITS >= d->index_count ||
	    !read_bits(image, d->bitmap2, first, words))
		return unknown(pfn, err);
	if (!(words[pfn % INDEX_BITS / 64] >> pfn % 64 & 1))
		return absent(image, pfn, err);
	if (pfn < d->part_start || pfn >= d->part_end)
		return err_set(err, ERR_TRUNCATED,
			       "page 0x%llx is in another part of the split dump",
			       (unsigned long long)pfn);
	number = d->index[pfn / INDEX_BITS] + count_bits(words, pfn % INDEX_BITS) -
		 d->desc_first;
	if (image_file_read(&image->file, d->descs + DESC_SIZE * number, raw, sizeof(raw),
			    NULL) < 0)
		return err_set(err, ERR_TRUNCATED,
			       "page 0x%llx: the dump ends before its descriptor",
			       (unsigned long long)pfn);
	*ret = (struct image_packed_page){ .number = pfn,
					   .offset = load_le64(raw),
					   .size = load_le32(raw + 8),
					   .codec = load_le32(raw + 12) };
	if (ret->offset == 0)
		return err_set(err, ERR_TRUNCATED, "page 0x%llx was never written",
			       (unsigned long long)pfn);
	if (!image_file_has(&image->file, ret->offset, ret->size))
		return err_set(err, ERR_TRUNCATED,
			       "page 0x%llx lies behind the end of the dump",
			       (unsigned long long)pfn);
	return 0;
}

/*
 * A cut file shows in its last descriptors, since pages are written in their order; a
 * reader finds all others out one by one. Reading all would take long: 6 GiB per TiB.
 */
static void look_for_the_end(struct image *image)
{
	const struct diskdump *d = image->context;
	uint64_t first = d->desc_count - MIN(d->desc_count, (uint64_t)TAIL_DESCS);
	uint8_t raw[DESC_SIZE];

	if (d->index_count < (d->pfn_end + INDEX_BITS - 1) / INDEX_BITS ||
	    !image_file_has(&image->file, d->descs, d->desc_count * DESC_SIZE)) {
		image_set_incomplete(image,
				     "the file ends at byte %llu, before its pages",
				     (unsigned long long)image->file.size);
		return;
	}
	for (uint64_t i = first; i < d->desc_count; i++) {
		uint64_t offset;

		if (image_file_read(&image->file, d->descs + DESC_SIZE * i, raw,
				    sizeof(raw), NULL) < 0)
			return;
		offset = load_le64(raw);
		if (offset == 0)
			image_set_incomplete(image, "some pages were never written");
		else if (!image_file_has(&image->file, offset, load_le32(raw + 8)))
			image_set_incomplete(
				image, "the file ends at byte %llu, inside its pages",
				(unsigned long long)image->file.size);
	}
}

/* --- the format ------------------------------------------------------------------- */

static int diskdump_open(struct image *image, struct err *err)
{
	struct diskdump_header h = { 0 };
	struct diskdump *d;
	int r;

	image->context = d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem(err);
	r = read_header(image, &h, err);
	if (r == 0)
		r = read_sub_header(image, &h, err);
	if (r == 0)
		r = place_parts(d, &h, err);
	if (r < 0)
		return r;
	image->info.machine = machine_by_name(h.machine);
	image->info.page_size = h.block_size;
	image->info.dump_level = h.dump_level;
	image->info.format_version = h.version;
	image->is_part = h.split;
	image->part_start = d->part_start * d->block_size;
	image->part_end = d->part_end * d->block_size;
	if (h.status & STATUS_INCOMPLETE)
		image_set_incomplete(image, "its writer did not finish it");
	r = read_notes(image, &h, err);
	if (r == 0)
		r = make_index(image, err);
	if (r == 0)
		r = make_ranges(image, err);
	if (r == 0)
		r = image_pages_new(&image->file, h.block_size, &d->pages, err);
	if (r == 0)
		look_for_the_end(image);
	return r;
}

static void diskdump_close(struct image *image)
{
	struct diskdump *d = image->context;

	if (!d)
		return;
	image_pages_free(d->pages);
	free(d->index);
	free(d);
}

/* All of the headers but the status: a part may be incomplete where others are not. */
bool image_diskdump_is_same(const struct image *a, const struct image *b)
{
	const struct diskdump *x = a->context, *y = b->context;
	const size_t behind = HEADER_STATUS + 4;

	return memcmp(x->header, y->header, HEADER_STATUS) == 0 &&
	       memcmp(x->header + behind, y->header + behind, HEADER_SIZE - behind) ==
		       0 &&
	       x->pfn_end == y->pfn_end && a->notes_size == b->notes_size &&
	       (a->notes_size == 0 ||
		memcmp(a->notes_raw, b->notes_raw, a->notes_size) == 0);
}

static int diskdump_read(struct image *image, uint64_t paddr, void *buf, size_t size,
			 size_t *ret_done, struct err *err)
{
	const struct diskdump *d = image->context;
	size_t start = (size_t)(paddr % d->block_size);
	size_t part = MIN(size, d->block_size - start);
	struct image_packed_page page;
	int r = find_page(image, paddr / d->block_size, &page, err);

	if (r == 0)
		r = image_pages_read(d->pages, &page, start, buf, part, err);
	if (r == 0)
		*ret_done = part;
	return r;
}

static bool diskdump_has_page(struct image *image, uint64_t paddr)
{
	const struct diskdump *d = image->context;
	struct image_packed_page page;

	return find_page(image, paddr / d->block_size, &page, NULL) == 0;
}

static int diskdump_page_storage(struct image *image, uint64_t paddr,
				 struct image_storage *ret, struct err *err)
{
	const struct diskdump *d = image->context;
	struct image_packed_page page;
	int r = find_page(image, paddr / d->block_size, &page, err);

	if (r == 0)
		*ret = (struct image_storage){ page.offset, page.size,
					       image_codec_name(page.codec) };
	return r;
}

const struct image_ops image_diskdump_ops = {
	.format = IMAGE_FORMAT_DISKDUMP,
	.probe = diskdump_probe,
	.open = diskdump_open,
	.close = diskdump_close,
	.read = diskdump_read,
	.has_page = diskdump_has_page,
	.page_storage = diskdump_page_storage,
};
