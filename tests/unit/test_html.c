// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page of a report and its pictures, of a kernel that wants to be seen: what comes
 * from it must not become markup. In a browser, of real dumps: tests/real/page.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "explain/flame.h"
#include "explain/html.h"
#include "explain/memory_areas.h"
#include "explain/report_html.h"
#include "explain/timeline.h"

/* Markup, both quotes, an entity, U+202E (which turns text around), bytes of no text. */
#define HOSTILE "<script>alert(\"1\")</script>' onload='x &lt;\xe2\x80\xae\xff\x01"

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		count++;
	return count;
}

/* No byte but printable ASCII and newlines, nothing hostile in the raw. */
static void assert_tame(const struct text *text)
{
	for (size_t i = 0; i < text->size; i++) {
		unsigned char c = (unsigned char)text->data[i];

		assert_true(c == '\n' || (c >= 0x20 && c < 0x7f));
	}
	assert_int_equal(count_of(text_get(text), "<script>alert"), 0);
	assert_int_equal(count_of(text_get(text), "' onload='"), 0);
	assert_int_equal(count_of(text_get(text), "alert(\""), 0);
}

static void test_escape(void **state)
{
	_cleanup_text struct text text = { 0 };

	html_add(&text, "a<b>&\"c\"'d'\tx\ny");
	assert_string_equal(text_get(&text),
			    "a&lt;b&gt;&amp;&quot;c&quot;&#39;d&#39; x\ny");
	text_done(&text);
	html_add_bytes(&text, "\0\x7f\xe2\x80\xae", 5);
	assert_string_equal(text_get(&text), "\\x00\\x7f\\xe2\\x80\\xae");
	text_done(&text);
	html_add_in(&text, "td", HOSTILE);
	assert_tame(&text);
	text_done(&text);
	html_add(&text, "");
	assert_string_equal(text_get(&text), "");
}

/* ---- pictures ---- */

static void add_stack(struct flame *flame, const char *a, const char *b, const char *c)
{
	const char *names[] = { a, b, c };

	assert_int_equal(flame_add(flame, names, c ? 3 : b ? 2 : a ? 1 : 0, NULL), 0);
}

static void test_flame(void **state)
{
	_cleanup_flame struct flame flame = { 0 };
	_cleanup_text struct text text = { 0 };

	flame_format_svg(&flame, &text);
	assert_int_equal(text.size, 0);
	add_stack(&flame, "entry", "wait", "schedule");
	add_stack(&flame, "entry", "wait", "schedule");
	add_stack(&flame, "entry", "read [mod]", "schedule");
	add_stack(&flame, "kthread", NULL, NULL);
	add_stack(&flame, NULL, NULL, NULL);
	assert_int_equal(flame_total(&flame), 5);
	assert_int_equal(flame.count, 7); // "schedule" is below two functions
	flame_format_svg(&flame, &text);
	assert_non_null(strstr(text_get(&text), "data-total=\"5\""));
	assert_non_null(strstr(text_get(&text),
			       "<svg class=\"f root\" x=\"0.0000%\" y=\"0\" "
			       "width=\"100.0000%\" height=\"17\" data-n=\"5\">"));
	// The widest first, below each other.
	assert_non_null(
		strstr(text_get(&text), "x=\"0.0000%\" y=\"18\" width=\"60.0000%\""));
	assert_non_null(
		strstr(text_get(&text), "x=\"60.0000%\" y=\"18\" width=\"20.0000%\""));
	assert_non_null(
		strstr(text_get(&text), "<title>wait: 2 of 5 tasks, 40.0 %</title>"));
	assert_int_equal(count_of(text_get(&text), "<svg "), 8);
	assert_int_equal(count_of(text_get(&text), "</svg>"), 8);
}

static void test_flame_hostile(void **state)
{
	_cleanup_flame struct flame flame = { 0 };
	_cleanup_text struct text text = { 0 };
	const char *deep[3 * FLAME_DEPTH_MAX];
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(deep); i++)
		deep[i] = HOSTILE;
	assert_int_equal(flame_add(&flame, deep, ARRAY_SIZE(deep), NULL), 0);
	assert_int_equal(flame.count, FLAME_DEPTH_MAX + 1);
	for (int i = 0; i < 2 * FLAME_NODES_MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		add_stack(&flame, name, NULL, NULL);
	}
	assert_int_equal(flame.count, FLAME_NODES_MAX);
	assert_int_equal(flame_total(&flame), 1 + 2 * FLAME_NODES_MAX);
	flame_format_svg(&flame, &text);
	assert_tame(&text);
	// All are narrower than a pixel.
	assert_int_equal(count_of(text_get(&text), "<svg "), 2);
}

