// SPDX-License-Identifier: GPL-2.0-or-later
/* What a hook needs to start: scripts, ELF files whole and damaged, in a made up root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "prepare/hook_files.h"

/* Headers, the dynamic section at 0x200, its strings at 0x300. */
#define ELF_SIZE    0x400
#define ELF_DYNAMIC 0x200
#define ELF_STRINGS 0x300
#define ELF_VADDR   0x400000

struct made_elf {
	uint8_t bytes[ELF_SIZE];
	size_t strings_end;
	size_t dynamic_count;
};

static uint64_t elf_text(struct made_elf *elf, const char *text)
{
	size_t at = elf->strings_end;

	strcpy((char *)elf->bytes + ELF_STRINGS + at, text);
	elf->strings_end += strlen(text) + 1;
	return at;
}

static void elf_entry(struct made_elf *elf, int64_t tag, uint64_t value)
{
	Elf64_Dyn entry = { .d_tag = tag, .d_un.d_val = value };

	memcpy(elf->bytes + ELF_DYNAMIC + elf->dynamic_count++ * sizeof(entry), &entry,
	       sizeof(entry));
}

/* @run_path may be NULL, @interpreter too. */
static void elf_make(struct made_elf *elf, const char *interpreter, const char *run_path,
		     const char *needed)
{
	Elf64_Ehdr header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					   ELFDATA2LSB },
			      .e_phoff = sizeof(header),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = interpreter ? 3 : 2 };
	Elf64_Phdr headers[3] = {
		{ .p_type = PT_LOAD, .p_vaddr = ELF_VADDR, .p_filesz = ELF_SIZE },
		{ .p_type = PT_DYNAMIC, .p_offset = ELF_DYNAMIC, .p_filesz = 0x100 },
		{ .p_type = PT_INTERP },
	};

	memset(elf, 0, sizeof(*elf));
	elf_text(elf, "");
	elf_entry(elf, DT_STRTAB, ELF_VADDR + ELF_STRINGS);
	if (needed)
		elf_entry(elf, DT_NEEDED, elf_text(elf, needed));
	if (run_path)
		elf_entry(elf, DT_RUNPATH, elf_text(elf, run_path));
	if (interpreter)
		headers[2].p_offset = ELF_STRINGS + elf_text(elf, interpreter);
	memcpy(elf->bytes, &header, sizeof(header));
	memcpy(elf->bytes + sizeof(header), headers, sizeof(headers));
}

static void test_script(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *path;
	} cases[] = {
		{ "#!/bin/sh\n", 0, "/bin/sh" },
		{ "#! /usr/bin/python3 -u\nx", 0, "/usr/bin/python3" },
		{ "#!/bin/sh", 0, "/bin/sh" },
		{ "#!sh\n", ERR_INVALID, "" },
		{ "#!\n", ERR_INVALID, "" },
		{ "#", ERR_NOTFOUND, "" },
		{ "echo", ERR_NOTFOUND, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[PATH_MAX] = "";

		assert_int_equal(hook_script_parse((const uint8_t *)cases[i].text,
						   strlen(cases[i].text), path, NULL),
				 cases[i].code);
		assert_string_equal(path, cases[i].path);
	}
}

static void test_elf(void **state)
{
	struct made_elf elf;
	struct hook_elf found;

	elf_make(&elf, "/lib64/ld.so", "$ORIGIN/lib", "libx.so.1");
	assert_int_equal(hook_elf_parse(elf.bytes, ELF_SIZE, &found, NULL), 0);
	assert_string_equal(found.interpreter, "/lib64/ld.so");
	assert_string_equal(found.run_path, "$ORIGIN/lib");
	assert_int_equal(found.needed_count, 1);
	assert_string_equal(found.needed[0], "libx.so.1");
	elf_make(&elf, NULL, NULL, NULL);
	assert_int_equal(hook_elf_parse(elf.bytes, ELF_SIZE, &found, NULL), 0);
	assert_null(found.interpreter);
	assert_int_equal(found.needed_count, 0);
}

