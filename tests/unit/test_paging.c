// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kernel and arch_x86_64: virtual memory through page tables made by hand, of four and of
 * five levels, whole and damaged; and what is read through it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_image.h"
#include "kernel/arch.h"
#include "kernel/arch_x86_64.h"
#include "kernel/kernel.h"

#define TABLES UINT64_C(0x100000)
#define TEXT   UINT64_C(0xffffffff81000000)
#define DATA   UINT64_C(0xff11000012345000) /* canonical for four levels as well */
#define DATA_4 UINT64_C(0xffff888012345000)

struct machine {
	struct fake_image fake;
	struct image *image;
	struct kernel *kernel;
};

static void machine_open(struct machine *m)
{
	struct err err = { 0 };

	m->image = fake_open(&m->fake);
	if (kernel_open(m->image, &m->kernel, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void machine_done(struct machine *m)
{
	kernel_close(m->kernel);
	image_close(m->image);
	fake_done(&m->fake);
}

static void reads_as(struct machine *m, uint64_t vaddr, uint64_t expected)
{
	struct err err = { 0 };
	uint64_t value = ~expected;

	if (kernel_read_u64(m->kernel, vaddr, &value, &err) < 0)
		fail_msg("0x%" PRIx64 ": %s", vaddr, err_text(&err));
	assert_int_equal(value, expected);
}

static void fails_with(struct machine *m, uint64_t vaddr, int code, const char *text)
{
	struct err err = { 0 };
	uint64_t value = 7;

	assert_int_equal(kernel_read_u64(m->kernel, vaddr, &value, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err_text(&err), text))
		fail_msg("'%s' does not say '%s'", err_text(&err), text);
	assert_int_equal(value, 7);
}

/* What is mapped at or above @vaddr begins there. */
static void next_is(struct machine *m, uint64_t vaddr, uint64_t start, uint64_t paddr,
		    uint64_t size)
{
	struct kernel_mapping mapping;
	struct err err = { 0 };

	if (kernel_next_mapping(m->kernel, vaddr, &mapping, &err) < 0)
		fail_msg("0x%" PRIx64 ": %s", vaddr, err_text(&err));
	assert_int_equal(mapping.vaddr, start);
	assert_int_equal(mapping.paddr, paddr);
	assert_int_equal(mapping.size_bytes, size);
}

/* --- translation ----------------------------------------------------------------- */

static void pages_of(int levels, uint64_t data)
{
	struct machine m = { 0 };
	uint64_t paddr = 0, run = 0;

	fake_paging(&m.fake, TABLES, levels);
	/* Neighbours in virtual memory, far apart and in another order in physical. */
	fake_memory(&m.fake, data, 0x900000, 4096);
	fake_memory(&m.fake, data + 4096, 0x800000, 4096);
	fake_memory(&m.fake, TEXT, 0x700000, 4096);
	fake_u64(&m.fake, data + 4092, 0x1122334455667788);
	fake_u64(&m.fake, TEXT + 8, 42);
	machine_open(&m);
	reads_as(&m, data + 4092, 0x1122334455667788);
	reads_as(&m, TEXT + 8, 42);
	assert_int_equal(kernel_translate(m.kernel, data + 10, &paddr, &run, NULL), 0);
	assert_int_equal(paddr, 0x90000a);
	assert_int_equal(run, 4086);
	assert_int_equal(kernel_translate(m.kernel, data + 4096, &paddr, NULL, NULL), 0);
	assert_int_equal(paddr, 0x800000);
	fails_with(&m, data + 8192, ERR_FAULT, "is not mapped");
	next_is(&m, UINT64_C(1) << 63, data, 0x900000, 4096);
	next_is(&m, data + 10, data + 10, 0x90000a, 4086);
	next_is(&m, data + 4096, data + 4096, 0x800000, 4096);
	next_is(&m, data + 8192, TEXT, 0x700000, 4096);
	assert_int_equal(kernel_next_mapping(m.kernel, TEXT + 4096,
					     &(struct kernel_mapping){ 0 }, NULL),
			 ERR_NOTFOUND);
	machine_done(&m);
}

static void pages_of_four_levels(void **state)
{
	pages_of(4, DATA_4);
}

static void pages_of_five_levels(void **state)
{
	pages_of(5, DATA);
	pages_of(5, DATA_4);
}

static void huge_pages_of(int levels, uint64_t huge, uint64_t giant)
{
	struct machine m = { 0 };
	uint64_t paddr = 0, run = 0;

	fake_paging(&m.fake, TABLES, levels);
	fake_map_huge(&m.fake, huge, 0x40000000, 21);
	fake_map_huge(&m.fake, giant, 0x80000000, 30);
	fake_store(fake_ram(&m.fake, 0x40123000, 4096) + 0x450, 7, 8);
	fake_store(fake_ram(&m.fake, 0xaabbc000, 4096) + 0xdd0, 8, 8);
	machine_open(&m);
	reads_as(&m, huge + 0x123450, 7);
	reads_as(&m, giant + 0x2abbcdd0, 8);
	assert_int_equal(kernel_translate(m.kernel, huge + 0x123450, &paddr, &run, NULL),
			 0);
	assert_int_equal(paddr, 0x40123450);
	assert_int_equal(run, 0x200000 - 0x123450);
	assert_int_equal(kernel_translate(m.kernel, giant + 1, &paddr, &run, NULL), 0);
	assert_int_equal(paddr, 0x80000001);
	assert_int_equal(run, 0x40000000 - 1);
	/* Mapped, but the image has nothing there. */
	fails_with(&m, huge, ERR_FAULT, "reading address 0x");
	machine_done(&m);
}

static void huge_pages(void **state)
{
	huge_pages_of(4, 0xffff888000200000, 0xffff888040000000);
	huge_pages_of(5, 0xff11000000200000, 0xff11000040000000);
}

/* Bit 12 of an entry for a huge page is PAT, not part of the address. */
static void huge_page_with_pat(void **state)
{
	struct machine m = { 0 };
	uint64_t paddr = 0;

	fake_paging(&m.fake, TABLES, 4);
	fake_map_huge(&m.fake, DATA_4 & ~UINT64_C(0x1fffff), 0x40001000, 21);
	machine_open(&m);
	assert_int_equal(kernel_translate(m.kernel, DATA_4 & ~UINT64_C(0x1fffff), &paddr,
					  NULL, NULL),
			 0);
	assert_int_equal(paddr, 0x40000000);
	machine_done(&m);
}

static void kernel_loaded_elsewhere(void **state)
{
	struct machine m = { 0 };
	int64_t phys_base = -(int64_t)0x10000000;

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, TEXT, 0x700000, 4096);
	fake_u64(&m.fake, TEXT, 42);
	fake_vmcoreinfo(&m.fake, "NUMBER(phys_base)=%" PRId64, phys_base);
	fake_vmcoreinfo(&m.fake, "SYMBOL(swapper_pg_dir)=%" PRIx64,
			FAKE_KERNEL_MAP + TABLES - (uint64_t)phys_base);
	machine_open(&m);
	reads_as(&m, TEXT, 42);
	machine_done(&m);
}

/* With AMD's SME every entry carries one bit of the address that means "encrypted". */
static void memory_encryption_bit(void **state)
{
	struct machine m = { 0 };
	uint8_t *table;

	fake_paging(&m.fake, TABLES, 4);
	fake_memory(&m.fake, DATA_4, 0x700000, 4096);
	fake_u64(&m.fake, DATA_4, 42);
	table = fake_phys(&m.fake, TABLES, FAKE_TABLES_SIZE);
	for (size_t i = 0; i < FAKE_TABLES_SIZE; i += 8)
		if (fake_load(table + i, 8))
			fake_store(table + i, fake_load(table + i, 8) | UINT64_C(1) << 47,
				   8);
	fake_vmcoreinfo(&m.fake, "NUMBER(sme_mask)=%" PRId64, (int64_t)1 << 47);
	machine_open(&m);
	reads_as(&m, DATA_4, 42);
	machine_done(&m);
}

/* More pages than the cache has places, twice, in an order that makes them collide. */
static void many_pages(void **state)
{
	const uint64_t count = 700;
	struct machine m = { 0 };
	uint8_t *ram;

	fake_paging(&m.fake, TABLES, 5);
	ram = fake_memory(&m.fake, DATA, 0x1000000, count * 4096);
	for (uint64_t i = 0; i < count; i++)
		fake_store(ram + i * 4096, i, 8);
	machine_open(&m);
	for (uint64_t i = 0; i < 2 * count; i++) {
		uint64_t page = i * 256 % count;

		reads_as(&m, DATA + page * 4096, page);
		reads_as(&m, DATA + page * 4096, page);
	}
	machine_done(&m);
}

/* The same for tables: 50 of the lowest level, in the order in which they were made. */
static void many_tables(void **state)
{
	const uint64_t count = 50, apart = 0x200000;
	struct machine m = { 0 };
	uint8_t *ram;

	fake_paging(&m.fake, TABLES, 5);
	ram = fake_ram(&m.fake, 0x1000000, count * 4096);
	for (uint64_t i = 0; i < count; i++) {
		fake_map(&m.fake, DATA + i * apart, 0x1000000 + i * 4096, 4096);
		fake_store(ram + i * 4096, i, 8);
	}
	machine_open(&m);
	for (uint64_t i = 0; i < 2 * count; i++)
		reads_as(&m, DATA + i % count * apart, i % count);
	machine_done(&m);
}

/* --- damage ---------------------------------------------------------------------- */

static void not_mapped_at_each_level(void **state)
{
	for (int shift = 12; shift <= 48; shift += 9) {
		struct machine m = { 0 };
		char text[64];

		fake_paging(&m.fake, TABLES, 5);
		fake_memory(&m.fake, DATA, 0x700000, 4096);
		fake_memory(&m.fake, TEXT, 0x800000, 4096);
		fake_store(fake_entry(&m.fake, DATA, shift), 0xffffffffffff7e, 8);
		machine_open(&m);
		snprintf(text, sizeof(text), "address 0x%" PRIx64 " is not mapped", DATA);
		fails_with(&m, DATA, ERR_FAULT, text);
		reads_as(&m, TEXT, 0);
		machine_done(&m);
	}
}

static void table_not_in_the_image(void **state)
{
	for (int shift = 21; shift <= 48; shift += 9) {
		struct machine m = { 0 };
		uint64_t table;

		fake_paging(&m.fake, TABLES, 5);
		fake_memory(&m.fake, DATA, 0x700000, 4096);
		fake_memory(&m.fake, TEXT, 0x800000, 4096);
		table = fake_load(fake_entry(&m.fake, DATA, shift), 8) &
			FAKE_ENTRY_ADDRESS;
		fake_leave_out(&m.fake, table, 4096);
		machine_open(&m);
		fails_with(&m, DATA, ERR_FAULT, "page table for address 0xff11");
		/* Again: what could not be read must not be remembered as read. */
		fails_with(&m, DATA, ERR_FAULT, "page table for address 0xff11");
		reads_as(&m, TEXT, 0);
		machine_done(&m);
	}
}

/* The kernel's own image is linear: it is read without tables, and nothing else is. */
static void image_of_the_kernel_without_tables(void **state)
{
	struct machine m = { 0 };

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, DATA, 0x700000, 4096);
	fake_memory(&m.fake, TEXT, TEXT - FAKE_KERNEL_MAP, 8192);
	fake_u64(&m.fake, TEXT + 4092, 42);
	fake_leave_out(&m.fake, TABLES, FAKE_TABLES_SIZE);
	fake_vmcoreinfo(&m.fake, "SYMBOL(_stext)=%" PRIx64, TEXT);
	fake_vmcoreinfo(&m.fake, "NUMBER(KERNEL_IMAGE_SIZE)=1073741824");
	machine_open(&m);
	reads_as(&m, TEXT + 4092, 42);
	fails_with(&m, DATA, ERR_FAULT, "page table for address");
	fails_with(&m, TEXT - 8, ERR_FAULT, "page table for address");
	fails_with(&m, FAKE_KERNEL_MAP + 0x40000000, ERR_FAULT, "page table for address");
	machine_done(&m);
}

static void page_not_in_the_image(void **state)
{
	struct machine m = { 0 };
	uint8_t bytes[3 * 4096];
	struct err err = { 0 };

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, DATA, 0x700000, sizeof(bytes));
	fake_leave_out(&m.fake, 0x701000, 4096);
	machine_open(&m);
	reads_as(&m, DATA + 8192, 0);
	assert_int_equal(kernel_read(m.kernel, DATA + 10, bytes, sizeof(bytes) - 10,
				     &err),
			 ERR_FAULT);
	/* The address of the page that failed, not of the whole read. */
	assert_non_null(strstr(err_text(&err), "reading address 0xff11000012346000"));
	machine_done(&m);
}

