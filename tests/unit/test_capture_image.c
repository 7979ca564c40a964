// SPDX-License-Identifier: GPL-2.0-or-later
/* The capture image, read back by libarchive: what is in it, in which order, of which
 * kind. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake_tree.h"
#include "prepare/capture_image.h"

#define PROGRAM_BYTES 0x300 /* up to the end of its last segment */

/* A static program of two segments, with symbols and sections behind them. */
struct fake_program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	uint8_t rest[0x600 - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
};

static struct fake_program program_make(void)
{
	struct fake_program p = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					 1 },
			    .e_type = ET_EXEC,
			    .e_machine = EM_X86_64,
			    .e_phoff = offsetof(struct fake_program, segments),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 2,
			    .e_shoff = 0x500,
			    .e_shnum = 4,
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shstrndx = 3 },
		.segments = { { .p_type = PT_LOAD, .p_filesz = 0x200, .p_memsz = 0x200 },
			      { .p_type = PT_LOAD,
				.p_offset = 0x200,
				.p_filesz = PROGRAM_BYTES - 0x200,
				.p_memsz = 0x9000 } },
	};

	memset(p.rest, 0x5a, sizeof(p.rest));
	return p;
}

/* ---- the program ---- */

static int read_program(const char *root, const void *data, size_t size, uint8_t **ret,
			size_t *ret_size, struct err *err)
{
	char path[PATH_MAX];

	fake_write(root, "program", data, size);
	snprintf(path, sizeof(path), "%s/program", root);
	return capture_image_read_program(path, ret, ret_size, err);
}

static void program_loses_its_symbols(void **state)
{
	struct fake_program p = program_make();
	_cleanup_free uint8_t *data = NULL;
	Elf64_Ehdr header;
	size_t size = 0;

	assert_int_equal(read_program(*state, &p, sizeof(p), &data, &size, NULL), 0);
	assert_int_equal(size, PROGRAM_BYTES);
	memcpy(&header, data, sizeof(header));
	assert_int_equal(header.e_shoff, 0);
	assert_int_equal(header.e_shnum, 0);
	assert_int_equal(header.e_shstrndx, 0);
	assert_int_equal(header.e_phnum, 2);
	assert_memory_equal(data + sizeof(header), (uint8_t *)&p + sizeof(header),
			    size - sizeof(header));
}

static void program_with_a_loader_is_refused(void **state)
{
	struct fake_program p = program_make();
	uint8_t *data = NULL;
	struct err err = { 0 };
	size_t size;

	p.segments[0].p_type = PT_INTERP;
	assert_int_equal(read_program(*state, &p, sizeof(p), &data, &size, &err),
			 ERR_INVALID);
	assert_non_null(strstr(err.text, "dynamic loader"));
	assert_null(data);
}

static void program_cut_anywhere_is_an_error(void **state)
{
	struct fake_program p = program_make();

	for (size_t cut = 0; cut < PROGRAM_BYTES; cut++) {
		_cleanup_free uint8_t *data = NULL;
		size_t size;

		assert_true(read_program(*state, &p, cut, &data, &size, NULL) < 0);
	}
}

static void program_with_wild_numbers_is_an_error(void **state)
{
	_cleanup_free uint8_t *data = NULL;
	struct fake_program p = program_make();
	size_t size;

	p.segments[1].p_offset = UINT64_MAX - 4;
	assert_int_equal(read_program(*state, &p, sizeof(p), &data, &size, NULL),
			 ERR_CORRUPT);
	p = program_make();
	p.header.e_phoff = UINT64_MAX - 8;
	assert_int_equal(read_program(*state, &p, sizeof(p), &data, &size, NULL),
			 ERR_CORRUPT);
	p = program_make();
	p.header.e_phnum = 0xffff;
	assert_int_equal(read_program(*state, &p, sizeof(p), &data, &size, NULL),
			 ERR_CORRUPT);
}

/* ---- the modules ---- */

static const char module_b[] = "\177ELF module b, which is needed by a; then a signature";
static const char module_a[] = "\177ELF module a";

/* As `xz` would write it. */
static void write_packed(const char *root, const char *name, const void *data,
			 size_t size)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	char packed[4096];
	size_t used = 0;

	assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter_xz(archive), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(archive, 1);
	assert_int_equal(archive_write_open_memory(archive, packed, sizeof(packed),
						   &used),
			 ARCHIVE_OK);
	archive_entry_set_pathname(entry, "x");
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(archive, data, size), size);
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	archive_entry_free(entry);
	archive_write_free(archive);
	fake_write(root, name, packed, used);
}

