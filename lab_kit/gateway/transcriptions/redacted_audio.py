"""The sound of transcriptions without what was redacted of their text, where it was asked for.

It is made once a recording's text is there, since only then is known when what was taken out
sounded. It is sealed as the recording was, and belongs to the transcription: it is kept, expires
and is erased with it.
"""

import asyncio
import hmac
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from uuid import UUID

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import RedactedAudioNotFound, SystemOverloaded, Unauthenticated
from lab_kit.core.ids import TenantId
from lab_kit.core.units import samples
from lab_kit.database.rows import Rows
from lab_kit.database.sealing import SealedFile
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.subjects import key_of
from lab_kit.gateway.transcriptions import transcripts
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.gateway.transcriptions.redacted_file import written
from lab_kit.gateway.transcriptions.spool import Spool
from lab_kit.stream.sink.sound import redacted_blocks

TRIES, BETWEEN_S = 30, 1.0
"""While there is no room on the disk, or too much waits to be prepared; then the operation fails,
since what was asked for cannot be given."""
SIGNED_S = 3_600.0
"""How long a signed address holds: whoever is given one fetches at once."""


_UNTIL = re.compile("[0-9a-f]{1,12}")


class RedactedAudio:
    """The files.

    Args:
        spool: where they are.
        preparation: on whose workers they are made.
    """

    def __init__(self, database: Database, spool: Spool, preparation: Preparation) -> None:
        self.spool = spool
        self._database = database
        self._preparation = preparation

    async def make(
        self, operation: Operation, key: bytes, sound: Callable[[], Iterator[FloatArray]]
    ) -> None:
        """Make an operation's, if it was asked for; all of its segments are there.

        Args:
            key: of its subject.
            sound: gives the recording's blocks of (samples,) at 16 kHz, from its beginning.

        Raises:
            SystemOverloaded, PayloadTooLarge: there is no room for it.
            OperationCancelled: it was ended meanwhile.
        """
        asked, caller = operation.order.redacted, operation.order.caller
        if asked is None:
            return
        spans_s = await self._spans_s(operation)
        for left in reversed(range(TRIES)):
            self.spool.remove([operation.number])  # what an earlier try may have left
            blocks = redacted_blocks(sound(), spans_s, asked.fill)
            file = written(blocks, samples(operation.audio_s), asked.form)
            try:
                await self.spool.receive(
                    operation.number, caller, 0, self._pieces(caller, file), key
                )
                return
            except SystemOverloaded:
                if not left:
                    raise
            await asyncio.sleep(BETWEEN_S)

    async def open(self, tenant: TenantId, number: UUID) -> SealedFile:
        """One, to be read.

        Raises:
            RedactedAudioNotFound: the tenant has none of that name.
        """
        key = await self._key(number, tenant)
        if key is None:
            raise _not_found(number)
        return self._opened(number, key)

    async def signed(self, tenant: TenantId, number: UUID) -> str:
        """What lets anybody read one for `SIGNED_S`, for clients that fetch it without their key.

        It is made with the key of the subject, and so holds no longer than what it opens.

        Raises:
            RedactedAudioNotFound: the tenant has none of that name.
        """
        key = await self._key(number, tenant)
        if key is None:
            raise _not_found(number)
        self._opened(number, key).close()
        until_ms = since_1970_ms() + round(SIGNED_S * 1_000)
        return f"{until_ms:x}-{_signature(key, number, until_ms)}"

    async def open_signed(self, number: UUID, signed: str) -> SealedFile:
        """One, for whoever has what `signed` gave for it.

        Raises:
            Unauthenticated: it is not what `signed` gave, or its time is over.
            RedactedAudioNotFound: there is none any more.
        """
        until, _, signature = signed.partition("-")
        key = await self._key(number)
        until_ms = int(until, 16) if _UNTIL.fullmatch(until) else 0
        expected = _signature(key or b"", number, until_ms)
        is_ours = key is not None and hmac.compare_digest(signature.encode(), expected.encode())
        if key is None or not is_ours or until_ms < since_1970_ms():
            raise Unauthenticated(
                "an address that was not signed here, or whose time is over",
                f"one that was given in the last {SIGNED_S:,.0f} s",
                "ask for the address again, with your key",
            )
        return self._opened(number, key)

    async def _key(self, number: UUID, tenant: TenantId | None = None) -> bytes | None:
        """Of the subject of a transcription, of a tenant's where one is named."""
        sql = "SELECT subject FROM transcriptions WHERE number = ? AND tenant = COALESCE(?, tenant)"
        named = str(number), None if tenant is None else str(tenant)

        def work(rows: Rows) -> bytes | None:
            row = rows.execute(sql, named).fetchone()
            return None if row is None else key_of(rows, row["subject"])

        return await self._database.run(work)

    def _opened(self, number: UUID, key: bytes) -> SealedFile:
        try:
            return self.spool.open(number, key)
        except FileNotFoundError as error:
            raise _not_found(number) from error

    async def recover(self) -> None:
        """What a server does that begins: keep those whose transcriptions are there."""
        sql = (
            "SELECT transcriptions.number, COALESCE(caller, transcriptions.tenant) AS caller"
            " FROM transcriptions LEFT JOIN operations USING (number)"
        )

        def work(rows: Rows) -> dict[UUID, str]:
            return {UUID(row["number"]): row["caller"] for row in rows.execute(sql)}

        await asyncio.to_thread(self.spool.keep, await self._database.run(work))

    async def _spans_s(self, operation: Operation) -> list[tuple[float, float]]:
        """What is not to be heard: what was taken out, and what nobody looked through."""

        def work(rows: Rows) -> list[tuple[float, float]]:
            found = transcripts.segments_of(rows, operation.number)
            return [(one.start_s, one.end_s) for each in found for one in each.redactions]

        spans_s = await self._database.run(work)
        order = operation.order
        if order.from_s:
            spans_s.append((-math.inf, order.from_s))
        if order.to_s is not None:
            spans_s.append((order.to_s, math.inf))
        return spans_s

    async def _pieces(self, caller: str, file: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The file's bytes, each piece made in its caller's turn."""
        following = partial(next, file, None)
        while (piece := await self._preparation.run(caller, following)) is not None:
            yield piece


def _signature(key: bytes, number: UUID, until_ms: int) -> str:
    """For nothing but this, whatever else the key is for."""
    return hmac.digest(key, f"redacted audio {number} {until_ms}".encode(), "sha256").hex()


def _not_found(number: UUID) -> RedactedAudioNotFound:
    return RedactedAudioNotFound(
        f"the sound of transcriptions/{number}",
        "a transcription that was asked for with it, and is still kept",
        "ask for the next one with redacted_audio=true",
    )
