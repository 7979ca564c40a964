// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "image/image_blocks.h"
#include "image/image_flat.h"

/* From this size on a read is worth a system call of its own. */
#define READ_WORTH_SIZE ((size_t)4 << 10)

/* And from this on a window, at once. */
#define WINDOW_WORTH_SIZE ((size_t)16 << 10)

/* The largest page that a kernel has (arm64: 64 KiB): offsets of mmap(). */
#define MAP_ALIGN ((uint64_t)64 << 10)

/* After so many a file is taken for one that has no mmap(), as /proc/kcore. */
#define MAP_FAILURES_MAX 8

static const uint8_t *map(const struct image_file *file, uint64_t offset, uint64_t size)
{
	void *p;

	if (size > SIZE_MAX || size == 0)
		return NULL;
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, file->fd, (off_t)offset);
	return p == MAP_FAILED ? NULL : p;
}

struct image_mapping image_file_map(const struct image_file *file, uint64_t offset,
				    size_t size)
{
	struct image_mapping mapping = { 0 };
	uint64_t start = offset & ~(MAP_ALIGN - 1);

	if (file->blocks || file->flat || !file->can_map || size == 0 ||
	    !image_file_has(file, offset, size))
		return mapping;
	mapping.size = size + (size_t)(offset - start);
	mapping.start = (void *)map(file, start, mapping.size);
	if (mapping.start)
		mapping.bytes = (const uint8_t *)mapping.start + (offset - start);
	return mapping;
}

void image_mapping_done(struct image_mapping *mapping)
{
	if (mapping->start)
		munmap(mapping->start, mapping->size);
	*mapping = (struct image_mapping){ 0 };
}

static int lock_init(struct image_file *file, struct err *err)
{
	pthread_rwlockattr_t attr;
	int r;

	// A thread that waits for a new window must not starve behind those that read.
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr,
				      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	r = pthread_rwlock_init(&file->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	if (r)
		return err_os(err, r, "unable to make a lock");
	file->has_lock = true;
	return 0;
}

static int find_size(struct image_file *file, const char *path, struct err *err)
{
	struct stat st;
	off_t end;

	if (fstat(file->fd, &st) < 0)
		return err_os(err, errno, "unable to look at '%s'", path);
	if (S_ISREG(st.st_mode)) {
		file->size = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is neither a regular file nor a block device", path);
	end = lseek(file->fd, 0, SEEK_END);
	if (end < 0)
		return err_os(err, errno, "unable to find the size of '%s'", path);
	file->size = (uint64_t)end;
	return 0;
}

int image_file_open(struct image_file *file, const char *path, struct err *err)
{
	struct statfs fs;
	int r;

	*file = (struct image_file){ .fd = -1 };
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	r = find_size(file, path, err);
	if (r < 0)
		return r;
	file->raw_size = file->size;
	r = lock_init(file, err);
	if (r < 0)
		return r;
	file->can_map = true;
	if (fstatfs(file->fd, &fs) == 0 && fs.f_type != PROC_SUPER_MAGIC)
		r = image_blocks_new(file->fd, file->size, &file->blocks, err);
	return r;
}

int image_file_unflatten(struct image_file *file, struct err *err)
{
	struct image_flat *flat = NULL;
	int r;

	// Each record's head is looked at, and not what lies between: no reading ahead.
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
	r = image_flat_new(file, &flat, err);
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_NORMAL);
	if (r < 0)
		return r;
	file->flat = flat;
	file->size = image_flat_size(flat);
	return 0;
}

void image_file_close(struct image_file *file)
{
	image_blocks_free(file->blocks);
	for (size_t i = 0; i < IMAGE_WINDOW_COUNT; i++)
		if (file->windows[i].data)
			munmap((void *)file->windows[i].data,
			       (size_t)file->windows[i].size);
	image_flat_free(file->flat);
	if (file->has_lock)
		pthread_rwlock_destroy(&file->lock);
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct image_file){ .fd = -1 };
}

/* With the lock held, shared or alone. */
static struct image_window *find_window(struct image_file *file, uint64_t number)
{
	for (size_t i = 0; i < IMAGE_WINDOW_COUNT; i++)
		if (file->windows[i].data && file->windows[i].number == number)
			return &file->windows[i];
	return NULL;
}

