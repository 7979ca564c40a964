/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modules of one kernel that something needs, with all that those need, in the order
 * of loading. What is built into that kernel is known and left out.
 *
 * Knows a directory as depmod leaves it (/lib/modules/RELEASE), through libkmod. The
 * modprobe.d of this machine is not asked: blacklists and options there are for a system
 * with a user space.
 */
#ifndef PREPARE_MODULE_SET_H
#define PREPARE_MODULE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct module_set;

/* ERR_NOTFOUND where @directory has no index of depmod. */
int module_set_new(const char *directory, struct module_set **ret, struct err *err);
void module_set_free(struct module_set *set);
static inline void module_set_freep(struct module_set **set)
{
	module_set_free(*set);
}
#define _cleanup_module_set _cleanup_(module_set_freep)

/*
 * Adds what @lookup means: the name of a module, or an alias ("fs-ext4", "pci:v0000...").
 * An alias may mean several. ERR_NOTFOUND if it is neither in the tree nor built in.
 */
int module_set_add(struct module_set *set, const char *lookup, struct err *err);

/* Is there a module of that name, with @part in its path? Adds nothing. */
bool module_set_is_below(struct module_set *set, const char *name, const char *part);

size_t module_set_count(const struct module_set *set);
/* "virtio_blk", and the path of its file; borrowed. */
const char *module_set_name(const struct module_set *set, size_t i);
const char *module_set_path(const struct module_set *set, size_t i);

/*
 * A module's file as finit_module() takes it: uncompressed (.gz, .xz, .zst), otherwise
 * untouched, because a signature at its end covers every byte.
 */
int module_file_read(const char *path, uint8_t **ret, size_t *ret_size, struct err *err);

#endif
