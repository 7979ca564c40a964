// SPDX-License-Identifier: GPL-2.0-or-later
/* base: errors keep their cause, readers keep their bounds, publishing keeps its promise.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "base/size.h"
#include "base/text.h"
#include "base/trust.h"

/* --- err -------------------------------------------------------------------------- */

static void err_grows_outwards(void **state)
{
	struct err err = { 0 };
	int r = err_set(&err, ERR_FILTERED, "page 0x%x was left out of the dump", 0x1234);

	r = err_in(&err, r, "reading comm of task %d", 7);
	assert_int_equal(r, ERR_FILTERED);
	assert_int_equal(err.code, ERR_FILTERED);
	assert_string_equal(err_text(&err), "reading comm of task 7: "
					    "page 0x1234 was left out of the dump");
}

static void err_full_keeps_the_cause(void **state)
{
	char cause[ERR_TEXT_MAX], outer[ERR_TEXT_MAX];
	struct err err = { 0 };

	memset(cause, 'c', sizeof(cause) - 1);
	cause[sizeof(cause) - 1] = '\0';
	memset(outer, 'o', sizeof(outer) - 1);
	outer[sizeof(outer) - 1] = '\0';
	err_set(&err, ERR_CORRUPT, "%s", cause);
	err_in(&err, ERR_CORRUPT, "outer");
	assert_string_equal(err_text(&err), cause);

	err_set(&err, ERR_CORRUPT, "small");
	err_in(&err, ERR_CORRUPT, "%s", outer);
	assert_string_equal(err_text(&err), "small");
}

static void err_os_tells_errno(void **state)
{
	struct err err = { 0 };

	assert_int_equal(err_os(&err, ENOENT, "unable to open '%s'", "x"), ERR_OS);
	assert_int_equal(err.os_errno, ENOENT);
	assert_string_equal(err_text(&err),
			    "unable to open 'x': No such file or directory");
	assert_int_equal(err_os(&err, ENOMEM, "mmap"), ERR_NOMEM);
}

static void err_may_be_null(void **state)
{
	assert_int_equal(err_set(NULL, ERR_LIMIT, "x"), ERR_LIMIT);
	assert_int_equal(err_in(NULL, ERR_LIMIT, "x"), ERR_LIMIT);
	assert_int_equal(err_os(NULL, EIO, "x"), ERR_OS);
	assert_string_not_equal(err_text(NULL), "");
}

/* --- buf -------------------------------------------------------------------------- */

static void buf_reads_both_endians(void **state)
{
	static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct buf b = buf_init(data, sizeof(data), "data");
	uint64_t v64;
	uint16_t v16;

	assert_int_equal(buf_u64(&b, &v64, NULL), 0);
	assert_true(v64 == 0x0807060504030201);
	assert_int_equal(buf_seek(&b, 0, NULL), 0);
	b.big_endian = true;
	assert_int_equal(buf_u16(&b, &v16, NULL), 0);
	assert_int_equal(v16, 0x0102);
	assert_true(load_le64(data) == 0x0807060504030201);
	assert_true(load_le32(data) == 0x04030201);
	assert_int_equal(load_le16(data), 0x0201);
}

/* Nothing moves and nothing is stored when the bytes do not suffice, wherever they end.
 */
static void buf_stays_within_any_size(void **state)
{
	for (size_t size = 0; size < 8; size++) {
		uint8_t *data =
			malloc(size ? size : 1); // exact, so that ASan sees a slip
		struct buf b;
		struct err err = { 0 };
		uint64_t v = 42;
		const uint8_t *bytes = NULL;

		memset(data, 0xff, size ? size : 1);
		b = buf_init(data, size, "data");
		assert_int_equal(buf_u64(&b, &v, &err), ERR_TRUNCATED);
		assert_true(v == 42 && b.pos == 0);
		assert_non_null(strstr(err_text(&err), "data ends at byte"));
		assert_int_equal(buf_bytes(&b, size + 1, &bytes, NULL), ERR_TRUNCATED);
		assert_null(bytes);
		assert_int_equal(buf_bytes(&b, SIZE_MAX, &bytes, NULL), ERR_TRUNCATED);
		assert_int_equal(buf_skip(&b, SIZE_MAX, NULL), ERR_TRUNCATED);
		assert_int_equal(buf_seek(&b, size + 1, NULL), ERR_TRUNCATED);
		assert_int_equal(buf_seek(&b, size, NULL), 0);
		free(data);
	}
}

