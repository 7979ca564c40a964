// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/setting.h"

#include <stdio.h>

#include "kernel/value.h"

#define LOAD_SHIFT 11 /* FSHIFT of include/linux/sched/loadavg.h */

static const struct {
	const char *name, *symbol;
	unsigned int size_bytes;
} sources[] = {
	{ "kernel.panic", "panic_timeout", 4 },
	{ "kernel.panic_on_oops", "panic_on_oops", 4 },
	{ "kernel.panic_on_warn", "panic_on_warn", 4 },
	{ "kernel.panic_on_io_nmi", "panic_on_io_nmi", 4 },
	{ "kernel.panic_on_unrecovered_nmi", "panic_on_unrecovered_nmi", 4 },
	{ "kernel.unknown_nmi_panic", "unknown_nmi_panic", 4 },
	{ "kernel.panic_on_rcu_stall", "sysctl_panic_on_rcu_stall", 4 },
	{ "kernel.softlockup_panic", "softlockup_panic", 4 },
	{ "kernel.hardlockup_panic", "hardlockup_panic", 4 },
	{ "kernel.watchdog_thresh", "watchdog_thresh", 4 },
	{ "kernel.hung_task_panic", "sysctl_hung_task_panic", 4 },
	{ "kernel.hung_task_timeout_secs", "sysctl_hung_task_timeout_secs", 8 },
	{ "kernel.panic_print", "panic_print", 8 },
	{ "kernel.oops_limit", "oops_limit", 4 },
	{ "kernel.warn_limit", "warn_limit", 4 },
	{ "vm.panic_on_oom", "sysctl_panic_on_oom", 4 },
	{ "crash_kexec_post_notifiers", "crash_kexec_post_notifiers", 1 },
};
_Static_assert(ARRAY_SIZE(sources) <= SETTING_MAX, "settings have no room");

void settings_read(struct kernel *kernel, struct settings *ret)
{
	struct settings settings = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct err why = { 0 };
		uint64_t value;
		int r = value_symbol(kernel, sources[i].symbol, sources[i].size_bytes,
				     &value, &why);

		if (r == 0)
			settings.settings[settings.count++] = (struct setting){
				.name = sources[i].name,
				.value = sources[i].size_bytes == 4 ? (int32_t)value
								    : (int64_t)value,
			};
		else if (r != ERR_NOTFOUND && !settings.lost[0])
			snprintf(settings.lost, sizeof(settings.lost), "%.159s",
				 err_text(&why));
	}
	*ret = settings;
}

/* get_avenrun() with FIXED_1 / 200, LOAD_INT() and LOAD_FRAC() */
int setting_load(struct kernel *kernel, uint64_t ret_hundredths[3], struct err *err)
{
	uint64_t vaddr, value;
	int r = kernel_symbol(kernel, "avenrun", &vaddr, err);

	for (unsigned int i = 0; r == 0 && i < 3; i++) {
		r = kernel_read_u64(kernel, vaddr + i * 8, &value, err);
		value += (1u << LOAD_SHIFT) / 200;
		ret_hundredths[i] =
			(value >> LOAD_SHIFT) * 100 +
			((value & ((1u << LOAD_SHIFT) - 1)) * 100 >> LOAD_SHIFT);
	}
	return r;
}

int setting_uptime_ns(struct kernel *kernel, uint64_t *ret, struct err *err)
{
	return value_symbol(kernel, "last_jiffies_update", 8, ret, err);
}
