"""Where something of a caller could have been left, as bytes to be searched, each with its owner.

Files are read as they are, those that are deleted and still open too. Memory is read through
``/proc/PID/mem``: what can be written, region by region, as its owner on the machine may. What a
file's mapping holds unchanged is in the file, and not searched twice.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments.retention.marks import Kind, Mark

PIECE_BYTES = 8 * 2**20
MOST_FILE_BYTES = 2 * 2**30
"""Of one file; what is longer is said to be searched in part."""
MOST_MEMORY_BYTES = 8 * 2**30
MEMORY = "memory"
"""As owners of regions begin."""
_MAPPED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)\s*(.*)")
_NO_FILES = ("/dev/", "/proc/", "/sys/", "anon_inode:", "pipe:", "socket:", "/memfd:")


@dataclass(frozen=True, slots=True)
class Source:
    """Something that is searched.

    Attributes:
        owner: whose it is: a file, or a region of memory by its name.
        place: which of them, such as a region's address.
        pieces: its bytes; each begins with the end of the one before, as far as a mark is long.
    """

    owner: str
    place: str
    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """A mark that was left somewhere.

    Attributes:
        times: that it is there.
        excerpt: what stands around the first of them, of a text; empty for sound and keys.
    """

    owner: str
    place: str
    mark: Mark
    times: int
    excerpt: str = ""

    @property
    def is_in_memory(self) -> bool:
        """Whether a region of memory holds it, and no file."""
        return self.owner.startswith(MEMORY)

    def __str__(self) -> str:
        shown = f": {self.excerpt}" if self.excerpt else ""
        return f"{self.owner} {self.place}: {self.mark} ×{self.times}{shown}"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the system would do with the process's memory.

    Attributes:
        is_safe: whether nothing of it gets to a disk by this.
        value: as the system tells it.
    """

    name: str
    is_safe: bool
    value: str

    def __str__(self) -> str:
        return f"{self.name}: {'safe' if self.is_safe else 'NOT SAFE'}, {self.value}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where one server's things are.

    Attributes:
        pid: of its process.
        folders: everything in them is searched: state, audit log, temporary files.
        files: its log, its traces.
    """

    pid: int
    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()

    def on_disk(self) -> Iterator[Source]:
        """Its files: those named, those in folders, and those that the process has open."""
        seen: set[tuple[int, int]] = set()
        for path in (*self.files, *_inside(self.folders), *_open_files(self.pid)):
            try:
                about = path.stat()
            except FileNotFoundError:
                continue  # gone meanwhile, and with it what it held
            if (about.st_dev, about.st_ino) not in seen:
                seen.add((about.st_dev, about.st_ino))
                yield Source(_named(path), f"{about.st_size:,} bytes", _pieces_of(path))

    def in_memory(self) -> Iterator[Source]:
        """Its memory, region by region.

        Raises:
            InvalidParameter: the system does not let this process look.
        """
        left_bytes = MOST_MEMORY_BYTES
        try:
            with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
                for start, end, owner in _regions(self.pid):
                    if end - start > left_bytes:
                        raise _unseen(f"more than {MOST_MEMORY_BYTES:,} bytes of memory")
                    left_bytes -= end - start
                    pieces = _pieces_of_memory(memory.fileno(), start, end)
                    yield Source(owner, f"{start:x}–{end:x}", pieces)
        except OSError as error:
            raise _unseen(f"/proc/{self.pid}/mem: {error.strerror}") from error

    def settings(self) -> tuple[Setting, ...]:
        """What becomes of its memory when it fails, or when memory is short."""
        process = Path("/proc") / str(self.pid)
        try:
            status = (process / "status").read_text()
            limits = (process / "limits").read_text()
            pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
        except OSError as error:
            raise _unseen(f"{process}: {error.strerror}") from error
        swapped = _after(r"VmSwap:\s+(.*)", status)
        limit = _after(r"Max core file size\s+(\S+)", limits)
        is_piped = pattern.startswith("|")
        # the kernel asks no limit of a program that takes dumps
        return (
            Setting("core dump", limit == "0" and not is_piped, f"limit {limit}, to {pattern!r}"),
            Setting("swapped out", swapped in ("0 kB", ""), swapped or "the system does not say"),
        )


def found_in(source: Source, marks: Iterable[Mark]) -> list[Found]:
    """The marks that are in a source."""
    wanted = tuple(marks)
    times: dict[Mark, int] = {}
    excerpts: dict[Mark, str] = {}
    for piece in source.pieces:
        lowered = piece.lower()
        for mark in wanted:
            where = lowered if mark.folds else piece
            at = where.find(mark.pattern)
            if at >= 0:
                times[mark] = times.get(mark, 0) + where.count(mark.pattern)
                if mark.kind is Kind.TEXT:
                    excerpts.setdefault(mark, _around(piece, at, len(mark.pattern)))
    return [
        Found(source.owner, source.place, one, count, excerpts.get(one, ""))
        for one, count in times.items()
    ]


def _around(piece: bytes, at: int, length: int) -> str:
    near = piece[max(0, at - 40) : at + length + 40]
    return "".join(chr(one) if 32 <= one < 127 else "·" for one in near)


def told(owner: str, text: str) -> Source:
    """What a server told, as something to be searched."""
    return Source(owner, f"{len(text):,} characters", (text.encode(),))


def _inside(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _open_files(pid: int) -> Iterator[Path]:
    """Through the process's own descriptors, so that what is deleted can be read too."""
    folder = Path(f"/proc/{pid}/fd")
    try:
        opened = sorted(folder.iterdir())
    except OSError as error:
        raise _unseen(f"{folder}: {error.strerror}") from error
    for descriptor in opened:
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if not target.startswith(_NO_FILES) and descriptor.is_file():
            yield descriptor


def _named(path: Path) -> str:
    return os.readlink(path) if path.parent.name == "fd" and path.is_symlink() else str(path)


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        before, read_bytes = b"", 0
        while piece := file.read(PIECE_BYTES):
            read_bytes += len(piece)
            if read_bytes > MOST_FILE_BYTES:
                raise _unseen(f"{path}: more than {MOST_FILE_BYTES:,} bytes")
            yield before + piece
            before = piece[-_OVERLAP_BYTES:]


_OVERLAP_BYTES = 4_096
"""Longer than any mark, so that none is missed where a piece ends; some are counted twice."""


def _regions(pid: int) -> Iterator[tuple[int, int, str]]:
    """What can be read and written, and what it is."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        match = _MAPPED.fullmatch(line)
        if match is None or not match[3].startswith("rw"):
            continue
        yield int(match[1], 16), int(match[2], 16), f"{MEMORY}: {match[5] or 'no name'}"


def _pieces_of_memory(memory: int, start: int, end: int) -> Iterator[bytes]:
    at, before = start, b""
    while at < end:
        try:
            piece = os.pread(memory, min(PIECE_BYTES, end - at), at)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EFAULT):
                raise
            return  # given back meanwhile
        if not piece:
            return
        yield before + piece
        before = piece[-_OVERLAP_BYTES:]
        at += len(piece)


def _after(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return "" if found is None else found[1].strip()


def _unseen(what: str) -> InvalidParameter:
    return InvalidParameter(
        what,
        "a server of this user, on Linux, whose files and memory can be read",
        "search as the server's user, or count that place as not proved",
    )
