/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a folder below cli says what it is doing. Nobody below cli and capture prints:
 * they call the log that they were given, which may be NULL.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/cleanup.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING, /* the text names the consequence */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

struct log {
	void (*write)(void *context, enum log_level level, const char *message);
	void *context;
};

void log_at(const struct log *log, enum log_level level, const char *fmt, ...)
	PRINTF(3, 4);

#define log_error(log, ...)   log_at(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_at(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(log, ...)    log_at(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_at(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
