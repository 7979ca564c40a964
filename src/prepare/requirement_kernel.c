// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a kernel has to be built with: to load a crash kernel and be understood when it is
 * dead (the system's kernel), and to capture (the crash kernel, mostly the same file).
 *
 * Sources: Linux Documentation/admin-guide/kdump/kdump.rst, kernel/Kconfig.kexec, and
 * what epitaph-capture asks of its kernel. Options of older kernels stand beside their
 * successors: CRASH_CORE became VMCORE_INFO and CRASH_RESERVE in v6.9.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "prepare/requirement.h"

/* "CONFIG_KEXEC=y, CONFIG_KEXEC_FILE is not set" */
static void options_describe(const struct kernel_config *config,
			     const struct requirement *row, char *ret, size_t size)
{
	_cleanup_text struct text text = { 0 };

	for (size_t i = 0; i < KERNEL_OPTIONS_MAX && row->any_of[i]; i++) {
		char value = kernel_config_get(config, row->any_of[i]);

		if (i > 0)
			text_add(&text, ", ");
		if (value == 'y' || value == 'm')
			text_add(&text, "CONFIG_%s=%c", row->any_of[i], value);
		else
			text_add(&text, "CONFIG_%s is not set", row->any_of[i]);
	}
	snprintf(ret, size, "%s", text_get(&text));
}

/* The first that is set; what is not there of the others is no news then. */
static void probe_option(const struct check_subject *subject,
			 const struct requirement *row, struct finding *finding)
{
	bool is_dump = row->group == REQUIREMENT_DUMP_KERNEL;
	const struct kernel_config *config = is_dump ? &subject->dump : &subject->system;
	const struct err *why = is_dump ? &subject->dump_err : &subject->system_err;

	if ((is_dump ? subject->dump_result : subject->system_result) < 0) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    "check the kernel's configuration: epitaph check "
			    "--kernel-config FILE",
			    "%s", err_text(why));
		return;
	}
	for (size_t i = 0; i < KERNEL_OPTIONS_MAX && row->any_of[i]; i++) {
		char value = kernel_config_get(config, row->any_of[i]);
		enum requirement_state state =
			row->is_unwanted ? row->missing : REQUIREMENT_OK;

		if (value != 'y' && (value != 'm' || !row->module_is_fine))
			continue;
		finding_set(finding, state, config->where, NULL, "CONFIG_%s=%c",
			    row->any_of[i], value);
		return;
	}
	finding_set(finding, row->is_unwanted ? REQUIREMENT_OK : row->missing,
		    config->where, NULL, "%s", "");
	options_describe(config, row, finding->value, sizeof(finding->value));
}

/* One CPU is enough, and all that the others may do is wake up in the wrong kernel. */
static void probe_smp(const struct check_subject *subject, const struct requirement *row,
		      struct finding *finding)
{
	const struct armed_status *armed = &subject->armed;

	probe_option(subject, row, finding);
	if (finding->state == REQUIREMENT_UNKNOWN)
		return;
	finding->state = REQUIREMENT_OK;
	if (!armed->is_armed || strncmp(finding->value, "CONFIG_SMP=y", 12) != 0)
		return;
	if (strstr(armed->state.cmdline, "nr_cpus=") ||
	    strstr(armed->state.cmdline, "maxcpus="))
		return;
	finding_set(finding, row->missing, ARMED_FILE, NULL,
		    "CONFIG_SMP=y, and the crash kernel's command line has no nr_cpus=");
}

