#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What other programs make of a reference dump, read by epitaph.

    formats.py LAB [EPITAPH]            LAB as tests/vm/lab.py makes it

makedumpfile writes the dump plain and in each other form that it has. A form is read
right if each page of it is that of the plain one, `epitaph save` makes the same file of it,
byte for byte, and `epitaph show` says the same of it.
"""
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402


class Test:
    def __init__(self, lab, epitaph, work):
        self.vmcore, self.epitaph, self.work = lab / 'vmcore', epitaph, work
        self.passed = self.failed = 0

    def check(self, name, right, *why):
        self.passed, self.failed = self.passed + bool(right), self.failed + (not right)
        print(f'{"ok  " if right else "FAIL"} {name}', flush=True)
        if not right:
            for each in why:
                print(f'     {str(each)[:2000]}')

    def makedumpfile(self, *arguments, to=None):
        argv, env = assets.peer_command('makedumpfile', '--message-level', '4', *arguments)
        with open(to or '/dev/null', 'wb') as out:
            return subprocess.run(argv, env=env, stdout=out, check=True)

    def saved(self, source):
        """What save makes of it: one thread, so that the pages' order is the same."""
        out = self.work / 'saved'
        out.unlink(missing_ok=True)
        done = subprocess.run([self.epitaph, 'save', '--threads', '1', '--level', '0', source,
                               out], stdout=subprocess.DEVNULL)
        return done.returncode in (0, 3) and out.read_bytes()

    def shown(self, source):
        done = subprocess.run([self.epitaph, 'show', '--json', source], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        facts = json.loads(done.stdout or '{}')
        for key in 'source', 'path', 'files', 'dump':
            facts.pop(key, None)
        return done.returncode, facts, done.stderr

    def sum(self, *files):
        """Of all pages and notes: (exit status, the lines)."""
        done = subprocess.run([self.epitaph.parent / 'tests/image_sum', *files], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def same(self, name, one, other):
        a, b = self.sum(one), self.sum(other)
        self.check(f'{name}: the same memory', a == b and a[0] == 0, a, b)
        a, b = self.saved(one), self.saved(other)
        self.check(f'{name}: saved, the same dump', a and a == b)
        a, b = self.shown(one), self.shown(other)
        self.check(f'{name}: the same report', a[:2] == b[:2] and a[0] == 0, a[2], b[2])

    def flattened(self, plain):
        flat = self.work / 'flat'
        self.makedumpfile('-F', '-l', '-d', '31', self.vmcore, to=flat)
        self.same('flattened', plain, flat)
        size = flat.stat().st_size
        with open(flat, 'r+b') as file:
            file.truncate(size - size // 10)
        code, facts, _ = self.shown(flat)
        self.check('flattened, cut: says so, and what it can', code == 3 and facts, code)
        flat.unlink()
        elf = self.work / 'plain.elf'
        self.makedumpfile('-E', '-d', '31', self.vmcore, elf)
        self.makedumpfile('-E', '-F', '-d', '31', self.vmcore, to=flat)
        self.same('flattened ELF', elf, flat)

    def split(self, plain):
        parts = [self.work / f'part{i}' for i in range(5)]
        self.makedumpfile('--split', '-l', '-d', '31', '--splitblock-size', '32',
                          self.vmcore, *parts)
        whole, all_parts = self.sum(plain), self.sum(*reversed(parts))
        self.check('split: the same memory', all_parts == whole and whole[0] == 0, whole,
                   all_parts)
        code, text = self.sum(*parts[:2], *parts[3:])
        self.check('split: a missing part is told', code == 3 and 'truncated' in text and
                   'no part of the split dump has' in text, code, text)
        code, text = self.sum(parts[0])
        self.check('split: one part is told', code == 3 and 'it is one part' in text, code,
                   text)

    def without_note(self):
        """VMCOREINFO's note under another name: it must be found in memory."""
        copy = self.work / 'without-note'
        subprocess.run(['cp', '--sparse=always', self.vmcore, copy], check=True)
        with open(copy, 'r+b') as file:
            head = file.read(1 << 20)
            at = head.index(b'VMCOREINFO\0')
            file.seek(at)
            file.write(b'X')
        started = time.monotonic()
        theirs, ours = self.shown(self.vmcore), self.shown(copy)
        self.check(f'without a note: the same report, both in '
                   f'{time.monotonic() - started:.2f} s', theirs[:2] == ours[:2] and
                   ours[0] == 0, theirs[2], ours[2])

    def narrow(self):
        """The headers as kexec-tools writes them for --elf32-core-headers."""
        copy = self.work / 'elf32'
        subprocess.run(['cp', '--sparse=always', self.vmcore, copy], check=True)
        with open(copy, 'r+b') as file:
            head = file.read(1 << 16)
            at, count = struct.unpack_from('<Q', head, 32)[0], head[56] | head[57] << 8
            out = bytearray(head[:4] + b'\x01' + head[5:16])
            out += struct.pack('<HHIIIIIHHHHHH', 4, 62, 1, 0, 52, 0, 0, 52, 32, count, 0, 0, 0)
            for i in range(count):
                kind, flags, offset, vaddr, *rest = struct.unpack_from('<IIQQQQQQ', head,
                                                                       at + 56 * i)
                paddr, in_file, in_memory, align = rest
                out += struct.pack('<8I', kind, offset, vaddr & 0xffffffff, paddr, in_file,
                                   in_memory, flags, align)
            file.seek(0)
            file.write(out)
        theirs, ours = self.sum(self.vmcore), self.sum(copy)
        self.check('32-bit headers: the same memory', theirs == ours and ours[0] == 0, theirs,
                   ours)

    def run(self):
        plain = self.work / 'plain'
        self.makedumpfile('-l', '-d', '31', self.vmcore, plain)
        self.flattened(plain)
        self.split(plain)
        self.without_note()
        self.narrow()


def main():
    lab = Path(sys.argv[1]).resolve()
    epitaph = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / 'build/epitaph').resolve()
    work = Path(tempfile.mkdtemp(prefix='epitaph-formats-'))
    test = Test(lab, epitaph, work)
    try:
        test.run()
    finally:
        shutil.rmtree(work)
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
