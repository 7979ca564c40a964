/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system call that a task is in, by name, with its arguments by name.
 *
 * Number and arguments are those of its registers at the entry from user space. Names
 * come from the kernel itself: of calls and arguments from syscalls_metadata[] (Linux
 * kernel/trace/trace_syscalls.c, with CONFIG_FTRACE_SYSCALLS), else of calls alone from
 * the symbols that sys_call_table[] points to.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/arch.h"
#include "kernel/kernel.h"

#define SYSCALL_NUMBER_MAX 1024 /* x86-64 has 470 */
#define SYSCALL_TEXT_SIZE  128	/* of a path that was given */

struct syscall_argument {
	char name[32]; /* "" unknown */
	char type[48];
	uint64_t value;
	bool has_text; /* it points to a string, which is in the dump */
	char text[SYSCALL_TEXT_SIZE];
};

struct syscall {
	int64_t number;
	bool is_compat; /* of the table for 32 bit programs */
	char name[48];	/* "openat"; "" unknown, because */
	char no_name[160];
	struct syscall_argument arguments[ARCH_SYSCALL_ARGUMENTS];
	size_t argument_count; /* all six where their number is not known */
};

/*
 * @user: a task's registers at the entry from user space. ERR_NOTFOUND: it is in no
 * system call.
 */
int syscall_read(struct kernel *kernel, uint64_t task_vaddr, const struct regs *user,
		 struct syscall *ret, struct err *err);

/*
 * The file descriptor that a call is about, by the names of its arguments: of several the
 * first. ERR_NOTFOUND: none, or their names are not known.
 */
int syscall_fd(const struct syscall *call, uint32_t *ret, struct err *err);

/*
 * "openat(dfd=-100, filename=0x7ffc01 "/tmp/x", flags=0x42, mode=0600)". Text from user
 * space is as it is: escape it.
 */
void syscall_format(const struct syscall *call, char *ret, size_t size);

#endif
