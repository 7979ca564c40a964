// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directories as pstore shows them, made here, and what becomes of them in an archive.
 * The system calls that write and remove are wrapped, so that a collection can be killed
 * at, or fails at, each of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "archive/archive.h"
#include "archive/pstore.h"
#include "archive/pstore_panic.h"
#include "archive/pstore_unpack.h"
#include "archive/removal.h"
#include "base/fd.h"
#include "fake_trap.h"
#include "fake_tree.h"

#define WHEN ((time_t)1795394520) /* 2026-11-23 00:42 UTC */

/* ---- helpers ---- */

struct fixture {
	char top[64];
	char archive[128];
	char source[128];
	int warnings;
	char last[512];
	bool keep_source;
	int depth;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&trap, 0, sizeof(trap));
	// Thousands of files: memory is quicker than a disk that others are using.
	snprintf(f->top, sizeof(f->top), "%s/epitaph-pstore-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->archive, sizeof(f->archive), "%s/crash", f->top);
	snprintf(f->source, sizeof(f->source), "%s/pstore", f->top);
	assert_int_equal(mkdir(f->source, 0700), 0);
	setenv("TZ", "UTC", 1);
	tzset();
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	memset(&trap, 0, sizeof(trap));
	nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void count_log(void *context, enum log_level level, const char *message)
{
	struct fixture *f = context;

	if (level > LOG_LEVEL_WARNING)
		return;
	f->warnings++;
	snprintf(f->last, sizeof(f->last), "%s", message);
}

/* A file of pstore with the time of its record. */
static void put(struct fixture *f, const char *name, const void *data, size_t size,
		time_t when)
{
	struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };
	char path[PATH_MAX];

	fake_write(f->source, name, data, size);
	snprintf(path, sizeof(path), "%s/%s", f->source, name);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void put_text(struct fixture *f, const char *name, const char *text, time_t when)
{
	put(f, name, text, strlen(text), when);
}

/* As the kernel writes them: a level, and the time since the boot. */
#define LINES_A                                                       \
	"<6>[    1.000001] first line of boot\n<6>[    1.000002] a\n" \
	"<4>[    1.000003] b\n<6>[    1.000004] c\n<6>[    1.000005] d\n"
#define LINES_B                                                                    \
	"<6>[    2.000001] sysrq: Trigger a crash\n"                               \
	"<0>[    2.000002] Kernel panic - not syncing: sysrq triggered crash\n"    \
	"<4>[    2.000003] CPU: 0 PID: 71 Comm: sh Not tainted 6.12.1-test #1 D\n" \
	"<4>[    2.000004] Call Trace:\n<4>[    2.000005]  panic+0x100/0x300\n"
#define LINES_C                                                           \
	"<6>[    3.000001] v\n<6>[    3.000002] w\n<6>[    3.000003] x\n" \
	"<6>[    3.000004] y\n<6>[    3.000005] z\n"
#define PLAIN_C                                                  \
	"[    3.000001] v\n[    3.000002] w\n[    3.000003] x\n" \
	"[    3.000004] y\n[    3.000005] z\n"
#define PLAIN_A                                                 \
	"[    1.000001] first line of boot\n[    1.000002] a\n" \
	"[    1.000003] b\n[    1.000004] c\n[    1.000005] d\n"
#define PLAIN_B                                                                 \
	"[    2.000001] sysrq: Trigger a crash\n"                               \
	"[    2.000002] Kernel panic - not syncing: sysrq triggered crash\n"    \
	"[    2.000003] CPU: 0 PID: 71 Comm: sh Not tainted 6.12.1-test #1 D\n" \
	"[    2.000004] Call Trace:\n[    2.000005]  panic+0x100/0x300\n"

static struct pstore_result collect(struct fixture *f)
{
	const struct log log = { .write = count_log, .context = f };
	const struct pstore_options options = {
		.archive = f->archive,
		.source = f->source,
		.keep_source = f->keep_source,
		.depth = f->depth,
		.log = &log,
	};
	struct pstore_result result = { 0 };
	_cleanup_fd int lock = -1;
	struct err err = { 0 };

	if (archive_lock(f->archive, &lock, &err) == 0) {
		removal_sweep(f->archive, &log);
		if (pstore_collect(&options, &result, &err) < 0 && !trap.at)
			fail_msg("%s", err_text(&err));
	}
	return result;
}

static struct archive open_archive(struct fixture *f)
{
	struct archive archive = { 0 };
	struct err err = { 0 };

	if (archive_open(f->archive, NULL, &archive, &err) < 0)
		fail_msg("%s", err_text(&err));
	return archive;
}

static size_t count_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	if (dir)
		closedir(dir);
	return count;
}

