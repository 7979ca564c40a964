// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/panic_policy.h"

#include <stdio.h>
#include <string.h>

#define SYSCTL_DIRECTORY "/proc/sys/kernel"

static const char *const preset_names[PANIC_PRESETS] = {
	[PANIC_SERVER] = "server",
	[PANIC_DESKTOP] = "desktop",
	[PANIC_DEBUGGING] = "debugging",
};

static const char *const preset_summaries[PANIC_PRESETS] = {
	[PANIC_SERVER] =
		"a machine that nobody watches: what can't go on is captured, and "
		"starts again",
	[PANIC_DESKTOP] =
		"a person sits before it: only what is lost anyway is a panic, and "
		"the screen stays for a while",
	[PANIC_DEBUGGING] = "whatever the kernel finds wrong is captured",
};

struct policy_value {
	const char *value, *why;
};

/* Linux Documentation/admin-guide/sysctl/kernel.rst. */
static const struct policy_row {
	const char *key;
	struct policy_value presets[PANIC_PRESETS];
} rows[] = {
	{ "panic",
	  { { "10", "restart after 10 seconds where no crash kernel takes over" },
	    { "60", "a minute to read the screen, then restart" },
	    { "60", "a minute for the console, then restart" } } },
	{ "panic_on_oops",
	  { { "1", "after an oops a task is dead and may hold locks for ever: capture it "
		   "while the evidence is fresh" },
	    { "1", "after an oops a task is dead and may hold locks for ever: capture it "
		   "while the evidence is fresh" },
	    { "1", "the first oops is the one to look at" } } },
	{ "panic_on_io_nmi",
	  { { "1", "the bus reports a failed check: data may be wrong, writing on would "
		   "spread it" },
	    { "0", "on desktop boards often a device's fault that does no harm" },
	    { "1", "capture it at the moment that the hardware reports it" } } },
	{ "panic_on_unrecovered_nmi",
	  { { "1", "memory or hardware errors; and the NMI button of a BMC captures a "
		   "machine that hangs" },
	    { "0", "docks and firmware are known to send some for nothing" },
	    { "1", "the NMI button captures a machine that hangs" } } },
	{ "hardlockup_panic",
	  { { "1", "a CPU that takes no interrupts any more does not come back" },
	    { "1", "a CPU that takes no interrupts any more does not come back" },
	    { "1", "a CPU that takes no interrupts any more does not come back" } } },
	{ "softlockup_panic",
	  { { "1",
	      "a CPU that is stuck in the kernel for 20 seconds takes the service down "
	      "with it" },
	    { "0", "it may come back, and unsaved work with it" },
	    { "1", "capture where the CPU is stuck" } } },
	{ "hung_task_panic",
	  { { "0", "a slow or absent disk or NFS server looks the same, and comes back" },
	    { "0", "a disk that sleeps or was pulled out looks the same" },
	    { "1", "capture what a task has waited for for two minutes" } } },
	{ "panic_print",
	  { { "0", "nothing more on the console: the dump has it all" },
	    { "0", "nothing more on the console: the dump has it all" },
	    { "71", "tasks, memory, timers and the backtraces of all CPUs on the console "
		    "(1+2+4+64); only printed where no crash kernel is loaded, or with "
		    "crash_kexec_post_notifiers" } } },
};

const char *panic_preset_name(enum panic_preset preset)
{
	return preset_names[preset];
}

int panic_preset_parse(const char *name, enum panic_preset *ret, struct err *err)
{
	for (size_t i = 0; i < PANIC_PRESETS; i++) {
		if (strcmp(name, preset_names[i]) == 0) {
			*ret = (enum panic_preset)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "'%s' is none of server, desktop, debugging",
		       name);
}

/* A machine without /proc to be seen gets them all: "-" is "if there is such a key". */
static void row_write(const struct policy_row *row, enum panic_preset preset,
		      bool is_seen, bool is_there, struct text *ret)
{
	const struct policy_value *value = &row->presets[preset];

	text_add(ret, "\n");
	setup_comment(value->why, ret);
	if (is_there)
		text_add(ret, "kernel.%s = %s\n", row->key, value->value);
	else if (!is_seen)
		text_add(ret, "-kernel.%s = %s\n", row->key, value->value);
	else
		text_add(ret, "# this kernel has none: kernel.%s = %s\n", row->key,
			 value->value);
}

int panic_policy_plan(enum panic_preset preset, struct setup_plan *plan, struct err *err)
{
	_cleanup_text struct text file = { 0 };
	bool is_seen = setup_plan_has(plan, SYSCTL_DIRECTORY);
	int r = 0;

	text_add(&file,
		 "# Written by epitaph setup --preset %s; epitaph setup --undo takes it "
		 "away.\n",
		 preset_names[preset]);
	setup_comment(preset_summaries[preset], &file);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++) {
		const struct policy_value *value = &rows[i].presets[preset];
		char path[128];

		snprintf(path, sizeof(path), SYSCTL_DIRECTORY "/%s", rows[i].key);
		row_write(&rows[i], preset, is_seen, setup_plan_has(plan, path), &file);
		r = setup_plan_set(plan, path, value->value, false, value->why, err);
	}
	if (r == 0)
		r = text_check(&file, err);
	if (r < 0)
		return r;
	return setup_plan_write(
		plan, PANIC_POLICY_FILE, 0644, text_get(&file), file.size, SETUP_ANY,
		NULL, err, "when the kernel panics, and what it does then: preset %s",
		preset_names[preset]);
}
