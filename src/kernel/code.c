// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/code.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/ktext.h"

#define CALL_SIZE   5 /* e8 rel32 */
#define ENDBR_SIZE  4
#define PADDING_MAX 16 /* before a function: CONFIG_FUNCTION_PADDING_BYTES */

struct code {
	struct kernel *kernel;
	struct orc_reader *reader;
	struct orc_table table; /* the kernel's own */
	struct ktext text;
	enum orc_layout layout;
};

static int code_find_table(struct code *code, struct err *err)
{
	struct orc_table *table = &code->table;
	uint64_t stop;
	int r;

	r = kernel_symbol(code->kernel, "__start_orc_unwind_ip", &table->ip_vaddr, err);
	if (r == 0)
		r = kernel_symbol(code->kernel, "__stop_orc_unwind_ip", &stop, err);
	if (r == 0)
		r = kernel_symbol(code->kernel, "__start_orc_unwind", &table->entry_vaddr,
				  err);
	if (r < 0)
		return err_in(err, r, "looking for ORC tables");
	if (stop < table->ip_vaddr ||
	    stop - table->ip_vaddr > ORC_COUNT_MAX * UINT64_C(4))
		return err_set(err, ERR_CORRUPT, "the ORC table's end is 0x%" PRIx64,
			       stop);
	table->count = (uint32_t)((stop - table->ip_vaddr) / 4);
	return 0;
}

static void code_freep(struct code **code)
{
	code_free(*code);
}

int code_new(struct kernel *kernel, struct code **ret, struct err *err)
{
	_cleanup_(code_freep) struct code *code = calloc(1, sizeof(*code));
	int r;

	if (!code)
		return err_nomem(err);
	code->kernel = kernel;
	r = code_find_table(code, err);
	if (r == 0)
		r = orc_reader_new(kernel, &code->reader, err);
	if (r < 0)
		return r;
	ktext_init(kernel, &code->text);
	*ret = take_ptr(code);
	return 0;
}

void code_free(struct code *code)
{
	if (!code)
		return;
	orc_reader_free(code->reader);
	free(code);
}

int code_read_layout(struct code *code, struct err *err)
{
	uint8_t hash[ORC_HEADER_SIZE];
	uint64_t vaddr;
	int r;

	if (kernel_symbol(code->kernel, "__start_orc_header", &vaddr, err) < 0)
		return ERR_NOTFOUND;
	r = kernel_read(code->kernel, vaddr, hash, sizeof(hash), err);
	if (r == 0)
		r = orc_layout_from_header(hash, &code->layout, err);
	return r;
}

void code_set_layout(struct code *code, enum orc_layout layout)
{
	code->layout = layout;
}

enum orc_layout code_layout(const struct code *code)
{
	return code->layout;
}

bool code_has(const struct code *code, uint64_t vaddr)
{
	return ktext_has(&code->text, vaddr);
}

int code_entry(const struct code *code, uint64_t vaddr, struct orc_entry *ret,
	       struct err *err)
{
	struct orc_table table = code->table;
	uint8_t bytes[ORC_ENTRY_SIZE];
	const struct module *m;
	int r;

	if (!ktext_is_kernels(&code->text, vaddr)) {
		m = ktext_module(&code->text, vaddr);
		if (!m)
			return err_set(err, ERR_NOTFOUND, "no code is known there");
		table = (struct orc_table){ .ip_vaddr = m->orc_ip_vaddr,
					    .entry_vaddr = m->orc_entry_vaddr,
					    .count = m->orc_count };
	}
	r = orc_table_find(code->reader, &table, vaddr, bytes, err);
	return r < 0 ? r : orc_decode(code->layout, bytes, ret, err);
}

/* The end of the code that @vaddr is in; 0: none is known there. */
static uint64_t text_end(const struct code *code, uint64_t vaddr)
{
	const struct module *m;

	for (size_t i = 0; i < code->text.count; i++)
		if (vaddr >= code->text.ranges[i].start &&
		    vaddr < code->text.ranges[i].end)
			return code->text.ranges[i].end;
	m = ktext_module(&code->text, vaddr);
	for (size_t i = 0; m && i < m->range_count; i++)
		if (vaddr >= m->ranges[i].start && vaddr < m->ranges[i].end)
			return m->ranges[i].end;
	return 0;
}

