// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dumps of a small fake machine: 2048 page frames with a memmap as Linux v6.12 has it.
 * What was written is read again by a reader of this file, from the description of the
 * format alone.
 */
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

static void on_log(void *context, enum log_level level, const char *message)
{
	struct written *w = context;
	size_t used = strlen(w->warnings);

	snprintf(w->warnings + used, sizeof(w->warnings) - used, "%s\n", message);
}

static uint32_t get_u32(const struct written *w, uint64_t at)
{
	assert_true(at + 4 <= w->size);
	return (uint32_t)fake_load(w->data + at, 4);
}

static uint64_t get_u64(const struct written *w, uint64_t at)
{
	assert_true(at + 8 <= w->size);
	return fake_load(w->data + at, 8);
}

static void dump_unmap(struct written *w)
{
	if (w->data)
		munmap(w->data, w->size);
	w->data = NULL;
}

/* Writes into a new file, and maps it. */
static void dump_run(struct written *w)
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

static void dump_open(struct written *w)
{
	w->image = fake_open(&w->f);
	if (kernel_open(w->image, &w->kernel, &w->err) < 0)
		fail_msg("%s", err_text(&w->err));
	w->options.threads = 1;
}

static void dump_close(struct written *w)
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

static uint64_t bitmap_offset(const struct written *w, int number)
{
	uint64_t block = get_u32(w, 428);

	return block * (1 + get_u32(w, 432)) +
	       (uint64_t)number * get_u32(w, 436) / 2 * block;
}

static bool is_in(const struct written *w, int number, uint64_t pfn)
{
	uint64_t at = bitmap_offset(w, number) + pfn / 8;

	assert_true(at < w->size);
	return w->data[at] >> (pfn % 8) & 1;
}

static uint64_t desc_offset(const struct written *w, uint64_t pfn)
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
static enum read_result page_read(const struct written *w, uint64_t pfn, uint64_t desc,
				  uint8_t *ret)
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
static uint64_t check_pages(const struct written *w, uint64_t *ret_lost)
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
static void check_complete(const struct written *w)
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

/* --- headers and contents ------------------------------------------------------------
 */

static void test_headers(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_ZSTD } };
	const char *text;
	size_t text_size, notes_size;
	const void *notes;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_memory_equal(w.data, "KDUMP   ", 8);
	assert_int_equal(get_u32(&w, 8), 6);
	assert_string_equal((char *)w.data + 12, "Linux");
	assert_string_equal((char *)w.data + 12 + 2 * 65, "6.12.0-fake");
	assert_string_equal((char *)w.data + 12 + 4 * 65, "x86_64");
	assert_int_equal(get_u64(&w, 408), 1795555914);
	assert_int_equal(get_u32(&w, 428), PAGE);
	assert_int_equal(get_u32(&w, 436), 2);
	assert_int_equal(get_u32(&w, 440), DATA_PFN + DATA_PAGES);
	assert_int_equal(get_u32(&w, 460), 2);
	assert_int_equal(get_u32(&w, PAGE + 8), 31);
	assert_int_equal(get_u64(&w, PAGE + 96), DATA_PFN + DATA_PAGES);
	notes = image_notes_raw(w.image, &notes_size);
	assert_int_equal(get_u64(&w, PAGE + 56), notes_size);
	assert_memory_equal(w.data + get_u64(&w, PAGE + 48), notes, notes_size);
	text = image_vmcoreinfo(w.image, &text_size);
	assert_int_equal(get_u64(&w, PAGE + 40), text_size);
	assert_memory_equal(w.data + get_u64(&w, PAGE + 32), text, text_size);
	dump_close(&w);
}

static void test_codecs_and_threads(void **state)
{
	for (int codec = 0; codec < CODEC_COUNT; codec++) {
		struct written w = { .options = { .level = 31, .codec = codec } };

		machine_make(&w.f, NULL);
		dump_open(&w);
		for (unsigned int threads = 0; threads < 5; threads++) {
			w.options.threads = threads;
			dump_run(&w);
			check_complete(&w);
			assert_int_equal(w.result.pages_total,
					 64 + TEXT_PAGES + 32 + DATA_PAGES);
			assert_int_equal(w.result.pages_free, 1);
			assert_in_range(w.result.pages_zero, 8, 100);
		}
		dump_close(&w);
	}
}

/* More pages than one worker keeps in mind, in several parts of a chunk. */
static void test_many_pages(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_LZO } };
	uint8_t *pages;

	machine_make(&w.f, NULL);
	fake_ram(&w.f, UINT64_C(8192) * PAGE, 5000 * PAGE);
	pages = fake_ram(&w.f, UINT64_C(20480) * PAGE, 64 * PAGE);
	for (uint64_t i = 0; i < 64; i++)
		fake_store(pages + i * PAGE, i + 1, 8);
	dump_open(&w);
	for (w.options.threads = 1; w.options.threads < 9; w.options.threads *= 2) {
		dump_run(&w);
		check_complete(&w);
		assert_true(w.result.pages_zero >= 5000);
	}
	dump_close(&w);
}

static void test_zero_pages_share_one(void **state)
{
	struct written w = { .options = { .level = 0, .codec = CODEC_LZO } };
	uint64_t first;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	first = desc_offset(&w, DATA_PFN);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(get_u64(&w, first + 24u * i), get_u64(&w, first));
		assert_int_equal(get_u32(&w, first + 24u * i + 8), PAGE);
		assert_int_equal(get_u32(&w, first + 24u * i + 12), 0);
	}
	dump_close(&w);
}

/* The same pages are stored once; such that differ in one byte anywhere are not the same.
 */
static void test_same_pages_share_one(void **state)
{
	struct written w = { .options = { .level = 1, .codec = CODEC_ZSTD } };
	const uint64_t start = 20480, count = 300;
	uint8_t *pages;
	uint64_t first;

	machine_make(&w.f, NULL);
	pages = fake_ram(&w.f, start * PAGE, count * PAGE);
	for (uint64_t i = 0; i < count; i++) {
		memset(pages + i * PAGE, 0x5a, PAGE);
		if (i % 3 == 2)
			pages[i * PAGE + i * 13 % PAGE] = (uint8_t)i | 0x80;
	}
	dump_open(&w);
	for (w.options.threads = 1; w.options.threads < 3; w.options.threads++) {
		dump_run(&w);
		check_complete(&w);
		first = desc_offset(&w, start);
		/* 64 are read together; between two reads nothing is remembered. */
		for (uint64_t i = 0; i + 1 < count; i += i % 64 == 60 ? 6 : 3)
			assert_int_equal(get_u64(&w, first + 24 * i),
					 get_u64(&w, first + 24 * (i + 1)));
	}
	dump_close(&w);
}

