// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph work: what workqueues ran, and what they had not begun yet. */
#include <inttypes.h>

#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/work.h"

static json_t *new_item(const struct work_item *item)
{
	json_t *object = json_pack("{s:b}", "running", item->is_running);
	int r = object ? member_put_string(object, "function", item->function) |
				 member_put_string(object, "workqueue", item->queue) |
				 member_put_hex(object, "address", item->vaddr)
		       : -1;

	if (r == 0 && item->pid >= 0)
		r = json_object_set_new(object, "pid", json_integer(item->pid));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *new_pool(const struct work_pool *pool)
{
	json_t *items = json_array();
	json_t *object = json_pack("{s:i, s:i, s:i, s:I, s:I, s:o}", "id", pool->id,
				   "cpu", pool->cpu, "nice", pool->nice, "workers",
				   (json_int_t)pool->workers, "idle",
				   (json_int_t)pool->idle, "works", items);
	int r = object ? 0 : -1;

	for (size_t i = 0; r == 0 && i < pool->item_count; i++)
		r = json_array_append_new(items, new_item(&pool->items[i]));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void add_pool(const struct work_pool *pool, struct text *ret)
{
	struct answer_name function, queue;

	text_add(ret, "pool %" PRId32, pool->id);
	if (pool->cpu >= 0)
		text_add(ret, " of CPU %" PRId32, pool->cpu);
	else
		text_add(ret, " of any CPU");
	if (pool->nice)
		text_add(ret, ", nice %" PRId32, pool->nice);
	text_add(ret, ": %" PRIu32 " workers, %" PRIu32 " idle\n", pool->workers,
		 pool->idle);
	for (size_t i = 0; i < pool->item_count; i++) {
		const struct work_item *item = &pool->items[i];

		text_add(ret, "  %s  %s", item->is_running ? "runs   " : "pending",
			 answer_clean(item->function, &function));
		if (item->queue[0])
			text_add(ret, "  of %s", answer_clean(item->queue, &queue));
		if (item->pid >= 0)
			text_add(ret, "  (pid %" PRId32 ")", item->pid);
		text_add(ret, "\n");
	}
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_work_pools struct work_pools pools = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	uint64_t workers = 0, idle = 0;
	int r = work_pools_read(answer->kernel, &pools, err);

	(void)about;
	if (r == 0 && pools.cut_why[0])
		answer_lacks(answer, "the pools broke off: %s", pools.cut_why);
	for (size_t i = 0; r == 0 && i < pools.count; i++) {
		if (array && json_array_append_new(array, new_pool(&pools.pools[i])) < 0)
			r = err_nomem(err);
		if (pools.pools[i].item_count)
			add_pool(&pools.pools[i], &answer->text);
		workers += pools.pools[i].workers;
		idle += pools.pools[i].idle;
	}
	text_add(&answer->text,
		 "%zu pools, %" PRIu64 " workers, %" PRIu64 " of them idle\n",
		 pools.count, workers, idle);
	if (r == 0 && answer->json)
		return answer_add(answer, "pools", array, err);
	json_decref(array);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "workqueues", 1, true, ask };

	return answer_run(cli, &cmd_work, &question, argc, argv);
}

const struct command cmd_work = {
	.name = "work",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print what workqueues ran, and what was pending",
	.has_json = true,
	.run = run,
};
