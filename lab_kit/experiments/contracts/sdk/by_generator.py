"""The three tasks by a client that was generated, as its users have to write them.

What it does not do is done here: it raises nothing, tries nothing again, and knows of an answer
when all of it is there. Its blocking functions are used: the other ones cannot send a binary body.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from io import BytesIO


async def transcript(url: str, key: str, wav: bytes) -> str:
    """The text of a recording."""
    from speech_client import AuthenticatedClient
    from speech_client.api.default import transcribe_v1_audio_transcribe_post as transcribe
    from speech_client.models import Transcript
    from speech_client.types import File

    client = AuthenticatedClient(url, key)
    answer = await asyncio.to_thread(transcribe.sync, client=client, body=File(BytesIO(wav)))
    if not isinstance(answer, Transcript):
        raise RuntimeError(f"no transcript: {answer}")
    return str(answer.text)


async def live(url: str, key: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Each new text, once the server has said the last one."""
    from speech_client import AuthenticatedClient
    from speech_client.api.default import begin_session_v1_streams_post as begin
    from speech_client.api.default import events_v1_streams_session_events_get as events
    from speech_client.api.default import say_v1_streams_session_messages_post as say
    from speech_client.models import SayV1StreamsSessionMessagesPostJsonCommandMessage as Command
    from speech_client.models import SessionOpened, Taken
    from speech_client.types import File

    client = AuthenticatedClient(url, key)
    opened = await asyncio.to_thread(begin.sync, client=client)
    if not isinstance(opened, SessionOpened):
        raise RuntimeError(f"no session: {opened}")
    name = opened.session
    hearing = asyncio.create_task(asyncio.to_thread(events.sync_detailed, name, client=client))
    number = 1
    async for chunk in chunks:
        body = File(BytesIO(chunk))
        taken = await asyncio.to_thread(say.sync, name, client=client, body=body, number=number)
        if not isinstance(taken, Taken):
            raise RuntimeError(f"sound was not taken: {taken}")
        number += 1
    finish = Command.from_dict({"type": "finish"})
    await asyncio.to_thread(say.sync, name, client=client, body=finish, number=number)
    answer = await hearing
    for line in answer.content.decode().splitlines():
        if line.startswith("data: "):
            message = json.loads(line.removeprefix("data: "))
            if message["type"] in ("interim", "final"):
                yield message["text"]


async def patient(url: str, key: str, wav: bytes) -> str:
    """The text of a recording, though the server is busy at first."""
    from speech_client import AuthenticatedClient
    from speech_client.api.default import transcribe_v1_audio_transcribe_post as transcribe
    from speech_client.models import ErrorEnvelope, Transcript
    from speech_client.types import File

    client = AuthenticatedClient(url, key)
    for attempt in range(4):
        body = File(BytesIO(wav))
        answer = await asyncio.to_thread(transcribe.sync_detailed, client=client, body=body)
        if isinstance(answer.parsed, Transcript):
            return str(answer.parsed.text)
        if not isinstance(answer.parsed, ErrorEnvelope) or not answer.parsed.error.retryable:
            break
        asked_s = float(answer.headers.get("retry-after", "0"))
        await asyncio.sleep(asked_s + random.uniform(0, 0.25 * 2**attempt))
    raise RuntimeError(f"no transcript: {answer.parsed}")
