// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/last_words.h"

#include <string.h>

#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

int last_words_show(const char *vmcore, const struct console *console, struct err *err)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text text = { 0 };
	char *line, *rest;
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
	for (line = strtok_r(text.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		console_show(console, "", line);
	console_show(console, "", "---- end ----");
	return 0;
}
