/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A struct of a dead kernel, member by member: its layout, or with an address its values.
 * Rows are in the order of the declaration, a struct within a struct and its members
 * after one another, with a depth.
 */
#ifndef EXPLAIN_TYPE_ROWS_H
#define EXPLAIN_TYPE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"

#define TYPE_ROWS_DEPTH_MAX   16    /* structs in each other */
#define TYPE_ROWS_MAX	      16384 /* in all */
#define TYPE_ROWS_ELEMENTS    64    /* shown of an array */
#define TYPE_ROWS_CHARS_MAX   4096  /* of a text */
#define TYPE_ROWS_NUMBERS_MAX 65536 /* looked at in one array */

struct type_row {
	unsigned int depth;
	char *name;   /* "tasks", "[3]"; "" anonymous */
	char *path;   /* "se.load.weight", "fds_bits[3]": from the type that was asked for
		       */
	char *type;   /* "struct list_head *" */
	char *value;  /* printable; NULL: a struct, or no address was given */
	bool is_lost; /* then @value is "?", and rows->lost says why the first is */
	bool is_group;	      /* its members follow */
	uint64_t offset_bits; /* from the start of the struct that was named */
	uint32_t bitfield_bits;
	uint64_t size_bytes;
};

struct type_rows {
	struct type_row *rows;
	size_t count;
	char type[128];
	uint64_t size_bytes;
	bool is_cut;	/* there are more than TYPE_ROWS_MAX */
	char lost[256]; /* "" all values were there */
};

/*
 * @path: "task_struct" or "task_struct.se". @vaddr is that of the struct; 0: its layout.
 * ERR_NOTFOUND: no such type. That memory is not in the dump is no failure.
 */
int type_rows_read(struct kernel *kernel, const char *path, uint64_t vaddr,
		   struct type_rows *ret, struct err *err);
void type_rows_done(struct type_rows *rows);

void type_rows_format_text(const struct type_rows *rows, struct text *ret);
struct json_t *type_rows_new_json(const struct type_rows *rows);

#define _cleanup_type_rows _cleanup_(type_rows_done)

#endif
