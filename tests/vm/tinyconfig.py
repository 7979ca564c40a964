#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The fragment of `epitaph kconfig`, proven: the least kernel that the kernel's own build
knows, tinyconfig, with that fragment and the drivers of one machine; built from Debian's
source, checked, armed, crashed and captured in a rehearsal.

    tinyconfig.py EPITAPH [SERIES] [--keep DIR]
                           SERIES is 6.12, or another one of which this Debian has the
                           source; build and record stay in DIR, and a second run goes on
                           from there

Fetches 140 MB and builds for some minutes on all processors. Ends with "N passed, N
failed".
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

# A machine of QEMU's, a user space with a C library, and the first system of a rehearsal:
# none of it is about crashes. Each of these is off in a tinyconfig.
MACHINE = '''
CONFIG_64BIT=y
CONFIG_PCI=y
CONFIG_ACPI=y
CONFIG_VIRTIO_MENU=y
CONFIG_VIRTIO_PCI=y
CONFIG_BLK_DEV=y
CONFIG_VIRTIO_BLK=y
CONFIG_EXT4_FS=y
CONFIG_TTY=y
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_BINFMT_SCRIPT=y
CONFIG_MULTIUSER=y
CONFIG_MAGIC_SYSRQ=y
'''


class Build:
    def __init__(self, epitaph, series, work):
        self.epitaph, self.work = epitaph, work
        self.source = assets.kernel_source(series)
        self.build, self.root = work / 'build', work / 'root'

    def make(self, *arguments):
        with open(self.work / 'build.log', 'a') as log:
            done = subprocess.run(
                ['make', '-C', str(self.source), f'O={self.build}', 'ARCH=x86_64',
                 f'-j{os.cpu_count()}', *arguments], stdout=log, stderr=log)
        if done.returncode:
            tail = (self.work / 'build.log').read_text(errors='replace')[-3000:]
            raise assets.Trouble(f"'make {' '.join(arguments)}' failed:\n{tail}")

    def configure(self):
        """What merge_config.sh says of it."""
        self.build.mkdir(exist_ok=True)
        self.make('tinyconfig')
        fragment = subprocess.run([self.epitaph, 'kconfig', '--arch', 'x86_64'], check=True,
                                  text=True, stdout=subprocess.PIPE).stdout
        (self.work / 'epitaph.config').write_text(fragment)
        (self.work / 'machine.config').write_text(MACHINE)
        done = subprocess.run(
            [str(self.source / 'scripts/kconfig/merge_config.sh'), '-O', str(self.build),
             str(self.build / '.config'), str(self.work / 'machine.config'),
             str(self.work / 'epitaph.config')], cwd=self.source, text=True,
            env=dict(os.environ, ARCH='x86_64', MAKEFLAGS=''),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout[-2000:]
        return done.stdout

    def install(self):
        """As `epitaph rehearse --kernel-root` wants it."""
        self.make('bzImage', 'modules')
        release = (self.build / 'include/config/kernel.release').read_text().strip()
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / 'boot').mkdir(parents=True)
        shutil.copy(self.build / 'arch/x86/boot/bzImage',
                    self.root / f'boot/vmlinuz-{release}')
        shutil.copy(self.build / '.config', self.root / f'boot/config-{release}')
        self.make('modules_install', f'INSTALL_MOD_PATH={self.root}')
        assets.run(assets.need('depmod', 'kmod'), '-b', self.root, release)
        return release


def configured(build):
    """Nothing of the fragment is silently not there."""
    said = build.configure()
    config = (build.build / '.config').read_text()
    wanted = re.findall(r'^(CONFIG_\w+=y)$', (build.work / 'epitaph.config').read_text(), re.M)
    missing = [line for line in wanted if f'{line}\n' not in config]
    assert not missing, f'{missing}\n{said[-3000:]}'


def check_json(build, *arguments):
    done = subprocess.run([build.epitaph, 'check', '--json', *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f'exit {done.returncode}\n{done.stdout}{done.stderr}'
    told = json.loads(done.stdout)
    bad = [(row['name'], row['state'], row['value']) for row in told['requirements']
           if row['state'] != 'ok']
    assert told['verdict'] == 'ok' and not bad, bad


def checked(build):
    check_json(build, '--kernel-config', build.build / '.config')


def built(build):
    build.release = build.install()
    check_json(build, '--kernel', build.root / f'boot/vmlinuz-{build.release}')


def captured(build):
    """Armed, crashed, captured; and the report knows what a kernel of a distribution tells."""
    kept = build.work / 'rehearsal'
    shutil.rmtree(kept, ignore_errors=True)
    done = subprocess.run(
        [build.epitaph, 'rehearse', '--kernel-root', build.root, '--keep', kept, '--json'],
        text=True, stdout=subprocess.PIPE)
    assert done.returncode == 0, f'exit {done.returncode}: {kept}/console.log'
    told = json.loads(done.stdout)
    assert told['verdict'] == 'good' and told['kernel_release'] == build.release, told
    text = json.dumps(told['report'])
    for word in 'sysrq_handle_crash', 'Kernel panic', 'rehearsal':
        assert word in text, f'no {word} in the report: {text[:3000]}'


STEPS = (configured, checked, built, captured)


def run_in(work, options):
    passed = failed = 0
    started = time.monotonic()
    build = Build(options.epitaph.absolute(), options.series, work)
    for step in STEPS:
        try:
            step(build)
        except (AssertionError, OSError, KeyError, ValueError, assets.Trouble) as error:
            failed += 1
            print(f'{step.__name__}: {error}'[:6000], flush=True)
            break
        passed += 1
        print(f'{time.monotonic() - started:5.0f} s  {step.__name__}', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('series', nargs='?', default='6.12')
    parser.add_argument('--keep', type=Path)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return run_in(options.keep.absolute(), options)
    with tempfile.TemporaryDirectory(prefix='epitaph-tiny.', dir='/var/tmp') as folder:
        return run_in(Path(folder), options)


if __name__ == '__main__':
    sys.exit(main())
