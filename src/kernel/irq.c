// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/irq.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/index_tree.h"
#include "kernel/ring.h"
#include "kernel/value.h"

/* irqaction.next is a chain of structs, not of links: it is at an offset of its own. */
static int read_actions(struct kernel *kernel, uint64_t desc, struct irq *irq,
			struct err *err)
{
	uint64_t action, name, handler;
	char text[64];
	int r = value_read(kernel, desc, "irq_desc.action", &action, err);

	for (int i = 0; r == 0 && action && i < IRQ_ACTIONS_MAX; i++) {
		size_t used = strlen(irq->actions);

		r = value_read(kernel, action, "irqaction.name", &name, err);
		text[0] = '\0';
		if (r == 0 && name)
			r = kernel_read_string(kernel, name, text, sizeof(text), err);
		if (r == 0)
			snprintf(irq->actions + used, sizeof(irq->actions) - used, "%s%s",
				 used ? ", " : "", text);
		if (r == 0 && i == 0 &&
		    value_read(kernel, action, "irqaction.handler", &handler, NULL) == 0)
			kernel_format_address(kernel, handler, irq->handler,
					      sizeof(irq->handler));
		if (r == 0)
			r = value_read(kernel, action, "irqaction.next", &action, err);
	}
	irq->handler[strcspn(irq->handler, "+")] = '\0'; // it is a function's start
	return r;
}

/* A per-CPU number; since 86d2a2f51fba (v6.10) in a struct irqstat. */
static int read_counts(struct kernel *kernel, uint64_t desc, const struct cpu_list *cpus,
		       struct irq *irq, struct err *err)
{
	uint64_t stats;
	int r = value_read(kernel, desc, "irq_desc.kstat_irqs", &stats, err);

	irq->counts = calloc(cpus->count, sizeof(*irq->counts));
	if (!irq->counts)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && stats && i < cpus->count; i++) {
		r = kernel_read_u32(kernel, stats + cpus->cpus[i].percpu_offset,
				    &irq->counts[i], err);
		irq->total += irq->counts[i];
	}
	return r;
}

static void read_chip(struct kernel *kernel, uint64_t desc, struct irq *irq)
{
	uint64_t chip, name;

	if (value_read(kernel, desc, "irq_desc.irq_data.chip", &chip, NULL) < 0 ||
	    !chip || value_read(kernel, chip, "irq_chip.name", &name, NULL) < 0 || !name)
		return;
	if (kernel_read_string(kernel, name, irq->chip, sizeof(irq->chip), NULL) < 0)
		irq->chip[0] = '\0';
}

static int list_add(struct kernel *kernel, const struct cpu_list *cpus, uint32_t number,
		    uint64_t desc, struct irq_list *list, struct err *err)
{
	struct irq irq = { .number = number };
	size_t n = list->count;
	int r = read_counts(kernel, desc, cpus, &irq, err);

	if (r == 0)
		r = read_actions(kernel, desc, &irq, err);
	if (r == 0)
		r = value_read(kernel, desc, "irq_desc.depth", &irq.disabled_depth, err);
	if (r < 0 || (!irq.actions[0] && !irq.total)) {
		free(irq.counts);
		return r < 0 ? err_in(err, r, "interrupt %" PRIu32, number) : 0;
	}
	read_chip(kernel, desc, &irq);
	if (n % 64 == 0) {
		struct irq *irqs = realloc(list->irqs, (n + 64) * sizeof(*irqs));

		if (!irqs) {
			free(irq.counts);
			return err_nomem(err);
		}
		list->irqs = irqs;
	}
	list->irqs[list->count++] = irq;
	return 0;
}

/* A radix tree until 721255b9826b (v6.5), then a maple tree. */
static int list_walk(struct kernel *kernel, const struct cpu_list *cpus,
		     struct irq_list *list, struct err *err)
{
	struct index_tree tree;
	uint64_t vaddr, index, desc;
	int r = kernel_symbol(kernel, "sparse_irqs", &vaddr, err);

	if (r == 0) {
		r = index_tree_init_maple(kernel, vaddr, IRQ_COUNT_MAX, &tree, err);
	} else if (r == ERR_NOTFOUND) {
		r = kernel_symbol(kernel, "irq_desc_tree", &vaddr, err);
		if (r == 0)
			r = index_tree_init_xarray(kernel, vaddr, IRQ_COUNT_MAX, &tree,
						   err);
	}
	while (r == 0 && (r = index_tree_next(&tree, &index, &desc, err)) > 0)
		r = list_add(kernel, cpus, (uint32_t)index, desc, list, err);
	return r;
}

