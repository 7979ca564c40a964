#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each command line of epitaph's in README, docs and man pages: the command exists, has these
options.

    documented.py EPITAPH

Nothing is run but help: what the lines do is for the tests of each command.
"""
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EPITAPH = Path(sys.argv[1]).resolve()
FREE = ('help',)      # what follows is a command's name
TABLES = ('performance.md',)  # lines of figures begin with a program's name


def text_of(path):
    """Without man pages' backslashes and marks."""
    text = path.read_text()
    return re.sub(r'\\(.)', r'\1', text).replace('_', '') if path.suffix == '.scd' else text


def lines_of(path):
    """Those that stand in quotes, or on an indented line of their own."""
    text = text_of(path)
    quoted = [each for each in re.findall(r'`([^`]+)`', text)]
    indented = re.findall(r'^(?:\t| {4,})(\S.*)$', text, re.M)
    marked = re.findall(r'\*(epitaph [^*]+)\*', text) if path.suffix == '.scd' else []
    for line in quoted + indented + marked:
        line = re.sub(r'\s+', ' ', line).split(' #')[0]
        for part in re.split(r'&&|\||;', line):
            match = re.match(r'\s*\$? ?(?:sudo )?(?:build/)?epitaph ([a-z]+)(?: (.*))?$', part)
            if match:
                yield match[1], match[2] or '', part.strip()


class Options:
    """What a command's help says: {'--name': takes a value}."""

    def __init__(self, command):
        done = subprocess.run([EPITAPH, command, '--help'], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.exists = done.returncode == 0
        self.values = {}
        for short, name, value in re.findall(
                r'^  (?:(-\w), | {4})(--[a-z][a-z-]*)(?:(?: |=|\[=)([A-Z]+|[A-Z][\w.]*))?',
                done.stdout, re.M):
            self.values[name] = bool(value)
            if short:
                self.values[short] = bool(value)


def words_of(arguments):
    try:
        return shlex.split(re.sub(r'[\[\]]', ' ', arguments).replace('...', ''))
    except ValueError:
        return arguments.split()


def wrong(options, arguments):
    """Why this line is wrong; None if it is right."""
    words = words_of(arguments)
    while words:
        word = words.pop(0)
        if word in ('>', '<', '--') or word.startswith(('>', '<')):
            return None
        if not re.match(r'-\w|--\w', word):
            continue
        name, equals, _ = word.partition('=')
        name = name.rstrip('.,:)*')
        if not name.startswith('--') and len(name) > 2:
            name = name[:2]
        if name not in options.values:
            return f'it has no {name}'
        if options.values[name] and not equals and words:
            words.pop(0)
    return None


def main():
    documents = [*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md'),
                 *(ROOT / 'docs/man').glob('*.scd')]
    known, seen, failed = {}, 0, 0
    for path in sorted(each for each in documents if each.name not in TABLES):
        for command, arguments, line in lines_of(path):
            if command in FREE:
                continue
            options = known.setdefault(command, Options(command))
            why = wrong(options, arguments) if options.exists else 'there is no such command'
            seen += 1
            if why:
                failed += 1
                print(f'{path.relative_to(ROOT)}: {line}: {why}')
    if seen < 100:
        failed += 1
        print(f'only {seen} command lines were found')
    print(f'{seen - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
