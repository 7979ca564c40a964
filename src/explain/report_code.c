// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_code.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "explain/ascii.h"
#include "explain/member.h"

/* ---- from memory ---- */

void report_code_read(struct kernel *kernel, uint64_t ip, struct report_code *ret)
{
	struct report_code code = { 0 };
	struct kernel_name name;
	char where[256];
	uint64_t before, after;

	*ret = code;
	if (kernel_name(kernel, ip, &name, NULL) < 0)
		return;
	before = MIN(name.offset, (uint64_t)REPORT_CODE_BEFORE);
	after = REPORT_CODE_MAX - REPORT_CODE_BEFORE;
	if (name.size > name.offset) // the next function would only confuse
		after = MIN(after, name.size - name.offset);
	if (kernel_read(kernel, ip - before, code.bytes, before + after, NULL) < 0)
		return;
	code.vaddr = ip - before;
	code.at = before;
	code.size = before + after;
	code.is_start = before == name.offset;
	kernel_format_address(kernel, ip, where, sizeof(where));
	ascii_escape(where, strlen(where), code.where, sizeof(code.where));
	*ret = code;
}

/* ---- from the log ---- */

static int hex_digits(const char *p, size_t count)
{
	size_t i;

	for (i = 0; i < count && isxdigit((unsigned char)p[i]); i++)
		;
	return i == count && !isxdigit((unsigned char)p[count]);
}

/* One byte of x86, or the four of an instruction of arm64, which are written as a word.
 */
static size_t parse_unit(const char *p, uint8_t ret[4])
{
	size_t digits = hex_digits(p, 2) ? 2 : hex_digits(p, 8) ? 8 : 0;
	char text[9] = "";
	unsigned long word;

	memcpy(text, p, digits);
	word = strtoul(text, NULL, 16);
	for (size_t i = 0; i < digits / 2; i++)
		ret[i] = (uint8_t)(word >> 8 * i);
	return digits / 2;
}

bool report_code_parse(const char *line, struct report_code *ret)
{
	struct report_code code = { 0 };
	const char *p = strstr(line, "Code: ");
	bool is_marked = false;

	if (!p)
		return false;
	for (p += strlen("Code: "); *p; p++) {
		uint8_t unit[4];
		size_t size;

		if (*p == ' ' || *p == '>' || *p == ')')
			continue;
		if (*p == '<' || *p == '(') {
			code.at = code.size;
			is_marked = true;
			continue;
		}
		size = parse_unit(p, unit);
		if (!size || code.size + size > sizeof(code.bytes))
			break;
		memcpy(code.bytes + code.size, unit, size);
		code.size += size;
		p += 2 * size - 1;
	}
	if (!is_marked || code.at >= code.size)
		return false;
	*ret = code;
	return true;
}

/* ---- as text and JSON ---- */

void report_code_format_text(const struct report_code *code, struct text *ret)
{
	text_add(ret, "  %s\n ", code->where[0] ? code->where : "unknown function");
	for (size_t i = 0; i < code->size; i++)
		text_add(ret, i == code->at ? " <%02x>" : " %02x", code->bytes[i]);
	text_add(ret, "\n");
}

json_t *report_code_new_json(const struct report_code *code)
{
	char hex[2 * REPORT_CODE_MAX + 1] = "";
	json_t *object = json_object();
	int r = 0;

	for (size_t i = 0; i < code->size; i++)
		snprintf(hex + 2 * i, 3, "%02x", code->bytes[i]);
	r |= member_put_hex(object, "address", code->vaddr);
	r |= member_put_number(object, "at", code->at);
	r |= member_put_string(object, "bytes", hex);
	r |= member_put_string(object, "where", code->where);
	r |= json_object_set_new(object, "is_start", json_boolean(code->is_start));
	if (r != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int report_code_parse_json(const json_t *object, struct report_code *ret, struct err *err)
{
	struct report_code code = { 0 };
	char hex[2 * REPORT_CODE_MAX + 1] = "";
	uint64_t at = 0;
	int r = member_get_hex(object, "address", &code.vaddr, err);

	if (r == 0)
		r = member_get_string(object, "bytes", hex, sizeof(hex), err);
	if (r == 0)
		r = member_get_number(object, "at", REPORT_CODE_MAX, &at, err);
	if (r == 0)
		r = member_get_string(object, "where", code.where, sizeof(code.where),
				      err);
	if (r < 0)
		return r;
	code.size = strlen(hex) / 2;
	code.at = at;
	code.is_start = json_is_true(json_object_get(object, "is_start"));
	for (size_t i = 0; i < code.size; i++) {
		char byte[3] = { hex[2 * i], hex[2 * i + 1] };

		if (!hex_digits(byte, 2))
			return err_set(err, ERR_CORRUPT, "'bytes' of code is not in hex");
		code.bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	if (code.size && code.at >= code.size)
		return err_set(err, ERR_CORRUPT, "'at' lies outside of the code");
	*ret = code;
	return 0;
}
