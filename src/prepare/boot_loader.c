// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/boot_loader.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define GRUB_DEFAULTS	 "/etc/default/grub"
#define GRUB_VARIABLE	 "GRUB_CMDLINE_LINUX"
#define KERNEL_CMDLINE	 "/etc/kernel/cmdline"
#define SCRIPT_MAX_BYTES ((size_t)1 << 20)
#define LOADER_INFO \
	"/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static const char *const loader_names[] = {
	[BOOT_UNKNOWN] = "unknown",   [BOOT_GRUB] = "grub",
	[BOOT_GRUB_BLS] = "grub-bls", [BOOT_SYSTEMD] = "systemd-boot",
	[BOOT_EXTLINUX] = "extlinux", [BOOT_CMDLINE_TXT] = "cmdline.txt",
	[BOOT_ZIPL] = "zipl",
};

static const char *const entry_directories[] = {
	"/boot/loader/entries",
	"/efi/loader/entries",
	"/boot/efi/loader/entries",
};

static const char *const extlinux_files[] = {
	"/boot/extlinux/extlinux.conf",
	"/boot/extlinux.conf",
	"/boot/syslinux/syslinux.cfg",
	"/extlinux.conf",
};

static const char *const cmdline_txt_files[] = {
	"/boot/firmware/cmdline.txt",
	"/boot/cmdline.txt",
};

const char *boot_loader_name(enum boot_loader loader)
{
	return loader_names[loader];
}

int boot_loader_parse(const char *name, enum boot_loader *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(loader_names); i++) {
		if (strcmp(name, loader_names[i]) == 0) {
			*ret = (enum boot_loader)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
		       "'%s' is none of grub, grub-bls, systemd-boot, extlinux, "
		       "cmdline.txt, unknown",
		       name);
}

bool boot_loader_takes_dollar(enum boot_loader loader)
{
	return loader == BOOT_GRUB || loader == BOOT_SYSTEMD ||
	       loader == BOOT_CMDLINE_TXT;
}

/* ---- which one ---- */

static bool file_mentions(const struct setup_plan *plan, const char *path,
			  const char *text)
{
	_cleanup_free char *data = NULL;
	char full[PATH_MAX];
	size_t size = 0;

	if (snprintf(full, sizeof(full), "%s%s", plan->root, path) >= (int)sizeof(full) ||
	    file_read(AT_FDCWD, full, SCRIPT_MAX_BYTES, &data, &size, NULL) < 0)
		return false;
	return memmem(data, size, text, strlen(text)) != NULL;
}

/* The files that match below the root; paths without it. Free with globfree(). */
static size_t files_match(const struct setup_plan *plan, const char *directory,
			  const char *suffix, glob_t *ret)
{
	char pattern[PATH_MAX];

	*ret = (glob_t){ 0 };
	if (snprintf(pattern, sizeof(pattern), "%s%s/*%s", plan->root, directory,
		     suffix) >= (int)sizeof(pattern) ||
	    glob(pattern, 0, NULL, ret) != 0)
		return 0;
	return ret->gl_pathc;
}

static bool has_entries(const struct setup_plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(entry_directories); i++) {
		glob_t found;

		count += files_match(plan, entry_directories[i], ".conf", &found);
		globfree(&found);
	}
	return count > 0;
}

static const char *first_file(struct setup_plan *plan, const char *const *files,
			      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (setup_plan_has(plan, files[i]))
			return files[i];
	}
	return NULL;
}

/* As the loader itself told the kernel, in UTF-16: "systemd-boot 254". */
static bool is_systemd_boot(const struct setup_plan *plan)
{
	static const char name[] = "s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t";
	_cleanup_free char *data = NULL;
	char full[PATH_MAX];
	size_t size = 0;

	if (snprintf(full, sizeof(full), "%s" LOADER_INFO, plan->root) >=
		    (int)sizeof(full) ||
	    file_read(AT_FDCWD, full, 4096, &data, &size, NULL) < 0)
		return false;
	return memmem(data, size, name, sizeof(name) - 1) != NULL;
}

enum boot_loader boot_loader_find(struct setup_plan *plan)
{
	bool has_grub = setup_plan_has(plan, GRUB_DEFAULTS) &&
			(setup_plan_has(plan, "/boot/grub") ||
			 setup_plan_has(plan, "/boot/grub2"));

	if (setup_plan_has(plan, "/etc/zipl.conf"))
		return BOOT_ZIPL;
	if (is_systemd_boot(plan))
		return BOOT_SYSTEMD;
	if (has_grub && has_entries(plan) &&
	    file_mentions(plan, GRUB_DEFAULTS, "GRUB_ENABLE_BLSCFG=true"))
		return BOOT_GRUB_BLS;
	if (has_grub)
		return BOOT_GRUB;
	if (has_entries(plan))
		return BOOT_SYSTEMD;
	if (first_file(plan, extlinux_files, ARRAY_SIZE(extlinux_files)))
		return BOOT_EXTLINUX;
	if (first_file(plan, cmdline_txt_files, ARRAY_SIZE(cmdline_txt_files)))
		return BOOT_CMDLINE_TXT;
	return BOOT_UNKNOWN;
}

