/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dead kernel of a few pages, made by a test: code, ORC tables, a module, tasks and
 *CPUs at the addresses below. What a kernel says by symbols and BTF is said by
 *VMCOREINFO.
 *
 *	struct fake_kernel f;
 *	fake_kernel_init(&f, ORC_LAYOUT_3);
 *	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(16));
 *	...
 *	struct kernel *kernel = fake_kernel_open(&f);
 *	fake_kernel_done(&f);
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "fake_image.h"

#include "kernel/kernel.h"
#include "kernel/orc.h"

#define TEXT	    UINT64_C(0xffffffff81000000)
#define TEXT_SIZE   UINT64_C(0x8000)
#define DATA	    UINT64_C(0xffffffff82000000)
#define DATA_SIZE   UINT64_C(0x10000)
#define MODULE	    UINT64_C(0xffffffffc0000000) /* text, then data of one module */
#define MODULE_SIZE UINT64_C(0x4000)
#define STACK	    UINT64_C(0xffffc90000000000)
#define STACK_SIZE  UINT64_C(0x10000)
#define TASKS	    UINT64_C(0xffff888000000000)
#define TASKS_SIZE  UINT64_C(0x10000)
#define NOWHERE	    UINT64_C(0xffffc90000800000) /* not mapped */

#define FUNCTION(i)	   (TEXT + (uint64_t)(i)*0x100)
#define MODULE_FUNCTION(i) (MODULE + (uint64_t)(i)*0x100)

/* DATA: what lies where */
#define ORC_HEADER	(DATA + 0x0000)
#define ORC_IPS		(DATA + 0x1000) /* 0x100 entries */
#define ORC_ENTRIES	(DATA + 0x2000)
#define MODULES_HEAD	(DATA + 0x3000)
#define PERCPU_OFFSETS	(DATA + 0x4000)
#define NR_CPU_IDS	(DATA + 0x4100)
#define ONLINE_MASK	(DATA + 0x4200)
#define CRASH_NOTES_PTR (DATA + 0x4300)
#define PANIC_CPU	(DATA + 0x4400)
#define MODULE_STRUCT	(DATA + 0x5000) /* 0x200 each */
#define MODULE_KALLSYMS (DATA + 0x6000)
#define MODULE_SYMTAB	(DATA + 0x6100)
#define MODULE_STRTAB	(DATA + 0x7000)
#define MODULE_ORC_IPS	(DATA + 0x8000)
#define MODULE_ORCS	(DATA + 0x8800)

/* A CPU's own area; symbols in it are offsets, as on x86-64 before v6.15. */
#define PERCPU(cpu)	 (DATA + 0xa000 + (uint64_t)(cpu)*0x1000)
#define PERCPU_CURRENT	 0x10
#define PERCPU_NOTES	 0x100
#define PERCPU_RUNQUEUE	 0x400
#define PERCPU_IRQ_STACK 0x20
#define FAKE_CPUS	 2

/* struct task_struct here; 0x200 each */
#define TASK(i)		 (TASKS + (uint64_t)(i)*0x200)
#define TASK_STATE	 0x08
#define TASK_STACK	 0x10
#define TASK_FLAGS	 0x18
#define TASK_ON_CPU	 0x1c
#define TASK_TASKS	 0x20
#define TASK_PID	 0x30
#define TASK_TGID	 0x34
#define TASK_REAL_PARENT 0x38
#define TASK_THREAD_NODE 0x40
#define TASK_COMM	 0x50
#define TASK_SIGNAL	 0x60
#define TASK_EXIT_STATE	 0x68
#define TASK_CPU	 0x6c
#define TASK_SP		 0x70
#define SIGNAL(i)	 (TASKS + 0x8000 + (uint64_t)(i)*0x40)
#define SIGNAL_HEAD	 0x10
#define RQ_IDLE		 0x08

/* struct module here */
#define MODULE_STATE	 0x00
#define MODULE_LIST	 0x08
#define MODULE_NAME	 0x18
#define MODULE_TAINTS	 0x58
#define MODULE_MEM	 0x60 /* 7 of {base, size}, 16 bytes each */
#define MODULE_KALLSYMSP 0xd0
#define MODULE_NUM_ORCS	 0xd8
#define MODULE_ORC_IP	 0xe0
#define MODULE_ORC	 0xe8

struct fake_kernel {
	struct fake_image memory;
	enum orc_layout layout;
	uint32_t orc_count, module_orc_count, symbol_count, strtab_size;
	struct image *image;
	struct kernel *kernel;
};

