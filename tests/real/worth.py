#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pages of a dump are worth: those that a first answer needs come first.

    worth.py LAB [EPITAPH]              LAB as tests/vm/lab.py makes it

A dump of the level mini has them and nothing else: epitaph, drgn and crash must say of it
what they say of the source. A whole dump begins with them: cut behind that, anywhere, or
by a limit, it must still say the same. And each must have been read again by its writer
before it is called complete.
"""
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import dump_equal  # noqa: E402
from dump_equal import assets  # noqa: E402

MINI_MAX = 8 << 20
QUESTIONS = ('bt --all', 'ps', 'mod', 'dmesg', 'locks')
CRASH_COMMANDS = ('sys', 'ps', 'bt', 'bt -a', 'foreach bt', 'log', 'mod', 'exit')
FORMATS = ('kdump', 'flattened', 'elf')
CUTS = 5


class Worth(dump_equal.Test):
    def ask(self, question, path):
        done = subprocess.run([self.epitaph, *question.split(), path], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return done.returncode, done.stdout

    def answers(self, name, path, is_complete=True):
        for question in QUESTIONS:
            status, text = self.ask(question, path)
            theirs = self.ask(question, self.vmcore)
            differing = [pair for pair in zip(text.splitlines(), theirs[1].splitlines())
                         if pair[0] != pair[1]]
            self.check(f'{name}: {question} as of the source ({text.count(chr(10))} lines)',
                       text == theirs[1] and text and status in
                       ((theirs[0],) if is_complete else (theirs[0], 3)), status,
                       differing[:3])

    def crash(self, path, vmlinux):
        """All of it but the dump's name, and what depends on where crash was started."""
        commands = ''.join(f'{command}\n' for command in CRASH_COMMANDS)
        done = self.peer('crash', '-s', vmlinux, path, stdin=commands)
        return done.returncode, [line for line in done.stdout.splitlines()
                                 if 'DUMPFILE:' not in line and 'error trace:' not in line]

    def peers(self, name, path, ask_crash):
        vmlinux = assets.vmlinux(self.release)
        peers = [('drgn', self.drgn)]
        if ask_crash and not self.is_beyond_crash:
            peers.append(('crash', self.crash))
        for peer, ask in peers:
            ours, theirs = ask(path, vmlinux), ask(self.vmcore, vmlinux)
            differing = [pair for pair in zip(theirs[1], ours[1]) if pair[0] != pair[1]]
            self.check(f'{name}: {peer} says the same of it ({len(ours[1])} lines)',
                       ours == theirs and ours[0] == 0 and len(ours[1]) > 300,
                       ours[0], len(theirs[1]), differing[:5], ours[1][:5])

    # --- mini ---

    def mini(self):
        for form in FORMATS:
            name = f'mini, {form}'
            path, result = self.save(f'mini.{form}', '--level', 'mini', '--format', form)
            if not result:
                continue
            pages = result['pages']
            self.check(f'{name}: complete, all pages are told of',
                       result['state'] == 'complete' and result['level'] == 'mini' and
                       pages['written'] == pages['core'] - self.not_ram(result) and
                       pages['written'] + pages['beyond'] + pages['other'] ==
                       pages['total'] and not result['core_missing'], result)
            proof = 'none' if form == 'flattened' else 'done'
            self.check(f'{name}: proof is {proof}', result['proof'] == proof and
                       pages['proved'] == (pages['written'] if proof == 'done' else 0) and
                       not pages['repaired'], result)
            if form == 'kdump':
                size = path.stat().st_size
                self.check(f'{name}: {size / (1 << 20):.1f} MiB', size <= MINI_MAX, size)
            self.answers(name, path)
        # crash takes half a minute of a processor for each.
        self.peers('mini', self.work / 'mini.kdump', ask_crash=self.lab.name.endswith('sysrq'))

    @staticmethod
    def not_ram(result):
        """Pages that a page table leads to and that are no RAM, as those of devices."""
        return result['pages']['core'] - result['pages']['written'] \
            if result['pages']['core'] - result['pages']['written'] < 16 else 0

    # --- a whole dump ---

    def cuts(self):
        mini = (self.work / 'mini.kdump').stat().st_size
        for threads in 1, 2:
            path, result = self.save(f'whole{threads}', '--threads', str(threads))
            if not result:
                continue
            self.check(f'{threads} threads: proved, nothing rescued or repaired',
                       result['proof'] == 'done' and result['pages']['proved'] > 1000 and
                       not result['pages']['rescued'] and not result['pages']['repaired'],
                       result)
            self.cut_whole(path, threads, mini)

    def cut_whole(self, path, threads, mini):
        whole = path.read_bytes()
        dump = dump_equal.Kdump(path)
        data = dump.descs + 24 * sum(byte.bit_count() for byte in dump.bitmap2)
        # Other threads are a buffer ahead.
        first = data + mini + (threads << 20)
        cut = self.work / 'cut'
        for i in range(CUTS):
            size = first + (len(whole) - first) * i // CUTS
            header = bytearray(whole[:size])
            header[424:428] = struct.pack('<I', dump.status | dump_equal.INCOMPLETE)
            cut.write_bytes(header)
            name = f'{threads} threads, cut at {100 * size // len(whole)}%'
            self.answers(name, cut, is_complete=False)
            if i == 0 and threads == 2:
                self.peers(name, cut, ask_crash=False)
        cut.unlink()

    def limits(self):
        for form, limit in ('kdump', '12M'), ('kdump', '20M'), ('elf', '120M'):
            path, result = self.save(f'limit.{form}', '--format', form, '--limit', limit,
                                     '--level', '0', '--force', expected=3)
            size = path.stat().st_size
            self.check(f'{form}, at most {limit}: {size} bytes, and says why',
                       0 < size <= int(limit[:-1]) << 20 and result and
                       'limit' in result['reason'], size, result)
            self.answers(f'{form}, at most {limit}', path, is_complete=False)

    def run(self):
        self.mini()
        self.cuts()
        self.limits()


def main():
    lab = Path(sys.argv[1]).resolve()
    epitaph = Path(sys.argv[2] if len(sys.argv) > 2 else
                   dump_equal.ROOT / 'build/epitaph').resolve()
    work = Path(tempfile.mkdtemp(prefix='epitaph-worth-'))
    test = Worth(lab, epitaph, work)
    try:
        test.run()
    finally:
        shutil.rmtree(work)
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
