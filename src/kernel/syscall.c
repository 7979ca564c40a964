// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/syscall.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/user_memory.h"
#include "kernel/value.h"

/* A string that an array of pointers at @vaddr has at @i. */
static int read_indirect(struct kernel *kernel, uint64_t vaddr, size_t i, char *ret,
			 size_t size, struct err *err)
{
	uint64_t text;
	int r = kernel_read_u64(kernel, vaddr + i * 8, &text, err);

	return r < 0 ? r : kernel_read_string(kernel, text, ret, size, err);
}

/* "sys_openat", "__x64_sys_openat", "__do_sys_openat" without what is before "openat". */
static void set_name(struct syscall *call, const char *symbol)
{
	const char *bare = strstr(symbol, "sys_");

	snprintf(call->name, sizeof(call->name), "%.47s", bare ? bare + 4 : symbol);
}

static int read_metadata(struct kernel *kernel, struct syscall *call, struct err *err)
{
	uint64_t table, entry, name, count, types, args;
	char text[64];
	int r = value_symbol(kernel, "syscalls_metadata", 8, &table, err);

	if (r == 0)
		r = kernel_read_u64(kernel, table + (uint64_t)call->number * 8, &entry,
				    err);
	if (r == 0 && !entry)
		r = err_set(err, ERR_NOTFOUND, "the kernel has no call %" PRId64,
			    call->number);
	if (r == 0)
		r = value_read(kernel, entry, "syscall_metadata.name", &name, err);
	if (r == 0)
		r = value_read(kernel, entry, "syscall_metadata.nb_args", &count, err);
	if (r == 0)
		r = value_read(kernel, entry, "syscall_metadata.types", &types, err);
	if (r == 0)
		r = value_read(kernel, entry, "syscall_metadata.args", &args, err);
	if (r == 0)
		r = kernel_read_string(kernel, name, text, sizeof(text), err);
	if (r == 0 && (strncmp(text, "sys_", 4) || count > ARCH_SYSCALL_ARGUMENTS))
		r = err_set(err, ERR_CORRUPT,
			    "what it says of call %" PRId64 " makes no sense",
			    call->number);
	if (r < 0)
		return err_in(err, r, "syscalls_metadata");
	set_name(call, text);
	call->argument_count = count;
	for (size_t i = 0; i < count; i++) {
		struct syscall_argument *arg = &call->arguments[i];

		if (read_indirect(kernel, args, i, arg->name, sizeof(arg->name), NULL) ||
		    read_indirect(kernel, types, i, arg->type, sizeof(arg->type), NULL))
			arg->name[0] = arg->type[0] = '\0';
	}
	return 0;
}

static int read_table(struct kernel *kernel, struct syscall *call, struct err *err)
{
	const char *symbol = call->is_compat ? "ia32_sys_call_table" : "sys_call_table";
	struct kernel_name name;
	uint64_t table, entry;
	int r = kernel_symbol(kernel, symbol, &table, err);

	if (r == 0)
		r = kernel_name(kernel, table, &name, err);
	if (r == 0 && (uint64_t)call->number >= name.size / 8)
		r = err_set(err, ERR_NOTFOUND, "the kernel has no call %" PRId64,
			    call->number);
	if (r == 0)
		r = kernel_read_u64(kernel, table + (uint64_t)call->number * 8, &entry,
				    err);
	if (r == 0)
		r = kernel_name(kernel, entry, &name, err);
	if (r < 0)
		return err_in(err, r, "%s", symbol);
	set_name(call, name.symbol);
	return 0;
}

static void read_texts(struct kernel *kernel, uint64_t task_vaddr, struct syscall *call)
{
	struct user_memory memory;

	if (user_memory_open(kernel, task_vaddr, &memory, NULL) < 0)
		return;
	for (size_t i = 0; i < call->argument_count; i++) {
		struct syscall_argument *arg = &call->arguments[i];

		// Others that are "char *" are buffers: what is in them ends nowhere.
		if (strcmp(arg->type, "const char *") || !arg->value ||
		    !strcmp(arg->name, "buf"))
			continue;
		arg->has_text = user_memory_read_string(&memory, arg->value, arg->text,
							sizeof(arg->text), NULL) == 0;
	}
}

