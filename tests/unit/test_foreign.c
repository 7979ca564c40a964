// SPDX-License-Identifier: GPL-2.0-or-later
/* What a file of another tool is, and when a directory's name says that it was made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "archive/foreign.h"

/* In memory of just that size, so that a read behind its end is seen. */
static enum foreign_kind classify(const char *text, size_t size)
{
	_cleanup_free char *exact = malloc(size ? size : 1);
	enum foreign_kind kind;

	assert_non_null(exact);
	memcpy(exact, text, size);
	kind = foreign_classify(exact, size);
	return kind;
}

static void check_kind(const char *text, size_t size, size_t enough,
		       enum foreign_kind expected)
{
	for (size_t cut = 0; cut <= size; cut++)
		assert_int_equal(classify(text, cut),
				 cut >= enough ? expected : FOREIGN_NOTHING);
}

static void test_kinds(void **state)
{
	static const char core[] = "\x7f"
				   "ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0\x3e\0";
	static const char program[] = "\x7f"
				      "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0";
	static const char log[] = "<6>[    2.000001] sysrq: Trigger a crash\n";

	check_kind(core, 20, 18, FOREIGN_DUMP);
	check_kind(program, 20, 100, FOREIGN_DUMP);
	check_kind("KDUMP   \6", 9, 8, FOREIGN_DUMP);
	check_kind("makedumpfile\0\0\0\0", 16, 12, FOREIGN_DUMP);
	check_kind("\x1f\x8b\x08", 3, 2, FOREIGN_PACKED);
	check_kind("ProblemType: KernelCrash\n", 25, 24, FOREIGN_APPORT);
	check_kind(log, strlen(log), strlen("<6>[    2.000001]"), FOREIGN_DMESG);
	check_kind(log + 3, strlen(log) - 3, strlen("[    2.000001]"), FOREIGN_DMESG);
}

static void test_no_logs(void **state)
{
	static const char *const texts[] = { "[Tue Jan  2 03:04:05 2024] of dmesg -T\n",
					     "[2.5] a version\n",
					     "a [    2.000001] in the middle\n",
					     "[    2.0000001] seven\n",
					     "<6666666>[    2.000001] no level\n",
					     "[.000001] none\n",
					     "#!/bin/sh\n",
					     "" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(classify(texts[i], strlen(texts[i])), FOREIGN_NOTHING);
	assert_int_equal(classify("cut\n[    2.000001] a\n", 21), FOREIGN_DMESG);
	assert_int_equal(classify("\0\0\n[    2.000001] a\n", 20), FOREIGN_NOTHING);
}

static void test_times(void **state)
{
	static const struct {
		const char *name;
		int64_t time;
		const char *source;
	} cases[] = {
		{ "202401020304", 1704164640, "kdump-tools" },
		{ "202401020304-2", 1704164640, "kdump-tools" },
		{ "127.0.0.1-2024-01-02-03:04:05", 1704164645, "kdump-utils" },
		{ "a-host-2024-01-02-03:04:05", 1704164645, "kdump-utils" },
		{ "2024-01-02-03:04", 1704164640, "suse-kdump" },
		{ "2024-01-02-03:04:05", 1704164645, "suse-kdump" },
		{ "2024-01-02", 0, "" },
		{ "2024-13-02-03:04", 0, "" },
		{ "2024010203045", 0, "" },
		{ "20240102030", 0, "" },
		{ "lost+found", 0, "" },
		{ "", 0, "" },
	};

	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *source = "";

		assert_int_equal(foreign_parse_time(cases[i].name, &source),
				 cases[i].time);
		assert_string_equal(source, cases[i].source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_logs),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
