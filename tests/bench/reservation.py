#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory crashkernel= has to set aside, and what takes it: docs/reservation.md.

    reservation.py EPITAPH [--kernels 6.1,6.12,7.x] [--only minimum|words] [--table FILE]

The minimum: `epitaph rehearse --find-minimum` of each kernel. The words of the crash
kernel's command line: a rehearsal each, with one of ours blanked in a copy of the program,
or with another one appended; what the crash kernel then has, and has free when
epitaph-capture starts, against a rehearsal as it is. FILE is written anew, without it the
tables go to stdout. The numbers move by 0.2 MiB from run to run.
"""
import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

PROGRAMS = ('epitaph', 'epitaph-capture', 'epitaph-guest')
# The least with which a static program of 42 KB that writes every page was seen to end, with
# the best words: the kernel's own need.
OWN_NEED = {'6.1': 69, '6.12': 65, '7.x': 76}
SEARCH_FROM = '96M'
RESERVED = '112M'
REHEARSE = ('rehearse',)
# Ours that may cost or save memory, and others that might.
BLANKED = ('nr_cpus=1', 'percpu_alloc=page', 'numa=off', 'transparent_hugepage=never',
           'kfence.sample_interval=0', 'rootfstype=ramfs', 'nokaslr')
APPENDED = ('cgroup_disable=memory', 'audit=0', 'log_buf_len=16K', 'mitigations=off',
            'init_on_alloc=0', 'lsm=', 'ipv6.disable=1')
MEMORY = re.compile(r'epitaph: memory ([\d.]+) MiB, ([\d.]+) MiB of it free')

HEAD = '''# How much memory to reserve

Made by `./dev reservation` (QEMU's machine of 1 GiB and two CPUs, a virtio disk with ext4):
run it again after a change to what the crash kernel runs. What `epitaph setup` proposes is
`init_size` of the kernel's header, {kernel_extra} MiB to start and to unpack, {capture_extra}
for epitaph-capture, the capture image and 1.1 times what is in it, in steps of 16 MiB; or,
after `epitaph rehearse --find-minimum` on this kernel, that and a fifth.
'''
MINIMUM = '''
## The smallest that captures all

The whole record, with report, mini dump and dump, in steps of 2 MiB. "own need": the same
kernel with a static program of 42 KB that writes every page and compresses nothing.

| kernel | init_size | own need | smallest | left then | proposed, a fifth more |
|---|---|---|---|---|---|
'''
WORDS = '''
## What the words of the crash kernel's command line save

Linux {release}, {reserved} reserved, {total:.1f} MiB of it are the crash kernel's to give, {free:.1f} are
free when epitaph-capture starts. Without a word of ours, or with one more:

| word | to give, MiB | free, MiB |
|---|---|---|
'''


def define(name):
    """A size in MiB of prepare/arm.h."""
    text = (ROOT / 'src/prepare/arm.h').read_text()
    return int(re.search(rf'{name}\s+\((\d+) \* MIB\)', text)[1])


def rehearse(program, root, *arguments):
    # On a busy machine, without KVM, the kernel's check of the timer was seen to fail.
    done = subprocess.run([program, 'rehearse', '--kernel-root', root, '--json', '--append',
                           'no_timer_check', *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in (0, 1, 3) or not done.stdout:
        raise assets.Trouble(f'rehearse {arguments}: {done.stderr[-1000:]}')
    return done.returncode, json.loads(done.stdout)


def init_size(root):
    image = next((root / 'boot').glob('vmlinuz-*')).read_bytes()[0x260:0x264]
    return int.from_bytes(image, 'little') / (1 << 20)


def minimum_row(epitaph, series):
    root = assets.kernel(series)
    code, told = rehearse(epitaph, root, '--find-minimum', '--crashkernel', SEARCH_FROM)
    if code:
        raise assets.Trouble(f'{series}: {SEARCH_FROM} are too few')
    low = told['lowest']['memory']
    return (f"| {told['kernel_release']} | {init_size(root):.1f} | {OWN_NEED.get(series, '?')} | "
            f"{told['minimum_mib']} | {low['low_kib'] / 1024:.1f} of {low['total_kib'] / 1024:.1f} | "
            f"{told['reserve_mib']} |\n")


def measure(program, root, folder, *arguments):
    """(total, free) as epitaph-capture says at its start, which is the end of it; None where
    it did not come to that."""
    keep = folder / 'kept'
    shutil.rmtree(keep, ignore_errors=True)
    console = keep / 'console.log'
    run = subprocess.Popen([program, *REHEARSE, '--kernel-root', root, '--crashkernel', RESERVED,
                            '--keep', keep, *arguments],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found = None
        while not found and run.poll() is None:
            time.sleep(0.2)
            if console.exists():
                found = MEMORY.search(console.read_text(errors='replace'))
        return (float(found[1]), float(found[2])) if found else None
    finally:
        run.terminate()
        run.wait()


def blanked(epitaph, word, folder):
    """A copy of the program that does not say it."""
    for name in PROGRAMS:
        shutil.copy(epitaph.with_name(name), folder / name)
    program = folder / 'epitaph'
    data = program.read_bytes()
    at = data.index(b'nr_cpus=1 reset_devices irqpoll')
    end = data.index(b'\0', at)
    line = b' ' + data[at:end] + b' '
    found = f' {word} '.encode()
    assert found in line, (word, line)
    program.write_bytes(data[:at] + line.replace(found, b' ' * len(found))[1:-1] + data[end:])
    return program


def word_row(word, result, base):
    row = f'| {word} | no capture | |\n'
    if result:
        row = f'| {word} | {result[0] - base[0]:+.1f} | {result[1] - base[1]:+.1f} |\n'
    print(row, end='', file=sys.stderr, flush=True)
    return row


def words_table(epitaph, series, folder):
    root = assets.kernel(series)
    base = measure(epitaph, root, folder)
    if not base:
        raise assets.Trouble(f'{series}: no capture with {RESERVED}')
    table = WORDS.format(release=(root / 'release').read_text().strip(), reserved=RESERVED,
                         total=base[0], free=base[1])
    for word in BLANKED:
        table += word_row(f'without `{word}`',
                          measure(blanked(epitaph, word, folder), root, folder), base)
    for word in APPENDED:
        config = folder / 'epitaph.conf'
        config.write_text(f'[kernel]\ncmdline_append = {word}\n')
        table += word_row(f'and `{word}`',
                          measure(epitaph, root, folder, '--config', config), base)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--kernels', default='6.1,6.12,7.x')
    parser.add_argument('--only', choices=('minimum', 'words'))
    parser.add_argument('--table', type=Path)
    options = parser.parse_args()
    epitaph, kernels = options.epitaph.absolute(), options.kernels.split(',')
    text = HEAD.format(kernel_extra=define('ARM_KERNEL_EXTRA_BYTES'),
                       capture_extra=define('ARM_CAPTURE_EXTRA_BYTES'))
    with tempfile.TemporaryDirectory(prefix='epitaph-reservation.', dir='/var/tmp') as folder:
        if options.only != 'words':
            text += MINIMUM + ''.join(minimum_row(epitaph, series) for series in kernels)
        if options.only != 'minimum':
            for series in kernels:
                text += words_table(epitaph, series, Path(folder))
    if options.table:
        options.table.write_text(text)
    else:
        print(text)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except assets.Trouble as trouble:
        sys.exit(f'reservation: {trouble}')
