// SPDX-License-Identifier: GPL-2.0-or-later
/* Modules, of the fake kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_kernel.h"
#include "kernel/module.h"

#define MODULE_DATA (MODULE + 0x2000)
#define SECOND	    (MODULE_STRUCT + 0x200)

static const struct modules *open_modules(struct fake_kernel *f)
{
	const struct modules *modules;
	struct err err = { 0 };

	if (!f->kernel)
		fake_kernel_open(f);
	if (kernel_modules(f->kernel, &modules, &err) < 0)
		fail_msg("%s", err_text(&err));
	return modules;
}

static void test_list(void **state)
{
	const struct modules *modules;
	const struct module *items;
	struct fake_kernel f;
	size_t count;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_module(&f, SECOND, "second", MODULE + 0x3000, 0x800);
	fake_u64(&f.memory, SECOND + MODULE_TAINTS, 0x3000);
	fake_u32(&f.memory, SECOND + MODULE_STATE, 1);
	fake_module_orc(&f, MODULE, FAKE_CALL_FRAME(8));
	modules = open_modules(&f);
	items = modules_get(modules, &count);
	assert_int_equal(count, 2);
	assert_null(modules_cut_why(modules));
	assert_string_equal(items[0].name, "fake");
	assert_int_equal(items[0].state, MODULE_STATE_LIVE);
	assert_int_equal(items[0].range_count, 2);
	assert_int_equal(items[0].size_bytes, 0x3000);
	assert_int_equal(items[0].orc_count, 1);
	assert_int_equal(items[0].orc_ip_vaddr, MODULE_ORC_IPS);
	assert_string_equal(items[1].name, "second");
	assert_int_equal(items[1].taints, 0x3000);
	assert_string_equal(module_state_name(items[1].state), "coming");

	assert_ptr_equal(modules_find(modules, MODULE), &items[0]);
	assert_ptr_equal(modules_find(modules, MODULE + 0x37ff), &items[1]);
	assert_null(modules_find(modules, MODULE + 0x3800));
	assert_null(modules_find(modules, MODULE - 1));
	assert_true(module_has_text(&items[0], MODULE + 0x1fff));
	assert_false(module_has_text(&items[0], MODULE_DATA));
	fake_kernel_done(&f);
}

static void check_lookup(const struct modules *modules, uint64_t vaddr,
			 const char *symbol, uint64_t offset, uint64_t size)
{
	struct kernel_name name;
	struct err err = { 0 };
	int r = modules_lookup(modules, vaddr, &name, &err);

	if (!symbol) {
		assert_int_equal(r, ERR_NOTFOUND);
		return;
	}
	assert_int_equal(r, 0);
	assert_string_equal(name.symbol, symbol);
	assert_string_equal(name.module, "fake");
	assert_int_equal(name.offset, offset);
	assert_int_equal(name.size, size);
}

static void test_lookup(void **state)
{
	const struct modules *modules;
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	/* In no order; with what is no name, elsewhere, undefined, and two at one
	 * address. */
	fake_symbol(&f, MODULE + 0x300, 1, "third");
	fake_symbol(&f, MODULE + 0x100, 1, "first");
	fake_symbol(&f, MODULE + 0x200, 1, "second");
	fake_symbol(&f, MODULE + 0x200, 1, "alias_of_second");
	fake_symbol(&f, MODULE + 0x280, 1, "$x");
	fake_symbol(&f, MODULE + 0x290, 1, ".Llocal");
	fake_symbol(&f, MODULE + 0x110, 0, "undefined");
	fake_symbol(&f, TEXT, 1, "elsewhere");
	fake_symbol(&f, 0x1000, 1, "percpu");
	fake_symbol(&f, MODULE_DATA + 0x10, 2, "data");
	modules = open_modules(&f);
	check_lookup(modules, MODULE + 0x100, "first", 0, 0x100);
	check_lookup(modules, MODULE + 0x1ff, "first", 0xff, 0x100);
	check_lookup(modules, MODULE + 0x200, "second", 0, 0x80);
	check_lookup(modules, MODULE + 0x285, "second", 0x85, 0x90);
	check_lookup(modules, MODULE + 0x295, "second", 0x95, 0x100);
	check_lookup(modules, MODULE + 0x300, "third", 0, 0x1d00);
	check_lookup(modules, MODULE + 0x1fff, "third", 0x1cff, 0x1d00);
	check_lookup(modules, MODULE_DATA + 0x20, "data", 0x10, 0xff0);
	check_lookup(modules, MODULE, NULL, 0, 0);	// before the first
	check_lookup(modules, MODULE_DATA, NULL, 0, 0); // text's last does not reach here
	check_lookup(modules, MODULE - 1, NULL, 0, 0);
	check_lookup(modules, MODULE + 0x3000, NULL, 0, 0);
	check_lookup(modules, TEXT, NULL, 0, 0);
	fake_kernel_done(&f);
}

