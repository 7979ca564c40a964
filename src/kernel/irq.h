/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts: how often each came to each CPU, and who waits for it; softirqs: how often
 * each ran, and which were raised and had not run yet.
 * Source: Linux kernel/irq/{irqdesc,proc}.c, kernel/softirq.c; members by BTF.
 *
 * Interrupts that have no number (of timers, to other CPUs) are counted by architectures
 * in ways of their own: not known here.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"

#define IRQ_COUNT_MAX	65536
#define IRQ_ACTIONS_MAX 16 /* of one shared interrupt */
#define SOFTIRQ_MAX	32 /* NR_SOFTIRQS is 10: a mask of 32 bits */

struct irq {
	uint32_t number;
	char chip[32];	   /* "PCI-MSI"; "" none */
	char actions[160]; /* names, joined by ", "; "" nobody */
	char handler[96];  /* the first one's function; "" unknown */
	uint64_t disabled_depth;
	uint32_t *counts; /* one a CPU of the list */
	uint64_t total;
};

struct irq_list {
	struct irq *irqs; /* by number; those that nobody ever wanted are left out */
	size_t count;
	char cut_why[256];
};

/* Borrows nothing of @cpus. */
int irq_list_read(struct kernel *kernel, const struct cpu_list *cpus,
		  struct irq_list *ret, struct err *err);
void irq_list_done(struct irq_list *list);

struct softirqs {
	char names[SOFTIRQ_MAX][16]; /* "TIMER", "NET_RX", ... */
	size_t count;
	uint32_t *counts;  /* [cpu * count + softirq] */
	uint32_t *pending; /* bits, one number a CPU */
};

int softirqs_read(struct kernel *kernel, const struct cpu_list *cpus,
		  struct softirqs *ret, struct err *err);
void softirqs_done(struct softirqs *softirqs);

#define _cleanup_irq_list _cleanup_(irq_list_done)
#define _cleanup_softirqs _cleanup_(softirqs_done)

#endif