static void test_wrong_level(void **state)
{
	struct written w = { .options = { .level = 32 } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	assert_int_equal(w.code, ERR_INVALID);
	assert_int_equal(w.size, 0);
	dump_close(&w);
}

/* --- classes -------------------------------------------------------------------------
 */

#define ALWAYS 0x80

/* One page each; @bits: any of these bits in the level leaves it out. */
static const struct {
	const char *what;
	uint64_t flags;
	uint32_t mapcount;
	uint64_t mapping;
	int bits;
} singles[] = {
	{ "kernel", 0, T_NONE, 0, 0 },
	{ "slab", 0, T_SLAB, 0x1, 0 },
	{ "slab, low bits its own", 0, T_SLAB | 0x1234, 0x1, 0 },
	{ "page table", 0, T_TABLE, 0x1, 0 },
	{ "cache", F_LRU, T_NONE, 0x1000, 2 | 4 },
	{ "cache, mapped twice", F_LRU, 1, 0x1000, 2 | 4 },
	{ "cache with private data", F_LRU | F_PRIVATE, T_NONE, 0x1000, 4 },
	{ "swap cache", F_SWAPBACKED | F_SWAPCACHE, T_NONE, 0x1000, 2 | 4 },
	{ "PG_owner_priv_1 of a file system", F_SWAPCACHE, T_NONE, 0x1000, 0 },
	{ "anonymous", F_LRU | F_SWAPBACKED, 0, 0x1001, 8 },
	{ "anonymous off the list", F_SWAPBACKED, 0, 0x1001, 8 },
	{ "count went wrong", F_LRU, (uint32_t)-5, 0x1001, 8 },
	{ "poisoned", F_HWPOISON, T_NONE, 0, ALWAYS },
	{ "poisoned slab", F_HWPOISON, T_SLAB, 0, ALWAYS },
	{ "poisoned anonymous", F_HWPOISON | F_LRU, 0, 0x1001, ALWAYS },
	{ "offline", 0, T_OFFLINE, 0, ALWAYS },
	{ "offline, low bits its own", 0, T_OFFLINE | 3, 0, ALWAYS },
	{ "reserved, looks anonymous", F_RESERVED, T_NONE, 0x1001, 0 },
	{ "reserved, looks like cache", F_RESERVED | F_LRU, T_NONE, 0, 0 },
	{ "reserved, looks free", F_RESERVED, T_BUDDY, 0, 0 },
	{ "a type of tomorrow", F_LRU, 0xfb000000, 0x1001, 0 },
	{ "head without tails", F_HEAD | F_LRU, T_NONE, 0x1000, 2 | 4 },
};

static void test_single_pages(void **state)
{
	struct written w = { 0 };

	machine_make(&w.f, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(singles); i++)
		page_set(&w.f, DATA_PFN + 8 + i, singles[i].flags, singles[i].mapcount,
			 singles[i].mapping);
	dump_open(&w);
	for (int level = 0; level <= DUMP_LEVEL_MAX; level++) {
		w.options.level = level;
		dump_run(&w);
		check_complete(&w);
		assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
		for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
			bool dropped = singles[i].bits & (level | ALWAYS);

			if (is_in(&w, 1, DATA_PFN + 8 + i) == dropped)
				fail_msg("level %d: %s", level, singles[i].what);
			assert_true(is_in(&w, 0, DATA_PFN + 8 + i));
		}
	}
	dump_close(&w);
}

/* How many of [pfn, pfn + count) are in the dump. */
static uint64_t count_in(const struct written *w, uint64_t pfn, uint64_t count)
{
	uint64_t in = 0;

	for (uint64_t i = 0; i < count; i++)
		in += is_in(w, 1, pfn + i);
	return in;
}

static void test_blocks(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
	const uint64_t at = DATA_PFN;

	machine_make(&w.f, NULL);
	page_free_block(&w.f, at + 16, 4);
	/* One page of a free block that somebody holds, one that is broken. */
	page_free_block(&w.f, at + 32, 4);
	fake_store(page_struct(&w.f, at + 37) + PAGE_REFCOUNT, 1, 4);
	/* Not at a multiple of its size; an order that can't be. */
	page_free_block(&w.f, at + 50, 2);
	page_free_block(&w.f, at + 56, 0);
	fake_store(page_struct(&w.f, at + 56) + PAGE_PRIVATE, 11, 8);
	/* A cached folio of 16 pages, a slab of 8 with a broken page, hugetlb of 32. */
	page_set(&w.f, at + 64, F_HEAD | F_LRU, T_NONE, 0x1000);
	page_tails(&w.f, at + 64, 4);
	page_set(&w.f, at + 80, F_HEAD, T_SLAB, 0x1);
	page_tails(&w.f, at + 80, 3);
	fake_store(page_struct(&w.f, at + 83) + PAGE_FLAGS, F_HWPOISON, 8);
	page_set(&w.f, at + 96, F_HEAD, T_HUGETLB, 0);
	page_tails(&w.f, at + 96, 5);
	/* A kernel's compound page, whose first tail counts where mapping is (v7.1). */
	page_set(&w.f, at + 128, F_HEAD, T_NONE, 0);
	page_tails(&w.f, at + 128, 2);
	fake_store(page_struct(&w.f, at + 129) + PAGE_MAPPING, 0xffffffff, 8);
	/* A head whose order reaches past its tails: only the head is what it says. */
	page_set(&w.f, at + 160, F_HEAD | F_LRU, T_NONE, 0x1000);
	page_tails(&w.f, at + 160, 2);
	fake_store(page_struct(&w.f, at + 161) + PAGE_FLAGS, 5, 8);
	fake_store(page_struct(&w.f, at + 162) + PAGE_MAPPING, 0x1001, 8);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(count_in(&w, at + 16, 16), 0);
	assert_int_equal(count_in(&w, at + 32, 16), 1);
	assert_true(is_in(&w, 1, at + 37));
	assert_int_equal(count_in(&w, at + 48, 16), 16);
	assert_int_equal(count_in(&w, at + 64, 16), 0);
	assert_int_equal(count_in(&w, at + 80, 16), 15);
	assert_false(is_in(&w, 1, at + 83));
	assert_int_equal(count_in(&w, at + 96, 32), 0);
	assert_int_equal(count_in(&w, at + 128, 32), 32);
	assert_int_equal(count_in(&w, at + 160, 32), 31);
	assert_int_equal(w.result.pages_user, 32);
	assert_int_equal(w.result.pages_cache, 17);
	assert_int_equal(w.result.pages_free, 16 + 15 + 1);
	assert_int_equal(w.result.pages_other, 1);
	dump_close(&w);
}

