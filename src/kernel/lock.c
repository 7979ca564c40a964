// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * struct mutex_waiter and struct rwsem_waiter both begin with list and task; where they
 * lie is asked for nonetheless.
 *
 *	lock: owner, count, wait_list <-> waiter.list <-> waiter.list <-> wait_list
 */
#include "kernel/lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* mutex.owner: a task and MUTEX_FLAG_WAITERS, _HANDOFF, _PICKUP */
#define MUTEX_FLAG_WAITERS UINT64_C(1)
#define OWNER_FLAGS	   UINT64_C(7) /* of rw_semaphore.owner too: two or three */

/* rw_semaphore.count, kernel/locking/rwsem.c */
#define RWSEM_WRITER_LOCKED UINT64_C(1)
#define RWSEM_FLAG_WAITERS  UINT64_C(2)
#define RWSEM_READER_SHIFT  8
#define RWSEM_READFAIL	    (UINT64_C(1) << 63)
#define RWSEM_READER_OWNED  UINT64_C(1)

struct lock_layout {
	uint64_t list, task;   /* of the waiter */
	uint64_t owner;	       /* of the lock */
	uint64_t wait_list;    /* its head of the ring; or: */
	uint64_t first_waiter; /* a pointer to one of the waiters */
	bool has_head;
	uint64_t count;	   /* of a rw_semaphore */
	char missing[160]; /* why all this is not known; "" it is */
};

struct locks {
	struct kernel *kernel;
	struct lock_layout mutex, rwsem;
	uint64_t *tasks; /* addresses, ascending */
	size_t task_count;

	/* Completions that the end of a task completes, ascending; read when asked for.
	 */
	struct task_end *ends;
	size_t end_count;
	bool has_ends;
};

struct task_end {
	uint64_t completion_vaddr, task_vaddr;
};

static void layout_read(struct kernel *kernel, const char *const paths[6],
			struct lock_layout *ret)
{
	uint64_t *const offsets[] = { &ret->list, &ret->task, &ret->wait_list,
				      &ret->owner, &ret->count };
	struct err why = { 0 };

	*ret = (struct lock_layout){ 0 };
	if (kernel_offset(kernel, paths[5], &ret->first_waiter, NULL) < 0)
		ret->has_head = true;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (offsets[i] == &ret->wait_list && !ret->has_head)
			continue;
		if (paths[i] && kernel_offset(kernel, paths[i], offsets[i], &why) < 0) {
			snprintf(ret->missing, sizeof(ret->missing), "%.159s",
				 err_text(&why));
			return;
		}
	}
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int locks_new(struct kernel *kernel, const struct task_list *tasks, struct locks **ret,
	      struct err *err)
{
	static const char *const mutex[6] = { "mutex_waiter.list",
					      "mutex_waiter.task",
					      "mutex.wait_list",
					      "mutex.owner",
					      NULL,
					      "mutex.first_waiter" };
	static const char *const rwsem[6] = {
		"rwsem_waiter.list",  "rwsem_waiter.task",  "rw_semaphore.wait_list",
		"rw_semaphore.owner", "rw_semaphore.count", "rw_semaphore.first_waiter"
	};
	struct locks *locks = calloc(1, sizeof(*locks));

	if (locks)
		locks->tasks = calloc(tasks->count + 1, sizeof(*locks->tasks));
	if (!locks || !locks->tasks) {
		locks_free(locks);
		return err_nomem(err);
	}
	locks->kernel = kernel;
	locks->task_count = tasks->count;
	for (size_t i = 0; i < tasks->count; i++)
		locks->tasks[i] = tasks->tasks[i].vaddr;
	qsort(locks->tasks, locks->task_count, sizeof(*locks->tasks), compare_u64);
	layout_read(kernel, mutex, &locks->mutex);
	layout_read(kernel, rwsem, &locks->rwsem);
	*ret = locks;
	return 0;
}

void locks_free(struct locks *locks)
{
	if (!locks)
		return;
	free(locks->tasks);
	free(locks->ends);
	free(locks);
}

static bool is_task(const struct locks *locks, uint64_t vaddr)
{
	return bsearch(&vaddr, locks->tasks, locks->task_count, sizeof(vaddr),
		       compare_u64);
}

/* ---- which code waits for a lock ---- */

