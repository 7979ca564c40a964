#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every #include of src/ go the way that docs/architecture.md allows?

Three things must say the same: the folder table of docs/architecture.md (the law), the
folder_uses of src/meson.build (what is linked), and the includes (what is done). File
names are unique in the tree, so that a name in a talk means one file.

    layers.py           check this tree; prints every wrong arrow
    layers.py --self    does the check find the faults that it is for?
"""
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r'^\| `src/(\w+)` \|.*\|([^|]*)\|\s*$')


def law(root):
    """{folder: folders that it may use} of the table."""
    table = {}
    for line in (root / 'docs/architecture.md').read_text().splitlines():
        row = ROW.match(line)
        if row:
            table[row[1]] = row[2].strip()
    result = {}
    for folder, uses in table.items():
        if uses.startswith('all but'):
            result[folder] = set(table) - {folder, *uses.removeprefix('all but').split()}
        else:
            result[folder] = set(uses.split()) - {'libc'}
    return result


def linked(root):
    table = re.search(r'folder_uses = \{(.*?)\n\}', (root / 'src/meson.build').read_text(), re.S)
    return {folder: set(re.findall(r"'(\w+)'", uses))
            for folder, uses in re.findall(r"'(\w+)': \[([^]]*)\]", table[1])}


def faults(root):
    allowed = law(root)
    found = []
    if len(allowed) < 3:
        return ['docs/architecture.md: the folder table was not found']
    for folder, uses in linked(root).items():
        if folder not in allowed:
            found.append(f'src/meson.build: {folder} is not in docs/architecture.md')
        elif uses - allowed[folder]:
            found.append(f'src/meson.build: {folder} links {" ".join(uses - allowed[folder])}')
    homes = {}
    for path in sorted((root / 'src').glob('*/*.[ch]')):
        folder = path.parent.name
        name = path.relative_to(root)
        if path.name in homes and path.name != 'main.c':
            found.append(f'{name}: {homes[path.name]} has the same name')
        homes[path.name] = name
        if folder not in allowed:
            found.append(f'{name}: folder {folder} is not in docs/architecture.md')
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not include:
                continue
            parts = include[1].split('/')
            where = f'{name}:{number}'
            if len(parts) != 2 or not (root / 'src' / include[1]).exists():
                found.append(f'{where}: "{include[1]}" is not "folder/file.h" below src/')
            elif parts[0] != folder and parts[0] not in allowed[folder]:
                found.append(f'{where}: {folder} may not use {parts[0]}')
    return found


def self_test():
    """A tree of three folders, with each fault once."""
    files = {
        'docs/architecture.md': '| `src/a` | x | libc |\n| `src/b` | x | a |\n'
                                '| `src/c` | x | all but b |\n',
        'src/meson.build': "folder_uses = {\n  'a': [],\n  'b': ['a'],\n  'c': ['a'],\n}\n",
        'src/a/one.h': '', 'src/b/two.h': '',
        'src/b/good.c': '#include "a/one.h"\n#include "b/two.h"\n#include <stdio.h>\n',
    }
    wrong = {
        'arrow': {'src/a/bad.c': '#include "b/two.h"\n'},
        'all but': {'src/c/bad.c': '#include "b/two.h"\n'},
        'relative': {'src/b/bad.c': '#include "two.h"\n'},
        'missing': {'src/b/bad.c': '#include "a/none.h"\n'},
        'name': {'src/c/good.c': ''},
        'folder': {'src/d/new.c': ''},
        'linked': {'src/meson.build': "folder_uses = {\n  'a': ['b'],\n}\n"},
    }
    missed = []
    for name, change in {'none': {}, **wrong}.items():
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            for path, text in {**files, **change}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            if len(faults(root)) != (0 if name == 'none' else 1):
                missed.append(f'self test: {name}: {faults(root)}')
    return missed


def main():
    found = self_test() if sys.argv[1:] == ['--self'] else faults(ROOT)
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
