// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A story is a line that a row of the table knows, and what the same caller printed after
 * it. All lines are looked at once; of the stories one is chosen, read in full and told.
 *
 * A panic's own words are the cause, unless they only say that something before it was
 * fatal ("Fatal exception", "panic_on_warn set"): then it is the story before. Where no
 * panic was printed (an oops goes straight to the crash kernel), it is the last oops.
 */
#include "explain/cause.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/cause_table.h"

#define RECENT_MAX    16 /* stories that a panic may look back on */
#define HEADER_LINES  12 /* further lines of the same trouble, before its trace */
#define REPLACE_LINES 3	 /* a message that tells more than the line before it */

struct story {
	const struct cause_row *row;
	size_t line;
	uint32_t caller_id;
};

struct stories {
	struct story recent[RECENT_MAX]; /* a ring */
	size_t count;			 /* in all */
	struct story first, fatal, report, panic;
};

static bool name_matches(const char *pattern, const char *name)
{
	size_t size = strlen(pattern);

	if (size && pattern[size - 1] == '*')
		return !strncmp(pattern, name, size - 1);
	return !strcmp(pattern, name);
}

bool cause_is_plumbing(const char *function)
{
	for (size_t i = 0; i < cause_plumbing_count; i++) {
		if (name_matches(cause_plumbing[i], function))
			return true;
	}
	return false;
}

static const struct cause_row *find_row(const char *line)
{
	for (size_t i = 0; i < cause_row_count; i++) {
		const struct cause_row *row = &cause_rows[i];
		const char *at = strstr(line, row->words);

		if (at && (!row->then || strstr(at + strlen(row->words), row->then)))
			return row;
	}
	return NULL;
}

static bool same_caller(uint32_t a, uint32_t b)
{
	return a == b || !a || !b;
}

/* The story that @line goes on with, if it is one of the last. */
static struct story *open_story(struct stories *all, const struct oops_line *line,
				size_t number, size_t within)
{
	size_t look = MIN(all->count, (size_t)RECENT_MAX);

	for (size_t i = 1; i <= look; i++) {
		struct story *story = &all->recent[(all->count - i) % RECENT_MAX];

		if (number - story->line > within)
			return NULL;
		if (same_caller(story->caller_id, line->caller_id))
			return story;
	}
	return NULL;
}

static void note_weight(struct stories *all, const struct story *story)
{
	if (story->row->weight == CAUSE_PANIC)
		all->panic = *story;
	else if (story->row->weight == CAUSE_FATAL || story->row->weight == CAUSE_DETAIL)
		all->fatal = *story;
	else if (story->row->weight == CAUSE_REPORT)
		all->report = *story;
}

static void begin_story(struct stories *all, const struct story *story)
{
	note_weight(all, story);
	if (story->row->weight == CAUSE_PANIC) // looked back from, never back on
		return;
	if (!all->first.row)
		all->first = *story;
	all->recent[all->count++ % RECENT_MAX] = *story;
}

static void note_line(struct stories *all, const struct oops_line *line, size_t number,
		      const struct cause_row *row)
{
	struct story story = { row, number, line->caller_id };
	struct story *open;

	if (row->weight == CAUSE_PANIC) {
		begin_story(all, &story);
		return;
	}
	open = open_story(all, line, number,
			  row->weight == CAUSE_DETAIL ? CAUSE_STORY_LINES : HEADER_LINES);
	if (!open) {
		begin_story(all, &story);
		return;
	}
	// A WARNING line, then the message that says what of: the rows go from the
	// particular to the general.
	if (number - open->line <= REPLACE_LINES && row < open->row &&
	    row->weight == open->row->weight) {
		if (all->first.line == open->line && all->first.row == open->row)
			all->first.row = row;
		open->row = row;
		note_weight(all, open);
	}
}

/* What a panic looks back on: the last story of its caller, else of anybody. */
static const struct story *story_before(const struct stories *all,
					const struct story *panic)
{
	size_t look = MIN(all->count, (size_t)RECENT_MAX);
	const struct story *any = NULL;

	for (size_t i = 1; i <= look; i++) {
		const struct story *story = &all->recent[(all->count - i) % RECENT_MAX];

		if (story->line > panic->line)
			continue;
		if (!any)
			any = story;
		if (same_caller(story->caller_id, panic->caller_id))
			return story;
	}
	return any;
}

static const struct story *choose_story(const struct stories *all, enum cause_pick pick)
{
	const struct story *before;

	if (pick == CAUSE_FIRST && all->first.row &&
	    (!all->panic.row || all->panic.row->looks_back ||
	     all->first.line < all->panic.line))
		return &all->first;
	if (all->panic.row) {
		before = all->panic.row->looks_back ? story_before(all, &all->panic)
						    : NULL;
		return before ? before : &all->panic;
	}
	if (all->fatal.row)
		return &all->fatal;
	return all->report.row ? &all->report : NULL;
}

/* What the lines of one story say. "" where they do not. */
struct tale {
	const struct cause_row *row;
	char rest[256]; /* behind the row's words */
	char word[64];
	char place[128];
	char address[24]; /* "0x20" */
	const char *access;
	struct oops_who who;
	bool has_who;
	struct oops_frame ip, frame,
		line_frame; /* frame: the first that is no plumbing */
	struct oops_frame any_frame;
	struct signature signature;
	bool has_trace;
};

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

static void note_frame(struct tale *tale, const char *line)
{
	struct oops_frame frame;

	if (oops_parse_ip(line, &frame)) {
		if (tale->ip.function[0])
			return;
		tale->ip = frame;
		if (!tale->has_trace)
			signature_add(&tale->signature, frame.function, frame.module);
		return;
	}
	if (!oops_parse_frame(line, &frame) || !frame.is_reliable)
		return;
	tale->has_trace = true;
	signature_add(&tale->signature, frame.function, frame.module);
	if (!tale->any_frame.function[0])
		tale->any_frame = frame;
	if (!tale->frame.function[0] && !cause_is_plumbing(frame.function))
		tale->frame = frame;
}

