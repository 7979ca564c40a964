// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* Names that are no functions or objects at one address; more at once are hostile. */
#define SKIPPED_NAMES_MAX 64
#define SYMTAB_BATCH	  64

/* Elf64_Sym, elf.h */
#define SYM_SIZE  24
#define SHN_UNDEF 0

struct module_symbol {
	uint64_t vaddr;
	uint32_t order; /* in the symbol table: the kernel takes the first of equals */
	uint32_t name_offset; /* in the string table */
	char *name;	      /* NULL: not read yet */
};

struct module_symbols {
	struct module_symbol *items; /* sorted by vaddr, then order */
	size_t count;
	int failed; /* a code: they can't be read, and never will */
	char why[160];
};

/* Where members lie; one of the two ways to say where a module's memory is. */
struct module_layout {
	uint64_t list, name, state, taints;
	bool has_kallsyms;
	uint64_t kallsyms, symtab, num_symtab, strtab;
	bool has_orc;
	uint64_t num_orcs, orc_ip, orc_entry;
	bool has_mem; /* Linux ac3b43283923 (in v6.4): module.mem[] */
	uint64_t mem, mem_stride, mem_base, mem_size;
	uint64_t core_layout, init_layout, layout_base, layout_size, layout_text_size;
};

struct modules {
	struct kernel *kernel;
	struct module *items;
	size_t count;
	bool is_cut;
	char cut_why[256];
	size_t *symbol_count; /* of all modules; a pointer, as lookups are const */
};

/* An index of module.mem[], enum mod_mem_type */
static bool mem_is_text(unsigned int type)
{
	return type == 0 || type == 4; // MOD_TEXT, MOD_INIT_TEXT
}

static bool offsets_read(struct kernel *kernel, const char *const paths[],
			 uint64_t *const rets[], size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (kernel_offset(kernel, paths[i], rets[i], err) < 0)
			return false;
	return true;
}

static int layout_read_memory(struct kernel *kernel, struct module_layout *l,
			      struct err *err)
{
	l->has_mem =
		offsets_read(kernel,
			     (const char *const[]){ "module.mem", "module_memory.base",
						    "module_memory.size" },
			     (uint64_t *const[]){ &l->mem, &l->mem_base, &l->mem_size },
			     3, NULL);
	if (l->has_mem)
		return kernel_sizeof(kernel, "module_memory", &l->mem_stride, err);
	if (offsets_read(
		    kernel,
		    (const char *const[]){ "module.core_layout", "module.init_layout",
					   "module_layout.base", "module_layout.size",
					   "module_layout.text_size" },
		    (uint64_t *const[]){ &l->core_layout, &l->init_layout,
					 &l->layout_base, &l->layout_size,
					 &l->layout_text_size },
		    5, err))
		return 0;
	return err_in(err, ERR_UNSUPPORTED, "neither module.mem nor module.core_layout");
}

static int layout_read(struct kernel *kernel, struct module_layout *ret, struct err *err)
{
	struct module_layout l = { 0 };
	int r;

	if (!offsets_read(kernel,
			  (const char *const[]){ "module.list", "module.name",
						 "module.state", "module.taints" },
			  (uint64_t *const[]){ &l.list, &l.name, &l.state, &l.taints }, 4,
			  err))
		return ERR_NOTFOUND;
	r = layout_read_memory(kernel, &l, err);
	if (r < 0)
		return r;
	l.has_kallsyms = offsets_read(
		kernel,
		(const char *const[]){ "module.kallsyms", "mod_kallsyms.symtab",
				       "mod_kallsyms.num_symtab", "mod_kallsyms.strtab" },
		(uint64_t *const[]){ &l.kallsyms, &l.symtab, &l.num_symtab, &l.strtab },
		4, NULL);
	l.has_orc =
		offsets_read(kernel,
			     (const char *const[]){ "module.arch.num_orcs",
						    "module.arch.orc_unwind_ip",
						    "module.arch.orc_unwind" },
			     (uint64_t *const[]){ &l.num_orcs, &l.orc_ip, &l.orc_entry },
			     3, NULL);
	*ret = l;
	return 0;
}

static void module_add_range(struct module *m, uint64_t start, uint64_t size,
			     bool is_text)
{
	uint64_t end = start + size;

	if (!start || !size || end < start || m->range_count == MODULE_RANGES_MAX)
		return;
	m->ranges[m->range_count++] =
		(struct module_range){ .start = start, .end = end, .is_text = is_text };
	m->size_bytes += size;
}

