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
import traceback
from pathlib import Path

from check import EPITAPH, UPDATE, Machine, bzimage

EXPECTED = Path(__file__).resolve().parent / 'setup'
MEMORY = '/dev/shm'
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
    m.write('usr/lib/systemd/system/systemd-pstore.service', '[Service]\n')


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


def test_takeover(m):
    debian12_kdump_tools(m)
    m.write('etc/default/kdump-tools', '''# kdump-tools configuration
USE_KDUMP=1
KDUMP_KERNEL=/var/lib/kdump/vmlinuz
KDUMP_COREDIR="/srv/crash" # where
KDUMP_FAIL_CMD='poweroff -f'
MAKEDUMP_ARGS="-c -d 17"
KDUMP_NUM_DUMPS=5
KDUMP_CMDLINE_APPEND="reset_devices systemd.unit=x.service nr_cpus=1 irqpoll pci=nomsi"
KDUMP_INITRD=`ls`
SSH="user@host"
HOSTTAG=ip
''')
    before = snapshot(m.root)
    out = setup(m, '--dry-run')
    assert '--from /etc/default/kdump-tools' in out, out
    out = setup(m, '--yes', '--from', '/etc/default/kdump-tools')
    compare('takeover_kdump_tools.txt', out)
    text = (m.root / 'etc/epitaph.conf').read_text()
    assert text == '''[archive]
path = /srv/crash
keep = 5

[capture]
end = poweroff
level = 17
codec = zlib

[kernel]
cmdline_append = pci=nomsi
''', text
    assert not os.path.lexists(m.root / 'etc/systemd/system/multi-user.target.wants/kdump-tools.service')
    assert 'USE_KDUMP=0\n' in (m.root / 'etc/default/kdump-tools').read_text()
    code, rows = m.check('--root', 'machine')
    assert rows['other-tool'] == 'ok', rows
    assert 'nothing to do' in setup(m, '--yes', '--from', '/etc/default/kdump-tools')
    setup(m, '--undo', '--yes')
    assert snapshot(m.root) == before
    # what is in epitaph.conf already is the user's
    m.write('etc/epitaph.conf', '# mine\n[capture]\n  level = 31\nmode=dmesg\n')
    setup(m, '--yes', '--from', '/etc/default/kdump-tools')
    text = (m.root / 'etc/epitaph.conf').read_text()
    assert text == '''# mine
[capture]
  level = 31
mode=dmesg
end = poweroff
codec = zlib

[archive]
path = /srv/crash
keep = 5

[kernel]
cmdline_append = pci=nomsi
''', text
    err = m.run('check', '--root', 'machine')[2]
    assert err == '', err


def test_takeover_fedora(m):
    fedora41(m)
    m.service('kdump.service')
    m.write('proc/self/mountinfo', '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n'
            '22 1 8:3 / /data rw - xfs /dev/sda3 rw\n')
    m.link('dev/disk/by-uuid/1234', '../../sda3')
    m.write('etc/kdump.conf', '''# a comment
auto_reset_crashkernel yes
xfs UUID=1234
path /kdump
core_collector makedumpfile -l --message-level 7 -d31
final_action halt
failure_action shell
extra_modules gfs2
ssh user@host
dracut_args --omit-drivers "x y"
''')
    before = snapshot(m.root)
    compare('takeover_kdump_conf.txt', setup(m, '--yes', '--from', '/etc/kdump.conf'))
    text = (m.root / 'etc/epitaph.conf').read_text()
    assert 'path = /data/kdump\n' in text and 'codec = lzo\n' in text and 'end = halt\n' in text, text
    setup(m, '--undo', '--yes')
    assert snapshot(m.root) == before
    assert 'none of /etc/default' in setup(m, '--from', '/etc/default/grub', '--yes', code=1)
    assert 'no \'' in setup(m, '--from', '/etc/nothing', '--yes', code=1)


