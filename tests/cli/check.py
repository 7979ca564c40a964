#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph check and kconfig, on recorded machines and kernels that are made here.

    check.py EPITAPH [--update]

What is printed of each machine is kept in check/NAME.txt, and of one in NAME.json; --update
writes them anew, to be looked at before they are committed.
"""
import difflib
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

EPITAPH = Path(sys.argv[1]).resolve()
UPDATE = '--update' in sys.argv
EXPECTED = Path(__file__).resolve().parent / 'check'
DEPMOD = shutil.which('depmod', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')

RELEASE = '6.1.0-32-amd64'
GOOD = '''X86_64 KEXEC KEXEC_FILE KEXEC_SIG CRASH_DUMP CRASH_CORE SYSFS MEMFD_CREATE
    FILE_LOCKING PROC_SYSCTL PRINTK KALLSYMS
    KALLSYMS_ALL DEBUG_INFO DEBUG_INFO_BTF UNWINDER_ORC PSTORE PSTORE_CONSOLE PROC_FS
    PROC_VMCORE RELOCATABLE SMP DEVTMPFS BLK_DEV_INITRD RD_GZIP BINFMT_ELF BLOCK
    FUTEX'''.split()
ROW = re.compile(r'^  (ok|warning|fails|unknown) +([a-z-]+) ')


def config(options=GOOD, without=()):
    lines = ['#', '# Linux/x86 Kernel Configuration', '#']
    lines += [f'# CONFIG_{o} is not set' if o in without else f'CONFIG_{o}=y' for o in options]
    return '\n'.join(lines + ['CONFIG_PSTORE_RAM=m', '# CONFIG_DEBUG_PAGEALLOC is not set', ''])


def bzimage(release=RELEASE, payload=b'x' * 1000):
    """As far as kexec and epitaph look (Linux Documentation/arch/x86/boot.rst)."""
    image = bytearray(3 * 512)
    image[0x1f1] = 2
    struct.pack_into('<I', image, 0x1f4, len(payload) // 16)
    struct.pack_into('<H', image, 0x1fe, 0xaa55)
    image[0x202:0x206] = b'HdrS'
    struct.pack_into('<H', image, 0x206, 0x20f)
    struct.pack_into('<H', image, 0x20e, 0x100)
    image[0x211] = image[0x234] = 1
    struct.pack_into('<HI', image, 0x236, 0x3f, 2047)
    struct.pack_into('<II', image, 0x248, 0, len(payload))
    struct.pack_into('<I', image, 0x260, 52 << 20)
    text = f'{release} (someone@somewhere) #1 SMP'.encode()
    image[0x300:0x300 + len(text)] = text
    return bytes(image) + payload


def ext4():
    disk = bytearray(64 << 10)
    for at, form, value in ((0, '<I', 64), (4, '<I', 256), (0x38, '<H', 0xef53), (0x4c, '<I', 1),
                            (0x5c, '<I', 4), (0x60, '<I', 0x42)):
        struct.pack_into(form, disk, 1024 + at, value)
    disk[1024 + 0x68:1024 + 0x78] = bytes.fromhex('cafebabe0102030405060708090a0b0c')
    return bytes(disk)


class Machine:
    """The files of a machine that a check looks at, below a directory."""

    DISK = 'sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0'

    def __init__(self, top):
        self.top = Path(top)
        self.root = self.top / 'machine'
        self.root.mkdir()

    def write(self, name, data=''):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def link(self, name, target):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def kernel(self, cmdline, release=RELEASE, size=None, loaded=0, **sysctls):
        values = dict(osrelease=release, panic=10, panic_on_oops=1, softlockup_panic=1,
                      hardlockup_panic=1, hung_task_panic=1, kexec_load_disabled=0)
        for name, value in {**values, **sysctls}.items():
            self.write(f'proc/sys/kernel/{name}', f'{value}\n')
        self.write('proc/sys/kernel/random/boot_id', 'b-1\n')
        self.write('proc/cmdline', f'BOOT_IMAGE=/boot/vmlinuz-{release} {cmdline}\n')
        self.write('proc/consoles', 'tty0                 -WU (EC  p  )    4:7\n')
        self.write('proc/meminfo', 'MemTotal: 4000000 kB\nMemFree: 2000000 kB\n')
        if size is not None:
            self.write('sys/kernel/kexec_crash_size', f'{size << 20}\n')
            self.write('sys/kernel/kexec_crash_loaded', f'{loaded}\n')

    def disk(self):
        """ext4 on a SATA disk, all drivers built in."""
        self.write('proc/self/mountinfo', '21 1 8:1 / / rw,relatime - ext4 /dev/root rw\n')
        self.write(f'{self.DISK}/block/sda/sda1/uevent',
                   'MAJOR=8\nMINOR=1\nDEVNAME=sda1\nDEVTYPE=partition\n')
        self.write(f'{self.DISK}/block/sda/sda1/partition', '1\n')
        self.write(f'{self.DISK}/modalias', 'scsi:t-0x00\n')
        self.link('sys/dev/block/8:1', f'../../{self.DISK[4:]}/block/sda/sda1')
        self.write('sys/module/ahci/refcnt')
        self.link('sys/bus/drivers/ahci/module', '../../../module/ahci')
        self.link('sys/devices/pci0000:00/0000:00:1f.2/driver', '../../../bus/drivers/ahci')
        self.write('dev/sda1', ext4())
        self.write('var/crash/x')

    def modules(self, release=RELEASE):
        top = f'lib/modules/{release}'
        names = {'ext4': 'fs/ext4', 'ahci': 'drivers/ata'}
        self.write(f'{top}/modules.order')
        self.write(f'{top}/modules.builtin',
                   ''.join(f'kernel/{d}/{n}.ko\n' for n, d in names.items()))
        self.write(f'{top}/modules.builtin.modinfo', b'ext4.alias=fs-ext4\0ext4.file=fs/ext4/ext4\0'
                   b'ext4.license=GPL\0ahci.file=drivers/ata/ahci\0ahci.license=GPL\0')
        subprocess.run([DEPMOD, '-b', self.root, release], check=True)

    def debian(self):
        self.write(f'boot/vmlinuz-{RELEASE}', bzimage())
        self.write(f'boot/config-{RELEASE}', config())
        self.modules()
        self.disk()
        self.write('etc/systemd/system/sysinit.target.wants/x')

    def service(self, name, target='multi-user.target'):
        self.link(f'etc/systemd/system/{target}.wants/{name}', f'/lib/systemd/system/{name}')

    def run(self, *arguments):
        done = subprocess.run([EPITAPH, *arguments], cwd=self.top, text=True,
                              env=dict(os.environ, TZ='UTC', LC_ALL='C'),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert 'Sanitizer' not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def check(self, *arguments):
        """The states of all rows, and the exit code."""
        code, out, err = self.run('check', *arguments)
        assert err == '', err
        return code, {m[2]: m[1] for m in map(ROW.match, out.splitlines()) if m}


# ---- machines: the state of each must be the code that is returned ---------------------

def debian12_armed(m):
    m.debian()
    m.kernel('root=/dev/sda1 crashkernel=192M quiet', size=192, loaded=1)
    m.service('epitaph.service')
    m.write('sys/class/watchdog/watchdog0/identity', 'iTCO_wdt\n')
    m.write('sys/class/watchdog/watchdog0/state', 'active\n')
    m.write('sys/class/watchdog/watchdog0/timeout', '30\n')
    m.write('sys/module/pstore/parameters/backend', 'erst\n')
    m.write('proc/consoles', 'tty0   -WU (EC p  )  4:7\nttyS0  -W- (E  p a)  4:64\n')
    m.write('sys/class/ipmi/ipmi0/x')
    m.write('i', 'image')
    m.write('var/lib/epitaph/armed.json', json.dumps({
        'schema_version': 1, 'kernel': {'release': RELEASE},
        'image': {'path': '/i', 'checksum': 'xxh3-128:e9c754bdc1a6ca9114ecfbe942ed47df',
                  'size_bytes': 3 << 20, 'unpacked_bytes': 8 << 20},
        'cmdline': 'nr_cpus=1 panic=10', 'armed_at': 1795394527, 'boot_id': 'b-1'}))
    return 0


def debian12_not_armed(m):
    m.debian()
    m.kernel('root=/dev/sda1 crashkernel=192M quiet', size=192, panic=0, panic_on_oops=0)
    m.write('sys/class/iommu/ivhd0/x')
    return 4


def debian12_kdump_tools(m):
    m.debian()
    m.kernel('crashkernel=512M-:192M', size=192, loaded=1, panic=0, hung_task_panic=0)
    m.write('etc/default/kdump-tools', '# kdump-tools configuration\nUSE_KDUMP=1\n'
            '#KDUMP_KERNEL=/var/lib/kdump/vmlinuz\nKDUMP_COREDIR="/var/crash"\n')
    m.service('kdump-tools.service')
    # on LVM, where ours could not write: that is no matter for who is loaded
    m.write('proc/self/mountinfo', '21 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n')
    m.write('sys/devices/virtual/block/dm-0/uevent', 'DEVNAME=dm-0\n')
    m.write('sys/devices/virtual/block/dm-0/dm/uuid', 'LVM-abc\n')
    m.link('sys/dev/block/253:0', '../../devices/virtual/block/dm-0')
    return 0


def debian12_no_crashkernel(m):
    m.debian()
    m.kernel('root=/dev/sda1 quiet', size=0)
    return 4


def debian12_too_small(m):
    m.debian()
    m.kernel('crashkernel=32M', size=32)
    m.service('epitaph.service')
    return 4


def debian12_range_missed(m):
    """crashkernel= is there, and gives nothing on a machine of this size."""
    m.debian()
    m.kernel('crashkernel=8G-:192M quiet', size=0)
    return 4


def fedora_locked_down(m):
    release = '6.12.5-200.fc41.x86_64'
    m.write(f'usr/lib/modules/{release}/vmlinuz', bzimage(release))
    m.write(f'usr/lib/modules/{release}/config', config([*GOOD, 'INTEL_IOMMU']))
    m.write('sys/class/iommu/dmar0/x')
    m.write('sys/class/iommu/dmar1/x')
    m.modules(release)
    m.disk()
    m.kernel('crashkernel=2G-64G:256M,64G-:512M', release, size=256)
    m.write('sys/kernel/security/lockdown', 'none [integrity] confidentiality\n')
    m.write('sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c',
            b'\6\0\0\0\1')
    m.write('etc/kdump.conf', 'path /var/crash\n')
    m.service('kdump.service')
    return 4


def locked_down_unsigned(m):
    """The kernel has only kexec_load(), which lockdown refuses."""
    m.debian()
    m.write(f'boot/config-{RELEASE}', config(without=('KEXEC_FILE', 'KEXEC_SIG')))
    m.kernel('crashkernel=192M', size=192)
    m.write('sys/kernel/security/lockdown', 'none [integrity] confidentiality\n')
    return 4


def arch_encrypted(m):
    """Everything on LVM on LUKS; the configuration in /proc only."""
    m.kernel('crashkernel=192M cryptdevice=/dev/sda2:root', 'linux-6.12', size=192)
    m.write('proc/config.gz', gzip.compress(config().encode(), mtime=0))
    m.write('usr/lib/modules/linux-6.12/vmlinuz', bzimage('linux-6.12'))
    m.write('proc/self/mountinfo', '21 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n')
    for name, uuid in (('dm-1', 'LVM-abc'), ('dm-0', 'CRYPT-LUKS2-0123-root')):
        m.write(f'sys/devices/virtual/block/{name}/uevent', f'DEVNAME={name}\n')
        m.write(f'sys/devices/virtual/block/{name}/dm/uuid', uuid + '\n')
    m.link('sys/devices/virtual/block/dm-1/slaves/dm-0', '../../dm-0')
    m.link('sys/dev/block/253:1', '../../devices/virtual/block/dm-1')
    m.write('etc/systemd/system/x')
    m.write('var/crash/x')
    return 4


def loads_forbidden(m):
    m.debian()
    m.kernel('crashkernel=192M', size=192, kexec_load_disabled=1)
    return 4


def container(m):
    """No /boot, no modules, an overlay, and a kernel without kexec."""
    m.kernel('console=ttyS0', '6.18.44-host')
    (m.root / 'proc/sys/kernel/kexec_load_disabled').unlink()
    m.write('sys/kernel/notes')
    m.write('sys/devices/x')
    m.write('proc/self/mountinfo', '21 1 0:50 / / rw - overlay overlay rw,lowerdir=/a\n')
    m.write('etc/hostname', 'box\n')
    m.write('etc/epitaph.conf', '[archive]\npath = /srv/crash\n')
    return 4


def nothing(m):
    """An empty directory: nothing is known, and nothing is made up."""
    return 3


MACHINES = (debian12_armed, debian12_not_armed, debian12_kdump_tools, debian12_no_crashkernel,
            debian12_too_small, debian12_range_missed, fedora_locked_down, locked_down_unsigned,
            arch_encrypted, loads_forbidden, container, nothing)


def compare(name, text):
    path = EXPECTED / name
    if UPDATE:
        path.write_text(text)
    expected = path.read_text() if path.exists() else ''
    assert text == expected, '\n' + '\n'.join(difflib.unified_diff(
        expected.splitlines(), text.splitlines(), f'check/{name}', 'printed', lineterm=''))


def check_machine(m, make):
    expected = make(m)
    code, out, err = m.run('check', '--root', 'machine/')
    assert (code, err) == (expected, ''), (code, out, err)
    assert not [line for line in out.splitlines() if len(line) > 80 and '/' not in line], out
    compare(f'{make.__name__}.txt', out)
    code, out_json, err = m.run('check', '--root', 'machine', '--json')
    assert (code, err) == (expected, ''), (code, err)
    if make is debian12_armed:  # one of them: what the others say is compared below
        compare(f'{make.__name__}.json', out_json)
    # the three forms say the same
    rows = json.loads(out_json)['requirements']
    states = {row['name']: row['state'] for row in rows}
    assert states == {r[2]: r[1] for r in map(ROW.match, out.splitlines()) if r}
    assert all(row['value'].split()[0] in out for row in rows), 'a value is not in the text'
    assert all(row['todo'] for row in rows if row['state'] != 'ok'), rows
    code, metrics, err = m.run('check', '--root', 'machine', '--metrics')
    assert (code, err) == (expected, ''), (code, err)
    numbers = ('ok', 'warning', 'fails', 'unknown')
    assert {k: numbers[int(v)] for k, v in re.findall(
        r'^epitaph_check_status\{requirement="([a-z-]+)",group="[a-z-]+"\} (\d)$', metrics,
        re.M)} == states, metrics
    assert f'\nepitaph_check_ready {int(expected == 0)}\n' in metrics, metrics
    for line in metrics.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) epitaph_check_\w+ .+|'
                            r'epitaph_check_\w+(\{[^}]*\})? \d+', line), line


# ---- the last rehearsal ----------------------------------------------------------------

def test_rehearsal(m):
    """What is kept of it, in check and in status: good, failed, of another kernel, broken."""
    debian12_armed(m)
    armed = json.loads((m.root / 'var/lib/epitaph/armed.json').read_text())
    armed['kernel']['path'] = f'/boot/vmlinuz-{RELEASE}'
    m.write('var/lib/epitaph/armed.json', json.dumps(armed))
    verdict = dict(schema_version=1, verdict='good', real=False, trigger='sysrq', when=1800000000,
                   kernel={'release': RELEASE}, memory={'low_kib': 1536, 'total_kib': 40960},
                   minimum_mib=72)
    cases = (({}, 'ok', 'good in a virtual machine, 2027-01-15 08:00 UTC, 1.5 of 40.0 MiB left'),
             ({'verdict': 'failed', 'why': 'no record'}, 'warning', 'no record'),
             ({'kernel': {'release': '5.10'}}, 'warning', 'of another kernel: 5.10'),
             ({'kernel': {'release': RELEASE, 'checksum': 'sha256:0'}}, 'warning', 'changed since'),
             ({'real': True, 'image': {'checksum': 'sha256:0'}}, 'warning', 'capture image'),
             ({'schema_version': 9}, 'unknown', 'schema 9'))
    for more, state, word in cases:
        m.write('var/lib/epitaph/rehearsal.json', json.dumps({**verdict, **more}))
        code, out, err = m.run('check', '--root', 'machine', '--json')
        row = next(r for r in json.loads(out)['requirements'] if r['name'] == 'rehearsal')
        assert (row['state'], err) == (state, '') and word in row['value'], (more, row, err)
        code, out, err = m.run('status', '--root', 'machine')
        line = next(line for line in out.splitlines() if line.startswith('rehearsal '))
        assert code == 0 and word in line, (code, out, err)
        assert ('72 MiB reserved are enough' in out) == (state != 'unknown'), out
        code, out, err = m.run('status', '--root', 'machine', '--json')
        last = json.loads(out)['rehearsal']
        assert code == 0 and (last is None) == (state == 'unknown'), (code, out, err)
        assert last is None or last['verdict'] == {**verdict, **more}['verdict'], last
    (m.root / 'var/lib/epitaph/rehearsal.json').unlink()
    code, out, err = m.run('status', '--root', 'machine')
    assert code == 0 and '\nrehearsal      none; run epitaph rehearse\n' in out, (code, out, err)


# ---- kernels ---------------------------------------------------------------------------

def test_kernel_config(m):
    for name, text in (('good', config()), ('poor', config(without=('PROC_VMCORE', 'KEXEC_FILE'))),
                       ('i386', config([*GOOD[1:], 'X86_32'])), ('debug', config()
                        .replace('# CONFIG_DEBUG_PAGEALLOC is not set', 'CONFIG_DEBUG_PAGEALLOC=y')),
                       ('arm64', config(['ARM64', *GOOD[1:]], without=('RELOCATABLE',)))):
        m.write(name, text)
    code, rows = m.check('--kernel-config', 'machine/good')
    assert code == 0 and set(rows.values()) == {'ok'} and 'highmem' not in rows, (code, rows)
    code, rows = m.check('--kernel-config', 'machine/poor')
    assert code == 4 and [r for r in rows if rows[r] != 'ok'] == ['proc-vmcore'], (code, rows)
    assert m.check('--kernel-config', 'machine/poor', '--for', 'dump')[0] == 4
    code, rows = m.check('--kernel-config', 'machine/poor', '--for', 'system')
    assert code == 0 and 'proc-vmcore' not in rows and 'kexec' in rows, (code, rows)
    code, rows = m.check('--kernel-config', 'machine/i386')
    assert code == 4 and rows['highmem'] == 'fails' and 'unwinder' not in rows, (code, rows)
    code, rows = m.check('--kernel-config', 'machine/arm64')
    assert code == 0 and 'relocatable' not in rows, (code, rows)
    code, rows = m.check('--kernel-config', 'machine/debug')
    assert code == 0 and rows['debug-pagealloc'] == 'warning', (code, rows)


def test_kernel_image(m):
    text = b'IKCFG_ST' + gzip.compress(config(without=('RD_GZIP',)).encode()) + b'IKCFG_ED'
    m.write('with', bzimage('6.12.0', gzip.compress(b'a' * 100000 + text + b'b' * 1000)))
    code, rows = m.check('--kernel', 'machine/with')
    assert code == 4 and rows['initrd-gzip'] == 'fails', (code, rows)
    assert rows['kernel-image'] == 'ok' and rows['initrd'] == 'ok', rows
    m.write('vmlinuz-6.12.0', bzimage('6.12.0', gzip.compress(b'a' * 100000)))
    code, out, err = m.run('check', '--kernel', 'machine/vmlinuz-6.12.0')
    assert (code, out) == (1, ''), (code, out)
    assert 'CONFIG_IKCONFIG' in err and 'none beside it' in err, err
    m.write('config-6.12.0', config())
    code, rows = m.check('--kernel', 'machine/vmlinuz-6.12.0')
    assert code == 0, (code, rows)
    code, rows = m.check('--kernel', 'machine/vmlinuz-6.12.0', '--for', 'dump')
    assert code == 0 and 'kexec' not in rows, (code, rows)


def test_other_crash_kernel(m):
    """epitaph.conf names another kernel: its options count, not the running one's."""
    debian12_not_armed(m)
    m.write(f'boot/config-{RELEASE}', config(without=('PROC_VMCORE',)))
    assert m.check('--root', 'machine')[1]['proc-vmcore'] == 'fails'
    m.write('boot/crash', bzimage('6.12.0-crash'))
    m.write('boot/config-6.12.0-crash', config())
    m.write('etc/epitaph.conf', '[kernel]\nimage = /boot/crash\n')
    rows = m.check('--root', 'machine')[1]
    assert rows['proc-vmcore'] == 'ok' and rows['kernel-image'] == 'ok', rows
    assert rows['modules'] == 'fails', rows