/* Without what the compiler appends: "__mutex_lock.constprop.0". */
static bool is_function(const char *name, const char *wanted)
{
	size_t size = strlen(wanted);

	return !strncmp(name, wanted, size) && (!name[size] || name[size] == '.');
}

static bool find_slow_path(struct locks *locks, const struct backtrace *backtrace,
			   enum lock_kind *ret_kind, size_t *ret_frame)
{
	static const struct {
		const char *function;
		enum lock_kind kind;
	} paths[] = {
		{ "__mutex_lock", LOCK_MUTEX },
		{ "__ww_mutex_lock", LOCK_MUTEX },
		{ "rwsem_down_read_slowpath", LOCK_RWSEM_READ },
		{ "rwsem_down_write_slowpath", LOCK_RWSEM_WRITE },
		{ "rt_mutex_slowlock", LOCK_RTMUTEX },
		{ "rt_mutex_slowlock_block", LOCK_RTMUTEX },
		{ "__rt_mutex_slowlock", LOCK_RTMUTEX },
		{ "__wait_for_common", LOCK_TASK_END }, // since v5.17, 6d5a763c3023
		{ "wait_for_completion", LOCK_TASK_END },
		{ "wait_for_completion_killable", LOCK_TASK_END },
	};

	for (size_t i = 0; i < backtrace->count; i++) {
		uint64_t vaddr = frame_lookup_vaddr(&backtrace->frames[i]);
		struct kernel_name name;

		if (!backtrace->frames[i].is_reliable ||
		    kernel_name(locks->kernel, vaddr, &name, NULL) < 0 || name.module[0])
			return false;
		for (size_t j = 0; j < ARRAY_SIZE(paths); j++) {
			if (is_function(name.symbol, paths[j].function)) {
				*ret_kind = paths[j].kind;
				*ret_frame = i;
				return true;
			}
		}
	}
	return false;
}

/* ---- the waiter, and the lock that its ring leads to ---- */

/* Do both neighbours of @node point to it? */
static bool is_linked(struct kernel *kernel, uint64_t node)
{
	uint64_t next, prev, back;

	return kernel_read_u64(kernel, node, &next, NULL) == 0 &&
	       kernel_read_u64(kernel, node + 8, &prev, NULL) == 0 &&
	       kernel_read_u64(kernel, next + 8, &back, NULL) == 0 && back == node &&
	       kernel_read_u64(kernel, prev, &back, NULL) == 0 && back == node;
}

/* The list node of @task's waiter, on its stack in [@low, @high). */
static int find_waiter(struct locks *locks, const struct lock_layout *layout,
		       uint64_t task_vaddr, uint64_t low, uint64_t high, uint64_t *ret,
		       struct err *err)
{
	for (uint64_t at = low & ~UINT64_C(7); at < high; at += 8) {
		uint64_t value;
		int r = kernel_read_u64(locks->kernel, at, &value, err);

		if (r < 0)
			return err_in(err, r, "its stack");
		if (value == task_vaddr &&
		    is_linked(locks->kernel, at - layout->task + layout->list)) {
			*ret = at - layout->task + layout->list;
			return 0;
		}
	}
	return err_set(err, ERR_NOTFOUND, "no waiter was found on its stack");
}

/* Does memory at @vaddr say of itself that it is a lock with waiters? */
static bool is_lock(struct locks *locks, const struct lock_layout *layout, uint64_t vaddr)
{
	uint64_t owner, count = RWSEM_FLAG_WAITERS;

	if (kernel_read_u64(locks->kernel, vaddr + layout->owner, &owner, NULL) < 0)
		return false;
	if (layout == &locks->mutex)
		return owner & MUTEX_FLAG_WAITERS;
	return kernel_read_u64(locks->kernel, vaddr + layout->count, &count, NULL) == 0 &&
	       (count & RWSEM_FLAG_WAITERS);
}

/*
 * All nodes of the ring but one are waiters, which name tasks: that one is the lock's.
 */
