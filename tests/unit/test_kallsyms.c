// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kallsyms: tables made by hand, first as bytes, then in the memory of a small dead
 * kernel. Tokens 1 to 255 are their own character, but for a few that stand for a part of
 * a name.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "fake_image.h"
#include "kernel/kallsyms.h"
#include "kernel/kallsyms_search.h"
#include "kernel/kallsyms_table.h"

#define BASE	  UINT64_C(0xffffffff81000000)
#define LONG_NAME 300

struct symbol {
	const char *packed; /* type letter first; \x80.. are the tokens below */
	const char *name;
	uint64_t address;
};

/* \x80 "sys", \x81 "T_", \x82 "call_" */
static const char *const parts[] = { "sys", "T_", "call_" };

static char long_name[LONG_NAME + 1];

/* As x86 before v6.15: per-CPU offsets first. Two names at one address; one name twice.
 */
static const struct symbol symbols[] = {
	{ "Apercpu_start", "percpu_start", 0 },
	{ "Apercpu_thing", "percpu_thing", 0x1000 },
	{ "T_stext", "_stext", BASE },
	{ "T_text", "_text", BASE },
	{ "\x81\x80\x82open", "_syscall_open", BASE + 0x100 },
	{ "\x81\x80\x82"
	  "close",
	  "_syscall_close", BASE + 0x180 },
	{ "tlocal", "local", BASE + 0x200 },
	{ NULL, long_name, BASE + 0x280 }, // type letter and LONG_NAME bytes
	{ "tlocal", "local", BASE + 0x300 },
	{ "tliquid", "liquid", BASE + 0x340 },
	{ "T", "", BASE + 0x380 },
	{ "D_end", "_end", BASE + 0x10000 },
};

#define COUNT ARRAY_SIZE(symbols)

/* Which way the table is written. */
struct layout {
	bool has_long_lengths;
	uint32_t align; /* of the markers */
	enum kallsyms_encoding encoding;
	uint32_t filler; /* this many more symbols, between local and _end */
	bool is_at_8;	 /* names begin at a multiple of 8 */
};

struct made_table {
	struct text names; /* and markers */
	struct text tokens;
	struct text values;
	uint16_t index[KALLSYMS_TOKENS];
	uint32_t count;
};

#define NAMES_VADDR  UINT64_C(0xffffffff82000004)
#define VALUES_VADDR UINT64_C(0xffffffff82100000)

static void add_name(struct made_table *m, const char *packed, bool has_long_lengths)
{
	char made[LONG_NAME + 2];
	size_t length;

	if (!packed) {
		snprintf(made, sizeof(made), "t%s", long_name);
		packed = made;
	}
	length = strlen(packed);
	if (has_long_lengths && length > 127)
		text_add(&m->names, "%c%c", (int)(length & 0x7f) | 0x80,
			 (int)(length >> 7));
	else
		text_add(&m->names, "%c", (int)MIN(length, 255));
	text_add_bytes(&m->names, packed, has_long_lengths ? length : MIN(length, 255));
}

static void add_value(struct made_table *m, const struct layout *l, uint64_t address)
{
	uint64_t value = address;

	switch (l->encoding) {
	case KALLSYMS_ABSOLUTE:
		text_add_bytes(&m->values, &value, 8);
		return;
	case KALLSYMS_BASE_RELATIVE:
		value = address - BASE;
		break;
	case KALLSYMS_ABSOLUTE_PERCPU:
		value = address < BASE ? address : BASE - 1 - address;
		break;
	case KALLSYMS_PLACE_RELATIVE:
		value = address - (VALUES_VADDR + 4 * (uint64_t)m->count);
		break;
	case KALLSYMS_ENCODING_COUNT:
		fail();
	}
	text_add_bytes(&m->values, &value, 4);
}

static void add_symbol(struct made_table *m, const struct layout *l, struct text *markers,
		       const char *packed, uint64_t address)
{
	uint32_t offset = (uint32_t)m->names.size;

	if (m->count % KALLSYMS_MARKER_STEP == 0)
		text_add_bytes(markers, &offset, 4);
	add_name(m, packed, l->has_long_lengths);
	add_value(m, l, address);
	m->count++;
}

