/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF of a fake kernel, from a description in text, one struct a line:
 *
 *	"list_head 16 next:*@0 prev:*@8\n"
 *	"odd 16 list:list_head@0 bit:u4@8.3 name:c8@8"
 *
 * A member is NAME:TYPE@OFFSET. TYPE is *, u8, u16, u32, u64, s32, s64, bN (N bytes in an
 * array), cN (N characters), aN (N pointers), qN (N u64), or an earlier struct's name;
 *u3@8.2 are 3 bits at bit 2 of byte 8.
 */
#ifndef FAKE_TYPES_H
#define FAKE_TYPES_H

#include <bpf/btf.h>

#include "fake_kernel.h"

#define FAKE_BTF      (DATA + 0xc000)
#define FAKE_BTF_SIZE 0x3000

struct fake_types {
	struct btf *btf;
	int u[9], s[9], chars, pointer;
};

static inline int fake_type(struct fake_types *t, const char *name,
			    unsigned long *ret_bits)
{
	unsigned long n = strtoul(name + 1, NULL, 10);
	int id;

	*ret_bits = 0;
	if (!strcmp(name, "*"))
		return t->pointer;
	if (strchr("us", name[0]) && n >= 8 && n % 8 == 0 && n <= 64)
		return name[0] == 'u' ? t->u[n / 8] : t->s[n / 8];
	if (name[0] == 'u' && n && n < 8) {
		*ret_bits = n;
		return t->u[4];
	}
	if (strchr("bcaq", name[0]) && n)
		return btf__add_array(t->btf, t->u[4],
				      name[0] == 'b'   ? t->u[1]
				      : name[0] == 'c' ? t->chars
				      : name[0] == 'q' ? t->u[8]
						       : t->pointer,
				      (uint32_t)n);
	id = btf__find_by_name_kind(t->btf, name, BTF_KIND_STRUCT);
	fake_check(id > 0);
	return id;
}

/* Arrays have to be there before the struct: members are added to the last type. */
static inline void fake_struct(struct fake_types *t, char *line)
{
	struct {
		const char *name;
		int type;
		unsigned long at, bit, bits;
	} members[32];
	size_t count = 0;
	char *save = NULL, *name = strtok_r(line, " ", &save),
	     *size = strtok_r(NULL, " ", &save), *word;

	while ((word = strtok_r(NULL, " ", &save))) {
		char *type = strchr(word, ':'), *at = strchr(word, '@');

		fake_check(type && at && count < 32);
		*type = *at = '\0';
		members[count].name = word;
		members[count].type = fake_type(t, type + 1, &members[count].bits);
		members[count].at = strtoul(at + 1, &at, 10);
		members[count].bit = *at == '.' ? strtoul(at + 1, NULL, 10) : 0;
		count++;
	}
	fake_check(btf__add_struct(t->btf, name, (uint32_t)strtoul(size, NULL, 10)) > 0);
	for (size_t i = 0; i < count; i++)
		fake_check(btf__add_field(t->btf, members[i].name, members[i].type,
					  (uint32_t)(members[i].at * 8 + members[i].bit),
					  (uint32_t)members[i].bits) == 0);
}

static inline void fake_types(struct fake_kernel *f, const char *description)
{
	struct fake_types t = { .btf = btf__new_empty() };
	char *text = strdup(description), *save = NULL;
	const void *data;
	uint32_t size;

	fake_check(t.btf && text);
	t.u[1] = btf__add_int(t.btf, "u8", 1, 0);
	t.u[2] = btf__add_int(t.btf, "u16", 2, 0);
	t.u[4] = btf__add_int(t.btf, "u32", 4, 0);
	t.u[8] = btf__add_int(t.btf, "u64", 8, 0);
	t.s[4] = btf__add_int(t.btf, "s32", 4, BTF_INT_SIGNED);
	t.s[8] = btf__add_int(t.btf, "s64", 8, BTF_INT_SIGNED);
	t.chars = btf__add_int(t.btf, "char", 1, 0);
	t.pointer = btf__add_ptr(t.btf, 0);
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *copy = strdup(line);

		fake_struct(&t, copy);
		free(copy);
	}
	data = btf__raw_data(t.btf, &size);
	fake_check(data && size <= FAKE_BTF_SIZE);
	fake_bytes(&f->memory, FAKE_BTF, data, size);
	fake_vmcoreinfo(&f->memory,
			"SYMBOL(__start_BTF)=%" PRIx64 "\nSYMBOL(__stop_BTF)=%" PRIx64,
			FAKE_BTF, FAKE_BTF + size);
	btf__free(t.btf);
	free(text);
}

#endif
