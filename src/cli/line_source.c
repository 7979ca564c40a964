// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/line_source.h"

#include <string.h>

#include "explain/ascii.h"

void line_options_take(struct line_options *options, int option)
{
	switch (option) {
	case LINE_OPTION_LINES:
		break;
	case LINE_OPTION_VMLINUX:
		options->files.vmlinux = optarg;
		break;
	case LINE_OPTION_DEBUG_DIR:
		options->files.directory = optarg;
		break;
	case LINE_OPTION_DEBUGINFOD:
		options->files.may_fetch = true;
		break;
	default:
		return;
	}
	options->is_wanted = true;
}

static void without(struct line_source *source, const char *why)
{
	log_warning(&source->cli->log, "without files and lines: %s", why);
	source->is_incomplete = true;
}

int line_source_open(const struct line_options *options, const struct cli *cli,
		     const struct crash *crash, struct line_source *ret, struct err *err)
{
	struct line_source source = { .cli = cli };
	struct err why = { 0 };
	int r;

	*ret = source;
	if (!options->is_wanted)
		return 0;
	if (!crash->kernel) {
		without(ret, crash->no_kernel);
		return 0;
	}
	if (options->files.may_fetch)
		log_info(&cli->log,
			 "what is not installed is fetched by debuginfod, which "
			 "may take minutes the first time");
	r = debuginfo_open(crash->kernel, &options->files, &ret->debuginfo, &why);
	if (r == 0) {
		const struct vmlinux *vmlinux = debuginfo_vmlinux(ret->debuginfo);

		log_debug(&cli->log, "debug symbols are from '%s'", vmlinux->path);
		if (!vmlinux->is_verified)
			log_warning(&cli->log,
				    "'%s' has no build id to compare: if it is another "
				    "kernel's, files and lines are wrong",
				    vmlinux->path);
		return 0;
	}
	if (options->files.vmlinux || r == ERR_NOMEM) {
		if (err)
			*err = why;
		return r;
	}
	without(ret, err_text(&why));
	if (why.code == ERR_NOTFOUND && !options->files.may_fetch)
		log_warning(&cli->log, "--vmlinux names one, --debuginfod asks for it");
	return 0;
}

void line_source_close(struct line_source *source)
{
	debuginfo_close(source->debuginfo);
	source->debuginfo = NULL;
}

/* Each module once. */
static void tell_missing(struct line_source *source, const char *module,
			 const struct err *why)
{
	source->is_incomplete = true;
	for (size_t i = 0; i < source->told_count; i++) {
		if (source->told[i] == module)
			return;
	}
	if (source->told_count == ARRAY_SIZE(source->told))
		return;
	source->told[source->told_count++] = module;
	log_warning(&source->cli->log, "without files and lines of module '%s': %s",
		    module, err_text(why));
}

bool line_source_find(struct line_source *source, uint64_t vaddr,
		      struct source_lines *ret)
{
	struct err why = { 0 };
	const char *module;

	if (!source->debuginfo)
		return false;
	if (debuginfo_find(source->debuginfo, vaddr, ret, &module, &why) == 0)
		return true;
	if (module)
		tell_missing(source, module, &why);
	else if (why.code != ERR_NOTFOUND)
		without(source, err_text(&why));
	return false;
}

static int set_where(struct report_frame *frame, const struct source_line *line,
		     struct err *err)
{
	if (!line->file[0])
		return 0;
	frame->file = ascii_new(line->file, strlen(line->file));
	frame->line = line->line;
	return frame->file ? 0 : err_nomem(err);
}

/* One that lies in @outer, innermost of those that do. */
static int make_inlined(const struct report_frame *outer, const struct source_line *line,
			struct report_frame *ret, struct err *err)
{
	char text[512];

	snprintf(text, sizeof(text), "%.400s [inlined]",
		 line->function[0] ? line->function : "a function");
	*ret = (struct report_frame){
		.text = ascii_new(text, strlen(text)),
		.function = ascii_new(line->function, strlen(line->function)),
		.module = strdup(outer->module),
		.vaddr = outer->vaddr,
		.lookup_vaddr = outer->lookup_vaddr,
		.is_reliable = outer->is_reliable,
		.is_inlined = true,
	};
	memcpy(ret->stack, outer->stack, sizeof(ret->stack));
	if (!ret->text || !ret->function || !ret->module)
		return err_nomem(err);
	return set_where(ret, line, err);
}

/* @frame with what is inlined in it, into @result, which has the room. */
static int add_frame(struct line_source *source, struct report_frame *frame, bool is_full,
		     struct report_task *result, struct err *err)
{
	struct source_lines lines;
	int r = 0;

	if (!frame->lookup_vaddr ||
	    !line_source_find(source, frame->lookup_vaddr, &lines))
		lines.count = 0;
	for (size_t i = 0; r == 0 && !is_full && i + 1 < lines.count; i++)
		r = make_inlined(frame, &lines.items[i],
				 &result->frames[result->frame_count++], err);
	if (r == 0 && lines.count)
		r = set_where(frame, &lines.items[lines.count - 1], err);
	result->frames[result->frame_count++] = *frame;
	*frame = (struct report_frame){ 0 };
	return r;
}

int line_source_add(struct line_source *source, struct report_task *task, struct err *err)
{
	struct report_task result = *task;
	struct report_frame *frames;
	int r = 0;

	if (!source->debuginfo || !task->frame_count)
		return 0;
	if (!task->frames[0].lookup_vaddr && !source->is_old_told) {
		without(source, "the stack is not from the dump");
		source->is_old_told = true;
	}
	result.frame_count = 0;
	result.frames =
		calloc(REPORT_FRAMES_MAX + task->frame_count, sizeof(*result.frames));
	if (!result.frames)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < task->frame_count; i++) {
		bool is_full = result.frame_count + SOURCE_LINES_MAX + task->frame_count >
			       REPORT_FRAMES_MAX;

		source->is_incomplete |= is_full;
		r = add_frame(source, &task->frames[i], is_full, &result, err);
	}
	report_task_done(task);
	frames = realloc(result.frames, result.frame_count * sizeof(*frames));
	if (frames)
		result.frames = frames;
	*task = result;
	return r;
}

int line_source_add_report(struct line_source *source, struct report *report,
			   struct err *err)
{
	int r = line_source_add(source, &report->panic_task, err);

	for (size_t i = 0; r == 0 && i < report->other_cpus.count; i++)
		r = line_source_add(source, &report->other_cpus.cpus[i].task, err);
	for (size_t i = 0; r == 0 && i < report->blocked.count; i++)
		r = line_source_add(source, &report->blocked.groups[i].stack, err);
	return r;
}
