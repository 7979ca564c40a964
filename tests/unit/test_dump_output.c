// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a dump goes: a disk that gets full, a stream, a limit; and what is left of it
 * when it is cut short. */
#include "written_dump.h"

/* --- cut short -----------------------------------------------------------------------
 */

/* A valid file, marked; what it has is right, and it is as much as it says. */
static void check_incomplete(const struct written *w)
{
	uint64_t lost, good = check_pages(w, &lost);

	assert_true(w->code < 0);
	assert_int_equal(get_u32(w, 424), codec_flag(w->options.codec) | 8);
	assert_int_equal(good, w->result.pages_written);
	assert_true(lost > 0);
}

/* A file that may grow to any size up to the whole: as a disk that gets full. */
static void test_no_room(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
	struct rlimit old, limit;
	uint64_t whole, most = 0;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	whole = w.size;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (uint64_t size = 0; size < whole; size += 37777) {
		limit = (struct rlimit){ size, old.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		dump_run(&w);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_true(w.code < 0);
		assert_true(w.size <= size);
		if (!w.result.pages_written)
			continue;
		check_incomplete(&w);
		assert_non_null(strstr(w.result.incomplete_why, "File too large after "));
		/* What was written is not lost: raw pages, as many as there was room. */
		assert_true((w.result.pages_written - w.result.pages_zero + 40) * PAGE >
			    size);
		most = w.result.pages_written;
	}
	assert_true(most > DATA_PAGES / 2);
	dump_close(&w);
}

static volatile sig_atomic_t cancelled;

static void cancel_now(void *context, const struct dump_progress *progress)
{
	cancelled = 1;
}

static void test_cancel(void **state)
{
	struct written w = { .options = { .level = 31, .cancel = &cancelled } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	cancelled = 1;
	dump_run(&w);
	assert_true(w.code < 0);
	assert_int_equal(w.result.pages_written, 0);
	assert_int_equal(get_u32(&w, 424), 8);
	/* From the first progress on: after the selection of the only chunk. */
	cancelled = 0;
	w.options.progress = cancel_now;
	dump_run(&w);
	check_incomplete(&w);
	assert_non_null(strstr(w.result.incomplete_why, "stopped after 0 of "));
	dump_close(&w);
}

static void progress_keep(void *context, const struct dump_progress *progress)
{
	*(struct dump_progress *)context = *progress;
}

static void test_progress(void **state)
{
	struct dump_progress last = { 0 };
	struct written w = { .options = { .level = 0,
					  .cancel = &cancelled,
					  .progress = progress_keep,
					  .progress_context = &last } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	cancelled = 0;
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(last.pages_total, w.result.pages_written);
	assert_int_equal(last.pages_done, last.pages_total);
	assert_int_equal(last.bytes_written, w.size);
	dump_close(&w);
}

/* A vmcore cut anywhere: a dump that says what it lacks, or an error. */
static void test_cut_source(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_LZO } };
	char path[64];
	struct stat st;
	unsigned int partial = 0;

	machine_make(&w.f, NULL);
	fake_write(&w.f, path);
	assert_int_equal(stat(path, &st), 0);
	for (off_t size = st.st_size; size > 0; size -= size > 16384 ? 90001 : 331) {
		struct err err = { 0 };

		assert_int_equal(truncate(path, size), 0);
		if (image_open(path, &w.image, &err) < 0) {
			assert_true(err.text[0]);
			continue;
		}
		if (kernel_open(w.image, &w.kernel, NULL) < 0)
			w.kernel = NULL;
		dump_run(&w);
		if (size == st.st_size) {
			check_complete(&w);
		} else if (w.result.pages_written) {
			check_incomplete(&w);
			assert_true(w.result.pages_unreadable > 0);
			assert_non_null(strstr(w.result.incomplete_why, "the source"));
			partial++;
		}
		kernel_close(w.kernel);
		image_close(w.image);
		w.kernel = NULL;
		w.image = NULL;
	}
	assert_true(partial > 10);
	unlink(path);
	dump_close(&w);
}

/* --- streams -------------------------------------------------------------------------
 */

/* The file that a stream gives is the one that is written directly. */
static void check_stream_is_file(struct written *w)
{
	uint8_t *data;
	size_t size;

	dump_run(w);
	size = w->size;
	data = malloc(size);
	assert_non_null(data);
	memcpy(data, w->data, size);
	dump_run_stream(w);
	check_complete(w);
	assert_int_equal(w->size, size);
	assert_memory_equal(w->data, data, size);
	free(data);
}

static void test_stream(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_ZSTD } };

	machine_make(&w.f, NULL);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0);
	dump_open(&w);
	check_stream_is_file(&w);
	assert_int_equal(w.result.pages_cache, 1);
	assert_int_equal(w.result.pages_cache_private, 0);
	w.options.threads = 4;
	dump_run_stream(&w);
	check_complete(&w);
	dump_close(&w);
}

