// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sources: Linux include/linux/err.h (MAX_ERRNO), include/linux/poison.h and
 * include/linux/slab.h (poisons), mm/slab.h (struct slab; before v5.17 the same words of
 * struct page), include/linux/slub_def.h (struct kmem_cache).
 */
#include "kernel/pointee.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/stack.h"
#include "kernel/task.h"
#include "kernel/value.h"

#define NULL_MAX	 4096 /* members of NULL */
#define ERRNO_MAX	 4095
#define TASKS_MAX	 4096
#define STACK_SIZE_USUAL (16u << 10) /* THREAD_SIZE of x86-64 and arm64 */

struct task_stack {
	uint64_t start;
	int32_t pid;
	char comm[17];
};

struct pointee_finder {
	struct kernel *kernel;
	struct stacks *stacks; /* NULL: not known */
	struct task_stack *task_stacks;
	size_t task_count;
	uint64_t stack_size;

	/* Of slabs; page_struct_size 0: not known. */
	uint64_t vmemmap, page_struct_size;
	uint64_t direct_start; /* of the direct map of all memory */
	int64_t slab_value;
	bool slab_is_type;
};

static void load_task_stacks(struct pointee_finder *finder)
{
	_cleanup_task_list struct task_list list = { 0 };

	if (task_list_read_some(finder->kernel, TASKS_MAX, &list, NULL) < 0)
		return;
	if (kernel_sizeof(finder->kernel, "thread_union", &finder->stack_size, NULL) < 0)
		finder->stack_size = STACK_SIZE_USUAL;
	finder->task_stacks = calloc(list.count + 1, sizeof(*finder->task_stacks));
	for (size_t i = 0; finder->task_stacks && i < list.count; i++) {
		struct task_stack *stack = &finder->task_stacks[finder->task_count];

		if (value_read(finder->kernel, list.tasks[i].vaddr, "task_struct.stack",
			       &stack->start, NULL) < 0 ||
		    !stack->start)
			continue;
		stack->pid = list.tasks[i].pid;
		snprintf(stack->comm, sizeof(stack->comm), "%s", list.tasks[i].comm);
		finder->task_count++;
	}
}

/* How a slab page is told: its type since v6.10, a flag before. */
static void load_slab_mark(struct pointee_finder *finder)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(finder->kernel);

	if (vmcoreinfo_number(info, "PAGE_SLAB_MAPCOUNT_VALUE", &finder->slab_value,
			      NULL) == 0)
		finder->slab_is_type = true;
	else if (vmcoreinfo_number(info, "PG_slab", &finder->slab_value, NULL) < 0)
		finder->page_struct_size = 0;
}

static void load_memmap(struct pointee_finder *finder)
{
	struct kernel *kernel = finder->kernel;
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	uint64_t pointer;

	// Linux arch/x86/mm/kaslr.c: both are variables, whose symbols kallsyms has.
	if ((vmcoreinfo_symbol(info, "vmemmap", &finder->vmemmap, NULL) < 0 &&
	     (kernel_symbol(kernel, "vmemmap_base", &pointer, NULL) < 0 ||
	      kernel_read_u64(kernel, pointer, &finder->vmemmap, NULL) < 0)) ||
	    kernel_symbol(kernel, "page_offset_base", &pointer, NULL) < 0 ||
	    kernel_read_u64(kernel, pointer, &finder->direct_start, NULL) < 0 ||
	    vmcoreinfo_size(info, "page", &finder->page_struct_size, NULL) < 0) {
		finder->page_struct_size = 0;
		return;
	}
	load_slab_mark(finder);
}

int pointee_finder_new(struct kernel *kernel, struct pointee_finder **ret,
		       struct err *err)
{
	struct pointee_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return err_nomem(err);
	finder->kernel = kernel;
	if (stacks_new(kernel, &finder->stacks, NULL) < 0)
		finder->stacks = NULL;
	load_task_stacks(finder);
	load_memmap(finder);
	*ret = finder;
	return 0;
}

