// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/lock_graph.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "record/field.h"

#define COLUMNS 80

void lock_graph_done(struct lock_graph *graph)
{
	free(graph->edges);
	*graph = (struct lock_graph){ 0 };
}

/* ---- making ---- */

static struct lock_party party_of(const struct task *task)
{
	struct lock_party party = { .pid = task->pid, .state = task->state };

	ascii_escape(task->comm, strlen(task->comm), party.comm, sizeof(party.comm));
	return party;
}

static const struct task *find_task(const struct survey *survey, uint64_t vaddr)
{
	for (size_t i = 0; i < survey->list.count; i++) {
		if (survey->list.tasks[i].vaddr == vaddr)
			return &survey->list.tasks[i];
	}
	return NULL;
}

/* The symbol of a lock that is a variable; most are parts of something allocated. */
static void name_lock(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size)
{
	struct kernel_name name;
	char text[SURVEY_NAME_SIZE];

	if (!vaddr || kernel_name(kernel, vaddr, &name, NULL) < 0)
		return;
	if (name.offset)
		snprintf(text, sizeof(text), "%s+0x%" PRIx64 "%s%s%s", name.symbol,
			 name.offset, name.module[0] ? " [" : "", name.module,
			 name.module[0] ? "]" : "");
	else
		snprintf(text, sizeof(text), "%s%s%s%s", name.symbol,
			 name.module[0] ? " [" : "", name.module,
			 name.module[0] ? "]" : "");
	ascii_escape(text, strlen(text), ret, size);
}

static struct lock_edge *graph_grow(struct lock_graph *graph, struct err *err)
{
	size_t n = graph->count;
	struct lock_edge *edge;

	if (n % 16 == 0) {
		edge = realloc(graph->edges, (n + 16) * sizeof(*edge));
		if (!edge) {
			err_nomem(err);
			return NULL;
		}
		graph->edges = edge;
	}
	edge = &graph->edges[graph->count++];
	*edge = (struct lock_edge){ .owner.pid = -1, .next = SIZE_MAX };
	return edge;
}

int lock_graph_add(struct lock_graph *graph, struct locks *locks, struct survey *survey,
		   const struct survey_task *task, struct err *err)
{
	struct lock_wait wait;
	struct lock_edge *edge;
	const struct task *owner = NULL;

	if (!task->has_backtrace ||
	    lock_wait_find(locks, task->task, survey->backtrace, &wait, NULL) < 0)
		return 0;
	if (graph->count == LOCK_GRAPH_MAX) {
		graph->left_out++;
		return 0;
	}
	edge = graph_grow(graph, err);
	if (!edge)
		return ERR_NOMEM;
	edge->waiter = party_of(task->task);
	snprintf(edge->waiter.channel, sizeof(edge->waiter.channel), "%s", task->channel);
	edge->since = task->slept;
	snprintf(edge->kind, sizeof(edge->kind), "%s", lock_kind_name(wait.kind));
	edge->lock_vaddr = wait.lock_vaddr;
	name_lock(survey->kernel, wait.lock_vaddr, edge->lock_name,
		  sizeof(edge->lock_name));
	edge->readers = wait.readers;
	if (wait.owner_vaddr)
		owner = find_task(survey, wait.owner_vaddr);
	if (owner)
		edge->owner = party_of(owner);
	ascii_escape(wait.unknown, strlen(wait.unknown), edge->unknown,
		     sizeof(edge->unknown));
	return 0;
}

static void join_edges(struct lock_graph *graph)
{
	for (size_t i = 0; i < graph->count; i++) {
		struct lock_edge *edge = &graph->edges[i];

		edge->next = SIZE_MAX;
		for (size_t j = 0; j < graph->count && edge->owner.pid > 0; j++) {
			if (graph->edges[j].waiter.pid == edge->owner.pid)
				edge->next = j;
		}
	}
}

/*
 * Each edge has one next: whoever comes back to where it began is in a circle. Of many
 * readers the one that is known may not be the one that matters: that proves no deadlock.
 */
static void find_deadlocks(struct lock_graph *graph)
{
	for (size_t i = 0; i < graph->count; i++) {
		size_t at = i, steps = 0;

		while (at != SIZE_MAX && graph->edges[at].readers <= 1 &&
		       steps++ < graph->count) {
			at = graph->edges[at].next;
			if (at == i) {
				graph->edges[i].is_deadlock = true;
				break;
			}
		}
	}
}

void lock_graph_finish(struct lock_graph *graph, struct survey *survey)
{
	join_edges(graph);
	find_deadlocks(graph);
	for (size_t i = 0; i < graph->count; i++) {
		struct lock_edge *edge = &graph->edges[i];

		if (edge->next != SIZE_MAX) {
			edge->owner = graph->edges[edge->next].waiter;
			continue;
		}
		for (size_t j = 0; j < survey->list.count && edge->owner.pid > 0; j++) {
			struct survey_task task;

			if (survey->list.tasks[j].pid != edge->owner.pid)
				continue;
			survey_look(survey, j, &task);
			snprintf(edge->owner.channel, sizeof(edge->owner.channel), "%s",
				 task.channel);
			break;
		}
	}
}

