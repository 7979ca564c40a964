// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/signature.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "explain/cause_names.h"
#include "explain/oops_text.h"

void signature_add(struct signature *signature, const char *function, const char *module)
{
	char plain[OOPS_NAME_SIZE], frame[SIGNATURE_FRAME_SIZE];

	if (!function[0] || cause_is_plumbing(function) ||
	    signature->count == SIGNATURE_FRAMES)
		return;
	oops_plain_function(function, plain, sizeof(plain));
	snprintf(frame, sizeof(frame), module[0] ? "%s [%.60s]" : "%s", plain, module);
	if (signature->count && !strcmp(signature->frames[signature->count - 1], frame))
		return;
	memcpy(signature->frames[signature->count++], frame, sizeof(frame));
}

/* FNV-1a of 64 bits, a NUL after each text, so that "ab", "c" is not "a", "bc". */
static uint64_t hash_text(uint64_t hash, const char *text, size_t size)
{
	for (size_t i = 0; i <= size; i++) {
		hash ^= i < size ? (unsigned char)text[i] : 0;
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

/* "WARNING in func" is of the kind "WARNING"; a message may have " in " anywhere else. */
static size_t kind_size(const char *title)
{
	size_t size = strlen(title);
	const char *last = NULL;

	for (const char *p = strstr(title, " in "); p; p = strstr(p + 1, " in "))
		last = p;
	return last && !strchr(last + 4, ' ') ? (size_t)(last - title) : size;
}

void signature_format(const struct signature *signature, const char *title,
		      char ret[static SIGNATURE_STRING_SIZE])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	ret[0] = '\0';
	if (!title[0] && !signature->count)
		return;
	hash = hash_text(hash, title, kind_size(title));
	for (size_t i = 0; i < signature->count; i++)
		hash = hash_text(hash, signature->frames[i],
				 strlen(signature->frames[i]));
	snprintf(ret, SIGNATURE_STRING_SIZE, "v%d-%016" PRIx64, SIGNATURE_VERSION, hash);
}
