// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/cause_tale.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/cause_names.h"

static void copy_text(char *ret, size_t size, const char *text, size_t length)
{
	length = MIN(length, size - 1);
	memcpy(ret, text, length);
	ret[length] = '\0';
}

/* "0000000000000020" or "0x20," becomes "0x20". */
static void capture_address(struct tale *tale, const char *p)
{
	char *end;
	uint64_t value;

	while (*p == ' ')
		p++;
	if (!strncmp(p, "virtual address ", strlen("virtual address ")))
		p += strlen("virtual address ");
	value = strtoull(p, &end, 16);
	if (end != p)
		snprintf(tale->address, sizeof(tale->address), "0x%" PRIx64, value);
}

/* "CPU#1 stuck for 22s! [comm:pid]" */
static void capture_lockup(struct tale *tale, const char *p)
{
	const char *open = strrchr(p, '['), *close = open ? strchr(open, ']') : NULL;
	unsigned int cpu = UINT32_MAX;

	sscanf(p, "CPU#%u", &cpu);
	if (close)
		tale->has_who =
			oops_parse_task(open + 1, (size_t)(close - open - 1), &tale->who);
	tale->who.cpu = cpu;
}

/* What stands behind the words of the row in its own line. */
static void capture(struct tale *tale, const char *line)
{
	const struct cause_row *row = tale->row;
	const char *p = strstr(line, row->words);
	const char *then;

	if (!p)
		return;
	p += strlen(row->words);
	then = row->then ? strstr(p, row->then) : NULL;
	snprintf(tale->rest, sizeof(tale->rest), "%s", p);
	switch (row->capture) {
	case CAPTURE_REST:
		break;
	case CAPTURE_ADDRESS:
		capture_address(tale, p);
		break;
	case CAPTURE_PLACE:
		if (then)
			p = then + strlen(row->then);
		copy_text(tale->place, sizeof(tale->place), p, strcspn(p, " !"));
		break;
	case CAPTURE_TASK:
		if (then)
			tale->has_who =
				oops_parse_task(p, (size_t)(then - p), &tale->who);
		break;
	case CAPTURE_WORD:
		copy_text(tale->word, sizeof(tale->word), p,
			  then ? (size_t)(then - p) : strcspn(p, " "));
		break;
	case CAPTURE_LOCKUP:
		capture_lockup(tale, p);
		break;
	case CAPTURE_CPU:
		if (then)
			p = then + strlen(row->then);
		if (isdigit((unsigned char)*p))
			tale->who.cpu = (uint32_t)strtoul(p, NULL, 10);
		break;
	}
}

/* "... at file.c:12 func+0x1/0x2", "in func+0x1/0x2 [module]", "in: func+0x1/0x2" */
static void capture_line_frame(struct tale *tale, const char *line)
{
	for (const char *p = strchr(line, ' '); p; p = strchr(p + 1, ' ')) {
		if (oops_parse_frame(p, &tale->line_frame))
			return;
	}
	tale->line_frame = (struct oops_frame){ 0 };
}

/* Linux arch/x86/include/asm/trap_pf.h: bit 1 write, bit 4 instruction fetch. */
static const char *access_of_error_code(const char *line)
{
	const char *p = strstr(line, "Oops: ");
	char *end;
	unsigned long code;

	if (!p)
		return NULL;
	p += strlen("Oops: ");
	if (!strncmp(p, "Oops: ", strlen("Oops: ")))
		p += strlen("Oops: ");
	code = strtoul(p, &end, 16);
	if (end != p + 4 || strncmp(end, " [#", 3) != 0)
		return NULL;
	return code & 16 ? "execution" : code & 2 ? "write" : "read";
}

static void note_access(struct tale *tale, const char *line)
{
	static const struct {
		const char *words, *access;
	} ways[] = {
		{ "#PF: supervisor read access", "read" },
		{ "#PF: supervisor write access", "write" },
		{ "#PF: supervisor instruction fetch", "execution" },
		{ "Read of size ", "read" },
		{ "Read at addr ", "read" },
		{ "Write at addr ", "write" },
		{ "Write of size ", "write" },
		{ "WnR = 0", "read" },
		{ "WnR = 1", "write" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways) && !tale->access; i++) {
		if (strstr(line, ways[i].words))
			tale->access = ways[i].access;
	}
	if (!tale->access)
		tale->access = access_of_error_code(line);
}

