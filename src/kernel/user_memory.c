// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/user_memory.h"

#include <string.h>

#include "base/size.h"
#include "kernel/value.h"

int user_memory_open(struct kernel *kernel, uint64_t task_vaddr, struct user_memory *ret,
		     struct err *err)
{
	struct user_memory memory = { .kernel = kernel };
	int r = value_read(kernel, task_vaddr, "task_struct.mm", &memory.mm_vaddr, err);

	if (r == 0 && !memory.mm_vaddr)
		r = err_set(err, ERR_NOTFOUND, "it has no memory of its own");
	if (r == 0)
		r = value_read(kernel, memory.mm_vaddr, "mm_struct.pgd",
			       &memory.pgd_vaddr, err);
	if (r == 0)
		*ret = memory;
	return r;
}

int user_memory_read(const struct user_memory *memory, uint64_t vaddr, void *buf,
		     size_t size, struct err *err)
{
	uint32_t page_size = kernel_page_size(memory->kernel);

	for (size_t done = 0; done < size;) {
		size_t n = MIN(size - done, page_size - (vaddr + done) % page_size);
		uint64_t paddr;
		int r = kernel_translate_user(memory->kernel, memory->pgd_vaddr,
					      vaddr + done, &paddr, err);

		if (r == 0)
			r = image_read(kernel_image(memory->kernel), paddr,
				       (char *)buf + done, n, err);
		if (r < 0)
			return r;
		done += n;
	}
	return 0;
}

/* At most to the end of each page, so that what is before a missing one is had. */
static int read_some(const struct user_memory *memory, uint64_t vaddr, char *ret,
		     size_t size, size_t *ret_size, struct err *err)
{
	uint32_t page_size = kernel_page_size(memory->kernel);
	size_t done = 0;
	int r = 0;

	while (done < size) {
		size_t n = MIN(size - done, page_size - (vaddr + done) % page_size);

		r = user_memory_read(memory, vaddr + done, ret + done, n, err);
		if (r < 0)
			break;
		done += n;
		if (memchr(ret + done - n, '\0', n))
			break;
	}
	*ret_size = done;
	return done ? 0 : r;
}

int user_memory_read_string(const struct user_memory *memory, uint64_t vaddr, char *ret,
			    size_t size, struct err *err)
{
	size_t n = 0;
	int r = read_some(memory, vaddr, ret, size - 1, &n, err);

	if (r == 0)
		ret[n] = '\0';
	return r;
}

int user_memory_cmdline(const struct user_memory *memory, char *ret, size_t size,
			struct err *err)
{
	uint64_t start, end;
	size_t n;
	int r = value_read(memory->kernel, memory->mm_vaddr, "mm_struct.arg_start",
			   &start, err);

	if (r == 0)
		r = value_read(memory->kernel, memory->mm_vaddr, "mm_struct.arg_end",
			       &end, err);
	if (r == 0 && end <= start)
		r = err_set(err, ERR_NOTFOUND, "it has no command line");
	if (r < 0)
		return r;
	n = (size_t)MIN(end - start, (uint64_t)size - 1);
	r = user_memory_read(memory, start, ret, n, err);
	if (r < 0)
		return r;
	while (n && !ret[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		ret[i] = ret[i] ? ret[i] : ' ';
	ret[n] = '\0';
	return 0;
}
