#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetch what the tests and rehearsals need, without installing anything.

    assets.py kernel 6.12     DIR: DIR/boot/vmlinuz-REL, DIR/lib/modules/REL, DIR/release
    assets.py headers 6.12    DIR: for `make -C DIR M=...`, of exactly that kernel
    assets.py vmlinux 6.12    FILE: vmlinux with debug information, of exactly that kernel
    assets.py source 6.12     DIR: the source of a series that is in this Debian
    assets.py program busybox-static bin/busybox arm64
                              FILE: a program of another architecture, in a package
    assets.py root bookworm   DIR: a root of Debian to install packages in; trixie; or
                              bookworm-system, with systemd, GRUB and a kernel
    assets.py peers           DIR: a root of Debian sid with crash, drgn, makedumpfile, gdb
    assets.py all             kernel, headers and vmlinux for each series in SERIES and
                              OTHER_SUITES and in ARM64_SERIES; peers

stdout is the path, stderr is progress.  Everything comes from Debian's archive and goes
to a cache, see cache_dir(): through the machine's own apt, or, for the series in
OTHER_SUITES and for another architecture, through an apt with its own lists inside the
cache.

A series ("6.12", or "7.x" for all that begin with 7) means Debian's newest cloud kernel
of it when it was first asked for;
then it stays the same, so that a dump and its vmlinux go on matching, until --update.
A full release ("6.12.117+deb12-cloud-amd64") works too if the cache has that kernel.
"6.12-arm64" is that series for arm64, whatever this machine is.
What the cache has is given without asking the network.

Each asset is made beside its place and renamed into it, so an interrupted run leaves
nothing that looks complete.
"""
import argparse
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

SERIES = ('6.1', '6.12')
# Series that this Debian does not have, and the suite that has them. Of an old suite only
# its main part: of its security updates some packages are gone while the lists name them.
OTHER_SUITES = {'5.10': 'bullseye', '7.x': 'sid'}
# Those of another machine than ours.
ARM64_SERIES = ('6.12-arm64',)
ARCHITECTURES = ('amd64', 'arm64')  # as Debian names them; the first one is this machine's
PEER_PACKAGES = ('crash', 'python3-drgn', 'makedumpfile', 'gdb')
PEER_PROGRAMS = ('crash', 'drgn', 'makedumpfile', 'gdb')
# What Debian's package is installed in: a bare root, and what a machine boots by itself.
DEBIAN_ROOTS = {
    'bookworm': ('bookworm', ()),
    'trixie': ('trixie', ()),
    'bookworm-system': ('bookworm', (
        'systemd-sysv', 'systemd', 'udev', 'linux-image-cloud-amd64', 'initramfs-tools',
        'grub-pc', 'kmod', 'e2fsprogs')),
}
LIBDIR = 'usr/lib/x86_64-linux-gnu'


class Trouble(Exception):
    """Something that the person who started us can mend; the text says how."""


def say(text):
    print(f'assets: {text}', file=sys.stderr, flush=True)


def cache_dir():
    base = os.environ.get('EPITAPH_CACHE')
    if not base:
        base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
        base = Path(base) / 'epitaph'
    return Path(base).absolute()


def need(program, package):
    """The path of a program of this machine; sbin is often not in a user's PATH."""
    found = shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')
    if not found:
        raise Trouble(f"'{program}' is missing: apt-get install {package}")
    return found


