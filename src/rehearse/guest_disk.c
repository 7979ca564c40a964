// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/guest_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "base/size.h"
#include "base/text.h"
#include "prepare/capture_image.h"
#include "prepare/initramfs.h"
#include "prepare/kernel_image.h"
#include "prepare/module_set.h"
#include "rehearse/guest_lines.h"
#include "rehearse/process.h"

#define DISK_BASE_MIB	   256 /* programs, libraries, kernel, the file system itself */
#define TREE_DEPTH_MAX	   32
#define COPY_CHUNK	   ((size_t)1 << 20)
#define LIBRARY_PATH_LIMIT 4096
#define CONFIG_LIMIT	   ((size_t)1 << 20)

/* What QEMU's disks need, in any kernel: built in, or a module. */
static const char *const disk_modules[] = { "virtio_pci", "virtio_blk", "ext4" };

static int path_format(char ret[static PATH_MAX], struct err *err, const char *fmt, ...)
	PRINTF(3, 4);

static int path_format(char ret[static PATH_MAX], struct err *err, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret, PATH_MAX, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "the path '%.64s...' is too long", ret);
	return 0;
}

/* ---- which kernel ---- */

/* The release of DIR/boot/vmlinuz-RELEASE where there is one only. */
static int find_release(const char *root, char *ret, size_t size, struct err *err)
{
	_cleanup_text struct text all = { 0 };
	char path[PATH_MAX];
	struct utsname name;
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	if (!root[0]) {
		uname(&name);
		snprintf(ret, size, "%.64s", name.release);
		return 0;
	}
	if (path_format(path, err, "%s/lib/modules", root) < 0)
		return ERR_LIMIT;
	dir = opendir(path);
	if (!dir)
		return err_os(err, errno, "no kernel below '%s': unable to open '%s'",
			      root, path);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		snprintf(ret, size, "%.64s", entry->d_name);
		text_add(&all, " %s", entry->d_name);
	}
	closedir(dir);
	if (count != 1)
		return err_set(err, ERR_INVALID,
			       "'%s' has %zu kernels, and it is not clear which:%s", path,
			       count, text_get(&all));
	return 0;
}

int guest_disk_find_kernel(const char *root, struct guest_disk *ret, struct err *err)
{
	struct kernel_image image;
	bool is_own = !root || !root[0] || strcmp(root, "/") == 0;
	int r;

	if (is_own)
		root = "";
	r = find_release(root, ret->release, sizeof(ret->release), err);
	if (r == 0)
		r = kernel_image_find(root, "", ret->release, &image, err);
	if (r == 0) {
		snprintf(ret->kernel, sizeof(ret->kernel), "%s", image.path);
		r = path_format(ret->modules, err, "%s/lib/modules/%s", root,
				ret->release);
		if (r == 0 && access(ret->modules, R_OK) < 0)
			r = err_os(err, errno, "unable to open '%s'", ret->modules);
	}
	if (r < 0 && is_own)
		return err_in(
			err, r,
			"this machine's own kernel can't be rehearsed (unpack a "
			"kernel package, `dpkg-deb -x linux-image-*.deb DIR`, and use "
			"--kernel-root DIR)");
	return r;
}

/* ---- the tree ---- */

static int tree_path(const char *tree, const char *path, char ret[static PATH_MAX],
		     struct err *err)
{
	char parent[PATH_MAX];
	char *slash;

	int r = path_format(ret, err, "%s%s", tree, path);

	if (r < 0)
		return r;
	memcpy(parent, ret, PATH_MAX);
	slash = strrchr(parent, '/');
	*slash = '\0';
	return dir_make_path(parent, 0755, err);
}

static int copy_bytes(int from, int to, struct err *err)
{
	_cleanup_free char *chunk = malloc(COPY_CHUNK);
	ssize_t n;

	if (!chunk)
		return err_nomem(err);
	while ((n = read(from, chunk, COPY_CHUNK)) > 0) {
		int r = fd_write_full(to, chunk, (size_t)n, err);

		if (r < 0)
			return r;
	}
	return n < 0 ? err_os(err, errno, "unable to read") : 0;
}

static int tree_copy(const char *tree, const char *source, const char *path, mode_t mode,
		     struct err *err)
{
	_cleanup_fd int from = open(source, O_RDONLY | O_CLOEXEC);
	_cleanup_fd int to = -1;
	char target[PATH_MAX];
	int r;

