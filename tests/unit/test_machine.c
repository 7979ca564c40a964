// SPDX-License-Identifier: GPL-2.0-or-later
/* What a report says of the machine: CPUs, modules, memory, taints; of the fake kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "explain/report_cpus.h"
#include "explain/report_modules.h"
#include "explain/taint.h"
#include "fake_kernel.h"
#include "kernel/memory_stat.h"

/* ---- memory ---- */

#define BTF	  (DATA + 0x9000)
#define ZONE_STAT (DATA + 0x9800)
#define NODE_STAT (DATA + 0x9900)
#define TOTAL	  (DATA + 0x9a00)

/* enum zone_stat_item and node_stat_item, each of two, numbered as a test likes it. */
static void add_btf(struct fake_kernel *f, uint32_t free_at, uint32_t anon_at)
{
	static const char strings[] = "\0zone_stat_item\0NR_FREE_PAGES\0node_stat_item\0"
				      "NR_ANON_MAPPED\0NR_SLAB_RECLAIMABLE";
	const uint32_t words[] = {
		0x0001eb9f, 24,		  0, 56, 56,	  sizeof(strings),
		1,	    6u << 24 | 1, 4, 16, free_at, // zone_stat_item
		30,	    6u << 24 | 2, 4, 45, anon_at, 60,
		2, // node_stat_item
	};

	fake_bytes(&f->memory, BTF, words, sizeof(words));
	fake_u32(&f->memory, BTF + 12, sizeof(words) - 24);
	fake_u32(&f->memory, BTF + 16, sizeof(words) - 24);
	fake_bytes(&f->memory, BTF + sizeof(words), strings, sizeof(strings));
	fake_vmcoreinfo(&f->memory,
			"SYMBOL(__start_BTF)=%" PRIx64 "\nSYMBOL(__stop_BTF)=%" PRIx64,
			BTF, BTF + sizeof(words) + sizeof(strings));
	fake_vmcoreinfo(&f->memory,
			"SYMBOL(vm_zone_stat)=%" PRIx64 "\nSYMBOL(vm_node_stat)=%" PRIx64,
			ZONE_STAT, NODE_STAT);
}

