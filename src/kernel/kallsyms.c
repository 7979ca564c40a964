// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Brings kallsyms' tables out of the dead kernel's memory, and looks things up in them.
 *
 * Their addresses are in VMCOREINFO since v6.0 (Linux commits 5fd8fea935a10,
 * f09bddbd86619); before, kallsyms_search.c finds them. In memory names are followed by
 * their markers and, in one place or another, by token_table and token_index. How
 * addresses are written is found by trial: only one way gives _stext the address that
 * VMCOREINFO says.
 */
#include "kernel/kallsyms.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/kallsyms_search.h"
#include "kernel/kallsyms_table.h"
#include "kernel/vmcoreinfo.h"

#define CHAIN_COUNT 8192u /* some twenty symbols in each */
#define READ_CHUNK  ((size_t)64 << 10)

struct kallsyms {
	struct kallsyms_table table;

	/* [start, end) of the kernel image; per-CPU and absolute symbols lie outside. */
	uint64_t image_start, image_end;

	/* Symbols by a hash of their name: the first of each chain, and the next of each
	 * symbol, both as its number + 1. */
	uint32_t *chains;
	uint32_t *next;

	/*
	 * Names that were asked for, by number. calloc() of this size takes address
	 * space, and memory only where it is written.
	 */
	char **expanded;
};

/* --- where the tables are ---------------------------------------------------------- */

/* ERR_NOTFOUND: this kernel does not say it. */
static int places_exported(const struct vmcoreinfo *info, struct kallsyms_places *ret,
			   struct err *err)
{
	struct kallsyms_places p = { .values_count = 1 };
	struct kallsyms_values *values = &p.values[0];
	const struct {
		const char *name;
		uint64_t *ret;
	} symbols[] = {
		{ "kallsyms_num_syms", &p.num_syms },
		{ "kallsyms_names", &p.names },
		{ "kallsyms_token_table", &p.token_table },
		{ "kallsyms_token_index", &p.token_index },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(symbols) && r == 0; i++)
		r = vmcoreinfo_symbol(info, symbols[i].name, symbols[i].ret, err);
	if (r < 0)
		return r;
	if (vmcoreinfo_symbol(info, "kallsyms_addresses", &values->vaddr, NULL) == 0) {
		values->is_absolute = true;
	} else {
		r = vmcoreinfo_symbol(info, "kallsyms_offsets", &values->vaddr, err);
		if (r < 0)
			return r;
	}
	/* Gone in v7.0, with the base (a081b5789255d). */
	vmcoreinfo_symbol(info, "kallsyms_relative_base", &values->base_vaddr, NULL);
	*ret = p;
	return 0;
}

static int find_places(struct kernel *kernel, struct kallsyms_places *ret,
		       struct err *err)
{
	int r = places_exported(kernel_vmcoreinfo(kernel), ret, err);

	return r == ERR_NOTFOUND ? kallsyms_search(kernel, ret, err) : r;
}

/* --- reading the tables ----------------------------------------------------------- */

/* Up to @size bytes, as far as memory goes. */
static int read_while_mapped(struct kernel *kernel, uint64_t vaddr, size_t size,
			     uint8_t **ret, size_t *ret_size, struct err *err)
{
	_cleanup_free uint8_t *data = malloc(size ? size : 1);
	size_t done = 0;

	if (!data)
		return err_nomem(err);
	while (done < size) {
		// End each piece at a multiple of a page: what is mapped ends there too.
		size_t piece = READ_CHUNK - (vaddr + done) % 4096;
		int r;

		piece = MIN(piece, size - done);
		r = kernel_read(kernel, vaddr + done, data + done, piece, err);
		if (r < 0 && piece > 4096) {
			piece = MIN(4096 - (vaddr + done) % 4096, size - done);
			r = kernel_read(kernel, vaddr + done, data + done, piece, err);
		}
		if (r < 0 && done == 0)
			return r;
		if (r < 0)
			break;
		done += piece;
	}
	*ret = take_ptr(data);
	*ret_size = done;
	return 0;
}

static int read_tokens(struct kernel *kernel, const struct kallsyms_places *places,
		       struct kallsyms_table *t, struct err *err)
{
	uint64_t table_vaddr = places->token_table, index_vaddr = places->token_index;
	uint8_t raw[KALLSYMS_TOKENS * 2];
	size_t size;
	int r = kernel_read(kernel, index_vaddr, raw, sizeof(raw), err);

	if (r < 0)
		return err_in(err, r, "reading kallsyms_token_index");
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++)
		t->token_index[i] = load_le16(raw + 2 * i);
	// The index follows the table.
	size = KALLSYMS_TOKENS_SIZE_MAX;
	if (index_vaddr > table_vaddr)
		size = (size_t)MIN(index_vaddr - table_vaddr, (uint64_t)size);
	r = read_while_mapped(kernel, table_vaddr, size, &t->tokens, &t->tokens_size,
			      err);
	if (r < 0)
		return err_in(err, r, "reading kallsyms_token_table");
	return 0;
}

