// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/arm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/fd.h"
#include "base/size.h"
#include "prepare/last_resort_place.h"
#include "prepare/time_zone.h"

#define LOCK_FILE	  ARMED_STATE_DIR "/lock"
#define PANIC_ON_OOPS	  "/proc/sys/kernel/panic_on_oops"
#define CMDLINE_MAX_BYTES ((size_t)1 << 16)
#define CAPTURE_PROGRAM	  "epitaph-capture"

/* ---- the plan ---- */

void arm_plan_free(struct arm_plan *plan)
{
	if (!plan)
		return;
	module_set_free(plan->modules);
	hook_files_done(&plan->hooks);
	orders_done(&plan->orders);
	text_done(&plan->cmdline);
	if (plan->image_fd >= 0)
		close(plan->image_fd);
	free(plan);
}

/* The CPU's flag is shown while the kernel uses five levels. */
static bool running_with_5level(void)
{
	_cleanup_free char *info = NULL;

	return file_read(AT_FDCWD, "/proc/cpuinfo", 16 * MIB, &info, NULL, NULL) == 0 &&
	       strstr(info, " la57");
}

static int plan_kernel(struct arm_plan *plan, const struct config *config,
		       const char *release, const struct log *log, struct err *err)
{
	int r = kernel_image_find("", config->kernel, release, &plan->kernel, err);

	if (r < 0)
		return r;
	if (!plan->kernel.has_5level && running_with_5level())
		return err_set(
			err, ERR_UNSUPPORTED,
			"the kernel '%s' can't be started from five levels of page "
			"tables, which this machine uses",
			plan->kernel.path);
	// The load would fail, and take away what is loaded. With nothing to lose it is
	// tried: IMA may know a signature that is not in the file.
	if (plan->kexec.is_loaded && plan->kexec.lockdown[0] &&
	    strcmp(plan->kexec.lockdown, "none") != 0 && !plan->kernel.has_signature)
		return err_set(err, ERR_REFUSED,
			       "the kernel is locked down (%s) and would not load '%s', "
			       "which has no signature; use the distribution's signed "
			       "kernel",
			       plan->kexec.lockdown, plan->kernel.path);
	if (strcmp(plan->kernel.release, release) != 0)
		log_warning(log, "the crash kernel is %s, while %s is running",
			    plan->kernel.release, release);
	return 0;
}

static int plan_target_modules(struct arm_plan *plan, bool is_other,
			       const struct log *log, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->target_count; i++)
		r = target_add_modules(&plan->targets[i], is_other, plan->modules, log,
				       err);
	return r;
}

static int plan_modules(struct arm_plan *plan, const struct config *config,
			const char *release, const struct log *log, struct err *err)
{
	char directory[PATH_MAX];
	bool is_other = strcmp(plan->kernel.release, release) != 0;
	struct err why = { 0 };
	size_t before;
	int r;

	if (config->modules[0])
		snprintf(directory, sizeof(directory), "%s", config->modules);
	else
		snprintf(directory, sizeof(directory), "/lib/modules/%s",
			 plan->kernel.release);
	r = module_set_new(directory, &plan->modules, err);
	if (r == 0)
		r = plan_target_modules(plan, is_other, log, err);
	if (r < 0)
		return r;
	if (config->last_resort) {
		last_resort_find("", &plan->orders);
		last_resort_add_modules(&plan->orders, plan->modules, log);
	}
	if (!plan->watchdog.name[0])
		return 0;
	before = module_set_count(plan->modules);
	if (watchdog_device_add_modules(&plan->watchdog, plan->modules, &why) < 0) {
		log_warning(log, "no watchdog in the crash kernel: %s", err_text(&why));
		return 0;
	}
	// Behind all others: they are loaded by who opens the device then.
	plan->orders.watchdog_module_count =
		(uint32_t)(module_set_count(plan->modules) - before);
	plan->orders.watchdog_timeout_s = config->watchdog_timeout_s;
	return 0;
}

/* The archive's target, and those that come after it. One that can't be is a warning, as
 * long as there is another. */
