// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of the kernel is taken as a whole, and why:
 *   - its data (initialised, zeroed, read-only after boot): some MiB, mostly zeros. Each
 *     reader begins at variables in there, and other readers than ours at others;
 *   - the part of each CPU's area that has names: run queues, current tasks, statistics;
 *   - symbols, types and unwind tables.
 * Not in the core: its code, which a vmlinux has too; only functions that a task was in,
 * from their start to there.
 *
 * Names of symbols: Linux include/asm-generic/sections.h, vmlinux.lds.h.
 */
#include "dump/core.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "dump/core_gather.h"
#include "image/image_watch.h"
#include "kernel/kallsyms.h"
#include "kernel/memory_stat.h"
#include "kernel/printk.h"
#include "kernel/stack.h"

#define SEARCH_SIZE_MIN	 (32 * KIB) /* a search reads a MiB at once */
#define VMCOREINFO_SIZE	 8192
#define KERNEL_IMAGE_MAX ((uint64_t)1 << 30) /* Linux x86 KERNEL_IMAGE_SIZE */

/* --- what the parts share ------------------------------------------------------------
 */

static void gather_range_to(struct gather *g, struct page_set *set, uint64_t vaddr,
			    uint64_t size)
{
	uint64_t done = 0;

	while (done < size && !set->failed) {
		uint64_t paddr, run, left = size - done;

		if (kernel_translate(g->kernel, vaddr + done, &paddr, &run, NULL) < 0) {
			/* To the next page: holes are small, or the end. */
			done += g->page_size - (vaddr + done) % g->page_size;
			continue;
		}
		page_set_add_bytes(set, paddr, MIN(run, left), g->page_size);
		done += run;
	}
}

void gather_range(struct gather *g, uint64_t vaddr, uint64_t size)
{
	gather_range_to(g, &g->core->pages, vaddr, MIN(size, GATHER_RANGE_MAX));
}

void gather_doubtful(struct gather *g, uint64_t vaddr, uint64_t size)
{
	gather_range_to(g, &g->core->doubtful, vaddr, MIN(size, GATHER_RANGE_MAX));
}

void gather_symbols(struct gather *g, const char *start, const char *end, uint64_t offset)
{
	uint64_t from, to;

	if (kernel_symbol(g->kernel, start, &from, NULL) == 0 &&
	    kernel_symbol(g->kernel, end, &to, NULL) == 0 && from < to)
		gather_doubtful(g, from + offset, to - from);
}

void gather_pointer(struct gather *g, uint64_t vaddr, uint64_t size)
{
	uint64_t to;

	if (kernel_read_u64(g->kernel, vaddr, &to, NULL) == 0 && to)
		gather_range(g, to, size);
}

void gather_missed(struct gather *g, const char *what, const struct err *why)
{
	char *missing = g->core->missing;
	size_t used = strlen(missing);

	snprintf(missing + used, sizeof(g->core->missing) - used, "%s%s: %s",
		 used ? ", " : "", what, err_text(why));
}

/* --- questions -----------------------------------------------------------------------
 */

static void gather_log(struct gather *g)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	struct err why = { 0 };

	if (printk_read(g->kernel, &log, &why) < 0)
		gather_missed(g, "the log", &why);
	g->core->log_records = log.count;
}

static void gather_knowledge(struct gather *g)
{
	const struct kallsyms *kallsyms;
	const struct types *types;
	const void *unwinder;
	bool was_searching;
	struct err why = { 0 };
	uint64_t vaddr;

	was_searching = vmcoreinfo_symbol(kernel_vmcoreinfo(g->kernel), "kallsyms_names",
					  &vaddr, NULL) < 0;
	g->is_searching = was_searching;
	if (kernel_kallsyms(g->kernel, &kallsyms, &why) < 0)
		gather_missed(g, "symbols", &why);
	g->is_searching = false;
	// Each takes some ten megabytes while it is loaded; a search for symbols is slow.
	if ((was_searching ? kernel_types(g->kernel, &types, &why)
			   : kernel_types_frugal(g->kernel, &types, &why)) < 0)
		gather_missed(g, "types", &why);
	if (kernel_unwinder(g->kernel, &unwinder, &why) < 0)
		gather_missed(g, "unwind tables", &why);
}

/* What a report says of the machine. */
static void gather_facts(struct gather *g)
{
	struct kernel_utsname names;
	struct memory_stat memory;
	uint64_t vaddr, pointer;
	uint32_t cpu;
	char text[2048];

	kernel_utsname(g->kernel, &names, NULL);
	memory_stat_read(g->kernel, &memory, NULL);
	cpu_panicked(g->kernel, &cpu, NULL);
	if (kernel_symbol(g->kernel, "saved_command_line", &vaddr, NULL) == 0 &&
	    kernel_read_u64(g->kernel, vaddr, &pointer, NULL) == 0)
		kernel_read_string(g->kernel, pointer, text, sizeof(text), NULL);
}

static void gather_stack(void *context, const struct stack *stack)
{
	gather_range(context, stack->start, stack->end - stack->start);
}

static void gather_cpus(struct gather *g, struct cpu_list *ret)
{
	struct stacks *stacks;
	struct err why = { 0 };

	if (cpu_list_read(g->kernel, ret, &why) < 0)
		gather_missed(g, "CPUs", &why);
	for (size_t i = 0; i < ret->count; i++)
		gather_symbols(g, "__per_cpu_start", "__per_cpu_end",
			       ret->cpus[i].percpu_offset);
	if (stacks_new(g->kernel, &stacks, NULL) == 0) {
		stacks_each(stacks, gather_stack, g);
		stacks_free(stacks);
	}
}

