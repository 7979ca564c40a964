// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places: Debian's -dbg packages (.build-id, boot/vmlinux-RELEASE), Fedora's
 * kernel-debuginfo (lib/modules/RELEASE/vmlinux).
 */
#include "debuginfo/vmlinux.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>

#include "kernel/vmcoreinfo.h"

#define BUILD_ID_MAX   64
#define SECTIONS_MAX   (64 << 10)
#define SYMBOLS_MAX    (16 << 20)
#define KERNEL_MAP_MIN UINT64_C(0x8000000000000000)

static void elf_endp(Elf **elf)
{
	elf_end(*elf);
}

/* "gnu"'s note of the build id in one section, in hexadecimal. */
static bool read_build_id(Elf_Scn *section, char ret[BUILD_ID_MAX * 2 + 1])
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t offset = 0, name, desc;
	GElf_Nhdr note;

	while (data && (offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0) {
		const uint8_t *bytes = (const uint8_t *)data->d_buf + desc;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp((const char *)data->d_buf + name, "GNU", sizeof("GNU")) != 0 ||
		    note.n_descsz > BUILD_ID_MAX)
			continue;
		for (size_t i = 0; i < note.n_descsz; i++)
			snprintf(ret + i * 2, 3, "%02x", bytes[i]);
		return true;
	}
	return false;
}

static bool read_stext(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, uint64_t *ret)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Sym symbol;

	for (size_t i = 0; data && i < MIN(count, (size_t)SYMBOLS_MAX); i++) {
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol))
			return false;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name && strcmp(name, "_stext") == 0) {
			*ret = symbol.st_value;
			return true;
		}
	}
	return false;
}

/* What is to be known of the file. */
struct elf_facts {
	char build_id[BUILD_ID_MAX * 2 + 1];
	bool has_build_id, has_stext;
	uint64_t stext;
};

static int read_facts(const char *path, struct elf_facts *ret, struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(elf_endp) Elf *elf = NULL;
	struct elf_facts facts = { 0 };
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return err_set(err, ERR_CORRUPT, "'%s' is no ELF file", path);
	for (int i = 0; i < SECTIONS_MAX && (section = elf_nextscn(elf, section)); i++) {
		if (!gelf_getshdr(section, &header))
			continue;
		if (header.sh_type == SHT_NOTE && !facts.has_build_id)
			facts.has_build_id = read_build_id(section, facts.build_id);
		if (header.sh_type == SHT_SYMTAB)
			facts.has_stext = read_stext(elf, section, &header, &facts.stext);
	}
	*ret = facts;
	return 0;
}

int vmlinux_check(const char *path, const char *build_id, uint64_t stext_vaddr,
		  struct vmlinux *ret, struct err *err)
{
	struct elf_facts facts = { 0 };
	int r = read_facts(path, &facts, err);

	if (r < 0)
		return r;
	if (!facts.has_stext || facts.stext < KERNEL_MAP_MIN)
		return err_set(err, ERR_INVALID, "'%s' has no symbols of a kernel", path);
	if (build_id && facts.has_build_id && strcmp(build_id, facts.build_id) != 0)
		return err_set(err, ERR_INVALID,
			       "'%s' is another kernel's: its build id is %s, the "
			       "dump's is %s",
			       path, facts.build_id, build_id);
	if (strlen(path) >= sizeof(ret->path))
		return err_set(err, ERR_LIMIT, "'%s' is too long a path", path);
	strcpy(ret->path, path);
	ret->offset = stext_vaddr - facts.stext;
	ret->is_verified = build_id && facts.has_build_id;
	return 0;
}

/* The places where it may be; "" where one can't be told. */
static void make_places(const char *build_id, const char *release, char ret[3][PATH_MAX])
{
	memset(ret, 0, 3 * sizeof(ret[0]));
	if (build_id && strlen(build_id) > 2)
		snprintf(ret[0], PATH_MAX, "/usr/lib/debug/.build-id/%.2s/%s.debug",
			 build_id, build_id + 2);
	if (!release[0] || strchr(release, '/'))
		return;
	snprintf(ret[1], PATH_MAX, "/usr/lib/debug/boot/vmlinux-%s", release);
	snprintf(ret[2], PATH_MAX, "/usr/lib/debug/lib/modules/%s/vmlinux", release);
}

static int find_installed(const char *build_id, const char *release, uint64_t stext,
			  struct vmlinux *ret, struct err *err)
{
	char places[3][PATH_MAX];

	make_places(build_id, release, places);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i][0] &&
		    vmlinux_check(places[i], build_id, stext, ret, NULL) == 0)
			return 0;
	return err_set(err, ERR_NOTFOUND, "no vmlinux of '%s' is below /usr/lib/debug",
		       release);
}

/* Hexadecimal digits alone: it becomes part of a path. */
static bool is_build_id(const char *text)
{
	size_t size = strlen(text);

	return size > 2 && size <= (size_t)BUILD_ID_MAX * 2 &&
	       strspn(text, "0123456789abcdef") == size;
}

int vmlinux_find(struct kernel *kernel, const char *path, struct vmlinux *ret,
		 struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	struct kernel_utsname names = { 0 };
	const char *build_id = vmcoreinfo_get(info, "BUILD-ID");
	uint64_t stext;
	int r = kernel_symbol(kernel, "_stext", &stext, err);

	if (r < 0)
		return err_in(err, r, "where the kernel lay");
	if (build_id && !is_build_id(build_id))
		build_id = NULL;
	if (path)
		return vmlinux_check(path, build_id, stext, ret, err);
	kernel_utsname(kernel, &names, NULL);
	return find_installed(build_id, names.release, stext, ret, err);
}
