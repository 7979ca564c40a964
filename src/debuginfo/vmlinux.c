// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places: Debian's -dbg packages (.build-id, boot/vmlinux-RELEASE), Fedora's
 * kernel-debuginfo (lib/modules/RELEASE/vmlinux).
 */
#include "debuginfo/vmlinux.h"

#include <stdio.h>
#include <string.h>

#include "debuginfo/debug_elf.h"
#include "debuginfo/debuginfod.h"
#include "kernel/vmcoreinfo.h"

#define KERNEL_MAP_MIN UINT64_C(0x8000000000000000)

const char *debug_files_directory(const struct debug_files *files)
{
	return files->directory ? files->directory : "/usr/lib/debug";
}

int vmlinux_check(const char *path, const char *build_id, uint64_t stext_vaddr,
		  struct vmlinux *ret, struct err *err)
{
	struct debug_elf facts = { 0 };
	int r = debug_elf_read(path, true, &facts, err);

	if (r < 0)
		return r;
	if (!facts.has_stext || facts.stext < KERNEL_MAP_MIN)
		return err_set(err, ERR_INVALID, "'%s' has no symbols of a kernel", path);
	if (build_id && facts.build_id[0] && strcmp(build_id, facts.build_id) != 0)
		return err_set(err, ERR_INVALID,
			       "'%s' is another kernel's: its build id is %s, the "
			       "dump's is %s",
			       path, facts.build_id, build_id);
	if (strlen(path) >= sizeof(ret->path))
		return err_set(err, ERR_LIMIT, "'%s' is too long a path", path);
	strcpy(ret->path, path);
	ret->offset = stext_vaddr - facts.stext;
	ret->is_verified = build_id && facts.build_id[0];
	return 0;
}

/* The places where it may be; "" where one can't be told. */
static void make_places(const char *directory, const char *build_id, const char *release,
			char ret[3][PATH_MAX])
{
	memset(ret, 0, 3 * sizeof(ret[0]));
	if (build_id)
		snprintf(ret[0], PATH_MAX, "%.2048s/.build-id/%.2s/%s.debug", directory,
			 build_id, build_id + 2);
	if (!release[0] || strchr(release, '/'))
		return;
	snprintf(ret[1], PATH_MAX, "%.2048s/boot/vmlinux-%s", directory, release);
	snprintf(ret[2], PATH_MAX, "%.2048s/lib/modules/%s/vmlinux", directory, release);
}

static int find_installed(const char *directory, const char *build_id,
			  const char *release, uint64_t stext, struct vmlinux *ret,
			  struct err *err)
{
	char places[3][PATH_MAX];
	struct err why = { 0 }, other = { 0 };

	make_places(directory, build_id, release, places);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!places[i][0])
			continue;
		if (vmlinux_check(places[i], build_id, stext, ret, &why) == 0)
			return 0;
		if (why.code == ERR_INVALID && !other.code)
			other = why; // says more than that there is none
	}
	if (other.code && err)
		*err = other;
	if (other.code)
		return other.code;
	return err_set(err, ERR_NOTFOUND, "no vmlinux of '%s' is below '%s'", release,
		       directory);
}

static int find_anywhere(const struct debug_files *files, const char *build_id,
			 const char *release, uint64_t stext, struct vmlinux *ret,
			 struct err *err)
{
	char path[PATH_MAX];
	struct err why = { 0 };
	int r = find_installed(debug_files_directory(files), build_id, release, stext,
			       ret, &why);

	if (r == 0 || !files->may_fetch) {
		if (r < 0 && err)
			*err = why;
		return r;
	}
	if (!build_id)
		return err_set(err, ERR_NOTFOUND,
			       "the dump has no build id to ask debuginfod for");
	r = debuginfod_fetch(build_id, path, err);
	return r < 0 ? r : vmlinux_check(path, build_id, stext, ret, err);
}

int vmlinux_find(struct kernel *kernel, const struct debug_files *files,
		 struct vmlinux *ret, struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	struct kernel_utsname names = { 0 };
	const char *build_id = vmcoreinfo_get(info, "BUILD-ID");
	uint64_t stext;
	int r = kernel_symbol(kernel, "_stext", &stext, err);

	if (r < 0)
		return err_in(err, r, "where the kernel lay");
	if (build_id && !debug_elf_is_build_id(build_id))
		build_id = NULL;
	if (files->vmlinux)
		return vmlinux_check(files->vmlinux, build_id, stext, ret, err);
	kernel_utsname(kernel, &names, NULL);
	return find_anywhere(files, build_id, names.release, stext, ret, err);
}
