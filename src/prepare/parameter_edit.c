// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/parameter_edit.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int parameters_add(struct parameters *parameters, struct err *err, const char *why,
		   const char *fmt, ...)
{
	va_list ap;
	int n;

	if (parameters->add_count == PARAMETERS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d kernel parameters",
			       PARAMETERS_MAX);
	va_start(ap, fmt);
	n = vsnprintf(parameters->add[parameters->add_count], PARAMETER_MAX_BYTES, fmt,
		      ap);
	va_end(ap);
	if (n < 0 || n >= PARAMETER_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "a kernel parameter of %d bytes", n);
	snprintf(parameters->why[parameters->add_count], PARAMETER_WHY_BYTES, "%s", why);
	parameters->add_count++;
	return 0;
}

int parameters_remove(struct parameters *parameters, const char *prefix, struct err *err)
{
	if (parameters->remove_count == PARAMETERS_MAX ||
	    strlen(prefix) >= PARAMETER_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "too many kernel parameters to remove");
	strcpy(parameters->remove[parameters->remove_count++], prefix);
	return 0;
}

const char *parameter_find(const char *line, const char *prefix, size_t *ret_size)
{
	const char *found = NULL;
	size_t length = strlen(prefix);

	for (const char *at = line; (at = strstr(at, prefix)); at += length) {
		if (at != line && !isspace((unsigned char)at[-1]))
			continue;
		found = at + length;
		*ret_size = strcspn(found, " \t\n");
	}
	return found;
}

void parameter_quote_grub(const char *word, struct text *ret)
{
	for (; *word; word++) {
		if (*word == '$')
			text_add(ret, "\\\\\\$");
		else
			text_add_bytes(ret, word, 1);
	}
}

/* ---- words ---- */

/* How a word to be added is written down at this place. */
enum quoting {
	QUOTE_NONE,
	QUOTE_GRUB_DOUBLE, /* between double quotes of a shell script */
	QUOTE_GRUB_SINGLE,
};

static void word_quote(const char *word, enum quoting quoting, struct text *ret)
{
	if (quoting == QUOTE_GRUB_DOUBLE) {
		parameter_quote_grub(word, ret);
		return;
	}
	for (; *word; word++) {
		if (*word == '$' && quoting == QUOTE_GRUB_SINGLE)
			text_add(ret, "\\");
		text_add_bytes(ret, word, 1);
	}
}

struct words {
	const struct parameters *parameters;
	enum quoting quoting;
	bool is_removal_only;
	bool found[PARAMETERS_MAX];
};

/* Does this word of the old line stay? One that is to be added stays where it is. */
static bool word_stays(struct words *words, const char *word, size_t size)
{
	const struct parameters *parameters = words->parameters;

	for (size_t i = 0; !words->is_removal_only && i < parameters->add_count; i++) {
		struct text quoted = { 0 };
		bool is_same;

		word_quote(parameters->add[i], words->quoting, &quoted);
		is_same =
			quoted.size == size && memcmp(text_get(&quoted), word, size) == 0;
		text_done(&quoted);
		if (is_same && !words->found[i]) {
			words->found[i] = true;
			return true;
		}
	}
	for (size_t i = 0; i < parameters->remove_count; i++) {
		size_t length = strlen(parameters->remove[i]);

		if (size >= length && memcmp(word, parameters->remove[i], length) == 0)
			return false;
	}
	return true;
}

/* @line without its newline. A word that goes takes the blanks before it along. */
static void words_edit(struct words *words, const char *line, size_t size,
		       struct text *ret)
{
	size_t at = 0, start = ret->size;

	while (at < size) {
		size_t blank = at, end;
		bool is_quoted = false;

		while (at < size && isspace((unsigned char)line[at]))
			at++;
		for (end = at;
		     end < size && (is_quoted || !isspace((unsigned char)line[end]));
		     end++)
			is_quoted ^= line[end] == '"';
		if (end == at || word_stays(words, line + at, end - at)) {
			// no blank where all words before it went
			if (ret->size == start && blank != 0)
				blank = at;
			text_add_bytes(ret, line + blank, end - blank);
		}
		at = end;
	}
	for (size_t i = 0; !words->is_removal_only && i < words->parameters->add_count;
	     i++) {
		if (words->found[i])
			continue;
		if (ret->size > start &&
		    !isspace((unsigned char)ret->data[ret->size - 1]))
			text_add(ret, " ");
		word_quote(words->parameters->add[i], words->quoting, ret);
	}
}

int parameter_edit_line(const char *data, size_t size,
			const struct parameters *parameters, struct text *ret,
			struct err *err)
{
	struct words words = { .parameters = parameters };
	size_t end = size;

	while (end && isspace((unsigned char)data[end - 1]))
		end--;
	words_edit(&words, data, end, ret);
	text_add_bytes(ret, data + end, size - end);
	return text_check(ret, err);
}

