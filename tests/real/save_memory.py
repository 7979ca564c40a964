#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `epitaph save` keeps resident, page cache that it has mapped included, while it saves a
real dump, and one that is compressed: 16 MiB and 2 more a thread, with every codec.

    save_memory.py LAB_DIR EPITAPH
"""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'bench'))
import measure  # noqa: E402

LIMIT_MIB, LIMIT_THREAD_MIB = 16, 2


def main():
    lab, epitaph = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    failed = passed = 0
    with tempfile.TemporaryDirectory(prefix='epitaph-memory-') as name:
        saved, again = Path(name) / 'saved', Path(name) / 'again'
        cases = [(lab / 'vmcore', codec, threads, again) for codec, threads in
                 (('zlib', 4), ('snappy', 1), ('lzo', 2), ('none', 2))]
        cases += [(lab / 'vmcore', 'zstd', threads, saved) for threads in (1, 2, 4)]
        cases += [(saved, 'zstd', 2, again)]
        for source, codec, threads, output in cases:
            argv = [epitaph, 'save', '--codec', codec, '--threads', threads, source, output]
            output.unlink(missing_ok=True)
            _, _, peak, own = measure.measure(argv)
            is_right = 2 < peak <= LIMIT_MIB + LIMIT_THREAD_MIB * threads
            failed, passed = failed + (not is_right), passed + is_right
            print(f'{"ok  " if is_right else "FAIL"} {source.name}, {codec}, {threads} threads:'
                  f' {peak:.1f} MiB, {own:.1f} of them allocated', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