static int module_read_mem(struct kernel *kernel, const struct module_layout *l,
			   struct module *m, struct err *err)
{
	for (unsigned int type = 0; type < MODULE_RANGES_MAX; type++) {
		uint64_t at = m->vaddr + l->mem + type * l->mem_stride;
		uint64_t base;
		uint32_t size;
		int r;

		r = kernel_read_u64(kernel, at + l->mem_base, &base, err);
		if (r < 0)
			return r;
		r = kernel_read_u32(kernel, at + l->mem_size, &size, err);
		if (r < 0)
			return r;
		module_add_range(m, base, size, mem_is_text(type));
	}
	return 0;
}

/* struct module_layout: text comes first in it, then data. */
static int module_read_layout(struct kernel *kernel, const struct module_layout *l,
			      uint64_t at, struct module *m, struct err *err)
{
	uint32_t size, text_size;
	uint64_t base;
	int r;

	r = kernel_read_u64(kernel, at + l->layout_base, &base, err);
	if (r < 0)
		return r;
	r = kernel_read_u32(kernel, at + l->layout_size, &size, err);
	if (r < 0)
		return r;
	r = kernel_read_u32(kernel, at + l->layout_text_size, &text_size, err);
	if (r < 0)
		return r;
	if (!base)
		return 0; // init memory, freed
	text_size = MIN(text_size, size);
	module_add_range(m, base, text_size, true);
	module_add_range(m, base + text_size, size - text_size, false);
	return 0;
}

static int module_read_ranges(struct kernel *kernel, const struct module_layout *l,
			      struct module *m, struct err *err)
{
	int r;

	if (l->has_mem)
		return module_read_mem(kernel, l, m, err);
	r = module_read_layout(kernel, l, m->vaddr + l->core_layout, m, err);
	if (r < 0)
		return r;
	return module_read_layout(kernel, l, m->vaddr + l->init_layout, m, err);
}

/* What a backtrace wants beside the ranges; without it the module is still listed. */
static void module_read_tables(struct kernel *kernel, const struct module_layout *l,
			       struct module *m)
{
	uint64_t kallsyms;
	uint32_t count;

	if (l->has_orc &&
	    kernel_read_u32(kernel, m->vaddr + l->num_orcs, &count, NULL) == 0 &&
	    kernel_read_u64(kernel, m->vaddr + l->orc_ip, &m->orc_ip_vaddr, NULL) == 0 &&
	    kernel_read_u64(kernel, m->vaddr + l->orc_entry, &m->orc_entry_vaddr, NULL) ==
		    0)
		m->orc_count = count;
	if (l->has_kallsyms &&
	    kernel_read_u64(kernel, m->vaddr + l->kallsyms, &kallsyms, NULL) == 0 &&
	    kernel_read_u32(kernel, kallsyms + l->num_symtab, &count, NULL) == 0 &&
	    kernel_read_u64(kernel, kallsyms + l->symtab, &m->symtab_vaddr, NULL) == 0 &&
	    kernel_read_u64(kernel, kallsyms + l->strtab, &m->strtab_vaddr, NULL) == 0)
		m->symtab_count = count;
}

static int module_read(struct kernel *kernel, const struct module_layout *l,
		       uint64_t vaddr, struct module *ret, struct err *err)
{
	struct module m = { .vaddr = vaddr };
	uint32_t state;
	int r;

	r = kernel_read_string(kernel, vaddr + l->name, m.name, sizeof(m.name), err);
	if (r < 0)
		return r;
	r = kernel_read_u32(kernel, vaddr + l->state, &state, err);
	if (r < 0)
		return r;
	m.state = state < MODULE_STATE_UNKNOWN ? (enum module_state)state
					       : MODULE_STATE_UNKNOWN;
	r = kernel_read_u64(kernel, vaddr + l->taints, &m.taints, err);
	if (r < 0)
		return r;
	// one that is not set up yet has nothing to find, and what is there may be
	// garbage
	if (m.state != MODULE_STATE_UNFORMED) {
		r = module_read_ranges(kernel, l, &m, err);
		if (r < 0)
			return r;
		module_read_tables(kernel, l, &m);
	}
	*ret = m;
	return 0;
}