static char *read_dmesg(const struct record *record)
{
	char *data = NULL, name[NAME_MAX + 1];

	record_part_name(record, RECORD_DMESG, name);
	assert_int_equal(file_read(record->dirfd, name, 1 << 24, &data, NULL, NULL), 0);
	return data;
}

static void check_dmesg(const struct record *record, const char *expected)
{
	_cleanup_free char *data = read_dmesg(record);

	assert_string_equal(data, expected);
}

static size_t deflate_raw(const void *data, size_t size, uint8_t *ret, size_t capacity)
{
	z_stream stream = { .next_in = (Bytef *)data,
			    .avail_in = (uInt)size,
			    .next_out = ret,
			    .avail_out = (uInt)capacity };

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return stream.total_out;
}

/* ---- names ---- */

static void test_names(void **state)
{
	static const struct {
		const char *name, *type, *backend;
		uint64_t id;
		bool is_compressed;
	} good[] = {
		{ "dmesg-ramoops-0", "dmesg", "ramoops", 0 },
		{ "dmesg-efi_pstore-179539452001001", "dmesg", "efi_pstore",
		  179539452001001 },
		{ "dmesg-erst-7711187478126886913.enc.z", "dmesg", "erst",
		  7711187478126886913, true },
		{ "console-ramoops-0", "console", "ramoops", 0 },
		{ "powerpc-ofw-nvram-3", "powerpc-ofw", "nvram", 3 },
		{ "dmesg-a-b-c-12", "dmesg", "a-b-c", 12 },
		{ "pmsg-pstore_blk-18446744073709551615", "pmsg", "pstore_blk",
		  UINT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"dmesg",
		"dmesg-",
		"dmesg-1",
		"dmesg--1",
		"dmesg-ramoops-",
		"dmesg-ramoops",
		"dmesg-ramoops-x",
		"dmesg-ramoops-1 ",
		"dmesg-ramoops-1\n",
		"dmesg-\033[31m-1",
		"../dmesg-ramoops-1",
		"dmesg-ramoops-18446744073709551616",
		"dmesg-ramoops-111111111111111111111",
		"dmesg-ramoops-1.enc.zst",
		".enc.z",
		"dmesg.txt",
		"foo-ramoops-1",
		"dmesg-aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg-1",
	};
	struct pstore_entry entry;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(pstore_entry_parse_name(good[i].name, &entry));
		assert_string_equal(entry.type, good[i].type);
		assert_string_equal(entry.backend, good[i].backend);
		assert_int_equal(entry.id, good[i].id);
		assert_int_equal(entry.is_compressed, good[i].is_compressed);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (pstore_entry_parse_name(bad[i], &entry))
			fail_msg("'%s' was taken", bad[i]);
	}
}

/* ---- one record's text ---- */

static struct pstore_entry read_entry(const char *name, const void *data, size_t size)
{
	struct pstore_entry entry;

	assert_true(pstore_entry_parse_name(name, &entry));
	entry.name = name;
	entry.data = malloc(size + 1); // exactly: ASan sees what reads beyond it
	memcpy(entry.data, data, size);
	entry.size = size;
	assert_int_equal(pstore_entry_read_text(&entry, NULL), 0);
	assert_int_equal(strlen(entry.text) <= entry.text_size, true);
	return entry;
}

static void done_entry(struct pstore_entry *entry)
{
	free(entry->data);
	free(entry->text);
}

static void check_entry(const char *name, const char *data, const char *text,
			const char *reason, uint64_t count, uint32_t part,
			const char *damage)
{
	struct pstore_entry entry = read_entry(name, data, strlen(data));

	assert_string_equal(entry.text, text);
	assert_string_equal(entry.reason, reason);
	assert_int_equal(entry.count, count);
	assert_int_equal(entry.part, part);
	if (damage)
		assert_non_null(strstr(entry.damage, damage));
	else
		assert_string_equal(entry.damage, "");
	done_entry(&entry);
}

