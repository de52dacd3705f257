"""Freed memory goes back to the system."""

import ctypes
from pathlib import Path

from evolink_studio.worker import memory

BLOCK_BYTES, BLOCK_COUNT = 16_384, 4_000  # small enough for the heap


def read_resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if "VmRSS" in line).split()[1]) * 1024


def test_what_was_freed_below_something_kept_is_given_back():
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK_BYTES) for _ in range(BLOCK_COUNT)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
    for block in blocks[:-1]:
        libc.free(block)
    before = read_resident_bytes()
    memory.return_freed_memory()
    assert before - read_resident_bytes() > BLOCK_BYTES * BLOCK_COUNT / 2
    libc.free(blocks[-1])


def test_with_another_c_library_nothing_fails(monkeypatch):
    monkeypatch.setattr(memory, "_load_glibc", lambda: None)
    memory.limit_arenas()
    memory.return_freed_memory()
    assert memory._load_glibc() is None
