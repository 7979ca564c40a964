// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/oops_text.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool oops_same_caller(uint32_t a, uint32_t b)
{
	return a == b || !a || !b;
}

static size_t count_lines(const struct printk_record *record)
{
	const char *p = record->text, *end = p + record->text_size;
	size_t count = 1;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		count++;
		p++;
	}
	return count;
}

/* The first record from which on the lines are at most OOPS_LINES_MAX. */
static size_t first_record(const struct printk_log *log, size_t *ret_lines)
{
	size_t i = log->count, lines = 0;

	while (i > 0) {
		size_t more = count_lines(&log->records[i - 1]);

		if (more > OOPS_LINES_MAX - lines)
			break;
		lines += more;
		i--;
	}
	*ret_lines = lines;
	return i;
}

int oops_lines_new(const struct printk_log *log, struct oops_line **ret,
		   size_t *ret_count, struct err *err)
{
	size_t lines, used = 0, i = first_record(log, &lines);
	struct oops_line *all;

	all = calloc(lines + 1, sizeof(*all));
	if (!all)
		return err_nomem(err);
	for (; i < log->count; i++) {
		const struct printk_record *record = &log->records[i];
		const char *p = record->text, *end = p + record->text_size;

		for (;;) {
			const char *stop =
				p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;

			if (!stop)
				stop = end;
			all[used++] = (struct oops_line){ p, (size_t)(stop - p),
							  record->caller_id };
			if (stop == end)
				break;
			p = stop + 1;
		}
	}
	*ret = all;
	*ret_count = used;
	return 0;
}

void oops_line_copy(const struct oops_line *line, char ret[static OOPS_LINE_SIZE])
{
	size_t size = MIN(line->size, OOPS_LINE_SIZE - 1);

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)line->text[i];

		ret[i] = c >= 0x20 && c < 0x7f ? (char)c : c == '\t' ? ' ' : '?';
	}
	ret[size] = '\0';
}

static const char *skip_spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* Passes over "[<ffffffff81000000>]" or "[c000000000028700]", and the spaces around. */
static const char *skip_addresses(const char *p)
{
	for (p = skip_spaces(p); *p == '['; p = skip_spaces(p)) {
		const char *digits = p + 1 + (p[1] == '<');
		const char *end = digits + strspn(digits, "0123456789abcdef");

		if (end - digits < 8 || (p[1] == '<' && *end++ != '>') || *end != ']')
			break;
		p = end + 1;
	}
	return p;
}

/* Of a symbol: C, and what compilers and Rust make of one. */
static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.$<>:-", c));
}

static bool copy_name(const char *name, size_t size, char *ret, size_t ret_size)
{
	if (!size || size >= ret_size || isdigit((unsigned char)name[0]))
		return false;
	memcpy(ret, name, size);
	ret[size] = '\0';
	return true;
}

/* Behind a symbol's offset: " [module]", maybe with a build id: " [module 1234abcd]". */
static void parse_module(const char *p, struct oops_frame *ret)
{
	size_t size;

	ret->module[0] = '\0';
	p = skip_spaces(p);
	if (*p != '[' || p[1] == '<')
		return;
	size = strcspn(p + 1, " ]");
	if (strcmp(p + 1 + size, "") != 0 && strncmp(p + 1, "inline]", 7) != 0)
		copy_name(p + 1, size, ret->module, sizeof(ret->module));
}

/* "func+0x12/0x40 [module]" at @p. */
static bool parse_symbol(const char *p, struct oops_frame *ret)
{
	const char *plus = p, *end;

	while (is_name_char(*plus))
		plus++;
	if (strncmp(plus, "+0x", 3) != 0)
		return false;
	end = plus + 3 + strspn(plus + 3, "0123456789abcdef");
	if (end[0] != '/' || end[1] != '0' || end[2] != 'x')
		return false;
	end += 3 + strspn(end + 3, "0123456789abcdef");
	if (!copy_name(p, (size_t)(plus - p), ret->function, sizeof(ret->function)))
		return false;
	parse_module(end, ret);
	return true;
}

/* "func file.c:12 [inline]", "func+0x1/0x2 file.c:12" is parse_symbol()'s. */
static bool parse_inlined(const char *p, struct oops_frame *ret)
{
	size_t size = strcspn(p, " ");
	const char *end = strstr(p, " [inline]");

	if (!end || end[strlen(" [inline]")] != '\0' || !strchr(p + size, ':'))
		return false;
	ret->module[0] = '\0';
	return copy_name(p, size, ret->function, sizeof(ret->function));
}

/* "(func) from [<" */
static bool parse_called(const char *p, struct oops_frame *ret)
{
	const char *end = p;

	while (is_name_char(*end))
		end++;
	if (strncmp(end, ") from [<", strlen(") from [<")) != 0)
		return false;
	ret->module[0] = '\0';
	return copy_name(p, (size_t)(end - p), ret->function, sizeof(ret->function));
}