static void test_headers(void **state)
{
	const char *r = "dmesg-ramoops-0";

	check_entry(r, "Panic#2 Part1\nx\n", "x\n", "Panic", 2, 1, NULL);
	check_entry("dmesg-pstore_blk-0", "Oops: Total 3 times\nOops#1 Part12\nx", "x",
		    "Oops", 1, 12, NULL);
	check_entry(r, "====12.5-D\nPanic#1 Part1\nx\n", "x\n", "Panic", 1, 1, NULL);
	check_entry(r, "Panic#1 Part1\nx\n\nECC: No errors detected\n", "x\n", "Panic", 1,
		    1, NULL);
	check_entry(
		r, "Panic#1 Part1\nx\n\nECC: 3 Corrected bytes, 0 unrecoverable blocks\n",
		"x\n", "Panic", 1, 1, NULL);
	check_entry(r, "Panic#1 Part1\nx\n\n3 Corrected bytes, 2 unrecoverable blocks\n",
		    "x\n", "Panic", 1, 1, "could not be corrected");
	// A header in the middle is text, and so is one that is none.
	check_entry(r, "a\nb\nc\nPanic#1 Part1\nx\n", "a\nb\nc\nPanic#1 Part1\nx\n", "",
		    0, 0, "header");
	check_entry(r, "Panic#x Part1\nx\n", "Panic#x Part1\nx\n", "", 0, 0, "header");
	check_entry(r, "Panic#1 Part0\n", "Panic#1 Part0\n", "", 0, 0, "header");
	check_entry(r, "", "", "", 0, 0, "header");
	// The id of an EFI variable tells what its damaged header does not.
	check_entry("dmesg-efi_pstore-179539452003007", "Pan\x01", "Pan\x01", "", 7, 3,
		    "header");
	check_entry("console-ramoops-0", "Panic#1 Part1\n", "Panic#1 Part1\n", "", 0, 0,
		    NULL);
}