/* Unaccepted memory is in blocks of the largest order: 1024 pages, of which 512 exist. */
static void test_unaccepted(void **state)
{
	struct written w = { .options = { .level = 16 } };

	machine_make(&w.f, NULL);
	for (uint64_t i = 0; i < DATA_PAGES; i++)
		fake_store(page_struct(&w.f, DATA_PFN + i) + PAGE_REFCOUNT, 0, 4);
	page_set(&w.f, DATA_PFN, 0, T_UNACCEPTED, 0);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(count_in(&w, DATA_PFN, DATA_PAGES), 0);
	assert_int_equal(w.result.pages_free, DATA_PAGES);
	dump_close(&w);
}

/*
 * A gigantic page of 2^18 frames, of which the machine has the first 64 and 64 that are
 * chunks away: there it shows only in the head, far below.
 */
static void test_gigantic(void **state)
{
	const uint64_t head = (uint64_t)1 << 18, far = head + 3 * MEMMAP_CHUNK_PAGES;
	struct written w = { .options = { .level = 8 } };
	uint8_t *pages;

	machine_make(&w.f, NULL);
	fake_ram(&w.f, head * PAGE, 64 * PAGE);
	fake_ram(&w.f, far * PAGE, 64 * PAGE);
	for (int i = 0; i < 2; i++) {
		uint64_t pfn = i ? far : head;

		pages = fake_memory(&w.f, VMEMMAP + pfn * STRUCT_PAGE,
				    0x340000 + i * PAGE, PAGE);
		for (int k = 0; k < 64; k++) {
			fake_store(pages + k * STRUCT_PAGE + PAGE_MAPCOUNT, T_NONE, 4);
			if (i || k)
				fake_store(pages + k * STRUCT_PAGE + PAGE_COMPOUND,
					   (VMEMMAP + head * STRUCT_PAGE) | 1, 8);
		}
		if (i)
			continue;
		fake_store(pages + PAGE_FLAGS, F_HEAD, 8);
		fake_store(pages + PAGE_MAPCOUNT, T_HUGETLB, 4);
		fake_store(pages + STRUCT_PAGE + PAGE_FLAGS, 18, 8);
	}
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(w.result.pages_user, 128);
	assert_int_equal(count_in(&w, head, 64) + count_in(&w, far, 64), 0);
	dump_close(&w);
}

/* --- older kernels -------------------------------------------------------------------
 */

/* Linux v6.1: flags for slab, a number for hugetlb, sections in an array of pointers. */
static void machine_old(struct fake_image *f)
{
	const uint64_t root = FAKE_KERNEL_MAP + TEXT_PADDR + 0x2000;
	const uint64_t section = root + 0x1000;
	uint64_t regs[27] = { 0 };

	fake_paging(f, TABLES_PADDR, 4);
	fake_memory(f, FAKE_KERNEL_MAP + TEXT_PADDR, TEXT_PADDR, TEXT_PAGES * PAGE);
	fake_memory(f, VMEMMAP, MEMMAP_PADDR, FRAMES * STRUCT_PAGE);
	fake_ram(f, DATA_PFN * PAGE, DATA_PAGES * PAGE);
	fake_vmcoreinfo(f,
			"SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n"
			"OFFSET(page.compound_head)=8\nOFFSET(page.private)=40\n"
			"OFFSET(page._mapcount)=48\nOFFSET(page._refcount)=52\n"
			"OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
			"LENGTH(zone.free_area)=11\nNUMBER(PG_lru)=5\n"
			"NUMBER(PG_private)=14\nNUMBER(PG_swapcache)=10\n"
			"NUMBER(PG_swapbacked)=17\nNUMBER(PG_slab)=9\n"
			"NUMBER(PG_head_mask)=64\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
			"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
			"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n"
			"LENGTH(mem_section)=16\nSIZE(mem_section)=16\n"
			"OFFSET(mem_section.section_mem_map)=0\n"
			"NUMBER(SECTION_SIZE_BITS)=27");
	fake_vmcoreinfo(f, "SYMBOL(mem_section)=%" PRIx64, root);
	fake_vmcoreinfo(f, "SYMBOL(_stext)=%" PRIx64, FAKE_KERNEL_MAP + TEXT_PADDR);
	fake_vmcoreinfo(f, "SYMBOL(init_uts_ns)=%" PRIx64, UTSNAME);
	fake_vmcoreinfo(f, "OFFSET(uts_namespace.name)=0");
	fake_u64(f, root, section);
	fake_u64(f, section, VMEMMAP | 0x6f); /* all kinds of flags, and present */
	machine_utsname(f);
	fake_prstatus(f, 1, regs);
	for (uint64_t pfn = 0; pfn < FRAMES; pfn++) {
		page_set(f, pfn, pfn < DATA_PFN ? F_RESERVED : 0, T_NONE, 0);
		fake_store(page_struct(f, pfn) + PAGE_REFCOUNT, 1, 4);
	}
}

static void test_old_kernel(void **state)
{
	struct written w = { .options = { .level = 31 } };
	const uint64_t at = DATA_PFN;

	machine_old(&w.f);
	page_free_block(&w.f, at + 16, 4);
	page_set(&w.f, at + 16, 0, (uint32_t)-129, 0);
	page_set(&w.f, at + 32, 1u << 9, 17, 0x1); /* slab: its words are its own */
	page_set(&w.f, at + 33, 0, (uint32_t)-257, 0);
	page_set(&w.f, at + 34, 0, (uint32_t)-513, 0x1); /* a page table */
	page_set(&w.f, at + 64, F_HEAD, T_NONE, 0);	 /* hugetlb */
	page_tails(&w.f, at + 64, 5);
	fake_store(page_struct(&w.f, at + 65) + 16, 2, 1);
	fake_store(page_struct(&w.f, at + 65) + 17, 5, 1);
	page_set(&w.f, at + 96, F_HEAD, T_NONE, 0); /* the kernel's own */
	page_tails(&w.f, at + 96, 5);
	fake_store(page_struct(&w.f, at + 97) + 16, 1, 1);
	fake_store(page_struct(&w.f, at + 97) + 17, 5, 1);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(w.result.pages_free, 16);
	assert_int_equal(w.result.pages_other, 1);
	assert_int_equal(w.result.pages_user, 32);
	assert_int_equal(w.result.pages_cache, 0);
	assert_int_equal(count_in(&w, at + 16, 16) + count_in(&w, at + 64, 32), 0);
	dump_close(&w);
}

/* --- when the memmap can't be believed -----------------------------------------------
 */

static void check_zero_only(struct written *w, const char *why)
{
	dump_run(w);
	check_complete(w);
	assert_int_equal(w->result.selection, DUMP_SELECTION_ZERO);
	if (!strstr(w->result.selection_why, why))
		fail_msg("'%s' is not in '%s'", why, w->result.selection_why);
	assert_non_null(strstr(w->warnings, "keeping all pages"));
	assert_int_equal(w->result.pages_written, w->result.pages_total);
	assert_int_equal(get_u32(w, PAGE + 8), w->options.level & 1);
}