static void test_timeline(void **state)
{
	struct printk_record records[4] = {
		{ .ts_nsec = 1000000, .level = 6, .text = "boot", .text_size = 4 },
		{ .ts_nsec = 5000000000, .level = 4, .text = "w", .text_size = 1 },
		{ .ts_nsec = 86400000000000, .level = 2, .text = HOSTILE },
		{ .ts_nsec = 86400000000000, .level = 7, .text = "d", .text_size = 1 },
	};
	struct printk_log log = { .records = records, .count = 4 };
	_cleanup_text struct text text = { 0 };
	struct timeline timeline;

	records[2].text_size = strlen(HOSTILE);
	timeline_make(&log, true, &timeline);
	assert_int_equal(timeline.span_ms, 86399999);
	assert_int_equal(timeline.lines, 4);
	assert_int_equal(timeline.bins[0].count[TIMELINE_OTHER], 1);
	assert_int_equal(timeline.bins[0].count[TIMELINE_WARNING], 1);
	assert_int_equal(timeline.bins[TIMELINE_BINS - 1].count[TIMELINE_ERROR], 1);
	assert_int_equal(timeline.bins[TIMELINE_BINS - 1].worst_level, 2);
	timeline_format_svg(&timeline, &text);
	assert_tame(&text);
	assert_int_equal(count_of(text_get(&text), "<g>"), 2);
	assert_int_equal(count_of(text_get(&text), "class=\"error\""), 1);
	assert_non_null(strstr(text_get(&text), ">10 min</text>"));
	text_done(&text);
	// A text has no levels: nothing is called an error.
	timeline_make(&log, false, &timeline);
	assert_int_equal(timeline.bins[TIMELINE_BINS - 1].count[TIMELINE_ERROR], 0);
	// Times that run backwards, and none at all.
	records[0].ts_nsec = UINT64_MAX;
	timeline_make(&log, true, &timeline);
	timeline_format_svg(&timeline, &text);
	assert_tame(&text);
	text_done(&text);
	log.count = 0;
	timeline_make(&log, true, &timeline);
	timeline_format_svg(&timeline, &text);
	assert_int_equal(text.size, 0);
}

static void set_memory(struct memory_stat *stat, enum memory_stat_item item, uint64_t mib)
{
	stat->bytes[item] = mib << 20;
	stat->known |= 1u << item;
}

static void test_memory_areas(void **state)
{
	_cleanup_text struct text text = { 0 };
	struct memory_stat stat = { 0 };
	struct memory_areas map;

	memory_areas_make(&stat, &map);
	assert_int_equal(map.count, 0);
	set_memory(&stat, MEMORY_TOTAL, 1000);
	set_memory(&stat, MEMORY_FREE, 600);
	set_memory(&stat, MEMORY_FILE, 200);
	set_memory(&stat, MEMORY_SHMEM, 50);
	set_memory(&stat, MEMORY_DIRTY, 20);
	memory_areas_make(&stat, &map);
	assert_int_equal(map.count, 4);
	assert_string_equal(map.uses[0].name, "free");
	assert_string_equal(map.uses[1].name, "everything else");
	assert_int_equal(map.uses[1].bytes >> 20, 200);
	assert_int_equal(map.uses[2].bytes >> 20, 150); // page cache without shmem
	memory_areas_format_svg(&map, &text);
	assert_int_equal(count_of(text_get(&text), "<rect "), 4);
	assert_non_null(
		strstr(text_get(&text), "<title>free: 600.0 MiB, 60.0 %</title>"));
	text_done(&text);
	set_memory(&stat, MEMORY_ANON, 5000); // more than there is
	memory_areas_make(&stat, &map);
	assert_int_equal(map.count, 0);
	memory_areas_format_svg(&map, &text);
	assert_int_equal(text.size, 0);
}

/* ---- the page ---- */

#define SET(member, text) set(report->member, sizeof(report->member), text)

static void set(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%.*s", (int)size - 1, text);
}

/* Every text of it as its maker would never let it be. */
static struct report *hostile_report(void)
{
	struct report *report = NULL;
	struct report_frame *frame = calloc(1, sizeof(*frame));
	struct lock_edge *edge = calloc(1, sizeof(*edge));
	struct stack_group *group = calloc(1, sizeof(*group));
	struct report_module *module = calloc(1, sizeof(*module));
	struct report_register *reg = calloc(1, sizeof(*reg));

