/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded modules: where each lies, what it taints, its symbols and its unwind table.
 * Source: Linux include/linux/module.h, kernel/module/kallsyms.c; members by BTF.
 * It knows no file of a module: names, addresses and tables are those in memory.
 *
 * A module's symbols are read when the first address in it is looked up, so a const
 * struct modules still grows. One thread uses one struct modules, as with its kernel.
 */
#ifndef KERNEL_MODULE_H
#define KERNEL_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define MODULE_NAME_SIZE   64	       /* MODULE_NAME_LEN is 56 on 64 bits */
#define MODULE_RANGES_MAX  7	       /* MOD_MEM_NUM_TYPES */
#define MODULE_COUNT_MAX   4096	       /* distributions load some hundred */
#define MODULE_SYMBOLS_MAX (128 << 10) /* kept of all modules together: 3 MiB */
#define MODULE_SYMTAB_MAX  (512 << 10) /* looked at in one module */
#define MODULE_SYMBOL_SIZE 512	       /* KSYM_NAME_LEN */

struct module_symbols;

enum module_state {
	MODULE_STATE_LIVE,
	MODULE_STATE_COMING, /* its init function runs */
	MODULE_STATE_GOING,
	MODULE_STATE_UNFORMED, /* not set up yet: its members can't be trusted */
	MODULE_STATE_UNKNOWN,
};

struct module_range {
	uint64_t start; /* virtual, half-open */
	uint64_t end;
	bool is_text;
};

struct module {
	char name[MODULE_NAME_SIZE];
	uint64_t vaddr; /* of its struct module */
	enum module_state state;
	uint64_t taints;     /* bits as in the kernel's taint_flags[] */
	uint64_t size_bytes; /* of all ranges */
	struct module_range
		ranges[MODULE_RANGES_MAX]; /* ranges[0] is its text, where known */
	size_t range_count;

	/* The unwind table of x86 (struct mod_arch_specific); 0 entries: it has none. */
	uint64_t orc_ip_vaddr;
	uint64_t orc_entry_vaddr;
	uint32_t orc_count;

	/* struct mod_kallsyms; 0 symbols: they can't be had. */
	uint64_t symtab_vaddr;
	uint64_t strtab_vaddr;
	uint32_t symtab_count;
	struct module_symbols *symbols; /* module.c's own */
};

struct modules;

/*
 * ERR_NOTFOUND: this kernel has no modules at all. A list that breaks off is kept as far
 * as it goes, see modules_cut_why().
 */
int modules_new(struct kernel *kernel, struct modules **ret, struct err *err);
void modules_free(struct modules *modules);
static inline void modules_freep(struct modules **modules)
{
	modules_free(*modules);
}

/* In the order of the kernel's list: the last loaded first. */
const struct module *modules_get(const struct modules *modules, size_t *ret_count);

/* Why the list broke off, so that the rest is unknown; NULL where it is whole. */
const char *modules_cut_why(const struct modules *modules);

/* The module whose memory holds @vaddr; NULL: none. */
const struct module *modules_find(const struct modules *modules, uint64_t vaddr);

/* Is @vaddr in the module's code? */
bool module_has_text(const struct module *module, uint64_t vaddr);

/*
 * The name of what lies at @vaddr; names are borrowed until modules_free(). ERR_NOTFOUND:
 * outside of all modules; another error: inside one whose symbols can't be read.
 */
int modules_lookup(const struct modules *modules, uint64_t vaddr, struct kernel_name *ret,
		   struct err *err);

/*
 * The @i-th symbol of @module, one of @modules, in the order of addresses; "" for one
 * that the kernel passes over. ERR_NOTFOUND: there are not so many. The name is borrowed
 * until modules_free().
 */
int modules_symbol(const struct modules *modules, const struct module *module, size_t i,
		   const char **ret_name, uint64_t *ret_vaddr, struct err *err);

/*
 * The address of a module's symbol: of the last loaded module that has it. ERR_NOTFOUND.
 */
int modules_find_symbol(const struct modules *modules, const char *name, uint64_t *ret,
			struct err *err);

/* "live", "coming", "going", "unformed", "unknown" */
const char *module_state_name(enum module_state state);

#endif
