#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph setup, on machines of several distributions that are recorded here.

    setup.py EPITAPH [--update]

What each is told is kept in setup/NAME.txt; --update writes them anew, to be looked at
before they are committed. That undo(setup(x)) == x, byte for byte, and that the second
setup has nothing to do, is tried with every machine and preset.
"""
import difflib
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from check import EPITAPH, UPDATE, Machine, bzimage

EXPECTED = Path(__file__).resolve().parent / 'setup'
PRESETS = ('server', 'desktop', 'debugging')
IOMEM = '''00000000-00000fff : Reserved
00001000-0009fbff : System RAM
00100000-bffdffff : System RAM
  01000000-01ffffff : Kernel code
  bf000000-bf0fffff : ACPI Tables
bffe0000-bfffffff : Reserved
100000000-13fffffff : System RAM
'''


def base(m, release, cmdline, kernel='boot/vmlinuz-{}'):
    m.kernel(cmdline, release, size=0)
    m.write('proc/iomem', IOMEM)
    m.write(kernel.format(release), bzimage(release))
    m.write('var/lib/x')


def systemd(m):
    m.write('usr/lib/systemd/system/epitaph.service', '[Unit]\n')
    m.write('etc/systemd/system/multi-user.target.wants/x')


# ---- machines --------------------------------------------------------------------------

DEBIAN_GRUB = '''# If you change this file, run 'update-grub' afterwards to update
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
'''


def debian(m, release):
    base(m, release, 'root=/dev/sda1 ro quiet')
    systemd(m)
    m.write('etc/default/grub', DEBIAN_GRUB)
    m.write('etc/default/grub.d/x')
    m.write('usr/sbin/update-grub')
    m.write('usr/sbin/grub-mkconfig', 'for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n')
    m.write('boot/grub/grub.cfg', 'linux /boot/vmlinuz root=/dev/sda1 ro quiet\n')


def debian11(m):
    debian(m, '5.10.0-32-amd64')


def debian12_kdump_tools(m):
    debian(m, '6.1.0-32-amd64')
    m.write('etc/default/grub.d/kdump-tools.cfg', 'GRUB_CMDLINE_LINUX_DEFAULT='
            '"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=384M-:128M"\n')
    m.service('kdump-tools.service')


def debian13_cloud(m):
    debian(m, '6.12.48+deb13-cloud-amd64')
    m.write('etc/default/grub.d/10_cloud.cfg',
            'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200 earlyprintk"\n')


def ubuntu2404(m):
    debian(m, '6.8.0-45-generic')
    m.write('etc/default/grub', DEBIAN_GRUB.replace('"quiet"', '"quiet splash"'))
    m.write('etc/default/grub.d/kdump-tools.cfg', 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX'
            '_DEFAULT crashkernel=2G-4G:320M,4G-32G:512M,32G-64G:1024M"\n')


def fedora41(m):
    release = '6.12.5-200.fc41.x86_64'
    base(m, release, 'root=UUID=1 ro rhgb quiet', 'usr/lib/modules/{}/vmlinuz')
    systemd(m)
    m.write('etc/default/grub', 'GRUB_TIMEOUT=5\nGRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX="rhgb quiet '
            'crashkernel=2G-64G:256M,64G-:512M"\nGRUB_ENABLE_BLSCFG=true\n')
    m.write('boot/grub2/grub.cfg', 'blscfg\n')
    m.write('etc/kernel/cmdline', 'root=UUID=1 ro rhgb quiet\n')
    for name in (release, '0-rescue'):
        m.write(f'boot/loader/entries/0123-{name}.conf', f'title Fedora ({name})\nversion {name}\n'
                f'linux /vmlinuz-{name}\noptions root=UUID=1 ro rhgb quiet '
                'crashkernel=2G-64G:256M,64G-:512M\ngrub_users $grub_users\n')


def opensuse(m):
    base(m, '6.4.0-150600.21-default', 'root=UUID=1 splash=silent quiet')
    systemd(m)
    m.write('etc/default/grub', 'GRUB_CMDLINE_LINUX_DEFAULT="splash=silent quiet crashkernel=303M,high '
            'crashkernel=72M,low"\nGRUB_CMDLINE_LINUX=""\n')
    m.write('usr/sbin/grub2-mkconfig', '#!/bin/sh\n. ${sysconfdir}/default/grub\n')
    m.write('boot/grub2/grub.cfg', 'linux\n')


def arch_systemd_boot(m):
    base(m, '6.12.1-arch1-1', 'root=PARTUUID=1 rw', 'usr/lib/modules/{}/vmlinuz')
    systemd(m)
    m.write('boot/loader/loader.conf', 'default arch.conf\n')
    m.write('boot/loader/entries/arch.conf', 'title   Arch Linux\nlinux   /vmlinuz-linux\n'
            'initrd  /initramfs-linux.img\noptions root=PARTUUID=1 rw')
    m.write('boot/loader/entries/memtest.conf', 'title memtest\nefi /memtest.efi\n')
    m.write('boot/EFI/Linux/arch-linux.efi', 'MZ')


def arch_grub(m):
    base(m, '6.12.1-arch1-1', 'root=PARTUUID=1 rw', 'usr/lib/modules/{}/vmlinuz')
    systemd(m)
    m.write('etc/default/grub', 'GRUB_CMDLINE_LINUX_DEFAULT="loglevel=3 quiet"\n'
            "GRUB_CMDLINE_LINUX='iommu=pt'\n")
    m.write('usr/bin/grub-mkconfig', '#!/bin/sh\n. ${sysconfdir}/default/grub\n')
    m.write('boot/grub/grub.cfg', 'linux\n')


def alpine(m):
    base(m, '6.6.58-0-lts', 'root=UUID=1 modules=sd-mod,ext4', 'boot/vmlinuz-{}')
    m.write('etc/runlevels/default/x')
    m.write('etc/init.d/x')
    m.write('usr/share/epitaph/openrc/epitaph', '#!/sbin/openrc-run\n')
    m.write('etc/update-extlinux.conf', '# kernel options\ndefault_kernel_opts="quiet rootfstype=ext4"\n'
            'modules=sd-mod,usb-storage,ext4\n')
    m.write('boot/extlinux.conf', 'LABEL lts\n  APPEND root=UUID=1 quiet\n')


def devuan_extlinux(m):
    base(m, '6.1.0-32-amd64', 'root=/dev/sda1')
    m.write('etc/rc2.d/S01x')
    m.write('etc/init.d/x')
    m.write('usr/share/epitaph/sysv/epitaph', '#!/bin/sh\n:\n')
    m.write('boot/extlinux/extlinux.conf', 'DEFAULT linux\nLABEL linux\n\tKERNEL /vmlinuz\n'
            '\tappend root=/dev/sda1 ro\nLABEL memtest\n\tLINUX /memtest\n\tAPPEND once\n')


def raspberry_pi(m):
    base(m, '6.6.51+rpt', 'console=serial0,115200 root=PARTUUID=1')
    systemd(m)
    m.write('boot/firmware/cmdline.txt', 'console=serial0,115200 root=PARTUUID=1 rootwait\n')


def s390_zipl(m):
    base(m, '6.1.0', 'root=/dev/dasda1')
    systemd(m)
    m.write('etc/zipl.conf', '[defaultboot]\n')


def no_loader(m):
    """A virtual machine whose kernel comes from outside; no kernel to be seen either."""
    m.kernel('root=/dev/vda', '6.12.0', size=0)
    m.write('etc/hostname', 'box\n')


MACHINES = (debian11, debian12_kdump_tools, debian13_cloud, ubuntu2404, fedora41, opensuse,
            arch_systemd_boot, arch_grub, alpine, devuan_extlinux, raspberry_pi, s390_zipl, no_loader)


# ---- what is looked at -----------------------------------------------------------------

def snapshot(root):
    """Each name below root: kind, mode, owner, bytes."""
    found = {}
    for path in sorted(root.rglob('*')):
        st = path.lstat()
        data = (os.readlink(path) if path.is_symlink() else
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else '')
        found[str(path.relative_to(root))] = (stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode),
                                              st.st_uid, st.st_gid, data)
    return found


def setup(m, *words, code=0):
    done = m.run('setup', '--root', 'machine', *words)
    assert done[0] == code, done
    return done[1] if code == 0 else done[2]


def compare(name, text):
    path = EXPECTED / name
    if UPDATE:
        path.write_text(text)
    expected = path.read_text() if path.exists() else ''
    assert text == expected, '\n' + '\n'.join(difflib.unified_diff(
        expected.splitlines(), text.splitlines(), f'setup/{name}', 'printed', lineterm=''))


def check_machine(m, make):
    make(m)
    before = snapshot(m.root)
    out = setup(m, '--dry-run')
    assert snapshot(m.root) == before, 'a dry run changed something'
    compare(f'{make.__name__}.txt', out)
    assert not [line for line in out.splitlines() if line.startswith('#') and len(line) > 80], out
    for words in [['--preset', preset] for preset in PRESETS] + MORE:
        setup(m, '--yes', *words)
        after = snapshot(m.root)
        assert after != before
        assert 'nothing to do' in setup(m, '--yes', *words), (words, 'not twice')
        assert snapshot(m.root) == after, 'the second setup changed something'
        setup(m, '--undo', '--yes')
        left = snapshot(m.root)
        assert left == before, [k for k in {*left, *before} if left.get(k) != before.get(k)]
    # one after the other, and back in one step
    for words in [['--preset', preset] for preset in PRESETS] + MORE:
        setup(m, '--yes', *words)
    setup(m, '--undo', '--yes')
    assert snapshot(m.root) == before


MORE = [['--crashkernel', '200M'], ['--crashkernel', 'keep'], ['--crashkernel', 'none']]


def sourced(m, variable):
    """As grub-mkconfig reads them: what a shell makes of it."""
    script = '. ./etc/default/grub; for f in etc/default/grub.d/*.cfg; do . ./$f; done; '
    return subprocess.run(['sh', '-c', script + f'printf %s "${variable}"'], cwd=m.root, text=True,
                          check=True, stdout=subprocess.PIPE).stdout


def test_grub_reads_it(m):
    ubuntu2404(m)
    setup(m, '--yes')
    words = (sourced(m, 'GRUB_CMDLINE_LINUX') + ' ' + sourced(m, 'GRUB_CMDLINE_LINUX_DEFAULT')).split()
    assert [w for w in words if w.startswith('crashkernel=')] == ['crashkernel=112M'], words
    assert 'splash' in words


def test_changed_since(m):
    debian11(m)
    before = snapshot(m.root)
    setup(m, '--yes')
    m.write('etc/default/grub.d/epitaph.cfg', 'mine\n')
    middle = snapshot(m.root)
    err = setup(m, '--undo', '--yes', code=1)
    assert "'/etc/default/grub.d/epitaph.cfg'" in err and '--force' in err, err
    assert snapshot(m.root) == middle, 'something was undone'
    (m.root / 'etc/sysctl.d/90-epitaph.conf').chmod(0o600)
    assert '90-epitaph.conf' in setup(m, '--undo', '--yes', code=1), 'a mode is a change too'
    setup(m, '--undo', '--yes', '--force')
    assert snapshot(m.root) == before


def test_in_use_since(m):
    """A directory that setup made, and in which others wrote, stays."""
    debian11(m)
    setup(m, '--yes')
    m.write('etc/sysctl.d/mine.conf', 'x\n')
    assert 'stays' in m.run('setup', '--root', 'machine', '--undo', '--yes')[2]
    assert os.listdir(m.root / 'etc/sysctl.d') == ['mine.conf']


def test_modes_stay(m):
    opensuse(m)
    (m.root / 'etc/default/grub').chmod(0o640)
    setup(m, '--yes')
    assert stat.S_IMODE((m.root / 'etc/default/grub').stat().st_mode) == 0o640
    assert stat.S_IMODE((m.root / 'var/lib/epitaph/setup.json').stat().st_mode) == 0o600


def test_refused(m):
    debian11(m)
    before = snapshot(m.root)
    for code, words, text in (
            (2, [], 'no terminal'),
            (1, ['--undo', '--yes'], 'nothing to undo'),
            (2, ['--force', '--yes'], '--undo'),
            (2, ['--preset', 'toaster'], "'toaster'"),
            (2, ['--boot-loader', 'lilo'], "'lilo'"),
            (1, ['--crashkernel', 'lots', '--yes'], "'lots'"),
            (1, ['--crashkernel', '128M ; rm', '--yes'], "'128M ; rm'"),
            (2, ['word'], "'word'")):
        err = setup(m, *words, code=code)
        assert text in err, (words, err)
        assert snapshot(m.root) == before, words
    m.write('proc/meminfo', 'MemTotal: 180000 kB\n')
    assert 'more than half' in setup(m, '--yes', code=1)
    assert 'crashkernel=64M' in setup(m, '--yes', '--crashkernel', '64M')


def test_links(m):
    """A file that is a link is not edited, and a link leads nowhere out of the root."""
    opensuse(m)
    m.write('etc/elsewhere', (m.root / 'etc/default/grub').read_text())
    m.link('etc/default/grub', '../elsewhere')
    before = snapshot(m.root)
    assert 'is a link' in setup(m, '--yes', code=1)
    assert snapshot(m.root) == before
    shutil.rmtree(m.root)
    m.root.mkdir()
    debian11(m)
    (m.top / 'outside').mkdir()
    shutil.rmtree(m.root / 'etc/default/grub.d')
    m.link('etc/default/grub.d', m.top / 'outside')
    setup(m, '--yes', code=1)
    assert not os.listdir(m.top / 'outside')


def test_unwritable(m):
    """The third of the files can't be written: those before it are taken back."""
    fedora41(m)
    before = snapshot(m.root)
    # a temporary name that is a directory with something in it can't be replaced
    m.write('etc/kernel/.cmdline.tmp/x')
    blocked = snapshot(m.root)
    err = setup(m, '--yes', code=1)
    assert 'nothing was changed' in err, err
    assert snapshot(m.root) == blocked
    shutil.rmtree(m.root / 'etc/kernel/.cmdline.tmp')
    assert snapshot(m.root) == before


