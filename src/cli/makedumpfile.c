// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/makedumpfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "dump/dump.h"
#include "dump/estimate.h"
#include "dump/facts.h"
#include "dump/flat.h"
#include "dump/verify.h"
#include "kernel/printk.h"

static volatile sig_atomic_t mdf_interrupted;

/* --- messages ------------------------------------------------------------------------
 */

void mdf_say(const struct mdf *mdf, int level, const char *fmt, ...)
{
	bool is_stdout_taken = mdf->options.flattened && !mdf->options.check;
	FILE *stream = is_stdout_taken || level == MDF_ERROR ? stderr : stdout;
	va_list ap;

	if (!(mdf->options.message_level & level))
		return;
	va_start(ap, fmt);
	vfprintf(stream, fmt, ap);
	va_end(ap);
	fflush(stream);
}

static int mdf_failed(const struct mdf *mdf, const struct err *err)
{
	mdf_say(mdf, MDF_ERROR, "makedumpfile: %s\n", err_text(err));
	return MDF_FAILED;
}

static void mdf_log(void *context, enum log_level level, const char *message)
{
	struct mdf *mdf = context;

	if (level == LOG_LEVEL_DEBUG)
		mdf_say(mdf, MDF_DEBUG, "%s\n", message);
	else
		mdf_say(mdf, MDF_ERROR, "%smakedumpfile: %s\n", mdf->has_line ? "\n" : "",
			message);
	mdf->has_line = false;
}

static void mdf_step(struct mdf *mdf, const char *step, unsigned int promille)
{
	if (!(mdf->options.message_level & MDF_PROGRESS))
		return;
	fprintf(stderr, "\r%-50s: [%3u.%u %%] ", step, promille / 10, promille % 10);
	mdf->has_line = true;
}

/* A line a second: the console of a crash kernel may be a slow one. */
static void mdf_progress(void *context, const struct dump_progress *progress)
{
	static time_t told;
	struct mdf *mdf = context;
	bool is_last =
		progress->pages_total && progress->pages_done >= progress->pages_total;
	time_t now = time(NULL);

	if (now == told && !is_last)
		return;
	told = now;
	if (!progress->pages_total)
		mdf_step(mdf, "Excluding unnecessary pages", 0);
	else
		mdf_step(mdf, "Copying data",
			 (unsigned int)(progress->pages_done * 1000 /
					progress->pages_total));
}

static void mdf_report(const struct mdf *mdf, const struct dump_result *result,
		       uint64_t max_pfn)
{
	bool drops_zero = mdf->options.levels[0] & DUMP_EXCLUDE_ZERO;
	uint64_t zero = drops_zero ? result->pages_zero : 0;
	uint64_t excluded = zero + result->pages_cache + result->pages_user +
			    result->pages_free + result->pages_other;
	uint64_t remaining =
		result->pages_total > excluded ? result->pages_total - excluded : 0;
	const struct {
		const char *name;
		uint64_t pages;
	} rows[] = {
		{ "Original pages  ", result->pages_total },
		{ "  Excluded pages   ", excluded },
		{ "    Pages filled with zero  ", zero },
		{ "    Non-private cache pages ",
		  result->pages_cache - result->pages_cache_private },
		{ "    Private cache pages     ", result->pages_cache_private },
		{ "    User process data pages ", result->pages_user },
		{ "    Free pages              ", result->pages_free },
		{ "    Other pages             ", result->pages_other },
		{ "  Remaining pages  ", remaining },
	};

	mdf_say(mdf, MDF_REPORT, "\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		mdf_say(mdf, MDF_REPORT, "%s: 0x%016" PRIx64 "\n", rows[i].name,
			rows[i].pages);
	if (result->pages_total)
		mdf_say(mdf, MDF_REPORT,
			"  (The number of pages is reduced to %" PRIu64 "%%.)\n",
			remaining * 100 / result->pages_total);
	mdf_say(mdf, MDF_REPORT,
		"Memory Hole     : 0x%016" PRIx64 "\n"
		"--------------------------------------------------\n"
		"Total pages     : 0x%016" PRIx64 "\n"
		"Write bytes     : %" PRIu64 "\n\n",
		max_pfn - MIN(max_pfn, result->pages_total), max_pfn,
		result->bytes_written);
}