bool oops_is_trace_header(const char *line)
{
	static const char *const words[] = { "Call Trace:", "Call trace:", "Backtrace:",
					     "backtrace:" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(line, words[i]);

		if (at && at[strlen(words[i])] == '\0')
			return true;
	}
	return false;
}

bool oops_parse_frame(const char *line, struct oops_frame *ret)
{
	const char *p = skip_addresses(line);
	bool is_reliable = true;

	if (p[0] == '?' && p[1] == ' ') {
		is_reliable = false;
		p = skip_addresses(p + 1);
	}
	if (p == line) // a frame is indented, or has an address
		return false;
	ret->is_reliable = is_reliable;
	if (p[0] == '(')
		return parse_called(p + 1, ret) || parse_symbol(p + 1, ret);
	return parse_symbol(p, ret) || parse_inlined(p, ret);
}

bool oops_parse_ip(const char *line, struct oops_frame *ret)
{
	static const char *const words[] = {
		"RIP: 0010:", "RIP: e030:", "RIP: ",	 "EIP: 0060:", "EIP: ",
		"IP: ",	      "pc : ",	    "PC is at ", "epc : ",     "NIP "
	};
	const char *p = skip_spaces(line);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strncmp(p, words[i], strlen(words[i])) != 0)
			continue;
		ret->is_reliable = true;
		p = skip_addresses(p + strlen(words[i]));
		return parse_symbol(p, ret) || parse_inlined(p, ret);
	}
	return false;
}

bool oops_parse_task(const char *text, size_t size, struct oops_who *ret)
{
	size_t at = size;
	struct oops_who who = { .cpu = UINT32_MAX };
	char *end;
	long pid;

	while (at > 0 && text[at - 1] != ':' && text[at - 1] != '/')
		at--;
	if (at < 2 || at == size || !isdigit((unsigned char)text[at]))
		return false;
	pid = strtol(text + at, &end, 10);
	if (pid < 0 || pid > INT32_MAX || at - 1 >= sizeof(who.comm))
		return false;
	who.pid = (int32_t)pid;
	memcpy(who.comm, text, at - 1);
	*ret = who;
	return true;
}

/* The number behind @word in @line. */
static bool number_after(const char *line, const char *word, uint32_t *ret)
{
	const char *p = strstr(line, word);
	unsigned long value;
	char *end;

	if (!p || !isdigit((unsigned char)p[strlen(word)]))
		return false;
	value = strtoul(p + strlen(word), &end, 10);
	if (value > INT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

bool oops_parse_who(const char *line, struct oops_who *ret)
{
	static const char *const ends[] = { " Kdump: ", " Tainted: ", " Not tainted" };
	const char *comm = strstr(line, " Comm: ");
	struct oops_who who = { .cpu = UINT32_MAX };
	uint32_t pid;
	size_t size;

	if (!comm || !number_after(line, "PID: ", &pid) ||
	    !number_after(line, "CPU: ", &who.cpu))
		return false;
	comm += strlen(" Comm: ");
	size = strlen(comm);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const char *end = strstr(comm, ends[i]);

		if (end && (size_t)(end - comm) < size)
			size = (size_t)(end - comm);
	}
	if (size >= sizeof(who.comm)) // a comm has 15 bytes: this is something else
		return false;
	memcpy(who.comm, comm, size);
	who.pid = (int32_t)pid;
	*ret = who;
	return true;
}

void oops_plain_function(const char *function, char *ret, size_t size)
{
	static const struct {
		const char *prefix, *instead;
	} prefixes[] = {
		{ "__x64_sys_", "sys_" },
		{ "__ia32_sys_", "sys_" },
		{ "__arm64_sys_", "sys_" },
		{ "__se_sys_", "" },
		{ "__do_sys_", "" },
		{ "__ia32_compat_sys_", "" },
		{ "__se_compat_sys_", "" },
		{ "__do_compat_sys_", "" },
		{ "SYSC_", "" },
		{ "SyS_", "" },
		{ "C_SYSC_", "" },
		{ "compat_SyS_", "" },
		{ "ksys_", "" },
	};
	static const char *const suffixes[] = { ".isra.", ".constprop.", ".part.",
						".cold", ".llvm." };
	const char *instead = "";
	size_t length;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!strncmp(function, prefixes[i].prefix, strlen(prefixes[i].prefix))) {
			function += strlen(prefixes[i].prefix);
			instead = prefixes[i].instead;
			break;
		}
	}
	length = strlen(function);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		const char *at = strstr(function, suffixes[i]);

		if (at && (size_t)(at - function) < length)
			length = (size_t)(at - function);
	}
	snprintf(ret, size, "%s%.*s", instead, (int)MIN(length, (size_t)INT_MAX),
		 function);
}
