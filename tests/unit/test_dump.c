// SPDX-License-Identifier: GPL-2.0-or-later
/* Dumps written: their headers and pages, and the order and the proof of what is worth
 * most. */
#include "written_dump.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_codecs_and_threads),
		cmocka_unit_test(test_many_pages),
		cmocka_unit_test(test_zero_pages_share_one),
		cmocka_unit_test(test_same_pages_share_one),
		cmocka_unit_test(test_wrong_level),
		cmocka_unit_test(test_mini),
		cmocka_unit_test(test_mini_without_kernel),
		cmocka_unit_test(test_rescued),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
