// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/setup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"
#include "prepare/boot_service.h"
#include "prepare/console_setup.h"
#include "prepare/kexec.h"
#include "prepare/memory_map.h"
#include "prepare/reservation.h"
#include "prepare/takeover.h"

#define CMDLINE_MAX_BYTES ((size_t)1 << 16)

/* What the parts of a plan need to know of the machine. */
struct setup {
	const struct setup_options *options;
	const struct config *config;
	const struct log *log;
	struct setup_plan *plan;
	char release[65];
	char *cmdline; /* of the running kernel; "" if unknown */
	struct kexec_state kexec;
	struct memory_map map;
	bool has_map;
	struct err map_err;
	enum boot_loader boot_loader;
	struct parameters parameters;
};

static void setup_done(struct setup *setup)
{
	free(setup->cmdline);
	memory_map_done(&setup->map);
}

static void read_below(const struct setup *setup, const char *path, size_t limit,
		       char **ret)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", setup->options->root, path) <
	    (int)sizeof(full))
		file_read(AT_FDCWD, full, limit, ret, NULL, NULL);
}

static int setup_look(struct setup *setup, struct err *err)
{
	_cleanup_free char *release = NULL;

	read_below(setup, "/proc/sys/kernel/osrelease", 4096, &release);
	snprintf(setup->release, sizeof(setup->release), "%.*s",
		 (int)strcspn(release ? release : "", "\n"), release ? release : "");
	read_below(setup, "/proc/cmdline", CMDLINE_MAX_BYTES, &setup->cmdline);
	if (!setup->cmdline)
		setup->cmdline = strdup("");
	if (!setup->cmdline)
		return err_nomem(err);
	kexec_look(setup->options->root, &setup->kexec);
	setup->has_map =
		memory_map_read(setup->options->root, &setup->map, &setup->map_err) == 0;
	setup->boot_loader = setup->options->has_boot_loader
				     ? setup->options->boot_loader
				     : boot_loader_find(setup->plan);
	setup_plan_note(setup->plan, "boot loader    %s%s",
			boot_loader_name(setup->boot_loader),
			setup->options->has_boot_loader ? " (as you said)" : "");
	return 0;
}

/* ---- memory for the crash kernel ---- */

static uint64_t memory_total(const struct setup *setup)
{
	_cleanup_free char *info = NULL;
	unsigned long long kib = 0;
	const char *at;

	read_below(setup, "/proc/meminfo", MIB, &info);
	at = info ? strstr(info, "MemTotal:") : NULL;
	if (at)
		sscanf(at, "MemTotal: %llu", &kib);
	return kib * KIB + setup->kexec.reserved_bytes;
}

/* Too much of a small machine is no help to it. */
static int reservation_is_sane(const struct setup *setup, uint64_t size, struct err *err)
{
	uint64_t total = memory_total(setup);

	if (total && size > total / 2)
		return err_set(
			err, ERR_REFUSED,
			"the crash kernel needs %llu MiB, more than half of this machine's "
			"%llu MiB; give up capturing (--crashkernel none) or say how much "
			"(--crashkernel 64M)",
			(unsigned long long)(size / MIB),
			(unsigned long long)(total / MIB));
	if (total && size > total / 4)
		setup_plan_note(setup->plan,
				"The crash kernel takes %llu of this machine's %llu MiB.",
				(unsigned long long)(size / MIB),
				(unsigned long long)(total / MIB));
	return 0;
}

static int add_measured(struct setup *setup, struct err *err)
{
	static const char low[] = "what a crash kernel above 4 GiB needs below it, for "
				  "devices that reach no further";
	struct reservation reservation;
	unsigned long long mib;
	char why[PARAMETER_WHY_BYTES];
	int r;

	reservation_measure(setup->options->root, setup->release, setup->config,
			    setup->log, &reservation);
	mib = (unsigned long long)(reservation.size_bytes / MIB);
	reservation_explain(&reservation, why, sizeof(why));
	if (reservation.guess_reason[0])
		setup_plan_note(setup->plan, "measured       not all: %s",
				reservation.guess_reason);
	r = reservation_is_sane(setup, reservation.size_bytes, err);
	if (r < 0)
		return r;
	if (!reservation_is_high(&reservation, setup->has_map ? &setup->map : NULL))
		return parameters_add(&setup->parameters, err, why, "crashkernel=%lluM",
				      mib);
	setup_plan_note(setup->plan,
			"There is no piece of %llu MiB below 4 GiB: it is taken from "
			"above, and 72 MiB from below.",
			mib);
	r = parameters_add(&setup->parameters, err, why, "crashkernel=%lluM,high", mib);
	return r < 0 ? r
		     : parameters_add(&setup->parameters, err, low,
				      "crashkernel=" RESERVATION_LOW);
}