def test_hostile(m):
    """What a recorded machine says of itself goes to no terminal as it is."""
    debian12_not_armed(m)
    m.write('sys/module/pstore/parameters/backend', b'x\x1b[31m\xff\xfe\n')
    m.write('proc/cmdline', b'a crashkernel=' + b'9' * 60000)
    m.write(f'boot/config-{RELEASE}', b'CONFIG_KEXEC=\nCONFIG_\nCONFIG_SMP=y' + b'=' * 100000)
    for form in ('--json', '--metrics', '--verbose'):
        code, out, err = m.run('check', '--root', 'machine', form)
        assert code == 4 and '\x1b' not in out, (code, out)


def test_wrong(m):
    m.write('file', 'nothing\n')
    for code, words, text in (
            (1, ['--kernel-config', 'machine/none'], "'machine/none'"),
            (1, ['--kernel-config', 'machine/file'], 'is no kernel configuration'),
            (1, ['--kernel', 'machine/none'], "'machine/none'"),
            (1, ['--kernel', 'machine/file'], "'machine/file'"),
            (1, ['--root', 'machine/none'], "'machine/none'"),
            (1, ['--root', 'machine/file'], 'Not a directory'),
            (2, ['--root', 'machine', '--kernel', 'machine/file'], "don't go together"),
            (2, ['--json', '--metrics'], "don't go together"),
            (2, ['--for', 'dump'], 'goes with'),
            (2, ['--kernel', 'x', '--for', 'all'], "'all'"),
            (2, ['word'], "'word'")):
        done = m.run('check', *words)
        assert done[:2] == (code, '') and text in done[2], (words, done)


