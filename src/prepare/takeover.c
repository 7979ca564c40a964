// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/takeover.h"

#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "prepare/boot_service.h"
#include "prepare/config.h"
#include "prepare/mount_table.h"
#include "record/field.h"

#define OTHER_MAX_BYTES ((size_t)256 << 10)
#define CONFIG_LINE_MAX 180 /* bytes of a line that epitaph.conf surely takes */

/* ---- reading ---- */

static struct takeover_row *row_add(struct takeover *t, const char *name,
				    const char *value)
{
	struct takeover_row *row;

	// Shell variables: the last one wins. There is always room for one row more.
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->rows[i].name, name) == 0) {
			field_clean(value, t->rows[i].value, sizeof(t->rows[i].value));
			return &t->rows[i];
		}
	}
	if (t->count == TAKEOVER_ROWS_MAX)
		return NULL;
	row = &t->rows[t->count++];
	field_clean(name, row->name, sizeof(row->name));
	field_clean(value, row->value, sizeof(row->value));
	return row;
}

/* The value of an assignment without its quotes; false where a shell would compute it. */
static bool value_unquote(const char *from, size_t size, char *ret, size_t room)
{
	char quote = '\0';
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		char c = from[i];

		if (quote && c == quote) {
			quote = '\0';
			continue;
		}
		if (!quote && (c == '"' || c == '\'')) {
			quote = c;
			continue;
		}
		if (!quote && (isspace((unsigned char)c) || c == '#' || c == ';'))
			break;
		if (quote != '\'' && (c == '$' || c == '`'))
			return false;
		if (quote != '\'' && c == '\\' && i + 1 < size)
			c = from[++i];
		if (used + 1 < room)
			ret[used++] = c;
	}
	ret[used] = '\0';
	return quote == '\0';
}

static void read_shell_line(const char *line, size_t size, struct takeover *t)
{
	char name[64], value[512];
	size_t at = 0, length;
	struct takeover_row *row;
	bool is_plain;

	while (at < size && isblank((unsigned char)line[at]))
		at++;
	length = at;
	while (length < size &&
	       (isalnum((unsigned char)line[length]) || line[length] == '_'))
		length++;
	if (length == at || length >= size || line[length] != '=' ||
	    isdigit((unsigned char)line[at]))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(length - at), line + at);
	is_plain =
		value_unquote(line + length + 1, size - length - 1, value, sizeof(value));
	row = row_add(t, name, is_plain ? value : "");
	if (row)
		snprintf(row->text, sizeof(row->text), "%s",
			 is_plain ? "" : "not taken over: a shell computes it");
}

/* "key value", '#' begins a comment. */
static void read_word_line(const char *line, size_t size, struct takeover *t)
{
	char name[64], value[512];
	size_t at = 0, end;

	while (at < size && isspace((unsigned char)line[at]))
		at++;
	for (end = at; end < size && !isspace((unsigned char)line[end]); end++)
		;
	if (end == at || line[at] == '#')
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(end - at), line + at);
	while (end < size && isspace((unsigned char)line[end]))
		end++;
	for (at = end; size > at && isspace((unsigned char)line[size - 1]); size--)
		;
	snprintf(value, sizeof(value), "%.*s", (int)(size - at), line + at);
	row_add(t, name, value);
}

/* ---- what becomes what ---- */

static void row_take(struct takeover_row *row, const char *key, const char *fmt, ...)
	PRINTF(3, 4);
static void row_take(struct takeover_row *row, const char *key, const char *fmt, ...)
{
	va_list ap;

	snprintf(row->key, sizeof(row->key), "%s", key);
	va_start(ap, fmt);
	vsnprintf(row->text, sizeof(row->text), fmt, ap);
	va_end(ap);
}

static void row_leave(struct takeover_row *row, const char *why)
{
	row->key[0] = '\0';
	snprintf(row->text, sizeof(row->text), "not taken over: %s", why);
}

static void take_path(struct takeover_row *row)
{
	const char *path = row->value;

	if (strncmp(path, "file://", 7) == 0)
		path += 7;
	if (path[0] == '/')
		row_take(row, "archive.path", "%.500s", path);
	else
		row_leave(row, "only a local directory can be written to");
}

/* The capture image is one of a static program: what others need for theirs is not
 * needed, or ours already. */
