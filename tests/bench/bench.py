#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph against its peers (Debian sid's), same source, same run.

    bench.py [PART...] [--quick] [--runs N] [--lab DIR] [--work DIR] [--epitaph PROGRAM]
             [--json] [--corpus DIR]

Parts, and how long each takes on a quiet machine; without a name all of them, --quick the
first two:
    save      saving a dump, against makedumpfile: four minutes, a half with --quick
    explain   a report and all backtraces, against crash and drgn: a minute
    huge      saving machines of 256 GiB to 4 TiB: two minutes
    panic     from panic to reboot, against a plain initramfs with makedumpfile, in QEMU:
              a minute and a half for each run, of which there are three at most
    corpus    how many crash logs of the folder of --corpus, or EPITAPH_CORPUS, get their
              title; left out where none is named

Five runs, --quick three. Programs take turns, so that other work on the machine hits them
alike; figures are medians. What they write goes to /dev/shm, or --work.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
sys.path.insert(0, str(ROOT / 'tests/vm'))
from bench_explain import run_explain, show_explain              # noqa: E402
from bench_panic import run_panic, show_panic                    # noqa: E402
from bench_save import run_huge, run_save, show_huge, show_save  # noqa: E402

PARTS = {'save': (run_save, show_save), 'explain': (run_explain, show_explain),
         'huge': (run_huge, show_huge), 'panic': (run_panic, show_panic), 'corpus': None}


def run_corpus(options):
    subprocess.run([sys.executable, ROOT / 'tests/corpus.py', options.corpus,
                    options.epitaph.parent / 'tests/test_cause'], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('parts', nargs='*', metavar='PART')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--runs', type=int)
    parser.add_argument('--lab', type=Path)
    parser.add_argument('--work', type=Path, default=Path('/dev/shm'))
    parser.add_argument('--epitaph', type=Path, default=ROOT / 'build/epitaph')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--corpus', type=Path, default=os.environ.get('EPITAPH_CORPUS'))
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f'no part {", ".join(sorted(unknown))}: {", ".join(PARTS)}')
    parts = options.parts or (['save', 'explain'] if options.quick else list(PARTS))
    options.runs = options.runs or (3 if options.quick else 5)
    options.epitaph = options.epitaph.resolve()
    found = {'schema_version': 3, 'runs': options.runs}
    with tempfile.TemporaryDirectory(prefix='epitaph-bench-', dir=options.work) as work:
        options.work = Path(work)
        for part in parts:
            if part == 'corpus':
                continue
            run, show = PARTS[part]
            found[part] = run(options)
            if not options.json:
                print(f'\n--- {part}\n')
                show(found[part], options)
                sys.stdout.flush()
    if options.json:
        print(json.dumps(found, indent=2))
    elif 'corpus' in parts and options.corpus:
        print('\n--- corpus\n', flush=True)
        run_corpus(options)


if __name__ == '__main__':
    main()
