// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/alike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "explain/report.h"
#include "record/field.h"

/* "" where there is none, whatever the reason: it is only a count that is less. */
static void signature_of_report(const struct record *record,
				char ret[static ALIKE_SIGNATURE_SIZE])
{
	_cleanup_json json_t *root = NULL;
	_cleanup_free char *json = NULL;
	_cleanup_fd int fd = -1;
	struct stat st;

	if (record_part_open(record, RECORD_REPORT_JSON, &fd, NULL) < 0 ||
	    fstat(fd, &st) < 0 || (uint64_t)st.st_size > REPORT_JSON_MAX)
		return;
	json = malloc((size_t)st.st_size + 1);
	if (json && fd_pread_full(fd, json, (size_t)st.st_size, 0, NULL) == 0 &&
	    field_load(json, (size_t)st.st_size, REPORT_JSON_MAX, &root, NULL) == 0)
		field_string(root, "signature", true, ret, ALIKE_SIGNATURE_SIZE, NULL);
}

int alike_open(const struct archive *archive, struct alike *ret, struct err *err)
{
	struct alike alike = { .archive = archive };

	alike.signatures = calloc(archive->count + 1, sizeof(*alike.signatures));
	if (!alike.signatures)
		return err_nomem(err);
	for (size_t i = 0; i < archive->count; i++) {
		const struct record *record = archive->records[i];

		snprintf(alike.signatures[i], sizeof(alike.signatures[i]), "%s",
			 record->crash.signature);
		if (!alike.signatures[i][0])
			signature_of_report(record, alike.signatures[i]);
	}
	*ret = alike;
	return 0;
}

void alike_close(struct alike *alike)
{
	free(alike->signatures);
	*alike = (struct alike){ 0 };
}

size_t alike_count(const struct alike *alike, size_t i)
{
	size_t count = 0;

	for (size_t j = 0; alike->signatures[i][0] && j < alike->archive->count; j++)
		count += !strcmp(alike->signatures[i], alike->signatures[j]);
	return count;
}

void alike_find(const struct alike *alike, const char *path, struct alike_place *ret)
{
	const struct archive *archive = alike->archive;
	struct alike_place place = { 0 };
	size_t self = 0;

	while (self < archive->count && strcmp(archive->records[self]->path, path) != 0)
		self++;
	for (size_t i = 0; self < archive->count && i < archive->count; i++) {
		int64_t when = archive_record_time(archive->records[i]);

		if (!alike->signatures[self][0] ||
		    strcmp(alike->signatures[i], alike->signatures[self]) != 0)
			continue;
		if (!place.count++)
			place.first = when;
		place.latest = when;
		if (i <= self)
			place.number = place.count;
	}
	*ret = place;
}

bool alike_is_same(const struct alike *alike, size_t i, size_t j)
{
	const char *a = alike->signatures[i], *b = alike->signatures[j];

	if (i == j)
		return true;
	if (!a[0] && !b[0]) {
		a = alike->archive->records[i]->crash.title;
		b = alike->archive->records[j]->crash.title;
	}
	return a[0] && strcmp(a, b) == 0;
}

int alike_find_groups(const struct alike *alike, struct alike_group **ret,
		      size_t *ret_count, struct err *err)
{
	size_t total = alike->archive->count, count = 0;
	struct alike_group *groups = calloc(total + 1, sizeof(*groups));

	if (!groups)
		return err_nomem(err);
	// From the newest, so that each group is found at the latest of it; turned at
	// last.
	for (size_t i = total; i > 0; i--) {
		struct alike_group group = { .first = i - 1, .latest = i - 1 };
		bool is_known = false;

		for (size_t j = i; j < total && !is_known; j++)
			is_known = alike_is_same(alike, i - 1, j);
		for (size_t j = i; j > 0 && !is_known; j--) {
			if (!alike_is_same(alike, i - 1, j - 1))
				continue;
			group.first = j - 1;
			group.count++;
		}
		if (!is_known)
			groups[count++] = group;
	}
	for (size_t i = 0; i < count / 2; i++) {
		struct alike_group group = groups[i];

		groups[i] = groups[count - 1 - i];
		groups[count - 1 - i] = group;
	}
	*ret = groups;
	*ret_count = count;
	return 0;
}
