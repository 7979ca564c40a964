// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines and inlined functions: of this very program, whose compiler wrote the DWARF and
 * whose source knows its own lines. Then the same file cut off.
 */
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"
#include "debuginfo/debug_elf.h"
#include "debuginfo/source_line.h"
#include "debuginfo/vmlinux.h"

#define PROGRAM_MAX ((size_t)256 << 20)
#define CUTS	    64

static int inner_line, outer_line;
static volatile uint64_t kept;

/* The address of the call: a return address is one behind it. */
static __attribute__((noinline)) uint64_t address_of_call(void)
{
	return (uint64_t)(uintptr_t)__builtin_return_address(0) - 1;
}

static inline __attribute__((always_inline)) uint64_t inner(void)
{
	inner_line = __LINE__ + 1;
	kept = address_of_call();
	return kept;
}

static __attribute__((noinline)) uint64_t outer(void)
{
	outer_line = __LINE__ + 1;
	uint64_t address = inner();

	kept = address + 1;
	return address;
}

/* The first is the program. */
static int take_base(struct dl_phdr_info *info, size_t size, void *ret)
{
	*(uint64_t *)ret = info->dlpi_addr;
	return 1;
}

static uint64_t linked_address(uint64_t address)
{
	uint64_t base = 0;

	dl_iterate_phdr(take_base, &base);
	return address - base;
}

static void assert_is_here(const struct source_line *line, const char *function,
			   int number, bool is_inlined)
{
	assert_string_equal(line->function, function);
	assert_non_null(strstr(line->file, "test_source_line.c"));
	assert_int_equal(line->line, number);
	assert_int_equal(line->is_inlined, is_inlined);
}

static void test_lines(void **state)
{
	_cleanup_source_map struct source_map *map = NULL;
	uint64_t address = linked_address(outer());
	struct source_lines lines;

	assert_int_equal(source_map_open("/proc/self/exe", NULL, &map, NULL), 0);
	for (int i = 0; i < 2; i++) { // the second time from what was read
		assert_int_equal(source_map_find(map, address, &lines, NULL), 0);
		assert_int_equal(lines.count, 2);
		assert_is_here(&lines.items[0], "inner", inner_line, true);
		assert_is_here(&lines.items[1], "outer", outer_line, false);
	}
}

static void test_no_code(void **state)
{
	_cleanup_source_map struct source_map *map = NULL;
	uint64_t data = linked_address((uint64_t)(uintptr_t)&kept);
	struct source_lines lines;
	struct err err = { 0 };

	assert_int_equal(source_map_open("/proc/self/exe", NULL, &map, NULL), 0);
	assert_int_equal(source_map_find(map, data, &lines, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "no code of"));
	assert_int_equal(source_map_find(map, 0, &lines, NULL), ERR_NOTFOUND);
	assert_int_equal(source_map_find(map, UINT64_MAX, &lines, NULL), ERR_NOTFOUND);
}

static void test_no_file(void **state)
{
	struct module_sections sections = { 0 };
	struct source_map *map = NULL;

	assert_int_equal(source_map_open("/nonexistent", NULL, &map, NULL), ERR_OS);
	assert_int_equal(source_map_open("/dev/null", NULL, &map, NULL), ERR_NOTFOUND);
	assert_int_equal(source_map_open("/nonexistent", &sections, &map, NULL),
			 ERR_NOTFOUND);
	assert_null(map);
}

/* A program is no kernel, whatever its build id. */
static void test_no_kernel(void **state)
{
	struct debug_elf facts;
	struct vmlinux vmlinux;
	struct err err = { 0 };

	assert_int_equal(debug_elf_read("/proc/self/exe", true, &facts, NULL), 0);
	assert_false(facts.has_stext);
	assert_false(facts.is_relocatable);
	assert_int_equal(vmlinux_check("/proc/self/exe", NULL, 0, &vmlinux, &err),
			 ERR_INVALID);
	assert_non_null(strstr(err.text, "no symbols of a kernel"));
	assert_true(debug_elf_is_build_id("0123456789abcdef"));
	assert_false(debug_elf_is_build_id("../../etc"));
	assert_false(debug_elf_is_build_id("ab"));
}

/* Any end of a file is survived: it is short by a piece more each time. */
static void test_cut(void **state)
{
	_cleanup_free char *program = NULL;
	uint64_t address = linked_address(outer());
	char path[] = "/tmp/epitaph-test-lines-XXXXXX";
	_cleanup_fd int fd = mkstemp(path);
	size_t size;

	assert_true(fd >= 0);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/exe", PROGRAM_MAX, &program,
				   &size, NULL),
			 0);
	assert_int_equal(fd_write_full(fd, program, size, NULL), 0);
	for (size_t i = 1; i <= CUTS; i++) {
		_cleanup_source_map struct source_map *map = NULL;
		struct debug_elf facts;
		struct source_lines lines;

		assert_int_equal(ftruncate(fd, (off_t)(size - size * i / CUTS)), 0);
		debug_elf_read(path, true, &facts, NULL);
		if (source_map_open(path, NULL, &map, NULL) == 0)
			source_map_find(map, address, &lines, NULL);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	cmocka_unit_test(test_no_code),
		cmocka_unit_test(test_no_file), cmocka_unit_test(test_no_kernel),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
