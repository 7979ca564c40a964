#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A vmcore of a machine with any amount of memory, made of nothing but what an engine must
go through: page tables, and a memmap of the machine's true size.

    huge_machine.py FILE GIB

It stands in for a machine that nobody has at hand, and is none. What is true: the number
of page frames, of struct pages, of page table entries, of pages that are kept (the memmap
itself, and one page in 64 of the rest). What is not: struct pages repeat after 8 GiB of
memory, so that the file is small and the memmap's bytes come from the CPU's caches more
often than a real one's; and kept pages are holes of the file, all zeros.
"""
import os
import random
import struct
import sys
from pathlib import Path

PAGE, STRUCT_PAGE, CHUNK = 4096, 64, 32768
GROUP = 1024                     # pages: a free block of order 10
MIB, GIB = 1 << 20, 1 << 30
POOL = 64                        # different chunks of struct pages
KERNEL_MAP, VMEMMAP = 0xffffffff80000000, 0xffffea0000000000
TABLES, TEXT, POOL_AT = 1 * MIB, 16 * MIB, 32 * MIB  # physical; a part of chunks 0 and 1
MEMMAP_AT = 4 * GIB              # where the memmap would lie: kept, and empty
FILE_DATA = 64 << 10             # where physical 0 lies in the file
RESERVED, LRU, SWAPBACKED = 1 << 13, 1 << 5, 1 << 17
BUDDY, SLAB, NO_TYPE = 0xf0000000, 0xf5000000, 0xffffffff

KEYS = f'''OSRELEASE=6.12.0-huge
PAGESIZE=4096
SYMBOL(swapper_pg_dir)={KERNEL_MAP + TABLES:x}
SYMBOL(_stext)={KERNEL_MAP + TEXT:x}
SYMBOL(vmemmap)={VMEMMAP:x}
NUMBER(phys_base)=0
NUMBER(pgtable_l5_enabled)=0
NUMBER(sme_mask)=0
SIZE(page)=64
OFFSET(page.flags)=0
OFFSET(page.compound_head)=8
OFFSET(page.mapping)=24
OFFSET(page.private)=40
OFFSET(page._mapcount)=48
OFFSET(page._refcount)=52
LENGTH(zone.free_area)=11
NUMBER(PG_lru)=5
NUMBER(PG_private)=14
NUMBER(PG_swapcache)=10
NUMBER(PG_swapbacked)=17
NUMBER(PG_hwpoison)=20
NUMBER(PG_head_mask)=64
NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)={SLAB - (1 << 32)}
NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)={BUDDY - (1 << 32)}
'''.encode()


def struct_page(flags=0, mapping=0, private=0, mapcount=NO_TYPE, refcount=0):
    return struct.pack('<QQQQQQII8x', flags, 0, 0, mapping, 0, private, mapcount, refcount)


def is_reserved(chunk, size):
    """Does this chunk hold the kernel, or the memmap?"""
    return chunk < 2 or 0 <= chunk - MEMMAP_AT // (CHUNK * PAGE) < size // 64 // (CHUNK * PAGE)


def group(kind):
    if kind == 'free':
        return struct_page(private=10, mapcount=BUDDY) + struct_page() * (GROUP - 1)
    if kind == 'user':
        return struct_page(LRU | SWAPBACKED, 0xffff888000000001, 0, 0, 1) * GROUP
    if kind == 'cache':
        return struct_page(LRU, 0xffff888000000000, 0, NO_TYPE, 2) * GROUP
    if kind == 'slab':
        return struct_page(0, 0, 0, SLAB, 1) * GROUP
    return struct_page(RESERVED, 0, 0, NO_TYPE, 1) * GROUP


def pool():
    """What the groups of each chunk of the pool are; the first is the kernel's own."""
    dice = random.Random(1)
    kinds = ['free'] * 32 + ['user'] * 20 + ['cache'] * 11 + ['slab']
    yield ['reserved'] * (CHUNK // GROUP)
    for _ in range(POOL - 1):
        yield [dice.choice(kinds) for _ in range(CHUNK // GROUP)]


def which(chunk, size):
    return 0 if is_reserved(chunk, size) else 1 + chunk % (POOL - 1)


def counts(gib):
    """How many pages there are of each kind, whatever an engine says."""
    chunks = list(pool())
    found = {kind: 0 for kind in ('reserved', 'free', 'user', 'cache', 'slab')}
    for chunk in range(gib * GIB // (CHUNK * PAGE)):
        for kind in chunks[which(chunk, gib * GIB)]:
            found[kind] += GROUP
    return found


def tables(size):
    """The page tables, as the bytes at TABLES: PGD, then what it points to."""
    pages = [bytearray(PAGE)]

    def table_below(at, vaddr, shift):
        entry = (vaddr >> shift & 511) * 8
        if not int.from_bytes(pages[at][entry:entry + 8], 'little'):
            pages.append(bytearray(PAGE))
            pages[at][entry:entry + 8] = struct.pack('<Q', TABLES + (len(pages) - 1) * PAGE
                                                     | 0x63)
        return (int.from_bytes(pages[at][entry:entry + 8], 'little') - TABLES) // PAGE

    def map_2m(vaddr, paddr):
        at = table_below(table_below(0, vaddr, 39), vaddr, 30)
        entry = (vaddr >> 21 & 511) * 8
        pages[at][entry:entry + 8] = struct.pack('<Q', paddr | 0xe3)

    for paddr in range(0, POOL_AT, 2 * MIB):
        map_2m(KERNEL_MAP + paddr, paddr)
    for chunk in range(size // (CHUNK * PAGE)):
        map_2m(VMEMMAP + chunk * CHUNK * STRUCT_PAGE, POOL_AT + which(chunk, size) * 2 * MIB)
    return b''.join(pages)


def make(path, gib):
    size = gib * GIB
    note = struct.pack('<III', 11, len(KEYS), 0) + b'VMCOREINFO\0\0' + KEYS
    note += bytes(-len(note) % 4)
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 4, 62, 1, 0, 64, 0, 0, 64, 56,
                         2, 0, 0, 0)
    at_note = 64 + 2 * 56
    note_row = struct.pack('<IIQQQQQQ', 4, 0, at_note, 0, 0, len(note), len(note), 4)
    load_row = struct.pack('<IIQQQQQQ', 1, 7, FILE_DATA, 0xffff888000000000, 0, size, size,
                           PAGE)
    all_tables = tables(size)
    assert len(all_tables) <= TEXT - TABLES, 'the page tables need more room'
    with open(path, 'wb') as out:
        out.write(header + note_row + load_row + note)
        out.seek(FILE_DATA + TABLES)
        out.write(all_tables)
        out.seek(FILE_DATA + POOL_AT)
        for chunk in pool():
            out.write(b''.join(map(group, chunk)))
        out.truncate(FILE_DATA + size)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    make(Path(sys.argv[1]), int(sys.argv[2]))


if __name__ == '__main__':
    main()
