// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMCOREINFO's text, cut into sorted pairs. A dead kernel wrote it, so nothing is taken
 * for granted: a line without '=' or with an empty key is passed over, the text ends at
 * its first NUL, and the last of equal keys wins (makedumpfile's and crash's rule too:
 * they append to it).
 *
 * Which keys there are, and what they mean, is known to those who ask for them.
 */
#include "kernel/vmcoreinfo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VMCOREINFO_KEY_MAX 256 /* the longest asked for, "OFFSET(...)" and its NUL */

static int entry_compare(const void *a, const void *b)
{
	const struct vmcoreinfo_entry *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	if (r)
		return r;
	return x->value < y->value ? -1 : x->value > y->value; /* in the text's order */
}

/* Cuts the text in place; returns how many pairs there are. */
static size_t entries_cut(char *text, struct vmcoreinfo_entry *entries)
{
	size_t count = 0;
	char *line, *next;

	for (line = text; line; line = next) {
		char *equals;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		equals = strchr(line, '=');
		if (!equals || equals == line)
			continue;
		*equals = '\0';
		entries[count++] =
			(struct vmcoreinfo_entry){ .key = line, .value = equals + 1 };
	}
	return count;
}

static size_t entries_drop_repeated(struct vmcoreinfo_entry *entries, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept && strcmp(entries[kept - 1].key, entries[i].key) == 0)
			kept--;
		entries[kept++] = entries[i];
	}
	return kept;
}

int vmcoreinfo_init(struct vmcoreinfo *info, const char *text, size_t size,
		    struct err *err)
{
	struct vmcoreinfo_entry *entries;
	size_t lines = 1;
	char *copy;

	if (size > VMCOREINFO_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "VMCOREINFO has %zu bytes, more than %d",
			       size, VMCOREINFO_SIZE_MAX);
	size = strnlen(text, size);
	copy = strndup(text, size);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	entries = calloc(lines, sizeof(*entries));
	if (!copy || !entries) {
		free(copy);
		free(entries);
		return err_nomem(err);
	}
	info->text = copy;
	info->entries = entries;
	info->count = entries_cut(copy, entries);
	qsort(entries, info->count, sizeof(*entries), entry_compare);
	info->count = entries_drop_repeated(entries, info->count);
	return 0;
}

void vmcoreinfo_done(struct vmcoreinfo *info)
{
	free(info->text);
	free(info->entries);
	*info = (struct vmcoreinfo){ 0 };
}

const char *vmcoreinfo_get(const struct vmcoreinfo *info, const char *key)
{
	size_t low = 0, high = info->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(key, info->entries[middle].key);

		if (r == 0)
			return info->entries[middle].value;
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The value of KIND(@name). */
static int value_get(const struct vmcoreinfo *info, const char *kind, const char *name,
		     const char **ret, struct err *err)
{
	char key[VMCOREINFO_KEY_MAX];
	const char *value;

	if ((size_t)snprintf(key, sizeof(key), "%s(%s)", kind, name) >= sizeof(key))
		return err_set(err, ERR_INVALID, "a name is too long for VMCOREINFO");
	value = vmcoreinfo_get(info, key);
	if (!value)
		return err_set(err, ERR_NOTFOUND, "VMCOREINFO has no %s", key);
	*ret = value;
	return 0;
}

static int value_corrupt(const char *kind, const char *name, const char *value,
			 struct err *err)
{
	return err_set(err, ERR_CORRUPT, "VMCOREINFO's %s(%s) is no number: '%.32s'",
		       kind, name, value);
}

/* Nothing but digits of @base: no sign, no space. */
static bool parse_u64(const char *text, int base, uint64_t *ret)
{
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
	unsigned long long value;

	if (!*text || text[strspn(text, digits)])
		return false;
	errno = 0;
	value = strtoull(text, NULL, base);
	if (errno)
		return false;
	*ret = value;
	return true;
}

static int value_u64(const struct vmcoreinfo *info, const char *kind, const char *name,
		     int base, uint64_t *ret, struct err *err)
{
	const char *value;
	int r = value_get(info, kind, name, &value, err);

	if (r < 0)
		return r;
	if (base == 16 && value[0] == '0' && (value[1] == 'x' || value[1] == 'X'))
		value += 2;
	if (!parse_u64(value, base, ret))
		return value_corrupt(kind, name, value, err);
	return 0;
}

int vmcoreinfo_symbol(const struct vmcoreinfo *info, const char *name, uint64_t *ret,
		      struct err *err)
{
	return value_u64(info, "SYMBOL", name, 16, ret, err);
}

int vmcoreinfo_offset(const struct vmcoreinfo *info, const char *path, uint64_t *ret,
		      struct err *err)
{
	return value_u64(info, "OFFSET", path, 10, ret, err);
}

int vmcoreinfo_size(const struct vmcoreinfo *info, const char *name, uint64_t *ret,
		    struct err *err)
{
	return value_u64(info, "SIZE", name, 10, ret, err);
}

int vmcoreinfo_length(const struct vmcoreinfo *info, const char *name, uint64_t *ret,
		      struct err *err)
{
	return value_u64(info, "LENGTH", name, 10, ret, err);
}

int vmcoreinfo_number(const struct vmcoreinfo *info, const char *name, int64_t *ret,
		      struct err *err)
{
	const char *value, *digits;
	bool is_negative, fits;
	uint64_t magnitude;
	int base = 10;
	int r = value_get(info, "NUMBER", name, &value, err);

	if (r < 0)
		return r;
	is_negative = value[0] == '-';
	digits = value + is_negative;
	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
		base = 16;
		digits += 2;
	}
	if (!parse_u64(digits, base, &magnitude))
		return value_corrupt("NUMBER", name, value, err);
	/* Hexadecimal is how unsigned values are printed: all 64 bits are theirs. */
	fits = is_negative ? magnitude <= (uint64_t)1 << 63
			   : base == 16 || magnitude <= INT64_MAX;
	if (!fits)
		return value_corrupt("NUMBER", name, value, err);
	*ret = (int64_t)(is_negative ? -magnitude : magnitude);
	return 0;
}
