// SPDX-License-Identifier: GPL-2.0-or-later
/* All tasks of the fake kernel: their stacks grouped, and who waits for whose lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "explain/lock_graph.h"
#include "explain/stack_group.h"
#include "explain/survey.h"
#include "fake_kernel.h"
#include "record/field.h"

/* ---- stacks ---- */

/* Task @i sleeps in module function @function, which was called by the first one. */
static void add_sleeper(struct fake_kernel *f, int i, int function)
{
	uint64_t sp = STACK + 0x1000 * (uint64_t)i + 0x800;

	fake_task(f, i, 100 + i, "sleeper");
	fake_sleeper(f, i, MODULE_FUNCTION(function) + 8, sp, 0);
	fake_u64(&f->memory, sp + 8,
		 fake_call(f, MODULE_FUNCTION(1), MODULE_FUNCTION(function)));
}

static void init(struct fake_kernel *f)
{
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_orc(f, TEXT, (struct fake_entry){ .type = ORC_TYPE_END });
	fake_module_orc(f, MODULE_FUNCTION(0), FAKE_CALL_FRAME(16));
	fake_module_orc(f, MODULE_FUNCTION(1),
			(struct fake_entry){ .type = ORC_TYPE_END });
	fake_module_orc(f, MODULE_FUNCTION(2), FAKE_CALL_FRAME(16));
	fake_module_orc(f, MODULE_FUNCTION(3), FAKE_CALL_FRAME(16));
	fake_symbol(f, MODULE_FUNCTION(1), 1, "outer");
	fake_symbol(f, MODULE_FUNCTION(2), 1, "two");
	fake_symbol(f, MODULE_FUNCTION(3), 1, "three");
	fake_vmcoreinfo(&f->memory,
			"SYMBOL(__sched_text_start)=%" PRIx64
			"\nSYMBOL(__sched_text_end)=%" PRIx64,
			MODULE_FUNCTION(2), MODULE_FUNCTION(3));
	add_sleeper(f, 1, 2);
	add_sleeper(f, 2, 3);
	add_sleeper(f, 3, 3);
}

static void test_groups(void **state)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_stack_groups struct stack_groups groups = { 0 };
	_cleanup_text struct text text = { 0 };
	struct fake_kernel f;
	struct survey_task task;

	init(&f);
	fake_u32(&f.memory, TASK(3) + TASK_STATE, 2);
	fake_u32(&f.memory, TASK(2) + TASK_STATE, 2);
	fake_kernel_open(&f);
	assert_int_equal(survey_open(f.kernel, TASK_COUNT_MAX, &survey, NULL), 0);
	assert_int_equal(survey.list.count, 4);
	survey_look(&survey, 1, &task);
	assert_true(task.has_backtrace);
	assert_int_equal(survey.backtrace->count, 2);
	assert_string_equal(task.channel, "outer [fake]"); // "two" is the scheduler
	for (size_t i = 1; i < 4; i++) {
		survey_look(&survey, i, &task);
		assert_int_equal(stack_groups_add(&groups, &survey, &task, 2, NULL), 0);
	}
	assert_string_equal(task.channel, "three [fake]");
	stack_groups_sort(&groups);
	assert_int_equal(groups.count, 2);
	assert_int_equal(groups.groups[0].count, 2);
	assert_int_equal(groups.groups[0].stack.frame_count, 2);
	assert_int_equal(groups.groups[0].members[1].pid, 103);
	assert_int_equal(groups.groups[1].count, 1);

	/* No third: the idle task, which has no stack here, is one that was left out. */
	survey_look(&survey, 0, &task);
	assert_int_equal(stack_groups_add(&groups, &survey, &task, 2, NULL), 0);
	assert_int_equal(groups.left_out, 1);
	assert_int_equal(stack_groups_tasks(&groups), 4);

	stack_group_format_text(&groups.groups[0], &text);
	assert_non_null(strstr(text_get(&text), "2 tasks, state D, in three [fake]:\n"
						"  sleeper (pid 102), sleeper (pid 103)\n"
						"  #0     three+0x8/0x"));
	fake_kernel_done(&f);
}

