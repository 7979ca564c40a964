// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * printk: a ring made by hand, with every state that its descriptors and blocks can be in
 * when a machine dies; then its memory cut away and its numbers damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_ring.h"

static int try_read(struct fake_ring *m, struct err *err)
{
	m->image = fake_open(&m->fake);
	if (kernel_open(m->image, &m->kernel, err) < 0)
		fail_msg("%s", err_text(err));
	return printk_read(m->kernel, &m->log, err);
}

static void read_log(struct fake_ring *m)
{
	struct err err = { 0 };

	if (try_read(m, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void done(struct fake_ring *m)
{
	printk_log_done(&m->log);
	kernel_close(m->kernel);
	image_close(m->image);
	fake_done(&m->fake);
}

static void record_is(const struct fake_ring *m, size_t i, uint64_t seq, const char *text)
{
	assert_true(i < m->log.count);
	assert_int_equal(m->log.records[i].seq, seq);
	assert_int_equal(m->log.records[i].text_size, strlen(text));
	assert_memory_equal(m->log.records[i].text, text, strlen(text));
}

/* --- whole rings ----------------------------------------------------------------- */

static void few_records(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	fake_ring_add_text(&m, "first");
	fake_ring_add(&m, COMMITTED, "second, may grow", 16);
	fake_ring_add_text(&m, "");
	read_log(&m);
	assert_int_equal(m.log.count, 3);
	assert_int_equal(m.log.lost, 0);
	record_is(&m, 0, 0, "first");
	record_is(&m, 1, 1, "second, may grow");
	record_is(&m, 2, 2, "");
	assert_int_equal(m.log.records[1].ts_nsec, 1500001234);
	assert_int_equal(m.log.records[0].caller_id, 247);
	assert_int_equal(m.log.records[1].caller_id, 0x80000001);
	assert_int_equal(m.log.records[1].facility, 3);
	assert_int_equal(m.log.records[1].level, 4);
	done(&m);
}

static void log_without_a_record(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	read_log(&m);
	assert_int_equal(m.log.count, 0);
	assert_int_equal(m.log.lost, 0);
	done(&m);
}

/* More records than descriptors; ids pass 2^62 and begin at 0 again. */
static void ring_that_went_round(void **state)
{
	struct fake_ring m;
	char text[32];

	fake_ring_init(&m);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "record number %d", i);
		fake_ring_add_text(&m, text);
	}
	read_log(&m);
	assert_int_equal(m.log.count, COUNT);
	assert_int_equal(m.log.lost, 0);
	record_is(&m, 0, 100 - COUNT, "record number 68");
	record_is(&m, COUNT - 1, 99, "record number 99");
	done(&m);
}

static void block_that_wraps(void **state)
{
	struct fake_ring m;
	char filler[4096], long_text[300];

	memset(filler, 'f', sizeof(filler));
	memset(long_text, 'w', sizeof(long_text));
	fake_ring_init(&m);
	fake_ring_add(&m, FINALIZED, filler, 4000);
	fake_ring_add(&m, FINALIZED, filler, 4000);
	fake_ring_add(&m, FINALIZED, long_text,
		      300); /* 176 bytes are left: goes to the start */
	read_log(&m);
	/* It overwrote the first block, whose descriptor the kernel would have freed. */
	assert_int_equal(m.log.count, 2);
	assert_int_equal(m.log.lost, 1);
	assert_string_equal(m.log.lost_why, "text of record 0 was overwritten");
	assert_int_equal(m.log.records[1].text_size, 300);
	assert_memory_equal(m.log.records[1].text, long_text, 300);
	done(&m);
}

/* Its end is the ring's end: next is 0 in the ring, but nothing wrapped. */
static void block_that_ends_with_the_ring(void **state)
{
	struct fake_ring m;
	char filler[4096];

	memset(filler, 'f', sizeof(filler));
	fake_ring_init(&m);
	fake_ring_add(&m, FINALIZED, filler, 4088);
	fake_ring_add(&m, FINALIZED, filler, 4088);
	assert_int_equal(m.lpos, TEXT_SIZE);
	read_log(&m);
	assert_int_equal(m.log.count, 2);
	assert_int_equal(m.log.lost, 0);
	assert_int_equal(m.log.records[1].text_size, 4088);
	assert_memory_equal(m.log.records[1].text, filler, 4088);
	assert_ptr_equal(m.log.records[1].text, m.log.memory + 4096 + 8);
	done(&m);
}

static void records_without_a_text(void **state)
{
	struct fake_ring m;
	uint64_t newest = 0;

	fake_ring_init(&m);
	fake_ring_add_desc(&m, FINALIZED, 3, 3, 0);  /* an empty line */
	fake_ring_add_desc(&m, FINALIZED, 1, 1, 20); /* there was no room */
	fake_ring_add(&m, RESERVED, "half", 4);	     /* the machine died here */
	fake_ring_add_desc(&m, REUSABLE, 0, 0, 0);
	fake_ring_add_text(&m, "last");
	read_log(&m);
	assert_int_equal(m.log.count, 1);
	record_is(&m, 0, 4, "last");
	assert_int_equal(m.log.lost, 2);
	assert_string_equal(m.log.lost_why, "record 1 found no room for its text");
	assert_int_equal(printk_newest_ns(m.kernel, &newest, NULL), 0);
	assert_int_equal(newest, m.log.records[0].ts_nsec);
	done(&m);
}

/* head_id is moved first, the descriptor still is that of the lap before. */
static void descriptor_not_yet_taken(void **state)
{
	struct fake_ring m;
	uint64_t newest = 0;

	fake_ring_init(&m);
	for (uint64_t i = 0; i < COUNT + 3; i++)
		fake_ring_add_text(&m, "text");
	fake_ring_ends(&m, (m.id - COUNT + 1) & ID_MASK, m.id);
	read_log(&m);
	assert_int_equal(m.log.count, COUNT - 1);
	// the last one that is there is that before head_id
	assert_int_equal(printk_newest_ns(m.kernel, &newest, NULL), 0);
	assert_int_equal(newest, m.log.records[COUNT - 2].ts_nsec);
	assert_int_equal(m.log.lost, 0);
	done(&m);
}

/* --- text ------------------------------------------------------------------------ */

static void format(void **state)
{
	struct fake_ring m;
	struct text text = { 0 };

	fake_ring_init(&m);
	fake_ring_add_text(&m, "plain");
	fake_ring_add_text(&m, "two\nlines");
	fake_ring_add(&m, FINALIZED, "\x1b[31m\ttab \0 \xc3\xa9 \x7f\r", 17);
	fake_ring_add_text(&m, "");
	read_log(&m);
	printk_format(&m.log, &text);
	assert_string_equal(text_get(&text), "[    0.000001] plain\n"
					     "[    1.500001] two\n"
					     "               lines\n"
					     "[    3.000001] \\x1b[31m\ttab \\x00 "
					     "\\xc3\\xa9 \\x7f\r\n"
					     "[    4.500001] \n");
	text_done(&text);
	printk_format_with_callers(&m.log, &text);
	assert_memory_equal(text_get(&text),
			    "[    0.000001] [    T247] plain\n"
			    "[    1.500001] [      C1] two\n"
			    "                          lines\n",
			    32 + 30 + 32);
	text_done(&text);
	printk_format_record(&m.log.records[0], &text);
	assert_string_equal(text_get(&text), "[    0.000001] plain\n");
	text_done(&text);
	done(&m);
}

static void format_of_extremes(void **state)
{
	struct printk_record record = { .ts_nsec = UINT64_MAX,
					.caller_id = UINT32_MAX,
					.text = "x",
					.text_size = 1 };
	struct printk_log log = { .records = &record, .count = 1 };
	struct text text = { 0 };

	printk_format_with_callers(&log, &text);
	assert_string_equal(text_get(&text), "[18446744073.709551] [C2147483647] x\n");
	text_done(&text);
}

/* --- damage ---------------------------------------------------------------------- */

static void missing_page_of_text(void **state)
{
	struct fake_ring m;
	char filler[4096];

	memset(filler, 'f', sizeof(filler));
	fake_ring_init(&m);
	fake_ring_add_text(&m, "in the first page");
	fake_ring_add(&m, FINALIZED, filler, 4080); /* across both */
	fake_ring_add_text(&m, "in the second page");
	fake_leave_out(&m.fake, TEXT_PADDR, 4096);
	read_log(&m);
	assert_int_equal(m.log.count, 1);
	record_is(&m, 0, 2, "in the second page");
	assert_int_equal(m.log.lost, 2);
	assert_non_null(strstr(m.log.lost_why, "text of record 0: reading address"));
	done(&m);
}

static void missing_page_of_infos(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	fake_memory(&m.fake, INFOS - 4096, INFO_PADDR - 4096, 4096);
	/* The first ten and a half lie in a page of their own. */
	fake_u64(&m.fake, PRB + 16, INFOS - 10 * INFO_SIZE);
	for (int i = 0; i < 20; i++)
		fake_ring_add_text(&m, "text");
	for (int i = 0; i < 20; i++) {
		uint8_t info[INFO_SIZE] = { (uint8_t)i };

		fake_store(info + 16, 4, 2);
		fake_bytes(&m.fake, INFOS - 10 * INFO_SIZE + (uint64_t)i * INFO_SIZE,
			   info, sizeof(info));
	}
	fake_leave_out(&m.fake, INFO_PADDR - 4096, 4096);
	read_log(&m);
	assert_int_equal(m.log.count, 10);
	record_is(&m, 0, 10, "text");
	assert_int_equal(m.log.lost, 10);
	done(&m);
}

static void missing_descriptors(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	fake_ring_add_text(&m, "first");
	fake_leave_out(&m.fake, DESC_PADDR, 4096);
	read_log(&m);
	assert_int_equal(m.log.count, 0);
	assert_int_equal(m.log.lost, 2);
	assert_non_null(strstr(m.log.lost_why, "descriptor 0x3f"));
	done(&m);
}

static void ends_that_contradict(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	fake_ring_add_text(&m, "first");
	fake_ring_add_text(&m, "second");
	fake_ring_ends(&m, 12345, (m.id - 1) & ID_MASK);
	read_log(&m);
	assert_int_equal(m.log.count, 2);
	assert_int_equal(m.log.lost, 1);
	assert_non_null(strstr(m.log.lost_why, "contradict"));
	done(&m);
}

static void blocks_that_can_not_be(void **state)
{
	static const struct {
		uint64_t begin, next;
	} blocks[] = {
		{ 8, 8 },
		{ 16, 8 },
		{ 4, 24 },
		{ 0, 12 },
		{ 0, 0 },
		{ 0, 4 * TEXT_SIZE },
		{ TEXT_SIZE, 8 },
		{ UINT64_MAX - 7, 0 },
		{ UINT64_MAX - 7, 8 },
		{ 0, UINT64_MAX - 7 },
		{ 1, 8 },
		{ UINT64_MAX, UINT64_MAX },
	};
	struct fake_ring m;

	fake_ring_init(&m);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		fake_ring_add_desc(&m, FINALIZED, blocks[i].begin, blocks[i].next, 65535);
	m.lpos = 1024;
	fake_ring_add_text(&m, "last");
	read_log(&m);
	assert_int_equal(m.log.count, 1);
	record_is(&m, 0, ARRAY_SIZE(blocks), "last");
	assert_int_equal(m.log.lost, ARRAY_SIZE(blocks));
	done(&m);
}

/* No longer than its block, whatever the length says. */
static void length_past_the_block(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	fake_ring_add_text(&m, "exactly 16 bytes");
	fake_u16(&m.fake, INFOS + 16, 65535);
	read_log(&m);
	record_is(&m, 0, 0, "exactly 16 bytes");
	done(&m);
}

static void fails(struct fake_ring *m, int code, const char *text)
{
	struct err err = { 0 };

	assert_int_equal(try_read(m, &err), code);
	if (!strstr(err_text(&err), text))
		fail_msg("'%s' does not say '%s'", err_text(&err), text);
	assert_null(m->log.records);
	assert_null(m->log.memory);
	done(m);
}

static void sizes_past_the_limits(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t bits;
	} cases[] = { { 0, 0 },	 { 0, 26 },  { 0, 64 },	   { 0, UINT32_MAX },
		      { 48, 2 }, { 48, 29 }, { 48, 4096 }, { 48, UINT32_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_ring m;

		fake_ring_init(&m);
		fake_u32(&m.fake, PRB + cases[i].offset, cases[i].bits);
		fails(&m, ERR_CORRUPT, "the log can't have 2^");
	}
}

/* The largest ring allowed, of which nothing is there but the descriptors of few. */
static void large_ring_that_is_not_there(void **state)
{
	struct fake_ring m;

	fake_ring_init(&m);
	fake_u32(&m.fake, PRB, 25);
	fake_u64(&m.fake, PRB + 56, 0xff11000000000000);
	fake_ring_add_text(&m, "first");
	fake_ring_ends(&m, 0, 1 << 25);
	read_log(&m);
	assert_int_equal(m.log.count, 0);
	assert_true(m.log.lost > (1 << 24));
	done(&m);
}

static void layouts_that_lie(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *text;
	} cases[] = {
		{ "SIZE(prb_desc)=0", ERR_CORRUPT, "contradicts" },
		{ "SIZE(prb_desc)=23", ERR_CORRUPT, "contradicts" },
		{ "SIZE(printk_info)=23", ERR_CORRUPT, "contradicts" },
		{ "SIZE(printk_ringbuffer)=63", ERR_CORRUPT, "contradicts" },
		{ "OFFSET(prb_desc_ring.tail_id)=81", ERR_CORRUPT, "contradicts" },
		{ "OFFSET(prb_desc.state_var)=4096", ERR_CORRUPT, "contradicts" },
		{ "OFFSET(prb_desc.state_var)=4097", ERR_LIMIT, "4097" },
		{ "SIZE(printk_info)=18446744073709551615", ERR_LIMIT, "printk_info" },
		{ "OFFSET(printk_info.seq)=-8", ERR_CORRUPT, "printk_info.seq" },
		{ "SYMBOL(prb)=0", ERR_FAULT, "not mapped" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_ring m;

		fake_ring_init(&m);
		fake_vmcoreinfo(&m.fake, "%s", cases[i].line);
		fails(&m, cases[i].code, cases[i].text);
	}
}

static void no_log_at_all(void **state)
{
	struct fake_ring m = { 0 };

	fake_paging(&m.fake, TABLES, 5);
	fails(&m, ERR_NOTFOUND,
	      "reading the kernel's log: VMCOREINFO has no SYMBOL(prb)");
	fake_paging(&m.fake, TABLES, 5);
	fake_vmcoreinfo(&m.fake, "SYMBOL(log_buf)=ffffffff81000000");
	m.kernel = NULL;
	fails(&m, ERR_UNSUPPORTED, "before v5.10");
}

/* Every byte of the two ring heads and of the first descriptors. */
static void every_byte_damaged(void **state)
{
	static const struct {
		uint64_t vaddr;
		uint64_t size;
	} parts[] = {
		{ PRB_SYMBOL, 8 }, { PRB, 88 }, { DESCS, 2 * DESC_SIZE }, { INFOS, 24 }
	};
	static const uint8_t values[] = { 0, 0xff, 0x19 };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (uint64_t j = 0; j < parts[i].size * ARRAY_SIZE(values); j++) {
			struct fake_ring m;
			struct err err = { 0 };
			struct text text = { 0 };

			fake_ring_init(&m);
			fake_ring_add_text(&m, "first");
			fake_ring_add_text(&m, "second");
			fake_uint(&m.fake, parts[i].vaddr + j / ARRAY_SIZE(values),
				  values[j % ARRAY_SIZE(values)], 1);
			if (try_read(&m, &err) == 0)
				printk_format(&m.log, &text);
			else
				assert_true(err.text[0] != '\0');
			text_done(&text);
			done(&m);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_records),
		cmocka_unit_test(log_without_a_record),
		cmocka_unit_test(ring_that_went_round),
		cmocka_unit_test(block_that_wraps),
		cmocka_unit_test(block_that_ends_with_the_ring),
		cmocka_unit_test(records_without_a_text),
		cmocka_unit_test(descriptor_not_yet_taken),
		cmocka_unit_test(format),
		cmocka_unit_test(format_of_extremes),
		cmocka_unit_test(missing_page_of_text),
		cmocka_unit_test(missing_page_of_infos),
		cmocka_unit_test(missing_descriptors),
		cmocka_unit_test(ends_that_contradict),
		cmocka_unit_test(blocks_that_can_not_be),
		cmocka_unit_test(length_past_the_block),
		cmocka_unit_test(sizes_past_the_limits),
		cmocka_unit_test(large_ring_that_is_not_there),
		cmocka_unit_test(layouts_that_lie),
		cmocka_unit_test(no_log_at_all),
		cmocka_unit_test(every_byte_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
