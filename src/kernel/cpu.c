// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sources: Linux kernel/crash_core.c, kernel/kexec_core.c (crash_notes, panic_cpu),
 * arch/x86/kernel/reboot.c (crashing_cpu), arch/x86/include/asm/current.h,
 * arch/x86/kernel/setup_percpu.c (__per_cpu_offset), kernel/sched/sched.h (struct rq).
 *
 * Registers are those that a CPU noted when it was stopped. What it did afterwards, and
 * what a CPU did that never answered, is not known here; but where QEMU made the dump it
 * noted each CPU's registers of that moment, and they are taken.
 */
#include "kernel/cpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/stack.h"

#define NOTE_HEADER_SIZE 12
#define NOTE_NAME_MAX	 16
#define NOTE_DESC_MAX	 1024 /* struct elf_prstatus: 336 on x86-64, 392 on arm64 */

/* How to find the current task of a CPU: at a per-CPU symbol + offset. */
struct current_source {
	bool is_known;
	uint64_t vaddr; /* of the symbol, before the CPU's offset is added */
	char why[160];	/* not known */
};

/* Where the per-CPU areas are: an array, or without SMP none. */
struct percpu_areas {
	bool has_offsets;
	uint64_t offsets_vaddr; /* __per_cpu_offset[] */
	uint32_t count;		/* nr_cpu_ids */
};

static int areas_read(struct kernel *kernel, struct percpu_areas *ret, struct err *err)
{
	struct percpu_areas areas = { .count = 1 };
	uint64_t vaddr;
	int r;

	r = kernel_symbol(kernel, "__per_cpu_offset", &areas.offsets_vaddr, err);
	if (r == ERR_NOTFOUND && kernel_symbol(kernel, "init_task", &vaddr, NULL) == 0) {
		*ret = areas; // symbols are there, this one is not: CONFIG_SMP=n
		return 0;
	}
	if (r == 0)
		r = kernel_symbol(kernel, "nr_cpu_ids", &vaddr, err);
	if (r == 0)
		r = kernel_read_u32(kernel, vaddr, &areas.count, err);
	if (r < 0)
		return r;
	if (areas.count == 0 || areas.count > CPU_COUNT_MAX)
		return err_set(err, ERR_CORRUPT, "nr_cpu_ids is %" PRIu32, areas.count);
	areas.has_offsets = true;
	*ret = areas;
	return 0;
}

static int areas_offset(struct kernel *kernel, const struct percpu_areas *areas,
			uint32_t id, uint64_t *ret, struct err *err)
{
	if (!areas->has_offsets) {
		*ret = 0;
		return 0;
	}
	return kernel_read_u64(kernel, areas->offsets_vaddr + (uint64_t)id * 8, ret, err);
}

/* x86 keeps it by itself in three ways over time; a run queue's is everywhere. */
static void current_source_find(struct kernel *kernel, struct current_source *ret)
{
	static const struct {
		const char *symbol, *member;
	} sources[] = {
		{ "pcpu_hot", "pcpu_hot.current_task" }, // e57ef2ed97c1 (v6.2) to v6.14
		{ "current_task", NULL },
		{ "runqueues", "rq.curr" },
	};
	struct err err = { 0 };

	*ret = (struct current_source){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(sources) && !ret->is_known; i++) {
		uint64_t offset = 0;

		if (kernel_symbol(kernel, sources[i].symbol, &ret->vaddr, &err) < 0)
			continue;
		if (sources[i].member &&
		    kernel_offset(kernel, sources[i].member, &offset, &err) < 0)
			continue;
		ret->vaddr += offset;
		ret->is_known = true;
	}
	if (!ret->is_known)
		snprintf(ret->why, sizeof(ret->why), "%.159s", err_text(&err));
}

/* One Elf64_Nhdr, its name and its descriptor, as crash_save_cpu() writes it. */
static int note_read(struct kernel *kernel, uint64_t vaddr, struct regs *ret,
		     struct err *err)
{
	uint8_t header[NOTE_HEADER_SIZE], desc[NOTE_DESC_MAX];
	uint32_t name_size, desc_size;
	int r;

	r = kernel_read(kernel, vaddr, header, sizeof(header), err);
	if (r < 0)
		return err_in(err, r, "crash note");
	name_size = load_le32(header);
	desc_size = load_le32(header + 4);
	if (name_size == 0)
		return err_set(err, ERR_NOTFOUND,
			       "it did not answer when the machine was stopped");
	if (load_le32(header + 8) != IMAGE_NT_PRSTATUS || name_size > NOTE_NAME_MAX ||
	    desc_size > NOTE_DESC_MAX)
		return err_set(err, ERR_CORRUPT, "its crash note makes no sense");
	vaddr += NOTE_HEADER_SIZE + ((name_size + 3) & ~UINT32_C(3));
	r = kernel_read(kernel, vaddr, desc, desc_size, err);
	if (r == 0)
		r = kernel_arch(kernel)->regs_from_prstatus(desc, desc_size, ret, err);
	return r < 0 ? err_in(err, r, "crash note") : 0;
}