void pointee_finder_free(struct pointee_finder *finder)
{
	if (!finder)
		return;
	stacks_free(finder->stacks);
	free(finder->task_stacks);
	free(finder);
}

static void set(struct pointee *ret, enum pointee_kind kind, bool is_bad, const char *fmt,
		...) PRINTF(4, 5);
static void set(struct pointee *ret, enum pointee_kind kind, bool is_bad, const char *fmt,
		...)
{
	va_list ap;

	ret->kind = kind;
	ret->is_bad = is_bad;
	va_start(ap, fmt);
	vsnprintf(ret->text, sizeof(ret->text), fmt, ap);
	va_end(ap);
}

/* Words that the kernel writes into memory for the purpose of being recognised. */
static const char *poison_of(uint64_t value)
{
	static const struct {
		uint64_t first, last;
		const char *what;
	} poisons[] = {
		{ UINT64_C(0xdead000000000100), UINT64_C(0xdead0000000001ff),
		  "LIST_POISON1: the next of what was taken off a list" },
		{ UINT64_C(0xdead000000000122), UINT64_C(0xdead000000000221),
		  "LIST_POISON2: the previous of what was taken off a list" },
	};
	static const struct {
		uint8_t byte;
		const char *what;
	} bytes[] = {
		{ 0x6b, "POISON_FREE: memory that was freed" },
		{ 0x5a, "POISON_INUSE: memory that was never initialised" },
		{ 0xa5, "POISON_END: behind an object" },
		{ 0xcc, "memory of the kernel's start that was freed" },
	};

	// The second range lies partly in the first: the nearer start is the better
	// guess.
	for (size_t i = ARRAY_SIZE(poisons); i-- > 0;) {
		if (value >= poisons[i].first && value <= poisons[i].last)
			return poisons[i].what;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
		uint64_t word = bytes[i].byte * UINT64_C(0x0101010101010101);

		if (value >> 12 == word >> 12) // a member of it too
			return bytes[i].what;
	}
	return NULL;
}

static bool find_stack(const struct pointee_finder *finder, uint64_t value,
		       struct pointee *ret)
{
	struct stack stack;

	if (finder->stacks && stacks_find(finder->stacks, value, &stack)) {
		set(ret, POINTEE_STACK, false, "%s stack of a CPU", stack.name);
		return true;
	}
	for (size_t i = 0; i < finder->task_count; i++) {
		const struct task_stack *task = &finder->task_stacks[i];

		if (value < task->start || value - task->start >= finder->stack_size)
			continue;
		set(ret, POINTEE_STACK, false, "stack of task %s (pid %" PRId32 ")",
		    task->comm, task->pid);
		return true;
	}
	return false;
}

/* The struct page of what is at @paddr, of a compound page its head. */
static int find_page(const struct pointee_finder *finder, uint64_t paddr, uint64_t *ret)
{
	uint64_t pfn = paddr / kernel_page_size(finder->kernel);
	uint64_t page = finder->vmemmap + pfn * finder->page_struct_size, head;
	int r = value_read(finder->kernel, page, "page.compound_head", &head, NULL);

	if (r < 0)
		return r;
	*ret = head & 1 ? head - 1 : page;
	return 0;
}

static bool is_slab(const struct pointee_finder *finder, uint64_t page)
{
	uint64_t type, flags;

	if (!finder->slab_is_type)
		return value_read(finder->kernel, page, "page.flags", &flags, NULL) ==
			       0 &&
		       finder->slab_value >= 0 && finder->slab_value < 64 &&
		       flags >> finder->slab_value & 1;
	if (value_read(finder->kernel, page, "page.page_type", &type, NULL) < 0)
		return false;
	// Since v6.11 the type is the top byte, and counts may stand below it.
	return (uint32_t)type == (uint32_t)finder->slab_value ||
	       (uint32_t)type >> 24 == (uint32_t)finder->slab_value >> 24;
}