def test_broken_shell(m):
    debian11(m)
    m.write('etc/default/grub', DEBIAN_GRUB + 'GRUB_CMDLINE_LINUX_DEFAULT="x crashkernel=1M"\nif\n')
    before = snapshot(m.root)
    err = setup(m, '--yes', code=1)
    assert 'is no shell script' in err and 'nothing was changed' in err, err
    assert snapshot(m.root) == before


def test_journal(m):
    debian11(m)
    m.write('etc/default/grub', DEBIAN_GRUB.encode() + b'GRUB_CMDLINE_LINUX="\xff\xfe crashkernel=1M"\n')
    before = snapshot(m.root)
    setup(m, '--yes')
    journal = m.root / 'var/lib/epitaph/setup.json'
    text = journal.read_text()
    assert json.loads(text)['schema_version'] == 1 and '"hex"' in text
    for wrong in ('', '{', '{}', '{"schema_version": 2, "runs": []}', '{"schema_version": 1}',
                  '{"schema_version": 1, "runs": [{"changes": [{}]}]}',
                  '{"schema_version": 1, "runs": [{"changes": [{"path": "x"}]}]}',
                  text.replace('"kind": "absent"', '"kind": "ghost"'),
                  text.replace('"mode"', '"mode": "x", "m"', 1)):
        journal.write_text(wrong)
        assert 'setup.json' in setup(m, '--undo', '--yes', code=1), wrong
        journal.write_text(text)
    setup(m, '--undo', '--yes')
    assert snapshot(m.root) == before


TESTS = (test_grub_reads_it, test_changed_since, test_in_use_since, test_modes_stay, test_refused,
         test_links, test_unwritable, test_broken_shell, test_journal)


def main():
    # no capture program: sizes do not depend on what was built
    os.environ['EPITAPH_LIBEXEC'] = '/nonexistent'
    failed = 0
    for test, *arguments in [(check_machine, make) for make in MACHINES] + [(t,) for t in TESTS]:
        name = (arguments[0] if arguments else test).__name__
        with tempfile.TemporaryDirectory() as top:
            try:
                test(Machine(top), *arguments)
            except (AssertionError, OSError, KeyError, ValueError) as error:
                failed += 1
                print(f'{name}: {error}')
    print(f'{len(MACHINES) + len(TESTS) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
