/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An architecture is data: a const struct of facts and functions, chosen from the image.
 * Never #ifdef: an x86-64 machine reads an arm64 dump. One file arch_NAME.c each.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"

struct backtrace;
struct cpu;
struct kernel;
struct kernel_mapping;
struct stack;
struct vmcoreinfo;

#define ARCH_REGS_MAX	       40
#define ARCH_SYSCALL_ARGUMENTS 6

/* Registers of one CPU at one moment; bit i of @known says that value[i] is true. */
struct regs {
	uint64_t value[ARCH_REGS_MAX];
	uint64_t known;
};

static inline bool regs_has(const struct regs *regs, unsigned int i)
{
	return regs->known >> i & 1;
}

static inline void regs_set(struct regs *regs, unsigned int i, uint64_t value)
{
	regs->value[i] = value;
	regs->known |= (uint64_t)1 << i;
}

struct arch {
	const char *name; /* as uname -m: "x86_64", "aarch64" */
	enum image_machine machine;

	/* A key of VMCOREINFO that no other architecture has. */
	const char *vmcoreinfo_key;

	/* Indexes into struct regs, and the names that a report prints, in its order. */
	const char *const *reg_names;
	unsigned int reg_count;
	unsigned int reg_ip, reg_sp, reg_fp;

	/*
	 * Finds the root of the kernel's page tables and what else translation needs,
	 * from VMCOREINFO. @ret_context is the arch's own, freed with free().
	 */
	int (*open)(struct kernel *kernel, void **ret_context, struct err *err);

	/* See kernel_translate(). @context is what open() gave. */
	int (*translate)(struct kernel *kernel, void *context, uint64_t vaddr,
			 uint64_t *ret_paddr, uint64_t *ret_run, struct err *err);

	/*
	 * The same through the tables of a process: @root_paddr is where its mm->pgd
	 * points to. NULL: not known for this architecture.
	 */
	int (*translate_user)(struct kernel *kernel, void *context, uint64_t root_paddr,
			      uint64_t vaddr, uint64_t *ret_paddr, struct err *err);

	/*
	 * The system call that a task is in, by its registers at the entry from user
	 * space. ERR_NOTFOUND: it is in none; *ret_is_compat: one of the 32 bit table.
	 * NULL: not known for this architecture.
	 */
	int (*syscall_of)(const struct regs *user, int64_t *ret_number,
			  uint64_t ret_arguments[ARCH_SYSCALL_ARGUMENTS],
			  bool *ret_is_compat, struct err *err);

	/* See kernel_next_mapping(). NULL: can't be told. */
	int (*next_mapping)(struct kernel *kernel, void *context, uint64_t vaddr,
			    struct kernel_mapping *ret, struct err *err);

	/* pr_reg of struct elf_prstatus, the whole note descriptor given. */
	int (*regs_from_prstatus)(const uint8_t *desc, size_t size, struct regs *ret,
				  struct err *err);

	/*
	 * QEMU's own note of one CPU, with the registers of the moment of the dump. NULL:
	 * QEMU has none of its own for this architecture.
	 * ERR_NOTFOUND: it is another CPU than that whose per-CPU area is there.
	 */
	int (*regs_from_qemu)(const uint8_t *desc, size_t size, uint64_t percpu_offset,
			      struct regs *ret, struct err *err);

	/* Are these of a program, not of the kernel? */
	bool (*is_user)(const struct regs *regs);

	/* Registers that a task that is not running left behind: at least ip, sp, fp. */
	int (*regs_of_sleeper)(struct kernel *kernel, uint64_t task_vaddr,
			       struct regs *ret, struct err *err);

	/* The CPU's stacks that are no task's: see stack.h. */
	size_t (*stacks)(struct kernel *kernel, const struct cpu *cpu, struct stack *ret);

	/* What unwind() asks kernel_unwinder() for, made on first use. */
	int (*unwinder_new)(struct kernel *kernel, void **ret, struct err *err);
	void (*unwinder_free)(void *unwinder);

	/* See unwind.h. Never fails: a stop and its reason are in the backtrace. */
	void (*unwind)(struct kernel *kernel, const struct regs *start,
		       bool start_is_interrupted, struct backtrace *ret);
};

extern const struct arch arch_x86_64;
extern const struct arch arch_arm64;

/*
 * NULL if the machine is none that we know. A dump that does not say it (QEMU's in the
 * kdump format, of arm64) is of that which @info speaks of.
 */
const struct arch *arch_find(enum image_machine machine, const struct vmcoreinfo *info);

#endif