/* Per-CPU symbols can't be said relative to a base or a place. */
static bool can_say(const struct layout *l, uint64_t address)
{
	return address >= BASE || l->encoding == KALLSYMS_ABSOLUTE ||
	       l->encoding == KALLSYMS_ABSOLUTE_PERCPU;
}

static struct made_table made_table(const struct layout *l)
{
	struct made_table m = { .count = 0 };
	_cleanup_text struct text markers = { 0 };

	memset(long_name, 'x', LONG_NAME);
	for (size_t i = 0; i < COUNT; i++) {
		for (uint32_t k = 0; i == COUNT - 1 && k < l->filler; k++) {
			char packed[32];

			snprintf(packed, sizeof(packed), "tfiller%u", k);
			add_symbol(&m, l, &markers, packed, BASE + 0x400 + 8 * k);
		}
		if (can_say(l, symbols[i].address))
			add_symbol(&m, l, &markers, symbols[i].packed,
				   symbols[i].address);
	}
	while (((l->is_at_8 ? 0 : NAMES_VADDR) + m.names.size) % l->align)
		text_add_bytes(&m.names, "", 1);
	text_add_bytes(&m.names, text_get(&markers), markers.size);
	for (size_t i = 0; i < KALLSYMS_TOKENS; i++) {
		size_t part = i - 0x80;

		m.index[i] = (uint16_t)m.tokens.size;
		if (i >= 0x80 && part < ARRAY_SIZE(parts))
			text_add_bytes(&m.tokens, parts[part], strlen(parts[part]));
		else if (i > 0)
			text_add(&m.tokens, "%c", (int)i);
		text_add_bytes(&m.tokens, "", 1);
	}
	return m;
}

static void made_table_done(struct made_table *m)
{
	text_done(&m->names);
	text_done(&m->tokens);
	text_done(&m->values);
}

static uint8_t *copy(const struct text *t)
{
	uint8_t *bytes = malloc(t->size ? t->size : 1);

	assert_non_null(bytes);
	memcpy(bytes, text_get(t), t->size);
	return bytes;
}

/* Each part in memory of exactly its size, so that ASan sees a step beyond. */
static struct kallsyms_table table_of(const struct made_table *m,
				      enum kallsyms_encoding encoding)
{
	struct kallsyms_table t = { .count = m->count,
				    .names = copy(&m->names),
				    .names_size = m->names.size,
				    .names_vaddr = NAMES_VADDR,
				    .tokens = copy(&m->tokens),
				    .tokens_size = m->tokens.size,
				    .values = copy(&m->values),
				    .values_vaddr = VALUES_VADDR,
				    .encoding = encoding,
				    .relative_base = BASE };

	memcpy(t.token_index, m->index, sizeof(m->index));
	return t;
}

/* --- tables ----------------------------------------------------------------------- */

static void assert_table(const struct kallsyms_table *t, const struct layout *l)
{
	struct kallsyms_cursor cursor = { 0 };
	char name[KALLSYMS_NAME_SIZE], in_order[KALLSYMS_NAME_SIZE];
	uint32_t n = 0;

	for (size_t i = 0; i < COUNT; i++) {
		size_t length = l->has_long_lengths ? LONG_NAME : 254;

		if (!can_say(l, symbols[i].address))
			continue;
		if (i == COUNT - 1)
			for (uint32_t k = 0; k < l->filler; k++, n++)
				kallsyms_table_next(t, &cursor, name, sizeof(name), NULL);
		assert_int_equal(kallsyms_table_name(t, n, name, sizeof(name), NULL), 0);
		assert_int_equal(kallsyms_table_next(t, &cursor, in_order,
						     sizeof(in_order), NULL),
				 0);
		assert_string_equal(name, in_order);
		if (symbols[i].packed)
			assert_string_equal(name, symbols[i].name);
		else
			assert_int_equal(strlen(name), length);
		assert_int_equal(kallsyms_table_address(t, n), symbols[i].address);
		n++;
	}
	assert_int_equal(n, t->count);
	assert_int_equal(kallsyms_table_next(t, &cursor, name, sizeof(name), NULL),
			 ERR_NOTFOUND);
}

