#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`epitaph save` of machines that nobody has at hand (tests/bench/huge_machine.py): the right pages
whatever the number of threads, and memory that does not grow with the machine."""
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPITAPH = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'bench'))
import huge_machine  # noqa: E402

PAGE = 4096
LIMIT_KIB, LIMIT_THREAD_KIB = 16 << 10, 2 << 10


def peak_kib(pid):
    """Largest resident memory so far; 0 once the program has ended."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return 0
    return max((int(line.split()[1]) for line in status.splitlines()
                if line.startswith('VmHWM:')), default=0)


class Test:
    def __init__(self, work):
        self.source, self.dump = work / 'vmcore', work / 'dump'
        self.passed = self.failed = 0

    def check(self, name, right, *why):
        self.passed, self.failed = self.passed + bool(right), self.failed + (not right)
        print(f'{"ok  " if right else "FAIL"} {name}', *(() if right else why), flush=True)

    def save(self, gib, threads, what=None, more_kib=0):
        name = f'{what or f"{gib} GiB"}, {threads} threads'
        child = subprocess.Popen([EPITAPH, 'save', '--json', '--force', '--threads',
                                  str(threads), self.source, self.dump], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        # Not wait4()'s: that begins with the memory of this interpreter.
        peak = 0
        while child.poll() is None:
            peak = max(peak, peak_kib(child.pid))
            time.sleep(0.002)
        text = child.stdout.read()
        self.check(f'{name}: exit 0', child.returncode == 0, child.returncode)
        pages = json.loads(text or '{}').get('pages', {})
        made = huge_machine.counts(gib)
        self.check(f'{name}: pages', pages.get('total') == gib * huge_machine.GIB // PAGE and
                   pages.get('written') == made['reserved'] + made['slab'], pages, made)
        self.check(f'{name}: what was left out', pages.get('free') == made['free'] and
                   pages.get('user') == made['user'] and pages.get('cache') == made['cache'],
                   pages, made)
        limit = LIMIT_KIB + threads * LIMIT_THREAD_KIB + more_kib
        self.check(f'{name}: memory', 0 < peak <= limit, peak, limit)

    def claimed(self, gib):
        """32 TiB more, of which the file has nothing and the memmap knows nothing: they are
        no pages, and take no room."""
        with open(self.source, 'rb') as file:
            header = file.read(4096)
        offset, size, count = struct.unpack_from('<Q', header, 32)[0], 56, \
            struct.unpack_from('<H', header, 56)[0]
        last = max((struct.unpack_from('<Q', header, offset + i * size + 24)[0],
                    offset + i * size + 40) for i in range(count)
                   if struct.unpack_from('<I', header, offset + i * size)[0] == 1)[1]
        memory = struct.unpack_from('<Q', header, last)[0]
        with open(self.source, 'r+b') as file:
            file.seek(last)
            file.write(struct.pack('<Q', memory + (32 << 40)))
        # As a machine of this size takes: some bytes for each 128 MiB.
        self.save(gib, 2, f'{gib} GiB and a claim', 24 << 10)
        room = self.dump.stat().st_blocks * 512
        self.check(f'{gib} GiB and a claim: room', room < 256 << 20, room)

    def run(self):
        huge_machine.make(self.source, 64)
        self.claimed(64)
        for gib in 64, 1024:
            huge_machine.make(self.source, gib)
            for threads in 1, 2, 5:
                self.save(gib, threads)


def main():
    with tempfile.TemporaryDirectory(prefix='epitaph-huge-') as work:
        test = Test(Path(work))
        test.run()
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
