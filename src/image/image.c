// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which format a file has, and what all formats share: notes, ranges of RAM, reads that
 * cross ranges. It knows no format's layout: those are in image_FORMAT.c.
 */
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "image/image_flat.h"
#include "image/image_format.h"

static const struct image_ops *const formats[] = {
	&image_elf_ops,
	&image_diskdump_ops,
};

/*
 * What else a dump may turn out to be. Sources: makedumpfile's IMPLEMENTATION, crash's
 * readers (diskdump.c, vmware_vmss.c, lime.c), the file(1) database.
 */
static const struct {
	uint32_t offset;
	const char *magic;
	uint32_t size;
	const char *what;
} strangers[] = {
	{ 0, "DISKDUMP", 8,
	  "a dump of the old diskdump facility, which is not supported" },
	{ 0, "PAGEDU64", 8, "a Windows crash dump" },
	{ 0, "PAGEDUMP", 8, "a Windows crash dump" },
	{ 0, "EMiL", 4, "a LiME memory image, which is not supported yet" },
	{ 0, "QEVM", 4,
	  "a QEMU migration stream, which is not supported; "
	  "dump-guest-memory writes what can be read" },
	{ 0, "LibvirtQemudSave", 16,
	  "a libvirt save file, which is not supported; "
	  "virsh dump --memory-only writes what can be read" },
	{ 0, "QFI\xfb", 4, "a qcow2 disk image" },
	{ 0, "\xd2\xbe\xd2\xbe", 4, "a VMware snapshot, which is not supported yet" },
	{ 0, "\x1f\x8b", 2, "compressed by gzip; unpack it first" },
	{ 0, "\x28\xb5\x2f\xfd", 4, "compressed by zstd; unpack it first" },
	{ 0,
	  "\xfd"
	  "7zXZ\0",
	  6, "compressed by xz; unpack it first" },
	{ 0, "\x89LZO", 4, "compressed by lzop; unpack it first" },
	{ 0, "\x04\x22\x4d\x18", 4, "compressed by lz4; unpack it first" },
	{ 0, "BZh", 3, "compressed by bzip2; unpack it first" },
	{ 257, "ustar", 5, "a tar archive" },
};

#define NOTE_HEADER_SIZE 12 /* u32 namesz, descsz, type */

/* --- for the formats -------------------------------------------------------------- */

void image_set_incomplete(struct image *image, const char *fmt, ...)
{
	va_list ap;

	if (image->info.is_incomplete)
		return;
	image->info.is_incomplete = true;
	va_start(ap, fmt);
	vsnprintf(image->info.incomplete_why, sizeof(image->info.incomplete_why), fmt,
		  ap);
	va_end(ap);
}

/*
 * One note: u32 namesz, descsz, type; the name and the descriptor, each padded to 4 bytes
 * (also in 64-bit files, as the kernel writes them). False: there is no whole one.
 */
static bool parse_note(struct buf *b, struct image_note *ret)
{
	const uint8_t *name, *desc;
	uint32_t name_size, desc_size;

	*ret = (struct image_note){ .name = "" };
	if (buf_u32(b, &name_size, NULL) < 0 || buf_u32(b, &desc_size, NULL) < 0 ||
	    buf_u32(b, &ret->type, NULL) < 0)
		return false;
	if (buf_bytes(b, name_size, &name, NULL) < 0 ||
	    buf_skip(b, MIN(buf_left(b), -name_size & 3), NULL) < 0 ||
	    buf_bytes(b, desc_size, &desc, NULL) < 0)
		return false;
	buf_skip(b, MIN(buf_left(b), -desc_size & 3), NULL);
	memcpy(ret->name, name, MIN((size_t)name_size, sizeof(ret->name) - 1));
	ret->desc = desc;
	ret->desc_size = desc_size;
	return true;
}

/*
 * The notes of the buffer into @ret (NULL: they are counted only). Every note has a name:
 * zeros where one should begin are padding, as the kernel leaves behind a CPU's notes.
 */
static size_t parse_notes(const uint8_t *raw, size_t size, struct image_note *ret,
			  bool *ret_whole)
{
	struct buf b = buf_init(raw, size, "notes");
	size_t count = 0;

	*ret_whole = true;
	while (buf_left(&b) >= 4 && count < IMAGE_NOTE_COUNT) {
		struct image_note note;

		if (load_le32(raw + b.pos) == 0) {
			buf_skip(&b, 4, NULL);
			continue;
		}
		if (!parse_note(&b, &note)) {
			*ret_whole = false;
			break;
		}
		if (ret)
			ret[count] = note;
		count++;
	}
	return count;
}

