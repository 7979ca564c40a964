/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slab caches, as /proc/slabinfo lists them: SLUB with CONFIG_SLUB_DEBUG, which counts
 * slabs and objects of each node. Source: Linux mm/slub.c, mm/slab.h; members by BTF.
 *
 * Objects in use are those that are free in no partial slab, as the kernel itself counts
 * them: what CPUs keep for their next allocations counts as used.
 */
#ifndef KERNEL_SLAB_H
#define KERNEL_SLAB_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define SLAB_CACHES_MAX	 16384
#define SLAB_NODES_MAX	 1024
#define SLAB_PARTIAL_MAX (1u << 20) /* partial slabs looked at, of one node and cache */

struct slab_cache {
	uint64_t vaddr; /* of its struct kmem_cache */
	char name[64];
	uint32_t object_bytes;	   /* with what is between two objects */
	uint32_t objects_per_slab; /* of a new slab */
	uint32_t slab_bytes;
	uint64_t slabs, objects, used; /* objects: in all slabs; of them used */
	uint64_t partial_slabs;
	char used_why[160]; /* why the free ones could not all be counted; "" they were */
};

struct slab_list {
	struct slab_cache *caches; /* in the kernel's order: the last made first */
	size_t count;
	char cut_why[256];
};

int slab_list_read(struct kernel *kernel, struct slab_list *ret, struct err *err);
void slab_list_done(struct slab_list *list);

#define _cleanup_slab_list _cleanup_(slab_list_done)

#endif
