// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/slab.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "kernel/ring.h"
#include "kernel/value.h"

/* struct kmem_cache_order_objects: the order of the pages above, their objects below. */
#define OO_SHIFT    16
#define ORDER_MAX   20
#define OBJECTS_MAX 32767 /* slab.objects has 15 bits */

/* How this kernel lays it out. */
struct layout {
	bool is_slab; /* struct slab since d122019bf061 (v5.17), struct page before */
	uint64_t link;
	uint64_t nodes, node_stride, node_count;
};

static int layout_read(struct kernel *kernel, struct layout *ret, struct err *err)
{
	struct layout layout = { .is_slab = value_has(kernel, "slab.slab_list") };
	uint64_t count, node = 0, nodes;
	int r = kernel_offset(kernel,
			      layout.is_slab ? "slab.slab_list" : "page.slab_list",
			      &layout.link, err);

	if (r < 0)
		return r;
	/* v7.x put the pointers of each node together. */
	if (value_has(kernel, "kmem_cache.per_node")) {
		r = kernel_offset(kernel, "kmem_cache.per_node.node", &layout.nodes, err);
		if (r == 0)
			r = value_array(kernel, "kmem_cache.per_node", &count,
					&layout.node_stride, err);
		if (r == 0)
			r = kernel_offset(kernel, "kmem_cache.per_node", &node, err);
		if (r == 0)
			r = kernel_offset(kernel, "kmem_cache_per_node_ptrs.node", &nodes,
					  err);
		if (r == 0)
			layout.nodes = node + nodes;
	} else {
		r = kernel_offset(kernel, "kmem_cache.node", &layout.nodes, err);
		if (r == 0)
			r = value_array(kernel, "kmem_cache.node", &count,
					&layout.node_stride, err);
	}
	if (r < 0)
		return r;
	if (value_symbol(kernel, "nr_node_ids", 4, &layout.node_count, NULL) < 0)
		layout.node_count = 1; // CONFIG_NUMA=n
	layout.node_count = MIN(layout.node_count, MIN(count, (uint64_t)SLAB_NODES_MAX));
	*ret = layout;
	return 0;
}

/* Free objects in the partial slabs of one node. */
static int count_free(struct kernel *kernel, const struct layout *layout,
		      uint64_t node_vaddr, uint64_t *ret, struct err *err)
{
	uint64_t head, link, objects, inuse, sum = 0;
	struct ring ring;
	int r = value_vaddr(kernel, node_vaddr, "kmem_cache_node.partial", &head, err);

	if (r < 0)
		return r;
	ring = ring_init(kernel, head, SLAB_PARTIAL_MAX);
	while ((r = ring_next(&ring, &link, err)) > 0) {
		r = value_read(kernel, link - layout->link,
			       layout->is_slab ? "slab.objects" : "page.objects",
			       &objects, err);
		if (r == 0)
			r = value_read(kernel, link - layout->link,
				       layout->is_slab ? "slab.inuse" : "page.inuse",
				       &inuse, err);
		if (r == 0 && (objects > OBJECTS_MAX || inuse > objects))
			r = err_set(err, ERR_CORRUPT,
				    "a slab of %" PRIu64 " objects has %" PRIu64
				    " in use",
				    objects, inuse);
		if (r < 0)
			break;
		sum += objects - inuse;
	}
	*ret = sum;
	return r;
}

static int read_node(struct kernel *kernel, const struct layout *layout,
		     uint64_t node_vaddr, struct slab_cache *cache,
		     uint64_t *free_objects, struct err *err)
{
	uint64_t slabs, objects, partial, unused = 0;
	struct err why = { 0 };
	int r = value_read(kernel, node_vaddr, "kmem_cache_node.nr_slabs.counter", &slabs,
			   err);

	if (r == 0)
		r = value_read(kernel, node_vaddr,
			       "kmem_cache_node.total_objects.counter", &objects, err);
	if (r == 0)
		r = value_read(kernel, node_vaddr, "kmem_cache_node.nr_partial", &partial,
			       err);
	if (r < 0)
		return r;
	if (slabs >> 40 || objects >> 48)
		return err_set(err, ERR_CORRUPT, "it can't have %" PRIu64 " slabs",
			       slabs);
	if (count_free(kernel, layout, node_vaddr, &unused, &why) < 0)
		snprintf(cache->used_why, sizeof(cache->used_why), "%.159s",
			 err_text(&why));
	cache->slabs += slabs;
	cache->objects += objects;
	cache->partial_slabs += partial;
	*free_objects += unused;
	return 0;
}

static int cache_read(struct kernel *kernel, const struct layout *layout, uint64_t vaddr,
		      struct slab_cache *ret, struct err *err)
{
	struct slab_cache cache = { .vaddr = vaddr };
	uint64_t name, size, oo, free_objects = 0;
	int r = value_read(kernel, vaddr, "kmem_cache.name", &name, err);

	if (r == 0)
		r = kernel_read_string(kernel, name, cache.name, sizeof(cache.name), err);
	if (r == 0)
		r = value_read(kernel, vaddr, "kmem_cache.size", &size, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "kmem_cache.oo.x", &oo, err);
	if (r == 0 && oo >> OO_SHIFT > ORDER_MAX)
		r = err_set(err, ERR_CORRUPT, "its slabs can't have order %" PRIu64,
			    oo >> OO_SHIFT);
	for (uint64_t i = 0; r == 0 && i < layout->node_count; i++) {
		uint64_t node;

		r = kernel_read_u64(kernel,
				    vaddr + layout->nodes + i * layout->node_stride,
				    &node, err);
		if (r == 0 && node) // none: the node has no memory
			r = read_node(kernel, layout, node, &cache, &free_objects, err);
	}
	if (r < 0)
		return err_in(err, r, "cache '%.60s'", cache.name);
	cache.object_bytes = (uint32_t)size;
	cache.objects_per_slab = oo & ((1u << OO_SHIFT) - 1);
	cache.slab_bytes = kernel_page_size(kernel) << (oo >> OO_SHIFT);
	cache.used = cache.objects - MIN(free_objects, cache.objects);
	*ret = cache;
	return 0;
}

static int list_walk(struct kernel *kernel, struct slab_list *list, struct err *err)
{
	uint64_t head, node, offset;
	struct layout layout;
	struct ring ring;
	int r = layout_read(kernel, &layout, err);

	if (r == 0)
		r = kernel_symbol(kernel, "slab_caches", &head, err);
	if (r == 0)
		r = kernel_offset(kernel, "kmem_cache.list", &offset, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, SLAB_CACHES_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		size_t n = list->count;

		if (n % 64 == 0) {
			struct slab_cache *caches =
				realloc(list->caches, (n + 64) * sizeof(*caches));

			if (!caches)
				return err_nomem(err);
			list->caches = caches;
		}
		r = cache_read(kernel, &layout, node - offset, &list->caches[n], err);
		if (r < 0)
			break;
		list->count++;
	}
	return r;
}

int slab_list_read(struct kernel *kernel, struct slab_list *ret, struct err *err)
{
	struct slab_list list = { 0 };
	struct err why = { 0 };
	int r = list_walk(kernel, &list, &why);

	if (r < 0 && (!list.count || r == ERR_NOMEM)) {
		slab_list_done(&list);
		return err_set(err, r, "looking for slab caches: %.400s", err_text(&why));
	}
	snprintf(list.cut_why, sizeof(list.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	*ret = list;
	return 0;
}

void slab_list_done(struct slab_list *list)
{
	free(list->caches);
	*list = (struct slab_list){ 0 };
}