static bool word_is_needless(const char *word, size_t size)
{
	static const char *const words[] = {
		"reset_devices",
		"systemd.unit=",
		"nr_cpus=",
		"maxcpus=",
		"irqpoll",
		"usbcore.nousb",
		"udev.children-max=",
		"panic=",
		"oops=",
		"nokaslr",
		"novmcoredd",
		"transparent_hugepage=",
		"numa=",
		"hest_disable",
		"acpi_no_memhotplug",
		"cgroup_disable=memory",
		"kfence.sample_interval=",
		"rootflags=",
		"root=",
		"rd.",
		"initramfs_options=",
		"rootfstype=",
		"quiet",
		"systemd.",
		"ata_piix.prefer_ms_hyperv=",
		"hugetlb_cma=",
		"cma=",
		"nousb",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i]);
		bool is_prefix = strchr("=.", words[i][length - 1]) != NULL;

		if (size >= length && memcmp(word, words[i], length) == 0 &&
		    (is_prefix || size == length))
			return true;
	}
	return false;
}

static void take_append(struct takeover_row *row)
{
	char kept[sizeof(row->value)] = "";
	const char *at = row->value;
	size_t used = 0;

	while (*at) {
		size_t length;

		at += strspn(at, " \t");
		length = strcspn(at, " \t");
		if (length && !word_is_needless(at, length))
			used += (size_t)snprintf(kept + used, sizeof(kept) - used,
						 "%s%.*s", used ? " " : "", (int)length,
						 at);
		at += length;
	}
	if (used)
		row_take(row, "kernel.cmdline_append", "%s", kept);
	else
		row_leave(row, "epitaph arm gives all of these words, or needs none");
}

static void take_end(struct takeover_row *row)
{
	static const char *const ends[] = { "reboot", "poweroff", "halt" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (strncmp(row->value, ends[i], strlen(ends[i])) == 0) {
			row_take(row, "capture.end", "%s", ends[i]);
			return;
		}
	}
	row_leave(row, "the crash kernel has no shell; it reboots, powers off or halts");
}

/* makedumpfile's options: two keys of ours, so a second row is made for the codec. */
static void take_makedumpfile(struct takeover *t, struct takeover_row *row)
{
	static const struct {
		const char *option, *codec;
	} codecs[] = {
		{ "-c", "zlib" }, { "-l", "lzo" }, { "-z", "zstd" }, { "-p", "zstd" }
	};
	const char *level = NULL, *codec = NULL;
	char words[sizeof(row->value) + 2];
	char *state = NULL;
	struct takeover_row *second;

	snprintf(words, sizeof(words), "%s", row->value);
	for (char *word = strtok_r(words, " \t", &state); word;
	     word = strtok_r(NULL, " \t", &state)) {
		if (strcmp(word, "-d") == 0)
			level = strtok_r(NULL, " \t", &state);
		else if (strncmp(word, "-d", 2) == 0)
			level = word + 2;
		for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
			if (strcmp(word, codecs[i].option) == 0)
				codec = codecs[i].codec;
		}
	}
	if (level && isdigit((unsigned char)level[0]) && atoi(level) <= 31)
		row_take(row, "capture.level", "%d", atoi(level));
	else
		row_leave(row, "no level from 0 to 31 in it");
	second = codec ? row_add(t, "  (its compression)", codec) : NULL;
	if (second)
		row_take(second, "capture.codec", "%s", codec);
}

static void take_number(struct takeover_row *row, const char *key, int max)
{
	int value = atoi(row->value);

	if (isdigit((unsigned char)row->value[0]) && value <= max)
		row_take(row, key, "%d", value);
	else
		row_leave(row, "no number that fits");
}

static void take_kernel(struct takeover_row *row, const char *fallback)
{
	if (row->value[0] == '/' && strcmp(row->value, fallback) != 0)
		row_take(row, "kernel.image", "%.500s", row->value);
	else
		row_leave(row, "the running kernel's image is taken");
}

static const char no_network[] =
	"the crash kernel writes to local disks only; the archive "
	"can be sent on after the reboot";
static const char own_image[] = "epitaph builds its own image";