static void test_no_kernel(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	kernel_close(w.kernel);
	w.kernel = NULL;
	check_zero_only(&w, "not known");
	assert_string_equal((char *)w.data + 12 + 2 * 65, "6.12.0-fake");
	assert_string_equal((char *)w.data + 12 + 4 * 65, "x86_64");
	dump_close(&w);
}

static void test_missing_keys(void **state)
{
	static const char *const keys[] = {
		"SIZE(page)",
		"OFFSET(page.flags)",
		"OFFSET(page.compound_head)",
		"OFFSET(page.mapping)",
		"OFFSET(page.private)",
		"OFFSET(page._mapcount)",
		"OFFSET(page._refcount)",
		"LENGTH(zone.free_area)",
		"NUMBER(PG_lru)",
		"NUMBER(PG_private)",
		"NUMBER(PG_swapcache)",
		"NUMBER(PG_swapbacked)",
		"NUMBER(PG_head_mask)",
		"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)",
		"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)",
		"SYMBOL(vmemmap)",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct written w = { .options = { .level = 31 } };

		machine_make(&w.f, keys[i]);
		dump_open(&w);
		check_zero_only(&w, "VMCOREINFO does not describe struct page");
		dump_close(&w);
	}
}

static void test_impossible_keys(void **state)
{
	static const char *const lines[] = {
		"SIZE(page)=0",
		"SIZE(page)=1048576",
		"SIZE(page)=61",
		"OFFSET(page.flags)=60",
		"OFFSET(page.private)=18446744073709551615",
		"NUMBER(PG_lru)=64",
		"NUMBER(PG_private)=-1",
		"LENGTH(zone.free_area)=0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct written w = { .options = { .level = 30 } };

		machine_make(&w.f, NULL);
		fake_vmcoreinfo(&w.f, "%s", lines[i]); /* the last of equal keys wins */
		dump_open(&w);
		check_zero_only(&w, "");
		dump_close(&w);
	}
}

static void test_no_free_page(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	page_set(&w.f, DATA_PFN + DATA_PAGES - 1, 0, T_NONE, 0);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0);
	dump_open(&w);
	check_zero_only(&w, "looks free");
	dump_close(&w);
}

/* The pages that VMCOREINFO's own symbols are on: one that looks wrong is kept. */
static void test_guards(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	fake_vmcoreinfo(&w.f, "SYMBOL(prb)=%" PRIx64,
			FAKE_KERNEL_MAP + (TEXT_PFN + 20) * PAGE);
	page_set(&w.f, TEXT_PFN + 20, F_LRU, T_NONE, 0x1001);
	page_set(&w.f, TEXT_PFN + 21, F_LRU, T_NONE, 0x1001);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0x1001);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_true(is_in(&w, 1, TEXT_PFN + 20));
	assert_int_equal(w.result.pages_user, 2);
	dump_close(&w);
}

/* All of them: the classes are wrong. */
static void test_guards_all_hit(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	for (uint64_t pfn = 0; pfn < DATA_PFN; pfn++)
		page_set(&w.f, pfn, F_LRU, T_NONE, 0x1001);
	dump_open(&w);
	check_zero_only(&w, "the kernel's for sure");
	dump_close(&w);
}

/* Without PG_reserved where the kernel's own code must have it: its image is kept. */
static void test_reserved_is_unknown(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	for (uint64_t pfn = 0; pfn < DATA_PFN; pfn++)
		page_set(&w.f, pfn, 0, T_NONE, 0);
	for (uint64_t i = 16; i < TEXT_PAGES; i++)
		page_set(&w.f, TEXT_PFN + i, F_LRU, T_NONE, 0x1001);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0x1001);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(count_in(&w, TEXT_PFN, TEXT_PAGES), TEXT_PAGES);
	assert_int_equal(w.result.pages_user, 1);
	dump_close(&w);
}

/* A page of the memmap is not in the image: 64 pages of which nothing is known. */
static void test_memmap_has_a_hole(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	for (uint64_t i = 0; i < 192; i++)
		page_set(&w.f, DATA_PFN + i, F_LRU, T_NONE, 0x1001);
	fake_leave_out(&w.f, MEMMAP_PADDR + (DATA_PFN + 64) * STRUCT_PAGE, PAGE);
	/* The same frames of the next chunk have no struct page at all. */
	fake_ram(&w.f, (MEMMAP_CHUNK_PAGES + DATA_PFN) * PAGE, 64 * PAGE);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(count_in(&w, DATA_PFN, 64), 0);
	assert_int_equal(count_in(&w, DATA_PFN + 64, 64), 64);
	assert_int_equal(count_in(&w, DATA_PFN + 128, 64), 0);
	assert_int_equal(count_in(&w, MEMMAP_CHUNK_PAGES + DATA_PFN, 64), 64);
	assert_non_null(strstr(w.warnings, "what 64 pages were used for"));
	dump_close(&w);
}

/* --- cut short -----------------------------------------------------------------------
 */

/* A valid file, marked; what it has is right, and it is as much as it says. */
static void check_incomplete(const struct written *w)
{
	uint64_t lost, good = check_pages(w, &lost);

	assert_true(w->code < 0);
	assert_int_equal(get_u32(w, 424), codec_flag(w->options.codec) | 8);
	assert_int_equal(good, w->result.pages_written);
	assert_true(lost > 0);
}

