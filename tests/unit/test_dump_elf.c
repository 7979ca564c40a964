// SPDX-License-Identifier: GPL-2.0-or-later
/* Dumps as ELF cores, and the proof of dumps that exist. */
#include "written_dump.h"

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
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_again),
		cmocka_unit_test(test_lost_stays_lost),
		cmocka_unit_test(test_elf_limit_and_stream),
		cmocka_unit_test(test_elf_many_segments),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