/* A table that is its own child: every level goes round once, and that is the end. */
static void table_that_points_at_itself(void **state)
{
	struct machine m = { 0 };
	uint64_t index = 300, vaddr, entry = TABLES | FAKE_PRESENT;

	fake_paging(&m.fake, TABLES, 5);
	fake_store(fake_phys(&m.fake, TABLES + index * 8, 8), entry, 8);
	machine_open(&m);
	vaddr = UINT64_C(0xfe00000000000000) | index << 48 | index << 39 | index << 30 |
		index << 21 | index << 12;
	reads_as(&m, vaddr + index * 8, entry);
	machine_done(&m);
}

static void impossible_huge_page(void **state)
{
	struct machine m = { 0 };

	fake_paging(&m.fake, TABLES, 5);
	fake_map_huge(&m.fake, DATA, 0, 39);
	machine_open(&m);
	fails_with(&m, DATA, ERR_CORRUPT, "impossible entry");
	machine_done(&m);
}

static void entry_with_all_bits(void **state)
{
	for (int shift = 12; shift <= 48; shift += 9) {
		struct machine m = { 0 };
		uint64_t value;

		fake_paging(&m.fake, TABLES, 5);
		fake_memory(&m.fake, DATA, 0x700000, 4096);
		fake_store(fake_entry(&m.fake, DATA, shift), UINT64_MAX, 8);
		machine_open(&m);
		assert_true(kernel_read_u64(m.kernel, DATA, &value, NULL) < 0);
		machine_done(&m);
	}
}

