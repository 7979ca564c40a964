// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of keys is the whole knowledge; the rest reads INI with line numbers. */
#include "prepare/config.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/number.h"
#include "base/text.h"
#include "record/part.h"

#define CONFIG_PANIC_MAX_S   (24 * 3600)
#define CONFIG_KEEP_MAX	     100000
#define CONFIG_KEEP_DAYS_MAX 36500

enum value_type {
	VALUE_PATH,	  /* absolute */
	VALUE_PATH_EMPTY, /* or nothing */
	VALUE_WORDS,	  /* given again, or on lines that begin with a blank: joined */
	VALUE_BOOL,
	VALUE_U32,
	VALUE_SIZE, /* uint64_t of bytes */
	VALUE_INT,
	VALUE_MODE,
	VALUE_END,
	VALUE_LAYOUT,
	VALUE_CODEC,
	VALUE_TARGET, /* given again: one more */
};

struct config_key {
	const char *section;
	const char *name;
	enum value_type type;
	size_t offset;
	size_t size; /* of a string */
	uint32_t min, max;
};

#define AT(member)     offsetof(struct config, member)
#define STRING(member) AT(member), sizeof(((struct config *)NULL)->member)
#define STEP(step)     (AT(step_timeout_s) + (step) * sizeof(uint32_t))

static const struct config_key config_keys[] = {
	{ "archive", "path", VALUE_PATH, STRING(archive) },
	{ "archive", "layout", VALUE_LAYOUT, AT(layout) },
	{ "archive", "panic_log", VALUE_PATH_EMPTY, STRING(panic_log) },
	{ "archive", "syslog", VALUE_BOOL, AT(syslog) },
	{ "archive", "motd", VALUE_PATH_EMPTY, STRING(motd) },
	{ "archive", "mail_to", VALUE_WORDS, STRING(mail_to) },
	{ "archive", "notify", VALUE_PATH_EMPTY, STRING(notify) },
	{ "archive", "collect_pstore", VALUE_BOOL, AT(collect_pstore) },
	{ "archive", "keep", VALUE_U32, AT(keep), 0, 0, CONFIG_KEEP_MAX },
	{ "archive", "keep_days", VALUE_U32, AT(keep_days), 0, 0, CONFIG_KEEP_DAYS_MAX },
	{ "archive", "keep_size", VALUE_SIZE, AT(keep_size_bytes) },
	{ "archive", "keep_free", VALUE_SIZE, AT(keep_free_bytes) },
	{ "capture", "mode", VALUE_MODE, AT(mode) },
	{ "capture", "end", VALUE_END, AT(end) },
	{ "capture", "level", VALUE_INT, AT(dump_level), 0, 0, 31 },
	{ "capture", "codec", VALUE_CODEC, AT(codec) },
	{ "capture", "target_timeout", VALUE_U32, STEP(ORDERS_STEP_TARGET), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "dmesg_timeout", VALUE_U32, STEP(ORDERS_STEP_DMESG), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "report_timeout", VALUE_U32, STEP(ORDERS_STEP_REPORT), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "dump_timeout", VALUE_U32, STEP(ORDERS_STEP_DUMP), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "mini_timeout", VALUE_U32, STEP(ORDERS_STEP_MINI), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "hook_timeout", VALUE_U32, STEP(ORDERS_STEP_HOOK), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "timeout", VALUE_U32, AT(total_timeout_s), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "stall_timeout", VALUE_U32, AT(stall_timeout_s), 0, 1,
	  ORDERS_TIMEOUT_MAX_S },
	{ "capture", "target", VALUE_TARGET, 0 },
	{ "capture", "size_limit", VALUE_SIZE, AT(size_limit_bytes) },
	{ "capture", "make_room", VALUE_BOOL, AT(makes_room) },
	{ "capture", "loop_crashes", VALUE_U32, AT(loop_crashes), 0, 0, ORDERS_LOOP_MAX },
	{ "capture", "loop_minutes", VALUE_U32, AT(loop_minutes), 0, 1,
	  ORDERS_LOOP_MAX_S / 60 },
	{ "capture", "console_pages", VALUE_U32, AT(console_pages_s), 0, 0,
	  ORDERS_PAGES_MAX_S },
	{ "capture", "last_resort", VALUE_BOOL, AT(last_resort) },
	{ "capture", "watchdog", VALUE_U32, AT(watchdog_timeout_s), 0, 0,
	  ORDERS_WATCHDOG_MAX_S },
	{ "capture", "log_lines", VALUE_U32, AT(log_tail_lines), 0, 1,
	  ORDERS_LOG_LINES_MAX },
	{ "kernel", "image", VALUE_PATH_EMPTY, STRING(kernel) },
	{ "kernel", "modules", VALUE_PATH_EMPTY, STRING(modules) },
	{ "kernel", "cmdline_append", VALUE_WORDS, STRING(cmdline_append) },
	{ "kernel", "panic", VALUE_U32, AT(panic_timeout_s), 0, 1, CONFIG_PANIC_MAX_S },
	{ "panic", "panic_on_oops", VALUE_BOOL, AT(panic_on_oops) },
};

