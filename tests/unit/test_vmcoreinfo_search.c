// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmcoreinfo_search: a kernel without a VMCOREINFO note, its text somewhere in memory;
 * among others that are cut, of another kernel, or no text at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_image.h"
#include "kernel/kernel.h"
#include "kernel/vmcoreinfo_search.h"

#define RAM	  UINT64_C(0x200000) /* 1 MiB of it, for texts */
#define RAM_SIZE  UINT64_C(0x100000)
#define TABLES	  UINT64_C(0x100000)
#define CODE	  UINT64_C(0xffffffff81000000)
#define CODE_PHYS UINT64_C(0x400000)
#define UTS	  UINT64_C(0xffffffff81001000)

/* A kernel whose VMCOREINFO is in no note; its text is what fake_text() gives. */
static struct fake_image new_kernel(void)
{
	struct fake_image f = { 0 };

	fake_paging(&f, TABLES, 5);
	fake_memory(&f, CODE, CODE_PHYS, 0x2000);
	fake_ram(&f, RAM, RAM_SIZE);
	fake_vmcoreinfo(&f, "SYMBOL(_stext)=%" PRIx64, CODE);
	fake_vmcoreinfo(&f, "SYMBOL(init_uts_ns)=%" PRIx64, UTS);
	fake_vmcoreinfo(&f, "OFFSET(uts_namespace.name)=0");
	fake_string(&f, UTS, "Linux");
	fake_string(&f, UTS + UINT64_C(2) * 65, "6.12.0-fake");
	return f;
}

/* Where the text goes in RAM; with its NUL. */
static size_t put_text(struct fake_image *f, uint64_t offset)
{
	size_t size = strlen(text_get(&f->vmcoreinfo)) + 1;

	memcpy(fake_phys(f, RAM + offset, size), text_get(&f->vmcoreinfo), size);
	return size;
}

static struct image *open_without_note(struct fake_image *f)
{
	text_done(&f->vmcoreinfo);
	f->vmcoreinfo = (struct text){ 0 };
	return fake_open(f);
}

/* What was found is a note of the image now, behind its others. */
static void assert_note(struct image *image)
{
	size_t size, count;
	const char *text = image_vmcoreinfo(image, &size);
	const struct image_note *notes = image_notes(image, &count);

	assert_non_null(text);
	assert_non_null(memmem(text, size, "6.12.0-fake", strlen("6.12.0-fake")));
	assert_true(count > 0);
	assert_string_equal(notes[count - 1].name, "VMCOREINFO");
	assert_ptr_equal(notes[count - 1].desc, text);
}