static void row_kdump_tools(struct takeover *t, struct takeover_row *row)
{
	const char *name = row->name;

	if (!strcmp(name, "KDUMP_COREDIR"))
		take_path(row);
	else if (!strcmp(name, "KDUMP_KERNEL"))
		take_kernel(row, "/var/lib/kdump/vmlinuz");
	else if (!strcmp(name, "KDUMP_CMDLINE_APPEND"))
		take_append(row);
	else if (!strcmp(name, "MAKEDUMP_ARGS"))
		take_makedumpfile(t, row);
	else if (!strcmp(name, "KDUMP_NUM_DUMPS"))
		take_number(row, "archive.keep", 100000);
	else if (!strcmp(name, "KDUMP_FAIL_CMD"))
		take_end(row);
	else if (!strcmp(name, "KDUMP_DUMP_DMESG"))
		row_leave(row, "the log is always written, and first");
	else if (!strcmp(name, "KDUMP_COMPRESSION"))
		row_leave(row, "the dump's pages are compressed already");
	else if (!strcmp(name, "KDUMP_SYSCTL"))
		row_leave(row, "--preset and panic_on_oops say when to panic");
	else if (!strcmp(name, "USE_KDUMP"))
		row_leave(row, "set to 0: there is one crash kernel");
	else if (!strcmp(name, "KDUMP_INITRD") || !strcmp(name, "KDUMP_KEXEC_ARGS"))
		row_leave(row, own_image);
	else if (!strcmp(name, "KDUMP_CMDLINE"))
		row_leave(row, "the crash kernel's command line starts from nothing");
	else if (!strncmp(name, "NFS", 3) || !strncmp(name, "SSH", 3) ||
		 !strncmp(name, "FTP", 3) || !strcmp(name, "HOSTTAG"))
		row_leave(row, no_network);
	else
		row_leave(row, "there is nothing like it");
}

/* A device that is mounted: the archive goes below its mount point. */
static void take_target(struct takeover *t, struct takeover_row *row, const char *root)
{
	char path[PATH_MAX] = "/var/crash", mount_point[PATH_MAX];

	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->rows[i].name, "path") == 0)
			snprintf(path, sizeof(path), "%s", t->rows[i].value);
	}
	if (mount_point_of(root, row->value, mount_point, sizeof(mount_point), NULL) <
	    0) {
		row_leave(row, "it is not mounted now; mount it, and let 'path' in "
			       "[archive] lie there");
		return;
	}
	row_take(row, "archive.path", "%.250s%.250s",
		 strcmp(mount_point, "/") ? mount_point : "", path);
}

static void row_kdump_conf(struct takeover *t, struct takeover_row *row, const char *root)
{
	static const char *const file_systems[] = { "ext2", "ext3",  "ext4",
						    "xfs",  "btrfs", "minix" };
	const char *name = row->name;

	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++) {
		if (strcmp(name, file_systems[i]) == 0) {
			take_target(t, row, root);
			return;
		}
	}
	if (!strcmp(name, "path"))
		take_path(row);
	else if (!strcmp(name, "core_collector") &&
		 strncmp(row->value, "makedumpfile", 12) == 0)
		take_makedumpfile(t, row);
	else if (!strcmp(name, "final_action"))
		take_end(row);
	else if (!strcmp(name, "failure_action") || !strcmp(name, "default"))
		row_leave(row, "what was written stays, and 'end' in [capture] follows");
	else if (!strcmp(name, "raw"))
		row_leave(row, "the archive is a directory");
	else if (!strcmp(name, "nfs") || !strncmp(name, "ssh", 3) ||
		 !strncmp(name, "fence_", 6))
		row_leave(row, no_network);
	else if (!strncmp(name, "kdump_p", 7) || !strcmp(name, "kdump_emergency"))
		row_leave(row, "the crash kernel has no shell to run it");
	else if (!strncmp(name, "extra_", 6) || !strncmp(name, "force_", 6) ||
		 !strcmp(name, "dracut_args"))
		row_leave(row, own_image);
	else
		row_leave(row, "there is nothing like it");
}

static void take_format(struct takeover_row *row)
{
	static const struct {
		const char *format, *key, *value;
	} formats[] = {
		{ "none", "capture.mode", "dmesg" },
		{ "compressed", "capture.codec", "zlib" },
		{ "lzo", "capture.codec", "lzo" },
		{ "snappy", "capture.codec", "zstd" },
		{ "zstd", "capture.codec", "zstd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strcasecmp(row->value, formats[i].format) == 0) {
			row_take(row, formats[i].key, "%s", formats[i].value);
			return;
		}
	}
	row_leave(row,
		  "dumps are written kdump-compressed; epitaph save makes ELF of one");
}