static void what_is_no_address(void **state)
{
	struct machine m = { 0 };
	uint8_t bytes[16];
	struct err err = { 0 };

	fake_paging(&m.fake, TABLES, 4);
	/* The last page there is. */
	fake_memory(&m.fake, UINT64_C(0xfffffffffffff000), 0x700000, 4096);
	machine_open(&m);
	fails_with(&m, 0, ERR_FAULT, "address 0x0 is not mapped");
	fails_with(&m, 0x0000800000000000, ERR_FAULT, "can't be an address");
	fails_with(&m, 0xff11000000000000, ERR_FAULT, "can't be an address");
	fails_with(&m, 0xffff800000000000, ERR_FAULT, "is not mapped");
	reads_as(&m, 0xfffffffffffffff8, 0);
	assert_int_equal(kernel_read(m.kernel, 0xfffffffffffffff8, bytes, 16, &err),
			 ERR_FAULT);
	assert_non_null(strstr(err_text(&err), "end of the address space"));
	machine_done(&m);
}

/* --- opening --------------------------------------------------------------------- */

static void opens_with(struct fake_image *fake, int code, const char *text)
{
	struct image *image = fake_open(fake);
	struct kernel *kernel = NULL;
	struct err err = { 0 };

	assert_int_equal(kernel_open(image, &kernel, &err), code);
	assert_null(kernel);
	if (!strstr(err_text(&err), text))
		fail_msg("'%s' does not say '%s'", err_text(&err), text);
	image_close(image);
	fake_done(fake);
}