/* Never a read out of bounds, which the sanitizers see; an error or nothing worse. */
static void test_elf_is_hostile(void **state)
{
	struct made_elf elf;
	struct hook_elf found;

	elf_make(&elf, "/lib64/ld.so", "/opt/lib", "libx.so.1");
	for (size_t size = 0; size < ELF_SIZE; size++) {
		uint8_t *cut = malloc(size + 1);

		assert_non_null(cut);
		memcpy(cut, elf.bytes, size);
		hook_elf_parse(cut, size, &found, NULL);
		free(cut);
	}
	for (size_t i = 0; i < ELF_SIZE; i++) {
		for (int bit = 0; bit < 8; bit += 7) {
			uint8_t *changed = malloc(ELF_SIZE);

			assert_non_null(changed);
			memcpy(changed, elf.bytes, ELF_SIZE);
			changed[i] ^= (uint8_t)(1 << bit);
			hook_elf_parse(changed, ELF_SIZE, &found, NULL);
			free(changed);
		}
	}
	memset(elf.bytes + ELF_STRINGS, 'x', ELF_SIZE - ELF_STRINGS);
	assert_int_equal(hook_elf_parse(elf.bytes, ELF_SIZE, &found, NULL), ERR_CORRUPT);
}

/* ---- a root ---- */

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	return remove(path);
}

static int set_up(void **state)
{
	char *dir = strdup("/tmp/test-hooks.XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

static void put(const char *root, const char *name, const void *data, size_t size,
		mode_t mode)
{
	char path[PATH_MAX], parent[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	memcpy(parent, path, sizeof(parent));
	*strrchr(parent, '/') = '\0';
	assert_int_equal(dir_make_path(parent, 0755, NULL), 0);
	assert_int_equal(file_replace(AT_FDCWD, path, data, size, mode, NULL), 0);
}

static bool has(const struct hook_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->files[i].name, name) == 0)
			return true;
	}
	return false;
}

static void test_root(void **state)
{
	static const char script[] = "#!/bin/tool -x\n";
	const char *root = *state;
	struct hook_files files;
	struct made_elf elf;

	put(root, "/etc/epitaph/pre.d/10-script", script, sizeof(script) - 1, 0755);
	put(root, "/etc/epitaph/pre.d/10-script.dpkg-old", "x", 1, 0755);
	put(root, "/etc/epitaph/pre.d/data", "x", 1, 0644);
	elf_make(&elf, "/lib64/ld.so", "$ORIGIN/../opt", "libx.so.1");
	put(root, "/bin/tool", elf.bytes, ELF_SIZE, 0755);
	elf_make(&elf, NULL, NULL, "liby.so.1");
	put(root, "/bin/../opt/libx.so.1", elf.bytes, ELF_SIZE, 0644);
	put(root, "/etc/ld.so.conf.d/a.conf", "# no\n/opt/more\n", 15, 0644);
	elf_make(&elf, NULL, NULL, NULL);
	put(root, "/opt/more/liby.so.1", elf.bytes, ELF_SIZE, 0644);
	put(root, "/lib64/ld.so", elf.bytes, ELF_SIZE, 0755);
	// Of this one a library is missing: it is left out with all that it brought.
	elf_make(&elf, "/lib64/other.so", NULL, "libz.so.1");
	put(root, "/etc/epitaph/post.d/20-lacks", elf.bytes, ELF_SIZE, 0755);
	put(root, "/lib64/other.so", elf.bytes, ELF_SIZE, 0755);
	assert_int_equal(hook_files_find(root, NULL, &files, NULL), 0);
	assert_int_equal(files.hook_count, 1);
	assert_true(has(&files, "/etc/epitaph/pre.d/10-script"));
	assert_true(has(&files, "/bin/tool"));
	assert_true(has(&files, "/lib64/ld.so"));
	assert_true(has(&files, "/bin/../opt/libx.so.1"));
	assert_true(has(&files, "/opt/more/liby.so.1"));
	assert_true(has(&files, "/etc/epitaph/pre.d/data"));
	assert_false(has(&files, "/etc/epitaph/post.d/20-lacks"));
	assert_false(has(&files, "/lib64/other.so"));
	hook_files_done(&files);
}

static void test_no_hooks(void **state)
{
	struct hook_files files;

	assert_int_equal(hook_files_find(*state, NULL, &files, NULL), 0);
	assert_int_equal(files.count, 0);
	hook_files_done(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_is_hostile),
		cmocka_unit_test_setup_teardown(test_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_hooks, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
