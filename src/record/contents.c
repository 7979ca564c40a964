// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/contents.h"

#include <stddef.h>

#include "base/size.h"
#include "record/field.h"

static const struct contents_string {
	const char *key;
	size_t offset;
	size_t size;
} contents_strings[] = {
#define CONTENTS_STRING(member)                                       \
	{                                                             \
#member, offsetof(struct record_contents, member),    \
			sizeof(((struct record_contents *)0)->member) \
	}
	CONTENTS_STRING(selection),    CONTENTS_STRING(selection_reason),
	CONTENTS_STRING(core_missing), CONTENTS_STRING(proof),
	CONTENTS_STRING(proof_reason),
#undef CONTENTS_STRING
};

static const struct contents_pages {
	const char *key;
	size_t offset;
} contents_pages[] = {
#define CONTENTS_PAGES(member)                                          \
	{                                                               \
#member, offsetof(struct record_contents, pages.member) \
	}
	CONTENTS_PAGES(total),	CONTENTS_PAGES(written),  CONTENTS_PAGES(zero),
	CONTENTS_PAGES(beyond), CONTENTS_PAGES(core),	  CONTENTS_PAGES(rescued),
	CONTENTS_PAGES(proved), CONTENTS_PAGES(repaired), CONTENTS_PAGES(unreadable),
#undef CONTENTS_PAGES
};

json_t *contents_to_json(const struct record_contents *contents)
{
	_cleanup_json json_t *object = json_object();
	json_t *pages = json_object();
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(contents_pages); i++) {
		const struct contents_pages *p = &contents_pages[i];
		const uint64_t *count =
			(const uint64_t *)((const char *)contents + p->offset);

		r |= json_object_set_new(
			pages, p->key,
			json_integer((json_int_t)MIN(*count, (uint64_t)INT64_MAX)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(contents_strings); i++) {
		const struct contents_string *s = &contents_strings[i];

		r |= json_object_set_new(
			object, s->key,
			field_new_string((const char *)contents + s->offset));
	}
	r |= json_object_set_new(object, "pages", pages); // takes it, even when it fails
	return r ? NULL : take_ptr(object);
}

int contents_parse(const json_t *object, struct record_contents *ret, struct err *err)
{
	struct record_contents contents = { .is_known = true };
	const json_t *pages = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(contents_strings); i++) {
		const struct contents_string *s = &contents_strings[i];

		r = field_string(object, s->key, false, (char *)&contents + s->offset,
				 s->size, err);
	}
	if (r == 0)
		r = field_object(object, "pages", &pages, err);
	for (size_t i = 0; r == 0 && pages && i < ARRAY_SIZE(contents_pages); i++) {
		const struct contents_pages *p = &contents_pages[i];
		int64_t count = 0;

		r = field_int(pages, p->key, 0, INT64_MAX, &count, err);
		*(uint64_t *)((char *)&contents + p->offset) = (uint64_t)count;
	}
	if (r == 0)
		*ret = contents;
	return r;
}