/* The same stack in another state, or none at all, is another group. */
static void test_groups_differ(void **state)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_stack_groups struct stack_groups groups = { 0 };
	struct fake_kernel f;
	struct survey_task task;

	init(&f);
	fake_u32(&f.memory, TASK(3) + TASK_STATE, 2);
	fake_u64(&f.memory, TASK(1) + TASK_SP, NOWHERE);
	fake_kernel_open(&f);
	assert_int_equal(survey_open(f.kernel, TASK_COUNT_MAX, &survey, NULL), 0);
	for (size_t i = 1; i < 4; i++) {
		survey_look(&survey, i, &task);
		assert_int_equal(stack_groups_add(&groups, &survey, &task, 9, NULL), 0);
		assert_int_equal(task.has_backtrace, i != 1);
		assert_int_equal(task.no_backtrace[0] != '\0', i == 1);
	}
	assert_int_equal(groups.count, 3);
	assert_string_not_equal(groups.groups[0].unknown, "");
	fake_kernel_done(&f);
}

static void test_members(void **state)
{
	struct stack_group group = { .stack.state = 'S', .count = STACK_MEMBERS_MAX + 5 };
	_cleanup_text struct text text = { 0 };

	group.member_count = STACK_MEMBERS_MAX;
	for (int i = 0; i < STACK_MEMBERS_MAX; i++) {
		group.members[i].pid = 1000 + i;
		strcpy(group.members[i].comm, "a-name-of-15-by");
	}
	stack_group_format_text(&group, &text);
	assert_non_null(strstr(text_get(&text), "\n  and 5 more\n"));
	for (const char *p = text_get(&text); *p;) {
		size_t size = strcspn(p, "\n");

		assert_in_range(size, 0, 80);
		p += size + (p[size] == '\n');
	}
}

