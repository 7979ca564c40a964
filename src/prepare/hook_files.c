// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/hook_files.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/trust.h"
#include "base/size.h"

#define HOOK_PHDR_MAX	 128
#define HOOK_DYNAMIC_MAX 4096
#define HOOK_CONF_MAX	 64 /* lines of ld.so.conf.d that name a directory */
#define HOOK_CONF_BYTES	 ((size_t)64 << 10)

/* ---- an ELF file ---- */

static const char *elf_string(const uint8_t *data, uint64_t size, uint64_t offset)
{
	if (offset >= size || !memchr(data + offset, '\0', size - offset))
		return NULL;
	return (const char *)data + offset;
}

/* Where @vaddr lies in the file. */
static bool elf_offset(const Elf64_Phdr *headers, size_t count, uint64_t vaddr,
		       uint64_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		const Elf64_Phdr *h = &headers[i];

		if (h->p_type == PT_LOAD && vaddr >= h->p_vaddr &&
		    vaddr - h->p_vaddr < h->p_filesz)
			return u64_add(h->p_offset, vaddr - h->p_vaddr, ret);
	}
	return false;
}

static int elf_dynamic(const uint8_t *data, size_t size, const Elf64_Phdr *headers,
		       size_t count, const Elf64_Phdr *dynamic, struct hook_elf *ret,
		       struct err *err)
{
	uint64_t strings = 0, at, end;
	bool has_strings = false;

	if (!u64_add(dynamic->p_offset, dynamic->p_filesz, &end) || end > size)
		return err_set(err, ERR_CORRUPT,
			       "the dynamic section ends behind the "
			       "file");
	// First where the strings are, then the strings.
	for (int pass = 0; pass < 2; pass++) {
		at = dynamic->p_offset;
		for (int i = 0; i < HOOK_DYNAMIC_MAX && at + sizeof(Elf64_Dyn) <= end;
		     i++, at += sizeof(Elf64_Dyn)) {
			const char *text;
			Elf64_Dyn entry;

			memcpy(&entry, data + at, sizeof(entry));
			if (entry.d_tag == DT_NULL)
				break;
			if (pass == 0 && entry.d_tag == DT_STRTAB)
				has_strings = elf_offset(headers, count, entry.d_un.d_ptr,
							 &strings);
			if (pass == 0 ||
			    (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RUNPATH &&
			     entry.d_tag != DT_RPATH))
				continue;
			text = has_strings && entry.d_un.d_val < size
				       ? elf_string(data, size,
						    strings + entry.d_un.d_val)
				       : NULL;
			if (!text)
				return err_set(err, ERR_CORRUPT,
					       "a name lies out of the file");
			if (entry.d_tag != DT_NEEDED) {
				if (entry.d_tag == DT_RUNPATH || !ret->run_path)
					ret->run_path = text;
			} else if (ret->needed_count < HOOK_NEEDED_MAX) {
				ret->needed[ret->needed_count++] = text;
			} else {
				return err_set(err, ERR_LIMIT,
					       "it needs more than %d libraries",
					       HOOK_NEEDED_MAX);
			}
		}
	}
	return 0;
}

int hook_elf_parse(const uint8_t *data, size_t size, struct hook_elf *ret,
		   struct err *err)
{
	Elf64_Phdr headers[HOOK_PHDR_MAX];
	Elf64_Ehdr header;
	uint64_t end;
	int r = 0;

	*ret = (struct hook_elf){ 0 };
	if (size < sizeof(header) || memcmp(data, ELFMAG, SELFMAG) != 0)
		return err_set(err, ERR_NOTFOUND, "it is no ELF file");
	memcpy(&header, data, sizeof(header));
	if (data[EI_CLASS] != ELFCLASS64 || data[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_UNSUPPORTED, "it is no 64 bit ELF file");
	if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > HOOK_PHDR_MAX ||
	    !u64_add(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), &end) ||
	    end > size)
		return err_set(err, ERR_CORRUPT, "it has no whole program header");
	memcpy(headers, data + header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
	for (size_t i = 0; r == 0 && i < header.e_phnum; i++) {
		if (headers[i].p_type == PT_INTERP) {
			ret->interpreter = elf_string(data, size, headers[i].p_offset);
			if (!ret->interpreter || ret->interpreter[0] != '/')
				r = err_set(err, ERR_CORRUPT, "its loader has no name");
		} else if (headers[i].p_type == PT_DYNAMIC) {
			r = elf_dynamic(data, size, headers, header.e_phnum, &headers[i],
					ret, err);
		}
	}
	return r;
}

int hook_script_parse(const uint8_t *data, size_t size, char ret[static PATH_MAX],
		      struct err *err)
{
	size_t at = 2, length = 0;