static int modules_add(struct modules *modules, const struct module *m, struct err *err)
{
	struct module *items;
	size_t n = modules->count;

	if (n == MODULE_COUNT_MAX)
		return err_set(err, ERR_LIMIT, "more than %d modules", MODULE_COUNT_MAX);
	if ((n & (n - 1)) == 0) { // full at each power of two
		items = realloc(modules->items, MAX(2 * n, (size_t)8) * sizeof(*items));
		if (!items)
			return err_nomem(err);
		modules->items = items;
	}
	modules->items[modules->count++] = *m;
	return 0;
}

/* The list's own order; a loop that never meets the head ends at MODULE_COUNT_MAX. */
static int modules_walk(struct modules *modules, const struct module_layout *l,
			uint64_t head, struct err *err)
{
	struct kernel *kernel = modules->kernel;
	uint64_t node;
	int r;

	r = kernel_read_u64(kernel, head, &node, err);
	while (r == 0 && node != head) {
		struct module m;

		for (size_t i = 0; i < modules->count; i++)
			if (modules->items[i].vaddr == node - l->list)
				return err_set(err, ERR_CORRUPT,
					       "module '%s' comes twice",
					       modules->items[i].name);
		r = module_read(kernel, l, node - l->list, &m, err);
		if (r < 0)
			return err_in(err, r, "module 0x%" PRIx64, node - l->list);
		r = modules_add(modules, &m, err);
		if (r == 0)
			r = kernel_read_u64(kernel, node, &node, err);
	}
	return r;
}

int modules_new(struct kernel *kernel, struct modules **ret, struct err *err)
{
	_cleanup_(modules_freep) struct modules *modules = NULL;
	struct module_layout layout;
	struct err cut = { 0 };
	uint64_t head;
	int r;

	r = kernel_symbol(kernel, "modules", &head, err);
	if (r < 0)
		return err_in(err, r, "looking for modules");
	r = layout_read(kernel, &layout, err);
	if (r < 0)
		return err_in(err, r, "looking for modules");
	modules = calloc(1, sizeof(*modules));
	if (!modules)
		return err_nomem(err);
	modules->symbol_count = calloc(1, sizeof(*modules->symbol_count));
	if (!modules->symbol_count)
		return err_nomem(err);
	modules->kernel = kernel;
	r = modules_walk(modules, &layout, head, &cut);
	if (r == ERR_NOMEM)
		return err_nomem(err);
	if (r < 0) {
		modules->is_cut = true;
		snprintf(modules->cut_why, sizeof(modules->cut_why), "%s",
			 err_text(&cut));
	}
	*ret = take_ptr(modules);
	return 0;
}

static void symbols_free(struct module_symbols *symbols)
{
	if (!symbols)
		return;
	for (size_t i = 0; i < symbols->count; i++)
		free(symbols->items[i].name);
	free(symbols->items);
	free(symbols);
}

static void symbols_freep(struct module_symbols **symbols)
{
	symbols_free(*symbols);
}

void modules_free(struct modules *modules)
{
	if (!modules)
		return;
	for (size_t i = 0; i < modules->count; i++)
		symbols_free(modules->items[i].symbols);
	free(modules->items);
	free(modules->symbol_count);
	free(modules);
}

const struct module *modules_get(const struct modules *modules, size_t *ret_count)
{
	*ret_count = modules->count;
	return modules->items;
}

const char *modules_cut_why(const struct modules *modules)
{
	return modules->is_cut ? modules->cut_why : NULL;
}

static const struct module_range *module_range_of(const struct module *m, uint64_t vaddr)
{
	for (size_t i = 0; i < m->range_count; i++)
		if (vaddr >= m->ranges[i].start && vaddr < m->ranges[i].end)
			return &m->ranges[i];
	return NULL;
}

static struct module *modules_find_item(const struct modules *modules, uint64_t vaddr)
{
	for (size_t i = 0; i < modules->count; i++)
		if (module_range_of(&modules->items[i], vaddr))
			return &modules->items[i];
	return NULL;
}

const struct module *modules_find(const struct modules *modules, uint64_t vaddr)
{
	return modules_find_item(modules, vaddr);
}

bool module_has_text(const struct module *module, uint64_t vaddr)
{
	const struct module_range *range = module_range_of(module, vaddr);

	return range && range->is_text;
}