/* Many that are no names at one address: the search for one ends. */
static void test_nameless(void **state)
{
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_symbol(&f, MODULE, 1, "far");
	for (int i = 0; i < 80; i++)
		fake_symbol(&f, MODULE + 0x100, 1, "$d");
	check_lookup(open_modules(&f), MODULE + 0x100, NULL, 0, 0);
	check_lookup(open_modules(&f), MODULE + 0xff, "far", 0xff, 0x100);
	fake_kernel_done(&f);
}

static void hostile_symbols(uint64_t vaddr, uint64_t value, int want)
{
	const struct modules *modules;
	struct kernel_name name;
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_symbol(&f, MODULE + 0x100, 1, "first");
	fake_u64(&f.memory, vaddr, value);
	modules = open_modules(&f);
	for (int i = 0; i < 2; i++) { // and the same again
		struct err err = { 0 };

		assert_int_equal(modules_lookup(modules, MODULE + 0x120, &name, &err),
				 want);
		if (i == 0)
			print_message("# %s\n", err_text(&err));
	}
	fake_kernel_done(&f);
}

static void test_hostile_symbols(void **state)
{
	hostile_symbols(MODULE_KALLSYMS, NOWHERE, ERR_FAULT);
	hostile_symbols(MODULE_KALLSYMS, UINT64_MAX - 7, ERR_FAULT);
	hostile_symbols(MODULE_KALLSYMS + 8, MODULE_SYMTAB_MAX + 1, ERR_LIMIT);
	hostile_symbols(MODULE_KALLSYMS + 8, UINT32_MAX, ERR_LIMIT);
	hostile_symbols(MODULE_KALLSYMS + 8, MODULE_SYMTAB_MAX, ERR_FAULT);
	hostile_symbols(MODULE_KALLSYMS + 8, 0, ERR_NOTFOUND);
	hostile_symbols(MODULE_KALLSYMS + 16, NOWHERE, ERR_FAULT);
	hostile_symbols(MODULE_STRUCT + MODULE_KALLSYMSP, NOWHERE, ERR_NOTFOUND);
	hostile_symbols(MODULE_SYMTAB, UINT64_C(0x00010000fffffff0), ERR_FAULT);
}

/* @vaddr is overwritten in a list of three. */
static void broken_list(uint64_t vaddr, uint64_t value, size_t want, const char *why)
{
	const struct modules *modules;
	struct fake_kernel f;
	size_t count;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_module(&f, SECOND, "second", MODULE + 0x3000, 0x800);
	fake_module(&f, SECOND + 0x200, "third", MODULE + 0x3800, 0x800);
	fake_u64(&f.memory, vaddr, value);
	modules = open_modules(&f);
	modules_get(modules, &count);
	assert_int_equal(count, want);
	assert_non_null(modules_cut_why(modules));
	print_message("# %s\n", modules_cut_why(modules));
	assert_non_null(strstr(modules_cut_why(modules), why));
	fake_kernel_done(&f);
}

static void test_broken_lists(void **state)
{
	broken_list(SECOND + MODULE_LIST, NOWHERE, 2, "not mapped");
	broken_list(SECOND + MODULE_LIST, 0, 2, "not mapped");
	broken_list(SECOND + MODULE_LIST, SECOND + MODULE_LIST, 2,
		    "'second' comes twice");
	broken_list(SECOND + 0x200 + MODULE_LIST, MODULE_STRUCT + MODULE_LIST, 3,
		    "'fake' comes twice");
	broken_list(MODULES_HEAD, NOWHERE, 0, "not mapped");
}

/* One that is not set up yet: its members are garbage. */
static void test_unformed(void **state)
{
	const struct modules *modules;
	const struct module *items;
	struct fake_kernel f;
	size_t count;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u32(&f.memory, MODULE_STRUCT + MODULE_STATE, MODULE_STATE_UNFORMED);
	fake_u64(&f.memory, MODULE_STRUCT + MODULE_MEM, UINT64_MAX);
	modules = open_modules(&f);
	items = modules_get(modules, &count);
	assert_int_equal(count, 1);
	assert_int_equal(items[0].range_count, 0);
	assert_null(modules_find(modules, MODULE));
	fake_kernel_done(&f);
}

/* A range that goes around the end of the address space is none. */
static void test_hostile_range(void **state)
{
	const struct modules *modules;
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u64(&f.memory, MODULE_STRUCT + MODULE_MEM, UINT64_MAX - 0x100);
	modules = open_modules(&f);
	assert_null(modules_find(modules, UINT64_MAX - 0x80));
	assert_null(modules_find(modules, 0x10));
	assert_non_null(modules_find(modules, MODULE_DATA));
	fake_kernel_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_nameless),
		cmocka_unit_test(test_hostile_symbols),
		cmocka_unit_test(test_broken_lists),
		cmocka_unit_test(test_unformed),
		cmocka_unit_test(test_hostile_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
