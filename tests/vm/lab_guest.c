// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What runs inside the virtual machine of lab.py before its kernel dies.
 *
 *	lab_guest tasks MARKER	fill the machine with tasks and memory, then wait
 *	lab_guest record DIR	write down every task: DIR/ps.txt, DIR/stacks.txt
 *	lab_guest files DIR N	make N empty files, so that the kernel has much of its own
 *
 * Each task is named after what it waits in, so that its backtrace in the dump can be
 * judged by its name. Made for a test: it trusts its kernel and stops at the first failure.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	MIB = 1 << 20,
	COPIES = 5, /* of each cheap sleeper */
};

static const char *marker = "";

static void set_comm(const char *comm)
{
	prctl(PR_SET_NAME, comm); /* cut to 15 bytes by the kernel */
}

/* --- sleepers: each never returns ------------------------------------------------- */

static void sleep_nanosleep(void)
{
	struct timespec hour = {.tv_sec = 3600};

	nanosleep(&hour, NULL);
}

static int read_end_of_silent_pipe(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		err(1, "pipe");
	return ends[0]; /* the write end stays open, or a read would return */
}

static void sleep_poll(void)
{
	struct pollfd fd = {.fd = read_end_of_silent_pipe(), .events = POLLIN};

	poll(&fd, 1, -1);
}

static void sleep_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, read_end_of_silent_pipe(), &event);
	epoll_wait(epoll, &event, 1, -1);
}

static void sleep_pipe(void)
{
	char byte;

	if (read(read_end_of_silent_pipe(), &byte, 1) < 0)
		err(1, "read");
}

static void sleep_socket(void)
{
	int ends[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		err(1, "socketpair");
	recv(ends[0], &byte, 1, 0);
}

static void sleep_pause(void)
{
	pause();
}

static void sleep_sigwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwaitinfo(&set, NULL);
}

static void sleep_wait4(void)
{
	if (fork() == 0) {
		set_comm("lab:child");
		pause();
	}
	wait(NULL);
}

/* One holds the lock and sleeps in nanosleep, the rest wait for it. */
static void sleep_flock(void)
{
	int fd = open("/tmp/lock", O_RDWR | O_CREAT, 0600);

	flock(fd, LOCK_EX);
	sleep_nanosleep();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_mutex(void *name)
{
	set_comm(name);
	pthread_mutex_lock(&mutex);
	return NULL;
}

/* Four threads in futex(2); the main thread too, in pthread_join(). */
static void sleep_futex(void)
{
	pthread_t threads[4];

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_for_mutex, "lab:thread");
	pthread_join(threads[0], NULL);
}

/* --- other states ------------------------------------------------------------------ */

/* D: the parent of a vfork() waits, killable but not interruptible, for its child. */
static void state_D(void)
{
	if (vfork() == 0) {
		prctl(PR_SET_NAME, "lab:vforked");
		for (;;)
			pause();
	}
}

static void state_R(void)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

static void state_T(void)
{
	raise(SIGSTOP);
}

/* t: stopped by a tracer, which itself waits in nanosleep. */
static void state_t(void)
{
	if (fork() == 0) {
		set_comm("lab:traced");
		ptrace(PTRACE_TRACEME);
		raise(SIGSTOP);
	}
	sleep_nanosleep();
}

static void state_Z(void)
{
	if (fork() == 0) {
		set_comm("lab:zombie");
		_exit(7);
	}
	sleep_nanosleep(); /* never collects it */
}

/* --- memory ------------------------------------------------------------------------ */

/* Every page starts with what it is and whose, so that a dump can be searched for it. */
static void fill(char *memory, size_t size, const char *what)
{
	for (size_t at = 0; at < size; at += PAGE)
		snprintf(memory + at, PAGE, "lab %s %s page %zu", what, marker, at / PAGE);
}

static char *filled(size_t size, const char *what, int advice)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	madvise(memory, size, advice);
	fill(memory, size, what);
	return memory;
}

static void memory_anon(void)
{
	filled(32 * MIB, "anon", MADV_NOHUGEPAGE);
	pause();
}

static void memory_huge(void)
{
	filled(8 * MIB, "huge", MADV_HUGEPAGE);
	pause();
}

/* Pages that were used and are free again: their contents are still there. */
static void memory_freed(void)
{
	munmap(filled(48 * MIB, "freed", MADV_NOHUGEPAGE), 48 * MIB);
	pause();
}

static void memory_tmpfs(void)
{
	static char page[PAGE];
	int fd = open("/tmp/tmpfs", O_RDWR | O_CREAT, 0600);

	for (size_t i = 0; i < 8 * MIB / PAGE; i++) {
		snprintf(page, PAGE, "lab tmpfs %s page %zu", marker, i);
		if (write(fd, page, PAGE) != PAGE)
			err(1, "/tmp/tmpfs");
	}
	pause();
}

