// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/pstore_panic.h"

#include <stdio.h>
#include <string.h>

#include "record/farewell.h"

/* Of so many lines at the end three quarters have to be the same, and not too few. */
#define SAME_LINES     24
#define SAME_LINES_MIN 5

/* ---- writings ---- */

static bool is_near(int64_t a, int64_t b)
{
	return !a || !b || (a - b <= PSTORE_SAME_S && b - a <= PSTORE_SAME_S);
}

static int add_entry(struct pstore_entry ***list, size_t *count,
		     struct pstore_entry *entry, size_t at, struct err *err)
{
	struct pstore_entry **grown =
		reallocarray(*list, *count + 1, sizeof(struct pstore_entry *));

	if (!grown)
		return err_nomem(err);
	memmove(grown + at + 1, grown + at, (*count - at) * sizeof(*grown));
	grown[at] = entry;
	*list = grown;
	++*count;
	return 0;
}

/* Where @entry stands among the parts; the count if that part is there already. */
static bool writing_place(const struct pstore_writing *writing,
			  const struct pstore_entry *entry, size_t *ret)
{
	const struct pstore_entry *first = writing->parts[0];
	size_t at = 0;

	if (!entry->part || !first->part || strcmp(first->backend, entry->backend) != 0 ||
	    first->count != entry->count || !is_near(first->time, entry->time) ||
	    (first->reason[0] && entry->reason[0] &&
	     strcmp(first->reason, entry->reason) != 0))
		return false;
	while (at < writing->count && writing->parts[at]->part > entry->part)
		at++;
	if (at < writing->count && writing->parts[at]->part == entry->part)
		return false;
	*ret = at;
	return true;
}

struct writings {
	struct pstore_writing *all;
	size_t count;
};

static void writings_done(struct writings *writings)
{
	for (size_t i = 0; i < writings->count; i++)
		free(writings->all[i].parts);
	free(writings->all);
}

static int writings_add(struct writings *writings, struct pstore_entry *entry,
			struct err *err)
{
	struct pstore_writing *grown;
	size_t at;

	for (size_t i = writings->count; i > 0; i--) {
		struct pstore_writing *writing = &writings->all[i - 1];

		if (writing_place(writing, entry, &at))
			return add_entry(&writing->parts, &writing->count, entry, at,
					 err);
	}
	grown = reallocarray(writings->all, writings->count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	writings->all = grown;
	grown[writings->count] = (struct pstore_writing){ 0 };
	writings->count++;
	return add_entry(&grown[writings->count - 1].parts,
			 &grown[writings->count - 1].count, entry, 0, err);
}

static const struct pstore_entry *writing_first(const struct pstore_writing *writing)
{
	return writing->parts[0];
}

/* Of the part that was written first, nearest to the crash. */
static int64_t writing_time(const struct pstore_writing *writing)
{
	return writing->parts[writing->count - 1]->time;
}

/* ---- panics ---- */

/* Does a kernel that wrote one for @reason write another one soon? */
static bool reason_is_followed(const char *reason, const char *next)
{
	// With panic= the machine is restarted, and that is written too where
	// printk.always_kmsg_dump asks for it.
	return strcmp(reason, "Oops") == 0 ||
	       (strcmp(reason, "Panic") == 0 && strcmp(next, "Emergency") == 0);
}

/* Does @next go on where @panic ended: the next count of that boot, soon after? */
static bool panic_goes_on(const struct pstore_panic *panic,
			  const struct pstore_writing *next)
{
	const struct pstore_entry *a =
		writing_first(&panic->writings[panic->writing_count - 1]);
	const struct pstore_entry *b = writing_first(next);

	return panic->writing_count < PSTORE_WRITINGS_MAX &&
	       strcmp(a->backend, b->backend) == 0 &&
	       reason_is_followed(a->reason, b->reason) && b->count == a->count + 1 &&
	       a->time && is_near(a->time, b->time);
}

static int panics_add(struct pstore_panics *panics, struct pstore_writing *writing,
		      struct err *err)
{
	struct pstore_panic *panic;

	for (size_t i = 0; i < panics->count; i++) {
		panic = &panics->panics[i];
		if (!panic_goes_on(panic, writing))
			continue;
		panic->writings[panic->writing_count++] = *writing;
		panic->time = MAX(panic->time, writing_time(writing));
		writing->parts = NULL; // it is the panic's
		return 0;
	}
	panic = reallocarray(panics->panics, panics->count + 1, sizeof(*panic));
	if (!panic)
		return err_nomem(err);
	panics->panics = panic;
	panic += panics->count++;
	*panic = (struct pstore_panic){ .writings = { *writing },
					.writing_count = 1,
					.time = writing_time(writing) };
	writing->parts = NULL;
	return 0;
}

/* The last crash that this backend has. */
static struct pstore_panic *panics_last_of(struct pstore_panics *panics,
					   const char *backend)
{
	struct pstore_panic *last = NULL;

	for (size_t i = 0; i < panics->count; i++) {
		struct pstore_panic *panic = &panics->panics[i];

		if (strcmp(writing_first(&panic->writings[0])->backend, backend) == 0 &&
		    (!last || panic->time >= last->time))
			last = panic;
	}
	return last;
}

/*
 * A console is there after every boot: it goes with a crash, or is one where it tells of
 * one. Otherwise it stays, and the kernel replaces it.
 */
static int panics_add_other(struct pstore_panics *panics, struct pstore_entry *entry,
			    struct err *err)
{
	struct pstore_panic *panic = panics_last_of(panics, entry->backend);
	_cleanup_(writings_done) struct writings one = { 0 };
	int r;

