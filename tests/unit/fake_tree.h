/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory as depmod leaves it, and other small trees, made below a temporary
 * directory.
 *
 * An index of depmod (kmod libkmod/libkmod-index.h, version 2.1) is a tree of nodes in
 * big endian: magic, version, root; a node is [prefix NUL] [first, last, a child each]
 * [count, (priority, text NUL)...], and what it has stands in the high bits of the offset
 * that points to it. Ours has one level: keys that begin with different letters.
 */
#ifndef FAKE_TREE_H
#define FAKE_TREE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define FAKE_INDEX_MAGIC   0xb007f457u
#define FAKE_INDEX_VERSION 0x00020001u
#define FAKE_HAS_PREFIX	   0x80000000u
#define FAKE_HAS_VALUES	   0x40000000u
#define FAKE_HAS_CHILDREN  0x20000000u

struct fake_pair {
	const char *key, *value;
};

/* Not durable: an fsync a file would make the tests wait for the disk. */
static inline void fake_write(const char *root, const char *name, const void *data,
			      size_t size)
{
	char path[PATH_MAX];
	struct err err = { 0 };
	char *slash;
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	r = dir_make_path(path, 0755, &err);
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (r == 0)
		r = fd < 0 ? err_os(&err, errno, "unable to create '%s'", path)
			   : fd_write_full(fd, data, size, &err);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		fail_msg("%s", err_text(&err));
}

static inline void fake_text(const char *root, const char *name, const char *text)
{
	fake_write(root, name, text, strlen(text));
}

static inline void fake_link(const char *root, const char *name, const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	unlink(path);		   // it may be a link already, which open() would follow
	fake_text(root, name, ""); // for its directory
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static inline void fake_put32(struct text *t, uint32_t value)
{
	uint32_t big = htonl(value);

	text_add_bytes(t, &big, sizeof(big));
}

static inline void fake_index(const char *root, const char *name,
			      const struct fake_pair *pairs)
{
	struct text body = { 0 }, file = { 0 };
	uint32_t children[128] = { 0 };
	const uint32_t start = 12;
	uint32_t node;

	for (; pairs && pairs->key; pairs++) {
		assert_int_equal(children[(unsigned char)pairs->key[0]], 0);
		children[(unsigned char)pairs->key[0]] =
			(start + (uint32_t)body.size) | FAKE_HAS_PREFIX | FAKE_HAS_VALUES;
		text_add_bytes(&body, pairs->key + 1, strlen(pairs->key));
		fake_put32(&body, 1);
		fake_put32(&body, 0);
		text_add_bytes(&body, pairs->value, strlen(pairs->value) + 1);
	}
	node = (start + (uint32_t)body.size) | FAKE_HAS_CHILDREN;
	text_add_bytes(&body, "\x00\x7f", 2);
	for (size_t i = 0; i < 128; i++)
		fake_put32(&body, children[i]);
	fake_put32(&file, FAKE_INDEX_MAGIC);
	fake_put32(&file, FAKE_INDEX_VERSION);
	fake_put32(&file, node);
	text_add_bytes(&file, body.data, body.size);
	assert_int_equal(text_check(&file, NULL), 0);
	fake_write(root, name, file.data, file.size);
	text_done(&body);
	text_done(&file);
}

/* Values of "modules.dep": "FILE: NEEDED...". Any of them may be NULL. */
static inline void fake_modules(const char *directory, const struct fake_pair *depends,
				const struct fake_pair *aliases,
				const struct fake_pair *builtin)
{
	fake_index(directory, "modules.dep.bin", depends);
	fake_index(directory, "modules.alias.bin", aliases);
	fake_index(directory, "modules.symbols.bin", NULL);
	fake_index(directory, "modules.builtin.bin", builtin);
	fake_index(directory, "modules.builtin.alias.bin", NULL);
}

static inline int fake_tree_setup(void **state)
{
	char *path = strdup("/tmp/epitaph-test-XXXXXX");

	*state = path;
	return path && mkdtemp(path) ? 0 : -1;
}

static inline int fake_tree_remove_one(const char *path, const struct stat *st, int type,
				       struct FTW *ftw)
{
	return remove(path);
}

static inline int fake_tree_teardown(void **state)
{
	int r = nftw(*state, fake_tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return r;
}

#endif