static int plan_targets(struct arm_plan *plan, const struct config *config, bool is_dry,
			const struct log *log, struct err *err)
{
	struct err why = { 0 }, first = { 0 };

	if (target_find("", config->archive, &plan->targets[0], &first) == 0)
		plan->target_count = 1;
	for (uint32_t i = 0; i < config->target_count; i++) {
		const char *name = config->targets[i];
		struct target *target = &plan->targets[plan->target_count];
		int r = strncmp(name, "raw:", 4) == 0
				? target_find_raw("", name + 4, !is_dry, target, &why)
				: target_find("", name, target, &why);

		if (r < 0)
			log_warning(log, "target '%s' is left out: %s", name,
				    err_text(&why));
		else
			plan->target_count++;
	}
	if (plan->target_count == 0) {
		if (err)
			*err = first;
		return first.code;
	}
	if (first.code)
		log_warning(log, "%s; the next target is the first", err_text(&first));
	return 0;
}

/* What lies lowest comes first; two targets may share it. */
static void plan_devices(const struct target *target, struct orders *orders)
{
	for (size_t i = target->stack_count; i-- > 0;) {
		const struct orders_device *device = &target->stack[i];
		bool is_known = false;

		for (size_t j = 0; j < orders->device_count; j++)
			is_known |= strcmp(orders->devices[j].name, device->name) == 0;
		if (!is_known && orders->device_count < ORDERS_DEVICES_MAX)
			orders->devices[orders->device_count++] = *device;
	}
}

static void plan_orders(struct arm_plan *plan, const struct config *config,
			const char *host)
{
	struct orders *orders = &plan->orders;

	orders->mode = config->mode;
	orders->end = config->end;
	orders->layout = config->layout;
	for (size_t i = 0; i < plan->target_count; i++)
		orders->targets[i] = plan->targets[i].where;
	orders->target_count = plan->target_count;
	for (size_t i = 0; i < plan->target_count; i++)
		plan_devices(&plan->targets[i], orders);
	orders->size_limit_bytes = config->size_limit_bytes;
	orders->makes_room = config->makes_room;
	orders->stall_timeout_s = config->stall_timeout_s;
	orders->loop_crashes = config->loop_crashes;
	orders->loop_s = config->loop_minutes * 60;
	orders->console_pages_s = config->console_pages_s;
	orders->dump_level = config->dump_level;
	orders->codec_level = config->codec_level;
	orders->total_timeout_s = config->total_timeout_s;
	orders->log_tail_lines = config->log_tail_lines;
	snprintf(orders->codec, sizeof(orders->codec), "%s", config->codec);
	snprintf(orders->host, sizeof(orders->host), "%s", host);
	time_zone_read("", orders->time_zone, sizeof(orders->time_zone));
	memcpy(orders->step_timeout_s, config->step_timeout_s,
	       sizeof(orders->step_timeout_s));
}

static int plan_image(struct arm_plan *plan, struct err *err)
{
	int r = capture_image_find_program(CAPTURE_PROGRAM, plan->program, err);

	if (r < 0)
		return r;
	if (snprintf(plan->image_path, sizeof(plan->image_path),
		     ARMED_STATE_DIR "/capture-%s.img",
		     plan->kernel.release) >= (int)sizeof(plan->image_path))
		return err_set(err, ERR_INVALID, "the release is too long");
	plan->image_fd = memfd_create("capture.img", MFD_CLOEXEC);
	if (plan->image_fd < 0)
		return err_os(err, errno, "unable to get memory for the capture image");
	return capture_image_write(plan->image_fd, plan->program, plan->modules,
				   &plan->hooks, &plan->orders, &plan->image, err);
}

static int plan_cmdline(struct arm_plan *plan, const struct config *config,
			struct err *err)
{
	_cleanup_free char *running = NULL;
	struct crash_cmdline from = { .panic_timeout_s = config->panic_timeout_s,
				      .append = config->cmdline_append,
				      .size_max = plan->kernel.cmdline_max };
	int r = file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX_BYTES, &running, NULL,
			  err);

	if (r < 0)
		return r;
	from.running = running;
	return crash_cmdline_build(&from, &plan->cmdline, err);
}

uint64_t arm_load_bytes(const struct kernel_image *kernel,
			const struct capture_image_size *image)
{
	return kernel->init_size_bytes + image->file_bytes + ARM_LOAD_EXTRA_BYTES;
}

