"""The sound of operations on its way from callers to the recognizer: a file each, while it is
needed.

What is received goes to the disk piece by piece, sealed with the key of whom it is about. How much
is there is bounded, in all and of each caller, and a part of the disk stays free.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from lab_kit.core.errors import OperationCancelled, PayloadTooLarge, SystemOverloaded
from lab_kit.database.sealing import PieceSealer, SealedFile
from lab_kit.gateway.door.body_memory import BodyMemory, Share

PIECE_BYTES = 2**20
"""Written at a time: with less, going to a thread for it would cost more than writing."""
FREE_BYTES = 512 * 2**20
"""Of the disk, for everybody else who writes to it."""


class Spool:
    """The files.

    Args:
        folder: gives where they are, in one of their own.
        most_bytes: of one recording.
        held_bytes: of all; one caller may hold half of it.
        name: of their own folder.
    """

    def __init__(
        self, folder: Callable[[], Path], most_bytes: int, held_bytes: int, name: str = "audio"
    ) -> None:
        self.most_bytes = most_bytes
        self._name = name
        self._state = folder
        self._held = BodyMemory(held_bytes)
        self._shares: dict[UUID, Share] = {}

    def path(self, number: UUID) -> Path:
        """Where that operation's sound is."""
        return self._folder() / str(number)

    async def receive(
        self,
        number: UUID,
        caller: str,
        declared_bytes: int,
        chunks: AsyncIterator[bytes],
        key: bytes,
    ) -> int:
        """Write an operation's sound to its file; returns its length in bytes, once it is safe.

        Whoever gives up calls `remove`.

        Args:
            declared_bytes: how much is announced; 0 where nothing is.
            key: of its subject.

        Raises:
            PayloadTooLarge: more than ``most_bytes``.
            OperationCancelled: it was removed meanwhile.
            SystemOverloaded: its caller, or everybody together, has too much there already, or the
                disk is nearly full.
            Exception: whatever ``chunks`` raises.
        """
        self._check_length(declared_bytes)
        share = self._shares[number] = self._held.share(caller)
        share.hold(declared_bytes)
        path, size, piece = self.path(number), 0, bytearray()
        sealer = PieceSealer(key)
        file = await asyncio.to_thread(_created, path)
        try:
            async for chunk in chunks:
                if self._shares.get(number) is not share:
                    raise OperationCancelled(
                        "a recording that was erased before it had come whole",
                        "one of somebody whose data is not being erased",
                        "send it again, if it is to be kept",
                    )
                size += len(chunk)
                self._check_length(size)
                share.hold(size)
                piece += chunk
                if len(piece) >= PIECE_BYTES:
                    await asyncio.to_thread(_write, file, sealer, bytes(piece))
                    piece.clear()
            await asyncio.to_thread(_write, file, sealer, bytes(piece), is_last=True)
        finally:
            file.close()
        return size

    def open(self, number: UUID, key: bytes) -> SealedFile:
        """An operation's sound, to be read.

        Args:
            key: of its subject.

        Raises:
            FileNotFoundError: it is not here any more.
        """
        return SealedFile(self.path(number).open("rb"), key)

    def sizes_bytes(self, numbers: Collection[UUID]) -> dict[UUID, int]:
        """Of those that are here, the sizes of their files."""
        paths = {number: self.path(number) for number in numbers}
        return {number: path.stat().st_size for number, path in paths.items() if path.is_file()}

    def link(self, number: UUID, other: UUID) -> None:
        """Give an operation the sound that is here under another name, too: one file with two
        names, whose bytes count once, until both are removed.

        Raises:
            FileNotFoundError: it is not here any more.
        """
        self.path(number).hardlink_to(self.path(other))
        self._shares[number] = self._shares[other]

    def keep(self, callers: dict[UUID, str]) -> None:
        """What a server does that begins: of the files that are there, keep these alone."""
        folder = self._folder()
        shares: dict[int, Share] = {}
        for path in folder.iterdir() if folder.is_dir() else ():
            number = next((one for one in callers if str(one) == path.name), None)
            if number is None:
                path.unlink()
                continue
            file = path.stat()
            share = shares.setdefault(file.st_ino, self._held.share(callers[number]))
            share.hold(file.st_size)
            self._shares[number] = share

    def remove(self, numbers: Collection[UUID]) -> None:
        """These are not needed any more; harmless where one is not there."""
        for number in numbers:
            self.path(number).unlink(missing_ok=True)
            share = self._shares.pop(number, None)
            if share is not None and share not in self._shares.values():
                share.give_back()

    def _folder(self) -> Path:
        return self._state() / self._name

    def _check_length(self, count_bytes: int) -> None:
        if count_bytes > self.most_bytes:
            raise PayloadTooLarge(
                f"a recording of more than {self.most_bytes:,} bytes",
                f"at most {self.most_bytes:,}",
                "compress it, or cut it",
                details={"limit": "operation_bytes", "value": str(self.most_bytes)},
            )


def _created(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return path.open("xb")


def _write(file: BinaryIO, sealer: PieceSealer, data: bytes, *, is_last: bool = False) -> None:
    free_bytes = shutil.disk_usage(os.path.dirname(file.name)).free
    if free_bytes - len(data) < FREE_BYTES:
        raise SystemOverloaded(
            f"a disk with {free_bytes:,} bytes left",
            f"{FREE_BYTES:,} of them for others",
            "try again once there is room, or start the server with another --state folder",
            60.0,
        )
    if file.tell() == 0:
        file.write(sealer.head)
    file.write(sealer.push(data))
    if is_last:
        file.write(sealer.flush())
        file.flush()
        os.fsync(file.fileno())
