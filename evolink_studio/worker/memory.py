"""Gives freed memory back to the system.

A looked-at film takes and frees some ten megabytes in a thread. The C library keeps them in pieces,
for each thread in a place of its own, so that the process would grow for thousands of films without
anything in it being kept.
"""

import ctypes
import sys
from functools import cache
from typing import Any

_M_ARENA_MAX = -8  # of glibc's mallopt
MAX_ARENAS = 2


def limit_arenas() -> None:
    """Let the threads of this process share their places; before there are any."""
    if libc := _load_glibc():
        libc.mallopt(_M_ARENA_MAX, MAX_ARENAS)


def return_freed_memory() -> None:
    """Takes some milliseconds. Does nothing without glibc."""
    if libc := _load_glibc():
        libc.malloc_trim(0)


@cache
def _load_glibc() -> Any:
    """None where the C library is another one."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "malloc_trim") else None