static bool copy_from_window(struct image_file *file, uint64_t number, uint64_t offset,
			     void *buf, size_t size)
{
	const struct image_window *found;
	struct image_window *window;

	pthread_rwlock_rdlock(&file->lock);
	window = find_window(file, number);
	found = window;
	if (window) {
		uint64_t now = __atomic_add_fetch(&file->clock, 1, __ATOMIC_RELAXED);

		__atomic_store_n(&window->last_use, now, __ATOMIC_RELAXED);
		memcpy(buf, window->data + (offset - number * IMAGE_WINDOW_SIZE), size);
	}
	pthread_rwlock_unlock(&file->lock);
	return found;
}

/* With the lock held alone: has this window been missed not long ago? Remembers it. */
static bool missed_again(struct image_file *file, uint64_t number)
{
	for (size_t i = 0; i < IMAGE_WINDOW_COUNT; i++)
		if (file->missed[i] == number + 1)
			return true;
	file->missed[number % IMAGE_WINDOW_COUNT] = number + 1;
	return false;
}

/*
 * Maps the window instead of the one that was not used for the longest time. A small read
 * that stands alone (a walk through page tables or lists, all over memory) is not worth
 * one: the second miss is.
 */
static void make_window(struct image_file *file, uint64_t number, size_t wanted)
{
	uint64_t start = number * IMAGE_WINDOW_SIZE;
	struct image_window *w = &file->windows[0];

	pthread_rwlock_wrlock(&file->lock);
	if (!file->can_map || find_window(file, number) ||
	    (!missed_again(file, number) && wanted < WINDOW_WORTH_SIZE))
		goto out;
	for (size_t i = 0; i < IMAGE_WINDOW_COUNT; i++)
		if (!file->windows[i].data || file->windows[i].last_use < w->last_use)
			w = &file->windows[i];
	if (w->data)
		munmap((void *)w->data, (size_t)w->size);
	*w = (struct image_window){ .number = number,
				    .size = MIN(IMAGE_WINDOW_SIZE,
						file->raw_size - start),
				    .last_use = file->clock };
	w->data = map(file, start, w->size);
	if (!w->data && ++file->map_failures == MAP_FAILURES_MAX)
		__atomic_store_n(&file->can_map, false, __ATOMIC_RELAXED);
out:
	pthread_rwlock_unlock(&file->lock);
}

static int beyond(uint64_t end, uint64_t offset, size_t size, struct err *err)
{
	return err_set(err, ERR_TRUNCATED,
		       "the file ends at byte %llu, before %zu bytes at %llu",
		       (unsigned long long)end, size, (unsigned long long)offset);
}

int image_file_read(struct image_file *file, uint64_t offset, void *buf, size_t size,
		    struct err *err)
{
	if (!image_file_has(file, offset, size))
		return beyond(file->size, offset, size, err);
	if (file->flat)
		return image_flat_read(file->flat, file, offset, buf, size, err);
	return image_file_read_raw(file, offset, buf, size, err);
}

int image_file_read_raw(struct image_file *file, uint64_t offset, void *buf, size_t size,
			struct err *err)
{
	uint8_t *out = buf;

	if (offset > file->raw_size || size > file->raw_size - offset)
		return beyond(file->raw_size, offset, size, err);
	if (file->blocks && size < READ_WORTH_SIZE)
		return image_blocks_read(file->blocks, offset, buf, size, err);
	if (file->blocks)
		return fd_pread_full(file->fd, buf, size, offset, err);
	while (size > 0) {
		uint64_t number = offset / IMAGE_WINDOW_SIZE;
		uint64_t left = (number + 1) * IMAGE_WINDOW_SIZE - offset;
		size_t part = (size_t)MIN(left, (uint64_t)size);
		bool done = copy_from_window(file, number, offset, out, part);

		if (!done && __atomic_load_n(&file->can_map, __ATOMIC_RELAXED)) {
			make_window(file, number, part);
			done = copy_from_window(file, number, offset, out, part);
		}
		if (!done) {
			int r = fd_pread_full(file->fd, out, part, offset, err);

			if (r < 0)
				return r;
		}
		offset += part;
		out += part;
		size -= part;
	}
	return 0;
}

uint64_t image_file_next_data(struct image_file *file, uint64_t offset)
{
	off_t found;

	if (offset >= file->size)
		return file->size;
	if (file->flat)
		return image_flat_next_data(file->flat, offset);
	found = lseek(file->fd, (off_t)offset, SEEK_DATA);
	if (found < 0) // ENXIO: nothing but a hole up to the end; others: can't be told
		return errno == ENXIO ? file->size : offset;
	return MIN((uint64_t)found, file->size);
}