static const struct {
	const char *name;
	int level_default, level_min, level_max;
} codecs[] = {
	{ "zstd", 0, 1, 19 }, /* 0: each page at the level that suits it */
	{ "zlib", 1, 1, 9 },   { "lzo", 0, 0, 0 },
	{ "snappy", 0, 0, 0 }, { "none", 0, 0, 0 },
};

#define CONFIG_WATCHDOG_S 60

void config_init(struct config *config)
{
	struct orders orders;

	orders_init(&orders);
	*config = (struct config){
		.archive = "/var/crash",
		.syslog = true,
		.motd = "/run/motd.d/epitaph",
		.collect_pstore = true,
		.keep = 0,
		.mode = orders.mode,
		.end = orders.end,
		.dump_level = orders.dump_level,
		.codec_level = orders.codec_level,
		.makes_room = orders.makes_room,
		.total_timeout_s = orders.total_timeout_s,
		.stall_timeout_s = orders.stall_timeout_s,
		.loop_crashes = orders.loop_crashes,
		.loop_minutes = orders.loop_s / 60,
		.last_resort = true,
		.watchdog_timeout_s = CONFIG_WATCHDOG_S,
		.log_tail_lines = orders.log_tail_lines,
		.panic_timeout_s = 10,
		.panic_on_oops = true,
	};
	snprintf(config->codec, sizeof(config->codec), "%s", orders.codec);
	memcpy(config->step_timeout_s, orders.step_timeout_s,
	       sizeof(config->step_timeout_s));
	orders_done(&orders);
}

/* ---- values ---- */

static int value_number(const char *text, uint32_t min, uint32_t max, uint32_t *ret,
			struct err *err)
{
	uint64_t value;

	if (!number_parse(text, 10, min, max, &value))
		return err_set(err, ERR_INVALID, "is no number from %u to %u", min, max);
	*ret = (uint32_t)value;
	return 0;
}

/* "500M": bytes, or with a K, M, G or T of 1024 each. */
static int value_size(const char *text, uint64_t *ret, struct err *err)
{
	uint64_t value;

	if (!size_parse(text, 10, &value))
		return err_set(err, ERR_INVALID, "is no size, as 500M or 20G are");
	if (value > INT64_MAX)
		return err_set(err, ERR_INVALID, "is too much");
	*ret = value;
	return 0;
}

static int value_bool(const char *text, bool *ret, struct err *err)
{
	static const char *const words[] = { "no",  "yes", "false", "true",
					     "off", "on",  "0",	    "1" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i % 2;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "is neither yes nor no");
}

static int value_codec(const char *text, struct config *config, struct err *err)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	uint32_t level;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		if (strncmp(text, codecs[i].name, length) || codecs[i].name[length])
			continue;
		level = (uint32_t)codecs[i].level_default;
		if (colon && codecs[i].level_max == 0)
			return err_set(err, ERR_INVALID, "has a level, but %s has none",
				       codecs[i].name);
		if (colon) {
			r = value_number(colon + 1, (uint32_t)codecs[i].level_min,
					 (uint32_t)codecs[i].level_max, &level, err);
			if (r < 0)
				return err_in(err, r, "the level");
		}
		snprintf(config->codec, sizeof(config->codec), "%s", codecs[i].name);
		config->codec_level = (int)level;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		       "is not one of zstd[:1-19], zlib[:1-9], lzo, snappy, none");
}

static int value_string(const struct config_key *key, const char *text, char *ret,
			struct err *err)
{
	bool is_path = key->type != VALUE_WORDS;
	size_t used = is_path ? 0 : strlen(ret);
	size_t length = strlen(text);

	if (is_path && length == 0 && key->type == VALUE_PATH)
		return err_set(err, ERR_INVALID, "is empty");
	if (is_path && length && text[0] != '/')
		return err_set(err, ERR_INVALID, "is no absolute path");
	if (used + length + 2 > key->size)
		return err_set(err, ERR_LIMIT, "is longer than %zu bytes", key->size - 2);
	if (used && length)
		ret[used++] = ' ';
	memcpy(ret + used, text, length + 1);
	return 0;
}

static int value_target(const char *text, struct config *config, struct err *err)
{
	const char *path = strncmp(text, "raw:", 4) == 0 ? text + 4 : text;

	if (path[0] != '/')
		return err_set(err, ERR_INVALID,
			       "is neither an absolute path nor raw:/dev/...");
	if (config->target_count >= CONFIG_TARGETS_MAX)
		return err_set(err, ERR_LIMIT, "is one more than %d further targets",
			       CONFIG_TARGETS_MAX);
	if (strlen(text) >= sizeof(config->targets[0]))
		return err_set(err, ERR_LIMIT, "is too long");
	snprintf(config->targets[config->target_count++], sizeof(config->targets[0]),
		 "%s", text);
	return 0;
}

