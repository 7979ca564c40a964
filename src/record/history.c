// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/history.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/trust.h"
#include "record/part.h"

#define HISTORY_ENTRIES_MAX 65536

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int crash_compare(const void *a, const void *b)
{
	const struct history_crash *x = a, *y = b;

	return x->time != y->time ? (x->time < y->time ? -1 : 1)
				  : strcmp(x->name, y->name);
}

/* What a name says of the time, in a form that can be compared within one layout. */
static const char *name_stamp(const char *name)
{
	const char *stamp = name;

	part_name_is_plain(name, &stamp);
	return stamp;
}

/* Into the place of the one with the smallest name, where there is no place left. */
static void history_take_name(struct history *history, const char *name)
{
	size_t smallest = 0;

	if (history->count < HISTORY_MAX) {
		smallest = history->count++;
	} else {
		for (size_t i = 1; i < history->count; i++) {
			if (strcmp(name_stamp(history->crashes[i].name),
				   name_stamp(history->crashes[smallest].name)) < 0)
				smallest = i;
		}
		if (strcmp(name_stamp(name),
			   name_stamp(history->crashes[smallest].name)) <= 0)
			return;
	}
	snprintf(history->crashes[smallest].name, sizeof(history->crashes[smallest].name),
		 "%.31s", name);
}

static int history_names(const char *archive, const char *but, struct history *history,
			 struct err *err)
{
	_cleanup_(closedirp) DIR *dir = opendir(archive);
	struct dirent *entry;
	size_t seen = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return err_os(err, errno, "unable to open '%s'", archive);
	while ((errno = 0, entry = readdir(dir)) && seen++ < HISTORY_ENTRIES_MAX) {
		if (part_directory_is_valid(entry->d_name) &&
		    strlen(entry->d_name) < sizeof(history->crashes[0].name) &&
		    strcmp(entry->d_name, but) != 0)
			history_take_name(history, entry->d_name);
	}
	return errno ? err_os(err, errno, "unable to read '%s'", archive) : 0;
}

/* False: nothing is known of it. */
static bool crash_read(const char *archive, struct history_crash *crash)
{
	_cleanup_record struct record *record = NULL;
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", archive, crash->name) >=
		    (int)sizeof(path) ||
	    record_open(path, &record, NULL) < 0 || record->meta_reason[0])
		return false;
	// Others may write to the archive, and not pretend that the machine crashes again
	// and again.
	if (fstat(record->dirfd, &st) < 0 || !trust_stat(&st))
		return false;
	snprintf(crash->key, sizeof(crash->key), "%s", history_key(&record->crash));
	crash->time = record->crash.capture_time;
	crash->is_kdump = strcmp(record->crash.source, "kdump") == 0;
	crash->has_dump = record->parts[RECORD_DUMP].state != RECORD_ABSENT;
	return true;
}

int history_read(const char *archive, const char *but, struct history *ret,
		 struct err *err)
{
	_cleanup_history struct history history = {
		.crashes = calloc(HISTORY_MAX, sizeof(*history.crashes)),
	};
	size_t known = 0;
	int r;

	if (!history.crashes)
		return err_nomem(err);
	r = history_names(archive, but, &history, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < history.count; i++) {
		if (crash_read(archive, &history.crashes[i]))
			history.crashes[known++] = history.crashes[i];
	}
	history.count = known;
	qsort(history.crashes, known, sizeof(*history.crashes), crash_compare);
	*ret = history;
	history.crashes = NULL;
	return 0;
}

void history_done(struct history *history)
{
	free(history->crashes);
	*history = (struct history){ 0 };
}

size_t history_count(const struct history *history, int64_t from, int64_t to)
{
	size_t count = 0;

	for (size_t i = 0; i < history->count; i++)
		count += history->crashes[i].is_kdump &&
			 history->crashes[i].time >= from &&
			 history->crashes[i].time <= to;
	return count;
}

const char *history_key(const struct record_crash *crash)
{
	return crash->signature[0] ? crash->signature : crash->title;
}

static bool has_key(const char *const *keys, size_t from, size_t to, const char *key)
{
	for (size_t i = from; i < to; i++) {
		if (keys[i] && strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

bool history_is_needed(const char *const *keys, size_t count, size_t i)
{
	return !has_key(keys, 0, i, keys[i]) || !has_key(keys, i + 1, count, keys[i]);
}

size_t history_spare(const struct history *history, size_t from)
{
	const char *keys[HISTORY_MAX];

	for (size_t i = 0; i < history->count; i++)
		keys[i] = history->crashes[i].key;
	for (size_t i = from; i < history->count; i++) {
		if (history->crashes[i].has_dump &&
		    !history_is_needed(keys, history->count, i))
			return i;
	}
	return history->count;
}