/* The names end somewhere before token_table; how long they are is not written down. */
static int read_names(struct kernel *kernel, const struct kallsyms_places *places,
		      struct kallsyms_table *t, struct err *err)
{
	uint64_t size = KALLSYMS_NAMES_MAX;
	int r;

	t->names_vaddr = places->names;
	if (places->token_table > t->names_vaddr)
		size = MIN(size, places->token_table - t->names_vaddr);
	r = read_while_mapped(kernel, t->names_vaddr, (size_t)size, &t->names,
			      &t->names_size, err);
	if (r < 0)
		return err_in(err, r, "reading kallsyms_names");
	return 0;
}

static int read_table(struct kernel *kernel, const struct kallsyms_places *places,
		      struct kallsyms_table *t, struct err *err)
{
	int r = kernel_read_u32(kernel, places->num_syms, &t->count, err);

	if (r == 0 && (t->count == 0 || t->count > KALLSYMS_COUNT_MAX))
		r = err_set(err, ERR_CORRUPT, "%u is no likely number of symbols",
			    t->count);
	if (r == 0)
		r = read_tokens(kernel, places, t, err);
	if (r == 0)
		r = read_names(kernel, places, t, err);
	if (r == 0)
		r = kallsyms_table_index(t, err);
	return r;
}

/* --- the index by name ------------------------------------------------------------ */

/* Which of the chains: the upper bits of a hash are the better ones. */
static uint32_t chain_of(uint32_t hash)
{
	return (hash ^ hash >> 16) % CHAIN_COUNT;
}

static int index_names(struct kallsyms *k, struct err *err)
{
	_cleanup_free uint32_t *ends = calloc(CHAIN_COUNT, sizeof(*ends));
	struct kallsyms_cursor cursor = { 0 };
	struct kallsyms_hasher hasher;

	k->chains = calloc(CHAIN_COUNT, sizeof(*k->chains));
	k->next = calloc(k->table.count, sizeof(*k->next));
	k->expanded = calloc(k->table.count, sizeof(*k->expanded));
	if (!ends || !k->chains || !k->next || !k->expanded)
		return err_nomem(err);
	kallsyms_hasher_init(&hasher, &k->table);
	for (uint32_t i = 0; i < k->table.count; i++) {
		uint32_t hash, chain;
		int r = kallsyms_hasher_next(&hasher, &cursor, &hash, err);

		if (r < 0)
			return r;
		chain = chain_of(hash);
		if (ends[chain])
			k->next[ends[chain] - 1] = i + 1;
		else
			k->chains[chain] = i + 1;
		ends[chain] = i + 1;
	}
	return 0;
}

/* Of symbols with the same name the first. */
static int find_number(const struct kallsyms *k, const char *name, uint32_t *ret,
		       struct err *err)
{
	char candidate[KALLSYMS_NAME_SIZE];

	for (uint32_t at = k->chains[chain_of(kallsyms_hash(name))]; at;
	     at = k->next[at - 1]) {
		if (kallsyms_table_name(&k->table, at - 1, candidate, sizeof(candidate),
					NULL) < 0 ||
		    strcmp(candidate, name) != 0)
			continue;
		*ret = at - 1;
		return 0;
	}
	return err_set(err, ERR_NOTFOUND, "the kernel has no symbol '%s'", name);
}

/* --- what the addresses mean ------------------------------------------------------ */

static int read_values(struct kernel *kernel, const struct kallsyms_values *values,
		       struct kallsyms_table *t, struct err *err)
{
	size_t size = values->is_absolute ? 8 : 4;
	int r;

	free(t->values);
	t->values_vaddr = values->vaddr;
	t->values = calloc(t->count, size);
	if (!t->values)
		return err_nomem(err);
	if (values->base_vaddr) {
		r = kernel_read_u64(kernel, values->base_vaddr, &t->relative_base, err);
		if (r < 0)
			return err_in(err, r, "reading kallsyms_relative_base");
	}
	r = kernel_read(kernel, t->values_vaddr, t->values, t->count * size, err);
	if (r < 0)
		return err_in(err, r, "reading the addresses of symbols");
	return 0;
}

/* The one way to read them that gives the symbol _stext, of number @i, its address. */
static int choose_encoding(struct kallsyms_table *t, bool is_absolute, uint32_t i,
			   uint64_t stext, struct err *err)
{
	for (int e = 0; e < KALLSYMS_ENCODING_COUNT; e++) {
		if ((e == KALLSYMS_ABSOLUTE) != is_absolute)
			continue;
		t->encoding = (enum kallsyms_encoding)e;
		if (kallsyms_table_address(t, i) == stext)
			return 0;
	}
	return err_set(err, ERR_CORRUPT,
		       "read in no known way do the symbols have _stext at 0x%llx",
		       (unsigned long long)stext);
}