# ---- kconfig ---------------------------------------------------------------------------

def test_kconfig(m):
    fragments = {}
    for arch in ('x86_64', 'i386', 'arm64'):
        for use in ('system', 'dump', 'both'):
            code, out, err = m.run('kconfig', '--arch', arch, '--for', use)
            assert (code, err) == (0, ''), (code, err)
            # as merge_config.sh reads it: its own pattern
            lines = re.findall(r'^(?:CONFIG_[a-zA-Z0-9_]+=y|# CONFIG_\w+ is not set)$', out, re.M)
            assert len(set(lines)) == len(lines) > 7, lines
            for block in out.split('\n\n')[1:]:
                assert re.match(r'# [a-z-]+ \((needed|helps|unwanted)\): \S', block), block
            assert not [line for line in out.splitlines() if len(line) > 80], out
            fragments[arch, use] = set(lines)
            # the same table: what is asked for is what is then found
            option = {'x86_64': 'X86_64', 'i386': 'X86_32', 'arm64': 'ARM64'}[arch]
            m.write('config', out + f'CONFIG_{option}=y\nCONFIG_VMCORE_INFO=y\n')
            code, rows = m.check('--kernel-config', 'machine/config', '--for', use)
            assert code == 0 and set(rows.values()) <= {'ok'}, (arch, use, rows)
            if use == 'both':
                assert fragments[arch, 'system'] | fragments[arch, 'dump'] == set(lines)
    assert 'CONFIG_UNWINDER_ORC=y' in fragments['x86_64', 'system']
    assert 'CONFIG_UNWINDER_ORC=y' not in fragments['arm64', 'both']
    assert 'CONFIG_HIGHMEM4G=y' in fragments['i386', 'dump']
    assert 'CONFIG_HIGHMEM4G=y' not in fragments['x86_64', 'both']
    assert m.run('kconfig', '--arch', 'vax')[0] == 2
    assert m.run('kconfig', '--for', 'all')[0] == 2
    assert m.run('kconfig', 'word')[0] == 2


TESTS = (test_rehearsal, test_kernel_config, test_kernel_image, test_other_crash_kernel, test_hostile, test_wrong,
         test_kconfig)


def main():
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
