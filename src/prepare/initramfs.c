// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The kernel reads an initramfs at a tenth of a second a level at most; higher levels
 * save less than one part in a hundred of our files. */
#define INITRAMFS_GZIP_LEVEL "6"

struct initramfs {
	struct archive *archive;
	int64_t inode;
	uint64_t unpacked_bytes;
};

static int image_failed(struct initramfs *image, struct err *err)
{
	const char *why = archive_error_string(image->archive);

	return err_os(err, archive_errno(image->archive),
		      "unable to write the initramfs (%s)",
		      why ? why : "libarchive does not say why");
}

int initramfs_new(int fd, struct initramfs **ret, struct err *err)
{
	_cleanup_initramfs struct initramfs *image = calloc(1, sizeof(*image));

	if (image)
		image->archive = archive_write_new();
	if (!image || !image->archive)
		return err_nomem(err);
	if (archive_write_set_format_cpio_newc(image->archive) != ARCHIVE_OK ||
	    archive_write_add_filter_gzip(image->archive) != ARCHIVE_OK ||
	    archive_write_set_filter_option(image->archive, "gzip", "compression-level",
					    INITRAMFS_GZIP_LEVEL) != ARCHIVE_OK ||
	    archive_write_set_filter_option(image->archive, "gzip", "timestamp", NULL) !=
		    ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(image->archive, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(image->archive, fd) != ARCHIVE_OK)
		return image_failed(image, err);
	*ret = take_ptr(image);
	return 0;
}

void initramfs_free(struct initramfs *image)
{
	if (!image)
		return;
	if (image->archive)
		archive_write_free(image->archive);
	free(image);
}

static void entry_freep(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static struct archive_entry *image_entry(struct initramfs *image, const char *name,
					 mode_t mode, size_t size)
{
	struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return NULL;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_uid(entry, 0);
	archive_entry_set_gid(entry, 0);
	archive_entry_set_mtime(entry, 0, 0);
	// The kernel makes hard links of entries with the same inode number.
	archive_entry_set_nlink(entry, 1);
	archive_entry_set_ino64(entry, ++image->inode);
	return entry;
}

static int image_put(struct initramfs *image, struct archive_entry *entry,
		     const void *data, size_t size, struct err *err)
{
	if (archive_write_header(image->archive, entry) != ARCHIVE_OK)
		return image_failed(image, err);
	if (size && archive_write_data(image->archive, data, size) != (la_ssize_t)size)
		return image_failed(image, err);
	image->unpacked_bytes += size;
	return 0;
}

int initramfs_add_directory(struct initramfs *image, const char *name, mode_t mode,
			    struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *entry =
		image_entry(image, name, S_IFDIR | mode, 0);

	if (!entry)
		return err_nomem(err);
	return image_put(image, entry, NULL, 0, err);
}

int initramfs_add_file(struct initramfs *image, const char *name, mode_t mode,
		       const void *data, size_t size, struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *entry =
		image_entry(image, name, S_IFREG | mode, size);

	if (!entry)
		return err_nomem(err);
	return image_put(image, entry, data, size, err);
}

int initramfs_add_link(struct initramfs *image, const char *name, const char *target,
		       struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *entry =
		image_entry(image, name, S_IFLNK | 0777, 0);

	if (!entry)
		return err_nomem(err);
	archive_entry_set_symlink(entry, target);
	return image_put(image, entry, NULL, 0, err);
}

int initramfs_add_node(struct initramfs *image, const char *name, mode_t mode,
		       unsigned int device_major, unsigned int device_minor,
		       struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *entry =
		image_entry(image, name, mode, 0);

	if (!entry)
		return err_nomem(err);
	archive_entry_set_rdevmajor(entry, device_major);
	archive_entry_set_rdevminor(entry, device_minor);
	return image_put(image, entry, NULL, 0, err);
}

int initramfs_finish(struct initramfs *image, uint64_t *ret_unpacked, struct err *err)
{
	if (archive_write_close(image->archive) != ARCHIVE_OK)
		return image_failed(image, err);
	*ret_unpacked = image->unpacked_bytes;
	return 0;
}