/* --- files ---------------------------------------------------------------------------
 */

static const char *mdf_destination(const struct mdf *mdf)
{
	return mdf->options.destination ? mdf->options.destination : "STDOUT";
}

/* New, or with -f emptied. */
static int mdf_create(const struct mdf *mdf, int *ret, struct err *err)
{
	const char *path = mdf->options.destination;
	int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
	int fd = open(path, flags | (mdf->options.force ? 0 : O_EXCL), 0600);

	if (fd < 0)
		return err_set(err, ERR_OS, "Can't open the dump file (%s). %s", path,
			       strerror(errno));
	*ret = fd;
	return 0;
}

/* With -f one may be named that is a source: it would be emptied, then read. */
static int mdf_check_other(const struct mdf *mdf, struct err *err)
{
	const struct mdf_options *o = &mdf->options;
	struct stat source, destination;

	if (!o->destination || stat(o->destination, &destination) < 0)
		return 0;
	for (size_t i = 0; i < o->source_count; i++)
		if (stat(o->sources[i], &source) == 0 &&
		    source.st_dev == destination.st_dev &&
		    source.st_ino == destination.st_ino)
			return err_set(err, ERR_INVALID, "'%s' is the source itself",
				       o->destination);
	return 0;
}

static int mdf_open_source(const struct mdf *mdf, struct image **ret, struct err *err)
{
	int r = mdf_check_other(mdf, err);

	if (r == 0)
		r = image_open_set(mdf->options.sources, mdf->options.source_count, ret,
				   err);
	return r;
}

static void mdf_on_signal(int signal)
{
	mdf_interrupted = signal;
}