/* ---- text ---- */

static bool is_task_end(const struct lock_edge *edge)
{
	return !strcmp(edge->kind, lock_kind_name(LOCK_TASK_END));
}

static void format_lock(const struct lock_edge *edge, struct text *ret)
{
	if (is_task_end(edge)) {
		text_add(ret, "the end of a task");
		return;
	}
	text_add(ret, "%.*s", (int)strcspn(edge->kind, "-"), edge->kind);
	if (edge->lock_vaddr)
		text_add(ret, " 0x%" PRIx64, edge->lock_vaddr);
	if (edge->lock_name[0])
		text_add(ret, " (%s)", edge->lock_name);
}

static void format_party(const struct lock_party *party, const char *since,
			 struct text *ret)
{
	text_add(ret, "%s (pid %" PRId32 ", %c%s%s)", party->comm, party->pid,
		 party->state ? party->state : '?', since[0] ? ", " : "", since);
}

/* Behind the line that begins at @start, or on its own where that gets too long. */
static void format_channel(const char *channel, size_t start, struct text *ret)
{
	bool fits = ret->size - start + strlen(", in ") + strlen(channel) <= COLUMNS;

	if (channel[0])
		text_add(ret, fits ? ", in %s" : ",\n    in %s", channel);
}

/* Who has it, and whom that one waits for, and so on, to the one who holds up all. */
static void format_owner(const struct lock_graph *graph, const struct lock_edge *edge,
			 struct text *ret)
{
	size_t steps = 0, start = ret->size;

	if (edge->readers > 1)
		text_add(ret, "  held by %" PRIu64 " readers, the last of them ",
			 edge->readers);
	else
		text_add(ret, is_task_end(edge) ? "  that is " : "  held by ");
	if (edge->owner.pid < 0) {
		text_add(ret, "an unknown task: %s\n",
			 edge->unknown[0] ? edge->unknown : "no reason is known");
		return;
	}
	format_party(&edge->owner, "", ret);
	if (edge->readers == 1)
		text_add(ret, " as a reader");
	while (!edge->is_deadlock && edge->next != SIZE_MAX && steps++ < graph->count) {
		edge = &graph->edges[edge->next];
		text_add(ret, ",\n");
		start = ret->size;
		text_add(ret, "    who waits for ");
		if (edge->owner.pid < 0)
			text_add(ret, "a lock of an unknown task");
		else
			format_party(&edge->owner, "", ret);
	}
	if (edge->is_deadlock)
		text_add(ret, ", in the deadlock above");
	else
		format_channel(edge->owner.channel, start, ret);
	text_add(ret, "\n");
}

static void format_waiter(const struct lock_edge *edge, struct text *ret)
{
	char since[48] = "";
	size_t start = ret->size;

	span_format(&edge->since, since, sizeof(since));
	text_add(ret, is_task_end(edge) ? "  waited for by " : "  wanted by ");
	format_party(&edge->waiter, since, ret);
	if (!strncmp(edge->kind, "rwsem-", 6))
		text_add(ret, " to %s", edge->kind + 6);
	format_channel(edge->waiter.channel, start, ret);
	text_add(ret, "\n");
}

/* From the first edge of a circle, once around. */
static void format_deadlock(const struct lock_graph *graph, size_t first,
			    struct text *ret)
{
	size_t at = first;

	text_add(ret, "DEADLOCK:\n");
	do {
		const struct lock_edge *edge = &graph->edges[at];

		text_add(ret, "  %s (pid %" PRId32 ") wants\n    ", edge->waiter.comm,
			 edge->waiter.pid);
		format_lock(edge, ret);
		text_add(ret, "\n    of %s (pid %" PRId32 ")\n", edge->owner.comm,
			 edge->owner.pid);
		at = edge->next;
	} while (at != first);
}

static bool is_first_of_deadlock(const struct lock_graph *graph, size_t i)
{
	if (!graph->edges[i].is_deadlock)
		return false;
	for (size_t at = graph->edges[i].next; at != i; at = graph->edges[at].next) {
		if (at < i)
			return false;
	}
	return true;
}

/* An edge whose lock is unknown is a lock of its own. */
static bool is_same_lock(const struct lock_edge *a, const struct lock_edge *b)
{
	return a == b || (a->lock_vaddr && a->lock_vaddr == b->lock_vaddr);
}

static bool is_first_of_lock(const struct lock_graph *graph, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (is_same_lock(&graph->edges[j], &graph->edges[i]))
			return false;
	}
	return true;
}

