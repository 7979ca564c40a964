// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph slab: what the kernel's own objects took, cache by cache. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/slab.h"

static int compare_size(const void *a, const void *b)
{
	const struct slab_cache *x = a, *y = b;
	uint64_t x_bytes = x->slabs * x->slab_bytes, y_bytes = y->slabs * y->slab_bytes;

	if (x_bytes != y_bytes)
		return x_bytes > y_bytes ? -1 : 1;
	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static json_t *new_json(const struct slab_cache *cache)
{
	json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "object_bytes",
				   (json_int_t)cache->object_bytes, "objects_per_slab",
				   (json_int_t)cache->objects_per_slab, "slab_bytes",
				   (json_int_t)cache->slab_bytes, "slabs",
				   (json_int_t)cache->slabs, "partial_slabs",
				   (json_int_t)cache->partial_slabs, "objects",
				   (json_int_t)cache->objects);
	int r = object ? member_put_string(object, "name", cache->name) |
				 member_put_hex(object, "address", cache->vaddr) |
				 member_put_string(object, "used_unknown",
						   cache->used_why)
		       : -1;

	if (r == 0 && !cache->used_why[0])
		r = json_object_set_new(object, "used",
					json_integer((json_int_t)cache->used));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void add_line(const struct slab_cache *cache, struct text *ret)
{
	char used[24] = "?", percent[8] = "", size[32];
	struct answer_name name;

	if (!cache->used_why[0]) {
		snprintf(used, sizeof(used), "%" PRIu64, cache->used);
		if (cache->objects)
			snprintf(percent, sizeof(percent), "%u%%",
				 (unsigned)(100.0 * (double)cache->used /
					    (double)cache->objects));
	}
	cli_format_size(cache->slabs * cache->slab_bytes, size, sizeof(size));
	text_add(ret, "%10s %8" PRIu64 " %10s %5s %10" PRIu64 " %8" PRIu32 "  %s\n", size,
		 cache->slabs, used, percent, cache->objects, cache->object_bytes,
		 answer_clean(cache->name, &name));
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_slab_list struct slab_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	int r = slab_list_read(answer->kernel, &list, err);

	(void)about;
	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the caches broke off: %s", list.cut_why);
	if (r == 0 && list.count)
		qsort(list.caches, list.count, sizeof(*list.caches), compare_size);
	text_add(&answer->text, "%10s %8s %10s %5s %10s %8s  %s\n", "SIZE", "SLABS",
		 "USED", "", "OBJECTS", "BYTES", "CACHE");
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		struct slab_cache *cache = &list.caches[i];

		if (cache->used_why[0])
			answer_lacks(answer, "free objects of '%s': %s", cache->name,
				     cache->used_why);
		if (array && json_array_append_new(array, new_json(cache)) < 0)
			r = err_nomem(err);
		if (cache->slabs)
			add_line(cache, &answer->text);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "caches", array, err);
	json_decref(array);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "slab caches", 1, true, ask };

	return answer_run(cli, &cmd_slab, &question, argc, argv);
}

const struct command cmd_slab = {
	.name = "slab",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the slab caches, the largest first",
	.has_json = true,
	.run = run,
};
