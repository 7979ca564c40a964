/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where code is: the kernel's own and that of modules. What is compiled at run time (BPF,
 * trampolines of tracing) is not known here.
 */
#ifndef KERNEL_KTEXT_H
#define KERNEL_KTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"
#include "kernel/module.h"

#define TEXT_RANGES 2 /* _stext.._etext, _sinittext.._einittext */

struct ktext {
	struct {
		uint64_t start, end;
	} ranges[TEXT_RANGES];
	size_t count;
	const struct modules *modules; /* NULL: can't be had */
};

/* What can't be had is left out. Borrows from @kernel. */
void ktext_init(struct kernel *kernel, struct ktext *ret);

bool ktext_is_kernels(const struct ktext *text, uint64_t vaddr);

/* The module whose code is at @vaddr, or NULL. */
const struct module *ktext_module(const struct ktext *text, uint64_t vaddr);

bool ktext_has(const struct ktext *text, uint64_t vaddr);

#endif
