// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/open_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/value.h"

static enum open_file_kind kind_of_mode(uint64_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return OPEN_FILE_REGULAR;
	case S_IFDIR:
		return OPEN_FILE_DIRECTORY;
	case S_IFCHR:
		return OPEN_FILE_CHAR;
	case S_IFBLK:
		return OPEN_FILE_BLOCK;
	case S_IFIFO:
		return OPEN_FILE_PIPE;
	case S_IFSOCK:
		return OPEN_FILE_SOCKET;
	case S_IFLNK:
		return OPEN_FILE_LINK;
	default:
		return OPEN_FILE_ANON;
	}
}

/* Pipes and sockets have names that are made when they are asked for (d_dname()). */
static int read_path(struct kernel *kernel, struct open_file *file, struct err *err)
{
	char name[64] = "";
	uint64_t mnt, dentry, super, type, vaddr;
	int r = value_read(kernel, file->vaddr, "file.f_path.mnt", &mnt, err);

	if (r == 0)
		r = value_read(kernel, file->vaddr, "file.f_path.dentry", &dentry, err);
	if (r == 0)
		r = value_read(kernel, mnt, "vfsmount.mnt_sb", &super, err);
	if (r == 0)
		r = value_read(kernel, super, "super_block.s_type", &type, err);
	if (r == 0)
		r = value_read(kernel, type, "file_system_type.name", &vaddr, err);
	if (r == 0)
		r = kernel_read_string(kernel, vaddr, name, sizeof(name), err);
	if (r < 0)
		return r;
	if (!strcmp(name, "pipefs") || !strcmp(name, "sockfs")) {
		snprintf(file->path, sizeof(file->path), "%.4s%s:[%" PRIu64 "]", name,
			 name[0] == 's' ? "et" : "", file->inode);
		return 0;
	}
	if (!strcmp(name, "anon_inodefs")) {
		r = value_read(kernel, dentry, "dentry.d_name.name", &vaddr, err);
		if (r == 0)
			r = kernel_read_string(kernel, vaddr, name, sizeof(name), err);
		snprintf(file->path, sizeof(file->path), "anon_inode:%s", name);
		return r;
	}
	return path_read(kernel, mnt, dentry, file->path, sizeof(file->path), err);
}

static int read_file(struct kernel *kernel, struct open_file *file, struct err *err)
{
	uint64_t inode, mode, flags, pos, private_data;
	int r = value_read(kernel, file->vaddr, "file.f_inode", &inode, err);

	if (r == 0)
		r = value_read(kernel, file->vaddr, "file.f_flags", &flags, err);
	if (r == 0)
		r = value_read(kernel, file->vaddr, "file.f_pos", &pos, err);
	if (r == 0) {
		file->flags = (uint32_t)flags;
		file->pos = (int64_t)pos;
		r = value_read(kernel, inode, "inode.i_mode", &mode, err);
	}
	if (r == 0)
		r = value_read(kernel, inode, "inode.i_ino", &file->inode, err);
	if (r < 0)
		return r;
	file->kind = kind_of_mode(mode);
	r = read_path(kernel, file, err);
	if (r == 0 && !strncmp(file->path, "anon_inode:", 11))
		file->kind = OPEN_FILE_ANON;
	if (r < 0 || file->kind != OPEN_FILE_SOCKET)
		return r;
	r = value_read(kernel, file->vaddr, "file.private_data", &private_data, err);
	if (r == 0)
		r = socket_read(kernel, private_data, &file->socket, err);
	file->has_socket = r == 0;
	return r;
}

void open_file_read(struct kernel *kernel, uint64_t vaddr, struct open_file *ret)
{
	struct open_file file = { .fd = -1, .vaddr = vaddr, .kind = OPEN_FILE_ANON };
	struct err why = { 0 };

	if (read_file(kernel, &file, &why) < 0)
		snprintf(file.unknown, sizeof(file.unknown), "%.159s", err_text(&why));
	*ret = file;
}

/* --- the table ------------------------------------------------------------------- */

struct table {
	uint64_t fds, open; /* arrays: of pointers, and of bits */
	uint64_t count;
};

/* ERR_NOTFOUND: the task has none. */
static int table_read(struct kernel *kernel, uint64_t task_vaddr, struct table *ret,
		      struct err *err)
{
	static const char *const way[] = { "task_struct.files", "files_struct.fdt",
					   NULL };
	struct table table;
	uint64_t fdt;
	int r = value_follow(kernel, task_vaddr, way, &fdt, err);

	if (r == 0)
		r = value_read(kernel, fdt, "fdtable.max_fds", &table.count, err);
	if (r == 0)
		r = value_read(kernel, fdt, "fdtable.fd", &table.fds, err);
	if (r == 0)
		r = value_read(kernel, fdt, "fdtable.open_fds", &table.open, err);
	if (r == 0 && table.count > OPEN_FILE_FD_MAX)
		r = err_set(err, ERR_CORRUPT, "its table has %" PRIu64 " files",
			    table.count);
	if (r == 0)
		*ret = table;
	return r;
}

