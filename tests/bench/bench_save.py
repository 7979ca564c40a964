# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving a dump: `epitaph save` against makedumpfile, and machines of any size.

Each program writes the same pages at level 31; the source is in the page cache and what is
written goes to memory, so that the programs are measured and not the disk. The ratios of
wall and CPU time are against makedumpfile with the option named.
"""
import os
import subprocess

import assets
import huge_machine
from measure import FIGURES, MIB, lab, measure, medians

LEVEL = 31
THEIRS = {'zstd': '-z', 'zlib': '-c', 'lzo': '-l', 'snappy': '-p'}
OURS = ('zstd', 'zstd:1', 'zlib', 'zlib:1', 'lzo', 'snappy', 'none')
HUGE_GIB = (256, 1024, 4096)


def measure_saving(argv, env, output):
    output.unlink(missing_ok=True)
    return (*measure(argv, env), output.stat().st_size / MIB)


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


def run_save(options):
    """The dump of a 6 GiB machine with a million files, made in two to four minutes, then
    kept; quick: of one of 1 GiB that has just booted."""
    source = options.lab or (lab() if options.quick else
                             lab('--memory', '6144', '--files', '1000000', '--timeout', '560'))
    vmcore, output = source.resolve() / 'vmcore', options.work / 'dump'
    subprocess.run(['cat', vmcore], check=True, stdout=subprocess.DEVNULL)
    compared = contestants(options.epitaph, vmcore, output, len(os.sched_getaffinity(0)))
    measured = {who: [] for who in compared}
    for _ in range(options.runs):
        for who, (argv, env) in compared.items():
            measured[who].append(measure_saving(argv, env, output))
    output.unlink()
    rows = [{'program': program, 'codec': codec, 'threads': threads,
             **medians((*FIGURES, 'size_mib'), results)}
            for (program, codec, threads), results in measured.items()]
    theirs = {row['codec']: row for row in rows if row['program'] == 'makedumpfile'}
    for row in rows:
        row['times_faster'] = {option: {'wall': other['wall_s'] / row['wall_s'],
                                        'cpu': other['cpu_s'] / row['cpu_s']}
                               for option, other in theirs.items()}
    return {'source': str(vmcore), 'rows': rows}


def show_save(found, options):
    print(f'{found["source"]}, level {LEVEL}, median of {options.runs}')
    print('program      codec  thr  wall s   CPU s  RSS MiB  own MiB  size MiB  times faster, '
          'wall (CPU): ' + '  '.join(f'than {o}' for o in THEIRS.values()))
    for row in found['rows']:
        times = '  '.join('{:5.1f} ({:4.1f})'.format(*row['times_faster'][o].values())
                          for o in THEIRS.values())
        print('{program:12} {codec:7}{threads:3} {wall_s:7.2f} {cpu_s:7.2f} {rss_mib:8.0f} '
              '{own_mib:8.0f} {size_mib:9.1f}  '.format(**row) + times)


def run_huge(options):
    rows = []
    source, output = options.work / 'huge', options.work / 'huge.dump'
    for gib in HUGE_GIB:
        huge_machine.make(source, gib)
        argv = [options.epitaph, 'save', '--level', LEVEL, source, output]
        rows.append({'gib': gib, **medians((*FIGURES, 'size_mib'), [
            measure_saving(argv, None, output) for _ in range(options.runs)])})
        source.unlink()
        output.unlink()
    return rows


def show_huge(rows, options):
    print(f'memory GiB   wall s   CPU s  RSS MiB  own MiB  size MiB   (median of {options.runs})')
    for row in rows:
        print('{gib:10} {wall_s:8.2f} {cpu_s:7.2f} {rss_mib:8.0f} {own_mib:8.0f} '
              '{size_mib:9.1f}'.format(**row))