static void buf_string_needs_its_end(void **state)
{
	static const char data[] = { 'a', 'b', 0, 'c', 'd' };
	struct buf b = buf_init(data, sizeof(data), "names");
	const char *s = NULL;

	assert_int_equal(buf_string(&b, &s, NULL), 0);
	assert_string_equal(s, "ab");
	assert_int_equal(b.pos, 3);
	assert_int_equal(buf_string(&b, &s, NULL), ERR_CORRUPT);
	assert_int_equal(b.pos, 3);
}

/* --- size ------------------------------------------------------------------------- */

static void sizes_are_checked(void **state)
{
	uint64_t v = 7;

	assert_true(u64_add(UINT64_MAX - 1, 1, &v) && v == UINT64_MAX);
	assert_false(u64_add(UINT64_MAX, 1, &v));
	assert_false(u64_mul(UINT64_MAX / 2, 3, &v));
	assert_true(align_up(4097, 4096) == 8192 && align_down(4097, 4096) == 4096);
}

/* --- text ------------------------------------------------------------------------- */

static void text_remembers_failure(void **state)
{
	struct text t = { .limit = 10 };
	struct err err = { 0 };

	text_add(&t, "%s", "12345");
	assert_string_equal(text_get(&t), "12345");
	text_add(&t, "%s", "678901");
	text_add(&t, "%s", "6");
	assert_string_equal(text_get(&t), "12345");
	assert_int_equal(text_check(&t, &err), ERR_NOMEM);
	text_done(&t);
	assert_string_equal(text_get(&t), "");
	for (int i = 0; i < 1000; i++)
		text_add(&t, "%d,", i);
	assert_int_equal(text_check(&t, NULL), 0);
	assert_int_equal(strlen(text_get(&t)), t.size);
	text_done(&t);
}

/* --- fd --------------------------------------------------------------------------- */

static int enter_directory(void **state)
{
	char *path = strdup("/tmp/epitaph-test-XXXXXX");

	if (!path || !mkdtemp(path))
		return -1;
	*state = path;
	return 0;
}

static int leave_directory(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	free(*state);
	return system(command);
}

static void file_replace_is_whole(void **state)
{
	int dirfd = open(*state, O_RDONLY | O_DIRECTORY);
	_cleanup_free char *data = NULL;
	size_t size;
	struct stat st;

	assert_int_equal(file_replace(dirfd, "f", "one", 3, 0600, NULL), 0);
	assert_int_equal(file_replace(dirfd, "f", "second", 6, 0600, NULL), 0);
	assert_int_equal(file_read(dirfd, "f", 100, &data, &size, NULL), 0);
	assert_int_equal(size, 6);
	assert_string_equal(data, "second");
	assert_int_equal(fstatat(dirfd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(faccessat(dirfd, ".f.tmp", F_OK, 0), -1);
	close(dirfd);
}

/* A temporary name that is somebody's link must not lead the write elsewhere. */
static void file_replace_follows_no_link(void **state)
{
	int dirfd = open(*state, O_RDONLY | O_DIRECTORY);
	struct stat st;

	assert_int_equal(file_replace(dirfd, "victim", "v", 1, 0600, NULL), 0);
	assert_int_equal(symlinkat("victim", dirfd, ".f.tmp"), 0);
	assert_int_equal(file_replace(dirfd, "f", "new", 3, 0600, NULL), 0);
	assert_int_equal(fstatat(dirfd, "victim", &st, 0), 0);
	assert_int_equal(st.st_size, 1);
	close(dirfd);
}

static void file_read_has_a_limit(void **state)
{
	_cleanup_free char *data = NULL;
	struct err err = { 0 };
	char line[8];

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 10, &data, NULL, &err),
			 ERR_LIMIT);
	assert_null(data);
	assert_int_equal(
		file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &data, NULL, &err), 0);
	assert_true(strlen(data) > 100);
	assert_int_equal(
		file_read_line(AT_FDCWD, "/proc/self/comm", line, sizeof(line), &err), 0);
	assert_string_equal(line, "test_ba"); // cut to the buffer, NUL inside
	assert_int_equal(file_read_line(AT_FDCWD, "/nonexistent/x", line, sizeof(line),
					&err),
			 ERR_OS);
	assert_non_null(strstr(err_text(&err), "/nonexistent/x"));
}