uint64_t arm_needed_bytes(const struct kernel_image *kernel,
			  const struct capture_image_size *image)
{
	return kernel->init_size_bytes + ARM_KERNEL_EXTRA_BYTES +
	       ARM_CAPTURE_EXTRA_BYTES + image->file_bytes + image->unpacked_bytes +
	       image->unpacked_bytes / 10;
}

/* A load that can't fit would cost the crash kernel that is loaded now. */
static int plan_sizes(struct arm_plan *plan, const struct log *log, struct err *err)
{
	const uint64_t reserved = plan->kexec.reserved_bytes;
	uint64_t load = arm_load_bytes(&plan->kernel, &plan->image);

	plan->needed_bytes = arm_needed_bytes(&plan->kernel, &plan->image);
	if (load > reserved)
		return err_set(
			err, ERR_LIMIT,
			"the crash kernel needs %llu MiB to be loaded, and crashkernel= "
			"reserves %llu MiB; reserve at least %llu MiB",
			(unsigned long long)(align_up(load, MIB) / MIB),
			(unsigned long long)(reserved / MIB),
			(unsigned long long)(align_up(plan->needed_bytes, 16 * MIB) /
					     MIB));
	if (plan->needed_bytes > reserved)
		log_warning(
			log,
			"crashkernel= reserves %llu MiB, and the crash kernel may need %llu "
			"MiB: it could run out of memory",
			(unsigned long long)(reserved / MIB),
			(unsigned long long)(align_up(plan->needed_bytes, MIB) / MIB));
	return 0;
}

int arm_plan_make(const struct config *config, bool is_dry, const struct log *log,
		  struct arm_plan **ret, struct err *err)
{
	_cleanup_arm_plan struct arm_plan *plan = calloc(1, sizeof(*plan));
	struct utsname name;
	int r;

	if (!plan)
		return err_nomem(err);
	plan->image_fd = -1;
	orders_init(&plan->orders);
	if (uname(&name) < 0)
		return err_os(err, errno, "unable to ask for the running kernel's name");
	kexec_look("", &plan->kexec);
	r = kexec_check(&plan->kexec, err);
	if (r == 0 && plan->kexec.is_loaded && plan->kexec.loads_left == 1)
		log_warning(log, "one load is left until the next boot (sysctl "
				 "kernel.kexec_load_limit_panic): if it fails, what is "
				 "loaded now can't be loaded again");
	if (r == 0)
		r = plan_kernel(plan, config, name.release, log, err);
	if (r == 0)
		r = plan_targets(plan, config, is_dry, log, err);
	if (r == 0 && config->watchdog_timeout_s)
		watchdog_device_find("", &plan->watchdog);
	if (r == 0)
		r = plan_modules(plan, config, name.release, log, err);
	if (r < 0)
		return r;
	r = hook_files_find("", log, &plan->hooks, err);
	if (r < 0)
		return r;
	plan_orders(plan, config, name.nodename);
	r = plan_image(plan, err);
	if (r == 0)
		r = plan_cmdline(plan, config, err);
	if (r == 0)
		r = plan_sizes(plan, log, err);
	if (r < 0)
		return r;
	*ret = take_ptr(plan);
	return 0;
}

/* ---- doing it ---- */

