#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the test module for a Debian cloud kernel; print the path of epitaph_crash.ko.

    build.py 6.12

The result goes to the cache of tools/assets.py, named after the kernel and the sources,
so nothing is built twice and the source tree stays clean.

Each kernel is of another compiler, and this Debian has only gcc-12: that of 6.1 and 6.12,
younger than 5.10's and older than 7.2's. The module is simple enough for it to be so.
"""
import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'tools'))
import assets  # noqa: E402

SOURCES = ('Kbuild', 'epitaph_crash.c')
COMPILER = 'gcc-12'
# How kbuild is told to build for another machine; Debian's cross compiler is gcc-12 too.
CROSS = {'arm64': ['ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-',
                   'CC=aarch64-linux-gnu-gcc']}
# Variables of kbuild and the programs that Debian's choose by the architecture.
HELPERS = {'objtool': 'tools/objtool/objtool.real-x86',
           'MODPOST': 'scripts/mod/modpost.real-lsb-64'}


def runs_here(program):
    """Not what was linked with a younger C library."""
    done = subprocess.run([program, '--version'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    return 'GLIBC' not in done.stderr


def wrapper(program, work):
    """A script that runs a program of Debian sid with sid's C library."""
    root = assets.peers()
    script = work / f'{program.name}.sh'
    script.write_text(f'#!/bin/sh\nexec {root / assets.LIBDIR}/ld-linux-x86-64.so.2'
                      f' --library-path {root / assets.LIBDIR} {program} "$@"\n')
    script.chmod(0o755)
    return script


def make_variables(kdir, work, architecture):
    variables = [*CROSS.get(architecture, [f'CC={COMPILER}']),
                 # Options and attributes that are younger than the compiler.
                 'CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=', 'KCFLAGS=-Wno-attributes',
                 # BTF of modules needs pahole, and a vmlinux that 6.1's headers lack.
                 'CONFIG_DEBUG_INFO_BTF_MODULES=']
    for variable, path in HELPERS.items():
        if (kdir / path).exists() and not runs_here(kdir / path):
            variables.append(f'{variable}={wrapper(kdir / path, work)}')
    return variables


def build_module(series):
    texts = [(HERE / name).read_bytes() for name in SOURCES]
    digest = hashlib.sha256(b'\0'.join(texts)).hexdigest()[:12]
    final = assets.cache_dir() / f'kmod-{assets.release_of(series)}-{digest}'
    module = final / 'epitaph_crash.ko'
    if module.exists():
        return module
    kdir = assets.headers(series)
    make = assets.need('make', 'make')
    architecture = assets.series_parts(assets.release_of(series))[1]
    if architecture in CROSS:
        assets.need('aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu')
    else:
        assets.need(COMPILER, COMPILER)
    with assets.cache_lock():
        if module.exists():
            return module
        with assets.new_dir(final) as work:
            for name, text in zip(SOURCES, texts):
                (work / name).write_bytes(text)
            assets.run(make, '-s', '-C', kdir, f'M={work}', *make_variables(kdir, work, architecture),
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