@contextmanager
def cache_lock(name='lock'):
    """One maker at a time.  Readers need no lock: what has its final name is complete."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with open(cache_dir() / f'.{name}', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say('another run is working on the cache, waiting for it')
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def new_dir(final):
    """A directory that gets the name `final` only if the body succeeds."""
    final.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f'.{final.name}.', dir=final.parent))
    try:
        yield work
        work.chmod(0o755)
        work.rename(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run(*command, **options):
    """Run a command whose stdout is not ours: our stdout is the result."""
    return subprocess.run([str(c) for c in command], check=True, stdout=sys.stderr, **options)


def output_of(*command):
    return subprocess.run([str(c) for c in command], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


# --- Debian's archive -----------------------------------------------------------------

KEYRING = Path('/usr/share/keyrings/debian-archive-keyring.gpg')


class Apt:
    """The machine's own apt."""
    options = ()
    architecture = ARCHITECTURES[0]

    def update(self):
        say('refreshing the package lists')
        if os.geteuid() != 0:
            raise Trouble('the package lists are missing or too old: '
                          'run apt-get update as root')
        # Some other source of this machine may be out of reach: what counts is whether the
        # package can be had afterwards.
        subprocess.run(['apt-get', 'update', '-qq'], stdout=sys.stderr, check=False)

    def retry(self, attempt):
        """attempt(), and again with fresh lists when it gives None (unknown, or 404)."""
        result = attempt()
        if result is None:
            self.update()
            result = attempt()
        return result

    def depends(self, package):
        return subprocess.run(['apt-cache', *self.options, 'depends', package], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def newest_release(self, series):
        """'6.12' -> '6.12.117+deb12-cloud-amd64', what the meta package depends on."""
        number, architecture = series_parts(series)
        pattern = re.escape(number).replace('x', r'\d+') + r'\D'

        def attempt():
            # The series that is the distribution's own has no number in its meta package.
            for meta in (f'linux-image-{number}-cloud-{architecture}',
                         f'linux-image-cloud-{architecture}'):
                for package in re.findall(r'Depends: linux-image-(\d\S*)',
                                          self.depends(meta)):
                    if re.match(pattern, package):
                        return package
            return None

        release = self.retry(attempt)
        if not release:
            raise Trouble(f'{self} has no cloud kernel {series}; apt-cache search '
                          f'linux-image-.*-cloud-{architecture} shows what this '
                          f'Debian has')
        return release

    def __str__(self):
        return 'this Debian'


class OwnApt(Apt):
    """An apt of another suite, or of the machine's own sources for another architecture
    (suite None): its lists and its cache are in ours, the machine's stay."""

    # Behind the machine's own configuration, of which a proxy may be wanted and hooks not.
    CONFIGURATION = '''\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
APT::Sandbox::User "";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
'''
    SOURCES = '''\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/none";
Dir::Etc::preferences "{folder}/none/preferences";
Dir::Etc::preferencesparts "{folder}/none";
'''

    def __init__(self, suite, architecture=ARCHITECTURES[0]):
        self.suite, self.architecture = suite, architecture
        name = f'apt-{suite or "own"}'
        if architecture != ARCHITECTURES[0]:
            name += f'-{architecture}'
        self.folder = cache_dir() / name
        self.options = ('-c', self.folder / 'apt.conf')

    def update(self):
        say(f'fetching the package lists of {self}')
        if not KEYRING.exists():
            raise Trouble(f"'{KEYRING}' is missing: apt-get install debian-archive-keyring")
        for name in 'state/lists/partial', 'cache/archives/partial', 'none':
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / 'status').touch()
        text = self.CONFIGURATION + (self.SOURCES if self.suite else '')
        (self.folder / 'apt.conf').write_text(
            text.format(folder=self.folder, architecture=self.architecture))
        if self.suite:
            (self.folder / 'sources.list').write_text(
                f'deb [arch={self.architecture} signed-by={KEYRING}] {debian_mirror()} '
                f'{self.suite} main\n')
        subprocess.run(['apt-get', *self.options, 'update', '-qq'], stdout=sys.stderr)

    def __str__(self):
        return f'Debian {self.suite or "as here"} for {self.architecture}'


def series_parts(series):
    """'6.12-arm64' -> ('6.12', 'arm64'); a series that names none is of this machine."""
    for architecture in ARCHITECTURES:
        if series.endswith(f'-{architecture}'):
            return series.removesuffix(f'-{architecture}'), architecture
    return series, ARCHITECTURES[0]


def apt_of(suite, architecture):
    if suite or architecture != ARCHITECTURES[0]:
        return OwnApt(suite, architecture)
    return Apt()


def apt_of_series(series):
    number, architecture = series_parts(series)
    return apt_of(OTHER_SUITES.get(number), architecture)


def apt_of_kernel(kernel_dir):
    """The apt that a kernel of the cache came from."""
    suite = kernel_dir / 'suite'
    release = (kernel_dir / 'release').read_text().strip()
    return apt_of(suite.read_text().strip() if suite.exists() else None,
                  series_parts(release)[1])


