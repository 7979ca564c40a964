#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian 12 that does all by itself, in a virtual machine: the package is installed, and
then nobody touches it. As root, for debootstrap and chroot.

    debian.py EPITAPH [PACKAGE] [--keep DIR]
                           PACKAGE (else ./dev deb makes it); the disk and what was read
                           from it stay in DIR

The disk is a root of Debian with systemd, GRUB (in the boot sector, as on a BIOS machine) and
Debian's kernel. It is switched on once and boots three times; what it does in each boot is a
unit's script, STEPS:

    1  epitaph setup --yes; restart, through GRUB
    2  epitaph.service has armed; epitaph rehearse --real, a panic
    3  list, show, verify; setup has nothing to do; undo; off

Judged by what it wrote to its disk, and by the dump, which is read here too. Ends with
"N passed, N failed".
"""
import argparse
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'tests')]
import assets  # noqa: E402
from deb import Chroot  # noqa: E402

TIMEOUT = 1800  # minutes on a machine of its own
MIB = 1 << 20
MEMORY = 1024  # MiB
DISK_BYTES = 2048 * MIB
# With "max" of QEMU 7.2 a kernel that starts after the reset of a whole system was seen to
# hang before its first word; and the fewer features, the fewer ciphers it tries at boot.
CPU = 'qemu64,-svm'
PARTITION_START = 1 * MIB  # before it: the boot sector and GRUB's core
SECTOR = 512
MARKER = 'epitaph debian marker'

STEPS = r'''#!/bin/sh
# In each boot: what is next.
exec >/dev/ttyS0 2>&1
out=/root/out
mkdir -p $out
step=$(cat /root/step 2>/dev/null || echo 1)
echo $((step + 1)) >/root/step
echo "test: step $step"

# run NAME COMMAND...: its results in files
run() {
	name=$1
	shift
	"$@" >$out/$name.out 2>$out/$name.err
	echo $? >$out/$name.status
	echo "test: $name: $(cat $out/$name.status)"
}

cat /proc/cmdline >$out/cmdline-$step
run units-$step systemctl --failed --no-legend --plain
case $step in
1)
	cat /sys/kernel/kexec_crash_loaded >$out/loaded-before
	sha256sum /etc/default/grub >$out/files-before
	run setup epitaph setup --yes
	systemctl --no-block start reboot.target
	;;
2)
	run active systemctl is-active epitaph.service
	run journal journalctl -b -u epitaph.service
	run check epitaph check --json
	run status epitaph status --json
	run jobs systemctl list-jobs --no-legend
	run again-journal journalctl -b -u epitaph-again.service
	cp /boot/grub/grub.cfg $out/grub.cfg-setup
	echo "$MARKER" >/dev/kmsg
	sync
	[ "$(cat $out/status.status)" = 0 ] || poweroff -f
	# As a person would: on a terminal, by the name that is asked for.
	echo wrong | run refused script -qec 'epitaph rehearse --real' /dev/null
	run not-asked epitaph rehearse --real
	sync
	hostname | run real script -qec 'epitaph rehearse --real' /dev/null
	poweroff -f
	;;
3)
	run list epitaph list --json
	run show epitaph show --json last
	run verify epitaph verify last
	run status-after epitaph status --json
	run again epitaph setup --yes
	run undo epitaph setup --undo --yes
	run purge dpkg --purge epitaph
	sha256sum /etc/default/grub >$out/files-after
	cp /boot/grub/grub.cfg $out/grub.cfg-undo
	find / -xdev -name '*epitaph*' -not -path '/var/lib/dpkg/*' -not -path '/root/*' \
		-not -path '/proc/*' >$out/left
	systemctl --no-block start poweroff.target
	;;
*)
	poweroff -f
	;;
esac
'''
UNIT = '''[Unit]
Description=The steps of a test
After=epitaph.service systemd-remount-fs.service dbus.service multi-user.target
[Service]
Type=oneshot
ExecStart=/root/steps
[Install]
WantedBy=graphical.target multi-user.target
'''
# What an installer would have written; the machine's own update-grub replaces it. Without
# KVM, on a machine that has much to do, the kernel's check of the timer was seen to fail.
FIRST_GRUB_CFG = '''serial
terminal_output serial
linux /vmlinuz root=/dev/vda1 ro console=ttyS0 no_timer_check quiet
initrd /initrd.img
boot
'''
GRUB_DEFAULT = '''
GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX_DEFAULT=quiet
GRUB_CMDLINE_LINUX="console=ttyS0 no_timer_check"
GRUB_TERMINAL=serial
'''
GRUB_MODULES = ('biosdisk', 'part_msdos', 'ext2', 'normal', 'linux', 'search',
                'search_fs_uuid', 'configfile', 'serial', 'terminal')


# --- the disk ----------------------------------------------------------------------------

def make_root(package, work):
    """A Debian with the package installed, and our steps."""
    chroot = Chroot('bookworm-system', work)
    chroot.must('apt-get', 'update', '-q')
    chroot.install(package)
    root = chroot.path
    (root / package.name).unlink()
    (root / 'usr/sbin/policy-rc.d').unlink()
    (root / 'etc/fstab').write_text('/dev/vda1 / ext4 errors=remount-ro 0 1\n')
    (root / 'etc/hostname').write_text('crashbox\n')
    with open(root / 'etc/default/grub', 'a') as defaults:
        defaults.write(GRUB_DEFAULT)
    (root / 'root/steps').write_text(STEPS.replace('$MARKER', MARKER))
    (root / 'root/steps').chmod(0o755)
    (root / 'etc/systemd/system/steps.service').write_text(UNIT)
    chroot.must('systemctl', 'enable', 'steps.service')
    chroot.must('systemctl', 'mask', 'apt-daily.timer', 'apt-daily-upgrade.timer')
    shutil.copytree(root / 'usr/lib/grub/i386-pc', root / 'boot/grub/i386-pc')
    (root / 'boot/grub/grub.cfg').write_text(FIRST_GRUB_CFG)
    chroot.must('grub-mkimage', '-O', 'i386-pc', '-p', '(hd0,msdos1)/boot/grub', '-o',
                '/boot/grub/core.img', *GRUB_MODULES)
    return root


def boot_sector(root):
    """GRUB's, with a table of one partition. It loads the core from the sectors behind."""
    code = (root / 'usr/lib/grub/i386-pc/boot.img').read_bytes()[:440]
    start = PARTITION_START // SECTOR
    table = struct.pack('<4sB3sB3sII', b'', 0x80, b'\xfe\xff\xff', 0x83, b'\xfe\xff\xff',
                        start, DISK_BYTES // SECTOR - start)[4:]
    return code.ljust(446, b'\0') + table + bytes(48) + b'\x55\xaa'


def make_disk(root, disk):
    """No mount is needed: mke2fs copies the tree itself."""
    core = (root / 'boot/grub/core.img').read_bytes()
    assert SECTOR + len(core) <= PARTITION_START, len(core)
    with open(disk, 'wb') as image:
        image.write(boot_sector(root) + core)
        image.truncate(DISK_BYTES)
    # Neither of these is what Debian's installer switches on, or its GRUB knows.
    assets.run(assets.need('mkfs.ext4', 'e2fsprogs'), '-q', '-O',
               '^metadata_csum_seed,^orphan_file', '-E', f'offset={PARTITION_START}', '-d',
               root, disk, f'{(DISK_BYTES - PARTITION_START) // 1024}k')


def take_from(disk, path, folder):
    """A directory of the disk, in `folder`."""
    folder.mkdir(exist_ok=True)
    assets.run(assets.need('debugfs', 'e2fsprogs'), '-R', f'rdump {path} {folder}',
               f'{disk}?offset={PARTITION_START}')


def switch_on(disk, console):
    command = [
        assets.need('qemu-system-x86_64', 'qemu-system-x86'), '-accel', 'tcg,thread=multi',
        '-cpu', CPU, '-smp', '2', '-m', str(MEMORY), '-nodefaults', '-nic', 'none',
        '-display', 'none', '-serial', f'file:{console}',
        '-drive', f'if=virtio,format=raw,cache=unsafe,file={disk}']
    machine = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                               stdout=sys.stderr)
    try:
        return machine.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if machine.poll() is None:
            machine.kill()
            machine.wait()


