#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of the matrix: no target takes the record, and what remains lies elsewhere.

QEMU keeps its memory over a reset, as most boards do over a warm one, and OVMF's variables
lie in a file.
"""
import shutil

import assets
import lab
from cases_targets import NO_FIRST_DISK
from machine import case, check

REGION = 0x3a000000  # of 1 GiB, 2 MiB are ramoops'
RAMOOPS = f'mem_address={REGION:#x} mem_size=0x200000 record_size=0x20000 ecc=1'


def load_ramoops(m):
    """The driver with its place: what a distribution's modprobe takes from the command line."""
    kernel = assets.kernel(m.series)
    release = (kernel / 'release').read_text().strip()
    for name, data in lab.module_closure(kernel / 'lib/modules' / release, ('ramoops',)):
        if name == 'ramoops.ko':
            (m.work / name).write_bytes(data)
            m.file(f'/rehearsal/{name}', m.work / name)
    m.append = f'memmap=2M${REGION:#x}'
    m.load += ['ramoops']  # and what it needs; without a place it has nothing to do
    m.config += NO_FIRST_DISK
    lines = ['rmmod ramoops', f'insmod /rehearsal/ramoops.ko {RAMOOPS}']
    m.before(*lines)
    m.after(*lines)


def judge_last_words(m, source):
    record, = m.records(m.kept / 'crash')
    meta = m.meta(record)
    check(meta['crash']['source'] == 'pstore', f"{meta['crash']}")
    check('sysrq' in meta['crash']['cause'], f"{meta['crash']}")
    dmesg = meta['parts']['dmesg']
    check(dmesg['state'] == 'partial' and 'no target took' in dmesg['reason'], f'{dmesg}')
    m.has_marker(record)
    kept = ''.join(p.read_text(errors='replace') for p in (record / 'pstore').iterdir())
    check('no target has taken this crash' in kept and 'Call trace' in kept or
          'write_sysrq_trigger' in kept, kept[:2000])
    check(all(source in p.name for p in (record / 'pstore').iterdir()),
          f"{list((record / 'pstore').iterdir())}")
    age = meta['crash']['capture_time'] - meta['crash']['crash_time']
    check(0 <= age < 600, f"{meta['crash']}")
    return meta


@case('last resort', 'no disk at all appears; ramoops has a region of memory',
      'the end of dmesg and the short report, in a record that the next boot makes', core=True)
def last_words_ramoops(m):
    load_ramoops(m)
    m.run()
    m.says('did not appear', 'KiB for ramoops', "the dead kernel's last words", 'end reboot')
    judge_last_words(m, 'ramoops')


@case('last resort', 'the same, and the region has a record already',
      'that record, as it was; what this crash was is on the console')
def last_words_ramoops_full(m):
    load_ramoops(m)
    # The kernel that dies writes there itself, before the crash kernel.
    m.append += ' crash_kexec_post_notifiers'
    m.run()
    m.says('has a record already', "the dead kernel's last words", 'end reboot')
    record, = m.records(m.kept / 'crash')
    meta = m.meta(record)
    check(meta['parts']['dmesg']['state'] == 'complete', f"{meta['parts']['dmesg']}")
    m.has_marker(record)


@case('last resort', 'no disk at all appears; the firmware has EFI variables',
      'the end of dmesg and the short report, in a record that the next boot makes; the '
      'variable is free again')
def last_words_efi(m):
    variables = m.work / 'OVMF_VARS.fd'
    shutil.copy(assets.program('ovmf', 'usr/share/OVMF/OVMF_VARS_4M.fd', 'amd64'), variables)
    code = assets.program('ovmf', 'usr/share/OVMF/OVMF_CODE_4M.fd', 'amd64')
    m.qemu += ['-drive', f'if=pflash,unit=0,format=raw,readonly=on,file={code}',
               '-drive', f'if=pflash,unit=1,format=raw,cache=unsafe,file={variables}']
    m.load += ['efivarfs']
    mount = 'mount -t efivarfs efivarfs /sys/firmware/efi/efivars'
    m.before(mount)
    m.after(mount, 'ls /sys/firmware/efi/efivars >/rehearsal/variables')
    m.config += NO_FIRST_DISK
    m.run()
    m.says('did not appear', r'KiB in the EFI variable', 'end reboot')
    check('EpitaphLastWords-' in (m.kept / 'rehearsal/variables').read_text(),
          'the variable is not there in the next boot')
    judge_last_words(m, 'epitaph_efi')
    # collect would have failed if it could not take it out.
    check('rehearsal: record found' in m.console, f'collect failed\n{m.tail()}')
