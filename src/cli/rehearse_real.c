// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph rehearse --real: what it will do, the question, the crash. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/rehearse_store.h"
#include "rehearse/real.h"

static void show(const struct armed *armed, const char *host,
		 enum rehearse_trigger trigger)
{
	printf("This crashes '%s', now, and everything that runs on it: programs end "
	       "where they are,\n"
	       "and what they have not saved is lost.\n\n"
	       "trigger        %s\n"
	       "crash kernel   %s, '%s'\n"
	       "archive        '%s' on %s %s\n"
	       "afterwards     %s\n\n"
	       "The next boot judges the record; epitaph status shows the verdict.\n",
	       host, rehearse_trigger_name(trigger), armed->kernel_release,
	       armed->kernel_path, armed->target.path, armed->target.fstype,
	       armed->target.uuid, orders_end_name(armed->end));
	if (trigger == REHEARSE_NMI)
		printf("It waits for the NMI: send it by the machine's BMC or hypervisor.\n");
	if (armed->end != ORDERS_REBOOT)
		printf("Somebody has to switch it on again.\n");
}

/* EXIT_DONE: yes. */
static int ask(const struct cli *cli, const char *host)
{
	char answer[128] = "";

	if (!isatty(STDIN_FILENO))
		return cli_usage(cli, "there is no terminal to ask on: nothing was done");
	fflush(stdout);
	fprintf(stderr, "Type this machine's name to crash it: ");
	if (fgets(answer, sizeof(answer), stdin)) {
		answer[strcspn(answer, "\n")] = '\0';
		if (strcmp(answer, host) == 0)
			return EXIT_DONE;
	}
	fprintf(stderr, "%s: that is not '%s': nothing was done\n", cli->program, host);
	return EXIT_FAILED;
}

int rehearse_for_real(struct cli *cli, enum rehearse_trigger trigger)
{
	_cleanup_free struct real_expectation *expectation =
		calloc(1, sizeof(*expectation));
	_cleanup_free struct armed_status *status = calloc(1, sizeof(*status));
	struct utsname name;
	struct err err = { 0 };
	int code;

	if (!expectation || !status) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	if (trigger == REHEARSE_MODULE || trigger == REHEARSE_INIT)
		return cli_usage(cli, "--real goes with --trigger sysrq, nmi, oom or "
				      "hung-task");
	if (geteuid() != 0) {
		err_set(&err, ERR_REFUSED, "only root can crash this machine");
		return cli_failed(cli, &err);
	}
	armed_look("", status);
	if (!status->is_armed) {
		fprintf(stderr, "%s: not armed: %s; nothing was done\n", cli->program,
			status->reason);
		return EXIT_NOT_READY;
	}
	if (uname(&name) < 0 || !name.nodename[0])
		snprintf(name.nodename, sizeof(name.nodename), "localhost");
	show(&status->state, name.nodename, trigger);
	code = ask(cli, name.nodename);
	if (code != EXIT_DONE)
		return code;
	if (real_expect(&status->state, trigger, expectation, &err) == 0)
		real_crash(expectation, trigger, &err);
	return cli_failed(cli, &err);
}

bool rehearse_judge_real(const struct cli *cli)
{
	struct rehearsed rehearsed;
	struct err err = { 0 };
	char text[640];
	bool is_judged;
	int r = real_judge("", cli->config.archive, &cli->log, &is_judged, &rehearsed,
			   &err);

	if (r < 0)
		cli_failed(cli, &err);
	else if (is_judged) {
		rehearsed_describe(&rehearsed, text, sizeof(text));
		log_info(&cli->log, "rehearsal: %s", text);
	}
	return r == 0;
}
