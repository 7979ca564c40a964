// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rehearsal without its machine: what the console's lines mean, what a record is worth,
 * which kernel is meant, other programs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "record/record.h"
#include "rehearse/guest_disk.h"
#include "rehearse/minimum.h"
#include "rehearse/phases.h"
#include "rehearse/process.h"
#include "rehearse/trigger.h"
#include "rehearse/verdict.h"

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	return remove(path);
}

static int set_up(void **state)
{
	char *dir = strdup("/tmp/test-rehearse.XXXXXX");

	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

/* ---- the console ---- */

static void feed(struct phases *phases, const char *text, double seconds)
{
	phases_feed(phases, text, strlen(text), seconds);
}

static const char console[] =
	"\033c\033[?7lSeaBIOS\r\n"
	"[    0.000000] Linux version 6.12 epitaph\r\n"
	"rehearsal: booted\r\n"
	"epitaph arm: armed\r\n"
	"rehearsal: armed\r\n"
	"rehearsal: panic\r\n"
	"[    5.547303] sysrq: Trigger a crash\r\n"
	"epitaph: crash kernel started\r\n"
	"epitaph: 3 of 3 modules loaded\r\n"
	"epitaph: dmesg complete (26.1 KiB in 0.2 s)\r\n"
	"epitaph: error: report: no memory\r\n"
	"epitaph: report absent (0.0 KiB in 0.4 s): no memory\r\n"
	"epitaph: dump: 34%, 12.0 MiB written\r\n"
	"[    9.1] random: crng doneepitaph: dump partial (9.1 KiB in 2.2 s): disk full\r\n"
	"epitaph: end reboot\r\n"
	"rehearsal: rebooted\r\n"
	"rehearsal: record found\r\n";

static void check_phases(const struct phases *phases)
{
	static const char *const details[PHASE_COUNT] = {
		[PHASE_DMESG] = "complete (26.1 KiB in 0.2 s)",
		[PHASE_REPORT] = "absent (0.0 KiB in 0.4 s): no memory",
		[PHASE_DUMP] = "partial (9.1 KiB in 2.2 s): disk full",
		[PHASE_END] = "reboot",
	};

	for (int i = 0; i < PHASE_COUNT; i++) {
		if (!phases->results[i].is_reached)
			fail_msg("phase '%s' was not seen", rehearse_phase_key(i));
		assert_string_equal(phases->results[i].detail,
				    details[i] ? details[i] : "");
	}
	assert_string_equal(phases->failed, "");
}

static void test_phases(void **state)
{
	struct phases phases = { 0 };

	feed(&phases, console, 1.5);
	check_phases(&phases);
	assert_true(phases.results[PHASE_FOUND].seconds == 1.5);
	assert_int_equal(phases_last(&phases), PHASE_FOUND);
}

/* However the bytes are cut up; and each line counts when it is whole, once. */
static void test_phases_in_pieces(void **state)
{
	for (size_t size = 1; size < 40; size++) {
		struct phases phases = { 0 };

		for (size_t at = 0; at < sizeof(console) - 1; at += size)
			phases_feed(&phases, console + at,
				    MIN(size, sizeof(console) - 1 - at), 0);
		check_phases(&phases);
	}
	struct phases phases = { 0 };

	feed(&phases, "rehearsal: armed", 1);
	assert_int_equal(phases_last(&phases), -1);
	feed(&phases, "\n", 2);
	assert_int_equal(phases_last(&phases), PHASE_ARMED);
	feed(&phases, "rehearsal: armed\n", 3);
	assert_true(phases.results[PHASE_ARMED].seconds == 2);
}

static void test_phases_memory(void **state)
{
	struct phases phases;

	phases_init(&phases, NULL);
	feed(&phases, "epitaph: lowest free memory none\n", 1);
	feed(&phases, "epitaph: lowest free memory 3.0 MiB of 2.0 MiB\n", 1);
	feed(&phases, "epitaph: lowest free memory 1.0 MiB of 1e300 MiB\n", 1);
	feed(&phases, "epitaph: lowest free memory nan MiB of nan MiB\n", 1);
	assert_int_equal(phases.memory_low_kib, -1);
	feed(&phases, "[ 3.1] junkepitaph: lowest free memory 10.5 MiB of 40.8 MiB\n", 1);
	assert_int_equal(phases.memory_low_kib, 10752);
	assert_int_equal(phases.memory_total_kib, 41779);
}

static void test_phases_nmi(void **state)
{
	struct phases phases;

	phases_init(&phases, NULL);
	feed(&phases, "rehearsal: panic\n", 1);
	assert_false(phases.wants_nmi);
	feed(&phases, "rehearsal: waiting for an NMI\n", 1);
	assert_true(phases.wants_nmi);
}

static void test_phases_failed(void **state)
{
	struct phases phases = { 0 };

	feed(&phases, "rehearsal: failed: `epitaph arm` ended with status 1\r\n", 1);
	assert_string_equal(phases.failed, "`epitaph arm` ended with status 1");
	feed(&phases, "rehearsal: failed: something later\r\n", 1);
	assert_string_equal(phases.failed, "`epitaph arm` ended with status 1");
	assert_false(phases.is_halted);
	feed(&phases, "[   12.3] reboot: System halted\r\n", 1);
	assert_true(phases.is_halted);
}

/* A line without an end, and bytes that are none of a text. */
static void test_phases_endless(void **state)
{
	struct phases phases = { 0 };
	char junk[256];

	for (int i = 0; i < 256; i++)
		junk[i] = (char)(i == '\n' ? 0 : i);
	for (int i = 0; i < 100; i++)
		phases_feed(&phases, junk, sizeof(junk), 0);
	feed(&phases, "\nrehearsal: booted\n", 1);
	assert_int_equal(phases_last(&phases), PHASE_BOOTED);
}

/* ---- the smallest reservation ---- */

struct machine {
	uint32_t needs_mib;
	uint32_t asked[MINIMUM_PROBES_MAX];
	size_t count;
	int breaks_at; /* the probe that can't be held; -1: none */
};

static int try_machine(void *context, uint32_t mib, bool *ret_is_enough, struct err *err)
{
	struct machine *machine = context;

	if (machine->breaks_at == (int)machine->count)
		return err_set(err, ERR_REFUSED, "interrupted");
	assert_true(machine->count < MINIMUM_PROBES_MAX);
	machine->asked[machine->count++] = mib;
	*ret_is_enough = mib >= machine->needs_mib;
	return 0;
}

static int search(struct machine *machine, uint32_t low, uint32_t high, uint32_t step,
		  uint32_t *ret, struct err *err)
{
	struct minimum_search search = { .low_mib = low,
					 .high_mib = high,
					 .step_mib = step,
					 .probe = try_machine,
					 .context = machine };

	return minimum_find(&search, ret, err);
}

/* The smallest multiple of the step that is enough, whatever is needed, and no size is
 * tried twice, nor one outside. */
static void test_minimum(void **state)
{
	for (uint32_t step = 1; step <= 5; step++) {
		for (uint32_t needs = 1; needs <= 128; needs++) {
			struct machine machine = { .needs_mib = needs, .breaks_at = -1 };
			uint32_t found = 0, right = (needs + step - 1) / step * step;

			// Below the floor nothing is tried.
			right = right <= 40 ? (40 / step + 1) * step : right;
			right = right > 128 ? 128 : right;
			assert_int_equal(search(&machine, 40, 128, step, &found, NULL),
					 0);
			assert_int_equal(found, right);
			assert_int_equal(machine.asked[0], 128);
			assert_in_range(machine.count, 2, 8);
			for (size_t i = 0; i < machine.count; i++) {
				assert_in_range(machine.asked[i], 41, 128);
				for (size_t j = 0; j < i; j++)
					assert_int_not_equal(machine.asked[i],
							     machine.asked[j]);
			}
		}
	}
}

static void test_minimum_refused(void **state)
{
	struct machine small = { .needs_mib = 200, .breaks_at = -1 };
	struct machine broken = { .needs_mib = 60, .breaks_at = 2 };
	struct err err = { 0 };
	uint32_t found = 7;

	assert_int_equal(search(&small, 40, 128, 2, &found, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err_text(&err), "128 MiB"));
	assert_int_equal(small.count, 1);
	assert_int_equal(search(&broken, 40, 128, 2, &found, &err), ERR_REFUSED);
	assert_int_equal(search(&broken, 128, 128, 2, &found, &err), ERR_INVALID);
	assert_int_equal(search(&broken, 40, 128, 0, &found, &err), ERR_INVALID);
	assert_int_equal(found, 7);
}

static void test_minimum_largest(void **state)
{
	const uint32_t high = UINT32_MAX, low = high - (1u << 20);
	struct machine machine = { .needs_mib = high - 3, .breaks_at = -1 };
	struct machine endless = { .needs_mib = high, .breaks_at = -1 };
	uint32_t found = 0;

	assert_int_equal(search(&machine, low, high, 1, &found, NULL), 0);
	assert_int_equal(found, high - 3);
	// 33 would be needed, the first one included.
	assert_int_equal(search(&endless, 0, high, 1, &found, NULL), ERR_LIMIT);
}

/* ---- the triggers ---- */

static void test_triggers(void **state)
{
	enum rehearse_trigger trigger;
	struct err err = { 0 };
	char list[128];

	for (int i = 0; i < REHEARSE_TRIGGERS; i++) {
		trigger = REHEARSE_TRIGGERS;
		assert_int_equal(rehearse_trigger_parse(
					 rehearse_trigger_name((enum rehearse_trigger)i),
					 &trigger, NULL),
				 0);
		assert_int_equal(trigger, i);
	}
	assert_int_equal(rehearse_trigger_parse("rain", &trigger, &err), ERR_INVALID);
	assert_non_null(strstr(err_text(&err), "sysrq, module, nmi"));
	rehearse_trigger_list(list, sizeof(list));
	assert_string_equal(list, "sysrq, module, nmi, oom, hung-task, init");
	// Nothing is tried for what is done otherwise.
	assert_int_equal(trigger_pull(REHEARSE_INIT, 0, NULL, &err), ERR_UNSUPPORTED);
	assert_int_equal(trigger_pull(REHEARSE_MODULE, 0, NULL, &err), ERR_UNSUPPORTED);
}

/* ---- the verdict ---- */

#define MARKER "0123456789abcdef"

static void write_part(struct record *record, enum record_part part, const char *text)
{
	assert_int_equal(record_part_write(record, part, text, strlen(text), 1, NULL), 0);
}

/* All parts of a full record, the dump last. */
static struct record *make_record(const char *archive, time_t when)
{
	struct record *record;

	assert_int_equal(record_create(archive, when, &record, NULL), 0);
	write_part(record, RECORD_DMESG, "[ 1.0] epitaph rehearsal " MARKER "\n");
	write_part(record, RECORD_REPORT_TEXT, "report\n");
	write_part(record, RECORD_REPORT_JSON, "{}\n");
	write_part(record, RECORD_LOG, "log\n");
	write_part(record, RECORD_MINI, "mini\n");
	write_part(record, RECORD_DUMP, "dump\n");
	return record;
}

static void expect_verdict(const char *path, enum orders_mode mode, const char *marker,
			   enum rehearsed_verdict expected, const char *word)
{
	enum rehearsed_verdict verdict = REHEARSED_FAILED;
	char why[512] = "?";

	assert_int_equal(
		verdict_judge(path, mode, marker, &verdict, why, sizeof(why), NULL), 0);
	if (verdict != expected || !strstr(why, word))
		fail_msg("%s, \"%s\", where %s and \"%s\" were right",
			 rehearsed_verdict_name(verdict), why,
			 rehearsed_verdict_name(expected), word);
	if (expected == REHEARSED_GOOD)
		assert_string_equal(why, "");
}

static void test_verdict_good(void **state)
{
	struct record *record = make_record(*state, 1800000000);

	expect_verdict(record->path, ORDERS_FULL, MARKER, REHEARSED_GOOD, "");
	expect_verdict(record->path, ORDERS_FULL, "other", REHEARSED_INCOMPLETE,
		       "just before the panic");
	record_close(record);
}

static void test_verdict_partial(void **state)
{
	struct record *record;
	int fd;

	assert_int_equal(record_create(*state, 1800000000, &record, NULL), 0);
	write_part(record, RECORD_DMESG, "epitaph rehearsal " MARKER "\n");
	write_part(record, RECORD_REPORT_TEXT, "report\n");
	write_part(record, RECORD_REPORT_JSON, "{}\n");
	write_part(record, RECORD_LOG, "log\n");
	expect_verdict(record->path, ORDERS_DMESG, MARKER, REHEARSED_GOOD, "");
	expect_verdict(record->path, ORDERS_MINI, MARKER, REHEARSED_INCOMPLETE,
		       "mini is absent");
	write_part(record, RECORD_MINI, "mini\n");
	expect_verdict(record->path, ORDERS_MINI, MARKER, REHEARSED_GOOD, "");
	expect_verdict(record->path, ORDERS_FULL, MARKER, REHEARSED_INCOMPLETE,
		       "dump is absent");
	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL,
					     "disk full", 1, NULL),
			 0);
	expect_verdict(record->path, ORDERS_FULL, MARKER, REHEARSED_INCOMPLETE,
		       "dump is partial: disk full");
	record_close(record);
}

