#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What memory was used for, and how large a dump is said to become, held against
makedumpfile's counts and against the dumps that are written then.

    estimate.py LAB [EPITAPH]       LAB as tests/vm/lab.py makes it
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

# The bound that is told with it holds in 19 cases of 20; no estimate may be worse than this.
TOLERANCE = 0.05
# makedumpfile's report, and the types of its --mem-usage.
COUNTS = {'ZERO': 'Pages filled with zero', 'NON_PRI_CACHE': 'Non-private cache pages',
          'PRI_CACHE': 'Private cache pages', 'USER': 'User process data pages',
          'FREE': 'Free pages'}
KEYS = {'ZERO': 'zero', 'NON_PRI_CACHE': 'cache', 'PRI_CACHE': 'cache_private',
        'USER': 'user', 'FREE': 'free', 'KERN_DATA': 'kernel'}


class Test:
    def __init__(self, lab, epitaph, work):
        self.vmcore, self.epitaph, self.work = lab / 'vmcore', epitaph, work
        self.release = (lab / 'release').read_text().strip()
        self.passed = self.failed = 0

    def check(self, name, right, *why):
        self.passed, self.failed = self.passed + bool(right), self.failed + (not right)
        print(f'{"ok  " if right else "FAIL"} {name}', flush=True)
        if not right:
            print('    ', *(str(each)[:1500] for each in why))

    def json(self, *arguments):
        done = subprocess.run([self.epitaph, *map(str, arguments)], stdout=subprocess.PIPE,
                              check=True)
        return json.loads(done.stdout)

    def usage(self):
        """The classes, in both programs' words."""
        program = self.work / 'makedumpfile'
        program.symlink_to(self.epitaph)
        done = subprocess.run([program, '--mem-usage', self.vmcore], text=True,
                              stdout=subprocess.PIPE)
        rows = dict(re.findall(r'^([A-Z_]+)\t+(\d+) +\t(?:yes|no)\t\t\S.*$', done.stdout, re.M))
        mem = self.json('mem', '--json', self.vmcore)
        self.check('--mem-usage says what mem says', done.returncode == 0 and
                   {k: int(v) for k, v in rows.items()} ==
                   {k: mem['pages'][v] for k, v in KEYS.items()}, done.stdout, mem)
        total = sum(mem['pages'].values()) - mem['pages']['total']
        self.check('all pages are in one class', total == mem['pages']['total'] and
                   f'\nTotal pages on system:\t{total:<16}\n' in done.stdout and
                   f'\nTotal size on system:\t{total * mem["page_size"]:<16} Byte\n'
                   in done.stdout, mem, done.stdout)
        # 1.7.8 takes tails of this kernel's compound pages for pages of their own.
        if int(self.release.split('.')[0]) >= 7:
            return
        argv, env = assets.peer_command('makedumpfile', '-l', '-d', '31', '--message-level',
                                        '16', '--dry-run', self.vmcore, 'nowhere')
        out = subprocess.run(argv, env=env, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        theirs = {k: int(re.search(rf'{v} *: 0x(\w+)', out)[1], 16)
                  for k, v in COUNTS.items()}
        self.check('makedumpfile counts the same', theirs ==
                   {k: int(rows.get(k, -1)) for k in COUNTS}, theirs, rows)

    def sizes(self, codec, levels):
        said = self.json('save', '--estimate', '-c', codec, '--json', self.vmcore)
        said = {each['level']: each for each in said['levels']}
        for level in levels:
            dump = self.work / 'dump'
            done = self.json('save', '--json', '-c', codec, '-l', level, self.vmcore, dump)
            real, each = done['size_bytes'], said[level]
            off = each['size_bytes'] / real - 1
            self.check(f'level {level}, {codec}: {off * 100:+.2f} % off, '
                       f'+-{each["error_bytes"] / real * 100:.1f} % said',
                       abs(off) < TOLERANCE and each['pages'] == done['pages']['written'],
                       each, done)
            dump.unlink()

    def refiltered(self):
        """A dump that was filtered before can become no larger again."""
        dump = self.work / 'dump'
        done = self.json('save', '--json', '-l', 31, self.vmcore, dump)
        said = self.json('mem', '--estimate', '--json', dump)
        off = {each['level']: each['size_bytes'] / done['size_bytes'] - 1
               for each in said['levels']}
        self.check('of a filtered dump: every level is what it has', len(off) > 3 and
                   max(map(abs, off.values())) < 0.01, off)
        self.check('of a filtered dump: the same classes', said['pages'] ==
                   self.json('mem', '--json', self.vmcore)['pages'], said)
        dump.unlink()

    def run(self):
        self.usage()
        self.sizes('zstd', (31, 27, 25, 17, 1, 0))
        self.sizes('zlib', (31, 1))
        self.sizes('none', (31,))
        self.refiltered()


def main():
    lab = Path(sys.argv[1]).resolve()
    epitaph = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / 'build/epitaph').resolve()
    with tempfile.TemporaryDirectory(prefix='epitaph-estimate-') as work:
        test = Test(lab, epitaph, Path(work))
        test.run()
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