def package_file(apt, package, version=None):
    """The .deb of a package in the cache, downloaded if it is not there yet."""
    store = cache_dir() / 'deb'
    store.mkdir(parents=True, exist_ok=True)

    def cached(folder):
        found = [path for architecture in (apt.architecture, 'all') for path in
                 folder.glob(f'{glob.escape(package)}_{version or "*"}_{architecture}.deb')]
        found.sort(key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None

    def attempt():
        wanted = f'{package}={version}' if version else package
        say(f'downloading {wanted}')
        with tempfile.TemporaryDirectory(prefix='.download.', dir=store) as work:
            os.chmod(work, 0o755)
            # As the user that we are: apt's own may not enter the cache of another.
            done = subprocess.run(['apt-get', *apt.options, '-o', 'APT::Sandbox::User=',
                                   'download', '-qq', wanted], cwd=work, stdout=sys.stderr)
            deb = cached(Path(work))
            if done.returncode or not deb:
                return None
            return Path(shutil.move(deb, store / deb.name))

    deb = cached(store) or apt.retry(attempt)
    if not deb:
        raise Trouble(f"unable to download '{package}'"
                      + (f' version {version}' if version else '')
                      + ': is the network there? If Debian has a newer kernel by now, '
                        'use --update')
    return deb


def unpack(deb, root):
    say(f'unpacking {deb.name}')
    run('dpkg-deb', '-x', deb, root)


def field(deb, name):
    return output_of('dpkg-deb', '-f', deb, name).strip()


# --- kernels --------------------------------------------------------------------------

def release_of(series, update=False):
    """The kernel release that a series (or a release) stands for in this cache."""
    if '-cloud-' in series:
        return series
    if not re.fullmatch(r'\d+\.(\d+|x)(-arm64)?', series):
        raise Trouble(f"'{series}' is neither a series (6.12, 6.12-arm64) nor a full kernel "
                      f"release")
    choice = cache_dir() / f'series-{series}'
    if update or not choice.exists():
        apt = apt_of_series(series)
        if update and isinstance(apt, OwnApt):
            apt.update()  # nobody else does it
        release = apt.newest_release(series)
        choice.parent.mkdir(parents=True, exist_ok=True)
        part = choice.with_name(f'.{choice.name}.{os.getpid()}')
        part.write_text(release + '\n')
        part.rename(choice)
    return choice.read_text().strip()


def unpack_kernel(apt, release, root):
    """One package, or, since Debian 14, a package for each part; all at the same places."""
    deb = package_file(apt, f'linux-image-{release}')
    version = field(deb, 'Version')
    unpack(deb, root)
    image = root / f'boot/vmlinuz-{release}'
    if image.exists():
        return version
    for part in 'base', 'binary', 'modules':
        unpack(package_file(apt, f'linux-{part}-{release}', version), root)
    (root / 'lib').symlink_to('usr/lib')
    image.parent.mkdir(exist_ok=True)
    for name in 'vmlinuz', 'config', 'System.map':
        (root / 'boot' / f'{name}-{release}').symlink_to(f'../lib/modules/{release}/{name}')
    if not image.exists():
        raise Trouble(f'the packages of {release} hold no kernel')
    return version


def kernel(series, update=False):
    release = release_of(series, update)
    final = cache_dir() / f'kernel-{release}'
    if final.exists():
        return final
    depmod = need('depmod', 'kmod')
    apt = apt_of_series(series)
    with cache_lock():
        if final.exists():
            return final
        with new_dir(final) as work:
            version = unpack_kernel(apt, release, work)
            # Debian ships no modules.dep: it is made when the package is installed.
            run(depmod, '-b', work, release)
            (work / 'version').write_text(version + '\n')
            (work / 'release').write_text(release + '\n')
            if isinstance(apt, OwnApt) and apt.suite:
                (work / 'suite').write_text(apt.suite + '\n')
    return final


def package_source(series):
    """(apt, version) of the kernel package: the other packages must be of the same."""
    kernel_dir = kernel(series)
    return apt_of_kernel(kernel_dir), (kernel_dir / 'version').read_text().strip()


def headers(series):
    """A KDIR. Debian's has absolute paths in one Makefile; they become those of the cache."""
    release = release_of(series)
    final = cache_dir() / f'headers-{release}'
    kdir = final / f'usr/src/linux-headers-{release}'
    if kdir.exists():
        return kdir
    apt, version = package_source(series)
    with cache_lock():
        if kdir.exists():
            return kdir
        deb = package_file(apt, f'linux-headers-{release}', version)
        depends = field(deb, 'Depends')
        others = [re.search(pattern, depends).group() for pattern in
                  (r'linux-headers-[^ ,]+-common\b', r'linux-kbuild-[^ ,]+')]
        # What kbuild runs must run here, whatever it builds for.
        here = apt_of(apt.suite if isinstance(apt, OwnApt) else None, ARCHITECTURES[0])
        debs = [deb] + [package_file(here if 'kbuild' in package else apt, package, version)
                        for package in others]
        with new_dir(final) as work:
            for each in debs:
                unpack(each, work)
            makefile = work / kdir.relative_to(final) / 'Makefile'
            text = makefile.read_text()
            makefile.write_text(text.replace('/usr/src/', f'{final}/usr/src/'))
            for link in 'build', 'source':
                path = work / f'lib/modules/{release}' / link
                if path.is_symlink():  # in usr/lib they are relative already
                    target = os.readlink(path)
                    path.unlink()
                    path.symlink_to('../../..' + target)
    return kdir


def vmlinux(series):
    """Only vmlinux: the modules' debug information would be another gigabyte."""
    release = release_of(series)
    final = cache_dir() / 'vmlinux' / f'vmlinux-{release}'
    if final.exists():
        return final
    apt, version = package_source(series)
    with cache_lock():
        if final.exists():
            return final
        deb = package_file(apt, f'linux-image-{release}-dbg', version)
        # Where the kernel itself is in /boot, so is this; else it is with the modules.
        is_with_modules = (kernel(series) / f'boot/vmlinuz-{release}').is_symlink()
        member = f'lib/modules/{release}/vmlinux' if is_with_modules \
            else f'boot/vmlinux-{release}'
        say(f'unpacking vmlinux from {deb.name}')
        final.parent.mkdir(exist_ok=True)
        part = final.with_name(f'.{final.name}.partial')
        try:
            with open(part, 'wb') as out:
                pack = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                # --occurrence: stop at the file instead of reading on to the end.
                take = subprocess.run(['tar', '-xO', '--occurrence=1',
                                       f'./usr/lib/debug/{member}'],
                                      stdin=pack.stdout, stdout=out)
                pack.stdout.close()
                pack.wait()  # may have died of SIGPIPE: tar's verdict is what counts
            if take.returncode:
                raise Trouble(f"'{deb}' holds no vmlinux; remove it and try again")
            part.rename(final)
        finally:
            part.unlink(missing_ok=True)
    return final


def kernel_source(series):
    """The tree of Debian's linux-source package."""
    final = cache_dir() / f'source-{series}'
    if final.exists():
        return final
    with cache_lock():
        if final.exists():
            return final
        deb = package_file(Apt(), f'linux-source-{series}')
        say(f'unpacking the source from {deb.name}')
        with new_dir(final) as work:
            # A tree in an archive in the package.
            pack = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb],
                                    stdout=subprocess.PIPE)
            take = subprocess.Popen(['tar', '-xO', '--wildcards', './usr/src/linux-source-*'],
                                    stdin=pack.stdout, stdout=subprocess.PIPE)
            run('tar', '-xJ', '--strip-components=1', '-C', work, stdin=take.stdout)
            for each in take, pack:
                each.stdout.close()
                each.wait()
    return final