const struct requirement kernel_requirements[] = {
	// ---- the kernel that may crash ----
	{
		.name = "kexec",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_option,
		.why = "loads the crash kernel; KEXEC_FILE is the call that works under "
		       "lockdown too",
		.todo = "use a kernel that has KEXEC or KEXEC_FILE",
		.arch = ARCH_ANY,
		.any_of = { "KEXEC_FILE", "KEXEC" },
		.fragment = { "KEXEC", "CRYPTO", "CRYPTO_SHA256", "KEXEC_FILE" },
	},
	{
		.name = "crash-core",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "reserves memory (crashkernel=) and jumps into the crash kernel "
		       "when this one panics",
		.todo = "use a kernel that has CRASH_DUMP",
		.arch = ARCH_ANY,
		.any_of = { "CRASH_RESERVE", "CRASH_DUMP", "CRASH_CORE" },
		.fragment = { "CRASH_DUMP" },
	},
	{
		.name = "vmcoreinfo",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "the note by which a dump is understood at all: without it there is "
		       "not even a log",
		.todo = "use a kernel that has VMCORE_INFO (CRASH_CORE before 6.9); "
			"CRASH_DUMP selects it",
		.arch = ARCH_ANY,
		.any_of = { "VMCORE_INFO", "CRASH_CORE", "KEXEC_CORE" },
	},
	{
		.name = "sysfs",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_option,
		.why = "tells what is reserved and loaded (/sys/kernel/kexec_crash_size) and "
		       "which drivers the disk needs",
		.todo = "use a kernel that has SYSFS",
		.arch = ARCH_ANY,
		.any_of = { "SYSFS" },
		.fragment = { "SYSFS" },
	},
	{
		.name = "memfd",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_option,
		.why = "the capture image is built in memory, before anything on the disk is "
		       "changed",
		.todo = "use a kernel that has MEMFD_CREATE",
		.arch = ARCH_ANY,
		// before v4.18 TMPFS brought it
		.any_of = { "MEMFD_CREATE", "TMPFS" },
		.fragment = { "SHMEM", "TMPFS", "MEMFD_CREATE" },
	},
	{
		.name = "file-locking",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_option,
		.why = "two that arm, or write to the archive, at once wait for each other",
		.todo = "use a kernel that has FILE_LOCKING",
		.arch = ARCH_ANY,
		.any_of = { "FILE_LOCKING" },
		.fragment = { "FILE_LOCKING" },
	},
	{
		.name = "sysctl",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "decides at run time what becomes a panic (kernel.panic_on_oops)",
		.todo = "use a kernel that has PROC_SYSCTL, or oops=panic and the like on its "
			"command line",
		.arch = ARCH_ANY,
		.any_of = { "PROC_SYSCTL" },
		.fragment = { "PROC_FS", "PROC_SYSCTL" },
	},
	{
		.name = "printk",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "the kernel's log: the last words themselves",
		.todo = "use a kernel that has PRINTK",
		.arch = ARCH_ANY,
		.any_of = { "PRINTK" },
		.fragment = { "PRINTK" },
	},
	{
		.name = "kallsyms",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "names of functions and of variables in the dump: without them the "
		       "report has a log, but finds neither tasks nor backtraces",
		.todo = "use a kernel that has KALLSYMS_ALL",
		.arch = ARCH_ANY,
		.any_of = { "KALLSYMS_ALL" },
		.fragment = { "KALLSYMS", "DEBUG_KERNEL", "KALLSYMS_ALL" },
	},
	{
		.name = "debug-info",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "what BTF is made from, and what crash and gdb read beside a dump",
		.todo = "use a kernel that has DEBUG_INFO; its packages can stay where they "
			"are",
		.arch = ARCH_ANY,
		.any_of = { "DEBUG_INFO" },
		// since v5.18 a choice selects DEBUG_INFO
		.fragment = { "DEBUG_KERNEL", "DEBUG_INFO",
			      "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT" },
	},
	{
		.name = "btf",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "the layout of the kernel's structures, in the kernel itself: with it "
		       "a dump explains itself, without debug packages",
		.todo = "use a kernel that has DEBUG_INFO_BTF",
		.arch = ARCH_ANY,
		.any_of = { "DEBUG_INFO_BTF" },
		.fragment = { "BPF_SYSCALL", "DEBUG_INFO_BTF" },
	},
	{
		.name = "unwinder",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "exact backtraces: without it they are guessed from what looks like a "
		       "return address",
		.todo = "use a kernel that has UNWINDER_ORC",
		.arch = ARCH_X86_64,
		.any_of = { "UNWINDER_ORC", "ORC_UNWINDER" },
		.fragment = { "UNWINDER_ORC" },
	},
	{
		.name = "pstore",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.module_is_fine = true,
		.probe = probe_option,
		.why = "a second copy of the last words, in memory or firmware, for when the "
		       "crash kernel itself fails",
		.todo = "use a kernel that has PSTORE",
		.arch = ARCH_ANY,
		.any_of = { "PSTORE" },
		.fragment = { "MISC_FILESYSTEMS", "PSTORE" },
	},
	{
		.name = "pstore-ram",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.module_is_fine = true,
		.probe = probe_option,
		.why = "ramoops: keeps the log in memory over a restart, without firmware",
		.todo = "use a kernel that has PSTORE_RAM",
		.arch = ARCH_ANY,
		.any_of = { "PSTORE_RAM" },
		.fragment = { "MISC_FILESYSTEMS", "PSTORE", "PSTORE_RAM" },
	},
	{
		.name = "pstore-console",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "keeps every line as it is printed: the only trace of a machine that "
		       "hangs or is reset without a panic",
		.todo = "nothing, if panics are enough; else use a kernel that has "
			"PSTORE_CONSOLE (Debian's have not)",
		.arch = ARCH_ANY,
		.any_of = { "PSTORE_CONSOLE" },
		.fragment = { "MISC_FILESYSTEMS", "PSTORE", "PSTORE_CONSOLE" },
	},
	{
		.name = "debug-pagealloc",
		.group = REQUIREMENT_SYSTEM_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.is_unwanted = true,
		.probe = probe_option,
		.why = "is known to break the jump into the crash kernel on old kernels "
		       "(3.2), and slows every allocation",
		.todo = "rehearse; where that fails, boot with debug_pagealloc=off or use a "
			"kernel without it",
		.arch = ARCH_ANY,
		.any_of = { "DEBUG_PAGEALLOC" },
		.fragment = { "DEBUG_PAGEALLOC" },
	},
	// ---- the kernel that captures ----
	{
		.name = "crash-dump",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "can be started from reserved memory, and knows that it is a crash "
		       "kernel",
		.todo = "name a kernel that has CRASH_DUMP: 'image' in [kernel] of "
			"epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "CRASH_DUMP" },
		// since v6.9 it depends on KEXEC_CORE, which KEXEC selects
		.fragment = { "KEXEC", "CRASH_DUMP" },
	},
	{
		.name = "proc-vmcore",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "/proc/vmcore is where the dead kernel's memory is read",
		.todo = "name a kernel that has PROC_VMCORE: 'image' in [kernel] of "
			"epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "PROC_VMCORE" },
		.fragment = { "PROC_FS", "PROC_VMCORE" },
	},
	{
		.name = "relocatable",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "runs wherever memory was reserved, not where the dead kernel lies",
		.todo = "name a kernel that has RELOCATABLE: 'image' in [kernel] of "
			"epitaph.conf",
		.arch = ARCH_X86,
		.any_of = { "RELOCATABLE" },
		.fragment = { "RELOCATABLE" },
	},
	{
		.name = "highmem",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "a 32-bit kernel reaches the dead one's memory only through it",
		.todo = "name a kernel that has HIGHMEM4G or HIGHMEM64G",
		.arch = ARCH_X86_32,
		.any_of = { "HIGHMEM4G", "HIGHMEM64G" },
		.fragment = { "HIGHMEM4G" },
	},
	{
		.name = "smp",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_smp,
		.why = "the crash kernel runs on one CPU, built so or told so by nr_cpus=1: "
		       "others take memory, and waking the first one resets the machine",
		.todo = "leave nr_cpus= and maxcpus= to epitaph, and arm again",
		.arch = ARCH_ANY,
		.any_of = { "SMP" },
	},
	{
		.name = "devtmpfs",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "makes the disks' device nodes: there is no udev in the capture image",
		.todo = "name a kernel that has DEVTMPFS: 'image' in [kernel] of epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "DEVTMPFS" },
		.fragment = { "DEVTMPFS" },
	},
	{
		.name = "initrd",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "the capture image is an initramfs",
		.todo = "name a kernel that has BLK_DEV_INITRD: 'image' in [kernel] of "
			"epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "BLK_DEV_INITRD" },
		.fragment = { "BLK_DEV_INITRD" },
	},
	{
		.name = "initrd-gzip",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "the capture image is packed with gzip",
		.todo = "name a kernel that has RD_GZIP: 'image' in [kernel] of epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "RD_GZIP" },
		.fragment = { "RD_GZIP" },
	},
	{
		.name = "binfmt-elf",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "starts epitaph-capture, an ELF program",
		.todo = "name a kernel that has BINFMT_ELF: 'image' in [kernel] of "
			"epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "BINFMT_ELF" },
		.fragment = { "BINFMT_ELF" },
	},
	{
		.name = "block",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_option,
		.why = "disks and their file systems; the drivers of yours come on top, built "
		       "in or as modules",
		.todo = "name a kernel that has BLOCK: 'image' in [kernel] of epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "BLOCK" },
		.fragment = { "BLOCK" },
	},
	{
		.name = "futex",
		.group = REQUIREMENT_DUMP_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_option,
		.why = "the dump is packed by threads: without it there are only log and "
		       "report",
		.todo = "name a kernel that has FUTEX: 'image' in [kernel] of epitaph.conf",
		.arch = ARCH_ANY,
		.any_of = { "FUTEX" },
		.fragment = { "FUTEX" },
	},
};
const size_t kernel_requirement_count = ARRAY_SIZE(kernel_requirements);