/* ---- what all need ---- */

static void by_hand(const struct parameters *parameters, struct setup_plan *plan,
		    const char *what)
{
	setup_plan_note(plan, "%s. Add by hand to the kernel's command line:", what);
	for (size_t i = 0; i < parameters->add_count; i++)
		setup_plan_note(plan, "  %s", parameters->add[i]);
	for (size_t i = 0; i < parameters->remove_count; i++)
		setup_plan_note(plan, "  and no other %s...", parameters->remove[i]);
}

static void describe(const struct parameters *parameters, struct text *ret)
{
	for (size_t i = 0; i < parameters->add_count; i++)
		text_add(ret, "%s%s: %s", i ? "; " : "", parameters->add[i],
			 parameters->why[i]);
}

/* Words of a text that has been edited into @edited. */
static int plan_edited(struct setup_plan *plan, const char *path, mode_t mode,
		       const struct text *edited, enum setup_syntax syntax,
		       const char *why, struct err *err)
{
	bool is_changed = false;
	int r = setup_plan_write(plan, path, mode, text_get(edited), edited->size, syntax,
				 &is_changed, err, "%s", why);

	plan->needs_reboot |= is_changed;
	return r;
}

static int edit_shell_file(struct setup_plan *plan, const char *path,
			   const char *variable, bool is_removal_only,
			   const struct parameters *parameters, struct err *err)
{
	_cleanup_text struct text edited = { 0 }, why = { 0 };
	const char *data;
	size_t size;
	int r = setup_plan_read(plan, path, &data, &size, err);

	if (r < 0)
		return r;
	r = parameter_edit_shell(data, size, variable, is_removal_only, parameters,
				 &edited, err);
	if (r < 0)
		return r;
	if (is_removal_only)
		text_add(&why, "another value would win, or confuse: there is to be one");
	else
		describe(parameters, &why);
	return plan_edited(plan, path, 0644, &edited, SETUP_SHELL, text_get(&why), err);
}

static int edit_line_file(struct setup_plan *plan, const char *path,
			  const struct parameters *parameters, struct err *err)
{
	_cleanup_text struct text edited = { 0 }, why = { 0 };
	const char *data;
	size_t size;
	int r = setup_plan_read(plan, path, &data, &size, err);

	if (r == 0)
		r = parameter_edit_line(data, size, parameters, &edited, err);
	if (r < 0)
		return r;
	describe(parameters, &why);
	return plan_edited(plan, path, 0644, &edited, SETUP_ANY, text_get(&why), err);
}

static int edit_keyword_file(struct setup_plan *plan, const char *path,
			     const char *keyword, const char *marker,
			     const struct parameters *parameters, struct err *err)
{
	_cleanup_text struct text edited = { 0 }, why = { 0 };
	const char *data;
	size_t size, count = 0;
	int r = setup_plan_read(plan, path, &data, &size, err);

	if (r == 0)
		r = parameter_edit_keyword(data, size, keyword, marker, parameters,
					   &edited, &count, err);
	if (r < 0)
		return r;
	if (count == 0)
		setup_plan_note(plan, "'%s' has no line '%s', and is left alone", path,
				keyword);
	describe(parameters, &why);
	return plan_edited(plan, path, 0644, &edited, SETUP_ANY, text_get(&why), err);
}

/* The one file if it is there. */
static int edit_if_there(struct setup_plan *plan, const char *path,
			 const struct parameters *parameters, struct err *err)
{
	return setup_plan_has(plan, path) ? edit_line_file(plan, path, parameters, err)
					  : 0;
}

/* ---- GRUB ---- */

static bool grub_reads_drop_ins(struct setup_plan *plan)
{
	static const char *const scripts[] = { "/usr/sbin/grub-mkconfig",
					       "/usr/sbin/grub2-mkconfig",
					       "/usr/bin/grub-mkconfig" };
	const char *script = first_file(plan, scripts, ARRAY_SIZE(scripts));

	return script ? file_mentions(plan, script, "default/grub.d")
		      : setup_plan_has(plan, "/etc/default/grub.d");
}