static void test_compressed(void **state)
{
	static const char text[] = "Panic#1 Part2\n" LINES_A LINES_A LINES_B;
	static const char ecc[] = "\nECC: 0 Corrected bytes, 1 unrecoverable blocks\n";
	const char *name = "dmesg-erst-7711187478126886913.enc.z";
	uint8_t packed[2048];
	size_t size = deflate_raw(text, strlen(text), packed, sizeof(packed));
	struct pstore_entry entry = read_entry(name, packed, size);

	assert_string_equal(entry.text, LINES_A LINES_A LINES_B);
	assert_string_equal(entry.damage, "");
	assert_int_equal(entry.part, 2);
	done_entry(&entry);

	// Cut at every byte: the beginning, and that it is one.
	for (size_t cut = 0; cut < size; cut++) {
		entry = read_entry(name, packed, cut);
		assert_non_null(strstr(entry.damage, "end early"));
		if (entry.part)
			assert_memory_equal(entry.text, LINES_A LINES_A LINES_B,
					    entry.text_size);
		done_entry(&entry);
	}
	// Each bit turned: anything but a crash.
	for (size_t bit = 0; bit < size * 8; bit++) {
		packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		entry = read_entry(name, packed, size);
		done_entry(&entry);
		packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memcpy(packed + size, ecc, strlen(ecc));
	entry = read_entry("dmesg-ramoops-1.enc.z", packed, size + strlen(ecc));
	assert_string_equal(entry.text, LINES_A LINES_A LINES_B);
	assert_non_null(strstr(entry.damage, "could not be corrected"));
	done_entry(&entry);
}

/* ---- codecs of kernels before 6.6 ---- */

#define UNPACKED "Panic#1 Part2\n" LINES_A LINES_A

/* UNPACKED by LZ4_compress_default() of liblz4 1.9.4. */
static const uint8_t lz4_packed[] =
	"\xf0\nPanic#1 Part2\n<6>[    1.0\x01\x00\xfc\x06"
	"1] first line of boot%\x00y2] a\n<49\x00L3] b(\x00L4] c\x14\x00L5] d\x14\x00"
	"\x0fu\x00NP5] d\n";

/* Cut at every byte it gives the beginning, and says so; each bit turned, no crash. LZ4
 * has no mark at its end, so that a cut behind literals looks like one. */
static void check_codec(const uint8_t *packed, size_t size, size_t unnoticed_max)
{
	const char *name = "dmesg-erst-7711187478126886913.enc.z";
	uint8_t copy[1024];
	struct pstore_entry entry = read_entry(name, packed, size);
	size_t with_text = 0, unnoticed = 0;

	assert_string_equal(entry.text, LINES_A LINES_A);
	assert_string_equal(entry.damage, "");
	assert_int_equal(entry.part, 2);
	done_entry(&entry);
	for (size_t cut = 0; cut < size; cut++) {
		entry = read_entry(name, packed, cut);
		if (entry.part) {
			assert_memory_equal(entry.text, LINES_A LINES_A, entry.text_size);
			unnoticed += !strstr(entry.damage, "compressed data");
			with_text += entry.text_size > 0;
		}
		done_entry(&entry);
	}
	assert_true(with_text > 2);
	assert_true(unnoticed <= unnoticed_max);
	memcpy(copy, packed, size);
	for (size_t bit = 0; bit < size * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		entry = read_entry(name, copy, size);
		done_entry(&entry);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_codecs(void **state)
{
	static const char text[] = UNPACKED;
	static uint8_t memory[LZO1X_1_MEM_COMPRESS];
	static const char ecc[] = "\nECC: No errors detected\n";
	uint8_t packed[1024];
	lzo_uint lzo_size = 0;
	struct pstore_entry entry;
	size_t size;

	check_codec(lz4_packed, sizeof(lz4_packed) - 1, 8);
	assert_int_equal(lzo1x_1_compress((lzo_bytep)text, strlen(text), packed,
					  &lzo_size, memory),
			 LZO_E_OK);
	check_codec(packed, lzo_size, 0);
	// ramoops' notice is not of the stream: LZ4 and LZO would stumble over it.
	memcpy(packed + lzo_size, ecc, strlen(ecc));
	entry = read_entry("dmesg-ramoops-1.enc.z", packed, lzo_size + strlen(ecc));
	assert_string_equal(entry.text, LINES_A LINES_A);
	assert_string_equal(entry.damage, "");
	done_entry(&entry);
	// A frame of zstd can't be read before its block is whole.
	size = ZSTD_compress(packed, sizeof(packed), text, strlen(text), 3);
	assert_false(ZSTD_isError(size));
	entry = read_entry("dmesg-ramoops-1.enc.z", packed, size);
	assert_string_equal(entry.text, LINES_A LINES_A);
	assert_string_equal(entry.damage, "");
	done_entry(&entry);
}

/* The lengths of a block of LZ4 that lies. */
static void test_lz4_lies(void **state)
{
	static const struct {
		const char *data;
		size_t size;
	} lies[] = {
		{ "\xe0Panic#1 Part1\n\x00\x00", 17 },		   // offset 0
		{ "\xe0Panic#1 Part1\n\x0f\x00", 17 },		   // before the beginning
		{ "\xefPanic#1 Part1\n\x01\x00\xff\xff\xff", 20 }, // a length without end
		{ "\xf0\xff\xffPanic#1 Part1\n", 17 }, // more literals than there are
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct pstore_entry entry =
			read_entry("dmesg-erst-1.enc.z", lies[i].data, lies[i].size);

		assert_non_null(strstr(entry.damage, "compressed data"));
		assert_int_equal(entry.part, 1);
		done_entry(&entry);
	}
}

static void test_bomb(void **state)
{
	size_t size = PSTORE_TEXT_MAX + (1 << 20);
	_cleanup_free char *zeros = calloc(1, size);
	_cleanup_free uint8_t *packed = malloc(1 << 20);
	size_t packed_size = deflate_raw(zeros, size, packed, 1 << 20);
	struct pstore_entry entry =
		read_entry("dmesg-ramoops-0.enc.z", packed, packed_size);

	assert_non_null(strstr(entry.damage, "too much"));
	assert_true(entry.text_size <= PSTORE_TEXT_MAX);
	done_entry(&entry);
}

/* ---- collecting ---- */

static void test_nothing(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result = collect(f);

	assert_int_equal(result.made + result.left + result.failed, 0);
	assert_int_equal(rmdir(f->source), 0);
	result = collect(f);
	assert_int_equal(result.made + result.left + result.failed, 0);
	assert_int_equal(count_files(f->archive), 0);
}

static void test_parts_in_order(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;
	struct record *record;

	// Part 1 holds the last lines. One of them is in the next second.
	put_text(f, "dmesg-efi_pstore-179539452102001", "Panic#1 Part2\n" LINES_A, WHEN);
	put_text(f, "dmesg-efi_pstore-179539452001001", "Panic#1 Part1\n" LINES_B, WHEN);
	put_text(f, "dmesg-efi_pstore-179539452103001",
		 "Panic#1 Part3\n<6>[    0.000000] Linux version", WHEN);
	result = collect(f);
	assert_int_equal(result.made, 1);
	assert_int_equal(count_files(f->source), 0);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 1);
		record = archive.records[0];
		check_dmesg(record, "[    0.000000] Linux version\n" PLAIN_A PLAIN_B);
		assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_COMPLETE);
		assert_int_equal(record->parts[RECORD_REPORT_TEXT].state,
				 RECORD_COMPLETE);
		assert_int_equal(record->parts[RECORD_REPORT_JSON].state,
				 RECORD_COMPLETE);
		assert_string_equal(archive_record_name(record), "202611230042");
		assert_string_equal(record->crash.source, "pstore");
		assert_string_equal(record->crash.title, "sysrq: crash");
		assert_string_equal(record->crash.kernel_release, "6.12.1-test");
		assert_int_equal(record->crash.crash_time, WHEN);
		assert_int_equal(record->crash.uptime_ms, 2000);
	}
	result = collect(f);
	assert_int_equal(result.made + result.known, 0);
}

