/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An archive in a directory of its own, and its records: made, and read again. */
#ifndef RECORD_FIXTURE_H
#define RECORD_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <ftw.h>

#include "base/fd.h"
#include "record/record.h"

#define STAMP "202611230042"
#define WHEN  ((time_t)1795394520) /* 2026-11-23 00:42 UTC */

struct fixture {
	char top[64];
	char archive[128];
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->top, sizeof(f->top), "/tmp/epitaph-record-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->archive, sizeof(f->archive), "%s/crash", f->top);
	setenv("TZ", "UTC", 1);
	*state = f;
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int flag,
			     struct FTW *ftw)
{
	return remove(path);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static inline void make_path(char *ret, size_t size, const char *directory,
			     const char *name)
{
	assert_true(snprintf(ret, size, "%s/%s", directory, name) < (int)size);
}

static inline void put_file(const char *directory, const char *name, const char *data)
{
	char path[PATH_MAX];
	FILE *file;

	make_path(path, sizeof(path), directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(data, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void make_directory(const struct fixture *f, const char *name, char *ret,
				  size_t size)
{
	mkdir(f->archive, 0700);
	make_path(ret, size, f->archive, name);
	assert_int_equal(mkdir(ret, 0700), 0);
}

static inline struct record *create(const struct fixture *f)
{
	struct record *record = NULL;
	struct err err = { 0 };

	if (record_create(f->archive, WHEN, &record, &err) < 0)
		fail_msg("%s", err_text(&err));
	return record;
}

static inline struct record *open_record(const char *path)
{
	struct record *record = NULL;
	struct err err = { 0 };

	if (record_open(path, &record, &err) < 0)
		fail_msg("%s", err_text(&err));
	return record;
}

static inline void write_part(struct record *record, enum record_part part,
			      const char *data)
{
	struct err err = { 0 };

	if (record_part_write(record, part, data, strlen(data), 7, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static inline mode_t mode_of(const char *directory, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	make_path(path, sizeof(path), directory, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