static void fd_short_file_is_truncated(void **state)
{
	char path[128], data[8];
	int fd;

	snprintf(path, sizeof(path), "%s/short", (char *)*state);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_int_equal(fd_write_full(fd, "1234", 4, NULL), 0);
	assert_int_equal(fd_pread_full(fd, data, 4, 0, NULL), 0);
	assert_int_equal(fd_pread_full(fd, data, 5, 0, NULL), ERR_TRUNCATED);
	assert_int_equal(fd_pread_full(fd, data, 1, UINT64_MAX, NULL), ERR_INVALID);
	assert_int_equal(fd_close(&fd, NULL), 0);
	assert_int_equal(fd, -1);
	fd = open("/dev/full", O_WRONLY);
	assert_int_equal(fd_write_full(fd, "x", 1, NULL), ERR_OS);
	close(fd);
}

static void dir_make_path_makes_all(void **state)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b/c", (char *)*state);
	assert_int_equal(dir_make_path(path, 0700, NULL), 0);
	assert_int_equal(dir_make_path(path, 0700, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700);
	assert_int_equal(dir_make_path("/proc/none/x", 0700, NULL), ERR_OS);
}

/* --- log -------------------------------------------------------------------------- */

static void remember(void *context, enum log_level level, const char *message)
{
	snprintf(context, 64, "%d %s", level, message);
}

