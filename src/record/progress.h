/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What capture says on the console of the crash kernel at its turning points. A rehearsal
 * reads these lines, and so may whatever watches a serial console: they stay as they are.
 * Each is PROGRESS_PREFIX, then the text, alone on its line:
 *
 *   epitaph: crash kernel started
 *   epitaph: dmesg complete (30.1 KiB in 0.2 s)	or "partial", "absent"; then why
 *   epitaph: report complete (...)
 *   epitaph: dump complete (...)
 *   epitaph: lowest free memory 61.2 MiB of 90.8 MiB
 *   epitaph: end reboot				or "poweroff", "halt"
 */
#ifndef RECORD_PROGRESS_H
#define RECORD_PROGRESS_H

#define PROGRESS_PREFIX	 "epitaph: "
#define PROGRESS_STARTED "crash kernel started"
#define PROGRESS_MEMORY	 "lowest free memory "
#define PROGRESS_END	 "end "

#endif
