// SPDX-License-Identifier: GPL-2.0-or-later
/* Sections and build ids of modules, as older and newer kernels note them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_types.h"
#include "kernel/module.h"
#include "kernel/module_section.h"

#define MODULE_AT  (DATA + 0x5000)
#define SECTIONS   (DATA + 0x7000)
#define NOTES	   (DATA + 0x7200)
#define ATTRIBUTES (DATA + 0x7400) /* 0x40 each: an attribute, its address behind it */
#define LIST	   (DATA + 0x7800)
#define NAMES	   (DATA + 0x8000) /* 0x20 each */
#define NOTE	   (DATA + 0x8400)

#define COMMON                                                        \
	"attribute 8 name:*@0\n"                                      \
	"bin_attribute 24 attr:attribute@0 size:u64@8 private:*@16\n" \
	"attribute_group 8 bin_attrs:*@0\n"                           \
	"module 512 sect_attrs:*@256 notes_attrs:*@264\n"             \
	"module_sect_attrs 8 grp:attribute_group@0\n"

static const char older[] =
	COMMON "module_sect_attr 32 battr:bin_attribute@0 address:u64@24\n"
	       "module_notes_attrs 16 notes:u32@0 attrs:q3@8\n";
static const char newer[] = COMMON "module_notes_attrs 8 grp:attribute_group@0\n";

static const struct module module = { .name = "made", .vaddr = MODULE_AT };
static const uint8_t note[] = { 4, 0, 0,   0,	3,   0, 0,    0,    3,	 0,
				0, 0, 'G', 'N', 'U', 0, 0xab, 0xcd, 0xef };

static void put_attribute(struct fake_kernel *f, int i, const char *name, uint64_t size,
			  uint64_t private, uint64_t behind)
{
	uint64_t at = ATTRIBUTES + (uint64_t)i * 0x40, text = NAMES + (uint64_t)i * 0x20;

	fake_string(&f->memory, text, name);
	fake_u64(&f->memory, at, text);
	fake_u64(&f->memory, at + 8, size);
	fake_u64(&f->memory, at + 16, private);
	fake_u64(&f->memory, at + 24, behind);
	fake_u64(&f->memory, LIST + (uint64_t)i * 8, at);
}

static void make(struct fake_kernel *f, const char *types)
{
	bool is_older = types == older;

	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_types(f, types);
	fake_u64(&f->memory, MODULE_AT + 256, SECTIONS);
	fake_u64(&f->memory, MODULE_AT + 264, NOTES);
	fake_u64(&f->memory, SECTIONS, LIST);
	put_attribute(f, 0, ".text", 0, is_older ? 1 : MODULE, is_older ? MODULE : 1);
	put_attribute(f, 1, ".data", 0, is_older ? 1 : MODULE + 0x2000,
		      is_older ? MODULE + 0x2000 : 1);
	put_attribute(f, 3, ".note.gnu.build-id", sizeof(note), NOTE, 0);
	fake_u64(&f->memory, LIST + 16, 0);
	fake_u64(&f->memory, LIST + 24, 0);
	fake_bytes(&f->memory, NOTE, note, sizeof(note));
	if (is_older) {
		fake_u32(&f->memory, NOTES, 1);
		fake_bytes(&f->memory, NOTES + 8,
			   fake_virt(&f->memory, ATTRIBUTES + 3 * 0x40), 24);
	} else {
		fake_u64(&f->memory, NOTES, LIST + 0x100);
		fake_u64(&f->memory, LIST + 0x100, ATTRIBUTES + 3 * 0x40);
	}
}

static void check_layout(const char *types)
{
	struct module_sections sections;
	char id[2 * MODULE_BUILD_ID_MAX + 1];
	struct fake_kernel f;
	struct err err = { 0 };

	make(&f, types);
	fake_kernel_open(&f);
	if (module_sections_read(f.kernel, &module, &sections, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(sections.count, 2);
	assert_string_equal(sections.items[0].name, ".text");
	assert_int_equal(sections.items[0].vaddr, MODULE);
	assert_string_equal(sections.items[1].name, ".data");
	assert_int_equal(sections.items[1].vaddr, MODULE + 0x2000);
	module_sections_done(&sections);
	if (module_build_id(f.kernel, &module, id, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_string_equal(id, "abcdef");
	fake_kernel_done(&f);
}

static void test_older(void **state)
{
	check_layout(older);
}

static void test_newer(void **state)
{
	check_layout(newer);
}

static void test_none(void **state)
{
	struct module_sections sections;
	char id[2 * MODULE_BUILD_ID_MAX + 1];
	struct fake_kernel f;
	struct err err = { 0 };

	make(&f, newer);
	fake_u64(&f.memory, MODULE_AT + 256, 0);
	fake_u64(&f.memory, MODULE_AT + 264, 0);
	fake_kernel_open(&f);
	assert_int_equal(module_sections_read(f.kernel, &module, &sections, &err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(err_text(&err), "module 'made' has no"));
	assert_int_equal(module_build_id(f.kernel, &module, id, NULL), ERR_NOTFOUND);
	fake_kernel_done(&f);
}

/* The list never ends; the note is short by any number of bytes, or another. */
static void test_hostile(void **state)
{
	struct module_sections sections;
	char id[2 * MODULE_BUILD_ID_MAX + 1];
	struct fake_kernel f;

	make(&f, newer);
	fake_u64(&f.memory, SECTIONS, NAMES + 0x800);
	for (uint64_t i = 0; i <= MODULE_SECTIONS_MAX; i++)
		fake_u64(&f.memory, NAMES + 0x800 + i * 8, ATTRIBUTES);
	fake_kernel_open(&f);
	assert_int_equal(module_sections_read(f.kernel, &module, &sections, NULL),
			 ERR_LIMIT);
	fake_kernel_done(&f);

	for (size_t size = 0; size < sizeof(note); size++) {
		make(&f, newer);
		put_attribute(&f, 3, ".note.gnu.build-id", size, NOTE, 0);
		fake_kernel_open(&f);
		assert_int_equal(module_build_id(f.kernel, &module, id, NULL),
				 ERR_TRUNCATED);
		fake_kernel_done(&f);
	}
	for (size_t i = 0; i < 16; i++) {
		make(&f, newer);
		fake_uint(&f.memory, NOTE + i, 0xff, 1);
		fake_kernel_open(&f);
		assert_true(module_build_id(f.kernel, &module, id, NULL) < 0);
		fake_kernel_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