def test_takeover_suse(m):
    opensuse(m)
    m.service('kdump.service')
    m.service('kdump-early.service', 'basic.target')
    m.write('etc/sysconfig/kdump', '''KDUMP_CPUS=""
KDUMP_SAVEDIR="file:///var/crash"
KDUMP_DUMPLEVEL="31"
KDUMP_DUMPFORMAT="none"
KDUMP_KEEP_OLD_DUMPS="-1"
KDUMP_IMMEDIATE_REBOOT="no"
KDUMP_SMTP_SERVER="mail"
KDUMP_COMMANDLINE_APPEND="quiet nousb"
''')
    before = snapshot(m.root)
    compare('takeover_suse.txt', setup(m, '--yes', '--from', '/etc/sysconfig/kdump'))
    text = (m.root / 'etc/epitaph.conf').read_text()
    assert 'mode = dmesg\n' in text and 'end = halt\n' in text and 'keep' not in text, text
    setup(m, '--undo', '--yes')
    assert snapshot(m.root) == before


def test_ramoops(m):
    ubuntu2404(m)
    before = snapshot(m.root)
    config_file = 'boot/config-6.8.0-45-generic'
    m.write(config_file, 'CONFIG_PSTORE_RAM=m\nCONFIG_PSTORE_CONSOLE=y\n')
    out = setup(m, '--yes', '--pstore', 'ramoops')
    assert '--post-notifiers' in out, out
    # below the ACPI tables: 0xbf000000 - 2 MiB is free only above; the top of RAM is
    words = sourced(m, 'GRUB_CMDLINE_LINUX').split()
    assert words[-5:] == ['memmap=2M\\$0xbfc00000', 'ramoops.mem_address=0xbfc00000',
                          'ramoops.mem_size=0x200000', 'ramoops.record_size=0x40000',
                          'ramoops.console_size=0x40000'], words
    assert 'ramoops\n' in (m.root / 'etc/modules-load.d/epitaph.conf').read_text()
    # the next boot: nothing is chosen anew, and a plain setup leaves it
    m.write('proc/cmdline', 'ramoops.mem_address=0xbfc00000\n')
    m.write('proc/iomem', IOMEM.replace('bffdffff', 'bfbfffff'))
    assert 'nothing to do' in setup(m, '--yes', '--pstore', 'ramoops')
    setup(m, '--yes')
    assert sourced(m, 'GRUB_CMDLINE_LINUX').split() == words
    setup(m, '--undo', '--yes')
    (m.root / config_file).unlink()
    base(m, '6.8.0-45-generic', 'root=/dev/sda1 ro quiet')
    assert snapshot(m.root) == before
    # by name where the kernel has it; without a '$' where it can't be handed through
    m.write('boot/System.map-6.8.0-45-generic', 'ffffffff81000000 T reserve_mem_find_by_name\n')
    setup(m, '--yes', '--pstore', 'ramoops', '--post-notifiers')
    words = sourced(m, 'GRUB_CMDLINE_LINUX').split()
    assert words[1:4] == ['reserve_mem=2M:4096:epitaph', 'ramoops.mem_name=epitaph',
                          'ramoops.record_size=0x40000'], words
    assert words[4] == 'crash_kexec_post_notifiers'
    setup(m, '--undo', '--yes')
    (m.root / 'boot/System.map-6.8.0-45-generic').unlink()
    m.write('proc/iomem', '00000000-00000000 : System RAM\n')
    assert 'to root only' in setup(m, '--yes', '--pstore', 'ramoops', code=1)


def test_ramoops_bls(m):
    fedora41(m)
    setup(m, '--yes', '--pstore', 'ramoops')
    entries = [p.read_text() for p in (m.root / 'boot/loader/entries').iterdir()]
    assert all(' memmap=2M%0xbfc00000-1+2 ramoops.mem_address=0xbfc00000 ' in e for e in entries)