static void test_missing_part(void **state)
{
	struct fixture *f = *state;

	put_text(f, "dmesg-efi_pstore-179539452003001", "Panic#1 Part3\n" LINES_A, WHEN);
	put_text(f, "dmesg-efi_pstore-179539452001001", "Panic#1 Part1\n" LINES_B, WHEN);
	assert_int_equal(collect(f).made, 1);
	{
		_cleanup_archive struct archive archive = open_archive(f);
		const struct record *record = archive.records[0];

		check_dmesg(record, PLAIN_A PLAIN_B);
		assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_PARTIAL);
		assert_string_equal(record->parts[RECORD_DMESG].reason,
				    "part 2 is missing");
	}
}

/* ramoops starts at 0 at each boot, and the kernel counts from 1. */
static void test_two_boots(void **state)
{
	struct fixture *f = *state;

	put_text(f, "dmesg-ramoops-0", "Panic#1 Part1\n" LINES_B, WHEN);
	put_text(f, "dmesg-ramoops-1", "Panic#1 Part1\n" LINES_A, WHEN + 30);
	assert_int_equal(collect(f).made, 2);
	// The next crash is written over the first's place.
	put_text(f, "dmesg-ramoops-0", "Panic#1 Part1\n" LINES_C, WHEN + 90);
	assert_int_equal(collect(f).made, 1);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 3);
		check_dmesg(archive.records[0], PLAIN_B);
		check_dmesg(archive.records[1], PLAIN_A);
		check_dmesg(archive.records[2], PLAIN_C);
	}
}

static void test_oops_and_panic(void **state)
{
	struct fixture *f = *state;

	put_text(f, "dmesg-ramoops-0", "Oops#1 Part1\n" LINES_A, WHEN);
	put_text(f, "dmesg-ramoops-1", "Panic#2 Part1\n<6>[    1.000005] d\n" LINES_B,
		 WHEN + 1);
	put_text(f, "console-ramoops-0", "console\n", WHEN);
	put_text(f, "ftrace-ramoops-0", "\x01\x02", WHEN);
	assert_int_equal(collect(f).made, 1);
	// That this is the same as the last time makes it no old crash.
	put_text(f, "ftrace-ramoops-0", "\x01\x02", WHEN + 600);
	// Lines that both have are not there, so some may be missing.
	put_text(f, "dmesg-ramoops-0", "Oops#1 Part1\n<6>[    2.900000] u\n", WHEN + 600);
	put_text(f, "dmesg-ramoops-1", "Panic#2 Part1\n" LINES_C, WHEN + 601);
	assert_int_equal(collect(f).made, 1);
	{
		_cleanup_archive struct archive archive = open_archive(f);
		char path[PATH_MAX];

		assert_int_equal(archive.count, 2);
		check_dmesg(archive.records[0], PLAIN_A PLAIN_B);
		assert_int_equal(archive.records[0]->parts[RECORD_DMESG].state,
				 RECORD_COMPLETE);
		snprintf(path, sizeof(path), "%s/pstore", archive.records[0]->path);
		assert_int_equal(count_files(path), 4);
		check_dmesg(archive.records[1], "[    2.900000] u\n" PLAIN_C);
		assert_int_equal(faccessat(archive.records[1]->dirfd,
					   "pstore/ftrace-ramoops-0", F_OK, 0),
				 0);
		assert_non_null(strstr(archive.records[1]->parts[RECORD_DMESG].reason,
				       "may be missing"));
	}
	assert_int_equal(count_files(f->source), 0);
}

/* printk.always_kmsg_dump writes at each shutdown too; and after a panic, before panic=
 * restarts the machine. */