	if (size < 3 || data[0] != '#' || data[1] != '!')
		return err_set(err, ERR_NOTFOUND, "it is no script");
	while (at < size && (data[at] == ' ' || data[at] == '\t'))
		at++;
	while (at + length < size && length < PATH_MAX - 1 &&
	       !memchr(" \t\r\n", data[at + length], 4) && data[at + length])
		length++;
	if (length == 0 || length >= PATH_MAX - 1 || data[at] != '/')
		return err_set(err, ERR_INVALID, "its first line names no interpreter");
	memcpy(ret, data + at, length);
	ret[length] = '\0';
	return 0;
}

/* ---- what is collected ---- */

struct search {
	const char *root;
	const struct log *log;
	struct hook_files *files;
	char *conf[HOOK_CONF_MAX]; /* directories */
	size_t conf_count;
};

static bool files_have(const struct hook_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->files[i].name, name) == 0)
			return true;
	}
	return false;
}

static int files_add(struct search *search, const char *name, unsigned int mode,
		     struct err *err)
{
	struct hook_files *files = search->files;
	struct hook_file *file = &files->files[files->count];
	char path[PATH_MAX], real[PATH_MAX];

	if (files->count >= HOOK_FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d files", HOOK_FILES_MAX);
	if (snprintf(path, sizeof(path), "%s%s", search->root, name) >= (int)sizeof(path))
		return err_set(err, ERR_LIMIT, "the name '%.64s...' is too long", name);
	if (!realpath(path, real))
		return err_os(err, errno, "unable to find '%s'", path);
	file->source = strdup(real);
	file->name = strdup(name);
	file->mode = mode;
	if (!file->source || !file->name) {
		free(file->source);
		free(file->name);
		return err_nomem(err);
	}
	files->count++;
	return 0;
}

static void files_cut(struct hook_files *files, size_t count)
{
	while (files->count > count) {
		struct hook_file *file = &files->files[--files->count];

		free(file->source);
		free(file->name);
		*file = (struct hook_file){ 0 };
	}
}

void hook_files_done(struct hook_files *files)
{
	files_cut(files, 0);
}

/* ---- where libraries are ---- */

/* Lines of /etc/ld.so.conf.d that name a directory; "include" leads only there. */
static void conf_read(struct search *search)
{
	char directory[PATH_MAX];
	struct dirent **names;
	int count;

	snprintf(directory, sizeof(directory), "%s/etc/ld.so.conf.d", search->root);
	count = scandir(directory, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		_cleanup_free char *text = NULL;
		char path[PATH_MAX + 256];
		char *line, *rest;

		snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		free(names[i]);
		if (file_read(AT_FDCWD, path, HOOK_CONF_BYTES, &text, NULL, NULL) < 0)
			continue;
		for (line = strtok_r(text, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			if (line[0] == '/' && search->conf_count < HOOK_CONF_MAX)
				search->conf[search->conf_count++] = strdup(line);
		}
	}
	if (count >= 0)
		free(names);
}

static bool library_in(const struct search *search, const char *directory, size_t length,
		       const char *name, char ret[static PATH_MAX])
{
	char path[PATH_MAX];

	return length &&
	       snprintf(ret, PATH_MAX, "%.*s/%s", (int)length, directory, name) <
		       PATH_MAX &&
	       snprintf(path, sizeof(path), "%s%s", search->root, ret) < PATH_MAX &&
	       access(path, R_OK) == 0;
}

/* The directories of @run_path; $ORIGIN is where @owner lies. */
static bool library_in_run_path(const struct search *search, const char *run_path,
				const char *owner, const char *name,
				char ret[static PATH_MAX])
{
	char origin[PATH_MAX];

	snprintf(origin, sizeof(origin), "%.*s", (int)(strrchr(owner, '/') - owner),
		 owner);
	while (run_path && *run_path) {
		size_t length = strcspn(run_path, ":");
		char directory[PATH_MAX];
		size_t prefix = strncmp(run_path, "$ORIGIN", 7) == 0	 ? 7
				: strncmp(run_path, "${ORIGIN}", 9) == 0 ? 9
									 : 0;

		if (snprintf(directory, sizeof(directory), "%s%.*s", prefix ? origin : "",
			     (int)(length - MIN(prefix, length)),
			     run_path + prefix) < PATH_MAX &&
		    library_in(search, directory, strlen(directory), name, ret))
			return true;
		run_path += length + (run_path[length] == ':');
	}
	return false;
}

static int library_find(const struct search *search, const struct hook_elf *elf,
			const char *owner, const char *name, char ret[static PATH_MAX],
			struct err *err)
{
	static const char *const usual[] = {
		"/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu",
		"/lib/aarch64-linux-gnu",
		"/usr/lib/aarch64-linux-gnu",
		"/lib64",
		"/usr/lib64",
		"/lib",
		"/usr/lib",
	};

	if (strchr(name, '/')) {
		snprintf(ret, PATH_MAX, "%s", name);
		return 0;
	}
	if (library_in_run_path(search, elf->run_path, owner, name, ret))
		return 0;
	for (size_t i = 0; i < search->conf_count; i++) {
		if (search->conf[i] && library_in(search, search->conf[i],
						  strlen(search->conf[i]), name, ret))
			return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (library_in(search, usual[i], strlen(usual[i]), name, ret))
			return 0;
	}
	return err_set(err, ERR_NOTFOUND, "the library '%s' is nowhere", name);
}

/* ---- programs ---- */

static int program_needs(struct search *search, const char *name, const uint8_t *data,
			 size_t size, struct err *err)
{
	char path[PATH_MAX];
	struct hook_elf elf;
	int r = hook_script_parse(data, size, path, NULL);

	if (r == 0)
		return files_have(search->files, path)
			       ? 0
			       : files_add(search, path, 0755, err);
	r = hook_elf_parse(data, size, &elf, err);
	if (r == 0 && elf.interpreter && !files_have(search->files, elf.interpreter))
		r = files_add(search, elf.interpreter, 0755, err);
	for (size_t i = 0; r == 0 && i < elf.needed_count; i++) {
		r = library_find(search, &elf, name, elf.needed[i], path, err);
		if (r == 0 && !files_have(search->files, path))
			r = files_add(search, path, 0755, err);
	}
	return r;
}

/* The list grows at its end while it is gone through: no recursion. */
static int hook_add(struct search *search, const char *name, struct err *err)
{
	size_t start = search->files->count;
	int r = files_add(search, name, 0755, err);

	for (size_t i = start; r == 0 && i < search->files->count; i++) {
		const struct hook_file *file = &search->files->files[i];
		_cleanup_free char *data = NULL;
		size_t size;

		r = file_read(AT_FDCWD, file->source, HOOK_PROGRAM_BYTES, &data, &size,
			      err);
		if (r == 0)
			r = program_needs(search, file->name, (const uint8_t *)data, size,
					  err);
		if (r < 0)
			r = err_in(err, r, "'%s'", file->name);
	}
	if (r < 0)
		files_cut(search->files, start);
	return r;
}

/* Of editors and packages: "x~", ".x", "x.dpkg-old". As run-parts(8). */
static bool hook_name_is_good(const char *name)
{
	return name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
				       "XYZ0123456789_-") == strlen(name);
}

/* The crash kernel runs it as root. Below another root its owners are not ours. */
static int hook_trust(const struct search *search, const char *path, struct err *err)
{
	return search->root[0] ? 0 : trust_path(path, err);
}

static int directory_add(struct search *search, const char *directory, struct err *err)
{
	char path[PATH_MAX], name[PATH_MAX];
	struct dirent **names;
	struct err why = { 0 };
	struct stat st;
	int r = 0, count;

	snprintf(path, sizeof(path), "%s%s", search->root, directory);
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		bool is_file = snprintf(name, sizeof(name), "%s/%s", directory,
					names[i]->d_name) < PATH_MAX &&
			       snprintf(path, sizeof(path), "%s%s", search->root, name) <
				       PATH_MAX &&
			       stat(path, &st) == 0 && S_ISREG(st.st_mode);
		bool is_hook = is_file && (st.st_mode & 0100) &&
			       hook_name_is_good(names[i]->d_name);

		free(names[i]);
		if (r < 0 || !is_file)
			continue;
		r = hook_trust(search, path, &why);
		if (r == 0)
			r = is_hook ? hook_add(search, name, &why)
				    : files_add(search, name, 0644, &why);
		search->files->hook_count += is_hook && r == 0;
		if (r < 0)
			log_warning(search->log, "the hook '%s' is left out: %s", name,
				    err_text(&why));
		r = r == ERR_NOMEM ? r : 0;
	}
	if (count >= 0)
		free(names);
	return r < 0 ? err_nomem(err) : 0;
}

int hook_files_find(const char *root, const struct log *log, struct hook_files *ret,
		    struct err *err)
{
	struct search search = { .root = root, .log = log, .files = ret };
	int r;

	*ret = (struct hook_files){ 0 };
	conf_read(&search);
	r = directory_add(&search, HOOK_DIRECTORY "/pre.d", err);
	if (r == 0)
		r = directory_add(&search, HOOK_DIRECTORY "/post.d", err);
	for (size_t i = 0; i < search.conf_count; i++)
		free(search.conf[i]);
	if (r < 0)
		hook_files_done(ret);
	return r;
}
