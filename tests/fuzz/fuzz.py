#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the fuzz targets that ./dev fuzz has built.

    fuzz.py BUILD [TARGET [SECONDS]]

A target goes on from its corpus here and from what it found before, in BUILD/corpus. What
ends it badly is written to BUILD/found: mend the reader, then add that file, made small by
`-minimize_crash=1`, to the corpus here, which each run of the unit tests goes through.
"""
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 60
MEMORY_MIB = 1024  # a reader's limits are below: see TYPES_BTF_SIZE_MAX and its like
INPUT_SECONDS = 10  # for one input
INPUT_BYTES = 65536


def numbers(log):
    cover = re.findall(r'cov: (\d+)', log)
    runs = re.search(r'number_of_executed_units: (\d+)', log)
    return (int(cover[0]) if cover else 0, int(cover[-1]) if cover else 0,
            int(runs[1]) if runs else 0)


def run(build, target, seconds):
    corpus, found = build / 'corpus' / target, build / 'found'
    for folder in corpus, found:
        folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ['nice', build / f'tests/fuzz_{target}', f'-max_total_time={seconds}',
         f'-rss_limit_mb={MEMORY_MIB}', f'-timeout={INPUT_SECONDS}',
         f'-max_len={INPUT_BYTES}', '-print_final_stats=1',
         f'-artifact_prefix={found}/{target}-', corpus, HERE / 'corpus' / target],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors='replace', text=True)
    first, last, runs = numbers(done.stdout)
    print(f'{"FAIL" if done.returncode else "ok  "} {target}: {runs} inputs, '
          f'{first} edges at first, {last} in the end', flush=True)
    if done.returncode:
        print(done.stdout[-6000:])
    return done.returncode == 0


def main():
    build = Path(sys.argv[1]).resolve()
    known = sorted(path.name for path in (HERE / 'corpus').iterdir())
    targets = sys.argv[2:3] or known
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else SECONDS
    if not set(targets) <= set(known):
        sys.exit(f"fuzz: no target '{targets[0]}': there are {' '.join(known)}")
    good = [run(build, target, seconds) for target in targets]
    print(f'{good.count(True)} passed, {good.count(False)} failed')
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