/* Names differ as a log's or a cache's do, times as they were made. */
static void files(const char *dir, long count)
{
	char name[100];

	if (chdir(dir) < 0)
		err(1, "%s", dir);
	for (long i = 0; i < count; i++) {
		int fd;

		if (i % 1000 == 0) {
			snprintf(name, sizeof(name), "%s/%ld", dir, i / 1000);
			if (mkdir(name, 0700) < 0 || chdir(name) < 0)
				err(1, "%s", name);
		}
		snprintf(name, sizeof(name), "%08lx-object-%ld.%s",
			 (i * 2654435761) & 0xffffffff, i, i % 3 ? "dat" : "log");
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, i % 5 ? 0644 : 0600);
		if (fd < 0 || close(fd) < 0)
			err(1, "%s", name);
	}
}

/* ----------------------------------------------------------------------------------- */

static const struct {
	const char *comm;
	void (*run)(void);
	int copies;
} kinds[] = {
	{"lab:nanosleep", sleep_nanosleep, COPIES},
	{"lab:poll", sleep_poll, COPIES},
	{"lab:epoll", sleep_epoll, COPIES},
	{"lab:pipe", sleep_pipe, COPIES},
	{"lab:socket", sleep_socket, COPIES},
	{"lab:pause", sleep_pause, COPIES},
	{"lab:sigwait", sleep_sigwait, COPIES},
	{"lab:wait4", sleep_wait4, COPIES},
	{"lab:flock", sleep_flock, 3},
	{"lab:futex", sleep_futex, 2},
	{"lab:state_D", state_D, 1},
	{"lab:state_R", state_R, 1},
	{"lab:state_T", state_T, 1},
	{"lab:state_t", state_t, 1},
	{"lab:state_Z", state_Z, 2},
	{"lab:anon", memory_anon, 1},
	{"lab:huge", memory_huge, 1},
	{"lab:freed", memory_freed, 1},
	{"lab:tmpfs", memory_tmpfs, 1},
	{"lab) R 1 (\"odd\\", sleep_pause, 1}, /* a name that breaks careless parsers */
};

static void tasks(void)
{
	set_comm("lab:parent");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		for (int copy = 0; copy < kinds[i].copies; copy++) {
			if (fork() == 0) {
				set_comm(kinds[i].comm);
				kinds[i].run();
				for (;;)
					pause();
			}
		}
	}
	for (;;)
		pause();
}

/* --- recording --------------------------------------------------------------------- */

static ssize_t read_file(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (length >= 0)
		text[length] = '\0';
	return length;
}

static void record_task(int dir, long tid, FILE *ps, FILE *stacks)
{
	char stat[1024], comm[64], stack[PAGE], state;
	long ppid, tgid = tid, cpu;
	char *rest, *line;
	char status[PAGE];

	if (read_file(dir, "stat", stat, sizeof(stat)) < 0 ||
	    read_file(dir, "comm", comm, sizeof(comm)) < 0 ||
	    read_file(dir, "status", status, sizeof(status)) < 0)
		return; /* ended since */
	comm[strcspn(comm, "\n")] = '\0';
	rest = strrchr(stat, ')');
	line = strstr(status, "\nTgid:");
	/* after the comm: state ppid ..., and the CPU as field 39 of proc(5) */
	if (!rest || !line || sscanf(line, "\nTgid: %ld", &tgid) != 1 ||
	    sscanf(rest,
		   ") %c %ld %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %*s %ld",
		   &state, &ppid, &cpu) != 3)
		errx(1, "unable to parse stat of task %ld", tid);
	fprintf(ps, "%ld\t%ld\t%ld\t%c\t%ld\t%s\n", tid, tgid, ppid, state, cpu, comm);
	if (read_file(dir, "stack", stack, sizeof(stack)) < 0)
		stack[0] = '\0';
	fprintf(stacks, "%ld\t%s\n%s\n", tid, comm, stack);
}

static void record(const char *out)
{
	FILE *ps, *stacks;
	struct dirent *process, *thread;
	DIR *proc = opendir("/proc");

	if (chdir(out) < 0)
		err(1, "%s", out);
	ps = fopen("ps.txt", "w");
	stacks = fopen("stacks.txt", "w");
	if (!proc || !ps || !stacks)
		err(1, "unable to record in %s", out);
	fprintf(ps, "# tid\ttgid\tppid\tstate\tcpu\tcomm\n");
	while ((process = readdir(proc))) {
		char path[300];
		DIR *threads;

		if (atol(process->d_name) <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task", process->d_name);
		threads = opendir(path);
		while (threads && (thread = readdir(threads))) {
			int dir;

			if (atol(thread->d_name) <= 0)
				continue;
			dir = openat(dirfd(threads), thread->d_name, O_RDONLY | O_DIRECTORY);
			if (dir < 0)
				continue;
			record_task(dir, atol(thread->d_name), ps, stacks);
			close(dir);
		}
		if (threads)
			closedir(threads);
	}
	if (fclose(ps) || fclose(stacks))
		err(1, "unable to record in %s", out);
	closedir(proc);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "tasks")) {
		marker = argv[2];
		tasks();
	} else if (argc == 3 && !strcmp(argv[1], "record")) {
		record(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "files")) {
		files(argv[2], atol(argv[3]));
	} else {
		errx(2, "usage: lab_guest tasks MARKER | record DIR | files DIR N");
	}
	return 0;
}
