// SPDX-License-Identifier: GPL-2.0-or-later
/* vmcoreinfo: values as the kernel prints them, and text that no kernel would write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/vmcoreinfo.h"

static const char sample[] = "OSRELEASE=6.12.0-fake\n"
			     "PAGESIZE=4096\n"
			     "SYMBOL(prb)=ffffffff8b05c040\n"
			     "OFFSET(page.flags)=0\n"
			     "SIZE(page)=64\n"
			     "LENGTH(mem_section)=131072\n"
			     "NUMBER(phys_base)=-306184192\n"
			     "NUMBER(VMALLOC_START)=0xff4fed54c0000000\n"
			     "NUMBER(sme_mask)=0\n";

static void init(struct vmcoreinfo *info, const char *text, size_t size)
{
	*info = (struct vmcoreinfo){ 0 };
	assert_int_equal(vmcoreinfo_init(info, text, size, NULL), 0);
}

static void values_of_each_kind(void **state)
{
	struct vmcoreinfo info;
	uint64_t value;
	int64_t number;

	init(&info, sample, sizeof(sample) - 1);
	assert_int_equal(info.count, 9);
	assert_string_equal(vmcoreinfo_get(&info, "OSRELEASE"), "6.12.0-fake");
	assert_null(vmcoreinfo_get(&info, "OSRELEAS"));
	assert_int_equal(vmcoreinfo_symbol(&info, "prb", &value, NULL), 0);
	assert_int_equal(value, 0xffffffff8b05c040);
	assert_int_equal(vmcoreinfo_offset(&info, "page.flags", &value, NULL), 0);
	assert_int_equal(value, 0);
	assert_int_equal(vmcoreinfo_size(&info, "page", &value, NULL), 0);
	assert_int_equal(value, 64);
	assert_int_equal(vmcoreinfo_length(&info, "mem_section", &value, NULL), 0);
	assert_int_equal(value, 131072);
	assert_int_equal(vmcoreinfo_number(&info, "phys_base", &number, NULL), 0);
	assert_int_equal(number, -306184192);
	assert_int_equal(vmcoreinfo_number(&info, "VMALLOC_START", &number, NULL), 0);
	assert_int_equal((uint64_t)number, 0xff4fed54c0000000);
	vmcoreinfo_done(&info);
	assert_int_equal(info.count, 0);
}

static void what_is_not_there_is_named(void **state)
{
	struct vmcoreinfo info;
	struct err err = { 0 };
	uint64_t value = 7;

	init(&info, sample, sizeof(sample) - 1);
	assert_int_equal(vmcoreinfo_symbol(&info, "page", &value, &err), ERR_NOTFOUND);
	assert_string_equal(err_text(&err), "VMCOREINFO has no SYMBOL(page)");
	assert_int_equal(value, 7);
	vmcoreinfo_done(&info);
}

static void last_of_equal_keys_wins(void **state)
{
	static const char text[] = "B=1\nA=first\nC=1\nA=\nB=2\nA=last";
	struct vmcoreinfo info;

	init(&info, text, sizeof(text) - 1);
	assert_int_equal(info.count, 3);
	assert_string_equal(vmcoreinfo_get(&info, "A"), "last");
	assert_string_equal(vmcoreinfo_get(&info, "B"), "2");
	assert_string_equal(vmcoreinfo_get(&info, "C"), "1");
	vmcoreinfo_done(&info);
}

static void odd_lines_are_passed_over(void **state)
{
	static const char text[] =
		"\n\n=no key\nno equals sign\nA=a=b\n\r\n=\nZ=z\0X=x\n";
	struct vmcoreinfo info;

	init(&info, text, sizeof(text) - 1);
	assert_int_equal(info.count, 2);
	assert_string_equal(vmcoreinfo_get(&info, "A"), "a=b");
	assert_string_equal(vmcoreinfo_get(&info, "Z"), "z");
	vmcoreinfo_done(&info);
}

static void numbers_that_are_none(void **state)
{
	static const char *const texts[] = {
		"",
		" 1",
		"1 ",
		"-",
		"--1",
		"+1",
		"0x",
		"1x",
		"18446744073709551616",
		"0x10000000000000000",
		"-9223372036854775809",
		"9223372036854775808",
		"-0x",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[128];
		struct vmcoreinfo info;
		struct err err = { 0 };
		int64_t number = 7;

		snprintf(text, sizeof(text), "NUMBER(n)=%s\n", texts[i]);
		init(&info, text, strlen(text));
		assert_int_equal(vmcoreinfo_number(&info, "n", &number, &err),
				 ERR_CORRUPT);
		assert_int_equal(number, 7);
		vmcoreinfo_done(&info);
	}
}

static void offsets_have_no_sign_and_symbols_no_end(void **state)
{
	static const char text[] = "OFFSET(a)=-1\nOFFSET(b)=0x10\nOFFSET(c)=1e3\n"
				   "SYMBOL(a)=fffffffffffffffff\nSYMBOL(b)=0xff\n"
				   "SYMBOL(c)=xyz\n";
	struct vmcoreinfo info;
	uint64_t value;

	init(&info, text, sizeof(text) - 1);
	assert_int_equal(vmcoreinfo_offset(&info, "a", &value, NULL), ERR_CORRUPT);
	assert_int_equal(vmcoreinfo_offset(&info, "b", &value, NULL), ERR_CORRUPT);
	assert_int_equal(vmcoreinfo_offset(&info, "c", &value, NULL), ERR_CORRUPT);
	assert_int_equal(vmcoreinfo_symbol(&info, "a", &value, NULL), ERR_CORRUPT);
	assert_int_equal(vmcoreinfo_symbol(&info, "b", &value, NULL), 0);
	assert_int_equal(value, 0xff);
	assert_int_equal(vmcoreinfo_symbol(&info, "c", &value, NULL), ERR_CORRUPT);
	vmcoreinfo_done(&info);
}

static void limits(void **state)
{
	char *text = malloc(VMCOREINFO_SIZE_MAX + 1);
	char name[512];
	struct vmcoreinfo info = { 0 };
	uint64_t value;

	assert_non_null(text);
	memset(text, '\n', VMCOREINFO_SIZE_MAX + 1);
	assert_int_equal(vmcoreinfo_init(&info, text, VMCOREINFO_SIZE_MAX + 1, NULL),
			 ERR_LIMIT);
	assert_null(info.text);
	for (size_t i = 0; i < VMCOREINFO_SIZE_MAX; i++)
		text[i] = "k=\n"[i % 3];
	init(&info, text, VMCOREINFO_SIZE_MAX);
	assert_int_equal(info.count, 1);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(vmcoreinfo_symbol(&info, name, &value, NULL), ERR_INVALID);
	vmcoreinfo_done(&info);
	free(text);
}

/* On the heap and exactly as long as said, so that a read past the end is seen. */
static void cut_at_every_byte(void **state)
{
	for (size_t size = 0; size < sizeof(sample); size++) {
		char *text = malloc(size + (size == 0));
		struct vmcoreinfo info;
		uint64_t value;

		assert_non_null(text);
		memcpy(text, sample, size);
		init(&info, text, size);
		free(text);
		if (size >= strlen("OSRELEASE="))
			assert_non_null(vmcoreinfo_get(&info, "OSRELEASE"));
		vmcoreinfo_symbol(&info, "prb", &value, NULL);
		vmcoreinfo_done(&info);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_each_kind),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(last_of_equal_keys_wins),
		cmocka_unit_test(odd_lines_are_passed_over),
		cmocka_unit_test(numbers_that_are_none),
		cmocka_unit_test(offsets_have_no_sign_and_symbols_no_end),
		cmocka_unit_test(limits),
		cmocka_unit_test(cut_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
