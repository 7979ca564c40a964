// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Facts for the headers: from VMCOREINFO where it tells them, so that a dump of a kernel
 * that could not be opened still has them.
 */
#include "dump/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vmcoreinfo.h"

#define PAGE_SIZE_DEFAULT 4096

static uint32_t page_size_of(struct image *image, const struct kernel *kernel,
			     const struct vmcoreinfo *info)
{
	uint32_t size = image_info(image)->page_size;
	const char *text = vmcoreinfo_get(info, "PAGESIZE");

	if (!size && kernel)
		size = kernel_page_size(kernel);
	if (!size && text)
		size = (uint32_t)strtoul(text, NULL, 10);
	if (size < CODEC_PAGE_MIN || size > CODEC_PAGE_MAX || size & (size - 1))
		size = PAGE_SIZE_DEFAULT;
	return size;
}

static const char *facts_machine(const struct image *image)
{
	switch (image_info(image)->machine) {
	case IMAGE_MACHINE_X86_64:
		return "x86_64";
	case IMAGE_MACHINE_ARM64:
		return "aarch64";
	default:
		return "";
	}
}

/* crash wants the machine's name; the rest is for people. */
static void facts_utsname(const struct image *image, struct kernel *kernel,
			  const struct vmcoreinfo *info, struct kernel_utsname *ret)
{
	const char *release = vmcoreinfo_get(info, "OSRELEASE");

	if (kernel && kernel_utsname(kernel, ret, NULL) == 0)
		return;
	*ret = (struct kernel_utsname){ .sysname = "Linux" };
	snprintf(ret->release, sizeof(ret->release), "%s", release ? release : "");
	snprintf(ret->machine, sizeof(ret->machine), "%s", facts_machine(image));
}

/* x86-64's may be negative; arm64's is where its RAM begins. */
static uint64_t facts_phys_base(const struct vmcoreinfo *info)
{
	int64_t value = 0;

	if (vmcoreinfo_number(info, "phys_base", &value, NULL) < 0)
		vmcoreinfo_number(info, "PHYS_OFFSET", &value, NULL);
	return (uint64_t)value;
}

static void facts_notes(struct image *image, struct diskdump_facts *facts)
{
	size_t note_count, text_size = 0;
	const struct image_note *notes = image_notes(image, &note_count);
	const char *text = image_vmcoreinfo(image, &text_size);
	uintptr_t raw, at = (uintptr_t)text;

	for (size_t i = 0; i < note_count; i++)
		facts->cpu_count += notes[i].type == IMAGE_NT_PRSTATUS &&
				    strcmp(notes[i].name, "CORE") == 0;
	facts->notes = image_notes_raw(image, &facts->notes_size);
	if (!facts->notes)
		facts->notes_size = 0;
	raw = (uintptr_t)facts->notes;
	if (!text || at < raw || at - raw > facts->notes_size ||
	    text_size > facts->notes_size - (at - raw))
		return;
	facts->vmcoreinfo_offset = at - raw;
	facts->vmcoreinfo_size = text_size;
}

uint32_t facts_page_size(struct image *image, const struct kernel *kernel)
{
	struct vmcoreinfo info = { 0 };
	size_t text_size = 0;
	const char *text = image_vmcoreinfo(image, &text_size);
	uint32_t size;

	if (text)
		vmcoreinfo_init(&info, text, text_size, NULL);
	size = page_size_of(image, kernel, &info);
	vmcoreinfo_done(&info);
	return size;
}

void facts_gather(struct image *image, struct kernel *kernel, int level, enum codec codec,
		  struct diskdump_facts *ret)
{
	struct vmcoreinfo info = { 0 };
	size_t text_size = 0;
	const char *text = image_vmcoreinfo(image, &text_size);
	const char *crash_time;

	if (text)
		vmcoreinfo_init(&info, text, text_size, NULL);
	crash_time = vmcoreinfo_get(&info, "CRASHTIME");
	*ret = (struct diskdump_facts){
		.page_size = page_size_of(image, kernel, &info),
		.level = level | image_info(image)->dump_level,
		.codec_flag = codec_flag(codec),
		.crash_time_s = crash_time ? strtoull(crash_time, NULL, 10) : 0,
		.phys_base = facts_phys_base(&info),
	};
	ret->max_pfn = image_info(image)->max_paddr / ret->page_size +
		       (image_info(image)->max_paddr % ret->page_size != 0);
	facts_utsname(image, kernel, &info, &ret->utsname);
	facts_notes(image, ret);
	vmcoreinfo_done(&info);
}
