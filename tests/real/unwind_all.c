// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything that src/kernel/ says of the CPUs, modules and tasks of a dump, one a line,
 * fields with tabs between them: for backtraces.py, and to look at.
 *
 *	symbols COUNT exported|not WHERE-THE-SEARCH-HAS-THEM
 *	unwinder LAYOUT trial|header, or the architecture that has none
 *	panic CPU
 *	cpu ID TASK-ADDRESS registers|WHY-NOT
 *	module NAME STATE TAINTS SIZE
 *	cut WHAT WHY
 *	task ADDRESS PID TGID PPID STATE CPU running|- COMM END WHY FRAME...
 *
 * A FRAME is "ADDRESS NAME", the name as in an oops ("vfs_write+0x10/0x20 [module]") or
 * empty; "?" stands before it where it is not reliable, and "<STACK>" where it is on no
 * task's stack. Bytes that would end a field are escaped as \xNN.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/kallsyms.h"
#include "kernel/kallsyms_search.h"
#include "kernel/kernel.h"
#include "kernel/module.h"
#include "kernel/task.h"
#include "kernel/unwind.h"
#include "kernel/unwind_orc.h"

static void print_frame(struct kernel *kernel, const struct frame *frame)
{
	uint64_t lookup = frame_lookup_vaddr(frame);
	struct kernel_name name;

	putchar('\t');
	if (frame->stack[0])
		printf("<%s>", frame->stack);
	if (!frame->is_reliable)
		putchar('?');
	printf("0x%" PRIx64 " ", frame->ip);
	if (kernel_name(kernel, lookup, &name, NULL) < 0)
		return;
	printf("%s+0x%" PRIx64 "/0x%" PRIx64, name.symbol,
	       name.offset + (frame->ip - lookup), name.size);
	if (name.module[0])
		printf(" [%s]", name.module);
}

static void print_bytes(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c > '~')
			printf("\\x%02x", *c);
		else
			putchar(*c);
	}
}

static const struct cpu *cpu_of_task(const struct cpu_list *cpus, const struct task *task)
{
	for (size_t i = 0; i < cpus->count; i++)
		if (cpus->cpus[i].current_vaddr == task->vaddr)
			return &cpus->cpus[i];
	return NULL;
}

static void print_task(struct kernel *kernel, const struct task *task,
		       const struct cpu_list *cpus, struct backtrace *bt)
{
	struct err err = { 0 };

	printf("task\t0x%" PRIx64 "\t%" PRId32 "\t%" PRId32 "\t%" PRId32 "\t%c\t%" PRId64
	       "\t%s\t",
	       task->vaddr, task->pid, task->tgid, task->ppid, task->state,
	       task->cpu == UINT32_MAX ? -1 : (int64_t)task->cpu,
	       task->is_running ? "running" : "-");
	print_bytes(task->comm);
	if (unwind_task(kernel, task, cpu_of_task(cpus, task), bt, &err) < 0) {
		printf("\tnone\t%s\n", err_text(&err));
		return;
	}
	printf("\t%s\t%s", unwind_end_name(bt->end),
	       bt->end == UNWIND_END_BROKEN ? bt->end_why : "");
	for (size_t i = 0; i < bt->count; i++)
		print_frame(kernel, &bt->frames[i]);
	putchar('\n');
}

