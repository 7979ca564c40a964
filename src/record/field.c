// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/field.h"

#include <inttypes.h>
#include <string.h>

/* More than any text that is written by us: a cause is at most 256 bytes. */
#define FIELD_STRING_MAX 4096

int field_load(const char *json, size_t size, size_t limit, json_t **ret, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	json_error_t error;
	char where[JSON_ERROR_TEXT_LENGTH];

	if (size > limit)
		return err_set(err, ERR_CORRUPT, "%zu bytes, more than the %zu expected",
			       size, limit);
	root = json_loadb(json, size, 0, &error);
	if (!root && json_error_code(&error) == json_error_out_of_memory)
		return err_nomem(err);
	if (!root) {
		field_clean(error.text, where, sizeof(where)); // it quotes the input
		return err_set(err, ERR_CORRUPT, "line %d: %s", error.line, where);
	}
	if (!json_is_object(root))
		return err_set(err, ERR_CORRUPT, "not a JSON object");
	*ret = take_ptr(root);
	return 0;
}

int field_int(const json_t *object, const char *key, int64_t min, int64_t max,
	      int64_t *ret, struct err *err)
{
	const json_t *value = json_object_get(object, key);
	int64_t number;

	if (!value)
		return 0;
	if (!json_is_integer(value))
		return err_set(err, ERR_CORRUPT, "'%s' is not a whole number", key);
	number = json_integer_value(value);
	if (number < min || number > max)
		return err_set(err, ERR_INVALID,
			       "'%s' is %" PRId64 ", not between %" PRId64
			       " and %" PRId64,
			       key, number, min, max);
	*ret = number;
	return 0;
}

int field_string(const json_t *object, const char *key, bool is_exact, char *ret,
		 size_t size, struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return err_set(err, ERR_CORRUPT, "'%s' is not a string", key);
	if (is_exact && json_string_length(value) >= size)
		return err_set(err, ERR_LIMIT, "'%s' is longer than %zu bytes", key,
			       size - 1);
	if (is_exact && !field_is_clean(json_string_value(value)))
		return err_set(err, ERR_INVALID, "'%s' holds a control character", key);
	field_clean(json_string_value(value), ret, size);
	return 0;
}

int field_object(const json_t *object, const char *key, const json_t **ret,
		 struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_object(value))
		return err_set(err, ERR_CORRUPT, "'%s' is not an object", key);
	*ret = value;
	return 0;
}

/*
 * The bytes of the character at @p as RFC 3629 has them: no overlong forms, no
 * surrogates, nothing above U+10FFFF. 0 where there is none. A NUL ends any sequence.
 */
static size_t utf8_length(const unsigned char *p)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

/* The bytes at @p that are one printable character; 0 where a "?" has to stand for them.
 */
static size_t clean_length(const unsigned char *p)
{
	bool is_control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);

	return is_control ? 0 : utf8_length(p);
}

bool field_is_clean(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t length = 1;

	for (; *p && length; p += length)
		length = clean_length(p);
	return length > 0;
}

void field_clean(const char *text, char *ret, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t used = 0;

	while (*p) {
		size_t length = clean_length(p);
		size_t need = length ? length : 1;

		if (used + need >= size)
			break;
		if (length)
			memcpy(ret + used, p, length);
		else
			ret[used] = '?';
		used += need;
		// A control character of two bytes (C1) is one character.
		p += length ? length : MAX(utf8_length(p), 1);
	}
	ret[used] = '\0';
}

json_t *field_new_string(const char *text)
{
	char clean[FIELD_STRING_MAX];

	field_clean(text, clean, sizeof(clean));
	return json_string(clean);
}
