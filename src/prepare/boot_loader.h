/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gives the kernel its command line, and where that is written down. Each is a list
 * of files to edit and a program that carries it on:
 *
 *   GRUB          a drop-in in /etc/default/grub.d where grub-mkconfig reads it (Debian's
 *                 and Ubuntu's do), else /etc/default/grub; then grub.cfg is made anew
 *   GRUB, BLS     the entries in /boot/loader/entries, /etc/default/grub and
 *                 /etc/kernel/cmdline: what grubby edits (Fedora)
 *   systemd-boot  the entries, and /etc/kernel/cmdline for kernels to come
 *   extlinux      APPEND lines; what update-extlinux (Alpine) and u-boot-update (Debian)
 *                 make them from, where there is one
 *   cmdline.txt   one line for a Raspberry Pi's firmware
 *   zipl          is left alone, with words
 */
#ifndef PREPARE_BOOT_LOADER_H
#define PREPARE_BOOT_LOADER_H

#include <stdbool.h>

#include "base/err.h"
#include "prepare/parameter_edit.h"
#include "prepare/setup_plan.h"

enum boot_loader {
	BOOT_UNKNOWN,
	BOOT_GRUB,
	BOOT_GRUB_BLS,
	BOOT_SYSTEMD,
	BOOT_EXTLINUX,
	BOOT_CMDLINE_TXT,
	BOOT_ZIPL,
};

#define GRUB_DROP_IN "/etc/default/grub.d/epitaph.cfg"

/* "grub", "grub-bls", ... */
const char *boot_loader_name(enum boot_loader loader);
int boot_loader_parse(const char *name, enum boot_loader *ret, struct err *err);

/* By its files below the plan's root, and by what it told the kernel where it did. */
enum boot_loader boot_loader_find(struct setup_plan *plan);

/* Can a '$' be handed through it? An entry of BLS is expanded by GRUB, without a way to
 * quote. */
bool boot_loader_takes_dollar(enum boot_loader loader);

/* Where it can't be done, a note says what to do by hand. */
int boot_loader_plan(enum boot_loader loader, const struct parameters *parameters,
		     struct setup_plan *plan, struct err *err);

#endif