/* The note at @pos, padded to 8 bytes: where its descriptor is, and the next one. */
static bool find_wide_note(const uint8_t *raw, size_t size, size_t pos,
			   uint64_t *ret_desc, uint64_t *ret_next)
{
	uint64_t name_size, desc_size, desc;

	if (size - pos < NOTE_HEADER_SIZE)
		return false;
	name_size = load_le32(raw + pos);
	desc_size = load_le32(raw + pos + 4);
	desc = align_up(pos + NOTE_HEADER_SIZE + name_size, 8);
	if (name_size == 0 || desc > size || desc_size > size - desc ||
	    raw[pos + NOTE_HEADER_SIZE + name_size - 1] != 0)
		return false;
	*ret_desc = desc;
	*ret_next = MIN(align_up(desc + desc_size, 8), (uint64_t)size);
	return true;
}

size_t image_repack_notes(uint8_t *raw, size_t size)
{
	uint64_t desc, next;
	size_t to = 0;

	for (size_t pos = 0; pos < size; pos = (size_t)next) {
		if (size - pos >= 8 && load_le64(raw + pos) == 0)
			next = pos + 8; // padding between notes
		else if (!find_wide_note(raw, size, pos, &desc, &next))
			return size;
	}
	// Nothing grows: what is written is behind what is still to be read.
	for (size_t pos = 0; pos < size; pos = (size_t)next) {
		size_t name_end, desc_size;

		if (size - pos >= 8 && load_le64(raw + pos) == 0) {
			next = pos + 8;
			continue;
		}
		find_wide_note(raw, size, pos, &desc, &next);
		name_end = NOTE_HEADER_SIZE + (size_t)align_up(load_le32(raw + pos), 4);
		desc_size = (size_t)MIN(align_up(load_le32(raw + pos + 4), 4),
					(uint64_t)size - desc);
		memmove(raw + to, raw + pos, name_end);
		memmove(raw + to + name_end, raw + desc, desc_size);
		to += name_end + desc_size;
	}
	return to;
}

bool image_notes_end_at(const uint8_t *raw, size_t size, const char *name, uint32_t type)
{
	bool is_whole, is_whole_shorter, has_it = false;
	size_t count = parse_notes(raw, size, NULL, &is_whole);
	_cleanup_free struct image_note *notes = calloc(count + 1, sizeof(*notes));

	if (!notes || size < NOTE_HEADER_SIZE || !is_whole)
		return false;
	parse_notes(raw, size, notes, &is_whole);
	for (size_t i = 0; i < count; i++)
		has_it |= notes[i].type == type && strcmp(notes[i].name, name) == 0;
	return has_it && (parse_notes(raw, size - 4, NULL, &is_whole_shorter) < count ||
			  !is_whole_shorter);
}

int image_take_notes(struct image *image, uint8_t *raw, size_t size, struct err *err)
{
	bool is_whole;
	size_t count = parse_notes(raw, size, NULL, &is_whole);

	image->notes_raw = raw;
	image->notes_size = size;
	if (count == 0)
		return 0;
	image->notes = calloc(count, sizeof(*image->notes));
	if (!image->notes)
		return err_nomem(err);
	image->note_count = parse_notes(raw, size, image->notes, &is_whole);
	if (!is_whole)
		image_set_incomplete(image, "its notes break off after %zu", count);
	for (size_t i = 0; i < count && !image->vmcoreinfo; i++)
		if (strcmp(image->notes[i].name, "VMCOREINFO") == 0)
			image->vmcoreinfo = &image->notes[i];
	return 0;
}

uint8_t *image_new_vmcoreinfo_note(size_t before, size_t text_size, size_t *ret_at,
				   size_t *ret_size)
{
	static const uint8_t name[12] = "VMCOREINFO"; // 11 with its NUL, and padded
	size_t start = (size_t)align_up(before, 4);
	size_t at = start + NOTE_HEADER_SIZE + sizeof(name);
	size_t size = at + (size_t)align_up(text_size, 4);
	uint8_t *raw = calloc(1, size);

	if (!raw)
		return NULL;
	raw[start] = sizeof(name) - 1;
	for (int i = 0; i < 4; i++)
		raw[start + 4 + i] = (uint8_t)(text_size >> (8 * i));
	memcpy(raw + start + NOTE_HEADER_SIZE, name, sizeof(name));
	*ret_at = at;
	*ret_size = size;
	return raw;
}