static void row_sysconfig(struct takeover *t, struct takeover_row *row)
{
	const char *name = row->name;

	if (!strcmp(name, "KDUMP_SAVEDIR"))
		take_path(row);
	else if (!strcmp(name, "KDUMP_DUMPLEVEL"))
		take_number(row, "capture.level", 31);
	else if (!strcmp(name, "KDUMP_DUMPFORMAT"))
		take_format(row);
	else if (!strcmp(name, "MAKEDUMPFILE_OPTIONS"))
		take_makedumpfile(t, row);
	else if (!strcmp(name, "KDUMP_COMMANDLINE_APPEND"))
		take_append(row);
	else if (!strcmp(name, "KDUMP_KEEP_OLD_DUMPS"))
		take_number(row, "archive.keep", 100000);
	else if (!strcmp(name, "KDUMP_IMMEDIATE_REBOOT"))
		row_take(row, "capture.end", "%s",
			 strchr("nNfF0", row->value[0]) && row->value[0] ? "halt"
									 : "reboot");
	else if (!strcmp(name, "KDUMP_COMMANDLINE"))
		row_leave(row, "the crash kernel's command line starts from nothing");
	else if (!strncmp(name, "KDUMP_SMTP", 10) || !strncmp(name, "KDUMP_NOTIF", 11) ||
		 !strncmp(name, "KDUMP_NET", 9) || !strncmp(name, "KDUMP_SSH", 9) ||
		 !strcmp(name, "KDUMP_HOST_KEY"))
		row_leave(row, no_network);
	else if (!strcmp(name, "KDUMP_PRESCRIPT") || !strcmp(name, "KDUMP_POSTSCRIPT") ||
		 !strcmp(name, "KDUMP_TRANSFER"))
		row_leave(row, "the crash kernel has no shell to run it");
	else if (!strcmp(name, "KDUMP_CRASHKERNEL") ||
		 !strcmp(name, "KDUMP_UPDATE_BOOTLOADER"))
		row_leave(row, "epitaph setup measures and sets crashkernel=");
	else
		row_leave(row, "epitaph has its own way, or nothing like it");
}

int takeover_kind_of(const char *path, const char *text, enum takeover_kind *ret,
		     struct err *err)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	if (strcmp(name, "kdump-tools") == 0 || strstr(text, "KDUMP_COREDIR="))
		*ret = TAKEOVER_KDUMP_TOOLS;
	else if (strcmp(name, "kdump.conf") == 0)
		*ret = TAKEOVER_KDUMP_CONF;
	else if (strcmp(name, "kdump") == 0)
		*ret = TAKEOVER_SYSCONFIG;
	else
		return err_set(
			err, ERR_UNSUPPORTED,
			"'%s' is none of /etc/default/kdump-tools, /etc/kdump.conf, "
			"/etc/sysconfig/kdump",
			path);
	return 0;
}

int takeover_read(enum takeover_kind kind, const char *text, const char *root,
		  struct takeover *ret, struct err *err)
{
	size_t count;

	for (const char *line = text; *line;) {
		size_t size = strcspn(line, "\n");

		if (kind == TAKEOVER_KDUMP_CONF)
			read_word_line(line, size, ret);
		else
			read_shell_line(line, size, ret);
		line += size + (line[size] == '\n');
	}
	if (ret->count == TAKEOVER_ROWS_MAX)
		return err_set(err, ERR_LIMIT, "it has more than %d settings",
			       TAKEOVER_ROWS_MAX - 1);
	count = ret->count;
	for (size_t i = 0; i < count; i++) {
		if (ret->rows[i].text[0])
			continue;
		if (!ret->rows[i].value[0])
			row_leave(&ret->rows[i], "it is empty");
		else if (kind == TAKEOVER_KDUMP_TOOLS)
			row_kdump_tools(ret, &ret->rows[i]);
		else if (kind == TAKEOVER_KDUMP_CONF)
			row_kdump_conf(ret, &ret->rows[i], root);
		else
			row_sysconfig(ret, &ret->rows[i]);
	}
	return 0;
}