static void test_format_ms(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0.0 s" },
		{ 59999, "59.9 s" },
		{ 60000, "1 min 00 s" },
		{ 3599999, "59 min 59 s" },
		{ 3600000, "1 h 00 min" },
		{ 86400000, "1 d 00 h" },
		{ UINT64_MAX, "213503982334 d 14 h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[32];

		survey_format_ms(rows[i].ms, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
	}
}

/* ---- locks ---- */

/* "1>2 3>1": task 1 wants a lock of task 2, 3 one of 1; "1>2*3": of three readers. */
static void make_graph(const char *edges, struct lock_graph *ret)
{
	_cleanup_text struct text json = { 0 };
	_cleanup_json json_t *array = NULL;
	struct err err = { 0 };
	int waiter, owner, readers, used;

	text_add(&json, "[");
	while (sscanf(edges, " %d>%d%n", &waiter, &owner, &used) == 2) {
		edges += used;
		readers = 0;
		if (sscanf(edges, "*%d%n", &readers, &used) == 1)
			edges += used;
		text_add(
			&json,
			"%s{\"waiter\": {\"pid\": %d, \"comm\": \"w%d\", \"state\": \"D\"}, "
			"\"owner\": {\"pid\": %d, \"comm\": \"w%d\", \"state\": \"S\"}, "
			"\"kind\": \"mutex\", \"lock\": \"0x%d\", \"readers\": %d}",
			json.size > 1 ? "," : "", waiter, waiter, owner, owner, owner,
			readers);
	}
	text_add(&json, "]");
	array = json_loads(text_get(&json), 0, NULL);
	assert_non_null(array);
	*ret = (struct lock_graph){ 0 };
	assert_int_equal(lock_graph_parse_json(array, ret, &err), 0);
}

/* @deadlocked: by edge, 'x' or '-'. */
static void check_graph(const char *edges, const char *deadlocked, const char *text)
{
	_cleanup_lock_graph struct lock_graph graph = { 0 };
	_cleanup_text struct text got = { 0 };

	make_graph(edges, &graph);
	assert_int_equal(graph.count, strlen(deadlocked));
	for (size_t i = 0; i < graph.count; i++)
		assert_int_equal(graph.edges[i].is_deadlock, deadlocked[i] == 'x');
	lock_graph_format_text(&graph, &got);
	if (!strstr(text_get(&got), text))
		fail_msg("no '%s' in:\n%s", text, text_get(&got));
	assert_int_equal(strstr(text_get(&got), "DEADLOCK") != NULL,
			 strchr(deadlocked, 'x') != NULL);
}

static void test_span(void **state)
{
	static const struct {
		struct span span;
		const char *text;
	} rows[] = {
		{ { false, false, 1, 1 }, "" },
		{ { true, true, 12300, 12349 }, "12.3 s" },
		{ { true, true, 0, 51 }, "at least 0.0 s" },
		{ { true, true, 990000, 999900 }, "16 min 39 s" }, // one in a hundred
		{ { true, true, 4000, 12300 }, "at least 4.0 s" },
		{ { true, false, 4000, 0 }, "at least 4.0 s" },
		{ { false, true, 0, 12300 }, "at most 12.3 s" },
		{ { true, true, UINT64_MAX, UINT64_MAX }, "213503982334 d 14 h" },
	};
	struct span longer = span_max((struct span){ true, false, 5, 0 },
				      (struct span){ true, true, 3, 9 });

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json json_t *object = json_object();
		struct span again;
		char text[48];

		span_format(&rows[i].span, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		assert_int_equal(span_put_json(&rows[i].span, object, "x"), 0);
		assert_int_equal(span_get_json(object, "x", &again, NULL), 0);
		assert_int_equal(again.has_least, rows[i].span.has_least);
		assert_int_equal(again.has_most, rows[i].span.has_most);
	}
	assert_true(longer.has_least && longer.has_most);
	assert_int_equal(longer.least_ms, 5);
	assert_int_equal(longer.most_ms, 9);
}

static void test_chain(void **state)
{
	check_graph("1>2 2>3 3>4", "---",
		    "mutex 0x2\n  held by w2 (pid 2, S),\n"
		    "    who waits for w3 (pid 3, S),\n"
		    "    who waits for w4 (pid 4, S)\n  wanted by w1 (pid 1, D)\n");
	/* two that want the same */
	check_graph("1>9 2>9", "--",
		    "mutex 0x9\n  held by w9 (pid 9, S)\n"
		    "  wanted by w1 (pid 1, D)\n  wanted by w2 (pid 2, D)\n");
}

static void test_deadlock(void **state)
{
	check_graph("1>2 2>1", "xx",
		    "DEADLOCK:\n  w1 (pid 1) wants\n    mutex 0x2\n    of w2 (pid 2)\n"
		    "  w2 (pid 2) wants\n    mutex 0x1\n    of w1 (pid 1)\nmutex");
	check_graph("1>1", "x", "DEADLOCK:\n  w1 (pid 1) wants\n    mutex 0x1\n");
	/* one that only runs into the circle, and two circles */
	check_graph("5>1 1>2 2>3 3>1", "-xxx", "in the deadlock above");
	check_graph("1>2 2>1 3>4 4>3", "xxxx", "DEADLOCK:\n  w3 (pid 3)");
	/* of many readers, another one may be the one that matters */
	check_graph("1>2*3 2>1", "--", "3 readers, the last of them w2 (pid 2, S)");
	check_graph("1>2*1 2>1", "xx", "DEADLOCK");
}

static void test_graph_limit(void **state)
{
	_cleanup_lock_graph struct lock_graph graph = { 0 };
	_cleanup_json json_t *array = json_array();
	struct err err = { 0 };

	for (int i = 0; i <= LOCK_GRAPH_MAX; i++)
		json_array_append_new(array, json_object());
	assert_int_equal(lock_graph_parse_json(array, &graph, &err), ERR_LIMIT);
}

/* The fake kernel's tasks wait for nothing that is known. */
static void test_no_locks(void **state)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_locks struct locks *locks = NULL;
	_cleanup_lock_graph struct lock_graph graph = { 0 };
	struct fake_kernel f;

	init(&f);
	fake_kernel_open(&f);
	assert_int_equal(survey_open(f.kernel, TASK_COUNT_MAX, &survey, NULL), 0);
	assert_int_equal(locks_new(f.kernel, &survey.list, &locks, NULL), 0);
	for (size_t i = 0; i < survey.list.count; i++) {
		struct survey_task task;

		survey_look(&survey, i, &task);
		assert_int_equal(lock_graph_add(&graph, locks, &survey, &task, NULL), 0);
	}
	lock_graph_finish(&graph, &survey);
	assert_int_equal(graph.count, 0);
	fake_kernel_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),	    cmocka_unit_test(test_groups_differ),
		cmocka_unit_test(test_members),	    cmocka_unit_test(test_format_ms),
		cmocka_unit_test(test_chain),	    cmocka_unit_test(test_deadlock),
		cmocka_unit_test(test_no_locks),    cmocka_unit_test(test_span),
		cmocka_unit_test(test_graph_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