/* The first ends the dump, a second the program. A reader that went away is an error. */
static void mdf_catch_signals(void)
{
	struct sigaction action = { .sa_handler = mdf_on_signal,
				    .sa_flags = SA_RESETHAND | SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* --- a dump --------------------------------------------------------------------------
 */

static bool is_no_room(int code, const struct err *err)
{
	return code == ERR_LIMIT ||
	       (code == ERR_OS && (err->os_errno == ENOSPC || err->os_errno == EDQUOT ||
				   err->os_errno == EFBIG));
}

/* One try, at one level. */
static int mdf_write(struct mdf *mdf, struct image *image, struct kernel *kernel,
		     int level, struct dump_result *ret, struct err *err)
{
	const struct mdf_options *o = &mdf->options;
	const struct log log = { .write = mdf_log, .context = mdf };
	const struct dump_options options = {
		.format = o->elf ? DUMP_FORMAT_ELF : DUMP_FORMAT_KDUMP,
		.output = o->dry_run	 ? OUTPUT_NONE
			  : o->flattened ? OUTPUT_STREAM
					 : OUTPUT_FILE,
		.size_limit = o->size_limit,
		.level = level,
		.codec = o->codec,
		.codec_level = o->codec_level,
		.threads = o->threads,
		.log = &log,
		.progress = mdf_progress,
		.progress_context = mdf,
		.cancel = &mdf_interrupted,
	};
	struct err close_err = { 0 };
	int fd = -1, r = 0;

	*ret = (struct dump_result){ 0 };
	if (options.output == OUTPUT_FILE)
		r = mdf_create(mdf, &fd, err);
	else if (options.output == OUTPUT_STREAM)
		fd = STDOUT_FILENO;
	if (r < 0)
		return r;
	r = dump_write(image, kernel, &options, fd, ret, err);
	if (options.output == OUTPUT_FILE && fd_close(&fd, &close_err) < 0 && r == 0) {
		*err = close_err;
		r = close_err.code;
	}
	return r;
}

/* The levels in turn, while there is no room. */
static int mdf_write_all(struct mdf *mdf, struct image *image, struct kernel *kernel,
			 struct dump_result *ret, struct err *err)
{
	const struct mdf_options *o = &mdf->options;
	int r = 0;

	for (int i = 0; i < o->level_count; i++) {
		int before = image_info(image)->dump_level;
		int level = o->levels[i] | before;

		if (level != o->levels[i])
			mdf_say(mdf, MDF_COMMON,
				"dump_level is changed to %d, because %s was created by "
				"dump_level(%d).",
				level, o->sources[0], before);
		r = mdf_write(mdf, image, kernel, level, ret, err);
		/* What was streamed can't be taken back. */
		if (r == 0 || !is_no_room(r, err) || o->flattened ||
		    i + 1 == o->level_count)
			return r;
		mdf_say(mdf, MDF_COMMON,
			"\nCan't write the dump file(%s). %s\n"
			"Retry to create a dumpfile by dump_level(%d).\n",
			mdf_destination(mdf), ret->incomplete_why, o->levels[i + 1]);
		if (!o->dry_run)
			unlink(o->destination);
	}
	return r;
}

static void mdf_vtop(const struct mdf *mdf, struct kernel *kernel)
{
	struct err err = { 0 };
	uint64_t vaddr = mdf->options.vtop, paddr;

	if (!vaddr || !kernel)
		return;
	mdf_say(mdf, MDF_COMMON,
		"\nTranslating virtual address %" PRIx64 " to physical address.\n",
		vaddr);
	if (kernel_translate(kernel, vaddr, &paddr, NULL, &err) < 0)
		mdf_failed(mdf, &err);
	else
		mdf_say(mdf, MDF_COMMON,
			"VIRTUAL           PHYSICAL\n%16" PRIx64 "  %" PRIx64 "\n\n",
			vaddr, paddr);
}

static int mdf_finish(const struct mdf *mdf, const struct image *image,
		      const struct kernel *kernel, const struct dump_result *result,
		      int code, const struct err *err)
{
	uint32_t page_size = kernel ? kernel_page_size(kernel) : 4096;

	if (code == 0) {
		mdf_report(mdf, result, image_info(image)->max_paddr / page_size);
		mdf_say(mdf, MDF_COMMON, "\nThe dumpfile is saved to %s.\n",
			mdf_destination(mdf));
		return MDF_COMPLETED;
	}
	if (!result->incomplete_why[0])
		return mdf_failed(mdf, err);
	mdf_say(mdf, MDF_COMMON, "\nCan't write the dump file(%s). %s\n",
		mdf_destination(mdf), result->incomplete_why);
	if (result->pages_written)
		mdf_say(mdf, MDF_COMMON,
			"This is an incomplete dumpfile, but might analyzable.\n");
	return MDF_FAILED;
}

static int mdf_dump(struct mdf *mdf)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct err err = { 0 }, why = { 0 };
	struct dump_result result;
	int r = mdf_open_source(mdf, &image, &err);

	if (r < 0)
		return mdf_failed(mdf, &err);
	if (kernel_open(image, &kernel, &why) < 0)
		mdf_failed(mdf, &why);
	mdf_vtop(mdf, kernel);
	mdf_catch_signals();
	r = mdf_write_all(mdf, image, kernel, &result, &err);
	return mdf_finish(mdf, image, kernel, &result, r, &err);
}

/* Pages are packed anew, so that they may come from what can't be written, as snappy. */
static void mdf_take_codec(struct mdf *mdf, struct image *image, struct kernel *kernel)
{
	struct mdf_options *o = &mdf->options;
	struct verify_shares shares;
	uint64_t most = 0;

	verify_shares(image, facts_page_size(image, kernel), &shares);
	for (size_t i = 0; i < shares.codec_count; i++)
		if (shares.codecs[i].pages > most &&
		    strcmp(shares.codecs[i].name, "none") != 0) {
			most = shares.codecs[i].pages;
			if (codec_parse(shares.codecs[i].name, &o->codec, &o->codec_level,
					NULL) < 0)
				codec_parse("lzo", &o->codec, &o->codec_level, NULL);
		}
}

/* All that the parts have: nothing more is left out. */
static int mdf_reassemble(struct mdf *mdf)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct err err = { 0 }, why = { 0 };
	struct dump_result result;
	int r = mdf_open_source(mdf, &image, &err);

	if (r < 0)
		return mdf_failed(mdf, &err);
	if (kernel_open(image, &kernel, &why) < 0)
		mdf_failed(mdf, &why);
	mdf_take_codec(mdf, image, kernel);
	mdf_catch_signals();
	r = mdf_write(mdf, image, kernel, 0, &result, &err);
	return mdf_finish(mdf, image, kernel, &result, r, &err);
}