static int grub_make_config(struct setup_plan *plan, const struct parameters *parameters,
			    struct err *err)
{
	static const char why[] = "GRUB reads grub.cfg only";
	const char *output = setup_plan_has(plan, "/boot/grub2") ? "/boot/grub2/grub.cfg"
								 : "/boot/grub/grub.cfg";
	const char *expected = parameters->add_count && !strchr(parameters->add[0], '$')
				       ? parameters->add[0]
				       : NULL;
	const char *program = setup_plan_has(plan, "/usr/sbin/grub2-mkconfig") ||
					      setup_plan_has(plan, "/boot/grub2")
				      ? "grub2-mkconfig"
				      : "grub-mkconfig";

	if (setup_plan_has(plan, "/usr/sbin/update-grub"))
		return setup_plan_run(plan, (const char *const[]){ "update-grub", NULL },
				      output, expected, false, why, err);
	return setup_plan_run(plan, (const char *const[]){ program, "-o", output, NULL },
			      output, expected, false, why, err);
}

/* The others' drop-ins, where a word that is to go stands. */
static int grub_clean_drop_ins(struct setup_plan *plan,
			       const struct parameters *parameters, struct err *err)
{
	glob_t found;
	size_t count = files_match(plan, "/etc/default/grub.d", ".cfg", &found);
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *path = found.gl_pathv[i] + strlen(plan->root);

		if (strcmp(path, GRUB_DROP_IN) != 0)
			r = edit_shell_file(plan, path, GRUB_VARIABLE, true, parameters,
					    err);
	}
	globfree(&found);
	return r;
}

static void drop_in_block(const char *word, const char *why, struct text *ret)
{
	text_add(ret, "\n");
	setup_comment(why, ret);
	text_add(ret, GRUB_VARIABLE "=\"$" GRUB_VARIABLE " ");
	parameter_quote_grub(word, ret);
	text_add(ret, "\"\n");
}

/* What an older run wrote, in our own form: an empty line, comments, and one word each.
 * Those that are to go, or to be written anew, are left out. */
static void drop_in_keep(const char *data, const struct parameters *parameters,
			 bool found[static PARAMETERS_MAX], struct text *ret)
{
	static const char begin[] = GRUB_VARIABLE "=\"$" GRUB_VARIABLE " ";
	const char *block = strstr(data, "\n\n"), *line, *end;

	while (block && (line = strstr(block, begin)) && (end = strchr(line, '\n'))) {
		const char *word = line + strlen(begin);
		size_t size = (size_t)(end - word);
		bool stays = true;

		for (size_t i = 0; i < parameters->remove_count; i++)
			stays &= strncmp(word, parameters->remove[i],
					 strlen(parameters->remove[i])) != 0;
		for (size_t i = 0; i < parameters->add_count; i++) {
			_cleanup_text struct text quoted = { 0 };

			parameter_quote_grub(parameters->add[i], &quoted);
			if (size != quoted.size + 1 ||
			    memcmp(word, text_get(&quoted), quoted.size) != 0)
				continue;
			stays = false;
			found[i] = true;
			drop_in_block(parameters->add[i], parameters->why[i], ret);
		}
		if (stays)
			text_add_bytes(ret, block + 1, (size_t)(end + 1 - block - 1));
		block = end;
	}
}

static int grub_drop_in(struct setup_plan *plan, const struct parameters *parameters,
			struct err *err)
{
	_cleanup_text struct text file = { 0 };
	bool found[PARAMETERS_MAX] = { false };
	const char *data = "";
	size_t size;

	text_add(&file, "# Written by epitaph setup; epitaph setup --undo takes it away. "
			"See epitaph-setup(1).\n");
	if (setup_plan_has(plan, GRUB_DROP_IN)) {
		int r = setup_plan_read(plan, GRUB_DROP_IN, &data, &size, err);

		if (r < 0)
			return r;
		drop_in_keep(data, parameters, found, &file);
	}
	for (size_t i = 0; i < parameters->add_count; i++) {
		if (!found[i])
			drop_in_block(parameters->add[i], parameters->why[i], &file);
	}
	return plan_edited(plan, GRUB_DROP_IN, 0644, &file, SETUP_SHELL,
			   "the words for the kernel's command line", err);
}

static int plan_grub(const struct parameters *parameters, struct setup_plan *plan,
		     struct err *err)
{
	size_t before = setup_plan_count(plan);
	bool has_drop_ins = grub_reads_drop_ins(plan);
	int r = edit_shell_file(plan, GRUB_DEFAULTS, GRUB_VARIABLE, has_drop_ins,
				parameters, err);

	if (r == 0 && has_drop_ins)
		r = grub_clean_drop_ins(plan, parameters, err);
	if (r == 0 && has_drop_ins)
		r = grub_drop_in(plan, parameters, err);
	if (r == 0 && setup_plan_count(plan) != before)
		r = grub_make_config(plan, parameters, err);
	return r;
}

/* ---- entries of the Boot Loader Specification ---- */