/* --- objects -------------------------------------------------------------------------
 */

static void gather_data(struct gather *g)
{
	uint64_t vaddr;
	/* x86 gives the end of what only an encrypted guest needs back, since v5.1. */
	const char *bss_end =
		kernel_symbol(g->kernel, "__start_bss_decrypted", &vaddr, NULL) == 0
			? "__start_bss_decrypted"
			: "__bss_stop";
	const char *const ranges[][2] = {
		{ "_sdata", "_edata" },
		{ "__start_rodata", "__end_rodata" },
		{ "__bss_start", bss_end },
		{ bss_end, "__start_bss_decrypted_unused" },
		{ "__end_bss_decrypted", "__bss_stop" },
		{ "__start_orc_unwind_ip", "__stop_orc_unwind_ip" },
		{ "__start_orc_unwind", "__stop_orc_unwind" },
		{ "orc_lookup", "orc_lookup_end" },
	};

	static const char *const pointers[] = { "vmcoreinfo_data",
						"vmcoreinfo_data_safecopy" };

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		gather_symbols(g, ranges[i][0], ranges[i][1], 0);
	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++)
		if (kernel_symbol(g->kernel, pointers[i], &vaddr, NULL) == 0)
			gather_pointer(g, vaddr, VMCOREINFO_SIZE);
}

/* All that is mapped from _stext on until a gap. */
static void gather_image(struct gather *g)
{
	struct page_set *set = &g->core->image;
	uint64_t start, paddr, run, done = 0;

	if (vmcoreinfo_symbol(kernel_vmcoreinfo(g->kernel), "_stext", &start, NULL) < 0)
		return;
	while (done < KERNEL_IMAGE_MAX && !set->failed &&
	       kernel_translate(g->kernel, start + done, &paddr, &run, NULL) == 0) {
		page_set_add_bytes(set, paddr, run, g->page_size);
		done += run;
	}
}

/* --- all of it -----------------------------------------------------------------------
 */

/*
 * Where a kernel does not say where its symbols are, or a dump has no note, memory is
 * searched for them. What was looked through for that is not what was found.
 */
static void core_saw(void *context, uint64_t paddr, size_t size)
{
	struct gather *g = context;

	if (g->is_searching && size > SEARCH_SIZE_MIN)
		return;
	page_set_add_bytes(g->is_searching ? &g->searched : &g->core->pages, paddr, size,
			   g->page_size);
}

/* Of what was looked through the kernel's image is not needed, page tables are. */
static void gather_searched(struct gather *g)
{
	page_set_seal(&g->searched);
	for (size_t i = 0; i < g->searched.count; i++) {
		const struct page_set_block *block = &g->searched.blocks[i];

		for (uint64_t k = 0; k < PAGE_SET_BLOCK_PAGES; k++) {
			uint64_t pfn = page_set_block_pfn(block) + k;

			if ((block->bits[k / 64] >> k % 64 & 1) &&
			    !page_set_has(&g->core->image, pfn))
				page_set_add(&g->core->pages, pfn);
		}
	}
	page_set_done(&g->searched);
}

/* Doubtful pages that a reader read were needed; all are in the core. */
static void core_join_doubtful(struct core *core)
{
	struct page_set doubtful = { 0 };

	page_set_seal(&core->doubtful);
	for (size_t i = 0; i < core->doubtful.count; i++) {
		const struct page_set_block *block = &core->doubtful.blocks[i];

		for (uint64_t k = 0; k < PAGE_SET_BLOCK_PAGES; k++) {
			uint64_t pfn = page_set_block_pfn(block) + k;
			size_t before = core->pages.pages;

			if (!(block->bits[k / 64] >> k % 64 & 1))
				continue;
			page_set_add(&core->pages, pfn);
			if (core->pages.pages > before)
				page_set_add(&doubtful, pfn);
		}
	}
	page_set_done(&core->doubtful);
	core->doubtful = doubtful;
	page_set_seal(&core->doubtful);
}

static void gather_all(struct gather *g)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };

	gather_image(g);
	page_set_seal(&g->core->image);
	gather_log(g);
	gather_knowledge(g);
	gather_facts(g);
	gather_data(g);
	gather_cpus(g, &cpus);
	gather_modules(g);
	gather_tasks(g, &cpus);
	gather_for_crash(g);
	gather_searched(g);
}

int core_gather(struct image *image, uint32_t page_size, struct core *ret,
		struct err *err)
{
	_cleanup_image struct image *watched = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct core core = { 0 };
	struct gather g = { .core = &core, .page_size = page_size };
	const struct image_watcher watcher = { .saw = core_saw, .context = &g };
	int r = image_watch(image, &watcher, &watched, err);

	g.is_searching = true;
	if (r == 0)
		r = kernel_open(watched, &kernel, err);
	g.is_searching = false;
	if (r == 0) {
		g.kernel = kernel;
		gather_all(&g);
		r = core.pages.failed == ERR_NOMEM ? err_nomem(err) : 0;
	}
	page_set_done(&g.searched);
	if (r < 0) {
		core_done(&core);
		return r;
	}
	if (core.pages.failed) {
		struct err why = { 0 };

		err_set(&why, core.pages.failed, "its pages lie in more than %u places",
			PAGE_SET_BLOCKS_MAX);
		gather_missed(&g, "the rest", &why);
	}
	core_join_doubtful(&core);
	page_set_seal(&core.pages);
	*ret = core;
	return 0;
}

void core_done(struct core *core)
{
	page_set_done(&core->pages);
	page_set_done(&core->doubtful);
	page_set_done(&core->image);
	*core = (struct core){ 0 };
}