static int find_lock(struct locks *locks, const struct lock_layout *layout, uint64_t node,
		     uint64_t *ret, struct err *err)
{
	uint64_t at = node, lock = 0;

	for (size_t steps = 0; steps <= LOCK_WAITERS_MAX; steps++) {
		uint64_t task = 0, candidate = at - layout->wait_list;
		int r;

		if (kernel_read_u64(locks->kernel, at - layout->list + layout->task,
				    &task, NULL) < 0 ||
		    !is_task(locks, task)) {
			if (lock || !is_lock(locks, layout, candidate))
				return err_set(err, ERR_CORRUPT,
					       "its waiter's list holds no lock");
			lock = candidate;
		}
		r = kernel_read_u64(locks->kernel, at, &at, err);
		if (r < 0)
			return err_in(err, r, "the list of waiters");
		if (at == node && !lock)
			return err_set(err, ERR_NOTFOUND,
				       "the list of waiters has no head");
		if (at == node) {
			*ret = lock;
			return 0;
		}
	}
	return err_set(err, ERR_LIMIT, "the lock has more than %d waiters",
		       LOCK_WAITERS_MAX);
}

/* Is @wanted one of the ring that @node is in? */
static bool ring_has(struct kernel *kernel, uint64_t node, uint64_t wanted)
{
	uint64_t at = node;

	for (size_t steps = 0; steps < LOCK_WAITERS_MAX; steps++) {
		if (at == wanted)
			return true;
		if (kernel_read_u64(kernel, at, &at, NULL) < 0 || at == node)
			return false;
	}
	return false;
}

/* A mutex's owner is a task that lives, or nobody; of a rw_semaphore it may be gone. */
static bool has_likely_owner(struct locks *locks, const struct lock_layout *layout,
			     uint64_t vaddr)
{
	uint64_t owner;

	if (kernel_read_u64(locks->kernel, vaddr + layout->owner, &owner, NULL) < 0)
		return false;
	return layout == &locks->rwsem || !(owner & ~OWNER_FLAGS) ||
	       is_task(locks, owner & ~OWNER_FLAGS);
}

/*
 * All nodes of the ring are waiters. Whoever waits for a lock has its address on the
 * stack: of all that is there, the only one that is a lock and knows one of the ring. A
 * lock is not where the code that waits for it has its own variables.
 */
static int find_pointed_lock(struct locks *locks, const struct lock_layout *layout,
			     uint64_t node, uint64_t low, uint64_t high, uint64_t *ret,
			     struct err *err)
{
	uint64_t lock = 0;

	for (uint64_t at = low & ~UINT64_C(7); at < high + LOCK_CALLER_MAX; at += 8) {
		uint64_t value, first;

		if (kernel_read_u64(locks->kernel, at, &value, NULL) < 0)
			break;
		if (!(value >> 63) || (value & 7) || value == lock ||
		    (value >= low && value < high) ||
		    kernel_read_u64(locks->kernel, value + layout->first_waiter, &first,
				    NULL) < 0 ||
		    !is_lock(locks, layout, value) ||
		    !has_likely_owner(locks, layout, value) ||
		    !ring_has(locks->kernel, node, first + layout->list))
			continue;
		if (lock)
			return err_set(err, ERR_CORRUPT,
				       "two locks claim its waiter: 0x%" PRIx64
				       " and 0x%" PRIx64,
				       lock, value);
		lock = value;
	}
	if (!lock)
		return err_set(err, ERR_NOTFOUND, "no address of a lock is on its stack");
	*ret = lock;
	return 0;
}

/* ---- who has it ---- */

static int find_owner(struct locks *locks, const struct lock_layout *layout,
		      struct lock_wait *wait, struct err *err)
{
	uint64_t owner, count = RWSEM_WRITER_LOCKED;
	int r = kernel_read_u64(locks->kernel, wait->lock_vaddr + layout->owner, &owner,
				err);

	if (r == 0 && layout == &locks->rwsem)
		r = kernel_read_u64(locks->kernel, wait->lock_vaddr + layout->count,
				    &count, err);
	if (r < 0)
		return err_in(err, r, "the lock");
	if (!(count & RWSEM_WRITER_LOCKED)) {
		wait->readers = (count & ~RWSEM_READFAIL) >> RWSEM_READER_SHIFT;
		if (!wait->readers)
			return err_set(err, ERR_NOTFOUND, "nobody holds it now");
		if (!(owner & RWSEM_READER_OWNED))
			owner = 0;
	}
	if (!(owner & ~OWNER_FLAGS))
		return err_set(err, ERR_NOTFOUND,
			       wait->readers ? "its readers are not written down"
					     : "nobody holds it now");
	if (!is_task(locks, owner & ~OWNER_FLAGS))
		return err_set(err, ERR_NOTFOUND,
			       "its owner 0x%" PRIx64 " is no task that is left",
			       owner & ~OWNER_FLAGS);
	wait->owner_vaddr = owner & ~OWNER_FLAGS;
	return 0;
}