static int symbol_compare(const void *a, const void *b)
{
	const struct module_symbol *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Keeps a batch of Elf64_Sym that lie in the module's memory. */
static int symbols_add(const struct modules *modules, const struct module *m,
		       const uint8_t *batch, uint32_t first, uint32_t count,
		       struct module_symbols *ret, struct err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *sym = batch + (size_t)i * SYM_SIZE;
		uint64_t vaddr = load_le64(sym + 8);
		size_t n = ret->count;

		if (load_le16(sym + 6) == SHN_UNDEF || !load_le32(sym) ||
		    !module_range_of(m, vaddr))
			continue;
		if (*modules->symbol_count == MODULE_SYMBOLS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d symbols of modules",
				       MODULE_SYMBOLS_MAX);
		if (n % 256 == 0) {
			struct module_symbol *items =
				realloc(ret->items, (n + 256) * sizeof(*items));

			if (!items)
				return err_nomem(err);
			ret->items = items;
		}
		ret->items[ret->count++] = (struct module_symbol){
			.vaddr = vaddr,
			.order = first + i,
			.name_offset = load_le32(sym),
		};
		(*modules->symbol_count)++;
	}
	return 0;
}

static int symbols_read(const struct modules *modules, const struct module *m,
			struct module_symbols *ret, struct err *err)
{
	uint8_t batch[SYMTAB_BATCH * SYM_SIZE];
	uint32_t count;
	int r;

	if (!m->symtab_count)
		return err_set(err, ERR_NOTFOUND, "module '%s' has no symbols", m->name);
	if (m->symtab_count > MODULE_SYMTAB_MAX)
		return err_set(err, ERR_LIMIT, "module '%s' claims %" PRIu32 " symbols",
			       m->name, m->symtab_count);
	for (uint32_t i = 0; i < m->symtab_count; i += count) {
		count = MIN(m->symtab_count - i, (uint32_t)SYMTAB_BATCH);
		r = kernel_read(modules->kernel, m->symtab_vaddr + (uint64_t)i * SYM_SIZE,
				batch, (size_t)count * SYM_SIZE, err);
		if (r == 0)
			r = symbols_add(modules, m, batch, i, count, ret, err);
		if (r < 0)
			return err_in(err, r, "symbols of module '%s'", m->name);
	}
	qsort(ret->items, ret->count, sizeof(*ret->items), symbol_compare);
	return 0;
}

/* Loads them once; a failure is kept and told again. What was read before it is used. */
static int symbols_get(const struct modules *modules, struct module *m,
		       struct module_symbols **ret, struct err *err)
{
	_cleanup_(symbols_freep) struct module_symbols *symbols = NULL;
	struct err why = { 0 };

	if (!m->symbols) {
		symbols = calloc(1, sizeof(*symbols));
		if (!symbols)
			return err_nomem(err);
		symbols->failed = symbols_read(modules, m, symbols, &why);
		if (symbols->failed) {
			snprintf(symbols->why, sizeof(symbols->why), "%.159s",
				 err_text(&why));
			*modules->symbol_count -= symbols->count;
			symbols->count = 0;
		}
		m->symbols = take_ptr(symbols);
	}
	if (m->symbols->failed)
		return err_set(err, m->symbols->failed, "%s", m->symbols->why);
	*ret = m->symbols;
	return 0;
}

/* What the kernel's own lookup passes over: nameless, mapping symbols, local labels. */
static bool is_no_name(const char *name)
{
	return name[0] == '\0' || name[0] == '$' || name[0] == '.';
}

static int symbol_name(const struct modules *modules, const struct module *m,
		       struct module_symbol *symbol, struct err *err)
{
	char name[MODULE_SYMBOL_SIZE];
	int r;

	if (symbol->name)
		return 0;
	r = kernel_read_string(modules->kernel, m->strtab_vaddr + symbol->name_offset,
			       name, sizeof(name), err);
	if (r < 0)
		return err_in(err, r, "name of a symbol of module '%s'", m->name);
	symbol->name = strdup(name);
	return symbol->name ? 0 : err_nomem(err);
}

/* How many symbols begin at or before @vaddr. */
static size_t symbols_upto(const struct module_symbols *symbols, uint64_t vaddr)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->items[middle].vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The nearest named symbol at or before @vaddr in @range; of several at one address the
 * first in the table, as the kernel does.
 */
