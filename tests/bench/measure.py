# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a program: its time and its memory."""
import os
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
LOOK_EVERY_MS = 10  # more often takes a core from a program that uses both
FIGURES = ('wall_s', 'cpu_s', 'rss_mib', 'own_mib')


def memory_kib(pid):
    """(peak RSS so far, anonymous RSS now); zeros once the program has ended."""
    try:
        lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    except OSError:
        lines = ()
    words = {line.split()[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    return int(words.get('VmHWM:', 0)), int(words.get('RssAnon:', 0))


def measure(argv, env=None, stdin=None):
    """FIGURES of one run. CPU is user and system time. `RSS' is the peak that the kernel
    counted (VmHWM: the one of wait4() begins with the memory of whoever started the
    program), `own' the largest of its anonymous part; both are looked at every
    LOOK_EVERY_MS."""
    started = time.monotonic()
    with open(stdin or os.devnull, 'rb') as source:
        child = subprocess.Popen([str(a) for a in argv], env=env, stdin=source,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = own = 0
    ended = select.poll()
    descriptor = os.pidfd_open(child.pid)
    ended.register(descriptor, select.POLLIN)
    while not ended.poll(LOOK_EVERY_MS):
        now = memory_kib(child.pid)
        peak, own = max(peak, now[0]), max(own, now[1])
    wall = time.monotonic() - started
    os.close(descriptor)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f'bench: {argv[0]} failed with status {child.returncode}')
    return wall, usage.ru_utime + usage.ru_stime, peak / 1024, own / 1024


def medians(names, results):
    """{name: median} of runs that are a tuple each."""
    return dict(zip(names, map(statistics.median, zip(*results))))


def lab(*options):
    """The folder of a crashed guest of Linux 6.12."""
    done = subprocess.run([sys.executable, ROOT / 'tests/vm/lab.py', 'make', '6.12', 'sysrq',
                           *options], check=True, text=True, stdout=subprocess.PIPE)
    return Path(done.stdout.splitlines()[-1])
