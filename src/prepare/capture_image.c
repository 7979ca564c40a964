// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/capture_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/size.h"
#include "prepare/initramfs.h"

#define PROGRAM_LIBEXEC	  "/usr/libexec/epitaph"
#define PROGRAM_MAX_BYTES ((size_t)64 << 20)

/* ---- the program ---- */

static bool program_is_in(const char *directory, size_t length, const char *name,
			  char ret[static PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%.*s/%s", (int)length, directory, name) <
		       PATH_MAX &&
	       access(ret, R_OK) == 0;
}

int capture_image_find_program(const char *name, char ret[static PATH_MAX],
			       struct err *err)
{
	const char *forced = secure_getenv("EPITAPH_LIBEXEC");
	char self[PATH_MAX], path[PATH_MAX];
	const char *slash;
	ssize_t n;

	if (forced && forced[0]) {
		if (!program_is_in(forced, strlen(forced), name, path))
			return err_set(
				err, ERR_NOTFOUND,
				"no '%s' in '%.256s', which $EPITAPH_LIBEXEC names", name,
				forced);
		memcpy(ret, path, sizeof(path));
		return 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[MAX(n, 0)] = '\0';
	slash = strrchr(self, '/');
	if ((slash && program_is_in(self, (size_t)(slash - self), name, path)) ||
	    program_is_in(PROGRAM_LIBEXEC, strlen(PROGRAM_LIBEXEC), name, path)) {
		memcpy(ret, path, sizeof(path));
		return 0;
	}
	return err_set(err, ERR_NOTFOUND,
		       "no '%s' beside this program, nor in " PROGRAM_LIBEXEC, name);
}

/* ERR_CORRUPT if a segment lies outside of the file. */
static int program_end(const uint8_t *data, size_t size, size_t *ret, struct err *err)
{
	Elf64_Ehdr header;
	uint64_t end, table;

	memcpy(&header, data, sizeof(header));
	if (header.e_phentsize != sizeof(Elf64_Phdr) ||
	    !u64_add(header.e_phoff, (uint64_t)header.e_phnum * sizeof(Elf64_Phdr),
		     &table) ||
	    table > size)
		return err_set(err, ERR_CORRUPT, "has no whole program header");
	end = MAX(table, sizeof(header));
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		uint64_t segment_end;

		memcpy(&segment, data + header.e_phoff + i * sizeof(segment),
		       sizeof(segment));
		if (segment.p_type == PT_INTERP)
			return err_set(
				err, ERR_INVALID,
				"needs a dynamic loader, and there is none in the crash "
				"kernel; build it with static linking");
		if (!u64_add(segment.p_offset, segment.p_filesz, &segment_end) ||
		    segment_end > size)
			return err_set(err, ERR_CORRUPT,
				       "a segment ends behind the file");
		if (segment.p_filesz)
			end = MAX(end, segment_end);
	}
	*ret = end;
	return 0;
}

int capture_image_read_program(const char *path, uint8_t **ret, size_t *ret_size,
			       struct err *err)
{
	_cleanup_free char *data = NULL;
	size_t size, end = 0;
	Elf64_Ehdr header;
	int r;

	r = file_read(AT_FDCWD, path, PROGRAM_MAX_BYTES, &data, &size, err);
	if (r < 0)
		return r;
	if (size < sizeof(header) || memcmp(data, ELFMAG, SELFMAG) != 0 ||
	    data[EI_CLASS] != ELFCLASS64 || data[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_INVALID, "'%s' is no 64 bit ELF program", path);
	r = program_end((const uint8_t *)data, size, &end, err);
	if (r < 0)
		return err_in(err, r, "the program '%s'", path);
	// The table of sections lies behind the end: say that there is none.
	memcpy(&header, data, sizeof(header));
	header.e_shoff = 0;
	header.e_shnum = 0;
	header.e_shstrndx = SHN_UNDEF;
	memcpy(data, &header, sizeof(header));
	*ret = (uint8_t *)take_ptr(data);
	*ret_size = end;
	return 0;
}

/* ---- the image ---- */

static int image_add_skeleton(struct initramfs *image, struct err *err)
{
	static const char *const directories[] = { "dev",     "etc",  "etc/epitaph",
						   "modules", "proc", "sys",
						   "target",  "tmp" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(directories); i++)
		r = initramfs_add_directory(image, directories[i], 0755, err);
	// The kernel opens /dev/console for PID 1 before anything can mount a devtmpfs.
	if (r == 0)
		r = initramfs_add_node(image, "dev/console", S_IFCHR | 0600, 5, 1, err);
	if (r == 0)
		r = initramfs_add_node(image, "dev/null", S_IFCHR | 0666, 1, 3, err);
	return r;
}

static int image_add_program(struct initramfs *image, const char *program,
			     struct err *err)
{
	_cleanup_free uint8_t *data = NULL;
	size_t size;
	int r = capture_image_read_program(program, &data, &size, err);

	if (r == 0)
		r = initramfs_add_file(image, "init", 0755, data, size, err);
	return r;
}

static int image_add_module(struct initramfs *image, const struct module_set *modules,
			    size_t i, struct orders *orders, struct err *err)
{
	_cleanup_free uint8_t *data = NULL;
	char name[256];
	size_t size;
	int r;

	if (snprintf(name, sizeof(name), "/modules/%02zu-%s.ko", i,
		     module_set_name(modules, i)) >= (int)sizeof(name))
		return err_set(err, ERR_LIMIT, "the name of module %zu is too long", i);
	r = module_file_read(module_set_path(modules, i), &data, &size, err);
	if (r == 0)
		r = initramfs_add_file(image, name + 1, 0644, data, size, err);
	if (r == 0)
		r = orders_add_module(orders, name, err);
	return r;
}

static int image_add_orders(struct initramfs *image, const struct orders *orders,
			    struct err *err)
{
	_cleanup_text struct text json = { 0 };
	int r = orders_format(orders, &json, err);

	if (r == 0)
		r = initramfs_add_file(image, &ORDERS_PATH[1], 0600, text_get(&json),
				       json.size, err);
	return r;
}

/* The directories on the way to @name, where they are not there yet. */
static int image_add_way(struct initramfs *image, const char *name, struct text *made,
			 struct err *err)
{
	char directory[PATH_MAX], entry[PATH_MAX + 2];
	int r = 0;

	for (const char *slash = strchr(name + 1, '/'); r == 0 && slash;
	     slash = strchr(slash + 1, '/')) {
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - name - 1),
			 name + 1);
		snprintf(entry, sizeof(entry), "\n%s\n", directory);
		if (strstr(text_get(made), entry))
			continue;
		text_add(made, "%s\n", directory);
		r = initramfs_add_directory(image, directory, 0755, err);
	}
	return r;
}