static int state_lock(int *ret_fd, struct err *err)
{
	_cleanup_fd int fd = -1;
	int r = dir_make_path(ARMED_STATE_DIR, 0755, err);

	if (r < 0)
		return r;
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", LOCK_FILE);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_os(err, errno, "unable to lock '%s'", LOCK_FILE);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static int image_copy(int from, uint64_t size, int to, struct err *err)
{
	_cleanup_free char *data = malloc(MAX(size, (uint64_t)1));
	int r;

	if (!data)
		return err_nomem(err);
	r = fd_pread_full(from, data, size, 0, err);
	if (r == 0)
		r = fd_write_full(to, data, size, err);
	if (r == 0 && fsync(to) < 0)
		r = err_os(err, errno, "unable to fsync");
	return r;
}

/* Beside its place: the old image stays until the new one is loaded. */
static int image_write_new(const struct arm_plan *plan, const char *path, struct err *err)
{
	_cleanup_fd int fd = -1;
	int r;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", path);
	r = image_copy(plan->image_fd, plan->image.file_bytes, fd, err);
	if (r == 0)
		r = fd_close(&fd, err);
	if (r < 0) {
		unlink(path);
		return err_in(err, r, "writing '%s'", path);
	}
	return 0;
}

static int image_rename(const char *from, const char *to, struct err *err)
{
	_cleanup_fd int directory =
		open(ARMED_STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (rename(from, to) < 0)
		return err_os(err, errno, "unable to rename '%s' to '%s'", from, to);
	if (directory < 0 || fsync(directory) < 0)
		return err_os(err, errno, "unable to fsync '%s'", ARMED_STATE_DIR);
	return 0;
}

/* Only what is byte for byte what was loaded: a mixture would be worse than nothing. */
static int last_good_check(const struct armed *last, struct err *err)
{
	char checksum[PART_CHECKSUM_SIZE];
	int r = armed_checksum(last->kernel_path, checksum, err);

	if (r == 0 && strcmp(checksum, last->kernel_checksum) != 0)
		r = err_set(err, ERR_CORRUPT, "'%s' has changed since",
			    last->kernel_path);
	if (r == 0)
		r = armed_checksum(last->image_path, checksum, err);
	if (r == 0 && strcmp(checksum, last->image_checksum) != 0)
		r = err_set(err, ERR_CORRUPT, "'%s' has changed since", last->image_path);
	return r;
}

/* A load has failed, with @cause in @err: is something loaded again afterwards? */
static int last_good_load(const struct armed *last, const struct log *log, int cause,
			  struct err *err)
{
	enum kexec_method method;
	struct err why = { 0 };
	struct kexec_state state;
	int r;

	kexec_look("", &state);
	if (state.is_loaded)
		return err_in(err, cause,
			      "not armed anew, what was loaded before still is");
	if (!last)
		return err_in(err, cause, "NOT ARMED");
	r = last_good_check(last, &why);
	if (r == 0)
		r = kexec_load_crash(last->kernel_path, last->image_path, last->cmdline,
				     log, &method, &why);
	if (r < 0) {
		log_error(log, "unable to load the last good crash kernel again: %s",
			  err_text(&why));
		return err_in(err, cause, "NOT ARMED ANY MORE");
	}
	log_warning(log, "the crash kernel of before is loaded again");
	return err_in(err, cause, "still armed with what was loaded before");
}

static int panic_on_oops_set(const struct config *config, const struct armed *last,
			     const char *boot_id, struct armed *armed, struct err *err)
{
	bool is_same_boot = last && strcmp(last->boot_id, boot_id) == 0;
	char line[16];
	int r;

	armed->panic_on_oops_before = is_same_boot ? last->panic_on_oops_before : -1;
	if (!config->panic_on_oops)
		return 0;
	r = file_read_line(AT_FDCWD, PANIC_ON_OOPS, line, sizeof(line), err);
	if (r < 0 || strcmp(line, "1") == 0)
		return r;
	r = file_write_existing(AT_FDCWD, PANIC_ON_OOPS, "1", err);
	if (r == 0)
		armed->panic_on_oops_before = 0;
	return r;
}

int arm_plan_describe(const struct arm_plan *plan, struct armed *ret, struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->kernel_path, sizeof(ret->kernel_path), "%s", plan->kernel.path);
	snprintf(ret->kernel_release, sizeof(ret->kernel_release), "%s",
		 plan->kernel.release);
	snprintf(ret->image_path, sizeof(ret->image_path), "%s", plan->image_path);
	if (snprintf(ret->cmdline, sizeof(ret->cmdline), "%s",
		     text_get(&plan->cmdline)) >= (int)sizeof(ret->cmdline))
		return err_set(err, ERR_LIMIT,
			       "the command line is longer than %zu bytes",
			       sizeof(ret->cmdline) - 1);
	ret->image_bytes = plan->image.file_bytes;
	ret->unpacked_bytes = plan->image.unpacked_bytes;
	ret->needed_bytes = plan->needed_bytes;
	ret->target = plan->orders.targets[0];
	ret->mode = plan->orders.mode;
	ret->end = plan->orders.end;
	ret->armed_at = time(NULL);
	ret->panic_on_oops_before = -1;
	armed_boot_id("", ret->boot_id);
	return 0;
}

/* Writes, loads, renames. */
static int plan_load(const struct arm_plan *plan, const struct armed *last,
		     const struct log *log, struct armed *armed, struct err *err)
{
	enum kexec_method method = KEXEC_FILE;
	char path[PATH_MAX + 8];
	int r;

	snprintf(path, sizeof(path), "%s.new", plan->image_path);
	r = image_write_new(plan, path, err);
	if (r == 0)
		r = armed_checksum(path, armed->image_checksum, err);
	if (r == 0)
		r = armed_checksum(plan->kernel.path, armed->kernel_checksum, err);
	if (r < 0)
		return r;
	r = kexec_load_crash(plan->kernel.path, path, text_get(&plan->cmdline), log,
			     &method, err);
	if (r < 0) {
		unlink(path);
		return last_good_load(last, log, r, err);
	}
	snprintf(armed->method, sizeof(armed->method), "%s", kexec_method_name(method));
	return image_rename(path, plan->image_path, err);
}

/* Between a load that failed and the last good one loaded again nothing may end us: a
 * signal waits until the machine is armed, or known not to be. */
static int plan_load_whole(const struct arm_plan *plan, const struct armed *last,
			   const struct log *log, struct armed *armed, struct err *err)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	r = plan_load(plan, last, log, armed, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int arm_plan_apply(struct arm_plan *plan, const struct config *config,
		   const struct log *log, struct armed *ret, struct err *err)
{
	_cleanup_free struct armed *armed = calloc(1, sizeof(*armed));
	_cleanup_free struct armed *last = calloc(1, sizeof(*last));
	_cleanup_fd int lock = -1;
	struct err why = { 0 };
	int r;

	if (!armed || !last)
		return err_nomem(err);
	if (geteuid() != 0)
		return err_set(err, ERR_REFUSED, "only root can load a crash kernel");
	r = dir_make_path(config->archive, 0700, err);
	if (r == 0)
		r = state_lock(&lock, err);
	if (r == 0)
		r = arm_plan_describe(plan, armed, err);
	if (r < 0)
		return r;
	if (armed_load("", last, &why) < 0) {
		if (why.code != ERR_NOTFOUND)
			log_warning(log,
				    "%s; what was loaded before can't be loaded again",
				    err_text(&why));
		free(take_ptr(last));
	}
	r = plan_load_whole(plan, last, log, armed, err);
	if (r < 0)
		return r;
	// From here on the machine is armed: what fails now is worth a warning only.
	if (panic_on_oops_set(config, last, armed->boot_id, armed, &why) < 0)
		log_warning(log, "%s; an oops does not lead to a capture",
			    err_text(&why));
	if (armed_save(armed, &why) < 0)
		log_warning(log, "%s; epitaph status will not know", err_text(&why));
	if (ret)
		*ret = *armed;
	return 0;
}

int arm_disarm(const struct log *log, struct err *err)
{
	_cleanup_free struct armed *last = calloc(1, sizeof(*last));
	_cleanup_fd int lock = -1;
	char boot_id[37];
	bool has_state;
	int r;

	if (!last)
		return err_nomem(err);
	if (geteuid() != 0)
		return err_set(err, ERR_REFUSED, "only root can unload a crash kernel");
	r = state_lock(&lock, err);
	if (r == 0)
		r = kexec_unload_crash(err);
	if (r < 0)
		return r;
	has_state = armed_load("", last, NULL) == 0;
	armed_boot_id("", boot_id);
	if (has_state && strcmp(last->boot_id, boot_id) == 0 &&
	    last->panic_on_oops_before == 0) {
		struct err why = { 0 };

		if (file_write_existing(AT_FDCWD, PANIC_ON_OOPS, "0", &why) < 0)
			log_warning(log, "%s; an oops goes on to be a panic",
				    err_text(&why));
	}
	if (has_state && last->image_path[0] && unlink(last->image_path) < 0 &&
	    errno != ENOENT)
		log_warning(log, "unable to remove '%s': %s; it takes space only",
			    last->image_path, strerror(errno));
	if (unlink(ARMED_FILE) < 0 && errno != ENOENT)
		return err_os(err, errno, "unable to remove '%s'", ARMED_FILE);
	return 0;
}
