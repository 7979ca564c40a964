// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/pstore_setup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"
#include "prepare/kernel_config.h"

#define MODULES_LOAD	  "/etc/modules-load.d/epitaph.conf"
#define BACKEND		  "/sys/module/pstore/parameters/backend"
#define EFI_DISABLE	  "/sys/module/efi_pstore/parameters/pstore_disable"
#define RAMOOPS_BYTES	  (2 * MIB)
#define RAMOOPS_ALIGN	  (2 * MIB)
#define RECORD_BYTES	  (256 * KIB) /* a power of two; all of a log after packing */
#define SYMBOLS_MAX_BYTES ((size_t)64 << 20)
#define SYMBOL		  " reserve_mem_find_by_name\n"

int pstore_choice_parse(const char *name, enum pstore_choice *ret, struct err *err)
{
	static const char *const names[] = { "auto", "ramoops", "none" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum pstore_choice)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "'%s' is none of auto, ramoops, none", name);
}

static bool line_read(const struct setup_plan *plan, const char *path, char *ret,
		      size_t size)
{
	char full[PATH_MAX];

	return snprintf(full, sizeof(full), "%s%s", plan->root, path) <
		       (int)sizeof(full) &&
	       file_read_line(AT_FDCWD, full, ret, size, NULL) == 0;
}

/* The symbol says it, in the running kernel or in the file beside it. */
static bool has_reserve_mem(const struct setup_plan *plan, const char *release)
{
	char paths[2][PATH_MAX];

	snprintf(paths[0], sizeof(paths[0]), "%s/proc/kallsyms", plan->root);
	snprintf(paths[1], sizeof(paths[1]), "%s/boot/System.map-%s", plan->root,
		 release);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_free char *symbols = NULL;
		size_t size = 0;

		if (file_read(AT_FDCWD, paths[i], SYMBOLS_MAX_BYTES, &symbols, &size,
			      NULL) == 0 &&
		    memmem(symbols, size, SYMBOL, strlen(SYMBOL)))
			return true;
	}
	return false;
}

static char option_of(const struct setup_plan *plan, const char *release,
		      const char *option)
{
	_cleanup_kernel_config struct kernel_config config = { 0 };

	if (kernel_config_find(plan->root, release, true, "", &config, NULL) < 0)
		return '?';
	return kernel_config_get(&config, option);
}

/* A line of its own in a file of ours. */
static int module_load(struct setup_plan *plan, const char *module, struct err *err)
{
	_cleanup_text struct text file = { 0 };

	text_add(&file,
		 "# Written by epitaph setup; epitaph setup --undo takes it away.\n%s\n",
		 module);
	return setup_plan_write(plan, MODULES_LOAD, 0644, text_get(&file), file.size,
				SETUP_ANY, NULL, err,
				"%s is a module, and nothing else loads it", module);
}

/* ---- ramoops ---- */

static int ramoops_place(const struct pstore_machine *machine,
			 struct parameters *parameters, struct err *err)
{
	static const char why[] =
		"2 MiB that no reset clears on most boards, for the last "
		"words: the kernel takes it for nothing else";
	uint64_t at = 0;
	int r;

	if (!machine->map)
		return err_set(err, ERR_REFUSED,
			       "no address can be chosen for ramoops: %s",
			       machine->map_reason);
	r = memory_map_place(machine->map, RAMOOPS_BYTES, RAMOOPS_ALIGN, 4 * GIB, &at,
			     err);
	if (r < 0)
		return err_in(err, r, "choosing an address for ramoops");
	if (machine->takes_dollar)
		r = parameters_add(parameters, err, why, "memmap=2M$0x%llx",
				   (unsigned long long)at);
	else
		r = parameters_add(parameters, err, why, "memmap=2M%%0x%llx-1+2",
				   (unsigned long long)at);
	if (r == 0)
		r = parameters_add(parameters, err, "where ramoops writes",
				   "ramoops.mem_address=0x%llx", (unsigned long long)at);
	return r < 0 ? r
		     : parameters_add(parameters, err, "how much of it",
				      "ramoops.mem_size=0x%llx",
				      (unsigned long long)RAMOOPS_BYTES);
}

static int ramoops_name(struct parameters *parameters, struct err *err)
{
	int r = parameters_add(parameters, err,
			       "2 MiB that no reset clears on most boards, for the last "
			       "words; the kernel finds the same place at each boot",
			       "reserve_mem=2M:4096:epitaph");

	return r < 0 ? r
		     : parameters_add(parameters, err, "where ramoops writes",
				      "ramoops.mem_name=epitaph");
}

