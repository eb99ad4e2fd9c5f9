"""The two files of an audit log, and what a server finds in them when it begins.

``log.jsonl`` has a record a line, ``checkpoints`` one signed checkpoint after another. A server
goes on behind what it finds only where that is what it signed: to sign what somebody else changed
would make it true.
"""

import fcntl
import json
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from lab_kit.core.errors import StateUnusable
from lab_kit.governance.checkpoint import Signer
from lab_kit.governance.record import Head

LOG_FILE, CHECKPOINTS_FILE = "log.jsonl", "checkpoints"
LONGEST_LINE_BYTES = 65_536
"""A record has some hundred bytes, and a few thousand where it names a hundred deletions."""
_SIGNATURE = "\N{EM DASH} "
_CHECKPOINT_LINES = 5
_TAIL_BYTES = 8_192
"""Holds some dozen checkpoints."""


class GrowingFile:
    """A file that is written at its end alone, whole pieces or nothing.

    Attributes:
        end_bytes: of what was written and flushed; what is behind it is left of a piece that
            failed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.end_bytes = os.fstat(self._descriptor).st_size

    def lock(self) -> None:
        """Keep other processes from it until it is closed.

        Raises:
            StateUnusable: another one has it.
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateUnusable(
                f"{self.path}, which another server writes",
                "a log with one writer",
                "start the server with another --audit folder",
            ) from error

    def cut(self, end_bytes: int) -> None:
        """Take off what is behind that."""
        os.ftruncate(self._descriptor, end_bytes)
        os.fsync(self._descriptor)
        self.end_bytes = end_bytes

    def append(self, data: bytes) -> None:
        """Write, and flush to the disk.

        Raises:
            OSError: it cannot be done, and counts as not done.
        """
        os.ftruncate(self._descriptor, self.end_bytes)
        view, at = memoryview(data), self.end_bytes
        while view:
            count = os.pwrite(self._descriptor, view, at)
            view, at = view[count:], at + count
        os.fsync(self._descriptor)
        self.end_bytes = at

    def lines(self) -> Iterator[bytes]:
        """All of it, line by line with their breaks, each of `LONGEST_LINE_BYTES` at most."""
        with self.path.open("rb") as file:
            while line := file.readline(LONGEST_LINE_BYTES):
                yield line

    def tail(self) -> bytes:
        """The last `_TAIL_BYTES` of it."""
        return os.pread(self._descriptor, _TAIL_BYTES, max(0, self.end_bytes - _TAIL_BYTES))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Found:
    """What a server goes on from.

    Attributes:
        signed: records that the last checkpoint is about.
        checkpoint: the last one; empty where there is none.
        torn_bytes: that were cut off: a record that was being written when a server was killed.
    """

    head: Head
    signer: Signer
    signed: int
    checkpoint: str
    torn_bytes: int


@dataclass(frozen=True, slots=True)
class _Signed:
    size: int
    root: bytes
    text: str
    end_bytes: int


def found(log: GrowingFile, checkpoints: GrowingFile, seed: bytes) -> Found:
    """Read both files to their ends, and cut off what is torn.

    Raises:
        StateUnusable: the log is not the one that was signed.
    """
    signed = _last(checkpoints)
    head, end_bytes, origin = Head(), 0, _new_origin()
    for line in log.lines():
        if not line.endswith(b"\n"):
            if len(line) == LONGEST_LINE_BYTES:
                raise _changed(log, f"a record of more than {LONGEST_LINE_BYTES:,} bytes")
            break
        record = line[:-1]
        number = head.tree.size
        if number == 0 or signed is None or number >= signed.size:
            told = _read(log, record, head)
            origin = str(told["about"].get("origin")) if number == 0 else origin
        head, end_bytes = head.after(record), end_bytes + len(line)
        if signed is not None and head.tree.size == signed.size and head.tree.root != signed.root:
            raise _changed(log, f"{signed.size} records with another root than was signed")
    signer = Signer(origin, seed)
    if signed is not None:
        _check_signed(log, signed, signer, head)
        checkpoints.cut(signed.end_bytes)
    torn_bytes = log.end_bytes - end_bytes
    if torn_bytes:
        log.cut(end_bytes)
    text, size = ("", 0) if signed is None else (signed.text, signed.size)
    return Found(head, signer, size, text, torn_bytes)


def flush_folder(folder: Path) -> None:
    """Have the names of its files on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(log: GrowingFile, record: bytes, head: Head) -> dict[str, Any]:
    """A record that follows those before it."""
    last = None if head.last is None else head.last.hex()
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        told: dict[str, Any] = json.loads(record)
        is_next = (told["number"], told["previous"]) == (head.tree.size, last)
        if is_next and isinstance(told["about"], dict):
            return told
    raise _changed(log, f"record {head.tree.size}, which does not follow the one before it")


def _check_signed(log: GrowingFile, signed: _Signed, signer: Signer, head: Head) -> None:
    if head.tree.size < signed.size:
        raise _changed(log, f"{head.tree.size} records, of {signed.size} that were signed")
    if signer.checkpoint(signed.size, signed.root) != signed.text:
        raise StateUnusable(
            f"{log.path.parent}, which was signed with another key",
            f"the key {signer.verifier_key}, which is here",
            "set LAB_AUDIT_KEY to the one that it was begun with",
        )


def _last(checkpoints: GrowingFile) -> _Signed | None:
    """The last whole checkpoint; None where there is none."""
    tail = checkpoints.tail()
    lines = tail.decode(errors="replace").split("\n")[:-1]  # what follows the last break is torn
    for end in range(len(lines), _CHECKPOINT_LINES - 1, -1):
        if not lines[end - 1].startswith(_SIGNATURE):
            continue
        part = lines[end - _CHECKPOINT_LINES : end]
        behind = len("".join(f"{line}\n" for line in lines[end:]).encode())
        torn = len(tail) - tail.rfind(b"\n") - 1
        end_bytes = checkpoints.end_bytes - torn - behind
        with suppress(ValueError):
            root = b64decode(part[2], validate=True)
            return _Signed(int(part[1]), root, "\n".join(part) + "\n", end_bytes)
    return None


def _new_origin() -> str:
    return f"lab_kit/audit/{uuid4().hex}"


def _changed(log: GrowingFile, received: str) -> StateUnusable:
    return StateUnusable(
        f"{log.path}: {received}",
        "the log as the last server left it",
        "keep the folder as it is, look with lab audit verify, and start with another --audit",
    )