	if (panic)
		return add_entry(&panic->others, &panic->other_count, entry,
				 panic->other_count, err);
	if (strcmp(entry->type, "console") != 0 ||
	    !memmem(entry->text, entry->text_size, "Kernel panic - not syncing", 26)) {
		panics->left++;
		return 0;
	}
	r = writings_add(&one, entry, err);
	return r < 0 ? r : panics_add(panics, &one.all[0], err);
}

static int compare_panics(const void *a, const void *b)
{
	const struct pstore_panic *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

static bool is_dmesg(const struct pstore_entry *entry)
{
	return strcmp(entry->type, "dmesg") == 0;
}

/*
 * The log of a machine that was shut down, which printk.always_kmsg_dump has written: no
 * crash. "Shutdown" since Linux commit 6d3cf962dd1a (in v5.8), the others before. But a
 * crash kernel that leaves its last words in ramoops ends in a shutdown, too.
 */
static bool is_shutdown(const struct pstore_entry *entry)
{
	static const char *const reasons[] = { "Shutdown", "Restart", "Halt",
					       "Poweroff" };

	if (farewell_is_in(entry->text, entry->text_size))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(entry->reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

static int panics_find(struct pstore_entries *entries, struct writings *writings,
		       struct pstore_panics *ret, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < entries->count; i++) {
		if (is_shutdown(&entries->entries[i]))
			ret->left++;
		else if (is_dmesg(&entries->entries[i]))
			r = writings_add(writings, &entries->entries[i], err);
	}
	for (size_t i = 0; r == 0 && i < writings->count; i++)
		r = panics_add(ret, &writings->all[i], err);
	// Consoles first: one may be the crash that the others belong to.
	for (size_t i = 0; r == 0 && i < entries->count; i++) {
		if (strcmp(entries->entries[i].type, "console") == 0)
			r = panics_add_other(ret, &entries->entries[i], err);
	}
	for (size_t i = 0; r == 0 && i < entries->count; i++) {
		if (!is_dmesg(&entries->entries[i]) &&
		    strcmp(entries->entries[i].type, "console") != 0)
			r = panics_add_other(ret, &entries->entries[i], err);
	}
	return r;
}

int pstore_panics_find(struct pstore_entries *entries, struct pstore_panics *ret,
		       struct err *err)
{
	_cleanup_pstore_panics struct pstore_panics panics = { 0 };
	_cleanup_(writings_done) struct writings writings = { 0 };
	int r = panics_find(entries, &writings, &panics, err);

	if (r < 0)
		return r;
	if (panics.count > 0)
		qsort(panics.panics, panics.count, sizeof(*panics.panics),
		      compare_panics);
	*ret = panics;
	panics = (struct pstore_panics){ 0 };
	return 0;
}

void pstore_panics_done(struct pstore_panics *panics)
{
	for (size_t i = 0; i < panics->count; i++) {
		for (size_t j = 0; j < panics->panics[i].writing_count; j++)
			free(panics->panics[i].writings[j].parts);
		free(panics->panics[i].others);
	}
	free(panics->panics);
	*panics = (struct pstore_panics){ 0 };
}

/* ---- the text ---- */

/* "<6>", "<30>" */
static size_t level_length(const char *line, size_t size)
{
	size_t digits = 0;

	if (size < 3 || line[0] != '<')
		return 0;
	while (digits < 3 && 1 + digits < size && line[1 + digits] >= '0' &&
	       line[1 + digits] <= '9')
		digits++;
	return digits && 1 + digits < size && line[1 + digits] == '>' ? digits + 2 : 0;
}

static void add_lines(struct text *text, const char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		const char *line = data + at;
		const char *end = memchr(line, '\n', size - at);
		size_t length = end ? (size_t)(end - line) : size - at;
		size_t level = level_length(line, length);

		text_add_bytes(text, line + level, length - level);
		text_add_bytes(text, "\n", 1);
		at += length + 1;
	}
}

static void add_damage(char damage[static 256], const char *why)
{
	size_t used = strlen(damage);

	snprintf(damage + used, 256 - used, "%s%s", used ? "; " : "", why);
}

static void writing_text(const struct pstore_writing *writing, struct text *ret,
			 char damage[static 256])
{
	uint32_t expected = writing->parts[0]->part;
	char why[64];

	for (size_t i = 0; i < writing->count; i++) {
		const struct pstore_entry *entry = writing->parts[i];

		// Without a number it is alone, and nothing is known to be missing.
		if (entry->part && entry->part != expected) {
			snprintf(why, sizeof(why), "part %u is missing", expected);
			add_damage(damage, why);
		}
		if (entry->damage[0])
			add_damage(damage, entry->damage);
		add_lines(ret, entry->text, entry->text_size);
		expected = entry->part - 1;
	}
	if (writing->parts[0]->part && expected > 0) {
		snprintf(why, sizeof(why), "part %u is missing", expected);
		add_damage(damage, why);
	}
}

/*
 * Appends @next behind @text without what both have: the last line of @text is looked
 * for in @next. If it is not there, lines between the two may be missing.
 */
static void join_texts(struct text *text, const struct text *next,
		       char damage[static 256])
{
	const char *data = text_get(text), *more = text_get(next), *last, *found;
	size_t length;

	if (text->size < 2 || next->size == 0) {
		text_add_bytes(text, more, next->size);
		return;
	}
	last = memrchr(data, '\n', text->size - 1);
	last = last ? last + 1 : data;
	length = (size_t)(data + text->size - last);
	for (found = more;
	     (found = memmem(found, next->size - (size_t)(found - more), last, length));
	     found++) {
		if (found == more || found[-1] == '\n')
			break;
	}
	if (!found)
		add_damage(damage, "lines between an oops and its panic may be missing");
	else
		more = found + length;
	text_add_bytes(text, more, (size_t)(text_get(next) + next->size - more));
}

int pstore_panic_text(const struct pstore_panic *panic, struct text *ret,
		      char ret_damage[static 256], struct err *err)
{
	char damage[256] = "";
	int r = 0;

	for (size_t i = 0; r == 0 && i < panic->writing_count; i++) {
		_cleanup_text struct text text = { 0 };

		writing_text(&panic->writings[i], &text, damage);
		r = text_check(&text, err);
		if (r == 0)
			join_texts(ret, &text, damage);
	}
	if (r == 0)
		r = text_check(ret, err);
	memcpy(ret_damage, damage, sizeof(damage));
	return r;
}

/* ---- what it tells ---- */

static bool has_record(const struct printk_log *log, const struct printk_record *record)
{
	for (size_t i = log->count; i > 0; i--) {
		const struct printk_record *other = &log->records[i - 1];

		if (other->ts_nsec == record->ts_nsec &&
		    other->text_size == record->text_size &&
		    memcmp(other->text, record->text, record->text_size) == 0)
			return true;
	}
	return false;
}

bool pstore_panic_is_same(const struct printk_log *log, const struct printk_log *other)
{
	size_t seen = 0, same = 0;
	// Of a short one no more can be asked than it has: that both end alike.
	size_t limit = MIN((size_t)SAME_LINES, other->count);

	for (size_t i = log->count; i > 0 && seen < limit; i--) {
		const struct printk_record *record = &log->records[i - 1];

		if (record->ts_nsec == 0 || record->text_size == 0)
			continue;
		seen++;
		same += has_record(other, record);
	}
	return same >= SAME_LINES_MIN && same * 4 >= seen * 3;
}

static bool release_take(const char *word, char *ret, size_t size)
{
	if (*word < '1' || *word > '9' || !strchr(word, '.'))
		return false;
	snprintf(ret, size, "%s", word);
	return true;
}

/* In the line of an oops, or the first of a log that is whole: "Linux version 6.12.48".
 * The word before " #1": "... Comm: sh Not tainted 6.12.48-cloud-amd64 #1 Debian ..." */
static bool line_release(const struct printk_record *record, char *ret, size_t size)
{
	char line[512], *end, *start;

	snprintf(line, sizeof(line), "%.*s",
		 (int)MIN(record->text_size, sizeof(line) - 1), record->text);
	if (strncmp(line, "Linux version ", strlen("Linux version ")) == 0) {
		start = line + strlen("Linux version ");
		start[strcspn(start, " ")] = '\0';
		return release_take(start, ret, size);
	}
	start = strstr(line, "Comm: ");
	if (!start)
		return false;
	for (end = strstr(start, " #"); end; end = strstr(end + 1, " #")) {
		if (end[2] >= '0' && end[2] <= '9')
			break;
	}
	if (!end)
		return false;
	*end = '\0';
	return release_take(strrchr(start, ' ') + 1, ret, size);
}

void pstore_panic_release(const struct printk_log *log, char *ret, size_t size)
{
	ret[0] = '\0';
	for (size_t i = log->count; i > 0; i--) {
		if (line_release(&log->records[i - 1], ret, size))
			return;
	}
}