def test_firmware_pstore(m):
    opensuse(m)
    m.write('sys/firmware/efi/x')
    m.write('sys/module/efi_pstore/parameters/pstore_disable', 'Y\n')
    setup(m, '--yes')
    assert ' efi_pstore.pstore_disable=0"' in (m.root / 'etc/default/grub').read_text()
    assert 'nothing to do' in setup(m, '--yes')


def test_serial(m):
    opensuse(m)
    assert 'no serial port' in setup(m, '--yes', '--console', 'serial', code=1)
    m.write('proc/tty/driver/serial', 'serinfo:1.0 driver revision:\n0: uart:unknown port:000003F8 irq:4\n'
            '1: uart:16550A port:000002F8 irq:3 tx:0 rx:0\n')
    setup(m, '--yes', '--console', 'serial')
    text = (m.root / 'etc/default/grub').read_text()
    assert 'console=ttyS1,115200n8 console=tty0"' in text, text
    assert 'nothing to do' in setup(m, '--yes', '--console', 'serial')
    setup(m, '--yes', '--console', 'serial:ttyS1,57600n8')
    text = (m.root / 'etc/default/grub').read_text()
    assert '115200' not in text and 'console=ttyS1,57600n8' in text, text
    for wrong in ('serial:sda', 'serial:ttyS0 init=/bin/sh', 'parallel', 'serial:'):
        setup(m, '--yes', '--console', wrong, code=1 if wrong != 'serial:' else 0)


def test_netconsole(m):
    debian11(m)
    m.write('etc/udev/x')
    m.write('proc/net/route', 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n'
            'enp1s0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n'
            'enp1s0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n')
    m.write('proc/net/fib_trie', 'Local:\n  |-- 127.0.0.1\n   /32 host LOCAL\n     |-- 192.0.2.7\n'
            '        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n')
    arp = ('IP address HW type Flags HW address Mask Device\n'
           '192.0.2.1 0x1 0x2 52:54:00:00:00:01 * enp1s0\n192.0.2.9 0x1 0x2 52:54:00:00:00:09 * enp1s0\n')
    m.write('proc/net/arp', arp)
    for host, mac in (('192.0.2.9', '09'), ('198.51.100.5', '01')):  # beside us; behind the gateway
        setup(m, '--yes', '--console', f'netconsole:{host}:5555')
        options = (m.root / 'etc/modprobe.d/epitaph-netconsole.conf').read_text()
        assert (f'netconsole=6665@192.0.2.7/enp1s0,5555@{host}/52:54:00:00:00:{mac}\n') in options, options
        rule = (m.root / 'etc/udev/rules.d/90-epitaph-netconsole.rules').read_text()
        assert 'ENV{INTERFACE}=="enp1s0"' in rule, rule
        setup(m, '--undo', '--yes')
    for wrong in ('logs.example.org', '192.0.2.9:0', '192.0.2.9:70000', '192.0.2.9:1x', ''):
        assert 'no address' in setup(m, '--yes', '--console', 'netconsole:' + wrong, code=1)
    assert 'does not answer' in setup(m, '--yes', '--console', 'netconsole:192.0.2.20', code=1)


def test_give_back(m):
    debian11(m)
    m.write('sys/kernel/kexec_crash_size', f'{256 << 20}\n')
    m.write('sys/kernel/kexec_crash_loaded', '1\n')
    assert 'disarm' in setup(m, '--yes', '--give-back', code=1)
    m.write('sys/kernel/kexec_crash_loaded', '0\n')
    assert 'not known' in setup(m, '--yes', '--give-back', code=1)


