/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words on a kernel's command line, where boot loaders keep them: in a variable of a
 * shell script (GRUB, update-extlinux, u-boot-menu), behind a keyword (entries of the
 * Boot Loader Specification, extlinux), or as the whole file (/etc/kernel/cmdline). Only
 * those words are touched: every other byte stays, quotes and comments too.
 */
#ifndef PREPARE_PARAMETER_EDIT_H
#define PREPARE_PARAMETER_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

#define PARAMETERS_MAX	    24
#define PARAMETER_MAX_BYTES 192
#define PARAMETER_WHY_BYTES 512

/* What shall be there, and which of the old words go: all that begin with a prefix. */
struct parameters {
	char add[PARAMETERS_MAX][PARAMETER_MAX_BYTES];
	char why[PARAMETERS_MAX][PARAMETER_WHY_BYTES];
	size_t add_count;
	char remove[PARAMETERS_MAX][PARAMETER_MAX_BYTES]; /* "crashkernel=" */
	size_t remove_count;
};

int parameters_add(struct parameters *parameters, struct err *err, const char *why,
		   const char *fmt, ...) PRINTF(4, 5);
int parameters_remove(struct parameters *parameters, const char *prefix, struct err *err);

/* Is @prefix the begin of a word of @line? Returns the word's value, and its length. */
const char *parameter_find(const char *line, const char *prefix, size_t *ret_size);

/* The words themselves: a whole file. */
int parameter_edit_line(const char *data, size_t size,
			const struct parameters *parameters, struct text *ret,
			struct err *err);

/* In the last assignment of @variable; a new one at the end where there is none, or where
 * the words go in none: @is_removal_only edits every variable whose name begins so. */
int parameter_edit_shell(const char *data, size_t size, const char *variable,
			 bool is_removal_only, const struct parameters *parameters,
			 struct text *ret, struct err *err);

/* On each line that begins with @keyword (in any case, after blanks); with @marker only
 * where the line has that text. @ret_count: lines found. */
int parameter_edit_keyword(const char *data, size_t size, const char *keyword,
			   const char *marker, const struct parameters *parameters,
			   struct text *ret, size_t *ret_count, struct err *err);

/* A word as it has to stand between double quotes of a shell script that writes it into
 * grub.cfg: "$" would be expanded by the shell, and then by GRUB. */
void parameter_quote_grub(const char *word, struct text *ret);

#endif