static void test_memory(void **state)
{
	struct memory_stat stat;
	struct fake_kernel f;
	struct err err = { 0 };

	fake_kernel_init(&f, ORC_LAYOUT_3);
	add_btf(&f, 3, 5);
	fake_vmcoreinfo(&f.memory, "SYMBOL(_totalram_pages)=%" PRIx64, TOTAL);
	fake_u64(&f.memory, TOTAL, 1000);
	fake_u64(&f.memory, ZONE_STAT + 3 * 8, 70);
	fake_u64(&f.memory, NODE_STAT + 5 * 8, UINT64_MAX); // not all is summed up yet
	fake_u64(&f.memory, NODE_STAT + 2 * 8, 9);	    // by its name before v5.9
	fake_kernel_open(&f);
	if (memory_stat_read(f.kernel, &stat, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(stat.bytes[MEMORY_TOTAL], 1000 * 4096);
	assert_int_equal(stat.bytes[MEMORY_FREE], 70 * 4096);
	assert_int_equal(stat.bytes[MEMORY_ANON], 0);
	assert_int_equal(stat.bytes[MEMORY_SLAB_RECLAIMABLE], 9 * 4096);
	assert_true(memory_stat_has(&stat, MEMORY_ANON));
	assert_int_equal(stat.known, 1u << MEMORY_TOTAL | 1u << MEMORY_FREE |
					     1u << MEMORY_ANON |
					     1u << MEMORY_SLAB_RECLAIMABLE);
	fake_kernel_done(&f);
}

static void test_memory_hostile(void **state)
{
	struct memory_stat stat = { .known = 77 };
	struct fake_kernel f;
	struct err err = { 0 };

	/* an index out of any enum, and more pages than there are bytes */
	fake_kernel_init(&f, ORC_LAYOUT_3);
	add_btf(&f, 4096, UINT32_MAX);
	fake_vmcoreinfo(&f.memory, "SYMBOL(_totalram_pages)=%" PRIx64, TOTAL);
	fake_u64(&f.memory, TOTAL, UINT64_C(1) << 62);
	fake_kernel_open(&f);
	assert_int_equal(memory_stat_read(f.kernel, &stat, NULL), 0);
	assert_int_equal(stat.known, 1u << MEMORY_SLAB_RECLAIMABLE);
	fake_kernel_done(&f);

	/* nothing that could be known */
	stat.known = 77;
	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_kernel_open(&f);
	assert_true(memory_stat_read(f.kernel, &stat, &err) < 0);
	assert_non_null(strstr(err_text(&err), "_totalram_pages"));
	assert_int_equal(stat.known, 77);
	fake_kernel_done(&f);
}

/* ---- modules and taints ---- */

static void test_taints(void **state)
{
	char text[TAINT_SIZE];

	taint_format(0, text);
	assert_string_equal(text, "none");
	taint_format(1 << 9 | 1 << 12 | 1 << 13, text);
	assert_string_equal(text, "G        W  OE");
	taint_format(UINT64_MAX, text);
	assert_string_equal(text, "PFSRMBUDAWCIOELKXTNJ");
	taint_format_module(1 << 12 | 1 << 13, text);
	assert_string_equal(text, "OE");
	taint_format_module(UINT64_C(1) << 63, text);
	assert_string_equal(text, "");
	assert_string_equal(taint_meaning('O'), "out-of-tree module");
	assert_null(taint_meaning(' '));
	assert_null(taint_meaning('\xff'));
}

#define VERSION_OFFSET 0x100

static void test_modules(void **state)
{
	struct report_modules modules = { 0 };
	_cleanup_text struct text line = { 0 }, table = { 0 };
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_module(&f, MODULE_STRUCT + 0x200, "sec\tnd", MODULE + 0x3000, 0x800);
	fake_u64(&f.memory, MODULE_STRUCT + MODULE_TAINTS, 1 << 12);
	fake_vmcoreinfo(&f.memory, "OFFSET(module.version)=%d", VERSION_OFFSET);
	fake_u64(&f.memory, MODULE_STRUCT + VERSION_OFFSET, MODULE_STRTAB + 0x100);
	fake_string(&f.memory, MODULE_STRTAB + 0x100, "1.2\x1b");
	fake_kernel_open(&f);
	assert_int_equal(report_modules_build(f.kernel, &modules, NULL), 0);
	assert_string_equal(modules.unknown.why, "");
	assert_int_equal(modules.count, 2);
	assert_string_equal(modules.modules[0].name, "fake");
	assert_string_equal(modules.modules[0].taints, "O");
	assert_string_equal(modules.modules[0].version, "1.2\\x1b");
	assert_string_equal(modules.modules[0].state, "live");
	assert_true(modules.modules[0].vaddr == MODULE);
	assert_int_equal(modules.modules[0].size_bytes, 0x3000);
	assert_string_equal(modules.modules[1].version, "");
	report_modules_format_line(&modules, &line);
	assert_string_equal(text_get(&line), "2 loaded, of them tainted: fake (O)");
	report_modules_format_text(&modules, &table);
	assert_non_null(
		strstr(text_get(&table), "12288 live     O      fake 1.2\\x1b\n"));
	report_modules_done(&modules);
	fake_kernel_done(&f);

	/* a list that breaks off, and none */
	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u64(&f.memory, MODULE_STRUCT + MODULE_LIST, NOWHERE);
	fake_kernel_open(&f);
	assert_int_equal(report_modules_build(f.kernel, &modules, NULL), 0);
	assert_string_not_equal(modules.unknown.why, "");
	assert_int_equal(modules.count, 1);
	report_modules_done(&modules);
	fake_kernel_done(&f);
}

/* ---- CPUs ---- */

static void test_cpus(void **state)
{
	struct report_cpus cpus = { 0 };
	_cleanup_text struct text text = { 0 };
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, TEXT, (struct fake_entry){ .type = ORC_TYPE_END });
	fake_task(&f, 1, 71, "busy");
	fake_cpu_note(&f, 1, TEXT + 0x10, STACK + 0x100);
	fake_u64(&f.memory, PERCPU(0) + PERCPU_CURRENT, TASK(0));
	fake_u64(&f.memory, PERCPU(1) + PERCPU_CURRENT, TASK(1));
	fake_kernel_open(&f);
	assert_int_equal(report_cpus_build(f.kernel, UINT32_MAX, &cpus, NULL), 0);
	assert_int_equal(cpus.count, 2);
	assert_non_null(strstr(cpus.cpus[0].unknown.why, "no registers"));
	assert_int_equal(cpus.cpus[1].task.pid, 71);
	assert_int_equal(cpus.cpus[1].task.frame_count, 1);
	assert_string_equal(cpus.cpus[1].unknown.why, "");
	report_cpus_format_text(&cpus, &text);
	assert_non_null(
		strstr(text_get(&text), "CPU 0: swapper/0 (pid 0)\n         unknown: "));
	assert_non_null(strstr(text_get(&text),
			       "\nCPU 1: busy (pid 71)\n  #0     0xffffffff81000010"));
	report_cpus_done(&cpus);

	assert_int_equal(report_cpus_build(f.kernel, 1, &cpus, NULL), 0);
	assert_int_equal(cpus.count, 1);
	assert_int_equal(cpus.cpus[0].id, 0);
	report_cpus_done(&cpus);
	fake_kernel_done(&f);
}

static void test_cpus_broken(void **state)
{
	struct report_cpus cpus = { 0 };
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u64(&f.memory, PERCPU(0) + PERCPU_CURRENT, NOWHERE);
	fake_kernel_open(&f);
	assert_int_equal(report_cpus_build(f.kernel, UINT32_MAX, &cpus, NULL), 0);
	assert_int_equal(cpus.count, 2);
	assert_non_null(strstr(cpus.cpus[0].unknown.why, "not mapped"));
	assert_non_null(strstr(cpus.cpus[1].unknown.why, "is unknown"));
	report_cpus_done(&cpus);
	fake_kernel_done(&f);

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u32(&f.memory, NR_CPU_IDS, 0);
	fake_kernel_open(&f);
	assert_int_equal(report_cpus_build(f.kernel, 0, &cpus, NULL), 0);
	assert_int_equal(cpus.count, 0);
	assert_string_not_equal(cpus.unknown.why, "");
	report_cpus_done(&cpus);
	fake_kernel_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory), cmocka_unit_test(test_memory_hostile),
		cmocka_unit_test(test_taints), cmocka_unit_test(test_modules),
		cmocka_unit_test(test_cpus),   cmocka_unit_test(test_cpus_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