/* A file that may grow to any size up to the whole: as a disk that gets full. */
static void test_no_room(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
	struct rlimit old, limit;
	uint64_t whole, most = 0;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	whole = w.size;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (uint64_t size = 0; size < whole; size += 37777) {
		limit = (struct rlimit){ size, old.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		dump_run(&w);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_true(w.code < 0);
		assert_true(w.size <= size);
		if (!w.result.pages_written)
			continue;
		check_incomplete(&w);
		assert_non_null(strstr(w.result.incomplete_why, "File too large after "));
		/* What was written is not lost: raw pages, as many as there was room. */
		assert_true((w.result.pages_written - w.result.pages_zero + 40) * PAGE >
			    size);
		most = w.result.pages_written;
	}
	assert_true(most > DATA_PAGES / 2);
	dump_close(&w);
}

static volatile sig_atomic_t cancelled;

static void cancel_now(void *context, const struct dump_progress *progress)
{
	cancelled = 1;
}

static void test_cancel(void **state)
{
	struct written w = { .options = { .level = 31, .cancel = &cancelled } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	cancelled = 1;
	dump_run(&w);
	assert_true(w.code < 0);
	assert_int_equal(w.result.pages_written, 0);
	assert_int_equal(get_u32(&w, 424), 8);
	/* From the first progress on: after the selection of the only chunk. */
	cancelled = 0;
	w.options.progress = cancel_now;
	dump_run(&w);
	check_incomplete(&w);
	assert_non_null(strstr(w.result.incomplete_why, "stopped after 0 of "));
	dump_close(&w);
}

static void progress_keep(void *context, const struct dump_progress *progress)
{
	*(struct dump_progress *)context = *progress;
}

static void test_progress(void **state)
{
	struct dump_progress last = { 0 };
	struct written w = { .options = { .level = 0,
					  .cancel = &cancelled,
					  .progress = progress_keep,
					  .progress_context = &last } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	cancelled = 0;
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(last.pages_total, w.result.pages_written);
	assert_int_equal(last.pages_done, last.pages_total);
	assert_int_equal(last.bytes_written, w.size);
	dump_close(&w);
}

/* A vmcore cut anywhere: a dump that says what it lacks, or an error. */
static void test_cut_source(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_LZO } };
	char path[64];
	struct stat st;
	unsigned int partial = 0;

	machine_make(&w.f, NULL);
	fake_write(&w.f, path);
	assert_int_equal(stat(path, &st), 0);
	for (off_t size = st.st_size; size > 0; size -= size > 16384 ? 90001 : 331) {
		struct err err = { 0 };

		assert_int_equal(truncate(path, size), 0);
		if (image_open(path, &w.image, &err) < 0) {
			assert_true(err.text[0]);
			continue;
		}
		if (kernel_open(w.image, &w.kernel, NULL) < 0)
			w.kernel = NULL;
		dump_run(&w);
		if (size == st.st_size) {
			check_complete(&w);
		} else if (w.result.pages_written) {
			check_incomplete(&w);
			assert_true(w.result.pages_unreadable > 0);
			assert_non_null(strstr(w.result.incomplete_why, "the source"));
			partial++;
		}
		kernel_close(w.kernel);
		image_close(w.image);
		w.kernel = NULL;
		w.image = NULL;
	}
	assert_true(partial > 10);
	unlink(path);
	dump_close(&w);
}

/* --- streams -------------------------------------------------------------------------
 */

/* How many bytes of the file have been given; no byte is given twice. */
static uint64_t stream_check(const struct written *w, uint64_t file_size)
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

/* Dumps to a stream, and makes a file of it. */
static void dump_run_stream(struct written *w)
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

/* The file that a stream gives is the one that is written directly. */
static void check_stream_is_file(struct written *w)
{
	uint8_t *data;
	size_t size;

	dump_run(w);
	size = w->size;
	data = malloc(size);
	assert_non_null(data);
	memcpy(data, w->data, size);
	dump_run_stream(w);
	check_complete(w);
	assert_int_equal(w->size, size);
	assert_memory_equal(w->data, data, size);
	free(data);
}

static void test_stream(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_ZSTD } };

	machine_make(&w.f, NULL);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0);
	dump_open(&w);
	check_stream_is_file(&w);
	assert_int_equal(w.result.pages_cache, 1);
	assert_int_equal(w.result.pages_cache_private, 0);
	w.options.threads = 4;
	dump_run_stream(&w);
	check_complete(&w);
	dump_close(&w);
}

/* RAM with chunks of none between: no gaps in the bitmaps. */
static void test_stream_with_gaps(void **state)
{
	struct written w = { .options = { .level = 31 } };
	uint64_t last = (uint64_t)5 * SELECTION_CHUNK_PAGES + 17;

	machine_make(&w.f, NULL);
	fake_ram(&w.f, last * PAGE, 2 * PAGE);
	*fake_phys(&w.f, last * PAGE, 1) = 1;
	dump_open(&w);
	check_stream_is_file(&w);
	assert_true(is_in(&w, 1, last));
	dump_run_stream(&w);
	dump_close(&w);
}

/* A memmap that is not believed in the end: all is decided twice, and given once. */
static void test_stream_decided_twice(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	page_set(&w.f, DATA_PFN + DATA_PAGES - 1, 0, T_NONE, 0);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0);
	dump_open(&w);
	check_stream_is_file(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_ZERO);
	assert_int_equal(get_u32(&w, PAGE + 8), 1);
	dump_close(&w);
}

/*
 * A part of what was selected, up to @limit (0: of a stream, whose bytes are more); or
 * all of what was left of the selection, where the table of its pages would have been
 * large.
 */
static void check_limited(const struct written *w, uint64_t limit)
{
	uint64_t lost;

	if (!w->result.pages_beyond) {
		check_incomplete(w);
		assert_true(!limit || w->size == limit);
		return;
	}
	assert_int_equal(check_pages(w, &lost), w->result.pages_written);
	assert_int_equal(get_u32(w, 424), codec_flag(w->options.codec) | 8);
	assert_true(!limit || w->size <= limit);
	assert_non_null(strstr(w->result.incomplete_why, "limit"));
}

/* At any limit the file and the stream end properly, and say that they are not whole. */
static void test_limit(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
	uint64_t whole, most = 0;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	whole = w.size;
	for (uint64_t limit = 1; limit <= whole; limit += 37777) {
		w.options.size_limit = limit;
		dump_run(&w);
		assert_int_equal(w.code, ERR_LIMIT);
		assert_true(w.result.bytes_written <= limit);
		if (!w.result.pages_written)
			continue;
		check_limited(&w, limit);
		most = w.result.pages_written;
		dump_run_stream(&w);
		assert_int_equal(w.code, ERR_LIMIT);
		assert_int_equal(w.result.pages_written, most);
		check_limited(&w, 0);
	}
	assert_true(most > DATA_PAGES / 2);
	w.options.size_limit = whole;
	dump_run(&w);
	check_complete(&w);
	dump_close(&w);
}