static int plan_reservation(struct setup *setup, struct err *err)
{
	const char *wanted = setup->options->crashkernel;
	const char *value;
	size_t size;
	int r;

	if (wanted && strcmp(wanted, "keep") == 0)
		return 0;
	r = parameters_remove(&setup->parameters, "crashkernel=", err);
	if (r == 0 && wanted && strcmp(wanted, "none") == 0)
		return 0;
	if (r == 0 && wanted)
		r = reservation_check(wanted, err);
	if (r < 0)
		return r;
	r = wanted ? parameters_add(&setup->parameters, err,
				    "memory for the kernel that captures a crash, as it "
				    "was asked for",
				    "crashkernel=%s", wanted)
		   : add_measured(setup, err);
	value = parameter_find(setup->cmdline, "crashkernel=", &size);
	setup_plan_note(setup->plan, "crashkernel    %.*s now, %llu MiB reserved",
			value ? (int)size : 4, value ? value : "none",
			(unsigned long long)(setup->kexec.reserved_bytes / MIB));
	return r;
}

/* ---- what is asked for beside ---- */

/* Only smaller, and only while nothing is loaded: Linux kernel/crash_core.c,
 * crash_shrink_memory(). */
static int plan_give_back(struct setup *setup, struct err *err)
{
	static const char file[] = "/sys/kernel/kexec_crash_size";
	struct reservation reservation;
	char value[32];

	if (setup->kexec.is_loaded)
		return err_set(
			err, ERR_REFUSED,
			"a crash kernel is loaded in the memory that would be given "
			"back: 'epitaph disarm' first, and arm again afterwards");
	reservation_measure(setup->options->root, setup->release, setup->config,
			    setup->log, &reservation);
	if (!reservation.has_kernel || reservation.is_image_guess)
		return err_set(
			err, ERR_REFUSED,
			"how much is needed is not known (%s), so nothing is given "
			"back",
			reservation.guess_reason);
	if (setup->kexec.reserved_bytes <= reservation.size_bytes) {
		setup_plan_note(setup->plan,
				"give back      nothing: what is reserved is "
				"needed");
		return 0;
	}
	snprintf(value, sizeof(value), "%llu",
		 (unsigned long long)reservation.size_bytes);
	return setup_plan_set(setup->plan, file, value, true,
			      "the rest is the system's again", err);
}

static int plan_notifiers(struct setup *setup, struct err *err)
{
	static const char why[] =
		"pstore is written before the crash kernel starts: a second copy of the "
		"last words; what hangs there costs the capture";
	int r = parameters_add(&setup->parameters, err, why,
			       "crash_kexec_post_notifiers");

	return r < 0 ? r
		     : setup_plan_set(
			       setup->plan,
			       "/sys/module/kernel/parameters/crash_kexec_post_notifiers",
			       "Y", false, why, err);
}

static int plan_pstore(struct setup *setup, bool captures, struct err *err)
{
	struct pstore_machine machine = {
		.release = setup->release,
		.cmdline = setup->cmdline,
		.map = setup->has_map ? &setup->map : NULL,
		.map_reason = err_text(&setup->map_err),
		.takes_dollar = boot_loader_takes_dollar(setup->boot_loader),
		.captures = captures,
		.has_notifiers = setup->options->post_notifiers,
	};

	return pstore_plan(setup->options->pstore, &machine, &setup->parameters,
			   setup->plan, err);
}

/* ---- all of it ---- */

static int setup_all(struct setup *setup, struct err *err)
{
	bool captures = !setup->options->crashkernel ||
			strcmp(setup->options->crashkernel, "none") != 0;
	int r = setup_look(setup, err);

	if (r == 0 && setup->options->from)
		r = takeover_plan(setup->options->from, setup->plan, err);
	else if (r == 0)
		takeover_warn(setup->plan);
	if (r == 0)
		r = plan_reservation(setup, err);
	if (r == 0)
		r = plan_pstore(setup, captures, err);
	if (r == 0 && setup->options->post_notifiers)
		r = plan_notifiers(setup, err);
	if (r == 0 && setup->options->console)
		r = console_plan(setup->options->console, setup->cmdline,
				 &setup->parameters, setup->plan, err);
	if (r == 0 && setup->options->give_back)
		r = plan_give_back(setup, err);
	if (r == 0)
		r = boot_loader_plan(setup->boot_loader, &setup->parameters, setup->plan,
				     err);
	if (r == 0)
		r = panic_policy_plan(setup->options->preset, setup->plan, err);
	if (r == 0 && captures)
		r = boot_service_enable(setup->plan, err);
	return r;
}

int setup_make(const struct setup_options *options, const struct config *config,
	       const struct log *log, struct setup_plan **ret, struct err *err)
{
	_cleanup_setup_plan struct setup_plan *plan = NULL;
	_cleanup_free struct setup *setup = calloc(1, sizeof(*setup));
	int r = setup ? setup_plan_new(options->root, &plan, err) : err_nomem(err);

	if (r < 0)
		return r;
	setup->options = options;
	setup->config = config;
	setup->log = log;
	setup->plan = plan;
	r = setup_all(setup, err);
	setup_done(setup);
	if (r < 0)
		return r;
	setup_plan_tidy(plan);
	*ret = take_ptr(plan);
	return 0;
}
