#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the test module for a Debian cloud kernel; print the path of epitaph_crash.ko.

    build.py 6.12

The result goes to the cache of tools/assets.py, named after the kernel and the sources,
so nothing is built twice and the source tree stays clean.
"""
import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'tools'))
import assets  # noqa: E402

SOURCES = ('Kbuild', 'epitaph_crash.c')


def build_module(series):
    texts = [(HERE / name).read_bytes() for name in SOURCES]
    digest = hashlib.sha256(b'\0'.join(texts)).hexdigest()[:12]
    final = assets.cache_dir() / f'kmod-{assets.release_of(series)}-{digest}'
    module = final / 'epitaph_crash.ko'
    if module.exists():
        return module
    kdir = assets.headers(series)
    make = assets.need('make', 'make')
    assets.need('gcc-12', 'gcc-12')  # Debian's headers ask for the compiler of the kernel
    with assets.cache_lock():
        if module.exists():
            return module
        with assets.new_dir(final) as work:
            for name, text in zip(SOURCES, texts):
                (work / name).write_bytes(text)
            # BTF of modules needs pahole, and a vmlinux that 6.1's headers lack.
            assets.run(make, '-s', '-C', kdir, f'M={work}', 'CONFIG_DEBUG_INFO_BTF_MODULES=',
                       'modules')
    return module


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(build_module(sys.argv[1]))
    except assets.Trouble as trouble:
        sys.exit(f'build: {trouble}')
    except subprocess.CalledProcessError as error:
        sys.exit(f'build: make failed with status {error.returncode}')
