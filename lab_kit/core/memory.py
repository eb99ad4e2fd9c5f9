"""Memory that nobody uses any more goes back to the system, which the C library does not do alone.

What the runtime computes in lives for one call and comes from malloc: blocks of up to megabytes
beside small ones that stay. glibc gives memory back only from the end of an arena, and almost every
thread has an arena; what is free in the middle stays resident. The server's live blocks were
110 MB after each of eight rounds of eight streams, while the free ones between them grew from 42
to 99 MB. ``malloc_trim`` hands back the free pages of all arenas, but for the last block of any but
the first arena: 31 MB of a worker's stayed. That is returned as it is freed, from a threshold on.

Fewer arenas, or smaller blocks mapped, cost speed, and this does not. Two workers at once, six
sequences a decoder step, against glibc's defaults: with one arena a step took 1.3 times as long;
with blocks from 128 KiB up always mapped and unmapped (what ends the growth as well), 2.4 times;
trimmed before every few steps, 1.0. A trim took 1 to 3 ms, and 4 to 18 in a server at twice its
load; meanwhile only those wait who need the arena it is at.
"""

import ctypes
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""[Source: glibc, malloc.h]"""
_LAST_BLOCK_BYTES = 8 << 20
"""More than this, free at an arena's end, is returned at once; a decoder step was no slower."""
_MAPPED_FROM_BYTES = 32 << 20
"""The most that glibc allows, and what it would come to itself: to set one threshold fixes both."""


def return_last_blocks() -> None:
    """Let no arena keep much at its end; without glibc this does nothing."""
    mallopt = _from_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LAST_BLOCK_BYTES)


def trimmer() -> Callable[[], object]:
    """What gives free memory back; without glibc there is no such call, and it does nothing."""
    malloc_trim = _from_glibc("malloc_trim")
    return (lambda: None) if malloc_trim is None else lambda: malloc_trim(0)


def _from_glibc(name: str) -> Callable[..., int] | None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return getattr(libc, name, None)
