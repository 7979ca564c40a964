// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The JSON that one life of a crash leaves for the next: meta.json of a record, orders of
 * the crash kernel, report.json. What was read is written, and read again.
 */
#include "explain/report.h"
#include "fuzz.h"
#include "record/meta.h"
#include "record/orders.h"

static void orders(const char *json, size_t size)
{
	_cleanup_text struct text text = { 0 };
	struct orders orders = { 0 }, again = { 0 };

	if (orders_parse(json, size, &orders, NULL) == 0 &&
	    orders_format(&orders, &text, NULL) == 0)
		fuzz_check(orders_parse(text_get(&text), text.size, &again, NULL) == 0);
	orders_done(&orders);
	orders_done(&again);
}

static void meta(const char *json, size_t size)
{
	struct meta meta = { 0 };

	if (meta_parse(json, size, &meta, NULL) == 0)
		fuzz_check(memchr(meta.crash.cause, 0, sizeof(meta.crash.cause)));
}

static void report(const char *json, size_t size)
{
	_cleanup_report struct report *report = NULL, *again = NULL;
	const struct report_text_options look = { 0 };
	_cleanup_text struct text text = { 0 }, words = { 0 };

	if (report_parse_json(json, size, &report, NULL) < 0)
		return;
	report_format_text(report, &look, &words, NULL);
	if (report_format_json(report, &text, NULL) == 0)
		fuzz_check(report_parse_json(text_get(&text), text.size, &again, NULL) ==
			   0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* No NUL behind it. */
	char *copy = malloc(size ? size : 1);

	fuzz_check(copy);
	if (size)
		memcpy(copy, data, size);
	orders(copy, size);
	meta(copy, size);
	report(copy, size);
	free(copy);
	return 0;
}