/* "RIP: 0010:func+0x12/0x40 [module]": all but what stands before the name. */
static void note_ip_text(struct tale *tale, const char *line, const char *function)
{
	const char *name = strstr(line, function);

	if (name)
		snprintf(tale->ip_text, sizeof(tale->ip_text), "%s", name);
}

static void note_ip(struct tale *tale, const struct oops_frame *ip, const char *line)
{
	if (tale->ip.function[0])
		return;
	note_ip_text(tale, line, ip->function);
	tale->ip = *ip;
	if (!cause_is_plumbing(ip->function))
		tale->before = *ip;
	if (!tale->has_trace)
		signature_add(&tale->signature, ip->function, ip->module);
}

static void note_trace(struct tale *tale, const struct oops_frame *frame)
{
	tale->has_trace = true;
	signature_add(&tale->signature, frame->function, frame->module);
	if (!tale->any_frame.function[0])
		tale->any_frame = *frame;
	if (!tale->entry.function[0] && cause_is_dispatcher(frame->function))
		tale->entry = tale->before;
	if (cause_is_plumbing(frame->function))
		return;
	tale->before = *frame;
	if (!tale->first.function[0])
		tale->first = *frame;
	if (!tale->frame.function[0])
		tale->frame = *frame;
	if (!tale->waiter.function[0] && !cause_is_wait(frame->function))
		tale->waiter = *frame;
	if (!tale->caller.function[0] && !cause_is_checker(frame->function))
		tale->caller = *frame;
	if (!tale->entry.function[0] && cause_alias(frame->function))
		tale->entry = *frame;
}

/* arm's "(func) from (caller+0x1/0x2)": the last caller has no line of its own. */
static void note_trace_line(struct tale *tale, const struct oops_frame *frame,
			    const char *line)
{
	static const char from[] = ") from ";
	const char *p = strstr(line, from);
	struct oops_frame caller;

	note_trace(tale, frame);
	if (p && !tale->entry.function[0] &&
	    oops_parse_frame(p + strlen(from) - 1, &caller) &&
	    cause_is_dispatcher(caller.function))
		tale->entry = tale->before;
}

/*
 * A frame that the kernel does not vouch for: all are where the CPU jumped to nowhere, as
 * there its own unwinder loses the way.
 */
static void note_guess(struct tale *tale, const struct oops_frame *frame)
{
	signature_add(&tale->guess_signature, frame->function, frame->module);
	if (!tale->guess.function[0] && !cause_is_plumbing(frame->function))
		tale->guess = *frame;
}

/* "(&mutex){+.+.}, at: [<ffffffff81000000>] func+0x12/0x40" */
static void note_lock(struct tale *tale, const char *line)
{
	const char *at = strstr(line, " at: ");
	struct oops_frame frame;

	if (at && !tale->lock.function[0] &&
	    oops_parse_frame(at + strlen(" at:"), &frame) &&
	    !cause_is_plumbing(frame.function))
		tale->lock = frame;
}

/* What was listed before the first trace (who else takes the lock) is not the trace. */
static void note_trace_header(struct tale *tale)
{
	tale->has_trace_header = true;
	tale->has_trace = false;
	tale->frame = tale->caller = tale->waiter = tale->entry = tale->before =
		tale->any_frame = (struct oops_frame){ 0 };
	tale->signature = (struct signature){ 0 };
	if (tale->ip.function[0])
		signature_add(&tale->signature, tale->ip.function, tale->ip.module);
}

static void note_frame(struct tale *tale, const char *line)
{
	struct oops_frame frame = { 0 };

	if (!tale->has_trace_header && oops_is_trace_header(line)) {
		note_trace_header(tale);
		return;
	}
	if (!tale->has_trace_header)
		note_lock(tale, line);
	if (oops_parse_ip(line, &frame))
		note_ip(tale, &frame, line);
	else if (oops_parse_frame(line, &frame) && frame.is_reliable)
		note_trace_line(tale, &frame, line);
	else if (frame.function[0] && tale->has_trace_header)
		note_guess(tale, &frame);
}