static void no_vmcoreinfo(void **state)
{
	struct fake_image fake = { 0 };
	uint64_t regs[27] = { 0 };

	fake_ram(&fake, 0, 4096);
	fake_prstatus(&fake, 1, regs);
	opens_with(&fake, ERR_NOTFOUND, "carries no VMCOREINFO");
}

static void vmcoreinfo_that_lies(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *text;
	} cases[] = {
		{ "PAGESIZE=", ERR_CORRUPT, "PAGESIZE" },
		{ "PAGESIZE=0", ERR_CORRUPT, "PAGESIZE" },
		{ "PAGESIZE=-4096", ERR_CORRUPT, "PAGESIZE" },
		{ "PAGESIZE=4097", ERR_CORRUPT, "PAGESIZE" },
		{ "PAGESIZE=99999999999999999999", ERR_CORRUPT, "PAGESIZE" },
		{ "PAGESIZE=4096k", ERR_CORRUPT, "PAGESIZE" },
		{ "SYMBOL(swapper_pg_dir)=1000", ERR_CORRUPT, "page tables" },
		{ "SYMBOL(swapper_pg_dir)=ffffffff81000001", ERR_CORRUPT, "page tables" },
		{ "SYMBOL(swapper_pg_dir)=x", ERR_CORRUPT, "swapper_pg_dir" },
		{ "NUMBER(phys_base)=x", ERR_CORRUPT, "phys_base" },
		{ "NUMBER(pgtable_l5_enabled)=yes", ERR_CORRUPT, "pgtable_l5" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_image fake = { 0 };

		fake_paging(&fake, TABLES, 5);
		fake_vmcoreinfo(&fake, "%s", cases[i].line);
		opens_with(&fake, cases[i].code, cases[i].text);
	}
}