/* RAM with chunks of none between: no gaps in the bitmaps. */
static void test_stream_with_gaps(void **state)
{
	struct written w = { .options = { .level = 31 } };
	uint64_t last = (uint64_t)5 * SELECTION_CHUNK_PAGES + 17;

	machine_make(&w.f, NULL);
	fake_ram(&w.f, last * PAGE, 2 * PAGE);
	*fake_phys(&w.f, last * PAGE, 1) = 1;
	dump_open(&w);
	check_stream_is_file(&w);
	assert_true(is_in(&w, 1, last));
	dump_run_stream(&w);
	dump_close(&w);
}

/* A memmap that is not believed in the end: all is decided twice, and given once. */
static void test_stream_decided_twice(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	page_set(&w.f, DATA_PFN + DATA_PAGES - 1, 0, T_NONE, 0);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0);
	dump_open(&w);
	check_stream_is_file(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_ZERO);
	assert_int_equal(get_u32(&w, PAGE + 8), 1);
	dump_close(&w);
}

/*
 * A part of what was selected, up to @limit (0: of a stream, whose bytes are more); or
 * all of what was left of the selection, where the table of its pages would have been
 * large.
 */
static void check_limited(const struct written *w, uint64_t limit)
{
	uint64_t lost;

	if (!w->result.pages_beyond) {
		check_incomplete(w);
		assert_true(!limit || w->size == limit);
		return;
	}
	assert_int_equal(check_pages(w, &lost), w->result.pages_written);
	assert_int_equal(get_u32(w, 424), codec_flag(w->options.codec) | 8);
	assert_true(!limit || w->size <= limit);
	assert_non_null(strstr(w->result.incomplete_why, "limit"));
}

/* At any limit the file and the stream end properly, and say that they are not whole. */
static void test_limit(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
	uint64_t whole, most = 0;

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	whole = w.size;
	for (uint64_t limit = 1; limit <= whole; limit += 37777) {
		w.options.size_limit = limit;
		dump_run(&w);
		assert_int_equal(w.code, ERR_LIMIT);
		assert_true(w.result.bytes_written <= limit);
		if (!w.result.pages_written)
			continue;
		check_limited(&w, limit);
		most = w.result.pages_written;
		dump_run_stream(&w);
		assert_int_equal(w.code, ERR_LIMIT);
		assert_int_equal(w.result.pages_written, most);
		check_limited(&w, 0);
	}
	assert_true(most > DATA_PAGES / 2);
	w.options.size_limit = whole;
	dump_run(&w);
	check_complete(&w);
	dump_close(&w);
}

/* All is done, nothing written. */
static void test_output_none(void **state)
{
	struct written w = { .options = { .level = 31, .output = OUTPUT_NONE } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	dump_run(&w);
	assert_int_equal(w.code, 0);
	assert_int_equal(w.size, 0);
	assert_true(w.result.pages_written > DATA_PAGES);
	dump_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_cut_source),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_with_gaps),
		cmocka_unit_test(test_stream_decided_twice),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_output_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
