// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/boot_service.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define UNIT		 "epitaph.service"
#define UNIT_LINK	 "/etc/systemd/system/multi-user.target.wants/" UNIT
#define SCRIPTS		 "/usr/share/epitaph"
#define SCRIPT		 "/etc/init.d/epitaph"
#define SCRIPT_MAX_BYTES ((size_t)1 << 16)

static int reload_systemd(struct setup_plan *plan, struct err *err)
{
	return setup_plan_run(plan,
			      (const char *const[]){ "systemctl", "daemon-reload", NULL },
			      NULL, NULL, true, "systemd reads its units anew", err);
}

static int enable_systemd(struct setup_plan *plan, struct err *err)
{
	static const char *const places[] = { "/usr/lib/systemd/system/" UNIT,
					      "/lib/systemd/system/" UNIT,
					      "/etc/systemd/system/" UNIT };
	size_t before = setup_plan_count(plan);
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!setup_plan_has(plan, places[i]))
			continue;
		r = setup_plan_link(plan, UNIT_LINK, places[i], err,
				    "the crash kernel is loaded at each boot: systemctl "
				    "enable " UNIT);
		return r == 0 && setup_plan_count(plan) != before
			       ? reload_systemd(plan, err)
			       : r;
	}
	setup_plan_note(plan, UNIT " is not installed: nothing loads the crash kernel at "
				   "boot. Install epitaph, and run this again.");
	return 0;
}

/* The script that came with us, at its place. */
static int install_script(struct setup_plan *plan, const char *kind, bool *ret_there,
			  struct err *err)
{
	_cleanup_free char *data = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	*ret_there = true;
	if (setup_plan_has(plan, SCRIPT))
		return 0;
	if (snprintf(path, sizeof(path), "%s" SCRIPTS "/%s/epitaph", plan->root, kind) >=
		    (int)sizeof(path) ||
	    file_read(AT_FDCWD, path, SCRIPT_MAX_BYTES, &data, &size, NULL) < 0) {
		*ret_there = false;
		setup_plan_note(plan,
				"'" SCRIPTS "/%s/epitaph' is not installed: nothing "
				"loads the crash kernel at boot. Install epitaph, and "
				"run this again.",
				kind);
		return 0;
	}
	return setup_plan_write(plan, SCRIPT, 0755, data, size, SETUP_SHELL, NULL, err,
				"what loads the crash kernel");
}

static int enable_openrc(struct setup_plan *plan, struct err *err)
{
	bool is_there;
	int r = install_script(plan, "openrc", &is_there, err);

	if (r < 0 || !is_there)
		return r;
	return setup_plan_link(plan, "/etc/runlevels/default/epitaph", SCRIPT, err,
			       "the crash kernel is loaded at each boot: rc-update add "
			       "epitaph default");
}

static int enable_sysv(struct setup_plan *plan, struct err *err)
{
	bool is_there;
	int r = install_script(plan, "sysv", &is_there, err);

	for (char level = '2'; r == 0 && is_there && level <= '5'; level++) {
		char path[64];

		snprintf(path, sizeof(path), "/etc/rc%c.d/S04epitaph", level);
		r = setup_plan_link(
			plan, path, "../init.d/epitaph", err,
			"the crash kernel is loaded at each boot: update-rc.d "
			"epitaph defaults");
	}
	return r;
}

int boot_service_enable(struct setup_plan *plan, struct err *err)
{
	if (setup_plan_has(plan, "/etc/runlevels"))
		return enable_openrc(plan, err);
	if (setup_plan_has(plan, "/etc/systemd/system"))
		return enable_systemd(plan, err);
	if (setup_plan_has(plan, "/etc/rc2.d") && setup_plan_has(plan, "/etc/init.d"))
		return enable_sysv(plan, err);
	setup_plan_note(plan,
			"Neither systemd nor OpenRC nor SysV's scripts are here: let "
			"'epitaph arm' run at each boot.");
	return 0;
}

/* ---- others ---- */

static int remove_matching(struct setup_plan *plan, const char *pattern, const char *unit,
			   struct err *err)
{
	char full[PATH_MAX];
	glob_t found = { 0 };
	int r = 0;

	if (snprintf(full, sizeof(full), "%s%s", plan->root, pattern) >=
	    (int)sizeof(full))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", full);
	if (glob(full, 0, NULL, &found) == 0) {
		for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
			r = setup_plan_remove(plan,
					      found.gl_pathv[i] + strlen(plan->root), err,
					      "there is one crash kernel, and %s would "
					      "load another",
					      unit);
	}
	globfree(&found);
	return r;
}

int boot_service_disable(const char *unit, struct setup_plan *plan, struct err *err)
{
	size_t before = setup_plan_count(plan);
	char pattern[PATH_MAX];
	int r;

	snprintf(pattern, sizeof(pattern), "/etc/systemd/system/*.wants/%s", unit);
	r = remove_matching(plan, pattern, unit, err);
	if (r == 0 && setup_plan_count(plan) != before)
		r = reload_systemd(plan, err);
	snprintf(pattern, sizeof(pattern), "/etc/rc[0-6S].d/[SK][0-9][0-9]%.*s",
		 (int)strcspn(unit, "."), unit);
	if (r == 0)
		r = remove_matching(plan, pattern, unit, err);
	return r;
}
