/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps of a small fake machine: 2048 page frames with a memmap as Linux v6.12 has it.
 * What was written is read again by a reader of this file, from the description of the
 * format alone.
 */
#ifndef WRITTEN_DUMP_H
#define WRITTEN_DUMP_H

#include <endian.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "dump/dump.h"
#include "dump/estimate.h"
#include "dump/flat.h"
#include "dump/select.h"
#include "dump/verify.h"
#include "dump/writer_elf.h"
#include "fake_memmap.h"
#include "kernel/kernel.h"
#include "kernel/memmap.h"

/* --- a dump of it --------------------------------------------------------------------
 */

struct written {
	struct fake_image f;
	struct image *image;
	struct kernel *kernel;
	struct dump_options options;
	struct dump_result result;
	struct err err;
	int code;
	int fd;
	uint8_t *data;
	size_t size;
	char warnings[2048];
	struct log log;
};

static inline void on_log(void *context, enum log_level level, const char *message)
{
	struct written *w = context;
	size_t used = strlen(w->warnings);

	snprintf(w->warnings + used, sizeof(w->warnings) - used, "%s\n", message);
}

static inline uint32_t get_u32(const struct written *w, uint64_t at)
{
	assert_true(at + 4 <= w->size);
	return (uint32_t)fake_load(w->data + at, 4);
}

static inline uint64_t get_u64(const struct written *w, uint64_t at)
{
	assert_true(at + 8 <= w->size);
	return fake_load(w->data + at, 8);
}

static inline void dump_unmap(struct written *w)
{
	if (w->data)
		munmap(w->data, w->size);
	w->data = NULL;
}

/* Writes into a new file, and maps it. */
static inline void dump_run(struct written *w)
{
	char path[] = "/tmp/epitaph-dump-XXXXXX";
	struct stat st;

	dump_unmap(w);
	if (w->fd > 0)
		close(w->fd);
	w->fd = mkstemp(path);
	assert_true(w->fd >= 0);
	unlink(path);
	w->log = (struct log){ .write = on_log, .context = w };
	w->options.log = &w->log;
	w->err = (struct err){ 0 };
	w->code =
		dump_write(w->image, w->kernel, &w->options, w->fd, &w->result, &w->err);
	assert_int_equal(fstat(w->fd, &st), 0);
	w->size = (size_t)st.st_size;
	if (w->size) {
		w->data = mmap(NULL, w->size, PROT_READ, MAP_SHARED, w->fd, 0);
		assert_true(w->data != MAP_FAILED);
	}
	assert_int_equal(w->result.is_complete, w->code == 0);
	assert_int_equal(!w->result.incomplete_why[0], w->code == 0);
}

static inline void dump_open(struct written *w)
{
	w->image = fake_open(&w->f);
	if (kernel_open(w->image, &w->kernel, &w->err) < 0)
		fail_msg("%s", err_text(&w->err));
	w->options.threads = 1;
}

static inline void dump_close(struct written *w)
{
	dump_unmap(w);
	if (w->fd > 0)
		close(w->fd);
	kernel_close(w->kernel);
	image_close(w->image);
	fake_done(&w->f);
	*w = (struct written){ 0 };
}

/* --- reading it again ----------------------------------------------------------------
 */

static inline uint64_t bitmap_offset(const struct written *w, int number)
{
	uint64_t block = get_u32(w, 428);

	return block * (1 + get_u32(w, 432)) +
	       (uint64_t)number * get_u32(w, 436) / 2 * block;
}

static inline bool is_in(const struct written *w, int number, uint64_t pfn)
{
	uint64_t at = bitmap_offset(w, number) + pfn / 8;

	assert_true(at < w->size);
	return w->data[at] >> (pfn % 8) & 1;
}

static inline uint64_t desc_offset(const struct written *w, uint64_t pfn)
{
	uint64_t index = 0;

	for (uint64_t i = 0; i < pfn; i++)
		index += is_in(w, 1, i);
	return bitmap_offset(w, 2) + index * 24;
}

enum read_result {
	READ_NOT_THERE,
	READ_LOST,
	READ_OK
};