static void vmcoreinfo_without_page_tables(void **state)
{
	struct fake_image fake = { 0 };

	fake_ram(&fake, 0, 4096);
	fake_vmcoreinfo(&fake, "PAGESIZE=4096");
	opens_with(&fake, ERR_NOTFOUND, "looking for the kernel's page tables");
}

/* --- what is read through it ----------------------------------------------------- */

static void strings(void **state)
{
	struct machine m = { 0 };
	char text[64];

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, DATA, 0x900000, 4096);
	fake_memory(&m.fake, DATA + 4096, 0x800000, 4096);
	fake_string(&m.fake, DATA + 4090, "across the page");
	fake_string(&m.fake, DATA + 8192 - 4, "end"); /* nothing is mapped behind it */
	fake_bytes(&m.fake, DATA, "no end: ", 8);
	memset(fake_virt(&m.fake, DATA + 8), 'x', 2000);
	machine_open(&m);
	assert_int_equal(kernel_read_string(m.kernel, DATA + 4090, text, 64, NULL), 0);
	assert_string_equal(text, "across the page");
	assert_int_equal(kernel_read_string(m.kernel, DATA + 8188, text, 64, NULL), 0);
	assert_string_equal(text, "end");
	assert_int_equal(kernel_read_string(m.kernel, DATA, text, 10, NULL), 0);
	assert_string_equal(text, "no end: x");
	assert_int_equal(kernel_read_string(m.kernel, DATA, text, 1, NULL), 0);
	assert_string_equal(text, "");
	assert_int_equal(kernel_read_string(m.kernel, DATA, text, 0, NULL), ERR_INVALID);
	assert_int_equal(kernel_read_string(m.kernel, DATA + 8192, text, 64, NULL),
			 ERR_FAULT);
	machine_done(&m);
}

static void small_values(void **state)
{
	struct machine m = { 0 };
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	uint32_t u32 = 0;

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, DATA, 0x900000, 4096);
	fake_u64(&m.fake, DATA, 0x8877665544332211);
	machine_open(&m);
	assert_int_equal(kernel_read_u8(m.kernel, DATA + 1, &u8, NULL), 0);
	assert_int_equal(u8, 0x22);
	assert_int_equal(kernel_read_u16(m.kernel, DATA + 1, &u16, NULL), 0);
	assert_int_equal(u16, 0x3322);
	assert_int_equal(kernel_read_u32(m.kernel, DATA + 1, &u32, NULL), 0);
	assert_int_equal(u32, 0x55443322);
	machine_done(&m);
}