	assert_int_equal(report_new(&report, NULL), 0);
	assert_true(frame && edge && group && module && reg);
	SET(cause, HOSTILE);
	SET(title, HOSTILE);
	SET(verdict.certainty, "<b>");
	SET(verdict.certainty_why, HOSTILE);
	SET(verdict.suspect, HOSTILE);
	SET(verdict.next, HOSTILE);
	SET(signature, HOSTILE);
	SET(release, HOSTILE);
	SET(host, HOSTILE);
	SET(cmdline, HOSTILE);
	SET(hardware, HOSTILE);
	SET(taints, HOSTILE);
	SET(panic_task.comm, HOSTILE);
	SET(panic_task.end, "broken");
	SET(panic_task.end_why, HOSTILE);
	SET(backtrace_unknown.why, HOSTILE);
	SET(memory_unknown.why, HOSTILE);
	SET(blocked_unknown.why, HOSTILE);
	SET(locks_unknown.why, HOSTILE);
	SET(other_cpus.unknown.why, HOSTILE);
	SET(log_unknown.why, HOSTILE);
	report->panic_task.cpu = 0;
	*frame = (struct report_frame){ .text = strdup(HOSTILE "+0x1/0x2 [" HOSTILE "]"),
					.function = strdup(HOSTILE),
					.module = strdup(HOSTILE) };
	report->panic_task.frames = frame;
	report->panic_task.frame_count = 1;
	report->locks.edges = edge;
	report->locks.count = 1;
	SET(locks.edges->waiter.comm, HOSTILE);
	SET(locks.edges->owner.channel, HOSTILE);
	SET(locks.edges->lock_name, HOSTILE);
	SET(locks.edges->unknown, HOSTILE);
	report->blocked.groups = group;
	report->blocked.count = group->count = group->member_count = 1;
	SET(blocked.groups->channel, HOSTILE);
	SET(blocked.groups->members[0].comm, HOSTILE);
	report->modules.modules = module;
	report->modules.count = 1;
	SET(modules.modules->name, HOSTILE);
	SET(modules.modules->version, HOSTILE);
	report->registers.registers = reg;
	report->registers.count = 1;
	SET(registers.registers->points_to, HOSTILE);
	report->code = (struct report_code){ .size = 1 };
	report->log_count = 1;
	report->log_tail = calloc(2, sizeof(char *));
	assert_non_null(report->log_tail);
	report->log_tail[0] = strdup("[ " HOSTILE "] " HOSTILE);
	report->log_tail_count = 1;
	return report;
}

static void test_hostile(void **state)
{
	static const struct report_html_options options = {
		.alike = HOSTILE,
		.code = "=>  <+0> 90 " HOSTILE "\n  =>\n=\n>\n" HOSTILE,
		.files = HOSTILE,
		.source = HOSTILE,
	};
	_cleanup_report struct report *report = hostile_report();
	_cleanup_text struct text page = { 0 };

	assert_int_equal(report_format_html(report, &options, &page, NULL), 0);
	assert_tame(&page);
	assert_int_equal(count_of(text_get(&page), "<script"), 1); // its own
	assert_int_equal(count_of(text_get(&page), "http://"), 0);
	assert_int_equal(count_of(text_get(&page), "https://"), 0);
	assert_int_equal(count_of(text_get(&page), "</html>"), 1);
	assert_in_range(count_of(text_get(&page), "&lt;script&gt;alert(&quot;1"), 25, 60);
}

static void test_hostile_panorama(void **state)
{
	struct printk_record record = { .ts_nsec = 1, .level = 200, .text = HOSTILE };
	struct printk_log log = { .records = &record, .count = 1 };
	_cleanup_panorama struct panorama panorama = { .has_tasks = true };
	struct report_html_options options = { .panorama = &panorama };
	_cleanup_report struct report *report = hostile_report();
	_cleanup_text struct text page = { 0 };

	record.text_size = strlen(HOSTILE);
	assert_int_equal(panorama_add_log(&log, true, 100, &panorama, NULL), 0);
	assert_int_equal(panorama.tail_count, 1);
	panorama.states[0] = (struct panorama_state){ '"', 1 };
	panorama.state_count = 1;
	add_stack(&panorama.flame, HOSTILE, HOSTILE, HOSTILE);
	snprintf(panorama.tasks_unknown.why, sizeof(panorama.tasks_unknown.why), HOSTILE);
	assert_int_equal(report_format_html(report, &options, &page, NULL), 0);
	assert_tame(&page);
	assert_non_null(strstr(text_get(&page), "id=\"flame\""));
}

/* Nothing is known but why: a page nonetheless, which says so. */
static void test_unknown(void **state)
{
	_cleanup_report struct report *report = NULL;
	_cleanup_text struct text page = { 0 };

	assert_int_equal(report_build_unknown("the moon was full", &report, NULL), 0);
	assert_int_equal(report_format_html(report, NULL, &page, NULL), 0);
	assert_non_null(
		strstr(text_get(&page), "<h1>unknown, because the moon was full</h1>"));
	assert_non_null(strstr(text_get(&page), "<span class=\"pill \">unknown</span>"));
	assert_null(strstr(text_get(&page), "<section id=\"mem\">"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),		 cmocka_unit_test(test_flame),
		cmocka_unit_test(test_flame_hostile),	 cmocka_unit_test(test_timeline),
		cmocka_unit_test(test_memory_areas),	 cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_hostile_panorama), cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
