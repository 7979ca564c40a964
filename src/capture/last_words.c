// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/last_words.h"

#include <poll.h>
#include <string.h>

#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

#define LAST_WORDS_BEAT_MS 500

/* The lines of @text; the wait for a camera is meant, and so a movement. */
static void show_lines(char *text, const struct console *console, uint32_t page_s,
		       const struct worker_call *call)
{
	size_t shown = 0, pages = 0;
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		console_show(console, "", line);
		if (!page_s || ++shown % LAST_WORDS_PAGE_LINES ||
		    ++pages >= LAST_WORDS_PAGES_MAX)
			continue;
		for (uint32_t i = 0;
		     !*call->cancel && i < page_s * 1000 / LAST_WORDS_BEAT_MS; i++) {
			worker_beat(call);
			poll(NULL, 0, LAST_WORDS_BEAT_MS);
		}
	}
}

int last_words_show(const char *vmcore, const struct console *console, uint32_t page_s,
		    const struct worker_call *call, struct err *err)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text text = { 0 };
	size_t first;
	int r;

	r = image_open(vmcore, &image, err);
	if (r == 0)
		r = kernel_open(image, &kernel, err);
	if (r == 0)
		r = printk_read(kernel, &log, err);
	if (r < 0)
		return r;
	first = log.count > LAST_WORDS_RECORDS_MAX ? log.count - LAST_WORDS_RECORDS_MAX
						   : 0;
	for (size_t i = first; i < log.count; i++)
		printk_format_record(&log.records[i], &text);
	r = text_check(&text, err);
	if (r < 0 || text.size == 0)
		return r;
	console_show(console, "", "---- the dead kernel's last words ----");
	show_lines(text.data, console, page_s, call);
	console_show(console, "", "---- end ----");
	return 0;
}