static void registers_of_a_cpu(void **state)
{
	uint8_t desc[FAKE_PRSTATUS_SIZE] = { 0 };
	struct regs regs;

	for (int i = 0; i < 27; i++)
		fake_store(desc + 112 + 8 * i, (uint64_t)i + 1, 8);
	assert_int_equal(arch_x86_64.regs_from_prstatus(desc, sizeof(desc), &regs, NULL),
			 0);
	assert_int_equal(regs.value[X86_64_R15], 1);
	assert_int_equal(regs.value[X86_64_RBP], 5);
	assert_int_equal(regs.value[X86_64_ORIG_RAX], 16);
	assert_int_equal(regs.value[X86_64_RIP], 17);
	assert_int_equal(regs.value[X86_64_RSP], 20);
	assert_int_equal(regs.value[X86_64_GS], 27);
	for (unsigned int i = 0; i < arch_x86_64.reg_count; i++) {
		assert_true(regs_has(&regs, i));
		assert_non_null(arch_x86_64.reg_names[i]);
	}
	assert_string_equal(arch_x86_64.reg_names[arch_x86_64.reg_ip], "rip");
	x86_64_regs_from_pt_regs(desc + 112, &regs);
	assert_int_equal(regs.value[X86_64_SS], 21);
	assert_false(regs_has(&regs, X86_64_FS_BASE));
	for (size_t size = 0; size < 112 + 216; size++)
		assert_int_equal(arch_x86_64.regs_from_prstatus(desc, size, &regs, NULL),
				 ERR_TRUNCATED);
}

static void registers_of_a_sleeper(void **state)
{
	struct machine m = { 0 };
	struct regs regs;
	struct err err = { 0 };
	uint64_t stack = DATA + 0x800;

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, DATA, 0x900000, 4096);
	fake_vmcoreinfo(&m.fake, "OFFSET(task_struct.thread.sp)=24");
	fake_u64(&m.fake, DATA + 24, stack);
	for (uint64_t i = 0; i < 7; i++)
		fake_u64(&m.fake, stack + 8 * i, 100 + i);
	machine_open(&m);
	assert_int_equal(arch_x86_64.regs_of_sleeper(m.kernel, DATA, &regs, NULL), 0);
	assert_int_equal(regs.value[X86_64_R15], 100);
	assert_int_equal(regs.value[X86_64_R12], 103);
	assert_int_equal(regs.value[X86_64_RBX], 104);
	assert_int_equal(regs.value[X86_64_RBP], 105);
	assert_int_equal(regs.value[X86_64_RIP], 106);
	assert_int_equal(regs.value[X86_64_RSP], stack + 56);
	assert_false(regs_has(&regs, X86_64_RAX));
	assert_int_equal(arch_x86_64.regs_of_sleeper(m.kernel, DATA + 8, &regs, &err),
			 ERR_FAULT);
	assert_non_null(strstr(err_text(&err), "registers of sleeping task 0xff11"));
	machine_done(&m);
}

#define UTS 65

static void names_of_the_kernel(void **state)
{
	static const char *const names[] = { "Linux",  "caf\xc3\xa9", "6.12.0-fake",
					     "#1 SMP", "x86_64",      "" };
	struct machine m = { 0 };
	struct kernel_utsname uts;

	fake_paging(&m.fake, TABLES, 5);
	fake_memory(&m.fake, TEXT, 0x900000, 4096);
	fake_vmcoreinfo(&m.fake, "SYMBOL(init_uts_ns)=%" PRIx64, TEXT + 16);
	fake_vmcoreinfo(&m.fake, "OFFSET(uts_namespace.name)=8");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		fake_string(&m.fake, TEXT + 24 + i * UTS, names[i]);
	machine_open(&m);
	assert_int_equal(kernel_utsname(m.kernel, &uts, NULL), 0);
	assert_string_equal(uts.sysname, "Linux");
	assert_string_equal(uts.nodename, "caf??");
	assert_string_equal(uts.release, "6.12.0-fake");
	assert_string_equal(uts.machine, "x86_64");
	assert_string_equal(uts.domainname, "");
	machine_done(&m);
}