# --- programs of another architecture -------------------------------------------------

def program(package, path, architecture, *libraries):
    """A program of a package, to be run in a virtual machine, in a root with other packages
    that it needs."""
    final = cache_dir() / f'{package}-{architecture}'
    if not final.exists():
        with cache_lock():
            if not final.exists():
                with new_dir(final) as work:
                    for each in (package, *libraries):
                        unpack(package_file(apt_of(None, architecture), each), work)
    return final / path


# --- roots of a Debian ------------------------------------------------------------------

def debootstrap(suite, target, packages):
    """The least Debian with these packages beside, and without the packages' files."""
    program = need('debootstrap', 'debootstrap')
    if os.geteuid() != 0:
        raise Trouble(f'debootstrap needs root to make a root of {suite}: run this as root '
                      f'once')
    try:
        run(program, '--variant=minbase', *(['--include=' + ','.join(packages)]
                                            if packages else []),
            suite, target, debian_mirror(), env=dict(os.environ, DEBIAN_FRONTEND='noninteractive'))
    finally:
        # debootstrap unmounts these itself, unless it was stopped.
        for mounted in 'proc', 'sys':
            subprocess.run(['umount', '-l', target / mounted], stderr=subprocess.DEVNULL)
    shutil.rmtree(target / 'var/cache/apt/archives', ignore_errors=True)
    (target / 'var/cache/apt/archives/partial').mkdir(parents=True)


def debian_root(name):
    """A root of DEBIAN_ROOTS, to be copied: what has its name here stays as it is."""
    final = cache_dir() / f'root-{name}'
    if not final.exists():
        with cache_lock(f'lock-root-{name}'):
            if not final.exists():
                suite, packages = DEBIAN_ROOTS[name]
                say(f'making a root of Debian {suite}, this takes a minute or three')
                with new_dir(final) as work:
                    debootstrap(suite, work, packages)
    return final