static void test_shutdowns(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;

	put_text(f, "dmesg-erst-1", "Shutdown#1 Part1\n" LINES_A, WHEN - 600);
	put_text(f, "dmesg-erst-2", "Poweroff#1 Part1\n" LINES_A, WHEN - 300);
	put_text(f, "dmesg-erst-3", "Panic#1 Part1\n" LINES_B, WHEN);
	put_text(f, "dmesg-erst-4", "Emergency#2 Part1\n" LINES_B LINES_C, WHEN + 10);
	result = collect(f);
	assert_int_equal(result.made, 1);
	assert_int_equal(result.left, 2);
	assert_int_equal(count_files(f->source), 2);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 1);
		check_dmesg(archive.records[0], PLAIN_B PLAIN_C);
	}
}

/* A crash kernel whose targets all failed: its own log ends in a shutdown, and is no
 * crash; the one that it tells of is. */
static void test_last_words(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;

	put_text(
		f, "dmesg-ramoops-0",
		"Shutdown#1 Part1\n"
		"<6>[    1.000000] Linux version of the crash kernel\n"
		"<13>[    9.000001] epitaph| time 1764040000\n"
		"<13>[    9.000002] epitaph> [   45.500000] sysrq: Trigger a crash\n"
		"<13>[    9.000003] epitaph> [   45.600123] Kernel panic - not syncing: x\n"
		"<6>[    9.500000] reboot: Restarting system\n",
		WHEN);
	result = collect(f);
	assert_int_equal(result.made, 1);
	assert_int_equal(result.left, 0);
	assert_int_equal(count_files(f->source), 0);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 1);
		check_dmesg(archive.records[0],
			    "[   45.500000] sysrq: Trigger a crash\n"
			    "[   45.600123] Kernel panic - not syncing: x\n");
	}
}

/* The same crash in two of them is one, another crash in a third is another. */
static void test_several_backends(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;

	put_text(f, "dmesg-efi_pstore-179539452001001", "Panic#1 Part1\n" LINES_B, WHEN);
	put_text(f, "dmesg-ramoops-0", "Panic#1 Part1\n" LINES_A LINES_B, WHEN + 1);
	put_text(f, "dmesg-pstore_blk-0", "Panic: Total 1 times\nPanic#1 Part1\n" LINES_C,
		 WHEN + 400);
	put_text(f, "pmsg-pstore_blk-0", "x", WHEN + 400);
	result = collect(f);
	assert_int_equal(result.made, 2);
	assert_int_equal(result.joined, 1);
	assert_int_equal(count_files(f->source), 0);
	{
		_cleanup_archive struct archive archive = open_archive(f);
		char path[PATH_MAX];

		assert_int_equal(archive.count, 2);
		snprintf(path, sizeof(path), "%s/pstore", archive.records[0]->path);
		assert_int_equal(count_files(path), 2);
		snprintf(path, sizeof(path), "%s/pstore", archive.records[1]->path);
		assert_int_equal(count_files(path), 2);
	}
}

static void test_consoles(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;

	put_text(f, "console-ramoops-0", LINES_A, WHEN);
	put_text(f, "pmsg-ramoops-0", "x", WHEN);
	result = collect(f);
	assert_int_equal(result.made, 0);
	assert_int_equal(result.left, 2);
	assert_int_equal(count_files(f->source), 2); // a boot, no crash
	put_text(f, "console-ramoops-0", PLAIN_A PLAIN_B, WHEN);
	result = collect(f);
	assert_int_equal(result.made, 1);
	assert_int_equal(count_files(f->source), 0);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 1);
		check_dmesg(archive.records[0], PLAIN_A PLAIN_B);
	}
}

/* Kept as they are, each by itself, and partial. */
static void test_broken(void **state)
{
	struct fixture *f = *state;
	char junk[3000];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(i * 2654435761u >> 13);
	put(f, "dmesg-ramoops-0", junk, sizeof(junk), WHEN);
	put(f, "dmesg-ramoops-1.enc.z", junk, sizeof(junk), WHEN);
	put(f, "dmesg-ramoops-2", "", 0, 0);
	assert_int_equal(collect(f).made, 3);
	assert_int_equal(count_files(f->source), 0);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 3);
		for (size_t i = 0; i < 3; i++) {
			const struct record *record = archive.records[i];
			_cleanup_free char *raw = NULL;
			size_t size;

			assert_int_equal(record->parts[RECORD_DMESG].state,
					 RECORD_PARTIAL);
			assert_string_equal(record->crash.source, "pstore");
			if (file_read(record->dirfd, "pstore/dmesg-ramoops-1.enc.z",
				      1 << 20, &raw, &size, NULL) < 0)
				continue;
			assert_int_equal(size, sizeof(junk));
			assert_memory_equal(raw, junk, sizeof(junk));
		}
	}
}