/* ---- lines ---- */

static size_t line_size(const char *data, size_t size)
{
	const char *end = memchr(data, '\n', size);

	return end ? (size_t)(end - data) + 1 : size;
}

int parameter_edit_keyword(const char *data, size_t size, const char *keyword,
			   const char *marker, const struct parameters *parameters,
			   struct text *ret, size_t *ret_count, struct err *err)
{
	size_t length = strlen(keyword), count = 0, next;

	for (size_t at = 0; at < size; at += next) {
		struct words words = { .parameters = parameters };
		const char *line = data + at;
		size_t start = 0, end;

		next = line_size(line, size - at);
		while (start < next && (line[start] == ' ' || line[start] == '\t'))
			start++;
		end = next;
		while (end > start && isspace((unsigned char)line[end - 1]))
			end--;
		if (end - start <= length || strncasecmp(line + start, keyword, length) ||
		    !isblank((unsigned char)line[start + length]) ||
		    (marker && !memmem(line, end, marker, strlen(marker)))) {
			text_add_bytes(ret, line, next);
			continue;
		}
		start += length;
		while (start < end && isblank((unsigned char)line[start]))
			start++;
		text_add_bytes(ret, line, start);
		words_edit(&words, line + start, end - start, ret);
		text_add_bytes(ret, line + end, next - end);
		count++;
	}
	*ret_count = count;
	return text_check(ret, err);
}

/* ---- shell ---- */

/* Where the value of an assignment lies: [start, end), without its quotes. */
struct assignment {
	size_t start, end;
	enum quoting quoting;
};

/* NAME="value", NAME='value', NAME=value; all else is left alone. */
static bool line_is_assignment(const char *line, size_t size, const char *variable,
			       bool is_prefix, struct assignment *ret)
{
	size_t at = 0, length = strlen(variable);
	char quote;

	while (at < size && isblank((unsigned char)line[at]))
		at++;
	if (size - at <= length || memcmp(line + at, variable, length) != 0)
		return false;
	at += length;
	while (is_prefix && at < size &&
	       (isalnum((unsigned char)line[at]) || line[at] == '_'))
		at++;
	if (at < size && line[at] == '+')
		at++;
	if (at >= size || line[at++] != '=')
		return false;
	quote = at < size ? line[at] : '\0';
	ret->start = at;
	if (quote != '"' && quote != '\'') {
		ret->quoting = QUOTE_NONE;
		while (at < size && !isspace((unsigned char)line[at]) && line[at] != '#')
			at++;
		ret->end = at;
		return true;
	}
	ret->quoting = quote == '"' ? QUOTE_GRUB_DOUBLE : QUOTE_GRUB_SINGLE;
	for (ret->start = ++at; at < size && line[at] != quote; at++) {
		if (quote == '"' && line[at] == '\\' && at + 1 < size)
			at++;
	}
	ret->end = at;
	return at < size;
}

static void assignment_edit(const char *line, size_t size, const struct assignment *old,
			    bool is_removal_only, const struct parameters *parameters,
			    struct text *ret)
{
	struct words words = { .parameters = parameters,
			       .quoting = old->quoting,
			       .is_removal_only = is_removal_only };
	bool is_bare = old->quoting == QUOTE_NONE;

	if (is_bare)
		words.quoting = QUOTE_GRUB_DOUBLE;
	text_add_bytes(ret, line, old->start);
	text_add(ret, is_bare && !is_removal_only ? "\"" : "");
	words_edit(&words, line + old->start, old->end - old->start, ret);
	text_add(ret, is_bare && !is_removal_only ? "\"" : "");
	text_add_bytes(ret, line + old->end, size - old->end);
}

int parameter_edit_shell(const char *data, size_t size, const char *variable,
			 bool is_removal_only, const struct parameters *parameters,
			 struct text *ret, struct err *err)
{
	struct assignment old;
	size_t last = SIZE_MAX, next;

	for (size_t at = 0; at < size; at += next) {
		next = line_size(data + at, size - at);
		if (line_is_assignment(data + at, next, variable, false, &old))
			last = at;
	}
	for (size_t at = 0; at < size; at += next) {
		bool is_last = at == last && !is_removal_only;

		next = line_size(data + at, size - at);
		if (!line_is_assignment(data + at, next, variable, !is_last, &old)) {
			text_add_bytes(ret, data + at, next);
			continue;
		}
		assignment_edit(data + at, next, &old, !is_last, parameters, ret);
	}
	if (last == SIZE_MAX && !is_removal_only && parameters->add_count) {
		struct words words = { .parameters = parameters,
				       .quoting = QUOTE_GRUB_DOUBLE };

		text_add(ret, "%s%s=\"", size && data[size - 1] != '\n' ? "\n" : "",
			 variable);
		words_edit(&words, "", 0, ret);
		text_add(ret, "\"\n");
	}
	return text_check(ret, err);
}
