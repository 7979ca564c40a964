#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`epitaph save` on a reference dump, held against other people's programs.

    dump_equal.py LAB [EPITAPH]         LAB as tests/vm/lab.py makes it

Which pages: the bitmaps of makedumpfile at several levels, bit for bit. What is in them:
every page against the source, decompressed by the codecs' own libraries. Whether readers
take it: crash and drgn must say of our dump what they say of the source, makedumpfile
must print the same log. And what a dump is worth that was cut short: by a file that may
not grow, by an interrupt, by a kill.

Of kernels that say OFFSET(page.compound_info) (Linux v7.1) the peers that don't know this
key are known to be wrong, and only there it is borne: makedumpfile up to 1.7.9 takes tails
of the kernel's own compound pages for user memory, crash up to 9.0.2 ends while it starts.
What makedumpfile then lacks must be such tails and nothing else, and drgn must read every
stack in our dump.

Of arm64 only drgn reads a dump on another machine, and makedumpfile 1.7.9 for arm64 knows no
kernel with pages of 4 KiB and addresses of 52 bits, as Debian's are. There struct pages are
looked at by drgn and the full vmlinux, and makedumpfile's rules (its
__exclude_unnecessary_pages()) are applied to them here.
"""
import ctypes
import ctypes.util
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

LEVELS = (0, 1, 2, 4, 8, 16, 31)
NEW_KEY = b'page.compound_info'
# Inside drgn: the head of each page frame's compound page, or "-" if it is no tail of one.
# A tail has bit 0 set beside its head's address, or beside a mask that gives it.
HEADS_SCRIPT = '''
from drgn import Object
from drgn.helpers.linux.mm import page_to_pfn, pfn_to_page
for pfn in {pfns}:
    page = pfn_to_page(prog, pfn)
    word = page.compound_info.value_()
    head = word & ~1
    if word >> 32 == 0xffffffff:
        head &= page.value_()
    head = page_to_pfn(Object(prog, page.type_, head)).value_() if word & 1 else "-"
    print(pfn, head)
'''
# Inside drgn: for each page frame below {end} the levels, any of which leaves it out; one byte.
LEVELS_SCRIPT = '''
import struct
from drgn.helpers.linux.mm import pfn_to_page
PAGE = prog.type('struct page')
def at(member):
    return PAGE.member(member).bit_offset // 8
def bit(name):
    return 1 << prog.constant(name).value_()
FLAGS, MAPPING, PRIVATE, TYPE = map(at, ('flags', 'mapping', 'private', '_mapcount'))
LRU, HAS_PRIVATE, HEAD, POISON = map(bit, ('PG_lru', 'PG_private', 'PG_head', 'PG_hwpoison'))
SWAPCACHE = bit('PG_swapcache') | bit('PG_swapbacked')
BUDDY, SLAB, HUGETLB, OFFLINE = (prog.constant('PGTY_' + name).value_() for name in
                                 ('buddy', 'slab', 'hugetlb', 'offline'))
FREE, USER, CACHE, PRIVATE_CACHE, EACH = 16, 8, 2 | 4, 4, 31
levels = bytearray({end})

def judge(raw):
    """(levels, pages) of the page that begins here."""
    flags, mapping, private = (struct.unpack_from('<Q', raw, o)[0]
                               for o in (FLAGS, MAPPING, PRIVATE))
    kind = struct.unpack_from('<I', raw, TYPE)[0] >> 24
    order = raw[PAGE.size + FLAGS] if flags & HEAD and len(raw) > PAGE.size else 0
    is_anon = mapping & 1 and kind != SLAB
    is_cache = flags & LRU or flags & SWAPCACHE == SWAPCACHE
    if kind == BUDDY:
        return FREE, 1 << private
    if is_cache and not is_anon:
        return PRIVATE_CACHE if flags & HAS_PRIVATE else CACHE, 1 << order
    if is_anon or kind == HUGETLB:
        return USER, 1 << order
    return (EACH if flags & POISON or kind == OFFLINE else 0), 1

for start in range(0, {end}, 4096):
    try:
        raw = prog.read(pfn_to_page(prog, start).value_(), 4096 * PAGE.size)
    except Exception:
        continue # no memory there
    for i in range(4096):
        one, count = judge(raw[i * PAGE.size:(i + 2) * PAGE.size])
        if one:
            levels[start + i:start + i + count] = bytes([one]) * count
print(levels.hex())
'''
CODECS = {'zstd': 0x20, 'zlib': 1, 'lzo': 2, 'snappy': 4}
INCOMPLETE = 8
PAGE = 4096


class Elf:
    """Physical memory of a vmcore; where PT_LOADs overlap the bytes are the same."""

    def __init__(self, path):
        self.file = open(path, 'rb')
        self.data = mmap.mmap(self.file.fileno(), 0, prot=mmap.PROT_READ)
        offset, size, count = (struct.unpack_from('<Q', self.data, 32)[0],
                               *struct.unpack_from('<HH', self.data, 54))
        self.loads = []
        for i in range(count):
            kind, _, at, _, paddr, filesz = struct.unpack_from('<IIQQQQ', self.data,
                                                               offset + i * size)
            if kind == 1:
                self.loads.append((paddr, filesz, at))

    def page(self, pfn):
        for paddr, size, at in self.loads:
            if paddr <= pfn * PAGE and pfn * PAGE + PAGE <= paddr + size:
                at += pfn * PAGE - paddr
                return self.data[at:at + PAGE]
        return None


class Kdump:
    """A kdump-compressed file, read from the description of the format alone."""

    def __init__(self, path):
        self.file = open(path, 'rb')
        self.data = mmap.mmap(self.file.fileno(), 0, prot=mmap.PROT_READ)
        assert self.data[:8] == b'KDUMP   ', path
        self.status, block, sub_blocks, bitmap_blocks = struct.unpack_from('<IIII', self.data,
                                                                           424)
        self.header = self.data[:464]
        self.sub_header = self.data[block:block + 104]
        start, half = block * (1 + sub_blocks), bitmap_blocks // 2 * block
        self.bitmap1 = self.data[start:start + half]
        self.bitmap2 = self.data[start + half:start + 2 * half]
        self.descs = start + 2 * half
        notes, notes_size = struct.unpack_from('<QQ', self.sub_header, 48)
        self.notes = self.data[notes:notes + notes_size]
        self.level = struct.unpack_from('<I', self.sub_header, 8)[0]

    def kept(self):
        return [i * 8 + bit for i, byte in enumerate(self.bitmap2) if byte
                for bit in range(8) if byte >> bit & 1]

    def pages(self):
        """(pfn, the page or None if it is lost) of all that bitmap2 has."""
        for index, pfn in enumerate(self.kept()):
            offset, size, flags, _ = struct.unpack_from('<QIIQ', self.data,
                                                        self.descs + 24 * index)
            if not offset:
                yield pfn, None
            else:
                yield pfn, unpack(self.data[offset:offset + size], flags)


class Libraries:
    def __init__(self):
        self.zstd = ctypes.CDLL(ctypes.util.find_library('zstd'))
        self.zstd.ZSTD_decompress.restype = ctypes.c_size_t
        self.zstd.ZSTD_decompress.argtypes = (ctypes.c_void_p, ctypes.c_size_t,
                                              ctypes.c_char_p, ctypes.c_size_t)
        self.lzo = ctypes.CDLL(ctypes.util.find_library('lzo2'))
        self.lzo.lzo1x_decompress_safe.argtypes = (ctypes.c_char_p, ctypes.c_size_t,
                                                   ctypes.c_void_p, ctypes.c_void_p,
                                                   ctypes.c_void_p)
        self.snappy = ctypes.CDLL(ctypes.util.find_library('snappy'))
        self.snappy.snappy_uncompress.argtypes = (ctypes.c_char_p, ctypes.c_size_t,
                                                  ctypes.c_void_p, ctypes.c_void_p)
        self.out = ctypes.create_string_buffer(PAGE)


libraries = Libraries()


def unpack(data, flags):
    if flags == 0:
        return data
    if flags == CODECS['zlib']:
        return zlib.decompress(data)
    if flags == CODECS['zstd']:
        size = libraries.zstd.ZSTD_decompress(libraries.out, PAGE, data, len(data))
        return libraries.out.raw if size == PAGE else b''
    size = ctypes.c_size_t(PAGE)
    if flags == CODECS['snappy']:
        status = libraries.snappy.snappy_uncompress(data, len(data), libraries.out,
                                                    ctypes.byref(size))
        return libraries.out.raw if status == 0 and size.value == PAGE else b''
    assert flags == CODECS['lzo'], flags
    status = libraries.lzo.lzo1x_decompress_safe(data, len(data), libraries.out,
                                                 ctypes.byref(size), None)
    return libraries.out.raw if status == 0 and size.value == PAGE else b''


class Test:
    def __init__(self, lab, epitaph, work):
        self.vmcore = lab / 'vmcore'
        self.release = (lab / 'release').read_text().strip()
        self.lab, self.epitaph, self.work = lab, epitaph, work
        self.elf = Elf(self.vmcore)
        is_new = b'OFFSET(' + NEW_KEY in self.elf.data[:1 << 20]
        knows = NEW_KEY in (assets.peers() / 'usr/bin/makedumpfile').read_bytes()
        self.is_beyond_crash, self.is_beyond_makedumpfile = is_new, is_new and not knows
        self.has_peers = '-arm64' not in lab.name
        self.page_levels = b''
        self.passed = self.failed = 0

    def check(self, name, right, *why):
        self.passed, self.failed = self.passed + bool(right), self.failed + (not right)
        print(f'{"ok  " if right else "FAIL"} {name}', flush=True)
        if not right:
            for each in why:
                print(f'     {str(each)[:2000]}')

    # --- running programs ---

    def save(self, name, *options, expected=0):
        path = self.work / name
        done = subprocess.run([self.epitaph, 'save', '--json', *options, self.vmcore, path],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != expected:
            self.check(f'save {name}: exit {expected}', False, done.returncode, done.stderr)
            return path, {}
        return path, json.loads(done.stdout or '{}')

    def peer(self, program, *arguments, stdin=''):
        argv, env = assets.peer_command(program, *arguments)
        return subprocess.run(argv, env=env, input=stdin, text=True, errors='replace',
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    # --- which pages, and what is in them ---

    def same_bits(self, name, ours, theirs, bitmaps=('bitmap1', 'bitmap2')):
        for each in bitmaps:
            a, b = getattr(ours, each), getattr(theirs, each)
            only_ours = sum((x & ~y).bit_count() for x, y in zip(a, b))
            only_theirs = sum((y & ~x).bit_count() for x, y in zip(a, b))
            where = [hex(i * 8) for i, (x, y) in enumerate(zip(a, b)) if x != y][:10]
            self.check(f'{name}: {each} as makedumpfile', a == b,
                       f'{only_ours} only in ours, {only_theirs} only in theirs, {where}')

    def heads(self, pfns):
        """{pfn: that of its head}, as drgn and the full vmlinux have it; no tail: none."""
        script = self.work / 'heads.py'
        script.write_text(HEADS_SCRIPT.format(pfns=pfns))
        done = self.peer('drgn', '-q', '-c', self.vmcore, '-s', assets.vmlinux(self.release),
                         script)
        pairs = [line.split() for line in done.stdout.splitlines()] \
            if not done.returncode else []
        return {int(pfn): int(head) for pfn, head in pairs if head != '-'}

    def same_but_for_tails(self, level, ours, theirs):
        """Where makedumpfile is wrong: it lacks tails of what it keeps the head of."""
        mine, other = set(ours.kept()), set(theirs.kept())
        heads = self.heads(sorted(mine - other)) if mine - other else {}
        odd = [hex(pfn) for pfn in mine - other if heads.get(pfn) not in mine & other]
        self.check(f'{level}: bitmap2 as makedumpfile, but for {len(heads)} tails',
                   mine >= other and not odd, len(other - mine), len(odd), odd[:10])
        return len(heads)

    def levels_by_drgn(self):
        """For each page frame the levels that leave it out."""
        script = self.work / 'levels.py'
        script.write_text(LEVELS_SCRIPT.format(end=max(p + s for p, s, _ in self.elf.loads)
                                               // PAGE))
        done = self.peer('drgn', '-q', '-c', self.vmcore, '-s', assets.vmlinux(self.release),
                         script)
        self.check('drgn tells what pages are', done.returncode == 0, done.stdout[-1000:])
        return bytes.fromhex(done.stdout) if done.returncode == 0 else b''

    def levels(self):
        lacking = 0
        for level in LEVELS:
            path, result = self.save(f'level{level}', '--level', str(level), '--codec', 'lzo')
            if not result:
                continue
            if not self.has_peers:
                self.by_rules(level, path, result)
                continue
            theirs = self.work / f'mdf{level}'
            done = self.peer('makedumpfile', '-l', '-d', level, self.vmcore, theirs)
            if done.returncode:
                self.check(f'level {level}: makedumpfile', False, done.stdout[-1000:])
                continue
            ours, theirs_file = Kdump(path), Kdump(theirs)
            if self.is_beyond_makedumpfile:
                self.same_bits(f'level {level}', ours, theirs_file, ['bitmap1'])
                lacking += self.same_but_for_tails(f'level {level}', ours, theirs_file)
            else:
                self.same_bits(f'level {level}', ours, theirs_file)
            self.check(f'level {level}: headers as makedumpfile',
                       ours.header == theirs_file.header and
                       ours.sub_header == theirs_file.sub_header and
                       ours.notes == theirs_file.notes)
            self.check(f'level {level}: counts', result['state'] == 'complete' and
                       result['pages']['written'] == len(ours.kept()) and
                       result['size_bytes'] == path.stat().st_size, result)
            if level == 1:
                self.same_pages('level 1, lzo', path, result)
            path.unlink()
            theirs.unlink()
        if self.is_beyond_makedumpfile:
            self.check('makedumpfile is as wrong as it is known to be', lacking)

    def by_rules(self, level, path, result):
        """Without makedumpfile; that zeros are left out means that they are stored once."""
        self.page_levels = self.page_levels or self.levels_by_drgn()
        ours = Kdump(path)
        expected = {i * 8 + bit for i, byte in enumerate(ours.bitmap1) if byte
                    for bit in range(8) if byte >> bit & 1 and
                    not self.page_levels[i * 8 + bit] & level}
        kept = set(ours.kept())
        self.check(f'level {level}: {len(kept)} pages, as the rules say', kept == expected,
                   f'{len(kept - expected)} only in ours, {len(expected - kept)} missing',
                   sorted(kept ^ expected)[:10])
        self.check(f'level {level}: counts', result['state'] == 'complete' and
                   result['pages']['written'] == len(kept) and
                   result['size_bytes'] == path.stat().st_size, result)
        self.same_pages(f'level {level}', path, result)
        path.unlink()

    def same_pages(self, name, path, result, lost_too=False):
        wrong, good, lost, zero = [], 0, 0, 0
        for pfn, page in Kdump(path).pages():
            if page is None:
                lost += 1
            elif page != self.elf.page(pfn):
                wrong.append(hex(pfn))
            else:
                good += 1
                zero += not page.strip(b'\0')
        self.check(f'{name}: {good} pages as the source has them, {lost} lost',
                   not wrong and good and bool(lost) == lost_too, wrong[:10])
        if result:
            self.check(f'{name}: as many as it says', good == result['pages']['written'] and
                       zero == result['pages']['zero'], good, zero, result)

    def codecs(self):
        for codec, flag in CODECS.items():
            path, result = self.save(codec, '--codec', codec)
            if not result:
                continue
            self.check(f'{codec}: header says it', Kdump(path).status == flag)
            self.same_pages(codec, path, result)
        one, _ = self.save('one', '--threads', '1')
        four, _ = self.save('four', '--threads', '4')
        self.same_bits('1 and 4 threads', Kdump(one), Kdump(four))
        self.same_pages('4 threads', four, None)
        again, result = self.save('one', '--threads', '1', expected=1)
        self.check('an existing file is left alone', not result and again.stat().st_size)

    # --- readers ---

    def crash(self, path, vmlinux):
        commands = ''.join(f'{c}\n' for c in ('sys', 'ps', 'bt', 'bt -a', 'mod', 'exit'))
        done = self.peer('crash', '-s', vmlinux, path, stdin=commands)
        lines = [line for line in done.stdout.splitlines()
                 if 'DUMPFILE:' not in line and 'error trace:' not in line]
        return done.returncode, lines

    def drgn(self, path, vmlinux):
        script = self.work / 'tasks.py'
        script.write_text(
            'from drgn.helpers.linux.pid import for_each_task\n'
            'for t in for_each_task(prog):\n'
            '    print(t.pid.value_(), t.comm.string_().decode(), hex(t.value_()))\n'
            '    try:\n'
            '        for f in prog.stack_trace(t): print("   ", f.name)\n'
            '    except Exception as e: print("   ", type(e).__name__)\n')
        done = self.peer('drgn', '-q', '-c', path, '-s', vmlinux, script)
        return done.returncode, done.stdout.splitlines()

    def stacks(self, vmlinux):
        """No stack that the source has is lost in a dump of level 31."""
        dump, _ = self.save('level31', '--level', '31')
        ours = self.drgn(dump, vmlinux)
        tasks = sum(not line.startswith(' ') for line in ours[1])
        faults = sum('FaultError' in line for line in ours[1])
        self.check(f'drgn reads the stacks of all {tasks} tasks in our level 31',
                   ours[0] == 0 and tasks > 40 and not faults, ours[0], faults, ours[1][:10])
        dump.unlink(missing_ok=True)

    def crash_gives_up(self, said):
        """Where it is known to, and in the way that is known."""
        return self.is_beyond_crash and said[0] and any(
            'invalid structure member offset' in line for line in said[1])

    def readers(self):
        vmlinux = assets.vmlinux(self.release)
        peers = [('crash', self.crash), ('drgn', self.drgn)]
        for name, ask in peers if self.has_peers else peers[1:]:
            theirs = ask(self.vmcore, vmlinux)
            told_before = name == 'crash' and self.crash_gives_up(theirs)
            for codec in CODECS:
                ours = ask(self.work / codec, vmlinux)
                differing = [pair for pair in zip(theirs[1], ours[1]) if pair[0] != pair[1]]
                told = told_before or (ours[0] == 0 and len(ours[1]) > 80)
                self.check(f'{name} says the same of source and {codec} dump '
                           f'({len(ours[1])} lines)', ours == theirs and told, ours[0],
                           len(theirs[1]), differing[:10], ours[1][:10])
        self.stacks(vmlinux)
        if self.has_peers:
            self.logs()

    def logs(self):
        makedumpfile = assets.need('makedumpfile', 'makedumpfile')
        logs = []
        # Debian 12's knows no zstd.
        for source in self.vmcore, self.work / 'zlib':
            log = self.work / 'log'
            subprocess.run([makedumpfile, '-f', '--dump-dmesg', source, log],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            logs.append(log.read_bytes() if log.exists() else b'')
            log.unlink(missing_ok=True)
        marker = (self.lab / 'marker').read_bytes().strip()
        self.check('makedumpfile prints the same log', logs[0] == logs[1] and marker in logs[1],
                   len(logs[0]), len(logs[1]))

    # --- cut short ---

    def cut(self, name, path, status, expected):
        self.check(f'{name}: exit {expected}', status == expected, status)
        self.check(f'{name}: header says incomplete',
                   Kdump(path).status == CODECS['zlib'] | INCOMPLETE)

    def full(self):
        """A file that may not grow, as on a full disk."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (9 << 20, 9 << 20))

        path = self.work / 'full'
        done = subprocess.run([self.epitaph, 'save', '--json', '--codec', 'zlib', self.vmcore,
                               path], preexec_fn=limit, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.cut('no room', path, done.returncode, 3)
        result = json.loads(done.stdout)
        self.check('no room: says why', result['state'] == 'incomplete' and
                   'File too large after' in result['reason'], result)
        self.same_pages('no room', path, result, lost_too=True)
        self.check('no room: the room is used', path.stat().st_size == 9 << 20,
                   path.stat().st_size)
        if not self.has_peers:
            return
        theirs = self.peer('crash', '-s', assets.vmlinux(self.release), path, stdin='exit\n')
        self.check('no room: crash calls it incomplete',
                   'dumpfile is incomplete' in theirs.stdout, theirs.stdout)

    def stopped(self, number, expected):
        name = signal.Signals(number).name
        path = self.work / name
        child = subprocess.Popen([self.epitaph, 'save', '--json', '--codec', 'zlib:9',
                                  '--level', '1', self.vmcore, path], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while child.poll() is None and not (path.exists() and path.stat().st_size > 8 << 20):
            time.sleep(0.001)
        child.send_signal(number)
        out, _ = child.communicate()
        self.cut(name, path, child.returncode, expected)
        result = json.loads(out) if out else None
        self.check(f'{name}: says why', not result or result['reason'].startswith('stopped '),
                   result)
        self.same_pages(name, path, result, lost_too=True)
        path.unlink()

    def run(self):
        self.levels()
        self.codecs()
        self.readers()
        self.full()
        self.stopped(signal.SIGINT, 3)
        self.stopped(signal.SIGKILL, -signal.SIGKILL)


def main():
    lab = Path(sys.argv[1]).resolve()
    epitaph = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / 'build/epitaph').resolve()
    work = Path(tempfile.mkdtemp(prefix='epitaph-dump-'))
    test = Test(lab, epitaph, work)
    try:
        test.run()
    finally:
        shutil.rmtree(work)
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