# --- what is looked for ------------------------------------------------------------------

class Result:
    def __init__(self, work, epitaph, ended):
        self.out, self.crashes = work / 'out', work / 'crash'
        self.epitaph, self.ended = epitaph, ended

    def text(self, name):
        path = self.out / name
        return path.read_text(errors='replace') if path.exists() else f'(no {name})'

    def status(self, name):
        return self.text(f'{name}.status').strip()

    def told(self, name):
        return f'{name}: {self.text(name + ".out")} {self.text(name + ".err")}'

    def json(self, name):
        return json.loads(self.text(f'{name}.out'))

    def record(self):
        records = sorted(self.crashes.glob('2*'))
        assert len(records) == 1, records
        return records[0]


def test_switched_itself_off(result):
    assert result.ended == 0, f'QEMU: {result.ended}'
    for step in 1, 2, 3:
        assert 'BOOT_IMAGE=' in result.text(f'cmdline-{step}'), f'boot {step}: not by GRUB'
        assert result.text(f'units-{step}.out') == '', result.text(f'units-{step}.out')


def test_package_alone_arms_nothing(result):
    assert 'crashkernel' not in result.text('cmdline-1')
    assert result.text('loaded-before') == '0\n'


def test_setup(result):
    assert result.status('setup') == '0', result.told('setup')
    assert 'crashkernel=' in result.text('grub.cfg-setup')