def test_reboot(m):
    debian11(m)
    m.write('proc/cmdline', 'BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro dyndbg="a b" initrd=x quiet\n')

    def reboot(*words):
        return m.run('reboot', '--root', 'machine', '--dry-run', *words)
    code, _, err = reboot()
    assert code == 1 and 'no initramfs' in err, err
    m.write('boot/initrd.img-5.10.0-32-amd64', 'x')
    code, out, err = reboot()
    assert (code, err) == (0, ''), err
    assert "5.10.0-32-amd64, 'machine/boot/vmlinuz-5.10.0-32-amd64'" in out, out
    assert 'command line   root=/dev/sda1 ro dyndbg="a b" quiet\n' in out, out
    m.write('boot/vmlinuz-6.9', bzimage('6.9'))
    out = reboot('6.9', '--initrd', 'none', '--cmdline', 'root=/dev/sdb')[1]
    assert '6.9' in out and 'initramfs      none' in out and 'root=/dev/sdb\n' in out, out
    assert '6.9,' in reboot('/boot/vmlinuz-6.9', '--initrd', 'none')[1]
    for code, words in ((1, ['7.0']), (1, ['/boot/none']), (1, ['--initrd', '/nowhere']),
                        (1, ['--cmdline', 'x' * 3000]), (2, ['a', 'b'])):
        assert reboot(*words)[0] == code, words
    assert m.run('reboot', '--root', 'machine')[0] == 2


def test_json(m):
    """What is told to programs is what is done, and the undo is the same the other way round."""
    debian11(m)
    before = snapshot(m.root)

    def told(*words):
        code, out, err = m.run('setup', '--root', 'machine', '--json', *words)
        assert (code, err) == (0, ''), (code, err)
        return json.loads(out)
    assert m.run('setup', '--root', 'machine', '--json')[0] == 2
    plan = told('--dry-run')
    assert plan['schema_version'] == 1 and plan['done'] is False and plan['needs_reboot']
    assert snapshot(m.root) == before
    assert told('--yes') == {**plan, 'done': True}
    files = {f['path']: f for f in plan['files']}
    sysctl = files['/etc/sysctl.d/90-epitaph.conf']
    assert sysctl['before'] == {'kind': 'absent'} and sysctl['after']['kind'] == 'file', sysctl
    assert (m.root / 'etc/sysctl.d/90-epitaph.conf').read_text() == sysctl['after']['data']
    assert ['update-grub'] in [p['words'] for p in plan['programs']], plan['programs']
    again = told('--yes')
    assert again['done'] is False and again['files'] == [], again
    undone = {f['path']: f for f in told('--undo', '--yes')['files']}
    assert all(undone[path]['after'] == files[path]['before'] for path in files), undone
    m.write('boot/initrd.img-5.10.0-32-amd64', 'x')
    code, out, err = m.run('reboot', '--root', 'machine', '--dry-run', '--json')
    next_one = json.loads(out)
    assert (code, err) == (0, '') and next_one['kernel']['release'] == '5.10.0-32-amd64', out
    assert next_one['initrd'].endswith('/boot/initrd.img-5.10.0-32-amd64'), out
    assert next_one['dry_run'] is True and next_one['cmdline'] == 'root=/dev/sda1 ro quiet', out


TESTS = (test_grub_reads_it, test_changed_since, test_in_use_since, test_modes_stay, test_refused,
         test_links, test_unwritable, test_broken_shell, test_journal,
         test_takeover, test_takeover_fedora, test_takeover_suse, test_ramoops, test_ramoops_bls,
         test_firmware_pstore, test_serial, test_netconsole, test_give_back, test_reboot, test_json)


def main():
    # no capture program: sizes do not depend on what was built
    os.environ['EPITAPH_LIBEXEC'] = '/nonexistent'
    failed = 0
    for test, *arguments in [(check_machine, make) for make in MACHINES] + [(t,) for t in TESTS]:
        name = (arguments[0] if arguments else test).__name__
        # in memory: each file that is written is fsynced
        with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as top:
            try:
                test(Machine(top), *arguments)
            except (AssertionError, OSError, KeyError, ValueError) as error:
                failed += 1
                print(f'{name}: {error!s}')
                if not str(error):
                    traceback.print_exc()
    print(f'{len(MACHINES) + len(TESTS) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
