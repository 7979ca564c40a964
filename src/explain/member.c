// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/member.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/ascii.h"
#include "record/field.h"

json_t *member_new_string(const char *text)
{
	char *clean;
	json_t *string;

	if (field_is_clean(text))
		return json_string(text);
	clean = ascii_new(text, strlen(text));
	string = clean ? json_string(clean) : NULL;
	free(clean);
	return string;
}

int member_put_string(json_t *object, const char *key, const char *text)
{
	return text[0] ? json_object_set_new(object, key, member_new_string(text)) : 0;
}

int member_put_number(json_t *object, const char *key, uint64_t number)
{
	if (!number)
		return 0;
	return json_object_set_new(
		object, key, json_integer((json_int_t)MIN(number, (uint64_t)INT64_MAX)));
}

int member_put_hex(json_t *object, const char *key, uint64_t number)
{
	char text[24];

	if (!number)
		return 0;
	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	return json_object_set_new(object, key, json_string(text));
}

int member_get_string(const json_t *object, const char *key, char *ret, size_t size,
		      struct err *err)
{
	return field_string(object, key, false, ret, size, err);
}

int member_get_number(const json_t *object, const char *key, uint64_t max, uint64_t *ret,
		      struct err *err)
{
	int64_t number = (int64_t)*ret;
	int r = field_int(object, key, 0, (int64_t)max, &number, err);

	if (r == 0)
		*ret = (uint64_t)number;
	return r;
}

int member_get_array(const json_t *object, const char *key, size_t max,
		     const json_t **ret, struct err *err)
{
	const json_t *array = json_object_get(object, key);

	if (array && !json_is_array(array))
		return err_set(err, ERR_CORRUPT, "'%s' is not an array", key);
	if (json_array_size(array) > max)
		return err_set(err, ERR_LIMIT, "'%s' has %zu elements, more than %zu",
			       key, json_array_size(array), max);
	*ret = array;
	return 0;
}

int member_get_hex(const json_t *object, const char *key, uint64_t *ret, struct err *err)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	size_t digits;

	if (!value)
		return 0;
	digits = text && !strncmp(text, "0x", 2) ? strspn(text + 2, "0123456789abcdef")
						 : 0;
	if (!digits || digits > 16 || text[2 + digits])
		return err_set(err, ERR_CORRUPT, "'%s' is not a number \"0x...\"", key);
	*ret = strtoull(text, NULL, 16);
	return 0;
}

int member_get_new_string(const json_t *value, const char *key, char **ret,
			  struct err *err)
{
	size_t size;

	if (value && !json_is_string(value))
		return err_set(err, ERR_CORRUPT, "'%s' is not a string", key);
	size = json_string_length(value) + 1;
	*ret = malloc(size);
	if (!*ret)
		return err_nomem(err);
	field_clean(value ? json_string_value(value) : "", *ret, size);
	return 0;
}
