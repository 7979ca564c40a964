#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged dumps, given to every command that reads one: bits flipped in headers, tables and
memory, files cut anywhere. What comes out may be little; it has to come in bounded time and
memory, and never by a signal.

    damaged.py LAB [EPITAPH] [--rounds N]       LAB as tests/vm/lab.py makes it

Each round has a seed, told with what goes wrong, so that it can be made again.
"""
import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 1       # of each kind of damage
SECONDS = 30     # for one command; whole dumps take below one
MEMORY = 1 << 30  # address space beyond the dump's own size, which is mapped
CODES = (0, 1, 3)
COMMANDS = (('info',), ('bt', '--all'), ('ps',), ('dmesg',), ('show',), ('show', '--json'),
            ('mod',), ('locks',), ('verify',), ('mem', '--estimate'))


def flip(path, rng, count, end):
    """So many bits in the first @end bytes."""
    with open(path, 'r+b') as file:
        for _ in range(count):
            at = rng.randrange(end)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << rng.randrange(8)]))


def garble(path, rng, count, end):
    """Words of all ones, zeros, or anything."""
    with open(path, 'r+b') as file:
        for _ in range(count):
            file.seek(rng.randrange(end // 8) * 8)
            file.write(rng.choice((b'\xff' * 8, bytes(8), rng.randbytes(8),
                                   rng.randbytes(2) + bytes(6))))


# (name, which dump, what is done to it)
DAMAGE = (
    ('header', 'zstd', lambda path, rng, size: flip(path, rng, 12, 4096 * 3)),
    ('tables', 'zstd', lambda path, rng, size: garble(path, rng, 200, size // 20)),
    ('anywhere', 'zstd', lambda path, rng, size: flip(path, rng, 400, size)),
    ('cut', 'zstd', lambda path, rng, size: os.truncate(path, rng.randrange(size))),
    ('cut in the head', 'zstd', lambda path, rng, size: os.truncate(path, rng.randrange(200000))),
    ('memory', 'none', lambda path, rng, size: flip(path, rng, size // 3000, size)),
    ('words of memory', 'none', lambda path, rng, size: garble(path, rng, size // 9000, size)),
    ('stream', 'flattened', lambda path, rng, size: garble(path, rng, 100, size)),
    ('cut stream', 'flattened', lambda path, rng, size: os.truncate(path, rng.randrange(size))),
    ('ELF header', 'elf', lambda path, rng, size: flip(path, rng, 12, 2000)),
    ('cut ELF', 'elf', lambda path, rng, size: os.truncate(path, rng.randrange(size))),
)


class Test:
    def __init__(self, lab, epitaph, work, rounds):
        self.lab, self.epitaph, self.work, self.rounds = lab, epitaph, work, rounds
        self.passed = self.failed = 0

    def make(self):
        options = {'zstd': ('-c', 'zstd'), 'none': ('-c', 'none'),
                   'flattened': ('--format', 'flattened'), 'elf': ('--format', 'elf')}
        for name, words in options.items():
            subprocess.run([self.epitaph, 'save', '-l', '31', *words, self.lab / 'vmcore',
                            self.work / name], check=True, stdout=subprocess.DEVNULL)

    def run_one(self, words, size):
        """(exit code, seconds, the end of what was said)"""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY + size, MEMORY + size))

        started = time.monotonic()
        try:
            done = subprocess.run([self.epitaph, *map(str, words)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=SECONDS, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return 'no end', SECONDS, b''
        return done.returncode, time.monotonic() - started, done.stderr[-300:]

    def damage(self, name, base, change, seed):
        path, out = self.work / 'damaged', self.work / 'out'
        subprocess.run(['cp', '--sparse=always', self.work / base, path], check=True)
        size = path.stat().st_size
        change(path, random.Random(seed), size)
        wrong, longest = [], (0, '')
        for words in [*((*c, path) for c in COMMANDS), ('save', '--force', path, out)]:
            code, seconds, said = self.run_one(words, size)
            longest = max(longest, (seconds, words[0]))
            # "out of memory" is an answer of the limit above, not of the dump.
            if code not in CODES or b'out of memory' in said:
                wrong.append((words[:-1], code, said))
        out.unlink(missing_ok=True)
        self.passed, self.failed = self.passed + (not wrong), self.failed + bool(wrong)
        print(f'{"FAIL" if wrong else "ok  "} {name}, seed {seed}: {longest[1]} took '
              f'{longest[0]:.2f} s', flush=True)
        for each in wrong:
            print('    ', *each)
        if wrong and os.environ.get('KEEP'):
            shutil.copy(path, Path(os.environ['KEEP']) / f'{name}-{seed}'.replace(' ', '-'))

    def run(self):
        self.make()
        # Each dump has seeds of its own: together they see more.
        first = zlib.crc32(self.lab.name.encode()) % 1000
        for turn in range(self.rounds):
            for name, base, change in DAMAGE:
                self.damage(name, base, change, first + turn)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path, nargs='?', default=ROOT / 'build/epitaph')
    parser.add_argument('--rounds', type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='epitaph-damaged-') as work:
        test = Test(arguments.lab.resolve(), arguments.epitaph.resolve(), Path(work),
                    arguments.rounds)
        test.run()
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