	if (from < 0)
		return err_os(err, errno, "unable to open '%s'", source);
	r = tree_path(tree, path, target, err);
	if (r < 0)
		return r;
	to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (to < 0)
		return err_os(err, errno, "unable to create '%s'", target);
	r = copy_bytes(from, to, err);
	if (r == 0 && fchmod(to, mode) < 0)
		r = err_os(err, errno, "unable to set the mode");
	if (r == 0)
		r = fd_close(&to, err);
	return r < 0 ? err_in(err, r, "copying '%s' to '%s'", source, target) : 0;
}

static int tree_write(const char *tree, const char *path, const struct text *text,
		      struct err *err)
{
	char target[PATH_MAX];
	int r = text_check(text, err);

	if (r == 0)
		r = tree_path(tree, path, target, err);
	if (r == 0)
		r = file_replace(AT_FDCWD, target, text_get(text), text->size, 0644, err);
	return r;
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	remove(path);
	return 0;
}

void guest_disk_remove_tree(const char *path)
{
	nftw(path, remove_entry, TREE_DEPTH_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- what is in it ---- */

struct library_copy {
	const char *tree;
	struct text *path; /* "DIR:DIR" of all libraries */
	struct err *err;
	int result;
};

/* The loader has found our libraries already: what it mapped is what the guest needs. */
static int copy_library(struct dl_phdr_info *info, size_t size, void *context)
{
	struct library_copy *copy = context;
	const char *name = info->dlpi_name;
	_cleanup_free char *dir = NULL;

	// The program itself has no name, the vDSO no path.
	if (!name || name[0] != '/')
		return 0;
	copy->result = tree_copy(copy->tree, name, name, 0755, copy->err);
	dir = strndup(name, (size_t)(strrchr(name, '/') - name));
	if (!dir)
		copy->result = err_nomem(copy->err);
	else if (!strstr(text_get(copy->path), dir))
		text_add(copy->path, "%s%s", copy->path->size ? ":" : "", dir);
	return copy->result;
}

static int put_programs(const char *tree, struct text *library_path, struct err *err)
{
	struct library_copy copy = { .tree = tree, .path = library_path, .err = err };
	char capture[PATH_MAX];
	int r;

	library_path->limit = LIBRARY_PATH_LIMIT;
	r = tree_copy(tree, "/proc/self/exe", GUEST_EPITAPH, 0755, err);
	if (r == 0)
		r = capture_image_find_program("epitaph-capture", capture, err);
	if (r == 0)
		r = tree_copy(tree, capture, GUEST_CAPTURE, 0755, err);
	if (r < 0)
		return r;
	dl_iterate_phdr(copy_library, &copy);
	return copy.result;
}

/* depmod's index files say what there is; of the modules only the needed ones are there.
 */
static int put_modules(const struct guest_disk *disk, const char *tree,
		       const struct module_set *set, struct err *err)
{
	size_t prefix = strlen(disk->modules);
	DIR *dir = opendir(disk->modules);
	char source[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_os(err, errno, "unable to open '%s'", disk->modules);
	while (r == 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "modules.", strlen("modules.")) != 0)
			continue;
		r = path_format(source, err, "%s/%s", disk->modules, entry->d_name);
		if (r == 0)
			r = path_format(path, err, "/lib/modules/%s/%s", disk->release,
					entry->d_name);
		if (r == 0)
			r = tree_copy(tree, source, path, 0644, err);
	}
	closedir(dir);
	for (size_t i = 0; r == 0 && i < module_set_count(set); i++) {
		const char *file = module_set_path(set, i);

		if (strncmp(file, disk->modules, prefix) != 0)
			return err_set(err, ERR_INVALID, "the module '%s' is not in '%s'",
				       file, disk->modules);
		r = path_format(path, err, "/lib/modules/%s%s", disk->release,
				file + prefix);
		if (r == 0)
			r = tree_copy(tree, file, path, 0644, err);
	}
	return r;
}

/*
 * The configuration as it is, mistakes and all; behind it, where it wins, what this
 * rehearsal wants otherwise, and no paths of a kernel that only this machine has.
 */
static int put_config(const struct rehearse_options *options, const char *tree,
		      struct err *err)
{
	_cleanup_text struct text text = { 0 };
	_cleanup_free char *own = NULL;
	size_t size = 0;
	int r;

	r = file_read(AT_FDCWD, options->config_path, CONFIG_LIMIT, &own, &size, err);
	if (r == ERR_OS && access(options->config_path, F_OK) < 0)
		r = 0;
	if (r < 0)
		return r;
	if (own)
		text_add_bytes(&text, own, size);
	text_add(&text,
		 "\n[capture]\nmode = %s\nend = %s\n[kernel]\nimage =\nmodules =\n",
		 orders_mode_name(options->config->mode),
		 orders_end_name(options->config->end));
	return tree_write(tree, CONFIG_PATH, &text, err);
}

static int put_job(const struct rehearse_options *options, const char *tree,
		   const char *marker, const char *library_path, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	const char *arguments = options->module_args ? options->module_args : "";
	const char *archive = options->config->archive;

	if (strchr(arguments, '\n') || strchr(archive, '\n'))
		return err_set(err, ERR_INVALID, "a newline in the module's arguments");
	text_add(&text,
		 "marker=%s\ntrigger=%s\nmodule_args=%s\narchive=%s\nlibrary_path=%s\n",
		 marker, rehearse_trigger_name(options->trigger), arguments, archive,
		 library_path);
	return tree_write(tree, GUEST_JOB, &text, err);
}

/* Directories that a real system has, and that nobody makes. */
static int put_directories(const struct rehearse_options *options, const char *tree,
			   struct err *err)
{
	static const char *const directories[] = { "/proc/",	"/sys/", "/dev/",
						   "/tmp/",	"/run/", "/var/",
						   "/var/lib/", "/boot/" };
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(directories); i++)
		r = tree_path(tree, directories[i], path, err);
	// The panic log's directory: `epitaph collect` makes the file, not the way to it.
	if (r == 0 && options->config->panic_log[0])
		r = tree_path(tree, options->config->panic_log, path, err);
	return r;
}

