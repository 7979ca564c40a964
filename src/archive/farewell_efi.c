// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/farewell_efi.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "record/farewell.h"

#define ATTRIBUTES_SIZE sizeof(uint32_t) /* before the bytes of a variable */
#define KEPT_NAME	"dmesg-epitaph_efi-1"

/* A variable that the kernel does not know is protected: Linux fs/efivarfs/inode.c. */
static int variable_remove(const char *path, struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	    flags & FS_IMMUTABLE_FL) {
		flags &= ~FS_IMMUTABLE_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return err_os(err, errno,
			      "unable to remove '%s', which the next crash would need",
			      path);
	return 0;
}

/* As a record of pstore in a directory of its own; its time is that of the crash. */
static int variable_copy(const char *data, size_t size, char directory[static PATH_MAX],
			 struct err *err)
{
	_cleanup_fd int fd = -1;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = farewell_find_time(data, size) } };
	int r;

	snprintf(directory, PATH_MAX, "%s/epitaph-last-words.XXXXXX",
		 access("/run", W_OK) == 0 ? "/run" : "/tmp");
	if (!mkdtemp(directory)) {
		int why = errno;

		directory[0] = '\0';
		return err_os(err, why, "unable to create a directory in /run");
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", directory);
	r = file_replace(fd, KEPT_NAME, data, size, 0600, err);
	if (r == 0 && utimensat(fd, KEPT_NAME, times, 0) < 0)
		r = err_os(err, errno, "unable to set a time");
	return r;
}

static void copy_remove(const char *directory)
{
	char path[PATH_MAX + sizeof(KEPT_NAME) + 1];

	if (!directory[0])
		return;
	snprintf(path, sizeof(path), "%s/" KEPT_NAME, directory);
	unlink(path);
	rmdir(directory);
}

int farewell_efi_collect(const struct pstore_options *options, const char *efivars,
			 struct pstore_result *ret, struct err *err)
{
	struct pstore_options from_copy = *options;
	_cleanup_free char *data = NULL;
	char path[PATH_MAX], directory[PATH_MAX] = "";
	size_t size;
	int r;

	*ret = (struct pstore_result){ 0 };
	if (snprintf(path, sizeof(path), "%s/" FAREWELL_EFI_FILE, efivars) >=
		    (int)sizeof(path) ||
	    access(path, F_OK) < 0)
		return 0;
	r = file_read(AT_FDCWD, path, 4 * FAREWELL_EFI_BYTES, &data, &size, err);
	if (r == 0 && size <= ATTRIBUTES_SIZE)
		r = err_set(err, ERR_CORRUPT, "'%s' is empty", path);
	if (r == 0)
		r = variable_copy(data + ATTRIBUTES_SIZE, size - ATTRIBUTES_SIZE,
				  directory, err);
	from_copy.source = directory;
	from_copy.keep_source = false;
	if (r == 0)
		r = pstore_collect(&from_copy, ret, err);
	if (r == 0 && ret->failed == 0 && ret->left == 0)
		r = variable_remove(path, err);
	copy_remove(directory);
	return r < 0 ? err_in(err, r, "last words in an EFI variable") : 0;
}
