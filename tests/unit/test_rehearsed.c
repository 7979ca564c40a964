// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept of a rehearsal: written, read, cut at every byte, weighed, reserved by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "fake_tree.h"
#include "prepare/rehearsed.h"

static void put(const char *root, const char *name, const char *text)
{
	fake_write(root, name, text, strlen(text));
}

static char *path_of(const char *root, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", root, name) > 0);
	return path;
}

static struct rehearsed full(void)
{
	struct rehearsed r;

	rehearsed_init(&r);
	r.verdict = REHEARSED_INCOMPLETE;
	strcpy(r.why, "report is absent: no memory \"was\" left\\");
	r.is_real = true;
	strcpy(r.trigger, "oom");
	r.when = 1800000000;
	strcpy(r.kernel_release, "6.12.1-cloud");
	strcpy(r.kernel_checksum, "xxh3-128:11");
	strcpy(r.image_checksum, "xxh3-128:22");
	strcpy(r.capture_checksum, "xxh3-128:33");
	r.image_bytes = 2 << 20;
	r.unpacked_bytes = 5 << 20;
	strcpy(r.crashkernel, "80M");
	r.memory_low_kib = 1234;
	r.memory_total_kib = 43210;
	r.minimum_mib = 72;
	r.duration_ms = 22800;
	r.capture_ms = 5200;
	return r;
}

static char *to_text(const struct rehearsed *r)
{
	json_t *json = NULL;
	char *text;

	assert_int_equal(rehearsed_to_json(r, &json, NULL), 0);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	assert_non_null(text);
	return text;
}

static void expect_same(const struct rehearsed *a, const struct rehearsed *b)
{
	_cleanup_free char *left = to_text(a), *right = to_text(b);

	assert_string_equal(left, right);
}

static void what_is_written_is_read(void **state)
{
	static const char few[] = "{\"schema_version\":1,\"verdict\":\"good\"}";
	struct rehearsed wrote = full(), read, empty;
	struct err err = { 0 };
	_cleanup_free char *text = to_text(&wrote);

	if (rehearsed_parse(text, strlen(text), &read, &err) < 0)
		fail_msg("%s in %s", err_text(&err), text);
	expect_same(&wrote, &read);
	assert_int_equal(read.verdict, REHEARSED_INCOMPLETE);
	assert_string_equal(read.why, wrote.why);
	assert_int_equal(read.minimum_mib, 72);
	assert_int_equal(read.memory_low_kib, 1234);
	assert_int_equal(read.unpacked_bytes, 5 << 20);
	assert_true(read.is_real);
	// What is missing is unknown, not nothing.
	rehearsed_init(&empty);
	empty.verdict = REHEARSED_GOOD;
	assert_int_equal(rehearsed_parse(few, strlen(few), &read, NULL), 0);
	expect_same(&empty, &read);
}

static void any_end_is_an_error(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"schema_version\":2,\"verdict\":\"good\"}",
		"{\"schema_version\":1,\"verdict\":\"best\"}",
		"{\"schema_version\":1,\"verdict\":\"good\",\"memory\":7}",
		"{\"schema_version\":1,\"verdict\":\"good\",\"minimum_mib\":-1}",
		"{\"schema_version\":1,\"verdict\":\"good\",\"minimum_mib\":4294967296}",
		"{\"schema_version\":1,\"verdict\":\"good\",\"memory\":{\"low_kib\":\"x\"}}",
	};
	struct rehearsed wrote = full(), read = wrote;
	_cleanup_free char *text = to_text(&wrote);

	for (size_t size = 0; size < strlen(text); size++)
		assert_true(rehearsed_parse(text, size, &read, NULL) < 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(rehearsed_parse(bad[i], strlen(bad[i]), &read, NULL) < 0);
	expect_same(&wrote, &read);
}