/* A hash of tokens is the hash of their text. */
static void assert_hashes(const struct kallsyms_table *t)
{
	struct kallsyms_cursor by_text = { 0 }, by_token = { 0 };
	struct kallsyms_hasher hasher;
	char name[KALLSYMS_NAME_SIZE];
	uint32_t hash;

	kallsyms_hasher_init(&hasher, t);
	while (kallsyms_table_next(t, &by_text, name, sizeof(name), NULL) == 0) {
		assert_int_equal(kallsyms_hasher_next(&hasher, &by_token, &hash, NULL),
				 0);
		if (strlen(name) < sizeof(name) - 1) // else it was cut
			assert_int_equal(hash, kallsyms_hash(name));
	}
	assert_int_equal(kallsyms_hasher_next(&hasher, &by_token, &hash, NULL),
			 ERR_NOTFOUND);
}

/* Both rules of lengths, both alignments of markers, all encodings. */
static void all_layouts(void **state)
{
	for (int e = 0; e < KALLSYMS_ENCODING_COUNT; e++)
		for (int variant = 0; variant < 8; variant++) {
			struct layout l = { .has_long_lengths = variant & 1,
					    .align = variant & 2 ? 8 : 4,
					    .encoding = (enum kallsyms_encoding)e,
					    .filler = variant & 4 ? 1000 : 0 };
			struct made_table m = made_table(&l);
			struct kallsyms_table t = table_of(&m, l.encoding);
			struct err err = { 0 };

			if (kallsyms_table_index(&t, &err) < 0)
				fail_msg("%s", err_text(&err));
			assert_int_equal(t.has_long_lengths, l.has_long_lengths);
			assert_table(&t, &l);
			assert_hashes(&t);
			kallsyms_table_done(&t);
			made_table_done(&m);
		}
}

static void names_are_cut_at_the_buffer(void **state)
{
	struct layout l = { .has_long_lengths = true, .align = 4 };
	struct made_table m = made_table(&l);
	struct kallsyms_table t = table_of(&m, l.encoding);
	char name[8];

	assert_int_equal(kallsyms_table_index(&t, NULL), 0);
	assert_int_equal(kallsyms_table_name(&t, 4, name, sizeof(name), NULL), 0);
	assert_string_equal(name, "_syscal");
	assert_int_equal(kallsyms_table_name(&t, 4, name, 1, NULL), 0);
	assert_string_equal(name, "");
	kallsyms_table_done(&t);
	made_table_done(&m);
}

/* Names that end early never make a table: the markers behind them are gone. */
static void names_cut_at_every_byte(void **state)
{
	struct layout l = { .has_long_lengths = true, .align = 4, .filler = 300 };
	struct made_table m = made_table(&l);
	size_t whole = m.names.size;

	for (m.names.size = 0; m.names.size < whole; m.names.size++) {
		struct kallsyms_table t = table_of(&m, l.encoding);

		assert_int_equal(kallsyms_table_index(&t, NULL), ERR_CORRUPT);
		kallsyms_table_done(&t);
	}
	made_table_done(&m);
}

static void walk_all(struct kallsyms_table *t)
{
	struct kallsyms_cursor cursor = { 0 };
	struct kallsyms_hasher hasher;
	char name[KALLSYMS_NAME_SIZE];
	uint32_t hash;

	if (kallsyms_table_index(t, NULL) < 0)
		return;
	while (kallsyms_table_next(t, &cursor, name, sizeof(name), NULL) == 0)
		;
	kallsyms_hasher_init(&hasher, t);
	cursor = (struct kallsyms_cursor){ 0 };
	while (kallsyms_hasher_next(&hasher, &cursor, &hash, NULL) == 0)
		;
	for (uint32_t i = 0; i < t->count; i += 7)
		kallsyms_table_name(t, i, name, sizeof(name), NULL);
}

