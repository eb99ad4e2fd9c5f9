"""Who pays twice: a client is killed before it reads the answer, and another asks again.

The client is a process of its own. It is killed when the server has answered, so that the work is
done and nobody knows. What was computed is what the server counted.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from uuid import uuid4

import httpx

from lab_kit import client
from lab_kit.client.requests import refused
from lab_kit.core.errors import ConnectionFailed
from lab_kit.experiments.api.asking import computed_s, counted, server_at
from lab_kit.experiments.api.ways import LONGEST_OPERATION_S, PCM, Target, Way
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.transcriptions import TRANSCRIPTIONS_PATH

PATHS = {Way.REQUEST: TRANSCRIBE_PATH, Way.OPERATION: TRANSCRIPTIONS_PATH}
PATIENCE_S = 60.0
"""For a process to start and send, and for the server to answer it."""
_LOOK_S = 0.05
_REPLAYED = "idempotent-replayed"


@dataclass(frozen=True, slots=True)
class Paid:
    """What one recording cost that was asked for twice.

    Attributes:
        has_key: both requests had the same idempotency key.
        audio_s: length of the recording.
        computed_s: of sound, by the server's own count.
        was_replayed: the second answer was the first one's.
        operations: that there are of it now.
    """

    way: Way
    has_key: bool
    audio_s: float
    computed_s: float
    was_replayed: bool
    operations: int

    @property
    def times(self) -> float:
        """How often the recording was computed."""
        return self.computed_s / self.audio_s


async def pay_each(target: Target, pcm: bytes, audio_s: float) -> list[Paid]:
    """A request and an operation, each without and with an idempotency key.

    Args:
        pcm: 16 bit at 16 kHz.

    Raises:
        LabError: the server refused.
    """
    return [
        await pay(target, way, pcm, audio_s, str(uuid4()) if has_key else None)
        for way in PATHS
        for has_key in (False, True)
    ]


async def pay(target: Target, way: Way, pcm: bytes, audio_s: float, key: str | None) -> Paid:
    """Kill one client that has asked, and ask again.

    Raises:
        LabError: the server refused.
    """
    operations = client.Operations(target.url, target.key)
    names = {one.name async for one in operations.all()}
    before_s = await computed_s(target)
    await kill_in_mid_request(target, way, pcm, key)
    answer = await ask(target, way, pcm, key)
    made = {one.name async for one in operations.all()} - names
    for name in made:
        await operations.wait(name, LONGEST_OPERATION_S)
    return Paid(
        way,
        key is not None,
        audio_s,
        await computed_s(target) - before_s,
        _REPLAYED in answer.headers,
        len(made),
    )


async def kill_in_mid_request(target: Target, way: Way, pcm: bytes, key: str | None) -> None:
    """Start a client, and kill it once the server has answered it, which it does not read.

    Raises:
        ConnectionFailed: the client did not send, or the server did not answer.
    """
    host, _, port = target.url.removeprefix("http://").partition(":")
    answered = await counted(target, "lab_requests_total", route=PATHS[way])
    told = [host, port, PATHS[way], PCM, str(target.key), *([] if key is None else [key])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lab_kit.experiments.api.dying_client",
        *told,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(pcm)
            process.stdin.close()
            if await process.stdout.readline() != b"sent\n":
                raise _failed("did not send its request")
            while await counted(target, "lab_requests_total", route=PATHS[way]) == answered:
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as error:
        raise _failed(f"was not answered within {PATIENCE_S:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask(target: Target, way: Way, pcm: bytes, key: str | None) -> httpx.Response:
    """Send the same request, and read its answer.

    Raises:
        LabError: the server refused.
    """
    headers = {"content-type": PCM} | ({} if key is None else {"idempotency-key": key})
    async with server_at(target) as server:
        answer = await server.post(PATHS[way], content=pcm, headers=headers)
    if not answer.is_success:
        raise refused(answer)
    return answer


def _failed(what: str) -> ConnectionFailed:
    return ConnectionFailed(
        f"a client in a process of its own that {what}",
        "one that sends, and a server that answers",
        "run the cell again with less beside it",
    )