/* All is done, nothing written. */
static void test_output_none(void **state)
{
	struct written w = { .options = { .level = 31, .output = OUTPUT_NONE } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	assert_int_equal(w.code, 0);
	assert_int_equal(w.size, 0);
	assert_true(w.result.pages_written > DATA_PAGES);
	dump_close(&w);
}

/* --- worth ---------------------------------------------------------------------------
 */

/* The core of the machine: page tables, and where its name is. */
static const uint64_t core_pfns[] = { TABLES_PADDR / PAGE,
				      (UTSNAME - FAKE_KERNEL_MAP) / PAGE };

static void test_mini(void **state)
{
	struct written w = { .options = { .level = DUMP_LEVEL_MINI,
					  .codec = CODEC_ZSTD } };
	uint64_t lost;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	assert_int_equal(w.code, 0);
	assert_int_equal(w.result.selection, DUMP_SELECTION_CORE);
	assert_int_equal(check_pages(&w, &lost), w.result.pages_written);
	assert_int_equal(w.result.pages_written + w.result.pages_beyond +
				 w.result.pages_other,
			 w.result.pages_total);
	assert_true(w.result.pages_written < TEXT_PAGES);
	assert_int_equal(w.result.proof, DUMP_PROOF_DONE);
	assert_int_equal(w.result.pages_proved, w.result.pages_written);
	for (size_t i = 0; i < ARRAY_SIZE(core_pfns); i++)
		assert_true(is_in(&w, 1, core_pfns[i]));
	assert_int_equal(count_in(&w, DATA_PFN, DATA_PAGES), 0);
	/* The log and the symbols are nowhere in it: that is said. */
	assert_non_null(strstr(w.result.core_missing, "the log: "));
	assert_non_null(strstr(w.warnings, "is not all known"));
	dump_close(&w);
}

static void test_mini_without_kernel(void **state)
{
	struct written w = { .options = { .level = DUMP_LEVEL_MINI } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	kernel_close(w.kernel);
	w.kernel = NULL;
	dump_run(&w);
	assert_int_equal(w.code, ERR_NOTFOUND);
	assert_int_equal(w.result.pages_written, 0);
	dump_close(&w);
}

/* A memmap that calls the page tables free, and page cache, does not lose them. */
static void test_rescued(void **state)
{
	struct written w = { .options = { .level = 31 } };
	uint64_t lost;

	machine_make(&w.f, NULL);
	page_free_block(&w.f, TABLES_PADDR / PAGE, 0);
	page_set(&w.f, TABLES_PADDR / PAGE + 1, F_LRU, T_NONE, 0);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(w.result.pages_rescued, 2);
	assert_int_equal(count_in(&w, TABLES_PADDR / PAGE, 2), 2);
	assert_int_equal(w.result.pages_cache, 0);
	assert_non_null(
		strstr(w.warnings, "2 pages that a first answer needs look like"));
	assert_int_equal(check_pages(&w, &lost), w.result.pages_written);
	dump_close(&w);
}

static uint64_t page_offset(const struct written *w, uint64_t pfn)
{
	return get_u64(w, desc_offset(w, pfn));
}

/* The core, the kernel's image, its other memory, and what is not the kernel's last. */
static void test_order(void **state)
{
	struct written w = { .options = { .level = 0, .codec = CODEC_NONE } };
	uint64_t image = (UTSNAME - FAKE_KERNEL_MAP) / PAGE + 4;
	uint64_t cache = DATA_PFN + 16, kernel = DATA_PFN + 400;

	machine_make(&w.f, NULL);
	page_set(&w.f, cache, F_LRU, T_NONE, 0);
	/* Whose image is not of zeros. */
	memset(fake_phys(&w.f, image * PAGE, PAGE), 0x5a, PAGE);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	for (size_t i = 0; i < ARRAY_SIZE(core_pfns); i++)
		assert_true(page_offset(&w, core_pfns[i]) < page_offset(&w, image));
	assert_true(page_offset(&w, image) < page_offset(&w, kernel));
	assert_true(page_offset(&w, kernel) < page_offset(&w, cache));
	dump_close(&w);
}

/* What the file loses before it is called complete. */
struct damage {
	struct written *w;
	uint64_t pfn;
	bool is_lost; /* its descriptor; else its bytes */
	bool is_done;
};

static void damage_page(void *context, const struct dump_progress *progress)
{
	struct damage *damage = context;
	struct written *w = damage->w;
	uint8_t bytes[24];
	struct stat st;
	uint64_t at;

	if (!progress->pages_total || progress->pages_done < progress->pages_total ||
	    damage->is_done)
		return;
	assert_int_equal(fstat(w->fd, &st), 0);
	w->size = (size_t)st.st_size;
	w->data = mmap(NULL, w->size, PROT_READ, MAP_SHARED, w->fd, 0);
	assert_true(w->data != MAP_FAILED);
	at = damage->is_lost ? desc_offset(w, damage->pfn) : page_offset(w, damage->pfn);
	/* The last progress comes when all is in the file. */
	damage->is_done = page_offset(w, damage->pfn) != 0;
	dump_unmap(w);
	if (!damage->is_done)
		return;
	memset(bytes, damage->is_lost ? 0 : 0xee, sizeof(bytes));
	assert_int_equal(pwrite(w->fd, bytes, sizeof(bytes), (off_t)at), sizeof(bytes));
}

/* It is seen, and mended: the proof reads the file, not what was meant to be in it. */
static void test_proof(void **state)
{
	for (int is_lost = 0; is_lost <= 1; is_lost++) {
		struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
		struct damage damage = { .w = &w,
					 .pfn = core_pfns[is_lost],
					 .is_lost = is_lost };
		uint64_t lost;

		machine_make(&w.f, NULL);
		dump_open(&w);
		w.options.progress = damage_page;
		w.options.progress_context = &damage;
		dump_run(&w);
		assert_true(damage.is_done);
		if (w.code < 0)
			fail_msg("%s", err_text(&w.err));
		assert_int_equal(w.result.proof, DUMP_PROOF_DONE);
		assert_int_equal(w.result.pages_repaired, 1);
		assert_non_null(strstr(w.warnings, "were written again"));
		assert_int_equal(check_pages(&w, &lost), w.result.pages_written);
		assert_int_equal(lost, 0);
		dump_close(&w);
	}
}

/* --- estimates -----------------------------------------------------------------------
 */

/* Pages of each class, in runs that cross no group. */
static void machine_classes(struct fake_image *f)
{
	for (uint64_t i = 0; i < 40; i++) {
		page_set(f, DATA_PFN + 64 + i, F_LRU, T_NONE, 0);
		page_set(f, DATA_PFN + 128 + i, F_LRU | F_PRIVATE, T_NONE, 0);
		page_set(f, DATA_PFN + 192 + i, F_LRU, T_NONE, 1);
	}
	page_set(f, DATA_PFN + 300, F_HWPOISON, T_NONE, 0);
	page_free_block(f, DATA_PFN + 256, 5);
	for (uint64_t i = 0; i < 32; i++)
		fake_store(page_struct(f, DATA_PFN + 256 + i) + PAGE_REFCOUNT, 0, 4);
}

/* Of every level: the very pages that a dump has, and its size; all pages were packed. */
static void check_estimate(struct written *w, uint64_t slack)
{
	const struct estimate_options options = { .has_sizes = true,
						  .codec = w->options.codec };
	struct estimate_size size;
	struct estimate estimate;

	assert_int_equal(estimate_run(w->image, w->kernel, &options, &estimate, &w->err),
			 0);
	for (w->options.level = 0; w->options.level <= 31; w->options.level++) {
		dump_run(w);
		estimate_level(&estimate, w->options.level, &size);
		assert_int_equal(estimate.pages_total, w->result.pages_total);
		assert_int_equal(estimate.selection, w->result.selection);
		assert_int_equal(size.pages, w->result.pages_written);
		assert_true(size.bytes + slack >= w->size);
		assert_true(w->size + slack >= size.bytes);
		assert_true(size.error_bytes < size.bytes / 10);
	}
}

static void test_estimate(void **state)
{
	static const enum codec codecs[] = { CODEC_NONE, CODEC_ZLIB, CODEC_LZO,
					     CODEC_ZSTD };
	struct estimate_options options = { .has_sizes = false };
	struct estimate_size size;
	struct estimate estimate;
	struct written w = { 0 };

	machine_make(&w.f, NULL);
	machine_classes(&w.f);
	dump_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		w.options.codec = codecs[i];
		/* What zstd's own choice makes of a page depends on the one before. */
		check_estimate(&w, codecs[i] == CODEC_ZSTD ? 4096 : 0);
	}
	assert_int_equal(estimate_run(w.image, w.kernel, &options, &estimate, NULL), 0);
	assert_int_equal(estimate.classes[PAGE_CLASS_CACHE].pages, 40);
	assert_int_equal(estimate.classes[PAGE_CLASS_CACHE_PRIVATE].pages, 40);
	assert_int_equal(estimate.classes[PAGE_CLASS_USER].pages, 40);
	assert_int_equal(estimate.classes[PAGE_CLASS_FREE].pages, 32 + 1);
	assert_int_equal(estimate.classes[PAGE_CLASS_UNUSABLE].pages, 1);
	/* 8 of the data, and what of text and tables nothing was stored into. */
	w.options.level = 31;
	dump_run(&w);
	assert_int_equal(estimate.kernel_zero, w.result.pages_zero);
	estimate_level(&estimate, 31, &size);
	assert_int_equal(size.pages, w.result.pages_written);
	assert_int_equal(size.bytes, 0);
	dump_close(&w);
}

/* Nobody can tell pages apart: all are the kernel's, at any level. */
static void test_estimate_no_kernel(void **state)
{
	struct written w = { .options = { .codec = CODEC_LZO } };

	machine_make(&w.f, NULL);
	machine_classes(&w.f);
	dump_open(&w);
	kernel_close(w.kernel);
	w.kernel = NULL;
	check_estimate(&w, 0);
	dump_close(&w);
}

/* --- ELF -----------------------------------------------------------------------------
 */

static struct image *open_fd(int fd)
{
	struct image *image;
	struct err err = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (image_open(path, &image, &err) < 0)
		fail_msg("%s", err_text(&err));
	return image;
}

/* Kept pages are the source's; others were left out, or are zeros. Returns how many. */
static uint64_t check_elf_pages(const struct written *w, struct image *image,
				uint64_t *ret_left_out)
{
	uint64_t good = 0, left_out = 0;

	for (uint64_t pfn = 0; pfn < DATA_PFN + DATA_PAGES; pfn++) {
		uint8_t page[PAGE], source[PAGE], zeros[PAGE] = { 0 };
		int r = image_read(image, pfn * PAGE, page, PAGE, NULL);

		if (image_read(w->image, pfn * PAGE, source, PAGE, NULL) < 0) {
			assert_int_equal(r, ERR_FAULT);
		} else if (r < 0) {
			assert_int_equal(r, ERR_FILTERED);
			left_out++;
		} else if (memcmp(page, source, PAGE) == 0) {
			good++;
		} else {
			assert_memory_equal(page, zeros, PAGE);
			left_out++;
		}
	}
	*ret_left_out = left_out;
	return good;
}

/* 300 pages of cache: a hole between segments. 20 of them: zeros within one. */
static void test_elf(void **state)
{
	struct written w = { .options = { .level = 31, .format = DUMP_FORMAT_ELF } };
	size_t notes_size, size, load_count, source_count;
	const void *notes;
	const struct image_load *loads, *source;
	struct image *image;
	uint64_t left_out;

	machine_make(&w.f, NULL);
	for (uint64_t i = 20; i < 320; i++)
		page_set(&w.f, DATA_PFN + i, F_LRU, T_NONE, 0);
	for (uint64_t i = 350; i < 370; i++)
		page_set(&w.f, DATA_PFN + i, F_LRU, T_NONE, 0);
	dump_open(&w);
	dump_run(&w);
	assert_int_equal(w.code, 0);
	assert_int_equal(w.result.pages_cache, 320);
	assert_int_equal(w.result.bytes_written, w.size);
	assert_int_equal(get_u32(&w, 48), 0);
	image = open_fd(w.fd);
	assert_int_equal(image_info(image)->format, IMAGE_FORMAT_ELF);
	assert_false(image_info(image)->is_incomplete);
	assert_false(image_info(image)->has_all_pages);
	/* The free page is the last one. */
	assert_int_equal(check_elf_pages(&w, image, &left_out), w.result.pages_written);
	assert_int_equal(left_out, 321);
	assert_true(image_has_page(image, (DATA_PFN + 360) * PAGE));
	assert_false(image_has_page(image, (DATA_PFN + 20) * PAGE));
	notes = image_notes_raw(image, &notes_size);
	assert_memory_equal(notes, image_notes_raw(w.image, &size), notes_size);
	assert_int_equal(notes_size, size);
	loads = image_loads(image, &load_count);
	source = image_loads(w.image, &source_count);
	assert_true(source_count > 0);
	assert_int_equal(load_count, source_count);
	assert_memory_equal(loads, source, load_count * sizeof(*loads));
	image_close(image);
	dump_close(&w);
}

/* A dump of a dump: what is not there stays away, from either format to either. */
static void test_elf_again(void **state)
{
	struct written w = { .options = { .level = 2 } };

	machine_make(&w.f, NULL);
	for (uint64_t i = 20; i < 320; i++)
		page_set(&w.f, DATA_PFN + i, F_LRU, T_NONE, 0);
	dump_open(&w);
	for (int i = 0; i < 4; i++) {
		struct dump_options options = w.options;
		struct written again = { 0 };
		uint64_t left_out;
		struct image *image;

		w.options.format = i / 2 ? DUMP_FORMAT_ELF : DUMP_FORMAT_KDUMP;
		dump_run(&w);
		assert_int_equal(w.result.pages_cache, 300);
		again.image = open_fd(w.fd);
		again.options = options;
		again.options.level = 0;
		again.options.format = i % 2 ? DUMP_FORMAT_ELF : DUMP_FORMAT_KDUMP;
		dump_run(&again);
		assert_int_equal(again.code, 0);
		assert_int_equal(again.result.pages_other, 300);
		assert_int_equal(again.result.pages_written, w.result.pages_written);
		image = open_fd(again.fd);
		check_elf_pages(&w, image, &left_out);
		assert_int_equal(left_out, 300);
		image_close(image);
		dump_unmap(&again);
		close(again.fd);
		image_close(again.image);
	}
	dump_close(&w);
}

/* A page that is lost in the source is lost in the dump, not left out. */
static void test_lost_stays_lost(void **state)
{
	struct written w = { .options = { .level = 0 } }, again = { 0 };
	uint64_t lost;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	assert_int_equal(pwrite(w.fd, "\0\0\0\0\0\0\0\0", 8,
				(off_t)desc_offset(&w, DATA_PFN + 9)),
			 8);
	again.image = open_fd(w.fd);
	dump_run(&again);
	assert_int_equal(again.code, ERR_TRUNCATED);
	assert_int_equal(again.result.pages_unreadable, 1);
	assert_int_equal(get_u32(&again, 424), 8);
	check_pages(&again, &lost);
	assert_int_equal(lost, 1);
	assert_true(is_in(&again, 1, DATA_PFN + 9));
	again.options.format = DUMP_FORMAT_ELF;
	dump_run(&again);
	assert_int_equal(again.code, ERR_TRUNCATED);
	assert_int_equal(get_u32(&again, 48), 1);
	dump_unmap(&again);
	close(again.fd);
	image_close(again.image);
	dump_close(&w);
}

static void test_elf_limit_and_stream(void **state)
{
	struct written w = { .options = { .level = 31, .format = DUMP_FORMAT_ELF } };
	uint8_t *data;
	size_t size;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	size = w.size;
	data = malloc(size);
	assert_non_null(data);
	memcpy(data, w.data, size);
	dump_run_stream(&w);
	assert_int_equal(w.size, size);
	assert_memory_equal(w.data, data, size);
	free(data);
	w.options.size_limit = size / 2;
	dump_run(&w);
	assert_int_equal(w.code, ERR_LIMIT);
	assert_int_equal(get_u32(&w, 48), 1);
	dump_run_stream(&w);
	assert_int_equal(get_u32(&w, 48), 1);
	dump_close(&w);
}

/* More program headers than e_phnum can tell. */
static void test_elf_many_segments(void **state)
{
	const struct image_load load = { 0, 0x1000000000, UINT64_C(70000) * 2 * PAGE };
	const struct elfdump_facts facts = { .machine = IMAGE_MACHINE_X86_64,
					     .loads = &load,
					     .load_count = 1 };
	uint8_t page[PAGE], read[PAGE];
	struct output output;
	struct elfdump elf;
	char path[] = "/tmp/epitaph-dump-XXXXXX";
	struct image *image;
	size_t count;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	memset(page, 7, sizeof(page));
	assert_int_equal(output_begin(&output, OUTPUT_FILE, fd, 0, NULL), 0);
	elfdump_init(&elf, &output, PAGE);
	for (uint64_t i = 0; i < 70000; i++)
		assert_int_equal(elfdump_add(&elf, 2 * i, 1, true, NULL), 0);
	assert_int_equal(elfdump_begin(&elf, &facts, NULL), 0);
	assert_int_equal(elfdump_put(&elf, 2 * 69999, page, 1, NULL), 0);
	assert_int_equal(elfdump_put(&elf, 1, page, 1, NULL), ERR_INVALID);
	assert_int_equal(elfdump_put(&elf, 2, page, 2, NULL), ERR_INVALID);
	assert_int_equal(elfdump_end(&elf, true, NULL), 0);
	image = open_fd(fd);
	image_ranges(image, &count);
	assert_int_equal(count, 70000);
	assert_false(image_info(image)->is_incomplete);
	assert_int_equal(image_read(image, UINT64_C(2) * 69999 * PAGE, read, PAGE, NULL),
			 0);
	assert_memory_equal(read, page, PAGE);
	image_close(image);
	elfdump_done(&elf);
	close(fd);
}

/* --- verify --------------------------------------------------------------------------
 */

static struct verify_result verify_fd(int fd, unsigned int threads)
{
	const struct verify_options options = { .page_size = PAGE, .threads = threads };
	struct image *image = open_fd(fd);
	struct verify_result result;
	struct verify_shares shares;

	assert_int_equal(verify_image(image, &options, &result, NULL), 0);
	assert_false(result.is_stopped);
	/* The descriptors say the same, but for what is found in the pages only. */
	verify_shares(image, PAGE, &shares);
	assert_int_equal(shares.pages_total, result.pages_total);
	assert_int_equal(shares.pages_left_out, result.pages_left_out);
	assert_int_equal(shares.pages_lost, result.pages_lost);
	assert_int_equal(shares.pages_in, result.pages_good + result.pages_corrupt);
	image_close(image);
	return result;
}

static void test_verify(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_ZSTD } };
	struct verify_result result;
	uint64_t desc, good;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	for (unsigned int threads = 1; threads <= 4; threads++) {
		result = verify_fd(w.fd, threads);
		assert_int_equal(result.pages_total, w.result.pages_total);
		assert_int_equal(result.pages_good, w.result.pages_written);
		assert_int_equal(result.pages_left_out, 1);
		assert_int_equal(result.pages_lost + result.pages_corrupt, 0);
		assert_int_equal(result.finding_count, 0);
	}
	good = result.pages_good;
	desc = desc_offset(&w, DATA_PFN + 9);
	assert_int_equal(get_u32(&w, desc + 12), 0x20);
	assert_int_equal(pwrite(w.fd, "\xff\xff\xff\xff", 4, (off_t)get_u64(&w, desc)),
			 4);
	assert_int_equal(pwrite(w.fd, "\0\0\0\0\0\0\0\0", 8,
				(off_t)desc_offset(&w, DATA_PFN + 10)),
			 8);
	result = verify_fd(w.fd, 2);
	assert_int_equal(result.pages_corrupt, 1);
	assert_int_equal(result.pages_lost, 1);
	assert_int_equal(result.pages_good, good - 2);
	assert_int_equal(result.finding_count, 2);
	assert_non_null(strstr(result.findings[0], "page 0x409"));
	assert_non_null(strstr(result.findings[1], "page 0x40a"));
	dump_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_codecs_and_threads),
		cmocka_unit_test(test_many_pages),
		cmocka_unit_test(test_zero_pages_share_one),
		cmocka_unit_test(test_same_pages_share_one),
		cmocka_unit_test(test_wrong_level),
		cmocka_unit_test(test_single_pages),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_unaccepted),
		cmocka_unit_test(test_gigantic),
		cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_no_kernel),
		cmocka_unit_test(test_missing_keys),
		cmocka_unit_test(test_impossible_keys),
		cmocka_unit_test(test_no_free_page),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_guards_all_hit),
		cmocka_unit_test(test_reserved_is_unknown),
		cmocka_unit_test(test_memmap_has_a_hole),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_cut_source),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_with_gaps),
		cmocka_unit_test(test_stream_decided_twice),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_output_none),
		cmocka_unit_test(test_estimate),
		cmocka_unit_test(test_estimate_no_kernel),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_again),
		cmocka_unit_test(test_mini),
		cmocka_unit_test(test_mini_without_kernel),
		cmocka_unit_test(test_rescued),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_lost_stays_lost),
		cmocka_unit_test(test_elf_limit_and_stream),
		cmocka_unit_test(test_elf_many_segments),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