/* False: no note of QEMU's is of this CPU. */
static bool read_qemu_regs(struct kernel *kernel, struct cpu *cpu)
{
	const struct arch *arch = kernel_arch(kernel);
	size_t count;
	const struct image_note *notes = image_notes(kernel_image(kernel), &count);

	for (size_t i = 0; i < count && arch->regs_from_qemu; i++)
		if (strcmp(notes[i].name, "QEMU") == 0 &&
		    arch->regs_from_qemu(notes[i].desc, notes[i].desc_size,
					 cpu->percpu_offset, &cpu->regs, NULL) == 0)
			return true;
	return false;
}

#define PRSTATUS_PID_OFFSET 32		/* pr_pid in struct elf_prstatus */
#define THREAD_SIZE	    (16 * 1024) /* at least this, and a page */

static bool is_prstatus(const struct image_note *note)
{
	return strcmp(note->name, "CORE") == 0 && note->type == IMAGE_NT_PRSTATUS &&
	       note->desc_size >= PRSTATUS_PID_OFFSET + 4;
}

/*
 * QEMU's CPU @id, where it has nothing but NT_PRSTATUS: it numbers them from 1 on (its
 * target/arm/arch_dump.c), where the kernel tells the pids of tasks. NULL: not QEMU's.
 */
static const struct image_note *find_qemu_prstatus(const struct kernel *kernel,
						   uint32_t id)
{
	size_t count, number = 0;
	const struct image_note *notes = image_notes(kernel_image(kernel), &count);
	const struct image_note *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!is_prstatus(&notes[i]))
			continue;
		number++;
		if (load_le32(notes[i].desc + PRSTATUS_PID_OFFSET) != number)
			return NULL;
		if (number == (size_t)id + 1)
			found = &notes[i];
	}
	return found;
}

/* Is @sp on the stack of the CPU's task, or on one of its own? */
static bool is_own_stack(struct kernel *kernel, const struct cpu *cpu, uint64_t sp)
{
	uint64_t offset, stack, size = MAX(THREAD_SIZE, kernel_page_size(kernel));
	struct stack own[STACKS_PER_CPU];
	size_t count = kernel_arch(kernel)->stacks(kernel, cpu, own);

	for (size_t i = 0; i < count; i++)
		if (sp >= own[i].start && sp < own[i].end)
			return true;
	return cpu->current_vaddr &&
	       kernel_offset(kernel, "task_struct.stack", &offset, NULL) == 0 &&
	       kernel_read_u64(kernel, cpu->current_vaddr + offset, &stack, NULL) == 0 &&
	       sp >= stack && sp - stack < size;
}

/*
 * QEMU's numbers need not be the kernel's: in the kernel the stack proves that it is this
 * CPU. In user space nothing does, and the numbers are taken as they are.
 */
static bool read_qemu_prstatus(struct kernel *kernel, struct cpu *cpu)
{
	const struct arch *arch = kernel_arch(kernel);
	const struct image_note *note = find_qemu_prstatus(kernel, cpu->id);
	struct regs regs;

	if (!note || arch->regs_from_qemu ||
	    arch->regs_from_prstatus(note->desc, note->desc_size, &regs, NULL) < 0)
		return false;
	if (!arch->is_user(&regs) && !is_own_stack(kernel, cpu, regs.value[arch->reg_sp]))
		return false;
	cpu->regs = regs;
	return true;
}

/* crash_notes is a per-CPU pointer: it is read once and each CPU's offset added. */
static void cpu_read_regs(struct kernel *kernel, struct cpu *cpu)
{
	struct err err = { 0 };
	uint64_t vaddr, notes;
	int r;

	r = kernel_symbol(kernel, "crash_notes", &vaddr, &err);
	if (r == 0)
		r = kernel_read_u64(kernel, vaddr, &notes, &err);
	if (r == 0 && notes == 0)
		r = err_set(&err, ERR_NOTFOUND, "this kernel keeps no crash notes");
	if (r == 0)
		r = note_read(kernel, notes + cpu->percpu_offset, &cpu->regs, &err);
	cpu->has_regs =
		r == 0 || read_qemu_regs(kernel, cpu) || read_qemu_prstatus(kernel, cpu);
	if (!cpu->has_regs)
		snprintf(cpu->no_regs_why, sizeof(cpu->no_regs_why), "%.159s",
			 err_text(&err));
}