/* The first is the kernel's; others are of programs, or of stories that follow. */
static void note_code(struct tale *tale, const char *line)
{
	if (tale->code.size || !tale->ip.function[0] ||
	    !report_code_parse(line, &tale->code))
		return;
	snprintf(tale->code.where, sizeof(tale->code.where), "%s", tale->ip_text);
}

/* The end of what belongs to the story, though its caller printed more. */
static bool is_over(const struct tale *tale, const char *line, size_t past)
{
	const struct cause_row *row;

	// Of a CPU that hangs the trace was printed before the panic, whose own is that
	// of the CPU that noticed. (Of a warning, an old kernel prints only the panic's.)
	if (tale->row->weight == CAUSE_REPORT && tale->row->function == FUNCTION_ENTRY &&
	    strstr(line, "Kernel panic - not syncing"))
		return true;
	if (!tale->has_trace)
		return false;
	if (strstr(line, "---[ end trace"))
		return true;
	row = past > TALE_HEADER_LINES ? cause_row_find(line) : NULL;
	return row && row->weight != CAUSE_DETAIL;
}

void tale_read(const struct oops_line *lines, size_t count, const struct story *story,
	       bool any_caller, struct tale *ret)
{
	size_t end = MIN(count, story->line + TALE_LINES);
	char line[OOPS_LINE_SIZE];
	struct oops_who who;

	*ret = (struct tale){ .row = story->row, .who = { .cpu = UINT32_MAX } };
	oops_line_copy(&lines[story->line], line);
	capture(ret, line);
	capture_line_frame(ret, line);
	for (size_t i = story->line; i < end; i++) {
		if (!any_caller &&
		    !oops_same_caller(lines[i].caller_id, story->caller_id))
			continue;
		oops_line_copy(&lines[i], line);
		if (i > story->line && is_over(ret, line, i - story->line))
			break;
		if (i > story->line)
			note_frame(ret, line);
		note_access(ret, line);
		note_code(ret, line);
		if (!ret->has_who && oops_parse_who(line, &who)) {
			who.cpu = ret->who.cpu != UINT32_MAX ? ret->who.cpu : who.cpu;
			ret->who = who;
			ret->has_who = true;
		}
	}
	if (!ret->signature.count)
		ret->signature = ret->guess_signature;
}

/* The first choice of each way to name a function; NULL: as FUNCTION_TRACE. */
static const struct oops_frame *preferred_frame(const struct tale *tale,
						enum cause_function function)
{
	const struct oops_frame *frame = NULL;

	switch (function) {
	case FUNCTION_IP:
		frame = tale->ip.function[0] ? &tale->ip : &tale->line_frame;
		break;
	case FUNCTION_LINE:
		frame = &tale->line_frame;
		if (!frame->function[0] || cause_is_plumbing(frame->function))
			frame = &tale->ip;
		break;
	case FUNCTION_FIRST:
		frame = &tale->first;
		break;
	case FUNCTION_LOCK:
		frame = &tale->lock;
		break;
	case FUNCTION_ENTRY:
		frame = &tale->entry;
		break;
	case FUNCTION_WAIT:
		frame = &tale->waiter;
		break;
	case FUNCTION_TRACE:
	case FUNCTION_NONE:
		break;
	}
	return frame && frame->function[0] && !cause_is_plumbing(frame->function) ? frame
										  : NULL;
}

const struct oops_frame *tale_frame(const struct tale *tale, enum cause_function function,
				    const struct oops_frame *fallback)
{
	const struct oops_frame *order[] = {
		preferred_frame(tale, function),
		&tale->frame,
		&tale->lock,
		&tale->line_frame,
		fallback,
		&tale->ip,
		&tale->any_frame,
		&tale->guess,
	};

	if (function == FUNCTION_NONE)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (order[i] && order[i]->function[0])
			return order[i];
	}
	return NULL;
}

