// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/ktext.h"

static void add_range(struct kernel *kernel, struct ktext *text, const char *start,
		      const char *end)
{
	uint64_t first, behind;

	if (kernel_symbol(kernel, start, &first, NULL) < 0 ||
	    kernel_symbol(kernel, end, &behind, NULL) < 0)
		return;
	text->ranges[text->count].start = first;
	text->ranges[text->count++].end = behind;
}

void ktext_init(struct kernel *kernel, struct ktext *ret)
{
	*ret = (struct ktext){ 0 };
	add_range(kernel, ret, "_stext", "_etext");
	add_range(kernel, ret, "_sinittext", "_einittext");
	if (kernel_modules(kernel, &ret->modules, NULL) < 0)
		ret->modules = NULL;
}

bool ktext_is_kernels(const struct ktext *text, uint64_t vaddr)
{
	for (size_t i = 0; i < text->count; i++)
		if (vaddr >= text->ranges[i].start && vaddr < text->ranges[i].end)
			return true;
	return false;
}

const struct module *ktext_module(const struct ktext *text, uint64_t vaddr)
{
	const struct module *m =
		text->modules ? modules_find(text->modules, vaddr) : NULL;

	return m && module_has_text(m, vaddr) ? m : NULL;
}

bool ktext_has(const struct ktext *text, uint64_t vaddr)
{
	return ktext_is_kernels(text, vaddr) || ktext_module(text, vaddr);
}