/* --- ORC -----------------------------------------------------------------------------
 */

struct fake_entry {
	enum orc_type type;
	enum orc_reg sp_reg;
	int sp_offset;
	enum orc_reg bp_reg;
	int bp_offset;
	bool is_signal;
};

#define FAKE_CALL_FRAME(size)                                                    \
	(struct fake_entry)                                                      \
	{                                                                        \
		.type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP, .sp_offset = (size) \
	}

static inline unsigned int fake_orc_reg(enum orc_layout layout, enum orc_reg reg)
{
	/* orc_types.h of v4.14 and of v7.1; 15 is no register */
	static const unsigned char until_3[] = {
		[ORC_REG_UNDEFINED] = 0,   [ORC_REG_PREV_SP] = 1,     [ORC_REG_AX] = 15,
		[ORC_REG_DX] = 2,	   [ORC_REG_DI] = 3,	      [ORC_REG_BP] = 4,
		[ORC_REG_SP] = 5,	   [ORC_REG_R10] = 6,	      [ORC_REG_R13] = 7,
		[ORC_REG_BP_INDIRECT] = 8, [ORC_REG_SP_INDIRECT] = 9,
	};
	static const unsigned char of_4[] = {
		[ORC_REG_UNDEFINED] = 0,   [ORC_REG_AX] = 1,
		[ORC_REG_DX] = 2,	   [ORC_REG_SP] = 3,
		[ORC_REG_BP] = 4,	   [ORC_REG_DI] = 5,
		[ORC_REG_R10] = 6,	   [ORC_REG_R13] = 7,
		[ORC_REG_PREV_SP] = 8,	   [ORC_REG_BP_INDIRECT] = 10,
		[ORC_REG_SP_INDIRECT] = 9,
	};

	return layout == ORC_LAYOUT_4 ? of_4[reg] : until_3[reg];
}

static inline void fake_orc_bytes(enum orc_layout layout, struct fake_entry e,
				  uint8_t ret[ORC_ENTRY_SIZE])
{
	static const unsigned int old_types[] = {
		[ORC_TYPE_CALL] = 0, [ORC_TYPE_REGS] = 1, [ORC_TYPE_REGS_PARTIAL] = 2
	};
	unsigned int flags =
		fake_orc_reg(layout, e.sp_reg) | fake_orc_reg(layout, e.bp_reg) << 4;

	if (layout >= ORC_LAYOUT_3)
		flags |= (unsigned int)e.type << 8 | (unsigned int)e.is_signal << 11;
	else if (e.type == ORC_TYPE_END)
		flags |= layout == ORC_LAYOUT_1 ? 1 << 10 : 1 << 11;
	else if (e.type != ORC_TYPE_UNDEFINED)
		flags |= old_types[e.type] << 8;
	if (layout == ORC_LAYOUT_2 && e.is_signal)
		flags |= 1 << 10;
	fake_store(ret, (uint16_t)e.sp_offset, 2);
	fake_store(ret + 2, (uint16_t)e.bp_offset, 2);
	fake_store(ret + 4, flags, 2);
}

static inline void fake_orc_at(struct fake_kernel *f, uint64_t ips, uint64_t entries,
			       uint32_t i, uint64_t vaddr, struct fake_entry e)
{
	uint8_t bytes[ORC_ENTRY_SIZE];

	fake_u32(&f->memory, ips + i * 4, (uint32_t)(vaddr - (ips + i * 4)));
	fake_orc_bytes(f->layout, e, bytes);
	fake_bytes(&f->memory, entries + i * ORC_ENTRY_SIZE, bytes, sizeof(bytes));
}

/* Entries in ascending order of @vaddr. */
static inline void fake_orc(struct fake_kernel *f, uint64_t vaddr, struct fake_entry e)
{
	fake_check(f->orc_count < 0x100);
	fake_orc_at(f, ORC_IPS, ORC_ENTRIES, f->orc_count++, vaddr, e);
}

static inline void fake_module_orc(struct fake_kernel *f, uint64_t vaddr,
				   struct fake_entry e)
{
	fake_orc_at(f, MODULE_ORC_IPS, MODULE_ORCS, f->module_orc_count++, vaddr, e);
	fake_u32(&f->memory, MODULE_STRUCT + MODULE_NUM_ORCS, f->module_orc_count);
}