static void every_byte_damaged(void **state)
{
	struct layout l = { .has_long_lengths = true, .align = 4, .filler = 10 };
	struct made_table m = made_table(&l);

	for (size_t i = 0; i < m.names.size + m.tokens.size + sizeof(m.index); i++) {
		struct kallsyms_table t = table_of(&m, l.encoding);

		if (i < m.names.size)
			t.names[i] ^= 0xff;
		else if (i < m.names.size + m.tokens.size)
			t.tokens[i - m.names.size] ^= 0xff;
		else
			((uint8_t *)t.token_index)[i - m.names.size - m.tokens.size] ^=
				0xff;
		walk_all(&t);
		kallsyms_table_done(&t);
	}
	made_table_done(&m);
}

/* A damaged marker of the kernel's does not matter: the names are walked. */
static void one_marker_damaged(void **state)
{
	struct layout l = { .has_long_lengths = true, .align = 4, .filler = 1000 };
	struct made_table m = made_table(&l);
	struct kallsyms_table t;

	m.names.data[m.names.size - 1] ^= 0x55;
	t = table_of(&m, l.encoding);
	assert_int_equal(kallsyms_table_index(&t, NULL), 0);
	assert_table(&t, &l);
	kallsyms_table_done(&t);
	made_table_done(&m);
}

/* If most disagree the names were not read as they were written. */
static void most_markers_damaged(void **state)
{
	struct layout l = { .has_long_lengths = true, .align = 4, .filler = 1000 };
	struct made_table m = made_table(&l);
	struct kallsyms_table t;

	for (size_t i = 1; i <= 12; i++)
		m.names.data[m.names.size - i] ^= 0x55;
	t = table_of(&m, l.encoding);
	assert_int_equal(kallsyms_table_index(&t, NULL), ERR_CORRUPT);
	kallsyms_table_done(&t);
	made_table_done(&m);
}

/* --- in a kernel ------------------------------------------------------------------ */

#define MAP	     UINT64_C(0xffffffff82000000)
#define TABLES_SIZE  UINT64_C(0x200000)
#define TOKENS_VADDR UINT64_C(0xffffffff82110000)
#define INDEX_VADDR  UINT64_C(0xffffffff82120000)
#define COUNT_VADDR  UINT64_C(0xffffffff82130000)
#define BASE_VADDR   UINT64_C(0xffffffff82130008)

struct machine {
	struct fake_image fake;
	struct image *image;
	struct kernel *kernel;
};

/* @wrong_stext: what is added to _stext in VMCOREINFO. */
static void machine_make(struct machine *m, const struct layout *l, uint64_t wrong_stext)
{
	struct made_table table = made_table(l);
	struct fake_image *f = &m->fake;
	struct err err = { 0 };

	*m = (struct machine){ 0 };
	fake_paging(f, 0x100000, 4);
	fake_memory(f, MAP, 0x1000000, TABLES_SIZE);
	fake_bytes(f, NAMES_VADDR, table.names.data, table.names.size);
	fake_bytes(f, VALUES_VADDR, table.values.data, table.values.size);
	fake_bytes(f, TOKENS_VADDR, table.tokens.data, table.tokens.size);
	fake_bytes(f, INDEX_VADDR, table.index, sizeof(table.index));
	fake_u32(f, COUNT_VADDR, table.count);
	fake_u64(f, BASE_VADDR, BASE);
	fake_vmcoreinfo(f, "SYMBOL(_stext)=%" PRIx64, BASE + wrong_stext);
	fake_vmcoreinfo(f, "SYMBOL(kallsyms_names)=%" PRIx64, NAMES_VADDR);
	fake_vmcoreinfo(f, "SYMBOL(kallsyms_num_syms)=%" PRIx64, COUNT_VADDR);
	fake_vmcoreinfo(f, "SYMBOL(kallsyms_token_table)=%" PRIx64, TOKENS_VADDR);
	fake_vmcoreinfo(f, "SYMBOL(kallsyms_token_index)=%" PRIx64, INDEX_VADDR);
	if (l->encoding == KALLSYMS_ABSOLUTE)
		fake_vmcoreinfo(f, "SYMBOL(kallsyms_addresses)=%" PRIx64, VALUES_VADDR);
	else
		fake_vmcoreinfo(f, "SYMBOL(kallsyms_offsets)=%" PRIx64, VALUES_VADDR);
	if (l->encoding != KALLSYMS_PLACE_RELATIVE && l->encoding != KALLSYMS_ABSOLUTE)
		fake_vmcoreinfo(f, "SYMBOL(kallsyms_relative_base)=%" PRIx64, BASE_VADDR);
	m->image = fake_open(f);
	if (kernel_open(m->image, &m->kernel, &err) < 0)
		fail_msg("%s", err_text(&err));
	made_table_done(&table);
}