static int find_values(struct kernel *kernel, const struct kallsyms_places *places,
		       struct kallsyms *k, struct err *err)
{
	uint64_t stext;
	uint32_t i;
	int r = vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "_stext", &stext, err);

	if (r == 0)
		r = find_number(k, "_stext", &i, err);
	if (r < 0)
		return err_in(err, r, "finding out how addresses are written");
	r = ERR_NOTFOUND;
	for (size_t n = 0; n < places->values_count && r < 0 && r != ERR_NOMEM; n++) {
		const struct kallsyms_values *values = &places->values[n];

		r = read_values(kernel, values, &k->table, err);
		if (r == 0)
			r = choose_encoding(&k->table, values->is_absolute, i, stext,
					    err);
	}
	return r;
}

static void find_image(struct kallsyms *k)
{
	uint64_t last = kallsyms_table_address(&k->table, k->table.count - 1);
	uint64_t text;

	kallsyms_find(k, "_stext", &k->image_start, NULL); // find_values() had it
	if (kallsyms_find(k, "_text", &text, NULL) == 0 && text < k->image_start)
		k->image_start = text;
	if (kallsyms_find(k, "_end", &k->image_end, NULL) < 0)
		k->image_end = last;
}

int kallsyms_new(struct kernel *kernel, struct kallsyms **ret, struct err *err)
{
	struct kallsyms *k = calloc(1, sizeof(*k));
	struct kallsyms_places places;
	int r;

	if (!k)
		return err_nomem(err);
	r = find_places(kernel, &places, err);
	if (r == 0)
		r = read_table(kernel, &places, &k->table, err);
	if (r == 0)
		r = index_names(k, err);
	if (r == 0)
		r = find_values(kernel, &places, k, err);
	if (r < 0) {
		kallsyms_free(k);
		return err_in(err, r, "reading the kernel's symbols");
	}
	find_image(k);
	*ret = k;
	return 0;
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	for (uint32_t i = 0; k->expanded && i < k->table.count; i++)
		free(k->expanded[i]);
	free(k->expanded);
	free(k->chains);
	free(k->next);
	kallsyms_table_done(&k->table);
	free(k);
}

/* --- questions -------------------------------------------------------------------- */

int kallsyms_find(const struct kallsyms *k, const char *name, uint64_t *ret_vaddr,
		  struct err *err)
{
	uint32_t i;
	int r = find_number(k, name, &i, err);

	if (r < 0)
		return r;
	*ret_vaddr = kallsyms_table_address(&k->table, i);
	return 0;
}

/* The first symbol whose address is >= @vaddr; count if there is none. */
static uint32_t lower_bound(const struct kallsyms *k, uint64_t vaddr)
{
	uint32_t low = 0, high = k->table.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (kallsyms_table_address(&k->table, middle) < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int expand_name(const struct kallsyms *k, uint32_t i, const char **ret,
		       struct err *err)
{
	char name[KALLSYMS_NAME_SIZE];
	int r;

	if (!k->expanded[i]) {
		r = kallsyms_table_name(&k->table, i, name, sizeof(name), err);
		if (r < 0)
			return r;
		k->expanded[i] = strdup(name);
		if (!k->expanded[i])
			return err_nomem(err);
	}
	*ret = k->expanded[i];
	return 0;
}

int kallsyms_lookup(const struct kallsyms *k, uint64_t vaddr, const char **ret_name,
		    uint64_t *ret_start, uint64_t *ret_end, struct err *err)
{
	uint32_t above, first;
	uint64_t start, end;
	int r;

	if (vaddr < k->image_start || vaddr >= k->image_end)
		return err_set(err, ERR_NOTFOUND, "0x%llx lies outside of the kernel",
			       (unsigned long long)vaddr);
	above = lower_bound(k, vaddr + 1);
	start = above ? kallsyms_table_address(&k->table, above - 1) : 0;
	if (start < k->image_start || start > vaddr) // out of order: a damaged table
		return err_set(err, ERR_NOTFOUND, "no symbol is at or below 0x%llx",
			       (unsigned long long)vaddr);
	first = MIN(lower_bound(k, start), above - 1); // the first of equal ones
	end = k->image_end;
	if (above < k->table.count)
		end = MIN(end, kallsyms_table_address(&k->table, above));
	r = expand_name(k, first, ret_name, err);
	if (r < 0)
		return r;
	*ret_start = start;
	*ret_end = MAX(start, end);
	return 0;
}

size_t kallsyms_count(const struct kallsyms *k)
{
	return k->table.count;
}

int kallsyms_get(const struct kallsyms *k, size_t i, const char **ret_name,
		 uint64_t *ret_vaddr, struct err *err)
{
	int r = expand_name(k, (uint32_t)i, ret_name, err);

	if (r == 0)
		*ret_vaddr = kallsyms_table_address(&k->table, (uint32_t)i);
	return r;
}