static int symbols_find(const struct modules *modules, const struct module *m,
			struct module_symbols *symbols, const struct module_range *range,
			uint64_t vaddr, struct module_symbol **ret, struct err *err)
{
	size_t i = symbols_upto(symbols, vaddr);
	struct module_symbol *best = NULL;

	for (unsigned int looked = 0; i > 0 && looked < SKIPPED_NAMES_MAX; looked++) {
		struct module_symbol *symbol = &symbols->items[--i];
		int r;

		if (symbol->vaddr < range->start ||
		    (best && symbol->vaddr != best->vaddr))
			break;
		r = symbol_name(modules, m, symbol, err);
		if (r < 0)
			return r;
		if (!is_no_name(symbol->name))
			best = symbol;
	}
	if (!best)
		return err_set(err, ERR_NOTFOUND,
			       "no symbol of module '%s' at or before 0x%" PRIx64,
			       m->name, vaddr);
	*ret = best;
	return 0;
}

int modules_lookup(const struct modules *modules, uint64_t vaddr, struct kernel_name *ret,
		   struct err *err)
{
	struct module *m = modules_find_item(modules, vaddr);
	const struct module_range *range;
	struct module_symbols *symbols = NULL;
	struct module_symbol *symbol = NULL;
	uint64_t end;
	size_t next;
	int r;

	if (!m)
		return err_set(err, ERR_NOTFOUND, "0x%" PRIx64 " is in no module", vaddr);
	range = module_range_of(m, vaddr);
	r = symbols_get(modules, m, &symbols, err);
	if (r < 0)
		return r;
	r = symbols_find(modules, m, symbols, range, vaddr, &symbol, err);
	if (r < 0)
		return r;
	next = symbols_upto(symbols, vaddr);
	end = range->end;
	if (next < symbols->count && symbols->items[next].vaddr < end)
		end = symbols->items[next].vaddr;
	*ret = (struct kernel_name){
		.symbol = symbol->name,
		.module = m->name,
		.offset = vaddr - symbol->vaddr,
		.size = end - symbol->vaddr,
	};
	return 0;
}

int modules_symbol(const struct modules *modules, const struct module *module, size_t i,
		   const char **ret_name, uint64_t *ret_vaddr, struct err *err)
{
	struct module *m = &modules->items[module - modules->items];
	struct module_symbols *symbols = NULL;
	int r = symbols_get(modules, m, &symbols, err);

	if (r < 0)
		return r;
	if (i >= symbols->count)
		return err_set(err, ERR_NOTFOUND, "module '%s' has %zu symbols", m->name,
			       symbols->count);
	r = symbol_name(modules, m, &symbols->items[i], err);
	if (r < 0)
		return r;
	*ret_name = is_no_name(symbols->items[i].name) ? "" : symbols->items[i].name;
	*ret_vaddr = symbols->items[i].vaddr;
	return 0;
}

static int symbols_find_name(const struct modules *modules, const struct module *m,
			     struct module_symbols *symbols, const char *name,
			     uint64_t *ret)
{
	for (size_t i = 0; i < symbols->count; i++) {
		struct module_symbol *symbol = &symbols->items[i];

		if (symbol_name(modules, m, symbol, NULL) == 0 &&
		    strcmp(symbol->name, name) == 0) {
			*ret = symbol->vaddr;
			return 0;
		}
	}
	return ERR_NOTFOUND;
}

int modules_find_symbol(const struct modules *modules, const char *name, uint64_t *ret,
			struct err *err)
{
	struct err why = { 0 }, first = { 0 };

	for (size_t i = 0; i < modules->count; i++) {
		struct module *m = &modules->items[i];
		struct module_symbols *symbols = NULL;

		if (symbols_get(modules, m, &symbols, &why) < 0) {
			if (!first.code)
				first = why;
		} else if (symbols_find_name(modules, m, symbols, name, ret) == 0) {
			return 0;
		}
	}
	if (first.code && first.code != ERR_NOTFOUND)
		return err_set(err, first.code, "looking for '%.200s': %.250s", name,
			       err_text(&first));
	return err_set(err, ERR_NOTFOUND, "no module has a symbol '%s'", name);
}

const char *module_state_name(enum module_state state)
{
	switch (state) {
	case MODULE_STATE_LIVE:
		return "live";
	case MODULE_STATE_COMING:
		return "coming";
	case MODULE_STATE_GOING:
		return "going";
	case MODULE_STATE_UNFORMED:
		return "unformed";
	case MODULE_STATE_UNKNOWN:
		break;
	}
	return "unknown";
}
