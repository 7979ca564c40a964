// SPDX-License-Identifier: GPL-2.0-or-later
/* A crash of the machine itself that was expected: read, cut at every byte, judged at the
 * next boot and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "fake_tree.h"
#include "record/record.h"
#include "rehearse/real.h"

#define MARKER	"0123456789abcdef"
#define BEFORE	"11111111-2222-3333-4444-555555555555"
#define NOW	"66666666-7777-8888-9999-000000000000"
#define BOOT_ID "proc/sys/kernel/random/boot_id"
#define EXPECTED                                                                     \
	"{\"schema_version\": 1, \"marker\": \"" MARKER "\", \"boot_id\": \"" BEFORE \
	"\","                                                                        \
	" \"mode\": \"dmesg\", \"rehearsal\": {\"schema_version\": 1, \"verdict\":"  \
	" \"failed\", \"real\": true, \"trigger\": \"oom\", \"when\": 1700000000,"   \
	" \"kernel\": {\"release\": \"6.1\", \"checksum\": \"k\"}, \"image\":"       \
	" {\"checksum\": \"i\", \"size_bytes\": 7, \"unpacked_bytes\": 9}}}"

struct place {
	char *root, archive[128];
	unsigned int warnings;
	struct log log;
};

static void count_warnings(void *context, enum log_level level, const char *message)
{
	*(unsigned int *)context += level == LOG_LEVEL_WARNING;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	void *root;

	assert_non_null(place);
	assert_int_equal(fake_tree_setup(&root), 0);
	place->root = root;
	snprintf(place->archive, sizeof(place->archive), "%s/archive", place->root);
	assert_int_equal(dir_make_path(place->archive, 0700, NULL), 0);
	place->log = (struct log){ count_warnings, &place->warnings };
	fake_text(place->root, BOOT_ID, NOW "\n");
	fake_text(place->root, &REAL_FILE[1], EXPECTED);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	void *root = place->root;

	free(place);
	return fake_tree_teardown(&root);
}

static void write_record(const struct place *place, time_t when, const char *marker)
{
	static const struct {
		enum record_part part;
		const char *text;
	} parts[] = {
		{ RECORD_REPORT_TEXT, "report\n" },
		{ RECORD_REPORT_JSON, "{}\n" },
		{ RECORD_LOG, "[   0.001] crash kernel started\n"
			      "[   7.521] lowest free memory 10.5 MiB of 40.0 MiB\n" },
	};
	struct record *record;
	char dmesg[128];

	snprintf(dmesg, sizeof(dmesg), "[ 1.0] epitaph rehearsal %s\n", marker);
	assert_int_equal(record_create(place->archive, when, &record, NULL), 0);
	assert_int_equal(record_part_write(record, RECORD_DMESG, dmesg, strlen(dmesg), 1,
					   NULL),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_int_equal(record_part_write(record, parts[i].part, parts[i].text,
						   strlen(parts[i].text), 1, NULL),
				 0);
	record_close(record);
}

/* With what is kept of it, where it is judged. */
static bool judge(struct place *place, struct rehearsed *ret)
{
	struct rehearsed kept;
	bool is_judged;

	assert_int_equal(real_judge(place->root, place->archive, &place->log, &is_judged,
				    ret, NULL),
			 0);
	if (!is_judged)
		return false;
	assert_false(real_is_pending(place->root));
	assert_int_equal(rehearsed_load(place->root, &kept, NULL), 0);
	assert_int_equal(kept.verdict, ret->verdict);
	assert_true(kept.is_real);
	assert_string_equal(kept.trigger, "oom");
	assert_string_equal(kept.image_checksum, "i");
	return true;
}

static void test_good(void **state)
{
	struct rehearsed rehearsed;

	// The newest is not always the one: pstore's records are made at boot.
	write_record(*state, 1700000100, MARKER);
	write_record(*state, 1700000900, "another");
	assert_true(real_is_pending(((struct place *)*state)->root));
	assert_true(judge(*state, &rehearsed));
	assert_int_equal(rehearsed.verdict, REHEARSED_GOOD);
	assert_string_equal(rehearsed.why, "");
	assert_int_equal(rehearsed.memory_low_kib, 10752);
	assert_int_equal(rehearsed.memory_total_kib, 40960);
	assert_int_equal(rehearsed.capture_ms, 7521);
	assert_true(rehearsed.when > 1700000000);
	assert_false(judge(*state, &rehearsed)); // it is judged once
}

static void test_no_record(void **state)
{
	struct rehearsed rehearsed;

	write_record(*state, 1700000100, "another");
	assert_true(judge(*state, &rehearsed));
	assert_int_equal(rehearsed.verdict, REHEARSED_FAILED);
	assert_non_null(strstr(rehearsed.why, "none of the last 1 records"));
	assert_int_equal(rehearsed.memory_low_kib, -1);
}

static void test_same_boot(void **state)
{
	struct place *place = *state;
	struct rehearsed rehearsed;

	write_record(place, 1700000100, MARKER);
	fake_text(place->root, BOOT_ID, BEFORE "\n");
	assert_false(judge(place, &rehearsed));
	assert_true(real_is_pending(place->root));
	assert_int_equal(rehearsed_load(place->root, &rehearsed, NULL), ERR_NOTFOUND);
}

static void test_nonsense(void **state)
{
	struct place *place = *state;
	struct rehearsed rehearsed;

	fake_text(place->root, &REAL_FILE[1], "{\"schema_version\": 9}");
	assert_false(judge(place, &rehearsed));
	assert_int_equal(place->warnings, 1);
	assert_false(real_is_pending(place->root));
}

static void test_cut(void **state)
{
	struct real_expectation e;

	for (size_t size = 0; size < strlen(EXPECTED); size++) {
		char *copy = malloc(size + 1);

		assert_non_null(copy);
		memcpy(copy, EXPECTED, size);
		copy[size] = '\0';
		assert_int_not_equal(real_parse(copy, size, &e, NULL), 0);
		free(copy);
	}
	assert_int_equal(real_parse(EXPECTED, strlen(EXPECTED), &e, NULL), 0);
	assert_int_equal(e.mode, ORDERS_DMESG);
	assert_string_equal(e.marker, MARKER);
	assert_string_equal(e.boot_id, BEFORE);
	assert_int_equal(e.rehearsed.unpacked_bytes, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_boot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
