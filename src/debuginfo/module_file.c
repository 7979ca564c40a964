// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places: .build-id/xx/yyy.debug (all distributions), lib/modules/RELEASE/.../NAME.ko
 * (Debian) or NAME.ko.debug (Fedora) below /usr/lib/debug.
 */
#include "debuginfo/module_file.h"

#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "debuginfo/debug_elf.h"
#include "debuginfo/debuginfod.h"
#include "kernel/module_section.h"

#define FILES_MAX (256 << 10) /* of a release; a distribution's has some thousand */

/* "xfs.ko", "xfs.ko.debug"; '-' in a file's name is '_' in the module's. */
static bool is_name_of(const char *file, const char *module)
{
	for (; *module; module++, file++) {
		if (*file != *module && !(*file == '-' && *module == '_'))
			return false;
	}
	return strcmp(file, ".ko") == 0 || strcmp(file, ".ko.debug") == 0;
}

/* The file must be the module's own build where both are known. */
static int check(const char *path, const char *build_id, char ret_path[static PATH_MAX],
		 struct err *err)
{
	struct debug_elf facts = { 0 };
	int r = debug_elf_read(path, false, &facts, err);

	if (r < 0)
		return r;
	if (!facts.is_relocatable)
		return err_set(err, ERR_INVALID, "'%s' is no kernel module", path);
	if (build_id[0] && facts.build_id[0] && strcmp(build_id, facts.build_id) != 0)
		return err_set(err, ERR_INVALID,
			       "'%s' is of another build: its build id is %s, that of "
			       "the module in the dump is %s",
			       path, facts.build_id, build_id);
	if (strlen(path) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "'%s' is too long a path", path);
	strcpy(ret_path, path);
	return 0;
}

static int find_by_name(const char *directory, const char *name, const char *build_id,
			char ret_path[static PATH_MAX], struct err *err)
{
	char *paths[] = { (char *)directory, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	struct err other = { 0 };
	int r = ERR_NOTFOUND;

	for (int i = 0; tree && r < 0 && i < FILES_MAX; i++) {
		FTSENT *entry = fts_read(tree);

		if (!entry)
			break;
		if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP &&
		    is_name_of(entry->fts_name, name))
			r = check(entry->fts_path, build_id, ret_path, &other);
	}
	if (tree)
		fts_close(tree);
	if (r == 0)
		return 0;
	if (other.code && err)
		*err = other;
	if (other.code)
		return other.code;
	return err_set(err, ERR_NOTFOUND, "no debug symbols of it are below '%s'",
		       directory);
}

int module_file_find(struct kernel *kernel, const struct module *module,
		     const struct debug_files *files, char ret_path[static PATH_MAX],
		     struct err *err)
{
	const char *directory = debug_files_directory(files);
	char build_id[2 * MODULE_BUILD_ID_MAX + 1] = "", path[PATH_MAX];
	struct kernel_utsname names = { 0 };
	int r;

	if (module_build_id(kernel, module, build_id, NULL) == 0) {
		snprintf(path, sizeof(path), "%.2048s/.build-id/%.2s/%s.debug", directory,
			 build_id, build_id + 2);
		if (check(path, build_id, ret_path, NULL) == 0)
			return 0;
	}
	kernel_utsname(kernel, &names, NULL);
	if (!names.release[0] || strchr(names.release, '/'))
		return err_set(err, ERR_NOTFOUND, "the kernel's release is not known");
	snprintf(path, sizeof(path), "%.2048s/lib/modules/%s", directory, names.release);
	r = find_by_name(path, module->name, build_id, ret_path, err);
	if (r == 0 || !files->may_fetch || !build_id[0])
		return r;
	r = debuginfod_fetch(build_id, path, err);
	return r < 0 ? r : check(path, build_id, ret_path, err);
}