/* The end of what belongs to the story, though its caller printed more. */
static bool is_over(const struct tale *tale, const char *line, size_t past)
{
	const struct cause_row *row;

	if (!tale->has_trace)
		return false;
	if (strstr(line, "---[ end trace"))
		return true;
	row = past > HEADER_LINES ? find_row(line) : NULL;
	return row && row->weight != CAUSE_DETAIL;
}

static void read_story(const struct oops_line *lines, size_t count,
		       const struct story *story, bool any_caller, struct tale *ret)
{
	size_t end = MIN(count, story->line + CAUSE_STORY_LINES);
	char line[OOPS_LINE_SIZE];
	struct oops_who who;

	*ret = (struct tale){ .row = story->row, .who = { .cpu = UINT32_MAX } };
	oops_line_copy(&lines[story->line], line);
	capture(ret, line);
	capture_line_frame(ret, line);
	for (size_t i = story->line; i < end; i++) {
		if (!any_caller && !same_caller(lines[i].caller_id, story->caller_id))
			continue;
		oops_line_copy(&lines[i], line);
		if (i > story->line && is_over(ret, line, i - story->line))
			break;
		if (i > story->line)
			note_frame(ret, line);
		note_access(ret, line);
		if (!ret->has_who && oops_parse_who(line, &who)) {
			who.cpu = ret->who.cpu != UINT32_MAX ? ret->who.cpu : who.cpu;
			ret->who = who;
			ret->has_who = true;
		}
	}
}

static const struct oops_frame *choose_frame(const struct tale *tale,
					     const struct oops_frame *fallback)
{
	const struct oops_frame *order[6] = { 0 };
	bool ip_first = tale->row->function == FUNCTION_IP &&
			!cause_is_plumbing(tale->ip.function);
	size_t n = 0;

	if (tale->row->function == FUNCTION_NONE)
		return NULL;
	if (ip_first)
		order[n++] = &tale->ip;
	if (ip_first && !tale->ip.function[0] &&
	    !cause_is_plumbing(tale->line_frame.function))
		order[n++] = &tale->line_frame;
	order[n++] = &tale->frame;
	order[n++] = &tale->line_frame;
	order[n++] = fallback;
	order[n++] = &tale->ip;
	for (size_t i = 0; i < n; i++) {
		if (order[i] && order[i]->function[0])
			return order[i];
	}
	return tale->any_frame.function[0] ? &tale->any_frame : NULL;
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

/* One {part}; false for a name that there is not. */
static bool format_part(const struct tale *tale, const struct oops_frame *frame,
			const char *name, char *ret, size_t size)
{
	char plain[OOPS_NAME_SIZE];

	*ret = '\0';
	if (!strcmp(name, "in") && frame)
		snprintf(ret, size, frame->module[0] ? " in %s [%s]" : " in %s",
			 frame->function, frame->module);
	else if (!strcmp(name, "f") && frame) {
		oops_plain_function(frame->function, plain, sizeof(plain));
		snprintf(ret, size, " in %s", plain);
	} else if (!strcmp(name, "access"))
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

static void fill_in(const char *sentence, const struct tale *tale,
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

static void tell(const struct tale *tale, const struct oops_frame *fallback,
		 struct cause *ret)
{
	const struct oops_frame *frame = choose_frame(tale, fallback);

	fill_in(tale->row->text, tale, frame, ret->text, sizeof(ret->text));
	fill_in(tale->row->title, tale, frame, ret->title, sizeof(ret->title));
	if (frame) {
		snprintf(ret->function, sizeof(ret->function), "%s", frame->function);
		snprintf(ret->module, sizeof(ret->module), "%s", frame->module);
	}
	if (tale->has_who) {
		snprintf(ret->comm, sizeof(ret->comm), "%s", tale->who.comm);
		ret->pid = tale->who.pid;
	}
	ret->cpu = tale->who.cpu;
	ret->signature = tale->signature;
}

static void note_hardware(const char *line, struct cause *ret)
{
	static const char words[] = "Hardware name: ";

	if (!strncmp(line, words, strlen(words)))
		snprintf(ret->hardware, sizeof(ret->hardware), "%.255s",
			 line + strlen(words));
}

int cause_find(const struct printk_log *log, enum cause_pick pick,
	       const struct oops_frame *fallback, struct cause *ret, struct err *err)
{
	_cleanup_free struct oops_line *lines = NULL;
	struct cause cause = { .pid = -1, .cpu = UINT32_MAX };
	struct stories all = { 0 };
	const struct story *story;
	struct tale tale;
	size_t count = 0;
	int r;

	r = oops_lines_new(log, &lines, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		char line[OOPS_LINE_SIZE];
		const struct cause_row *row;

		oops_line_copy(&lines[i], line);
		note_hardware(line, &cause);
		row = find_row(line);
		if (row)
			note_line(&all, &lines[i], i, row);
	}
	story = choose_story(&all, pick);
	if (story) {
		read_story(lines, count, story, false, &tale);
		// A stall is told by one CPU, its trace by the one that hangs.
		if (!tale.has_trace && !tale.ip.function[0])
			read_story(lines, count, story, true, &tale);
		tell(&tale, fallback, &cause);
		cause.lines_back = count - story->line;
	} else {
		snprintf(
			cause.unknown, sizeof(cause.unknown),
			"the log has neither a panic nor an oops among its last %zu lines",
			count);
	}
	*ret = cause;
	return 0;
}