/* @desc: the offset of its descriptor. */
static inline enum read_result page_read(const struct written *w, uint64_t pfn,
					 uint64_t desc, uint8_t *ret)
{
	uint64_t offset;
	uint32_t size, flags;
	uLongf zlib_size = PAGE;
	lzo_uint lzo_size = PAGE;

	if (!is_in(w, 1, pfn))
		return READ_NOT_THERE;
	offset = get_u64(w, desc);
	size = get_u32(w, desc + 8);
	flags = get_u32(w, desc + 12);
	assert_int_equal(get_u64(w, desc + 16), 0);
	if (!offset) {
		assert_int_equal(size, 0);
		return READ_LOST;
	}
	assert_true(size <= PAGE && offset + size <= w->size);
	if (flags == 0) {
		assert_int_equal(size, PAGE);
		memcpy(ret, w->data + offset, PAGE);
	} else if (flags == 1) {
		assert_int_equal(uncompress(ret, &zlib_size, w->data + offset, size),
				 Z_OK);
		assert_int_equal(zlib_size, PAGE);
	} else if (flags == 2) {
		assert_int_equal(lzo1x_decompress_safe(w->data + offset, size, ret,
						       &lzo_size, NULL),
				 LZO_E_OK);
		assert_int_equal(lzo_size, PAGE);
	} else if (flags == 4) {
		size_t snappy_size = PAGE;

		assert_int_equal(snappy_uncompress((const char *)w->data + offset, size,
						   (char *)ret, &snappy_size),
				 SNAPPY_OK);
		assert_int_equal(snappy_size, PAGE);
	} else {
		assert_int_equal(flags, 0x20);
		assert_int_equal(ZSTD_decompress(ret, PAGE, w->data + offset, size),
				 PAGE);
	}
	return READ_OK;
}

/* Every page that is there is the source's; returns how many, and how many are lost. */
static inline uint64_t check_pages(const struct written *w, uint64_t *ret_lost)
{
	uint64_t good = 0, lost = 0, desc = bitmap_offset(w, 2);

	for (uint64_t pfn = 0; pfn < get_u64(w, PAGE + 96); pfn++) {
		uint8_t page[PAGE], source[PAGE];
		enum read_result r = page_read(w, pfn, desc, page);

		if (r != READ_NOT_THERE) {
			assert_true(is_in(w, 0, pfn));
			desc += 24;
		}
		lost += r == READ_LOST;
		if (r != READ_OK)
			continue;
		assert_int_equal(image_read(w->image, pfn * PAGE, source, PAGE, NULL), 0);
		assert_memory_equal(page, source, PAGE);
		good++;
	}
	if (ret_lost)
		*ret_lost = lost;
	return good;
}

/* What a complete dump must be, whatever was selected. */
static inline void check_complete(const struct written *w)
{
	const struct dump_result *r = &w->result;
	uint64_t lost;

	if (w->code < 0)
		fail_msg("%s", err_text(&w->err));
	assert_int_equal(check_pages(w, &lost), r->pages_written);
	assert_int_equal(lost, 0);
	assert_int_equal(r->pages_unreadable, 0);
	assert_int_equal(r->bytes_written, w->size);
	assert_int_equal(get_u32(w, 424), codec_flag(w->options.codec));
	assert_int_equal(r->pages_total, r->pages_written + r->pages_free +
						 r->pages_cache + r->pages_user +
						 r->pages_other);
}

/* How many bytes of the file have been given; no byte is given twice. */
static inline uint64_t stream_check(const struct written *w, uint64_t file_size)
{
	uint8_t *given = calloc(1, file_size);
	uint64_t at = 4096, total = 0;

	assert_non_null(given);
	assert_memory_equal(w->data, "makedumpfile\0\0\0\0", 16);
	assert_int_equal(be64toh(get_u64(w, 16)), 1);
	while (get_u64(w, at) != UINT64_MAX) {
		uint64_t offset = be64toh(get_u64(w, at));
		uint64_t size = be64toh(get_u64(w, at + 8));

		assert_true(size > 0 && offset + size <= file_size);
		for (uint64_t i = offset; i < offset + size; i++) {
			assert_int_equal(given[i], 0);
			given[i] = 1;
		}
		total += size;
		at += 16 + size;
	}
	assert_int_equal(get_u64(w, at + 8), UINT64_MAX);
	assert_int_equal(at + 16, w->size);
	free(given);
	return total;
}

/* How many of [pfn, pfn + count) are in the dump. */
static inline uint64_t count_in(const struct written *w, uint64_t pfn, uint64_t count)
{
	uint64_t in = 0;

	for (uint64_t i = 0; i < count; i++)
		in += is_in(w, 1, pfn + i);
	return in;
}

/* Dumps to a stream, and makes a file of it. */
static inline void dump_run_stream(struct written *w)
{
	char path[] = "/tmp/epitaph-dump-XXXXXX";
	int fd = mkstemp(path);
	uint64_t bytes, total;
	struct err err = { 0 };
	struct stat st;

	assert_true(fd >= 0);
	unlink(path);
	w->options.output = OUTPUT_STREAM;
	dump_run(w);
	w->options.output = OUTPUT_FILE;
	assert_int_equal(lseek(w->fd, 0, SEEK_SET), 0);
	if (flat_rearrange(w->fd, fd, &bytes, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(fstat(fd, &st), 0);
	total = stream_check(w, (uint64_t)st.st_size);
	assert_int_equal(bytes, total);
	dump_unmap(w);
	close(w->fd);
	w->fd = fd;
	w->size = (size_t)st.st_size;
	w->data = mmap(NULL, w->size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(w->data != MAP_FAILED);
}

#endif