/* What strtoull() would take, and is none. */
static void number_is_all_there_is(void **state)
{
	static const char *const wrong[] = { "",    "-1", "+1",
					     " 1",  "1 ", "1k",
					     "0x1", "x",  "18446744073709551616" };
	uint64_t value = 7;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(number_parse(wrong[i], 10, 0, UINT64_MAX, &value));
	assert_false(number_parse("1", 10, 2, 3, &value));
	assert_false(number_parse("4", 10, 2, 3, &value));
	assert_int_equal(value, 7);
	assert_true(number_parse("3", 10, 2, 3, &value));
	assert_int_equal(value, 3);
	assert_true(number_parse("18446744073709551615", 10, 0, UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
}

static void log_may_be_null(void **state)
{
	char said[64] = "";
	struct log log = { .write = remember, .context = said };

	log_info(NULL, "nobody hears");
	log_warning(&log, "%s gone", "disk");
	assert_string_equal(said, "1 disk gone");
}

static void test_size_parse(void **state)
{
	static const struct {
		const char *text;
		int base;
		uint64_t size; /* UINT64_MAX: none */
	} known[] = {
		{ "0", 10, 0 },
		{ "500", 10, 500 },
		{ "8K", 10, 8192 },
		{ "8m", 10, 8 * MIB },
		{ "20G", 10, 20 * GIB },
		{ "3t", 10, 3072 * GIB },
		{ "1P", 10, GIB * MIB },
		{ "16383P", 10, 16383 * (GIB * MIB) },
		{ "16384P", 10, UINT64_MAX },
		{ "99999999999999999999", 10, UINT64_MAX },
		{ "", 10, UINT64_MAX },
		{ "K", 10, UINT64_MAX },
		{ "-1", 10, UINT64_MAX },
		{ " 1", 10, UINT64_MAX },
		{ "+1", 10, UINT64_MAX },
		{ "1 K", 10, UINT64_MAX },
		{ "1KB", 10, UINT64_MAX },
		{ "1E", 10, UINT64_MAX },
		{ "1+", 10, UINT64_MAX },
		{ "0x10", 10, UINT64_MAX },
		{ "0x10", 0, 16 },
		{ "010K", 0, 8192 },
		{ "010", 10, 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		uint64_t size = 0;
		bool is_good = size_parse(known[i].text, known[i].base, &size);

		if (is_good != (known[i].size != UINT64_MAX) ||
		    (is_good && size != known[i].size))
			fail_msg("'%s'", known[i].text);
	}
	// A unit's letter with a bit changed is none: "+" is "K" without 0x20 and 0x40.
	for (int c = 1; c < 256; c++) {
		char text[] = { '1', (char)c, 0 };
		uint64_t size;

		assert_int_equal(size_parse(text, 10, &size),
				 (c >= '0' && c <= '9') ||
					 strchr("KkMmGgTtPp", c) != NULL);
	}
}

static void test_trust(void **state)
{
	static const struct {
		mode_t mode;
		uid_t uid;
		gid_t gid;
		bool is_trusted;
	} known[] = {
		{ S_IFREG | 0755, 0, 5, true },	  { S_IFREG | 0775, 0, 0, true },
		{ S_IFREG | 0775, 0, 5, false },  { S_IFREG | 0757, 0, 0, false },
		{ S_IFDIR | 01777, 0, 0, true },  { S_IFDIR | 0777, 0, 0, false },
		{ S_IFREG | 01777, 0, 0, false }, { S_IFLNK | 0777, 0, 0, true },
	};
	char path[] = "/tmp/epitaph-trust-XXXXXX", link[64], file[64];
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct stat st = { .st_mode = known[i].mode,
				   .st_uid = known[i].uid,
				   .st_gid = known[i].gid };

		assert_int_equal(trust_stat(&st), known[i].is_trusted);
		st.st_uid = geteuid();
		assert_int_equal(trust_stat(&st), known[i].is_trusted);
		st.st_uid = 65533;
		assert_false(trust_stat(&st));
	}
	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof(file), "%s/file", path);
	snprintf(link, sizeof(link), "%s-link", path);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(trust_path(link, &err), 0);
	assert_int_equal(chmod(path, 0777), 0); // on the way of the link alone
	assert_int_equal(trust_path(link, &err), ERR_REFUSED);
	assert_non_null(strstr(err_text(&err), path));
	assert_int_equal(trust_path(file, NULL), ERR_REFUSED);
	assert_int_equal(trust_path("file", NULL), ERR_INVALID);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(trust_path(link, NULL), ERR_OS); // it leads nowhere
	assert_int_equal(unlink(link), 0);
	assert_int_equal(trust_path(link, NULL), ERR_OS);
	assert_int_equal(rmdir(path), 0);
}

/* A file whose size says nothing. */
static void test_read_to_end(void **state)
{
	_cleanup_fd int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	_cleanup_free char *data = NULL;
	struct err err = { 0 };
	struct stat st;
	size_t size = 0;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fd_read_to_end(fd, 10, &data, &size, &err), ERR_LIMIT);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_to_end(fd, 1 << 20, &data, &size, NULL), 0);
	assert_true(size > 100 && strlen(data) == size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_to_end),
		cmocka_unit_test(test_size_parse),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(err_grows_outwards),
		cmocka_unit_test(err_full_keeps_the_cause),
		cmocka_unit_test(err_os_tells_errno),
		cmocka_unit_test(err_may_be_null),
		cmocka_unit_test(buf_reads_both_endians),
		cmocka_unit_test(buf_stays_within_any_size),
		cmocka_unit_test(buf_string_needs_its_end),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(text_remembers_failure),
		cmocka_unit_test(file_replace_is_whole),
		cmocka_unit_test(file_replace_follows_no_link),
		cmocka_unit_test(file_read_has_a_limit),
		cmocka_unit_test(fd_short_file_is_truncated),
		cmocka_unit_test(dir_make_path_makes_all),
		cmocka_unit_test(number_is_all_there_is),
		cmocka_unit_test(log_may_be_null),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