/* call @target at @vaddr; returns what it pushes. */
static inline uint64_t fake_call(struct fake_kernel *f, uint64_t vaddr, uint64_t target)
{
	fake_uint(&f->memory, vaddr, 0xe8, 1);
	fake_u32(&f->memory, vaddr + 1, (uint32_t)(target - (vaddr + 5)));
	return vaddr + 5;
}

static inline void fake_pt_regs(struct fake_kernel *f, uint64_t at, uint64_t ip,
				uint64_t cs, uint64_t sp, uint64_t bp)
{
	fake_u64(&f->memory, at + 4 * 8, bp);
	fake_u64(&f->memory, at + 16 * 8, ip);
	fake_u64(&f->memory, at + 17 * 8, cs);
	fake_u64(&f->memory, at + 19 * 8, sp);
}

/* --- the module ----------------------------------------------------------------------
 */

static inline void fake_list_head(struct fake_kernel *f, uint64_t head)
{
	fake_u64(&f->memory, head, head);
	fake_u64(&f->memory, head + 8, head);
}

static inline void fake_list_add_tail(struct fake_kernel *f, uint64_t node, uint64_t head)
{
	uint64_t last = fake_load(fake_virt(&f->memory, head + 8), 8);

	fake_u64(&f->memory, last, node);
	fake_u64(&f->memory, node, head);
	fake_u64(&f->memory, node + 8, last);
	fake_u64(&f->memory, head + 8, node);
}

static inline void fake_symbol(struct fake_kernel *f, uint64_t vaddr,
			       unsigned int section, const char *name)
{
	uint64_t at = MODULE_SYMTAB + f->symbol_count++ * 24;

	fake_u32(&f->memory, at, f->strtab_size);
	fake_u16(&f->memory, at + 6, (uint16_t)section);
	fake_u64(&f->memory, at + 8, vaddr);
	fake_string(&f->memory, MODULE_STRTAB + f->strtab_size, name);
	f->strtab_size += (uint32_t)strlen(name) + 1;
	fake_u32(&f->memory, MODULE_KALLSYMS + 8, f->symbol_count);
}

static inline void fake_module(struct fake_kernel *f, uint64_t at, const char *name,
			       uint64_t text, uint32_t text_size)
{
	fake_string(&f->memory, at + MODULE_NAME, name);
	fake_u64(&f->memory, at + MODULE_MEM, text);
	fake_u32(&f->memory, at + MODULE_MEM + 8, text_size);
	fake_list_add_tail(f, at + MODULE_LIST, MODULES_HEAD);
}

static inline void fake_module_init(struct fake_kernel *f)
{
	struct fake_image *m = &f->memory;

	fake_module(f, MODULE_STRUCT, "fake", MODULE, 0x2000);
	fake_u64(m, MODULE_STRUCT + MODULE_MEM + 16, MODULE + 0x2000);
	fake_u32(m, MODULE_STRUCT + MODULE_MEM + 16 + 8, 0x1000);
	fake_u64(m, MODULE_STRUCT + MODULE_KALLSYMSP, MODULE_KALLSYMS);
	fake_u64(m, MODULE_KALLSYMS, MODULE_SYMTAB);
	fake_u64(m, MODULE_KALLSYMS + 16, MODULE_STRTAB);
	fake_u64(m, MODULE_STRUCT + MODULE_ORC_IP, MODULE_ORC_IPS);
	fake_u64(m, MODULE_STRUCT + MODULE_ORC, MODULE_ORCS);
	f->strtab_size = 1; // offset 0 is no name
	fake_vmcoreinfo(m, "SYMBOL(modules)=%" PRIx64, MODULES_HEAD);
	fake_vmcoreinfo(m,
			"OFFSET(module.state)=%d\nOFFSET(module.list)=%d\n"
			"OFFSET(module.name)=%d\nOFFSET(module.taints)=%d\n"
			"OFFSET(module.mem)=%d\nOFFSET(module_memory.base)=0\n"
			"OFFSET(module_memory.size)=8\nSIZE(module_memory)=16",
			MODULE_STATE, MODULE_LIST, MODULE_NAME, MODULE_TAINTS,
			MODULE_MEM);
	fake_vmcoreinfo(
		m,
		"OFFSET(module.kallsyms)=%d\nOFFSET(mod_kallsyms.symtab)=0\n"
		"OFFSET(mod_kallsyms.num_symtab)=8\nOFFSET(mod_kallsyms.strtab)=16\n"
		"OFFSET(module.arch.num_orcs)=%d\n"
		"OFFSET(module.arch.orc_unwind_ip)=%d\n"
		"OFFSET(module.arch.orc_unwind)=%d",
		MODULE_KALLSYMSP, MODULE_NUM_ORCS, MODULE_ORC_IP, MODULE_ORC);
}

