// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Source: Arm Architecture Reference Manual (DDI 0487), chapter C4 (A64 encodings).
 *
 * Each instruction gets the set of states with which it can be reached. What no way leads
 * to is what a table of jumps (br) does, or what is behind a brk: WARN() goes on there,
 * while behind BUG() another block begins, which some other way leads to.
 */
#include "kernel/flow_arm64.h"

#include <stdlib.h>

#include "base/cleanup.h"

/* States with which an instruction is reached: a set, empty if it is not. */
enum {
	REACHED_NONE = 1 << 0,
	REACHED_MADE = 1 << 1,
	REACHED_LOST = 1 << 2, /* without a record, and x30 was overwritten */
	IS_QUEUED = 1 << 3,
	REACHED_ALL = REACHED_NONE | REACHED_MADE | REACHED_LOST,
};

struct flow {
	const uint32_t *code;
	size_t count;
	uint8_t *states;
	uint32_t *queue; /* a stack: an instruction is in it at most once */
	size_t queued;
	uint8_t at_br; /* states with which any br was reached */
};

enum way {
	WAY_ON,	    /* to the next one */
	WAY_CALL,   /* there too */
	WAY_BRANCH, /* to the next one, or to a target */
	WAY_JUMP,   /* to a target */
	WAY_BR,	    /* to where a register points */
	WAY_TRAP,   /* brk */
	WAY_END,    /* ret, eret */
};

static int64_t field(uint32_t instruction, unsigned int low, unsigned int bits)
{
	uint32_t value = instruction >> low & ((1u << bits) - 1);
	uint32_t sign = 1u << (bits - 1);

	return (int64_t)(value ^ sign) - (int64_t)sign;
}

/* br, blr, ret, eret, and each with authentication (retaa, ...). */
static enum way way_by_register(uint32_t instruction)
{
	switch (instruction >> 21 & 7) {
	case 0:
		return WAY_BR;
	case 1:
		return WAY_CALL;
	default:
		return WAY_END;
	}
}

static enum way way_of(uint32_t instruction, int64_t *ret_target)
{
	if ((instruction & 0xfc000000) == 0x14000000) { // b
		*ret_target = field(instruction, 0, 26);
		return WAY_JUMP;
	}
	if ((instruction & 0xfc000000) == 0x94000000) // bl
		return WAY_CALL;
	if ((instruction & 0xff000000) == 0x54000000 || // b.cond
	    (instruction & 0x7e000000) == 0x34000000) { // cbz, cbnz
		*ret_target = field(instruction, 5, 19);
		return WAY_BRANCH;
	}
	if ((instruction & 0x7e000000) == 0x36000000) { // tbz, tbnz
		*ret_target = field(instruction, 5, 14);
		return WAY_BRANCH;
	}
	if ((instruction & 0xfe000000) == 0xd6000000)
		return way_by_register(instruction);
	if ((instruction & 0xffe0001f) == 0xd4200000) // brk
		return WAY_TRAP;
	return WAY_ON;
}

/* ldp x29, x30, [sp, ...], with or without a change of sp. */
static bool drops_frame(uint32_t instruction)
{
	uint32_t form = instruction & 0xffc07fff;

	return form == 0xa9407bfd || form == 0xa8c07bfd || form == 0xa9c07bfd;
}

/* add x29, sp, #n, of which mov x29, sp is one. */
static bool makes_frame(uint32_t instruction)
{
	return (instruction & 0xff8003ff) == 0x910003fd;
}

bool flow_arm64_is_call(uint32_t instruction)
{
	int64_t target;

	return way_of(instruction, &target) == WAY_CALL;
}

/* mov x9, x30: what tracing patches in before the prologue gives x30 back. */
static bool keeps_lr(const struct flow *flow, size_t at)
{
	return at > 0 && flow->code[at - 1] == 0xaa1e03e9;
}

