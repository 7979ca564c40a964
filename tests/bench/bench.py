#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving a dump: `epitaph save` against makedumpfile (Debian sid's), same source, same run.

    bench.py [--quick] [--runs N] [--lab DIR] [--work DIR] [--no-huge]
             [--epitaph PROGRAM] [--json] [--corpus DIR]

The source is the dump of a 6 GiB machine with a million files (made by tests/vm/lab.py in
two to four minutes, then kept); --quick takes a 1 GiB machine that has just booted, three
runs instead of five, and no huge machine.

Each program writes the same pages at level 31; the source is in the page cache and what is
written goes to memory (/dev/shm, or --work), so that the programs are measured and not the
disk. Programs take turns, so that other work on the machine hits them alike; figures are
medians. CPU is user and system time. `RSS' is the peak that the kernel counted (VmHWM: the
one of wait4() begins with the memory of whoever started the program), `own' the largest of
its anonymous part; both are looked at every 2 ms. The ratios of wall and CPU time are
against makedumpfile with the option named.

--corpus, or EPITAPH_CORPUS: also how many crash logs of that folder get their title.

Then machines of 256 GiB to 4 TiB as tests/bench/huge.py makes them: time and memory by size.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402
import huge    # noqa: E402

LEVEL = 31
MIB = 1 << 20
THEIRS = {'zstd': '-z', 'zlib': '-c', 'lzo': '-l', 'snappy': '-p'}
OURS = ('zstd', 'zstd:1', 'zlib', 'zlib:1', 'lzo', 'snappy', 'none')
HUGE_GIB = (256, 1024, 4096)
FIGURES = ('wall_s', 'cpu_s', 'rss_mib', 'own_mib', 'size_mib')


def memory_kib(pid):
    """(peak RSS so far, anonymous RSS now); zeros once the program has ended."""
    try:
        lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    except OSError:
        lines = ()
    words = {line.split()[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    return int(words.get('VmHWM:', 0)), int(words.get('RssAnon:', 0))


def measure(argv, env, output):
    """FIGURES of one run."""
    output.unlink(missing_ok=True)
    started = time.monotonic()
    child = subprocess.Popen([str(a) for a in argv], env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = own = 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        now = memory_kib(child.pid)
        peak, own = max(peak, now[0]), max(own, now[1])
        time.sleep(0.002)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f'bench: {argv[0]} failed with status {child.returncode}')
    return (wall, usage.ru_utime + usage.ru_stime, peak / 1024, own / 1024,
            output.stat().st_size / MIB)


def contestants(epitaph, vmcore, output, threads):
    """(program, codec, threads) -> (argv, env)"""
    found = {}
    for option in THEIRS.values():
        found['makedumpfile', option, 1] = assets.peer_command(
            'makedumpfile', '--message-level', 0, option, '-d', LEVEL, vmcore, output)
    for codec in OURS:
        for count in sorted({1, threads}):
            found['epitaph', codec, count] = ([epitaph, 'save', '--codec', codec, '--level',
                                               LEVEL, '--threads', count, vmcore, output],
                                              None)
    return found


def bench_codecs(epitaph, vmcore, work, runs):
    output = work / 'dump'
    compared = contestants(epitaph, vmcore, output, len(os.sched_getaffinity(0)))
    measured = {who: [] for who in compared}
    for _ in range(runs):
        for who, (argv, env) in compared.items():
            measured[who].append(measure(argv, env, output))
    output.unlink()
    rows = []
    for (program, codec, threads), results in measured.items():
        row = {'program': program, 'codec': codec, 'threads': threads}
        row.update(zip(FIGURES, map(statistics.median, zip(*results))))
        rows.append(row)
    theirs = {row['codec']: row for row in rows if row['program'] == 'makedumpfile'}
    for row in rows:
        row['times_faster'] = {option: {'wall': other['wall_s'] / row['wall_s'],
                                        'cpu': other['cpu_s'] / row['cpu_s']}
                               for option, other in theirs.items()}
    return rows


def bench_huge(epitaph, work, runs):
    rows = []
    source, output = work / 'huge', work / 'huge.dump'
    for gib in HUGE_GIB:
        huge.make(source, gib)
        argv = [epitaph, 'save', '--level', LEVEL, source, output]
        results = [measure(argv, None, output) for _ in range(runs)]
        row = {'gib': gib}
        row.update(zip(FIGURES, map(statistics.median, zip(*results))))
        rows.append(row)
        source.unlink()
        output.unlink()
    return rows


def show(vmcore, runs, rows, huge_rows):
    print(f'{vmcore}, level {LEVEL}, median of {runs}')
    options = list(THEIRS.values())
    print('program      codec  thr  wall s   CPU s  RSS MiB  own MiB  size MiB  '
          'times faster, wall (CPU): ' + '  '.join(f'than {o}' for o in options))
    for row in rows:
        times = '  '.join('{:5.1f} ({:4.1f})'.format(*row['times_faster'][o].values())
                          for o in options)
        print('{program:12} {codec:7}{threads:3} {wall_s:7.2f} {cpu_s:7.2f} {rss_mib:8.0f} '
              '{own_mib:8.0f} {size_mib:9.1f}  '.format(**row) + times)
    if huge_rows:
        print('memory GiB   wall s   CPU s  RSS MiB  own MiB  size MiB')
    for row in huge_rows:
        print('{gib:10} {wall_s:8.2f} {cpu_s:7.2f} {rss_mib:8.0f} {own_mib:8.0f} '
              '{size_mib:9.1f}'.format(**row))


def lab(*options):
    done = subprocess.run([sys.executable, ROOT / 'tests/vm/lab.py', 'make', '6.12', 'sysrq',
                           *options], check=True, text=True, stdout=subprocess.PIPE)
    return Path(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--runs', type=int)
    parser.add_argument('--lab', type=Path)
    parser.add_argument('--work', type=Path, default=Path('/dev/shm'))
    parser.add_argument('--no-huge', action='store_true')
    parser.add_argument('--epitaph', type=Path, default=ROOT / 'build/epitaph')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--corpus', type=Path, default=os.environ.get('EPITAPH_CORPUS'),
                        help='a folder of crash logs with their titles (tests/corpus.py)')
    arguments = parser.parse_args()
    runs = arguments.runs or (3 if arguments.quick else 5)
    source = arguments.lab
    if not source and arguments.quick:
        source = lab()
    elif not source:
        source = lab('--memory', '6144', '--files', '1000000', '--timeout', '560')
    epitaph, vmcore = arguments.epitaph.resolve(), source.resolve() / 'vmcore'
    subprocess.run(['cat', vmcore], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix='epitaph-bench-', dir=arguments.work) as work:
        rows = bench_codecs(epitaph, vmcore, Path(work), runs)
        huge_rows = []
        if not (arguments.quick or arguments.no_huge):
            huge_rows = bench_huge(epitaph, Path(work), runs)
    if arguments.json:
        print(json.dumps({'schema_version': 2, 'source': str(vmcore), 'runs': runs,
                          'rows': rows, 'huge': huge_rows}, indent=2))
    else:
        show(vmcore, runs, rows, huge_rows)
    if arguments.corpus:
        print('\nTitles of known crash logs\n', flush=True)
        subprocess.run([sys.executable, ROOT / 'tests/corpus.py', arguments.corpus,
                        epitaph.parent / 'tests/test_cause'], check=True)


if __name__ == '__main__':
    main()