static int plan_entries(const struct parameters *parameters, struct setup_plan *plan,
			struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(entry_directories); i++) {
		glob_t found;
		size_t count = files_match(plan, entry_directories[i], ".conf", &found);
		int r = 0;

		for (size_t j = 0; r == 0 && j < count; j++) {
			const char *path = found.gl_pathv[j] + strlen(plan->root);

			// memtest and its like take no parameters of a kernel
			if (!file_mentions(plan, path, "options"))
				continue;
			r = file_mentions(plan, path, "$kernelopts")
				    ? err_set(err, ERR_UNSUPPORTED,
					      "'%s' takes its options from grubenv; "
					      "use: grubby --update-kernel=ALL --args=...",
					      path)
				    : edit_keyword_file(plan, path, "options", NULL,
							parameters, err);
		}
		globfree(&found);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_grub_bls(const struct parameters *parameters, struct setup_plan *plan,
			 struct err *err)
{
	int r = plan_entries(parameters, plan, err);

	// grub.cfg reads the entries itself; this is for kernels and tools to come
	if (r == 0)
		r = edit_shell_file(plan, GRUB_DEFAULTS, GRUB_VARIABLE, false, parameters,
				    err);
	return r < 0 ? r : edit_if_there(plan, KERNEL_CMDLINE, parameters, err);
}

static int plan_systemd_boot(const struct parameters *parameters, struct setup_plan *plan,
			     struct err *err)
{
	static const char *const unified[] = { "/boot/EFI/Linux", "/efi/EFI/Linux",
					       "/boot/efi/EFI/Linux" };
	int r = plan_entries(parameters, plan, err);

	if (r == 0)
		r = edit_if_there(plan, KERNEL_CMDLINE, parameters, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(unified); i++) {
		glob_t found;

		if (files_match(plan, unified[i], ".efi", &found))
			setup_plan_note(
				plan,
				"The unified kernel images in %s carry their "
				"command line inside: build them again afterwards "
				"(mkinitcpio -P, dracut -f, or kernel-install add).",
				unified[i]);
		globfree(&found);
	}
	return r;
}

/* ---- extlinux, and a plain line ---- */

/* A file of shell variables that a program makes extlinux.conf from. */
static int plan_extlinux_made(const struct parameters *parameters,
			      struct setup_plan *plan, const char *path,
			      const char *variable, const char *program,
			      const char *output, struct err *err)
{
	size_t before = setup_plan_count(plan);
	int r = edit_shell_file(plan, path, variable, false, parameters, err);

	if (r == 0 && setup_plan_count(plan) != before)
		r = setup_plan_run(plan, (const char *const[]){ program, NULL }, output,
				   parameters->add_count ? parameters->add[0] : NULL,
				   false, "extlinux.conf is made from it", err);
	return r;
}

static int plan_extlinux(const struct parameters *parameters, struct setup_plan *plan,
			 struct err *err)
{
	const char *path = first_file(plan, extlinux_files, ARRAY_SIZE(extlinux_files));

	if (setup_plan_has(plan, "/etc/update-extlinux.conf"))
		return plan_extlinux_made(parameters, plan, "/etc/update-extlinux.conf",
					  "default_kernel_opts", "update-extlinux",
					  "/boot/extlinux.conf", err);
	if (setup_plan_has(plan, "/etc/default/u-boot") &&
	    setup_plan_has(plan, "/usr/sbin/u-boot-update") &&
	    file_mentions(plan, "/etc/default/u-boot", "\nU_BOOT_PARAMETERS="))
		return plan_extlinux_made(parameters, plan, "/etc/default/u-boot",
					  "U_BOOT_PARAMETERS", "u-boot-update",
					  "/boot/extlinux/extlinux.conf", err);
	return edit_keyword_file(plan, path, "append", "root=", parameters, err);
}

int boot_loader_plan(enum boot_loader loader, const struct parameters *parameters,
		     struct setup_plan *plan, struct err *err)
{
	if (!parameters->add_count && !parameters->remove_count)
		return 0;
	switch (loader) {
	case BOOT_GRUB:
		return plan_grub(parameters, plan, err);
	case BOOT_GRUB_BLS:
		return plan_grub_bls(parameters, plan, err);
	case BOOT_SYSTEMD:
		return plan_systemd_boot(parameters, plan, err);
	case BOOT_EXTLINUX:
		return plan_extlinux(parameters, plan, err);
	case BOOT_CMDLINE_TXT:
		return edit_line_file(plan,
				      first_file(plan, cmdline_txt_files,
						 ARRAY_SIZE(cmdline_txt_files)),
				      parameters, err);
	case BOOT_ZIPL:
		by_hand(parameters, plan,
			"zipl is left alone: edit /etc/zipl.conf, then run zipl");
		return 0;
	case BOOT_UNKNOWN:
		break;
	}
	by_hand(parameters, plan, "No boot loader that is known was found");
	return 0;
}