/* Written as ordered, and then the disk forgot: the checksum tells. */
static void test_verdict_changed(void **state)
{
	struct record *record = make_record(*state, 1800000000);
	char name[NAME_MAX + 1];
	int fd;

	record_part_name(record, RECORD_DUMP, name);
	fd = openat(record->dirfd, name, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	close(fd);
	expect_verdict(record->path, ORDERS_FULL, MARKER, REHEARSED_INCOMPLETE,
		       "has changed");
	record_close(record);
}

static void test_verdict_newest(void **state)
{
	struct record *older, *newer;
	char found[PATH_MAX];

	assert_int_equal(verdict_find_record(*state, found, NULL), ERR_NOTFOUND);
	older = make_record(*state, 1800000000);
	newer = make_record(*state, 1800003600);
	assert_int_equal(verdict_find_record(*state, found, NULL), 0);
	assert_string_equal(strrchr(found, '/'), strrchr(newer->path, '/'));
	record_close(older);
	record_close(newer);
}

/* ---- which kernel ---- */

static void test_kernel_of_root(void **state)
{
	struct guest_disk disk = { 0 };
	struct err err = { 0 };
	char path[PATH_MAX];

	assert_true(guest_disk_find_kernel(*state, &disk, &err) < 0);
	assert_non_null(strstr(err_text(&err), "no kernel below"));
	snprintf(path, sizeof(path), "%s/lib/modules/6.1-a", (char *)*state);
	assert_int_equal(dir_make_path(path, 0755, NULL), 0);
	// The modules are there, the image is not.
	assert_true(guest_disk_find_kernel(*state, &disk, &err) < 0);
	assert_non_null(strstr(err_text(&err), "6.1-a"));
	snprintf(path, sizeof(path), "%s/lib/modules/6.1-b", (char *)*state);
	assert_int_equal(dir_make_path(path, 0755, NULL), 0);
	assert_int_equal(guest_disk_find_kernel(*state, &disk, &err), ERR_INVALID);
	assert_non_null(strstr(err_text(&err), "6.1-a"));
	assert_non_null(strstr(err_text(&err), "6.1-b"));
}

/* ---- programs ---- */

static void test_process(void **state)
{
	const char *fails[] = { "/bin/ls", "/none/such", NULL };
	const char *sleeps[] = { "/bin/sleep", "100", NULL };
	const char *none[] = { "/none/such", NULL };
	volatile sig_atomic_t cancel = 1;
	struct err err = { 0 };
	char path[PATH_MAX];

	assert_int_equal(process_run(fails, NULL, &err), ERR_OS);
	assert_non_null(strstr(err_text(&err), "/none/such"));
	assert_int_equal(process_run(none, NULL, &err), ERR_OS);
	assert_non_null(strstr(err_text(&err), "127"));
	assert_int_equal(process_run(sleeps, &cancel, &err), ERR_REFUSED);
	assert_int_equal(process_find("no-such-program", "some-package", path, &err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(err_text(&err), "some-package"));
	assert_int_equal(process_find("sh", "dash", path, &err), 0);
}

static void test_take_quotes(void **state)
{
	struct err err = { 0 };

	assert_int_equal(guest_disk_take("/none", "/a\"b", "/c", NULL, &err),
			 ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_phases),	    TEST(test_phases_in_pieces),
		TEST(test_phases_failed),   TEST(test_phases_endless),
		TEST(test_verdict_good),    TEST(test_verdict_partial),
		TEST(test_verdict_changed), TEST(test_verdict_newest),
		TEST(test_kernel_of_root),  TEST(test_process),
		TEST(test_take_quotes),	    TEST(test_phases_memory),
		TEST(test_phases_nmi),	    TEST(test_minimum),
		TEST(test_minimum_refused), TEST(test_minimum_largest),
		TEST(test_triggers),
	};

	return cmocka_run_group_tests_name("rehearse", tests, NULL, NULL);
}
