"""Memory that nobody uses any more goes back to the system, which the C library does not do alone.

What the runtime computes in lives for one call and comes from malloc: blocks of up to megabytes
beside small ones that stay. glibc gives memory back only from the end of an arena, and almost every
thread has an arena; what is free in the middle stays resident. The server's live blocks were
110 MB after each of eight rounds of eight streams, while the free ones between them grew from 42
to 99 MB. ``malloc_trim`` hands back the free pages of all arenas.

glibc's own settings cost speed, and this does not. Two workers at once, six sequences a decoder
step, against glibc's defaults: with one arena a step took 1.3 times as long; with blocks from
128 KiB up always mapped and unmapped (what ends the growth as well), 2.4 times; trimmed before
every few steps, 1.0. A trim took 1 to 3 ms, and 4 to 18 in a server at twice its load; meanwhile
only those wait who need the arena it is at.
"""

import ctypes
import sys
from collections.abc import Callable


def trimmer() -> Callable[[], None]:
    """What gives free memory back; without glibc there is no such call, and it does nothing."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    malloc_trim = getattr(libc, "malloc_trim", None)
    return (lambda: None) if malloc_trim is None else lambda: malloc_trim(0)
