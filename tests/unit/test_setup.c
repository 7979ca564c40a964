// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare: words on a command line, diffs, the memory map, and plans that are applied,
 * cut off at each step, and taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/size.h"
#include "fake_tree.h"
#include "prepare/line_diff.h"
#include "prepare/memory_map.h"
#include "prepare/parameter_edit.h"
#include "prepare/reservation.h"
#include "prepare/setup_apply.h"

static char *fake_root(void)
{
	void *root = NULL;

	assert_int_equal(fake_tree_setup(&root), 0);
	return root;
}

static void fake_remove(char *root)
{
	void *state = root;

	assert_int_equal(fake_tree_teardown(&state), 0);
}

/* ---- words ---- */

static struct parameters crash_parameters(void)
{
	struct parameters parameters = { 0 };

	assert_int_equal(parameters_remove(&parameters, "crashkernel=", NULL), 0);
	assert_int_equal(parameters_add(&parameters, NULL, "", "crashkernel=112M"), 0);
	return parameters;
}

static void lines_are_edited(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "", "crashkernel=112M" },
		{ "\n", "crashkernel=112M\n" },
		{ "a b\n", "a b crashkernel=112M\n" },
		{ "a  b", "a  b crashkernel=112M" },
		{ "crashkernel=1M", "crashkernel=112M" },
		{ "crashkernel=1M a", "a crashkernel=112M" },
		{ "a crashkernel=1M,high b crashkernel=2M,low\n",
		  "a b crashkernel=112M\n" },
		{ "a crashkernel=112M b", "a crashkernel=112M b" },
		{ "crashkernel=112M crashkernel=112M", "crashkernel=112M" },
		{ "xcrashkernel=1M dyndbg=\"a crashkernel=1M b\"",
		  "xcrashkernel=1M dyndbg=\"a crashkernel=1M b\" crashkernel=112M" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parameters parameters = crash_parameters();
		_cleanup_text struct text once = { 0 }, twice = { 0 };

		assert_int_equal(parameter_edit_line(cases[i].before,
						     strlen(cases[i].before), &parameters,
						     &once, NULL),
				 0);
		assert_string_equal(text_get(&once), cases[i].after);
		assert_int_equal(parameter_edit_line(text_get(&once), once.size,
						     &parameters, &twice, NULL),
				 0);
		assert_string_equal(text_get(&twice), cases[i].after);
	}
}

static void shell_variables_are_edited(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "", "V=\"crashkernel=112M\"\n" },
		{ "X=1", "X=1\nV=\"crashkernel=112M\"\n" },
		{ "V=\"\"\n", "V=\"crashkernel=112M\"\n" },
		{ "V=\n", "V=\"crashkernel=112M\"\n" },
		{ "V=a # b\n", "V=\"a crashkernel=112M\" # b\n" },
		{ "V='a b'\n", "V='a b crashkernel=112M'\n" },
		{ "# V=\"x\"\n  V=\"a\" # why\n",
		  "# V=\"x\"\n  V=\"a crashkernel=112M\" # why\n" },
		{ "V=\"a=\\\"b crashkernel=0\\\" crashkernel=1M\"\n",
		  "V=\"a=\\\"b crashkernel=0\\\" crashkernel=112M\"\n" },
		{ "V=\"crashkernel=1M\"\nV=\"b\"\nV_DEFAULT=\"c crashkernel=3M\"\n",
		  "V=\"\"\nV=\"b crashkernel=112M\"\nV_DEFAULT=\"c\"\n" },
		{ "V=\"unclosed\n", "V=\"unclosed\nV=\"crashkernel=112M\"\n" },
		{ "OV=\"crashkernel=1M\"\nV=\"b\"\n",
		  "OV=\"crashkernel=1M\"\nV=\"b crashkernel=112M\"\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parameters parameters = crash_parameters();
		_cleanup_text struct text once = { 0 };

		assert_int_equal(parameter_edit_shell(cases[i].before,
						      strlen(cases[i].before), "V", false,
						      &parameters, &once, NULL),
				 0);
		assert_string_equal(text_get(&once), cases[i].after);
	}
}

