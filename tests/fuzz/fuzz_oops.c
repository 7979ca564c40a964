// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as the log of a kernel: its lines, the cause in them, the report. */
#include "explain/cause.h"
#include "explain/log_text.h"
#include "explain/report.h"
#include "fuzz.h"

static void explain(const struct printk_log *log)
{
	const struct report_options options = { 0 };
	const struct report_text_options look = { 0 };
	_cleanup_report struct report *report = NULL;
	_cleanup_text struct text text = { 0 };
	struct cause cause;

	if (cause_find(log, CAUSE_FIRST, NULL, &cause, NULL) == 0)
		fuzz_check(memchr(cause.title, 0, sizeof(cause.title)) &&
			   memchr(cause.text, 0, sizeof(cause.text)));
	if (report_build_from_log(log, "fuzz", &options, &report, NULL) == 0)
		report_format_text(report, &look, &text, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	char *copy = malloc(size ? size : 1);

	fuzz_check(copy);
	if (size)
		memcpy(copy, data, size);
	if (log_text_parse(copy, size, &log, NULL) == 0)
		explain(&log);
	free(copy);
	return 0;
}