static void test_hostile(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;
	char path[PATH_MAX];
	int fd;

	fake_text(f->source, "sub/dmesg-ramoops-7", "Panic#1 Part1\nx\n");
	fake_text(f->source, "dmesg-ramoops-1\033[2J", "x");
	fake_text(f->source, "core", "x");
	fake_link(f->source, "dmesg-ramoops-3", "/etc/passwd");
	snprintf(path, sizeof(path), "%s/dmesg-ramoops-4", f->source);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/dmesg-ramoops-5", f->source);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)PSTORE_FILE_MAX + 1), 0);
	close(fd);
	put_text(f, "dmesg-ramoops-6", "Panic#1 Part1\n" LINES_B, WHEN);
	result = collect(f);
	assert_int_equal(result.made, 1);
	assert_int_equal(result.left, 3); // the link, the FIFO, the large one
	assert_int_equal(f->warnings, 3);
	assert_int_equal(count_files(f->source), 6);
}

/* ---- a crash that a crash kernel has recorded too ---- */

static void add_kdump(struct fixture *f, const char *dmesg)
{
	_cleanup_record struct record *record = NULL;

	assert_int_equal(record_create(f->archive, WHEN, &record, NULL), 0);
	snprintf(record->crash.source, sizeof(record->crash.source), "kdump");
	assert_int_equal(record_save_meta(record, NULL), 0);
	assert_int_equal(record_part_write(record, RECORD_DMESG, dmesg, strlen(dmesg), 0,
					   NULL),
			 0);
}

static void test_join(void **state)
{
	struct fixture *f = *state;
	struct pstore_result result;

	add_kdump(f, PLAIN_A);
	add_kdump(f, "[    0.000000] Linux version\n" PLAIN_A PLAIN_B
		     "[    2.000006] ---[ end\n");
	put_text(f, "dmesg-ramoops-0", "Panic#1 Part1\n" LINES_A LINES_B, WHEN);
	result = collect(f);
	assert_int_equal(result.joined, 1);
	assert_int_equal(result.made, 0);
	assert_int_equal(count_files(f->source), 0);
	// The same lines at other times: another boot.
	put_text(
		f, "dmesg-ramoops-0",
		"Panic#1 Part1\n"
		"<6>[    2.100001] sysrq: Trigger a crash\n"
		"<0>[    2.100002] Kernel panic - not syncing: sysrq triggered crash\n"
		"<4>[    2.100003] CPU: 0 PID: 71 Comm: sh Not tainted 6.12.1-test #1 D\n"
		"<4>[    2.100004] Call Trace:\n<4>[    2.100005]  panic+0x100/0x300\n",
		WHEN);
	// Too few lines to be sure.
	put_text(f, "dmesg-ramoops-1", "Panic#1 Part1\n<6>[    2.000004] Call Trace:\n",
		 WHEN);
	result = collect(f);
	assert_int_equal(result.joined, 0);
	assert_int_equal(result.made, 2);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 4);
		assert_int_equal(faccessat(archive.records[0]->dirfd, "pstore", F_OK, 0),
				 -1);
		assert_int_equal(faccessat(archive.records[1]->dirfd,
					   "pstore/dmesg-ramoops-0", F_OK, 0),
				 0);
		assert_string_equal(archive.records[1]->crash.source, "kdump");
	}
}

/* ---- read only: systemd's directory ---- */

static void test_import(void **state)
{
	struct fixture *f = *state;
	char name[64];

	f->keep_source = true;
	f->depth = 2;
	put_text(f, "179539452/001/dmesg-efi_pstore-179539452002001",
		 "Panic#1 Part2\n" LINES_A, 0);
	put_text(f, "179539452/001/dmesg-efi_pstore-179539452001001",
		 "Panic#1 Part1\n" LINES_B, 0);
	put_text(f, "179539452/001/dmesg.txt", "joined by systemd", 0);
	put_text(f, "a/b/c/dmesg-ramoops-1", "too deep", 0);
	assert_int_equal(collect(f).made, 1);
	assert_int_equal(collect(f).made, 0);
	assert_int_equal(count_files(f->source), 2);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 1);
		check_dmesg(archive.records[0], PLAIN_A PLAIN_B);
		snprintf(name, sizeof(name), "%s",
			 archive_record_name(archive.records[0]));
		assert_string_equal(name, "202611230042");
		assert_int_equal(removal_remove(archive.records[0], NULL, NULL), 0);
	}
	// It does not come back.
	assert_int_equal(collect(f).made, 0);
	{
		_cleanup_archive struct archive archive = open_archive(f);

		assert_int_equal(archive.count, 0);
	}
}

