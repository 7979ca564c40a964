// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What crash(8) reads each time that it starts, though nobody asked for it, and without
 * which it does not start: found by its own -d8 on dumps that lacked it, versions 8 and
 * 9. Sources of the layouts: Linux mm/, drivers/base/base.h, include/linux/mmzone.h,
 * include/linux/kobject.h, include/linux/memory.h.
 */
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "dump/core_gather.h"

#define FUNCTION_SIZE_MAX ((uint64_t)64 << 10)
#define CODE_BEHIND	  ((uint64_t)8 << 10)
#define NODES_MAX	  ((uint64_t)4096)    /* MAX_NUMNODES is 1024 at most */
#define NODE_SIZE_MAX	  ((uint64_t)4 << 20) /* struct pglist_data: 170 KiB */
#define SECTION_ROOTS	  ((uint64_t)1 << 20) /* x86-64 with 5 levels: 2^18 */
#define LIST_MAX	  (64u << 10) /* memory blocks of 8 TiB, in the smallest */
#define BUS_NAME_SIZE	  16

/*
 * crash disassembles them to learn where a task went to sleep: so many instructions,
 * whether the function has them or not.
 */
static void gather_code(struct gather *g)
{
	static const char *const functions[] = { "schedule", "__schedule",
						 "__x64_sys_open", "sys_open" };

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct kernel_name name;
		uint64_t vaddr;

		if (kernel_symbol(g->kernel, functions[i], &vaddr, NULL) == 0 &&
		    kernel_name(g->kernel, vaddr, &name, NULL) == 0)
			gather_doubtful(g, vaddr,
					MIN(name.size, FUNCTION_SIZE_MAX) + CODE_BEHIND);
	}
}

/* struct pglist_data of each node, with its zones. */
static void gather_nodes(struct gather *g)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(g->kernel);
	uint64_t nodes, count, size;

	if (vmcoreinfo_symbol(info, "node_data", &nodes, NULL) < 0 ||
	    vmcoreinfo_length(info, "node_data", &count, NULL) < 0 ||
	    vmcoreinfo_size(info, "pglist_data", &size, NULL) < 0)
		return;
	for (uint64_t i = 0; i < MIN(count, NODES_MAX) && !g->core->pages.failed; i++)
		gather_pointer(g, nodes + i * 8, MIN(size, NODE_SIZE_MAX));
}

/* With SPARSEMEM_EXTREME: pointers to pages of sections. */
static void gather_sections(struct gather *g)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(g->kernel);
	uint64_t roots, count;

	if (vmcoreinfo_symbol(info, "mem_section", &roots, NULL) < 0 ||
	    vmcoreinfo_length(info, "mem_section", &count, NULL) < 0)
		return;
	count = MIN(count, SECTION_ROOTS);
	gather_range(g, roots, count * 8);
	for (uint64_t i = 0; i < count && !g->core->pages.failed; i++)
		gather_pointer(g, roots + i * 8, g->page_size);
}

/* --- the bus "memory" and its devices, which are blocks of memory --------------------
 */

struct bus_layout {
	uint64_t list, entry, name, bus, devices; /* of what walks the buses */
	uint64_t node, device, block, block_size; /* of what walks the devices */
};

static bool bus_layout_read(struct kernel *kernel, struct bus_layout *l)
{
	uint64_t kobj, k_list, n_node;
	const struct {
		const char *path;
		uint64_t *ret;
	} members[] = {
		{ "kset.list", &l->list },
		{ "kobject.entry", &l->entry },
		{ "kobject.name", &l->name },
		{ "kset.kobj", &kobj },
		{ "subsys_private.subsys", &l->bus },
		{ "subsys_private.klist_devices", &l->devices },
		{ "klist.k_list", &k_list },
		{ "device_private.knode_bus", &l->node },
		{ "klist_node.n_node", &n_node },
		{ "device_private.device", &l->device },
		{ "memory_block.dev", &l->block },
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (kernel_offset(kernel, members[i].path, members[i].ret, NULL) < 0)
			return false;
	l->bus += kobj; /* from struct subsys_private to its kobject */
	l->devices += k_list;
	l->node += n_node;
	return kernel_sizeof(kernel, "memory_block", &l->block_size, NULL) == 0;
}

static void gather_blocks(struct gather *g, const struct bus_layout *l, uint64_t head)
{
	uint64_t node = head, device;
	char name[BUS_NAME_SIZE];

	for (unsigned int i = 0; i < LIST_MAX; i++) {
		if (kernel_read_u64(g->kernel, node, &node, NULL) < 0 || node == head)
			return;
		if (kernel_read_u64(g->kernel, node - l->node + l->device, &device,
				    NULL) < 0 ||
		    !device)
			continue;
		gather_range(g, device - l->block, l->block_size);
		/* A device's name is its kobject's, which is its first member. */
		if (kernel_read_u64(g->kernel, device + l->name, &device, NULL) == 0)
			kernel_read_string(g->kernel, device, name, sizeof(name), NULL);
	}
}

static void gather_buses(struct gather *g)
{
	struct bus_layout l;
	uint64_t head, node, name_vaddr;

	if (kernel_symbol(g->kernel, "bus_kset", &head, NULL) < 0 ||
	    !bus_layout_read(g->kernel, &l) ||
	    kernel_read_u64(g->kernel, head, &head, NULL) < 0)
		return;
	head += l.list;
	node = head;
	for (unsigned int i = 0; i < LIST_MAX; i++) {
		char name[BUS_NAME_SIZE];

		if (kernel_read_u64(g->kernel, node, &node, NULL) < 0 || node == head)
			return;
		if (kernel_read_u64(g->kernel, node - l.entry + l.name, &name_vaddr,
				    NULL) < 0 ||
		    kernel_read_string(g->kernel, name_vaddr, name, sizeof(name), NULL) <
			    0)
			continue;
		if (strcmp(name, "memory") == 0)
			gather_blocks(g, &l, node - l.entry - l.bus + l.devices);
	}
}

/* The cache of caches: how large a cache is. */
static void gather_slab(struct gather *g)
{
	uint64_t vaddr, size;

	if (kernel_symbol(g->kernel, "kmem_cache", &vaddr, NULL) == 0 &&
	    kernel_sizeof(g->kernel, "kmem_cache", &size, NULL) == 0)
		gather_pointer(g, vaddr, size);
}

void gather_for_crash(struct gather *g)
{
	gather_code(g);
	gather_nodes(g);
	gather_sections(g);
	gather_buses(g);
	gather_slab(g);
}
