// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * image, split: the parts of a dump as makedumpfile --split makes them are the whole
 * dump, in any order; then without one, with the wrong one, and with one that is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "made_dump.h"

#define PARTS 4

/* Where the parts begin: at a page, between pages, inside a word and an index entry. */
static const uint64_t starts[PARTS + 1] = { 0, 3, 64, 4095, 10000 };

struct made_set {
	struct made_dump parts[PARTS];
	int fds[PARTS];
	char paths[PARTS][MADE_PATH_SIZE];
};

static struct made_dump make_part(size_t i, uint32_t version)
{
	struct made_dump m = sample();

	m.version = version;
	m.is_part = true;
	m.part_start = starts[i];
	m.part_end = starts[i + 1];
	made_dump_bytes(&m);
	return m;
}

static void set_make_version(struct made_set *set, uint32_t version)
{
	for (size_t i = 0; i < PARTS; i++) {
		set->parts[i] = make_part(i, version);
		set->fds[i] = made_file(set->parts[i].bytes.data,
					set->parts[i].bytes.size, set->paths[i]);
	}
}

static void set_make(struct made_set *set)
{
	set_make_version(set, 6);
}

static void set_done(struct made_set *set)
{
	for (size_t i = 0; i < PARTS; i++) {
		text_done(&set->parts[i].bytes);
		close(set->fds[i]);
	}
}

/* The parts of these numbers, "3120". */
static int set_open(struct made_set *set, const char *numbers, struct image **ret,
		    struct err *err)
{
	const char *paths[16];
	size_t count = strlen(numbers);

	for (size_t i = 0; i < count; i++)
		paths[i] = set->paths[numbers[i] - '0'];
	return image_open_set(paths, count, ret, err);
}

static struct image *set_opened(struct made_set *set, const char *numbers)
{
	struct image *image = NULL;
	struct err err = { 0 };

	if (set_open(set, numbers, &image, &err) < 0)
		fail_msg("%s", err_text(&err));
	return image;
}

/* Each page is what it should be; those of part @lost (PARTS: none) can't be had. */
static void assert_set(struct image *image, size_t lost)
{
	for (size_t i = 0; i < ARRAY_SIZE(sample_pages); i++) {
		const struct page *p = &sample_pages[i];
		bool is_lost = p->is_lost || (lost < PARTS && p->pfn >= starts[lost] &&
					      p->pfn < starts[lost + 1]);

		assert_int_equal(image_has_page(image, p->pfn * PAGE),
				 !p->is_left_out && !is_lost);
		if (p->is_left_out)
			assert_int_equal(read_code(image, p->pfn * PAGE, 1),
					 ERR_FILTERED);
		else if (is_lost)
			assert_int_equal(read_code(image, p->pfn * PAGE, 1),
					 ERR_TRUNCATED);
		else if (!p->is_zero)
			assert_page(image, p->pfn, PAGE);
	}
	assert_int_equal(read_code(image, 0, 1), ERR_FAULT);
	assert_int_equal(read_code(image, 6 * PAGE, 1), ERR_FAULT);
	assert_int_equal(read_code(image, 10000 * PAGE, 1), ERR_FAULT);
}

static void whole(void **state)
{
	static const char *const orders[] = { "0123", "3210", "2031" };
	struct made_set set;

	set_make(&set);
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		_cleanup_image struct image *image = set_opened(&set, orders[i]);
		uint8_t bytes[2 * PAGE];
		uint64_t file_size = 0;
		size_t size;

		assert_set(image, PARTS);
		// Over the border of two parts.
		assert_int_equal(image_read(image, 2 * PAGE, bytes, sizeof(bytes), NULL),
				 0);
		for (size_t k = 0; k < PARTS; k++)
			file_size += set.parts[k].bytes.size;
		assert_int_equal(image_info(image)->file_size, file_size);
		assert_int_equal(image_info(image)->max_paddr, 10000 * PAGE);
		assert_int_equal(image_info(image)->dump_level, 31);
		// Page 65 was never written.
		assert_non_null(strstr(image_info(image)->incomplete_why, "never"));
		assert_non_null(image_vmcoreinfo(image, &size));
		assert_int_equal(size, strlen(VMCOREINFO_TEXT));
		image_ranges(image, &size);
		assert_int_equal(size, 4);
	}
	set_done(&set);
}

/* Before version 6 the parts' pages are told in other fields. */
static void old_versions(void **state)
{
	for (uint32_t version = 2; version < 6; version++) {
		struct made_set set;
		_cleanup_image struct image *image = NULL;

		set_make_version(&set, version);
		image = set_opened(&set, "0123");
		assert_set(image, PARTS);
		set_done(&set);
	}
}