/* --- CPUs and tasks ------------------------------------------------------------------
 */

static inline void fake_task(struct fake_kernel *f, int i, int pid, const char *comm)
{
	struct fake_image *m = &f->memory;

	fake_u32(m, TASK(i) + TASK_PID, (uint32_t)pid);
	fake_u32(m, TASK(i) + TASK_TGID, (uint32_t)pid);
	fake_string(m, TASK(i) + TASK_COMM, comm);
	fake_u64(m, TASK(i) + TASK_REAL_PARENT, TASK(0));
	fake_u64(m, TASK(i) + TASK_SIGNAL, SIGNAL(i));
	fake_u64(m, TASK(i) + TASK_STACK, STACK);
	fake_u32(m, TASK(i) + TASK_STATE, 1);
	fake_list_head(f, SIGNAL(i) + SIGNAL_HEAD);
	fake_list_add_tail(f, TASK(i) + TASK_THREAD_NODE, SIGNAL(i) + SIGNAL_HEAD);
	if (i == 0)
		fake_list_head(f, TASK(0) + TASK_TASKS);
	else
		fake_list_add_tail(f, TASK(i) + TASK_TASKS, TASK(0) + TASK_TASKS);
}

/* A thread of the group of task @leader. */
static inline void fake_thread(struct fake_kernel *f, int i, int pid, int leader)
{
	fake_u32(&f->memory, TASK(i) + TASK_PID, (uint32_t)pid);
	fake_u32(&f->memory, TASK(i) + TASK_TGID, (uint32_t)leader);
	fake_string(&f->memory, TASK(i) + TASK_COMM, "thread");
	fake_list_add_tail(f, TASK(i) + TASK_THREAD_NODE, SIGNAL(leader) + SIGNAL_HEAD);
}

/* What __switch_to_asm left of it: it returns to @ip with @sp. */
static inline void fake_sleeper(struct fake_kernel *f, int i, uint64_t ip, uint64_t sp,
				uint64_t bp)
{
	fake_u64(&f->memory, TASK(i) + TASK_SP, sp - 56);
	fake_u64(&f->memory, sp - 16, bp);
	fake_u64(&f->memory, sp - 8, ip);
}

static inline void fake_cpu_note(struct fake_kernel *f, int cpu, uint64_t ip, uint64_t sp)
{
	uint64_t at = PERCPU(cpu) + PERCPU_NOTES;

	fake_u32(&f->memory, at, 5);
	fake_u32(&f->memory, at + 4, FAKE_PRSTATUS_SIZE);
	fake_u32(&f->memory, at + 8, IMAGE_NT_PRSTATUS);
	fake_string(&f->memory, at + 12, "CORE");
	fake_pt_regs(f, at + 20 + 112, ip, 0x10, sp, 0);
}

static inline void fake_cpus_init(struct fake_kernel *f)
{
	struct fake_image *m = &f->memory;

	fake_u32(m, NR_CPU_IDS, FAKE_CPUS);
	fake_u64(m, ONLINE_MASK, 3);
	fake_u64(m, CRASH_NOTES_PTR, PERCPU_NOTES);
	fake_u32(m, PANIC_CPU, UINT32_MAX);
	for (int cpu = 0; cpu < FAKE_CPUS; cpu++)
		fake_u64(m, PERCPU_OFFSETS + (uint64_t)cpu * 8, PERCPU(cpu));
	fake_vmcoreinfo(m,
			"SYMBOL(__per_cpu_offset)=%" PRIx64
			"\nSYMBOL(nr_cpu_ids)=%" PRIx64
			"\nSYMBOL(__cpu_online_mask)=%" PRIx64
			"\nSYMBOL(crash_notes)=%" PRIx64 "\nSYMBOL(panic_cpu)=%" PRIx64,
			PERCPU_OFFSETS, NR_CPU_IDS, ONLINE_MASK, CRASH_NOTES_PTR,
			PANIC_CPU);
	fake_vmcoreinfo(m,
			"SYMBOL(current_task)=%x\nSYMBOL(runqueues)=%x\n"
			"SYMBOL(hardirq_stack_ptr)=%x\nOFFSET(rq.idle)=%d",
			PERCPU_CURRENT, PERCPU_RUNQUEUE, PERCPU_IRQ_STACK, RQ_IDLE);
	fake_vmcoreinfo(m, "SYMBOL(init_task)=%" PRIx64, TASK(0));
	fake_vmcoreinfo(m,
			"OFFSET(task_struct.__state)=%d\nOFFSET(task_struct.stack)=%d\n"
			"OFFSET(task_struct.flags)=%d\nOFFSET(task_struct.on_cpu)=%d\n"
			"OFFSET(task_struct.tasks)=%d\nOFFSET(task_struct.pid)=%d\n"
			"OFFSET(task_struct.tgid)=%d\nOFFSET(task_struct.real_parent)=%d",
			TASK_STATE, TASK_STACK, TASK_FLAGS, TASK_ON_CPU, TASK_TASKS,
			TASK_PID, TASK_TGID, TASK_REAL_PARENT);
	fake_vmcoreinfo(
		m,
		"OFFSET(task_struct.thread_node)=%d\nOFFSET(task_struct.comm)=%d\n"
		"OFFSET(task_struct.signal)=%d\n"
		"OFFSET(task_struct.exit_state)=%d\n"
		"OFFSET(task_struct.thread_info.cpu)=%d\n"
		"OFFSET(task_struct.thread.sp)=%d\n"
		"OFFSET(signal_struct.thread_head)=%d",
		TASK_THREAD_NODE, TASK_COMM, TASK_SIGNAL, TASK_EXIT_STATE, TASK_CPU,
		TASK_SP, SIGNAL_HEAD);
}

