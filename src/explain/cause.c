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

#include <stdio.h>
#include <string.h>

#include "explain/cause_table.h"
#include "explain/cause_tale.h"

#define RECENT_MAX    16 /* stories that a panic may look back on */
#define REPLACE_LINES 3	 /* a message that tells more than the line before it */

struct stories {
	struct story recent[RECENT_MAX]; /* a ring */
	size_t count;			 /* in all */
	struct story first, fatal, report, panic;
};

/* The story that @line goes on with, if it is one of the last. */
static struct story *open_story(struct stories *all, const struct oops_line *line,
				size_t number, size_t within)
{
	size_t look = MIN(all->count, (size_t)RECENT_MAX);

	for (size_t i = 1; i <= look; i++) {
		struct story *story = &all->recent[(all->count - i) % RECENT_MAX];

		if (number - story->line > within)
			return NULL;
		if (oops_same_caller(story->caller_id, line->caller_id))
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
			  row->weight == CAUSE_DETAIL ? TALE_LINES : TALE_HEADER_LINES);
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
		if (oops_same_caller(story->caller_id, panic->caller_id))
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

/* How much the choice of choose_story() is worth. */
static void judge(const struct stories *all, const struct story *story, struct cause *ret)
{
	const struct story *last =
		all->count ? &all->recent[(all->count - 1) % RECENT_MAX] : NULL;
	bool is_panic = story->row->weight == CAUSE_PANIC;

	ret->certainty = CAUSE_LIKELY;
	if (is_panic && story->row->looks_back) {
		ret->certainty_why = "the panic's own words, which mean something before "
				     "it that the log no longer has";
	} else if (is_panic) {
		ret->certainty = CAUSE_SURE;
		ret->certainty_why = "the panic's own words";
	} else if (all->panic.row &&
		   oops_same_caller(story->caller_id, all->panic.caller_id)) {
		ret->certainty = CAUSE_SURE;
		ret->certainty_why = "the panic says that what it follows was fatal, and "
				     "this is what it follows";
	} else if (all->panic.row) {
		ret->certainty_why = "the last trouble before the panic, but of another "
				     "task or CPU";
	} else if (story->row->weight == CAUSE_REPORT) {
		ret->certainty_why = "the last trouble in the log, which has neither a "
				     "panic nor an oops";
	} else if (last && last->line <= story->line) {
		ret->certainty = CAUSE_SURE;
		ret->certainty_why = "the kernel's own oops, and no trouble after it";
	} else {
		ret->certainty_why = "the last oops in the log, but not the last trouble";
	}
}

static void tell(const struct tale *tale, const struct oops_frame *fallback,
		 struct cause *ret)
{
	enum cause_function function = tale->row->function;
	// The title names what was going on, the sentence where the CPU was at the time.
	const struct oops_frame *titled = tale_frame(tale, function, fallback),
				*frame = function == FUNCTION_ENTRY
						 ? tale_frame(tale, FUNCTION_IP, fallback)
						 : titled;

	tale_fill_in(tale, tale->row->text, frame, ret->text, sizeof(ret->text));
	tale_fill_in(tale, tale->row->title, titled, ret->title, sizeof(ret->title));
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
	if (tale->row->weight != CAUSE_PANIC || tale->row->of_interrupted) {
		snprintf(ret->at, sizeof(ret->at), "%s", tale->ip.function);
		ret->code = tale->code;
	}
	ret->next = tale->row->next;
	if (tale->row->next <= NEXT_POINTER && tale->row->next >= NEXT_NULL &&
	    tale->access && !strcmp(tale->access, "execution"))
		ret->next = NEXT_EXECUTION;
}

static void note_hardware(const char *line, struct cause *ret)
{
	static const char words[] = "Hardware name: ";

	if (!strncmp(line, words, strlen(words)))
		snprintf(ret->hardware, sizeof(ret->hardware), "%.255s",
			 line + strlen(words));
}

/*
 * A stall is told by one CPU, its trace by the one that hangs. Before that the first may
 * show the thread of RCU, which only sleeps.
 */
static bool lacks_trace(const struct tale *tale)
{
	if (tale->ip.function[0] || (tale->guess.function[0] && !tale->has_trace))
		return false;
	return tale->row->function == FUNCTION_ENTRY ? !tale->frame.function[0]
						     : !tale->has_trace;
}

/*
 * Words of Linux block/blk-core.c (print_req_error()), fs/buffer.c, fs/ext4/super.c,
 * fs/xfs/xfs_buf.c, fs/btrfs/messages.c, drivers/ata/libata-eh.c, drivers/nvme/host.
 */
static void note_disk_error(const char *line, struct cause *ret)
{
	static const char *const words[] = {
		"I/O error, dev ",	    "medium error, dev ",
		"Buffer I/O error on dev ", "EXT4-fs error (device ",
		"metadata I/O error",	    "BTRFS error (device ",
		"failed command: ",	    "I/O tag ",
	};
	const char *tag = strstr(line, "I/O tag ");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(line, words[i]);

		if (!at || (at == tag && !strstr(line, "timeout")))
			continue;
		ret->disk_errors++;
		snprintf(ret->disk_error, sizeof(ret->disk_error), "%.159s", line);
		return;
	}
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
		note_disk_error(line, &cause);
		row = cause_row_find(line);
		if (row)
			note_line(&all, &lines[i], i, row);
	}
	story = choose_story(&all, pick);
	if (story) {
		tale_read(lines, count, story, false, &tale);
		if (lacks_trace(&tale))
			tale_read(lines, count, story, true, &tale);
		tell(&tale, fallback, &cause);
		judge(&all, story, &cause);
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