/* ---- rt_mutexes ---- */

#define RT_MUTEX_FLAGS UINT64_C(3) /* of its owner: has waiters */

/* A pointer that is a member of what lies at @vaddr. */
static int read_pointer(struct locks *locks, uint64_t vaddr, const char *path,
			uint64_t *ret, struct err *err)
{
	uint64_t offset;
	int r = kernel_offset(locks->kernel, path, &offset, err);

	return r == 0 ? kernel_read_u64(locks->kernel, vaddr + offset, ret, err) : r;
}

static int read_rtmutex(struct locks *locks, const struct task *task,
			struct lock_wait *wait, struct err *err)
{
	uint64_t waiter, owner;
	int r = read_pointer(locks, task->vaddr, "task_struct.pi_blocked_on", &waiter,
			     err);

	if (r == 0 && !waiter)
		r = err_set(err, ERR_NOTFOUND, "it names no waiter");
	if (r == 0)
		r = read_pointer(locks, waiter, "rt_mutex_waiter.lock", &wait->lock_vaddr,
				 err);
	/* 830e6acc8a1c (v5.15) put the members that all kinds have into a struct. */
	if (r == 0 && read_pointer(locks, wait->lock_vaddr, "rt_mutex_base.owner", &owner,
				   NULL) < 0)
		r = read_pointer(locks, wait->lock_vaddr, "rt_mutex.owner", &owner, err);
	if (r < 0)
		return r;
	owner &= ~RT_MUTEX_FLAGS;
	if (!owner)
		return err_set(err, ERR_NOTFOUND, "nobody holds it now");
	if (!is_task(locks, owner))
		return err_set(err, ERR_NOTFOUND,
			       "its owner 0x%" PRIx64 " is no task that is left", owner);
	wait->owner_vaddr = owner;
	return 0;
}

/* ---- the end of a task ---- */

static int compare_ends(const void *a, const void *b)
{
	const struct task_end *x = a, *y = b;

	return (x->completion_vaddr > y->completion_vaddr) -
	       (x->completion_vaddr < y->completion_vaddr);
}

/* Once for all who ask: a dump may have many tasks, and many who wait. */
static void read_ends(struct locks *locks)
{
	uint64_t offset;

	if (locks->has_ends)
		return;
	locks->has_ends = true;
	locks->ends = calloc(locks->task_count + 1, sizeof(*locks->ends));
	if (!locks->ends ||
	    kernel_offset(locks->kernel, "task_struct.vfork_done", &offset, NULL) < 0)
		return;
	for (size_t i = 0; i < locks->task_count; i++) {
		struct task_end *end = &locks->ends[locks->end_count];

		if (kernel_read_u64(locks->kernel, locks->tasks[i] + offset,
				    &end->completion_vaddr, NULL) < 0 ||
		    !end->completion_vaddr)
			continue;
		end->task_vaddr = locks->tasks[i];
		locks->end_count++;
	}
	qsort(locks->ends, locks->end_count, sizeof(*locks->ends), compare_ends);
}

/*
 * The head of the ring that a waiter is in lies in the completion: the one node that is
 * no waiter, for it does not name a task.
 */
static int find_completion(struct locks *locks, const struct lock_layout *layout,
			   uint64_t node, uint64_t *ret, struct err *err)
{
	uint64_t at = node, task;

	for (size_t steps = 0; steps < LOCK_WAITERS_MAX; steps++) {
		int r = kernel_read_u64(locks->kernel, at, &at, err);

		if (r < 0)
			return err_in(err, r, "the list of waiters");
		if (kernel_read_u64(locks->kernel, at - layout->list + layout->task,
				    &task, NULL) < 0 ||
		    !is_task(locks, task)) {
			*ret = at - layout->wait_list;
			return 0;
		}
		if (at == node)
			break;
	}
	return err_set(err, ERR_NOTFOUND, "the list of waiters has no head");
}