/* ---- epitaph.conf ---- */

/* The last row that gives this key: a target's device comes before the plain path. */
static const struct takeover_row *row_of_key(const struct takeover *t, const char *key)
{
	const struct takeover_row *found = NULL;

	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->rows[i].key, key) == 0 &&
		    (!found || strcmp(found->name, "path") == 0))
			found = &t->rows[i];
	}
	return found;
}

/* A long value goes on in lines that begin with a blank. */
static void config_value(const char *name, const char *value, struct text *ret)
{
	size_t column;

	text_add(ret, "%s =", name);
	column = strlen(name) + 2;
	while (*value) {
		size_t length = strcspn(value, " ");

		if (column + 1 + length > CONFIG_LINE_MAX) {
			text_add(ret, "\n");
			column = 0;
		}
		text_add(ret, " %.*s", (int)length, value);
		column += 1 + length;
		value += length + strspn(value + length, " ");
	}
	text_add(ret, "\n");
}

static const char *const config_order[] = {
	"archive.path",	 "archive.keep",  "capture.mode", "capture.end",
	"capture.level", "capture.codec", "kernel.image", "kernel.cmdline_append",
};

/* Is the key set in the text, in its section? */
static bool config_has(const char *text, const char *section, const char *name)
{
	size_t length = strlen(name);
	bool is_in = false;

	for (const char *line = text; *line;) {
		size_t size = strcspn(line, "\n");
		size_t at = strspn(line, " \t");

		if (line[at] == '[')
			is_in = strncmp(line + at + 1, section, strlen(section)) == 0 &&
				line[at + 1 + strlen(section)] == ']';
		else if (is_in && strncmp(line + at, name, length) == 0 &&
			 strchr(" \t=:", line[at + length]) && line[at + length])
			return true;
		line += size + (line[size] == '\n');
	}
	return false;
}

/* At the end of its section, which is made where there is none. Not at its begin: a key
 * that is indented there would go on from ours. */
static void config_insert(const char *text, const char *section, const char *lines,
			  struct text *ret)
{
	char header[64];
	const char *at, *end;

	snprintf(header, sizeof(header), "[%s]", section);
	at = strstr(text, header);
	while (at && at != text && at[-1] != '\n')
		at = strstr(at + 1, header);
	if (!at) {
		size_t size = strlen(text);

		text_add(ret, "%s%s%s%s\n%s", text,
			 size && text[size - 1] != '\n' ? "\n" : "", size ? "\n" : "",
			 header, lines);
		return;
	}
	end = strstr(at, "\n[");
	end = end ? end + 1 : at + strlen(at);
	while (end > at && end[-1] == '\n')
		end--;
	text_add_bytes(ret, text, (size_t)(end - text));
	text_add(ret, "\n%s%s", lines, *end ? end + 1 : end);
}

static int config_set(const struct takeover_row *row, struct setup_plan *plan,
		      const char *before, struct text *ret, struct err *err)
{
	_cleanup_text struct text lines = { 0 };
	const char *dot = strchr(row->key, '.');
	char section[32];

	snprintf(section, sizeof(section), "%.*s", (int)(dot - row->key), row->key);
	if (config_has(before, section, dot + 1)) {
		setup_plan_note(plan,
				"  '%s' is set in " CONFIG_PATH " already, and stays",
				dot + 1);
		text_add(ret, "%s", before);
		return text_check(ret, err);
	}
	config_value(dot + 1, row->text, &lines);
	config_insert(before, section, text_get(&lines), ret);
	return text_check(ret, err);
}

static int config_write(const struct takeover *t, const char *from,
			struct setup_plan *plan, struct err *err)
{
	_cleanup_text struct text file = { 0 };
	const char *old = "";
	size_t size = 0;
	bool is_changed = false;
	int r = 0;

	if (setup_plan_has(plan, CONFIG_PATH))
		r = setup_plan_read(plan, CONFIG_PATH, &old, &size, err);
	text_add(&file, "%s", old);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(config_order); i++) {
		const struct takeover_row *row = row_of_key(t, config_order[i]);
		struct text next = { 0 };

		if (!row)
			continue;
		is_changed = true;
		r = config_set(row, plan, text_get(&file), &next, err);
		text_done(&file);
		file = next;
	}
	if (r < 0 || !is_changed)
		return r;
	return setup_plan_write(plan, CONFIG_PATH, 0644, text_get(&file), file.size,
				SETUP_ANY, NULL, err, "the settings of %s", from);
}

