#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package: built by ./dev deb, whose lintian has the first word; then installed,
used, removed and purged in copies of bare roots of Debian 12 and 13. As root.

    deb.py [PACKAGE]       PACKAGE instead of building one

Ends with "N passed, N failed".
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

SUITES = ('bookworm', 'trixie')
HINT = 'epitaph: nothing is armed yet: epitaph setup shows what to change, and asks'
# Where setup would have written something.
ARMING = ('etc/systemd/system/multi-user.target.wants/epitaph.service',
          'etc/default/grub.d/epitaph.cfg', 'etc/sysctl.d/90-epitaph.conf',
          'etc/init.d/epitaph', 'var/lib/epitaph')
CRASH = 'var/crash/202601010000/dmesg.202601010000'
JOURNAL = 'var/lib/epitaph/setup.json'
CONFFILES = ('etc/epitaph.conf', 'etc/kernel/postinst.d/zz-epitaph',
             'etc/initramfs/post-update.d/zz-epitaph')
# Where apt, dpkg and the like keep what they know of a package.
KEPT_BY_OTHERS = ('var/lib/dpkg/', 'var/lib/apt/', 'var/cache/', 'var/log/')


class Chroot:
    """A copy of a root, without services."""

    def __init__(self, suite, folder):
        self.path = folder / suite
        assets.run('cp', '-a', '--reflink=auto', assets.debian_root(suite), self.path)
        policy = self.path / 'usr/sbin/policy-rc.d'
        policy.write_text('#!/bin/sh\nexit 101\n')
        policy.chmod(0o755)

    def run(self, *command):
        done = subprocess.run(
            ['chroot', str(self.path), *map(str, command)], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
                 'DEBIAN_FRONTEND': 'noninteractive',
                 **{k: v for k, v in os.environ.items() if k.lower().endswith('_proxy')}})
        return done.returncode, done.stdout

    def must(self, *command):
        code, out = self.run(*command)
        assert code == 0, f'{" ".join(map(str, command))}: exit {code}\n{out[-2000:]}'
        return out

    def install(self, package):
        name = f'/{package.name}'
        shutil.copy(package, self.path / package.name)
        return self.must('apt-get', 'install', '-q', '-y', '--no-install-recommends', name)

    def has(self, name):
        return os.path.lexists(self.path / name)

    def ours(self):
        """What bears our name, by where it is."""
        found = []
        for folder, folders, files in os.walk(self.path):
            relative = os.path.relpath(folder, self.path) + '/'
            if relative.startswith(('proc/', 'sys/', *KEPT_BY_OTHERS)):
                folders.clear()
                continue
            found += [(relative + name).removeprefix('./') for name in (*folders, *files)
                      if 'epitaph' in name]
        return sorted(found)


def version_of_tree():
    return re.search(r"^  version: '(.*)',", (ROOT / 'meson.build').read_text(), re.M)[1]


def installed(root, package):
    root.must('apt-get', 'update', '-q')
    out = root.install(package)
    assert HINT in out, out[-1000:]
    (root.path / package.name).unlink()
    left = [name for name in ARMING if root.has(name)]
    assert not left, f'the package alone made {left}'
    missing = [name for name in CONFFILES if not root.has(name)]
    assert not missing, missing
    assert root.must('dpkg', '--verify', 'epitaph') == ''


def usable(root, package):
    assert root.must('epitaph', '--version') == f'epitaph {version_of_tree()}\n'
    # A root without a kernel, /proc and /sys: every row has to get along with that.
    code, out = root.run('epitaph', 'check')
    assert code == 3 and len(out.splitlines()) > 10, (code, out)
    code, out = root.run('epitaph', 'check', '--json')
    assert code == 3 and json.loads(out)['schema_version'] == 1, (code, out)
    code, out = root.run('epitaph', 'setup', '--dry-run')
    assert code in (0, 1) and not root.has('var/lib/epitaph'), (code, out)
    for program in 'epitaph-capture', 'epitaph-guest':
        _, out = root.run('ldd', f'/usr/libexec/epitaph/{program}')
        assert 'not a dynamic executable' in out, out


def hooked(root, package):
    """A kernel's installation, which runs the hook, is not to fail with us."""
    for hook in CONFFILES[1:]:
        root.must(f'/{hook}', os.uname().release)
        root.must(f'/{hook}', '1.2.3-other')


def again(root, package):
    """The same version over itself: as an upgrade, it says nothing of a first step."""
    out = root.install(package)
    root.must('dpkg', '-i', f'/{package.name}')
    (root.path / package.name).unlink()
    assert root.must('dpkg', '--verify', 'epitaph') == '', out


def removed(root, package):
    for name, text in (CRASH, 'Kernel panic'), (JOURNAL, '{}'):
        (root.path / name).parent.mkdir(parents=True, exist_ok=True)
        (root.path / name).write_text(text)
    out = root.must('apt-get', 'remove', '-q', '-y', 'epitaph')
    assert "'epitaph setup --undo' before the removal puts it back" in out, out
    assert not root.has('usr/bin/epitaph') and not root.has('usr/libexec/epitaph')
    assert all(root.has(name) for name in (*CONFFILES, CRASH, JOURNAL))
    hooked(root, package)  # they stay until a purge, and have nothing to do


def purged(root, package):
    out = root.must('apt-get', 'purge', '-q', '-y', 'epitaph')
    assert f"'/{JOURNAL}' stays" in out, out
    assert root.ours() == ['var/lib/epitaph'], root.ours()
    assert root.has(CRASH) and root.has(JOURNAL)


def purged_after_undo(root, package):
    root.install(package)
    (root.path / package.name).unlink()
    (root.path / JOURNAL).unlink()
    (root.path / 'var/lib/epitaph/armed.json').write_text('{}')
    root.must('apt-get', 'purge', '-q', '-y', 'epitaph')
    assert root.ours() == [] and root.has(CRASH), root.ours()


STEPS = (installed, usable, hooked, again, removed, purged, purged_after_undo)


def build():
    out = subprocess.run([ROOT / 'dev', 'deb'], stdout=subprocess.PIPE, text=True)
    print(out.stdout, end='', flush=True)
    packages = list((ROOT / 'build-deb').glob('epitaph_*.deb'))
    assert out.returncode == 0 and len(packages) == 1, 'no package, or lintian is not content'
    return packages[0]


def of_one_version(package):
    changelog = (ROOT / 'packaging/debian/changelog').read_text()
    versions = {version_of_tree(), re.match(r'epitaph \((\S+)\)', changelog)[1],
                assets.field(package, 'Version')}
    assert len(versions) == 1, versions


def main():
    passed = failed = 0

    def step(name, function, *arguments):
        nonlocal passed, failed
        try:
            result = function(*arguments)
        except (AssertionError, OSError, KeyError, ValueError) as error:
            failed += 1
            print(f'{name}: {error}', flush=True)
            return None
        passed += 1
        return result or True

    package = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else step('build', build)
    if package:
        step('versions', of_one_version, package)
        # A file system of the size of two roots; /tmp may be small.
        with tempfile.TemporaryDirectory(prefix='epitaph-deb.', dir='/var/tmp') as folder:
            for suite in SUITES:
                root = step(f'{suite}: root', Chroot, suite, Path(folder))
                for each in STEPS if root else ():
                    if not step(f'{suite}: {each.__name__}', each, root, package):
                        break
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