/* Parts that are whole make a dump that is whole; a part that has nothing is one. */
static void complete(void **state)
{
	struct made_dump m = sample();
	struct image *image = NULL;
	char paths[3][MADE_PATH_SIZE];
	const char *names[3] = { paths[0], paths[1], paths[2] };
	int fds[3];

	m.page_count = 5;
	m.max_pfn = 10;
	m.is_part = true;
	for (size_t i = 0; i < 3; i++) {
		m.part_start = i ? 10 : 0;
		m.part_end = 10;
		made_dump_bytes(&m);
		fds[i] = made_file(m.bytes.data, m.bytes.size, paths[i]);
		text_done(&m.bytes);
	}
	assert_int_equal(image_open_set(names, 3, &image, NULL), 0);
	assert_false(image_info(image)->is_incomplete);
	assert_page(image, 4, PAGE);
	image_close(image);
	assert_int_equal(image_open(paths[0], &image, NULL), 0); // all is in it
	assert_false(image_info(image)->is_incomplete);
	image_close(image);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

static void one_is_missing(void **state)
{
	static const char *const rest[PARTS] = { "123", "320", "031", "012" };
	struct made_set set;

	set_make(&set);
	for (size_t i = 0; i < PARTS; i++) {
		_cleanup_image struct image *image = set_opened(&set, rest[i]);

		assert_true(image_info(image)->is_incomplete);
		assert_set(image, i);
		if (i != 2) // there the part before tells of page 65 first
			assert_non_null(strstr(image_info(image)->incomplete_why,
					       i == 3 ? "never" : "no part"));
	}
	set_done(&set);
}

static void one_alone(void **state)
{
	struct made_set set;
	_cleanup_image struct image *image = NULL;

	set_make(&set);
	image = set_opened(&set, "1");
	assert_true(image_info(image)->is_incomplete);
	assert_non_null(strstr(image_info(image)->incomplete_why, "one part"));
	assert_page(image, 3, PAGE);
	assert_page(image, 62, PAGE);
	assert_int_equal(read_code(image, 2 * PAGE, 1), ERR_TRUNCATED);
	assert_int_equal(read_code(image, 64 * PAGE, 1), ERR_TRUNCATED);
	assert_int_equal(read_code(image, 5 * PAGE, 1), ERR_FILTERED);
	assert_int_equal(read_code(image, 6 * PAGE, 1), ERR_FAULT);
	set_done(&set);
}

static void one_is_cut(void **state)
{
	struct made_set set;

	set_make(&set);
	for (size_t cut = 1; cut < set.parts[1].bytes.size - 2 * PAGE; cut += 97) {
		struct image *image = NULL;
		size_t size = set.parts[1].bytes.size - cut;

		assert_int_equal(ftruncate(set.fds[1], (off_t)size), 0);
		assert_int_equal(set_open(&set, "0123", &image, NULL), 0);
		assert_true(image_info(image)->is_incomplete);
		assert_page(image, 2, PAGE);
		assert_page(image, 64, PAGE);
		// The last page of that part.
		assert_int_equal(read_code(image, 63 * PAGE, 1), ERR_TRUNCATED);
		image_close(image);
	}
	set_done(&set);
}

static void assert_refused(struct made_set *set, const char *numbers, const char *word)
{
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(set_open(set, numbers, &image, &err), ERR_INVALID);
	assert_null(image);
	if (!strstr(err_text(&err), word))
		fail_msg("'%s' does not say '%s'", err_text(&err), word);
}

static void refused(void **state)
{
	struct made_set set;

	set_make(&set);
	assert_refused(&set, "01231", "both have");
	assert_refused(&set, "", "0 files");
	// Another crash: its time.
	assert_int_equal(pwrite(set.fds[1], "x", 1, 408), 1);
	assert_refused(&set, "0123", "different dumps");
	assert_refused(&set, "13", "different dumps");
	assert_int_equal(pwrite(set.fds[1], "\0", 1, 408), 1);
	// Another note.
	assert_int_equal(pwrite(set.fds[2], "x", 1, PAGE + OFF_NOTES + 20), 1);
	assert_refused(&set, "0123", "different dumps");
	assert_int_equal(pwrite(set.fds[2], "\7", 1, PAGE + OFF_NOTES + 20), 1);
	// A whole dump among them.
	assert_int_equal(pwrite(set.fds[3], "\0", 1, PAGE + 12), 1);
	assert_refused(&set, "0123", "not a part");
	set_done(&set);
}

/* Incomplete is said of a part alone: the others are not other dumps for that. */
static void one_is_marked(void **state)
{
	struct made_set set;
	_cleanup_image struct image *image = NULL;

	set_make(&set);
	assert_int_equal(pwrite(set.fds[0], "\x8", 1, 424), 1);
	image = set_opened(&set, "0123");
	assert_non_null(strstr(image_info(image)->incomplete_why, "did not finish"));
	assert_set(image, PARTS);
	set_done(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),	cmocka_unit_test(complete),
		cmocka_unit_test(old_versions), cmocka_unit_test(one_is_missing),
		cmocka_unit_test(one_alone),	cmocka_unit_test(one_is_cut),
		cmocka_unit_test(refused),	cmocka_unit_test(one_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