static int read_task_end(struct locks *locks, const struct task *task, uint64_t low,
			 uint64_t high, struct lock_wait *wait, struct err *err)
{
	struct lock_layout layout = { 0 };
	struct task_end key = { 0 }, *end;
	uint64_t node, head = 0;
	int r = kernel_offset(locks->kernel, "swait_queue.task", &layout.task, err);

	if (r == 0)
		r = kernel_offset(locks->kernel, "swait_queue.task_list", &layout.list,
				  err);
	if (r == 0)
		r = kernel_offset(locks->kernel, "completion.wait", &layout.wait_list,
				  err);
	if (r == 0)
		r = kernel_offset(locks->kernel, "swait_queue_head.task_list", &head,
				  err);
	layout.wait_list += head;
	if (r == 0)
		r = find_waiter(locks, &layout, task->vaddr, low, high, &node, err);
	if (r == 0)
		r = find_completion(locks, &layout, node, &key.completion_vaddr, err);
	if (r < 0)
		return r;
	read_ends(locks);
	end = locks->ends ? bsearch(&key, locks->ends, locks->end_count,
				    sizeof(*locks->ends), compare_ends)
			  : NULL;
	if (!end)
		return err_set(err, ERR_NOTFOUND,
			       "who will complete it is not written down");
	wait->lock_vaddr = end->completion_vaddr;
	wait->owner_vaddr = end->task_vaddr;
	return 0;
}

/* ---- all of them ---- */

/* A mutex or a rw_semaphore. */
static int read_lock(struct locks *locks, const struct task *task, uint64_t low,
		     uint64_t high, struct lock_wait *wait, struct err *err)
{
	const struct lock_layout *layout =
		wait->kind == LOCK_MUTEX ? &locks->mutex : &locks->rwsem;
	uint64_t node = 0;
	int r = 0;

	if (layout->missing[0])
		r = err_set(err, ERR_UNSUPPORTED, "%s", layout->missing);
	if (r == 0)
		r = find_waiter(locks, layout, task->vaddr, low, high, &node, err);
	if (r == 0 && layout->has_head)
		r = find_lock(locks, layout, node, &wait->lock_vaddr, err);
	else if (r == 0)
		r = find_pointed_lock(locks, layout, node, low, high, &wait->lock_vaddr,
				      err);
	return r == 0 ? find_owner(locks, layout, wait, err) : r;
}

void lock_wait_read(struct locks *locks, const struct task *task, enum lock_kind kind,
		    uint64_t low, uint64_t high, struct lock_wait *ret)
{
	struct lock_wait wait = { .kind = kind };
	struct err why = { 0 };
	int r;

	high = MIN(high, low + LOCK_STACK_MAX);
	if (kind == LOCK_RTMUTEX)
		r = read_rtmutex(locks, task, &wait, &why);
	else if (kind == LOCK_TASK_END)
		r = read_task_end(locks, task, low, high, &wait, &why);
	else
		r = read_lock(locks, task, low, high, &wait, &why);
	if (r < 0)
		snprintf(wait.unknown, sizeof(wait.unknown), "%.159s", err_text(&why));
	*ret = wait;
}

int lock_wait_find(struct locks *locks, const struct task *task,
		   const struct backtrace *backtrace, struct lock_wait *ret,
		   struct err *err)
{
	struct lock_wait wait;
	enum lock_kind kind;
	uint64_t low, high;
	size_t frame;

	if (!find_slow_path(locks, backtrace, &kind, &frame))
		return err_set(err, ERR_NOTFOUND, "it waits for no lock");
	low = backtrace->frames[0].sp;
	high = frame + 1 < backtrace->count ? backtrace->frames[frame + 1].sp
					    : low + LOCK_STACK_MAX;
	lock_wait_read(locks, task, kind, low, high, &wait);
	if (kind == LOCK_TASK_END && !wait.owner_vaddr)
		return err_set(err, ERR_NOTFOUND, "it waits for no task's end: %s",
			       wait.unknown);
	*ret = wait;
	return 0;
}

const char *lock_kind_name(enum lock_kind kind)
{
	static const char *const names[] = { "mutex", "rwsem-read", "rwsem-write",
					     "rtmutex", "task-end" };

	return names[kind];
}
