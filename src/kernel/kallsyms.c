// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Brings kallsyms' tables out of the dead kernel's memory, and looks things up in them.
 *
 * Their addresses are in VMCOREINFO since v6.0 (Linux commits 5fd8fea935a10,
 * f09bddbd86619). In memory names are followed by their markers and, in one place or
 * another, by token_table and token_index. How addresses are written is found by trial:
 * only one way gives _stext the address that VMCOREINFO says.
 */
#include "kernel/kallsyms.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/kallsyms_table.h"
#include "kernel/vmcoreinfo.h"

#define READ_CHUNK ((size_t)64 << 10)

struct kallsyms {
	struct kallsyms_table table;

	/* [start, end) of the kernel image; per-CPU and absolute symbols lie outside. */
	uint64_t image_start, image_end;

	/* hash of the name << 32 | number of the symbol, sorted. */
	uint64_t *by_name;

	/*
	 * Names that were asked for, by number. calloc() of this size takes address
	 * space, and memory only where it is written.
	 */
	char **expanded;
};

/* --- reading the tables ----------------------------------------------------------- */

static int table_symbol(struct kernel *kernel, const char *name, uint64_t *ret,
			struct err *err)
{
	int r = vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), name, ret, err);

	if (r == ERR_NOTFOUND)
		return err_set(
			err, ERR_UNSUPPORTED,
			"this kernel does not say where '%s' is (kernels before 6.0 "
			"do not): its symbols can't be found yet",
			name);
	return r;
}

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

static int read_tokens(struct kernel *kernel, uint64_t table_vaddr,
		       struct kallsyms_table *t, struct err *err)
{
	uint8_t raw[KALLSYMS_TOKENS * 2];
	uint64_t index_vaddr;
	size_t size;
	int r = table_symbol(kernel, "kallsyms_token_index", &index_vaddr, err);

	if (r < 0)
		return r;
	r = kernel_read(kernel, index_vaddr, raw, sizeof(raw), err);
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
static int read_names(struct kernel *kernel, uint64_t tokens_vaddr,
		      struct kallsyms_table *t, struct err *err)
{
	uint64_t size = KALLSYMS_NAMES_MAX;
	int r = table_symbol(kernel, "kallsyms_names", &t->names_vaddr, err);