/* @base: the virtual address of the page at @page. */
static bool describe_object(const struct pointee_finder *finder, uint64_t page,
			    uint64_t base, uint64_t value, struct pointee *ret)
{
	static const char *const cache_paths[] = { "slab.slab_cache", "page.slab_cache",
						   NULL };
	struct kernel *kernel = finder->kernel;
	uint64_t cache, size, object_size, name_vaddr, offset;
	char name[64];

	if (value_read_any(kernel, page, cache_paths, &cache, NULL) < 0 ||
	    value_read(kernel, cache, "kmem_cache.size", &size, NULL) < 0 ||
	    value_read(kernel, cache, "kmem_cache.object_size", &object_size, NULL) < 0 ||
	    value_read(kernel, cache, "kmem_cache.name", &name_vaddr, NULL) < 0 ||
	    kernel_read_string(kernel, name_vaddr, name, sizeof(name), NULL) < 0 ||
	    !size || size > (1u << 22))
		return false;
	offset = (value - base) % size;
	set(ret, POINTEE_SLAB, false,
	    "%s + 0x%" PRIx64 ", an object of %" PRIu64 " bytes", name, offset,
	    object_size);
	return true;
}

static bool find_slab(const struct pointee_finder *finder, uint64_t value, uint64_t paddr,
		      struct pointee *ret)
{
	uint32_t page_size = kernel_page_size(finder->kernel);
	uint64_t page, pfn;

	if (!finder->page_struct_size || value < finder->direct_start ||
	    value - finder->direct_start != paddr ||
	    find_page(finder, paddr, &page) < 0 || page < finder->vmemmap ||
	    !is_slab(finder, page))
		return false;
	pfn = (page - finder->vmemmap) / finder->page_struct_size;
	if (pfn > paddr / page_size)
		return false;
	return describe_object(finder, page, finder->direct_start + pfn * page_size,
			       value, ret);
}

/* The kernel's half and the user's, with 57 bits of address at most. */
static bool is_canonical(uint64_t value)
{
	return value >> 56 == 0 || value >> 56 == 0xff;
}

static bool is_no_address(uint64_t value, struct pointee *ret)
{
	const char *poison = poison_of(value);

	if (value < NULL_MAX) {
		set(ret, POINTEE_NULL, true, value ? "NULL + 0x%" PRIx64 : "NULL", value);
	} else if (value >= (uint64_t)-ERRNO_MAX) {
		set(ret, POINTEE_ERROR, true, "ERR_PTR(-%" PRIu64 ")", -value);
	} else if (poison) {
		set(ret, POINTEE_POISON, true, "%s", poison);
	} else if (!is_canonical(value)) {
		set(ret, POINTEE_NON_CANONICAL, true, "no address of this machine");
	} else {
		return false;
	}
	return true;
}

void pointee_find(struct pointee_finder *finder, uint64_t value, struct pointee *ret)
{
	struct kernel_name name;
	char text[160];
	uint64_t paddr;

	*ret = (struct pointee){ .kind = POINTEE_NUMBER };
	if (is_no_address(value, ret))
		return;
	if (value >> 63 == 0) {
		if (value >> 20)
			set(ret, POINTEE_USER, false, "user memory, or a number");
		return;
	}
	if (kernel_name(finder->kernel, value, &name, NULL) == 0) {
		kernel_format_address(finder->kernel, value, text, sizeof(text));
		set(ret, POINTEE_SYMBOL, false, "%s", text);
		return;
	}
	if (find_stack(finder, value, ret))
		return;
	if (kernel_translate(finder->kernel, value, &paddr, NULL, NULL) == ERR_FAULT) {
		set(ret, POINTEE_UNMAPPED, true, "nothing is mapped there");
		return;
	}
	if (!find_slab(finder, value, paddr, ret))
		set(ret, POINTEE_MEMORY, false, "kernel memory");
}
