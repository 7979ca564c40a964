// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crashes the kernel on purpose, in the context of the task that loads it:
 *
 *	insmod epitaph_crash.ko how=null marker=TEXT
 *
 * Tests look for these frames by name, innermost first:
 *
 *	epitaph_null_dereference	(or the function of another `how`)
 *	epitaph_crash_now
 *	epitaph_init			(init_module is the same address)
 *
 * so each function is noipa (neither inlined nor cloned under another name), and
 * does something after the call that it makes (an empty asm), so that gcc can't
 * turn the call into a jump.  Only epitaph_panic() has nothing after its call,
 * since panic() does not return: there the return address may be the first byte
 * of the next function, which a backtrace must not be fooled by.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

static char *how = "null";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "null, write, panic, bug, divide, stack");

static char *marker = "";
module_param(marker, charp, 0444);
MODULE_PARM_DESC(marker, "a text for the log, before the crash");

struct epitaph_victim {
	long padding[4];
	long value; /* at 0x20: the faulting address of how=null and how=write */
};

#define own_frame __attribute__((__noipa__))

/* A value that gcc knows nothing about. */
#define hide(value) ({ typeof(value) v_ = (value); asm volatile("" : "+r"(v_)); v_; })
#define not_a_tail_call() asm volatile("" : : : "memory")

static own_frame long epitaph_null_dereference(void)
{
	struct epitaph_victim *victim = hide((struct epitaph_victim *)NULL);

	return READ_ONCE(victim->value);
}

static own_frame long epitaph_null_write(void)
{
	struct epitaph_victim *victim = hide((struct epitaph_victim *)NULL);

	WRITE_ONCE(victim->value, 1);
	return 0;
}

static own_frame void __noreturn epitaph_panic(void)
{
	panic("epitaph_crash: panic on request");
}

static own_frame long epitaph_bug(void)
{
	BUG_ON(hide(1));
	return 0;
}

static own_frame long epitaph_divide(void)
{
	return hide(1) / hide(0);
}

/* Reaches the guard page below the kernel stack: a double fault on x86. */
static own_frame long epitaph_stack_overflow(long depth)
{
	volatile char frame[256];
	long below;

	frame[depth & 255] = 1;
	below = hide(depth) >= 0 ? epitaph_stack_overflow(depth + 1) : 0;
	not_a_tail_call();
	return below + frame[0];
}

static own_frame long epitaph_crash_now(void)
{
	long result = 0;

	if (!strcmp(how, "null"))
		result = epitaph_null_dereference();
	else if (!strcmp(how, "write"))
		result = epitaph_null_write();
	else if (!strcmp(how, "panic"))
		epitaph_panic();
	else if (!strcmp(how, "bug"))
		result = epitaph_bug();
	else if (!strcmp(how, "divide"))
		result = epitaph_divide();
	else if (!strcmp(how, "stack"))
		result = epitaph_stack_overflow(0);
	else
		pr_err("epitaph_crash: unknown how=%s\n", how);
	not_a_tail_call();
	return result;
}

static own_frame int __init epitaph_init(void)
{
	pr_info("epitaph_crash: how=%s marker=%s\n", how, marker);
	epitaph_crash_now();
	not_a_tail_call();
	return -EINVAL; /* still alive: `how` is unknown */
}
module_init(epitaph_init);

MODULE_DESCRIPTION("Crashes the kernel on purpose");
MODULE_LICENSE("GPL");
