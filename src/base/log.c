// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_at(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	if (!log || !log->write)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log->write(log->context, level, message);
}
