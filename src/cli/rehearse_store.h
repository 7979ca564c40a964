/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `epitaph rehearse` can be beside one run in a virtual machine. */
#ifndef CLI_REHEARSE_STORE_H
#define CLI_REHEARSE_STORE_H

#include "cli/cli.h"
#include "rehearse/rehearse.h"

/* Where the verdict goes; what is said if it can't be kept. */
struct rehearse_store {
	bool is_wanted;
	const char *root; /* "" for this machine */
};

/* Says what it did; a verdict that can't be kept spoils no rehearsal. */
void rehearse_keep_verdict(const struct cli *cli, const struct rehearse_store *store,
			   const struct rehearsed *verdict);

/* --find-minimum: an exit code. */
int rehearse_show_minimum(struct cli *cli, const struct rehearse_options *options,
			  uint32_t step_mib, const struct rehearse_store *store);

/* --real: an exit code, where this machine is still alive. */
int rehearse_for_real(struct cli *cli, enum rehearse_trigger trigger);

/* At boot: the verdict on a --real of the last boot, kept and told. False: it failed. */
bool rehearse_judge_real(const struct cli *cli);

#endif