static void make_modules(const char *root)
{
	static const struct fake_pair depends[] = {
		{ "alpha", "k/alpha.ko: k/beta-x.ko.xz" },
		{ "beta_x", "k/beta-x.ko.xz:" },
		{ "gone", "k/gone.ko:" },
		{ "junk", "k/junk.ko:" },
		{ NULL, NULL },
	};

	fake_modules(root, depends, NULL, NULL);
	fake_write(root, "k/alpha.ko", module_a, sizeof(module_a));
	write_packed(root, "k/beta-x.ko.xz", module_b, sizeof(module_b));
	fake_text(root, "k/junk.ko", "no module at all");
}

static void module_that_is_not_there_is_an_error(void **state)
{
	static const char *const names[] = { "gone", "junk" };
	struct err err = { 0 };

	make_modules(*state);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_module_set struct module_set *set = NULL;
		uint8_t *data = NULL;
		size_t size;

		assert_int_equal(module_set_new(*state, &set, &err), 0);
		assert_int_equal(module_set_add(set, names[i], &err), 0);
		assert_true(module_file_read(module_set_path(set, 0), &data, &size,
					     &err) < 0);
		assert_non_null(strstr(err.text, names[i]));
		assert_null(data);
	}
}

/* ---- the image ---- */

struct entry {
	char name[128];
	mode_t mode;
	unsigned int device_major, device_minor;
	size_t size;
	char data[4096];
};

static size_t image_read(int fd, struct entry *entries, size_t max)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	size_t count = 0;

	lseek(fd, 0, SEEK_SET);
	archive_read_support_filter_gzip(archive);
	archive_read_support_format_cpio(archive);
	assert_int_equal(archive_read_open_fd(archive, fd, 4096), ARCHIVE_OK);
	while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		struct entry *e = &entries[count++];
		la_ssize_t n;

		assert_true(count <= max);
		snprintf(e->name, sizeof(e->name), "%s", archive_entry_pathname(entry));
		e->mode = archive_entry_mode(entry);
		e->device_major = (unsigned int)archive_entry_rdevmajor(entry);
		e->device_minor = (unsigned int)archive_entry_rdevminor(entry);
		assert_int_equal(archive_entry_uid(entry), 0);
		assert_int_equal(archive_entry_gid(entry), 0);
		assert_int_equal(archive_entry_mtime(entry), 0);
		assert_int_equal(archive_entry_nlink(entry), 1);
		n = archive_read_data(archive, e->data, sizeof(e->data));
		assert_true(n >= 0);
		e->size = (size_t)n;
	}
	assert_int_equal(archive_format(archive), ARCHIVE_FORMAT_CPIO_SVR4_NOCRC);
	assert_int_equal(archive_filter_code(archive, 0), ARCHIVE_FILTER_GZIP);
	archive_read_free(archive);
	return count;
}

static int image_make(const char *root, struct orders *orders,
		      struct capture_image_size *size)
{
	_cleanup_module_set struct module_set *set = NULL;
	struct fake_program p = program_make();
	char path[PATH_MAX];
	struct err err = { 0 };
	int fd = memfd_create("image", 0);

	make_modules(root);
	fake_write(root, "program", &p, sizeof(p));
	snprintf(path, sizeof(path), "%s/program", root);
	assert_int_equal(module_set_new(root, &set, &err), 0);
	assert_int_equal(module_set_add(set, "alpha", &err), 0);
	orders_init(orders);
	snprintf(orders->host, sizeof(orders->host), "h");
	if (capture_image_write(fd, path, set, NULL, orders, size, &err) < 0)
		fail_msg("%s", err_text(&err));
	return fd;
}