static void kept_below_a_root(void **state)
{
	struct rehearsed wrote = full(), read, more;
	struct stat st;
	char *path = path_of(*state, "var/lib/epitaph/rehearsal.json");

	assert_int_equal(rehearsed_load(*state, &read, NULL), ERR_NOTFOUND);
	assert_int_equal(rehearsed_save(*state, &wrote, NULL), 0);
	assert_int_equal(rehearsed_load(*state, &read, NULL), 0);
	expect_same(&wrote, &read);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	// A later one on the same kernel has searched for no minimum: the old one stands.
	more = wrote;
	more.minimum_mib = 0;
	more.verdict = REHEARSED_GOOD;
	assert_int_equal(rehearsed_save(*state, &more, NULL), 0);
	assert_int_equal(rehearsed_load(*state, &read, NULL), 0);
	assert_int_equal(read.minimum_mib, 72);
	assert_int_equal(read.verdict, REHEARSED_GOOD);
	strcpy(more.kernel_checksum, "xxh3-128:44");
	assert_int_equal(rehearsed_save(*state, &more, NULL), 0);
	assert_int_equal(rehearsed_load(*state, &read, NULL), 0);
	assert_int_equal(read.minimum_mib, 0);
	free(path);
}

static void expect_stale(const struct rehearsed *r, const char *root, const char *release,
			 const char *kernel, const struct armed *armed, const char *word)
{
	char why[128];
	bool is_same =
		rehearsed_compare(r, root, release, kernel, armed, why, sizeof(why));

	assert_int_equal(is_same, word == NULL);
	if (word && !strstr(why, word))
		fail_msg("'%s' where '%s' was right", why, word);
}

static void of_another_kernel_or_image(void **state)
{
	static struct armed armed = { .image_checksum = "xxh3-128:22" };
	char *kernel = path_of(*state, "boot/vmlinuz");
	char *capture = path_of(*state, "usr/libexec/epitaph/epitaph-capture");
	struct rehearsed r = full();

	put(*state, "boot/vmlinuz", "kernel");
	put(*state, "usr/libexec/epitaph/epitaph-capture", "capture");
	assert_int_equal(armed_checksum(kernel, r.kernel_checksum, NULL), 0);
	assert_int_equal(armed_checksum(capture, r.capture_checksum, NULL), 0);
	expect_stale(&r, *state, "6.12.1-cloud", kernel, &armed, NULL);
	expect_stale(&r, *state, "6.1", kernel, &armed, "another kernel: 6.12.1-cloud");
	// What is not there can't be compared.
	expect_stale(&r, *state, "", "/none", NULL, NULL);
	strcpy(armed.image_checksum, "xxh3-128:99");
	expect_stale(&r, *state, "6.12.1-cloud", kernel, &armed, "capture image");
	// In a virtual machine the image is another one anyhow.
	r.is_real = false;
	expect_stale(&r, *state, "6.12.1-cloud", kernel, &armed, NULL);
	put(*state, "usr/libexec/epitaph/epitaph-capture", "newer");
	expect_stale(&r, *state, "6.12.1-cloud", kernel, &armed, "epitaph-capture");
	put(*state, "boot/vmlinuz", "newer");
	expect_stale(&r, *state, "6.12.1-cloud", kernel, &armed, "file has changed");
	free(kernel);
	free(capture);
}

static void reserved_by_what_was_measured(void **state)
{
	struct rehearsed r = full();
	uint64_t plain = rehearsed_reserve_bytes(&r, 0);

	assert_in_range(plain, 86 * MIB, 87 * MIB);
	assert_int_equal(rehearsed_reserve_bytes(&r, 4 * MIB), plain);
	// 10 MiB more of modules
	assert_in_range(rehearsed_reserve_bytes(&r, 15 * MIB), plain + 13 * MIB,
			plain + 14 * MIB);
	r.minimum_mib = 0;
	assert_int_equal(rehearsed_reserve_bytes(&r, 4 * MIB), 0);
}

static void told_in_a_line(void **state)
{
	struct rehearsed r = full();
	char text[640];

	rehearsed_describe(&r, text, sizeof(text));
	assert_string_equal(text,
			    "incomplete on this machine, 2027-01-15 08:00 UTC, 1.2 of "
			    "42.2 MiB left at the least: report is absent: no memory "
			    "\"was\" left\\");
}

#define TREE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fake_tree_setup, fake_tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(any_end_is_an_error),
		TREE_TEST(kept_below_a_root),
		TREE_TEST(of_another_kernel_or_image),
		cmocka_unit_test(reserved_by_what_was_measured),
		cmocka_unit_test(told_in_a_line),
	};

	return cmocka_run_group_tests_name("rehearsed", tests, NULL, NULL);
}