int syscall_read(struct kernel *kernel, uint64_t task_vaddr, const struct regs *user,
		 struct syscall *ret, struct err *err)
{
	struct syscall call = { .argument_count = ARCH_SYSCALL_ARGUMENTS };
	uint64_t values[ARCH_SYSCALL_ARGUMENTS];
	struct err why = { 0 };
	int r;

	if (!kernel_arch(kernel)->syscall_of)
		return err_set(err, ERR_UNSUPPORTED, "system calls of %s are not known",
			       kernel_arch(kernel)->name);
	r = kernel_arch(kernel)->syscall_of(user, &call.number, values, &call.is_compat,
					    err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARCH_SYSCALL_ARGUMENTS; i++)
		call.arguments[i].value = values[i];
	if (call.number < 0 || call.number >= SYSCALL_NUMBER_MAX)
		err_set(&why, ERR_NOTFOUND, "there is no call of this number");
	else if (call.is_compat || read_metadata(kernel, &call, NULL) < 0)
		read_table(kernel, &call, &why);
	snprintf(call.no_name, sizeof(call.no_name), "%.159s",
		 call.name[0] ? "" : err_text(&why));
	read_texts(kernel, task_vaddr, &call);
	*ret = call;
	return 0;
}

/* --- as text --------------------------------------------------------------------- */

static void add(char *ret, size_t size, const char *fmt, ...) PRINTF(3, 4);
static void add(char *ret, size_t size, const char *fmt, ...)
{
	size_t used = strlen(ret);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret + used, size - used, fmt, ap);
	va_end(ap);
}

/* Small numbers as their types say; others are addresses or bits. */
static void add_value(const struct syscall_argument *arg, char *ret, size_t size)
{
	bool is_pointer = strchr(arg->type, '*') || !arg->type[0];
	uint64_t value = arg->value;

	if (!strcmp(arg->type, "umode_t"))
		add(ret, size, "0%o", (unsigned)(value & 07777));
	else if (!strcmp(arg->type, "int") || strstr(arg->type, "pid_t") ||
		 !strcmp(arg->name, "fd") || !strcmp(arg->name, "dfd"))
		add(ret, size, "%" PRId32, (int32_t)value);
	else if (is_pointer && !value)
		add(ret, size, arg->type[0] ? "NULL" : "0");
	else if (!is_pointer && (value < 10 || !strcmp(arg->type, "size_t") ||
				 !strcmp(arg->name, "count")))
		add(ret, size, "%" PRIu64, value);
	else
		add(ret, size, "0x%" PRIx64, value);
}

void syscall_format(const struct syscall *call, char *ret, size_t size)
{
	ret[0] = '\0';
	if (call->name[0])
		add(ret, size, "%s(", call->name);
	else
		add(ret, size, "%ssyscall %" PRId64 "(", call->is_compat ? "32 bit " : "",
		    call->number);
	for (size_t i = 0; i < call->argument_count; i++) {
		const struct syscall_argument *arg = &call->arguments[i];

		add(ret, size, "%s%s%s", i ? ", " : "", arg->name,
		    arg->name[0] ? "=" : "");
		add_value(arg, ret, size);
		if (arg->has_text)
			add(ret, size, " \"%s\"", arg->text);
	}
	add(ret, size, ")");
}

/* "fd", "dfd", "oldfd", "epfd"; not "ufds", which is an array. */
int syscall_fd(const struct syscall *call, uint32_t *ret, struct err *err)
{
	for (size_t i = 0; i < call->argument_count; i++) {
		const struct syscall_argument *argument = &call->arguments[i];
		size_t size = strnlen(argument->name, sizeof(argument->name));

		if (size < 2 || memcmp(argument->name + size - 2, "fd", 2) != 0)
			continue;
		if ((uint32_t)argument->value > INT32_MAX) // AT_FDCWD
			continue;
		*ret = (uint32_t)argument->value;
		return 0;
	}
	return err_set(err, ERR_NOTFOUND, "the call names no file that is open");
}