static void image_holds_what_it_must(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} expected[] = {
		{ "dev", S_IFDIR | 0755 },
		{ "etc", S_IFDIR | 0755 },
		{ "etc/epitaph", S_IFDIR | 0755 },
		{ "modules", S_IFDIR | 0755 },
		{ "proc", S_IFDIR | 0755 },
		{ "sys", S_IFDIR | 0755 },
		{ "target", S_IFDIR | 0755 },
		{ "tmp", S_IFDIR | 0755 },
		{ "dev/console", S_IFCHR | 0600 },
		{ "dev/null", S_IFCHR | 0666 },
		{ "init", S_IFREG | 0755 },
		{ "modules/00-beta_x.ko", S_IFREG | 0644 },
		{ "modules/01-alpha.ko", S_IFREG | 0644 },
		{ "etc/epitaph/orders.json", S_IFREG | 0600 },
	};
	_cleanup_free struct entry *entries = calloc(32, sizeof(*entries));
	_cleanup_(orders_done) struct orders orders = { 0 }, back = { 0 };
	struct capture_image_size size;
	_cleanup_fd int fd = image_make(*state, &orders, &size);
	struct stat st;

	assert_int_equal(image_read(fd, entries, 32), ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_string_equal(entries[i].name, expected[i].name);
		assert_int_equal(entries[i].mode, expected[i].mode);
	}
	assert_int_equal(entries[8].device_major, 5);
	assert_int_equal(entries[8].device_minor, 1);
	assert_int_equal(entries[9].device_major, 1);
	assert_int_equal(entries[9].device_minor, 3);
	assert_int_equal(entries[10].size, PROGRAM_BYTES);
	assert_int_equal(entries[11].size, sizeof(module_b));
	assert_memory_equal(entries[11].data, module_b, sizeof(module_b));
	assert_memory_equal(entries[12].data, module_a, sizeof(module_a));
	assert_int_equal(orders_parse(entries[13].data, entries[13].size, &back, NULL),
			 0);
	assert_int_equal(back.module_count, 2);
	assert_string_equal(back.modules[0], "/modules/00-beta_x.ko");
	assert_string_equal(back.modules[1], "/modules/01-alpha.ko");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(size.file_bytes, st.st_size);
	assert_int_equal(size.unpacked_bytes, PROGRAM_BYTES + sizeof(module_a) +
						      sizeof(module_b) +
						      entries[13].size);
}

static void image_is_reproducible(void **state)
{
	_cleanup_(orders_done) struct orders one = { 0 }, two = { 0 };
	struct capture_image_size size_one, size_two;
	_cleanup_fd int fd_one = image_make(*state, &one, &size_one);
	_cleanup_fd int fd_two = -1;
	char bytes_one[8192], bytes_two[8192];

	sleep(1); // the time in a gzip header is in seconds
	fd_two = image_make(*state, &two, &size_two);
	assert_int_equal(size_one.file_bytes, size_two.file_bytes);
	assert_true(size_one.file_bytes <= sizeof(bytes_one));
	assert_int_equal(fd_pread_full(fd_one, bytes_one, size_one.file_bytes, 0, NULL),
			 0);
	assert_int_equal(fd_pread_full(fd_two, bytes_two, size_two.file_bytes, 0, NULL),
			 0);
	assert_memory_equal(bytes_one, bytes_two, size_one.file_bytes);
}

static void full_disk_is_told(void **state)
{
	_cleanup_(orders_done) struct orders orders = { 0 };
	_cleanup_module_set struct module_set *set = NULL;
	struct fake_program p = program_make();
	struct capture_image_size size;
	_cleanup_fd int fd = open("/dev/full", O_WRONLY);
	char path[PATH_MAX];
	struct err err = { 0 };

	fake_modules(*state, NULL, NULL, NULL);
	fake_write(*state, "program", &p, sizeof(p));
	snprintf(path, sizeof(path), "%s/program", (char *)*state);
	orders_init(&orders);
	assert_int_equal(module_set_new(*state, &set, &err), 0);
	assert_true(capture_image_write(fd, path, set, NULL, &orders, &size, &err) < 0);
	assert_non_null(strstr(err.text, "No space left"));
}

static void program_is_found_by_the_environment(void **state)
{
	char path[PATH_MAX];
	struct err err = { 0 };

	fake_text(*state, "epitaph-capture", "x");
	setenv("EPITAPH_LIBEXEC", *state, 1);
	assert_int_equal(capture_image_find_program("epitaph-capture", path, &err), 0);
	assert_memory_equal(path, *state, strlen(*state));
	assert_int_equal(capture_image_find_program("epitaph-other", path, &err),
			 ERR_NOTFOUND);
	unsetenv("EPITAPH_LIBEXEC");
	assert_int_equal(capture_image_find_program("epitaph-no-such", path, &err),
			 ERR_NOTFOUND);
}

#define TREE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fake_tree_setup, fake_tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(program_loses_its_symbols),
		TREE_TEST(program_with_a_loader_is_refused),
		TREE_TEST(program_cut_anywhere_is_an_error),
		TREE_TEST(program_with_wild_numbers_is_an_error),
		TREE_TEST(module_that_is_not_there_is_an_error),
		TREE_TEST(image_holds_what_it_must),
		TREE_TEST(image_is_reproducible),
		TREE_TEST(full_disk_is_told),
		TREE_TEST(program_is_found_by_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