/* ---- the plan ---- */

static void table_note(const struct takeover *t, const char *path,
		       struct setup_plan *plan)
{
	setup_plan_note(plan, "%s becomes:", path);
	for (size_t i = 0; i < t->count; i++) {
		const struct takeover_row *row = &t->rows[i];
		const char *dot = strchr(row->key, '.');

		if (dot)
			setup_plan_note(plan, "  %s=%s -> [%.*s] %s = %s", row->name,
					row->value, (int)(dot - row->key), row->key,
					dot + 1, row->text);
		else
			setup_plan_note(plan, "  %s=%s -> %s", row->name, row->value,
					row->text);
	}
}

/* kdump-tools looks here before it loads, whoever calls it. */
static int switch_off(struct setup_plan *plan, const char *path, struct err *err)
{
	static const char on[] = "USE_KDUMP=1";
	_cleanup_text struct text file = { 0 };
	const char *old, *at;
	size_t size;
	int r = setup_plan_read(plan, path, &old, &size, err);

	if (r < 0)
		return r;
	at = strstr(old, on);
	while (at && at != old && at[-1] != '\n')
		at = strstr(at + 1, on);
	if (!at)
		return 0;
	text_add_bytes(&file, old, (size_t)(at - old));
	text_add(&file, "USE_KDUMP=0%s", at + strlen(on));
	return setup_plan_write(plan, path, 0644, text_get(&file), file.size, SETUP_SHELL,
				NULL, err, "kdump-tools loads no crash kernel any more");
}

int takeover_plan(const char *path, struct setup_plan *plan, struct err *err)
{
	_cleanup_free struct takeover *t = calloc(1, sizeof(*t));
	_cleanup_free char *copy = NULL;
	enum takeover_kind kind = TAKEOVER_KDUMP_TOOLS;
	const char *text;
	size_t size;
	int r;

	if (!t)
		return err_nomem(err);
	r = setup_plan_read(plan, path, &text, &size, err);
	if (r == 0 && size > OTHER_MAX_BYTES)
		r = err_set(err, ERR_LIMIT, "'%s' is too large", path);
	if (r < 0)
		return r;
	copy = strdup(text);
	r = copy ? takeover_kind_of(path, copy, &kind, err) : err_nomem(err);
	if (r == 0)
		r = takeover_read(kind, copy, plan->root, t, err);
	if (r < 0)
		return err_in(err, r, "taking over '%s'", path);
	table_note(t, path, plan);
	r = config_write(t, path, plan, err);
	if (r == 0 && kind == TAKEOVER_KDUMP_TOOLS)
		r = switch_off(plan, path, err);
	if (r == 0)
		r = boot_service_disable(kind == TAKEOVER_KDUMP_TOOLS
						 ? "kdump-tools.service"
						 : "kdump.service",
					 plan, err);
	if (r == 0 && kind == TAKEOVER_SYSCONFIG)
		r = boot_service_disable("kdump-early.service", plan, err);
	return r;
}

void takeover_warn(struct setup_plan *plan)
{
	static const struct {
		const char *unit, *file;
	} others[] = {
		{ "kdump-tools.service", "/etc/default/kdump-tools" },
		{ "kdump.service", "/etc/kdump.conf" },
		{ "kdump.service", "/etc/sysconfig/kdump" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		glob_t found = { 0 };
		char pattern[PATH_MAX];
		bool is_enabled;

		if (snprintf(pattern, sizeof(pattern), "%s/etc/systemd/system/*.wants/%s",
			     plan->root, others[i].unit) >= (int)sizeof(pattern))
			return;
		is_enabled = glob(pattern, 0, NULL, &found) == 0;
		globfree(&found);
		if (!is_enabled || !setup_plan_has(plan, others[i].file))
			continue;
		setup_plan_note(
			plan,
			"%s is enabled too: of two the later one wins, at each "
			"boot. --from %s takes its settings over and disables it.",
			others[i].unit, others[i].file);
		return;
	}
}
