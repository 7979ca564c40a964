#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`epitaph verify` and `epitaph info` on a reference dump: whole, cut, damaged.

    verify.py LAB [EPITAPH]         LAB as tests/vm/lab.py makes it
"""
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import dump_equal  # noqa: E402
from dump_equal import INCOMPLETE, ROOT, Kdump  # noqa: E402


FINDINGS = 8  # told at most


class Test(dump_equal.Test):
    def ask(self, command, path, expected, *options):
        done = subprocess.run([self.epitaph, command, '--json', *options, path], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        name = f'{command} {path.name}: exit {expected}'
        if done.returncode != expected or not done.stdout:
            self.check(name, False, done)
            return {}
        return json.loads(done.stdout)

    def whole(self, path):
        kept, dump = len(Kdump(path).kept()), Kdump(path)
        total = sum(byte.bit_count() for byte in dump.bitmap1)
        found = self.ask('verify', path, 0)
        self.check('verify: complete', found.get('state') == 'complete' and
                   found['pages'] == {'total': total, 'good': kept, 'lost': 0, 'corrupt': 0,
                                      'left_out': total - kept} and
                   found['notes']['cpus'] == 2 and found['release'] == self.release, found)
        self.check('verify: one thread finds the same',
                   found == self.ask('verify', path, 0, '--threads', '1'))
        info = self.ask('info', path, 0)
        descs = [struct.unpack_from('<QII', dump.data, dump.descs + 24 * i)
                 for i in range(kept)]
        places = {offset: size for offset, size, _ in descs}
        shared = kept - len(places)
        self.check('info: pages, codecs, sizes', info.get('state') == 'complete' and
                   info['pages']['in_dump'] == kept and info['pages']['total'] == total and
                   info['codecs']['zstd']['pages'] == sum(f == 0x20 for _, _, f in descs) and
                   info['level'] == 31 and info['format_version'] == 6 and
                   info['file_bytes'] == path.stat().st_size, info)
        # A place may be forgotten and counted twice.
        self.check('info: what is shared', shared - 20 <= info['pages']['shared'] <= shared and
                   0 <= sum(c['bytes'] for c in info['codecs'].values()) -
                   sum(places.values()) <= 20 * 4096, shared, info)

    def source(self):
        found = self.ask('verify', self.vmcore, 0)
        info = self.ask('info', self.vmcore, 0)
        self.check('verify, info: the ELF source', found.get('state') == 'complete' and
                   found['format'] == 'elf' and info.get('codecs') == {} and
                   found['pages']['good'] == info['pages']['in_dump'] > 100000, found, info)

    def cut(self, path):
        cut = self.work / 'cut'
        with open(path, 'rb') as file:
            cut.write_bytes(file.read(path.stat().st_size // 2))
        found, info = self.ask('verify', cut, 3), self.ask('info', cut, 3)
        good = 0
        for index in range(len(Kdump(cut).kept())):
            offset, size = struct.unpack_from('<QI', Kdump(cut).data,
                                              Kdump(cut).descs + 24 * index)
            good += offset + size <= cut.stat().st_size
        self.check('a file that was cut is incomplete', found.get('state') == 'incomplete' and
                   found['pages']['good'] == good and found['pages']['lost'] > 0 and
                   len(found['findings']) == 8 and info['state'] == 'incomplete' and
                   info['pages']['lost'] == found['pages']['lost'], good, found, info)

    def marked(self, path):
        marked = self.work / 'marked'
        shutil.copy(path, marked)
        with open(marked, 'r+b') as file:
            file.seek(424)
            file.write(struct.pack('<I', Kdump(path).status | INCOMPLETE))
        found, info = self.ask('verify', marked, 3), self.ask('info', marked, 3)
        self.check('one that is marked is incomplete', found.get('state') == 'incomplete' and
                   found['pages']['lost'] == 0 and info['state'] == 'incomplete', found, info)

    def damaged(self, path):
        """The compressed bytes of three pages, and of those that share them, are no longer such."""
        damaged = self.work / 'damaged'
        shutil.copy(path, damaged)
        dump = Kdump(path)
        descs = [struct.unpack_from('<QII', dump.data, dump.descs + 24 * index)
                 for index in range(len(dump.kept()))]
        offsets = [offset for index, (offset, _, flags) in enumerate(descs)
                   if flags and index % 1000 == 7][:3]
        with open(damaged, 'r+b') as file:
            for offset in offsets:
                file.seek(offset)
                file.write(b'\xff' * 16)
        pages = sum(offset in offsets for offset, _, _ in descs)
        found = self.ask('verify', damaged, 1)
        self.check('a damaged one is corrupt', pages >= 3 and found.get('state') == 'corrupt' and
                   found['pages']['corrupt'] == pages and
                   len(found['findings']) == min(pages, FINDINGS), pages, found)

    def run(self):
        path, _ = self.save('dump')
        self.whole(path)
        self.source()
        self.cut(path)
        self.marked(path)
        self.damaged(path)


def main():
    lab = Path(sys.argv[1]).resolve()
    epitaph = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / 'build/epitaph').resolve()
    with tempfile.TemporaryDirectory(prefix='epitaph-verify-') as work:
        test = Test(lab, epitaph, Path(work))
        test.run()
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