/* The user's own files, where they lie there. Links are not followed. */
static int put_tree(const char *from, const char *tree, const char *below, int depth,
		    struct err *err)
{
	char directory[PATH_MAX], source[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int r = path_format(directory, err, "%s%s", from, below);

	if (r == 0 && depth > TREE_DEPTH_MAX)
		r = err_set(err, ERR_LIMIT, "'%s' is deeper than %d directories",
			    directory, TREE_DEPTH_MAX);
	if (r < 0)
		return r;
	dir = opendir(directory);
	if (!dir)
		return err_os(err, errno, "unable to open '%s'", directory);
	while (r == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = path_format(path, err, "%s/%s", below, entry->d_name);
		if (r == 0)
			r = path_format(source, err, "%s%s", from, path);
		if (r == 0 && lstat(source, &st) < 0)
			r = err_os(err, errno, "unable to look at '%s'", source);
		if (r == 0 && S_ISDIR(st.st_mode))
			r = put_tree(from, tree, path, depth + 1, err);
		else if (r == 0 && S_ISREG(st.st_mode))
			r = tree_copy(tree, source, path, st.st_mode & 0777, err);
	}
	closedir(dir);
	return r;
}

static int make_tree(const struct rehearse_options *options,
		     const struct guest_disk *disk, const struct module_set *set,
		     const char *tree, const char *marker, struct err *err)
{
	_cleanup_text struct text library_path = { 0 };
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "/boot/vmlinuz-%s", disk->release);
	r = put_directories(options, tree, err);
	if (r == 0)
		r = tree_copy(tree, disk->kernel, path, 0644, err);
	if (r == 0)
		r = put_programs(tree, &library_path, err);
	if (r == 0)
		r = put_modules(disk, tree, set, err);
	if (r == 0)
		r = put_config(options, tree, err);
	if (r == 0)
		r = put_job(options, tree, marker, text_get(&library_path), err);
	if (r == 0 && options->tree)
		r = put_tree(options->tree, tree, "", 0, err);
	if (r == 0 && options->trigger == REHEARSE_MODULE)
		r = tree_copy(tree, options->module, GUEST_MODULE, 0644, err);
	return r;
}

/* ---- the disk and the initramfs ---- */

static int make_disk(const struct rehearse_options *options, const char *tree,
		     const char *path, struct err *err)
{
	_cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char mkfs[PATH_MAX];
	const char *argv[] = { mkfs, "-q", "-F", "-m", "0", "-d", tree, path, NULL };
	uint64_t size =
		(options->disk_mib ? options->disk_mib
				   : (uint64_t)options->memory_mib + DISK_BASE_MIB) *
		MIB;
	int r = process_find("mkfs.ext4", "e2fsprogs", mkfs, err);

	if (r < 0)
		return r;
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_os(err, errno, "unable to create '%s'", path);
	return process_run(argv, options->cancel, err);
}