static void machine_done(struct machine *m)
{
	kernel_close(m->kernel);
	image_close(m->image);
	fake_done(&m->fake);
}

static void assert_lookup(const struct kallsyms *k, uint64_t vaddr, const char *name,
			  uint64_t start, uint64_t end)
{
	const char *found;
	uint64_t found_start, found_end;

	assert_int_equal(
		kallsyms_lookup(k, vaddr, &found, &found_start, &found_end, NULL), 0);
	assert_string_equal(found, name);
	assert_int_equal(found_start, start);
	assert_int_equal(found_end, end);
}

static void assert_nowhere(const struct kallsyms *k, uint64_t vaddr)
{
	const char *found;
	uint64_t start, end;

	assert_int_equal(kallsyms_lookup(k, vaddr, &found, &start, &end, NULL),
			 ERR_NOTFOUND);
}

static void assert_symbols(const struct kallsyms *k, const struct layout *l)
{
	uint64_t vaddr;

	assert_int_equal(kallsyms_find(k, "_syscall_close", &vaddr, NULL), 0);
	assert_int_equal(vaddr, BASE + 0x180);
	assert_int_equal(kallsyms_find(k, "local", &vaddr, NULL), 0);
	assert_int_equal(vaddr, BASE + 0x200); // the first of two
	assert_int_equal(kallsyms_find(k, long_name, &vaddr, NULL), 0);
	assert_int_equal(vaddr, BASE + 0x280);
	assert_int_equal(kallsyms_find(k, "_syscall_", &vaddr, NULL), ERR_NOTFOUND);
	assert_int_equal(kallsyms_find(k, "liquid", &vaddr, NULL), 0);
	// Its hash is that of "liquid".
	assert_int_equal(kallsyms_find(k, "costarring", &vaddr, NULL), ERR_NOTFOUND);
	if (can_say(l, 0)) {
		assert_int_equal(kallsyms_find(k, "percpu_thing", &vaddr, NULL), 0);
		assert_int_equal(vaddr, 0x1000);
	}
	assert_lookup(k, BASE, "_stext", BASE, BASE + 0x100); // the first of two
	assert_lookup(k, BASE + 0x17f, "_syscall_open", BASE + 0x100, BASE + 0x180);
	assert_lookup(k, BASE + 0x180, "_syscall_close", BASE + 0x180, BASE + 0x200);
	assert_lookup(k, BASE + 0x300, "local", BASE + 0x300, BASE + 0x340);
	assert_lookup(k, BASE + 0xffff, "", BASE + 0x380, BASE + 0x10000);
	assert_nowhere(k, BASE - 1);
	assert_nowhere(k, BASE + 0x10000);
	assert_nowhere(k, 0x1000); // per-CPU, no address of code
	assert_nowhere(k, 0);
	assert_nowhere(k, UINT64_MAX);
}

static void in_a_kernel(void **state)
{
	for (int e = 0; e < KALLSYMS_ENCODING_COUNT; e++) {
		struct layout l = { .has_long_lengths = true,
				    .align = 4,
				    .encoding = (enum kallsyms_encoding)e };
		struct kallsyms *k = NULL;
		struct err err = { 0 };
		struct machine m;

		machine_make(&m, &l, 0);
		if (kallsyms_new(m.kernel, &k, &err) < 0)
			fail_msg("encoding %d: %s", e, err_text(&err));
		assert_int_equal(kallsyms_count(k), can_say(&l, 0) ? COUNT : COUNT - 2);
		assert_symbols(k, &l);
		kallsyms_free(k);
		machine_done(&m);
	}
}

