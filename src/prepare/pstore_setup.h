/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Last words without a crash kernel: memory that a warm reset leaves alone (ramoops), or
 * what the firmware keeps (EFI variables, ACPI ERST).
 *
 * Of ramoops' memory the kernel has to be told at boot: reserve_mem= gives it a name
 * (Linux 6.12 on, known by its symbol), memmap= an address, which is chosen from
 * /proc/iomem. "memmap=SIZE$ADDRESS" needs a '$' handed through the boot loader; where
 * that can't be, "memmap=SIZE%ADDRESS-1+2" (memory becomes reserved; Linux 4.19 on) says
 * the same.
 */
#ifndef PREPARE_PSTORE_SETUP_H
#define PREPARE_PSTORE_SETUP_H

#include <stdbool.h>

#include "base/err.h"
#include "prepare/memory_map.h"
#include "prepare/parameter_edit.h"
#include "prepare/setup_plan.h"

enum pstore_choice {
	PSTORE_AUTO, /* what the firmware has */
	PSTORE_RAMOOPS,
	PSTORE_NONE,
};

struct pstore_machine {
	const char *release;	      /* of the running kernel */
	const char *cmdline;	      /* of the running kernel */
	const struct memory_map *map; /* NULL: not known, with the reason */
	const char *map_reason;
	bool takes_dollar;  /* the boot loader can hand a '$' through */
	bool captures;	    /* there is to be a crash kernel too */
	bool has_notifiers; /* with crash_kexec_post_notifiers */
};

int pstore_choice_parse(const char *name, enum pstore_choice *ret, struct err *err);

int pstore_plan(enum pstore_choice choice, const struct pstore_machine *machine,
		struct parameters *parameters, struct setup_plan *plan, struct err *err);

#endif
