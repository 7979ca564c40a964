// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/crash_cmdline.h"

#include <stdbool.h>
#include <string.h>

/*
 * Taken over from the running kernel: where its words go, and how this machine's hardware
 * must be handled to work. A name that ends in '*' means all that begin so. '-' and '_'
 * are the same, as in the kernel.
 */
static const char *const kept[] = {
	// consoles
	"console",
	"earlycon",
	"earlyprintk",
	"keep_bootcon",
	"nomodeset",
	// interrupts, timers, firmware
	"acpi*",
	"apic",
	"apic_*",
	"noapic*",
	"nolapic*",
	"nox2apic",
	"x2apic*",
	"disable_timer_pin_1",
	"no_timer_check",
	"clocksource",
	"hpet",
	"tsc",
	"notsc",
	"lpj",
	"efi",
	"noefi",
	"add_efi_memmap",
	"reboot",
	// buses and their translation
	"pci",
	"pcie_aspm",
	"pcie_ports",
	"iommu",
	"iommu.*",
	"intel_iommu",
	"amd_iommu",
	"amd_iommu_*",
	"swiotlb",
	"virtio_mmio.device",
	// the processor
	"idle",
	"processor.*",
	"intel_idle.*",
	"clearcpuid",
	"no5lvl",
	"mem_encrypt",
	"dis_ucode_ldr",
	"mitigations",
	// drivers of disks, where they are built in
	"nvme.*",
	"nvme_core.*",
	"scsi_mod.*",
	"sd_mod.*",
	"libata.*",
	"ahci.*",
	"usbcore.*",
	"usb_storage.*",
	"uas.*",
	"xhci_hcd.*",
	"mpt3sas.*",
	"megaraid_sas.*",
	"hpsa.*",
	"smartpqi.*",
	"aacraid.*",
	"mmc_core.*",
	// policy that must not become weaker
	"lockdown",
	"module.sig_enforce",
	"random.trust_cpu",
	"random.trust_bootloader",
};

/*
 * Ours, for x86-64. Measured (Debian's 6.1, 6.12 and 7.2): percpu_alloc=page saves 3.7
 * MiB of a 112 MiB reservation, rootfstype=ramfs takes away tmpfs's limit of half the
 * memory, and without oops=panic a crash kernel that ran out of memory in a kernel thread
 * waited for ever in spite of panic=. cgroup_disable=memory saves nothing, and
 * brought 6.12 down when memory was out (get_swappiness(), NULL), so it is not here.
 *
 *   nr_cpus=1         one CPU: the others stand where the panic left them
 *   reset_devices     drivers reset what the dead kernel left running
 *   irqpoll           an interrupt that nobody expects doesn't end it
 *   nokaslr           each start is the same
 *   novmcoredd        no device dumps: they take memory from the dump
 *   numa=off, transparent_hugepage=never, kfence.sample_interval=0     memory
 *   hest_disable, acpi_no_memhotplug    old hardware errors; memory that isn't ours
 */
static const char ours[] = "nr_cpus=1 reset_devices irqpoll nokaslr novmcoredd "
			   "transparent_hugepage=never numa=off kfence.sample_interval=0 "
			   "hest_disable acpi_no_memhotplug percpu_alloc=page "
			   "rootfstype=ramfs oops=panic quiet";

static char name_char(char c)
{
	return c == '-' ? '_' : c;
}

static bool name_matches(const char *pattern, const char *word, size_t length)
{
	size_t i = 0;

	for (; pattern[i] && pattern[i] != '*'; i++) {
		if (i >= length || name_char(word[i]) != name_char(pattern[i]))
			return false;
	}
	return pattern[i] == '*' || i == length;
}

static bool word_is_kept(const char *word, size_t length)
{
	const char *equals = memchr(word, '=', length);
	size_t name_length = equals ? (size_t)(equals - word) : length;

	if (word[0] == '"') // the whole parameter is quoted
		return word_is_kept(word + 1, length - 1);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (name_matches(kept[i], word, name_length))
			return true;
	}
	return false;
}

/* Blanks within double quotes belong to the word (Linux lib/cmdline.c, next_arg()). */
static size_t word_length(const char *word)
{
	bool is_quoted = false;
	size_t i = 0;

	for (; word[i] && (is_quoted || !strchr(" \t\n", word[i])); i++) {
		if (word[i] == '"')
			is_quoted = !is_quoted;
	}
	return i;
}

int crash_cmdline_build(const struct crash_cmdline *from, struct text *ret,
			struct err *err)
{
	const char *at = from->running;
	size_t start = ret->size, size;
	int r;

	for (;;) {
		at += strspn(at, " \t\n");
		size = word_length(at);
		// what follows "--" is for init
		if (size == 0 || (size == 2 && memcmp(at, "--", 2) == 0))
			break;
		if (word_is_kept(at, size)) {
			text_add_bytes(ret, at, size);
			text_add_bytes(ret, " ", 1);
		}
		at += size;
	}
	text_add(ret, "%s panic=%u", ours, from->panic_timeout_s);
	if (from->append && from->append[0])
		text_add(ret, " %s", from->append);
	r = text_check(ret, err);
	if (r < 0)
		return r;
	if (ret->size - start + 1 > from->size_max)
		return err_set(
			err, ERR_LIMIT,
			"the crash kernel's command line has %zu bytes, and may have %zu; "
			"shorten 'cmdline_append' in [kernel]",
			ret->size - start, from->size_max - 1);
	return 0;
}
