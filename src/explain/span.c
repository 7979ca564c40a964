// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/span.h"

#include <stdio.h>

#include "explain/member.h"
#include "explain/survey.h"

#define KEY_SIZE 48

struct span span_max(struct span a, struct span b)
{
	return (struct span){
		.has_least = a.has_least || b.has_least,
		.has_most = a.has_most || b.has_most,
		.least_ms = MAX(a.least_ms, b.least_ms),
		.most_ms = MAX(a.most_ms, b.most_ms),
	};
}

/* What is shown has three digits at most, and a tick is no difference. */
static bool is_narrow(const struct span *span)
{
	uint64_t near = MAX(UINT64_C(50), span->most_ms / 100);

	return span->has_least && span->has_most &&
	       (span->most_ms <= span->least_ms ||
		span->most_ms - span->least_ms <= near);
}

void span_format(const struct span *span, char *ret, size_t size)
{
	const char *word = "at most ";
	uint64_t ms = span->most_ms;
	char text[32];

	ret[0] = '\0';
	if (!span->has_least && !span->has_most)
		return;
	if (is_narrow(span)) {
		word = "";
	} else if (span->has_least) {
		word = "at least ";
		ms = span->least_ms;
	}
	survey_format_ms(ms, text, sizeof(text));
	snprintf(ret, size, "%s%s", word, text);
}

int span_put_json(const struct span *span, json_t *object, const char *name)
{
	char key[KEY_SIZE];
	int r = 0;

	snprintf(key, sizeof(key), "%s_ms", name);
	if (span->has_most)
		r |= json_object_set_new(object, key,
					 json_integer((json_int_t)MIN(
						 span->most_ms, (uint64_t)INT64_MAX)));
	snprintf(key, sizeof(key), "%s_at_least_ms", name);
	if (span->has_least)
		r |= json_object_set_new(object, key,
					 json_integer((json_int_t)MIN(
						 span->least_ms, (uint64_t)INT64_MAX)));
	return r;
}

int span_get_json(const json_t *object, const char *name, struct span *ret,
		  struct err *err)
{
	struct span span = { 0 };
	char key[KEY_SIZE];
	int r;

	snprintf(key, sizeof(key), "%s_ms", name);
	span.has_most = json_object_get(object, key);
	r = member_get_number(object, key, INT64_MAX, &span.most_ms, err);
	if (r < 0)
		return r;
	snprintf(key, sizeof(key), "%s_at_least_ms", name);
	span.has_least = json_object_get(object, key);
	r = member_get_number(object, key, INT64_MAX, &span.least_ms, err);
	if (r == 0)
		*ret = span;
	return r;
}