/* ---- killed or failed at each step ---- */

static const struct {
	const char *name, *text;
	time_t when;
} set[] = {
	{ "dmesg-efi_pstore-179539452002001", "Panic#1 Part2\n" LINES_A, WHEN },
	{ "dmesg-efi_pstore-179539452001001", "Panic#1 Part1\n" LINES_B, WHEN },
	{ "dmesg-ramoops-0", "Panic#1 Part1\nanother", WHEN + 300 },
};

static bool is_in_a_record(struct fixture *f, size_t i)
{
	_cleanup_archive struct archive archive = open_archive(f);
	char path[128];

	snprintf(path, sizeof(path), "pstore/%s", set[i].name);
	for (size_t j = 0; j < archive.count; j++) {
		_cleanup_free char *data = NULL;

		if (file_read(archive.records[j]->dirfd, path, 1 << 16, &data, NULL,
			      NULL) == 0 &&
		    strcmp(data, set[i].text) == 0)
			return true;
	}
	return false;
}

/* Each file is in the source, or in a record that can be seen. */
static void check_nothing_lost(struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", f->source, set[i].name);
		if (access(path, F_OK) < 0 && !is_in_a_record(f, i))
			fail_msg("'%s' is lost", set[i].name);
	}
}

static void check_whole(struct fixture *f, bool has_kdump)
{
	_cleanup_archive struct archive archive = open_archive(f);
	char path[PATH_MAX];

	assert_int_equal(count_files(f->source), 0);
	// Nothing hidden, but the memory of a file that could not be removed at first.
	snprintf(path, sizeof(path), "%s/.collected", f->archive);
	assert_int_equal(count_files(f->archive), access(path, F_OK) == 0 ? 3 : 2);
	assert_int_equal(archive.count, 2);
	check_dmesg(archive.records[0], PLAIN_A PLAIN_B);
	check_dmesg(archive.records[1], "another\n");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(archive.records[i]->parts[RECORD_DMESG].state,
				 RECORD_COMPLETE);
		snprintf(path, sizeof(path), "%s/pstore", archive.records[i]->path);
		if (i == 0)
			assert_int_equal(count_files(path), 2);
		if (i == 1 || !has_kdump)
			assert_int_equal(
				archive.records[i]->parts[RECORD_REPORT_JSON].state,
				RECORD_COMPLETE);
	}
}

static void each_step(struct fixture *f, bool kills, bool has_kdump)
{
	int steps, status = -1;

	for (steps = 1; steps < 1000; steps++) {
		pid_t child;

		memset(&trap, 0, sizeof(trap));
		snprintf(f->archive, sizeof(f->archive), "%s/a%d%d%d", f->top, steps,
			 kills, has_kdump);
		if (has_kdump)
			add_kdump(f, PLAIN_A PLAIN_B);
		for (size_t i = 0; i < ARRAY_SIZE(set); i++)
			put_text(f, set[i].name, set[i].text, set[i].when);
		child = fork();
		if (child == 0) {
			trap.at = steps;
			trap.kills = kills;
			collect(f);
			_exit(trap.at == 0 ? 41 : 0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		check_nothing_lost(f);
		collect(f);
		check_whole(f, has_kdump);
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), kills ? TRAP_KILLED : 41);
	}
	assert_in_range(steps, 30, 300);
}

static void test_killed_at_each_step(void **state)
{
	each_step(*state, true, false);
}

static void test_killed_while_joining(void **state)
{
	each_step(*state, true, true);
}

static void test_failed_at_each_step(void **state)
{
	each_step(*state, false, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_headers),
		TEST(test_compressed),
		TEST(test_codecs),
		TEST(test_lz4_lies),
		TEST(test_nothing),
		TEST(test_parts_in_order),
		TEST(test_missing_part),
		TEST(test_two_boots),
		TEST(test_oops_and_panic),
		TEST(test_shutdowns),
		TEST(test_last_words),
		TEST(test_several_backends),
		TEST(test_consoles),
		TEST(test_broken),
		TEST(test_hostile),
		TEST(test_join),
		TEST(test_import),
		TEST(test_killed_at_each_step),
		TEST(test_killed_while_joining),
		TEST(test_failed_at_each_step),
		TEST(test_bomb), // last: it leaves a large process to fork
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
