// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_code_name(int code)
{
	switch (code) {
	case ERR_OS:
		return "os";
	case ERR_NOMEM:
		return "nomem";
	case ERR_FAULT:
		return "fault";
	case ERR_FILTERED:
		return "filtered";
	case ERR_CORRUPT:
		return "corrupt";
	case ERR_TRUNCATED:
		return "truncated";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_NOTFOUND:
		return "notfound";
	case ERR_LIMIT:
		return "limit";
	case ERR_INVALID:
		return "invalid";
	case ERR_REFUSED:
		return "refused";
	}
	return code < 0 ? "unknown" : "none";
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->os_errno = 0;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int err_os(struct err *err, int os_errno, const char *fmt, ...)
{
	int code = os_errno == ENOMEM ? ERR_NOMEM : ERR_OS;
	va_list ap;
	size_t used;

	if (!err)
		return code;
	err->code = code;
	err->os_errno = os_errno;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(os_errno));
	return code;
}

int err_nomem(struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory");
}

int err_in(struct err *err, int code, const char *fmt, ...)
{
	char context[ERR_TEXT_MAX];
	size_t context_len, cause_len;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	context_len = strlen(context);
	cause_len = strlen(err->text);
	err->code = code;
	if (context_len + 2 + cause_len + 1 > sizeof(err->text))
		return code; // the cause is worth more than the words around it
	memmove(err->text + context_len + 2, err->text, cause_len + 1);
	memcpy(err->text, context, context_len);
	memcpy(err->text + context_len, ": ", 2);
	return code;
}

const char *err_text(const struct err *err)
{
	if (!err || !err->text[0])
		return err_code_name(err ? err->code : -100);
	return err->text;
}