/* --- the log -------------------------------------------------------------------------
 */

/*
 * Where the log was last cleared (dmesg -c): records from this one on. clear_seq is a
 * struct latched_seq since Linux 5.13: a sequence count, then two values, of which its
 * lowest bit tells the valid one. 0 where nothing is known.
 */
static uint64_t mdf_clear_seq(struct kernel *kernel)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	uint64_t vaddr, size, offset, seq;

	if (vmcoreinfo_symbol(info, "clear_seq", &vaddr, NULL) < 0 ||
	    kernel_read_u64(kernel, vaddr, &seq, NULL) < 0)
		return 0;
	if (vmcoreinfo_size(info, "latched_seq", &size, NULL) < 0 ||
	    vmcoreinfo_offset(info, "latched_seq.val", &offset, NULL) < 0)
		return seq;
	if (kernel_read_u64(kernel, vaddr + offset + (seq & 1) * sizeof(seq), &seq,
			    NULL) < 0)
		return 0;
	return seq;
}

static int mdf_format_log(struct mdf *mdf, struct kernel *kernel, struct text *ret,
			  struct err *err)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	struct printk_log part;
	int r = printk_read(kernel, &log, err);

	if (r < 0)
		return r;
	part = log;
	if (mdf->options.partial_dmesg) {
		uint64_t clear_seq = mdf_clear_seq(kernel);

		while (part.count && part.records->seq < clear_seq) {
			part.records++;
			part.count--;
		}
	}
	printk_format_with_callers(&part, ret);
	if (log.lost)
		mdf_say(mdf, MDF_ERROR,
			"makedumpfile: %" PRIu64 " records of the log are lost: %s\n",
			log.lost, log.lost_why);
	return text_check(ret, err);
}

static int mdf_write_log(const struct mdf *mdf, const struct text *text, struct err *err)
{
	int fd = STDOUT_FILENO, r = 0, s;

	if (mdf->options.destination)
		r = mdf_create(mdf, &fd, err);
	if (r < 0)
		return r;
	r = fd_write_full(fd, text_get(text), text->size, err);
	if (!mdf->options.destination)
		return r;
	if (r == 0 && fsync(fd) < 0)
		r = err_os(err, errno, "unable to bring the log to the disk");
	s = fd_close(&fd, r < 0 ? NULL : err);
	return r < 0 ? r : s;
}

static int mdf_dmesg(struct mdf *mdf)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };
	int r = mdf_open_source(mdf, &image, &err);

	if (r == 0)
		r = kernel_open(image, &kernel, &err);
	if (r == 0)
		r = mdf_format_log(mdf, kernel, &text, &err);
	if (r == 0)
		r = mdf_write_log(mdf, &text, &err);
	if (r < 0)
		return mdf_failed(mdf, &err);
	mdf_say(mdf, MDF_COMMON, "\nThe dmesg log is saved to %s.\n",
		mdf_destination(mdf));
	return MDF_COMPLETED;
}

/* --- a file of a stream --------------------------------------------------------------
 */

static int mdf_rearrange(struct mdf *mdf)
{
	_cleanup_fd int fd = -1;
	struct err err = { 0 };
	uint64_t bytes = 0;
	int r = mdf_create(mdf, &fd, &err);

	if (r == 0)
		r = flat_rearrange(STDIN_FILENO, fd, &bytes, &err);
	if (r < 0) {
		mdf_failed(mdf, &err);
		if (bytes)
			mdf_say(mdf, MDF_COMMON,
				"This is an incomplete dumpfile, but might "
				"analyzable.\n");
		return MDF_FAILED;
	}
	if (fd_close(&fd, &err) < 0)
		return mdf_failed(mdf, &err);
	mdf_say(mdf, MDF_COMMON, "\nThe dumpfile is saved to %s.\n",
		mdf_destination(mdf));
	return MDF_COMPLETED;
}