static void assert_no_kallsyms(struct machine *m, int code, const char *word)
{
	struct kallsyms *k = NULL;
	struct err err = { 0 };

	assert_int_equal(kallsyms_new(m->kernel, &k, &err), code);
	assert_null(k);
	if (!strstr(err_text(&err), word))
		fail_msg("'%s' does not say '%s'", err_text(&err), word);
}

static void stext_elsewhere(void **state)
{
	struct layout l = { .align = 4, .has_long_lengths = true };
	struct machine m;

	for (int e = 0; e < KALLSYMS_ENCODING_COUNT; e++) {
		l.encoding = (enum kallsyms_encoding)e;
		machine_make(&m, &l, 0x1000);
		assert_no_kallsyms(&m, ERR_CORRUPT, "_stext");
		machine_done(&m);
	}
}

static void not_exported(void **state)
{
	struct machine m = { 0 };

	fake_paging(&m.fake, 0x100000, 4);
	m.image = fake_open(&m.fake);
	assert_int_equal(kernel_open(m.image, &m.kernel, NULL), 0);
	assert_no_kallsyms(&m, ERR_UNSUPPORTED, "where the kernel lies");
	machine_done(&m);
}

/* A page of the tables that is not in the dump, and a count that is wild. */
static void tables_not_there(void **state)
{
	static const uint64_t vaddrs[] = { NAMES_VADDR, VALUES_VADDR, TOKENS_VADDR,
					   INDEX_VADDR, COUNT_VADDR };

	for (size_t i = 0; i < ARRAY_SIZE(vaddrs); i++) {
		struct layout l = { .align = 4,
				    .has_long_lengths = true,
				    .encoding = KALLSYMS_BASE_RELATIVE };
		struct machine m;

		machine_make(&m, &l, 0);
		// Not mapped any more: the image is open, so open it once more.
		kernel_close(m.kernel);
		image_close(m.image);
		*fake_entry(&m.fake, vaddrs[i], 12) = 0;
		m.fake.vmcoreinfo.size = 0; // its note is there already
		m.image = fake_open(&m.fake);
		assert_int_equal(kernel_open(m.image, &m.kernel, NULL), 0);
		assert_no_kallsyms(&m, ERR_FAULT, "symbols");
		machine_done(&m);
	}
}

static void wild_counts(void **state)
{
	static const uint32_t counts[] = { 0,		1,
					   COUNT + 990, COUNT + 1001,
					   100000,	KALLSYMS_COUNT_MAX + 1,
					   UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct layout l = { .align = 4,
				    .has_long_lengths = true,
				    .encoding = KALLSYMS_ABSOLUTE_PERCPU,
				    .filler = 1000 };
		struct kallsyms *k = NULL;
		struct machine m;

		machine_make(&m, &l, 0);
		kernel_close(m.kernel);
		image_close(m.image);
		fake_u32(&m.fake, COUNT_VADDR, counts[i]);
		m.fake.vmcoreinfo.size = 0;
		m.image = fake_open(&m.fake);
		assert_int_equal(kernel_open(m.image, &m.kernel, NULL), 0);
		assert_true(kallsyms_new(m.kernel, &k, NULL) < 0);
		machine_done(&m);
	}
}

/* --- not exported: searched for ----------------------------------------------------- */

/* Where the parts of a table lie in one piece, in the two orders of kallsyms_search.h. */
static struct kallsyms_places placed(const struct made_table *t, const struct layout *l,
				     bool is_new_order)
{
	bool is_absolute = l->encoding == KALLSYMS_ABSOLUTE;
	struct kallsyms_places p = { .values_count = 1 };

	p.values[0].is_absolute = is_absolute;
	if (is_new_order) {
		p.values[0].vaddr = VALUES_VADDR;
		p.values[0].base_vaddr =
			(VALUES_VADDR + t->values.size + 7) & ~UINT64_C(7);
		p.token_index = VALUES_VADDR - sizeof(t->index);
		p.token_table = (p.token_index - t->tokens.size) & ~UINT64_C(3);
		p.names = ((p.token_table - t->names.size - 8) & ~UINT64_C(7)) + 4;
		p.num_syms = p.names - 4;
		return p;
	}
	p.names = NAMES_VADDR - 4 + 0x80000;
	p.num_syms = p.names - 8;
	p.values[0].base_vaddr = p.num_syms - 8;
	p.values[0].vaddr = (is_absolute ? p.num_syms : p.num_syms - 8) -
			    ((t->values.size + 7) & ~UINT64_C(7));
	/* A kernel may have more between the markers and the tokens. */
	p.token_table = (p.names + t->names.size + 3000 + 7) & ~UINT64_C(7);
	p.token_index = (p.token_table + t->tokens.size + 7) & ~UINT64_C(7);
	return p;
}

