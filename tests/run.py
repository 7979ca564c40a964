#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every test of the project, or some suites of it:

    style   clang-format, the arrows between folders
    unit    unit and fixture tests, and what fuzzing once found: gcc with ASan and UBSan,
            then clang
    cli     the command line: help, man pages, wrong arguments
    real    reference dumps of real kernels, against makedumpfile, crash and drgn
    vm      the whole way in a virtual machine: arm, panic, capture, reboot, explain

and, only where they are asked for, since they fetch much of Debian or take long:

    matrix  as vm, with one more thing that goes wrong in each case
    kernels as real, and the way in a virtual machine, of the oldest and newest kernels;
            as real, of arm64; the causes of all kinds of crashes
    deb     the Debian package: built, checked, installed, removed and purged
    debian  a Debian with systemd and GRUB in a virtual machine, with that package: sets
            itself up, reboots, panics, captures, and tells

Called by ./dev test, which installs what they need. A step is a command that ends with a
line "N passed, N failed"; one that ends otherwise counts as one failure. Goes on after a
failure, so that one run tells everything.
"""
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

EPITAPH = ROOT / 'build/epitaph'
PYTHON = sys.executable
SUITES = ('style', 'unit', 'cli', 'real', 'vm')
MORE_SUITES = ('kernels', 'matrix', 'deb', 'debian')
# What is crashed how, and which scripts of tests/real look at it: all where none is named.
TRIGGERS = {'sysrq': (), 'null': (), 'locks': ('backtraces', 'page', 'show', 'tasks')}
# Ways to crash whose dumps only causes.py looks at, all of one kernel: the first two in each
# run, the others with `kernels`.
CAUSES = ('softirq', 'stack')
MORE_CAUSES = ('write', 'gpf', 'uaf', 'callnull', 'callwild', 'divide', 'bug', 'warn', 'list',
               'panic', 'stackend', 'doublefault', 'console', 'hardirq', 'nmi', 'spinning',
               'softlockup', 'hardlockup', 'rcu', 'hung', 'oom')
# These look at what no way to crash changes: at the dumps of one is enough.
ONE_TRIGGER = {'damaged': 'null', 'estimate': 'sysrq', 'lines': 'null', 'page': 'locks',
               'questions': 'sysrq'}

# Those for which no peer of this machine's architecture is needed.
ARM64_SCRIPTS = ('backtraces', 'dump_equal', 'gdb', 'machine', 'questions', 'show', 'tasks', 'verify')


class Run:
    def __init__(self):
        self.passed = self.failed = 0
        self.rows = []

    def step(self, name, *command, count=None):
        """Run a command; `count` tells (passed, failed) where it prints no such line."""
        print(f'== {name}', flush=True)
        started = time.monotonic()
        process = subprocess.Popen([str(c) for c in command], cwd=ROOT, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, errors='replace')
        counted = None
        for line in process.stdout:
            print('   ', line, end='', flush=True)
            counted = re.match(r'(\d+) passed, (\d+) failed', line) or counted
        status = process.wait()
        if count:
            passed, failed = count()
        elif counted:
            passed, failed = int(counted[1]), int(counted[2])
        else:
            passed, failed = (1, 0) if status == 0 else (0, 1)
        if status != 0 and failed == 0:
            failed = 1
        self.passed += passed
        self.failed += failed
        self.rows.append((name, passed, failed, time.monotonic() - started))
        return status == 0

    def table(self):
        print('\n  seconds  passed  failed  step')
        for name, passed, failed, seconds in self.rows:
            print(f'  {seconds:7.1f}  {passed:6}  {failed:6}  {name}')
        print(f'{self.passed} passed, {self.failed} failed')


def style(run):
    files = subprocess.run(['git', 'ls-files', '*.c', '*.h'], cwd=ROOT, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    # The test module is in the kernel's own style.
    files = [f for f in files if not f.startswith(('tests/kmod/', 'tests/vm/'))]
    run.step('clang-format', 'clang-format', '--dry-run', '--Werror', *files)
    run.step('layers find their faults', PYTHON, 'tests/layers.py', '--self')
    run.step('layers', PYTHON, 'tests/layers.py')


def unit_in(run, name, directory, *setup, env=None):
    def count():
        passed = failed = 0
        log = ROOT / directory / 'meson-logs/testlog.json'
        for line in log.read_text().splitlines() if log.exists() else ():
            test = json.loads(line)
            lines = re.findall(r'^(not )?ok \d+', test.get('stdout') or '', re.M)
            passed += lines.count('')
            failed += len(lines) - lines.count('')
            failed += not lines or test['result'] not in ('OK', 'EXPECTEDFAIL')
        return passed, failed

    os.environ.update(env or {})
    try:
        if not (ROOT / directory / 'build.ninja').exists():
            if not run.step(f'{name}: setup', 'meson', 'setup', *setup, directory):
                return
        if run.step(f'{name}: build', 'ninja', '-C', directory):
            run.step(name, 'meson', 'test', '-C', directory, '--suite', 'unit',
                     '--print-errorlogs', '--no-rebuild', count=count)
    finally:
        for key in env or {}:
            del os.environ[key]


def unit(run):
    unit_in(run, 'unit, gcc with sanitizers', 'build-dev', '--native-file', 'build-dev.ini')
    unit_in(run, 'unit, clang', 'build-clang', '-Dwerror=true', env={'CC': 'clang'})


def cli(run):
    for script in sorted((ROOT / 'tests/cli').glob('*.py')):
        run.step(f'cli/{script.name}', PYTHON, script, EPITAPH)


def labs(run, all_series, triggers, scripts=None):
    for series, trigger in ((s, t) for s in all_series for t in triggers):
        name = f'{series}-{trigger}'
        if not run.step(f'lab {name}', PYTHON, 'tests/vm/lab.py', 'make', series, trigger):
            continue
        lab = assets.cache_dir() / 'lab' / name
        for script in sorted((ROOT / 'tests/real').glob('*.py')):
            wanted = scripts or TRIGGERS[trigger]
            if script.stem not in wanted if wanted else script.stem == 'causes':
                continue
            if ONE_TRIGGER.get(script.stem, trigger) != trigger:
                continue
            run.step(f'real/{script.name} {name}', PYTHON, script, lab, EPITAPH)


def real(run):
    labs(run, assets.SERIES, TRIGGERS)
    labs(run, assets.SERIES[-1:], CAUSES, ('causes',))


def kernels(run):
    labs(run, assets.SERIES[-1:], MORE_CAUSES, ('causes',))
    labs(run, assets.OTHER_SUITES, ('sysrq', 'null'))
    labs(run, assets.ARM64_SERIES, ('sysrq', 'null'), ARM64_SCRIPTS)
    run.step('vm/test_qemu_dump.py arm64', PYTHON, 'tests/vm/test_qemu_dump.py', EPITAPH,
             '--architecture', 'arm64')
    run.step('vm/test_rehearse.py kernels', PYTHON, 'tests/vm/test_rehearse.py', EPITAPH,
             'kernels')


def deb(run):
    run.step('deb.py', PYTHON, 'tests/deb.py')


def debian(run):
    run.step('vm/debian.py', PYTHON, 'tests/vm/debian.py', EPITAPH)


def vm(run):
    for script in sorted((ROOT / 'tests/vm').glob('test_*.py')):
        run.step(f'vm/{script.name}', PYTHON, script, EPITAPH)
    run.step('vm/matrix.py --core', PYTHON, 'tests/vm/matrix.py', EPITAPH, '--core')


def matrix(run):
    run.step('vm/matrix.py', PYTHON, 'tests/vm/matrix.py', EPITAPH)


def main():
    wanted = sys.argv[1:] or SUITES
    known = SUITES + MORE_SUITES
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"run: no suite '{' '.join(unknown)}': there are {' '.join(known)}")
    run = Run()
    for suite in known:
        if suite in wanted:
            globals()[suite](run)
    run.table()
    return 1 if run.failed or not run.passed else 0


if __name__ == '__main__':
    sys.exit(main())