/* One entry's part of the code: up to the next entry, or to the end of the code. */
static int add_entry(const struct code *code, uint64_t start, uint64_t next,
		     const uint8_t bytes[ORC_ENTRY_SIZE], code_add_entry add,
		     void *context, struct err *err)
{
	struct orc_entry entry = { .type = ORC_TYPE_UNDEFINED };
	uint64_t end = text_end(code, start);

	if (next > start)
		end = MIN(end, next);
	if (next == start || end <= start)
		return 0;
	if (orc_decode(code->layout, bytes, &entry, NULL) < 0)
		entry.type = ORC_TYPE_UNDEFINED;
	return add(context, start, end, &entry, err);
}

static int walk_table(const struct code *code, const struct orc_table *table,
		      code_add_entry add, void *context, size_t *ret_cut, struct err *err)
{
	uint8_t bytes[ORC_ENTRY_SIZE], next_bytes[ORC_ENTRY_SIZE];
	uint64_t start = 0, next = 0;

	if (table->count > ORC_COUNT_MAX) {
		++*ret_cut;
		return 0;
	}
	for (uint32_t i = 0; i <= table->count; i++) {
		int r = 0;

		if (i == table->count)
			next = UINT64_MAX;
		else
			r = orc_table_get(code->reader, table, i, &next, next_bytes,
					  NULL);
		if (r < 0) {
			++*ret_cut;
			return 0;
		}
		if (i > 0)
			r = add_entry(code, start, next, bytes, add, context, err);
		if (r < 0)
			return r;
		start = next;
		memcpy(bytes, next_bytes, sizeof(bytes));
	}
	return 0;
}

int code_walk(const struct code *code, code_add_entry add, void *context, size_t *ret_cut,
	      struct err *err)
{
	const struct module *modules = NULL;
	size_t count = 0, cut = 0;
	int r = walk_table(code, &code->table, add, context, &cut, err);

	if (code->text.modules)
		modules = modules_get(code->text.modules, &count);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct orc_table table = { .ip_vaddr = modules[i].orc_ip_vaddr,
					   .entry_vaddr = modules[i].orc_entry_vaddr,
					   .count = modules[i].orc_count };

		r = walk_table(code, &table, add, context, &cut, err);
	}
	if (r == 0)
		*ret_cut = cut;
	return r;
}

bool code_is_behind_call(const struct code *code, uint64_t vaddr)
{
	uint8_t bytes[7];

	if (!code_has(code, vaddr - 1) || kernel_read(code->kernel, vaddr - sizeof(bytes),
						      bytes, sizeof(bytes), NULL) < 0)
		return false;
	if (bytes[sizeof(bytes) - CALL_SIZE] == 0xe8)
		return true;
	for (size_t i = 0; i + 1 < sizeof(bytes); i++)
		if (bytes[i] == 0xff && (bytes[i + 1] >> 3 & 7) == 2) // call *r/m
			return true;
	return false;
}

/*
 * Is @target how one calls the function at @start? Its first byte, what is behind the
 * endbr64 there, or padding before it (CONFIG_CALL_THUNKS), named with this prefix.
 */
static bool is_entry_of(const struct code *code, uint64_t target, uint64_t start)
{
	static const uint8_t endbr64[ENDBR_SIZE] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t bytes[ENDBR_SIZE];
	struct kernel_name name;

	if (target == start)
		return true;
	if (target == start + ENDBR_SIZE)
		return kernel_read(code->kernel, start, bytes, sizeof(bytes), NULL) ==
			       0 &&
		       memcmp(bytes, endbr64, sizeof(bytes)) == 0;
	return target < start && start - target <= PADDING_MAX &&
	       kernel_name(code->kernel, target, &name, NULL) == 0 &&
	       strncmp(name.symbol, "__pfx_", 6) == 0;
}

bool code_is_behind_call_of(const struct code *code, uint64_t vaddr, uint64_t start)
{
	uint8_t bytes[CALL_SIZE];

	return code_has(code, vaddr - 1) &&
	       kernel_read(code->kernel, vaddr - CALL_SIZE, bytes, sizeof(bytes), NULL) ==
		       0 &&
	       bytes[0] == 0xe8 &&
	       is_entry_of(code, vaddr + (uint64_t)(int64_t)(int32_t)load_le32(bytes + 1),
			   start);
}