static int image_add_hooks(struct initramfs *image, const struct hook_files *hooks,
			   struct err *err)
{
	_cleanup_text struct text made = { 0 };
	int r = 0;

	text_add(&made, "\ndev\netc\netc/epitaph\nproc\nsys\ntarget\ntmp\nmodules\n");
	for (size_t i = 0; hooks && r == 0 && i < hooks->count; i++) {
		const struct hook_file *file = &hooks->files[i];
		_cleanup_free char *data = NULL;
		size_t size;

		r = file_read(AT_FDCWD, file->source, HOOK_PROGRAM_BYTES, &data, &size,
			      err);
		if (r == 0)
			r = image_add_way(image, file->name, &made, err);
		if (r == 0)
			r = initramfs_add_file(image, &file->name[1], file->mode, data,
					       size, err);
	}
	return r < 0 ? r : text_check(&made, err);
}

int capture_image_write(int fd, const char *program, const struct module_set *modules,
			const struct hook_files *hooks, struct orders *orders,
			struct capture_image_size *ret, struct err *err)
{
	_cleanup_initramfs struct initramfs *image = NULL;
	uint64_t unpacked = 0;
	struct stat st;
	int r = initramfs_new(fd, &image, err);

	if (r == 0)
		r = image_add_skeleton(image, err);
	if (r == 0)
		r = image_add_program(image, program, err);
	for (size_t i = 0; r == 0 && i < module_set_count(modules); i++)
		r = image_add_module(image, modules, i, orders, err);
	if (r == 0)
		r = image_add_hooks(image, hooks, err);
	if (r == 0)
		r = image_add_orders(image, orders, err);
	if (r == 0)
		r = initramfs_finish(image, &unpacked, err);
	if (r == 0 && fstat(fd, &st) < 0)
		r = err_os(err, errno, "unable to look at what was written");
	if (r < 0)
		return err_in(err, r, "building the capture image");
	ret->file_bytes = (uint64_t)st.st_size;
	ret->unpacked_bytes = unpacked;
	return 0;
}