	if (r < 0)
		return r;
	if (tokens_vaddr > t->names_vaddr)
		size = MIN(size, tokens_vaddr - t->names_vaddr);
	r = read_while_mapped(kernel, t->names_vaddr, (size_t)size, &t->names,
			      &t->names_size, err);
	if (r < 0)
		return err_in(err, r, "reading kallsyms_names");
	return 0;
}

static int read_values(struct kernel *kernel, struct kallsyms_table *t, struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	size_t size = 4;
	uint64_t base;
	int r;

	t->encoding = KALLSYMS_ENCODING_COUNT; // an offset, to be found by trial
	if (vmcoreinfo_symbol(info, "kallsyms_addresses", &t->values_vaddr, NULL) == 0) {
		t->encoding = KALLSYMS_ABSOLUTE;
		size = 8;
	} else {
		r = table_symbol(kernel, "kallsyms_offsets", &t->values_vaddr, err);
		if (r < 0)
			return r;
	}
	if (vmcoreinfo_symbol(info, "kallsyms_relative_base", &base, NULL) == 0) {
		r = kernel_read_u64(kernel, base, &t->relative_base, err);
		if (r < 0)
			return err_in(err, r, "reading kallsyms_relative_base");
	}
	t->values = calloc(t->count, size);
	if (!t->values)
		return err_nomem(err);
	r = kernel_read(kernel, t->values_vaddr, t->values, t->count * size, err);
	if (r < 0)
		return err_in(err, r, "reading the addresses of symbols");
	return 0;
}

static int read_table(struct kernel *kernel, struct kallsyms_table *t, struct err *err)
{
	uint64_t vaddr, tokens_vaddr;
	int r = table_symbol(kernel, "kallsyms_num_syms", &vaddr, err);

	if (r == 0)
		r = kernel_read_u32(kernel, vaddr, &t->count, err);
	if (r == 0 && (t->count == 0 || t->count > KALLSYMS_COUNT_MAX))
		r = err_set(err, ERR_CORRUPT, "%u is no likely number of symbols",
			    t->count);
	if (r == 0)
		r = table_symbol(kernel, "kallsyms_token_table", &tokens_vaddr, err);
	if (r == 0)
		r = read_tokens(kernel, tokens_vaddr, t, err);
	if (r == 0)
		r = read_names(kernel, tokens_vaddr, t, err);
	if (r == 0)
		r = kallsyms_table_index(t, err);
	if (r == 0)
		r = read_values(kernel, t, err);
	return r;
}

/* --- the index by name ------------------------------------------------------------ */

/* FNV-1a */
static uint32_t hash_name(const char *name)
{
	uint32_t hash = 0x811c9dc5;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x01000193;
	return hash;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int index_names(struct kallsyms *k, struct err *err)
{
	struct kallsyms_cursor cursor = { 0 };
	char name[KALLSYMS_NAME_SIZE];

	k->by_name = calloc(k->table.count, sizeof(*k->by_name));
	k->expanded = calloc(k->table.count, sizeof(*k->expanded));
	if (!k->by_name || !k->expanded)
		return err_nomem(err);
	for (uint32_t i = 0; i < k->table.count; i++) {
		int r = kallsyms_table_next(&k->table, &cursor, name, sizeof(name), err);

		if (r < 0)
			return r;
		k->by_name[i] = (uint64_t)hash_name(name) << 32 | i;
	}
	qsort(k->by_name, k->table.count, sizeof(*k->by_name), compare_u64);
	return 0;
}

static int find_number(const struct kallsyms *k, const char *name, uint32_t *ret,
		       struct err *err)
{
	uint64_t wanted = (uint64_t)hash_name(name) << 32;
	char candidate[KALLSYMS_NAME_SIZE];
	size_t low = 0, high = k->table.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->by_name[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < k->table.count && k->by_name[low] >> 32 == wanted >> 32; low++) {
		uint32_t i = (uint32_t)k->by_name[low];

		if (kallsyms_table_name(&k->table, i, candidate, sizeof(candidate),
					NULL) == 0 &&
		    strcmp(candidate, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(err, ERR_NOTFOUND, "the kernel has no symbol '%s'", name);
}

/* --- what the addresses mean ------------------------------------------------------ */

static int choose_encoding(struct kernel *kernel, struct kallsyms *k, struct err *err)
{
	bool is_absolute = k->table.encoding == KALLSYMS_ABSOLUTE;
	uint64_t stext;
	uint32_t i;
	int r = vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "_stext", &stext, err);

	if (r == 0)
		r = find_number(k, "_stext", &i, err);
	if (r < 0)
		return err_in(err, r, "finding out how addresses are written");
	for (int e = 0; e < KALLSYMS_ENCODING_COUNT; e++) {
		if ((e == KALLSYMS_ABSOLUTE) != is_absolute)
			continue;
		k->table.encoding = (enum kallsyms_encoding)e;
		if (kallsyms_table_address(&k->table, i) == stext)
			return 0;
	}
	return err_set(err, ERR_CORRUPT,
		       "read in no known way do the symbols have _stext at 0x%llx",
		       (unsigned long long)stext);
}

static void find_image(struct kallsyms *k)
{
	uint64_t last = kallsyms_table_address(&k->table, k->table.count - 1);
	uint64_t text;

	kallsyms_find(k, "_stext", &k->image_start, NULL); // choose_encoding() had it
	if (kallsyms_find(k, "_text", &text, NULL) == 0 && text < k->image_start)
		k->image_start = text;
	if (kallsyms_find(k, "_end", &k->image_end, NULL) < 0)
		k->image_end = last;
}

int kallsyms_new(struct kernel *kernel, struct kallsyms **ret, struct err *err)
{
	struct kallsyms *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_nomem(err);
	r = read_table(kernel, &k->table, err);
	if (r == 0)
		r = index_names(k, err);
	if (r == 0)
		r = choose_encoding(kernel, k, err);
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
	free(k->by_name);
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