/* One bit of a struct cpumask; false too where it can't be read. */
static bool mask_has(struct kernel *kernel, uint64_t mask_vaddr, uint32_t id)
{
	uint64_t word;

	return kernel_read_u64(kernel, mask_vaddr + id / 64 * 8, &word, NULL) == 0 &&
	       (word >> id % 64 & 1);
}

static int list_add(struct cpu_list *list, const struct cpu *cpu, struct err *err)
{
	size_t n = list->count;

	if (n % 16 == 0) {
		struct cpu *cpus = realloc(list->cpus, (n + 16) * sizeof(*cpus));

		if (!cpus)
			return err_nomem(err);
		list->cpus = cpus;
	}
	list->cpus[list->count++] = *cpu;
	return 0;
}

/*
 * Adds CPU @id if it was online. A CPU that the panic itself took offline
 * (stop_this_cpu()) counts too: it noted its registers.
 */
static int list_read_cpu(struct kernel *kernel, const struct percpu_areas *areas,
			 const struct current_source *current, uint64_t online_vaddr,
			 uint32_t id, struct cpu_list *list, struct err *err)
{
	struct cpu cpu = { .id = id };
	int r;

	r = areas_offset(kernel, areas, id, &cpu.percpu_offset, err);
	if (r < 0)
		return err_in(err, r, "per-CPU area of CPU %" PRIu32, id);
	if (current->is_known &&
	    kernel_read_u64(kernel, current->vaddr + cpu.percpu_offset,
			    &cpu.current_vaddr, NULL) < 0)
		cpu.current_vaddr = 0;
	cpu_read_regs(kernel, &cpu);
	if (online_vaddr && !mask_has(kernel, online_vaddr, id) && !cpu.has_regs)
		return 0;
	return list_add(list, &cpu, err);
}

int cpu_list_read(struct kernel *kernel, struct cpu_list *ret, struct err *err)
{
	_cleanup_cpu_list struct cpu_list list = { 0 };
	struct current_source current;
	struct percpu_areas areas = { 0 };
	uint64_t online_vaddr = 0;
	int r;

	r = areas_read(kernel, &areas, err);
	if (r < 0)
		return err_in(err, r, "looking for CPUs");
	current_source_find(kernel, &current);
	if (areas.has_offsets &&
	    kernel_symbol(kernel, "__cpu_online_mask", &online_vaddr, NULL) < 0)
		online_vaddr = 0; // all possible ones then
	for (uint32_t id = 0; id < areas.count; id++) {
		r = list_read_cpu(kernel, &areas, &current, online_vaddr, id, &list, err);
		if (r < 0)
			return r;
	}
	if (list.count == 0)
		return err_set(err, ERR_NOTFOUND, "no CPU was online");
	*ret = list;
	list = (struct cpu_list){ 0 };
	return 0;
}

void cpu_list_done(struct cpu_list *list)
{
	free(list->cpus);
	*list = (struct cpu_list){ 0 };
}

int cpu_percpu(struct kernel *kernel, const struct cpu *cpu, const char *symbol,
	       uint64_t *ret, struct err *err)
{
	uint64_t vaddr;
	int r;

	/* Before v6.15 (x86) an offset into the area, after it an address: summed alike.
	 */
	r = kernel_symbol(kernel, symbol, &vaddr, err);
	if (r < 0)
		return r;
	*ret = vaddr + cpu->percpu_offset;
	return 0;
}

/* The value of an int that is -1 where nothing happened. */
static int read_cpu_number(struct kernel *kernel, const char *symbol, uint32_t *ret,
			   struct err *err)
{
	uint64_t vaddr;
	uint32_t value;
	int r;

	r = kernel_symbol(kernel, symbol, &vaddr, err);
	if (r == 0)
		r = kernel_read_u32(kernel, vaddr, &value, err);
	if (r < 0)
		return r;
	if (value == UINT32_MAX)
		return err_set(err, ERR_NOTFOUND, "'%s' is -1: no CPU panicked", symbol);
	if (value >= CPU_COUNT_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' is %" PRIu32, symbol, value);
	*ret = value;
	return 0;
}

int cpu_panicked(struct kernel *kernel, uint32_t *ret, struct err *err)
{
	/*
	 * panic_redirect_cpu (v7.1) is the CPU that panicked where the work was handed to
	 * another one by panic_force_cpu=; -1 otherwise.
	 */
	if (read_cpu_number(kernel, "panic_redirect_cpu", ret, NULL) == 0 ||
	    read_cpu_number(kernel, "panic_cpu", ret, NULL) == 0)
		return 0;
	return read_cpu_number(kernel, "crashing_cpu", ret, err);
}
