/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PHYSICAL memory of a dead (or live) machine, and the notes that came with it.
 * Virtual addresses begin in kernel/; here is none.
 *
 * A format is a row in the probe table of image.c and one file: image_elf.c (ELF vmcore,
 * /proc/vmcore), image_diskdump.c (kdump-compressed). Each may be flattened
 * (image_flat.h).
 *
 * An image is immutable once it is open, and image_read() may be called from several
 * threads at once.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image_mapping.h"

struct image;

enum image_format {
	IMAGE_FORMAT_ELF,      /* vmcore: ELF core, PT_LOADs are physical ranges */
	IMAGE_FORMAT_DISKDUMP, /* "KDUMP   ": a bitmap, descriptors, compressed pages */
};

enum image_machine {
	IMAGE_MACHINE_UNKNOWN,
	IMAGE_MACHINE_X86_64,
	IMAGE_MACHINE_ARM64,
};

/* [paddr, paddr + size_bytes) of the machine's RAM that the image speaks of. */
struct image_range {
	uint64_t paddr;
	uint64_t size_bytes;
};

/*
 * Where an ELF file says that memory is mapped: the kernel's text, and the direct map.
 * For a writer that copies it; kernel/ goes by the page tables.
 */
struct image_load {
	uint64_t paddr;
	uint64_t vaddr;
	uint64_t size_bytes;
};

/* An ELF note; name without its NUL, desc borrowed from the image. */
struct image_note {
	char name[16];
	uint32_t type;
	const uint8_t *desc;
	size_t desc_size;
};

/* Linux elf.h, include/linux/elfcore.h */
#define IMAGE_NT_PRSTATUS 1

struct image_info {
	enum image_format format;
	enum image_machine machine;
	uint32_t page_size; /* 0: the format does not say */
	bool is_flattened;  /* makedumpfile -F, QEMU: the format is inside */
	bool is_incomplete; /* its writer marked it so, or the file ends too early */
	char incomplete_why[128];
	int dump_level; /* diskdump: makedumpfile's -d; 0 for the others */
	uint64_t file_size;
	uint64_t max_paddr; /* end of the last range */
	bool has_all_pages; /* for sure: nothing was left out, though it may be cut */
	uint32_t format_version;     /* diskdump: of its header; 0 for the others */
	bool is_vmcoreinfo_searched; /* image_add_vmcoreinfo() was needed */
};

/* How a page lies in the file. */
struct image_storage {
	uint64_t offset;   /* several pages may share one place */
	uint32_t size;	   /* bytes in the file */
	const char *codec; /* "none", "zlib", "lzo", "snappy", "zstd", "unknown" */
};

/*
 * Opens @path, whatever its format. ERR_UNSUPPORTED: the file is none that we know; the
 * text says what it looks like. A file that is cut is opened as far as it goes, with
 * is_incomplete set, as long as its headers are whole.
 */
int image_open(const char *path, struct image **ret, struct err *err);

/*
 * Opens the files of one dump that was split (makedumpfile --split), in any order, as one
 * image; its path is the first one's. A part that is missing is lost memory:
 * is_incomplete is set, and reads of it are ERR_TRUNCATED. ERR_INVALID: they are not
 * parts of one dump, or two have the same memory. A single file is opened as by
 * image_open().
 */
int image_open_set(const char *const paths[], size_t count, struct image **ret,
		   struct err *err);
void image_close(struct image *image);
static inline void image_closep(struct image **image)
{
	image_close(*image);
}

/*
 * Copies physical memory. On failure nothing can be said of @buf.
 *   ERR_FAULT      no RAM at that address
 *   ERR_FILTERED   the page was left out of the dump
 *   ERR_TRUNCATED  the page should be there, but the file was cut or never finished
 *   ERR_CORRUPT    its compressed bytes make no sense
 * A read may cross pages and ranges that touch each other.
 */
int image_read(struct image *image, uint64_t paddr, void *buf, size_t size,
	       struct err *err);

/*
 * Physical memory without a copy, where the image is a crash kernel's /proc/vmcore: what
 * is large and read once would else take as much of the little memory that there is.
 * Without bytes: read it.
 */
struct image_mapping image_map(struct image *image, uint64_t paddr, size_t size);

/*
 * Where the next bytes that may be other than zero lie: the smallest paddr >= @paddr that
 * is not in a hole of a sparse file. Never leaves the range of @paddr: at most its end.
 * A format without holes returns @paddr.
 */
uint64_t image_next_data(struct image *image, uint64_t paddr);

/*
 * Where the next page that may be in the image lies: those from @paddr to there are
 * absent, all as that of @paddr is. Never leaves the range of @paddr. A format that knows
 * only page by page returns @paddr.
 */
uint64_t image_next_page(struct image *image, uint64_t paddr);

/* Is this page in the image (RAM, and not filtered)? @paddr is page aligned. */
bool image_has_page(struct image *image, uint64_t paddr);

/* Errors as of image_read(); ERR_UNSUPPORTED: a format that does not pack its pages. */
int image_page_storage(struct image *image, uint64_t paddr, struct image_storage *ret,
		       struct err *err);

const struct image_info *image_info(const struct image *image);
const char *image_path(const struct image *image);
const char *image_format_name(enum image_format format);

/* RAM, sorted by paddr, merged where ranges touch or overlap. */
const struct image_range *image_ranges(const struct image *image, size_t *ret_count);

/* In file order, merged where they continue each other; none from another format. */
const struct image_load *image_loads(const struct image *image, size_t *ret_count);

/* All notes in file order, borrowed until image_close(). */
const struct image_note *image_notes(const struct image *image, size_t *ret_count);

/* The PT_NOTE bytes as they are in the file, for a writer that copies them. */
const void *image_notes_raw(const struct image *image, size_t *ret_size);

/* The text of the VMCOREINFO note, not NUL-terminated; NULL if there is none. */
const char *image_vmcoreinfo(const struct image *image, size_t *ret_size);

/*
 * An image without that note has one from now on, behind the others, as if it had come
 * with the dump: whoever writes or reads it again need not search. Notes that were
 * borrowed before are gone: only while no other thread uses the image.
 */
int image_add_vmcoreinfo(struct image *image, const char *text, size_t size,
			 struct err *err);

#define _cleanup_image _cleanup_(image_closep)

#endif
