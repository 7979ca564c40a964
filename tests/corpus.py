#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How many crash logs of a corpus get the title that is expected of them?

    corpus.py CORPUS TEST_CAUSE [-v]

CORPUS is a folder of files: "KEY: value" lines (TITLE, CORRUPTED, ...), an empty line, the
log, as syzkaller keeps them (pkg/report/testdata/linux/report). TEST_CAUSE is the built
tests/test_cause. Logs that are marked corrupted are counted apart: their expected title
says "in corrupted" where ours names what it finds or nothing. `merged' are the logs that
share our title with others of another expected one. -v prints each difference.
"""
import subprocess
import sys
from pathlib import Path


def header(path):
    keys = {}
    for line in path.read_text(errors='replace').splitlines():
        if not line:
            break
        key, _, value = line.partition(': ')
        keys.setdefault(key, value)
    return keys


def fits(expected, got):
    if expected.endswith(' in corrupted'):
        return got.split(' in ')[0] == expected.removesuffix(' in corrupted')
    return expected == got


def main():
    corpus, program = sys.argv[1:3]
    files = sorted(path for path in Path(corpus).iterdir() if path.is_file())
    out = subprocess.run([program, *map(str, files)], check=True, capture_output=True)
    counts = {kind: [0, 0] for kind in ('clean', 'corrupted', 'nothing', 'kind only',
                                                'merged')}
    titles = {}
    for line in out.stdout.decode().splitlines():
        name, got, cause = line.split('\t')
        keys = header(Path(name))
        expected = keys.get('TITLE', '')
        kind = 'nothing' if not expected else 'corrupted' if 'CORRUPTED' in keys else 'clean'
        counts[kind][1] += 1
        counts[kind][0] += fits(expected, got)
        if kind == 'clean' and got:
            titles.setdefault(got, []).append(expected)
        if expected:
            counts['kind only'][1] += 1
            counts['kind only'][0] += expected.split(' in ')[0] == got.split(' in ')[0]
        if '-v' in sys.argv and not fits(expected, got):
            print(f'{Path(name).name} ({kind})\n  expected {expected}\n  got      {got}\n'
                  f'           {cause}')
    for expected in titles.values():
        counts['merged'][1] += len(expected)
        counts['merged'][0] += len(expected) - max(map(expected.count, expected))
    for kind, (good, total) in counts.items():
        print(f'{kind:10} {good:4} of {total:4}  {100 * good // max(total, 1)} %')


if __name__ == '__main__':
    main()