void lock_graph_format_text(const struct lock_graph *graph, struct text *ret)
{
	for (size_t i = 0; i < graph->count; i++) {
		if (is_first_of_deadlock(graph, i))
			format_deadlock(graph, i, ret);
	}
	for (size_t i = 0; i < graph->count; i++) {
		if (!is_first_of_lock(graph, i))
			continue;
		format_lock(&graph->edges[i], ret);
		text_add(ret, "\n");
		format_owner(graph, &graph->edges[i], ret);
		for (size_t j = i; j < graph->count; j++) {
			if (is_same_lock(&graph->edges[i], &graph->edges[j]))
				format_waiter(&graph->edges[j], ret);
		}
	}
	if (graph->left_out)
		text_add(ret, "(and %zu more tasks that wait for locks)\n",
			 graph->left_out);
}

/* ---- JSON ---- */

static int put_party(json_t *edge, const char *key, const struct lock_party *party)
{
	char state[2] = { party->state ? party->state : '?' };
	json_t *object;
	int r;

	if (party->pid < 0)
		return 0;
	object = json_pack("{s:i, s:o, s:s}", "pid", party->pid, "comm",
			   member_new_string(party->comm), "state", state);
	r = member_put_string(object, "wait_channel", party->channel);
	return json_object_set_new(edge, key, object) | r;
}

static json_t *edge_new_json(const struct lock_edge *edge)
{
	json_t *object = json_object();
	int r = put_party(object, "waiter", &edge->waiter);

	r |= span_put_json(&edge->since, object, "since");
	r |= member_put_string(object, "kind", edge->kind);
	r |= member_put_hex(object, "lock", edge->lock_vaddr);
	r |= member_put_string(object, "lock_name", edge->lock_name);
	r |= put_party(object, "owner", &edge->owner);
	r |= member_put_number(object, "readers", edge->readers);
	r |= member_put_string(object, "owner_unknown", edge->unknown);
	r |= json_object_set_new(object, "deadlock", json_boolean(edge->is_deadlock));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *lock_graph_new_json(const struct lock_graph *graph)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < graph->count; i++)
		r = json_array_append_new(array, edge_new_json(&graph->edges[i]));
	if (r == 0)
		return array;
	json_decref(array);
	return NULL;
}

static int parse_party(const json_t *edge, const char *key, struct lock_party *ret,
		       struct err *err)
{
	const json_t *object = NULL;
	char state[8] = "?";
	int64_t pid = -1;
	int r = field_object(edge, key, &object, err);

	ret->pid = -1;
	if (r < 0 || !object)
		return r;
	r = field_int(object, "pid", -1, INT32_MAX, &pid, err);
	if (r == 0)
		r = member_get_string(object, "comm", ret->comm, sizeof(ret->comm), err);
	if (r == 0)
		r = member_get_string(object, "state", state, sizeof(state), err);
	if (r == 0)
		r = member_get_string(object, "wait_channel", ret->channel,
				      sizeof(ret->channel), err);
	ret->pid = (int32_t)pid;
	ret->state = state[0] > ' ' && !state[1] ? state[0] : '?';
	return r;
}

static int parse_edge(const json_t *object, struct lock_edge *ret, struct err *err)
{
	int r;

	if (!json_is_object(object))
		return err_set(err, ERR_CORRUPT, "an element is not an object");
	r = parse_party(object, "waiter", &ret->waiter, err);
	if (r == 0)
		r = span_get_json(object, "since", &ret->since, err);
	if (r == 0)
		r = member_get_string(object, "kind", ret->kind, sizeof(ret->kind), err);
	if (r == 0)
		r = member_get_hex(object, "lock", &ret->lock_vaddr, err);
	if (r == 0)
		r = member_get_string(object, "lock_name", ret->lock_name,
				      sizeof(ret->lock_name), err);
	if (r == 0)
		r = parse_party(object, "owner", &ret->owner, err);
	if (r == 0)
		r = member_get_number(object, "readers", INT64_MAX, &ret->readers, err);
	if (r == 0)
		r = member_get_string(object, "owner_unknown", ret->unknown,
				      sizeof(ret->unknown), err);
	return r;
}

/* Circles are found anew: what stands in the file could send a reader around for ever. */
int lock_graph_parse_json(const json_t *array, struct lock_graph *ret, struct err *err)
{
	int r = 0;

	if (json_array_size(array) > LOCK_GRAPH_MAX)
		return err_set(err, ERR_LIMIT, "more than %d waits for locks",
			       LOCK_GRAPH_MAX);
	for (size_t i = 0; r == 0 && i < json_array_size(array); i++) {
		struct lock_edge *edge = graph_grow(ret, err);

		if (!edge)
			return ERR_NOMEM;
		r = parse_edge(json_array_get(array, i), edge, err);
		if (r < 0)
			r = err_in(err, r, "wait %zu for a lock", i);
	}
	if (r == 0) {
		join_edges(ret);
		find_deadlocks(ret);
	}
	return r;
}