/* Numbers that differ from crash to crash taken out: "ADDR" for long ones, "NUM". */
static void plain_message(const char *message, char *ret, size_t size)
{
	size_t used = 0;

	while (*message && used + 5 < size) {
		size_t hex = strspn(message, "0123456789abcdefABCDEF");
		size_t decimal = strspn(message, "0123456789");
		bool is_start = used == 0 || !isalnum((unsigned char)ret[used - 1]);
		const char *word = NULL;

		if (!strncmp(message, "0x", 2) && is_start)
			hex = decimal = 2 + strspn(message + 2, "0123456789abcdefABCDEF");
		if (is_start && (hex >= 8 || !strncmp(message, "0x", 2)) &&
		    !isalnum((unsigned char)message[hex])) {
			word = "ADDR";
			message += hex;
		} else if (is_start && decimal) {
			word = "NUM";
			message += decimal;
		}
		if (word)
			used += (size_t)snprintf(ret + used, size - used, "%s", word);
		else
			ret[used++] = *message++;
	}
	ret[used] = '\0';
}

static void format_task(const struct tale *tale, const char *before, char *ret,
			size_t size)
{
	if (tale->has_who)
		snprintf(ret, size, "%stask %s (pid %" PRId32 ")", before, tale->who.comm,
			 tale->who.pid);
	else
		snprintf(ret, size, "%s", *before ? "" : "a task");
}

/* " in func", the name being the same for what compilers and kernels call differently. */
static void format_function(const struct tale *tale, const struct oops_frame *frame,
			    char *ret, size_t size)
{
	char plain[OOPS_NAME_SIZE], caller[OOPS_NAME_SIZE];
	const char *alias = cause_alias(frame->function);

	if (alias) {
		snprintf(ret, size, " in %s", alias);
		return;
	}
	oops_plain_function(frame->function, plain, sizeof(plain));
	if (tale->caller.function[0] && cause_is_checker(frame->function)) {
		oops_plain_function(tale->caller.function, caller, sizeof(caller));
		snprintf(ret, size, " in %.100s/%.100s", caller, plain);
		return;
	}
	snprintf(ret, size, " in %s", plain);
}

/* One {part}; false for a name that there is not. */
static bool format_part(const struct tale *tale, const struct oops_frame *frame,
			const char *name, char *ret, size_t size)
{
	*ret = '\0';
	if (!strcmp(name, "in") && frame)
		snprintf(ret, size, frame->module[0] ? " in %s [%s]" : " in %s",
			 frame->function, frame->module);
	else if (!strcmp(name, "f") && frame)
		format_function(tale, frame, ret, size);
	else if (!strcmp(name, "access"))
		snprintf(ret, size, "%s", tale->access ? tale->access : "access");
	else if (!strcmp(name, "Access") && tale->access)
		snprintf(ret, size, " %s", *tale->access == 'r' ? "Read" : "Write");
	else if (!strcmp(name, "address") && tale->address[0])
		snprintf(ret, size, " at address %s", tale->address);
	else if (!strcmp(name, "place") && tale->place[0])
		snprintf(ret, size, " at %s", tale->place);
	else if (!strcmp(name, "task"))
		format_task(tale, "", ret, size);
	else if (!strcmp(name, "by"))
		format_task(tale, ", by ", ret, size);
	else if (!strcmp(name, "cpu") && tale->who.cpu != UINT32_MAX)
		snprintf(ret, size, "CPU %" PRIu32, tale->who.cpu);
	else if (!strcmp(name, "cpu"))
		snprintf(ret, size, "a CPU");
	else if (!strcmp(name, "rest"))
		snprintf(ret, size, "%s", tale->rest);
	else if (!strcmp(name, "generic"))
		plain_message(tale->rest, ret, size);
	else if (!strcmp(name, "word"))
		snprintf(ret, size, "%s", tale->word);
	else
		return false;
	return true;
}

void tale_fill_in(const struct tale *tale, const char *sentence,
		  const struct oops_frame *frame, char *ret, size_t size)
{
	size_t used = 0;

	while (*sentence && used + 1 < size) {
		char name[16], part[256];
		const char *end = *sentence == '{' ? strchr(sentence, '}') : NULL;

		if (!end || end - sentence - 1 >= (ptrdiff_t)sizeof(name)) {
			ret[used++] = *sentence++;
			continue;
		}
		copy_text(name, sizeof(name), sentence + 1, (size_t)(end - sentence - 1));
		format_part(tale, frame, name, part, sizeof(part));
		copy_text(ret + used, size - used, part, strlen(part));
		used += strlen(ret + used);
		sentence = end + 1;
	}
	while (used && (ret[used - 1] == ' ' || ret[used - 1] == ':'))
		used--;
	ret[used] = '\0';
}