static void names_that_are_none(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct machine m = { 0 };
		struct kernel_utsname uts;
		struct err err = { 0 };

		fake_paging(&m.fake, TABLES, 5);
		fake_memory(&m.fake, TEXT, 0x900000, 4096);
		/* No offset: it is looked for in types that this kernel has not. */
		fake_vmcoreinfo(&m.fake, "SYMBOL(init_uts_ns)=%" PRIx64, TEXT);
		for (uint64_t j = 0; j < 6; j++)
			fake_string(&m.fake, TEXT + 4 + j * UTS, "name");
		if (i == 1)
			memset(fake_virt(&m.fake, TEXT + 4 + 2 * UTS), 'x', UTS);
		if (i == 2)
			fake_string(&m.fake, TEXT + 4 + 3 * UTS, "bell\a");
		machine_open(&m);
		assert_int_equal(kernel_utsname(m.kernel, &uts, &err),
				 i == 0 ? 0 : ERR_CORRUPT);
		machine_done(&m);
	}
}

/* Without symbols and types: each time the same reason, and numbers for names. */
static void what_can_not_be_loaded(void **state)
{
	struct machine m = { 0 };
	const struct types *types;
	struct err first = { 0 }, again = { 0 };
	uint64_t value = 7;
	char text[64];

	fake_paging(&m.fake, TABLES, 5);
	fake_vmcoreinfo(&m.fake, "OFFSET(list_head.prev)=8");
	fake_vmcoreinfo(&m.fake, "SIZE(list_head)=16");
	machine_open(&m);
	assert_true(kernel_types(m.kernel, &types, &first) < 0);
	assert_int_equal(kernel_types(m.kernel, &types, &again), first.code);
	assert_string_equal(err_text(&first), err_text(&again));
	assert_true(kernel_symbol(m.kernel, "no_such", &value, &first) < 0);
	assert_non_null(strstr(err_text(&first), "looking for symbol 'no_such'"));
	assert_true(kernel_offset(m.kernel, "list_head.next", &value, &first) < 0);
	assert_non_null(strstr(err_text(&first), "member 'list_head.next'"));
	assert_int_equal(value, 7);
	assert_int_equal(kernel_offset(m.kernel, "list_head.prev", &value, NULL), 0);
	assert_int_equal(value, 8);
	assert_int_equal(kernel_sizeof(m.kernel, "list_head", &value, NULL), 0);
	assert_int_equal(value, 16);
	kernel_format_address(m.kernel, 0x1234, text, sizeof(text));
	assert_string_equal(text, "0x0000000000001234");
	machine_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_four_levels),
		cmocka_unit_test(pages_of_five_levels),
		cmocka_unit_test(huge_pages),
		cmocka_unit_test(huge_page_with_pat),
		cmocka_unit_test(kernel_loaded_elsewhere),
		cmocka_unit_test(memory_encryption_bit),
		cmocka_unit_test(many_pages),
		cmocka_unit_test(many_tables),
		cmocka_unit_test(not_mapped_at_each_level),
		cmocka_unit_test(table_not_in_the_image),
		cmocka_unit_test(image_of_the_kernel_without_tables),
		cmocka_unit_test(page_not_in_the_image),
		cmocka_unit_test(table_that_points_at_itself),
		cmocka_unit_test(impossible_huge_page),
		cmocka_unit_test(entry_with_all_bits),
		cmocka_unit_test(what_is_no_address),
		cmocka_unit_test(no_vmcoreinfo),
		cmocka_unit_test(vmcoreinfo_that_lies),
		cmocka_unit_test(vmcoreinfo_without_page_tables),
		cmocka_unit_test(strings),
		cmocka_unit_test(small_values),
		cmocka_unit_test(registers_of_a_cpu),
		cmocka_unit_test(registers_of_a_sleeper),
		cmocka_unit_test(names_of_the_kernel),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(what_can_not_be_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