static void mute_machine_open(struct machine *m)
{
	struct err err = { 0 };

	m->image = fake_open(&m->fake);
	if (kernel_open(m->image, &m->kernel, &err) < 0)
		fail_msg("%s", err_text(&err));
}

/* A kernel that says no more of itself than where _stext is. Not opened yet. */
static struct kallsyms_places mute_machine_make(struct machine *m, const struct layout *l,
						bool is_new_order)
{
	static const char decoy[] = "/\0000\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	struct made_table table = made_table(l);
	struct kallsyms_places p = placed(&table, l, is_new_order);
	struct fake_image *f = &m->fake;

	*m = (struct machine){ 0 };
	fake_paging(f, 0x100000, 4);
	fake_memory(f, BASE, 0x400000, 0x200000);
	fake_memory(f, MAP, 0x1000000, TABLES_SIZE);
	fake_bytes(f, BASE + 0x1000, decoy, sizeof(decoy));
	fake_bytes(f, BASE + 0x100000 - 8, decoy, sizeof(decoy)); // at a chunk's end
	fake_bytes(f, p.names, table.names.data, table.names.size);
	fake_bytes(f, p.token_table, table.tokens.data, table.tokens.size);
	fake_bytes(f, p.token_index, table.index, sizeof(table.index));
	fake_bytes(f, p.values[0].vaddr, table.values.data, table.values.size);
	fake_u32(f, p.num_syms, table.count);
	if (l->encoding != KALLSYMS_PLACE_RELATIVE && l->encoding != KALLSYMS_ABSOLUTE)
		fake_u64(f, p.values[0].base_vaddr, BASE);
	fake_vmcoreinfo(f, "SYMBOL(_stext)=%" PRIx64, BASE);
	made_table_done(&table);
	return p;
}

static void found_in_both_orders(void **state)
{
	for (int variant = 0; variant < 4 * KALLSYMS_ENCODING_COUNT; variant++) {
		bool is_new_order = variant & 1;
		struct layout l = { .has_long_lengths = variant & 2,
				    .align = is_new_order ? 4 : 8,
				    .is_at_8 = !is_new_order,
				    .encoding = (enum kallsyms_encoding)(variant / 4),
				    .filler = 8000 };
		struct kallsyms_places wanted, found;
		struct kallsyms *k = NULL;
		struct err err = { 0 };
		struct machine m;

		if (l.encoding == KALLSYMS_PLACE_RELATIVE && !is_new_order)
			continue; // is younger than the new order
		wanted = mute_machine_make(&m, &l, is_new_order);
		mute_machine_open(&m);
		if (kallsyms_search(m.kernel, &found, &err) < 0 ||
		    kallsyms_new(m.kernel, &k, &err) < 0)
			fail_msg("variant %d: %s", variant, err_text(&err));
		assert_int_equal(found.names, wanted.names);
		assert_int_equal(found.num_syms, wanted.num_syms);
		assert_int_equal(found.token_table, wanted.token_table);
		assert_int_equal(found.token_index, wanted.token_index);
		if (l.has_long_lengths) { // else the long name is cut
			uint64_t vaddr;

			assert_int_equal(kallsyms_find(k, long_name, &vaddr, NULL), 0);
			assert_int_equal(vaddr, BASE + 0x280);
		}
		assert_lookup(k, BASE + 0x17f, "_syscall_open", BASE + 0x100,
			      BASE + 0x180);
		assert_lookup(k, BASE + 0x401, "filler0", BASE + 0x400, BASE + 0x408);
		kallsyms_free(k);
		machine_done(&m);
	}
}