static int files_add(struct kernel *kernel, struct open_files *files, uint32_t fd,
		     uint64_t vaddr, struct err *err)
{
	size_t n = files->count;

	if (n % 16 == 0) {
		struct open_file *list = realloc(files->files, (n + 16) * sizeof(*list));

		if (!list)
			return err_nomem(err);
		files->files = list;
	}
	open_file_read(kernel, vaddr, &files->files[n]);
	files->files[n].fd = (int32_t)fd;
	files->count++;
	return 0;
}

static int files_walk(struct kernel *kernel, const struct table *table,
		      struct open_files *files, struct err *err)
{
	uint64_t bits = 0, vaddr;
	int r = 0;

	for (uint32_t fd = 0; r == 0 && fd < table->count; fd++) {
		if (fd % 64 == 0)
			r = kernel_read_u64(kernel, table->open + fd / 8, &bits, err);
		if (r < 0 || !(bits >> fd % 64 & 1))
			continue;
		r = kernel_read_u64(kernel, table->fds + (uint64_t)fd * 8, &vaddr, err);
		// A number that is taken, and whose file is not there yet.
		if (r == 0 && vaddr)
			r = files_add(kernel, files, fd, vaddr, err);
	}
	return r;
}

/* The struct path at @member of what @way leads to. */
static void read_place(struct kernel *kernel, uint64_t task_vaddr, const char *const *way,
		       const char *member, char *ret, size_t size, char *ret_why,
		       size_t why_size)
{
	struct err why = { 0 };
	uint64_t vaddr;
	int r = value_follow(kernel, task_vaddr, way, &vaddr, &why);

	if (r == 0)
		r = value_vaddr(kernel, vaddr, member, &vaddr, &why);
	if (r == 0)
		r = path_read_struct(kernel, vaddr, ret, size, &why);
	if (r < 0)
		snprintf(ret_why, why_size, "%s", err_text(&why));
}

int open_files_read(struct kernel *kernel, uint64_t task_vaddr, struct open_files *ret,
		    struct err *err)
{
	static const char *const fs[] = { "task_struct.fs", NULL };
	static const char *const exe[] = { "task_struct.mm", "mm_struct.exe_file", NULL };
	_cleanup_open_files struct open_files files = { 0 };
	struct err why = { 0 };
	struct table table;
	int r = table_read(kernel, task_vaddr, &table, &why);

	files.is_exiting = r == ERR_NOTFOUND;
	if (r == 0)
		r = files_walk(kernel, &table, &files, &why);
	if (r == ERR_NOMEM)
		return err_nomem(err);
	if (r < 0)
		snprintf(files.cut_why, sizeof(files.cut_why), "%.255s", err_text(&why));
	read_place(kernel, task_vaddr, fs, "fs_struct.pwd", files.cwd, sizeof(files.cwd),
		   files.cwd_why, sizeof(files.cwd_why));
	read_place(kernel, task_vaddr, fs, "fs_struct.root", files.root,
		   sizeof(files.root), files.root_why, sizeof(files.root_why));
	read_place(kernel, task_vaddr, exe, "file.f_path", files.exe, sizeof(files.exe),
		   files.exe_why, sizeof(files.exe_why));
	*ret = files;
	files = (struct open_files){ 0 };
	return 0;
}

void open_files_done(struct open_files *files)
{
	free(files->files);
	*files = (struct open_files){ 0 };
}

int open_file_of_fd(struct kernel *kernel, uint64_t task_vaddr, uint32_t fd,
		    struct open_file *ret, struct err *err)
{
	struct table table;
	uint64_t vaddr = 0;
	int r = table_read(kernel, task_vaddr, &table, err);

	if (r == 0 && fd < table.count)
		r = kernel_read_u64(kernel, table.fds + (uint64_t)fd * 8, &vaddr, err);
	if (r == 0 && !vaddr)
		r = err_set(err, ERR_NOTFOUND, "file %" PRIu32 " is not open", fd);
	if (r < 0)
		return r;
	open_file_read(kernel, vaddr, ret);
	ret->fd = (int32_t)fd;
	return 0;
}

const char *open_file_kind_name(enum open_file_kind kind)
{
	static const char *const names[] = {
		[OPEN_FILE_REGULAR] = "file", [OPEN_FILE_DIRECTORY] = "directory",
		[OPEN_FILE_CHAR] = "char",    [OPEN_FILE_BLOCK] = "block",
		[OPEN_FILE_PIPE] = "pipe",    [OPEN_FILE_SOCKET] = "socket",
		[OPEN_FILE_LINK] = "link",    [OPEN_FILE_ANON] = "anon",
	};

	return names[kind];
}
