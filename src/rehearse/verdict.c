// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/verdict.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "record/part.h"
#include "record/record.h"
#include "rehearse/guest_lines.h"

#define DMESG_LIMIT	   ((size_t)64 << 20)
/* A crash that is looked for is one of the last: more may come from pstore. */
#define MARKED_RECORDS_MAX 16

int verdict_find_record(const char *archive, char ret[static PATH_MAX], struct err *err)
{
	char best[NAME_MAX + 1] = "";
	struct dirent *entry;
	DIR *dir = opendir(archive);

	if (!dir)
		return err_set(err, ERR_NOTFOUND, "no archive '%s'", archive);
	while ((entry = readdir(dir))) {
		if (part_directory_is_valid(entry->d_name) &&
		    strcmp(entry->d_name, best) > 0)
			snprintf(best, sizeof(best), "%s", entry->d_name);
	}
	closedir(dir);
	if (!best[0])
		return err_set(err, ERR_NOTFOUND, "no record in the archive");
	if (snprintf(ret, PATH_MAX, "%s/%s", archive, best) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "'%s' is too long", archive);
	return 0;
}

static bool dmesg_has(const struct record *record, const char *marker)
{
	_cleanup_free char *line = NULL, *dmesg = NULL;
	_cleanup_fd int fd = -1;
	char path[64];

	if (record_part_open(record, RECORD_DMESG, &fd, NULL) < 0 ||
	    asprintf(&line, GUEST_MESSAGE "%s", marker) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return file_read(AT_FDCWD, path, DMESG_LIMIT, &dmesg, NULL, NULL) == 0 &&
	       strstr(dmesg, line);
}

static int stamp_filter(const struct dirent *entry)
{
	return part_stamp_is_valid(entry->d_name);
}

int verdict_find_marked(const char *archive, const char *marker,
			char ret[static PATH_MAX], struct err *err)
{
	struct dirent **names = NULL;
	int count = scandir(archive, &names, stamp_filter, alphasort), looked = 0;
	bool is_found = false;

	if (count < 0)
		return err_set(err, ERR_NOTFOUND, "no archive '%s'", archive);
	for (int i = count; i-- > 0; free(names[i])) {
		_cleanup_record struct record *record = NULL;
		char path[PATH_MAX];

		if (is_found || looked >= MARKED_RECORDS_MAX ||
		    snprintf(path, sizeof(path), "%s/%s", archive, names[i]->d_name) >=
			    (int)sizeof(path))
			continue;
		looked++;
		if (record_open(path, &record, NULL) == 0 && dmesg_has(record, marker)) {
			is_found = true;
			memcpy(ret, path, PATH_MAX);
		}
	}
	free(names);
	return is_found ? 0
			: err_set(err, ERR_NOTFOUND,
				  "none of the last %d records in '%s' is of that crash",
				  looked, archive);
}

/* Adds what is wrong with a part. */
static void judge_part(struct record *record, enum record_part part, struct text *why)
{
	const struct record_part_meta *meta = &record->parts[part];
	struct err err = { 0 };
	int r;

	if (meta->state != RECORD_COMPLETE) {
		text_add(why, "; %s is %s: %s", record_part_key(part),
			 record_state_name(meta->state),
			 meta->reason[0] ? meta->reason : "nobody says why");
		return;
	}
	r = record_part_verify(record, part, &err);
	// Large ones have no checksum.
	if (r < 0 && r != ERR_NOTFOUND)
		text_add(why, "; %s", err_text(&err));
}

int verdict_judge(const char *path, enum orders_mode mode, const char *marker,
		  enum rehearsed_verdict *ret, char *ret_why, size_t why_size,
		  struct err *err)
{
	static const enum record_part parts[] = { RECORD_DMESG,	      RECORD_REPORT_TEXT,
						  RECORD_REPORT_JSON, RECORD_LOG,
						  RECORD_MINI,	      RECORD_DUMP };
	size_t count = ARRAY_SIZE(parts) - (mode == ORDERS_DMESG  ? 2
					    : mode == ORDERS_MINI ? 1
								  : 0);
	_cleanup_record struct record *record = NULL;
	_cleanup_text struct text why = { 0 };
	int r = record_open(path, &record, err);

	if (r < 0)
		return r;
	if (record->meta_reason[0])
		text_add(&why, "; %s", record->meta_reason);
	for (size_t i = 0; i < count; i++)
		judge_part(record, parts[i], &why);
	if (!dmesg_has(record, marker))
		text_add(&why,
			 "; the line that was logged just before the panic is not in "
			 "dmesg");
	r = text_check(&why, err);
	if (r < 0)
		return r;
	*ret = why.size ? REHEARSED_INCOMPLETE : REHEARSED_GOOD;
	snprintf(ret_why, why_size, "%s", why.size ? text_get(&why) + 2 : "");
	return 0;
}