static void assert_found(struct image *image)
{
	_cleanup_kernel struct kernel *kernel = NULL;
	struct err err = { 0 };

	if (kernel_open(image, &kernel, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_true(kernel_vmcoreinfo_was_searched(kernel));
	assert_string_equal(vmcoreinfo_get(kernel_vmcoreinfo(kernel), "OSRELEASE"),
			    "6.12.0-fake");
	assert_int_equal(kernel_page_size(kernel), 4096);
	assert_note(image);
}

static void assert_not_found(struct image *image, int code, const char *word)
{
	struct kernel *kernel = NULL;
	struct err err = { 0 };

	assert_int_equal(kernel_open(image, &kernel, &err), code);
	assert_null(kernel);
	if (!strstr(err_text(&err), word))
		fail_msg("'%s' does not say '%s'", err_text(&err), word);
}

/* At a page's start, behind a note's header, over pages and what is read at once. */
static void anywhere(void **state)
{
	static const uint64_t offsets[] = {
		0,	24,	 4095,	      4096 - 9,	   4096 - 10,	4096 - 11,
		0x8f80, 0x10000, 0x10000 - 1, 0x10000 - 5, 0x10000 - 9, 0x10000 - 10,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct fake_image f = new_kernel();
		_cleanup_image struct image *image = NULL;

		put_text(&f, offsets[i]);
		image = open_without_note(&f);
		assert_found(image);
		fake_done(&f);
	}
	for (int at_end = 0; at_end < 2; at_end++) {
		struct fake_image f = new_kernel();
		size_t size = strlen(text_get(&f.vmcoreinfo)) + 1;
		_cleanup_image struct image *image = NULL;

		put_text(&f, RAM_SIZE - size);
		// Cut: its NUL is not there any more.
		if (at_end)
			*fake_phys(&f, RAM + RAM_SIZE - 1, 1) = '\n';
		image = open_without_note(&f);
		if (at_end)
			assert_not_found(image, ERR_NOTFOUND, "none in memory");
		else
			assert_found(image);
		fake_done(&f);
	}
}

static void a_note_is_enough(void **state)
{
	struct fake_image f = new_kernel();
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_image struct image *image = NULL;

	put_text(&f, 0);
	image = fake_open(&f);
	assert_int_equal(kernel_open(image, &kernel, NULL), 0);
	assert_false(kernel_vmcoreinfo_was_searched(kernel));
	fake_done(&f);
}

/* Beside pages that are not in the image: before it, behind it, within. */
static void pages_left_out(void **state)
{
	static const struct {
		uint64_t text, left_out;
		bool is_found;
	} cases[] = {
		{ 0x3000, 0x2000, true },   { 0x3000, 0x4000, true },
		{ 0x3ff0, 0x4000, false },  { 0x3ff0, 0x3000, false },
		{ 0x12000, 0x11000, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_image f = new_kernel();
		_cleanup_image struct image *image = NULL;

		put_text(&f, cases[i].text);
		fake_leave_out(&f, RAM + cases[i].left_out, 0x1000);
		image = open_without_note(&f);
		if (cases[i].is_found)
			assert_found(image);
		else
			assert_not_found(image, ERR_NOTFOUND, "none in memory");
		fake_done(&f);
	}
}

/* Texts that look like one and are of a kernel that was there before. */
static void of_another_kernel(void **state)
{
	struct fake_image f = new_kernel();
	_cleanup_image struct image *image = NULL;
	char *text = strdup(text_get(&f.vmcoreinfo));
	size_t size = strlen(text) + 1;
	char *place;

	memcpy(fake_phys(&f, RAM, size), text, size);
	memcpy(fake_phys(&f, RAM, size) + strlen("OSRELEASE="), "6.11", 4);
	memcpy(fake_phys(&f, RAM + 0x1000, size), text, size);
	place = strstr((char *)fake_phys(&f, RAM + 0x1000, size), "PAGESIZE=4096");
	memcpy(place, "PAGESIZE=4097", 13);
	memcpy(fake_phys(&f, RAM + 0x2000, size), text, size);
	place = strstr((char *)fake_phys(&f, RAM + 0x2000, size), "(_stext)=ffffffff81");
	memcpy(place, "(_stext)=ffffffff82", 19); // not mapped
	free(text);
	put_text(&f, 0x3000);
	image = open_without_note(&f);
	assert_found(image);
	fake_done(&f);

	f = new_kernel();
	put_text(&f, 0);
	fake_string(&f, UTS + UINT64_C(2) * 65, "6.12.1-fake");
	image_close(image);
	image = open_without_note(&f);
	assert_not_found(image, ERR_UNSUPPORTED, "another kernel, 6.12.0-fake");
	fake_done(&f);
}

/* The kernel's first text is as true as the one of the crash, but knows less. */
static void the_longest(void **state)
{
	for (int order = 0; order < 2; order++) {
		struct fake_image f = new_kernel();
		_cleanup_kernel struct kernel *kernel = NULL;
		_cleanup_image struct image *image = NULL;

		put_text(&f, order ? 0x5000 : 0);
		fake_vmcoreinfo(&f, "CRASHTIME=1795555914");
		put_text(&f, 0x3018);
		image = open_without_note(&f);
		assert_int_equal(kernel_open(image, &kernel, NULL), 0);
		assert_non_null(vmcoreinfo_get(kernel_vmcoreinfo(kernel), "CRASHTIME"));
		fake_done(&f);
	}
}

static void damaged(void **state)
{
	struct fake_image f = new_kernel();
	size_t size = strlen(text_get(&f.vmcoreinfo)) + 1;
	_cleanup_free char *text = strdup(text_get(&f.vmcoreinfo));

	fake_done(&f);
	for (size_t i = 0; i < size; i++) {
		struct kernel *kernel = NULL;
		struct image *image;

		f = new_kernel();
		put_text(&f, 0x500);
		*fake_phys(&f, RAM + 0x500 + i, 1) = i % 2 ? 0 : 0x80;
		image = open_without_note(&f);
		// Cut behind the line that is needed last, it is still one.
		if (kernel_open(image, &kernel, NULL) == 0)
			assert_true(text[i - 1] == '\n' || i + 1 == size);
		kernel_close(kernel);
		image_close(image);
		fake_done(&f);
	}
}

static void too_many(void **state)
{
	struct fake_image f = new_kernel();
	_cleanup_image struct image *image = NULL;
	const char wrong[] = "OSRELEASE=1\nPAGESIZE=4096\nSYMBOL(_stext)=1\n";

	for (uint64_t i = 0; i < 2 * VMCOREINFO_SEARCH_TRIES; i++)
		memcpy(fake_phys(&f, RAM + i * 100, sizeof(wrong)), wrong, sizeof(wrong));
	put_text(&f, RAM_SIZE / 2);
	image = open_without_note(&f);
	assert_not_found(image, ERR_UNSUPPORTED, "of no use");
	fake_done(&f);
}

/* Beginnings without end: each is looked at for 64 KiB at most. */
static void nothing_but_beginnings(void **state)
{
	struct fake_image f = new_kernel();
	_cleanup_image struct image *image = NULL;
	const char wrong[] = "OSRELEASE=\n";

	for (uint64_t i = 0; i < 5000; i++)
		memcpy(fake_phys(&f, RAM + i * 11, 11), wrong, 11);
	image = open_without_note(&f);
	assert_not_found(image, ERR_NOTFOUND, "none in memory");
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anywhere),
		cmocka_unit_test(a_note_is_enough),
		cmocka_unit_test(pages_left_out),
		cmocka_unit_test(of_another_kernel),
		cmocka_unit_test(the_longest),
		cmocka_unit_test(damaged),
		cmocka_unit_test(too_many),
		cmocka_unit_test(nothing_but_beginnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
