// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/work.h"

#include <inttypes.h>
#include <stdio.h>

#include "kernel/index_tree.h"
#include "kernel/ring.h"
#include "kernel/value.h"

static void name_function(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size)
{
	struct kernel_name name;

	if (kernel_name(kernel, vaddr, &name, NULL) < 0)
		snprintf(ret, size, "0x%" PRIx64, vaddr);
	else
		snprintf(ret, size, name.module[0] ? "%s [%s]" : "%s", name.symbol,
			 name.module);
}

static int pool_add(struct kernel *kernel, struct work_pool *pool,
		    const struct work_item *item, struct err *err)
{
	size_t n = pool->item_count;

	if (n == WORK_ITEMS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d works", WORK_ITEMS_MAX);
	if (n % 16 == 0) {
		struct work_item *items = realloc(pool->items, (n + 16) * sizeof(*items));

		if (!items)
			return err_nomem(err);
		pool->items = items;
	}
	pool->items[pool->item_count++] = *item;
	return 0;
}

static void read_queue_name(struct kernel *kernel, uint64_t worker,
			    struct work_item *item)
{
	static const char *const way[] = { "worker.current_pwq", "pool_workqueue.wq",
					   NULL };
	uint64_t queue, name;

	if (value_follow(kernel, worker, way, &queue, NULL) < 0 ||
	    value_vaddr(kernel, queue, "workqueue_struct.name", &name, NULL) < 0 ||
	    kernel_read_string(kernel, name, item->queue, sizeof(item->queue), NULL) < 0)
		item->queue[0] = '\0';
}

static int add_worker(struct kernel *kernel, uint64_t worker, struct work_pool *pool,
		      struct err *err)
{
	struct work_item item = { .is_running = true, .pid = -1 };
	uint64_t function, task, pid;
	int r = value_read(kernel, worker, "worker.current_work", &item.vaddr, err);

	if (r == 0)
		r = value_read(kernel, worker, "worker.current_func", &function, err);
	if (r < 0)
		return r;
	name_function(kernel, function, item.function, sizeof(item.function));
	if (value_read(kernel, worker, "worker.task", &task, NULL) == 0 &&
	    value_read(kernel, task, "task_struct.pid", &pid, NULL) == 0)
		item.pid = (int32_t)pid;
	read_queue_name(kernel, worker, &item);
	return pool_add(kernel, pool, &item, err);
}

/* Busy workers stand in a hash table by their work. */
static int read_running(struct kernel *kernel, uint64_t vaddr, struct work_pool *pool,
			struct err *err)
{
	uint64_t table, count, stride, node, offset;
	int r = value_vaddr(kernel, vaddr, "worker_pool.busy_hash", &table, err);

	if (r == 0)
		r = value_array(kernel, "worker_pool.busy_hash", &count, &stride, err);
	if (r == 0)
		r = kernel_offset(kernel, "worker.hentry", &offset, err);
	if (r == 0 && count > 4096)
		r = err_set(err, ERR_CORRUPT, "its hash table is too large");
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		struct ring ring =
			ring_init_chain(kernel, table + i * stride, WORK_ITEMS_MAX);

		while ((r = ring_next(&ring, &node, err)) > 0) {
			r = add_worker(kernel, node - offset, pool, err);
			if (r < 0)
				break;
		}
	}
	return r;
}

static int read_pending(struct kernel *kernel, uint64_t vaddr, struct work_pool *pool,
			struct err *err)
{
	uint64_t head, node, offset, function;
	struct ring ring;
	int r = value_vaddr(kernel, vaddr, "worker_pool.worklist", &head, err);

	if (r == 0)
		r = kernel_offset(kernel, "work_struct.entry", &offset, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, WORK_ITEMS_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		struct work_item item = { .vaddr = node - offset, .pid = -1 };

		r = value_read(kernel, item.vaddr, "work_struct.func", &function, err);
		if (r < 0)
			break;
		name_function(kernel, function, item.function, sizeof(item.function));
		r = pool_add(kernel, pool, &item, err);
		if (r < 0)
			break;
	}
	return r;
}

static int pool_read(struct kernel *kernel, uint64_t vaddr, struct work_pool *ret,
		     struct err *err)
{
	struct work_pool pool = { 0 };
	uint64_t cpu, id, workers, idle, attrs, nice = 0;
	int r = value_read(kernel, vaddr, "worker_pool.cpu", &cpu, err);

	if (r == 0)
		r = value_read(kernel, vaddr, "worker_pool.id", &id, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "worker_pool.nr_workers", &workers, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "worker_pool.nr_idle", &idle, err);
	if (r == 0 && value_read(kernel, vaddr, "worker_pool.attrs", &attrs, NULL) == 0 &&
	    attrs && value_read(kernel, attrs, "workqueue_attrs.nice", &nice, NULL) < 0)
		nice = 0;
	if (r == 0)
		r = read_running(kernel, vaddr, &pool, err);
	if (r == 0)
		r = read_pending(kernel, vaddr, &pool, err);
	if (r < 0) {
		free(pool.items);
		return r;
	}
	pool.id = (int32_t)id;
	pool.cpu = (int32_t)cpu;
	pool.nice = (int32_t)nice;
	pool.workers = (uint32_t)workers;
	pool.idle = (uint32_t)idle;
	*ret = pool;
	return 0;
}

static int pools_walk(struct kernel *kernel, struct work_pools *pools, struct err *err)
{
	struct index_tree tree;
	uint64_t idr, at, index, vaddr;
	int r = kernel_symbol(kernel, "worker_pool_idr", &idr, err);

	if (r == 0)
		r = value_vaddr(kernel, idr, "idr.idr_rt", &at, err);
	if (r == 0)
		r = index_tree_init_xarray(kernel, at, WORK_POOLS_MAX, &tree, err);
	while (r == 0 && (r = index_tree_next(&tree, &index, &vaddr, err)) > 0) {
		size_t n = pools->count;

		if (n % 16 == 0) {
			struct work_pool *list =
				realloc(pools->pools, (n + 16) * sizeof(*list));

			if (!list)
				return err_nomem(err);
			pools->pools = list;
		}
		r = pool_read(kernel, vaddr, &pools->pools[n], err);
		if (r < 0)
			return err_in(err, r, "pool %" PRIu64 " of workers", index);
		pools->count++;
	}
	return r;
}

int work_pools_read(struct kernel *kernel, struct work_pools *ret, struct err *err)
{
	struct work_pools pools = { 0 };
	struct err why = { 0 };
	int r = pools_walk(kernel, &pools, &why);

	if (r < 0 && (!pools.count || r == ERR_NOMEM)) {
		work_pools_done(&pools);
		return err_set(err, r, "looking for workqueues: %.400s", err_text(&why));
	}
	snprintf(pools.cut_why, sizeof(pools.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	*ret = pools;
	return 0;
}

void work_pools_done(struct work_pools *pools)
{
	for (size_t i = 0; i < pools->count; i++)
		free(pools->pools[i].items);
	free(pools->pools);
	*pools = (struct work_pools){ 0 };
}
