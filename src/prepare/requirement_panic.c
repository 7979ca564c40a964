// SPDX-License-Identifier: GPL-2.0-or-later
/* Does the kernel panic where it should, and what is there if the crash kernel fails? */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"
#include "base/text.h"
#include "prepare/requirement.h"

#define WATCHDOG "/sys/class/watchdog/watchdog0"
#define BACKEND	 "/sys/module/pstore/parameters/backend"

void probe_sysctl(const struct check_subject *subject, const struct requirement *row,
		  struct finding *finding)
{
	char line[64];

	if (!check_subject_has(subject, "/proc/sys/kernel"))
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL,
			    "there is no /proc/sys/kernel to be seen");
	else if (!check_subject_has(subject, row->file))
		finding_set(finding, row->missing, "", "use a kernel that has it",
			    "this kernel has no %s", row->file);
	else if (!check_subject_line(subject, row->file, line, sizeof(line)))
		finding_set(finding, REQUIREMENT_UNKNOWN, row->file, NULL,
			    "it can't be read");
	else
		finding_set(finding, strcmp(line, "0") ? REQUIREMENT_OK : row->missing,
			    row->file, NULL, "%s", line);
}

void probe_watchdog(const struct check_subject *subject, const struct requirement *row,
		    struct finding *finding)
{
	char identity[96] = "a watchdog", state[32] = "", timeout[32] = "?";

	if (!subject->has_sysfs) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL,
			    "there is no /sys to be seen");
		return;
	}
	if (!check_subject_has(subject, WATCHDOG)) {
		finding_set(finding, row->missing, "", NULL, "none");
		return;
	}
	check_subject_line(subject, WATCHDOG "/identity", identity, sizeof(identity));
	check_subject_line(subject, WATCHDOG "/state", state, sizeof(state));
	check_subject_line(subject, WATCHDOG "/timeout", timeout, sizeof(timeout));
	if (strcmp(state, "active") == 0)
		finding_set(finding, REQUIREMENT_OK, WATCHDOG, NULL, "%s, %s s", identity,
			    timeout);
	else
		finding_set(finding, row->missing, WATCHDOG,
			    "let it run: RuntimeWatchdogSec= in "
			    "/etc/systemd/system.conf",
			    "%s, %s", identity, state[0] ? state : "not known to run");
}

void probe_pstore(const struct check_subject *subject, const struct requirement *row,
		  struct finding *finding)
{
	char backend[64];

	if (!subject->has_sysfs)
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL,
			    "there is no /sys to be seen");
	else if (!check_subject_line(subject, BACKEND, backend, sizeof(backend)) ||
		 strcmp(backend, "(null)") == 0)
		finding_set(finding, row->missing, "", NULL, "none");
	else
		finding_set(finding, REQUIREMENT_OK, BACKEND, NULL, "%s", backend);
}

/* /proc/consoles: "ttyS0                -W- (EC p  )    4:64", "netcon_ext0 ...". What
 * goes to another machine, or to a port. */
static void console_names(const struct check_subject *subject, struct text *ret)
{
	_cleanup_free char *consoles = NULL;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/proc/consoles", subject->root) >=
		    (int)sizeof(path) ||
	    file_read(AT_FDCWD, path, MIB, &consoles, NULL, NULL) < 0)
		return;
	for (const char *line = consoles; *line;) {
		static const char *const kinds[] = { "ttyS", "ttyAMA", "ttyUSB", "hvc",
						     "netcon" };
		size_t size = strcspn(line, "\n"), length = strcspn(line, " \n");

		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (strncmp(line, kinds[i], strlen(kinds[i])) == 0 && length < 32)
				text_add(ret, "%s%.*s", ret->size ? ", " : "",
					 (int)length, line);
		}
		line += size + (line[size] == '\n');
	}
}

void probe_console(const struct check_subject *subject, const struct requirement *row,
		   struct finding *finding)
{
	static const char sol[] =
		"a BMC is there: let its serial over LAN show the port, and "
		"epitaph setup --console serial";
	_cleanup_text struct text names = { 0 };
	bool has_bmc = check_subject_has(subject, "/sys/class/ipmi/ipmi0") ||
		       check_subject_has(subject, "/dev/ipmi0") ||
		       check_subject_has(subject, "/sys/module/ipmi_si/drivers");

	console_names(subject, &names);
	if (names.size)
		finding_set(finding, REQUIREMENT_OK, "/proc/consoles", NULL, "%s%s",
			    text_get(&names),
			    has_bmc ? "; a BMC is there, and may show it" : "");
	else if (!check_subject_has(subject, "/proc/consoles"))
		finding_set(finding, REQUIREMENT_UNKNOWN, "", "look at /proc/consoles",
			    "there is no /proc/consoles to be seen");
	else
		finding_set(finding, row->missing, "/proc/consoles", has_bmc ? sol : NULL,
			    "the screen only");
}