/* --- all of it -----------------------------------------------------------------------
 */

static inline void fake_orc_header(struct fake_kernel *f)
{
	static const char *const hashes[] = {
		[ORC_LAYOUT_2] = "db84aed4103b31dd51e017f8f79783ca985c2c51",
		[ORC_LAYOUT_3] = "fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24",
		[ORC_LAYOUT_4] = "137c36ad7627c4dd55932176bb0ecdbd5041fc82",
	};

	if (f->layout == ORC_LAYOUT_1)
		return; // had none
	for (unsigned int i = 0; i < ORC_HEADER_SIZE; i++) {
		unsigned int byte;

		fake_check(sscanf(hashes[f->layout] + i * 2, "%2x", &byte) == 1);
		fake_uint(&f->memory, ORC_HEADER + i, byte, 1);
	}
	fake_vmcoreinfo(&f->memory, "SYMBOL(__start_orc_header)=%" PRIx64, ORC_HEADER);
}

static inline void fake_kernel_init(struct fake_kernel *f, enum orc_layout layout)
{
	*f = (struct fake_kernel){ .layout = layout };
	fake_paging(&f->memory, 0x100000, 4);
	fake_memory(&f->memory, TEXT, 0x1000000, TEXT_SIZE);
	fake_memory(&f->memory, DATA, 0x2000000, DATA_SIZE);
	fake_memory(&f->memory, MODULE, 0x3000000, MODULE_SIZE);
	fake_memory(&f->memory, STACK, 0x4000000, STACK_SIZE);
	fake_memory(&f->memory, TASKS, 0x5000000, TASKS_SIZE);
	fake_vmcoreinfo(&f->memory,
			"SYMBOL(_stext)=%" PRIx64 "\nSYMBOL(_etext)=%" PRIx64
			"\nSYMBOL(_end)=%" PRIx64,
			TEXT, TEXT + TEXT_SIZE, DATA + DATA_SIZE);
	fake_orc_header(f);
	fake_list_head(f, MODULES_HEAD);
	fake_module_init(f);
	fake_cpus_init(f);
	fake_task(f, 0, 0, "swapper/0");
}

/* Once per fake kernel. */
static inline struct kernel *fake_kernel_open(struct fake_kernel *f)
{
	struct err err = { 0 };

	fake_vmcoreinfo(&f->memory,
			"SYMBOL(__start_orc_unwind_ip)=%" PRIx64
			"\nSYMBOL(__stop_orc_unwind_ip)=%" PRIx64
			"\nSYMBOL(__start_orc_unwind)=%" PRIx64,
			ORC_IPS, ORC_IPS + (uint64_t)f->orc_count * 4, ORC_ENTRIES);
	f->image = fake_open(&f->memory);
	if (kernel_open(f->image, &f->kernel, &err) < 0)
		fprintf(stderr, "fake kernel: %s\n", err_text(&err));
	fake_check(f->kernel);
	return f->kernel;
}

static inline void fake_kernel_done(struct fake_kernel *f)
{
	if (f->kernel)
		kernel_close(f->kernel);
	if (f->image)
		image_close(f->image);
	fake_done(&f->memory);
}

#endif