static uint8_t states_behind(const struct flow *flow, size_t at, enum way way)
{
	uint8_t states = flow->states[at] & REACHED_ALL;

	if (makes_frame(flow->code[at]))
		return REACHED_MADE;
	if (drops_frame(flow->code[at]))
		return REACHED_NONE;
	if (way == WAY_CALL && (states & REACHED_NONE) && !keeps_lr(flow, at))
		states = (uint8_t)((states & ~REACHED_NONE) | REACHED_LOST);
	return states;
}

static void flow_to(struct flow *flow, int64_t at, uint8_t states)
{
	if (at < 0 || (uint64_t)at >= flow->count || !(states & ~flow->states[at]))
		return;
	flow->states[at] |= states;
	if (flow->states[at] & IS_QUEUED)
		return;
	flow->states[at] |= IS_QUEUED;
	flow->queue[flow->queued++] = (uint32_t)at;
}

/* Three states for each instruction: it ends after at most as many steps. */
static void flow_run(struct flow *flow)
{
	while (flow->queued) {
		size_t at = flow->queue[--flow->queued];
		int64_t target = 0;
		enum way way = way_of(flow->code[at], &target);
		uint8_t states = states_behind(flow, at, way);

		flow->states[at] &= (uint8_t)~IS_QUEUED;
		if (way == WAY_BR)
			flow->at_br |= states;
		if (way == WAY_BRANCH || way == WAY_JUMP)
			flow_to(flow, (int64_t)at + target, states);
		if (way == WAY_ON || way == WAY_CALL || way == WAY_BRANCH)
			flow_to(flow, (int64_t)at + 1, states);
	}
}

/* Behind WARN() it goes on: what is behind a brk and was not reached is reached so. */
static void flow_past_traps(struct flow *flow)
{
	for (size_t i = 0; i + 1 < flow->count; i++) {
		int64_t target;

		if (!(flow->states[i] & REACHED_ALL) || flow->states[i + 1] ||
		    way_of(flow->code[i], &target) != WAY_TRAP)
			continue;
		flow_to(flow, (int64_t)i + 1, flow->states[i] & REACHED_ALL);
		flow_run(flow);
	}
}

/*
 * A table of jumps leads to where nothing else does: to blocks behind one that does not
 * go on. With a record made; a jump without one is a call's end.
 */
static void flow_by_tables(struct flow *flow)
{
	for (size_t i = 1; i < flow->count && (flow->at_br & REACHED_MADE); i++) {
		int64_t target;
		enum way before = way_of(flow->code[i - 1], &target);

		if (flow->states[i] ||
		    (before != WAY_JUMP && before != WAY_BR && before != WAY_END))
			continue;
		flow_to(flow, (int64_t)i, REACHED_MADE);
		flow_run(flow);
	}
}

enum flow_frame flow_arm64_frame(const uint32_t *code, size_t count, size_t at,
				 bool starts_with_frame)
{
	_cleanup_free uint8_t *states = NULL;
	_cleanup_free uint32_t *queue = NULL;
	struct flow flow = { .code = code, .count = count };
	uint8_t reached;

	if (at >= count || count > FLOW_INSTRUCTIONS_MAX)
		return FLOW_FRAME_UNKNOWN;
	flow.states = states = calloc(count, sizeof(*states));
	flow.queue = queue = calloc(count, sizeof(*queue));
	if (!states || !queue)
		return FLOW_FRAME_UNKNOWN;
	flow_to(&flow, 0, starts_with_frame ? REACHED_MADE : REACHED_NONE);
	flow_run(&flow);
	flow_by_tables(&flow);
	flow_past_traps(&flow);
	reached = states[at] & REACHED_ALL;
	return reached == REACHED_MADE	 ? FLOW_FRAME_MADE
	       : reached == REACHED_NONE ? FLOW_FRAME_NONE
					 : FLOW_FRAME_UNKNOWN;
}