int image_add_vmcoreinfo(struct image *image, const char *text, size_t size,
			 struct err *err)
{
	size_t at, total;
	uint8_t *raw;
	int r;

	if (image->vmcoreinfo || size > IMAGE_NOTES_MAX)
		return err_set(err, ERR_INVALID, "no VMCOREINFO to be added");
	raw = image_new_vmcoreinfo_note(image->notes_size, size, &at, &total);
	if (!raw)
		return err_nomem(err);
	if (image->notes_size)
		memcpy(raw, image->notes_raw, image->notes_size);
	memcpy(raw + at, text, size);
	free(image->notes_raw);
	free(image->notes);
	image->notes = NULL;
	image->note_count = 0;
	r = image_take_notes(image, raw, total, err);
	image->info.is_vmcoreinfo_searched = r == 0 && image->vmcoreinfo;
	return r;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct image_range *x = a, *y = b;

	return (x->paddr > y->paddr) - (x->paddr < y->paddr);
}

void image_take_ranges(struct image *image, struct image_range *ranges, size_t count)
{
	size_t n = 0;

	if (count)
		qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ranges[i].paddr + ranges[i].size_bytes;
		struct image_range *last = n ? &ranges[n - 1] : NULL;

		if (!last || ranges[i].paddr > last->paddr + last->size_bytes)
			ranges[n++] = ranges[i];
		else if (end > last->paddr + last->size_bytes)
			last->size_bytes = end - last->paddr;
	}
	image->ranges = ranges;
	image->range_count = n;
	if (n)
		image->info.max_paddr = ranges[n - 1].paddr + ranges[n - 1].size_bytes;
}

/* --- opening ---------------------------------------------------------------------- */

static int refuse(const char *path, const uint8_t *head, size_t size, struct err *err)
{
	if (size == 0)
		return err_set(err, ERR_TRUNCATED, "'%s' is empty", path);
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		size_t offset = strangers[i].offset;

		if (size >= offset + strangers[i].size &&
		    memcmp(head + offset, strangers[i].magic, strangers[i].size) == 0)
			return err_set(err, ERR_UNSUPPORTED, "'%s' is %s", path,
				       strangers[i].what);
	}
	for (size_t i = 0; i < size; i++)
		if (head[i])
			return err_set(err, ERR_UNSUPPORTED,
				       "'%s' is no dump of a kind that is known", path);
	return err_set(err, ERR_UNSUPPORTED,
		       "'%s' begins with zeros: it is no dump, or "
		       "one whose beginning was never written",
		       path);
}

/* As much as the file has at its beginning, at most IMAGE_HEAD_SIZE. */
static int read_head(struct image *image, uint8_t *head, size_t *ret_size,
		     struct err *err)
{
	size_t size = (size_t)MIN((uint64_t)IMAGE_HEAD_SIZE, image->file.size);
	int r = image_file_read(&image->file, 0, head, size, err);

	// Of a flattened dump that was cut there may be a hole behind the header.
	while (r == ERR_TRUNCATED && size > 1) {
		size /= 2;
		r = image_file_read(&image->file, 0, head, size, err);
	}
	if (r < 0)
		return err_in(err, r, "reading the beginning of '%s'", image->path);
	*ret_size = size;
	return 0;
}

/* Looks inside where the file is a flattened one. */
static int unflatten(struct image *image, uint8_t *head, size_t *size, struct err *err)
{
	const char *why;
	int r;

	if (!image_flat_probe(head, *size))
		return 0;
	r = image_file_unflatten(&image->file, err);
	if (r < 0)
		return err_in(err, r, "opening '%s'", image->path);
	image->info.is_flattened = true;
	why = image_flat_broken_why(image->file.flat);
	if (why)
		image_set_incomplete(image, "%s", why);
	if (image->file.size == 0)
		return err_set(err, ERR_TRUNCATED,
			       "'%s' is a flattened dump with nothing inside",
			       image->path);
	return read_head(image, head, size, err);
}

static int open_format(struct image *image, struct err *err)
{
	_cleanup_free uint8_t *head = malloc(IMAGE_HEAD_SIZE);
	size_t size = 0;
	int r;

	if (!head)
		return err_nomem(err);
	r = read_head(image, head, &size, err);
	if (r == 0)
		r = unflatten(image, head, &size, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(formats) && !image->ops; i++)
		if (formats[i]->probe(head, size))
			image->ops = formats[i];
	if (!image->ops)
		return refuse(image->path, head, size, err);
	image->info.format = image->ops->format;
	r = image->ops->open(image, err);
	if (r < 0)
		return err_in(err, r, "opening '%s'", image->path);
	return 0;
}