/* At every byte cut off: no fault, and what was there stays. */
static void anything_can_be_edited(void **state)
{
	static const char text[] = "A=1\nV=\"a 'b\\\" crashkernel=1M\" V='x'\n"
				   "  V_B='crashkernel=2M\\' # c\nAPPEND root=x a\n";
	struct parameters parameters = crash_parameters();

	for (size_t size = 0; size < sizeof(text); size++) {
		_cleanup_free char *cut = malloc(size ? size : 1);
		_cleanup_text struct text a = { 0 }, b = { 0 }, c = { 0 };
		size_t count;

		assert_non_null(cut);
		memcpy(cut, text, size);
		assert_int_equal(parameter_edit_shell(cut, size, "V", false, &parameters,
						      &a, NULL),
				 0);
		assert_int_equal(parameter_edit_keyword(cut, size, "append", "root=",
							&parameters, &b, &count, NULL),
				 0);
		assert_int_equal(parameter_edit_line(cut, size, &parameters, &c, NULL),
				 0);
	}
}

/* The shell takes one layer away, GRUB the other. */
static void dollars_are_quoted_for_grub(void **state)
{
	_cleanup_text struct text quoted = { 0 }, edited = { 0 };
	struct parameters parameters = { 0 };

	parameter_quote_grub("memmap=2M$0x3f000000", &quoted);
	assert_string_equal(text_get(&quoted), "memmap=2M\\\\\\$0x3f000000");
	assert_int_equal(parameters_add(&parameters, NULL, "", "memmap=2M$0x3f000000"),
			 0);
	assert_int_equal(parameter_edit_shell("V='a'\n", 6, "V", false, &parameters,
					      &edited, NULL),
			 0);
	assert_string_equal(text_get(&edited), "V='a memmap=2M\\$0x3f000000'\n");
}

static void keywords_are_edited(void **state)
{
	static const char before[] = "title a\noptions root=/dev/sda1 crashkernel=1M\n"
				     "optionsx root=1\n\tOptions\troot=2 \n";
	struct parameters parameters = crash_parameters();
	_cleanup_text struct text after = { 0 };
	size_t count = 0;

	assert_int_equal(parameter_edit_keyword(before, strlen(before), "options",
						"root=", &parameters, &after, &count,
						NULL),
			 0);
	assert_int_equal(count, 2);
	assert_string_equal(text_get(&after),
			    "title a\noptions root=/dev/sda1 crashkernel=112M\n"
			    "optionsx root=1\n\tOptions\troot=2 crashkernel=112M \n");
}

/* ---- diffs ---- */