/* --- the use of memory ---------------------------------------------------------------
 */

/* The table as makedumpfile prints it, to the letter: it is parsed. */
static void mdf_print_usage(const struct mdf *mdf, const struct estimate *e)
{
	const struct estimate_class *c = e->classes;
	const struct {
		const char *type;
		uint64_t pages;
		const char *excludable, *what;
	} rows[] = {
		{ "ZERO\t\t", e->kernel_zero, "yes", "Pages filled with zero" },
		{ "NON_PRI_CACHE\t", c[PAGE_CLASS_CACHE].pages, "yes",
		  "Cache pages without private flag" },
		{ "PRI_CACHE\t", c[PAGE_CLASS_CACHE_PRIVATE].pages, "yes",
		  "Cache pages with private flag" },
		{ "USER\t\t", c[PAGE_CLASS_USER].pages, "yes", "User process pages" },
		{ "FREE\t\t", c[PAGE_CLASS_FREE].pages, "yes", "Free pages" },
		{ "KERN_DATA\t", c[PAGE_CLASS_KERNEL].pages - e->kernel_zero, "no",
		  "Dumpable kernel data " },
	};

	mdf_say(mdf, MDF_COMMON,
		"\nTYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION\n"
		"----------------------------------------------------------------------"
		"\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		mdf_say(mdf, MDF_COMMON, "%s%-16" PRIu64 "\t%s\t\t%s\n", rows[i].type,
			rows[i].pages, rows[i].excludable, rows[i].what);
	mdf_say(mdf, MDF_COMMON,
		"\npage size:\t\t%-16" PRIu32 "\nTotal pages on system:\t%-16" PRIu64
		"\nTotal size on system:\t%-16" PRIu64 " Byte\n",
		e->page_size, e->pages_total, e->pages_total * e->page_size);
}

static int mdf_mem_usage(struct mdf *mdf)
{
	const struct estimate_options options = { .has_sizes = false };
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct err err = { 0 };
	struct estimate estimate;
	int r = mdf_open_source(mdf, &image, &err);

	if (r == 0)
		r = kernel_open(image, &kernel, &err);
	if (r == 0)
		r = estimate_run(image, kernel, &options, &estimate, &err);
	if (r == 0 && estimate.selection != DUMP_SELECTION_MEMMAP)
		r = err_set(&err, ERR_UNSUPPORTED, "%s", estimate.selection_why);
	if (r < 0)
		return mdf_failed(mdf, &err);
	mdf_print_usage(mdf, &estimate);
	return MDF_COMPLETED;
}

/* --- all of it -----------------------------------------------------------------------
 */

static int mdf_run(struct mdf *mdf)
{
	const struct mdf_options *o = &mdf->options;

	if (o->rearrange)
		return mdf_rearrange(mdf);
	if (o->dmesg)
		return mdf_dmesg(mdf);
	if (o->mem_usage)
		return mdf_mem_usage(mdf);
	if (o->reassemble)
		return mdf_reassemble(mdf);
	return mdf_dump(mdf);
}

int makedumpfile_main(int argc, char **argv)
{
	struct mdf mdf = { .options = { .message_level = MDF_MESSAGES_DEFAULT } };
	bool is_right = mdf_parse(&mdf, argc, argv);
	int code = MDF_FAILED;

	if (is_right && mdf.options.help) {
		mdf_print_help(&mdf);
		return MDF_COMPLETED;
	}
	if (is_right && mdf.options.version) {
		mdf_print_version(&mdf);
		return MDF_COMPLETED;
	}
	if (mdf.options.check)
		return is_right ? MDF_COMPLETED : MDF_FAILED;
	if (is_right)
		code = mdf_run(&mdf);
	if (code == MDF_COMPLETED && mdf.options.mem_usage)
		mdf_say(&mdf, MDF_COMMON, "\n");
	else
		mdf_say(&mdf, MDF_COMMON, "\nmakedumpfile %s.\n",
			code == MDF_COMPLETED ? "Completed" : "Failed");
	return code;
}