int image_open_part(const char *path, struct image **ret, struct err *err)
{
	_cleanup_image struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return err_nomem(err);
	image->file.fd = -1;
	image->path = strdup(path);
	if (!image->path)
		return err_nomem(err);
	r = image_file_open(&image->file, path, err);
	if (r < 0)
		return r;
	image->info.file_size = image->file.size;
	r = open_format(image, err);
	if (r < 0)
		return r;
	*ret = take_ptr(image);
	return 0;
}

int image_open(const char *path, struct image **ret, struct err *err)
{
	struct image *image;
	int r = image_open_part(path, &image, err);

	if (r < 0)
		return r;
	if (image->is_part &&
	    (image->part_start > 0 || image->part_end < image->info.max_paddr))
		image_set_incomplete(
			image,
			"it is one part of a split dump, physical 0x%llx to 0x%llx; "
			"the others are needed",
			(unsigned long long)image->part_start,
			(unsigned long long)image->part_end);
	*ret = image;
	return 0;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	if (image->ops)
		image->ops->close(image);
	image_file_close(&image->file);
	free(image->ranges);
	free(image->loads);
	free(image->notes);
	free(image->notes_raw);
	free(image->path);
	free(image);
}

/* --- questions -------------------------------------------------------------------- */

int image_read(struct image *image, uint64_t paddr, void *buf, size_t size,
	       struct err *err)
{
	uint8_t *out = buf;

	if (size > UINT64_MAX - paddr)
		return err_set(
			err, ERR_FAULT,
			"physical address 0x%llx: %zu bytes from there do not exist",
			(unsigned long long)paddr, size);
	while (size > 0) {
		size_t done = 0;
		int r = image->ops->read(image, paddr, out, size, &done, err);

		if (r < 0)
			return r;
		paddr += done;
		out += done;
		size -= done;
	}
	return 0;
}

struct image_mapping image_map(struct image *image, uint64_t paddr, size_t size)
{
	if (!image->ops->map)
		return (struct image_mapping){ 0 };
	return image->ops->map(image, paddr, size);
}

uint64_t image_next_data(struct image *image, uint64_t paddr)
{
	return image->ops->next_data ? image->ops->next_data(image, paddr) : paddr;
}

uint64_t image_next_page(struct image *image, uint64_t paddr)
{
	return image->ops->next_page ? image->ops->next_page(image, paddr) : paddr;
}

bool image_has_page(struct image *image, uint64_t paddr)
{
	return image->ops->has_page(image, paddr);
}

int image_page_storage(struct image *image, uint64_t paddr, struct image_storage *ret,
		       struct err *err)
{
	if (!image->ops->page_storage)
		return err_set(err, ERR_UNSUPPORTED, "pages of %s files are not packed",
			       image_format_name(image->info.format));
	return image->ops->page_storage(image, paddr, ret, err);
}

const struct image_info *image_info(const struct image *image)
{
	return &image->info;
}

const char *image_path(const struct image *image)
{
	return image->path;
}

const char *image_format_name(enum image_format format)
{
	switch (format) {
	case IMAGE_FORMAT_ELF:
		return "elf";
	case IMAGE_FORMAT_DISKDUMP:
		return "kdump-compressed";
	}
	return "unknown";
}

const struct image_range *image_ranges(const struct image *image, size_t *ret_count)
{
	*ret_count = image->range_count;
	return image->ranges;
}

const struct image_load *image_loads(const struct image *image, size_t *ret_count)
{
	*ret_count = image->load_count;
	return image->loads;
}

const struct image_note *image_notes(const struct image *image, size_t *ret_count)
{
	*ret_count = image->note_count;
	return image->notes;
}

const void *image_notes_raw(const struct image *image, size_t *ret_size)
{
	*ret_size = image->notes_size;
	return image->notes_raw;
}

const char *image_vmcoreinfo(const struct image *image, size_t *ret_size)
{
	if (!image->vmcoreinfo) {
		*ret_size = 0;
		return NULL;
	}
	*ret_size = image->vmcoreinfo->desc_size;
	return (const char *)image->vmcoreinfo->desc;
}