static int add_module(struct initramfs *image, const struct module_set *set, size_t i,
		      struct err *err)
{
	_cleanup_free uint8_t *data = NULL;
	char name[128];
	size_t size;
	int r = module_file_read(module_set_path(set, i), &data, &size, err);

	snprintf(name, sizeof(name), "%s/%03zu-%.64s.ko", &GUEST_MODULES_DIR[1], i,
		 module_set_name(set, i));
	return r < 0 ? r : initramfs_add_file(image, name, 0644, data, size, err);
}

static int fill_initramfs(struct initramfs *image, const struct module_set *set,
			  struct err *err)
{
	static const char *const directories[] = { "dev", "proc", "sys", "disk",
						   &GUEST_MODULES_DIR[1] };
	_cleanup_free uint8_t *program = NULL;
	char path[PATH_MAX];
	size_t size;
	int r = capture_image_find_program("epitaph-guest", path, err);

	if (r == 0)
		r = capture_image_read_program(path, &program, &size, err);
	if (r == 0)
		r = initramfs_add_file(image, "init", 0755, program, size, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(directories); i++)
		r = initramfs_add_directory(image, directories[i], 0755, err);
	if (r == 0)
		r = initramfs_add_node(image, "dev/console", S_IFCHR | 0600, 5, 1, err);
	for (size_t i = 0; r == 0 && i < module_set_count(set); i++)
		r = add_module(image, set, i, err);
	return r;
}

static int make_initramfs(const char *path, const struct module_set *set, struct err *err)
{
	_cleanup_initramfs struct initramfs *image = NULL;
	_cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	uint64_t unpacked;
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", path);
	r = initramfs_new(fd, &image, err);
	if (r == 0)
		r = fill_initramfs(image, set, err);
	if (r == 0)
		r = initramfs_finish(image, &unpacked, err);
	if (r == 0)
		r = fd_close(&fd, err);
	return r;
}

static int add_modules(const struct rehearse_options *options, struct module_set *set,
		       struct err *err)
{
	_cleanup_free char *more = strdup(options->load ? options->load : "");
	char *word, *rest;
	int r = more ? 0 : err_nomem(err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(disk_modules); i++)
		r = module_set_add(set, disk_modules[i], err);
	if (r < 0)
		return r;
	for (word = strtok_r(more, " ", &rest); r == 0 && word;
	     word = strtok_r(NULL, " ", &rest))
		r = module_set_add(set, word, err);
	return r;
}

int guest_disk_make(const struct rehearse_options *options, const char *work,
		    const char *marker, struct guest_disk *disk, struct err *err)
{
	_cleanup_module_set struct module_set *set = NULL;
	char tree[PATH_MAX];
	int r;

	r = path_format(tree, err, "%s/tree", work);
	if (r == 0)
		r = path_format(disk->disk, err, "%s/disk.img", work);
	if (r == 0)
		r = path_format(disk->initrd, err, "%s/initrd", work);
	if (r == 0)
		r = module_set_new(disk->modules, &set, err);
	if (r == 0)
		r = add_modules(options, set, err);
	if (r == 0)
		r = make_initramfs(disk->initrd, set, err);
	if (r == 0)
		r = make_tree(options, disk, set, tree, marker, err);
	if (r == 0)
		r = make_disk(options, tree, disk->disk, err);
	guest_disk_remove_tree(tree);
	return r;
}

int guest_disk_take(const char *disk, const char *path, const char *to,
		    const volatile sig_atomic_t *cancel, struct err *err)
{
	char debugfs[PATH_MAX], request[2 * PATH_MAX];
	const char *argv[] = { debugfs, "-R", request, disk, NULL };
	int r = process_find("debugfs", "e2fsprogs", debugfs, err);

	if (r < 0)
		return r;
	// debugfs has its own quoting, and no way to say a quote.
	if (strchr(path, '"') || strchr(to, '"'))
		return err_set(err, ERR_INVALID, "'%s' or '%s' holds a quote", path, to);
	if (snprintf(request, sizeof(request), "rdump \"%s\" \"%s\"", path, to) >=
	    (int)sizeof(request))
		return err_set(err, ERR_LIMIT, "'%s' is too long", path);
	return process_run(argv, cancel, err);
}
