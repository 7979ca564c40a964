#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix: what becomes of a crash when something else goes wrong as well.

    matrix.py EPITAPH [--core] [--again] [--state FILE] [--table FILE] [CASE ...]

Each case is one `epitaph rehearse` of a real kernel, or some, with a fault in it, judged by
what lies on the disks after the next boot. They are in cases_*.py.

--core: those few that belong to every test run.
--state FILE: what became of each case, written after each; a run that was stopped goes on
where it was, and only what failed, or was run by other programs than these, is run anew.
--again: all of them. --table FILE: the outcome of all in FILE.state's as a table for
docs/reliability.md. Ends with "N passed, N failed".
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import CASES, Case, Failure, assets
import cases_targets      # noqa: F401
import cases_disk         # noqa: F401
import cases_time         # noqa: F401
import cases_last_resort  # noqa: F401
import cases_power        # noqa: F401
import cases_machine      # noqa: F401

MARK = ('<!-- made by ./dev matrix -->', '<!-- end -->')
PROGRAMS = 'epitaph', 'epitaph-capture', 'epitaph-guest'
HERE = Path(__file__).resolve().parent
TROUBLE = (Failure, assets.Trouble, OSError, subprocess.SubprocessError, StopIteration, KeyError,
           ValueError, AttributeError)


class State:
    """What is known of earlier runs with the same programs and the same cases."""

    def __init__(self, path, epitaph):
        self.path = path
        self.known = json.loads(path.read_text()) if path and path.exists() else {}
        self.programs = self.digest(epitaph.parent / name for name in PROGRAMS)
        self.machine = self.digest([HERE / 'machine.py'])

    @staticmethod
    def digest(paths):
        digest = hashlib.sha256()
        for path in paths:
            digest.update(path.read_bytes() if path.exists() else b'')
        return digest.hexdigest()[:16]

    def source(self, name):
        return self.digest([Path(sys.modules[CASES[name][4].__module__].__file__)])

    def key(self, name):
        return f'{self.programs} {self.machine} {self.source(name)}'

    def good(self, name):
        entry = self.known.get(name)
        return entry if entry and entry['word'] == 'ok' and entry['key'] == self.key(name) \
            else None

    def add(self, name, word, why, note, seconds):
        self.known[name] = {'word': word, 'why': why, 'note': note, 'seconds': seconds,
                            'key': self.key(name)}
        if self.path:
            part = self.path.with_name(self.path.name + '.part')
            part.write_text(json.dumps(self.known, indent=1))
            part.rename(self.path)


def table(state):
    """Of what these programs were seen to do; the rest is not claimed."""
    rows, last, total = [], None, 0
    for name, (group, wrong, remains, _, function) in CASES.items():
        entry = state.known.get(name)
        if group != last:
            rows += [f'\n### {group.capitalize()}\n', '| what is wrong | what must remain | seen |',
                     '|---|---|---|']
        last = group
        word = 'not run' if not entry else 'does not hold' if entry['word'] != 'ok' else 'ok'
        note = f": {entry['note']}" if entry and entry['note'] else ''
        total += entry['seconds'] if entry else 0
        rows.append(f'| {wrong} | {remains} | {word}{note} |'.replace('\n', ' '))
    known = [state.known[name] for name in CASES if name in state.known]
    good = sum(entry['word'] == 'ok' for entry in known)
    rows.append(f'\n{len(known)} of {len(CASES)} cases were run, one after the other in '
                f'{total / 60:.0f} minutes; {good} hold.')
    return '\n'.join(rows).strip() + '\n'


def write_table(path, state):
    text = path.read_text()
    start, end = (text.index(mark) for mark in MARK)
    path.write_text(text[:start] + MARK[0] + '\n' + table(state) + text[end:])


def run_case(epitaph, name):
    work = Path(tempfile.mkdtemp(prefix='epitaph-matrix.', dir='/var/tmp'))
    machine = Case(epitaph, work)
    try:
        CASES[name][4](machine)
        return 'ok', '', machine.note
    except TROUBLE as error:
        return 'FAILED', f'{type(error).__name__}: {error}', machine.note
    finally:
        if not os.environ.get('EPITAPH_MATRIX_KEEP'):
            shutil.rmtree(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('cases', nargs='*', metavar='CASE')
    parser.add_argument('--core', action='store_true')
    parser.add_argument('--again', action='store_true')
    parser.add_argument('--state', type=Path)
    parser.add_argument('--table', type=Path)
    args = parser.parse_intermixed_args()
    unknown = set(args.cases) - set(CASES)
    if unknown:
        sys.exit(f"no case {unknown}: there are {', '.join(CASES)}")
    epitaph = args.epitaph.absolute()
    state = State(args.state, epitaph)
    wanted = args.cases or [name for name in CASES if CASES[name][3] or not args.core]
    passed = failed = 0
    began = time.monotonic()
    for name in wanted:
        entry = None if args.again or args.cases else state.good(name)
        if entry:
            print(f'   known  {CASES[name][0]}: {name}: ok {entry["note"]}', flush=True)
            passed += 1
            continue
        started = time.monotonic()
        word, why, note = run_case(epitaph, name)
        seconds = time.monotonic() - started
        state.add(name, word, why, note, seconds)
        passed, failed = passed + (word == 'ok'), failed + (word != 'ok')
        print(f'{seconds:6.1f} s  {CASES[name][0]}: {name}: {word} {why}{note}', flush=True)
        if args.table:
            write_table(args.table, state)
    print(f'{(time.monotonic() - began) / 60:.1f} minutes')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