/* Found without VMCOREINFO: the same places, where it tells them. */
static void print_symbols(struct kernel *kernel)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	const struct kallsyms *kallsyms;
	struct kallsyms_places found;
	struct err err = { 0 };
	uint64_t num_syms, names, tokens, index;
	bool is_exported, is_same;

	if (kernel_kallsyms(kernel, &kallsyms, &err) < 0) {
		printf("symbols\tnone\t%s\n", err_text(&err));
		return;
	}
	is_exported =
		vmcoreinfo_symbol(info, "kallsyms_num_syms", &num_syms, NULL) == 0 &&
		vmcoreinfo_symbol(info, "kallsyms_names", &names, NULL) == 0 &&
		vmcoreinfo_symbol(info, "kallsyms_token_table", &tokens, NULL) == 0 &&
		vmcoreinfo_symbol(info, "kallsyms_token_index", &index, NULL) == 0;
	printf("symbols\t%zu\t%s\t", kallsyms_count(kallsyms),
	       is_exported ? "exported" : "not");
	if (kallsyms_search(kernel, &found, &err) < 0) {
		printf("%s\n", err_text(&err));
		return;
	}
	is_same = is_exported && found.num_syms == num_syms && found.names == names &&
		  found.token_table == tokens && found.token_index == index;
	printf("%s\n", is_same ? "there" : is_exported ? "elsewhere" : "found");
}

static void print_unwinder(struct kernel *kernel)
{
	const void *unwinder;
	struct err err = { 0 };
	bool is_guess;

	if (kernel_arch(kernel) != &arch_x86_64) {
		printf("unwinder\t%s\n", kernel_arch(kernel)->name);
		return;
	}
	if (kernel_unwinder(kernel, &unwinder, &err) < 0) {
		printf("unwinder\tnone\t%s\n", err_text(&err));
		return;
	}
	printf("unwinder\t%s", orc_layout_name(unwinder_orc_layout(unwinder, &is_guess)));
	printf("\t%s\n", is_guess ? "trial" : "header");
}

static void print_cpus(struct kernel *kernel, const struct cpu_list *cpus)
{
	struct err err = { 0 };
	uint32_t panicked;

	if (cpu_panicked(kernel, &panicked, &err) < 0)
		printf("panic\tnone\t%s\n", err_text(&err));
	else
		printf("panic\t%" PRIu32 "\n", panicked);
	for (size_t i = 0; i < cpus->count; i++) {
		const struct cpu *cpu = &cpus->cpus[i];

		printf("cpu\t%" PRIu32 "\t0x%" PRIx64 "\t%s\n", cpu->id,
		       cpu->current_vaddr,
		       cpu->has_regs ? "registers" : cpu->no_regs_why);
	}
}

static void print_modules(struct kernel *kernel)
{
	const struct modules *modules;
	const struct module *items;
	struct err err = { 0 };
	size_t count;

	if (kernel_modules(kernel, &modules, &err) < 0) {
		printf("cut\tmodules\t%s\n", err_text(&err));
		return;
	}
	items = modules_get(modules, &count);
	for (size_t i = 0; i < count; i++)
		printf("module\t%s\t%s\t0x%" PRIx64 "\t%" PRIu64 "\n", items[i].name,
		       module_state_name(items[i].state), items[i].taints,
		       items[i].size_bytes);
	if (modules_cut_why(modules))
		printf("cut\tmodules\t%s\n", modules_cut_why(modules));
}

static int print_all(const char *path, struct err *err)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	_cleanup_(task_list_done) struct task_list tasks = { 0 };
	_cleanup_backtrace struct backtrace *bt = backtrace_new();
	int r;

	if (!bt)
		return err_nomem(err);
	r = image_open(path, &image, err);
	if (r == 0)
		r = kernel_open(image, &kernel, err);
	if (r < 0)
		return r;
	print_symbols(kernel);
	print_unwinder(kernel);
	r = cpu_list_read(kernel, &cpus, err);
	if (r < 0)
		return r;
	print_cpus(kernel, &cpus);
	print_modules(kernel);
	r = task_list_read(kernel, &tasks, err);
	if (r < 0)
		return r;
	if (tasks.is_cut)
		printf("cut\ttasks\t%s\n", tasks.cut_why);
	for (size_t i = 0; i < tasks.count; i++)
		print_task(kernel, &tasks.tasks[i], &cpus, bt);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if (argc != 2) {
		fprintf(stderr, "usage: unwind_all DUMP\n");
		return 2;
	}
	if (print_all(argv[1], &err) < 0) {
		fprintf(stderr, "unwind_all: %s\n", err_text(&err));
		return 1;
	}
	return 0;
}