# --- the tools that we are compared with ----------------------------------------------

def debian_mirror():
    """The archive that apt uses here, without those of security updates and of others."""
    uri = None
    for line in output_of('apt-cache', 'policy').splitlines():
        source = re.match(r'\s+-?\d+ (http\S+) \S+/main ', line)
        if source:
            uri = source.group(1)
        elif uri and re.search(r'\bo=Debian\b.*\bl=Debian\b(?!-)', line):
            return uri
    raise Trouble('apt knows no Debian archive: see /etc/apt/sources.list.d')


def peers_complete(root):
    return all((root / 'usr/bin' / p).exists() for p in PEER_PROGRAMS)


def peers():
    final = cache_dir() / 'sid'
    if peers_complete(final):
        return final
    with cache_lock():
        if peers_complete(final):
            return final
        if final.exists():
            raise Trouble(f"'{final}' is incomplete: remove it and try again")
        say('making a root of Debian sid, this takes a minute')
        with new_dir(final) as work:
            debootstrap('sid', work, PEER_PACKAGES)
            if not peers_complete(work):
                raise Trouble('debootstrap gave a root without ' + ', '.join(PEER_PROGRAMS))
    return final


def peer_command(program, *arguments):
    """(argv, env) that run a program of the sid root on this machine's files.

    No chroot and no mount, so it needs no root and leaves nothing behind: sid's own
    dynamic loader starts sid's program with sid's libraries.  A program in Python (drgn)
    gets sid's interpreter, told where its modules are.
    """
    root = peers()
    loader = root / LIBDIR / 'ld-linux-x86-64.so.2'
    env = dict(os.environ, LC_ALL='C.UTF-8', DEBUGINFOD_URLS='', PAGER='cat')
    env.pop('LD_LIBRARY_PATH', None)
    argv = [str(loader), '--library-path', f'{root / LIBDIR}:{root / "usr/lib"}']
    if program in ('drgn', 'python3', 'gdb'):
        env.update(PYTHONHOME=str(root / 'usr'), PYTHONDONTWRITEBYTECODE='1',
                   PYTHONNOUSERSITE='1')
        env.pop('PYTHONPATH', None)
    if program in ('drgn', 'python3'):
        argv.append(os.path.realpath(root / 'usr/bin/python3'))
        if program == 'drgn':
            argv.append(str(root / 'usr/bin/drgn'))
    else:
        argv.append(str(root / 'usr/bin' / program))
    if program == 'gdb':
        argv.append(f'--data-directory={root}/usr/share/gdb')
    return argv + [str(a) for a in arguments], env


# --- command line ---------------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--update', action='store_true',
                        help="take Debian's newest kernel of the series, and remember it")
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    for verb in 'kernel', 'headers', 'vmlinux':
        verbs.add_parser(verb).add_argument('series', metavar='SERIES')
    verbs.add_parser('source').add_argument('series', metavar='SERIES')
    one = verbs.add_parser('program')
    for name in 'package', 'path', 'architecture':
        one.add_argument(name, metavar=name.upper())
    verbs.add_parser('root').add_argument('name', choices=DEBIAN_ROOTS)
    verbs.add_parser('peers')
    verbs.add_parser('all')
    arguments = parser.parse_args()

    try:
        if arguments.verb == 'peers':
            print(peers())
        elif arguments.verb == 'root':
            print(debian_root(arguments.name))
        elif arguments.verb == 'source':
            print(kernel_source(arguments.series))
        elif arguments.verb == 'program':
            print(program(arguments.package, arguments.path, arguments.architecture))
        elif arguments.verb == 'all':
            for series in (*SERIES, *OTHER_SUITES, *ARM64_SERIES):
                print(kernel(series, arguments.update))
                print(headers(series))
                print(vmlinux(series))
            print(peers())
        else:
            if arguments.update:
                kernel(arguments.series, update=True)
            print({'kernel': kernel, 'headers': headers,
                   'vmlinux': vmlinux}[arguments.verb](arguments.series))
    except Trouble as trouble:
        sys.exit(f'assets: {trouble}')
    except subprocess.CalledProcessError as error:
        sys.exit(f"assets: '{' '.join(error.cmd)}' failed with status {error.returncode}")


if __name__ == '__main__':
    main()
