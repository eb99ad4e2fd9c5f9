"""The client of synthesis: a text in, sound out, piece by piece as it is made."""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from lab_kit.client.requests import refused, unreachable
from lab_kit.protocol.speech import SYNTHESIZE_PATH

_TIMEOUT_S = 60.0
"""Of one read; a piece takes a fraction of a second."""


async def synthesize(
    url: str,
    text: str,
    *,
    key: str | None = None,
    form: str = "wav",
    sample_rate_hz: int | None = None,
    speed: float = 1.0,
) -> AsyncIterator[bytes]:
    """Have a text spoken; gives the file's pieces as they come.

    Args:
        form: wav, pcm, mulaw, alaw, opus, flac, mp3 or aac.
        sample_rate_hz: one of the form's; None for its usual one.
        speed: 1 is the voice's own pace.

    Raises:
        ConnectionFailed: the server cannot be reached, or broke off.
        LabError: it refused the request, with the error that it gave.
    """
    headers = {} if key is None else {"Authorization": f"Token {key}"}
    asked: dict[str, Any] = {"text": text, "format": form, "speed": speed}
    if sample_rate_hz is not None:
        asked["sample_rate_hz"] = sample_rate_hz
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as client:
        try:
            async with client.stream("POST", SYNTHESIZE_PATH, json=asked) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refused(answer)
                async for piece in answer.aiter_raw():
                    yield piece
        except httpx.HTTPError as error:
            raise unreachable(url, error) from error