def test_reserved_through_grub(result):
    found = re.search(r'\bcrashkernel=(\d+)M\b', result.text('cmdline-2'))
    assert found and f'crashkernel={found[1]}M' in result.text('grub.cfg-setup'), \
        result.text('cmdline-2')


def test_armed_by_the_unit(result):
    assert result.status('active') == '0', result.text('journal.out')
    assert result.status('status') == '0', result.told('status')
    assert result.json('status')['armed'] is True, result.told('status')
    assert result.status('check') == '0', result.told('check')


def test_listed(result):
    assert result.status('list') == '0', result.told('list')
    crashes = result.json('list')['crashes']
    assert len(crashes) == 1 and crashes[0]['name'] == result.record().name, crashes
    assert result.status('verify') == '0', result.told('verify')


def test_shown(result):
    assert result.status('show') == '0', result.told('show')
    text = json.dumps(result.json('show'))
    assert 'sysrq' in text and 'sysrq_handle_crash' in text, text[:3000]


def test_dump_reads_here(result):
    """The log of the dump itself, by this tree's epitaph."""
    dumps = list(result.record().glob('dump.*'))
    assert len(dumps) == 1, list(result.record().iterdir())
    done = subprocess.run([result.epitaph, 'dmesg', dumps[0]], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0 and MARKER in done.stdout, done.stderr
    assert MARKER in next(result.record().glob('dmesg.*')).read_text()


def test_real_rehearsal(result):
    """Not without a terminal and the right name; judged by the next boot's unit."""
    assert result.status('not-asked') == '2', result.told('not-asked')
    assert result.status('refused') == '1', result.told('refused')
    assert 'nothing was done' in result.text('refused.out'), result.told('refused')
    rehearsal = result.json('status-after')['rehearsal']
    assert rehearsal['real'] is True and rehearsal['verdict'] == 'good', rehearsal
    assert rehearsal['stale'] == '' and rehearsal['memory']['low_kib'] > 0, rehearsal


def test_armed_again(result):
    assert result.status('status-after') == '0', result.told('status-after')
    assert result.status('again') == '0', result.told('again')
    assert 'nothing to do' in result.text('again.out'), result.told('again')


def test_undone(result):
    assert result.status('undo') == '0', result.told('undo')
    assert 'crashkernel' not in result.text('grub.cfg-undo')
    assert result.text('files-before') == result.text('files-after')


def test_purged(result):
    assert result.status('purge') == '0', result.told('purge')
    assert result.text('left') == '', result.text('left')
    assert result.record().is_dir()


def judge(result):
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith('test_'):
            continue
        try:
            test(result)
            passed += 1
        except (AssertionError, OSError, KeyError, ValueError, StopIteration) as error:
            failed += 1
            print(f'{name}: {error!r}'[:2000], flush=True)
    return passed, failed


def build_package():
    subprocess.run([ROOT / 'dev', 'deb'], check=True, stdout=sys.stderr)
    return next((ROOT / 'build-deb').glob('epitaph_*.deb'))


def run_in(work, options):
    disk, console = work / 'disk.img', work / 'console.log'
    started = time.monotonic()
    root = make_root(options.package or build_package(), work)
    make_disk(root, disk)
    shutil.rmtree(root)
    print(f'{time.monotonic() - started:.0f} s: the disk is made', flush=True)
    ended = switch_on(disk, console)
    print(f'{time.monotonic() - started:.0f} s: the machine is off', flush=True)
    take_from(disk, '/root/out', work)
    take_from(disk, '/var/crash', work)
    passed, failed = judge(Result(work, options.epitaph, ended))
    if failed and console.exists():
        print('\n'.join(console.read_text(errors='replace').splitlines()[-40:]))
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('package', type=Path, nargs='?')
    parser.add_argument('--keep', type=Path)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True)
        return run_in(options.keep.absolute(), options)
    with tempfile.TemporaryDirectory(prefix='epitaph-debian.', dir='/var/tmp') as folder:
        return run_in(Path(folder), options)


if __name__ == '__main__':
    sys.exit(main())
