// SPDX-License-Identifier: GPL-2.0-or-later
/* A capture that is killed, or failed, at each system call that publishes. */
#include <errno.h>
#include <sys/wait.h>

#include "fake_trap.h"
#include "record_fixture.h"

#include "record/meta.h"
#include "record/part.h"

/* ---- killed or failed at each step ---- */

static const char *const contents[RECORD_PART_COUNT] = {
	[RECORD_DMESG] = "the last words of a kernel\n",
	[RECORD_REPORT_TEXT] = "it was the butler\n",
	[RECORD_REPORT_JSON] = "{}\n",
	[RECORD_MINI] = "mini",
	[RECORD_DUMP] = "all of its memory",
	[RECORD_LOG] = "what we did\n",
};

/* A whole capture that goes on as far as it can. @ret may be NULL. */
static void capture(const char *archive, struct record **ret)
{
	struct record *record = NULL;
	int fd;

	if (record_create(archive, WHEN, &record, NULL) < 0)
		return;
	if (record_part_begin(record, RECORD_DMESG, &fd, NULL) == 0) {
		const char *data = contents[RECORD_DMESG];

		if (fd_write_full(fd, data, strlen(data), NULL) == 0)
			record_part_publish(record, RECORD_DMESG, RECORD_COMPLETE, "", 1,
					    NULL);
		else
			record_part_abandon(record, RECORD_DMESG, "disk", 1, NULL);
	}
	snprintf(record->crash.title, sizeof(record->crash.title), "title");
	record_save_meta(record, NULL);
	record_part_write(record, RECORD_REPORT_TEXT, contents[RECORD_REPORT_TEXT],
			  strlen(contents[RECORD_REPORT_TEXT]), 2, NULL);
	if (record_part_begin(record, RECORD_MINI, &fd, NULL) == 0)
		record_part_abandon(record, RECORD_MINI, "not today", 3, NULL);
	if (record_part_begin(record, RECORD_DUMP, &fd, NULL) == 0) {
		fd_write_full(fd, contents[RECORD_DUMP], 6, NULL);
		record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL, "too slow", 4,
				    NULL);
	}
	record_part_write(record, RECORD_LOG, contents[RECORD_LOG],
			  strlen(contents[RECORD_LOG]), 5, NULL);
	if (ret)
		*ret = record;
	else
		record_close(record);
}

/* What @record says of @part is so. */
static void check_part(const struct record *record, enum record_part part)
{
	const struct record_part_meta *meta = &record->parts[part];
	const char *expected = contents[part];
	_cleanup_free char *data = NULL;
	size_t size = 0;

	if (meta->state == RECORD_ABSENT) {
		struct part_found found;

		part_look(record->dirfd, part, STAMP, &found);
		assert_string_equal(found.file, "");
		assert_int_equal(meta->size_bytes, 0);
		return;
	}
	assert_int_equal(file_read(record->dirfd, meta->file, 1000, &data, &size, NULL),
			 0);
	assert_int_equal(size, meta->size_bytes);
	assert_memory_equal(data, expected, size);
	if (meta->state == RECORD_COMPLETE) {
		assert_int_equal(size, strlen(expected));
		assert_string_equal(meta->reason, "");
	} else {
		assert_string_not_equal(meta->reason, "");
	}
}

/* meta.json itself never claims more than what lies there. */
static void check_claims(const struct record *record)
{
	struct meta meta;

	if (meta_read(record->dirfd, &meta, NULL) < 0)
		return;
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		assert_true(meta.parts[i].state <= record->parts[i].state);
		assert_true(meta.parts[i].size_bytes <= record->parts[i].size_bytes);
	}
}

/* The number of whole parts, or -1 if there is nothing yet. */
static int check_truth(const char *archive)
{
	struct record *record = NULL;
	char path[PATH_MAX];
	int complete = 0;

	make_path(path, sizeof(path), archive, STAMP);
	if (record_open(path, &record, NULL) < 0) {
		make_path(path, sizeof(path), archive, STAMP "/dmesg." STAMP ".partial");
		assert_int_equal(access(path, F_OK), -1);
		return -1;
	}
	check_claims(record);
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		int r;

		check_part(record, (enum record_part)i);
		if (record->parts[i].state != RECORD_COMPLETE)
			continue;
		complete++;
		r = record_part_verify(record, (enum record_part)i, NULL);
		assert_true(r == 0 || r == ERR_NOTFOUND);
	}
	record_close(record);
	return complete;
}

static void test_killed_at_each_step(void **state)
{
	struct fixture *f = *state;
	int steps, before = -1;

	for (steps = 1; steps < 1000; steps++) {
		int status = -1, complete;
		pid_t child;

		snprintf(f->archive, sizeof(f->archive), "%s/kill%d", f->top, steps);
		child = fork();
		if (child == 0) {
			trap.at = steps;
			trap.kills = true;
			capture(f->archive, NULL);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		complete = check_truth(f->archive);
		assert_true(complete >= before); // what is whole stays whole
		before = complete;
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), TRAP_KILLED);
	}
	assert_int_equal(before, 3);
	assert_in_range(steps, 40, 200);
}

static void test_failed_at_each_step(void **state)
{
	struct fixture *f = *state;
	int steps, errors[] = { ENOSPC, EIO };

	for (steps = 1; steps < 400; steps++) {
		struct record *record = NULL;

		snprintf(f->archive, sizeof(f->archive), "%s/fail%d", f->top, steps);
		memset(&trap, 0, sizeof(trap));
		trap.at = steps;
		trap.error = errors[steps % 2];
		capture(f->archive, &record);
		trap.at = 0;
		if (record) {
			// One failed call costs one part, at most, and both tell the
			// truth.
			for (int i = 0; i < RECORD_PART_COUNT; i++)
				check_part(record, (enum record_part)i);
			assert_true(check_truth(f->archive) >= 2);
		}
		record_close(record);
		if (!trap.happened)
			break;
	}
	assert_in_range(steps, 40, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_killed_at_each_step),
		TEST(test_failed_at_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