static void diffs_are_unified(void **state)
{
	static const struct {
		const char *before, *after, *diff;
	} cases[] = {
		{ "a\n", "a\n", "" },
		{ "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n" },
		{ "a\n", "", "@@ -1,1 +0,0 @@\n-a\n" },
		{ "a", "a\n", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n" },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nx\n6\n7\n8\n",
		  "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n" },
		{ "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
		  "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n"
		  "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n" },
		{ "\x1b[1m\t\xff\n", "", "@@ -1,1 +0,0 @@\n-?[1m\t?\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_text struct text diff = { 0 };

		assert_int_equal(line_diff(cases[i].before, strlen(cases[i].before),
					   cases[i].after, strlen(cases[i].after), &diff,
					   NULL),
				 0);
		assert_string_equal(text_get(&diff), cases[i].diff);
	}
}

/* ---- memory ---- */

static const char iomem[] = "00001000-0009fbff : System RAM\n"
			    "00100000-3fffffff : System RAM\n"
			    "  01000000-01ffffff : Kernel code\n"
			    "  3c000000-3effffff : Crash kernel\n"
			    "  3ff00000-3fffffff : something\n"
			    "fffc0000-ffffffff : Reserved\n"
			    "100000000-13fffffff : System RAM\n";

static void memory_is_placed(void **state)
{
	char *root = fake_root();
	_cleanup_memory_map struct memory_map map = { 0 };
	uint64_t at = 0;
	struct err err = { 0 };

	fake_write(root, "proc/iomem", iomem, strlen(iomem));
	assert_int_equal(memory_map_read(root, &map, &err), 0);
	assert_int_equal(map.count, 7);
	assert_int_equal(memory_map_largest(&map, 4 * GIB), 0x40000000 - 0x100000);
	assert_int_equal(memory_map_largest(&map, 64 * GIB), GIB);
	assert_int_equal(memory_map_place(&map, 2 * MIB, 2 * MIB, 4 * GIB, &at, &err), 0);
	assert_int_equal(at, 0x3fc00000);
	// below the crash kernel
	assert_int_equal(memory_map_place(&map, 32 * MIB, 2 * MIB, 4 * GIB, &at, &err),
			 0);
	assert_int_equal(at, 0x3a000000);
	assert_int_equal(memory_map_place(&map, 2 * GIB, 2 * MIB, 64 * GIB, &at, &err),
			 ERR_NOTFOUND);
	assert_int_equal(memory_map_place(&map, 960 * MIB, MIB, 64 * GIB, &at, &err), 0);
	assert_int_equal(at, 0x104000000);
	fake_write(root, "proc/iomem", "00000000-00000000 : System RAM\n", 31);
	assert_int_equal(memory_map_read(root, &(struct memory_map){ 0 }, &err),
			 ERR_REFUSED);
	fake_remove(root);
}

static void high_only_where_low_is_too_small(void **state)
{
	struct memory_range low[] = { { 0x100000, 96 * MIB, 0, true, "System RAM" },
				      { 4 * GIB, 8 * GIB, 0, true, "System RAM" } };
	struct memory_map map = { low, 2 };
	struct reservation reservation = { .size_bytes = 112 * MIB };

	assert_true(reservation_is_high(&reservation, &map));
	low[0].end = GIB;
	assert_false(reservation_is_high(&reservation, &map));
	assert_false(reservation_is_high(&reservation, NULL));
}

static void values_of_crashkernel_are_checked(void **state)
{
	static const char *const good[] = { "128M",
					    "128M@64M",
					    "128m,high",
					    "72M,low",
					    "4G-:192M",
					    "0x8000000",
					    "2G-4G:320M,4G-32G:512M,32G-:1024M" };
	static const char *const wrong[] = {
		"", "M", "128M root=", "-128M", "128M\n", "128M,higher", "$(x)", "128M\""
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(reservation_check(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(reservation_check(wrong[i], NULL), ERR_INVALID);
}

/* ---- a plan, done and undone ---- */

/* Dies at its n-th word: as if the power went. */
struct dying {
	int words_left;
};

static void die_later(void *context, enum log_level level, const char *message)
{
	struct dying *dying = context;

	if (dying->words_left-- == 0)
		_exit(7);
}

static void machine_make(const char *root)
{
	fake_write(root, "etc/a", "old a\n", 6);
	fake_write(root, "etc/b", "\0\xff", 2);
	fake_write(root, "etc/gone", "gone\n", 5);
}

/* What the plan's files are: 'o' as before, 'n' as after, 'x' neither, a letter each. */
static void machine_look(const char *root, char ret[static 6])
{
	static const struct {
		const char *path, *before, *after;
		size_t before_size;
	} files[] = {
		{ "/etc/a", "old a\n", "new a\n", 6 },
		{ "/etc/b", "\0\xff", "new b\n", 2 },
		{ "/etc/gone", "gone\n", NULL, 5 },
		{ "/etc/d/new", NULL, "new\n", 0 },
		{ "/etc/link", NULL, "a", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_file_state struct file_state now = { 0 };
		const char *before = files[i].before, *after = files[i].after;

		assert_int_equal(file_state_read(root, files[i].path, &now, NULL), 0);
		ret[i] = (before ? now.data && now.size == files[i].before_size &&
					   !memcmp(now.data, before, now.size)
				 : now.kind == FILE_ABSENT)
				 ? 'o'
			 : (after ? now.data && strcmp(now.data, after) == 0
				  : now.kind == FILE_ABSENT)
				 ? 'n'
				 : 'x';
	}
	ret[ARRAY_SIZE(files)] = '\0';
}

static int machine_plan(const char *root, struct setup_plan **ret)
{
	struct setup_plan *plan = NULL;
	struct err err = { 0 };
	int r = setup_plan_new(root, &plan, &err);

	if (r == 0)
		r = setup_plan_write(plan, "/etc/a", 0644, "new a\n", 6, SETUP_ANY, NULL,
				     &err, "a");
	if (r == 0)
		r = setup_plan_write(plan, "/etc/b", 0644, "new b\n", 6, SETUP_SHELL,
				     NULL, &err, "b");
	if (r == 0)
		r = setup_plan_remove(plan, "/etc/gone", &err, "gone");
	if (r == 0)
		r = setup_plan_write(plan, "/etc/d/new", 0600, "new\n", 4, SETUP_ANY,
				     NULL, &err, "new");
	if (r == 0)
		r = setup_plan_link(plan, "/etc/link", "a", &err, "link");
	assert_int_equal(r, 0);
	*ret = plan;
	return 0;
}

/* In a child: ends with the code of the apply, or dies in it. */
static int apply_until(const char *root, bool is_undo, int words)
{
	struct dying dying = { words };
	struct log log = { die_later, &dying };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct setup_journal journal = { 0 };
		struct setup_plan *plan = NULL;
		int r = setup_journal_load(root, &journal, NULL);

		if (r == 0 && is_undo) {
			r = setup_plan_new(root, &plan, NULL);
			if (r == 0)
				r = setup_journal_undo_plan(&journal, false, plan, NULL);
			if (r == 0)
				r = setup_apply_undo(plan, &journal, &log, NULL);
		} else if (r == 0) {
			machine_plan(root, &plan);
			r = setup_apply(plan, &journal, &log, NULL);
		}
		_exit(r == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Cut off at each step: each file is old or new; undo, and a second setup, work. */
static void a_cut_leaves_old_or_new(void **state)
{
	bool is_done = false;

	for (int words = 0; !is_done && words < 100; words++) {
		for (int is_undone = 0; is_undone < 2; is_undone++) {
			char *root = fake_root();
			char files[6];
			int code;

			machine_make(root);
			code = apply_until(root, false, words);
			is_done = code == 0;
			assert_true(code == 0 || code == 7);
			machine_look(root, files);
			assert_null(strchr(files, 'x'));
			assert_true(strspn(files, "n") +
					    strspn(strchr(files, 'o') ?: "", "o") ==
				    5);
			if (is_undone)
				assert_int_equal(apply_until(root, true, 1000), 0);
			else if (!is_done)
				assert_int_equal(apply_until(root, false, 1000), 0);
			machine_look(root, files);
			assert_string_equal(files, is_undone ? "ooooo" : "nnnnn");
			assert_int_equal(apply_until(root, true, 1000), 0);
			machine_look(root, files);
			assert_string_equal(files, "ooooo");
			fake_remove(root);
		}
	}
	assert_true(is_done);
}

/* The undo itself is cut off, after two runs of setup. */
static void a_cut_undo_goes_on(void **state)
{
	bool is_done = false;

	for (int words = 0; !is_done && words < 100; words++) {
		_cleanup_setup_plan struct setup_plan *second = NULL;
		_cleanup_setup_journal struct setup_journal journal = { 0 };
		char *root = fake_root();
		char files[6];

		machine_make(root);
		assert_int_equal(apply_until(root, false, 1000), 0);
		assert_int_equal(setup_plan_new(root, &second, NULL), 0);
		assert_int_equal(setup_plan_write(second, "/etc/a", 0644, "third\n", 6,
						  SETUP_ANY, NULL, NULL, "a"),
				 0);
		assert_int_equal(setup_journal_load(root, &journal, NULL), 0);
		assert_int_equal(setup_apply(second, &journal, NULL, NULL), 0);
		is_done = apply_until(root, true, words) == 0;
		if (!is_done)
			assert_int_equal(apply_until(root, true, 1000), 0);
		machine_look(root, files);
		assert_string_equal(files, "ooooo");
		fake_remove(root);
	}
	assert_true(is_done);
}

/* ---- programs ---- */

/* Paths of this machine, so that programs are run; the journal is in @root. */
static int run_with(const char *root, const char *program, const char *expected,
		    struct err *err)
{
	_cleanup_setup_plan struct setup_plan *plan = NULL;
	_cleanup_setup_journal struct setup_journal journal = { 0 };
	char a[PATH_MAX], output[PATH_MAX];

	snprintf(a, sizeof(a), "%s/etc/a", root);
	snprintf(output, sizeof(output), "%s/boot/grub.out", root);
	assert_int_equal(setup_plan_new("", &plan, NULL), 0);
	assert_int_equal(setup_plan_write(plan, a, 0644, "new a\n", 6, SETUP_ANY, NULL,
					  NULL, "a"),
			 0);
	assert_int_equal(setup_plan_run(plan,
					(const char *const[]){ program, a, output, NULL },
					output, expected, false, "", NULL),
			 0);
	assert_int_equal(setup_journal_load(root, &journal, NULL), 0);
	return setup_apply(plan, &journal, NULL, err);
}

static void assert_file(const char *root, const char *path, const char *text)
{
	_cleanup_file_state struct file_state now = { 0 };

	assert_int_equal(file_state_read(root, path, &now, NULL), 0);
	if (!text) {
		assert_int_equal(now.kind, FILE_ABSENT);
		return;
	}
	assert_int_equal(now.kind, FILE_REGULAR);
	assert_string_equal(now.data, text);
}

/* A program that fails, or is not there, or makes what was not wanted: all is as before.
 */
static void failed_programs_change_nothing(void **state)
{
	static const struct {
		const char *program, *expected, *said;
		int code;
	} cases[] = {
		{ "nonexistent-program", "new", "no program", ERR_NOTFOUND },
		{ "false", NULL, "failed with status 1", ERR_OS },
		{ "cp", "other", "does not have 'other'", ERR_CORRUPT },
		{ "cp", "new", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *root = fake_root();
		struct err err = { 0 };

		machine_make(root);
		fake_write(root, "boot/grub.out", "as it was\n", 10);
		assert_int_equal(run_with(root, cases[i].program, cases[i].expected,
					  &err),
				 cases[i].code);
		if (cases[i].said) {
			assert_non_null(strstr(err.text, cases[i].said));
			assert_non_null(strstr(err.text, "nothing was changed"));
		}
		assert_file(root, "/etc/a", cases[i].code ? "old a\n" : "new a\n");
		assert_file(root, "/boot/grub.out",
			    cases[i].code ? "as it was\n" : "new a\n");
		if (cases[i].code)
			assert_file(root, SETUP_JOURNAL, NULL);
		fake_remove(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_edited),
		cmocka_unit_test(shell_variables_are_edited),
		cmocka_unit_test(anything_can_be_edited),
		cmocka_unit_test(dollars_are_quoted_for_grub),
		cmocka_unit_test(keywords_are_edited),
		cmocka_unit_test(diffs_are_unified),
		cmocka_unit_test(memory_is_placed),
		cmocka_unit_test(high_only_where_low_is_too_small),
		cmocka_unit_test(values_of_crashkernel_are_checked),
		cmocka_unit_test(a_cut_leaves_old_or_new),
		cmocka_unit_test(a_cut_undo_goes_on),
		cmocka_unit_test(failed_programs_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