static int value_set(const struct config_key *key, const char *text,
		     struct config *config, struct err *err)
{
	void *at = (char *)config + key->offset;
	uint32_t number = 0;
	int r;

	switch (key->type) {
	case VALUE_PATH:
	case VALUE_PATH_EMPTY:
	case VALUE_WORDS:
		return value_string(key, text, at, err);
	case VALUE_BOOL:
		return value_bool(text, at, err);
	case VALUE_U32:
		return value_number(text, key->min, key->max, at, err);
	case VALUE_SIZE:
		return value_size(text, at, err);
	case VALUE_INT:
		r = value_number(text, key->min, key->max, &number, err);
		if (r == 0)
			*(int *)at = (int)number;
		return r;
	case VALUE_MODE:
		r = orders_mode_parse(text, at, NULL);
		return r < 0 ? err_set(err, r, "is not one of full, mini, dmesg") : 0;
	case VALUE_END:
		r = orders_end_parse(text, at, NULL);
		return r < 0 ? err_set(err, r, "is not one of reboot, poweroff, halt")
			     : 0;
	case VALUE_LAYOUT:
		r = part_layout_parse(text, at, NULL);
		return r < 0 ? err_set(err, r, "is not one of debian, redhat") : 0;
	case VALUE_CODEC:
		return value_codec(text, config, err);
	case VALUE_TARGET:
		return value_target(text, config, err);
	}
	return err_set(err, ERR_INVALID, "has no known type");
}

/* ---- the file ---- */

struct config_reader {
	struct config *config;
	const struct log *log;
	const char *path;
	FILE *file;
	unsigned int line; /* libinih hands over each line before it reads the next */
};

/* The fgets() of libinih. It would take the rest of a long line for a line of its own. */
static char *reader_line(char *ret, int size, void *context)
{
	struct config_reader *reader = context;
	int c;

	if (!fgets(ret, size, reader->file))
		return NULL;
	reader->line++;
	if (strchr(ret, '\n') || feof(reader->file))
		return ret;
	c = fgetc(reader->file);
	if (c == EOF || c == '\n')
		return ret;
	while (c != EOF && c != '\n')
		c = fgetc(reader->file);
	log_warning(
		reader->log,
		"'%s':%u: the line is longer than %d bytes, ignored; a value may go on "
		"in the next line, after a blank",
		reader->path, reader->line, size - 1);
	return strcpy(ret, "\n");
}

static bool section_is_known(const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_keys); i++) {
		if (strcmp(config_keys[i].section, section) == 0)
			return true;
	}
	return false;
}

static int reader_value(void *context, const char *section, const char *name,
			const char *value)
{
	struct config_reader *reader = context;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(config_keys); i++) {
		const struct config_key *key = &config_keys[i];

		if (strcmp(key->section, section) || strcmp(key->name, name))
			continue;
		if (value_set(key, value ? value : "", reader->config, &err) < 0)
			log_warning(reader->log,
				    "'%s':%u: the value '%s' of '%s' in [%s] %s, ignored",
				    reader->path, reader->line, value ? value : "", name,
				    section, err_text(&err));
		return 1;
	}
	if (!section[0])
		log_warning(reader->log,
			    "'%s':%u: '%s' stands before the first [section], ignored",
			    reader->path, reader->line, name);
	else if (!section_is_known(section))
		log_warning(reader->log,
			    "'%s':%u: unknown section [%s], '%s' in it ignored",
			    reader->path, reader->line, section, name);
	else
		log_warning(reader->log, "'%s':%u: unknown key '%s' in [%s], ignored",
			    reader->path, reader->line, name, section);
	return 1;
}

int config_load(struct config *config, const char *path, const struct log *log,
		struct err *err)
{
	struct config_reader reader = { .config = config, .log = log, .path = path };
	int r;

	config_init(config);
	reader.file = fopen(path, "re");
	if (!reader.file && errno == ENOENT) {
		log_debug(log, "no '%s': the defaults are taken", path);
		return 0;
	}
	if (!reader.file) {
		log_warning(log, "unable to open '%s': %s; the defaults are taken", path,
			    strerror(errno));
		return 0;
	}
	r = ini_parse_stream(reader_line, &reader, reader_value, &reader);
	if (r == -2)
		err_nomem(err);
	else if (r > 0)
		log_warning(
			log,
			"'%s':%d: neither [section] nor key = value; lines like this one "
			"are ignored",
			path, r);
	if (ferror(reader.file))
		log_warning(
			log,
			"unable to read '%s' beyond line %u: %s; the defaults are taken "
			"for the rest",
			path, reader.line, strerror(errno));
	fclose(reader.file);
	return r == -2 ? ERR_NOMEM : 0;
}