int irq_list_read(struct kernel *kernel, const struct cpu_list *cpus,
		  struct irq_list *ret, struct err *err)
{
	struct irq_list list = { 0 };
	struct err why = { 0 };
	int r = list_walk(kernel, cpus, &list, &why);

	if (r < 0 && (!list.count || r == ERR_NOMEM)) {
		irq_list_done(&list);
		return err_set(err, r, "looking for interrupts: %.400s", err_text(&why));
	}
	snprintf(list.cut_why, sizeof(list.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	*ret = list;
	return 0;
}

void irq_list_done(struct irq_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->irqs[i].counts);
	free(list->irqs);
	*list = (struct irq_list){ 0 };
}

/* --- softirqs -------------------------------------------------------------------- */

/* Where each CPU keeps the ones that were raised: three places over time. */
static int pending_find(struct kernel *kernel, uint64_t *ret_vaddr, struct err *err)
{
	uint64_t offset;

	if (kernel_symbol(kernel, "__softirq_pending", ret_vaddr, NULL) == 0)
		return 0;
	if (kernel_offset(kernel, "pcpu_hot.softirq_pending", &offset, NULL) == 0 &&
	    kernel_symbol(kernel, "pcpu_hot", ret_vaddr, NULL) == 0) {
		*ret_vaddr += offset;
		return 0;
	}
	if (kernel_offset(kernel, "irq_cpustat_t.__softirq_pending", &offset, err) < 0)
		return ERR_NOTFOUND;
	if (kernel_symbol(kernel, "irq_stat", ret_vaddr, err) < 0)
		return ERR_NOTFOUND;
	*ret_vaddr += offset;
	return 0;
}

static int names_read(struct kernel *kernel, struct softirqs *softirqs, struct err *err)
{
	uint64_t table, name, stride;
	int r = kernel_symbol(kernel, "softirq_to_name", &table, err);

	if (r == 0)
		r = value_array(kernel, "kernel_stat.softirqs", &softirqs->count, &stride,
				err);
	if (r == 0 && softirqs->count > SOFTIRQ_MAX)
		r = err_set(err, ERR_CORRUPT, "it has %zu softirqs", softirqs->count);
	for (size_t i = 0; r == 0 && i < softirqs->count; i++) {
		r = kernel_read_u64(kernel, table + i * 8, &name, err);
		if (r == 0)
			r = kernel_read_string(kernel, name, softirqs->names[i],
					       sizeof(softirqs->names[i]), err);
	}
	return r;
}

static int counts_read(struct kernel *kernel, const struct cpu_list *cpus,
		       struct softirqs *softirqs, struct err *err)
{
	uint64_t stat, offset, pending;
	int r = kernel_symbol(kernel, "kstat", &stat, err);

	if (r == 0)
		r = kernel_offset(kernel, "kernel_stat.softirqs", &offset, err);
	if (r == 0)
		r = pending_find(kernel, &pending, err);
	softirqs->counts =
		calloc(cpus->count * softirqs->count + 1, sizeof(*softirqs->counts));
	softirqs->pending = calloc(cpus->count + 1, sizeof(*softirqs->pending));
	if (!softirqs->counts || !softirqs->pending)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < cpus->count; i++) {
		uint64_t percpu = cpus->cpus[i].percpu_offset;
		uint16_t bits;

		r = kernel_read(kernel, stat + offset + percpu,
				softirqs->counts + i * softirqs->count,
				softirqs->count * sizeof(*softirqs->counts), err);
		if (r == 0) // a u16 on x86; as many bits are enough anywhere
			r = kernel_read_u16(kernel, pending + percpu, &bits, err);
		if (r == 0)
			softirqs->pending[i] = bits;
	}
	return r;
}

int softirqs_read(struct kernel *kernel, const struct cpu_list *cpus,
		  struct softirqs *ret, struct err *err)
{
	struct softirqs softirqs = { 0 };
	int r = names_read(kernel, &softirqs, err);

	if (r == 0)
		r = counts_read(kernel, cpus, &softirqs, err);
	if (r < 0) {
		softirqs_done(&softirqs);
		return err_in(err, r, "looking for softirqs");
	}
	*ret = softirqs;
	return 0;
}

void softirqs_done(struct softirqs *softirqs)
{
	free(softirqs->counts);
	free(softirqs->pending);
	*softirqs = (struct softirqs){ 0 };
}