static int plan_ramoops(const struct pstore_machine *machine,
			struct parameters *parameters, struct setup_plan *plan,
			struct err *err)
{
	char module = option_of(plan, machine->release, "PSTORE_RAM");
	size_t size;
	int r;

	if (module == 'n')
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel has no ramoops (CONFIG_PSTORE_RAM)");
	// An address that was chosen at an earlier boot is no free memory any more.
	if (parameter_find(machine->cmdline, "ramoops.mem_", &size)) {
		setup_plan_note(plan, "ramoops        is on the command line, and stays");
	} else {
		r = has_reserve_mem(plan, machine->release)
			    ? ramoops_name(parameters, err)
			    : ramoops_place(machine, parameters, err);
		if (r == 0)
			r = parameters_add(
				parameters, err,
				"one record: 256 KiB hold some 400 KiB of log, "
				"packed",
				"ramoops.record_size=0x%llx",
				(unsigned long long)RECORD_BYTES);
		if (r == 0 && option_of(plan, machine->release, "PSTORE_CONSOLE") == 'y')
			r = parameters_add(parameters, err,
					   "the console as it was, for a machine that is "
					   "reset without a panic",
					   "ramoops.console_size=0x%llx",
					   (unsigned long long)RECORD_BYTES);
		if (r < 0)
			return r;
		setup_plan_note(plan,
				"ramoops        whether this board keeps memory over "
				"a reset shows the first crash; one that clears it "
				"(ECC, Secure Boot's memory wipe) does not");
	}
	return module == 'y' ? 0 : module_load(plan, "ramoops", err);
}

/* ---- what the firmware has ---- */

static int plan_firmware(const struct pstore_machine *machine,
			 struct parameters *parameters, struct setup_plan *plan,
			 struct err *err)
{
	char line[64] = "";
	size_t size;
	int r = 0;

	if (line_read(plan, BACKEND, line, sizeof(line)) && line[0] &&
	    strcmp(line, "(null)") != 0) {
		setup_plan_note(plan, "pstore         writes to %.32s already", line);
		return 0;
	}
	if (setup_plan_has(plan, "/sys/firmware/acpi/tables/ERST") &&
	    parameter_find(machine->cmdline, "erst_disable", &size)) {
		setup_plan_note(plan, "pstore         ERST is there: erst_disable goes");
		return parameters_remove(parameters, "erst_disable", err);
	}
	if (!setup_plan_has(plan, "/sys/firmware/efi")) {
		setup_plan_note(plan, "pstore         none: the firmware keeps no words; "
				      "--pstore ramoops takes 2 MiB of memory for them");
		return 0;
	}
	if (line_read(plan, EFI_DISABLE, line, sizeof(line)) && line[0] == 'Y') {
		r = parameters_remove(parameters, "efi_pstore.pstore_disable=", err);
		return r < 0 ? r
			     : parameters_add(
				       parameters, err,
				       "the last words go to EFI variables where no "
				       "crash kernel takes them; epitaph collect "
				       "frees them at the next boot",
				       "efi_pstore.pstore_disable=0");
	}
	return option_of(plan, machine->release, "EFI_VARS_PSTORE") == 'm'
		       ? module_load(plan, "efi_pstore", err)
		       : 0;
}

/* Who has taken the records away until now is not silently left without them. */
static void note_systemd(struct setup_plan *plan)
{
	static const char *const paths[] = {
		"/usr/lib/systemd/system/systemd-pstore.service",
		"/lib/systemd/system/systemd-pstore.service",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!setup_plan_has(plan, paths[i]))
			continue;
		setup_plan_note(plan,
				"systemd-pstore runs after epitaph collect, which takes "
				"its records over, those in /var/lib/systemd/pstore too; "
				"collect_pstore = no in epitaph.conf leaves them to it");
		return;
	}
}

int pstore_plan(enum pstore_choice choice, const struct pstore_machine *machine,
		struct parameters *parameters, struct setup_plan *plan, struct err *err)
{
	int r = 0;

	if (choice == PSTORE_RAMOOPS)
		r = plan_ramoops(machine, parameters, plan, err);
	else if (choice == PSTORE_AUTO)
		r = plan_firmware(machine, parameters, plan, err);
	if (r == 0 && choice == PSTORE_RAMOOPS && machine->captures &&
	    !machine->has_notifiers)
		setup_plan_note(
			plan,
			"               With a crash kernel loaded pstore stays empty: "
			"it takes over first. --post-notifiers lets pstore write "
			"before; a driver that hangs there then costs the capture.");
	if (r == 0)
		note_systemd(plan);
	return r;
}
