// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/unwind_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool walk_end(struct walk *w, enum unwind_end end)
{
	w->bt->end = end;
	return false;
}

bool walk_broken(struct walk *w, const char *fmt, ...)
{
	char where[96], why[152];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	kernel_format_address(w->kernel, walk_ip(w), where, sizeof(where));
	snprintf(w->bt->end_why, sizeof(w->bt->end_why), "at %s: %s", where, why);
	return walk_end(w, UNWIND_END_BROKEN);
}

bool walk_add_frame(struct walk *w)
{
	struct frame *frame;

	if (w->bt->count == UNWIND_FRAMES_MAX)
		return walk_broken(w, "more than %d frames", UNWIND_FRAMES_MAX);
	frame = &w->bt->frames[w->bt->count++];
	*frame = (struct frame){
		.ip = walk_ip(w),
		.sp = walk_sp(w),
		.is_interrupted = w->is_interrupted,
		.is_reliable = w->is_reliable && !w->is_guess,
		.has_regs = w->has_regs,
	};
	if (w->has_regs)
		frame->regs = w->regs;
	memcpy(frame->stack, w->stack.stack.name, sizeof(frame->stack));
	return true;
}