static const struct layout old_layout = {
	.align = 8, .is_at_8 = true, .encoding = KALLSYMS_ABSOLUTE_PERCPU, .filler = 8000
};

/* What is damaged is not found, and each time the text says how far it came. */
static void not_found_when_damaged(void **state)
{
	for (int damage = 0; damage < 6; damage++) {
		static const char *const words[] = { "no token_table", "no token_table",
						     "no names",       "no names",
						     "no names",       "_stext" };
		struct machine m;
		struct kallsyms_places p = mute_machine_make(&m, &old_layout, false);
		uint64_t paddr = 0x1000000 - MAP;
		uint8_t *names = fake_phys(&m.fake, paddr + p.names, 1);

		switch (damage) {
		case 0: // the index disagrees with the table
			fake_bytes(&m.fake, p.token_index + 300, "\xff", 1);
			break;
		case 1: // no NUL between two tokens
			fake_bytes(&m.fake, p.token_table + 2, "x", 1);
			break;
		case 2: // the count does not fit the markers
			fake_u32(&m.fake, p.num_syms, 4000);
			break;
		case 3: // out of step from the first name on
			names[0] += 1;
			break;
		case 4: // no markers
			memset(names + (p.token_table - p.names) - 3000 - 100, 0x55, 90);
			break;
		default: // the table begins elsewhere than its addresses do
			fake_u64(&m.fake, p.values[0].base_vaddr, BASE + 1);
		}
		mute_machine_open(&m);
		assert_no_kallsyms(&m, damage == 5 ? ERR_CORRUPT : ERR_UNSUPPORTED,
				   words[damage]);
		machine_done(&m);
	}
}

/* A dump that is made to look like token_table everywhere is given up. */
static void decoys_everywhere(void **state)
{
	static const char decoy[] = "\0000\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	struct machine m;

	mute_machine_make(&m, &old_layout, false);
	for (uint64_t at = 0; at < 0x1fff00; at += sizeof(decoy))
		fake_bytes(&m.fake, BASE + at, decoy, sizeof(decoy));
	mute_machine_open(&m);
	assert_no_kallsyms(&m, ERR_LIMIT, "likely places");
	machine_done(&m);
}

/* Anything may be anywhere in a dump: here and there a page of noise, or none at all. */
static void noise_in_the_tables(void **state)
{
	uint32_t random = 1;

	for (int round = 0; round < 24; round++) {
		struct machine m;
		struct kallsyms_places p = mute_machine_make(&m, &old_layout, false);
		uint64_t page = (p.values[0].vaddr & ~UINT64_C(4095)) +
				UINT64_C(4096) * (uint64_t)(round * 2);
		struct kallsyms *k = NULL;

		if (round % 2)
			*fake_entry(&m.fake, page, 12) = 0;
		for (int i = 0; i < 4096; i++, random = random * 1664525 + 1013904223)
			if (round % 4 == 0)
				*fake_phys(&m.fake, page - MAP + 0x1000000 + (uint64_t)i,
					   1) = (uint8_t)(random >> 24);
			else if (round % 4 == 2 && i % 4 == 0)
				fake_u32(&m.fake, page + (uint64_t)i, (uint32_t)i * 128);
		mute_machine_open(&m);
		if (kallsyms_new(m.kernel, &k, NULL) == 0)
			kallsyms_free(k);
		machine_done(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_layouts),
		cmocka_unit_test(names_are_cut_at_the_buffer),
		cmocka_unit_test(names_cut_at_every_byte),
		cmocka_unit_test(every_byte_damaged),
		cmocka_unit_test(one_marker_damaged),
		cmocka_unit_test(most_markers_damaged),
		cmocka_unit_test(in_a_kernel),
		cmocka_unit_test(stext_elsewhere),
		cmocka_unit_test(not_exported),
		cmocka_unit_test(tables_not_there),
		cmocka_unit_test(wild_counts),
		cmocka_unit_test(found_in_both_orders),
		cmocka_unit_test(not_found_when_damaged),
		cmocka_unit_test(decoys_everywhere),
		cmocka_unit_test(noise_in_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
